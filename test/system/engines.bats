#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# podman (conmon), containerd and dockerd, each with its own client and unmodified, with cube-oci as their runtime. What the engines
# print is theirs; what is looked at is what the runtime under them has done. Where runc and crun do no better on this kernel
# (no CAP_SYS_RESOURCE: limits cannot be raised), the engines are configured not to ask for it.

bats_require_minimum_version 1.5.0

setup_file() {
	load engines.bash
	local name
	for name in podman conmon containerd ctr dockerd docker; do
		command -v "$name" >/dev/null || { export ENGINES_LACK="$name is not installed"; return 0; }
	done
	engines_begin
	containerd_begin
	dockerd_begin
	dock import "$ENGINES/image.tar" box >/dev/null
	dock save box -o "$ENGINES/box.tar"
	ct images import --snapshotter native "$ENGINES/box.tar" >/dev/null
	pod import "$ENGINES/image.tar" box >/dev/null 2>&1
}

teardown_file() {
	load engines.bash
	engines_end
}

setup() {
	load engines.bash
	[ -z "${ENGINES_LACK:-}" ] || skip "$ENGINES_LACK"
}

# A terminal for a client that wants one; its exit status.
on_terminal() { inside python3 "$BATS_TEST_DIRNAME/on_terminal.py" "$@"; }
FOREVER='trap "exit 3" TERM; echo started; while :; do sleep 0.1; done'
REF=docker.io/library/box:latest

@test "[W12] docker: run, exit statuses, what cannot be run" {
	run -0 dock_run --rm box echo hello
	[ "$output" = hello ]
	run -9 dock_run --rm box sh -c 'exit 9'
	run -127 dock_run --rm box nosuch
	[[ $output == *'exec: "nosuch": executable file not found in $PATH'* ]]
	run -126 dock_run --rm box /etc
	[[ $output == *"is a directory"* ]]
	run -137 dock_run --rm --memory 16m box sh -c 'x=x; while true; do x=$x$x; done'
	[ -z "$(dock ps -aq)" ]
}

@test "[W13] docker: a container's life: exec, top, stats, update, pause, logs, stop, restart, kill" {
	dock_run -d --name life --memory 64m --memory-swap 64m --cpus 0.5 --pids-limit 50 box sh -c "$FOREVER"
	run -0 dock exec life cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us
	[ "$(echo $output)" = "67108864 50 50000" ]
	dock update --memory 100m --memory-swap 200m --cpus 1 life
	run -0 dock exec life cat /sys/fs/cgroup/memory/memory.limit_in_bytes
	[ "$output" = 104857600 ]
	run -0 dock stats --no-stream --format '{{.MemUsage}} {{.PIDs}}' life
	[[ $output == *"/ 100MiB 2" ]]
	run -0 dock top life
	[[ $output == *"trap"* ]]
	dock pause life
	[[ $(dock ps --format '{{.Status}}') == *"(Paused)" ]]
	run -1 dock exec life true
	dock unpause life
	dock exec -d life sleep 77
	run -0 dock exec life ps
	[[ $output == *"sleep 77"* ]]
	dock restart -t 5 life
	[ "$(dock logs life | grep -c started)" = 2 ]
	dock stop -t 5 life
	[ "$(dock inspect -f '{{.State.ExitCode}} {{.State.Status}}' life)" = "3 exited" ]
	dock start life
	dock kill life
	[ "$(dock wait life)" = 137 ]
	dock rm life
}

@test "[W13] docker: exec as a user, in a folder, with variables, on a terminal" {
	dock_run -d --name ex box sleep 100
	run -0 dock exec -u nobody -w /tmp -e A=B ex sh -c 'id -u; pwd; echo $A'
	[ "$(echo $output)" = "65534 /tmp B" ]
	run -126 dock exec ex nosuch # as with runc
	run -7 dock exec ex sh -c 'exit 7'
	[ "$(echo text | dock exec -i ex cat)" = text ]
	run -5 on_terminal docker -H "unix://$ENGINES/docker/sock" exec -it ex sh -c 'tty; exit 5'
	[[ $output == */dev/pts/0* ]]
	run -6 on_terminal docker -H "unix://$ENGINES/docker/sock" run -it --rm --runtime cube --network none box sh -c 'tty; exit 6'
	[[ $output == */dev/pts/0* ]]
	dock rm -f ex
}

