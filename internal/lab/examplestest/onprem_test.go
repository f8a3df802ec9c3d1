// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package examplestest

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

func TestOnPremStatic(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.Require(t), "static", 1)
	s.remember()
	tf := open(t, "onprem-static", s.variables(nil))

	tf.Apply()
	whole(t, address(tf), 3, 2)
	for _, h := range s.masters {
		if list := onHost(t, s.agents[0], "cat /opt/mesosphere/etc/master_list"); !strings.Contains(list, h.Address) {
			t.Errorf("the agent's list of masters has no %s: %s", h.Address, list)
		}
	}
	tf.NoChanges()

	tf.Destroy()
	s.clean()
}

// exhibitorDir is where masters have the directory that they share.
const exhibitorDir = "/srv/exhibitor"

func TestOnPremVRRP(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	// The file of the example, with this site's values as its README asks for.
	const virtual = "198.18.90.10"
	keepalived := exampleFile(t, "onprem-vrrp/keepalived.conf")
	for name, value := range map[string]string{"VIRTUAL_ADDRESS": virtual + "/15", "INTERFACE": "host0", "ROUTER_ID": "51"} {
		before, after, found := strings.Cut(keepalived, "\n$"+name+"=")
		_, rest, _ := strings.Cut(after, "\n")
		if !found {
			t.Fatalf("keepalived.conf has no %s to set", name)
		}
		keepalived = before + "\n$" + name + "=" + value + "\n" + rest
	}
	s := newSite(t, l, "vrrp", 0, lab.WithMount(l.Shared(t), exhibitorDir),
		lab.WithPackages("keepalived"), lab.WithFile("/etc/keepalived/keepalived.conf", keepalived, 0o644))
	holder := func() *lab.Host {
		var held *lab.Host
		await(t, "the virtual address is not one master's", func() error {
			held = nil
			for _, h := range s.masters {
				if !h.Running() {
					continue
				}
				out, err := h.Shell(t.Context(), "ip -4 -o address show dev host0")
				if err != nil {
					return err
				}
				if strings.Contains(out, " "+virtual+"/") {
					if held != nil {
						return fmt.Errorf("%s and %s have it", held.Name, h.Name)
					}
					held = h
				}
			}
			if held == nil {
				return errors.New("nobody has it")
			}
			return nil
		})
		return held
	}
	holder()
	s.remember()
	tf := open(t, "onprem-vrrp", s.variables(map[string]any{"virtual_address": virtual}))

	tf.Apply()
	whole(t, address(tf), 3, 1)
	for _, h := range s.masters {
		if out := onHost(t, s.agents[0], "cat /opt/mesosphere/etc/dns_config /opt/mesosphere/etc/master_list 2>&1 || :"); strings.Contains(out,
			h.Address) {
			t.Errorf("the agent's configuration has a master's address: %s", out)
		}
	}
	tf.NoChanges()

	// The address moves when the power of the master that has it goes.
	first := holder()
	if err := first.PowerCut(t.Context()); err != nil {
		t.Fatal(err)
	}
	whole(t, virtual, 2, 1)
	if second := holder(); second.Name == first.Name {
		t.Errorf("%s has the address, and no power", second.Name)
	}
	if err := first.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	whole(t, virtual, 3, 1)

	tf.Destroy()
	// What is keepalived's: the address, and what it runs to look at DC/OS.
	s.clean(exhibitorDir, virtual, "keepalived", "/usr/bin/curl")
}

func TestSharedFilesystem(t *testing.T) {
	t.Parallel()
	l := lab.Require(t)
	shared := l.Shared(t)
	s := newSite(t, l, "sharedfs", 1, lab.WithMount(shared, exhibitorDir))
	s.remember()
	tf := open(t, "shared-filesystem", s.variables(map[string]any{"load_balancer": s.balancer().Address}))

	tf.Apply()
	whole(t, address(tf), 3, 2)
	for _, h := range s.masters {
		if found, err := filepath.Glob(filepath.Join(shared, h.Address+"*")); err != nil || len(found) == 0 {
			t.Errorf("%s is not in the shared directory: %v", h.Name, err)
		}
	}
	tf.NoChanges()

	tf.Destroy()
	s.clean(exhibitorDir)
}

// address is where the example says that the cluster is.
func address(tf *terraform.Dir) string {
	tf.T.Helper()
	var text string
	tf.Output("url", &text)
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		tf.T.Fatalf("the output url is %q", text)
	}
	return u.Hostname()
}

func exampleFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "examples", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
