#!/bin/bash
# Replaces a JAR on a cluster by a new version: swap-jar.sh CLUSTER_ID FILE NAME. The
# file is uploaded in blocks. Uninstalling the old version needs a restart.
set -euo pipefail
cluster=$1 file=$2 name=$3
api() { curl -sS --fail-with-body -u "token:$DATABRICKS_TOKEN" "$@"; }
url=$DATABRICKS_HOST/api/2.0

path=/FileStore/jars/$name-$(sha256sum "$file" | cut -c1-8).jar
handle=$(api -d "{\"path\": \"$path\", \"overwrite\": true}" "$url/dbfs/create" | tr -dc 0-9)
blocks=$(mktemp -d)
trap 'rm -rf "$blocks"' EXIT
split -b 1048576 "$file" "$blocks/"
for block in "$blocks"/*; do
	{ printf '{"handle": %s, "data": "' "$handle"; base64 -w0 "$block"; printf '"}'; } | api -d @- "$url/dbfs/add-block" >/dev/null
done
api -d "{\"handle\": $handle}" "$url/dbfs/close" >/dev/null
size=$(api "$url/dbfs/get-status?path=$path" | grep -o '"file_size":[0-9]*' | cut -d: -f2)
[ "$size" -eq "$(stat -c %s "$file")" ] || { echo "$path has $size bytes" >&2; exit 1; }

# Uninstall all JARs with this name, and install the new one.
old=$(api "$url/libraries/cluster-status?cluster_id=$cluster" | grep -o "\"jar\":\"dbfs:/FileStore/jars/$name-[^\"]*\"" | sed 's/.*/{&}/' | paste -sd, || true)
[ -z "$old" ] || api -d "{\"cluster_id\": \"$cluster\", \"libraries\": [$old]}" "$url/libraries/uninstall" >/dev/null
api -d "{\"cluster_id\": \"$cluster\", \"libraries\": [{\"jar\": \"dbfs:$path\"}]}" "$url/libraries/install" >/dev/null
[ -z "$old" ] || api -d "{\"cluster_id\": \"$cluster\"}" "$url/clusters/restart" >/dev/null
for _ in $(seq 300); do
	status=$(api "$url/libraries/cluster-status?cluster_id=$cluster")
	case $status in
	*FAILED*) echo "$status" >&2 && exit 1 ;;
	*PENDING* | *INSTALLING* | *UNINSTALL* | *RESOLVING*) ;;
	*INSTALLED*) echo "$path" && exit 0 ;;
	esac
	sleep 0.1
done
echo "not installed in time: $status" >&2
exit 1
