#!/bin/sh
# For cron jobs in the morning and in the evening: cluster.sh start|stop NAME. The token
# is in a netrc file. Python parses JSON.
set -eu
host=$DATABRICKS_HOST
api() { curl -sS -q --netrc-file "$NETRC" "$@"; }
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)["'"$1"'"])'; }

id=$(api "$host/api/2.0/clusters/list" | python3 -c '
import json, sys
for c in json.load(sys.stdin).get("clusters", []):
    if c["cluster_name"] == "'"$2"'":
        print(c["cluster_id"])')
[ -n "$id" ] || { echo "no cluster $2" >&2; exit 1; }

case $1 in
start) call=start wanted=RUNNING ;;
stop) call=delete wanted=TERMINATED ;;
*) echo "usage: cluster.sh start|stop NAME" >&2; exit 2 ;;
esac
# The service rejects a start of a running cluster, so check the state first.
response=$(api -d "cluster_id=$id" -G "$host/api/2.0/clusters/get")
[ "$(echo "$response" | field state)" = $wanted ] || api -d "{\"cluster_id\": \"$id\"}" "$host/api/2.0/clusters/$call" >/dev/null
tries=0
while [ "$(api "$host/api/2.0/clusters/get?cluster_id=$id" | field state)" != $wanted ]; do
	tries=$((tries + 1))
	[ $tries -lt 300 ] || { echo "not $wanted in time" >&2; exit 1; }
	sleep 0.1
done
echo "$2 is $wanted"
