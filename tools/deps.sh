#!/usr/bin/env bash
# Installs what tests and demo need and this machine lacks, and says so. Debian and its kin; root.
# The list is that of internal/lab (test hosts are systemd-nspawn containers on an overlay of a debootstrap image,
# which Debian's keys sign),
# what the race detector takes to build, the linter of the scripts that run on hosts, and a ZooKeeper.
set -euo pipefail

packages=(systemd-container debootstrap debian-archive-keyring iproute2 nftables openssh-client openssh-server e2fsprogs sudo xz-utils ca-certificates util-linux gcc libc6-dev shellcheck libzookeeper-java)
command -v java >/dev/null 2>&1 || packages+=(default-jre-headless) # CI's machines have another one already
missing=()
for p in "${packages[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ]; then
  echo "these Debian packages are missing; install them as root: ${missing[*]}"
  exit 1
fi
if ! command -v apt-get >/dev/null 2>&1; then
  echo "apt-get is not here; install what these Debian packages bring: ${missing[*]}"
  exit 1
fi
echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# A machine that is no server keeps it that way: nothing that these packages bring is started.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
