# cloudinit: waits for cloud-init to end.
#
# reads    arguments: time limit in seconds
# prints   outcome=absent, done, error or timeout; detail= what cloud-init says
# changes  nothing
put begin cloudinit
begun=$(now)
outcome=
result=/run/cloud-init/result.json # written once the boot that runs now is through with it

# ended reports whether nothing of cloud-init is still to run: its result is there, or all that the boot starts has been started.
ended() {
	if [ -e "$result" ]; then return 0; fi
	case $(systemctl is-system-running 2>/dev/null </dev/null) in
	running | degraded | maintenance) return 0 ;;
	esac
	return 1
}

if ! command -v cloud-init >/dev/null 2>&1; then
	outcome=absent
fi
while [ -z "$outcome" ]; do
	status=$(cloud-init status 2>/dev/null </dev/null | sed -n 's/^status: *//p' | head -n 1)
	case $status in
	done | disabled) outcome='done' ;;
	# Debian 12's (22.4) says so as soon as one module has failed, while user data still runs.
	error) if ended; then outcome=error; fi ;;
	'') if [ -e "$result" ] || [ -e /var/lib/cloud/instance/boot-finished ]; then outcome='done'; fi ;;
	esac
	if [ -n "$outcome" ]; then break; fi
	if [ $(($(now) - begun)) -ge "$1" ]; then
		outcome=timeout
		break
	fi
	sleep 1
done
put outcome "$outcome"
put detail "$(cloud-init status --long 2>/dev/null </dev/null | head -c 2000)"
put end cloudinit