@test "[W12] docker: --init, --read-only, users, capabilities, devices, limits, sysctls, security options" {
	run -0 dock_run --rm --init box ps
	[[ $output == *"1 root "*docker-init* ]]
	run -1 dock_run --rm --read-only box touch /x
	[[ $output == *"Read-only file system"* ]]
	run -0 dock_run --rm --user 1000:1001 --group-add 7 box id
	[[ $output == "uid=1000 gid=1001 groups=7"* ]]
	run -0 dock_run --rm --cap-drop ALL --cap-add SYS_CHROOT box grep CapEff /proc/self/status
	[[ $output == *0000000000040000 ]]
	run -0 dock_run --rm --device /dev/null:/dev/other box sh -c 'echo x >/dev/other && ls -l /dev/other'
	[[ $output == *"1,   3"* ]]
	run -0 dock_run --rm --ulimit nofile=100:200 box sh -c 'ulimit -n; ulimit -Hn'
	[ "$(echo $output)" = "100 200" ]
	run -0 dock_run --rm --sysctl net.ipv4.ip_forward=1 --security-opt no-new-privileges box sh -c 'cat /proc/sys/net/ipv4/ip_forward; grep -E "NoNewPrivs|Seccomp:" /proc/self/status'
	[ "$(echo $output)" = "1 NoNewPrivs: 1 Seccomp: 2" ]
	run -0 dock_run --rm --security-opt seccomp=unconfined --cpuset-cpus 0 --oom-score-adj 500 box sh -c 'grep -E "Seccomp:|Cpus_allowed_list" /proc/self/status; cat /proc/self/oom_score_adj'
	[ "$(echo $output)" = "Seccomp: 0 Cpus_allowed_list: 0 500" ]
	run -0 dock_run --rm --tmpfs /t:size=1m --shm-size 2m -v "$ENGINES/out:/m:ro" box sh -c 'touch /m/x; df /t /dev/shm | grep -o "tmpfs *[0-9]*\|shm *[0-9]*"'
	[[ $output == *"/m/x: Read-only file system"* ]]
	[[ $(echo $output) == *"tmpfs 1024 shm 2048"* ]]
	run -0 dock_run --rm --pid host --ipc host --uts host --cgroupns host box sh -c 'hostname; grep -c /cube-test /proc/self/cgroup'
	[ "${lines[0]}" = "$(hostname)" ]
	[ "${lines[1]}" -gt 5 ]
}

@test "docker, containerd: --privileged lists all devices of the host, /dev/ptmx among them" {
	run -0 ct_run --rm --privileged $REF priv sh -c 'readlink /dev/ptmx; mount -t tmpfs x /tmp && echo mounted'
	[ "$(echo $output)" = "pts/ptmx mounted" ]
	# what docker asks for beyond that, this host may not have (CAP_SYS_RESOURCE among them)
	run dock_run --rm --privileged box sh -c 'readlink /dev/ptmx; mount -t tmpfs x /tmp && echo mounted'
	[ "$(echo $output)" = "pts/ptmx mounted" ] || [[ $output == *"capabilit"*"ermitted"* ]]
}

@test "containerd: run, exec, ps, metrics, pause, kill, delete; its events" {
	ct events >"$ENGINES/out/events" 3>&- &
	local events=$!
	run -0 ct_run --rm $REF one echo hello
	[ "$output" = hello ]
	ct_run -d --memory-limit 50000000 $REF two sh -c "$FOREVER" >/dev/null 2>&1
	[[ $(ct task ls) == *"two "*RUNNING* ]]
	[ "$(ct task ps two | wc -l)" -ge 2 ]
	run -4 ct task exec --exec-id e two sh -c 'grep -c cube-test /proc/self/cgroup; exit 4'
	[[ $(ct task metrics two) == *"memory.limit_in_bytes    49999872"* ]]
	ct task pause two
	[[ $(ct task ls) == *"two "*PAUSED* ]]
	ct task resume two
	[[ $(ct task ls) == *"two "*RUNNING* ]]
	ct task kill -s TERM two
	wait_for 5 sh -c "nsenter -t $ENGINES_PID -n -m ctr -a $ENGINES/containerd/sock -n test task ls | grep -q STOPPED"
	run ct task rm two
	[[ $output == *"exit code 3"* ]]
	ct container rm two
	run -1 ct_run --rm $REF three nosuch
	[[ $output == *'exec: "nosuch": executable file not found in $PATH'* ]]
	run -5 on_terminal ctr -a "$ENGINES/containerd/sock" -n test run -t --rm --snapshotter native --runc-binary "$CUBE_OCI" \
		--cgroup "$ENGINES_CGROUP/ctr" $REF four sh -c 'tty; exit 5'
	[[ $output == */dev/pts/0* ]]
	kill "$events"
	for event in create start exec-added exec-started paused resumed exit delete; do
		grep -q "/tasks/$event .*\"two\"" "$ENGINES/out/events"
	done
	[ -z "$(ct container ls -q)" ]
}

