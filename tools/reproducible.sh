#!/usr/bin/env bash
# Makes the release of HEAD twice, in clones in two places, the second one with an empty build cache, and compares
# all that it consists of. With TARGETS, such as "linux_amd64 windows_arm64", only these binaries are built; with
# SECOND_CACHE the second one has that build cache.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
root=$PWD
PATH=${RELEASE:?the directory of the release tools; call it as make reproducible}:$PATH

one() { # PLACE: make it there
  git clone -q "$root" "$1"
  cd "$1"
  # The remote is where the release's page would be; nothing is sent there.
  git remote set-url origin https://github.com/dcos-install/terraform-provider-dcos.git
  if [ -z "${TARGETS:-}" ]; then
    goreleaser release --snapshot --clean --skip=sign --timeout=3h >"$work/log" 2>&1 || { cat "$work/log" >&2; return 1; }
    (cd dist && sha256sum -- *.zip *.json *_SHA256SUMS | grep -v -e ' artifacts.json' -e ' metadata.json')
    return
  fi
  for target in $TARGETS; do
    GOOS=${target%_*} GOARCH=${target#*_} goreleaser build --snapshot --clean --single-target --output "$work/binary" >"$work/log" 2>&1 ||
      { cat "$work/log" >&2; return 1; }
    printf '%s  %s\n' "$(sha256sum <"$work/binary" | cut -d ' ' -f 1)" "$target"
  done
}
(one "$work/first") >"$work/first.sums"
(GOCACHE=${SECOND_CACHE:-$work/cache} one "$work/some/where/else/second") >"$work/second.sums"
cat "$work/first.sums"
diff "$work/first.sums" "$work/second.sums"
echo "made twice, the same: $(wc -l <"$work/first.sums") files"
