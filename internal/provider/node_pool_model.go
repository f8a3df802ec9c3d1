// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"encoding/json"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
	"github.com/dcos-install/terraform-provider-dcos/internal/packed"
)

// nodePoolModel is a dcos_node_pool. What has an element for each host is
// packed; see server.
type nodePoolModel struct {
	Hosts            types.String   `tfsdk:"hosts"`
	Role             types.String   `tfsdk:"role"`
	Bundle           types.Object   `tfsdk:"bundle"`
	MaxParallel      types.Int64    `tfsdk:"max_parallel"`
	MaxUnavailable   types.String   `tfsdk:"max_unavailable"`
	MaxFailures      types.String   `tfsdk:"max_failures"`
	Canaries         types.Int64    `tfsdk:"canaries"`
	Adopt            types.Set      `tfsdk:"adopt"`
	Refresh          types.String   `tfsdk:"refresh"`
	Preflight        types.Object   `tfsdk:"preflight"`
	OnDestroy        types.String   `tfsdk:"on_destroy"`
	DrainTimeout     types.String   `tfsdk:"drain_timeout"`
	WaitForCloudInit types.Bool     `tfsdk:"wait_for_cloud_init"`
	Timeouts         timeouts.Value `tfsdk:"timeouts"`

	ID      types.String `tfsdk:"id"`
	Summary types.String `tfsdk:"summary"`
	Pending types.String `tfsdk:"pending"`
	Nodes   types.String `tfsdk:"nodes"`
}

// States of a pool's host.
const (
	poolDone    = "done"
	poolFailed  = "failed"
	poolDrifted = "drifted"
	poolGone    = "gone"
	poolPending = "pending"
)

// A poolRecord is what is known of one host of a pool.
type poolRecord struct {
	Status      string
	MachineID   string // "" until something was changed on the host
	HostKey     string
	BundleID    string // "" until DC/OS was installed
	DCOSVersion string
	DetectedIP  string
	Error       string // why it failed, what has drifted, why it is gone
	// Claim is the id of the claim that is known of the host, kept in private
	// state (poolClaims); "" if none is.
	Claim string
	// Machine is the value of machine that the host had with it, as hosts has it; ""
	// if it had none.
	Machine string
}

// fields are the attributes of the record; "" stands for null.
func (r *poolRecord) fields() []recordField {
	return []recordField{
		{"status", &r.Status}, {"machine_id", &r.MachineID}, {"host_key", &r.HostKey}, {"bundle_id", &r.BundleID},
		{"dcos_version", &r.DCOSVersion}, {"detected_ip", &r.DetectedIP},
		{"error", &r.Error},
	}
}

type recordField struct {
	name  string
	value *string
}

// A poolHost is one host of a pool.
type poolHost struct {
	name    string
	address types.String
	machine types.String // which machine it is, in the user's words; null if nothing is said
	ssh     types.Object
	raw     packed.Value // as it is in hosts, encoded
	poolRecord
	former   *poolRecord // of a machine that the user says was rebuilt
	another  bool        // by machine: the machine's id has to be another one, then
	seen     bool        // refresh saw its machine
	state    *node.State // what refresh saw on an imported host
	differs  string      // in what an imported host differs from its bundle, in words
	named    bool        // adopt has it
	surveyed bool        // it was looked at for that
	adopts   string      // in what the node that is to be adopted differs from its bundle, in words
	refused  error       // why it cannot be adopted
	kept     bool        // raw is not the plan's: it has the former value of machine
}

// notKnownYet is what there is to do on a host of which not all is known.
const notKnownYet = "depends on values that are not known yet"

// notInstalled says that nothing was ever changed on the host.
func (h *poolHost) notInstalled() bool { return h.MachineID == "" }

// takeOver takes over what another pool knew of the host, in JSON; "" is
// nothing.
func (h *poolHost) takeOver(known string) {
	var r poolRecord
	if h.notInstalled() && known != "" && json.Unmarshal([]byte(known), &r) == nil {
		h.resume(r)
	}
}

// handOver is what another pool is told of the host.
func (h *poolHost) handOver() (string, error) {
	text, err := json.Marshal(h.poolRecord)
	return string(text), err
}

// identity tells hosts apart: where they are reached.
func (h *poolHost) identity() string {
	if port, ok := h.ssh.Attributes()["port"].(types.Int64); ok && !port.IsNull() {
		return net.JoinHostPort(h.address.ValueString(), strconv.FormatInt(port.ValueInt64(), 10))
	}
	return h.address.ValueString()
}

