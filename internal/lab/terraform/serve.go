// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package terraform

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
)

// Serve serves a test's own provider from this process until the test ends,
// and gives the environment in which Terraform, or OpenTofu, takes it for the
// one with that name ("hashicorp/aws") in its registry, without `terraform init`.
func Serve(t *testing.T, name string, p provider.Provider) (environment string) {
	t.Helper()
	addresses := []string{"registry.terraform.io/" + name, "registry.opentofu.org/" + name}
	// What Terraform still asks when the test's own context has ended is answered.
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	attach, closed, failed := make(chan *goplugin.ReattachConfig), make(chan struct{}), make(chan error, 1)
	go func() {
		failed <- tf6server.Serve(addresses[0], providerserver.NewProtocol6(p), tf6server.WithDebug(ctx, attach, closed),
			tf6server.WithLoggingSink(t), tf6server.WithGoPluginLogger(hclog.NewNullLogger()))
	}()
	select {
	case config := <-attach:
		t.Cleanup(func() {
			cancel()
			<-closed
		})
		text, err := reattach(config, addresses)
		if err != nil {
			t.Fatal(err)
		}
		return text
	case err := <-failed:
		cancel()
		t.Fatalf("serve the stand-in for %s: %v", name, err)
		return ""
	}
}

// reattach is the environment variable that makes Terraform use a provider
// that runs already.
func reattach(config *goplugin.ReattachConfig, addresses []string) (string, error) {
	type address struct{ Network, String string }
	type entry struct {
		Protocol        string
		ProtocolVersion int
		Pid             int
		Test            bool
		Addr            address
	}
	all := map[string]entry{}
	for _, name := range addresses {
		all[name] = entry{
			string(config.Protocol), config.ProtocolVersion, config.Pid, config.Test,
			address{config.Addr.Network(), config.Addr.String()},
		}
	}
	text, err := json.Marshal(all)
	return "TF_REATTACH_PROVIDERS=" + string(text), err
}
