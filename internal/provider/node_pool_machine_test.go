// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
)

// onMachines gives a map of hosts a machine each, by an expression for its number.
func onMachines(from, to int, machine func(int) string) string {
	var b strings.Builder
	b.WriteString("{\n")
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "    h%d = { address = %q, machine = %s }\n", i, simhosts.Address(i), machine(i))
	}
	return b.String() + "  }"
}

// of gives a host of the pool a as the state has it, of its nodes or of its hosts.
func (s *simSite) of(attribute string, number int) map[string]any {
	s.t.Helper()
	all, ok := s.state()[attribute].(map[string]any)
	if !ok {
		s.t.Fatalf("no %s in state", attribute)
	}
	one, _ := all[fmt.Sprintf("h%d", number)].(map[string]any) // none is empty
	return one
}

// The life of a pool's hosts whose machines have words.
func TestNodePoolMachine(t *testing.T) {
	t.Parallel()
	const n = 4
	s := newSimSite(t, simhosts.Options{})
	words := map[int]string{0: `"i-0"`, 1: `"i-1"`, 2: "2", 3: `"i-3"`} // a number is text, too
	hosts := func() string { return onMachines(0, n, func(i int) string { return words[i] }) }
	s.configure("", pool("a", s.hosts(0, n), ""))
	s.tf.Apply()

	_, since := s.worked("connect", 0)
	s.configure("", pool("a", hosts(), ""))
	s.tf.Apply("-refresh=false")
	if got, _ := s.worked("connect", since); len(got) != 0 || fmt.Sprint(s.of("hosts", 2)["machine"]) != "2" {
		t.Errorf("the first values: connected to %v, %v", got, s.of("hosts", 2))
	}
	s.tf.NoChanges()

	words[1] = `"i-1b"`
	s.configure("", pool("a", hosts(), ""))
	before := s.of("nodes", 1)
	mentions(t, s.tf.Apply("-refresh=false"), "1 of 4 Hosts To Do", "another value of machine: installed anew if")
	if got, _ := s.worked("install", since); len(got) != 0 || s.of("hosts", 1)["machine"] != "i-1b" ||
		fmt.Sprint(s.of("nodes", 1)) != fmt.Sprint(before) {
		t.Errorf("another word for the same machine: %v, %v", got, s.of("nodes", 1))
	}
	s.tf.NoChanges()

	// Somebody with another key says that it is the same machine.
	s.fleet.Rekey(simhosts.Address(2))
	words[2] = `"i-2"`
	s.configure("", pool("a", hosts(), ""))
	before = s.of("nodes", 2)
	out, err := s.tf.Try("apply", "-no-color", "-auto-approve")
	if err == nil {
		t.Errorf("it was taken:\n%s", out)
	}
	mentions(t, out, "Host Key Refused", "Machine Is The Same", "still is the only one")
	after := s.of("nodes", 2)
	if after["host_key"] != before["host_key"] || after["machine_id"] != before["machine_id"] || after["status"] != poolFailed ||
		s.of("hosts", 2)["machine"] != "2" {
		t.Errorf("after the refusal: %v, %v", after, s.of("hosts", 2))
	}

	// Another machine; and one whose word is not known before apply.
	s.fleet.Forget(simhosts.Address(2))
	words[3] = "terraform_data.machine.output"
	s.configure("", pool("a", hosts(), "")+anchored)
	mentions(t, s.tf.Apply(), "2 of 4 Hosts To Do", "1 host: "+notKnownYet)
	key, _ := s.fleet.HostKey(simhosts.Address(2))
	if after := s.of("nodes", 2); after["machine_id"] != s.fleet.MachineID(simhosts.Address(2)) || after["host_key"] != key ||
		after["status"] != poolDone {
		t.Errorf("on the other machine: %v", after)
	}
	if got, _ := s.worked("install", since); !slices.Equal(got, []string{simhosts.Address(2)}) || s.of("hosts", 3)["machine"] != "i-9" {
		t.Errorf("installed on %v; %v", got, s.of("hosts", 3))
	}
	s.tf.NoChanges()
	s.tf.Destroy()
	if got := s.fleet.Count().Installed; got != 0 {
		t.Errorf("%d installed", got)
	}
}

// masterNodes are three masters, on machines by an expression for each.
func masterNodes(machine func(int) string) string {
	var b strings.Builder
	for i := range 3 {
		b.WriteString(strings.Replace(machineNode(simhosts.Address(i), "master", machine(i)), `"a"`, fmt.Sprintf(`"m%d"`, i), 1))
	}
	return b.String()
}

// Masters whose machines are others go with them: a plan in which the ensemble loses more
// than it can spare is refused, for nodes and for a pool. Other words for the same machines
// are nothing to it.
func TestMachinesOfMasters(t *testing.T) {
	t.Parallel()
	masterPool := func(machine func(int) string) string {
		return strings.Replace(pool("a", onMachines(0, 3, machine), ""), `"agent"`, `"master"`, 1)
	}
	for name, masters := range map[string]func(func(int) string) string{"nodes": masterNodes, "pool": masterPool} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSimSite(t, simhosts.Options{Listen: "0.0.0.0:0"})
			s.masters = 3
			named := func(word string) func(int) string {
				return func(i int) string { return fmt.Sprintf(`"%s-%d"`, word, i) }
			}
			refused := func(when string) {
				t.Helper()
				out, err := s.tf.Try("plan", "-no-color")
				if err == nil {
					t.Errorf("%s: it was planned:\n%s", when, out)
				}
				mentions(t, out, "More Masters Removed Than Can Be Spared", "of 3 would be removed")
			}
			s.configure("", masters(named("i")))
			s.tf.Apply()
			s.configure("", masters(named("other")))
			_, since := s.worked("install", 0)
			s.tf.Apply()
			if got, _ := s.worked("install", since); len(got) != 0 {
				t.Errorf("installed on %v", got)
			}
			s.configure("", masters(func(int) string { return "terraform_data.machine.output" })+anchored)
			refused("values that are not known")
			// One that has come already is no loss.
			s.fleet.Forget(simhosts.Address(1))
			one := func(i int) string {
				if i == 1 {
					return `"new"`
				}
				return named("other")(i)
			}
			s.configure("", masters(one))
			s.tf.Apply()
			if got, _ := s.worked("install", since); !slices.Equal(got, []string{simhosts.Address(1)}) {
				t.Errorf("installed on %v", got)
			}
			for i := range 3 {
				s.fleet.Forget(simhosts.Address(i))
			}
			s.configure("", masters(named("third")))
			refused("three other machines")
			s.provider = "allow_ensemble_loss = true"
			s.configure("", masters(named("third")))
			s.tf.Apply()
			s.tf.NoChanges()
		})
	}
}
