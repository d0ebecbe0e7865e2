#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The runtime killed at each of its steps, a step being a system call that changes something or waits for somebody: strace counts
# them in one run and in each further run kills at the next one. Afterwards `delete --force` must find and end all there is.

bats_require_minimum_version 1.5.0
load runtime.bash

setup() {
	rt_begin
	command -v strace >/dev/null || skip "strace is not installed"
	bundle sleep 98765
	cfg 'c["linux"]["resources"]["memory"] = {"limit": 33554432}; c["hooks"] = {"createRuntime": [{"path": "/bin/true"}]}'
}
teardown() { rt_end; }

STEPS=mkdirat,symlinkat,socketpair,clone3,vfork,bind,write,sendto,recvmsg,recvfrom,connect,renameat,unlinkat,mount,setns,waitid,poll,flock,rmdir,pidfd_send_signal

nothing_runs() { ! pgrep -f -- "--root $RT/state|^sleep 98765" >/dev/null; }

nothing_left() {
	oci delete --force c 3>&- || return 1
	[ ! -e "$RT/state/c" ] || { echo "state folder left"; return 1; }
	[ -z "$(find /sys/fs/cgroup -type d -path "*$CG/c*" -print -quit)" ] || { echo "cgroup left"; return 1; }
	! grep -q " $RT/" /proc/self/mountinfo || { echo "mount left"; return 1; }
	wait_for 3 nothing_runs || { echo "process left"; return 1; }
}

created() { (cd "$RT/bundle" && oci create c </dev/null >/dev/null 2>&1 3>&-); }
running() { created && oci start c 3>&-; }
paused() { running && oci pause c; }
stopped() { running && oci kill c KILL && wait_for 3 status_is c stopped; }

# each_step PREPARE COMMAND...: how often it was killed is printed
each_step() {
	local prepare=$1 kills=0 step count number
	shift
	$prepare
	(cd "$RT/bundle" && strace -qq -o "$RT/steps" -e "trace=$STEPS" "$CUBE_OCI" --root "$RT/state" "$@" </dev/null >/dev/null 2>&1 3>&-)
	nothing_left
	sed -n 's/^\([a-z0-9_]*\)(.*/\1/p' "$RT/steps" | sort | uniq -c >"$RT/counts"
	while read -r count step; do
		for number in $(seq 1 "$count"); do
			$prepare
			# in a shell of its own, which tells of the kill to nobody
			(cd "$RT/bundle" && exec strace -qq -o "$RT/trace" -e "trace=$step" -e "inject=$step:signal=KILL:when=$number" \
				"$CUBE_OCI" --root "$RT/state" "$@" </dev/null >/dev/null 2>&1 3>&-) 2>/dev/null || true
			# the first run made folders that are there now, so that it may have had a step more
			! grep -q 'killed by SIGKILL' "$RT/trace" || kills=$((kills + 1))
			nothing_left || { echo "killed at $step $number of: $*"; return 1; }
		done
	done <"$RT/counts"
	echo "killed $kills times"
	[ "$kills" -ge 1 ]
}

# killed AT_LEAST OUTPUT
killed() { [ "$(tail -n 1 <<<"$2" | tr -dc 0-9)" -ge "$1" ] || { echo "$2"; return 1; }; }

