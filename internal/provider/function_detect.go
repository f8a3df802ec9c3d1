// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/function"
)

var _ function.Function = detectFunction{}

// detectFunction is ip_detect and fault_domain_detect: a script by the kind of
// place that it runs in.
type detectFunction struct {
	name, summary, about string
	directory            string
	kinds                []detectKind
}

func newIPDetectFunction() function.Function {
	return detectFunction{
		name: "ip_detect", directory: "ip-detect", kinds: ipDetectKinds,
		summary: "Script that prints a node's own IPv4 address",
		about: "Returns the text of a script for `ip_detect_script` or `ip_detect_public_script` of `dcos_cluster_config`. " +
			"It needs nothing on the node but a POSIX shell, and `ip` or `curl`.",
	}
}

func newFaultDomainDetectFunction() function.Function {
	return detectFunction{
		name: "fault_domain_detect", directory: "fault-domain-detect", kinds: faultDomainDetectKinds,
		summary: "Script that prints a node's region and zone",
		about: "Returns the text of a script for `fault_domain_detect_script` of `dcos_cluster_config`. " +
			"It needs nothing on the node but a POSIX shell and `curl`.",
	}
}

// Metadata names the function.
func (f detectFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = f.name
}

// Definition describes the function.
func (f detectFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary:             f.summary,
		MarkdownDescription: f.about,
		Parameters: []function.Parameter{function.StringParameter{
			Name:                "kind",
			MarkdownDescription: "Where the node is:\n" + kindsText(f.kinds),
		}},
		Return: function.StringReturn{},
	}
}

// Run gives the script.
func (f detectFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var kind string
	if resp.Error = req.Arguments.Get(ctx, &kind); resp.Error != nil {
		return
	}
	script, err := detectScript(f.directory, f.kinds, kind)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, err.Error())
		return
	}
	resp.Error = resp.Result.Set(ctx, script)
}
