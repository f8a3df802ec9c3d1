// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/datasource"

	"github.com/dcos-install/terraform-provider-dcos/internal/bundle"
	"github.com/dcos-install/terraform-provider-dcos/internal/fleet"
	"github.com/dcos-install/terraform-provider-dcos/internal/remote"
	"github.com/dcos-install/terraform-provider-dcos/internal/runlog"
)

// shared is what the resources of one configured provider have in common.
// Terraform starts a process for each provider block, so that two aliases of the
// provider share nothing but what is on disk.
type shared struct {
	cache    string // directory, "" if there is none
	bundles  *bundle.Cache
	fleet    *fleet.Fleet // cannot dial while a value that it needs is not known yet
	unknown  string       // names the attribute of that value
	redactor *runlog.Redactor
	secrets  secrets
	sites    sync.Map // by bundle id; see site
	pools    *poolMemory
	plan     *planRegister
	claims   sync.Map // by way, as refreshes found them in states
	// allowEnsembleLoss says that masters may be removed whatever becomes of
	// their ensemble.
	allowEnsembleLoss bool
	// ifReachable says that nodes whose machines give no answer are given up.
	ifReachable bool
	apiToken    string // of DC/OS, for dcos_cluster
	config      remote.Config
	route       string // see way
	// reach asks the OpenSSH configuration about the way to a host; nil if there is
	// none, or no client yet. told are the options that were found and not honoured.
	reach func(context.Context, remote.Target) ([]string, error)
	told  sync.Map
	// tunnels are what dcos_tunnel has opened.
	tunnels tunnels
}

// sharedFrom takes it out of what the framework hands to a resource, which is
// nil until the provider is configured.
func sharedFrom(data any) *shared {
	s, ok := data.(*shared)
	if !ok {
		return nil
	}
	return s
}

// configured is what all data sources are built on.
type configured struct{ shared *shared }

// Configure takes what the provider block made.
func (c *configured) Configure(_ context.Context, req datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	c.shared = sharedFrom(req.ProviderData)
}
