# gate: asks whether this master may be taken out of service, right before the script behind it does so.
#
# reads    arguments: a unit that takes the master out of service, or none: while it runs, that has happened already;
#          standard input, one line as the answer to each question:
#            go       goes on with the script behind, which reads the rest of the input
#            wait     asks again in two seconds
#          anything else, no answer in time and the end of the input end everything: nothing has been done
# prints   for each question how this master sees its ensemble, as health does, then ask=yes; ask=begun if the unit runs
# changes  nothing
put begin gate
patience=20 # seconds; later, what this master has said is not true any more

# hear, in a shell of its own: the next line of standard input, nothing if none comes in time. POSIX has no read with a
# limit, so a process reads that can be ended. It takes no byte beyond its line.
hear() {
	exec 5<&0 2>/dev/null # a process in the background has no standard input, and bash tells of what was killed
	{ IFS= read -r line <&5 && printf '%s' "$line"; } &
	reader=$!
	{
		n=0
		while [ $n -lt $patience ]; do
			sleep 1
			n=$((n + 1))
		done
		kill -KILL $reader
	} 5<&- >/dev/null &
	limit=$!
	wait $reader
	kill -KILL $limit
}

while :; do
	if [ -n "${1:-}" ] && [ "$(unit_show "$1" SubState)" = running ]; then
		put ask begun
	else
		put_ensemble
		put ask yes
	fi
	case $(hear) in
	go) break ;;
	wait) sleep 2 ;;
	no) fail "waiting until the ensemble can do without this master (nothing was stopped)" ;;
	*) fail "asking whether this master may be taken out of service (no answer came in time; nothing was stopped)" ;;
	esac
done
put end gate
