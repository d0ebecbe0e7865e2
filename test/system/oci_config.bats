# SPDX-License-Identifier: Apache-2.0
# What each part of config.json comes to, as the peers' own test suites look at it.
bats_require_minimum_version 1.5.0
load runtime.bash

setup() { rt_begin; }
teardown() { rt_end; }

run_detached() { (cd "$RT/bundle" && oci run -d "${@:-c}" >/dev/null 2>"$RT/err" 3>&-) || { cat "$RT/err"; return 1; }; }
userns() { # 'host id of uid 0' 'host id of gid 0'
	cfg "c['linux']['namespaces'].append({'type': 'user'})
c['linux']['uidMappings'] = [{'containerID': 0, 'hostID': $1, 'size': 65534}]
c['linux']['gidMappings'] = [{'containerID': 0, 'hostID': $2, 'size': 65534}]"
	chown -R "$1:$2" "$RT/bundle/rootfs"
}
pid_of() { oci state "$1" | python3 -c 'import json,sys; print(json.load(sys.stdin)["pid"])'; }

@test "env: the last of a name wins and is the only one, an empty HOME counts as none" {
	mkdir -p "$RT/bundle/rootfs/etc"
	echo 'root:x:0:0:root:/root:/bin/sh' >"$RT/bundle/rootfs/etc/passwd"
	bundle env
	cfg 'c["process"]["env"] = ["HOME=", "PATH=/bin"]'
	run run_container; echo "$output"; [ "$status" -eq 0 ]
	[ "$(printf '%s\n' "${lines[@]}" | sort | tr '\n' ' ')" = "HOME=/root PATH=/bin " ]
	cfg 'c["process"]["env"] = ["ONE=two", "ONE=", "HOME=/a", "HOME=", "PATH=/bin", "ONE=three"]'
	run run_container; echo "$output"; [ "$status" -eq 0 ]
	[ "$(printf '%s\n' "${lines[@]}" | sort | tr '\n' ' ')" = "HOME=/root ONE=three PATH=/bin " ]
	cfg 'c["process"]["env"] = ["HOME=/override", "N=\n", "PATH=/bin"]'
	run -0 --keep-empty-lines run_container
	[[ "$output" == *"HOME=/override"* && "$output" == *$'N=\n\n'* ]]
}

@test "cwd: entered as root or as the user, whoever may" {
	mkdir -p "$RT/bundle/rootfs/root" "$RT/bundle/rootfs/home"
	chmod 700 "$RT/bundle/rootfs/root"
	bundle ls /tmp
	cfg 'c["process"]["cwd"] = "/root"; c["process"]["user"]["uid"] = 42'
	run run_container; echo "$output"; [ "$status" -eq 0 ]
	[ -z "$output" ]
	chown 42 "$RT/bundle/rootfs/home"
	chmod 700 "$RT/bundle/rootfs/home"
	bundle sleep 30
	cfg 'c["process"]["cwd"] = "/home"; c["process"]["user"]["uid"] = 42'
	run_detached
	run -0 oci exec --user 0 c pwd
	[ "$output" = /home ]
}

@test "processes run on all CPUs that the cgroup has, not on those of who started them" {
	[ "$(nproc)" -gt 1 ] || skip "one processor"
	all=$(grep Cpus_allowed_list /proc/self/status)
	bundle grep Cpus_allowed_list /proc/self/status
	run -0 taskset -c 0 "$CUBE_OCI" --root "$RT/state" run -b "$RT/bundle" c
	[ "$output" = "$all" ]
	cfg 'c["linux"]["resources"]["cpu"] = {"cpus": "1", "mems": "0"}'
	run -0 taskset -c 0 "$CUBE_OCI" --root "$RT/state" run -b "$RT/bundle" c
	[[ "$output" == *$'\t1' ]]
	bundle sleep 30
	run_detached
	run -0 taskset -c 0 "$CUBE_OCI" --root "$RT/state" exec c grep Cpus_allowed_list /proc/self/status
	[ "$output" = "$all" ]
	printf '{"args":["true"],"cwd":"/","execCPUAffinity":{"initial":"1"}}' >"$RT/process"
	run -0 oci --debug exec --process "$RT/process" c
	[[ "$output" == *"nsexec"*": affinity: 0x2"* ]]
}

