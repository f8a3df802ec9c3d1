# drain: empties an agent and takes it out of its cluster.
#
# reads    arguments: the agent's unit; DC/OS's line; the time limit in seconds
# prints   progress=; warning= what could not be done; outcome=drained, stopped or absent;
#          left= how many tasks were still there when the time was up
# changes  tells the leading master to drain the agent (lines from 2.0 on), waits for its tasks,
#          then lets it unregister (SIGUSR1) and stops it
put begin drain
unit=$1
line=$2
limit=$3
begun=$(now)

if [ "$(unit_show "$unit" ActiveState)" != active ] || [ ! -d "$opt/active" ]; then
	put outcome absent
	put end drain
	exit 0
fi
ip=$(own_ip)
tasks() { # how many tasks the agent has; nothing if it does not answer
	http 5 "http://$ip:5051/metrics/snapshot" | tr -d ' \n\t\\' | tr ',{}' '\n\n\n' |
		awk -F: '$1 ~ /^"slave\/tasks_(running|staging|starting|killing)"$/ { n += $2; seen = 1 } END { if (seen) print n }'
}
asked=
leader=$(find_leader)
work=$(sed -n 's/^MESOS_WORK_DIR=//p' "$opt/etc/mesos-slave-common" 2>/dev/null | tail -n 1)
id=$(readlink "${work:-/var/lib/mesos/slave}/meta/slaves/latest" 2>/dev/null)
id=${id##*/}
case $line in
1.*) : ;; # Mesos knows no DRAIN_AGENT there
*)
	if [ -n "$leader" ] && [ -n "$id" ]; then
		code=$(curl -sS -m 20 --noproxy '*' -o /dev/null -w '%{http_code}' -H 'Content-Type: application/json' \
			-d '{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"'"$id"'"}}}' "http://$leader:5050/api/v1" 2>/dev/null </dev/null)
		case $code in
		200 | 202) asked=yes ;;
		*) put warning "the leading master $leader did not take the request to drain the agent (HTTP $code)" ;;
		esac
	fi
	;;
esac
outcome=stopped
if [ -n "$asked" ]; then
	told=
	said=$(now)
	while :; do
		n=$(tasks)
		if [ -z "$n" ] || [ "$n" = 0 ]; then
			outcome=drained
			break
		fi
		if [ $(($(now) - begun)) -ge "$limit" ]; then
			put left "$n"
			break
		fi
		# Also where nothing changes: how long it has been going on, and may go on.
		if [ "$n" != "$told" ] || [ $(($(now) - said)) -ge 30 ]; then
			say "waiting for $n $([ "$n" = 1 ] && echo task || echo tasks) to move to other agents ($(($(now) - begun)) of at most $limit s)"
			told=$n
			said=$(now)
		fi
		sleep 1
	done
fi
say "stopping the agent"
pid=$(unit_show "$unit" MainPID)
systemctl kill -s USR1 --kill-who=main "$unit" >&2 </dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do
	if [ "${pid:-0}" = 0 ] || ! kill -0 "$pid" 2>/dev/null; then break; fi
	sleep 1
done
systemctl stop "$unit" >&2 </dev/null || fail "stopping $unit" "$unit"
put outcome "$outcome"
put end drain
