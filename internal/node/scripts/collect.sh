# collect: what is known on a node that helps to find out what is wrong with it.
#
# reads    arguments: how many bytes all of it may have; how far back journals go, as journalctl's --since has it
# prints   pieces, each as name= and then content=: journals of DC/OS's units, states that its services tell, rendered
#          configuration that is for everybody to read; secret= what is on the node and must not be in any of them
# changes  nothing
put begin collect
most=$1
since=$2

piece() { # NAME BYTES, content on standard input; the end of what is too long
	put name "$1"
	tail -c "$2" | put_in content
}
tell() { # NAME URL
	http 20 "$2" | head -c $((most / 20)) | piece "$1" $((most / 20))
}

say "secrets"
# Values that only the full form of the configuration has, which root alone reads: who takes this knows them then.
put_file secret_masked "$opt/etc/expanded.config.json"
put_file secret_full "$opt/etc/expanded.config.full.json"
for f in "$opt/etc/exhibitor.properties" "$opt/etc_master/exhibitor.properties" "$opt/etc/docker_credentials" "$etc/docker_credentials" \
	/root/.docker/config.json; do
	put_file secret "$f"
done

say "states"
ip=$(own_ip)
{
	date -u +%Y-%m-%dT%H:%M:%SZ
	uname -a
	cat /etc/os-release /proc/uptime /proc/loadavg
	free -m
	df -P
	systemctl list-units --all --no-legend --plain 'dcos*'
	systemctl list-timers --all --no-legend 'dcos*'
	systemctl --failed --no-legend --plain
} 2>&1 </dev/null | piece state/host.txt $((most / 20))
if [ -d "$etc/roles" ]; then contents "$etc/roles" | sed 's|.*/||' | piece state/roles.txt 1000; fi
if [ -e "$etc/roles/master" ]; then
	exhibitor_says "$own_exhibitor" | piece state/exhibitor-status.json $((most / 20))
	tell state/exhibitor-state.json http://127.0.0.1:8181/exhibitor/v1/cluster/state
	tell state/mesos-master-metrics.json "http://$ip:5050/metrics/snapshot"
	tell state/mesos-agents.json "http://$ip:5050/slaves"
	tell state/maintenance-status.json "http://$ip:5050/maintenance/status"
	tell state/marathon-info.json http://127.0.0.1:8080/v2/info
	leader_by "$ip" | piece state/mesos-leader.txt 1000
else
	tell state/mesos-agent-metrics.json "http://$ip:5051/metrics/snapshot"
	find_leader | piece state/mesos-leader.txt 1000
fi
tell state/health.json "http://$ip:1050/system/health/v1"
checks_pass node-poststart
printf '%s' "$check_output" | piece state/checks.json $((most / 20))

say "configuration"
for f in user.config.yaml expanded.config.json dcos-version.json dns_config master_list mesos-master mesos-slave mesos-slave-common \
	mesos-slave-public mesos-dns.json dcos-dns.json exhibitor ui-config.json dcos-check-config.json dns_search_config; do
	for d in "$opt/etc" "$opt/etc_master" "$opt/etc_slave"; do
		# Only what anybody may read: whatever else it may be, it was meant to be kept.
		case $(find -L "$d/$f" -maxdepth 0 -type f -perm -004 2>/dev/null) in ?*) piece "config/$f" $((most / 20)) <"$d/$f" ;; esac
	done
done
"$opt/bin/pkgpanda" active 2>/dev/null </dev/null | piece config/packages.txt $((most / 20))

say "journals"
units=$(dcos_units | grep '\.service$')
n=$(printf '%s\n' "$units" | wc -l)
for unit in $units docker.service; do
	journalctl --no-pager -q -o short-iso --since="$since" -n 20000 -u "$unit" 2>/dev/null </dev/null | piece "journal/$unit.log" $((most / 2 / (n + 1)))
done
put end collect
