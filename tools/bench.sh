#!/bin/bash
# Copyright (c) The terraform-provider-dcos Authors
# SPDX-License-Identifier: MPL-2.0
#
# bench.sh [w1|w2|w3…]: internal/remote and the floor, a bare client on the same libraries, at the same works, interleaved, against
# real OpenSSH servers on loopback. The floor and the servers are in ../shared/bench, which is not part of the tree: without it there is
# nothing to compare with. Needs root and cgroup v1. ROUNDS, N, PAR and QUIET_MAX are passed on.
set -eu
cd "$(dirname "$0")/.."
shared=$PWD/../shared/bench
lab=/var/tmp/dcos-bench
skip() { echo "bench: skipping the comparison with the floor: $*"; exit 0; }
[ -d "$shared" ] || skip "../shared/bench is not there"
[ "$(id -u)" = 0 ] || skip "it needs root"
[ -d /sys/fs/cgroup/cpuacct ] || skip "it needs cgroup v1"
for c in sshd sudo python3; do command -v $c >/dev/null || [ -x /usr/sbin/$c ] || skip "$c is not installed"; done

[ -d $lab ] || cp -r "$shared" $lab
$lab/setup.sh >&2
CGO_ENABLED=0 go build -trimpath -o $lab/remote ./internal/remote/cmd/bench
cat >$lab/peers/floor-remote <<S
#!/bin/sh
exec $lab/remote \$1 -hosts \$HOSTS -port \$PORT -par \$PAR -work \$WORK -out \$OUT -key $lab/srv/id_ed25519 -hostkey $lab/srv/host_ed25519.pub \$REMOTE_ARGS
S
chmod +x $lab/peers/floor-remote
# The hosts of w2 have a directory of their own for the floor's files; give each a /var/tmp of its own for ours.
for pid in "$lab"/run/sshd-127.*.pid; do
  nsenter -t "$(cat "$pid")" -m sh -c "mountpoint -q /var/tmp || {
    mkdir -p /run/dcos-bench && mount --rbind $lab /run/dcos-bench && mount -t tmpfs -o size=1g,mode=1777 tmp /var/tmp &&
    mkdir $lab && mount --rbind /run/dcos-bench $lab; }"
done
for work in "${@:-w1}"; do $lab/run.sh "$work" floor floor-remote; done
hosts=$(find $lab -name hosts.200 | head -n 1)
printf 'live connections: '
$lab/remote idle -hosts "$hosts" -port 2222 -key $lab/srv/id_ed25519 -hostkey $lab/srv/host_ed25519.pub
