// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package node

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/release"
)

// found judges facts, "key=value", on a host of a bundle, and gives what one check finds.
func found(t *testing.T, check string, role Role, b *bundle.Bundle, accounts []bundle.Account, facts ...string) []Finding {
	t.Helper()
	f := &frame{}
	for _, l := range facts {
		key, value, _ := strings.Cut(l, "=")
		f.lines = append(f.lines, frameLine{key, value})
	}
	now := time.Unix(1, 0)
	h := &hostFacts{State: State{Installed: None, Clock: now}, f: f, before: now, after: now, accounts: accounts}
	all := h.judge(&Options{Role: role, Bundle: b, Address: "10.0.0.1"}, true)
	return slices.DeleteFunc(all, func(f Finding) bool { return f.Name != check })
}

// TestInstanceRole judges what the metadata service and S3 say to who asks as exhibitor and REX-Ray do.
func TestInstanceRole(t *testing.T) {
	t.Parallel()
	site := func(pairs ...string) *bundle.Bundle {
		b := testBundle()
		b.Arguments = map[string]string{"exhibitor_storage_backend": "aws_s3", "exhibitor_explicit_keys": "false", "num_masters": "3",
			"aws_region": "eu-1", "s3_bucket": "b", "rexray_config_preset": "aws"}
		for pair := range slices.Chunk(pairs, 2) {
			b.Arguments[pair[0]] = pair[1]
		}
		return b
	}
	for name, c := range map[string]struct {
		role  Role
		b     *bundle.Bundle
		facts []string
		want  []string // severity, and a part of it
	}{
		"master, all well":    {Master, site(), []string{"instance_role=200 9", "bucket=b 403 eu-1"}, nil},
		"agent, all well":     {Agent, site(), []string{"instance_role=200 9"}, nil},
		"master, tokens":      {Master, site(), []string{"instance_role=401 300"}, []string{`error http_tokens = "optional"`}},
		"agent, tokens":       {PublicAgent, site(), []string{"instance_role=401 300"}, []string{`warning http_tokens = "optional"`}},
		"master, no role":     {Master, site(), []string{"instance_role=404 300"}, []string{"error a machine without a role"}},
		"master, empty":       {Master, site(), []string{"instance_role=200 0"}, []string{"error a machine without a role"}},
		"agent, no role":      {Agent, site(), []string{"instance_role=404 300"}, []string{"warning a machine without a role"}},
		"master, off":         {Master, site(), []string{"instance_role=403 300"}, []string{`error http_endpoint = "enabled"`}},
		"master, elsewhere":   {Master, site(), []string{"instance_role=000 0"}, []string{"error 169.254.169.254 does not answer"}},
		"master, broken":      {Master, site(), []string{"instance_role=500 0"}, []string{"error answers 500"}},
		"no curl":             {Master, site(), []string{"instance_role="}, nil},
		"keys are given":      {Master, site("exhibitor_explicit_keys", "true"), []string{"instance_role=401 300"}, nil},
		"one master":          {Master, site("num_masters", "1"), []string{"instance_role=401 300", "bucket=b 404 "}, nil},
		"another backend":     {Master, site("exhibitor_storage_backend", "zookeeper"), []string{"instance_role=401 300"}, nil},
		"agent, no volumes":   {Agent, site("rexray_config_preset", ""), []string{"instance_role=401 300"}, nil},
		"no bucket":           {Master, site(), []string{"instance_role=200 9", "bucket=b 404 "}, []string{"error no bucket b in S3"}},
		"no bucket, and keys": {Master, site("exhibitor_explicit_keys", "true"), []string{"bucket=b 404 "}, []string{"error no bucket b in S3"}},
		"bucket elsewhere":    {Master, site(), []string{"instance_role=200 9", "bucket=b 301 us-1"}, []string{"error b in the region us-1"}},
		"bucket of an agent":  {Agent, site(), []string{"instance_role=200 9", "bucket=b 404 "}, nil},
		"no answer of S3":     {Master, site(), []string{"instance_role=200 9", "bucket=b  "}, nil},
	} {
		got := slices.Concat(found(t, "instance-role", c.role, c.b, nil, c.facts...), found(t, "exhibitor-backend", c.role, c.b, nil, c.facts...))
		if len(got) != len(c.want) {
			t.Errorf("%s: %v", name, got)
			continue
		}
		for i, want := range c.want {
			severity, text, _ := strings.Cut(want, " ")
			if string(got[i].Severity) != severity || !strings.Contains(got[i].String(), text) {
				t.Errorf("%s: %s: %s", name, got[i].Severity, got[i])
			}
		}
	}
}

