// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
)

// privateTexts is private state, of texts.
type privateTexts map[string]string

func (p privateTexts) GetKey(_ context.Context, key string) ([]byte, diag.Diagnostics) {
	if p[key] == "" {
		return nil, nil
	}
	text, err := json.Marshal(p[key])
	if err != nil {
		return nil, diag.Diagnostics{internalFault("", err)}
	}
	return text, nil
}

// What another value of machine means, by what the last refresh saw.
func TestMachineChanged(t *testing.T) {
	t.Parallel()
	const other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFm0v2LvNyBXHnXGKkS8kR9cDrBlLiDmXHbhXlpqzPAH"
	a, b, none, unknown := types.StringValue("a"), types.StringValue("b"), types.StringNull(), types.StringUnknown()
	looked := privateTexts{lookedKey: "the-id"}
	refused := privateTexts{refusedKey: other}
	for name, c := range map[string]struct {
		from, to types.String
		private  privateTexts
		pin      string
		address  string
		want     machineChange
	}{
		"the same":                     {from: a, to: a, want: machineSame},
		"a first value":                {from: none, to: b, want: machineSame},
		"a first value, not known":     {from: none, to: unknown, want: machineSame},
		"taken away":                   {from: a, to: none, want: machineSame},
		"not known":                    {from: a, to: unknown, private: looked, want: machineReplaces},
		"not known, and refused":       {from: a, to: unknown, private: refused, want: machineReplaces},
		"not looked at":                {from: a, to: b, want: machineReplaces},
		"looked at":                    {from: a, to: b, private: looked, want: machineNamed},
		"another one looked at":        {from: a, to: b, private: privateTexts{lookedKey: "another"}, want: machineReplaces},
		"refused":                      {from: a, to: b, private: refused, want: machineOther},
		"refused, and the key pinned":  {from: a, to: b, private: refused, pin: other, want: machineSame},
		"refused, and another pinned":  {from: a, to: b, private: refused, pin: strings.Replace(other, "Fm0", "Fm1", 1), want: machineOther},
		"at another address":           {from: a, to: b, private: refused, address: "10.0.0.2", want: machineSame},
		"the same, with a key refused": {from: a, to: a, private: refused, want: machineSame},
	} {
		model := func(machine types.String) *nodeModel {
			return &nodeModel{Address: types.StringValue("10.0.0.1"), Role: types.StringValue("agent"), Machine: machine,
				ID: types.StringValue("the-id"), SSH: types.ObjectNull(nodeSSHType.AttrTypes)}
		}
		plan := model(c.to)
		if c.address != "" {
			plan.Address = types.StringValue(c.address)
		}
		if c.pin != "" {
			plan.SSH = types.ObjectValueMust(nodeSSHType.AttrTypes, map[string]attr.Value{"port": types.Int64Null(), "user": types.StringNull(),
				"host_key": types.StringValue(c.pin), "jump_hosts": types.ListNull(nodeJumpHostType), "proxy_command": types.StringNull()})
		}
		got, diags := machineChanged(t.Context(), c.private, model(c.from), plan)
		if diags.HasError() || got != c.want {
			t.Errorf("%s: %v, not %v; %v", name, got, c.want, diags)
		}
	}
}

// machineNode is the node a, on a machine by an expression; "" says nothing of it.
func machineNode(address, role, machine string) string {
	if machine != "" {
		machine = "\n  machine = " + machine
	}
	return fmt.Sprintf(`
resource "dcos_node" "a" {
  address = %q
  role    = %q
  bundle  = dcos_cluster_config.test.bundle%s
}
`, address, role, machine)
}

// anchored is a value that is not known at the plan that makes it.
const anchored = `
resource "terraform_data" "machine" {
  input = "i-9"
}
`

