# recover: makes of what is left of an activation of packages that was ended, or of files that were lost, what DC/OS's package
# manager can go on from. Activating packages afterwards puts everything right.
#
# reads    standard input, one line each: url URL, where packages are; then package ID SHA256, for each that is to be
#          put back without the package manager, which may need it itself
# prints   stage= where the swap had stopped; put_back= for each package, unit and file that was
# changes  what is swapped (lib.sh) is at its place again: the former set, or the new one if that was being moved in; packages;
#          dcos.target.wants, and the units' files that it names
#
# With bin moved away pkgpanda cannot run. With part of the new set moved in, it never ends the swap. Where dcos.target.wants is
# there and names no unit that has a file, it calls systemctl stop without a unit, which fails (Systemd.stop_all, from 2.1.2 on).
put begin recover
read_stage
put stage "$stage"
for n in $swapped; do
	at=$(swapped_at "$n")
	if [ "$at" = "$n" ]; then continue; fi
	try "removing $n" rm -rf "$n"
	try "moving $at to $n" mv "$at" "$n"
done

put_back() { # ID SHA256
	case $url in
	file://*) tarball=${url#file://}/packages/${1%%--*}/$1.tar.xz ;;
	*) # no name with two dashes in a row: pkgpanda would list it
		tarball=$opt/packages/.fetched.tar.xz
		try "fetching $1 from $url" curl -fsSL --retry 3 -o "$tarball" "$url/packages/${1%%--*}/$1.tar.xz"
		;;
	esac
	sum=$(sha256sum <"$tarball") && [ "${sum%% *}" = "$2" ] || fail "putting the package $1 back: $tarball is not what it should be"
	to=$opt/packages/$1
	try "removing what was left of $1" rm -rf "${to}_tmp"
	try "making ${to}_tmp" mkdir -p "${to}_tmp"
	try "unpacking $tarball" tar -xJf "$tarball" -C "${to}_tmp"
	sync # its name is to say that it is whole
	try "removing what was left of $1" rm -rf "$to"
	try "putting the package $1 back" mv "${to}_tmp" "$to"
	rm -f "$opt/packages/.fetched.tar.xz"
	put put_back "$1"
}
url=
while read -r what a b; do
	case $what in
	url) url=$a ;;
	package) put_back "$a" "$b" ;;
	*) fail "reading what to put back: $what" ;;
	esac
done

# A variable more than pkgpanda writes: that of the package python, without which pkgpanda finds no module of its own.
variables() { # PREFIX
	printf '%sPATH=%s/bin:%s\n%sLD_LIBRARY_PATH=%s/lib\n' "$1" "$opt" /usr/bin:/bin:/usr/sbin:/sbin "$1" "$opt"
	for d in "$opt"/lib/python3*/site-packages; do printf '%sPYTHONPATH=%s\n' "$1" "$d"; done
}
for f in environment environment.export; do
	if [ -s "$opt/$f" ]; then continue; fi
	if [ -s "$opt/$f.old" ]; then
		try "putting $f back" cp -p "$opt/$f.old" "$opt/$f.part"
	else
		variables "$(if [ $f = environment.export ]; then echo 'export '; fi)" >"$opt/$f.part" || fail "writing $f"
	fi
	try "putting $f back" mv -f "$opt/$f.part" "$opt/$f"
	put put_back "$f"
done

wants=$systemd/dcos.target.wants
for l in "$wants"/*; do
	if [ -s "$l" ] || [ ! -L "$l" ]; then continue; fi
	unit=${l##*/}
	if [ "$stage" = move_new ] && [ -s "$systemd/$unit.unit.new" ]; then
		try "moving $unit.unit.new" mv -f "$systemd/$unit.unit.new" "$systemd/$unit"
	elif [ "$(readlink "$l")" = "$systemd/$unit" ]; then
		for role in '' "$etc"/roles/*; do
			for f in "$opt"/active/*/dcos.target.wants"${role:+_${role##*/}}/$unit"; do
				if [ -s "$f" ]; then
					try "putting $unit back" cp "$f" "$systemd/$unit.dcos-new"
					try "putting $unit back" mv -f "$systemd/$unit.dcos-new" "$systemd/$unit"
				fi
			done
		done
	fi
	if [ ! -s "$l" ]; then # nobody knows its file any more
		systemctl stop "$unit" >&2 </dev/null
		try "removing $l" rm -f "$l"
	fi
	put put_back "$unit"
done
rm -f "$systemd"/dcos-*.unit.new "$systemd"/dcos.*.unit.new # another one's are not pkgpanda's
if [ -d "$wants" ] && bare "$wants"; then try "removing $wants" rmdir "$wants"; fi
try "reloading systemd's units" systemctl daemon-reload
sync # what was moved and written is on disk before nothing says any more that it was in work
rm -f "$opt/install_progress" "$opt/install_progress.new"
(
	set +u
	# shellcheck disable=SC1091 # DC/OS's own file
	. "$opt/environment.export"
	"$opt/bin/pkgpanda" active 2>&1 </dev/null
) >&2 || fail "running DC/OS's package manager"
put end recover
