# place: moves what was uploaded into the staging directory.
#
# reads    standard input, one line each:
#            marker BASE64 CLAIM      the marker's content, and the claim's (base64; - for none)
#            staging PATH             where bootstrap_url points to
#            file NAME SOURCE         NAME is below the staging directory, SOURCE is an absolute path
# prints   placed=NAME for each
# changes  makes the staging directory, moves the files there (as root's, by rename, so that a name
#          there always stands for a whole file), writes the marker, records the host's former state
put begin place
to=
while read -r what a b; do
	case $what in
	marker)
		make_marker "$a" "${b:-}"
		;;
	staging)
		to=$a
		if [ ! -d "$to" ]; then
			printf 'dir %s\n' "$to" >>"$placed"
			try "making $to" mkdir -p "$to"
			try "making $to private" chmod 0700 "$to"
		fi
		;;
	file)
		target=$to/$a
		directory=${target%/*}
		# Each directory that is new is noted, before it is made, so that only those go again.
		missing=
		d=$directory
		while [ ! -d "$d" ]; do
			missing="$d $missing"
			d=${d%/*}
		done
		for d in $missing; do
			printf 'dir %s\n' "$d" >>"$placed"
			try "making $d" mkdir "$d"
		done
		printf 'file %s\n' "$target" >>"$placed"
		# The first move may go across file systems and then copies; the second is a rename.
		try "moving $a to $to" mv -f "$b" "$target.part"
		try "making $a root's" chown 0:0 "$target.part"
		try "making $a readable" chmod 0644 "$target.part"
		try "moving $a to $to" mv -f "$target.part" "$target"
		put placed "$a"
		;;
	*) fail "reading what to place: $what" ;;
	esac
done
put end place
