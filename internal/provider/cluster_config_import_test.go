// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// userConfig is what a node has of its site, in the form of DC/OS's generator.
const userConfig = `"bootstrap_url": |-
  file:///opt/dcos_install_tmp
"check_time": |-
  false
"cluster_name": |-
  sim
"customer_key": |-
  a text
"dns_search": |-
  one.example two.example
"exhibitor_admin_password": |-
  **HIDDEN**
"exhibitor_storage_backend": |-
  static
"ip_detect_public_filename": |-
  genconf/ip-detect-public
"master_discovery": |-
  static
"master_list": |-
  ["127.0.9.1"]
"oauth_enabled": |-
  false
"resolvers": |-
  ["192.0.2.53", "192.0.2.54"]
"rexray_config": |-
  {"rexray": {"loglevel": "warn", "service": "ebs"}}
`

// A configuration is imported from a node: with all parameters in the types that one
// would write, and secrets named until they are given. With the release, the first plan
// is empty, as it is with what Terraform writes.
func TestImportConfig(t *testing.T) {
	t.Parallel()
	s := newSimSite(t, simhosts.Options{Given: map[string]string{
		"given_config": userConfig, "given_ip_detect": "#!/bin/sh\necho \"10.0.0.1\"\n",
		"given_ip_detect_public": "#!/bin/sh\necho 192.0.2.1\n", "given_program": "check-gpu", "given_program_text": "#!/bin/sh\ntrue\n",
	}})
	s.configure("", simNodes("a", "agent", map[string]int{"a": 0}, ""))
	s.tf.Apply()
	release := sampleRelease(t, samplerelease.V22)
	provider := fmt.Sprintf("%s\nprovider \"dcos\" {\n  ssh = { user = \"root\", port = %d, private_key = file(%q) }\n",
		terraform.RequiredProviders, s.fleet.Port(), s.key)
	write := func(id, secrets, resources string) {
		s.tf.Write("main.tf", provider+secrets+"}\n"+resources+fmt.Sprintf("\nimport {\n  to = dcos_cluster_config.site\n  id = %q\n}\n", id))
	}
	const generated = "generated.tf"
	generate := func() string {
		t.Helper()
		_ = os.Remove(filepath.Join(s.tf.Path, generated)) // else Terraform writes none
		out, err := s.tf.Try("plan", "-no-color", "-generate-config-out="+generated)
		text, missing := os.ReadFile(filepath.Join(s.tf.Path, generated))
		if missing != nil {
			t.Fatalf("nothing is written: %v\n%s", err, out)
		}
		return string(text)
	}
	s.tf.Run("state", "rm", "dcos_cluster_config.test", "dcos_node.a")
	for _, bad := range []string{" ", "b:c:d x", "root@"} {
		write(bad, "", "")
		out, err := s.tf.Try("plan", "-no-color", "-generate-config-out="+generated)
		if err == nil || !strings.Contains(out, "Invalid Import Id") {
			t.Errorf("imported from %q: %v\n%s", bad, err, out)
		}
	}

	// Without the release: it is written as empty, and asked for.
	write(simhosts.Address(0), "", "")
	text := generate()
	for _, want := range []string{
		`check_time = "false"`, `dns_search = "one.example two.example"`, `master_list = ["127.0.9.1"]`,
		`resolvers = ["192.0.2.53", "192.0.2.54"]`, `exhibitor_admin_password = null # sensitive`, `customer_key = "a text"`,
		`rexray_config = jsonencode({ rexray = { loglevel = "warn" service = "ebs" } })`, `source = ""`, `check-gpu = "#!/bin/sh\ntrue\n"`,
		`ip_detect_public_script = "#!/bin/sh\necho 192.0.2.1\n"`,
	} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			t.Errorf("not written: %s\n%s", want, text)
		}
	}
	out, err := s.tf.Try("plan", "-no-color")
	if err == nil {
		t.Fatalf("planned without a release:\n%s", out)
	}
	mentions(t, out, "Release Not Named")
	s.tf.Write(generated, strings.Replace(text, `source = ""`, fmt.Sprintf("source = %q", release), 1))
	if out, err = s.tf.Try("plan", "-no-color"); err == nil {
		t.Fatalf("planned without the secret:\n%s", out)
	}
	mentions(t, out, "Secret Not Given", "exhibitor_admin_password = var.exhibitor_admin_password")
	write(simhosts.Address(0), "  secrets = { exhibitor_admin_password = \"a\" }\n", "")
	mentions(t, s.tf.Run("plan", "-no-color"), "1 to import, 0 to add, 1 to change")

	// With it, and with the secret where it stays out of the state: nothing to do.
	write(simhosts.Address(0)+" "+release, "  secrets = { exhibitor_admin_password = \"a\" }\n", "")
	text = generate()
	if !strings.Contains(text, fmt.Sprintf("%q", release)) || strings.Contains(strings.Join(strings.Fields(text), " "), `bootstrap_id = "`) {
		t.Errorf("written:\n%s", text)
	}
	out = s.tf.Apply()
	mentions(t, out, "1 imported, 0 added, 0 changed", "Cluster Was Rendered Otherwise") // the simulated one was made without all of this
	s.tf.NoChanges()
	// It is an ordinary one: an edit renders and shows, and the secret is not asked for again where it is an attribute.
	s.tf.Write(generated, strings.Replace(text, "one.example two.example", "three.example", 1))
	mentions(t, s.tf.Apply(), "0 added, 1 changed")
	s.tf.NoChanges()
	s.tf.Destroy()
}

// What a configuration is imported by.
func TestParseConfigImport(t *testing.T) {
	t.Parallel()
	sum := strings.Repeat("ab", 32)
	for text, want := range map[string]string{
		"10.0.0.1": "{{ 10.0.0.1 0} { }}", "core@10.0.0.1:2222 ": "{{core 10.0.0.1 2222} { }}",
		"[fd00::1]:22 ./dcos_generate_config.sh":    "{{ fd00::1 22} {./dcos_generate_config.sh }}",
		"a  /opt/my releases/a.sh " + sum:           "{{ a 0} {/opt/my releases/a.sh " + sum + "}}",
		"a " + sum:                                  "{{ a 0} {" + sum + " }}",
		"core@a https://releases.example/x.sh ab12": "{{core a 0} {https://releases.example/x.sh ab12 }}",
	} {
		if got, ok := parseConfigImport(text); !ok || fmt.Sprint(got) != want {
			t.Errorf("%q: %v, %v", text, got, ok)
		}
	}
	for _, bad := range []string{"", " ", "@a", "a/b", "a:0"} {
		if got, ok := parseConfigImport(bad); ok {
			t.Errorf("%q is taken for %v", bad, got)
		}
	}
}

// What a node says and nobody can read is not guessed.
func TestImportUnreadable(t *testing.T) {
	t.Parallel()
	s := &shared{}
	for _, text := range []string{"a: [", "- a", `"cluster_name": "\ud800"`} {
		_, diags := s.importedSite(&node.Given{State: &node.State{}, ConfigYAML: text})
		if len(diags) != 1 || diags[0].Summary() != "Configuration Not Readable" {
			t.Errorf("%q: %v", text, diags)
		}
	}
}
