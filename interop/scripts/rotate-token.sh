#!/bin/bash
# Creates a token, prints it, and revokes older tokens with the same comment:
# rotate-token.sh COMMENT
set -euo pipefail
api() { curl -sS --fail-with-body -H "Authorization: Bearer $DATABRICKS_TOKEN" "$@"; }
old=$(api "$DATABRICKS_HOST/api/2.0/token/list" | tr '{' '\n' | grep "\"comment\":\"$1\"" | grep -o '"token_id":"[^"]*"' | cut -d'"' -f4 || true)
new=$(api -d "{\"comment\": \"$1\", \"lifetime_seconds\": 7776000}" "$DATABRICKS_HOST/api/2.0/token/create" | grep -o '"token_value":"[^"]*"' | cut -d'"' -f4)
for id in $old; do
	DATABRICKS_TOKEN=$new api -d "{\"token_id\": \"$id\"}" "$DATABRICKS_HOST/api/2.0/token/delete" >/dev/null
done
echo "$new"