@test "tmpfs takes the mode of the folder it covers, unless told" {
	chmod 1777 "$RT/bundle/rootfs/tmp"
	mkdir "$RT/bundle/rootfs/old"
	chmod 710 "$RT/bundle/rootfs/old"
	cp -a "$(command -v busybox)" "$RT/bundle/rootfs/bin/stat"
	bundle stat -c %a /tmp /old /new
	cfg 'c["mounts"] += [{"destination": d, "type": "tmpfs", "source": "tmpfs", "options": o} for d, o in (("/tmp", ["nosuid"]), ("/old", []), ("/new", ["mode=0444"]))]'
	run run_container; echo "$output"; [ "$status" -eq 0 ]
	[ "$(echo $output)" = "1777 710 444" ]
	cfg 'c["mounts"][-2]["options"] = ["mode=0410"]'
	run run_container; echo "$output"; [ "$status" -eq 0 ]
	[ "$(echo $output)" = "1777 410 444" ]
}

@test "memory policy: refusals in the peers' words" {
	bundle sh -c 'head -n 1 /proc/self/numa_maps | cut -d " " -f 2'
	cfg 'c["linux"]["memoryPolicy"] = {}'
	run run_container; echo "$output"; [ "$status" -eq 0 ]
	[ "${lines[0]}" = default ]
	while IFS='|' read -r policy words; do
		cfg "c['linux']['memoryPolicy'] = $policy"
		run -1 run_container
		[[ "$output" == *"linux.memoryPolicy"*"$words"* ]]
	done <<-'END'
	{"mode": "INTERLEAVE", "nodes": "0"}|invalid memory policy mode
	{"nodes": "0-7"}|invalid memory policy mode
	{"mode": "MPOL_PREFERRED", "nodes": "0", "flags": ["badflag"]}|invalid memory policy flag
	{"mode": "MPOL_BIND", "nodes": "0-9876543210"}|invalid memory policy node
	END
	cfg 'c["linux"]["memoryPolicy"] = {"mode": "MPOL_DEFAULT", "nodes": "0-7", "flags": ["MPOL_F_NUMA_BALANCING", "MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"]}'
	run -1 run_container
	[[ "$output" == *set_mempolicy*"invalid argument"* ]]
}

@test "scheduler: inherited by exec; not together with chosen CPUs" {
	bundle sleep 30
	cfg 'c["process"]["scheduler"] = {"policy": "SCHED_BATCH", "priority": 0, "nice": 19}'
	run_detached
	[[ "$(chrt -p "$(pid_of c)")" == *SCHED_BATCH* ]]
	oci exec -d --pid-file "$RT/pid" c sleep 20 >/dev/null 2>&1 3>&-
	[[ "$(chrt -p "$(cat "$RT/pid")")" == *SCHED_BATCH* ]]
	oci delete -f c
	cfg 'c["linux"]["resources"]["cpu"] = {"cpus": "0"}; c["process"]["scheduler"] = {"policy": "SCHED_DEADLINE", "nice": 19, "runtime": 42000, "deadline": 1000000, "period": 1000000}'
	run -1 run_container
	[[ "$output" == *"process scheduler can't be used together with AllowedCPUs"* ]]
}

@test "a container's own /etc/passwd cannot hold up who starts a program in it: a pipe, or a file without end" {
	bundle sh -c 'echo $HOME'
	cfg 'c["process"]["env"] = ["PATH=/bin"]; c["process"]["user"] = {"uid": 7, "gid": 7}'
	mkdir -p "$RT/bundle/rootfs/etc"
	mkfifo "$RT/bundle/rootfs/etc/passwd"
	run -0 timeout 10 "$BASH" -c 'cd "$0/bundle" && exec "$CUBE_OCI" --root "$0/state" run c' "$RT"
	[ "$output" = / ]
	rm "$RT/bundle/rootfs/etc/passwd"
	truncate -s 1T "$RT/bundle/rootfs/etc/passwd"
	run -0 timeout 10 "$BASH" -c 'cd "$0/bundle" && exec "$CUBE_OCI" --root "$0/state" run c' "$RT"
	[ "$output" = / ]
}

