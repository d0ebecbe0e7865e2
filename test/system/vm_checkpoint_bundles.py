#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""vm_checkpoint_bundles.py FOLDER: from FOLDER/config.json, one bundle per container of vm_checkpoint.sh."""
import copy
import json
import os
import sys

folder = sys.argv[1]
with open(f"{folder}/config.json") as f:
    base = json.load(f)
base["process"]["terminal"] = False
base["process"]["env"] = ["PATH=/bin"]
base["root"] = {"path": "/rootfs", "readonly": False}
# Appended: a file that is written anew is empty for a moment, and a checkpoint may choose just that one.
COUNT = "i=0; while :; do i=$((i+1)); echo $i; echo $i >>/counter/n; sleep 0.1; done"


def bundle(name, change):
    c = copy.deepcopy(base)
    c["process"]["args"] = ["sh", "-c", COUNT]
    c["linux"]["cgroupsPath"] = f"/t/{name}"
    c["linux"]["resources"] = {"memory": {"limit": 33554432}, "pids": {"limit": 40}}
    c["mounts"].append({"destination": "/counter", "type": "bind", "source": "/tmp/counter", "options": ["rbind", "rw"]})
    c["mounts"].append({"destination": "/var/link/inner", "type": "bind", "source": "/tmp/inner", "options": ["bind", "ro"]})
    change(c)
    os.makedirs(f"{folder}/{name}", exist_ok=True)
    with open(f"{folder}/{name}/config.json", "w") as f:
        json.dump(c, f)


def network(c):
    c["linux"]["namespaces"].append({"type": "cgroup"})
    for ns in c["linux"]["namespaces"]:
        if ns["type"] == "network":
            ns["path"] = "/tmp/netns"


def user(c):
    c["linux"]["namespaces"].append({"type": "user"})
    c["linux"]["uidMappings"] = c["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]


def program(text, **more):
    def change(c):
        c["process"]["args"] = ["sh", "-c", text]
        c["linux"].update(more)
    return change


def hooks(c):
    for name in ("createRuntime", "poststop"):
        c.setdefault("hooks", {})[name] = [{"path": "/bin/sh", "args": ["sh", "-c", f"cat >/tmp/hook-{name}"]}]


bundle("plain", hooks)
bundle("network", network)
bundle("console", lambda c: c["process"].update(terminal=True))
bundle("piped", lambda c: None)
bundle("user", user)
bundle("tcp", program("sleep 10000 | nc -l -p 5000 >/counter/got & sleep 1; (while :; do echo x; sleep 0.1; done) | nc 127.0.0.1 5000 & " + COUNT))
bundle("locks", program("flock /counter/lock sleep 10000 & " + COUNT))
bundle("lazy", lambda c: None)
bundle("lazy2", lambda c: None)
