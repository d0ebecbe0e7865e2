#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# cube-oci on this kernel: isolation, life of a container, the monitor, and what hostile images and bundles try.

bats_require_minimum_version 1.5.0

setup() {
	load runtime.bash
	rt_begin
}

teardown() {
	rt_end
}

@test "[W01] a container sees only its root file system" {
	bundle ls /
	cfg 'c["root"]["readonly"] = False'
	echo secret >"$RT/outside"
	run run_container
	[ "$status" -eq 0 ]
	[ "$(echo $output)" = "bin dev proc sys tmp" ]
	bundle cat "$RT/outside"
	run run_container
	[ "$status" -ne 0 ]
}

@test "[W01] a read-only root refuses writes" {
	bundle touch /tmp/x
	run run_container
	[ "$status" -ne 0 ]
	[[ "$output" == *"Read-only file system"* ]]
}

@test "[W02] the first process is 1 and only the container's processes are seen" {
	bundle sh -c 'echo $$; ps | wc -l; (sleep 0.01 &); sleep 0.1; ps | grep -c Z'
	run run_container
	[ "${lines[0]}" = 1 ]
	[ "${lines[1]}" -le 4 ]
}

@test "[W03] mounts inside stay inside, mounts outside stay outside" {
	bundle sh -c 'mount -t tmpfs x /tmp && touch /tmp/inside && echo mounted; sleep 30'
	cfg 'c["process"]["capabilities"] = {k: ["CAP_SYS_ADMIN"] for k in ("bounding", "effective", "permitted")}'
	(cd "$RT/bundle" && oci run -d c >"$RT/out" 2>&1 3>&-)
	wait_for 5 grep -q mounted "$RT/out"
	[ ! -e "$RT/bundle/rootfs/tmp/inside" ]
	! grep -q "$RT" /proc/self/mountinfo
	run oci exec c ls /tmp
	[ "$output" = inside ]
}

@test "[W03] a bind mount with rshared carries mounts out, one with rslave carries them in" {
	mkdir -p "$RT/shared"
	bundle sh -c 'mount -t tmpfs x /shared/made && touch /shared/made/file && echo done; sleep 30'
	mkdir -p "$RT/shared/made" "$RT/shared/later"
	cfg "c['linux']['rootfsPropagation'] = 'rshared'; c['process']['capabilities'] = {k: ['CAP_SYS_ADMIN'] for k in ('bounding', 'effective', 'permitted')}; c['mounts'] += [{'destination': d, 'type': 'bind', 'source': '$RT/shared', 'options': ['rbind', p]} for d, p in (('/shared', 'rshared'), ('/slave', 'rslave'))]"
	unshare -m --propagation private sh -c "
		mount --bind '$RT/shared' '$RT/shared' && mount --make-shared '$RT/shared' && cd '$RT/bundle' &&
		'$CUBE_OCI' --root '$RT/state' run -d c >'$RT/out' 2>&1 3>&- &&
		i=0; while ! grep -q done '$RT/out' && [ \$i -lt 100 ]; do sleep 0.02; i=\$((i + 1)); done
		ls '$RT/shared/made'; mount -t tmpfs x '$RT/shared/later' && touch '$RT/shared/later/in'
		'$CUBE_OCI' --root '$RT/state' exec c ls /slave/later
		grep -c '$RT/bundle' /proc/self/mountinfo
		'$CUBE_OCI' --root '$RT/state' delete -f c" >"$RT/result" || true
	cat "$RT/result" "$RT/out"
	[ "$(tr '\n' ' ' <"$RT/result")" = "file in 0 " ]
}