@test "killed at each step of create: delete --force leaves nothing" {
	run each_step true create c
	killed 10 "$output"
	[ "$status" = 0 ]
}
@test "killed at each step of run --detach: delete --force leaves nothing" {
	run each_step true run -d c
	killed 10 "$output"
	[ "$status" = 0 ]
}
@test "killed at each step of start and kill: delete --force leaves nothing" {
	run each_step created start c
	killed 1 "$output"
	[ "$status" = 0 ]
	run each_step running kill c TERM
	killed 1 "$output"
	[ "$status" = 0 ]
}
@test "killed at each step of exec: delete --force leaves nothing" {
	run each_step running exec -d c sleep 98765
	killed 2 "$output"
	[ "$status" = 0 ]
}
@test "killed at each step of delete, of a stopped and of a running one: delete --force leaves nothing" {
	run each_step stopped delete c
	killed 5 "$output"
	[ "$status" = 0 ]
	run each_step running delete --force c
	killed 5 "$output"
	[ "$status" = 0 ]
}
@test "killed at each step of update, pause and resume: delete --force leaves nothing" {
	run each_step running update --memory 41943040 --pids-limit 20 c
	killed 1 "$output"
	[ "$status" = 0 ]
	run each_step running pause c
	killed 1 "$output"
	[ "$status" = 0 ]
	run each_step paused resume c
	killed 1 "$output"
	[ "$status" = 0 ]
}
@test "killed at each step of checkpoint and restore up to criu's refusal: delete --force leaves nothing" {
	# a criu that ends at once: what is done before and after it is ours
	printf '#!/bin/sh\nexit 1\n' >"$RT/criu"
	chmod 755 "$RT/criu"
	mkdir "$RT/image"
	echo '["/dev/null","/dev/null","/dev/null"]' >"$RT/image/descriptors.json"
	run each_step running --criu "$RT/criu" checkpoint --image-path "$RT/image2" c
	killed 2 "$output"
	[ "$status" = 0 ]
	run each_step true --criu "$RT/criu" restore -d --image-path "$RT/image" c
	killed 10 "$output"
	[ "$status" = 0 ]
}

@test "the container's first process killed at each of its steps: run says so and leaves nothing" {
	local step number kills=0
	bundle true
	# calls that are the first process's alone
	for step in setsid mount pivot_root sethostname unshare mount_setattr setresuid capset; do
		for number in $(seq 1 30); do
			(cd "$RT/bundle" && exec timeout 20 strace -f -qq -o "$RT/trace" -e "trace=$step" -e "inject=$step:signal=KILL:when=$number" \
				"$CUBE_OCI" --root "$RT/state" run c </dev/null >"$RT/out" 2>&1 3>&-) 2>/dev/null || true
			grep -q 'killed by SIGKILL' "$RT/trace" || break
			kills=$((kills + 1))
			grep -q 'first process was killed by signal 9' "$RT/out" || { echo "$step $number:"; cat "$RT/out"; return 1; }
			[ ! -e "$RT/state/c" ]
			nothing_left || { echo "killed at $step $number"; return 1; }
		done
		nothing_left
	done
	echo "killed $kills times"
	[ "$kills" -ge 30 ]
}

@test "delete --force waits for a maker that was killed in the middle of making a cgroup" {
	local tree=/sys/fs/cgroup/pids
	[ -d "$tree" ] || tree=/sys/fs/cgroup
	mkdir "$RT/state/c" "$tree$CG"
	ln -s "$CG/c" "$RT/state/c/cgroup"
	# it holds the lock until it is gone, and the folder appears after the kill
	(
		exec 9<"$RT/state/c"
		flock 9
		touch "$RT/locked"
		sleep 0.7
		mkdir "$tree$CG/c"
	) 3>&- &
	wait_for 5 test -e "$RT/locked"
	nothing_left
	wait
}

@test "a monitor that is killed leaves its container running, and delete --force ends it" {
	python3 - "$RT" <<-'PY'
	import json, sys
	r = sys.argv[1]
	c = json.load(open(r + "/bundle/config.json"))
	c["root"]["path"] = r + "/bundle/rootfs"
	json.dump({"version": 1, "id": "c", "stateDir": r + "/state/c", "config": c, "log": {"path": r + "/log", "format": "cri"}}, open(r + "/job", "w"))
	PY
	monitor start "$RT/job"
	pid=$(oci state c | python3 -c 'import json,sys; print(json.load(sys.stdin)["pid"])')
	keeper=$(cut -d' ' -f4 "/proc/$pid/stat")
	[[ "$(tr '\0' ' ' <"/proc/$keeper/cmdline")" == *" monitor "* ]]
	kill -KILL "$keeper"
	wait_for 5 test ! -e "/proc/$keeper"
	status_is c running
	run -0 oci exec c true
	nothing_left
}
