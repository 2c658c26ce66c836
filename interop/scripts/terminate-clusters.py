#!/usr/bin/env python3
"""The last step of a pipeline. It terminates the clusters with the pipeline's tag,
even if the pipeline failed: terminate-clusters.py TAG VALUE"""
import json
import os
import sys
import time
import urllib.error
import urllib.request

HOST = os.environ["DATABRICKS_HOST"].rstrip("/")
TOKEN = os.environ["DATABRICKS_TOKEN"]


def call(method, path, body=None):
    request = urllib.request.Request(HOST + "/api/2.0/" + path, method=method)
    request.add_header("Authorization", "Bearer " + TOKEN)
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, data, timeout=30) as response:
        return json.load(response)


def main(tag, value):
    clusters = call("GET", "clusters/list").get("clusters", [])
    mine = [c for c in clusters if c.get("custom_tags", {}).get(tag) == value]
    for cluster in mine:
        print("terminating", cluster["cluster_name"], cluster["state"])
        call("POST", "clusters/delete", {"cluster_id": cluster["cluster_id"]})
    for cluster in mine:
        while True:
            now = call("GET", "clusters/get?cluster_id=" + cluster["cluster_id"])
            if now["state"] == "TERMINATED":
                break
            time.sleep(0.2)
        print("terminated", now["cluster_name"], now["termination_reason"]["code"])
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except urllib.error.HTTPError as e:
        error = json.load(e)
        print(e.code, error["error_code"], error["message"], file=sys.stderr)
        sys.exit(1)
