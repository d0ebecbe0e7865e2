#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What cube-oci may cost, in numbers that do not depend on how busy the machine is. Times, beside crun's, are in
# `script/bench runtime`.

bats_require_minimum_version 1.5.0

setup() {
	load runtime.bash
	if readelf -d "$CUBE_OCI" | grep -q 'libasan'; then skip "built with sanitizers"; fi
	rt_begin
}

teardown() {
	rt_end
}

# The container of the figures: five namespaces, cgroups of memory, pids and devices, masked paths, no seccomp.
measured_bundle() {
	bundle true
	cfg 'c["root"]["readonly"] = True
c["process"]["noNewPrivileges"] = True
c["mounts"] = [m for m in c["mounts"] if m["type"] != "cgroup"]
l = c["linux"]
l["namespaces"] = [{"type": t} for t in ("pid", "network", "ipc", "uts", "mount")]
l["resources"].update({"memory": {"limit": 64 << 20}, "pids": {"limit": 64}})'
	oci run -b "$RT/bundle" first # makes the folders of the root and the parents of the cgroups
}

cost_of() { "$CUBE_BUILD/test/system/test-cost" "$CUBE_OCI" --root "$RT/state" "$@" 2>"$RT/cost"; cat "$RT/cost"; }
number() { sed -n "s/^$1 //p" "$RT/cost"; }

@test "run: system calls, processes, memory" {
	measured_bundle
	cost_of run -b "$RT/bundle" c
	[ "$(number processes)" = 2 ]
	[ "$(number calls)" -le 400 ]
	[ "$(number resident)" -le 1600 ]
}

@test "create, start and delete: system calls, processes, memory" {
	measured_bundle
	cost_of create -b "$RT/bundle" c </dev/null >/dev/null
	[ "$(number calls)" -le 370 ]
	[ "$(number resident)" -le 1600 ]
	cost_of start c
	[ "$(number processes)" = 1 ]
	[ "$(number calls)" -le 75 ]
	[ "$(number resident)" -le 1400 ]
	cost_of delete -f c
	[ "$(number processes)" = 1 ]
	[ "$(number calls)" -le 110 ]
	[ "$(number resident)" -le 1400 ]
}

@test "a container starts under a memory limit of 512 KiB" {
	measured_bundle
	cfg 'c["linux"]["resources"]["memory"]["limit"] = 512 << 10'
	cfg 'c["process"]["args"] = ["echo", "here"]'
	for i in 1 2 3 4 5; do
		run -0 oci run -b "$RT/bundle" "c$i"
		[ "$output" = here ]
	done
}

@test "the program needs no loader and stays small" {
	run -1 bash -c 'readelf -lW "$1" | grep INTERP' bash "$CUBE_OCI"
	readelf -hW "$CUBE_OCI" | grep -q 'DYN' # at random addresses all the same
	readelf -lW "$CUBE_OCI" | grep -q GNU_RELRO
	strip -o "$RT/stripped" "$CUBE_OCI"
	[ "$(stat -c %s "$RT/stripped")" -le 1400000 ]
}
