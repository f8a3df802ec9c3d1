# activate: has DC/OS's package manager make a set of packages the active one.
#
# reads    standard input, one line each: marker BASE64 CLAIM, then id ID; live, if services are to go on
#          running; restart UNIT, for those that are restarted all the same
# prints   unit= the transient unit that does it, cursor= the journal's end before
# changes  starts the unit. pkgpanda stops DC/OS, swaps its directories and starts it again, or only
#          swaps them. It must not be interrupted half-way by a connection that breaks, hence a unit
#          of its own; it restarts units too, since a host that boots in between restarts them all.
put begin activate
unit=terraform-dcos-activate
ids=
live=
restart=
while read -r what a b; do
	case $what in
	marker) make_marker "$a" "${b:-}" ;;
	id) ids="$ids $a" ;;
	live) live=--no-systemd ;;
	restart) if [ -e "$systemd/dcos.target.wants/$a" ]; then restart="$restart $a"; fi ;;
	*) fail "reading what to activate: $what" ;;
	esac
done
printf '%s\n' "$ids" >"$staging/.ids" || fail "writing to $staging"
cat >"$staging/.activate" <<-END
	set +u
	. $opt/environment.export
	lost=
	if [ -z "$live" ]; then
		for role in '' $etc/roles/*; do
			for f in $opt/active/*/dcos.target.wants\${role:+_\${role##*/}}/*; do
				if [ -f "\$f" ] && [ ! -L "$systemd/dcos.target.wants/\${f##*/}" ] && systemctl is-active -q "\${f##*/}" </dev/null; then
					lost="\$lost \${f##*/}"
				fi
			done
		done
	fi
	$opt/bin/pkgpanda activate $live \$(cat $staging/.ids) || exit
	if [ -z "$live" ]; then
		# Done is what it could not do at boot, and DC/OS's checks count it as long as it has failed.
		systemctl reset-failed dcos-setup.service dcos-download.service 2>/dev/null
		# pkgpanda stops what dcos.target.wants names. What ran and had lost its link there runs on with its former programs,
		# and systemd has refused to start a socket whose service did. What an activation that was ended had stopped was
		# started just now, once, and is left alone.
		if [ -n "\$lost" ]; then
			systemctl stop \$lost
			systemctl start --no-block \$(ls $systemd/dcos.target.wants)
		fi
		exit 0
	fi
	systemctl daemon-reload || exit
	for unit in $restart; do systemctl restart \$unit; done
	exit 0 # one that did not start is tried again, as at any start of DC/OS
END
save_account_backups "$record/accounts" || fail "keeping the backups of the account files"
put cursor "$(journalctl -q --no-pager -n 0 --show-cursor 2>/dev/null </dev/null | sed -n 's/^-- cursor: //p')"
if [ "$(unit_show $unit.service SubState)" != running ]; then # it is, if the connection broke right after it was started
	systemctl stop $unit.service >/dev/null 2>&1 </dev/null
	systemctl reset-failed $unit.service >/dev/null 2>&1 </dev/null
	try "starting pkgpanda" systemd-run --unit=$unit --remain-after-exit --description="Activation of DC/OS packages by Terraform" /bin/sh "$staging/.activate"
fi
put unit $unit.service
put end activate
