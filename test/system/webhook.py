#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Admission and conversion webhooks for system tests: webhook.py DIR [ADDRESS]

Serves HTTPS with DIR/hook.crt and DIR/hook.key, writes its port to DIR/hook.port, and each AdmissionRequest as a line
"OPERATION kind/subresource namespace/name user dryRun" to DIR/hook.log.
"""
import base64, http.server, json, os, ssl, sys, threading, time

DIR = sys.argv[1]
LOCK = threading.Lock()


def log(line):
    with LOCK, open(os.path.join(DIR, "hook.log"), "a", encoding="utf-8") as f:
        f.write(line + "\n")


def allow(**more):
    return dict(allowed=True, **more)


def deny(message, code=None, reason=None):
    status = dict(message=message)
    if code:
        status["code"] = code
    if reason:
        status["reason"] = reason
    return dict(allowed=False, status=status)


def patch(*operations):
    return allow(patchType="JSONPatch", patch=base64.b64encode(json.dumps(operations).encode()).decode())


def deny_bad_data(request):
    data = (request["object"] or {}).get("data") or {}
    if data.get("webhook-e2e-test") == "webhook-disallow":
        return deny("the configmap contains unwanted key and value")
    return allow()


def deny_bad_pod(request):
    reasons = []
    pod = request["object"]
    if "webhook-disallow" == (pod["metadata"].get("labels") or {}).get("webhook-e2e-test"):
        reasons.append("the pod contains unwanted label")
    if any("webhook-disallow" in c["name"] for c in pod["spec"]["containers"]):
        reasons.append("the pod contains unwanted container name")
    return deny("; ".join(reasons)) if reasons else allow()


def mutate_data(request):
    data = (request["object"] or {}).get("data") or {}
    operations = []
    if data.get("mutation-start") == "yes":
        operations.append(dict(op="add", path="/data/mutation-stage-1", value="yes"))
    if data.get("mutation-stage-1") == "yes":
        operations.append(dict(op="add", path="/data/mutation-stage-2", value="yes"))
    return patch(*operations)


def add_init_container(request):
    return patch(dict(op="add", path="/spec/initContainers", value=[dict(
        name="webhook-added-init-container", image="webhook-added-image", resources={})]))


def slow(request):
    time.sleep(5)
    return allow()


REVIEWS = {
    "/allow": lambda request: allow(),
    "/deny": lambda request: deny("this webhook denies all requests"),
    "/deny-quietly": lambda request: dict(allowed=False),
    "/deny-forbidden": lambda request: deny("not for you", 403, "Forbidden"),
    "/configmaps": deny_bad_data,
    "/pods": deny_bad_pod,
    "/attach": lambda request: deny("attaching to pod '%s' is not allowed" % request["name"]),
    "/mutating-configmaps": mutate_data,
    "/mutating-pods": add_init_container,
    "/warn": lambda request: allow(warnings=["mind the %s" % request["resource"]["resource"]]),
    "/slow": slow,
    "/scale": lambda request: deny("no more than two")
    if request["object"]["spec"].get("replicas", 0) > 2 else allow(),
    "/custom": lambda request: deny("the custom resource contains unwanted data")
    if (request["object"] or request["oldObject"]).get("data", {}).get("webhook-e2e-test") == "webhook-disallow"
    else allow(),
}


def convert(thing, wanted):
    """hostPort "h:p" in v1 is host and port in v2."""
    if thing["apiVersion"] == wanted:
        return thing
    if wanted.endswith("/v2"):
        thing["host"], thing["port"] = thing.pop("hostPort").split(":")
    else:
        thing["hostPort"] = "%s:%s" % (thing.pop("host"), thing.pop("port"))
    thing["apiVersion"] = wanted
    return thing


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body):
        text = json.dumps(body).encode() if not isinstance(body, bytes) else body
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        request = review["request"]
        path = self.path.split("?")[0]
        if path == "/convert":
            objects = [convert(o, request["desiredAPIVersion"]) for o in request["objects"]]
            log("CONVERT %d %s" % (len(objects), request["desiredAPIVersion"]))
            self.answer(200, dict(kind=review["kind"], apiVersion=review["apiVersion"], response=dict(
                uid=request["uid"], result=dict(status="Success"), convertedObjects=objects)))
            return
        if path not in REVIEWS:
            self.answer(500, b"broken")
            return
        log("%s %s/%s %s/%s %s %s" % (request["operation"], request["kind"]["kind"], request.get("subResource", ""),
                                      request.get("namespace", ""), request.get("name", ""),
                                      request["userInfo"]["username"], request["dryRun"]))
        response = REVIEWS[path](request)
        response["uid"] = request["uid"]
        self.answer(200, dict(kind=review["kind"], apiVersion=review["apiVersion"], response=response))


server = http.server.ThreadingHTTPServer((sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(os.path.join(DIR, "hook.crt"), os.path.join(DIR, "hook.key"))
server.socket = context.wrap_socket(server.socket, server_side=True)
with open(os.path.join(DIR, "hook.port.new"), "w", encoding="utf-8") as f:
    f.write(str(server.server_address[1]))
os.rename(os.path.join(DIR, "hook.port.new"), os.path.join(DIR, "hook.port"))
server.serve_forever()
