#!/bin/sh
# Region and zone of this Azure virtual machine, from its metadata service. Where a region has no zones, the
# platform's fault domain stands for one.
set -eu
export PATH="$PATH:/usr/sbin:/usr/bin:/sbin:/bin"
get() {
	curl --fail --silent --show-error --noproxy '*' --max-time 5 --retry 5 --retry-delay 1 -H 'Metadata: true' \
		"http://169.254.169.254/metadata/instance/compute/$1?api-version=2021-02-01&format=text"
}
region=$(get location)
zone=$(get zone)
[ -n "$zone" ] || zone=fd-$(get platformFaultDomain)
printf '{"fault_domain":{"region":{"name":"azure/%s"},"zone":{"name":"azure/%s-%s"}}}\n' "$region" "$region" "$zone"
