// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/function"
)

var _ function.Function = cloudInitFunction{}

// cloudInitFunction is cloud_init: user data that makes a plain image ready.
type cloudInitFunction struct{}

func newCloudInitFunction() function.Function { return cloudInitFunction{} }

// Metadata names the function.
func (cloudInitFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "cloud_init"
}

// Definition describes the function.
func (cloudInitFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "User data that makes a plain image ready for DC/OS",
		MarkdownDescription: "Returns a shell script, as user data for cloud-init, that makes a machine with a plain image of a Linux " +
			"distribution ready for a line of DC/OS: Docker and other programs, groups, SELinux's mode, the time, port 53, cgroups. It is what " +
			"the checks of `dcos_node` and of DC/OS's own preflight ask for, and changes what is missing alone.",
		Parameters: []function.Parameter{
			function.StringParameter{
				Name:                "kind",
				MarkdownDescription: "The distribution of the image:\n" + cloudInitKindsText(),
			},
			function.StringParameter{
				Name: "line",
				MarkdownDescription: "The line of DC/OS that is to be installed, such as `\"2.2\"`, or a version of it, such as `\"2.2.1\"`: " +
					"`dcos_version` of the data source `dcos_release` is one.",
			},
			function.StringParameter{
				Name:                "role",
				MarkdownDescription: "What the machine is to be: `master`, `agent` or `public_agent`.",
			},
		},
		Return: function.StringReturn{},
	}
}

// Run gives the script.
func (cloudInitFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var kind, line, role string
	if resp.Error = req.Arguments.Get(ctx, &kind, &line, &role); resp.Error != nil {
		return
	}
	script, err := cloudInit(kind, line, role)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(err.argument, err.Error())
		return
	}
	resp.Error = resp.Result.Set(ctx, script)
}
