#!/usr/bin/env python3
"""Copies a directory of the workspace and a directory of DBFS to this machine:
backup.py WORKSPACE_DIR DBFS_DIR TARGET"""
import base64
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request

EXTENSIONS = {"PYTHON": ".py", "SCALA": ".scala", "SQL": ".sql", "R": ".r"}


def get(call, **query):
    url = os.environ["DATABRICKS_HOST"] + "/api/2.0/" + call + "?" + urllib.parse.urlencode(query)
    request = urllib.request.Request(url, headers={"Authorization": "Bearer " + os.environ["DATABRICKS_TOKEN"]})
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def write(target, data):
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "wb") as file:
        file.write(data)
    print(target)


def notebooks(path, target):
    for item in get("workspace/list", path=path).get("objects", []):
        name = os.path.join(target, os.path.basename(item["path"]))
        if item["object_type"] == "DIRECTORY":
            notebooks(item["path"], name)
        elif item["object_type"] == "NOTEBOOK":
            content = get("workspace/export", path=item["path"], format="SOURCE")["content"]
            write(name + EXTENSIONS[item["language"]], base64.b64decode(content))


def dbfs(path, target):
    for item in get("dbfs/list", path=path).get("files", []):
        name = os.path.join(target, os.path.basename(item["path"]))
        if item["is_dir"]:
            dbfs(item["path"], name)
            continue
        data = b""
        while len(data) < item["file_size"]:
            data += base64.b64decode(get("dbfs/read", path=item["path"], offset=len(data), length=1 << 20)["data"])
        write(name, data)


if __name__ == "__main__":
    try:
        notebooks(sys.argv[1], os.path.join(sys.argv[3], "workspace"))
        dbfs(sys.argv[2], os.path.join(sys.argv[3], "dbfs"))
    except urllib.error.HTTPError as e:
        sys.exit("%d %s" % (e.code, json.load(e)["error_code"]))
