# maintain: what taking an agent out of service and back needs to know and to ask.
#
# reads    arguments: look; or post PATH, with the request's body on standard input; or wait LIMIT
# prints   look: ip=, hostname= and id= of the agent, leader=, slave= what the leader says of it, schedule= and status= of
#            maintenance (JSON), tasks= how many it has (nothing where it does not answer), registered=yes or no
#          post: code= and body= of the leader's answer
#          wait: left= how many tasks the agent has, as soon as it has none or when LIMIT seconds are over; nothing for none
# changes  post tells the leading master
put begin maintain
ip=$(own_ip)
tasks() {
	http 5 "http://$ip:5051/metrics/snapshot" | tr -d ' \n\t\\' | tr ',{}' '\n\n\n' |
		awk -F: '$1 ~ /^"slave\/tasks_(running|staging|starting|killing)"$/ { n += $2; seen = 1 } END { if (seen) print n }'
}
need_leader() {
	leader=$(find_leader)
	if [ -z "$leader" ]; then fail "looking for the leading master, which no master of the cluster names"; fi
	put leader "$leader"
}
case $1 in
look)
	need_leader
	put ip "$ip"
	state=$(http 10 "http://$ip:5051/state" | tr -d '\n\t')
	put hostname "$(printf '%s' "$state" | sed -n 's/.*"hostname": *"\([^"]*\)".*/\1/p')"
	work=$(sed -n 's/^MESOS_WORK_DIR=//p' "$opt/etc/mesos-slave-common" 2>/dev/null | tail -n 1)
	id=$(readlink "${work:-/var/lib/mesos/slave}/meta/slaves/latest" 2>/dev/null)
	id=${id##*/}
	put id "$id"
	if [ -n "$id" ]; then http 20 "http://$leader:5050/slaves?slave_id=$id" | head -c 4000000 | put_in slave; fi
	http 20 "http://$leader:5050/maintenance/schedule" | head -c 2000000 | put_in schedule
	http 20 "http://$leader:5050/maintenance/status" | head -c 2000000 | put_in status
	put tasks "$(tasks)"
	if registered "$ip"; then put registered yes; else put registered no; fi
	;;
post)
	need_leader
	answer=$(curl -sS -m 30 --noproxy '*' -w '\n%{http_code}' -H 'Content-Type: application/json' --data-binary @- "http://$leader:5050$2")
	put code "$(printf '%s' "$answer" | tail -n 1)"
	printf '%s\n' "$answer" | sed '$d' | head -c 2000 | put_in body
	;;
wait)
	begun=$(now)
	while :; do
		n=$(tasks)
		if [ -z "$n" ] || [ "$n" = 0 ]; then break; fi
		if [ $(($(now) - begun)) -ge "$2" ]; then
			put left "$n"
			break
		fi
		sleep 1
	done
	;;
esac
put end maintain
