#!/bin/sh
# Private IPv4 address of this Azure virtual machine, from its metadata service.
set -eu
export PATH="$PATH:/usr/sbin:/usr/bin:/sbin:/bin"
curl --fail --silent --show-error --noproxy '*' --max-time 5 --retry 5 --retry-delay 1 -H 'Metadata: true' \
	'http://169.254.169.254/metadata/instance/network/interface/0/ipv4/ipAddress/0/privateIpAddress?api-version=2021-02-01&format=text'
echo
