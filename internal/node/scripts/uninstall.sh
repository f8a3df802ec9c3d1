# uninstall: takes DC/OS off the host, and whatever it and we left, and puts back what they changed.
#
# reads    standard input, one line each: file PATH (a setup file of the bundle),
#          work PATH (the agent's work directory)
# prints   progress=; left= for what it could not put back; stays= WHY PATH for what is not DC/OS's
# changes  everything that traces.sh and record.sh name. Works on any remains of DC/OS and on none.
put begin uninstall
files=''
works=$(work_directories)
while read -r what path; do
	case $what in
	file) files="$files $path" ;;
	work) works="$works $path" ;;
	'') : ;;
	*) fail "reading what to remove: $what" ;;
	esac
done
works=$(printf '%s\n' $works | of_their_own)

# What will be needed after /opt/mesosphere is gone.
resolvers=$(sed -n 's/^RESOLVERS=//p' "$opt/etc/dns_config" 2>/dev/null)
download_directory=$(sed -n 's|^ExecStart=.* -axf \(/.*\)/bootstrap.tar.xz .*|\1|p' "$systemd/dcos-download.service" 2>/dev/null | tr -s / | head -n 1)
profile_link=$(sed -n 's|^ExecStart=.*ln -sf [^ ]* ||p' "$systemd/dcos-link-env.service" 2>/dev/null | head -n 1)
settings=$(tr -d ' \n\t' <"$opt/etc/dcos-service-configuration.json" 2>/dev/null | tr '{,}' '\n\n\n' | sed -n 's/^"\([a-z0-9_]*\.[a-zA-Z0-9_.\/-]*\)":"\{0,1\}\([^"]*\)"\{0,1\}$/\1 \2/p')
cni=$(cni_networks)
net=
if ip link show spartan >/dev/null 2>&1 || ip link show minuteman >/dev/null 2>&1; then net=yes; fi

# 1. Stop everything, what would start the rest first.
rm -f "$record/up" # what follows is not undone
systemctl stop terraform-dcos-activate.service >/dev/null 2>&1 </dev/null
systemctl reset-failed terraform-dcos-activate.service >/dev/null 2>&1 </dev/null
stop_units
# Mesos puts executors there, so that they outlive the agent.
executors=$(systemctl list-units --all --no-legend --plain 'mesos-*.scope' 2>/dev/null </dev/null | awk '{ print $1 }')
if [ "$(unit_show mesos_executors.slice LoadState)" != not-found ]; then quickly 60 systemctl stop mesos_executors.slice >&2 </dev/null; fi
if command -v docker >/dev/null 2>&1 && quickly 20 docker info >/dev/null 2>&1 </dev/null; then
	# Mesos's DockerContainerizer: "mesos-", in old versions the agent's id and a dot, and the container's id.
	containers=$(quickly 30 docker ps -aq --filter 'name=^/mesos-(.+[.])?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}([.]executor)?$' 2>/dev/null </dev/null)
	# shellcheck disable=SC2086 # container ids
	if [ -n "$containers" ]; then docker rm -fv $containers >&2 </dev/null; fi
	quickly 30 docker network ls -q 2>/dev/null </dev/null | while read -r id; do
		name=$(docker network inspect -f '{{.Name}} {{.Driver}} {{index .Options "com.docker.network.bridge.name"}}' "$id" 2>/dev/null </dev/null)
		case $name in
		'calico calico '*) docker network rm "$id" >&2 </dev/null ;;
		*' bridge d-'*) if overlay_names | grep -qxF "${name##* bridge d-}"; then docker network rm "$id" >&2 </dev/null; fi ;;
		esac
	done
fi
# A setup that was at work until now may have made more of them.
names=$(printf '%s\n' "$names" "$(unit_names)" | sort -u)
users=$(dcos_users)
for signal in TERM KILL; do
	for n in 1 2 3 4 5; do
		pids=$(dcos_processes)
		if [ -z "$pids" ]; then break; fi
		# shellcheck disable=SC2086 # process ids
		if [ $n = 1 ]; then kill -$signal $pids 2>/dev/null; fi
		sleep 1
	done
done
# While their files are there: a run that is killed after those has no names for the next one.
for n in $names $executors; do systemctl reset-failed "$n" >/dev/null 2>&1 </dev/null; done

