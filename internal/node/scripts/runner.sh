# runner: has DC/OS run its own checks.
#
# reads    arguments: kinds of checks (node-poststart, cluster)
# prints   for each kind KIND= what the runner printed, and KIND-code= its exit code, or none where there is no runner
# changes  nothing
put begin runner
for kind; do
	say "$kind"
	check_output=
	if [ -x "$opt/bin/dcos-check-runner" ] || [ -f "$opt/etc/dcos-diagnostics-runner-config.json" ]; then
		checks_pass "$kind"
		put "$kind-code" "$check_code"
	else
		put "$kind-code" none
	fi
	printf '%s' "$check_output" | head -c 1000000 | put_in "$kind"
done
put end runner