@test "[W04] the host name set inside stays inside" {
	before=$(hostname)
	bundle sh -c 'hostname; hostname changed && hostname'
	cfg 'c["hostname"] = "given"; c["process"]["capabilities"] = {k: ["CAP_SYS_ADMIN"] for k in ("bounding", "effective", "permitted")}'
	run run_container
	[ "$output" = "given
changed" ]
	[ "$(hostname)" = "$before" ]
}

@test "[W05] System V memory made inside is not listed outside" {
	before=$(wc -l </proc/sysvipc/shm)
	bundle sh -c '/usr/bin/ipcmk -M 100 >/dev/null && wc -l </proc/sysvipc/shm'
	cfg '[c["mounts"].append({"destination": d, "type": "bind", "source": d, "options": ["rbind", "ro"]}) for d in ("/usr", "/lib", "/lib64")]'
	run run_container
	[ "$output" = 2 ]
	[ "$(wc -l </proc/sysvipc/shm)" = "$before" ]
}

@test "[W06] root of a user namespace is nobody outside" {
	bundle sh -c 'id -u; cat /proc/self/uid_map; echo up; sleep 30'
	chown -R 100000:100000 "$RT/bundle"
	cfg 'c["linux"]["namespaces"].append({"type": "user"}); c["linux"]["uidMappings"] = c["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]'
	(cd "$RT/bundle" && oci run -d c >"$RT/out" 2>&1 3>&-)
	wait_for 5 grep -q up "$RT/out"
	[ "$(head -n 1 "$RT/out")" = 0 ]
	pid=$(oci state c | python3 -c 'import json,sys; print(json.load(sys.stdin)["pid"])')
	[ "$(stat -c %u "/proc/$pid")" = 100000 ]
	run oci exec c id -u
	[ "$output" = 0 ]
}

@test "[W06] a user without privileges runs a container" {
	cp "$CUBE_OCI" "$RT/cube-oci"
	mkdir "$RT/bundle/run"
	rm -f "$RT/bundle/config.json"
	chown -R 65534:65534 "$RT/bundle"
	run setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all sh -c "
		cd '$RT/bundle' && ../cube-oci spec --rootless &&
		sed -i 's/\"terminal\": true/\"terminal\": false/; s/\"sh\"/\"id\"/' config.json &&
		XDG_RUNTIME_DIR='$RT/bundle/run' ../cube-oci run c"
	[ "$status" -eq 0 ]
	[[ "$output" == "uid=0"* ]]
}

@test "[W07] its own network with the loopback up; a veth joins two containers" {
	bundle sh -c 'ip link | grep -c ^[0-9]; ping -c 1 -W 1 127.0.0.1 >/dev/null && echo lo; sleep 30'
	cfg 'c["process"]["capabilities"] = {k: ["CAP_NET_RAW", "CAP_NET_ADMIN"] for k in ("bounding", "effective", "permitted")}'
	(cd "$RT/bundle" && oci run -d c >"$RT/out" 2>&1 3>&-)
	cfg 'c["linux"]["cgroupsPath"] += "2"'
	(cd "$RT/bundle" && oci run -d d >"$RT/out2" 2>&1 3>&-)
	wait_for 5 grep -q lo "$RT/out"
	[ "$(head -n 1 "$RT/out")" = 1 ]
	pids=()
	for id in c d; do pids+=("$(oci state $id | python3 -c 'import json,sys; print(json.load(sys.stdin)["pid"])')"); done
	nsenter -t "${pids[0]}" -n ip link add va type veth peer name vb netns "${pids[1]}"
	nsenter -t "${pids[0]}" -n sh -c 'ip addr add 10.9.0.1/24 dev va && ip link set va up'
	nsenter -t "${pids[1]}" -n sh -c 'ip addr add 10.9.0.2/24 dev vb && ip link set vb up'
	oci exec c ping -c 1 -W 2 10.9.0.2
	oci exec d ping -c 1 -W 2 10.9.0.1
}

@test "[W08] a memory limit ends in 137, recorded as OOM" {
	bundle sh -c 'yes | head -c 100000000 | sh -c "x=\$(cat); echo \$x" >/dev/null; exec dd if=/dev/zero of=/dev/null bs=100M count=1'
	cfg 'c["linux"]["resources"]["memory"] = {"limit": 16 << 20}'
	python3 -c 'import json,sys; c=json.load(open(sys.argv[1]+"/bundle/config.json")); c["root"]["path"]=sys.argv[1]+"/bundle/rootfs"; json.dump({"version":1,"id":"c","stateDir":sys.argv[1]+"/state/c","config":c}, open(sys.argv[1]+"/job","w"))' "$RT"
	monitor start "$RT/job"
	wait_for 20 test -e "$RT/state/c/exit.json"
	grep -q '"exitCode":137' "$RT/state/c/exit.json"
	grep -q '"oomKilled":true' "$RT/state/c/exit.json"
}

@test "[W08] a pids limit stops a fork bomb" {
	bundle sh -c 'for i in $(seq 50); do sleep 5 & done'
	cfg 'c["linux"]["resources"]["pids"] = {"limit": 10}'
	run run_container
	[ "$status" -ne 0 ]
	[[ "$output" == *"an't fork"* ]]
}

@test "[W08] cpu shares of 70 to 30 hold on one processor within 5 points" {
	bundle sh -c 'while :; do :; done'
	for id in a b; do
		[ $id = a ] && shares=7168 || shares=3072
		cfg "c['linux']['cgroupsPath'] = '$CG/$id'; c['linux']['resources']['cpu'] = {'shares': $shares, 'cpus': '0', 'mems': '0'}"
		(cd "$RT/bundle" && oci run -d $id >/dev/null 2>&1 3>&-)
	done
	usage() { oci events --stats "$1" | python3 -c 'import json,sys; print(json.load(sys.stdin)["data"]["cpu"]["usage"]["total"])'; }
	a0=$(usage a) b0=$(usage b)
	sleep 3
	a=$(($(usage a) - a0)) b=$(($(usage b) - b0))
	percent=$((100 * a / (a + b)))
	echo "first has $percent%"
	[ "$percent" -ge 65 ] && [ "$percent" -le 75 ]
}

@test "[W10] an overlay's lower layers never change, its upper has what did" {
	mkdir -p "$RT/upper" "$RT/work" "$RT/top"
	echo old >"$RT/bundle/rootfs/tmp/changed"; echo gone >"$RT/bundle/rootfs/tmp/deleted"
	echo top >"$RT/top/from-top"
	bundle sh -c 'cat /from-top; echo new >/tmp/changed; rm /tmp/deleted; touch /tmp/added'
	python3 -c 'import json,sys; r=sys.argv[1]; c=json.load(open(r+"/bundle/config.json")); c["root"]={"path":"","readonly":False}; json.dump({"version":1,"id":"c","stateDir":r+"/state/c","config":c,"seccomp":"default","overlay":{"lower":[r+"/top",r+"/bundle/rootfs"],"upper":r+"/upper","work":r+"/work"},"log":{"path":r+"/log","format":"cri"}}, open(r+"/job","w"))' "$RT"
	monitor start "$RT/job"
	wait_for 10 test -e "$RT/state/c/exit.json"
	grep -q '"exitCode":0' "$RT/state/c/exit.json"
	grep -q 'stdout F top$' "$RT/log"
	[ "$(cat "$RT/bundle/rootfs/tmp/changed")" = old ]
	[ -e "$RT/bundle/rootfs/tmp/deleted" ]
	[ "$(cat "$RT/upper/tmp/changed")" = new ]
	[ -c "$RT/upper/tmp/deleted" ]
	[ -e "$RT/upper/tmp/added" ]
}

@test "create, state, start, kill, delete" {
	bundle sleep 30
	(cd "$RT/bundle" && oci create --pid-file "$RT/pid" c >/dev/null 2>&1 3>&-)
	status_is c created
	kill -0 "$(cat "$RT/pid")"
	run oci delete nosuch
	[ "$status" -eq 1 ]
	[[ "$output" == *'container "nosuch" does not exist'* ]]
	(cd "$RT/bundle" && run oci create c; [ "$status" -eq 1 ]; [[ "$output" == *already\ exists* ]])
	oci start c
	status_is c running
	run oci start c
	[ "$status" -eq 1 ]
	run oci delete c
	[ "$status" -eq 1 ]
	[[ "$output" == *"not stopped"* ]]
	oci kill c KILL
	wait_for 5 status_is c stopped
	oci delete c
	run oci state c
	[ "$status" -eq 1 ]
}

@test "run passes the exit status on; signals become 128+n" {
	bundle sh -c 'exit 7'
	run run_container
	[ "$status" -eq 7 ]
	bundle sh -c 'kill -9 $$; sleep 1'
	cfg 'c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "pid"]'
	run run_container
	[ "$status" -eq 137 ]
}

@test "exec: status, user, environment, missing and unusable programs" {
	bundle sleep 30
	(cd "$RT/bundle" && oci run -d c >/dev/null 2>&1 3>&-)
	run oci exec c sh -c 'exit 9'
	[ "$status" -eq 9 ]
	run oci exec -u 5:6 -e X=y c sh -c 'id -u; id -g; echo $X'
	[ "$(echo $output)" = "5 6 y" ]
	run -255 oci exec c nosuch
	[[ "$output" == *'executable file not found in $PATH'* ]]
	run oci exec c /tmp
	[ "$status" -eq 255 ]
	printf '{"args":["cat","/proc/self/comm"],"cwd":"/","env":["PATH=/bin"]}' >"$RT/process"
	run oci exec --process "$RT/process" c
	[ "$output" = cat ]
	run oci exec -t c tty
	[[ "$output" == /dev/pts/0* ]]
}

@test "exec runs on the CPUs asked for; memory comes from the nodes asked for" {
	bundle sh -c 'grep -c "^[0-9a-f]* bind:0 " /proc/self/numa_maps; sleep 30'
	cfg 'c["linux"]["memoryPolicy"] = {"mode": "MPOL_BIND", "nodes": "0"}; c["process"]["execCPUAffinity"] = {"initial": "0", "final": "0"}'
	(cd "$RT/bundle" && oci run -d c >"$RT/out" 2>&1 3>&-)
	wait_for 5 test -s "$RT/out"
	[ "$(cat "$RT/out")" -gt 3 ]
	run oci exec c awk '/^Cpus_allowed_list/ { print $2 }' /proc/self/status /proc/1/status
	[ "${lines[0]}" = 0 ]
	[ "${lines[1]}" = "$(awk '/^Cpus_allowed_list/ { print $2 }' /proc/self/status)" ]
	process() { printf '{"args":["awk","/^Cpus_allowed_list/{print$2}","/proc/self/status"],"cwd":"/","env":["PATH=/bin"],"execCPUAffinity":%s}' "$1" >"$RT/process"; }
	process '{"initial":"0"}'
	[ "$(oci exec -p "$RT/process" c)" = "${lines[1]}" ]
	process '{"initial":"0","final":"9999"}'
	run oci exec -p "$RT/process" c
	[ "$status" -ne 0 ]
	[[ "$output" == *"process.execCPUAffinity.final"* ]]
}

@test "pause stops it, resume lets it go on, exec into a paused one is refused" {
	bundle sh -c 'while :; do echo x; sleep 0.01; done'
	(cd "$RT/bundle" && oci run -d c >"$RT/out" 2>&1 3>&-)
	wait_for 5 test -s "$RT/out"
	oci pause c
	status_is c paused
	size=$(stat -c %s "$RT/out")
	sleep 0.2
	[ "$(stat -c %s "$RT/out")" = "$size" ]
	run oci exec c true
	[ "$status" -ne 0 ]
	[[ "$output" == *paused* ]]
	oci resume c
	status_is c running
	wait_for 5 sh -c "[ \$(stat -c %s '$RT/out') -gt $size ]"
	oci pause c
	oci delete --force c
}

@test "update changes limits of a running container" {
	[ -d /sys/fs/cgroup/memory ] || skip "v1 files"
	bundle sleep 30
	cfg 'c["linux"]["resources"]["memory"] = {"limit": 32 << 20}'
	(cd "$RT/bundle" && oci run -d c >/dev/null 2>&1 3>&-)
	oci update --memory 64m --pids-limit 20 c
	[ "$(cat "/sys/fs/cgroup/memory$CG/c/memory.limit_in_bytes")" = $((64 << 20)) ]
	[ "$(cat "/sys/fs/cgroup/pids$CG/c/pids.max")" = 20 ]
	echo '{"memory":{"limit":50331648}}' | oci update -r - c
	[ "$(cat "/sys/fs/cgroup/memory$CG/c/memory.limit_in_bytes")" = 50331648 ]
}

@test "hooks run in order with the state on stdin" {
	bundle true
	cat >"$RT/hook" <<-EOF
	#!/bin/sh
	echo "\$1 \$(cat | grep -c '"id":"c"')" >>"$RT/order"
	EOF
	chmod +x "$RT/hook"
	cfg "c['hooks'] = {n: [{'path': '$RT/hook', 'args': ['hook', n]}] for n in ('prestart', 'createRuntime', 'createContainer', 'poststart', 'poststop')}"
	run run_container
	[ "$status" -eq 0 ]
	[ "$(cat "$RT/order" | tr '\n' ,)" = "prestart 1,createRuntime 1,createContainer 1,poststart 1,poststop 1," ]
	cfg "c['hooks'] = {'createRuntime': [{'path': '/bin/sleep', 'args': ['sleep', '9'], 'timeout': 1}]}"
	run run_container
	[ "$status" -eq 1 ]
	[[ "$output" == *"took longer"* ]]
}

@test "each bad field is named in one line and nothing is left behind" {
	while IFS='|' read -r change field; do
		bundle true
		cfg "$change"
		run run_container
		echo "$change: $status $output"
		[ "$status" -eq 1 ]
		[ "${#lines[@]}" -eq 1 ]
		[[ "$output" == *"$field"* ]]
		[ -z "$(ls -A "$RT/state")" ]
		[ -z "$(find /sys/fs/cgroup -path "*$CG/c" -print -quit)" ]
	done <<-'END'
	c["ociVersion"] = 1|ociVersion
	c["ociVersion"] = "2.0"|ociVersion
	c["process"]["cwd"] = "relative"|process.cwd
	c["process"]["args"] = []|process.args
	c["process"]["user"]["uid"] = -1|process.user.uid
	c["process"]["rlimits"][0]["type"] = "RLIMIT_X"|process.rlimits[0].type
	c["root"]["path"] = "/nosuch"|root.path
	c["mounts"][0]["type"] = "nosuchfs"|mounts[0]
	c["mounts"][1]["options"] = "x"|mounts[1].options
	c["linux"]["namespaces"][0]["type"] = "moon"|linux.namespaces[0].type
	c["linux"]["namespaces"].append({"type": "pid"})|].type: "pid" is given twice
	c["linux"]["resources"]["memory"] = {"limit": "x"}|linux.resources.memory.limit
	c["linux"]["resources"]["cpu"] = {"cpus": "999"}|linux.resources.cpu.cpus
	c["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_X"}|linux.seccomp.defaultAction
	c["linux"]["sysctl"] = {"kernel.panic": "1"}|linux.sysctl
	c["linux"]["intelRdt"] = {}|linux.intelRdt
	c["linux"]["netDevices"] = {"nosuch0": {}}|linux.netDevices.nosuch0
	c["linux"]["netDevices"] = {"a/b": {}}|linux.netDevices
	c["linux"]["netDevices"] = {"eth0": {"name": "sixteen-bytes-xx"}}|linux.netDevices.eth0.name
	c["linux"]["netDevices"] = {"a": {"name": "c"}, "b": {"name": "c"}}|linux.netDevices.b.name
	c["linux"]["netDevices"] = {"x%d" % i: {} for i in range(65)}|linux.netDevices
	c["linux"]["netDevices"] = {"eth0": 1}|linux.netDevices.eth0
	c["linux"]["netDevices"] = {"eth0": {}}; c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "network"]|linux.netDevices
	c["linux"]["mountLabel"] = "system_u:object_r:x_t:s0"|linux.mountLabel
	c["linux"]["memoryPolicy"] = {"mode": "MPOL_X"}|linux.memoryPolicy.mode
	c["linux"]["memoryPolicy"] = {"mode": "MPOL_BIND", "nodes": "900"}|linux.memoryPolicy
	c["linux"]["personality"] = {"domain": "LINUX", "flags": ["X"]}|linux.personality.flags
	c["process"]["ioPriority"] = {"class": "IOPRIO_CLASS_BE", "priority": -1}|process.ioPriority.priority
	c["process"]["scheduler"] = {"policy": "SCHED_OTHER", "flags": ["X"]}|process.scheduler.flags[0]
	c["mounts"][1]["uidMappings"] = c["mounts"][1]["gidMappings"] = [{"containerID": 0, "hostID": 1, "size": 1}]|mounts[1]
	c["mounts"][2]["options"] = ["tmpcopyup"]|mounts[2]
	c["linux"]["namespaces"].append({"type": "time", "path": "/proc/self/ns/time"}); c["linux"]["timeOffsets"] = {"boottime": {"secs": 1}}|linux.timeOffsets
	c["linux"]["resources"]["hugepageLimits"] = [{"pageSize": "2MB", "limit": 1}] * 65|linux.resources.hugepageLimits
	c["linux"]["devices"] = [{"path": "dev/x", "type": "c"}]|linux.devices
	c["hooks"] = {"prestart": [{"path": "relative"}]}|hooks
	END
}

