# reset: takes DC/OS's programs and units off a node of which files are gone, so that dcos-download and dcos-setup put them back.
# Its state stays, and what it runs outside its units.
#
# reads    nothing
# prints   progress=; stays= WHY PATH for what is in /opt/mesosphere and not DC/OS's
# changes  stops DC/OS's units and removes their files, and what DC/OS has in /opt/mesosphere; notes that the node was up
put begin reset
note_up || fail "noting that the node was up"
stop_units
unit_files | while read -r f; do rm -rf "$f"; done
to_remove
clear_place "$opt"
try "reloading systemd's units" systemctl daemon-reload
put end reset
