#!/usr/bin/env bash
# uutils coreutils 0.0.17 (Debian 12's rust-coreutils): dd takes more of a pipe than it copies.
#
# "dd bs=4 count=1" writes 4 bytes and has read what else was in the pipe, up to some KiB, which is lost to whoever reads
# from it next: "{ dd bs=4 count=1; cat; }" is how a shell script takes a header, or a block of known size, off its input
# (GNU's, BusyBox's and the BSDs' dd read no byte more).
#
# Seen: "GNU: abcd|efgh, uutils: abcd|".
set -euo pipefail
command -v apt-get >/dev/null || { echo "needs Debian 12's apt-get"; exit 2; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get download -q rust-coreutils=0.0.17-2 >/dev/null 2>&1 || { echo "rust-coreutils 0.0.17-2 is not to be had"; exit 2; }
dpkg -x ./*.deb .
take() { printf abcdefgh | { "$@" bs=4 count=1 2>/dev/null; printf '|'; cat; }; }
seen="GNU: $(take dd), uutils: $(take usr/bin/coreutils dd)"
echo "$seen"
[ "$seen" = "GNU: abcd|efgh, uutils: abcd|" ] || {
  echo "this has changed"
  exit 1
}
