#!/bin/bash
# Runs a Python file once: submit.sh FILE ARG... The exit status says whether the run
# succeeded. The request has the older format for a single task.
set -uo pipefail
file=$1
shift
auth="Authorization: Bearer $DATABRICKS_TOKEN"
base=$DATABRICKS_HOST/api/2.1/jobs
args=
for arg; do args="$args${args:+, }\"$arg\""; done

curl -sS -f -H "$auth" -F "contents=@$file" -F "path=/submit/$(basename "$file")" -F overwrite=true "$DATABRICKS_HOST/api/2.0/dbfs/put" >/dev/null || exit 1
run_id=$(curl -sS -H "$auth" "$base/runs/submit" -d '{
	"run_name": "submit",
	"new_cluster": {"spark_version": "13.3.x-scala2.12", "node_type_id": "Standard_DS3_v2", "num_workers": 1},
	"spark_python_task": {"python_file": "dbfs:/submit/'"$(basename "$file")"'", "parameters": ['"$args"']},
	"timeout_seconds": 3600
}' | sed -n 's/.*"run_id":\([0-9]*\).*/\1/p')
[ -n "$run_id" ] || exit 1

life=
while [[ ! $life =~ ^(TERMINATED|SKIPPED|INTERNAL_ERROR)$ ]]; do
	sleep 0.2
	run=$(curl -sS -H "$auth" "$base/runs/get?run_id=$run_id")
	life=$(sed 's/.*"state":{\([^}]*\)}.*/\1/; s/.*"life_cycle_state":"\([A-Z_]*\)".*/\1/' <<<"$run")
done
task_run=$(sed 's/.*"tasks":\[//' <<<"$run" | grep -o '"run_id":[0-9]*' | head -1 | cut -d: -f2)
curl -sS -H "$auth" "$base/runs/get-output?run_id=${task_run:-$run_id}" | python3 -c '
import json, sys
output = json.load(sys.stdin)
print(output.get("logs", ""), end="")
print(output.get("error", ""), file=sys.stderr)
sys.exit(output["metadata"]["state"].get("result_state") != "SUCCESS")'
