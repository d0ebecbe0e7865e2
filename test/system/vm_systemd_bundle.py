# SPDX-License-Identifier: Apache-2.0
"""The configuration of the containers in vm_systemd.sh, from what `cube-oci spec` wrote to the folder."""
import json
import sys

with open(sys.argv[1] + "/config.json") as file:
    config = json.load(file)
config["process"]["args"] = ["sleep", "1000"]
config["process"]["terminal"] = False
config["process"]["capabilities"] = {name: ["CAP_MKNOD", "CAP_KILL"] for name in ("bounding", "effective", "permitted")}
config["root"] = {"path": "/rootfs", "readonly": False}
config["annotations"] = {
    "org.systemd.property.TimeoutStopSec": "uint64 11",
    "org.systemd.property.Documentation": "['man:cube']",
}
config["linux"]["resources"] = {
    "memory": {"limit": 33554432, "reservation": 1048576},
    "pids": {"limit": 20},
    "cpu": {"shares": 1024, "quota": 50000, "period": 100000, "cpus": "0"},
    "devices": [{"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "access": "m"}],
}
with open(sys.argv[1] + "/systemd.json", "w") as file:
    json.dump(config, file, indent=1)
