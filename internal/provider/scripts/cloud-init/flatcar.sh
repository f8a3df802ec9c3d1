# flatcar: how Flatcar Container Linux, CoreOS's follower, does what prepare.sh wants. Untested: read and linted alone.
#
# reads    nothing
# prints   package_of COMMAND: who has to bring it
# changes  installs nothing: all is in the image. Keeps it from updating and restarting itself. kernel_parameter: what GRUB
#          tells the kernel
# shellcheck disable=SC2034 # prepare.sh's
systems="flatcar coreos"
time_unit=systemd-timesyncd

package_of() { echo "the image"; }

install_packages() { die "the image lacks programs, and nothing can be installed on Flatcar"; }

install_docker() { die "the image has no Docker"; }

install_time() { :; }

# Updates restart the host when they like, whatever runs on it.
own() {
	for unit in update-engine.service locksmithd.service; do
		if [ "$(systemctl is-enabled "$unit" 2>/dev/null)" != masked ]; then systemctl mask --now "$unit"; fi
	done
}

kernel_parameter() {
	file=/usr/share/oem/grub.cfg
	if [ -d /oem ]; then file=/oem/grub.cfg; fi
	# shellcheck disable=SC2016 # for GRUB to expand
	echo 'set linux_append="$linux_append systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller"' >>"$file"
}
