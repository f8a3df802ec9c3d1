# postflight: waits until the node does its work.
#
# reads    arguments: role (master, slave, slave_public); "first" or "ensemble"; the number of
#          masters (0: not known); time limit in seconds; how long to wait, in seconds, for what
#          other nodes may not be able to give yet
# prints   progress= what it waits for, when that changes and once a minute; warning= what it did
#          not wait for; at the end outcome=well
# changes  nothing
put begin postflight
role=$1
mode=$2
size=$3
limit=$4
patience=$5

begun=$(now)
elapsed() { echo $(($(now) - begun)); }

waiting=
told=0
wait_for() { # WORDS: returns once a second has passed; ends the script when time is up
	if [ "$1" != "$waiting" ] || [ $(($(now) - told)) -ge 60 ]; then
		waiting=$1
		told=$(now)
		say "waiting for $1 ($(elapsed) s)"
	fi
	if [ "$(elapsed)" -ge "$limit" ]; then give_up "$1"; fi
	sleep 1
}

give_up() {
	put timeout yes
	if [ -n "$check_output" ]; then put check_output "$check_output"; fi
	put failed "waiting for $1"
	# shellcheck disable=SC2046 # unit names have no blanks
	set -- $(systemctl list-units --all --no-legend --plain 'dcos-*' 2>/dev/null </dev/null | awk '$3 == "failed" || $4 == "auto-restart" { print $1 }')
	for u; do put failed_unit "$u"; done
	if [ $# -eq 0 ]; then
		case $role in
		master) set -- dcos-exhibitor.service dcos-mesos-master.service ;;
		slave_public) set -- dcos-mesos-slave-public.service ;;
		*) set -- dcos-mesos-slave.service ;;
		esac
	fi
	put_journal "$@"
	exit 70
}

until systemctl is-active --quiet dcos.target </dev/null; do wait_for "dcos.target to be started"; done
until ip=$(own_ip) && [ -n "$ip" ]; do wait_for "ip-detect to give an address"; done
put ip "$ip"

look() { # counts the ensemble as this master's exhibitor sees it
	entries=$(exhibitor_entries "$own_exhibitor")
	total=$(printf '%s\n' "$entries" | grep -c '"hostname"')
	serving=$(printf '%s\n' "$entries" | grep -c '"description":"serving"')
	up=$(printf '%s\n' "$entries" | grep '"hostname"' | grep -vc '"description":"\(down\|unknown\)"')
	listed=$(printf '%s\n' "$entries" | grep -c "\"hostname\":\"$ip\"")
	elected=$(printf '%s\n' "$entries" | grep -c '"isLeader":true')
}

whole() { # are all masters there, so that nothing speaks against a quorum?
	[ "$size" -gt 0 ] && [ "$up" -ge "$size" ]
}

hopeless() { # are there too few for a quorum, whatever they do?
	[ "$size" -gt 0 ] && [ "$up" -le $((size / 2)) ]
}

master_serves() { # sets lacking
	look
	need=$((total / 2 + 1))
	if [ "$size" -gt 0 ]; then need=$((size / 2 + 1)); fi
	if [ "$listed" -eq 0 ]; then
		lacking="exhibitor to list this master"
	elif ! printf '%s\n' "$entries" | grep "\"hostname\":\"$ip\"" | grep -q '"description":"serving"'; then
		lacking="ZooKeeper on this master to serve ($serving of $total serve)"
	elif [ "$serving" -lt "$need" ]; then
		lacking="ZooKeeper's quorum ($serving of $total serve, $need needed)"
	elif [ "$elected" -eq 0 ]; then
		lacking="ZooKeeper's leader"
	elif leader=$(leader_by "$ip") && [ -z "$leader" ]; then
		lacking="a leading Mesos master"
	elif ! recovered "$ip"; then
		lacking="this master's registrar to recover (registrar/log/recovered)"
	else
		return 0
	fi
	return 1
}

node_well() {
	until checks_pass node-poststart; do wait_for "DC/OS's own checks of this node to pass"; done
	check_output=
}

if [ "$role" = master ]; then
	while :; do
		look
		if [ "$total" -eq 0 ]; then
			wait_for "exhibitor to answer"
		elif [ "$listed" -eq 0 ]; then
			wait_for "exhibitor to list this master"
		else
			break
		fi
	done
	# The first installation of an ensemble must not wait for masters that are not installed yet:
	# with one master at a time nobody would ever come. What can be had soon is waited for.
	softly=$(now)
	until master_serves; do
		if [ "$mode" = first ] && ! whole && { hopeless || [ $(($(now) - softly)) -ge "$patience" ]; }; then
			put warning "did not wait for $lacking: of $size masters $up are up as this one sees it"
			put outcome alone
			put end postflight
			exit 0
		fi
		wait_for "$lacking"
	done
	put leader "$leader"
	node_well
else
	softly=$(now)
	until registered "$ip"; do
		leader=$(find_leader)
		if [ -n "$leader" ]; then
			wait_for "the agent to register with the leader $leader"
		elif [ $(($(now) - softly)) -ge "$patience" ] && [ "$mode" = first ]; then
			put warning "did not wait for the agent to register: no leader can be found yet at $(discover | tr '\n' ' ')"
			put outcome alone
			put end postflight
			exit 0
		else
			wait_for "a leader to be found"
		fi
	done
	node_well
fi
put outcome well
put end postflight
