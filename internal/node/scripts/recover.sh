# recover: ends a swap of DC/OS's directories that was interrupted, so far that its package manager
# can run again; activating packages afterwards puts everything right.
#
# reads    nothing
# prints   stage= where the swap had stopped
# changes  /opt/mesosphere/{bin,etc,include,lib,active,environment…} and dcos.target.wants
#
# pkgpanda's swap_active notes its stage in install_progress: "archive" while it moves NAME to
# NAME.old, "move_new" while it moves NAME.new to NAME. With bin moved away it cannot go on by itself.
put begin recover
stage=$(sed -n 's/.*"stage": *"\([a-z_]*\)".*/\1/p' "$opt/install_progress" 2>/dev/null)
put stage "$stage"
for n in "$opt/bin" "$opt/etc" "$opt/include" "$opt/lib" "$systemd/dcos.target.wants" "$opt/active" \
	"$opt/environment" "$opt/environment.export" "$opt/active.buildinfo.full.json"; do
	if [ "$stage" = move_new ] && [ -e "$n.new" ]; then
		try "removing $n" rm -rf "$n"
		try "moving $n.new" mv "$n.new" "$n"
	elif [ ! -e "$n" ] && [ -e "$n.old" ]; then
		try "moving $n.old back" mv "$n.old" "$n"
	fi
done
for f in "$systemd"/*.unit.new; do
	if [ -e "$f" ] && [ "$stage" = move_new ]; then try "moving $f" mv -f "$f" "${f%.unit.new}"; fi
done
rm -f "$opt/install_progress" "$opt/install_progress.new"
try "reloading systemd's units" systemctl daemon-reload
put end recover
