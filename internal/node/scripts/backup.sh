# backup: what a backup of this master's ZooKeeper is made of, and what exhibitor says.
#
# reads    nothing
# prints   file= for each file, relative to DC/OS's state directory of exhibitor: the newest snapshots, then the logs;
#          config= of exhibitor (JSON), cluster_id= of DC/OS, and what put_ensemble does
# changes  nothing
put begin backup
say "looking for ZooKeeper's files"
state=/var/lib/dcos/exhibitor
cd "$state" 2>/dev/null || fail "looking into $state"
# Of snapshots the two newest: the newest may be one that is being written, and what follows the older one is in the logs.
snapshots=$(find zookeeper/snapshot/version-2 -type f -name 'snapshot.*' 2>/dev/null | while read -r f; do printf '%s %s\n' "${f##*.}" "$f"; done |
	awk '{ printf "%16s %s\n", $1, $2 }' | sort | tail -n 2 | awk '{ print $2 }')
logs=$(find zookeeper/transactions/version-2 zookeeper/snapshot/version-2 -type f -name 'log.*' 2>/dev/null | sort)
for f in $snapshots $logs; do put file "$f"; done
put_ensemble
http 20 http://127.0.0.1:8181/exhibitor/v1/config/get-state | head -c 500000 | put_in config
put cluster_id "$(cat /var/lib/dcos/cluster-id 2>/dev/null)"
put end backup
