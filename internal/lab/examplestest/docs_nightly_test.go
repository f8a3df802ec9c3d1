// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package examplestest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// TestStartHere does the same as TestFrontPage with the first configuration of the guide.
func TestStartHere(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	master, agent := l.Host(t, "start-m1"), l.Host(t, "start-a1")
	s := &site{t: t, lab: l, prefix: "start", masters: []*lab.Host{master}, agents: []*lab.Host{agent}, before: map[string]*lab.Snapshot{}}
	s.remember()
	tf := fromDocs(t, l)
	tf.Write("main.tf", together(t, []excerpt{{"guides/getting-started.md", 0}}, pagesUser, hostsUser,
		"10.0.0.11", master.Address, "10.0.0.21", agent.Address))
	tf.Apply()
	whole(t, master.Address, 1, 1)
	tf.NoChanges()
	tf.Destroy()
	s.clean()
}

// TestReferencePages applies the examples of the reference's pages as one
// configuration, in which what one page leaves to another is there: hosts are
// checked first, as the page on dcos_preflight has it; then nodes and a pool are
// installed, and the cluster is read. A node is renamed, and imported.
func TestReferencePages(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	s := newSite(t, l, "pages", 1)
	s.remember()
	m, agent, pooled := s.masters, s.agents[0], s.public[0]
	tf := fromDocs(t, l)
	key, err := os.ReadFile(l.KeyFile())
	if err != nil {
		t.Fatal(err)
	}
	tf.Env = append(tf.Env, "DCOS_SSH_PRIVATE_KEY="+string(key)) // the page has an agent's in mind
	address := []string{"10.0.0.11", m[0].Address, "10.0.0.12", m[1].Address, "10.0.0.13", m[2].Address, pagesUser, hostsUser}
	tf.Write("main.tf", terraform.RequiredProviders+together(t, []excerpt{
		{"guides/troubleshooting.md", 0},
		{"functions/parse_config_yaml.md", 0}, {"functions/ip_detect.md", 0}, {"functions/fault_domain_detect.md", 0},
		{"data-sources/release.md", 0}, {"data-sources/preflight.md", 0}, {"data-sources/cluster.md", 0},
		{"resources/node.md", 0}, {"resources/node_pool.md", 0},
	}, append(address, "http://internal-masters.example.com", "http://"+m[0].Address, "agents = 5", "agents = 2")...))
	masters := map[string]string{"m1": m[0].Address, "m2": m[1].Address, "m3": m[2].Address}
	variables(t, tf, map[string]any{
		"masters": masters, "agents": map[string]string{"a1": agent.Address}, "fleet": map[string]string{"a2": pooled.Address},
		"hosts": map[string]any{
			"m1": map[string]string{"address": m[0].Address, "role": "master"}, "a1": map[string]string{"address": agent.Address, "role": "agent"},
		},
	})
	tf.Apply("-target=data.dcos_preflight.all")
	if nodes := tf.Run("state", "list"); strings.Contains(nodes, "dcos_node") {
		t.Errorf("something was installed: %s", nodes)
	}
	tf.Apply()
	whole(t, m[0].Address, 3, 2)
	var leader, version string
	var agents []string
	tf.Output("leader", &leader)
	tf.Output("version", &version)
	if tf.Output("agents", &agents); leader == "" || version == "" || len(agents) != 2 {
		t.Errorf("leader %q, version %q, agents %v", leader, version, agents)
	}
	if changes := tf.Plan(); len(changes) > 0 {
		t.Errorf("the next plan changes %v", changes)
	}
	tf.Apply() // what preflight finds on nodes is not what it found on hosts
	tf.NoChanges()

	tf.Write("moved.tf", together(t, []excerpt{{"guides/renaming-nodes.md", 0}}))
	delete(masters, "m1")
	masters["eu-west-1a"] = m[0].Address
	variables(t, tf, map[string]any{"masters": masters})
	if changes := tf.Plan(); len(changes) > 0 {
		t.Errorf("renaming changes %v", changes)
	}
	tf.Apply()

	delete(masters, "eu-west-1a")
	masters["m1"] = m[0].Address
	variables(t, tf, map[string]any{"masters": masters})
	tf.Run("state", "rm", `dcos_node.master["eu-west-1a"]`)
	tf.Write("moved.tf", together(t, []excerpt{{"resources/node.md", 2}}, "centos@10.0.0.11:22", m[0].Address))
	if changes := tf.Plan(); len(changes) > 0 {
		t.Errorf("an import changes %v", changes)
	}
	tf.Apply()
	tf.NoChanges()
	tf.Destroy()
	s.clean()
}

