# health: how a master sees its ensemble.
#
# reads    nothing
# prints   what put_ensemble (cluster.sh) does, agents=
# changes  nothing
put begin health
put_ensemble
if [ -n "$leader" ]; then
	put agents "$(http 10 "http://$leader:5050/metrics/snapshot" | number_of master/slaves_active)"
fi
put end health