@test "[W02] podman: run, exit statuses, what cannot be run, limits" {
	run -0 pod_run --rm box echo hello
	[ "$output" = hello ]
	run -9 pod_run --rm box sh -c 'exit 9'
	run -127 pod_run --rm box nosuch
	[[ $output == *'executable file not found in $PATH'* ]]
	run -126 pod_run --rm box /etc
	run -1 pod_run --rm --read-only box touch /x
	[[ $output == *"Read-only file system"* ]]
	run -0 pod_run --rm --memory 64m --cpus 0.5 --pids-limit 33 box cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us
	[ "$(echo $output)" = "67108864 33 50000" ]
	run -0 pod_run --rm --uidmap 0:100000:1000 --gidmap 0:100000:1000 box sh -c 'cat /proc/self/uid_map; id -u'
	[ "$(echo $output)" = "0 100000 1000 0" ]
	run -0 pod_run --rm --cap-drop ALL --cap-add SYS_NICE --security-opt no-new-privileges --security-opt seccomp=unconfined \
		--sysctl net.ipv4.ip_forward=1 --device /dev/null:/dev/other --group-add 5 --user 0:8 box \
		sh -c 'grep -E "CapEff|NoNew|Seccomp:" /proc/self/status; cat /proc/sys/net/ipv4/ip_forward; id -G; test -c /dev/other && echo node'
	[ "$(echo $output)" = "CapEff: 0000000000800000 NoNewPrivs: 1 Seccomp: 0 1 8 5 node" ]
	run -0 pod_run --rm --privileged box sh -c 'mount -t tmpfs x /tmp && echo mounted'
	[ "$output" = mounted ]
	run -5 on_terminal env CONTAINERS_CONF="$ENGINES/podman/containers.conf" CONTAINERS_STORAGE_CONF="$ENGINES/podman/storage.conf" \
		HOME="$ENGINES/podman" podman --runtime "$CUBE_OCI" run -it --rm --network none --cgroup-parent "$ENGINES_CGROUP" box sh -c 'tty; exit 5'
	[[ $output == */dev/pts/0* ]]
	[ -z "$(pod ps -aq)" ]
}

@test "[W13] podman: a container's life through conmon: exec, health, top, stats, pause, kill, stop, start, rm, logs, attach" {
	pod_run -d --name life --health-cmd 'test -e /tmp/ok' --health-interval disable box sh -c "$FOREVER"
	[ "$(pod logs life)" = started ]
	run -1 pod healthcheck run life
	run -4 pod exec -u nobody -w /tmp -e A=B life sh -c 'id -u; pwd; echo $A; exit 4'
	[ "$(echo $output)" = "65534 /tmp B" ]
	pod exec life touch /tmp/ok
	run -0 pod healthcheck run life
	[[ $(pod ps --format '{{.Status}}') == *"(healthy)" ]]
	pod exec -d life sleep 77
	[[ $(pod top life) == *"sleep 77"* ]]
	run -0 pod stats --no-stream --format '{{.PIDs}}' life
	[ "$output" -ge 2 ]
	pod update --memory 100m life
	[ "$(pod exec life cat /sys/fs/cgroup/memory/memory.limit_in_bytes)" = 104857600 ]
	pod pause life
	[[ $(pod ps -a --filter name=life --format '{{.Status}}') == Paused* ]]
	pod unpause life
	pod exec life kill -STOP 1
	pod kill -s CONT life
	pod stop -t 5 life
	[ "$(pod inspect life --format '{{.State.ExitCode}} {{.State.Status}}')" = "3 exited" ]
	pod start life
	pod rm -f -t 0 life
	pod_run -d -i --name talk box cat
	echo text | timeout 10 nsenter --target "$ENGINES_PID" --net --mount -- env CONTAINERS_CONF="$ENGINES/podman/containers.conf" \
		CONTAINERS_STORAGE_CONF="$ENGINES/podman/storage.conf" HOME="$ENGINES/podman" podman --runtime "$CUBE_OCI" attach talk
	[ "$(pod logs talk)" = text ]
	pod rm -f -t 0 talk
}

