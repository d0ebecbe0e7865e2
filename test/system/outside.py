#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Servers outside that a cluster asks or tells: an OpenID Connect issuer, webhooks for tokens, authorization and audit.

outside.py serve DIR PORT    HTTPS with DIR/server.crt and .key, plain HTTP on the next port; what it was asked is in DIR/asked
outside.py token DIR CLAIMS  a JWT signed with DIR/signer.key, CLAIMS as JSON
"""
import base64
import json
import http.server
import os
import ssl
import subprocess
import sys
import threading


def url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def modulus(path):
    out = subprocess.run(["openssl", "rsa", "-in", path, "-noout", "-modulus"], capture_output=True, check=True)
    return bytes.fromhex(out.stdout.decode().strip().split("=")[1])


def token(directory, claims):
    signed = url64(json.dumps({"alg": "RS256", "kid": "k1"}).encode()) + "." + url64(claims.encode())
    signature = subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", directory + "/signer.key"],
        input=signed.encode(), capture_output=True, check=True).stdout
    return signed + "." + url64(signature)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, body):
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        base = "https://127.0.0.1:%d" % self.server.server_address[1]
        if self.path == "/.well-known/openid-configuration":
            self.answer({"issuer": base, "jwks_uri": base + "/keys"})
        else:
            key = {"kty": "RSA", "kid": "k1", "use": "sig", "alg": "RS256", "e": "AQAB",
                   "n": url64(modulus(self.server.directory + "/signer.key"))}
            self.answer({"keys": [key]})

    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        spec = review.get("spec", {})
        with open(self.server.directory + "/asked", "a", encoding="utf-8") as asked:
            asked.write(json.dumps(review) + "\n")
        if review["kind"] == "EventList":
            status = {}
        elif review["kind"] == "TokenReview":
            known = spec["token"] == "known-outside"
            status = {"authenticated": known}
            if known:
                status["user"] = {"username": "olga", "uid": "7", "groups": ["outsiders"],
                                  "extra": {"from": ["far"]}}
        elif review["kind"] == "AdmissionReview":
            self.admit(review)
            return
        else:
            where = spec.get("resourceAttributes", {})
            status = {"allowed": spec["user"] == "olga" and
                      (where.get("resource") in ("configmaps", "rolebindings") or where.get("verb") == "bind")}
            if where.get("resource") == "secrets":
                status = {"allowed": False, "denied": True, "reason": "secrets are none of your business"}
        self.answer({"apiVersion": review["apiVersion"], "kind": review["kind"], "status": status})

    def admit(self, review):
        response = {"uid": review["request"]["uid"], "allowed": not self.path.startswith("/refuse"), "status": {"message": "it was asked"}}
        if self.path.startswith("/mutate"):
            operation = {"op": "add", "path": "/metadata/labels", "value": {"mutated": "yes"}}
            response.update(patchType="JSONPatch", patch=base64.b64encode(json.dumps([operation]).encode()).decode())
        self.answer({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response})

    def log_message(self, *args):
        pass


def serve(directory, port):
    plain = http.server.ThreadingHTTPServer(("127.0.0.1", int(port) + 1), Handler)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
    plain.directory = server.directory = directory
    threading.Thread(target=plain.serve_forever, daemon=True).start()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory + "/server.crt", directory + "/server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with open(directory + "/ready", "w", encoding="utf-8") as ready:
        ready.write(str(os.getpid()))
    server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], sys.argv[3])
    else:
        print(token(sys.argv[2], sys.argv[3]))
