# SPDX-License-Identifier: Apache-2.0
# Writes the bundles of cgroup_v2.bats, one folder per container, from the config.json that "cube-oci spec" made.
import copy
import json
import os
import subprocess
import sys

top = sys.argv[1]
with open(top + "/config.json") as f:
    base = json.load(f)

CAPABILITIES = json.loads(subprocess.run([os.environ["CUBE_OCI"], "features"], check=True, stdout=subprocess.PIPE).stdout)["linux"]["capabilities"]
SPIN = "while :; do :; done"
CASES = {
    "memory": (["sh", "-c", "exec tail -c 190000000 /dev/zero"], {"memory": {"limit": 16 << 20, "swap": 16 << 20}}),
    "cpu": (["sh", "-c", SPIN], {"cpu": {"quota": 20000, "period": 100000}}),
    "heavy": (["sh", "-c", SPIN], {"unified": {"cpu.weight": "70"}, "cpu": {"cpus": "0"}}),
    "light": (["sh", "-c", SPIN], {"unified": {"cpu.weight": "30"}, "cpu": {"cpus": "0"}}),
    "pids": (["sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 3 & done; echo forked"], {"pids": {"limit": 6}}),
    "cpuset": (["sh", "-c", "grep Cpus_allowed_list /proc/self/status"], {"cpu": {"cpus": "1", "mems": "0"}}),
    "io": (["sleep", "100"], {"blockIO": {"throttleReadBpsDevice": [{"major": 7, "minor": 0, "rate": 1048576}]}}),
    "devices": (["sh", "-c", "echo x >/dev/null && echo null-ok; mknod /tmp/n c 1 3 && echo x >/tmp/n && echo made-null-ok; "
                 "mknod /tmp/b b 7 0; head -c 1 /tmp/b 2>&1 | grep -q 'Operation not permitted' && echo disk-refused"],
                {"devices": [{"allow": False, "access": "rwm"},
                             {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"}]}),
    "plain": (["sleep", "100"], {"memory": {"limit": 32 << 20}, "pids": {"limit": 20}}),
    "namespace": (["cat", "/proc/self/cgroup"], {}),
    "unified": (["sleep", "100"], {"unified": {"memory.high": "20971520", "pids.max": "9"}}),
    "delegated": (["sleep", "100"], {"memory": {"limit": 32 << 20}}),
    "apparmor": (["sh", "-c", "cat /proc/self/attr/current; (echo x >/tmp/denied) 2>&1 | grep -c denied; echo x >/tmp/allowed && exec sleep 100"], {}),
    "nested": (["sh", "/nested.sh", "root"], {}),
    "nested-user": (["sh", "/nested.sh", "user"], {}),
    "selinux": (["sh", "-c", "cat /proc/self/attr/current; echo; for d in /tmp /dev /dev/shm /dev/mqueue; do "
                 "touch $d/made 2>/dev/null && echo $d; done; awk '/_ses/ { print $9 }' /proc/keys; exec sleep 100"], {}),
    "threaded": (["sh", "-c", "sleep 100.5 & sleep 100.5; true"], {"pids": {"limit": 20}, "cpu": {"shares": 2048}}),
    "threaded-memory": (["true"], {"memory": {"limit": 32 << 20}}),
    "forking": (["sh", "-c", "while :; do sleep 0.017 & sleep 0.017; done"], {"pids": {"limit": 50}}),
}

for name, (args, resources) in CASES.items():
    c = copy.deepcopy(base)
    c["process"]["args"] = args
    c["process"]["terminal"] = False
    c["root"] = {"path": "/rootfs", "readonly": False}
    c["linux"]["cgroupsPath"] = "/t/" + name
    resources.setdefault("devices", [{"allow": False, "access": "rwm"}])
    c["linux"]["resources"] = resources
    if not any(n["type"] == "cgroup" for n in c["linux"]["namespaces"]):
        c["linux"]["namespaces"].append({"type": "cgroup"})
    c["process"]["capabilities"] = {k: ["CAP_MKNOD"] for k in ("bounding", "effective", "permitted")}
    if name.startswith("nested"): # a machine of its own, whose root runs containers
        c["linux"]["maskedPaths"] = c["linux"]["readonlyPaths"] = []
        c["linux"]["resources"]["devices"] = [{"allow": True, "access": "rwm"}]
        c["process"]["noNewPrivileges"] = False
        c["process"]["capabilities"] = {k: CAPABILITIES for k in ("bounding", "effective", "permitted")}
        c["mounts"] += [{"destination": d, "type": "bind", "source": d, "options": ["rbind", "ro"]}
                        for d in ("/bin", "/lib", "/lib64", "/usr", "/bundles", "/rootfs", "/nested.sh") if os.path.exists(top + "/.." + d)]
        c["mounts"].append({"destination": "/run", "type": "tmpfs", "source": "tmpfs"})
        for mount in c["mounts"]:
            if mount["type"] == "cgroup":
                mount["options"].remove("ro")
    if name in ("delegated", "nested-user"): # to the root of its user namespace
        c["linux"]["namespaces"].append({"type": "user"})
        c["linux"]["uidMappings"] = c["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
        for mount in c["mounts"]:
            if mount["type"] == "cgroup" and "ro" in mount["options"]:
                mount["options"].remove("ro")
    if name == "apparmor": # the profile is set whether or not the container sees a /sys
        c["process"]["apparmorProfile"] = "cube-test"
        c["mounts"] = [m for m in c["mounts"] if m["type"] not in ("sysfs", "cgroup")]
    if name == "selinux":
        c["process"]["selinuxLabel"] = "system_u:system_r:box_t:s0:c1,c2"
        c["linux"]["mountLabel"] = "system_u:object_r:box_file_t:s0:c1,c2"
        c["linux"]["maskedPaths"] = ["/sys/firmware"]
    if name.startswith("threaded"):
        c["linux"]["cgroupsPath"] = "/threads/" + name
    if name in ("forking", "threaded"):
        c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "pid"]
    os.mkdir(f"{top}/{name}")
    with open(f"{top}/{name}/config.json", "w") as f:
        json.dump(c, f)
