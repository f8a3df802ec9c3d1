# inspect: what the host looks like.
#
# reads    arguments: paths of further setup files to look at
# prints   see parseState in inspect.go
# changes  nothing
put begin inspect

put clock "$(now)"
put_file machine_id /etc/machine-id
put_file boot_id /proc/sys/kernel/random/boot_id
put hostname "$(hostname 2>/dev/null || cat /proc/sys/kernel/hostname)"
if command -v ip >/dev/null 2>&1; then
	ip -o addr show 2>/dev/null | awk '{ sub("/.*", "", $4); print $4 }' | put_in addresses
else
	hostname -I 2>/dev/null | tr ' ' '\n' | put_in addresses
fi

# How much of DC/OS there is. What an activation that was ended has moved away counts where it is.
read_stage
active=$(swapped_at "$opt/active")
bin=$(swapped_at "$opt/bin")
settings=$(swapped_at "$opt/etc")
if [ ! -d "$opt" ]; then put opt no; elif bare "$opt"; then put opt empty; else put opt yes; fi
if [ -d "$active" ]; then
	put active_directory yes
	# shellcheck disable=SC2012 # package ids have no blanks
	# One ls instead of a readlink for each of some eighty packages.
	ls -l "$active" 2>/dev/null | sed -n 's|^l.* -> .*/\([^/]*\)$|\1|p' | sort | put_in active
	for l in "$active"/*; do
		if [ -L "$l" ] && [ ! -s "$l/pkginfo.json" ]; then put dangling "${l##*/}"; fi
	done
else
	put active_directory no
fi
# Who has something in DC/OS's own directory is told its name.
is_opt_name() ( # NAME: does DC/OS make something of that name there?
	set -f
	for n in $opt_names; do
		# shellcheck disable=SC2254 # a pattern
		case $1 in $n) return 0 ;; esac
	done
	return 1
)
if [ -d "$opt" ]; then
	contents "$opt" | head -n 100 | while read -r f; do
		case $f in "$opt"/*) : ;; *) continue ;; esac # the second line of a name
		if is_opt_name "${f##*/}"; then
			put known "${f##*/}"
			break # one is enough
		fi
		put stranger "${f##*/}"
	done
fi
if [ -e "$opt/bootstrap" ]; then put setup_pending yes; else put setup_pending no; fi
unfinished=no
if [ -e "$opt/install_progress" ]; then unfinished=yes; fi
for n in $swapped; do
	if [ "$(swapped_at "$n")" != "$n" ]; then unfinished=yes; fi
done
put swap_unfinished $unfinished
if [ $unfinished = no ]; then
	# An empty file is what a power cut leaves of one that was about to be written.
	for f in "$systemd"/dcos.target.wants/* "$opt/active.buildinfo.full.json" "$opt/etc/dcos-service-configuration.json"; do
		if { [ -L "$f" ] || [ -e "$f" ]; } && [ ! -s "$f" ]; then put lost_file "${f##*/}"; fi
	done
	if [ -d "$active" ]; then
		for f in "$opt/environment" "$opt/environment.export"; do
			if [ ! -s "$f" ]; then put lost_file "${f##*/}"; fi
		done
		# Who removes a unit by hand removes its link, too. What the packages bring says that it is wanted.
		for r in '' "$etc"/roles/*; do
			for f in "$active"/*/dcos.target.wants"${r:+_${r##*/}}"/*; do
				l=$systemd/dcos.target.wants/${f##*/}
				if { [ -e "$f" ] || [ -L "$f" ]; } && [ ! -e "$l" ] && [ ! -L "$l" ]; then put lost_file "${f##*/}"; fi
			done
		done
	fi
fi
for f in "$etc"/roles/*; do
	if [ -e "$f" ]; then put role "${f##*/}"; fi
