# peers: which masters still have an exhibitor that answers?
#
# reads    arguments: their addresses
# prints   serving=ADDRESS for each that answers
# changes  nothing
put begin peers
for a; do
	if [ -n "$(http 35 "http://$a:8181/exhibitor/v1/cluster/status")" ]; then put serving "$a"; fi
done
put end peers
