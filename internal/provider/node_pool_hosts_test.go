// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/terraform"
)

// What is wrong with a host is said at its own place, all of it in one plan.
func TestNodePoolHostsRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		hosts string
		wants []string
	}{
		"no map":     {`"10.0.0.1"`, []string{"Invalid Host", "are a map of objects"}},
		"a list":     {`[{ address = "10.0.0.1" }]`, []string{"Invalid Host", "are a map of objects"}},
		"null":       {`null`, []string{"Missing Configuration for Required Attribute"}},
		"no object":  {`{ a = "10.0.0.1" }`, []string{"Invalid Host", `hosts["a"]: a host is an object`}},
		"no address": {`{ a = {}, b = { address = null } }`, []string{`hosts["a"]: it has no address`, `The same on 1 other host: b.`}},
		"a user": {`{ a = { address = "ops@10.0.0.1" }, b = { address = "ops@10.0.0.2" } }`,
			[]string{`hosts["a"]: its address has to be`, `the user has an attribute of its own`}},
		"a list for text": {`{ a = { address = [] } }`, []string{`hosts["a"].address: an address is text`}},
		"misspelt":        {`{ a = { addr = "10.0.0.1" } }`, []string{`hosts["a"]: a host has no attribute "addr"`}},
		"misspelt in ssh": {`{ a = { address = "x", ssh = { prot = 22 } } }`, []string{`hosts["a"].ssh: there is no attribute "prot"`}},
		"ssh is text":     {`{ a = { address = "x", ssh = "root@x" } }`, []string{`hosts["a"].ssh: this is to be an object`}},
		"no number":       {`{ a = { address = "x", ssh = { port = "ssh" } } }`, []string{`hosts["a"].ssh.port: this is to be a number`}},
		"half a port":     {`{ a = { address = "x", ssh = { port = 22.5 } } }`, []string{`hosts["a"].ssh`}},
		"a port too large": {`{ a = { address = "x", ssh = { port = 65536 } } }`,
			[]string{`hosts["a"].ssh.port value must be between 1 and 65535`}},
		"no text":    {`{ a = { address = "x", machine = { id = "i" } } }`, []string{`hosts["a"].machine: a machine is text`}},
		"no machine": {`{ a = { address = "x", machine = "" } }`, []string{`hosts["a"].machine string length must be at least 1`}},
		"no user":    {`{ a = { address = "x", ssh = { user = "" } } }`, []string{`hosts["a"].ssh.user string length must be at least 1`}},
		"jump host": {`{ a = { address = "x", ssh = { jump_hosts = [{ address = "y" }, { user = "z" }] } } }`,
			[]string{`hosts["a"].ssh.jump_hosts[1].address: it has to be given`}},
		"no list": {`{ a = { address = "x", ssh = { jump_hosts = { address = "y" } } } }`,
			[]string{`hosts["a"].ssh.jump_hosts: this is to be a list`}},
		"no name": {`{ "" = { address = "x" } }`, []string{`hosts[""] string length must be at least 1`}},
		"twice": {`{ a = { address = "x" }, b = { address = "x", ssh = {} } }`,
			[]string{"Host Twice In The Pool", "a and b have the same address, x"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := terraform.New(t)
			d.Write("main.tf", lonePool(test.hosts))
			out, err := d.Try("plan", "-no-color")
			if err == nil {
				t.Fatalf("it was taken:\n%s", out)
			}
			mentions(t, out, test.wants...)
		})
	}
}

// What Terraform would convert for attributes whose types it knows is taken,
// in whatever form the map comes.
func TestNodePoolHostsTaken(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 300) + ".example"
	for name, hosts := range map[string]string{
		"a number as text":    `{ a = { address = "x", ssh = { port = "2222", user = 1000 } } }`,
		"a map":               `tomap({ a = { address = "x" }, b = { address = "y" } })`,
		"maps in a map":       `{ a = tomap({ address = "x" }) }`,
		"of different shapes": `{ a = { address = "x" }, b = { address = "y", ssh = null }, c = { address = "z", ssh = { jump_hosts = [] } } }`,
		"jump hosts":          `{ a = { address = "x", ssh = { host_key = "k", jump_hosts = tolist([{ address = "y", port = 22 }]) } } }`,
		"long and many": fmt.Sprintf(`merge({ long = { address = %q } }, `+
			`{ for i in range(1000) : "h${i}" => { address = "10.0.${floor(i / 250)}.${i %% 250}" } })`, long),
		"machines": `{ a = { address = "x", machine = 5 }, b = { address = "y", machine = null }, c = { address = "z", ` +
			`machine = terraform_data.later.id } }`,
		"none":    `{}`,
		"unknown": `terraform_data.later.output`,
		"unknown elements": `{ a = terraform_data.later.output, b = { address = terraform_data.later.id }, ` +
			`c = { address = "x", ssh = terraform_data.later.output } }`,
		"unknown ssh": `{ c = { address = "x", ssh = { user = terraform_data.later.id, port = terraform_data.later.output } } }`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := terraform.New(t)
			d.Write("main.tf", lonePool(hosts)+`
output "first" {
  value = try(dcos_node_pool.a.hosts["a"].address, "")
}
`)
			d.Run("plan", "-no-color")
		})
	}
}

// lonePool is a pool without a cluster's configuration.
func lonePool(hosts string) string {
	return terraform.RequiredProviders + fmt.Sprintf(`
provider "dcos" {
  ssh = {
    user     = "nobody"
    password = "not a password"
  }
}
resource "terraform_data" "later" {
  input = timestamp()
}
resource "dcos_node_pool" "a" {
  hosts = %s
  role  = "agent"
  bundle = {
    id           = terraform_data.later.id
    cluster_name = "c"
    dcos_version = "2.2.1"
    recipe       = terraform_data.later.id
  }
}
`, hosts)
}
