#!/usr/bin/env bash
# Terraform 1.11.4, terraform-plugin-framework 1.19.0: in configuration that Terraform generates for an imported resource,
# a sensitive text is null, and a sensitive object is not: it is an empty one.
#
# "terraform plan -generate-config-out=FILE" leaves out what is sensitive. For a text it writes "null", for an object of
# attributes "{}". With nothing but optional attributes in it that is valid: the plan takes each of them for null, and a
# provider that asks whether the object was given is told that it was.
#
# Seen: "text: null # sensitive", "object: {} # sensitive", "planned as: object".
set -euo pipefail
for program in terraform go; do
  command -v "$program" >/dev/null || { echo "needs $program (terraform 1.11.4)"; exit 2; }
done
export CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1
unset TF_LOG TF_CLI_ARGS
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir" && rm -rf "$dir"' EXIT
mkdir "$dir/provider" "$dir/work"
cd "$dir/provider"
cat >go.mod <<'EOF'
module example.com/probe

go 1.24

require (
	github.com/hashicorp/terraform-plugin-framework v1.19.0
)
EOF
cat >main.go <<'EOF'
package main

import (
	"context"
	"log"
	"os"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

type probe struct{}

func (probe) Metadata(_ context.Context, _ provider.MetadataRequest, r *provider.MetadataResponse) { r.TypeName = "probe" }
func (probe) Schema(context.Context, provider.SchemaRequest, *provider.SchemaResponse)             {}
func (probe) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse)    {}
func (probe) DataSources(context.Context) []func() datasource.DataSource                           { return nil }
func (probe) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{func() resource.Resource { return thing{} }}
}

type thing struct{}

type model struct {
	Name   types.String `tfsdk:"name"`
	Text   types.String `tfsdk:"text"`
	Object types.Object `tfsdk:"object"`
}

func (thing) Metadata(_ context.Context, _ resource.MetadataRequest, r *resource.MetadataResponse) {
	r.TypeName = "probe_thing"
}

func (thing) Schema(_ context.Context, _ resource.SchemaRequest, r *resource.SchemaResponse) {
	r.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"name": schema.StringAttribute{Required: true},
		"text": schema.StringAttribute{Optional: true, Sensitive: true},
		"object": schema.SingleNestedAttribute{Optional: true, Sensitive: true, Attributes: map[string]schema.Attribute{
			"part": schema.StringAttribute{Optional: true},
		}},
	}}
}

func (thing) ImportState(ctx context.Context, req resource.ImportStateRequest, r *resource.ImportStateResponse) {
	r.Diagnostics.Append(r.State.Set(ctx, &model{
		Name: types.StringValue(req.ID), Text: types.StringValue("secret"),
		Object: types.ObjectValueMust(map[string]attr.Type{"part": types.StringType}, map[string]attr.Value{"part": types.StringValue("secret")}),
	})...)
}

func (thing) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, r *resource.ModifyPlanResponse) {
	var given types.Object
	r.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("object"), &given)...)
	says := "object"
	if given.IsNull() {
		says = "nothing"
	}
	if err := os.WriteFile(os.Getenv("PROBE_SAYS"), []byte(says), 0o600); err != nil {
		r.Diagnostics.AddError("Not Written", err.Error())
	}
}

func (thing) Create(context.Context, resource.CreateRequest, *resource.CreateResponse) {}
func (thing) Read(context.Context, resource.ReadRequest, *resource.ReadResponse)       {}
func (thing) Update(context.Context, resource.UpdateRequest, *resource.UpdateResponse) {}
func (thing) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}

func main() {
	err := providerserver.Serve(context.Background(), func() provider.Provider { return probe{} },
		providerserver.ServeOpts{Address: "registry.terraform.io/example/probe"})
	if err != nil {
		log.Fatal(err)
	}
}
EOF
go mod tidy >/dev/null 2>&1
go build -o terraform-provider-probe .
cat >"$dir/cli.tfrc" <<EOF
provider_installation {
  dev_overrides { "example/probe" = "$dir/provider" }
  direct {}
}
EOF
export TF_CLI_CONFIG_FILE=$dir/cli.tfrc PROBE_SAYS=$dir/says
[ "$(terraform version -json | sed -n 's/.*"terraform_version": "\(.*\)".*/\1/p')" = 1.11.4 ] ||
  echo "this is another Terraform than 1.11.4: $(terraform version | head -1)"
cd "$dir/work"
cat >main.tf <<'EOF'
terraform {
  required_providers {
    probe = { source = "example/probe" }
  }
}

import {
  to = probe_thing.a
  id = "a"
}
EOF
terraform plan -no-color -generate-config-out=generated.tf >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
value() { sed -n "s/^ *$1 *= *//p" generated.tf | tr -s ' '; }
text=$(value text) object=$(value object)
terraform plan -no-color >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
planned=$(cat "$PROBE_SAYS")
echo "text: $text"
echo "object: $object"
echo "planned as: $planned"
if [ "$text/$object/$planned" != "null # sensitive/{} # sensitive/object" ]; then echo "this has changed"; exit 1; fi
