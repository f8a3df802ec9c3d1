// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// A simSite is simulated hosts and a directory with a configuration for them.
type simSite struct {
	t     *testing.T
	fleet *simhosts.Fleet
	tf    *terraform.Dir
	key   string

	masters  int    // of master_list, the first hosts; 0: one that there is not
	provider string // more of the provider block
	ssh      string // more of its ssh
	cluster  string // its name; "": sim
}

func newSimSite(t *testing.T, o simhosts.Options) *simSite {
	t.Helper()
	s := &simSite{t: t, tf: terraform.New(t)}
	var err error
	if s.fleet, err = simhosts.Start(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.fleet.Close(); err != nil {
			t.Error(err)
		}
	})
	s.key = s.newKey("key")
	return s
}

// newKey makes a private key, which all hosts take.
func (s *simSite) newKey(name string) (path string) {
	s.t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		s.t.Fatal(err)
	}
	s.tf.Write(name, string(pem.EncodeToMemory(block)))
	return filepath.Join(s.tf.Path, name)
}

// hosts are an HCL map of the hosts from one number up to another.
func (s *simSite) hosts(from, to int) string {
	var b strings.Builder
	b.WriteString("{\n")
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "    h%d = { address = %q }\n", i, simhosts.Address(i))
	}
	return b.String() + "  }"
}

// configure writes the configuration: parameters of the cluster, then
// resources.
func (s *simSite) configure(parameters, resources string) {
	s.t.Helper()
	masters := []string{"127.0.9.1"}
	for i := range s.masters {
		masters = append(masters[:i], simhosts.Address(i))
	}
	s.tf.Write("main.tf", terraform.RequiredProviders+fmt.Sprintf(`
provider "dcos" {
  ssh = {
    user            = "root"
    port            = %d
    private_key     = file(%q)
    connect_timeout = "10s"
    %s
  }
  run_log = "run.jsonl"
  %s
}

resource "dcos_cluster_config" "test" {
  release                   = { source = %q }
  cluster_name              = %q
  master_discovery          = "static"
  master_list               = %s
  exhibitor_storage_backend = "static"
  resolvers                 = ["192.0.2.53"]
  oauth_enabled             = false
  ip_detect_script          = provider::dcos::ip_detect("route")
  %s
}
`, s.fleet.Port(), s.key, s.ssh, s.provider, sampleRelease(s.t, samplerelease.V22), cmp.Or(s.cluster, "sim"), list(masters),
		parameters)+resources)
}

// list is a list of texts in HCL.
func list(texts []string) string { return `["` + strings.Join(texts, `", "`) + `"]` }

// pool is a pool of agents.
func pool(name, hosts, more string) string {
	return fmt.Sprintf(`
resource "dcos_node_pool" %q {
  role         = "agent"
  bundle       = dcos_cluster_config.test.bundle
  max_parallel = 20
  hosts        = %s
  %s
}
`, name, hosts, more)
}

// worked gives the hosts on which a stage was begun since an event, by number
// of events, and the number of events now.
func (s *simSite) worked(stage string, since int) (addresses []string, now int) {
	s.t.Helper()
	f, err := os.Open(filepath.Join(s.tf.Path, "run.jsonl"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	for e, err := range runlog.Read(f) {
		if err != nil {
			s.t.Fatal(err)
		}
		if now++; now > since && e.Stage == stage && e.Event == runlog.Started {
			addresses = append(addresses, e.Host)
		}
	}
	slices.Sort(addresses)
	return slices.Compact(addresses), now
}

// state gives the attributes of the pool a.
func (s *simSite) state() map[string]any {
	s.t.Helper()
	return s.values("dcos_node_pool.a")
}

// values gives the attributes of a resource.
func (s *simSite) values(address string) map[string]any {
	s.t.Helper()
	out, err := s.tf.Command(s.t.Context(), "show", "-json").Output()
	if err != nil {
		s.t.Fatal(err)
	}
	var state struct {
		Values struct {
			Root struct {
				Resources []struct {
					Address string
					Values  map[string]any
				}
			} `json:"root_module"`
		}
	}
	if err := json.Unmarshal(out, &state); err != nil {
		s.t.Fatal(err)
	}
	for _, r := range state.Values.Root.Resources {
		if r.Address == address {
			return r.Values
		}
	}
	return nil
}

func (s *simSite) failing(from, to int) (addresses []string) {
	for i := from; i < to; i++ {
		if s.fleet.Fails(simhosts.Address(i)) != "" {
			addresses = append(addresses, simhosts.Address(i))
		}
	}
	slices.Sort(addresses)
	return addresses
}

// flat is text as if Terraform had not broken its lines.
func flat(out string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(out, "│", " ")), " ")
}

func mentions(t *testing.T, out string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(flat(out), want) {
			t.Errorf("not said: %s\n%s", want, out)
		}
	}
}

