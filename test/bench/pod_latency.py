#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pod_latency.py DIR N: creates N pods one after the other; milliseconds from sending the request to the watch's event that says
Running, and the same for deletion (grace 0) until DELETED."""
import http.client
import json
import ssl
import statistics
import sys
import time

folder, count = sys.argv[1], int(sys.argv[2])
context = ssl.create_default_context(cafile=f"{folder}/ca.pem")
context.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
PODS = "/api/v1/namespaces/default/pods"


def connect():
    return http.client.HTTPSConnection("127.0.0.1", 6443, context=context, timeout=20)


def call(connection, method, path, body=None):
    connection.request(method, path, body and json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    data = answer.read()
    if answer.status >= 300:
        sys.exit(f"{method} {path}: {answer.status} {data[:300]!r}")
    return json.loads(data)


talk, watch = connect(), connect()
revision = call(talk, "GET", PODS)["metadata"]["resourceVersion"]
watch.request("GET", f"{PODS}?watch=1&resourceVersion={revision}")
events = watch.getresponse()


def wait(name, check):
    while True:
        line = events.readline()
        if not line:
            sys.exit("the watch ended")
        event = json.loads(line)
        if event["object"]["metadata"].get("name") == name and check(event):
            return time.monotonic()


def is_running(event):
    status = event["object"].get("status", {})
    return status.get("phase") == "Running" and all(c.get("ready") for c in status.get("containerStatuses", [{}]))


running, gone = [], []
for i in range(count):
    name = f"latency-{i}"
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
           "spec": {"terminationGracePeriodSeconds": 0, "containers": [
               {"name": "c", "image": "busybox:1", "imagePullPolicy": "IfNotPresent", "command": ["sleep", "100000"]}]}}
    begin = time.monotonic()
    call(talk, "POST", PODS, pod)
    running.append((wait(name, is_running) - begin) * 1000)
    begin = time.monotonic()
    call(talk, "DELETE", f"{PODS}/{name}?gracePeriodSeconds=0")
    gone.append((wait(name, lambda e: e["type"] == "DELETED") - begin) * 1000)


def report(what, values):
    values = sorted(values)
    print(f"{what}\tp50 {statistics.median(values):.1f} ms, p90 {values[int(len(values) * 0.9)]:.1f} ms (n={len(values)})")


report("create to Running, image present", running)
report("delete (grace 0) to DELETED", gone)