// variables gives the configuration values; those that are not named keep theirs.
func variables(t *testing.T, tf *terraform.Dir, values map[string]any) {
	t.Helper()
	for name, value := range values {
		text, err := json.Marshal(map[string]any{name: value})
		if err != nil {
			t.Fatal(err)
		}
		tf.Write(name+".auto.tfvars.json", string(text))
	}
}

// TestWaysIn logs in to a node by each provider block of the documentation that
// says how, after it was installed by the first of them.
func TestWaysIn(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	master, jump, inner := l.Host(t, "ways-m1"), l.Host(t, "ways-j1"), l.Host(t, "ways-j2")
	tf := fromDocs(t, l)
	tf.Write("node.tf", terraform.RequiredProviders+together(t, []excerpt{{"functions/parse_config_yaml.md", 0}, {"resources/node.md", 0}},
		"10.0.0.11, 10.0.0.12, 10.0.0.13", master.Address))
	variables(t, tf, map[string]any{"masters": map[string]string{"m1": master.Address}, "agents": map[string]string{}})
	key, err := os.ReadFile(l.KeyFile())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tf.Path, ".ssh", "known_hosts"), []byte(l.KnownHosts()), 0o600); err != nil {
		t.Fatal(err)
	}
	tf.Env = append(tf.Env, "TF_VAR_ssh_private_key="+string(key), "TF_VAR_exhibitor_admin_password=a-password",
		"TF_VAR_exhibitor_password=a-password", "TF_VAR_sudo_password="+lab.Password(lab.UserPassword),
		"SSH_AUTH_SOCK="+agentOf(t, l.KeyFile(), "ops@example.com"))
	ops := []string{`"ops"`, hostsUser, "jump.example.com", jump.Address}
	for _, way := range []struct {
		excerpt
		replaced []string
	}{
		{excerpt{"index.md", 3}, append(ops, pagesUser, hostsUser)},
		{excerpt{"index.md", 2}, []string{`"ops"`, `"` + lab.UserPassword + `"`}},
		{excerpt{"guides/jump-hosts.md", 0}, append(ops, pagesUser, hostsUser, "10.1.0.5", inner.Address,
			"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDufOsTxKC2wu9GdHv3Wg+TTWwxAf4GCAkn4rqYflS90", hostKey(t, l, jump))},
		{excerpt{"guides/large-fleets.md", 1}, []string{pagesUser, hostsUser}},
		{excerpt{"guides/secrets.md", 0}, []string{pagesUser, hostsUser}},
	} {
		tf.Write("provider.tf", together(t, []excerpt{way.excerpt}, way.replaced...))
		if out := tf.Apply(); strings.Contains(out, "Warning: Host") {
			t.Errorf("%v: %s", way.excerpt, out)
		}
		tf.NoChanges()
	}
	whole(t, master.Address, 1, 0)
	tf.Destroy()
}

// hostKey returns a host's key as known_hosts has it.
func hostKey(t *testing.T, l *lab.Lab, h *lab.Host) string {
	t.Helper()
	for line := range strings.Lines(l.KnownHosts()) {
		if fields := strings.Fields(line); len(fields) > 2 && strings.Contains(fields[0], h.Address) && fields[1] == "ssh-ed25519" {
			return fields[1] + " " + fields[2]
		}
	}
	t.Fatalf("the key of %s is not known", h.Name)
	return ""
}

// agentOf starts an ssh-agent with a key under a comment, and returns its socket.
func agentOf(t *testing.T, key, comment string) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "agent")
	agent := exec.Command("ssh-agent", "-D", "-a", socket) // until the test's end
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = agent.Process.Kill()
		_ = agent.Wait() // killed
	})
	text, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	named := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(named, text, 0o600); err != nil {
		t.Fatal(err)
	}
	await(t, "the agent takes no key", func() error {
		for _, args := range [][]string{{"ssh-keygen", "-q", "-c", "-P", "", "-C", comment, "-f", named}, {"ssh-add", "-q", named}} {
			cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
			cmd.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("%s: %w: %s", args[0], err, out)
			}
		}
		return nil
	})
	return socket
}
