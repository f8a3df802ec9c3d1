// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"math/big"
	"net"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"golang.org/x/crypto/ssh"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/simhosts"
)

// An awayNode is a dcos_node in state, as Terraform hands it to the provider, on a simulated host.
type awayNode struct {
	server      tfprotov6.ProviderServer
	kind        tftypes.Object
	fleet       *simhosts.Fleet
	values      map[string]tftypes.Value
	interrupted bool // Terraform has interrupted the provider
}

const awayAddress = "127.0.0.1"

func newAwayNode(t *testing.T) *awayNode {
	t.Helper()
	fleet, err := simhosts.Start(simhosts.Options{Listen: net.JoinHostPort(awayAddress, "0"), Stays: "/var/log/mesos/theirs"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fleet.Close() }) // a test may have done so
	n := &awayNode{server: NewServer("test", nil)(), fleet: fleet}
	schemas, err := n.server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	n.kind = schemas.ResourceSchemas["dcos_node"].ValueType().(tftypes.Object) //nolint:forcetypeassert // it is what the schema says
	provider := schemas.Provider.ValueType().(tftypes.Object)                  //nolint:forcetypeassert // as well
	login := provider.AttributeTypes["ssh"].(tftypes.Object)                   //nolint:forcetypeassert // as well
	config := n.encode(t, provider, object(provider, map[string]tftypes.Value{
		"cache_directory": text(t.TempDir()),
		"ssh": object(login, map[string]tftypes.Value{"user": text("root"), "private_key": text(newPrivateKey(t)), "connect_timeout": text("2s"),
			"port": tftypes.NewValue(tftypes.Number, big.NewFloat(float64(fleet.Port())))}),
	}))
	configured, err := n.server.ConfigureProvider(t.Context(), &tfprotov6.ConfigureProviderRequest{Config: config})
	if err != nil {
		t.Fatal(err)
	}
	fine(t, configured.Diagnostics)
	key, _ := fleet.HostKey(awayAddress)
	n.values = map[string]tftypes.Value{"address": text(awayAddress), "role": text("agent"), "id": text(fleet.MachineID(awayAddress)),
		"host_key": text(key), "on_destroy": text(onDestroyUninstall), "bundle": object(n.kind.AttributeTypes["bundle"], map[string]tftypes.Value{
			"id": text("b"), "recipe": text(""), "cluster_name": text("c"), "dcos_version": text("2.2.1")})}
	return n
}

func newPrivateKey(t *testing.T) string {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block))
}

func (n *awayNode) encode(t *testing.T, kind tftypes.Type, value tftypes.Value) *tfprotov6.DynamicValue {
	t.Helper()
	d, err := tfprotov6.NewDynamicValue(kind, value)
	if err != nil {
		t.Fatal(err)
	}
	return &d
}

// refresh gives what is said, and whether the node is in state after it, as it was.
func (n *awayNode) refresh(t *testing.T) (said string, kept bool) {
	t.Helper()
	state := n.encode(t, n.kind, object(n.kind, n.values))
	resp, err := n.server.ReadResource(t.Context(), &tfprotov6.ReadResourceRequest{TypeName: "dcos_node", CurrentState: state})
	if err != nil {
		t.Fatal(err)
	}
	return words(resp.Diagnostics), n.held(t, resp.NewState)
}

// destroy does the same.
func (n *awayNode) destroy(t *testing.T) (said string, kept bool) {
	t.Helper()
	none := n.encode(t, n.kind, tftypes.NewValue(n.kind, nil))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if n.interrupted {
		cancel()
	}
	resp, err := n.server.ApplyResourceChange(ctx, &tfprotov6.ApplyResourceChangeRequest{TypeName: "dcos_node",
		PriorState: n.encode(t, n.kind, object(n.kind, n.values)), PlannedState: none, Config: none})
	if err != nil {
		t.Fatal(err)
	}
	return words(resp.Diagnostics), n.held(t, resp.NewState)
}

func (n *awayNode) held(t *testing.T, d *tfprotov6.DynamicValue) bool {
	t.Helper()
	value, err := d.Unmarshal(n.kind)
	if err != nil {
		t.Fatal(err)
	}
	if !value.IsNull() && !value.Equal(object(n.kind, n.values)) {
		t.Errorf("the state is %v", value)
	}
	return !value.IsNull()
}

// words are what diagnostics say, each with its severity.
func words(diags []*tfprotov6.Diagnostic) string {
	var b strings.Builder
	for _, d := range diags {
		b.WriteString(d.Severity.String() + ": " + d.Summary + ": " + d.Detail + "\n")
	}
	return b.String()
}

// TestNodeAway refreshes and destroys a node at whose address something else is than what it was: a machine with another host
// key, another machine whose key the user has named, none at all. A destroy that is interrupted keeps the node in state.
func TestNodeAway(t *testing.T) {
	t.Parallel()
	rebuilt := func(n *awayNode) { n.fleet.Forget(awayAddress) }
	named := func(n *awayNode) {
		n.fleet.Forget(awayAddress)
		key, _ := n.fleet.HostKey(awayAddress)
		n.values["host_key"] = text(key)
	}
	silent := func(n *awayNode) { _ = n.fleet.Close() }
	abandoned := func(n *awayNode) { n.values["on_destroy"] = text(onDestroyAbandon) }
	for name, c := range map[string]struct {
		what  string // refresh or destroy
		away  func(*awayNode)
		kept  bool
		said  []string // "": nothing
		dials int64    // connections that the host sees
	}{
		"refresh, DC/OS is gone":      {"refresh", func(*awayNode) {}, false, []string{""}, 1},
		"refresh, another key":        {"refresh", rebuilt, true, []string{"WARNING: Host Key Refused", awayAddress, "SHA256:"}, 1},
		"refresh, another machine":    {"refresh", named, false, []string{"WARNING: Machine Replaced", awayAddress, "installed anew"}, 1},
		"refresh, silence":            {"refresh", silent, true, []string{"WARNING: ", awayAddress, "connect"}, 0},
		"destroy":                     {"destroy", func(*awayNode) {}, false, []string{"WARNING: Left On The Host", "/var/log/mesos/theirs"}, 1},
		"destroy, another key":        {"destroy", rebuilt, true, []string{"ERROR: Host Key Refused", awayAddress, "SHA256:"}, 1},
		"destroy, another machine":    {"destroy", named, false, []string{"WARNING: Machine Replaced", "Nothing was changed on the machine"}, 1},
		"destroy, interrupted":        {"destroy", func(n *awayNode) { n.interrupted = true }, true, []string{"ERROR: ", awayAddress}, 0},
		"destroy, silence":            {"destroy", silent, true, []string{"ERROR: ", awayAddress, `on_destroy = "abandon"`}, 0},
		"destroy, abandoned":          {"destroy", abandoned, false, []string{""}, 0},
		"destroy, abandoned, silence": {"destroy", func(n *awayNode) { abandoned(n); silent(n) }, false, []string{""}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newAwayNode(t)
			c.away(n)
			do := n.refresh
			if c.what == "destroy" {
				do = n.destroy
			}
			said, kept := do(t)
			if kept != c.kept {
				t.Errorf("it is in state: %v; it said\n%s", kept, said)
			}
			for _, want := range c.said {
				if !strings.Contains(said, want) || want == "" && said != "" {
					t.Errorf("it said\n%s\nand not %q", said, want)
				}
			}
			if dials := n.fleet.Count().Connections; dials != c.dials {
				t.Errorf("%d connections, want %d", dials, c.dials)
			}
		})
	}
}
