# store: keeps files in a directory for a web server, with the rights that it is run with.
#
# reads    $1 is the directory, as the file system has it; $2 the verb:
#            read NAME   the content of a file
#            stat        names of files, one a line, on standard input
#            sums        likewise
#            put NAME    the file's content on standard input
#            remove      names of files, one a line, on standard input
# prints   read: the content; stat and put: a line for each file that is there, of its size, the time of the last
#          change of its content or attributes, and its name; a size of -1 is that of what is no regular file; sums: a
#          line for each file that may be read, of its SHA-256 and its name. Exit code 65: refused, and the last line
#          of standard error says why; 66: there is no such file
# changes  put: makes the directory and those in it that the name has, and gives the file its name when it is
#          whole; remove: removes the files, and the directories that are empty then
#
# What is there already need not be ours: nothing is reached through a link, and nothing that is there is written to.
# A file of the name that is put takes its place: whose it is was asked before (place.go).
#
# POSIX sh (dash, bash, busybox ash).
umask 022
dir=$1 verb=$2
shift 2
manifest=.terraform-provider-dcos.json
mark=.terraform-provider-dcos.made # how many of the directories in the path were made
next=.terraform-provider-dcos.new  # the name of a file in its directory until it is whole

refuse() {
	printf '%s\n' "$*" >&2
	exit 65
}

describe() { # NAME FILE
	stat -c '%s %z' "$2" 2>/dev/null | {
		read -r size day time zone && echo "$size ${day}T$time$zone $1"
	}
}

# Root is here only if nobody else may write to the directory (guard.sh). What is in it may still be somebody's.
me=$(id -u)
alone() {
	# shellcheck disable=SC2046 # two words
	set -- $(stat -c '%u %a' .)
	case $me,$1,$2 in
	0,0,*[2367] | 0,0,*[2367]?) refuse "others than root may write to $here (mode $2): take the right from them (chmod go-w)" ;;
	0,0,*) ;;
	0,*) refuse "$here belongs to $(stat -c %U .), and what it is in to root: give both to one of them" ;;
	*) [ -w . ] || refuse "$(id -un) may not write to $here, which belongs to $(stat -c %U .): give all of it to one of them" ;;
	esac
}

# step goes into a directory of where we are, unless it is a link.
step() { cd -P "./$1" 2>/dev/null && [ "$(pwd -P)" = "${here%/}/$1" ] && here=${here%/}/$1; }

# into goes to the directory of the file called name, from step to step, and leaves the file's own name in file.
into() { # "make", to make what is missing
	cd -P "$base" && here=$base || return
	file=${name##*/}
	case $name in */*) folder=${name%/*} ;; *) folder='' ;; esac
	while [ -n "$folder" ]; do
		part=${folder%%/*}
		case $folder in */*) folder=${folder#*/} ;; *) folder='' ;; esac
		if [ "${1:-}" = make ] && [ ! -e "./$part" ] && [ ! -L "./$part" ]; then mkdir "./$part" || exit 1; fi
		step "$part" || return
		if [ "$verb" = put ] || [ "$verb" = remove ]; then alone; fi
	done
}

# enter goes into the directory itself.
enter() { cd -P "$dir" 2>/dev/null && base=$(pwd -P) && here=$base; }

case $verb in
read)
	name=$1
	if ! enter || ! into || [ -L "./$file" ] || [ ! -f "./$file" ]; then exit 66; fi
	cat "./$file"
	;;
stat)
	enter || exit 0
	while IFS= read -r name; do
		into || continue
		if [ ! -L "./$file" ] && [ -f "./$file" ]; then
			describe "$name" "./$file"
		elif [ -L "./$file" ] || [ -e "./$file" ]; then
			echo "-1 - $name"
		fi
	done
	;;
sums)
	enter || exit 0
	if command -v sha256sum >/dev/null; then
		sum() { sha256sum; }
	elif command -v openssl >/dev/null; then
		sum() { openssl dgst -sha256 -r; }
	else
		refuse "no program for SHA-256 sums (sha256sum, openssl)"
	fi
	while IFS= read -r name; do
		if into && [ ! -L "./$file" ] && [ -f "./$file" ] && s=$(sum <"./$file"); then echo "${s%% *} $name"; fi
	done
	;;
put)
	name=$1
	if [ ! -d "$dir" ]; then
		made=0 at=$dir missing=''
		while [ ! -d "$at" ]; do
			missing=${at##*/}/$missing made=$((made + 1))
			at=${at%/*}
			at=${at:-/}
		done
		# One after the other: who makes one of them meanwhile keeps us from going on.
		cd -P "$at" || exit 1
		here=$(pwd -P)
		while [ -n "$missing" ]; do
			part=${missing%%/*} missing=${missing#*/}
			mkdir "./$part" && step "$part" || exit 1
		done
		(set -C && echo "$made" >"./$mark") || exit 1
	fi
	enter || exit 1
	alone
	into make || refuse "$here/$part is in the way: it is a link, or no directory"
	rm -f "./$next" # what a run that was killed left
	if [ -L "./$file" ]; then rm -f "./$file"; fi
	[ ! -d "./$file" ] || refuse "$here/$file is a directory"
	(set -C && cat >"./$next") && mv -f "./$next" "./$file" || {
		rm -f "./$next"
		exit 1
	}
	describe "$name" "./$file"
	;;
remove)
	enter || exit 0
	alone
	while IFS= read -r name; do
		last=$name
		into || continue # what is behind a link is not what was put there
		rm -f "./$file" "./$next" "./.new-$file" || exit 1 # the last is what a version before had for next
		while [ "$here" != "$base" ]; do
			part=${here##*/} here=${here%/*}
			here=${here:-/}
			cd -P .. && [ "$(pwd -P)" = "$here" ] && rmdir "./$part" 2>/dev/null || break
		done
	done
	# The manifest goes last: then the directories go that were made for it.
	cd -P "$base" || exit 1
	if [ "${last:-}" = "$manifest" ] && [ ! -L "./$mark" ] && [ -f "./$mark" ]; then
		left=$(cat "./$mark")
		rm -f "./$mark"
		case $left in '' | *[!0-9]* | ????*) left=0 ;; esac
		cd / || exit 1
		dir=$base
		while [ "$left" -gt 0 ] && rmdir "$dir" 2>/dev/null; do
			dir=${dir%/*} left=$((left - 1))
		done
	fi
	;;
esac
