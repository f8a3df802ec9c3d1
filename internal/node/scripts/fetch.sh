# fetch: gets packages into DC/OS's repository on the node and looks whether they are whole.
#
# reads    standard input, one line each: url URL; stale ID, for what is there and not active, with other files than it should
#          have; then id ID; compare ID
# prints   fetched=ID for each that is there at the end; for those to compare, differs=NAME/PATH for
#          each file that is not as in the active package of the same name
# changes  /opt/mesosphere/packages; no service notices
put begin fetch
url=
compare=
# Packages that may lack content: nothing was sure to be on disk yet when the power went.
fetching=$opt/packages/.fetching
if [ -f "$fetching" ]; then
	while read -r id; do
		case $id in */* | . | ..) continue ;; ?*--?*) ;; *) continue ;; esac # what a power cut made of it is no id
		case $(readlink "$opt/active/${id%%--*}") in */"$id") continue ;; esac
		try "removing what was fetched of $id" rm -rf "$opt/packages/$id"
	done <"$fetching"
fi
while read -r what a; do
	case $what in
	url) url=$a ;;
	id)
		# A directory without pkginfo.json is the rest of something; pkgpanda would take it for the package.
		if [ -d "$opt/packages/$a" ] && [ ! -s "$opt/packages/$a/pkginfo.json" ]; then
			try "removing a broken copy of $a" rm -rf "$opt/packages/$a"
		fi
		set -- "$@" "$a"
		;;
	stale) try "removing a former $a" rm -rf "$opt/packages/$a" ;;
	compare) compare="$compare $a" ;;
	*) fail "reading what to fetch: $what" ;;
	esac
done
if [ $# -gt 0 ]; then
	for id; do
		if [ ! -d "$opt/packages/$id" ]; then printf '%s\n' "$id"; fi
	done >"$fetching" || fail "noting what is fetched"
	sync "$fetching" 2>/dev/null
	(
		set +u
		# shellcheck disable=SC1091 # DC/OS's own file
		. "$opt/environment.export"
		"$opt/bin/pkgpanda" fetch --repository-url="$url" "$@" 2>&1 </dev/null
	) >&2 || fail "fetching $# package(s) from $url"
	for id; do
		if [ ! -s "$opt/packages/$id/pkginfo.json" ]; then fail "fetching $id from $url, which is not in the repository afterwards"; fi
		put fetched "$id"
	done
	if [ -s "$fetching" ]; then sync; fi
	rm -f "$fetching"
fi
for id in $compare; do
	name=${id%%--*}
	was=$opt/active/$name
	is=$opt/packages/$id
	files=$(cd "$was/" && find . ! -type d && cd "$is/" && find . ! -type d) || fail "comparing $id with what is active"
	printf '%s\n' "$files" | sort -u | while read -r f; do
		cmp -s "$was/$f" "$is/$f" || put differs "$name/${f#./}"
	done
done
put end fetch
