# restart: restarts DC/OS's services, or boots the machine anew.
#
# reads    standard input: a line MODE WHAT BEFORE, then names of services, one a line (none: all of DC/OS's)
#            MODE    look: says what there is to do; do: does it; wait: waits until the machine has booted
#            WHAT    services or machine
#            BEFORE  seconds since 1970: what was started then or later is left alone
# prints   old= for each service, or the machine, that was started before; in the end outcome=done
# changes  with do: restarts those services, which systemd goes on with by itself, or boots in two seconds
put begin restart
read -r mode what before
units=$(cat)

# The host's own clocks: systemd's times since boot, with those of the kernel beside them.
up=$(cut -d. -f1 /proc/uptime)
age_of() { # UNIT ("" is the manager) PROPERTY...: seconds since the youngest of them; nothing if there is none
	u=$1
	shift
	for p; do systemctl show -p "$p" ${u:+"$u"} 2>/dev/null </dev/null; done |
		sed -n 's/^[^=]*=\([0-9]*\)[0-9]\{6\}$/\1/p' | sort -n | tail -n 1 |
		while read -r at; do echo $((up - at)); done
}
old() { # AGE: was it started before?
	[ -z "$1" ] || [ $(($(now) - $1)) -lt "$before" ]
}

list() { # what is to be restarted
	if [ "$what" = machine ]; then
		if old "$(age_of '' UserspaceTimestampMonotonic)"; then echo machine; fi
		return
	fi
	if [ -z "$units" ]; then units=$(dcos_units | grep '\.service$' | grep -v '^dcos-\(setup\|download\|link-env\)\.service$'); fi
	for unit in $units; do
		if [ ! -e "$systemd/$unit" ] && [ ! -e "$systemd/dcos.target.wants/$unit" ]; then
			echo "missing $unit"
		elif old "$(age_of "$unit" ExecMainStartTimestampMonotonic ConditionTimestampMonotonic)"; then
			echo "$unit"
		fi
	done
}

found=$(list)
missing=$(printf '%s\n' "$found" | sed -n 's/^missing //p' | tr '\n' ' ')
if [ -n "$missing" ]; then fail "looking for the services to restart; there are none here called $missing(nothing was restarted)"; fi
case $mode in
look) for one in $found; do put old "$one"; done ;;
do)
	if [ "$what" = machine ]; then
		if [ -n "$found" ] && [ "$(unit_show terraform-dcos-reboot.service SubState)" != running ]; then
			say "booting the machine anew"
			systemctl stop terraform-dcos-reboot.service >/dev/null 2>&1 </dev/null
			systemctl reset-failed terraform-dcos-reboot.service >/dev/null 2>&1 </dev/null
			try "ordering the machine to boot" systemd-run --unit=terraform-dcos-reboot --description="Reboot by Terraform" \
				/bin/sh -c 'sleep 2; exec systemctl reboot'
		fi
	elif [ -n "$found" ]; then
		# shellcheck disable=SC2086 # unit names have no blanks
		set -- $found
		say "restarting $# $([ $# = 1 ] && echo service || echo services)"
		# One that does not start is tried again by systemd, and missed by what waits for the node.
		systemctl restart "$@" >&2 </dev/null || say "systemd did not start all of them at once; it tries again"
	fi
	;;
wait)
	begun=$(now)
	while [ -n "$(list)" ]; do # a connection that ends with the machine ends this, too
		if [ $(($(now) - begun)) -ge 300 ]; then fail "waiting for the machine to boot (it goes on running)" terraform-dcos-reboot.service; fi
		sleep 1
	done
	say "the machine has booted"
	;;
esac
put outcome "done"
put end restart
