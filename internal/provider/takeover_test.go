// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/config"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/samplerelease"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/render"
	"github.com/dcos-install/terraform-provider-dcos/internal/takeover"
)

// takeOver runs the command into the directory of a Terraform.
func takeOver(t *testing.T, d *terraform.Dir, args ...string) (said string) {
	t.Helper()
	var out, problem bytes.Buffer
	command := takeover.Command{
		Args: append([]string{"--out", d.Path}, args...), Stdout: &out, Stderr: &problem, Getenv: os.Getenv, Address: Address,
	}
	if code := command.Run(t.Context()); code != 0 {
		t.Fatalf("takeover %q: %d\n%s", args, code, problem.String())
	}
	return out.String()
}

// userConfigOf is what DC/OS's generator keeps of a config.yaml on each node.
func userConfigOf(t *testing.T, text string) string {
	t.Helper()
	given, err := config.FromYAML("", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for name, value := range given {
		if p, known := config.Lookup(name); known && p.Secret {
			value.Text = node.Masked
		}
		texts[name] = value.Text
	}
	return render.EncodeYAMLLiterals(texts)
}

// From a genconf directory to an empty plan, but for imports, on a cluster that was
// installed from it.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	given := map[string]string{}
	s := newSimSite(t, simhosts.Options{Given: given})
	masters, agents := []string{simhosts.Address(0)}, []string{simhosts.Address(1), simhosts.Address(2)}
	dir := t.TempDir()
	genconf := filepath.Join(dir, "genconf")
	configYAML := fmt.Sprintf(`
agent_list: [%s]
public_agent_list: ["%s"]
bootstrap_url: file:///opt/dcos_install_tmp
check_time: false
cluster_name: sim
dns_search: one.example
exhibitor_admin_password: a secret
exhibitor_storage_backend: static
gc_delay: 3days
ip_detect_public_filename: genconf/ip-detect-public
master_discovery: static
master_list: [%s]
oauth_enabled: 'false'
resolvers: [192.0.2.53]
rexray_config: {rexray: {loglevel: warn, service: ebs}}
ssh_port: %d
ssh_user: root
`, strings.Join(agents, ", "), simhosts.Address(3), masters[0], s.fleet.Port())
	const script, public = "#!/bin/sh\n# \"${a}\"\necho 10.0.0.1\n", "#!/bin/sh\necho 192.0.2.1"
	given["given_config"], given["given_ip_detect"], given["given_ip_detect_public"] = userConfigOf(t, configYAML), script, public
	if err := os.Mkdir(genconf, 0o750); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, filepath.Join(genconf, "config.yaml"), configYAML)
	mustWrite(t, filepath.Join(genconf, "ip-detect"), script)
	mustWrite(t, filepath.Join(genconf, "ip-detect-public"), public)
	for from, to := range map[string]string{sampleRelease(t, samplerelease.V22): filepath.Join(dir, "dcos_generate_config.sh"),
		s.key: filepath.Join(genconf, "ssh_key")} {
		if err := os.Symlink(from, to); err != nil {
			t.Fatal(err)
		}
	}
	said := takeOver(t, s.tf, genconf)
	mentions(t, said, "Masters: 1, agents: 2, public agents: 1", "TF_VAR_exhibitor_admin_password")
	if strings.Contains(said, "DECIDE") {
		t.Errorf("something is to be decided:\n%s", said)
	}
	s.tf.Env = append(s.tf.Env, "TF_VAR_exhibitor_admin_password=a secret")

	// Somebody installs the cluster: another state.
	imports, aside := filepath.Join(s.tf.Path, "imports.tf"), filepath.Join(dir, "imports.tf")
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	move(imports, aside)
	s.tf.Apply()
	move(filepath.Join(s.tf.Path, "terraform.tfstate"), filepath.Join(dir, "another.tfstate"))
	move(aside, imports)

	mentions(t, s.tf.Run("plan", "-no-color"), "Plan: 5 to import, 0 to add, 0 to change, 0 to destroy")
	s.tf.Apply()
	s.tf.NoChanges()
	mustRemove(t, imports)
	s.tf.NoChanges()
	main := filepath.Join(s.tf.Path, "main.tf")
	text, err := os.ReadFile(main)
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, main, strings.Replace(string(text), "3days", "4days", 1))
	mentions(t, s.tf.Apply(), "0 added, 5 changed, 0 destroyed")
	s.tf.NoChanges()
	s.tf.Destroy()
	if n := s.fleet.Count().Installed; n != 0 {
		t.Errorf("%d hosts have DC/OS", n)
	}
}
