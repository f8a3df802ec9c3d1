// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/node"
)

// nodePoolModel is a dcos_node_pool.
type nodePoolModel struct {
	Hosts            types.Map      `tfsdk:"hosts"`
	Role             types.String   `tfsdk:"role"`
	Bundle           types.Object   `tfsdk:"bundle"`
	MaxParallel      types.Int64    `tfsdk:"max_parallel"`
	MaxUnavailable   types.String   `tfsdk:"max_unavailable"`
	MaxFailures      types.String   `tfsdk:"max_failures"`
	Canaries         types.Int64    `tfsdk:"canaries"`
	Refresh          types.String   `tfsdk:"refresh"`
	Preflight        types.Object   `tfsdk:"preflight"`
	OnDestroy        types.String   `tfsdk:"on_destroy"`
	DrainTimeout     types.String   `tfsdk:"drain_timeout"`
	WaitForCloudInit types.Bool     `tfsdk:"wait_for_cloud_init"`
	Timeouts         timeouts.Value `tfsdk:"timeouts"`

	ID      types.String `tfsdk:"id"`
	Summary types.String `tfsdk:"summary"`
	Pending types.Map    `tfsdk:"pending"`
	Nodes   types.Map    `tfsdk:"nodes"`
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
	Status          string
	MachineID       string // "" until something was changed on the host
	HostKey         string
	BundleID        string // "" until DC/OS was installed
	DCOSVersion     string
	ConfigPackageID string
	DetectedIP      string
	Drift           string
	Error           string
}

// A poolHost is one host of a pool.
type poolHost struct {
	name    string
	address types.String
	ssh     types.Object
	object  types.Object
	poolRecord
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
		return "DC/OS is gone: " + h.Drift
	case h.BundleID == "":
		return "not installed"
	case h.BundleID != bundleID:
		return "has another bundle"
	case h.Drift != "":
		return "drifted: " + h.Drift
	}
	return ""
}

// hosts gives the hosts of a model with what is known of them, by name. Hosts
// that are not known yet are left out.
func (m *nodePoolModel) hosts() []*poolHost {
	nodes := m.Nodes.Elements()
	elements := m.Hosts.Elements()
	hosts := make([]*poolHost, 0, len(elements))
	for _, name := range slices.Sorted(maps.Keys(elements)) {
		object, ok := elements[name].(types.Object)
		if !ok || object.IsUnknown() || object.IsNull() {
			continue
		}
		attributes := object.Attributes()
		h := &poolHost{name: name, object: object}
		h.address, _ = attributes["address"].(types.String)
		h.ssh, _ = attributes["ssh"].(types.Object)
		if known, ok := nodes[name].(types.Object); ok {
			h.poolRecord = readPoolRecord(known)
		}
		hosts = append(hosts, h)
	}
	return hosts
}

// readPoolRecord is the inverse of nodeValue; of an unknown one nothing is known.
func readPoolRecord(object types.Object) poolRecord {
	attributes := object.Attributes()
	text := func(name string) string {
		value, _ := attributes[name].(types.String) // of an object that is not known there is none
		return value.ValueString()
	}
	return poolRecord{
		Status: text("status"), MachineID: text("machine_id"), HostKey: text("host_key"), BundleID: text("bundle_id"),
		DCOSVersion: text("dcos_version"), ConfigPackageID: text("config_package_id"), DetectedIP: text("detected_ip"),
		Drift: text("drift"), Error: text("error"),
	}
}

// nodeValue is what is known of a host as an element of nodes.
func (r poolRecord) nodeValue() attr.Value {
	text := func(s string) attr.Value {
		if s == "" {
			return types.StringNull()
		}
		return types.StringValue(s)
	}
	status := r.Status
	if status == "" {
		status = poolPending
	}
	return types.ObjectValueMust(poolNodeTypes, map[string]attr.Value{
		"status": types.StringValue(status), "machine_id": text(r.MachineID), "host_key": text(r.HostKey), "bundle_id": text(r.BundleID),
		"dcos_version": text(r.DCOSVersion), "config_package_id": text(r.ConfigPackageID), "detected_ip": text(r.DetectedIP),
		"drift": text(r.Drift), "error": text(r.Error),
	})
}

// observe takes over what was seen on a host that is done.
func (r *poolRecord) observe(state *node.State, hostKey, bundleID string) {
	*r = poolRecord{
		Status: poolDone, MachineID: state.MachineID, HostKey: hostKey, BundleID: bundleID,
		DCOSVersion: state.Version, ConfigPackageID: state.ConfigPackageID, DetectedIP: state.DetectedIP,
	}
}

// set writes what is known of the hosts into the outputs.
func (m *nodePoolModel) set(ctx context.Context, hosts []*poolHost, bundleID string) {
	nodes := make(map[string]attr.Value, len(hosts))
	values := make(map[string]attr.Value, len(hosts))
	pending := map[string]attr.Value{}
	for _, h := range hosts {
		nodes[h.name] = h.nodeValue()
		values[h.name] = h.object
		if words := h.toDo(bundleID); words != "" {
			pending[h.name] = types.StringValue(words)
		}
	}
	m.Hosts = types.MapValueMust(m.Hosts.ElementType(ctx), values)
	m.Nodes = types.MapValueMust(poolNodeType, nodes)
	m.Pending = types.MapValueMust(types.StringType, pending)
	m.Summary = types.StringValue(poolSummary(len(hosts)-len(pending), len(hosts)))
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

// node is the host as a dcos_node, whose work is the same.
func (m *nodePoolModel) node(h *poolHost) *nodeModel {
	n := &nodeModel{
		Address: h.address, Role: m.Role, Bundle: m.Bundle, SSH: h.ssh, Preflight: m.Preflight, OnDestroy: m.OnDestroy,
		DrainTimeout: m.DrainTimeout, WaitForCloudInit: m.WaitForCloudInit,
		DCOSVersion: types.StringValue(h.DCOSVersion), ConfigPackageID: types.StringValue(h.ConfigPackageID),
		DetectedIP: types.StringValue(h.DetectedIP), Drift: noDrift(),
	}
	if h.MachineID != "" {
		n.ID = types.StringValue(h.MachineID)
	}
	if h.HostKey != "" {
		n.HostKey = types.StringValue(h.HostKey)
	}
	return n
}

// member is the host as the fleet knows it.
func (m *nodePoolModel) member(cluster string, h *poolHost) fleet.Member {
	return fleet.Member{Cluster: cluster, Role: node.Role(m.Role.ValueString()), Host: h.identity()}
}

// asNode is what a dcos_node would have of the pool's.
func (m *nodePoolModel) asNode() *nodeModel { return &nodeModel{Role: m.Role, Bundle: m.Bundle} }
