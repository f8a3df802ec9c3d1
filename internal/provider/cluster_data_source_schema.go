// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// clusterStepLimit bounds each step of a request.
const clusterStepLimit = 10 * time.Second

// Schema describes the data source.
func (d *clusterDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A running cluster as its masters describe it, read over HTTP: masters, leader, quorum, agents and versions. " +
			"Where nothing but SSH reaches the cluster, the requests go through the SSH connection to one of its hosts.\n\n" +
			"It is read whenever Terraform plans, unless it depends on something that this plan changes: give it `depends_on` with the " +
			"cluster's nodes, or the first plan asks a cluster that is not there yet. What does not answer is null, with a warning, so that a " +
			"cluster which is down does not stop the plan that mends it; with `wait_for` it is an error.",
		Attributes: map[string]schema.Attribute{
			"url": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "URL of Admin Router: of a master, or of the load balancer before the masters, for example " +
					"`http://internal-masters.example.com`. What Admin Router does not give out without a login is read from exhibitor (port 8181) and " +
					"Mesos (port 5050) behind the same address. Default: with `ssh`, the Admin Router of that host.",
				Validators: []validator.String{urlValidator{}},
			},
			"ssh": schema.SingleNestedAttribute{
				Optional: true,
				MarkdownDescription: "A host through whose SSH connection all requests go, as a rule a master. It is logged in to as the nodes are, " +
					"with the provider's `ssh`, jump hosts included; nothing is run on it.",
				Attributes: clusterSSHAttributes(),
			},
			"ca_certificate": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Certificates of the authorities, in PEM form, that an `https://` URL's certificate may come from. " +
					"Default: those that the system trusts.",
			},
			"insecure": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Whether to take any certificate of an `https://` URL, such as the one that Admin Router makes for itself. " +
					"Default: `false`.",
			},
			"wait_for": schema.SingleNestedAttribute{
				Optional: true,
				MarkdownDescription: "What has to be there. The cluster is read again every 2 seconds until it is, or until `timeout`, " +
					"which is an error then. That is so at each plan: one for a cluster that lacks something waits until `timeout` and fails. " +
					"Default: any answer is taken as it is.",
				Attributes: map[string]schema.Attribute{
					"masters": schema.Int64Attribute{
						Optional:            true,
						MarkdownDescription: "How many masters have to serve at least. Default: `0`.",
						Validators:          []validator.Int64{int64validator.AtLeast(0)},
					},
					"agents": schema.Int64Attribute{
						Optional:            true,
						MarkdownDescription: "How many agents, public ones included, have to be registered and active at least. Default: `0`.",
						Validators:          []validator.Int64{int64validator.AtLeast(0)},
					},
				},
			},
			"timeout": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "How long to try, connecting included. A duration such as `5m`. Default: `1m` with `wait_for`, else `30s`.",
				Validators:          []validator.String{durationValidator{}},
			},

			"id":                clusterText("Where the cluster was read: the URL, after the address of the host of `ssh`."),
			"dcos_version":      clusterText("Version of DC/OS that the master which answered runs."),
			"dcos_variant":      clusterText("Variant of DC/OS, such as `open`."),
			"dcos_image_commit": clusterText("Commit that its release was built from."),
			"bootstrap_id":      clusterText("Id of its bootstrap tarball."),
			"leader":            clusterText("Address of the leading Mesos master."),
			"quorum":            schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether more than half of the masters serve."},
			"masters": schema.ListNestedAttribute{
				Computed:            true,
				MarkdownDescription: "The ensemble as exhibitor lists it, by address.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"address":          clusterText("Address of the master."),
					"status":           clusterText("Exhibitor's word for how it is, such as `serving`."),
					"serving":          schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether its ZooKeeper serves."},
					"zookeeper_leader": schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether it leads ZooKeeper's ensemble."},
				}},
			},
			"agents": schema.ListNestedAttribute{
				Computed:            true,
				MarkdownDescription: "The agents that are registered with Mesos, by address.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"id":            clusterText("Mesos's id of the agent."),
					"address":       clusterText("Address of the agent."),
					"role":          clusterText("`agent` or `public_agent`."),
					"active":        schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether Mesos offers its resources."},
					"mesos_version": clusterText("Version of Mesos on it."),
				}},
			},
		},
	}
}

func clusterText(about string) schema.Attribute {
	return schema.StringAttribute{Computed: true, MarkdownDescription: about}
}

// clusterSSHAttributes are those of the host on the way.
func clusterSSHAttributes() map[string]schema.Attribute {
	attributes := dataSSHAttributes()
	attributes["address"] = schema.StringAttribute{
		Required:            true,
		MarkdownDescription: "Host name or IP address of the host.",
		Validators:          hostNames(),
	}
	return attributes
}

// clusterTLS says which certificates are taken.
func clusterTLS(authorities string, insecure bool) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: insecure} //nolint:gosec // The user asks for it.
	if authorities == "" {
		return c, nil
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM([]byte(authorities)) {
		return nil, errors.New("there is no certificate in PEM form in it")
	}
	return c, nil
}

// urlValidator accepts URLs of web servers.
type urlValidator struct{}

// Description says what is accepted.
func (urlValidator) Description(context.Context) string { return "an http:// or https:// URL" }

// MarkdownDescription says what is accepted.
func (v urlValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString checks one value.
func (v urlValidator) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	u, err := url.Parse(req.ConfigValue.ValueString())
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid URL",
			fmt.Sprintf("It must be %s without a user in it; got: %q.", v.Description(ctx), req.ConfigValue.ValueString()))
	}
}
