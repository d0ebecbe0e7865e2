#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Resource limits on a kernel with cgroup v1 alone and all of its controllers. The machine boots once, before the tests, which then judge what it reported.

bats_require_minimum_version 1.5.0

setup_file() {
	load runtime.bash
	load vm.bash
	export VM_DIR VM_CGROUPS=1
	VM_DIR=$(mktemp -d "${TMPDIR:-/tmp}/cube-vm.XXXXXX")
	command -v qemu-system-x86_64 >/dev/null || { echo "qemu-system-x86_64 is not installed" >"$VM_DIR/lacks"; return 0; }
	vm_kernel "$CUBE_BUILD/vm-linux" || { echo "the package linux-image-amd64 cannot be had" >"$VM_DIR/lacks"; return 0; }
	vm_root "$VM_DIR/root"
	vm_devices "$VM_DIR/root"
	vm_policy "$VM_DIR/root/policy"
	VM_APPEND="security=selinux enforcing=1" vm_boot "$VM_DIR/root" "$VM_DIR/log"
}

teardown_file() { rm -rf "$VM_DIR"; }

setup() { [ ! -e "$VM_DIR/lacks" ] || skip "$(cat "$VM_DIR/lacks")"; }

# Each named check passed in the machine.
passed() {
	local name
	tr -d '\r' <"$VM_DIR/log" >"$VM_DIR/text"
	for name in "$@"; do
		grep -Eq "^ok $name(-[0-9]+)?$" "$VM_DIR/text" || { grep -a "^not ok $name" "$VM_DIR/text" || tail -n 40 "$VM_DIR/text"; return 1; }
	done
}

@test "[W08] the machine has all of cgroup v1 and no v2, and runs every check to its end" { passed pure-v1; grep -q '^guest done' "$VM_DIR/text"; }
@test "[W08] v1: a container above its memory limit is killed with 137; the monitor records it with nobody connected" { passed memory-killed memory-limit monitor-oom; }
@test "[W08] v1: each limit of config.json is in its file, or refused by its name" { passed limits; }
@test "[W08] v1: the freezer pauses and resumes, a paused container is deleted" { passed pause state-paused resume delete-paused; }
@test "[W08] v1: update changes limits, exec joins" { passed update exec-joins; }
@test "[W08] v1: pids, CPUs, devices" { passed pids cpuset devices; }
@test "[W08] v1: root of a container, or of its user namespace, runs containers in the cgroups it was given" { passed nested-{root,user}-{run,limits,state,exec,update,pause,delete,memory-killed}; }
@test "SELinux: the program, what is executed later and its keys have the process's label; what is mounted for it has the mounts'" { passed selinux-enforcing selinux-process selinux-mounts selinux-masks selinux-exec selinux-exec-other selinux-exec-file; }
@test "SELinux: a label that the policy does not know is refused by its field" { passed selinux-no-policy selinux-exec-unknown selinux-unknown selinux-unknown-mount; }
@test "[W08] v1: a container that keeps forking is deleted without cgroup.kill, and nothing is left" { passed delete-forking nothing-left; }
