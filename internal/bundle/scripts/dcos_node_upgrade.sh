#!/bin/bash
# Upgrades this DC/OS node in place, from @{.From}@ to @{.To}@.
#
#   dcos_node_upgrade.sh [--skip-checks] [-v|--verbose]
#
# Upgrade masters first, one at a time, each after the one before is healthy
# again, then the agents.
#
# Rendered by terraform-provider-dcos.
#   commit of the release: @{.Commit}@
#   bundle: @{.BundleID}@

set -eu

from='@{.From}@'
to='@{.To}@'
repository='@{.BootstrapURL}@'
packages='@{ range $i, $id := .PackageIDs }@@{ if $i }@
@{ end }@@{ $id }@@{ end }@'
patience=300

checks=yes
verbose=no
for argument in "$@"; do
	case $argument in
	--skip-checks) checks=no ;;
	-v | --verbose) verbose=yes ;;
	*)
		echo "usage: ${0##*/} [--skip-checks] [-v|--verbose]" >&2
		exit 1
		;;
	esac
done

if [ "$(id -u)" -ne 0 ]; then
	echo "${0##*/} has to run as root." >&2
	exit 1
fi

found=$(sed -n 's/.*"version"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\1/p' /opt/mesosphere/etc/dcos-version.json | head -n 1)
if [ "$found" != "$from" ]; then
	echo "This script upgrades from $from to $to; this node has '$found'." >&2
	exit 1
fi

# shellcheck source=/dev/null
. /opt/mesosphere/environment.export

# run_checks: the node's own checks, then the cluster's. A check runner that
# cannot run a check says so in its output, not in its exit code. After a
# failure, output has what was said and status the exit code.
run_checks() {
	if [ -e /opt/mesosphere/bin/dcos-check-runner ]; then
		runner=dcos-check-runner
	elif [ -e /opt/mesosphere/etc/dcos-diagnostics-runner-config.json ]; then
		runner=dcos-diagnostics
	else
		return 0
	fi
	for kind in node-poststart cluster; do
		status=0
		output=$("/opt/mesosphere/bin/$runner" check "$kind" 2>&1) || status=$?
		case $output in
		*'"error"'*) [ "$status" -ne 0 ] || status=3 ;;
		esac
		if [ "$status" -ne 0 ]; then
			output="$kind: $output"
			return "$status"
		fi
	done
}

if [ "$checks" = yes ] && ! run_checks; then
	echo "Nothing was changed: this node's checks fail before the upgrade." >&2
	echo "$output" >&2
	exit 1
fi

role=
for each in master slave slave_public; do
	if [ -f "/etc/mesosphere/roles/$each" ]; then
		role="$role $each"
	fi
done
case $role in
' master' | ' slave' | ' slave_public') role=${role# } ;;
*)
	echo "Nothing was changed: /etc/mesosphere/roles must have exactly one of master, slave, slave_public; it has '${role# }'." >&2
	exit 1
	;;
esac

if [ "$verbose" = yes ]; then
	exec 3>&1
else
	exec 3>/dev/null
fi

echo "Upgrading this $role from $from to $to."
# The ids are words, one a package.
# shellcheck disable=SC2086
/opt/mesosphere/bin/pkgpanda fetch --repository-url="$repository" $packages >&3
# shellcheck disable=SC2086
/opt/mesosphere/bin/pkgpanda activate@{ if .NoBlock }@ --no-block-systemd@{ end }@ $packages >&3

[ "$checks" = yes ] || exit 0
until run_checks; do
	patience=$((patience - 1))
	if [ "$patience" -le 0 ]; then
		echo "The upgrade is done, but the checks still fail." >&2
		echo "$output" >&2
		exit "$status"
	fi
	sleep 1
done
