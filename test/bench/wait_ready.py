#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""wait_ready.py DIR [NODE]: is started before the server, makes DIR/probing, and asks until /readyz answers 200 and the node is Ready.
Prints both times since the milliseconds in DIR/begin, which are written as the server is started. Without NODE: the time until
/readyz, and the milliseconds of processor time that the process in DIR/pid has used until then."""
import calendar
import glob
import http.client
import json
import ssl
import sys
import time

folder, node = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
context = ssl.create_default_context(cafile=f"{folder}/ca.pem")
context.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
until = time.time() + 30
connection = None


def ask(path):
    global connection
    try:
        if connection is None:
            connection = http.client.HTTPSConnection("127.0.0.1", 6443, context=context, timeout=2)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        connection = None
        return 0, b""


def wait(check):
    while not check():
        if time.time() > until:
            sys.exit("gave up")
        time.sleep(0.001)
    return time.time() * 1000


def is_ready():
    status, body = ask(f"/api/v1/nodes/{node}")
    if status != 200:
        return False
    conditions = json.loads(body)["status"].get("conditions", [])
    beats = [c for c in conditions if c["type"] == "Ready" and c["status"] == "True"]
    # The state that the server before left behind does not count: it has to say so itself.
    return bool(beats) and bool(beats[0].get("lastHeartbeatTime")) and heartbeat(beats[0]["lastHeartbeatTime"]) >= began()


def heartbeat(text):
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


def began():
    """The second in which the server was started; the one before it ended in an earlier second."""
    return read_number("begin") // 1000


def read_number(name):
    with open(f"{folder}/{name}", encoding="ascii") as file:
        return int(file.read())


def cpu_ms():
    total_ns = 0
    for path in glob.glob(f"/proc/{read_number('pid')}/task/*/schedstat"):
        with open(path, encoding="ascii") as file:
            total_ns += int(file.read().split()[0])
    return total_ns / 1e6


with open(f"{folder}/probing", "w", encoding="ascii"):
    pass
readyz = wait(lambda: ask("/readyz")[0] == 200)
if node is None:
    used = cpu_ms()
    print(round(readyz - read_number("begin")), round(used))
else:
    ready = wait(is_ready)
    print(round(readyz - read_number("begin")), round(ready - read_number("begin")))
