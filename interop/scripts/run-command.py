#!/usr/bin/env python3
"""Runs a file on a cluster with REST 1.2 and prints its output:
run-command.py CLUSTER_ID FILE"""
import base64
import json
import os
import sys
import time
import urllib.parse
import urllib.request

HOST = os.environ["DATABRICKS_HOST"] + "/api/1.2/"
BASIC = base64.b64encode(("token:" + os.environ["DATABRICKS_TOKEN"]).encode()).decode()


def call(path, form=None, **query):
    url = HOST + path
    if query:
        url += "?" + urllib.parse.urlencode(query)
    data = urllib.parse.urlencode(form).encode() if form else None
    request = urllib.request.Request(url, data, {"Authorization": "Basic " + BASIC})
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def main(cluster, name):
    with open(name) as file:
        command = file.read()
    context = call("contexts/create", {"language": "python", "clusterId": cluster})["id"]
    try:
        ident = call("commands/execute", {"language": "python", "clusterId": cluster, "contextId": context, "command": command})["id"]
        while True:
            response = call("commands/status", clusterId=cluster, contextId=context, commandId=ident)
            if response["status"] in ("Finished", "Error", "Cancelled"):
                break
            time.sleep(0.1)
        results = response["results"]
        if results["resultType"] == "error":
            print(results["cause"], file=sys.stderr)
            return 1
        print(results["data"])
        return 0
    finally:
        call("contexts/destroy", {"clusterId": cluster, "contextId": context})


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