@test "a wrong type in any field is named in one line and nothing is left behind" {
	bundle true
	run python3 "$HERE/bad_config.py" "$CUBE_OCI" "$RT" "$CG"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *" fields, 0 wrong" ]]
}

@test "a value that cannot be in any field is named in one line and nothing is left behind" {
	bundle true
	run python3 "$HERE/impossible_config.py" "$CUBE_OCI" "$RT" "$CG"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *" values, 0 wrong" ]]
}

@test "security: /proc/self/exe of the joining process is not the runtime's file" {
	bundle /proc/self/exe --version
	run run_container
	[ "$status" -ne 0 ]
	[[ "$output" != *"spec: 1."* ]]
	bundle sleep 30
	printf '#!/proc/self/exe\n' >"$RT/bundle/rootfs/bin/trap"
	chmod +x "$RT/bundle/rootfs/bin/trap"
	(cd "$RT/bundle" && oci run -d c >/dev/null 2>&1 3>&-)
	run oci exec c /bin/trap --version
	[ "$status" -ne 0 ]
	[[ "$output" != *"spec: 1."* ]]
}

@test "security: no descriptor of the host reaches the program" {
	bundle ls -l /proc/self/fd
	exec 9<"$RT"
	run run_container
	exec 9<&-
	[ "$status" -eq 0 ]
	[[ "$output" != *"$RT"* ]]
	[[ "$output" != *"/sys/fs/cgroup"* ]]
	bundle true
	cfg 'c["process"]["cwd"] = "/proc/self/fd/7"'
	run run_container
	[ "$status" -eq 1 ]
}