@test "capabilities: without the field there are none, a process file without it has the container's, and none are the caller's (CVE-2022-29162)" {
	local none=$'CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nCapAmb:\t0000000000000000'
	bundle cat /proc/self/status
	cfg 'del c["process"]["capabilities"]'
	run -0 run_container
	[[ "$output" == *"$none"* ]]
	cfg 'c["process"]["capabilities"] = {k: ["CAP_KILL"] for k in ("bounding", "permitted", "inheritable")}'
	run -0 setpriv --inh-caps +kill,+chown --ambient-caps +kill,+chown "$BASH" -c 'cd "$0/bundle" && exec "$CUBE_OCI" --root "$0/state" run c' "$RT"
	[[ "$output" == *$'CapInh:\t0000000000000020\nCapPrm:\t0000000000000020\nCapEff:\t0000000000000020\nCapBnd:\t0000000000000020\nCapAmb:\t0000000000000000'* ]]
	cfg 'c["process"]["args"] = ["sleep", "30"]; c["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 77}]'
	run_detached
	echo '{"cwd": "/", "args": ["sh", "-c", "grep Cap /proc/self/status; ulimit -n"]}' >"$RT/process"
	run -0 oci exec -p "$RT/process" c
	[[ "$output" == *$'CapBnd:\t0000000000000020'*$'\n77' ]]
}

@test "capabilities: what cannot be raised is told and left out" {
	bundle cat /proc/self/status
	cfg 'c["process"]["capabilities"]["ambient"] = ["CAP_KILL"]; c["process"]["capabilities"]["inheritable"] = []'
	run run_container; echo "$output"; [ "$status" -eq 0 ]
	[[ "$output" == *"level=warning"*"can't raise ambient capability CAP_KILL"* ]]
	[[ "$output" == *$'CapAmb:\t0000000000000000'* && "$output" == *$'NoNewPrivs:\t1'* ]]
	cfg 'c["process"]["capabilities"] = {"bounding": ["CAP_SYS_ADMIN"], "permitted": ["CAP_SYS_ADMIN", "CAP_KILL"], "effective": ["CAP_KILL"]}'
	run run_container; echo "$output"; [ "$status" -eq 0 ]
	[[ "$output" == *$'CapPrm:\t0000000000200000\nCapEff:\t0000000000200000\nCapBnd:\t0000000000200000'* ]]
	cfg 'c["process"]["capabilities"] = {}; c["process"]["args"] = ["sleep", "30"]'
	run_detached
	run -0 oci exec c cat /proc/self/status
	[[ "$output" == *$'CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000'* ]]
	run -0 oci exec --cap CAP_KILL --cap CAP_AUDIT_WRITE c cat /proc/self/status
	[[ "$output" == *$'CapPrm:\t0000000020000020\nCapEff:\t0000000020000020\nCapBnd:\t0000000020000020\nCapAmb:\t0000000000000000'* ]]
}

