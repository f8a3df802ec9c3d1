# guard: finds out with whose rights a directory for a web server is worked in, and has store.sh work there.
#
# reads    $1 is the text of store.sh, $2 the directory, $3 the verb, what follows is the verb's (see store.sh);
#          put has in $4 the directory with what was uploaded; names of files, one a line, come on standard input
# prints   what store.sh prints. Exit code 65: it is refused, and the last line of standard error says why
# changes  nothing by itself; put takes away what it has put in its place
#
# In a directory that another user may write to, root does what that user wants: a link in the place of a file or
# of a directory leads it elsewhere. So root works where nobody else may write, from / down. Where one other user
# may, the work is done with that user's rights, which gain nothing by it; where several may, it is refused. Who is
# not root works with the rights that are there.
#
# POSIX sh (dash, bash, busybox ash).
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
umask 022
work=$1 dir=$2 verb=$3
shift 3

refuse() {
	printf '%s\n' "$*" >&2
	exit 65
}

# Nothing of ours but standard input and output goes to another user's process.
as() { "$@" 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-; }

owner='' owned=''

# belongs notes who may write to something; one user beside root may.
belongs() { # UID WHAT
	case $1 in
	'') refuse "$2 cannot be looked at" ;;
	0 | "$owner") ;;
	*)
		[ -z "$owner" ] || refuse "$owned and $2 belong to different users: give both to root or to one of them"
		owner=$1 owned=$2
		;;
	esac
}

# look finds out who may write to a directory. Where it is sticky, what is in it stays its owner's.
look() {
	# shellcheck disable=SC2046 # two words
	set -- "$1" $(stat -c '%u %a' "$1" 2>/dev/null)
	belongs "${2:-}" "$1"
	sticky='' writable=''
	case $3 in [1357]???) sticky=yes ;; esac
	case $3 in *[2367] | *[2367]?) writable=$1 ;; esac
	[ -z "$writable" ] || [ -n "$sticky" ] || not_alone "$1"
}

not_alone() {
	refuse "others than its owner may write to $1 (mode $(stat -c %a "$1")), so what root does there they could lead elsewhere:" \
		"take the right from them (chmod go-w), or give ssh.sudo = false and a user of ssh that may write there"
}

if [ "$(id -u)" = 0 ]; then
	at='' left=${dir#/} links=0 next=''
	look /
	while [ -n "$left" ]; do
		part=${left%%/*}
		case $left in */*) left=${left#*/} ;; *) left='' ;; esac
		case $part in
		'' | .) continue ;;
		..) at=${at%/*} ;;
		*)
			next=$at/$part
			if [ -L "$next" ]; then
				[ -z "$sticky" ] || belongs "$(stat -c %u "$next" 2>/dev/null)" "$next"
				links=$((links + 1))
				if [ "$links" -gt 40 ] || [ ! -e "$next" ]; then refuse "$next is a link that leads nowhere"; fi
				target=$(readlink "$next")
				case $target in /*) at='' ;; esac
				left=$target/$left
			elif [ -d "$next" ]; then
				at=$next
			elif [ -e "$next" ]; then
				refuse "$next is not a directory"
			else
				break
			fi
			;;
		esac
		look "${at:-/}"
		next=''
	done
	if [ -n "$next" ]; then
		# It is made, by whoever works there.
		dir=$next${left:+/${left%/}}
	else
		dir=${at:-/}
		[ -z "$writable" ] || not_alone "$dir"
	fi
	if [ -n "$owner" ]; then
		user=$(stat -c %U "$owned")
		group=$(id -g "$user" 2>/dev/null) || refuse "$owned belongs to a user that the host does not know (id $owner): give it to one that it knows"
		# A terminal that is root's is not for others.
		session=''
		if (: </dev/tty) 2>/dev/null && command -v setsid >/dev/null; then session=setsid; fi
		if setpriv --reuid="$owner" --regid="$group" --clear-groups true 2>/dev/null; then
			as() { $session setpriv --reuid="$owner" --regid="$group" --clear-groups "$@" 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-; }
		elif command -v su >/dev/null; then
			# shellcheck disable=SC2016 # for the other shell
			as() { $session su -s /bin/sh -c 'exec "$@"' -- "$user" sh "$@" 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-; }
		else
			refuse "$owned belongs to $user, and there is neither setpriv nor su here to work as that user: give it to root"
		fi
	fi
fi

if [ "$verb" != put ]; then
	as sh -c "$work" store "$dir" "$verb" "$@"
	exit
fi
while IFS= read -r name; do
	as sh -c "$work" store "$dir" put "$name" <"$1/$name" || exit
	rm -f "$1/$name"
done