# 2. The network.
if command -v iptables-save >/dev/null 2>&1; then
	say "removing firewall rules"
	for tool in iptables ip6tables; do
		command -v $tool-save >/dev/null 2>&1 || continue
		$tool-save 2>/dev/null </dev/null | awk '
			/^\*/ { table = substr($0, 2) }
			/^:/ { chain = substr($1, 2); if (chain ~ /^(UCR-DEFAULT-BRIDGE|M-CALICO|cali-.*)$/) chains[++n] = "-t " table " -F " chain "\n-t " table " -X " chain }
			/^-A / && (/Minuteman-IPVS-IPTables-masquerade-rule/ || / -j (UCR-DEFAULT-BRIDGE|M-CALICO|cali-[^ ]*)( |$)/ || / -[jg] cali-/) { sub(/^-A/, "-D"); print "-t " table " " $0 }
			END { for (i = 1; i <= n; i++) { split(chains[i], c, "\n"); print c[1] } for (i = 1; i <= n; i++) { split(chains[i], c, "\n"); print c[2] } }' |
			while read -r rule; do printf '%s\n' "$rule" | xargs $tool -w >&2; done
	done
	if [ -n "$net" ]; then iptables -w -D FORWARD -j ACCEPT >&2 </dev/null; fi
fi
for set in $(ip_sets); do ipset flush "$set" >&2 </dev/null; done # a list holds on to the sets in it
for set in $(ip_sets); do ipset destroy "$set" >&2 </dev/null; done
if [ -n "$net" ]; then clear_ipvs || put left "virtual services in the kernel's load balancer (IPVS); ipvsadm -C removes them"; fi
for link in $(dcos_links); do ip link delete "$link" >&2 </dev/null; done

# 3. Mounts and cgroups.
for d in $places $works; do
	stray_mounts "$d" | while read -r m; do
		at=$(printf '%b' "$m")
		n=$(count_mounts "$m")
		allowed=$(recorded_mounts "$m")
		while [ "$n" -gt "$allowed" ]; do # one above the other
			umount "$at" 2>/dev/null </dev/null || umount -l "$at" >&2 </dev/null || break
			n=$((n - 1))
			if ! stray_mounts "$d" | grep -qxF "$m"; then break; fi
		done
	done
done
for c in /sys/fs/cgroup/mesos /sys/fs/cgroup/*/mesos /sys/fs/cgroup/mesos_executors.slice /sys/fs/cgroup/*/mesos_executors.slice; do
	if [ -d "$c" ]; then find "$c" -depth -type d -exec rmdir {} \; 2>/dev/null; fi
done

# 4. Files.
say "removing files"
to_remove

settle() { # PATH: puts a file back as it was before, or removes it
	rm -f "$1.dcos-new"
	if [ -e "$record/files$1" ] || [ -L "$record/files$1" ]; then
		rm -f "$1" && mkdir -p "${1%/*}" && cp -a "$record/files$1" "$1"
	elif ! recorded "$1"; then
		rm -f "$1"
	fi
}

