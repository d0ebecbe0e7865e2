#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A client that misbehaves on purpose: raw bytes over TLS, for bad_input.bats.

usage: bad_client.py FOLDER COMMAND [PID], where FOLDER has ca.pem, cert.pem and key.pem of an administrator, PID is the server's
Each command prints what the server answered, one line per answer: the HTTP status, then the Status object's reason and message."""

import base64
import json
import socket
import ssl
import sys
import time

FOLDER = sys.argv[1]
ADDRESS = ("127.0.0.1", 6443)
MAPS = "/api/v1/namespaces/default/configmaps"


def tls(alpn=None, certificate=True):
    context = ssl.create_default_context(cafile=FOLDER + "/ca.pem")
    if certificate:
        context.load_cert_chain(FOLDER + "/cert.pem", FOLDER + "/key.pem")
    if alpn:
        context.set_alpn_protocols([alpn])
    connection = socket.create_connection(ADDRESS, timeout=8)
    return context.wrap_socket(connection, server_hostname="127.0.0.1")


def answer(stream):
    """One response: (status, body); (0, b'') when the connection ends without one."""
    reader = stream.makefile("rb")
    try:
        line = reader.readline()
        if not line:
            return 0, b""
        status, length, chunked = int(line.split()[1]), -1, False
        while (line := reader.readline().strip()):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
            chunked = chunked or (name.lower() == b"transfer-encoding" and b"chunked" in value)
        if not chunked:
            return status, reader.read(length)
        body = b""
        while (size := int(reader.readline(), 16)):
            body += reader.read(size)
            reader.readline()
        return status, body
    except (ConnectionError, ssl.SSLError):
        return 0, b""


def show(status, body):
    try:
        said = json.loads(body)
        text = f"{said.get('kind')} {said.get('reason')} {said.get('message')}"
    except ValueError:
        text = body.decode("utf-8", "replace").strip()
    print(status, text[:400], flush=True)


def send(head, body=b"", stream=None):
    stream = stream or tls()
    try:
        stream.sendall(head + b"\r\n" + body)
    except (ConnectionError, ssl.SSLError):
        pass  # an answer sent early is still there to be read
    return answer(stream)


def request(method, path, body=b"", kind="application/json", more=""):
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{more}"
    if body:
        head += f"Content-Type: {kind}\r\n"
    return send(head.encode(), body)


def config_map(size):
    head, tail = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"big"},"data":{"x":"', b'"}}'
    return head + b"a" * (size - len(head) - len(tail)) + tail


def bodies():
    for kind, body in (
        ("application/json", b'{"apiVersion":"v1","kind":"ConfigMap",'),
        ("application/json", b"\xff\xfe\x00"),
        ("application/json", b"[]"),
        ("application/json", b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":[1]}'),
        ("application/json", b'{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"}}'),
        ("application/json", b'{"metadata":' * 100000),
        ("application/json", b"[" * 1000000),
        ("application/yaml", b"a: [1\nb: }"),
        ("application/yaml", b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
            b"%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n" % ((c, c) + (c - 1,) * 9) for c in range(98, 108))),
        ("text/plain", b"hello"),
    ):
        show(*request("POST", MAPS, body, kind))


def sizes():
    limit = 3 << 20
    show(*request("POST", MAPS, config_map(limit + 1)))
    piece = b"10000\r\n" + b"a" * 65536 + b"\r\n"
    show(*send(f"POST {MAPS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
               "Transfer-Encoding: chunked\r\n".encode(), piece * 49 + b"0\r\n\r\n"))
    show(*request("GET", MAPS, more="X-Big: " + "a" * 70000 + "\r\n"))
    show(*request("GET", MAPS, more="".join(f"X-{i}: a\r\n" for i in range(1100))))
    show(*request("GET", MAPS + "?labelSelector=" + "a" * 30000))


def protocol():
    for line in (b"\x00\x01\x02garbage\r\n\r\n", b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
                 b"GET /version HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
                 b"POST /version HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"):
        stream = tls()
        stream.sendall(line)
        show(*answer(stream))
    stream = tls()  # garbage behind a good request: the good one is answered, the rest ends the connection
    stream.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n\x16\x03garbage\r\n\r\n")
    stream.settimeout(5)
    got = b""
    try:
        while (part := stream.recv(65536)):
            got += part
    except (ConnectionError, ssl.SSLError):
        pass
    print("pipelined", got.count(b"HTTP/1.1 200"), got.count(b"HTTP/1.1 400"))


def plain():
    stream = socket.create_connection(ADDRESS, timeout=5)
    stream.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    show(*answer(stream))


