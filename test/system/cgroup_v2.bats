#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Resource limits on a kernel with cgroup v2 alone. The machine boots once, before the tests, which then judge what it reported.

bats_require_minimum_version 1.5.0

setup_file() {
	load runtime.bash
	load vm.bash
	export VM_DIR
	VM_DIR=$(mktemp -d "${TMPDIR:-/tmp}/cube-vm.XXXXXX")
	command -v qemu-system-x86_64 >/dev/null || { echo "qemu-system-x86_64 is not installed" >"$VM_DIR/lacks"; return 0; }
	vm_kernel "$CUBE_BUILD/vm-linux" || { echo "the package linux-image-amd64 cannot be had" >"$VM_DIR/lacks"; return 0; }
	vm_root "$VM_DIR/root"
	vm_devices "$VM_DIR/root"
	vm_profile "$VM_DIR/root/profile"
	vm_boot "$VM_DIR/root" "$VM_DIR/log"
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

@test "[W08] the machine has cgroup v2 alone and runs every check to its end" { passed pure-v2; grep -q '^guest done' "$VM_DIR/text"; }
@test "[W08] v2: a container above memory.max is killed with 137" { passed memory-killed memory-max; }
@test "[W08] v2: cpu.max holds a spinning container to its share" { passed cpu-max cpu-limited; }
@test "[W08] v2: weights 70 and 30 on one processor share it so" { passed cpu-weight-share; }
@test "[W08] v2: pids.max stops forks" { passed pids; }
@test "[W08] v2: cpuset places the container" { passed cpuset; }
@test "[W08] v2: io.max is written for a disk" { passed io-max; }
@test "[W08] v2: device rules are enforced by eBPF" { passed devices; }
@test "[W08] v2: pause and resume freeze and thaw" { passed pause state-paused resume state-running; }
@test "[W08] v2: update changes limits of a running container, stats tells figures" { passed update update-refused stats; }
@test "[W08] v2: the cgroup namespace hides the host's tree, exec joins it" { passed cgroup-namespace exec-joins; }
@test "[W08] v2: the unified map is written as given" { passed unified-map; }
@test "[W08] v2: each limit of config.json is in its file, or refused by its name" { passed limits; }
@test "[W08] v2: nobody connected: the monitor records that memory ran out" { passed monitor-oom; }
@test "[W08] v2: a writable cgroup belongs to the container's user, its limits do not" { passed delegated delegated-inside; }
@test "[W08] v2: below a threaded cgroup, with the controllers that work there; others are refused" { passed threaded threaded-exec threaded-pause threaded-delete threaded-memory; }
@test "[W08] v2: root of a container, or of its user namespace, runs containers in the cgroups it was given" { passed nested-{root,user}-{run,limits,state,exec,update,pause,delete,memory-killed}; }
@test "AppArmor: the program and what is executed later run under the profile; a missing one is refused" { passed apparmor apparmor-exec-file apparmor-missing; }
@test "[W08] v2: delete leaves nothing" { passed delete-leaves-nothing nothing-left; }
