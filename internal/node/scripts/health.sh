# health: how a master sees its ensemble.
#
# reads    nothing
# prints   ip=, entry= one line for each entry of the ensemble, leader=, recovered=yes, agents=
# changes  nothing
put begin health
ip=$(own_ip)
put ip "$ip"
exhibitor_entries "$own_exhibitor" | while read -r entry || [ -n "$entry" ]; do put entry "$entry"; done
put leader "$(leader_by "$ip")"
if recovered "$ip"; then put recovered yes; else put recovered no; fi
leader=$(leader_by "$ip")
if [ -n "$leader" ]; then
	put agents "$(http 10 "http://$leader:5050/metrics/snapshot" | number_of master/slaves_active)"
fi
put end health
