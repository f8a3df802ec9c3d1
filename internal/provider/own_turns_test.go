package provider

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

func turn(t *testing.T, d *terraform.Dir, old bool) {
	name := "cli.tfrc"
	if old {
		name = "cli-old.tfrc"
		text := readFile(t, filepath.Join(d.Path, "cli.tfrc"))
		begin := strings.Index(text, `" = "`)
		end := strings.Index(text, `" }`)
		d.Write(name, text[:begin]+`" = "/tmp/own-old-bin`+text[end:])
	}
	d.Env = append(slices.Clone(d.Env), "TF_CLI_CONFIG_FILE="+filepath.Join(d.Path, name))
}

func tell(t *testing.T, d *terraform.Dir, what string, args ...string) {
	t.Helper()
	out, err := d.Try(args...)
	var keep []string
	for line := range strings.Lines(out) {
		l := strings.TrimSpace(line)
		if l == "" || strings.Contains(out, "development overrides") && (strings.HasPrefix(l, "- dcos-install") || strings.HasPrefix(l, "The following provider") || strings.HasPrefix(l, "configuration:") || strings.HasPrefix(l, "The behavior") || strings.HasPrefix(l, "applying changes") || strings.HasPrefix(l, "releases.")) || strings.Contains(l, "Refreshing state") {
			continue
		}
		keep = append(keep, l)
	}
	text := strings.Join(keep, "\n    ")
	if len(text) > 3500 {
		text = text[:1500] + "\n...\n" + text[len(text)-2000:]
	}
	t.Logf("##### %s: %v\n    %s", what, err, text)
}

func private(t *testing.T, d *terraform.Dir) {
	t.Helper()
	var state struct {
		Resources []struct {
			Type, Name string
			Instances  []struct {
				Key     any    `json:"index_key"`
				Version int    `json:"schema_version"`
				Private string `json:"private"`
			}
		}
	}
	if err := json.Unmarshal([]byte(readFile(t, filepath.Join(d.Path, "terraform.tfstate"))), &state); err != nil {
		t.Fatal(err)
	}
	for _, r := range state.Resources {
		for _, i := range r.Instances {
			p, _ := base64.StdEncoding.DecodeString(i.Private)
			m := map[string]any{}
			_ = json.Unmarshal(p, &m)
			var keys []string
			for k := range m {
				keys = append(keys, k)
			}
			slices.Sort(keys)
			claim, _ := m["claim"].(string)
			c, _ := base64.StdEncoding.DecodeString(claim)
			t.Logf("    state: %s.%s[%v] v%d private %v claim %s", r.Type, r.Name, i.Key, i.Version, keys, c)
		}
	}
}