done
if [ -d "$etc" ]; then put etc yes; else put etc no; fi
put_file version "$settings/dcos-version.json"
put_file mesos_master_provider "$settings/mesos-master-provider"
put_file repository_url "$etc/setup-flags/repository-url"
put_file package_list "$etc/setup-flags/cluster-package-list"
# What the cluster is built on. Only these lines are read: secrets are near.
sed -n '/^\(MASTER_SOURCE\|EXHIBITOR_BACKEND\|EXHIBITOR_FSCONFIGDIR\|AWS_S3_BUCKET\|AWS_S3_PREFIX\|ZK_CONFIG_ZPATH\|AZURE_PREFIX\)=/p' "$settings/dns_config" "$settings/exhibitor" 2>/dev/null |
	while read -r line; do put setting "$line"; done
put_file master_count "$settings/master_count"
put_file master_list "$settings/master_list"
if [ -x "$bin/detect_ip" ]; then
	put detected_ip "$(PATH=$bin:$PATH quickly 20 "$bin/detect_ip" 2>/dev/null </dev/null)"
fi

# Was it ever up, so that there is something to lose?
if [ -e "$record/up" ]; then put up yes; fi
for f in /var/lib/dcos/cluster-id /var/lib/dcos/exhibitor/zookeeper /var/lib/zookeeper /var/lib/dcos/mesos/master/replicated_log; do
	if { [ -f "$f" ] && [ -s "$f" ]; } || { [ -d "$f" ] && ! bare "$f"; }; then put data "$f"; fi
done
{
	printf '/var/lib/mesos/slave\n'
	cat "$record/work_directories" 2>/dev/null
	sed -n 's/^MESOS_WORK_DIR=//p' "$settings/mesos-slave-common" "$settings/mesos-slave" "$settings/mesos-slave-public" 2>/dev/null
} | sort -u | while read -r f; do
	if [ -L "$f/meta/slaves/latest" ]; then put data "$f"; fi
done

# What is ours.
if [ -d "$staging" ]; then put staged yes; else put staged no; fi
put_file owner "$owner"
put_file claim "$claim"
if [ -d "$record" ]; then put recorded yes; else put recorded no; fi
if [ -d /var/lib/dcos ]; then
	contents /var/lib/dcos | while read -r f; do
		if [ "$f" != "$record" ] && ! { [ -d "$f" ] && bare "$f"; }; then printf '%s\n' "$f"; fi
	done | put_in leftovers
fi

# Units: one systemctl for all of them.
units=$(dcos_units)
if [ -n "$units" ]; then
	# shellcheck disable=SC2086 # unit names have no blanks
	systemctl show -p Id -p ActiveState -p SubState -p UnitFileState -p Result -p Job -p LoadState -p Restart -p ConditionResult -p ConditionTimestampMonotonic -p TriggeredBy $units 2>/dev/null </dev/null | put_in units
fi
if [ -d "$systemd/dcos.target.wants" ] || [ -e "$systemd/dcos.target" ]; then put target yes; else put target no; fi

put activating "$(unit_show terraform-dcos-activate.service SubState)"

# Files that the installer writes. Of those that only root may read, the host knows what was written.
is_edited() { # SUM PATH, lines of sum and path on standard input
	while read -r s p; do
		if [ "$p" = "$2" ]; then
			[ "$s" != "$1" ]
			return
		fi
	done
	return 1
}
for f in "$etc"/setup-flags/* "$etc/docker_credentials" /etc/systemd/journald.conf.d/dcos.conf /etc/rexray/config.yml \
	"$systemd/dcos-link-env.service" "$systemd/dcos-download.service" "$systemd/dcos-setup.service" "$@"; do
	if [ -f "$f" ]; then
		sum=$(sha256sum <"$f") || continue
		mode=$(stat -c %a "$f")
		put file "${sum%% *} $mode $f"
		case $mode in
		*00) if [ -f "$record/written" ] && is_edited "${sum%% *}" "$f" <"$record/written"; then put edited "$f"; fi ;;
		esac
	fi
done

put end inspect
