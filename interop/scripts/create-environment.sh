#!/bin/bash
# A step of a pipeline. It creates the environment of a team, and keeps what already
# exists: create-environment.sh NAME DIR. DIR contains the notebooks.
set -euo pipefail
name=$1 dir=$2

post() { # post PATH BODY
	curl -sS --fail-with-body -X POST -H "Authorization: Bearer $DATABRICKS_TOKEN" \
		-H "Content-Type: application/json" -d "$2" "$DATABRICKS_HOST/api/2.0/$1"
}
get() { # get PATH
	curl -sS --fail-with-body -H "Authorization: Bearer $DATABRICKS_TOKEN" "$DATABRICKS_HOST/api/2.0/$1"
}

# Secrets. It is not an error if the scope already exists.
result=$(post secrets/scopes/create "{\"scope\": \"$name\", \"initial_manage_principal\": \"users\"}") ||
	grep -q RESOURCE_ALREADY_EXISTS <<<"$result"
post secrets/put "{\"scope\": \"$name\", \"key\": \"storage-key\", \"string_value\": \"$STORAGE_KEY\"}" >/dev/null

# The cluster, found by its name.
cluster_id=$(get clusters/list | sed 's/{"cluster_id":/\n&/g' | grep "\"cluster_name\":\"$name\"" | grep -o '^{"cluster_id":"[^"]*"' | head -1 | cut -d'"' -f4 || true)
if [ -z "$cluster_id" ]; then
	cluster_id=$(post clusters/create @- <<-JSON | sed 's/.*"cluster_id":"\([^"]*\)".*/\1/'
		{
		  "cluster_name": "$name",
		  "spark_version": "13.3.x-scala2.12",
		  "node_type_id": "Standard_DS3_v2",
		  "autotermination_minutes": 60,
		  "autoscale": {"min_workers": 1, "max_workers": 3},
		  "spark_conf": {"spark.databricks.delta.preview.enabled": "true"},
		  "spark_env_vars": {"STORAGE_KEY": "{{secrets/$name/storage-key}}"}
		}
	JSON
	)
fi
while true; do
	state=$(get "clusters/get?cluster_id=$cluster_id" | grep -o '"state":"[A-Z]*"' | cut -d'"' -f4)
	case $state in
	RUNNING) break ;;
	TERMINATED) post clusters/start "{\"cluster_id\": \"$cluster_id\"}" >/dev/null ;;
	ERROR | UNKNOWN) echo "the cluster is $state" >&2 && exit 1 ;;
	esac
	sleep 0.2
done
post libraries/install "{\"cluster_id\": \"$cluster_id\", \"libraries\": [{\"pypi\": {\"package\": \"simplejson==3.8.0\"}}, {\"maven\": {\"coordinates\": \"org.jsoup:jsoup:1.7.2\"}}]}" >/dev/null
until [ "$(get "libraries/cluster-status?cluster_id=$cluster_id" | grep -o '"status":"INSTALLED"' | wc -l)" -eq 2 ]; do sleep 0.2; done

# The notebooks, with their directories.
(cd "$dir" && find . -type d) | while read -r d; do
	post workspace/mkdirs "{\"path\": \"/Shared/$name/${d#.}\"}" >/dev/null
done
(cd "$dir" && find . -name '*.py') | while read -r f; do
	f=${f#./}
	curl -sS --fail-with-body -H "Authorization: Bearer $DATABRICKS_TOKEN" -F "path=/Shared/$name/${f%.py}" -F language=PYTHON -F overwrite=true \
		-F "content=@$dir/$f" "$DATABRICKS_HOST/api/2.0/workspace/import" >/dev/null
done

# Azure DevOps reads variables from the output of a step.
echo "##vso[task.setvariable variable=clusterId]$cluster_id"
