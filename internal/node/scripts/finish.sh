# finish: takes away what is not needed once the node is up.
#
# reads    standard input: claim BASE64, or nothing
# prints   nothing of its own; inspect follows it
# changes  notes that the node is up, and whose it is; removes what was transferred and the marker; puts the backups of the account
#          files back to what they were before pkgpanda made users
put begin finish
sync # after a power cut the marker is what says that not everything may be on disk
systemctl stop terraform-dcos-activate.service >/dev/null 2>&1 </dev/null # it has ended and only remains to be seen
systemctl reset-failed terraform-dcos-activate.service >/dev/null 2>&1 </dev/null
restore_account_backups "$record/accounts" || fail "putting the backups of the account files back"
if [ -d "$record" ]; then rmdir "$record" 2>/dev/null; fi # it was made for the backups alone
while read -r what a; do
	case $what in
	claim) write_claim "$a" ;;
	*) fail "reading what to finish: $what" ;;
	esac
done
note_up || fail "noting that the node is up"
remove_placed || fail "removing what was transferred"
put end finish