// pinned is the host key that the user names.
func (h *poolHost) pinned() string {
	key, _ := h.ssh.Attributes()["host_key"].(types.String) // without ssh there is none
	return key.ValueString()
}

// toDo says in words what there is to do on the host for it to have a bundle;
// "" means nothing.
func (h *poolHost) toDo(bundleID string) string {
	switch {
	case h.Status == poolFailed:
		return "failed: " + h.Error
	case h.Status == poolGone:
		return "DC/OS is gone: " + h.Error
	case h.another && h.machine.IsUnknown():
		return notKnownYet
	case h.another:
		return "another value of machine: installed anew if the machine id is another one, else nothing"
	case h.BundleID == "" && h.adopts != "":
		return "adopted: differs from the bundle: " + clipped(h.adopts, maxRecordError)
	case h.BundleID == "":
		return "not installed"
	case h.BundleID != bundleID && h.differs != "":
		return "differs from the bundle: " + clipped(h.differs, maxRecordError)
	case h.BundleID != bundleID:
		return "has another bundle"
	case h.Status == poolDrifted:
		return "drifted: " + h.Error
	}
	return ""
}

// hosts gives the hosts of a model with what is known of them, by name.
func (m *nodePoolModel) hosts(ctx context.Context) ([]*poolHost, diag.Diagnostics) {
	hosts, diags := readHosts(ctx, m.Hosts, tfpath.Root("hosts"))
	nodes, err := readNodes(m.Nodes)
	if err != nil {
		diags.Append(internalFault("reading the hosts of the pool", err))
	}
	for _, h := range hosts {
		h.poolRecord = nodes[h.name]
		h.Machine = h.machine.ValueString()
	}
	return hosts, diags
}

// unfinished says whether there is something to do on hosts of the state.
func (m *nodePoolModel) unfinished() bool {
	some := false
	err := packed.Value(m.Pending.ValueString()).Each(func(int, string, packed.Value) error {
		some = true
		return nil
	})
	return some || err != nil
}

// observe takes over what was seen on a host that is done.
func (r *poolRecord) observe(state *node.State, hostKey, bundleID string) {
	*r = poolRecord{
		Status: poolDone, MachineID: state.MachineID, HostKey: hostKey, BundleID: bundleID,
		DCOSVersion: state.Version, DetectedIP: state.DetectedIP,
	}
}

// set writes what is known of the hosts into the outputs.
func (m *nodePoolModel) set(hosts []*poolHost, bundleID string) {
	nodes, pending := make([]packed.Element, 0, len(hosts)), []packed.Element{}
	for _, h := range hosts {
		nodes = append(nodes, packed.Element{Name: h.name, Value: h.encode()})
		if words := h.toDo(bundleID); words != "" {
			pending = append(pending, packed.Element{Name: h.name, Value: packed.Text(words)})
		}
	}
	m.Summary = types.StringValue(poolSummary(len(hosts)-len(pending), len(hosts)))
	m.Nodes, m.Pending = packMap(nodes), packMap(pending)
}

// setHosts makes the hosts others than they were given, and writes what is
// known of them.
func (m *nodePoolModel) setHosts(hosts []*poolHost, bundleID string) diag.Diagnostics {
	all, err := packHosts(hosts)
	if err != nil {
		return diag.Diagnostics{internalFault("writing the hosts of the pool", err)}
	}
	m.Hosts = all
	m.set(hosts, bundleID)
	return nil
}

// setBrought writes what has become of hosts, of which so many were planned: others are
// left, and some may be on their former machines yet.
func (m *nodePoolModel) setBrought(hosts []*poolHost, planned int, bundleID string) diag.Diagnostics {
	if len(hosts) > planned || slices.ContainsFunc(hosts, func(h *poolHost) bool { return h.kept }) {
		return m.setHosts(hosts, bundleID)
	}
	m.set(hosts, bundleID)
	return nil
}

func poolSummary(done, all int) string {
	return thousands(done) + " of " + plural(all, "host") + " done"
}

// plural is a number of things in words: "1 host", "5,000 hosts".
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return thousands(n) + " " + thing + "s"
}

// thousands writes a number as people read it: 5,000.
func thousands(n int) string {
	text := strconv.Itoa(n)
	var b strings.Builder
	for i, digit := range text {
		if i > 0 && (len(text)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(digit)
	}
	return b.String()
}

// member is the host as the fleet knows it.
func (m *nodePoolModel) member(cluster string, h *poolHost) fleet.Member {
	return fleet.Member{Cluster: cluster, Role: node.Role(m.Role.ValueString()), Host: h.identity()}
}
