#!/usr/bin/env bash
# Sees to it that there is a Go which can build this: tools/go.sh CACHE. Where PATH has none, or one that is too old to
# fetch a newer one by itself (before 1.21), it puts one below CACHE/go; the makefile has that in PATH. It comes as a
# module, which the checksum database vouches for, so that the Go of a distribution, however old, can fetch it.
set -euo pipefail
cd "$(dirname "$0")/.."
own=${1:?usage: tools/go.sh CACHE}/go
version=1.26.8 # of the one that is fetched
needed=$(sed -n 's/^go //p' go.mod)

# at_least A B: is version A not older than B?
at_least() { [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]; }

# version_of GO: without "go", "" if it does not run. GOTOOLCHAIN: not what it would fetch.
version_of() { GOTOOLCHAIN=local "$1" version 2>/dev/null | sed -n 's/^go version go\([0-9.]*\).*/\1/p'; }

if [ -x "$own/bin/go" ] && at_least "$(version_of "$own/bin/go")" "$needed"; then exit 0; fi
# Without the directory of an own one that is too old by now.
PATH=${PATH//"$own/bin:"/}
found=$(command -v go || true)
have=
if [ -n "$found" ]; then
  have=$(version_of "$found")
  if [ -n "$have" ] && at_least "$have" 1.21; then exit 0; fi # it is new enough, or fetches what go.mod asks for
fi

case $(uname -m) in
x86_64) arch=amd64 ;;
aarch64) arch=arm64 ;;
*)
  echo "Go $needed or newer is needed and not on PATH: https://go.dev/doc/install"
  exit 1
  ;;
esac
if [ -z "$have" ]; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "Go $needed or newer is needed and not on PATH: https://go.dev/doc/install"
    exit 1
  fi
  echo "installing Debian's Go, which fetches Go $version"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends golang-go ca-certificates >/dev/null
  found=$(command -v go)
fi
echo "fetching Go $version ($("$found" version | cut -d' ' -f3) is too old)"
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
(cd "$work" && GOTOOLCHAIN=local GOFLAGS=-modcacherw GOMODCACHE="$work/mod" GOCACHE="$work/cache" GO111MODULE=on \
  "$found" mod download "golang.org/toolchain@v0.0.1-go$version.linux-$arch")
fetched=$work/mod/golang.org/toolchain@v0.0.1-go$version.linux-$arch
chmod -R u+w "$fetched"
chmod +x "$fetched"/bin/* "$fetched"/pkg/tool/*/* # modules have no such bits
rm -rf "$own" "$own.new"
mkdir -p "${own%/*}"
mv "$fetched" "$own.new" 2>/dev/null || cp -a "$fetched" "$own.new"
mv "$own.new" "$own"
"$own/bin/go" version
