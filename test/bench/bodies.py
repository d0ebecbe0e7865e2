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
write("pod", {  # nearly 2 kB as it is stored, most of it defaults: ten thousand make 19.8 MB
    "apiVersion": "v1", "kind": "Pod",
    "metadata": {"name": "pod-%d", "labels": {"app": "bench"}},
    "spec": {"schedulerName": "nobody", "containers": [{"name": "main", "image": "app:1.2"}]}})


def definition(plural, kind, spec):
    return {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"{plural}.bench.example.com"},
        "spec": {
            "group": "bench.example.com", "scope": "Namespaced", "names": {"plural": plural, "kind": kind},
            "versions": [{"name": "v1", "served": True, "storage": True, "subresources": {"status": {}},
                          "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}}],
        }}


write("widgets", definition("widgets", "Widget", {  # ten rules, as operators write them
    "type": "object", "required": ["replicas"],
    "properties": {
        "replicas": {"type": "integer", "default": 1},
        "replicasMax": {"type": "integer", "default": 10},
        "image": {"type": "string", "maxLength": 256},
        "mode": {"type": "string", "enum": ["Fast", "Safe"], "default": "Safe"},
        "timeout": {"type": "string", "format": "duration", "maxLength": 32},
        "labels": {"type": "object", "maxProperties": 16, "additionalProperties": {"type": "string", "maxLength": 63}},
        "ports": {
            "type": "array", "maxItems": 16, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "required": ["name", "port"],
                      "properties": {"name": {"type": "string", "maxLength": 15}, "port": {"type": "integer"}}}},
    },
    "x-kubernetes-validations": [{"rule": rule} for rule in (
        "self.replicas >= 0", "self.replicas <= self.replicasMax", "self.replicasMax <= 100",
        "!has(self.image) || self.image.contains('/')", "!has(self.image) || size(self.image) > 3",
        "self.mode != 'Fast' || self.replicas > 1", "!has(self.timeout) || self.timeout < duration('1h')",
        "!has(self.labels) || self.labels.all(key, key.size() < 64)",
        "!has(self.ports) || self.ports.all(port, port.port > 0 && port.port < 65536)",
        "!has(self.ports) || self.ports.exists(port, port.name == 'http')",
    )],
}))
write("widget", {
    "apiVersion": "bench.example.com/v1", "kind": "Widget", "metadata": {"name": "widget-%d", "labels": {"app": "bench"}},
    "spec": {"replicas": 3, "image": "registry.example/team/application:1.2.3", "mode": "Fast", "timeout": "30s",
             "labels": {"app": "bench", "tier": "load"},
             "ports": [{"name": "http", "port": 8080}, {"name": "metrics", "port": 9090}]}})
write("widget-changed", {
    "apiVersion": "bench.example.com/v1", "kind": "Widget", "metadata": {"name": "widget-%d", "labels": {"app": "bench"}},
    "spec": {"replicas": 4, "ports": [{"name": "http", "port": 8081}]}})


def tree(fields, depth):
    """A schema like those that generators write: long texts, objects in objects, lists of objects."""
    properties = {}
    for i in range(fields):
        text = f"Field {i} says how often what it names is done, and what becomes of it when that fails. Defaults to what the cluster has."
        inner = {"type": "object", "description": text, "properties": tree(fields, depth - 1)} if depth and i % 3 == 0 else None
        if inner and i % 2:
            properties[f"field{i}"] = {"type": "array", "description": text, "items": inner}
        else:
            properties[f"field{i}"] = inner or {"type": "string", "description": text, "maxLength": 253}
    return properties


for number in range(100):  # three of some 350 KB, the others of 11 to 52 KB, as cert-manager's and the Prometheus operator's
    fields, depth = (13, 3) if number < 3 else (9, 2) if number % 4 else (8 + number % 3 * 3, 2)
    write(f"definition-{number}", definition(f"kind{number}s", f"Kind{number}", {"type": "object", "properties": tree(fields, depth)}))
