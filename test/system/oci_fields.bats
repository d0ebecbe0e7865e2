#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Every field of config.json by its effect inside a container, from the tables of oci_fields.py; each group in a network namespace of
# its own. Limits of a machine with all controllers are in cgroup_v2.bats and cgroup_v1.bats.

bats_require_minimum_version 1.5.0
load runtime.bash

setup() {
	rt_begin
	bundle true
}
teardown() {
	rm -rf "$RT/source"
	rt_end
}

fields() { # group: in namespaces of its own
	run unshare --net --mount --propagation private python3 "$BATS_TEST_DIRNAME/oci_fields.py" run "$CUBE_OCI" "$RT" "$CG" "$1"
	echo "$output"
	[ "$status" = 0 ]
}

@test "each field that is decoded has a row" {
	run -0 python3 "$BATS_TEST_DIRNAME/oci_fields.py" list "$BATS_TEST_DIRNAME/../../src/oci/spec.c"
	[[ "$output" == *"fields, without a row: [], rows of none: []" ]]
}
@test "fields of the process, names, sysctls, memory policy, sections of other systems" { fields process; }
@test "fields of root and mounts: each option, recursive ones, propagation, mapped ids, masks" { fields "root and mounts"; }
@test "fields of devices, device rules, namespaces, time" { fields "devices and namespaces"; }
@test "fields of seccomp: actions, errors, operators, architectures, flags" { fields seccomp; }
@test "fields of seccomp: the agent that is notified" { fields notify; }
@test "limits: as the files of v1, or refused by name where the host lacks them" { fields limits; }
@test "scheduler: each policy with what goes with it" { fields scheduler; }
@test "ioPriority: each class" { fields io_priority; }
@test "execCPUAffinity: at first and for the program" {
	[ "$(nproc)" -gt 1 ] || skip "one processor"
	fields affinity
}
@test "terminal and consoleSize" { fields terminal; }
@test "annotations are in the state" { fields annotations; }
@test "cgroupsPath: absolute and relative name the same place" { fields cgroups_path; }
@test "namespaces of each kind are joined by path" { fields joined; }
@test "hooks: each kind with path, args, env, state and timeout" { fields hooks; }
@test "netDevices are moved and renamed" { fields net_devices; }
@test "what this host cannot do is refused by the name of its field" { fields refused; }
