#!/bin/sh
# Region and zone of this Compute Engine instance, from its metadata server.
set -eu
export PATH="$PATH:/usr/sbin:/usr/bin:/sbin:/bin"
zone=$(curl --fail --silent --show-error --noproxy '*' --max-time 5 --retry 5 --retry-delay 1 -H 'Metadata-Flavor: Google' \
	http://169.254.169.254/computeMetadata/v1/instance/zone)
zone=${zone##*/} # projects/NUMBER/zones/ZONE
printf '{"fault_domain":{"region":{"name":"gcp/%s"},"zone":{"name":"gcp/%s"}}}\n' "${zone%-*}" "$zone"
