#!/usr/bin/env bash
# Says how Terraform comes to use a provider that is not from a registry: tools/overrides.sh DIRECTORY. Nothing is
# written: the file may have somebody's credentials in it.
set -euo pipefail
directory=${1:?usage: tools/overrides.sh DIRECTORY}
rc=${TF_CLI_CONFIG_FILE:-$HOME/.terraformrc}
block="provider_installation {
  dev_overrides {
    \"dcos-install/dcos\" = \"$directory\"
  }
  direct {}
}"
echo "installed $directory/terraform-provider-dcos"
if grep -qsF "\"dcos-install/dcos\" = \"$directory\"" "$rc"; then
  echo "$rc says that Terraform and OpenTofu use it."
elif [ -e "$rc" ]; then
  printf 'For Terraform and OpenTofu to use it, %s has to have this; it has something else:\n\n%s\n' "$rc" "$block"
else
  printf "For Terraform and OpenTofu to use it, write this (there is no %s yet):\n\ncat >%s <<'END'\n%s\nEND\n" "$rc" "$rc" "$block"
fi
echo "No \`terraform init\` is needed with it, and none works while the registry does not have the provider."
