#!/bin/sh
# Internal IPv4 address of this Compute Engine instance, from its metadata server.
set -eu
export PATH="$PATH:/usr/sbin:/usr/bin:/sbin:/bin"
curl --fail --silent --show-error --noproxy '*' --max-time 5 --retry 5 --retry-delay 1 -H 'Metadata-Flavor: Google' \
	http://169.254.169.254/computeMetadata/v1/instance/network-interfaces/0/ip
echo
