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
	wait_until 3 nothing_runs || { echo "process left"; return 1; }
}

created() { (cd "$RT/bundle" && oci create c </dev/null >/dev/null 2>&1 3>&-); }
running() { created && oci start c 3>&-; }
paused() { running && oci pause c; }
stopped() { running && oci kill c KILL && wait_until 3 status_is c stopped; }

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
