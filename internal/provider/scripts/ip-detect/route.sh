#!/bin/sh
# IPv4 address from which this host would send to DESTINATION.
set -eu
export PATH="$PATH:/usr/sbin:/usr/bin:/sbin:/bin"
route=$(ip -4 -o route get DESTINATION)
case " $route " in
*' src '*) ;;
*) echo "no route to DESTINATION says which address to send from: $route" >&2; exit 1 ;;
esac
address=${route#* src }
echo "${address%% *}"