func TestOwnTurnsSim(t *testing.T) {
	s := newSimSite(t, simhosts.Options{})
	hosts := func() {
		t.Helper()
		for n := range 4 {
			h := s.fleet.Node(simhosts.Address(n))
			_, claim, _ := strings.Cut(h.Claim, "id=")
			claim, _, _ = strings.Cut(claim, "\n")
			t.Logf("    host %d: installed %t claim %s", n, h.Installed, claim)
		}
	}
	old := func() { turn(t, s.tf, true) }
	now := func() { turn(t, s.tf, false) }
	banner := func(text string) string { return `ui_banner_header_title = jsonencode("` + text + `")` }
	nodes := agents("agent", map[string]int{"a": 0, "b": 1}, "") + pool("pool", s.hosts(2, 4), "")
	plan := []string{"plan", "-no-color", "-detailed-exitcode"}
	apply := []string{"apply", "-no-color", "-auto-approve"}
	s.configure("", nodes)
	old()
	tell(t, s.tf, "old apply", apply...)
	private(t, s.tf)
	hosts()
	now()
	tell(t, s.tf, "new plan", plan...)
	tell(t, s.tf, "new plan -refresh=false", append(plan, "-refresh=false")...)
	s.configure(banner("one"), nodes)
	tell(t, s.tf, "new change", apply...)
	private(t, s.tf)
	hosts()
	tell(t, s.tf, "new plan after the change", plan...)
	old()
	tell(t, s.tf, "old plan on the new state", plan...)
	s.configure(banner("two"), nodes)
	tell(t, s.tf, "old change", apply...)
	private(t, s.tf)
	hosts()
	now()
	tell(t, s.tf, "new plan after old's change", plan...)
	old()
	tell(t, s.tf, "old replace", append(apply, `-replace=dcos_node.agent["a"]`)...)
	private(t, s.tf)
	hosts()
	now()
	tell(t, s.tf, "new plan after old's replace", plan...)
	s.configure(banner("three"), nodes)
	tell(t, s.tf, "new change after old's replace", apply...)
	private(t, s.tf)
	hosts()
	// a second state, by the old one
	other := s.again(t)
	turn(t, other.tf, true)
	other.configure(banner("three"), agents("agent", map[string]int{"a": 0}, "")+pool("pool", s.hosts(2, 4), ""))
	tell(t, other.tf, "old, second state, adopts", apply...)
	private(t, other.tf)
	hosts()
	turn(t, other.tf, false)
	tell(t, other.tf, "new, second state, plan", plan...)
	tell(t, other.tf, "new, second state, apply -refresh-only", append(apply, "-refresh-only")...)
	private(t, other.tf)
	tell(t, s.tf, "new, first state, plan", plan...)
	// a pool of the old one grows by one of the new
	old()
	s.configure(banner("three"), agents("agent", map[string]int{"a": 0}, "")+pool("pool", s.hosts(1, 4), ""))
	tell(t, s.tf, "old: node to pool in one apply", apply...)
	private(t, s.tf)
	hosts()
	now()
	tell(t, s.tf, "new plan after that", plan...)
	old()
	tell(t, s.tf, "old destroy", "destroy", "-no-color", "-auto-approve")
	hosts()
}

func TestOwnTurnsReal(t *testing.T) {
	s := newSite(t, requireAcceptance(t), 1, 1, 0)
	plan := []string{"plan", "-no-color", "-detailed-exitcode"}
	apply := []string{"apply", "-no-color", "-auto-approve"}
	destroy := []string{"destroy", "-no-color", "-auto-approve"}
	look := func() {
		t.Helper()
		for i, h := range s.nodes() {
			out, err := h.Shell(t.Context(), "ls -la "+node.RecordDirectory+" /opt/mesosphere 2>&1 | head -30; cat "+node.RecordDirectory+"/claim 2>&1 | head -4")
			t.Logf("    node %d: %v\n%s", i, err, out)
		}
	}
	left := func() {
		t.Helper()
		after, err := snapshots(t.Context(), s.nodes())
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range s.nodes() {
			for _, c := range lab.Diff(s.before[h.Name], after[h.Name]) {
				t.Logf("    %s: left: %s", h.Name, c)
			}
		}
	}
	old := func() { turn(t, s.tf, true) }
	now := func() { turn(t, s.tf, false) }
	banner := func(text string) siteOptions {
		return siteOptions{parameters: `ui_banner_header_title = jsonencode("` + text + `")`}
	}
	old()
	tell(t, s.tf, "old apply", apply...)
	private(t, s.tf)
	look()
	now()
	tell(t, s.tf, "new plan", plan...)
	s.configure(banner("one"))
	tell(t, s.tf, "new change", apply...)
	private(t, s.tf)
	look()
	old()
	tell(t, s.tf, "old plan", plan...)
	s.configure(banner("two"))
	tell(t, s.tf, "old change", apply...)
	private(t, s.tf)
	look()
	now()
	tell(t, s.tf, "new plan", plan...)
	old()
	tell(t, s.tf, "old destroy", destroy...)
	look()
	left()
	now()
	tell(t, s.tf, "new apply", apply...)
	look()
	old()
	tell(t, s.tf, "old replace of the agent", append(apply, `-replace=dcos_node.agent["n1"]`)...)
	private(t, s.tf)
	look()
	now()
	tell(t, s.tf, "new plan after old's replace", plan...)
	old()
	tell(t, s.tf, "old destroy of what new installed", destroy...)
	look()
	left()
	_ = os.Stdout
}
