#!/usr/bin/env bash
# Terraform 1.11.4, terraform-plugin-framework 1.19.0: a provider's private state does not reach the removal of a
# resource that is replaced because its creation had failed (tainted).
#
# A resource's private state is what a provider keeps beside the attributes. With -replace, Terraform plans twice, and
# hands what it was given in the first plan to the second one: the removal gets the private state of the resource. For
# a tainted resource it plans once, as a mere creation, and the removal gets that plan's private state: whatever the
# provider had kept, the name of a lock or of an object that it has to take away, is not there.
#
# Seen: "replaced: kept=created", "tainted: kept=none".
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

	"github.com/hashicorp/terraform-plugin-framework/datasource"
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
	Name types.String `tfsdk:"name"`
}

func (thing) Metadata(_ context.Context, _ resource.MetadataRequest, r *resource.MetadataResponse) {
	r.TypeName = "probe_thing"
}

func (thing) Schema(_ context.Context, _ resource.SchemaRequest, r *resource.SchemaResponse) {
	r.Schema = schema.Schema{Attributes: map[string]schema.Attribute{"name": schema.StringAttribute{Required: true}}}
}

func (thing) Create(ctx context.Context, req resource.CreateRequest, r *resource.CreateResponse) {
	var m model
	r.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	r.Diagnostics.Append(r.State.Set(ctx, &m)...)
	r.Diagnostics.Append(r.Private.SetKey(ctx, "kept", []byte(`"created"`))...)
	if os.Getenv("PROBE_FAILS") != "" {
		r.Diagnostics.AddError("Failed On Purpose", "The resource is made, and tainted.")
	}
}

func (thing) Read(context.Context, resource.ReadRequest, *resource.ReadResponse)       {}
func (thing) Update(context.Context, resource.UpdateRequest, *resource.UpdateResponse) {}

func (thing) Delete(ctx context.Context, req resource.DeleteRequest, r *resource.DeleteResponse) {
	kept, diags := req.Private.GetKey(ctx, "kept")
	r.Diagnostics.Append(diags...)
	if len(kept) == 0 {
		kept = []byte(`"none"`)
	}
	if err := os.WriteFile(os.Getenv("PROBE_SAYS"), kept, 0o600); err != nil {
		r.Diagnostics.AddError("Not Written", err.Error())
	}
}

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

resource "probe_thing" "a" {
  name = "a"
}
EOF
apply() { terraform apply -auto-approve -no-color "$@" >>"$dir/log" 2>&1; }
apply || { cat "$dir/log"; exit 1; }
apply -replace=probe_thing.a || { cat "$dir/log"; exit 1; }
replaced=$(tr -d '"' <"$PROBE_SAYS")
if PROBE_FAILS=1 apply -replace=probe_thing.a; then echo "the creation did not fail"; exit 1; fi
rm "$PROBE_SAYS"
apply || { cat "$dir/log"; exit 1; }
tainted=$(tr -d '"' <"$PROBE_SAYS")
echo "replaced: kept=$replaced"
echo "tainted: kept=$tainted"
if [ "$replaced/$tainted" != created/none ]; then echo "this has changed"; exit 1; fi
