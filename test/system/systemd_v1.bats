#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# --systemd-cgroup where systemd manages cgroup v1, hybrid and legacy: the small machine of vm.bash, booted once for each.

bats_require_minimum_version 1.5.0

setup_file() {
	load runtime.bash
	load vm.bash
	load vm_systemd.bash
	export VM_DIR
	VM_DIR=$(mktemp -d "${TMPDIR:-/tmp}/cube-vm.XXXXXX")
	vm_systemd_root "$VM_DIR" || return 0
	if [ "$(/lib/systemd/systemd --version | awk 'NR == 1 { print $2 }')" -ge 258 ]; then
		echo "systemd has no cgroup v1 any more" >"$VM_DIR/lacks"
		return 0
	fi
	cp "$BATS_TEST_DIRNAME/vm_systemd_v1.sh" "$VM_DIR/root/test"
	local words="systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"
	export VM_CGROUPS=1
	vm_pack "$VM_DIR/root"
	VM_APPEND="$words systemd.legacy_systemd_cgroup_controller=0" vm_boot "$VM_DIR/root" "$VM_DIR/hybrid.log" 3>&- &
	VM_APPEND="$words systemd.legacy_systemd_cgroup_controller=1" vm_boot "$VM_DIR/root" "$VM_DIR/legacy.log" 3>&- &
	wait
}

teardown_file() { rm -rf "$VM_DIR"; }

setup() {
	load vm.bash
	[ ! -e "$VM_DIR/lacks" ] || skip "$(cat "$VM_DIR/lacks")"
}

# name... in both
passed() {
	vm_passed "$VM_DIR/hybrid.log" "$@"
	vm_passed "$VM_DIR/legacy.log" "$@"
}

@test "systemd on cgroup v1: the container's cgroups are those of its scope, in each hierarchy" { passed mode create unit properties files joined state exec-joins; }
@test "systemd on cgroup v1: limits and device rules outlive a reload" { passed reload devices; }
@test "systemd on cgroup v1: update changes the unit and the files; pause freezes" { passed update pause resume; }
@test "systemd on cgroup v1: running out of memory, delete and delete --force leave no unit and no cgroup" {
	passed out-of-memory delete force nothing-left
	run ! grep -a "^not ok" "$VM_DIR/hybrid.log" "$VM_DIR/legacy.log"
}
