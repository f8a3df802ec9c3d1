# finish: takes away what is not needed once the node is up.
#
# reads    nothing
# prints   nothing of its own; inspect follows it
# changes  removes what was transferred and the marker; puts the backups of the account files back
#          to what they were before pkgpanda made users
put begin finish
systemctl stop terraform-dcos-activate.service >/dev/null 2>&1 </dev/null # it has ended and only remains to be seen
systemctl reset-failed terraform-dcos-activate.service >/dev/null 2>&1 </dev/null
restore_account_backups "$record/accounts" || fail "putting the backups of the account files back"
if [ -d "$record" ]; then rmdir "$record" 2>/dev/null; fi # it was made for the backups alone
remove_placed || fail "removing what was transferred"
put end finish