@test "security: links in the image do not lead mounts out of it" {
	rm -rf "$RT/bundle/rootfs/proc"
	ln -s /tmp "$RT/bundle/rootfs/proc"
	bundle true
	run run_container
	[ "$status" -eq 1 ]
	[[ "$output" == *"ordinary directory"* ]]
	rm "$RT/bundle/rootfs/proc"
	mkdir "$RT/target"
	ln -s "../../../../../../../../$RT/target" "$RT/bundle/rootfs/escape"
	bundle sh -c 'echo x >/escape/inside/file'
	cfg 'c["mounts"].append({"destination": "/escape/inside", "type": "tmpfs", "source": "x"})'
	run run_container
	[ -z "$(ls -A "$RT/target")" ]
}

@test "security: masked files read as empty even if the image brings its own /dev/null" {
	bundle sh -c 'wc -c </proc/timer_list'
	run run_container
	[ "$output" = 0 ]
	mkdir -p "$RT/bundle/rootfs/dev"
	ln -s /proc/sysrq-trigger "$RT/bundle/rootfs/dev/null"
	cfg 'c["mounts"] = [m for m in c["mounts"] if not m["destination"].startswith("/dev")]; c["root"]["readonly"] = False'
	run run_container
	[ "$output" = 0 ]
	rm -rf "$RT/bundle/rootfs/dev"
}

