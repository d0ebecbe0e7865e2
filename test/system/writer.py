#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""writer.py DIR STOP_FILE [PREFIX]: creates ConfigMaps one after the other, through restarts of the server and of its store; prints
NAME=VALUE for each that was acknowledged (201), and nothing for one whose answer never came."""
import http.client
import json
import os
import ssl
import sys
import time

folder, stop = sys.argv[1], sys.argv[2]
prefix = sys.argv[3] if len(sys.argv) > 3 else "w"
context = ssl.create_default_context(cafile=f"{folder}/ca.pem")
context.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
connection = None
number = 0
while not os.path.exists(stop):
    number += 1
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{prefix}{number}"}, "data": {"value": f"v{number * 7}"}}
    try:
        if connection is None:
            connection = http.client.HTTPSConnection("127.0.0.1", 6443, context=context, timeout=5)
        connection.request("POST", "/api/v1/namespaces/default/configmaps", json.dumps(body),
                           {"Content-Type": "application/json"})
        answer = connection.getresponse()
        data = answer.read()
        if answer.status == 201:
            print(f"{prefix}{number}=v{number * 7}", flush=True)
        elif answer.status not in (409, 503, 504):
            sys.exit(f"{answer.status} {data[:200]!r}")
    except (OSError, http.client.HTTPException):
        connection = None
        time.sleep(0.01)
