# member: of which cluster is this node?
#
# reads    nothing
# prints   masters= the masters that its configuration lists (JSON), given_config= as given.sh, cluster_id= what is noted on it,
#          asked=ADDRESS CODE ID for each master that its own services find, which is asked from here for the cluster's id
# changes  nothing
put begin member

put_file masters "$opt/etc/master_list"
put_file given_config "$opt/etc/user.config.yaml"
put_file cluster_id /var/lib/dcos/cluster-id
for m in $(discover); do
	# Admin Router's answer, and its code on a line of its own.
	answer=$(curl -s --connect-timeout 5 -m 10 --noproxy '*' -w '\n%{http_code}' "http://$m/metadata" 2>/dev/null </dev/null)
	code=$(printf '%s\n' "$answer" | sed -n '$p')
	id=$(printf '%s' "$answer" | tr -d ' \n\t' | sed -n 's/.*"CLUSTER_ID":"\([^"]*\)".*/\1/p')
	put asked "$m ${code:-000} $id"
done

put end member