@test "a runtime killed at any moment leaves nothing that delete --force does not clear up" {
	bundle sleep 30
	for delay in $(seq 0.0003 0.0001 0.0060); do
		(cd "$RT/bundle" && timeout -s KILL "$delay" "$CUBE_OCI" --root "$RT/state" create c >/dev/null 2>&1 3>&-) || true
		oci delete --force c
		[ ! -e "$RT/state/c" ]
		[ -z "$(find /sys/fs/cgroup -path "*$CG/c" -print -quit)" ]
	done
}

job() { # job 'PYTHON' changes the job j
	python3 - "$RT" "$1" <<-'PY'
	import json, sys
	r = sys.argv[1]
	c = json.load(open(r + "/bundle/config.json"))
	c["root"]["path"] = r + "/bundle/rootfs"
	j = {"version": 1, "id": "c", "stateDir": r + "/state/c", "config": c, "seccomp": "default",
	     "log": {"path": r + "/log", "format": "cri"}}
	exec(sys.argv[2])
	json.dump(j, open(r + "/job", "w"))
	PY
}

@test "monitor: streams to log and clients, stdin, exit record" {
	bundle sh -c 'cat; echo err >&2; printf end; exit 3'
	job 'j["stdin"] = j["stdinOnce"] = True'
	monitor start "$RT/job"
	run monitor attach "$RT/state/c" "hello
"
	[[ "$output" == *"1:hello"* ]]
	[[ "$output" == *"2:err"* ]]
	[[ "$output" == *'exited:{"exitCode":3,"signal":0,"oomKilled":false'* ]]
	grep -q 'stdout F hello$' "$RT/log"
	grep -q 'stderr F err$' "$RT/log"
	grep -q 'stdout P end$' "$RT/log"
	[ ! -e "$RT/state/c/monitor.sock" ]
}