unit_files | while read -r f; do rm -rf "$f"; done
journald=
if [ -e /etc/systemd/journald.conf.d/dcos.conf ]; then journald=yes; fi
for f in $host_settings /etc/rexray/config.yml $files; do settle "$f"; done
if [ -n "$download_directory" ]; then rm -f "$download_directory/bootstrap.tar.xz"; fi
case $profile_link in
/etc/profile.d/dcos.sh) : ;;
/*) case $(readlink "$profile_link") in "$opt"/*) rm -f "$profile_link" ;; esac ;;
esac
for d in /tmp /var/tmp /dev/shm; do
	for u in $users; do find "$d" -xdev -mindepth 1 -maxdepth 1 -user "$u" -exec rm -rf {} + 2>/dev/null; done
done
for d in $works; do clear_place "$d" work; done
manual=
if [ -e "$etc/manual_host_users" ]; then
	# Somebody made the accounts by hand, and that is said in a file that goes now.
	manual=yes
	mkdir_recorded "$record" || fail "noting the accounts that stay"
	awk -F: '$1 ~ /^dcos_/ { print $1 }' /etc/passwd >>"$record/users"
	awk -F: '$1 ~ /^dcos_/ { print $1 }' /etc/group >>"$record/groups"
fi
for f in $own_files; do
	if ! recorded "$f"; then rm -f "$f"; fi
done
for p in $places; do
	case $p in
	"$etc") : ;; # it goes last
	*calico) if [ -n "$past" ] || ! had "$p"; then clear_place "$p"; fi ;;
	*) clear_place "$p" ;;
	esac
done
if { [ -n "$past" ] || [ -e "$former" ]; } && ! had /var/lib/cni && [ -d /var/lib/cni ]; then # other container engines have it too
	take_addresses $cni
fi

# 5. Accounts. userdel copies the account files aside; those copies are put back.
remove_account_locks
groups=$(dcos_groups)
if [ -z "$manual" ] && [ -n "$users$groups" ]; then
	say "removing DC/OS's accounts"
	save_account_backups "$record/accounts" || fail "keeping the backups of the account files"
	for u in $users; do userdel "$u" >&2 </dev/null || userdel -f "$u" >&2 </dev/null; done
	for g in $groups; do groupdel "$g" >&2 </dev/null; done
fi
restore_account_backups "$record/accounts" || fail "putting the backups of the account files back"

# 6. What DC/OS had changed.
rm -f /etc/resolv.conf.tmp # of gen_resolvconf, on a disk that was full
if grep -qs 'gen_resolvconf' /etc/resolv.conf; then
	say "restoring /etc/resolv.conf"
	if [ -e "$record/resolv.conf" ] || [ -L "$record/resolv.conf" ]; then
		cp -a "$record/resolv.conf" /etc/resolv.conf.tmp && mv -f /etc/resolv.conf.tmp /etc/resolv.conf ||
			{ rm -f /etc/resolv.conf.tmp && cat "$record/resolv.conf" >/etc/resolv.conf; } # it may be a mount point
	elif [ -e "$record/complete" ]; then
		rm -f /etc/resolv.conf
	else
		servers=$(printf '%s\n' "$resolvers" | tr ',' '\n' | sed -n 's/^\([0-9.]\{7,\}\)\(:53\)\{0,1\}$/nameserver \1/p')
		if [ -n "$servers" ]; then printf '%s\n' "$servers" >/etc/resolv.conf; fi
		put left "/etc/resolv.conf as it was before (there is no record of it; it names ${resolvers:-servers of DC/OS} now)"
	fi
fi
if grep -qs 'cluster-store' /etc/docker/daemon.json && ! cmp -s "$record/daemon.json" /etc/docker/daemon.json; then
	if [ -e "$record/daemon.json" ]; then
		cp -a "$record/daemon.json" /etc/docker/daemon.json
	elif [ -e "$record/complete" ]; then
		rm -f /etc/docker/daemon.json
	else
		put left "the cluster store in /etc/docker/daemon.json"
	fi
	systemctl try-restart docker.service >&2 </dev/null
fi
restore_setting() { # KEY VALUE-OF-DCOS
	path=/proc/sys/$(printf '%s' "$1" | tr ./ /.)
	before=$(sed -n "s|^$1 = ||p" "$record/sysctl" 2>/dev/null | head -n 1)
	if [ -n "$before" ] && [ "$before" != "$2" ] && [ "$(cat "$path" 2>/dev/null)" = "$2" ]; then
		printf '%s\n' "$before" 2>/dev/null >"$path"
	fi
}
if [ -e "$record/sysctl" ]; then
	{
		printf '%s\n' "$settings"
		printf 'vm.max_map_count 262144\nvm.swappiness 1\nnet.ipv4.vs.conntrack 1\n'
		sed -n 's/^\(net\.ipv4\.conf\.[^ ]*\.rp_filter\) = .*/\1 2/p' "$record/sysctl"
	} | while read -r key value; do
		if [ -n "$key" ]; then restore_setting "$key" "$value"; fi
	done
fi

if [ ! -e "$record/sysctl" ] && [ -n "$resolvers" ]; then
	filter=$(cat /proc/sys/net/ipv4/conf/all/rp_filter 2>/dev/null)
	if [ "$filter" = 2 ]; then put left "net.ipv4.conf.*.rp_filter as it was before (there is no record of it; it is 2 now)"; fi
fi

# 7. systemd forgets the units; the directories that nobody needs; then what says that it was us.
for d in $shared_directories; do
	if [ -d "$d" ] && ! had "$d"; then rmdir "$d" 2>/dev/null; fi
done
systemctl daemon-reload >&2 </dev/null
for n in $(forgotten_units); do systemctl reset-failed "$n" >&2 </dev/null; done
if [ -n "$journald" ]; then systemctl restart systemd-journald.service >&2 </dev/null; fi
clear_place "$etc"
if [ -d "$former_etc" ] && [ ! -L "$former_etc" ]; then
	mkdir -p "$etc" && cp -a "$former_etc/." "$etc/"
fi
put end uninstall
