// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package takeover

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// run runs the command, and returns its exit code and what it said.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, problem bytes.Buffer
	code = Command{Args: args, Stdout: &out, Stderr: &problem, Getenv: func(string) string { return "" },
		Address: "registry.terraform.io/dcos-install/dcos"}.Run(t.Context())
	return code, out.String(), problem.String()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// contains reads a file that was written, which has to be HCL, and looks for lines, with
// one blank for several.
func contains(t *testing.T, path string, wants ...string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, diags := hclsyntax.ParseConfig(text, path, hcl.InitialPos); diags.HasErrors() {
		t.Errorf("%v\n%s", diags, text)
	}
	have := strings.Join(strings.Fields(string(text)), " ")
	for _, want := range wants {
		if !strings.Contains(have, want) {
			t.Errorf("%s does not say %s:\n%s", filepath.Base(path), want, text)
		}
	}
}

const configYAML = `# of a cluster that the SSH installer made
agent_list:
- 10.0.0.21
bootstrap_url: file:///opt/dcos_install_tmp
check_time: false
cluster_name: "a ${name} with \"quotes\""
customer.token: abcdef
dns_search: one.example
exhibitor_admin_password: secret-word
exhibitor_storage_backend: static
gc_delay: 3days
ip_detect_public_filename: genconf/ip-detect-public
master_discovery: static
master_list: [10.0.0.11, 10.0.0.12, 10.0.0.13]
process_timeout: 120
public_agent_list: []
resolvers: [192.0.2.53]
rexray_config: {rexray: {loglevel: warn, service: ebs}}
ssh_port: 2222
ssh_user: core
`

