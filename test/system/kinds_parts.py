#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What kinds can beside being stored, as upstream's conformance tests ask for it: subresources and what the server says of an object,
through Debian's python3-kubernetes.

kinds_parts.py KUBECONFIG REQUEST CASE: exits 0 when the case holds. REQUEST: a certificate request in base 64.
"""
import base64
import json
import sys
import time

from kubernetes import client, config
from kubernetes.client.rest import ApiException

NAMESPACE = "default"
MERGE = "application/merge-patch+json"


def same(want, got):
    assert want == got, f"wanted {want!r}, got {got!r}"


def has(part, text):
    assert part in text, f"no {part!r} in {text!r}"


def until(what, call):
    for _ in range(300):
        value = call()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("gave up waiting for " + what)


class Parts:
    def __init__(self, kubeconfig, request):
        self.api = config.new_client_from_config(kubeconfig)
        self.request = request

    def ask(self, method, path, body=None, content="application/json", accept="application/json", query=()):
        """The answer's object and headers. Plain, so that the object is all that the server says."""
        answer, _, headers = self.api.call_api(
            path, method, query_params=list(query), header_params={"Content-Type": content, "Accept": accept}, body=body,
            auth_settings=["BearerToken"], _preload_content=False)
        return json.loads(answer.data), headers

    def get(self, path, **more):
        return self.ask("GET", path, **more)[0]

    def make(self, path, body, **more):
        return self.ask("POST", path, body, **more)[0]

    def put(self, path, body):
        return self.ask("PUT", path, body)[0]

    def change(self, path, edit, to=""):
        """Replaces what edit makes of the object, again when a controller was quicker."""
        for _ in range(50):
            found = self.get(path)
            edit(found)
            try:
                return self.put(path + to, found)
            except ApiException as error:
                same(409, error.status)
        raise AssertionError("never replaced: " + path)

    def patch(self, path, body, content=MERGE):
        return self.ask("PATCH", path, body, content)[0]

    def delete(self, path):
        return self.ask("DELETE", path)[0]

    def refused(self, status, part, call, *arguments, **named):
        try:
            call(*arguments, **named)
        except ApiException as error:
            same((status, "Status"), (error.status, json.loads(error.body)["kind"]))
            has(part, json.loads(error.body)["message"])
            return json.loads(error.body)
        raise AssertionError(f"{arguments} was not refused with {part!r}")

    # --- cases

    def approval(self):
        """A certificate's request has an approval and a status, each changed alone; what was approved stays approved."""
        requests, name = "/apis/certificates.k8s.io/v1/certificatesigningrequests", "part"
        one = f"{requests}/{name}"
        self.make(requests, {"metadata": {"name": name}, "spec": {
            "signerName": "example.com/part", "usages": ["client auth"], "request": self.request, "expirationSeconds": 3600}})
        found = self.patch(one + "/approval", {"metadata": {"annotations": {"approval": "patched"}}, "status": {
            "conditions": [{"type": "Patched", "status": "True", "reason": "Part"}]}})
        same("patched", found["metadata"]["annotations"]["approval"])
        found["status"]["conditions"].append({"type": "Approved", "status": "True", "reason": "Part"})
        found = self.put(one + "/approval", found)
        same(["Patched", "Approved"], [c["type"] for c in found["status"]["conditions"]])
        same(found, self.get(one + "/approval"))
        self.refused(422, "Approved", self.patch, one + "/approval", {"status": {"conditions": []}})
        denied = {"type": "Denied", "status": "True", "reason": "Part"}
        self.refused(422, "mutually exclusive", self.patch, one + "/approval", {"status": {"conditions": found["status"]["conditions"] + [denied]}})
        self.refused(422, "status.certificate", self.patch, one + "/status", {"status": {"certificate": base64.b64encode(b"no PEM").decode()}})
        with open(self.api.configuration.cert_file, "rb") as file:
            certificate = base64.b64encode(file.read()).decode()
        found = self.patch(one + "/status", {"metadata": {"annotations": {"status": "patched"}}, "status": {"certificate": certificate}})
        same((certificate, "patched"), (found["status"]["certificate"], found["metadata"]["annotations"]["status"]))
        found["status"]["conditions"].append({"type": "Updated", "status": "True", "reason": "Part"})
        same(3, len(self.put(one + "/status", found)["status"]["conditions"]))
        self.delete(one)

    def finalize(self):
        """A namespace keeps while it has finalizers, which only its own subresource changes; its status is another."""
        one = "/api/v1/namespaces/part"
        made = self.make("/api/v1/namespaces", {"metadata": {"name": "part"}})
        same("part", made["metadata"]["labels"]["kubernetes.io/metadata.name"])
        found = self.patch(one + "/status", {"metadata": {"annotations": {"status": "patched"}}, "status": {
            "conditions": [{"type": "Part", "status": "True", "reason": "Patched", "message": "by a test"}]}})
        same("Patched", found["status"]["conditions"][0]["reason"])
        updated = self.change(one + "/status", lambda found: found["status"]["conditions"][0].update(reason="Updated"))
        same("Updated", updated["status"]["conditions"][0]["reason"])
        further = lambda found: found["spec"]["finalizers"].append("example.com/part")
        same(["kubernetes"], self.change(one, further)["spec"]["finalizers"])
        same(["kubernetes", "example.com/part"], self.change(one, further, to="/finalize")["spec"]["finalizers"])
        self.delete(one)
        until("its emptying", lambda: self.get(one)["spec"].get("finalizers") == ["example.com/part"])
        same("Terminating", self.get(one)["status"]["phase"])
        self.refused(403, "because it is being terminated", self.make, one + "/configmaps", {"metadata": {"name": "late"}})
        self.change(one, lambda found: found["spec"].pop("finalizers"), to="/finalize")
        self.refused(404, 'namespaces "part" not found', self.get, one)

    def scale(self):
        """Deployments, ReplicaSets, StatefulSets and ReplicationControllers are scaled by reading, replacing and patching one form."""
        template = {"metadata": {"labels": {"part": "scale"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        for group, plural in (("/apis/apps/v1", "deployments"), ("/apis/apps/v1", "replicasets"), ("/apis/apps/v1", "statefulsets"),
                              ("/api/v1", "replicationcontrollers")):
            many = f"{group}/namespaces/{NAMESPACE}/{plural}"
            labels = {"part": "scale"}
            self.make(many, {"metadata": {"name": "part"}, "spec": {
                "replicas": 0, "template": template, "selector": labels if group == "/api/v1" else {"matchLabels": labels}}})
            one = many + "/part"
            scale = self.get(one + "/scale")
            same(("autoscaling/v1", "Scale", {}, "part=scale"), (scale["apiVersion"], scale["kind"], scale["spec"], scale["status"].get("selector")))
            same(2, self.change(one + "/scale", lambda found: found["spec"].update(replicas=2))["spec"]["replicas"])
            same(2, self.get(one)["spec"]["replicas"])
            self.refused(409, "the object has been modified", self.put, one + "/scale", scale)
            same(4, self.patch(one + "/scale", {"spec": {"replicas": 4}})["spec"]["replicas"])
            same((4, 3), (self.get(one)["spec"]["replicas"], self.get(one)["metadata"].get("generation")))
            self.refused(422, "spec.replicas: Invalid value: -1: must be greater than or equal to 0", self.patch, one + "/scale", {"spec": {"replicas": -1}})
            self.delete(one)

    def token(self):
        """A token of an account says for whom, whom for and how long; a review knows it until what it is bound to goes."""
        many, secrets = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", f"/api/v1/namespaces/{NAMESPACE}/secrets"
        self.make(many, {"metadata": {"name": "part"}})
        secret = self.make(secrets, {"metadata": {"name": "part"}})
        bound = {"apiVersion": "v1", "kind": "Secret", "name": "part", "uid": secret["metadata"]["uid"]}
        self.refused(422, "spec.expirationSeconds", self.make, many + "/part/token", {"spec": {"expirationSeconds": 599}})
        self.refused(404, 'secrets "none" not found', self.make, many + "/part/token", {"spec": {"boundObjectRef": dict(bound, name="none")}})
        status = self.make(many + "/part/token", {"spec": {"expirationSeconds": 600, "audiences": ["part"], "boundObjectRef": bound}})["status"]
        body = status["token"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        same((["part"], "system:serviceaccount:default:part", 600), (claims["aud"], claims["sub"], claims["exp"] - claims["iat"]))
        same(bound["uid"], claims["kubernetes.io"]["secret"]["uid"])
        reviews = "/apis/authentication.k8s.io/v1/tokenreviews"
        review = {"spec": {"token": status["token"], "audiences": ["part", "other"]}}
        found = self.make(reviews, review)["status"]
        same((True, ["part"], "system:serviceaccount:default:part"), (found["authenticated"], found["audiences"], found["user"]["username"]))
        assert not self.make(reviews, {"spec": {"token": status["token"]}})["status"].get("authenticated"), "a token for others was taken"
        self.delete(secrets + "/part")
        until("the end of the token", lambda: not self.make(reviews, review)["status"].get("authenticated"))
        self.delete(many + "/part")

    def pod(self):
        """A pod is resized, looked into by further containers, bound and evicted, each by its own subresource only."""
        many = f"/api/v1/namespaces/{NAMESPACE}/pods"
        one = many + "/part"
        self.make(many, {"metadata": {"name": "part", "labels": {"part": "pod"}}, "spec": {"schedulerName": "none", "containers": [
            {"name": "c", "image": "i", "resources": {"requests": {"cpu": "100m"}, "limits": {"cpu": "500m"}}}]}})
        more = {"spec": {"ephemeralContainers": [{"name": "look", "image": "i", "targetContainerName": "c"}]}}
        self.refused(422, "pod updates may not change fields other than", self.patch, one, more)
        found = self.patch(one + "/ephemeralcontainers", more, "application/strategic-merge-patch+json")
        same("Always", found["spec"]["ephemeralContainers"][0]["imagePullPolicy"])
        found["spec"]["ephemeralContainers"].append({"name": "again", "image": "i"})
        same(2, len(self.put(one + "/ephemeralcontainers", found)["spec"]["ephemeralContainers"]))
        self.refused(422, "may not be removed", self.patch, one + "/ephemeralcontainers", {"spec": {"ephemeralContainers": []}})
        resize = lambda cpu: {"spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]}}
        self.refused(422, "pod updates may not change fields other than", self.patch, one, resize("200m"), "application/strategic-merge-patch+json")
        found = self.patch(one + "/resize", resize("200m"), "application/strategic-merge-patch+json")
        same("200m", found["spec"]["containers"][0]["resources"]["requests"]["cpu"])
        same(found["spec"], self.get(one + "/resize")["spec"])
        found["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "300m"}, "limits": {"cpu": "600m"}}
        same(5, self.put(one + "/resize", found)["metadata"]["generation"]) # two of further containers, two of this
        self.refused(422, "Pod QOS Class may not change as a result of resizing", self.patch, one + "/resize", {"spec": {"containers": [
            {"name": "c", "image": "i", "resources": {"requests": {"cpu": "1", "memory": "1Mi"}, "limits": {"cpu": "1", "memory": "1Mi"}}}]}})
        budgets = f"/apis/policy/v1/namespaces/{NAMESPACE}/poddisruptionbudgets"
        self.make(budgets, {"metadata": {"name": "part"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"part": "pod"}}}})
        self.patch(one + "/status", {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})
        until("the budget", lambda: self.get(budgets + "/part").get("status", {}).get("currentHealthy") == 1)
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "part"}, "deleteOptions": {"gracePeriodSeconds": 0}}
        status = self.refused(429, "Cannot evict pod as it would violate the pod's disruption budget.", self.make, one + "/eviction", eviction)
        same("DisruptionBudget", status["details"]["causes"][0]["reason"])
        self.delete(budgets + "/part")
        bind = lambda to: {"metadata": {"name": "part"}, "target": {"kind": "Node", "name": to}}
        self.make(one + "/binding", bind("part"))
        same("part", self.get(one)["spec"]["nodeName"])
        self.refused(409, "is already assigned to node", self.make, one + "/binding", bind("other"))
        until("the eviction", lambda: self.evicted(one, eviction))

    def evicted(self, one, eviction):
        """The server learns of a budget's end as soon as it is told."""
        try:
            return self.make(one + "/eviction", eviction)["status"] == "Success"
        except ApiException as error:
            same(429, error.status)
            return False

    def devices(self):
        """Who claims devices as their administrator says so in a namespace for that; a claim is allocated, used and freed."""
        claim = {"metadata": {"name": "part"}, "spec": {"devices": {"requests": [
            {"name": "a", "exactly": {"deviceClassName": "x", "adminAccess": True}}]}}}
        many = "/apis/resource.k8s.io/v1/namespaces/%s/resourceclaims"
        self.refused(422, "admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the containing namespace",
                     self.make, many % NAMESPACE, claim)
        self.make("/api/v1/namespaces", {"metadata": {"name": "admins", "labels": {"resource.kubernetes.io/admin-access": "true"}}})
        many, one = many % "admins", many % "admins" + "/part"
        self.make(many, claim)
        self.refused(422, "spec: Invalid value", self.patch, one, {"spec": {"devices": {"requests": []}}})
        user = {"resource": "pods", "name": "p", "uid": "u"}
        self.refused(422, "status.reservedFor", self.patch, one + "/status", {"status": {"reservedFor": [user]}})
        result = {"request": "a", "driver": "x.example.com", "pool": "p", "device": "d", "adminAccess": True}
        self.refused(422, "status.allocation.devices.results[0].request", self.patch, one + "/status",
                     {"status": {"allocation": {"devices": {"results": [dict(result, request="b")]}}}})
        found = self.patch(one + "/status", {"status": {"allocation": {"devices": {"results": [result]}}, "reservedFor": [user]}})
        same([result], found["status"]["allocation"]["devices"]["results"])
        self.refused(422, "status.allocation", self.patch, one + "/status", {"status": {"allocation": {"devices": {"results": [dict(result, device="e")]}}}})
        device = {"driver": "x.example.com", "pool": "p", "device": "d", "data": {"of": "driver"}}
        same([dict(device, conditions=None)], self.patch(one + "/status", {"status": {"devices": [device]}})["status"]["devices"])
        same({}, self.patch(one + "/status", {"status": {"allocation": None, "reservedFor": None, "devices": None}}).get("status", {}))
        self.delete(one)
        self.delete("/api/v1/namespaces/admins")

    def definition(self, plural, kind, **version):
        """A definition that is served, and the path of its objects."""
        group = plural + ".example.com"
        spec = {"group": group, "scope": "Namespaced", "names": {"plural": plural, "kind": kind}, "versions": [
            dict({"name": "v1", "served": True, "storage": True}, **version)]}
        self.make("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {"metadata": {"name": f"{plural}.{group}"}, "spec": spec})
        path = f"/apis/{group}/v1/namespaces/{NAMESPACE}/{plural}"
        until("its objects", lambda: self.is_served(path))
        return group, path

    def is_served(self, path):
        try:
            return self.get(path)["kind"]
        except ApiException as error:
            same(404, error.status)
            return False

    def policy(self):
        """A policy says where its expressions cannot be right for the kinds it is about, custom ones too, and no more once they are."""
        schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}
        group, _ = self.definition("typeds", "Typed", schema={"openAPIV3Schema": schema})
        many = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
        for api, resource, wrong, right, about in (
                ("apps", "deployments", "object.spec.replicas1 > 1", "object.spec.replicas > 1", "apps/v1, Kind=Deployment: ERROR"),
                ("apps", "deployments", "object.spec.replicas > '1'", "object.spec.replicas > 1", "found no matching overload for '_>_' applied to '(int, string)'"),
                (group, "typeds", "object.spec.sizes > 1", "object.spec.size > 1", "undefined field 'sizes'")):
            spec = {"matchConstraints": {"resourceRules": [{"apiGroups": [api], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": [resource]}]},
                    "validations": [{"expression": "has(object.spec)"}, {"expression": wrong}]}
            self.make(many, {"metadata": {"name": "part"}, "spec": spec})
            status = lambda: self.get(many + "/part").get("status", {})
            checking = until("the check", lambda: status().get("typeChecking"))
            same(["spec.validations[1].expression"], [w["fieldRef"] for w in checking["expressionWarnings"]])
            has(about, checking["expressionWarnings"][0]["warning"])
            generation = self.patch(many + "/part", {"spec": {"validations": [{"expression": right}]}})["metadata"]["generation"]
            same(2, generation)
            until("the next check", lambda: status().get("observedGeneration") == 2)
            assert not status()["typeChecking"].get("expressionWarnings"), status()
            self.delete(many + "/part")

    def fields(self):
        """Fields that a definition does not have, and those given twice, are refused, warned of or dropped, as is asked."""
        schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}, "any": {
            "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}}}
        group, path = self.definition("fields", "Field", schema={"openAPIV3Schema": schema})
        text = (f'apiVersion: {group}/v1\nkind: Field\nmetadata: {{name: part, none: 1}}\nspec: {{size: 1, size: 2, other: 3, any: {{other: 4}}}}\n')
        mode = lambda of: [("fieldValidation", of), ("dryRun", "All")]
        messages = ['"metadata.none"', '"spec.other"']
        for part in messages:
            self.refused(400, f"unknown field {part}", self.make, path, text, content="application/yaml", query=mode("Strict"))
        self.refused(400, 'key "size" already set in map', self.make, path, text, content="application/yaml", query=mode("Strict"))
        found, headers = self.ask("POST", path, text, "application/yaml", query=mode("Warn"))
        for part in messages:
            has(f'299 - "unknown field \\{part[:-1]}\\""', headers["Warning"])
        same({"size": 2, "any": {"other": 4}}, found["spec"])
        _, headers = self.ask("POST", path, text, "application/yaml", query=mode("Ignore"))
        assert "Warning" not in headers, headers
        self.refused(422, 'fieldValidation: Unsupported value: "Some"', self.make, path, {}, query=[("fieldValidation", "Some")])
        self.make(path, {"apiVersion": f"{group}/v1", "kind": "Field", "metadata": {"name": "part"}})
        unknown = {"spec": {"other": 1}}
        self.refused(422, 'unknown field "spec.other"', self.ask, "PATCH", path + "/part", unknown, MERGE, query=mode("Strict"))
        self.refused(422, 'unknown field "spec.other"', self.ask, "PATCH", path + "/part", [{"op": "add", "path": "/spec", "value": {"other": 1}}],
                     "application/json-patch+json", query=mode("Strict"))
        applied = f"apiVersion: {group}/v1\nkind: Field\nmetadata: {{name: part}}\nspec: {{other: 1}}\n"
        self.refused(500, ".spec.other: field not declared in schema", self.ask, "PATCH", path + "/part", applied, "application/apply-patch+yaml",
                     query=[("fieldManager", "x"), ("force", "true"), *mode("Strict")])

    def selectable(self):
        """Objects are listed, watched and deleted by the fields that their definition makes selectable, and by no others."""
        schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"color": {"type": "string"}, "size": {"type": "string"}}}}}
        group, path = self.definition("choices", "Choice", schema={"openAPIV3Schema": schema}, selectableFields=[{"jsonPath": ".spec.color"}])
        for name, color in (("a", "red"), ("b", "blue"), ("c", "red")):
            self.make(path, {"apiVersion": f"{group}/v1", "kind": "Choice", "metadata": {"name": name}, "spec": {"color": color, "size": "x"}})
        chosen = lambda of: [o["metadata"]["name"] for o in self.get(path, query=[("fieldSelector", of)])["items"]]
        same((["a", "c"], ["b"], ["c"]), (chosen("spec.color=red"), chosen("spec.color!=red"), chosen("spec.color=red,metadata.name=c")))
        self.refused(400, "field label not supported: spec.size", self.get, path, query=[("fieldSelector", "spec.size=x")])
        start = self.get(path)["metadata"]["resourceVersion"]
        self.patch(path + "/a", {"spec": {"color": "blue"}})
        self.patch(path + "/b", {"spec": {"color": "red"}})
        self.ask("DELETE", path, query=[("fieldSelector", "spec.color=red")])
        same(["a"], [o["metadata"]["name"] for o in self.get(path)["items"]])
        answer = self.api.call_api(path, "GET", query_params=[("watch", "1"), ("resourceVersion", start), ("fieldSelector", "spec.color=red")],
                                   auth_settings=["BearerToken"], _preload_content=False)[0]
        events, lines = [], iter(answer)
        text = b""
        while len(events) < 4:
            text += next(lines)
            *whole, text = text.split(b"\n")
            events += [(e["type"], e["object"]["metadata"]["name"]) for e in map(json.loads, whole)]
        answer.close()
        same([("DELETED", "a"), ("ADDED", "b")], events[:2])
        same([("DELETED", "b"), ("DELETED", "c")], sorted(events[2:])) # those of a collection go side by side

    def discovery(self):
        """One answer has all groups with their versions and resources, custom ones too; who cannot read it gets the older one."""
        group, _ = self.definition("founds", "Found", schema={"openAPIV3Schema": {"type": "object"}}, subresources={"status": {}})
        accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
        found, headers = self.ask("GET", "/apis", accept=accept)
        same(("apidiscovery.k8s.io/v2", "APIGroupDiscoveryList"), (found["apiVersion"], found["kind"]))
        has("g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", headers["Content-Type"])
        groups = {g["metadata"]["name"]: {r["resource"]: r for r in g["versions"][0]["resources"]} for g in found["items"]}
        same({"group": group, "version": "v1", "kind": "Found"}, groups[group]["founds"]["responseKind"])
        same("status", groups[group]["founds"]["subresources"][0]["subresource"])
        same({"group": "autoscaling", "version": "v1", "kind": "Scale"}, next(
            s["responseKind"] for s in groups["apps"]["deployments"]["subresources"] if s["subresource"] == "scale"))
        core = self.get("/api", accept=accept)["items"][0]["versions"][0]["resources"]
        same(["po"], next(r["shortNames"] for r in core if r["resource"] == "pods"))
        older = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
        same(("APIGroupList", "APIVersions", "APIGroupList"), (self.get("/apis")["kind"], self.get("/api")["kind"], self.get("/apis", accept=older)["kind"]))


if __name__ == "__main__":
    getattr(Parts(*sys.argv[1:3]), sys.argv[3])()