@test "monitor: created first, started by command, killed by command" {
	bundle sh -c 'echo up; sleep 30'
	job 'j["start"] = False'
	monitor start "$RT/job"
	status_is c created
	[[ "$(monitor send "$RT/state/c" state)" == *'"status":"created"'* ]]
	monitor send "$RT/state/c" start
	wait_for 5 grep -q up "$RT/log"
	[[ "$(monitor send "$RT/state/c" state)" == *'"status":"running"'* ]]
	run monitor send "$RT/state/c" start
	[[ "$output" == error:* ]]
	monitor send "$RT/state/c" kill 9 1
	wait_for 5 test -e "$RT/state/c/exit.json"
}

@test "monitor: a failure is one answer and leaves nothing" {
	bundle nosuch
	job ''
	run monitor start "$RT/job"
	[ "$status" -eq 1 ]
	[[ "$output" == *'executable file not found in $PATH'* ]]
	[ -z "$(ls -A "$RT/state")" ] || [ -z "$(ls -A "$RT/state" | grep -v '^\.')" ]
}

@test "monitor: json-file log, rotation, reopening" {
	bundle sh -c 'for i in $(seq 200); do echo "line $i"; done; sleep 30'
	job 'j["log"].update(format="json-file", maxSizeBytes=4000, maxFiles=2)'
	monitor start "$RT/job"
	wait_for 5 grep -q '"log":"line 200\\n","stream":"stdout","time":"' "$RT/log"
	[ ! -e "$RT/log.2" ]
	mv "$RT/log" "$RT/moved"
	monitor send "$RT/state/c" reopen
	[ -e "$RT/log" ]
}