def slow():
    """A hundred and fifty clients that send a byte now and then, and half-closed ones, while another one works."""
    held = []
    for i in range(150):
        stream = tls()
        stream.sendall(b"GET / HTTP/1.1\r\nHo" if i % 2 else b"POST " + MAPS.encode() +
                       b" HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        if i % 3 == 0:
            socket.socket.shutdown(stream, socket.SHUT_WR)
        held.append(stream)
    worst = 0.0
    for _ in range(20):
        began = time.monotonic()
        status, _ = request("GET", MAPS)
        worst = max(worst, time.monotonic() - began)
        if status != 200:
            print("starved", status)
    print("worst below half a second" if worst < 0.5 else f"worst {worst:.2f} s")
    for stream in held:
        stream.close()


def dropped():
    """Connections dropped before, in and after the handshake, and with an answer under way."""
    for i in range(1000):
        stream = socket.create_connection(ADDRESS, timeout=5)
        if i % 3:
            stream.sendall(b"\x16\x03\x01\x02\x00\x01" if i % 3 == 1 else b"\x00" * 100)
        stream.close()
    for _ in range(60):
        stream = tls()
        stream.sendall(b"GET /openapi/v2 HTTP/1.1\r\nHost: x\r\n\r\n")
        stream.close()
    print("dropped")


def watches():
    """Four hundred watches, opened in groups and closed."""
    for _ in range(4):
        group = []
        for _ in range(100):
            stream = tls()
            stream.sendall(f"GET {MAPS}?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            group.append(stream)
        for stream in group:
            if not stream.recv(64).startswith(b"HTTP/1.1 200"):
                print("refused")
            stream.close()
    print("watched")


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def http2():
    """Each abuse ends its own connection: floods of resets and pings, a frame too long, a wrong preface."""
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0)
    head = b"\x82\x87\x84\x41\x01x"  # GET https / with authority x
    abuses = {
        "resets": b"".join(frame(1, 5, i, head) + frame(3, 0, i, b"\0\0\0\x08") for i in range(1, 20001, 2)),
        "pings": frame(6, 0, 0, b"12345678") * 10000,
        "settings": frame(4, 0, 0) * 10000,
        "long": (1 << 20).to_bytes(3, "big") + bytes([0, 0]) + (1).to_bytes(4, "big") + b"x" * 70000,
        "headers": frame(1, 1, 1, head) + frame(9, 0, 1, b"\x40\x01a\x01b" * 3000) * 20,
    }
    for name, payload in abuses.items():
        stream = tls("h2")
        said = "open"
        try:
            stream.sendall(preface)
            for at in range(0, len(payload), 16384):
                stream.sendall(payload[at:at + 16384])
            stream.settimeout(3)
            while stream.recv(65536):
                pass
            said = "ended"
        except socket.timeout:
            pass
        except (ConnectionError, ssl.SSLError):
            said = "ended"
        print(name, said)
        stream.close()


def numerous():
    """Requests with too much of something: operations of a patch, requirements, or claims about where a list goes on."""
    request("POST", MAPS, b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"patched"},"data":{"a":"b"}}')
    operation = b'{"op":"replace","path":"/data/a","value":"c"}'
    for count in (10000, 10001):
        body = b"[" + b",".join([operation] * count) + b"]"
        status, said = request("PATCH", MAPS + "/patched", body, "application/json-patch+json")
        print(status, json.loads(said).get("message", "patched"))
    show(*request("PATCH", MAPS + "/patched", b'{"data":' * 200000, "application/merge-patch+json"))
    show(*request("GET", MAPS + "?labelSelector=" + ",".join(f"k{i}%20in%20(a,b,c)" for i in range(500))))
    for token in (b"", b"{}", b'{"v":"meta.k8s.io/v1","rv":-1,"start":"x"}', b'{"v":"meta.k8s.io/v1","rv":1,"start":"../../secrets/a"}',
                  b'{"v":"meta.k8s.io/v1","rv":9223372036854775807,"start":"a\\u0000"}', b"[" * 10000, bytes(range(256)) * 20):
        forged = base64.urlsafe_b64encode(token).decode().rstrip("=") or "%00"
        status, said = request("GET", MAPS + "?limit=1&continue=" + forged)
        print("forged", status, json.loads(said).get("reason"))


def memory():
    with open(f"/proc/{sys.argv[3]}/status", encoding="utf-8") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def bounded(before, limit_kib, what):
    """Memory has grown by no more than that, and a new client is served at once."""
    began = time.monotonic()
    status, _ = request("GET", "/readyz")
    took = time.monotonic() - began
    grown = memory() - before
    print(what, "bounded" if grown <= limit_kib else f"grew by {grown} KiB",
          "served" if status == 200 and took < 2 else f"status {status} after {took:.1f} s", flush=True)


def crowd():
    """Ten thousand connections that say nothing, then some that say half of a head."""
    before, held = memory(), []
    for _ in range(10000):
        held.append(socket.create_connection(ADDRESS, timeout=20))
    bounded(before, 10000 * 12, "crowd")
    for stream in held[:5000]:
        stream.sendall(b"\x16\x03\x01\x02\x00\x01\x00")  # a handshake that never goes on, until it takes too long
    bounded(before, 10000 * 12 + 5000 * 60, "crowd")
    for stream in held:
        stream.close()


def get_frames(path):
    head = b"\x82\x87\x04" + bytes([len(path)]) + path.encode() + b"\x41\x01x"
    return frame(1, 5, 1, head)


def stalled():
    """Readers of lists and watches that never read, over HTTP/1 and with a closed window over HTTP/2, while objects change."""
    for i in range(40):
        body = config_map(200000).replace(b'"big"', b'"big%02d"' % i)
        request("POST", MAPS, body)
    closed = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"\0\4\0\0\0\0")
    before, held = memory(), []
    for i in range(100):
        path = MAPS + ("?watch=1" if i % 2 else "?pretty=1" if i % 4 else "")
        stream = tls("h2" if i < 50 else None)
        stream.sendall(closed + get_frames(path) if i < 50 else f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        held.append(stream)
    for i in range(200):
        request("PATCH", f"{MAPS}/big{i % 40:02d}", b'{"data":{"y":"%d"}}' % i, "application/merge-patch+json")
    bounded(before, 300 << 10, "stalled")
    for stream in held:
        stream.close()


{"numerous": numerous, "crowd": crowd, "stalled": stalled, "bodies": bodies, "sizes": sizes, "protocol": protocol, "plain": plain, "slow": slow, "dropped": dropped,
 "watches": watches, "http2": http2}[sys.argv[2]]()
