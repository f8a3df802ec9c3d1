# given: what a site was configured with, as DC/OS keeps it on each of its nodes.
#
# reads    nothing
# prints   see ReadGiven in given.go; secrets are masked in the file that is read
# changes  nothing
put begin given

put_file given_config "$opt/etc/user.config.yaml"
put_file given_ip_detect "$opt/bin/detect_ip"
put_file given_ip_detect_public "$opt/bin/detect_ip_public"
put_file given_ip6_detect "$opt/bin/detect_ip6"
put_file given_fault_domain_detect "$opt/bin/detect_fault_domain"
for f in "$opt"/active/custom-check-bins/*; do
	# DC/OS's own file in each package; programs of many megabytes are not carried away.
	if [ "${f##*/}" = pkginfo.json ] || [ ! -f "$f" ]; then continue; fi
	put given_program "${f##*/}"
	if [ "$(wc -c <"$f")" -le 1048576 ]; then put_file given_program_text "$f"; else put given_program_text ''; fi
done

put end given
