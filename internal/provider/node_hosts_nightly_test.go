// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

//go:build nightly

package provider

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
)

// TestAccHostComesLateAndGoes applies while a host is still off, and destroys
// when its machine is gone for good: that fails, says how to abandon the node,
// and then works without the host.
func TestAccHostComesLateAndGoes(t *testing.T) {
	t.Parallel()
	s := newSite(t, requireAcceptance(t), 1, 0, 0)
	h := s.masters[0]
	s.step("it is still off", func(t *testing.T) {
		if err := h.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() {
			select {
			case <-t.Context().Done():
				done <- t.Context().Err()
			case <-time.After(8 * time.Second): // a machine that boots meanwhile
				done <- h.Start(t.Context())
			}
		}()
		s.tf.Apply()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		s.whole()
		s.tf.NoChanges()
	})
	s.step("it is gone", func(t *testing.T) {
		ssh := fmt.Sprintf("user = %q\nprivate_key = file(%q)\nconnect_timeout = \"3s\"", lab.UserNoPassword, s.lab.KeyFile())
		s.configure(siteOptions{ssh: ssh})
		if err := h.PowerCut(t.Context()); err != nil {
			t.Fatal(err)
		}
		out, err := s.tf.Try("destroy", "-auto-approve", "-no-color")
		if err == nil || !strings.Contains(out, "on_destroy") || !strings.Contains(out, h.Address) {
			t.Errorf("it should fail and say how to abandon the node: %v\n%s", err, out)
		}
		s.configure(siteOptions{ssh: ssh, node: `on_destroy = "abandon"`})
		s.tf.Apply()
		s.tf.Destroy()
		if out := s.tf.Run("state", "list"); strings.TrimSpace(out) != "" {
			t.Errorf("left in state: %s", out)
		}
	})
}

// TestAccMachineReplaced puts another machine at a node's address.
func TestAccMachineReplaced(t *testing.T) {
	t.Parallel()
	l := requireAcceptance(t)
	s := newSite(t, l, 1, 0, 0)
	s.tf.Apply()
	old := s.masters[0]
	if err := old.Destroy(t.Context()); err != nil {
		t.Fatal(err)
	}
	h, err := l.Create(t.Context(), old.Name, lab.WithAddress(old.Address), lab.WithMount(l.Shared(t), exhibitorDir))
	if err != nil {
		t.Fatal(err)
	}
	s.masters[0] = h
	if s.before[h.Name], err = h.Snapshot(t.Context()); err != nil {
		t.Fatal(err)
	}

	out := s.tf.Run("plan", "-no-color")
	if !strings.Contains(out, "Host Key Refused") || !strings.Contains(out, "SHA256:") {
		t.Errorf("the other host key is not reported:\n%s", out)
	}
	s.clean(h)

	shell := func(script string) {
		if out, err := h.Shell(t.Context(), script); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	// The user says that the new key is right. Other people have a file where DC/OS's logs go.
	shell("mkdir /var/log/mesos && echo theirs >/var/log/mesos/theirs")
	s.configure(siteOptions{node: fmt.Sprintf("ssh = { host_key = %q }", h.HostKey)})
	s.tf.Apply()
	s.whole()
	s.tf.NoChanges()

	// What an uninstall leaves that breaks off at its very end goes with the next.
	const record, kept = "/var/lib/dcos/.before-install", "/root/.kept"
	shell("cp -a " + record + " " + kept)
	state, err := os.ReadFile(filepath.Join(s.tf.Path, "terraform.tfstate"))
	if err != nil {
		t.Fatal(err)
	}
	if out := s.tf.Destroy(); !strings.Contains(out, "Left On The Host") || !strings.Contains(out, "/var/log/mesos/theirs") {
		t.Errorf("what stayed is not named:\n%s", out)
	}
	shell("grep -q theirs /var/log/mesos/theirs && rm -r /var/log/mesos")
	shell("mkdir -p /var/lib/dcos && mv " + kept + " " + record)
	s.tf.Write("terraform.tfstate", string(state))
	s.tf.Destroy()
	s.clean(h)
}

// TestAccMachineInThePlan replaces a node's machine by the pattern that the
// documentation shows: in one apply the node is removed from the old machine,
// which goes, and put on the new one, which has the same address.
func TestAccMachineInThePlan(t *testing.T) {
	t.Parallel()
	l := requireAcceptance(t)
	s := newSite(t, l, 1, 0, 0)
	old := s.masters[0]
	// The machine is this test's: it does what the provisioners ask for.
	machine := func(generation int) string {
		return fmt.Sprintf(`
resource "terraform_data" "machine" {
  triggers_replace = %d
  provisioner "local-exec" {
    when    = destroy
    command = "touch destroy && until [ -e destroyed ]; do sleep 0.1; done"
  }
}
`, generation)
	}
	s.tf.Write("machine.tf", machine(1))
	node := "machine = terraform_data.machine.id\n"
	s.configure(siteOptions{node: node})
	s.tf.Apply()
	s.whole()
	s.tf.NoChanges()

	replaced := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	go func() {
		replaced <- func() error {
			for {
				if _, err := os.Stat(filepath.Join(s.tf.Path, "destroy")); err == nil {
					break
				}
				select {
				case <-ctx.Done():
					return errors.New("the machine was never to be destroyed")
				case <-time.After(100 * time.Millisecond):
				}
			}
			after, err := old.Snapshot(ctx)
			if err != nil {
				return err
			}
			for _, c := range lab.Diff(s.before[old.Name], after) {
				if !strings.HasPrefix(c.Name, "file "+exhibitorDir) {
					t.Errorf("left on the old machine: %s", c)
				}
			}
			if err := old.Destroy(ctx); err != nil {
				return err
			}
			h, err := l.Create(ctx, old.Name, lab.WithAddress(old.Address), lab.WithMount(l.Shared(t), exhibitorDir))
			if err != nil {
				return err
			}
			s.masters[0] = h
			if s.before[h.Name], err = h.Snapshot(ctx); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(s.tf.Path, "destroyed"), nil, 0o600)
		}()
	}()
	s.tf.Write("machine.tf", machine(2))
	plan := s.tf.Plan()
	if change := plan[`dcos_node.master["n1"]`].Change; !slices.Equal(change.Actions, []string{"delete", "create"}) {
		t.Errorf("the plan is to %v", change.Actions)
	}
	s.tf.Apply("plan.bin")
	if err := <-replaced; err != nil {
		t.Fatal(err)
	}
	s.whole()
	s.tf.NoChanges()
	s.tf.Destroy("-target=dcos_node.master")
	s.clean(s.masters...)
}
