# verify: looks for anything that DC/OS, its services or we left.
#
# reads    arguments: "all", or "redo" where the installation starts again
# prints   left= for each trace
# changes  with "all", and only when nothing else is left, removes the staging directory and the
#          record of the host's former state: until then a next attempt needs them
put begin verify
left=
leave() {
	left=yes
	put left "$1"
}
for f in $(unit_files); do leave "$f"; done
for p in $own_paths; do
	case $p in /var/lib/dcos | "$staging") continue ;; esac
	if [ "$p" = "$etc" ] && [ -d "$record/etc" ]; then continue; fi # as it was before
	if [ -d "$p" ] && [ ! -L "$p" ] && [ -z "$(ls -A "$p" 2>/dev/null)" ]; then
		# Empty, and it was there before, or it is a disk of its own.
		if is_mount "$p" || { [ -e "$record/had" ] && had "$p"; }; then continue; fi
	fi
	if kept "$p"; then continue; fi
	if [ -e "$p" ] || [ -L "$p" ]; then leave "$p"; fi
done
for p in /var/lib/dcos/* /var/lib/dcos/.[!.]*; do
	if [ -e "$p" ] && [ "$p" != "$record" ] && ! kept "$p"; then leave "$p"; fi
done
for u in $(dcos_users); do leave "user $u"; done
for g in $(dcos_groups); do leave "group $g"; done
for p in $(dcos_processes); do
	if [ -d "/proc/$p" ]; then leave "process $p ($(tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null | head -c 100))"; fi
done
for l in $(dcos_links); do leave "network interface $l"; done
for d in "$opt" /var/lib/dcos /var/lib/mesos /run/dcos /run/mesos; do
	for m in $(mounts_below "$d"); do configured "$m" || leave "mount $m"; done
done
for u in $(systemctl list-units --all --no-legend --plain 'dcos-*' dcos.target 2>/dev/null </dev/null | awk '$2 != "not-found" { print $1 }'); do
	leave "unit $u"
done
for tool in iptables ip6tables; do
	for c in $(firewall_chains $tool); do leave "$tool chain $c"; done
done
for set in $(ip_sets); do leave "ipset $set"; done
if [ -z "$left" ] && [ "$1" = all ]; then
	keep=
	if [ -e "$record/had" ] && had /var/lib/dcos; then keep=yes; fi
	remove_placed
	# Somebody may have mounted a directory full of packages there.
	if ! is_mount "$staging" && [ -z "$(mounts_below "$staging")" ]; then rm -rf "$staging"; fi
	rm -rf "$record"
	if [ -z "$keep" ] && [ -d /var/lib/dcos ] && ! is_mount /var/lib/dcos && ! kept /var/lib/dcos; then rmdir /var/lib/dcos 2>/dev/null || leave /var/lib/dcos; fi
fi
put end verify
