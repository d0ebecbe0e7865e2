#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# --systemd-cgroup where systemd is the first process: the small machine of vm.bash with this host's systemd in its initramfs.

bats_require_minimum_version 1.5.0

setup_file() {
	load runtime.bash
	load vm.bash
	load vm_systemd.bash
	export VM_DIR VM_CPUS=1
	VM_DIR=$(mktemp -d "${TMPDIR:-/tmp}/cube-vm.XXXXXX")
	vm_systemd_root "$VM_DIR" || return 0
	vm_systemd_bus "$VM_DIR/root"
	vm_systemd_user "$VM_DIR/root"
	cp "$BATS_TEST_DIRNAME/vm_systemd.sh" "$VM_DIR/root/test"
	cp "$BATS_TEST_DIRNAME/vm_systemd_user.sh" "$VM_DIR/root/test-user"
	vm_boot "$VM_DIR/root" "$VM_DIR/log"
}

teardown_file() { rm -rf "$VM_DIR"; }

setup() {
	load runtime.bash
	load vm.bash
	[ ! -e "$VM_DIR/lacks" ] || skip "$(cat "$VM_DIR/lacks")"
}

passed() { vm_passed "$VM_DIR/log" "$@"; }

@test "systemd: the container's cgroup is a scope with its properties, and its files say the same" { passed create unit-active unit-slice unit-properties annotations files one-process state; }
@test "systemd: a unit that somebody else has is left alone" { passed twice unit-taken; }
@test "systemd: limits and device rules outlive a reload" { passed reload-keeps-limits devices; }
@test "systemd: a limit of one process is the container's alone" { passed one-process-limit; }
@test "systemd: update changes the unit and the files; pause freezes" { passed update pause; }
@test "systemd: running out of memory, delete and delete --force leave no unit and no cgroup" {
	passed out-of-memory delete force nothing-left
	run ! grep -a "^not ok" "$VM_DIR/log"
}
@test "systemd: through the bus daemon where its own socket is not there" { passed bus-create bus-scope bus-delete; }
@test "systemd: the user's own instance makes and limits the containers of a user without privileges" {
	passed user-create user-unit user-files user-exec user-update user-pause user-delete user-force
	run ! grep -a "^not ok user" "$VM_DIR/log"
}
@test "cgroup v2 without systemd's help: containers of a user, in what was handed to it or in no cgroup" {
	passed user-delegated user-delegated-exec user-delegated-delete user-refused user-refused-limits user-without-cgroup
	run -0 grep -ac "^ok user-delegated" "$VM_DIR/log.text"
	[ "$output" = 3 ]
}
@test "systemd: a cgroupsPath that is not slice:prefix:name is refused" { passed bad-path; }
@test "systemd: without it --systemd-cgroup ends in one line and makes nothing" {
	[ ! -d /run/systemd/system ] || skip "systemd runs here"
	local dir=$BATS_TEST_TMPDIR
	"$CUBE_OCI" spec -b "$dir"
	run "$CUBE_OCI" --root "$dir/state" --systemd-cgroup run -b "$dir" x
	[ "$status" = 1 ] && [ "${#lines[@]}" = 1 ]
	[[ $output == *"systemd not running on this host"* ]]
	[ ! -e "$dir/state/x" ]
}
