// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	tfpath "github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote/remotetest"
)

// Hosts are reached through a command of the configuration; what in it is not
// honoured is told once, and what is wrong in it at plan, with its line.
func TestConfigFile(t *testing.T) {
	t.Parallel()
	jump := remotetest.StartSSHD(t)
	s := newSimSite(t, simhosts.Options{})
	write := func(name, text string) string {
		path := filepath.Join(s.tf.Path, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file := "ForwardAgent yes\nHost other\n ControlMaster auto\nHost *\n LogLevel QUIET\n StrictHostKeyChecking accept-new\n" +
		fmt.Sprintf(" ProxyCommand ssh -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -i %s -p %d -W [%%h]:%%p %s@%s\n",
			write("jump", jump.Key), jump.Port, jump.User, jump.Host)
	s.ssh = fmt.Sprintf("config_file = %q", write("config", file))
	node := fmt.Sprintf("resource \"dcos_node\" \"b\" {\n  address = %q\n  role = \"agent\"\n"+
		"  bundle = dcos_cluster_config.test.bundle\n}\n", simhosts.Address(2))
	s.configure("", pool("a", s.hosts(0, 2), "")+node)
	out, err := s.tf.Try("plan", "-no-color")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	mentions(t, out, "SSH Options Not Honoured", "ForwardAgent")
	if strings.Count(out, "SSH Options Not Honoured") != 1 || strings.Contains(out, "ControlMaster") {
		t.Errorf("it is not told once:\n%s", out)
	}
	s.tf.Apply()
	s.tf.NoChanges()
	if jump.Accepted() == 0 {
		t.Error("nobody came through the command")
	}
	path := write("config", file+"Host *\n Colour blue\n")
	if out, err = s.tf.Try("plan", "-no-color"); err == nil {
		t.Errorf("a file that ssh refuses is taken:\n%s", out)
	}
	mentions(t, out, "Invalid SSH Configuration", "ssh.config_file cannot be used", path+": line 9", "ssh -G -F")
	write("config", file)
	s.tf.Destroy()
}

// What one resource has told another one does not.
func TestPlanReach(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "config")
	const file = "Host a*\n ForwardAgent yes\nHost b*\n Compression yes\nHost c\n HostName -x\nHost e*\n Tunnel yes\n"
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	s, diags := configure(t, map[string]any{"ssh": map[string]any{"config_file": path, "private_key": testKey(t, "")}}, nil)
	if diags.HasError() {
		t.Fatal(diags)
	}
	for _, c := range []struct {
		hosts []string
		want  string
	}{
		{[]string{"a1", "a2"}, "ForwardAgent"}, {[]string{"a3"}, ""}, {[]string{"a1", "b1"}, "Compression"}, {[]string{"d", "c"}, "HostName"},
	} {
		targets := make([]remote.Target, len(c.hosts))
		for i, h := range c.hosts {
			targets[i].Address = h
		}
		diags := s.planReach(t.Context(), targets, func(i int) tfpath.Path { return tfpath.Root(c.hosts[i]) })
		have := ""
		for _, d := range diags {
			have += d.Summary() + ": " + d.Detail()
		}
		if (c.want == "") != (have == "") || !strings.Contains(have, c.want) || strings.Count(have, "Host:") > 1 {
			t.Errorf("%q: have %q", c.hosts, have)
		}
	}
	// What is connected to at once says what is wrong then.
	for want, target := range map[string]remote.Target{"Tunnel": {Address: "e1"}, "": {Address: "c"}} {
		if diags := s.tellReach(t.Context(), target); diags.HasError() || (len(diags) > 0) != (want != "") ||
			want != "" && !strings.Contains(diags[0].Detail(), want) {
			t.Errorf("%s: have %v", target.Address, diags)
		}
	}
}
