#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Floods the API server with requests of one user over many connections, and measures the answers another user gets meanwhile.

flood.py CA FLOODER-TOKEN QUIET-TOKEN get|list|watch
"""
import json
import socket
import ssl
import sys
import threading
import time

CONNECTIONS = {"get": 32, "list": 8, "watch": 8}
PIPELINED = 50
SECONDS = 3


def connect(ca):
    context = ssl.create_default_context(cafile=ca)
    return context.wrap_socket(socket.create_connection(("127.0.0.1", 6443)), server_hostname="127.0.0.1")


def request(token, path):
    return ("GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n" % (path, token)).encode()


def answers(stream):
    """Reads one answer after the other; their length is in the head."""
    data = b""
    while True:
        while b"\r\n\r\n" not in data:
            more = stream.recv(65536)
            if not more:
                return
            data += more
        head, data = data.split(b"\r\n\r\n", 1)
        length = int([l for l in head.lower().split(b"\r\n") if l.startswith(b"content-length:")][0].split(b":")[1])
        while len(data) < length:
            data += stream.recv(65536)
        data = data[length:]
        yield head


def flood_get(ca, token, until, counts):
    stream = connect(ca)
    got = answers(stream)
    while time.monotonic() < until:
        stream.sendall(request(token, "/api/v1/namespaces/kube-system/configmaps/none") * PIPELINED)
        for _ in range(PIPELINED):
            next(got)
        counts.append(PIPELINED)
    stream.close()


def flood_list(ca, token, until, counts):
    stream = connect(ca)
    got = answers(stream)
    while time.monotonic() < until:
        stream.sendall(request(token, "/api/v1/configmaps") * 4)
        for _ in range(4):
            next(got)
            counts.append(1)
    stream.close()


def flood_watch(ca, token, until, counts):
    path = "/api/v1/configmaps?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1"
    while time.monotonic() < until:
        stream = connect(ca)
        stream.sendall(request(token, path))
        data = b""
        while b"k8s.io/initial-events-end" not in data:
            more = stream.recv(1 << 20)
            if not more:
                break
            data = data[-200:] + more
        counts.append(1)
        stream.close()


def main():
    ca, flooder, quiet, what = sys.argv[1:]
    flood = {"get": flood_get, "list": flood_list, "watch": flood_watch}[what]
    until = time.monotonic() + SECONDS
    counts, slowest = [], 0.0
    threads = [threading.Thread(target=flood, args=(ca, flooder, until, counts)) for _ in range(CONNECTIONS[what])]
    for thread in threads:
        thread.start()
    stream = connect(ca)
    got = answers(stream)
    asked = 0
    while time.monotonic() < until:
        begin = time.monotonic()
        stream.sendall(request(quiet, "/api/v1/namespaces/default/pods/none"))
        next(got)
        slowest = max(slowest, time.monotonic() - begin)
        asked += 1
        time.sleep(0.01)
    for thread in threads:
        thread.join()
    print(json.dumps({"flood": sum(counts), "quiet": asked, "quiet_slowest_ms": round(slowest * 1000)}))


if __name__ == "__main__":
    main()