@test "monitor: a pod sandbox shares its namespaces and needs no image" {
	bundle sh -c 'hostname; readlink /proc/self/ns/net'
	job 'j["sandbox"] = True; j.pop("log"); j["id"] = "pod"; j["stateDir"] = r + "/state/pod"; j["config"] = {"ociVersion": "1.2.0", "hostname": "podname", "linux": {"cgroupsPath": c["linux"]["cgroupsPath"] + "-pod", "namespaces": [{"type": t} for t in ("pid", "network", "ipc", "uts", "mount")]}}'
	pid=$(monitor start "$RT/job" | python3 -c 'import json,sys; print(json.load(sys.stdin)["pid"])')
	[ "$(cat "/proc/$pid/comm")" = pause ]
	[ "$(grep CapEff "/proc/$pid/status" | cut -f2)" = 0000000000000000 ]
	cfg "c['linux']['namespaces'] = [{'type': 'mount'}, {'type': 'pid'}, {'type': 'network', 'path': '/proc/$pid/ns/net'}, {'type': 'uts', 'path': '/proc/$pid/ns/uts'}]; c['hostname'] = ''"
	run run_container
	[ "${lines[0]}" = podname ]
	[ "${lines[1]}" = "$(readlink "/proc/$pid/ns/net")" ]
	monitor send "$RT/state/pod" kill 15 0
	wait_for 5 test -e "$RT/state/pod/exit.json"
	grep -q '"exitCode":0' "$RT/state/pod/exit.json"
}

