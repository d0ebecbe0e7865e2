#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# checkpoint and restore with --systemd-cgroup, in the machine of vm_systemd.bash with criu in it.

bats_require_minimum_version 1.5.0

setup_file() {
	load runtime.bash
	load vm.bash
	load vm_systemd.bash
	load vm_criu.bash
	export VM_DIR VM_CPUS=1
	VM_DIR=$(mktemp -d "${TMPDIR:-/tmp}/cube-vm.XXXXXX")
	command -v criu >/dev/null || { echo "criu is not installed" >"$VM_DIR/lacks"; return 0; }
	vm_systemd_root "$VM_DIR" || return 0
	vm_criu "$VM_DIR/root"
	cp "$BATS_TEST_DIRNAME/vm_checkpoint_systemd.sh" "$VM_DIR/root/test"
	mkdir "$VM_DIR/root/bundles/a"
	python3 - "$VM_DIR/root/bundles" <<-'PY'
	import json, sys
	with open(sys.argv[1] + "/systemd.json") as f:
	    c = json.load(f)
	c["process"]["args"] = ["sh", "-c", "i=0; while :; do i=$((i+1)); echo $i >>/counter/n; sleep 0.1; done"]
	c["process"]["env"] = ["PATH=/bin"]
	c["linux"]["cgroupsPath"] = "machine-test.slice:cube:a"
	c["mounts"].append({"destination": "/counter", "type": "bind", "source": "/tmp/counter", "options": ["rbind", "rw"]})
	with open(sys.argv[1] + "/a/config.json", "w") as f:
	    json.dump(c, f)
	PY
	vm_boot "$VM_DIR/root" "$VM_DIR/log"
}

teardown_file() { rm -rf "$VM_DIR"; }

setup() {
	load runtime.bash
	load vm.bash
	[ ! -e "$VM_DIR/lacks" ] || skip "$(cat "$VM_DIR/lacks")"
}

passed() { vm_passed "$VM_DIR/log" "$@"; }

@test "checkpoint with systemd: the unit ends with the container" { passed systemd-unit systemd-checkpoint; }
@test "restore with systemd: in a unit of its own with its properties, and nothing else stays in it" { passed systemd-restore systemd-cgroup systemd-properties systemd-own-processes; }
@test "delete after a restore with systemd leaves no unit and no cgroup" { passed systemd-delete; }