@test "seccomp: hooks of the container run under it; features list what it knows; refusals" {
	bundle true
	cfg 'c["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_X86_64"], "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_KILL"}]}
c["process"]["rlimits"] = [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]
c["hooks"] = {"startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "mkdir /dev/shm/foo"]}]}'
	run -1 run_container
	[[ "$output" == *"error running startContainer hook #0"*"bad system call"* ]]
	for call in nnp plain; do
		cfg "c['process']['noNewPrivileges'] = '$call' == 'nnp'; c['hooks'] = {}; c['linux']['seccomp']['syscalls'][0]['action'] = 'SCMP_ACT_ERRNO'; c['process']['args'] = ['mkdir', '/dev/shm/foo']"
		run -1 run_container
		[[ "$output" == *"Operation not permitted"* ]]
		run oci --debug run -b "$RT/bundle" c
		[[ "$output" == *'"seccomp filter flags: 4"'* ]]
	done
	cfg 'c["linux"]["seccomp"]["flags"] = ["SECCOMP_FILTER_FLAG_LOG"]'
	run oci --debug run -b "$RT/bundle" c
	[[ "$output" == *'"seccomp filter flags: 2"'* ]]
	cfg 'c["linux"]["seccomp"].update({"listenerPath": "/nosuch", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]})'
	run -1 run_container
	[[ "$output" == *"failed to connect with seccomp agent"* ]]
	cfg 'c["linux"]["seccomp"]["syscalls"][0]["names"] = ["write"]'
	run -1 run_container
	[[ "$output" == *"SCMP_ACT_NOTIFY cannot be used for the write syscall"* ]]
	cfg 'c["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]}'
	run -1 run_container
	[[ "$output" == *"linux.seccomp.flags: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV needs a listener"* ]]
	oci features | python3 -c '
import json, sys
f = json.load(sys.stdin)
assert {"rro", "rnostrictatime", "ridmap", "runbindable", "tmpcopyup"} <= set(f["mountOptions"])
assert "org.systemd.property." in f["potentiallyUnsafeConfigAnnotations"]
s = f["linux"]["seccomp"]
assert "SECCOMP_FILTER_FLAG_SPEC_ALLOW" in s["supportedFlags"] and "SECCOMP_FILTER_FLAG_LOG" in s["knownFlags"]
# what each of a profile is refused without a listener is not for every profile
assert set(s["knownFlags"]) - set(s["supportedFlags"]) == {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"}
assert "SCMP_CMP_MASKED_EQ" in s["operators"] and "SCMP_ARCH_X86_64" in s["archs"]'
}

@test "a user namespace: sources that only the host's root may reach, no root inside, its own time" {
	bundle cat /one/f /two/f
	userns 100000 200000
	mkdir -p "$RT/one" "$RT/two"
	echo 1 >"$RT/one/f"; echo 2 >"$RT/two/f"
	chmod 700 "$RT/one" "$RT/two"
	mkdir "$RT/closed"; mv "$RT/one" "$RT/two" "$RT/closed"; chmod 700 "$RT/closed"
	chmod 755 "$RT/closed/one" "$RT/closed/two"
	cfg "c['mounts'] += [{'destination': '/' + d, 'source': '$RT/closed/' + d, 'options': ['bind']} for d in ('one', 'two')]"
	run run_container; echo "$output"; [ "$status" -eq 0 ]
	[ "$(echo $output)" = "1 2" ]
	bundle sh -c 'id -u; id -g; cat /proc/self/uid_map'
	userns 100000 200000
	cfg 'c["linux"]["uidMappings"] = [{"containerID": 1000, "hostID": 100000, "size": 1}]
c["linux"]["gidMappings"] = [{"containerID": 1000, "hostID": 200000, "size": 1}]
c["process"]["user"] = {"uid": 1000, "gid": 1000}
[m.update(options=[o for o in m.get("options", []) if o != "gid=5"]) for m in c["mounts"]]'
	run run_container; echo "$output"; [ "$status" -eq 0 ]
	[[ "$(echo $output)" == "1000 1000 1000 100000 1" ]]
	cfg 'c["process"]["args"] = ["sleep", "30"]'
	run_detached
	run -0 oci exec c id -u
	[ "$output" = 1000 ]
}

@test "namespaces of another container are joined, also those its user namespace does not own" {
	bundle sleep 30
	userns 100000 200000
	cfg 'c["linux"]["namespaces"].append({"type": "time"}); c["linux"]["timeOffsets"] = {"monotonic": {"secs": 7881, "nanosecs": 2718281}, "boottime": {"secs": 1337}}'
	run_detached target
	pid=$(pid_of target)
	cfg "f = {'network': 'net', 'mount': None}
for n in c['linux']['namespaces']:
    if n['type'] != 'mount': n['path'] = '/proc/$pid/ns/' + f.get(n['type'], n['type'])
for k in ('uidMappings', 'gidMappings', 'timeOffsets'): del c['linux'][k]
c['linux']['cgroupsPath'] = '$CG/d'"
	run_detached d
	run -0 oci exec d cat /proc/self/uid_map /proc/self/timens_offsets
	[[ "$output" == *100000*65534* && "$output" =~ monotonic\ +7881\ +2718281 && "$output" =~ boottime\ +1337 ]]
	oci delete -f d
	# a network that belongs to the host, a user namespace that does not
	cfg "for n in c['linux']['namespaces']:
    if n['type'] not in ('user', 'network'): n.pop('path', None)
    if n['type'] == 'network': n['path'] = '/proc/$$/ns/net'
c['linux']['namespaces'] = [n for n in c['linux']['namespaces'] if n['type'] != 'time']
c['mounts'] = [m for m in c['mounts'] if m['type'] not in ('sysfs', 'cgroup')]"
	run_detached d
	[ "$(readlink "/proc/$(pid_of d)/ns/net")" = "$(readlink /proc/$$/ns/net)" ]
	[ "$(readlink "/proc/$(pid_of d)/ns/user")" = "$(readlink "/proc/$pid/ns/user")" ]
}

@test "ids of a bind are mapped, with a user namespace and without" {
	mkdir "$RT/source"
	touch "$RT/source/f"
	chown 100:211 "$RT/source/f"
	cp "$(command -v busybox)" "$RT/bundle/rootfs/bin/stat"
	bundle stat -c %u:%g /m/f
	cfg "c['mounts'].append({'destination': '/m', 'source': '$RT/source', 'options': ['bind'], 'uidMappings': [{'containerID': 100, 'hostID': 101100, 'size': 3}], 'gidMappings': [{'containerID': 200, 'hostID': 101900, 'size': 50}]})"
	run run_container; echo "$output"; [ "$status" -eq 0 ]
	[ "$output" = 101100:101911 ]
	bundle stat -c %u:%g /m/f
	userns 100000 100000
	cfg "c['mounts'].append({'destination': '/m', 'source': '$RT/source', 'options': ['bind'], 'uidMappings': [{'containerID': 100, 'hostID': 101100, 'size': 3}], 'gidMappings': [{'containerID': 200, 'hostID': 101900, 'size': 50}]})"
	run run_container; echo "$output"; [ "$status" -eq 0 ]
	[ "$output" = 1100:1911 ]
}

@test "update: each limit by itself and all together, from flags and JSON" {
	bundle sleep 30
	cfg 'c["linux"]["resources"].update({"memory": {"limit": 33554432, "reservation": 25165824}, "cpu": {"shares": 100, "quota": 500000, "period": 1000000}, "pids": {"limit": 20}})'
	run_detached
	is() { [ "$(cat "/sys/fs/cgroup/${1%%.*}$CG/c/$1")" = "$2" ] || { echo "$1 is $(cat "/sys/fs/cgroup/${1%%.*}$CG/c/$1"), not $2"; return 1; }; }
	free=$(cat /sys/fs/cgroup/memory/memory.limit_in_bytes)
	is cpu.cfs_quota_us 500000
	oci update c --cpu-period 900000; is cpu.cfs_quota_us 500000; is cpu.cfs_period_us 900000
	oci update c --cpu-quota 600000; is cpu.cfs_quota_us 600000; is cpu.cfs_period_us 900000
	oci update c --cpu-quota -1; is cpu.cfs_quota_us -1
	oci update c --cpu-share 200; is cpu.shares 200
	oci update c --cpu-quota -1 --cpu-period 100000; is cpu.cfs_period_us 100000
	oci update c --cpuset-cpus 1; is cpuset.cpus 1
	oci update c --memory 50M; is memory.limit_in_bytes 52428800
	oci update c --memory-reservation 33554432; is memory.soft_limit_in_bytes 33554432
	oci update c --memory-swap -1; is memory.memsw.limit_in_bytes "$free"
	oci update c --memory-swap 96468992; is memory.memsw.limit_in_bytes 96468992
	oci update c --memory -1; is memory.limit_in_bytes "$free"; is memory.memsw.limit_in_bytes "$free"
	oci update c --pids-limit -1; is pids.max max
	echo '{"memory": {"limit": 33554432, "reservation": 25165824}, "cpu": {"shares": 100, "quota": 500000, "period": 1000000, "cpus": "0"}, "pids": {"limit": 20}}' | oci update -r - c
	is memory.limit_in_bytes 33554432; is cpuset.cpus 0; is pids.max 20; is cpu.cfs_quota_us 500000
	oci update c --memory 30M --memory-swap 50M; is memory.limit_in_bytes 31457280; is memory.memsw.limit_in_bytes 52428800
	oci update c --memory 60M --memory-swap 80M; is memory.limit_in_bytes 62914560; is memory.memsw.limit_in_bytes 83886080
	oci update c --memory 30M --memory-swap 50M; is memory.memsw.limit_in_bytes 52428800
	oci update c --cpu-period 10000 --cpu-quota 3000; is cpu.cfs_quota_us 3000; is cpu.cfs_period_us 10000
	for idle in 1 0 1; do oci update c --cpu-idle $idle; is cpu.idle $idle; done
	for idle in -1 2 3; do run -1 oci update c --cpu-idle $idle; done
	oci update c --cpu-period 20000; is cpu.idle 1
	oci pause c
	oci update c --pids-limit 30
	status_is c paused
	oci resume c
	cfg 'c["linux"]["resources"]["unified"] = {"memory.min": "131072"}; c["linux"]["cgroupsPath"] += "2"'
	run -1 run_container d
	[[ "$output" == *"linux.resources.unified"*"invalid configuration"* ]]
}

@test "a cgroup that is in use, or frozen, is not taken over" {
	bundle sleep 30
	run_detached
	for how in "run -d" create; do
		run -1 oci $how -b "$RT/bundle" d
		[[ "$output" == *"container's cgroup is not empty"* ]]
	done
	status_is c running
	oci delete -f c
	for file in "unified$CG/c/cgroup.freeze 1" "freezer$CG/c/freezer.state FROZEN"; do
		set -- $file
		[ -d "/sys/fs/cgroup/${1%%/*}" ] || continue
		mkdir -p "/sys/fs/cgroup/${1%/*}"
		echo "$2" >"/sys/fs/cgroup/$1"
		run -1 run_container
		[[ "$output" == *"container's cgroup unexpectedly frozen"* ]]
		echo "$2" | sed 's/FROZEN/THAWED/; s/1/0/' >"/sys/fs/cgroup/$1"
		rmdir "/sys/fs/cgroup/${1%/*}"
	done
}

@test "exec --cgroup: folders below the container's, by controller" {
	bundle sleep 30
	cfg '[m["options"].remove("ro") for m in c["mounts"] if m["type"] == "cgroup"]'
	run_detached
	run -255 oci exec --cgroup .. c true
	[[ "$output" == *"bad sub cgroup path"* ]]
	run -255 oci exec --cgroup nonexistent c true
	[[ "$output" == *" adding pid "*"no such file or directory"* ]]
	run -255 oci exec --cgroup cpu:nonexistent c true
	[[ "$output" == *" adding pid "*"no such file or directory"* ]]
	run -255 oci exec --cgroup whaaat:/ c true
	[[ "$output" == *"unknown controller "* ]]
	run -0 oci exec --cgroup / c cat /proc/self/cgroup
	[ -z "$(grep -v ":$CG/c\$" <<<"$output")" ]
	run -0 oci exec c mkdir /sys/fs/cgroup/memory/sub /sys/fs/cgroup/cpu/sub
	run -0 oci exec --cgroup memory:sub --cgroup cpu:sub c cat /proc/self/cgroup
	[[ "$output" == *":memory:$CG/c/sub"* && "$output" == *":cpu:$CG/c/sub"* ]]
}

@test "no-pivot: what the host mounted as proc and sysfs cannot be had again" {
	bundle sh -c 'mount -t proc none /proc && echo h >/proc/sys/kernel/hostname'
	cp "$(command -v busybox)" "$RT/bundle/rootfs/bin/unshare"
	cfg 'c["process"]["args"] = ["unshare", "-mrpf"] + c["process"]["args"]; [c["process"]["capabilities"][s].append("CAP_SETFCAP") for s in ("bounding", "permitted")]'
	run -1 oci run --no-pivot -b "$RT/bundle" c
	[[ "$output" == *"mount: permission denied"* ]]
}
