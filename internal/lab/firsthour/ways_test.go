// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build firsthour

package firsthour

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

// fences matches the blocks of a page with their languages.
var fences = regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```") //nolint:gocritic // (?m): ^ is where a line begins

// block returns the block of that language below a heading of a page, the given one from 0.
func block(t *testing.T, page, heading, language string, number int) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(tree, page))
	if err != nil {
		t.Fatal(err)
	}
	rest := string(text)
	if heading != "" {
		var found bool
		if _, rest, found = strings.Cut(rest, "\n## "+heading+"\n"); !found {
			t.Fatalf("%s has no heading %q", page, heading)
		}
		rest, _, _ = strings.Cut(rest, "\n## ")
	}
	for _, b := range fences.FindAllStringSubmatch(rest, -1) {
		if b[1] == language {
			if number == 0 {
				return b[2]
			}
			number--
		}
	}
	t.Fatalf("%s has no such block of %s below %q", page, language, heading)
	return ""
}

// replace replaces each of the words, all of which have to be there.
func replace(t *testing.T, text string, words ...string) string {
	t.Helper()
	for i := 0; i < len(words); i += 2 {
		if !strings.Contains(text, words[i]) {
			t.Errorf("%q is not in:\n%s", words[i], text)
		}
	}
	return strings.NewReplacer(words...).Replace(text)
}

// steps turns commands into steps of a script. What asks is told yes.
func steps(commands string) string {
	var b strings.Builder
	for line := range strings.Lines(commands) {
		command, _, _ := strings.Cut(strings.TrimSpace(line), "  #")
		if command != "" {
			input := "/dev/null"
			if strings.Contains(command, "apply") || strings.Contains(command, "destroy") {
				input = "/way/yes"
			}
			b.WriteString("step '" + strings.ReplaceAll(command, "'", "") + "'\n" + command + " <" + input + "\n")
		}
	}
	return b.String()
}

func wants(t *testing.T, out string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(out, line) {
			t.Errorf("nothing says %q", line)
		}
	}
	if t.Failed() {
		t.Logf("%s", out[max(0, len(out)-6000):])
	}
}

// TestDemo goes from a clone to the demo, through all that README.md says can be done with it, to its end.
func TestDemo(t *testing.T) {
	m := bareDebian(t)
	first, _, _ := strings.Cut(block(t, "README.md", "", "sh", 0), "\n")
	// There is no Terraform on the machine: the demo's own is OpenTofu.
	rest := replace(t, block(t, "README.md", "", "sh", 1), ".demo/terraform", ".demo/tofu")
	out := m.run(t, steps(first+"\n"+rest))
	wants(t, out, "Done in", "2.1.100", "2.2.100", "The demo is gone", "Destroy complete!")
}

// hosts makes the test hosts of the guide, and what the guide says to do by hand.
func hosts(t *testing.T) string {
	return steps(block(t, "docs/guides/getting-started.md", "Hosts to try it on", "sh", 0)) + `
make -s -C .. install | sed -n '/^cat >/,/^END/p' | bash
key=$(../tools/lab up | sed -n 's/^key *//p')
terraform() { ../tools/lab enter tofu "$@" -no-color; }
`
}

// end is what every way ends with: nothing is left to change, and all is destroyed.
const end = `
terraform plan -detailed-exitcode
step terraform destroy
terraform destroy </way/yes
../tools/lab down
`

var addresses = []string{"10.0.0.11", "198.18.0.11", "10.0.0.21", "198.18.0.21"}

// TestOwnCluster goes from a clone to a cluster of one master and one agent on test hosts, by the first guide alone.
func TestOwnCluster(t *testing.T) {
	const page, heading = "docs/guides/getting-started.md", "One master and one agent"
	m := bareDebian(t)
	m.write(t, "/way/main.tf", replace(t, block(t, page, heading, "terraform", 0),
		append([]string{`"centos"`, `"` + lab.UserNoPassword + `"`, `"~/.ssh/id_ed25519"`, `"KEY"`}, addresses...)...))
	out := m.run(t, hosts(t)+`
sed "s|KEY|$key|" /way/main.tf >main.tf
`+steps(block(t, page, heading, "sh", 0))+end)
	wants(t, out, `leader = "198.18.0.11"`, "Apply complete! Resources: 3 added", "Destroy complete! Resources: 3 destroyed")
}

// TestFromConfigYAML goes from the genconf directory of DC/OS's own installer to a cluster.
func TestFromConfigYAML(t *testing.T) {
	const page, heading = "docs/guides/from-config-yaml.md", ""
	m := bareDebian(t)
	m.write(t, "/way/main.tf", replace(t, block(t, page, heading, "terraform", 0), `"centos"`, `"`+lab.UserNoPassword+`"`))
	m.write(t, "/way/genconf/config.yaml", replace(t, block(t, page, heading, "yaml", 0),
		append([]string{"centos", lab.UserNoPassword}, addresses...)...))
	m.write(t, "/way/genconf/ip-detect", replace(t, block(t, page, heading, "bash", 0), addresses[:2]...))
	out := m.run(t, hosts(t)+`
cp -r /way/main.tf /way/genconf .
install -m 600 "$key" genconf/ssh_key
`+steps(block(t, page, heading, "sh", 0))+end)
	wants(t, out, "Apply complete! Resources: 3 added", "Destroy complete! Resources: 3 destroyed")
}