// The life of a pool: installed, grown, shrunk, reconfigured, renamed, split
// into two pools, destroyed.
func TestNodePool(t *testing.T) {
	t.Parallel()
	s := newSimSite(t, simhosts.Options{})
	installed := func(want int) {
		t.Helper()
		if got := s.fleet.Count().Installed; got != int64(want) {
			t.Errorf("%d hosts have DC/OS, not %d", got, want)
		}
	}
	s.configure("", pool("a", s.hosts(0, 30), ""))
	mentions(t, s.tf.Apply(), "30 of 30 Hosts To Do", "2 added")
	installed(30)
	s.tf.NoChanges()
	if got := s.state()["summary"]; got != "30 of 30 hosts done" {
		t.Errorf("summary: %v", got)
	}

	// Added and removed in one go.
	_, since := s.worked("install", 0)
	s.configure("", pool("a", s.hosts(5, 33), ""))
	mentions(t, s.tf.Apply(), "8 of 33 Hosts To Do", "5 hosts: to be removed", "3 hosts: not installed")
	installed(28)
	if got, _ := s.worked("install", since); len(got) != 3 {
		t.Errorf("installed on %v", got)
	}
	s.tf.NoChanges()

	// Another configuration, canaries first.
	s.configure(`ui_banner_header_title = jsonencode("changed")`, pool("a", s.hosts(5, 33), "canaries = 2\n max_unavailable = 3"))
	_, since = s.worked("upgrade", 0)
	mentions(t, s.tf.Apply(), "28 of 28 Hosts To Do", "has another bundle")
	changed := spansOf(s.events()[since:], "upgrade")
	if len(changed) != 28 {
		t.Fatalf("%d hosts were changed", len(changed))
	}
	canaries := []string{simhosts.Address(10), simhosts.Address(11)} // h10 and h11, the first ones by name
	for _, a := range changed {
		out := 0
		for _, b := range changed {
			if !b.from.After(a.from) && b.to.After(a.from) {
				out++
			}
			if slices.Contains(canaries, b.host) && !slices.Contains(canaries, a.host) && a.from.Before(b.to) {
				t.Errorf("%s was begun before the canary %s was done", a.host, b.host)
			}
		}
		if out > 3 {
			t.Errorf("%d hosts were out of service at once", out)
		}
	}
	s.tf.NoChanges()

	// Other names for the same hosts: nothing to do on them.
	_, since = s.worked("connect", 0)
	s.configure(`ui_banner_header_title = jsonencode("changed")`, pool("a", strings.ReplaceAll(s.hosts(5, 33), " h", " x"), ""))
	s.tf.Apply("-refresh=false")
	if got, _ := s.worked("connect", since); len(got) != 0 {
		t.Errorf("connected to %v", got)
	}

	// Hosts that go to another pool stay as they are.
	_, since = s.worked("uninstall", 0)
	s.configure(`ui_banner_header_title = jsonencode("changed")`,
		pool("a", s.hosts(5, 20), "")+pool("b", s.hosts(20, 35), ""))
	s.tf.Apply()
	installed(30)
	if got, _ := s.worked("uninstall", since); len(got) != 0 {
		t.Errorf("uninstalled: %v", got)
	}
	if got, _ := s.worked("install", since); len(got) != 2 {
		t.Errorf("installed: %v", got)
	}
	s.tf.NoChanges()

	// A rebuilt machine is refused until the user pins its new key, and then
	// installed anew.
	s.fleet.Forget(simhosts.Address(7))
	rebuilt, ok := s.fleet.HostKey(simhosts.Address(7))
	if !ok {
		t.Fatal("no host key")
	}
	mentions(t, s.tf.Run("plan", "-no-color"), "1 of 15 Hosts Not Looked At", "Host Key Refused")
	old := fmt.Sprintf("h7 = { address = %q }", simhosts.Address(7))
	s.configure(`ui_banner_header_title = jsonencode("changed")`,
		pool("a", strings.ReplaceAll(s.hosts(5, 20), old, strings.TrimSuffix(old, " }")+fmt.Sprintf(", ssh = { host_key = %q } }", rebuilt)), "")+
			pool("b", s.hosts(20, 35), ""))
	mentions(t, s.tf.Apply(), "1 of 15 Hosts To Do")
	installed(30)
	s.tf.NoChanges()

	s.tf.Destroy()
	installed(0)
}

// manyHosts returns how many hosts a test takes where many are to fail: 200, and
// 5,000 every night.
func manyHosts() int {
	if lab.Nightly {
		return 5000
	}
	return 200
}

