#!/usr/bin/env bash
# mksh 59c and posh 0.14.1 (Debian 12): what "exec" redirects in a part of a pipeline stays open.
#
# "{ exec >/dev/null; sleep 2; } | cat" ends with the sleep in both, and at once in dash 0.5.12, bash 5.2, ksh93u+m 1.0.4
# and yash 2.52: both keep a copy of the pipe's end for a redirection that is never undone (a descriptor above 9, closed
# when something else is executed). So the reader sees no end of its input while the part runs. Not so for a part that
# executes a program (exec PROGRAM >/dev/null).
#
# Seen: "bash: at once, dash: at once, ksh93: at once, mksh: later, posh: later, yash: at once".
set -euo pipefail
command -v apt-get >/dev/null || { echo "needs Debian 12's apt-get"; exit 2; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
for package in ksh93u+m=1.0.4-3 mksh=59c-28+deb12u1 posh=0.14.1 yash=2.52-2; do
  apt-get download -q "$package" >/dev/null 2>&1 || { echo "$package is not to be had"; exit 2; }
done
for deb in *.deb; do dpkg -x "$deb" .; done
seen=
for shell in bash dash bin/ksh93 bin/mksh usr/bin/posh usr/bin/yash; do
  case $shell in
  */*) path=$dir/$shell ;;
  *) path=$shell ;;
  esac
  # cat notes when its input ends, the other part that it still sleeps then.
  slept=$dir/slept.${shell##*/}
  "$path" -c "{ exec >/dev/null; sleep 2; touch $slept 2>/dev/null; } | { cat; [ -e $slept ] && echo later || echo at once; }" >out
  seen="$seen${seen:+, }${shell##*/}: $(cat out)"
done
echo "$seen"
[ "$seen" = "bash: at once, dash: at once, ksh93: at once, mksh: later, posh: later, yash: at once" ] || {
  echo "this has changed"
  exit 1
}
