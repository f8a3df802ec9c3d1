# verify: looks for anything that DC/OS, its services or we left.
#
# reads    arguments: "all", or "redo" where the installation starts again
# prints   left= for each trace; stays= WHY PATH for what is not DC/OS's and could not be told of before
# changes  with "all", and only when nothing else is left, removes the staging directory and the
#          record of the host's former state: until then a next attempt needs them
put begin verify
left=
leave() {
	left=yes
	put left "$1"
}
for f in $(unit_files); do leave "$f"; done
for f in $own_files; do
	if [ -e "$f" ] && ! recorded "$f"; then leave "$f"; fi
done
for f in $host_settings; do
	if { [ -e "$f" ] || [ -L "$f" ]; } && ! had "$f"; then leave "$f"; fi
done
to_look
found=$(
	for d in $(work_directories); do clear_place "$d" work; done
	for p in $places; do
		case $p in
		"$etc") if [ ! -d "$former_etc" ]; then clear_place "$p"; fi ;; # else as it was before
		*calico) if [ -n "$past" ] || ! had "$p"; then clear_place "$p"; fi ;;
		*) clear_place "$p" ;;
		esac
	done
)
if [ -n "$found" ]; then
	left=yes
	printf '%s\n' "$found"
fi
for u in $(dcos_users); do leave "user $u"; done
for g in $(dcos_groups); do leave "group $g"; done
for p in $(dcos_processes); do
	if [ -d "/proc/$p" ]; then leave "process $p ($(tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null | head -c 100))"; fi
done
for l in $(dcos_links); do leave "network interface $l"; done
for d in $places $(work_directories); do
	for m in $(stray_mounts "$d"); do leave "mount $m"; done
done
for u in $(forgotten_units) $(systemctl list-units --all --no-legend --plain 'dcos-*' dcos.target 2>/dev/null </dev/null | awk '$2 != "not-found" { print $1 }'); do
	recorded "$systemd/$u" || leave "unit $u"
done
for tool in iptables ip6tables; do
	for c in $(firewall_chains $tool); do leave "$tool chain $c"; done
done
for set in $(ip_sets); do leave "ipset $set"; done
if [ -z "$left" ] && [ "$1" = all ]; then
	remove_placed || leave "$placed"
	if [ -z "$past" ] && [ -d "$staging" ] && [ ! -L "$staging" ] && ! is_mount "$staging" && [ -z "$(mounts_below "$staging")" ]; then
		# Nobody knows what was there, and DC/OS's own installer, or who worked by hand, has put a serve directory there. One
		# that is mounted is somebody's who shows it to many hosts.
		remove_served "$staging"
	fi
	if [ -z "$past" ]; then # empty directories of an installer that was killed
		remove_empty "$staging"/packages/* "$staging"/packages "$staging"/bootstrap "$staging"/package_lists "$staging"
	fi
	if [ -d "$staging" ] && ! bare "$staging"; then
		contents "$staging" | head -n 21 | while read -r f; do put stays "staged $f"; done
	fi
	rm -rf "$record"
	state=${record%/*}
	case $(listed "$state") in
	none | '') if [ -d "$state" ] && [ ! -L "$state" ] && ! is_mount "$state" && bare "$state"; then rmdir "$state" || leave "$state"; fi ;;
	esac
fi
put end verify
