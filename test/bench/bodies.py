#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bodies.py DIR: the request bodies of `script/bench api`; cube-load puts the request's number in place of %d."""
import json
import sys

folder = sys.argv[1]


def write(name, body):
    with open(f"{folder}/{name}.json", "w", encoding="utf-8") as file:
        json.dump(body, file, separators=(",", ":"))


write("namespace", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bench"}})
write("configmap", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm-%d"}, "data": {"text": "x" * 1024}})
write("configmap-changed", {  # the same again would change nothing, and so write nothing
    "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm-%d"}, "data": {"text": "y" * 1024}})
write("pod", {
    "apiVersion": "v1", "kind": "Pod",
    "metadata": {"name": "pod-%d", "labels": {"app": "bench", "tier": "load"}},
    "spec": {
        "schedulerName": "nobody",
        "containers": [{
            "name": "main", "image": "registry.example/team/application:1.2.3", "command": ["/bin/app"], "args": ["--serve"],
            "ports": [{"name": "http", "containerPort": 8080}],
            "env": [{"name": f"VARIABLE_{i}", "value": f"value number {i}"} for i in range(6)],
            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
            "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}},
        }],
    }})
