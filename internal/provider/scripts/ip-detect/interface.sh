#!/bin/sh
# First IPv4 address of the network interface INTERFACE.
set -eu
export PATH="$PATH:/usr/sbin:/usr/bin:/sbin:/bin"
address=$(ip -4 -o address show dev INTERFACE scope global | { read -r _ _ _ address _ || :; echo "${address%%/*}"; })
[ -n "$address" ] || { echo "INTERFACE has no IPv4 address" >&2; exit 1; }
echo "$address"
