# A directory of files for a web server. $1 is the directory, $2 what to do; names of files, one a line, come on
# standard input.
umask 022
dir=$1 verb=$2
shift 2
mark=.terraform-provider-dcos.made # how many of the directories in the path were made

describe() { # size, time of the last change of content or attributes with its fraction, name
	stat -c '%s %z' "./$1" 2>/dev/null | {
		read -r size day time zone && echo "$size ${day}T$time$zone $1"
	}
}

case $verb in
read)
	[ -f "$dir/$1" ] || exit 66
	cat "$dir/$1"
	;;
stat)
	cd "$dir" 2>/dev/null || exit 0
	while IFS= read -r name; do
		if [ -f "$name" ] && [ ! -L "$name" ]; then describe "$name"; fi
	done
	;;
put)
	from=$1
	if [ ! -d "$dir" ]; then
		made=0 at=$dir
		while [ ! -e "$at" ]; do made=$((made + 1)) at=$(dirname "$at"); done
		mkdir -p "$dir" && echo "$made" >"$dir/$mark" || exit 1
	fi
	cd "$dir" || exit 1
	while IFS= read -r name; do
		case $name in */*) folder=${name%/*}/ base=${name##*/} && mkdir -p "$folder" || exit 1 ;; *) folder='' base=$name ;; esac
		if [ -d "$name" ]; then
			echo "$dir/$name is a directory" >&2
			exit 1
		fi
		next=./$folder.new-$base
		cp "$from/$name" "$next" && chmod 644 "$next" && mv -f "$next" "./$name" || {
			rm -f "$next"
			exit 1
		}
		rm -f "$from/$name"
		describe "$name"
	done
	;;
remove)
	cd "$dir" 2>/dev/null || exit 0
	while IFS= read -r name; do
		case $name in */*) next=./${name%/*}/.new-${name##*/} ;; *) next=./.new-$name ;; esac
		rm -f "./$name" "$next" || exit 1
		while case $name in */*) ;; *) false ;; esac do
			name=${name%/*}
			rmdir "$name" 2>/dev/null || break
		done
		last=$name
	done
	# The manifest goes last: then the directories go that were made for it.
	if [ "$last" = .terraform-provider-dcos.json ] && [ -f "$mark" ]; then
		left=$(cat "$mark")
		rm -f "$mark"
		cd / || exit 1
		while [ "$left" -gt 0 ] && rmdir "$dir" 2>/dev/null; do
			dir=$(dirname "$dir") left=$((left - 1))
		done
	fi
	;;
esac