// A genconf directory becomes configuration that says all that it says, and no secret.
func TestGenconf(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	genconf, out := filepath.Join(dir, "genconf"), filepath.Join(dir, "out")
	write(t, filepath.Join(genconf, "config.yaml"), configYAML)
	write(t, filepath.Join(genconf, "ip-detect"), "#!/bin/sh\n")
	write(t, filepath.Join(genconf, "ip-detect-public"), "#!/bin/sh\n")
	write(t, filepath.Join(genconf, "ssh_key"), "key")
	write(t, filepath.Join(genconf, "check_bins", "check-gpu"), "#!/bin/sh\n")
	write(t, filepath.Join(dir, "dcos_generate_config.sh"), "release")

	code, said, problem := run(t, "--out", out, dir) // the directory above does, too
	if code != 0 {
		t.Fatalf("%d: %s", code, problem)
	}
	for _, want := range []string{"main.tf, imports.tf, variables.tf", "Masters: 3, agents: 1, public agents: 0",
		"TF_VAR_exhibitor_admin_password", "TF_VAR_customer_token"} {
		if !strings.Contains(said, want) {
			t.Errorf("not said: %s\n%s", want, said)
		}
	}
	if strings.Contains(said, "DECIDE") {
		t.Errorf("something is left to decide:\n%s", said)
	}
	contains(t, filepath.Join(out, "main.tf"),
		`source = "dcos-install/dcos"`, `user = "core"`, `port = 2222`, `private_key = file("${path.module}/../genconf/ssh_key")`,
		`exhibitor_admin_password = var.exhibitor_admin_password`, `"customer.token" = var.customer_token`,
		`masters = ["10.0.0.11", "10.0.0.12", "10.0.0.13"]`, `agents = ["10.0.0.21"]`, `master_list = local.masters`, `check_time = false`,
		`cluster_name = "a $${name} with \"quotes\""`, `resolvers = ["192.0.2.53"]`, `release = { source = var.release }`,
		`jsonencode({ rexray = { loglevel = "warn" service = "ebs" } })`, `ip_detect_script = file("${path.module}/../genconf/ip-detect")`,
		`ip_detect_public_script = file("${path.module}/../genconf/ip-detect-public")`,
		`check-gpu" = file("${path.module}/../genconf/check_bins/check-gpu")`, `process_timeout = "120"`, `agent_list = "[\"10.0.0.21\"]"`,
		`resource "dcos_node" "agent" { for_each = toset(local.agents)`)
	contains(t, filepath.Join(out, "imports.tf"), `id = "${local.masters[0]} ${var.release}"`, `to = dcos_node.agent[each.key]`)
	contains(t, filepath.Join(out, "variables.tf"), `default = "../dcos_generate_config.sh"`,
		`variable "exhibitor_admin_password" { type = string sensitive = true`)
	for _, name := range []string{"main.tf", "imports.tf", "variables.tf"} {
		text, err := os.ReadFile(filepath.Join(out, name))
		if err != nil || strings.Contains(string(text), "secret-word") || strings.Contains(string(text), "abcdef") ||
			strings.Contains(string(text), "bootstrap_url") || strings.Contains(string(text), "ip_detect_public_filename") {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}

	// Nothing is written over, nor beside.
	if err := os.Remove(filepath.Join(out, "main.tf")); err != nil {
		t.Fatal(err)
	}
	if code, _, problem := run(t, "--out", out, genconf); code != 1 || !strings.Contains(problem, "imports.tf is there already") {
		t.Errorf("%d: %s", code, problem)
	}
	if there(filepath.Join(out, "main.tf")) {
		t.Error("main.tf was written beside the others")
	}
}

// What nothing says is left to a person, and what is said by hand counts.
func TestDecide(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	write(t, filepath.Join(dir, "config.yaml"), "cluster_name: a\nmaster_discovery: master_http_loadbalancer\nexhibitor_address: lb.example\n")
	write(t, filepath.Join(dir, "ip-detect"), "#!/bin/sh\n")
	code, said, problem := run(t, "--out", out, "--agents", "10.0.0.21, 10.0.0.22", dir)
	if code != 0 || !strings.Contains(said, "DECIDE") || !strings.Contains(said, "variable release") ||
		!strings.Contains(said, "of the masters") {
		t.Errorf("%d: %s%s", code, said, problem)
	}
	contains(t, filepath.Join(out, "main.tf"), "# DECIDE: who logs in", "# DECIDE: the addresses of the masters", "masters = []",
		`agents = ["10.0.0.21", "10.0.0.22"]`)
	contains(t, filepath.Join(out, "imports.tf"), `id = "10.0.0.21 ${var.release}"`)
	contains(t, filepath.Join(out, "variables.tf"), "# DECIDE: where is the release")
	agents := filepath.Join(dir, "agents")
	if code, said, problem = run(t, "--out", agents, "--masters", "m1", dir); code != 0 || !strings.Contains(said, "of the agents") {
		t.Errorf("%d: %s%s", code, said, problem)
	}
	contains(t, filepath.Join(agents, "main.tf"), "# DECIDE: the addresses of the public agents", `resource "dcos_node" "public_agent"`)
	other := filepath.Join(dir, "other")
	if code, said, problem = run(t, "--out", other, "--masters", "m1,m2,m3", "--agents", "a1", "--user", "core", "--port", "22", "--key",
		filepath.Join(dir, "key"), "--ssh-config", "/etc/ssh_config", "--release", "https://releases.example/a.sh", dir); code != 0 ||
		strings.Contains(said, "DECIDE") {
		t.Errorf("%d: %s%s", code, said, problem)
	}
	contains(t, filepath.Join(other, "main.tf"), `private_key = file("${path.module}/../key")`, `user = "core"`, `config_file = "`)
	contains(t, filepath.Join(other, "variables.tf"), `default = "https://releases.example/a.sh"`)
}

// What a node says becomes the same, with its scripts as files.
func TestGiven(t *testing.T) {
	t.Parallel()
	given := &node.Given{State: &node.State{Installed: node.Complete}, IPDetect: "#!/bin/sh\necho 1\n", IPDetectPublic: "#!/bin/sh\necho 1\n",
		ConfigYAML: "\"cluster_name\": |-\n  a\n\"exhibitor_admin_password\": |-\n  **HIDDEN**\n\"theirs\": |-\n  **HIDDEN**\n" +
			"\"master_list\": |-\n  [\"10.0.0.11\"]\n", Programs: map[string]string{"check": "#!/bin/sh\n", "large": ""}}
	s := &site{from: "10.0.0.11", first: "10.0.0.11", user: "core", scripts: map[string]string{}, programs: map[string]string{},
		provider: "registry.terraform.io/dcos-install/dcos"}
	if err := s.takeGiven(given); err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	if err := s.settle(&options{out: out}); err != nil {
		t.Fatal(err)
	}
	if err := writeNew(out, s.files()); err != nil {
		t.Fatal(err)
	}
	contains(t, filepath.Join(out, "main.tf"), `ip_detect_script = file("${path.module}/ip-detect")`, `theirs = var.theirs`,
		`check = file("${path.module}/check_bins/check")`, `master_list = local.masters`)
	for name, want := range map[string]string{"ip-detect": given.IPDetect, "check_bins/check": given.Programs["check"]} {
		if text, err := os.ReadFile(filepath.Join(out, name)); err != nil || string(text) != want {
			t.Errorf("%s: %v, %q", name, err, text)
		}
	}
	if there(filepath.Join(out, "ip-detect-public")) {
		t.Error("a script is written that the site has not named")
	}
	for want, bad := range map[string]*node.Given{
		"not installed":    {State: &node.State{Installed: node.None}},
		"user.config.yaml": {State: &node.State{Installed: node.Complete}},
		"found character":  {State: &node.State{Installed: node.Complete}, ConfigYAML: "a: \"b"},
	} {
		if err := s.takeGiven(bad); err == nil || !strings.Contains(err.Error(), want) && want != "found character" {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// Bad input is named, and nothing is written.
func TestBadInput(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "empty", "file"), "")
	write(t, filepath.Join(dir, "bad", "config.yaml"), "a: [1")
	write(t, filepath.Join(dir, "bare", "config.yaml"), "cluster_name: a\n")
	write(t, filepath.Join(dir, "none", "config.yaml"), "cluster_name: a\n")
	write(t, filepath.Join(dir, "none", "ip-detect"), "")
	for _, c := range []struct {
		want string
		code int
		args []string
	}{
		{"Usage:", 2, nil}, {"Usage:", 2, []string{"a", "b"}}, {"Usage:", 2, []string{""}}, {"not defined", 2, []string{"--nothing", "a"}},
		{"Usage:", 0, []string{"-h"}},
		{"no config.yaml", 1, []string{filepath.Join(dir, "empty")}}, {"config.yaml", 1, []string{filepath.Join(dir, "bad")}},
		{"no directory", 1, []string{filepath.Join(dir, "missing")}}, {"is a file", 1, []string{filepath.Join(dir, "none", "ip-detect")}},
		{"ip-detect", 1, []string{filepath.Join(dir, "bare")}}, {"names no node", 1, []string{filepath.Join(dir, "none")}},
		{"neither", 1, []string{"core@"}}, {"no list of addresses", 1, []string{"--masters", "a,,b", filepath.Join(dir, "none")}},
		{"no list of addresses", 1, []string{"--agents", "a,a", filepath.Join(dir, "none")}},
		{"no port", 1, []string{"--port", "70000", filepath.Join(dir, "none")}},
		{"--key", 1, []string{"--key", filepath.Join(dir, "missing"), "127.0.0.1:1"}},
	} {
		out := filepath.Join(t.TempDir(), "out")
		code, said, problem := run(t, append([]string{"--out", out}, c.args...)...)
		if code != c.code || !strings.Contains(problem, c.want) || said != "" {
			t.Errorf("%q: %d, %s%s", c.args, code, said, problem)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%q: something is written", c.args)
		}
	}
}
