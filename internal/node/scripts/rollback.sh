# rollback: puts the setup files and units back that an upgrade had overwritten.
#
# reads    arguments: those of inspect, which follows it
# prints   restored=PATH
# changes  what apply.sh kept below the staging directory goes back to its place
put begin rollback
if [ -d "$staging/.former" ]; then
	find "$staging/.former" -type f | while read -r f; do
		path=${f#"$staging/.former"}
		case $path in
		*.none) rm -f "${path%.none}" ;;
		*) cp -a "$f" "$path.dcos-new" && mv -f "$path.dcos-new" "$path" ;;
		esac
		put restored "${path%.none}"
	done
	systemctl daemon-reload >&2 </dev/null
fi
put end rollback
