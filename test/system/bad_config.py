# SPDX-License-Identifier: Apache-2.0
# For each field of config.json, a value of the wrong type: exit 1, one line that names the field, nothing left behind.
# Usage: bad_config.py PROGRAM FOLDER CGROUP     FOLDER has bundle/config.json and state/
import json
import os
import subprocess
import sys

program, folder, cgroup = sys.argv[1:]
config = json.load(open(folder + "/bundle/config.json"))
maps = [{"containerID": 0, "hostID": 1000, "size": 1}]
hook = [{"path": "/bin/true", "args": ["true"], "env": ["A=b"], "timeout": 5}]
throttle = [{"major": 8, "minor": 0, "rate": 100}]
config.update({
    "domainname": "d", "annotations": {"a": "b"},
    "hooks": {n: hook for n in ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")},
})
config["process"].update({
    "consoleSize": {"height": 1, "width": 1},
    "user": {"uid": 0, "gid": 0, "umask": 0, "additionalGids": [1]},
    "apparmorProfile": "a", "oomScoreAdj": 1, "selinuxLabel": "s",
    "scheduler": {"policy": "SCHED_OTHER", "nice": 1, "priority": 0, "flags": ["x"], "runtime": 1, "deadline": 1, "period": 1},
    "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 1},
    "execCPUAffinity": {"initial": "0", "final": "0"},
})
config["process"]["capabilities"].update({"inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"]})
config["mounts"].append({"destination": "/m", "source": "/", "options": ["bind"], "uidMappings": maps, "gidMappings": maps})
config["linux"].update({
    "uidMappings": maps, "gidMappings": maps, "sysctl": {"net.x": "1"}, "rootfsPropagation": "slave", "mountLabel": "l",
    "devices": [{"path": "/dev/x", "type": "c", "major": 1, "minor": 1, "fileMode": 1, "uid": 0, "gid": 0}],
    "seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1, "architectures": ["a"], "flags": ["f"],
                "listenerPath": "/l", "listenerMetadata": "m",
                "syscalls": [{"names": ["n"], "action": "a", "errnoRet": 1,
                              "args": [{"index": 0, "value": 1, "valueTwo": 2, "op": "SCMP_CMP_EQ"}]}]},
    "personality": {"domain": "LINUX", "flags": ["f"]},
    "timeOffsets": {n: {"secs": 1, "nanosecs": 1} for n in ("monotonic", "boottime")},
    "memoryPolicy": {"mode": "m", "nodes": "0", "flags": ["f"]},
})
config["linux"]["namespaces"].append({"type": "user", "path": "/x"})
config["linux"]["resources"] = {
    "devices": [{"allow": True, "type": "c", "major": 1, "minor": 1, "access": "r"}],
    "memory": {"limit": 1, "reservation": 1, "swap": 1, "kernel": 1, "kernelTCP": 1, "swappiness": 1,
               "disableOOMKiller": True, "useHierarchy": True, "checkBeforeUpdate": True},
    "cpu": {"shares": 1, "quota": 1, "burst": 1, "period": 1, "realtimeRuntime": 1, "realtimePeriod": 1, "cpus": "0",
            "mems": "0", "idle": 1},
    "pids": {"limit": 1}, "unified": {"a": "b"},
    "hugepageLimits": [{"pageSize": "2MB", "limit": 1}],
    "network": {"classID": 1, "priorities": [{"name": "lo", "priority": 1}]},
    "blockIO": {"weight": 10, "leafWeight": 10, "weightDevice": [{"major": 8, "minor": 0, "weight": 10, "leafWeight": 10}],
                "throttleReadBpsDevice": throttle, "throttleWriteBpsDevice": throttle,
                "throttleReadIOPSDevice": throttle, "throttleWriteIOPSDevice": throttle},
}


def walk(value, path):
    """Every field below, as the list of keys that leads there."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in pairs:
        yield path + [key]
        yield from walk(child, path + [key])


def name(path):
    return "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in path)[1:]


failed = tried = 0
for path in walk(config, []):
    bad = json.loads(json.dumps(config))  # not a deep copy: that would keep shared lists shared
    parent = bad
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = [] if isinstance(parent[path[-1]], (dict, bool)) else {} if isinstance(parent[path[-1]], (list, str)) else "x"
    json.dump(bad, open(folder + "/bundle/config.json", "w"))
    got = subprocess.run([program, "--root", folder + "/state", "run", "-b", folder + "/bundle", "c"],
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10)
    left = os.listdir(folder + "/state") + [d for d in os.listdir("/sys/fs/cgroup")
                                           if os.path.exists(f"/sys/fs/cgroup/{d}{cgroup}/c")]
    tried += 1
    if got.returncode != 1 or got.stderr.count("\n") != 1 or name(path) + ":" not in got.stderr or left:
        failed += 1
        print(f"{name(path)}: status {got.returncode}, left {left}: {got.stderr}")
print(f"{tried} fields, {failed} wrong")
sys.exit(1 if failed or tried < 200 else 0)
