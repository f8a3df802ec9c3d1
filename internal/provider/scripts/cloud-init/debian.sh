# debian: how Debian 12 does what prepare.sh wants. Others that call themselves like Debian are untested.
#
# reads    docker_below; apt's sources
# prints   package_of COMMAND: the package that has it
# changes  install_packages, install_docker, install_time: packages, by apt. kernel_parameter: what GRUB tells the kernel
# shellcheck disable=SC2034 # prepare.sh's
systems=debian
time_unit=chrony

package_of() {
	case $1 in
	ping) echo iputils-ping ;;
	xz) echo xz-utils ;;
	ifconfig) echo net-tools ;;
	docker) echo docker.io ;;
	systemctl | systemd-notify) echo systemd ;;
	*) echo "$1" ;;
	esac
}

get() {
	DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 --no-install-recommends "$@" </dev/null
}

# At the first boot others have apt's locks, and the network may not be there yet.
refresh() {
	if [ -n "${refreshed-}" ]; then return 0; fi
	tries=0
	until get -o APT::Update::Error-Mode=any update; do
		tries=$((tries + 1))
		if [ $tries -ge 20 ]; then
			say "not all of apt's lists could be fetched"
			break
		fi
		sleep 15
	done
	refreshed=yes
}

install_packages() {
	refresh
	get install "$@"
}

install_docker() {
	refresh
	version=$(apt-cache madison docker.io | awk '{ print $3 }' | choose)
	[ -n "$version" ] || die "apt's sources have no docker.io"
	say "installing docker.io $version"
	get install "docker.io=$version"
}

install_time() { install_packages chrony; }

kernel_parameter() {
	have update-grub || return 1
	mkdir -p /etc/default/grub.d
	# shellcheck disable=SC2016 # for GRUB to expand
	echo 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX systemd.unified_cgroup_hierarchy=0"' | put /etc/default/grub.d/dcos.cfg
	update-grub
}

own() { :; }