// The life of a node whose machine has words: the first ones, others for the same
// machine, a key that is refused on the same machine, another machine.
func TestNodeMachine(t *testing.T) {
	t.Parallel()
	s := newSimSite(t, simhosts.Options{Failures: 1})
	number := 0
	for s.fleet.Fails(simhosts.Address(number)) != simhosts.FailPostflight {
		number++
	}
	s.fleet.Mend()
	address := simhosts.Address(number)
	const node = "dcos_node.a"
	said := func() map[string]any { return s.values(node) }
	s.configure("", machineNode(address, "agent", ""))
	s.tf.Apply()
	_, since := s.worked("connect", 0)

	s.configure("", machineNode(address, "agent", `"i-1"`))
	s.tf.Apply("-refresh=false")
	if got, _ := s.worked("connect", since); len(got) != 0 || said()["machine"] != "i-1" {
		t.Errorf("the first value: connected to %v, %v", got, said()["machine"])
	}
	s.configure("", machineNode(address, "agent", "terraform_data.machine.output")+anchored)
	if c := s.tf.Plan()[node].Change; !slices.Equal(c.Actions, []string{"delete", "create"}) {
		t.Errorf("a value that is not known: %v", c.Actions)
	}
	before := said()
	s.configure("", machineNode(address, "agent", `"i-1b"`))
	if c := s.tf.Plan()[node].Change; !slices.Equal(c.Actions, []string{"update"}) || c.Unknown["id"] != nil {
		t.Errorf("another word for the same machine: %v, unknown %v", c.Actions, c.Unknown)
	}
	s.fleet.Reinstall(address) // between plan and apply: another machine with the same key
	out, err := s.tf.Try("apply", "-no-color", "plan.bin")
	if err == nil || said()["machine"] != "i-1" {
		t.Errorf("another machine was taken for the same: %v, %v", err, said()["machine"])
	}
	mentions(t, out, "Machine Replaced", "no -refresh=false")
	mentions(t, s.tf.Apply(), "Machine Replaced", "1 added")
	if after := said(); after["id"] == before["id"] || after["host_key"] != before["host_key"] {
		t.Errorf("with the same key: %v, then %v", before, after)
	}
	s.configure("", machineNode(address, "agent", `"i-1c"`))
	_, since = s.worked("connect", 0)
	s.tf.Apply()
	if got, _ := s.worked("upgrade", since); len(got) != 0 || said()["machine"] != "i-1c" {
		t.Errorf("another word for the same machine: %v %v", got, said()["machine"])
	}
	s.tf.NoChanges()

	// Somebody with another key says that it is the same machine.
	before = said()
	s.fleet.Rekey(address)
	mentions(t, s.tf.Run("plan", "-no-color"), "Host Key Refused", "another value of machine", "No changes")
	s.configure("", machineNode(address, "agent", `"i-2"`))
	out, err = s.tf.Try("apply", "-no-color", "-auto-approve")
	if err == nil {
		t.Errorf("it was taken:\n%s", out)
	}
	mentions(t, out, "Machine Replaced", "forgets the old key", "Machine Is The Same", "systemd-machine-id-setup")
	if after := said(); after["host_key"] != before["host_key"] || after["machine"] != "i-1c" || !s.fleet.Node(address).Installed {
		t.Errorf("after the refusal: %v", after)
	}

	// Another machine, on which the installation fails at first.
	s.fleet.Forget(address)
	s.fleet.Break()
	if out, err := s.tf.Try("apply", "-no-color", "-auto-approve"); err == nil {
		t.Errorf("it was installed:\n%s", out)
	}
	key, _ := s.fleet.HostKey(address)
	if after := said(); after["id"] != s.fleet.MachineID(address) || after["host_key"] != key || after["machine"] != "i-2" {
		t.Errorf("after a failure on the other machine: %v", after)
	}
	s.fleet.Mend()
	s.tf.Apply()
	if after := said(); after["id"] != s.fleet.MachineID(address) || after["host_key"] != key || after["machine"] != "i-2" ||
		!s.fleet.Node(address).Installed {
		t.Errorf("on the other machine: %v", after)
	}
	s.tf.NoChanges()

	// An imported node, of which nothing is known that it could be installed from.
	s.tf.Run("state", "rm", node)
	s.tf.Run("import", "-no-color", node, address)
	s.tf.Apply()
	s.fleet.Forget(address)
	s.configure("", machineNode(address, "agent", `"i-3"`))
	s.tf.Apply()
	if after := said(); after["id"] != s.fleet.MachineID(address) || !s.fleet.Node(address).Installed {
		t.Errorf("an imported node on another machine: %v", after)
	}
	s.tf.NoChanges()
	s.tf.Destroy()
	if s.fleet.Node(address).Installed {
		t.Error("DC/OS is still there")
	}
}