@test "podman: a pod shares its namespaces and a cgroup" {
	pod pod create --name p --infra-image box --infra-command 'sleep 1000' --network none --cgroup-parent "$ENGINES_CGROUP" --share ipc,net,uts
	pod run -d --pod p --name member box sleep 1000
	local net
	net=$(pod exec member readlink /proc/self/ns/net)
	run -0 pod run --rm --pod p box sh -c 'readlink /proc/self/ns/net; cat /proc/self/cgroup'
	[ "${lines[0]}" = "$net" ]
	[[ $output == *"$ENGINES_CGROUP/"*"/libpod-"* ]]
	pod pod pause p
	[ "$(pod pod ps --format '{{.Status}}')" = Paused ]
	pod pod unpause p
	pod pod stop -t 0 p
	pod pod rm -f p
	[ -z "$(pod ps -aq)" ]
}

# conmon_run NAME ARGS...: as engines call it; what the runtime is to log goes to its own file
conmon_run() {
	local name=$1
	shift
	mkdir -p "$BATS_TEST_TMPDIR/exits"
	inside conmon --api-version 1 -c "$name" -u "$name" -n "$name" -r "$CUBE_OCI" -b "$BATS_TEST_TMPDIR/bundle" -p "$BATS_TEST_TMPDIR/$name.pid" \
		-P "$BATS_TEST_TMPDIR/$name.conmon" -l "k8s-file:$BATS_TEST_TMPDIR/$name.log" --exit-dir "$BATS_TEST_TMPDIR/exits" \
		--socket-dir-path "$BATS_TEST_TMPDIR" --runtime-arg "--root=$BATS_TEST_TMPDIR/state" --runtime-arg "--log=$BATS_TEST_TMPDIR/oci.log" \
		--runtime-arg --log-format=json --exit-command /bin/sh --exit-command-arg -c \
		--exit-command-arg "$CUBE_OCI --root $BATS_TEST_TMPDIR/state delete --force $name >$BATS_TEST_TMPDIR/$name.delete 2>&1; touch $BATS_TEST_TMPDIR/$name.over" "$@" </dev/null 3>&-
}

conmon_bundle() { # PYTHON
	mkdir -p "$BATS_TEST_TMPDIR/bundle"
	ln -sfn "$ENGINES/image" "$BATS_TEST_TMPDIR/bundle/rootfs"
	rm -f "$BATS_TEST_TMPDIR/bundle/config.json"
	"$CUBE_OCI" spec -b "$BATS_TEST_TMPDIR/bundle"
	python3 - "$BATS_TEST_TMPDIR/bundle/config.json" "$ENGINES_CGROUP/conmon" "$1" <<-'PY'
	import json, sys
	c = json.load(open(sys.argv[1]))
	c["linux"]["cgroupsPath"] = sys.argv[2]
	c["process"]["terminal"] = False
	exec(sys.argv[3])
	json.dump(c, open(sys.argv[1], "w"))
	PY
}

@test "conmon: create and start under it, log, exit file, exit command, with and without a terminal" {
	local state=$BATS_TEST_TMPDIR/state
	for terminal in False True; do
		conmon_bundle "c['process']['args'] = ['sh', '-c', 'echo out; exit 12']; c['process']['terminal'] = $terminal"
		conmon_run "c$terminal" $([ $terminal = False ] || echo -t)
		wait_for 5 test -s "$BATS_TEST_TMPDIR/c$terminal.pid"
		[ "$("$CUBE_OCI" --root "$state" state "c$terminal" | jq -r .status)" = created ]
		"$CUBE_OCI" --root "$state" start "c$terminal"
		wait_for 5 test -e "$BATS_TEST_TMPDIR/c$terminal.over"
		[ "$(cat "$BATS_TEST_TMPDIR/exits/c$terminal")" = 12 ]
		grep -q ' stdout F out' "$BATS_TEST_TMPDIR/c$terminal.log"
		[ ! -s "$BATS_TEST_TMPDIR/c$terminal.delete" ] || { cat "$BATS_TEST_TMPDIR/c$terminal.delete"; return 1; }
		[ ! -e "$state/c$terminal" ]
	done
	# what the runtime says goes where its caller reads it
	conmon_bundle "c['process']['args'] = ['nosuch']"
	conmon_run bad 2>/dev/null || true
	wait_for 5 grep -q '"msg":"exec: \\"nosuch\\": executable file not found in $PATH"' "$BATS_TEST_TMPDIR/oci.log"
	[ ! -e "$state/bad" ]
}
