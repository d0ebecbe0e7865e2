#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Takes two objects of every kind of kinds.yaml through the life that upstream's conformance tests give each kind: found in discovery,
created, read, listed in and across namespaces, patched, replaced, its status read and written, deleted alone and with others - and
each step seen once by a watch from before the first. Through the dynamic client of Debian's python3-kubernetes.

kinds_life.py KUBECONFIG REQUEST: prints what did not go as it must. REQUEST: a certificate request in base 64.
"""
import concurrent.futures
import os
import re
import sys
import time

import yaml
from kubernetes import config, dynamic
from kubernetes.client.rest import ApiException

from kinds import merge

HERE = os.path.dirname(os.path.abspath(__file__))
LABEL = "life=lived"
VERBS = {"create", "delete", "get", "list", "patch", "update", "watch"}
MERGE = {"content_type": "application/merge-patch+json"}
# What stays for a while after its deletion, and why.
LINGERS = {
    "servicecidrs.networking.k8s.io": "addresses of it may just have been given out by another server",
    "namespaces": "a namespace is emptied first",
}
# Two objects of a kind whose name says what they are.
NAMED = {
    "customresourcedefinitions.apiextensions.k8s.io": lambda o, i: merge(o, {"metadata": {"name": "life%ds.example.com" % i}, "spec": {"names": {"plural": "life%ds" % i, "kind": "Life%d" % i}}}),
    "apiservices.apiregistration.k8s.io": lambda o, i: merge(o, {"metadata": {"name": "v%d.life.example.com" % i}, "spec": {"group": "life.example.com", "version": "v%d" % i}}),
    "ipaddresses.networking.k8s.io": lambda o, i: merge(o, {"metadata": {"name": "198.51.100.%d" % (20 + i)}}),
    "servicecidrs.networking.k8s.io": lambda o, i: merge(o, {"metadata": {"name": "life%d" % i}, "spec": {"cidrs": ["203.0.%d.0/24" % (112 + i)]}}),
}


def check(holds, what, *more):
    if not holds:
        raise AssertionError(" ".join([what, *map(str, more)]))


def refused(status, what, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except ApiException as error:
        check(error.status == status, what, "is", error.status, "instead of", status)
        return
    raise AssertionError(what + " was not refused")


class Life:
    def __init__(self, api, row):
        self.row = row
        self.resource = api.resources.get(api_version=row.get("version", "v1"), kind=row["kind"])
        self.namespace = "default" if self.resource.namespaced else None
        head = {"apiVersion": row.get("version", "v1"), "kind": row["kind"], "metadata": {"labels": {"life": "lived"}}}
        whole = merge(merge(head, row["object"]), {"metadata": {"labels": {"life": "lived"}}})
        named = NAMED.get(row["resource"], lambda o, i: merge(o, {"metadata": {"name": "life-%d" % i}}))
        self.objects = [named(whole, i) for i in (1, 2)]
        self.names = [o["metadata"]["name"] for o in self.objects]

    def get(self, name):
        return self.resource.get(name=name, namespace=self.namespace)

    def patch(self, of, name, body):
        return of.patch(name=name, namespace=self.namespace, body=body, **MERGE)

    def listed(self, **where):
        return sorted(o.metadata.name for o in self.resource.get(label_selector=LABEL, **where).items)

    def discovered(self):
        verbs = VERBS | (set() if self.row["resource"] == "namespaces" else {"deletecollection"})
        check(verbs <= set(self.resource.verbs), "verbs are", self.resource.verbs)
        if "status" in self.row:
            verbs = set(self.resource.subresources["status"].verbs)
            check(verbs == {"get", "patch", "update"}, "verbs of the status are", verbs)

    def written(self):
        first = self.names[0]
        for body in self.objects:
            made = self.resource.create(namespace=self.namespace, body=body)
            check(made.metadata.uid and made.metadata.creationTimestamp, "created without uid or time:", made)
        refused(409, "a second create", self.resource.create, namespace=self.namespace, body=self.objects[0])
        check(self.get(first).metadata.name == first, "get of", first)
        check(self.listed(namespace=self.namespace) == self.names, "list is", self.listed(namespace=self.namespace))
        check(self.listed() == self.names, "list across namespaces is", self.listed())
        before = self.get(first).to_dict()
        self.patch(self.resource, first, {"metadata": {"annotations": {"patched": "yes"}}})
        before["metadata"].setdefault("annotations", {})["replaced"] = "early"
        if self.row["resource"] not in ("events", "events.events.k8s.io"): # whose updates need no version, but hold to one
            refused(409, "an update of what was changed meanwhile", self.resource.replace, namespace=self.namespace, body=before)
        for _ in range(20): # what controllers write is in the way
            body = self.get(first).to_dict()
            body["metadata"]["annotations"]["replaced"] = "yes"
            try:
                found = self.resource.replace(namespace=self.namespace, body=body)
                break
            except ApiException as error:
                check(error.status == 409, "replace:", error.body)
                time.sleep(0.02)
        notes = found.metadata.annotations
        check(notes["patched"] == "yes" and notes["replaced"] == "yes", "after patch and replace:", notes)

    def status(self):
        if "status" not in self.row:
            return
        first, part = self.names[0], self.resource.subresources["status"]
        wanted = {"metadata": {"annotations": {"status": "patched"}}, "status": self.row["status"]}
        self.patch(part, first, wanted)
        check(part.get(name=first, namespace=self.namespace).kind == self.row["kind"], "the status is another kind")
        for _ in range(20):
            body = merge(part.get(name=first, namespace=self.namespace).to_dict(), {"status": self.row["status"]})
            try:
                part.replace(name=first, namespace=self.namespace, body=body)
                return
            except ApiException as error:
                check(error.status == 409, "replace of the status:", error.body)
                last = error
                time.sleep(0.02)
        check(False, "the status was never replaced:", last.body)

    def gone(self, name):
        if self.row["resource"] in LINGERS:
            try:
                check(self.get(name).metadata.deletionTimestamp, "not even on its way out")
            except ApiException as error:
                check(error.status == 404, error.body)
            return
        for _ in range(200):
            try:
                self.get(name)
            except ApiException as error:
                check(error.status == 404, error.body)
                return
            time.sleep(0.05)
        check(False, name, "is still there")

    def deleted(self):
        first, second = self.names
        other = {"preconditions": {"uid": "another"}}
        refused(409, "a deletion of another object", self.resource.delete, name=first, namespace=self.namespace, body=other)
        self.resource.delete(name=first, namespace=self.namespace, body={"gracePeriodSeconds": 0})
        self.gone(first)
        if "deletecollection" in self.resource.verbs:
            self.resource.delete(namespace=self.namespace, label_selector=LABEL)
        else:
            self.resource.delete(name=second, namespace=self.namespace)
        self.gone(second)

    def watched(self, start):
        """Events replayed from before the first step: each object's in order, with versions that grow. One transaction may change two
        objects - a Service is counted by every quota of its namespace - so that the versions of two may be the same."""
        seen, last = {name: [] for name in self.names}, {name: 0 for name in self.names}
        wanted = r"ADDED( MODIFIED)*" + ("" if self.row["resource"] in LINGERS else " DELETED")
        for event in self.resource.watch(namespace=self.namespace, label_selector=LABEL, resource_version=start, timeout=10):
            found = event["object"].metadata
            version = int(found.resourceVersion)
            check(version > last[found.name] and version >= max(last.values()), "versions go back at", event["raw_object"], last)
            last[found.name] = version
            seen[found.name].append(event["type"])
            if all(re.fullmatch(wanted, " ".join(events)) for events in seen.values()) and "MODIFIED" in seen[self.names[0]]:
                return
        check(False, "events were", seen)

    def live(self):
        self.discovered()
        version = self.resource.get(namespace=self.namespace, label_selector=LABEL).metadata.resourceVersion
        self.written()
        self.status()
        self.deleted()
        self.watched(version)


def main():
    kubeconfig, request = sys.argv[1:]
    with open(os.path.join(HERE, "kinds.yaml"), encoding="utf-8") as table:
        rows = yaml.safe_load(table.read().replace("@REQUEST@", request))
    api = dynamic.DynamicClient(config.new_client_from_config(kubeconfig))
    problems = []

    def one(row):
        try:
            Life(api, row).live()
        except (AssertionError, ApiException, KeyError) as error:
            problems.append("%s: %s %s" % (row["resource"], type(error).__name__, getattr(error, "body", None) or error))

    with concurrent.futures.ThreadPoolExecutor(8) as workers:
        list(workers.map(one, rows))
    print("\n".join(problems))
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
