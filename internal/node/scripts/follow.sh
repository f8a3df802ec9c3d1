# follow: waits for dcos-setup, or for a transient unit of ours, and passes its journal on.
#
# reads    arguments: "setup" or the unit's name; the journal's cursor to go on from ("" for the
#          unit's whole journal of this boot); the time limit in seconds; the cursor from which on
#          the journal is shown if it fails ("" for its end whatever that is of)
# prints   lines= journal lines as they come, cursor= after each of them, progress= what is running;
#          at the end outcome=done
# changes  nothing
put begin follow
what=$1
cursor=$2
limit=$3
journal_from=${4:-}
if [ "$what" = setup ]; then set -- dcos-download.service dcos-setup.service; else set -- "$what"; fi

pass_on() { # UNIT...
	for u; do set -- "$@" -u "$u" && shift; done
	if [ -n "$cursor" ]; then set -- "$@" --after-cursor="$cursor"; else set -- "$@" -b; fi
	# A journal that is kept in memory knows no cursor from before a boot.
	chunk=$(journalctl --no-pager -q -o cat --show-cursor "$@" 2>/dev/null </dev/null) || cursor='' journal_from=
	to=$(printf '%s\n' "$chunk" | sed -n 's/^-- cursor: //p' | tail -n 1)
	if [ -n "$to" ] && [ "$to" != "$cursor" ]; then
		cursor=$to
		printf '%s\n' "$chunk" | sed '/^-- cursor: /d' | put_in lines
		put cursor "$cursor"
	fi
}

state() { # UNIT: sets active, sub, job
	active='' sub='' job=''
	while IFS='=' read -r key value; do
		case $key in
		ActiveState) active=$value ;;
		SubState) sub=$value ;;
		Job) job=$value ;;
		esac
	done <<-END
		$(systemctl show -p ActiveState -p SubState -p Job "$1" 2>/dev/null </dev/null)
	END
	if [ "$job" = 0 ]; then job=; fi
}

set_up() { [ -d "$opt/active" ] && [ ! -e "$opt/bootstrap" ] && [ ! -e "$opt/install_progress" ]; }

begun=$(now)
idle=0
was=
while :; do
	pass_on "$@"
	busy=
	failed=
	for unit; do
		state "$unit"
		case $active in
		activating | deactivating | reloading) busy=$unit ;;
		failed) failed="$failed $unit" ;;
		active) if [ "$sub" != exited ]; then busy=$unit; fi ;;
		esac
		if [ -n "$job" ] && [ -z "$busy" ]; then busy=$unit; fi
	done
	if [ -n "$failed" ] && [ -z "$busy" ]; then
		pass_on "$@"
		# shellcheck disable=SC2086 # unit names have no blanks
		fail "running${failed}" $failed
	fi
	if [ -z "$busy" ]; then
		if [ "$what" = setup ]; then
			if set_up; then break; fi
		elif [ "$active" = active ]; then
			break # it remains after its exit, so that its success can be seen
		fi
		# Neither at work nor done: the host may still be booting, or systemd may be between two jobs.
		case $(systemctl is-system-running 2>/dev/null </dev/null) in
		starting | initializing) idle=0 ;;
		*) idle=$((idle + 1)) ;;
		esac
		if [ $idle -ge 5 ]; then
			put idle yes
			fail "running $*, which ended without having done its work" "$@"
		fi
	else
		idle=0
		if [ "$busy" != "$was" ]; then
			say "running $busy"
			was=$busy
		fi
	fi
	if [ $(($(now) - begun)) -ge "$limit" ]; then
		put timeout yes
		fail "running $* (not done within $limit s)" "$@"
	fi
	sleep 1
done
pass_on "$@"
put outcome "done"
put end follow
