# Goes after lib.sh in front of the scripts that look at the cluster from a node.
#
# reads    nothing
# prints   nothing by itself; put_ensemble says what it prints
# changes  nothing

own_ip() { PATH=$opt/bin:$PATH quickly 20 "$opt/bin/detect_ip" 2>/dev/null </dev/null; }

# exhibitor_says URL: what an exhibitor answers. It asks each master for its state before it does, and waits 10 s for one
# that is not there (RemoteConnectionConfiguration of dcos/exhibitor), perhaps for one after the other.
exhibitor_says() { http 35 "$1"; }

# exhibitor_entries: each entry of the ensemble on a line of its own, on standard output.
exhibitor_entries() { # URL
	exhibitor_says "$1" | tr -d ' \n\t' | sed 's/},{/}\
{/g'
}

own_exhibitor=http://127.0.0.1:8181/exhibitor/v1/cluster/status

# discover: the masters' addresses, found the way this node's own services find them.
discover() {
	source='' uri=''
	if [ -f "$opt/etc/dns_config" ]; then
		source=$(sed -n 's/^MASTER_SOURCE=//p' "$opt/etc/dns_config")
		uri=$(sed -n 's/^EXHIBITOR_URI=//p' "$opt/etc/dns_config")
	fi
	case $source in
	master_list) tr -d '[]" \n' <"$opt/etc/master_list" 2>/dev/null | tr ',' '\n' ;;
	*) if [ -n "$uri" ]; then exhibitor_entries "$uri" | sed -n 's/.*"hostname":"\([^"]*\)".*/\1/p'; fi ;;
	esac
}

# number_of KEY, JSON on standard input: the number, without its fraction. Mesos writes a slash in a
# key as "\/".
number_of() {
	tr -d ' \n\t\\' | sed -n 's|.*"'"$1"'":\([0-9]*\).*|\1|p'
}

# leader_by MASTER: the leader's address that a Mesos master names, "" if it knows none.
leader_by() {
	to=$(curl -s -m 5 --noproxy '*' -o /dev/null -w '%{redirect_url}' "http://$1:5050/redirect" 2>/dev/null </dev/null)
	to=${to#*//}
	to=${to%%/*}
	if [ -z "$to" ]; then
		to=$(http 10 "http://$1:5050/state" | tr -d ' \n\t' | sed -n 's/.*"leader":"\([^"]*\)".*/\1/p')
		to=${to#*@}
	fi
	printf '%s' "${to%:*}"
}

# find_leader: the leader's address, asked of each master that can be found.
find_leader() {
	for m in $(discover); do
		l=$(leader_by "$m")
		if [ -n "$l" ]; then
			printf '%s' "$l"
			return 0
		fi
	done
	return 1
}

recovered() { # IP: has this master's registrar recovered?
	[ "$(http 5 "http://$1:5050/metrics/snapshot" | number_of registrar/log/recovered)" = 1 ]
}

# put_ensemble: how this master sees its ensemble: ip=, ensemble= what exhibitor answers (JSON), leader=, recovered=.
put_ensemble() {
	ip=$(own_ip)
	put ip "$ip"
	exhibitor_says "$own_exhibitor" | put_in ensemble
	leader=$(leader_by "$ip")
	put leader "$leader"
	if recovered "$ip"; then put recovered yes; else put recovered no; fi
}

registered() { # IP: is this agent registered with a leader?
	[ "$(http 5 "http://$1:5051/metrics/snapshot" | number_of slave/registered)" = 1 ]
}

# checks_pass TYPE: DC/OS's own checks. What they print is kept in check_output. A runner that could
# not run a check says so under "error" and ends with 0 all the same.
check_output=
check_code=
checks_pass() {
	if [ -x "$opt/bin/dcos-check-runner" ]; then
		runner=$opt/bin/dcos-check-runner
	elif [ -f "$opt/etc/dcos-diagnostics-runner-config.json" ]; then
		runner=$opt/bin/dcos-diagnostics
	else
		return 0
	fi
	check_output=$(
		set +u
		# shellcheck disable=SC1091 # DC/OS's own file
		. "$opt/environment.export"
		quickly 90 "$runner" check "$1" 2>&1 </dev/null
	)
	code=$?
	check_code=$code # of the runner itself
	case $(printf '%s' "$check_output" | tr -d ' \n\t') in
	'{"error":'* | *',"error":'*) return 3 ;;
	esac
	return $code
}