// With 2 % failing at random stages and 5 % allowed, all others are done, and
// the second apply does exactly the failed ones.
func TestNodePoolPartialFailure(t *testing.T) {
	t.Parallel()
	n := manyHosts()
	s := newSimSite(t, simhosts.Options{Failures: 0.02})
	failing := s.failing(0, n)
	if len(failing) < 3 || len(failing) > n/20 {
		t.Fatalf("%d of %d hosts fail: the test would say nothing", len(failing), n)
	}
	s.configure("", pool("a", s.hosts(0, n), `max_failures = "5%"`))
	out, err := s.tf.Try("apply", "-auto-approve", "-no-color")
	if err == nil {
		t.Fatalf("apply succeeded:\n%s", out)
	}
	mentions(t, out, fmt.Sprintf("%d of %s Hosts Failed", len(failing), thousands(n)), "apply again")
	if got := s.state()["summary"]; got != poolSummary(n-len(failing), n) {
		t.Errorf("summary: %v", got)
	}
	if got := len(s.state()["pending"].(map[string]any)); got != len(failing) { //nolint:forcetypeassert // it is what the schema says
		t.Errorf("%d pending", got)
	}
	s.keepsWhatWasBegun(n)
	s.fleet.Mend()
	_, since := s.worked("connect", 0)
	out = s.tf.Apply("-refresh=false")
	if got, _ := s.worked("connect", since); !slices.Equal(got, failing) {
		t.Errorf("the second apply worked on %v, not on %v", got, failing)
	}
	t.Log(regexp.MustCompile(`(?m)^Plan:.*|.*To Do.*`).FindAllString(out, -1))
	if got := s.fleet.Count().Installed; got != int64(n) {
		t.Errorf("%d installed", got)
	}
	s.tf.NoChanges()
	s.tf.Destroy()
	if got := s.fleet.Count().Installed; got != 0 {
		t.Errorf("%d installed", got)
	}
}

// keepsWhatWasBegun holds that the machine ids of hosts that failed after the
// first change are in state: without them destroy would leave DC/OS there.
func (s *simSite) keepsWhatWasBegun(n int) {
	s.t.Helper()
	nodes, ok := s.state()["nodes"].(map[string]any)
	if !ok {
		s.t.Fatal("no nodes in state")
	}
	begun := 0
	for i := range n {
		at := s.fleet.Fails(simhosts.Address(i))
		if at != simhosts.FailInstall && at != simhosts.FailPostflight {
			continue
		}
		begun++
		name := fmt.Sprintf("h%d", i)
		if h, ok := nodes[name].(map[string]any); !ok || h["machine_id"] == nil || h["machine_id"] == "" {
			s.t.Errorf("%s failed in %s, and its machine id is not in state: %v", name, at, nodes[name])
		}
	}
	if begun == 0 {
		s.t.Fatal("no host failed after its first change: the test would say nothing")
	}
}

// With 10 % failing and 5 % allowed it stops early and says so.
func TestNodePoolStopsEarly(t *testing.T) {
	t.Parallel()
	n := manyHosts()
	s := newSimSite(t, simhosts.Options{Failures: 0.10})
	s.configure("", pool("a", s.hosts(0, n), `max_failures = "5%"`))
	out, err := s.tf.Try("apply", "-auto-approve", "-no-color")
	if err == nil {
		t.Fatalf("apply succeeded:\n%s", out)
	}
	mentions(t, out, fmt.Sprintf("More than %d hosts failed, which is what max_failures allows here", n/20), "nothing was begun on")
	got, _ := s.worked("connect", 0)
	if len(got) == n || len(got) <= n/20 {
		t.Errorf("%d hosts were begun", len(got))
	}
	t.Logf("of %d hosts, %d were begun", n, len(got))
	s.fleet.Mend()
	s.tf.Apply()
	if got := s.fleet.Count().Installed; got != int64(n) {
		t.Errorf("%d installed", got)
	}
}

// Interrupted once: what is at work ends its stage, nothing new is begun, the
// state is right, and the next apply does the rest.
func TestNodePoolInterrupted(t *testing.T) {
	t.Parallel()
	const n = 200
	s := newSimSite(t, simhosts.Options{Delay: 100 * time.Millisecond})
	s.configure("", pool("a", s.hosts(0, n), ""))
	cmd := s.tf.Command(t.Context(), "apply", "-auto-approve", "-no-color")
	out := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, "no host is done", func() error {
		if s.fleet.Count().Installed < 10 {
			return fmt.Errorf("%d are", s.fleet.Count().Installed)
		}
		return nil
	})
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatalf("apply succeeded:\n%s", out)
	}
	mentions(t, out.String(), "Terraform was interrupted, so nothing was begun on")
	if got := s.fleet.Count().Installed; got == n {
		t.Error("all hosts were installed all the same")
	}
	nodes, ok := s.state()["nodes"].(map[string]any)
	if !ok || len(nodes) != n {
		t.Fatalf("%d nodes in state", len(nodes))
	}
	s.tf.Apply()
	if got := s.fleet.Count().Installed; got != n {
		t.Errorf("%d installed", got)
	}
	s.tf.NoChanges()
}
