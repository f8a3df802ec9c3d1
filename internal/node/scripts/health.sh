# health: how a master sees its ensemble.
#
# reads    nothing
# prints   ip=, ensemble= what exhibitor answers (JSON), leader=, recovered=yes, agents=
# changes  nothing
put begin health
ip=$(own_ip)
put ip "$ip"
http 5 "$own_exhibitor" | put_in ensemble
leader=$(leader_by "$ip")
put leader "$leader"
if recovered "$ip"; then put recovered yes; else put recovered no; fi
if [ -n "$leader" ]; then
	put agents "$(http 10 "http://$leader:5050/metrics/snapshot" | number_of master/slaves_active)"
fi
put end health
