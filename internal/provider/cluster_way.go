// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	tfpath "github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
)

// A clusterWay is how a running cluster is reached: by a URL, through the SSH
// connection to one of its hosts, or both.
type clusterWay struct {
	URL           types.String     `tfsdk:"url"`
	SSH           *clusterSSHModel `tfsdk:"ssh"`
	CACertificate types.String     `tfsdk:"ca_certificate"`
	Insecure      types.Bool       `tfsdk:"insecure"`
}

// clusterSSHModel is the host through which a cluster is reached.
type clusterSSHModel struct {
	Address types.String `tfsdk:"address"`
	nodeSSHModel
}

// wayGiven asks a configuration for a way to a cluster.
func wayGiven(ctx context.Context, config tfsdk.Config) diag.Diagnostics {
	var address types.String
	var ssh types.Object
	diags := config.GetAttribute(ctx, tfpath.Root("url"), &address)
	diags.Append(config.GetAttribute(ctx, tfpath.Root("ssh"), &ssh)...)
	if address.IsNull() && ssh.IsNull() {
		diags.AddAttributeError(tfpath.Root("url"), "No Way To The Cluster",
			"Give url (Admin Router on a master, or the load balancer before the masters), or ssh with the address of a master, or both.")
	}
	return diags
}

// reader goes the way to the cluster; the function that comes with it ends that. If
// the cluster may be down, a host on the way that does not answer is a warning, and
// there is no reader.
func (w *clusterWay) reader(ctx context.Context, s *shared, mayBeDown bool) (*fleet.StatusReader, func(), diag.Diagnostics) {
	var diags diag.Diagnostics
	base, err := url.Parse(w.base())
	if err != nil { // its validator has seen it
		diags.Append(internalFault("reading the url", err))
		return nil, nil, diags
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: clusterStepLimit,
		ResponseHeaderTimeout: clusterStepLimit, MaxResponseHeaderBytes: 64 << 10}
	transport.TLSClientConfig, err = clusterTLS(w.CACertificate.ValueString(), w.Insecure.ValueBool())
	if err != nil {
		diags.AddAttributeError(tfpath.Root("ca_certificate"), "Invalid Certificate", sentence(err.Error()))
		return nil, nil, diags
	}
	closer := transport.CloseIdleConnections
	if w.SSH != nil {
		conn, more := w.dial(ctx, s, mayBeDown)
		if diags.Append(more...); conn == nil {
			return nil, nil, diags
		}
		transport.Proxy = nil
		transport.DialContext = func(ctx context.Context, _, address string) (net.Conn, error) {
			host, service, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			port, err := strconv.Atoi(service)
			if err != nil {
				return nil, err
			}
			return conn.DialThrough(ctx, host, port)
		}
		closer = func() {
			transport.CloseIdleConnections()
			_ = conn.Close() // nothing was changed through it
		}
	} else {
		var dialer net.Dialer
		dialer.Timeout = clusterStepLimit
		transport.DialContext = dialer.DialContext
	}
	return &fleet.StatusReader{URL: base, Token: s.apiToken, Transport: transport}, closer, diags
}

// dial connects to the host through which the cluster is reached.
func (w *clusterWay) dial(ctx context.Context, s *shared, mayBeDown bool) (fleet.Conn, diag.Diagnostics) {
	if diags := s.ready(); diags.HasError() {
		return nil, diags
	}
	target, diags := w.SSH.target(ctx, w.SSH.Address.ValueString())
	if deadline, ok := ctx.Deadline(); ok {
		target.ConnectTimeout = time.Until(deadline)
	}
	diags.Append(s.tellReach(ctx, target)...)
	host := fleet.Host{Target: target}
	conn, err := s.fleet.Connect(ctx, host)
	const doing = "connecting, in order to read the cluster's status"
	switch {
	case err == nil:
		return conn, diags
	case mayBeDown && remote.OfKind(err, remote.KindUnreachable) != nil:
		diags.Append(s.clusterUnknown(&host, doing, err))
	default:
		diags.Append(s.hostError(&host, doing, err))
	}
	return nil, diags
}

// base is the URL of Admin Router. A master that is logged in to has its own.
func (w *clusterWay) base() string {
	if w.URL.ValueString() == "" {
		return "http://127.0.0.1"
	}
	return w.URL.ValueString()
}
