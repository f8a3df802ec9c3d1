# cloudinit: waits for cloud-init to end.
#
# reads    arguments: time limit in seconds
# prints   outcome=absent, done, error or timeout; detail= what cloud-init says
# changes  nothing
put begin cloudinit
begun=$(now)
outcome=
if ! command -v cloud-init >/dev/null 2>&1; then
	outcome=absent
fi
while [ -z "$outcome" ]; do
	# The file is there once the boot that runs now is through with it (cloud-init's boot-finished).
	status=$(cloud-init status 2>/dev/null </dev/null | sed -n 's/^status: *//p' | head -n 1)
	case $status in
	done | disabled) outcome='done' ;;
	error) outcome=error ;;
	'') if [ -e /run/cloud-init/result.json ] || [ -e /var/lib/cloud/instance/boot-finished ]; then outcome='done'; fi ;;
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
