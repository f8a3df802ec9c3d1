# rhel: how RHEL, CentOS and Oracle Linux 7 do what prepare.sh wants. Untested: read and linted alone.
#
# reads    docker_below; yum's repositories, and Docker's own where none of them has docker-ce
# prints   package_of COMMAND: the package that has it
# changes  install_packages, install_docker, install_time: packages, by yum. kernel_parameter: what GRUB tells the kernel
# shellcheck disable=SC2034 # prepare.sh's
systems="rhel ol"
time_unit=chronyd

package_of() {
	case $1 in
	ping) echo iputils ;;
	ifconfig) echo net-tools ;;
	docker) echo docker-ce ;;
	systemctl | systemd-notify) echo systemd ;;
	*) echo "$1" ;;
	esac
}

install_packages() { yum -y install "$@" </dev/null; }

docker_versions() {
	yum -q list --showduplicates docker-ce 2>/dev/null | awk '$1 ~ /^docker-ce\./ { sub(/^[0-9]+:/, "", $2); print $2 }' | sort -rV
}

install_docker() {
	version=$(docker_versions | choose)
	if [ -z "$version" ]; then
		put /etc/yum.repos.d/docker-ce.repo <<REPO
[docker-ce-stable]
name=Docker CE, stable
baseurl=https://download.docker.com/linux/centos/${VERSION_ID%%.*}/\$basearch/stable
gpgkey=https://download.docker.com/linux/centos/gpg
gpgcheck=1
enabled=1
REPO
		version=$(docker_versions | choose)
	fi
	[ -n "$version" ] || die "yum's repositories have no docker-ce"
	say "installing docker-ce $version"
	install_packages "docker-ce-$version" "docker-ce-cli-$version" containerd.io
}

install_time() { install_packages chrony; }

kernel_parameter() {
	have grubby || return 1
	grubby --update-kernel=ALL --args=systemd.unified_cgroup_hierarchy=0
}

own() { :; }