// TestAsked holds who asks for what: a host is not asked for what no service of its role needs.
func TestAsked(t *testing.T) {
	t.Parallel()
	b := testBundle()
	b.Arguments = map[string]string{"exhibitor_storage_backend": "aws_s3", "exhibitor_explicit_keys": "false", "num_masters": "3",
		"aws_region": "cn-north-1", "s3_bucket": "b.ucket", "bootstrap_url": "file:///opt/dcos_install_tmp"}
	accounts := []bundle.Account{{Account: release.Account{User: "dcos_a", Group: "docker"}}, {Account: release.Account{User: "dcos_b"}},
		{Account: release.Account{User: "dcos c"}}}
	asked := func(role Role) []string {
		s := &session{opts: Options{Role: role, Bundle: b}}
		return slices.DeleteFunc(strings.Split(s.wishes(nil, accounts).String(), "\n"), func(line string) bool {
			return !strings.HasPrefix(line, "instance_role") && !strings.HasPrefix(line, "bucket ") && !strings.HasPrefix(line, "account ")
		})
	}
	want := []string{"account dcos_a docker", "account dcos_b -", "instance_role", "bucket s3.cn-north-1.amazonaws.com.cn b.ucket"}
	if got := asked(Master); !slices.Equal(got, want) {
		t.Errorf("a master is asked %q", got)
	}
	if got := asked(Agent); !slices.Equal(got, want[:2]) {
		t.Errorf("an agent is asked %q", got)
	}
}

// TestUsers asks of users and groups as they may be on a host, in every shell, and judges the answers.
func TestUsers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"passwd": "dcos_well:x:900:900::/:/bin/sh\ndcos_primary:x:901:950::/:/bin/sh\ndcos_member:x:902:902::/:/bin/sh\n" +
			"dcos_other:x:903:903::/:/bin/sh\ndcos_lonely:x:904:904::/:/bin/sh\n",
		"group": "docker:x:950:a,dcos_member,b\ndcos_well:x:900:\ndcos_other:x:903:\ndcos_left:x:905:\n",
		// The shell's own look-up, without the machine's users.
		"getent": "#!/bin/sh\ngrep \"^$2:\\|^[^:]*:[^:]*:$2:\" \"$TEST_ROOT/$1\" | grep . | head -n 1\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	account := func(user, group string) bundle.Account {
		return bundle.Account{Account: release.Account{User: user, Group: group}, Package: "p--1"}
	}
	all := []bundle.Account{
		account("dcos_well", ""), account("dcos_new", ""), account("dcos_primary", "docker"), account("dcos_member", "docker"),
		account("dcos_new", "docker"), account("dcos_new", "none"), account("dcos_well", "none"), account("dcos_other", "docker"),
		account("dcos_left", ""), account("dcos_left", "docker"),
	}
	b := testBundle()
	text, err := scriptText("preflight")
	if err != nil {
		t.Fatal(err)
	}
	wishes := (&session{opts: Options{Role: Agent, Bundle: b}}).wishes(nil, all).String()
	var asked strings.Builder
	for line := range strings.Lines(wishes) {
		if strings.HasPrefix(line, "account ") {
			asked.WriteString(line)
		}
	}
	want := map[string]string{
		"no group none: dcos_new none":       "groupadd --system none",
		"no group none: dcos_well none":      "groupadd --system none",
		"dcos_other with the primary group":  "usermod -a -G docker dcos_other",
		"a group dcos_left without its user": "groupdel dcos_left",
	}
	for _, sh := range shells(t) {
		cmd := exec.CommandContext(t.Context(), sh[0], append(sh[1:], "-c", text)...)
		cmd.Stdin = strings.NewReader(asked.String())
		cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "TEST_ROOT=" + dir}
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v", sh, err)
		}
		f := &frame{}
		if _, err := f.Write(out); err != nil {
			t.Fatal(err)
		}
		h := &hostFacts{f: f, accounts: all}
		got := checkUsers(h, &Options{Bundle: b})
		if len(got) != len(want) {
			t.Errorf("%v: %v", sh, got)
		}
		for _, g := range got {
			ok := false
			for text, hint := range want {
				what, who, _ := strings.Cut(text, ": ")
				user, _, _ := strings.Cut(who, " ")
				ok = ok || strings.Contains(g.Found, what) && strings.Contains(g.Needed, user) && g.Hint == hint
			}
			if !ok || g.Severity != "" {
				t.Errorf("%v: %s", sh, g)
			}
		}
	}
	by := found(t, "users", Master, b, all[:1], "account=dcos_well - manual")
	if len(by) != 1 || !strings.Contains(by[0].Found, "manual_host_users") || by[0].Severity != SeverityError {
		t.Errorf("users made by hand: %v", by)
	}
}
