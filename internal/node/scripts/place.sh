# place: moves what was uploaded into the staging directory.
#
# reads    standard input, one line each:
#            watch PATH               a directory that DC/OS is told to use, which the record is to know of
#            marker BASE64 CLAIM      the marker's content, and the claim's (base64; - for none)
#            staging PATH             where bootstrap_url points to
#            file NAME SOURCE         NAME is below the staging directory, SOURCE is an absolute path
# prints   placed=NAME for each
# changes  makes the staging directory, moves the files there (as root's, by rename, so that a name
#          there always stands for a whole file; another file of that name is moved aside until finish
#          or verify), writes the marker, records the host's former state
put begin place
to=
while read -r what a b; do
	case $what in
	watch) watched="$watched $a" ;;
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
		# What is there and not noted is somebody else's. It comes back when this is not needed any more.
		if { [ -e "$target" ] || [ -L "$target" ]; } && ! grep -qxF "file $target" "$placed"; then
			printf 'aside %s\n' "$target" >>"$placed"
			try "moving the $target that is there aside" mv -f "$target" "$target$aside"
		fi
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