@test "monitor: nobody connected: running out of memory is recorded; orphans without a pid namespace are reaped" {
	bundle sh -c 'exec tail -c 190000000 /dev/zero'
	cfg 'c["linux"]["resources"]["memory"] = {"limit": 16 << 20, "swap": 16 << 20}'
	job ''
	monitor start "$RT/job"
	wait_for 10 test -e "$RT/state/c/exit.json"
	grep -q '"exitCode":137,"signal":9,"oomKilled":true' "$RT/state/c/exit.json"
	oci delete --force c
	rm -f "$RT/log"
	bundle sh -c '(sleep 0.2 & echo $!) & sleep 30'
	cfg 'c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "pid"]'
	job ''
	monitor start "$RT/job"
	wait_for 5 grep -q 'stdout F' "$RT/log"
	orphan=$(sed -n 's/.*stdout F //p' "$RT/log")
	[ "$orphan" -gt 1 ]
	wait_for 5 test ! -e "/proc/$orphan" # not even as a zombie
	status_is c running
}

@test "monitor: uses little memory" {
	bundle sleep 30
	# of several, so that what all of them share counts as shared, whichever pages of the file one touched
	for peer in d e f; do
		job 'j["id"] = "'$peer'"; j["stateDir"] += "/../'$peer'"; c["linux"]["cgroupsPath"] += "-'$peer'"'
		monitor start "$RT/job"
	done
	job ''
	monitor start "$RT/job"
	pid=$(cut -d' ' -f4 "/proc/$(oci state c | python3 -c 'import json,sys; print(json.load(sys.stdin)["pid"])')/stat")
	private=$(awk '/^Private_Dirty/ { print $2 }' "/proc/$pid/smaps_rollup") # clean ones are the program's file, which it alone has read
	grep -E '^(Rss|Private|Shared)' "/proc/$pid/smaps_rollup"
	nm -D "$CUBE_OCI" | grep -q __asan_ && skip "built with sanitizers"
	[ "$private" -le 150 ]
}

@test "exec by job: stdio passed in, terminal handed back, exit status, answers" {
	bundle sleep 30
	job ''
	monitor start "$RT/job"
	process() {
		python3 - "$RT" "$@" <<-'PY'
		import json, sys
		r = sys.argv[1]
		p = {"args": sys.argv[3:], "cwd": "/", "env": ["PATH=/bin"], "terminal": sys.argv[2] == "tty",
		     "consoleSize": {"height": 12, "width": 34}, "user": {"uid": 5, "gid": 5}}
		json.dump({"version": 1, "id": "c", "stateDir": r + "/state/c", "process": p}, open(r + "/exec", "w"))
		PY
	}
	process no sh -c 'cat; id -u; exit 9'
	run --separate-stderr sh -c "echo in | python3 '$HERE/monitor_client.py' exec '$RT/exec'"
	[ "$status" -eq 9 ]
	[ "$(echo $output)" = "in 5" ]
	[[ "$stderr" == *'"pid":'*'"startedNs":'* ]]
	process no sh -c 'kill -9 $$'
	run monitor exec "$RT/exec"
	[ "$status" -eq 137 ]
	process no nosuch
	run -127 monitor exec "$RT/exec"
	[[ "$output" == *'"error":"exec: '*'executable file not found in $PATH","exitCode":127'* ]]
	process tty sh -c 'stty size; tty'
	run --separate-stderr monitor exec "$RT/exec" terminal
	[ "$status" -eq 0 ]
	[[ "$output" == *"12 34"*"/dev/pts/0"* ]]
}
