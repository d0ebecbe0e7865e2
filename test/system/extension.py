#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An API server to stand behind another one, for system tests.

extension.py DIR ADDRESS
    Serves flunders.wardle.example.com/v1 from memory over HTTPS with DIR/hook.crt and DIR/hook.key and writes its port
    to DIR/extension.port. It believes headers X-Remote-* of who shows a certificate of DIR/front-ca.crt named
    front-proxy-client, and answers 401 to anybody else. Each request is a line "METHOD path user" in DIR/extension.log.
extension.py console DIR PORT PATH
    A client of the API server at 127.0.0.1:PORT with DIR/client.crt and .key: upgrades PATH to the protocol "echo",
    sends two lines and prints what comes back.
"""
import http.server, json, os, queue, socket, ssl, sys, threading, urllib.parse

GROUP = "wardle.example.com"
ROOT = f"/apis/{GROUP}/v1"
LOCK = threading.Lock()
FLUNDERS, WATCHERS = {}, set()
REVISION = [1]

RESOURCES = dict(kind="APIResourceList", apiVersion="v1", groupVersion=f"{GROUP}/v1", resources=[
    dict(name="flunders", singularName="flunder", namespaced=True, kind="Flunder", shortNames=["fl"],
         verbs=["create", "delete", "deletecollection", "get", "list", "watch"]),
    dict(name="flunders/console", singularName="", namespaced=True, kind="Flunder", verbs=["get"]),
])
SCHEMA = dict(type="object", description="A fish that is not stored.", properties=dict(
    apiVersion=dict(type="string"), kind=dict(type="string"), metadata=dict(type="object"),
    spec=dict(type="object", properties=dict(size=dict(type="integer", description="How long it is.")))))
SCHEMA["x-kubernetes-group-version-kind"] = [dict(group=GROUP, version="v1", kind="Flunder")]
PATHS = {f"{ROOT}/namespaces/{{namespace}}/flunders": dict(post=dict(
    {"x-kubernetes-group-version-kind": dict(group=GROUP, version="v1", kind="Flunder")}, operationId="createFlunder",
    responses={"201": dict(description="Created", schema={"$ref": "#/definitions/com.example.wardle.v1.Flunder"})}))}
OPENAPI_V2 = dict(swagger="2.0", info=dict(title="wardle", version="v1"), paths=PATHS,
                  definitions={"com.example.wardle.v1.Flunder": SCHEMA})
OPENAPI_V3 = dict(openapi="3.0.0", info=dict(title="wardle", version="v1"), paths=PATHS,
                  components=dict(schemas={"com.example.wardle.v1.Flunder": SCHEMA}))
DOCUMENTS = {
    ROOT: RESOURCES,
    "/openapi/v2": OPENAPI_V2,
    "/openapi/v3": dict(paths={f"apis/{GROUP}/v1": dict(serverRelativeURL=f"/openapi/v3/apis/{GROUP}/v1?hash=AB")}),
    f"/openapi/v3/apis/{GROUP}/v1": OPENAPI_V3,
}


def status(code, reason):
    return code, dict(kind="Status", apiVersion="v1", status="Failure", code=code, reason=reason, message=reason)


def tell(event, flunder):
    REVISION[0] += 1
    flunder["metadata"]["resourceVersion"] = str(REVISION[0])
    line = (json.dumps(dict(type=event, object=flunder)) + "\n").encode()
    for watcher in WATCHERS:
        watcher.put(line)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, code, value):
        body = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        whole = b""
        while size := int(self.rfile.readline(), 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return whole

    def believed(self):
        certificate = self.connection.getpeercert() or {}
        names = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
        return names == ["front-proxy-client"]

    def handle_all(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        user = self.headers.get("X-Remote-User", "")
        with LOCK, open(os.path.join(DIR, "extension.log"), "a", encoding="utf-8") as f:
            f.write(f"{self.command} {url.path} {user}\n")
        data = self.body()
        if not self.believed():
            return self.answer(*status(401, "Unauthorized"))
        if url.path in DOCUMENTS:
            return self.answer(200, DOCUMENTS[url.path])
        parts = url.path.removeprefix(ROOT + "/").split("/")
        if not url.path.startswith(ROOT + "/"):
            return self.answer(*status(404, "NotFound"))
        if parts == ["whoami"]:
            return self.answer(200, dict(user=user, groups=self.headers.get_all("X-Remote-Group"),
                                         headers=[[k, v] for k, v in self.headers.items()]))
        if parts == ["upload"]:
            return self.answer(200, dict(bytes=len(data), same=data == data[:1] * len(data)))
        namespace = None
        if parts[0] == "namespaces":
            namespace, parts = parts[1], parts[2:]
        if parts[0] != "flunders":
            return self.answer(*status(404, "NotFound"))
        if parts[2:] == ["console"]:
            return self.console()
        if query.get("watch") in ("1", "true"):
            return self.watch()
        return self.answer(*self.store(namespace, parts[1] if len(parts) > 1 else None, data))

    def store(self, namespace, name, data):
        with LOCK:
            if self.command == "POST":
                flunder = json.loads(data)
                name = flunder["metadata"]["name"]
                flunder["metadata"].update(namespace=namespace, uid=f"uid-{name}", creationTimestamp="2026-01-01T00:00:00Z")
                FLUNDERS[namespace, name] = flunder
                tell("ADDED", flunder)
                return 201, flunder
            chosen = [f for (ns, n), f in FLUNDERS.items() if namespace in (None, ns) and name in (None, n)]
            if self.command == "DELETE":
                for flunder in chosen:
                    del FLUNDERS[flunder["metadata"]["namespace"], flunder["metadata"]["name"]]
                    tell("DELETED", flunder)
                if name and not chosen:
                    return status(404, "NotFound")
                return 200, dict(kind="Status", apiVersion="v1", status="Success")
            if not name:
                return 200, dict(kind="FlunderList", apiVersion=f"{GROUP}/v1",
                                 metadata=dict(resourceVersion=str(REVISION[0])), items=chosen)
            return (200, chosen[0]) if chosen else status(404, "NotFound")

    def watch(self):
        events = queue.Queue()
        with LOCK:
            WATCHERS.add(events)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            while True:
                line = events.get()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                self.wfile.flush()
        except OSError:
            pass
        finally:
            with LOCK:
                WATCHERS.discard(events)
            self.close_connection = True

    def console(self):
        if self.headers.get("Upgrade") != "echo":
            return self.answer(*status(400, "BadRequest"))
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "echo")
        self.end_headers()
        while line := self.rfile.readline():
            self.wfile.write(b"echo " + line)
            self.wfile.flush()
        self.close_connection = True

    do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = handle_all


def console(directory, port, path):
    context = ssl.create_default_context(cafile=os.path.join(directory, "server-ca.crt"))
    context.load_cert_chain(os.path.join(directory, "client.crt"), os.path.join(directory, "client.key"))
    with context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="127.0.0.1") as c:
        c.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n".encode())
        f = c.makefile("rb")
        print(f.readline().decode().strip())
        while f.readline().strip():
            pass
        for line in (b"one\n", b"two\n"):
            c.sendall(line)
            print(f.readline().decode().strip(), flush=True)


def serve(address):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(DIR, "hook.crt"), os.path.join(DIR, "hook.key"))
    context.load_verify_locations(os.path.join(DIR, "front-ca.crt"))
    context.verify_mode = ssl.CERT_OPTIONAL
    port = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    server = http.server.ThreadingHTTPServer((address, port), Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with open(os.path.join(DIR, "extension.port"), "w", encoding="utf-8") as f:
        f.write(str(server.server_address[1]))
    server.serve_forever()


if sys.argv[1] == "console":
    console(sys.argv[2], int(sys.argv[3]), sys.argv[4])
else:
    DIR = sys.argv[1]
    serve(sys.argv[2])
