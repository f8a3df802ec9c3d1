#!/usr/bin/env bash
# Writes docs/ from templates/, examples/ and the provider's schemas, with the provider built from this tree
# and a Terraform that is here, or is built from its Go module.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -o "$work/terraform-provider-dcos" .
address=$("$work/terraform-provider-dcos" -address)
cat >"$work/cli.tfrc" <<T
provider_installation {
  dev_overrides { "${address#*/}" = "$work" }
  direct {}
}
T
cat >"$work/main.tf" <<T
terraform {
  required_providers {
    dcos = { source = "${address#*/}" }
  }
}
T
export TF_CLI_CONFIG_FILE=$work/cli.tfrc CHECKPOINT_DISABLE=1
# tfplugindocs looks the schema up by the provider's short name.
schemas() { (cd "$work" && "$1" providers schema -json) | sed "s|\"[^\"/]*/${address#*/}\"|\"dcos\"|" >"$work/schema.json"; }
schemas "$TF"
# Only Terraform from 1.14 on knows all that the pages have: identities, lists and actions.
if ! grep -q '"list_resource_schemas"' "$work/schema.json"; then
  [ -x "$NEXT" ] || make -s "$NEXT"
  schemas "$NEXT"
fi
"$TF" fmt -recursive examples >/dev/null
"$TFPLUGINDOCS" generate --provider-name dcos --providers-schema "$work/schema.json"
go run ./internal/provider/cmd/docsections docs/resources/cluster_config.md
