// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
)

var (
	_ ephemeral.EphemeralResource              = (*tunnel)(nil)
	_ ephemeral.EphemeralResourceWithConfigure = (*tunnel)(nil)
	_ ephemeral.EphemeralResourceWithClose     = (*tunnel)(nil)
)

// tunnel is the ephemeral dcos_tunnel: a local port that leads to a private cluster for as
// long as a run lasts.
type tunnel struct{ shared *shared }

func newTunnel() ephemeral.EphemeralResource { return &tunnel{} }

// tunnels are those that are open, by number; the process that opened one closes it.
type tunnels struct {
	mu   sync.Mutex
	last int
	open map[int]*fleet.Tunnel
}

func (t *tunnels) add(one *fleet.Tunnel) (number int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open == nil {
		t.open = map[int]*fleet.Tunnel{}
	}
	t.last++
	t.open[t.last] = one
	return t.last
}

func (t *tunnels) remove(number int) *fleet.Tunnel {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.open[number]
	delete(t.open, number)
	return one
}

// tunnelModel is a dcos_tunnel.
type tunnelModel struct {
	SSH  *clusterSSHModel `tfsdk:"ssh"`
	Host types.String     `tfsdk:"host"`
	Port types.Int64      `tfsdk:"port"`
	TLS  types.Bool       `tfsdk:"tls"`

	URL       types.String `tfsdk:"url"`
	Address   types.String `tfsdk:"local_address"`
	LocalPort types.Int64  `tfsdk:"local_port"`
}

// tunnelKey is where the number of an open tunnel is kept for Close.
const tunnelKey = "tunnel"

// Metadata names the ephemeral resource.
func (r *tunnel) Metadata(_ context.Context, req ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_tunnel"
}

// Configure takes what the provider block made.
func (r *tunnel) Configure(_ context.Context, req ephemeral.ConfigureRequest, _ *ephemeral.ConfigureResponse) {
	r.shared = sharedFrom(req.ProviderData)
}

// Schema describes the ephemeral resource.
func (r *tunnel) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A port of this machine's loopback that leads to a cluster which nothing but SSH reaches: through the provider's " +
			"jump hosts and the SSH connection to one of the cluster's hosts, as `ssh -L` does. It is there for as long as Terraform needs it, so " +
			"that other providers reach the cluster's Admin Router in the same run.",
		Attributes: map[string]schema.Attribute{
			"ssh": schema.SingleNestedAttribute{
				Required: true,
				MarkdownDescription: "The host through whose SSH connection all connections go, as a rule a master. It is logged in to as the nodes " +
					"are, with the provider's `ssh`, jump hosts included; nothing is run on it.",
				Attributes: tunnelSSHAttributes(),
			},
			"host": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "Where connections go from there: a host name or IP address as that host sees it. Default: `127.0.0.1`, itself.",
				Validators:          hostNames(),
			},
			"port": schema.Int64Attribute{
				Optional:            true,
				MarkdownDescription: "TCP port there. Default: Admin Router's, `80`, or `443` with `tls`.",
				Validators:          portNumbers(),
			},
			"tls": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Whether TLS is spoken there: `url` is an `https://` one then. The tunnel passes on what it is given, and its " +
					"name is `127.0.0.1`, which is in no certificate of the cluster: see below. Default: `false`.",
			},
			"url": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "URL of the local end, such as `http://127.0.0.1:40123`. It is another one at apply than it was at plan.",
			},
			"local_address": schema.StringAttribute{Computed: true, MarkdownDescription: "Address of the local end: `127.0.0.1`."},
			"local_port":    schema.Int64Attribute{Computed: true, MarkdownDescription: "Port of the local end, one that was free."},
		},
	}
}

// tunnelSSHAttributes are those of the host on the way.
func tunnelSSHAttributes() map[string]schema.Attribute {
	attributes := sshFields(", for example with a `dcos_node`'s `host_key`. Default: the provider's `host_key_policy` decides.").ofEphemeral()
	attributes["jump_hosts"] = schema.ListNestedAttribute{
		Optional:            true,
		MarkdownDescription: jumpHostsAbout,
		NestedObject:        schema.NestedAttributeObject{Attributes: jumpHostFields().ofEphemeral()},
	}
	attributes["address"] = schema.StringAttribute{
		Required:            true,
		MarkdownDescription: "Host name or IP address of the host.",
		Validators:          hostNames(),
	}
	return attributes
}

// Open listens, and no more: at plan there may be nothing yet at the other end.
func (r *tunnel) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	var model tunnelModel
	if resp.Diagnostics.Append(req.Config.Get(ctx, &model)...); resp.Diagnostics.HasError() {
		return
	}
	if r.shared == nil {
		resp.Diagnostics.Append(notConfigured())
		return
	}
	target, diags := model.SSH.target(ctx, model.SSH.Address.ValueString())
	if resp.Diagnostics.Append(diags...); diags.HasError() {
		return
	}
	target.ConnectTimeout = fleet.LookTimeout
	way := fleet.Host{Target: target}
	scheme, port := "http", int64(80)
	if model.TLS.ValueBool() {
		scheme, port = "https", 443
	}
	if !model.Port.IsNull() {
		port = model.Port.ValueInt64()
	}
	var refusal func(error) []byte
	if scheme == "http" {
		refusal = func(err error) []byte { return r.shared.badGateway(&way, err) }
	}
	t, err := fleet.OpenTunnel(ctx, r.shared.connector(way), cmp.Or(model.Host.ValueString(), "127.0.0.1"), int(port), refusal)
	if err != nil {
		resp.Diagnostics.AddError("Tunnel Not Opened", sentence(err.Error()))
		return
	}
	number := r.shared.tunnels.add(t)
	model.URL = types.StringValue(scheme + "://" + t.Endpoint())
	model.Address, model.LocalPort = types.StringValue("127.0.0.1"), types.Int64Value(int64(t.Port()))
	resp.Diagnostics.Append(resp.Result.Set(ctx, &model)...)
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, tunnelKey, []byte(strconv.Itoa(number)))...)
}

// connector logs in to the host on the way.
func (s *shared) connector(way fleet.Host) func(context.Context) (fleet.Conn, error) {
	return func(ctx context.Context) (fleet.Conn, error) {
		if diags := s.ready(); diags.HasError() {
			return nil, fmt.Errorf("%s: %s", diags[0].Summary(), diags[0].Detail())
		}
		return s.fleet.Connect(ctx, way)
	}
}

// badGateway is what an HTTP client is answered whose connection cannot be made (RFC 9110,
// section 15.6.3): other providers show the body, or at least the status.
func (s *shared) badGateway(way *fleet.Host, err error) []byte {
	f := s.failure(way, "forwarding a connection", err)
	body := "dcos_tunnel: " + f.summary + "\n\n" + s.redactor.Redact(f.detail()) + "\n"
	return fmt.Appendf(nil, "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n"+
		"Connection: close\r\n\r\n%s", len(body), body)
}

// Close ends the tunnel.
func (r *tunnel) Close(ctx context.Context, req ephemeral.CloseRequest, resp *ephemeral.CloseResponse) {
	kept, diags := req.Private.GetKey(ctx, tunnelKey)
	resp.Diagnostics.Append(diags...)
	var number int
	if err := json.Unmarshal(kept, &number); err != nil || r.shared == nil {
		return // it was never opened
	}
	if t := r.shared.tunnels.remove(number); t != nil {
		_ = t.Close() // what it was for is over, and the process ends with all that it has open
	}
}
