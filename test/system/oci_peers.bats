# SPDX-License-Identifier: Apache-2.0
# What callers know from runc and crun beyond the specification, and what the runtimes' own suites look for.
bats_require_minimum_version 1.5.0
load runtime.bash

setup() { rt_begin; }
teardown() { rt_end; }

run_detached() { (cd "$RT/bundle" && oci run -d "${@:-c}" >/dev/null 2>&1 3>&-); }
fails_with() { # TEXT
	run run_container
	echo "$output"
	[ "$status" -eq 1 ] && [ "${#lines[@]}" -eq 1 ] && [[ "$output" == *"$1"* ]] && [ -z "$(ls -A "$RT/state")" ]
}
userns() {
	cfg 'c["linux"]["namespaces"].append({"type": "user"})
c["linux"]["uidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 1000}]
c["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 200000, "size": 1000}]'
	chown -R 100000:200000 "$RT/bundle/rootfs"
}

@test "--config names another file of the bundle" {
	bundle echo from elsewhere
	mkdir "$RT/bundle/other"
	mv "$RT/bundle/config.json" "$RT/bundle/other/c.json"
	run -0 oci run -b "$RT/bundle" --config other/c.json c
	[ "$output" = "from elsewhere" ]
	run -0 oci run -b "$RT/bundle" -f "$RT/bundle/other/c.json" c
	[ "$output" = "from elsewhere" ]
	run -1 oci run -b "$RT/bundle" c
	[[ "$output" == *config.json* ]]
}

@test "delete and kill take a regular expression for many containers" {
	bundle sleep 30
	for id in one-1 one-2 two; do
		cfg "c['linux']['cgroupsPath'] = '$CG/$id'"
		run_detached $id
	done
	oci kill --regex '^one-' KILL
	wait_for 5 status_is one-1 stopped
	wait_for 5 status_is one-2 stopped
	status_is two running
	oci delete --force --regex 'one-[0-9]|nobody'
	[ "$(oci list -q)" = two ]
	run -1 oci delete --regex '('
	[[ "$output" == *"invalid regular expression"* ]]
}

@test "a container is started by whoever sees it while it is still being created" {
	bundle touch /tmp/ran
	cfg "c['root']['readonly'] = False
c['hooks'] = {'createRuntime': [{'path': '/bin/sh', 'args': ['sh', '-c', 'touch $RT/hooked; until [ -e $RT/go ]; do sleep 0.02; done']}]}"
	(cd "$RT/bundle" && exec "$CUBE_OCI" --root "$RT/state" create c >"$RT/created" 2>&1 3>&-) &
	creator=$!
	wait_for 5 test -e "$RT/hooked"
	"$CUBE_OCI" --root "$RT/state" start c 3>&- &
	starter=$!
	sleep 0.1
	[ ! -e "$RT/bundle/rootfs/tmp/ran" ]
	touch "$RT/go"
	wait $creator
	wait $starter
	wait_for 5 test -e "$RT/bundle/rootfs/tmp/ran"
}

@test "start waits for a maker that does not hold the lock of its new folder yet, but not for one that is no more" {
	bundle touch /tmp/ran
	cfg "c['root']['readonly'] = False"
	(cd "$RT/bundle" && "$CUBE_OCI" --root "$RT/other" create c 3>&-)
	mkdir "$RT/state/c"
	"$CUBE_OCI" --root "$RT/state" start c 3>&- &
	starter=$!
	sleep 0.1
	mv -T "$RT/other/c" "$RT/state/c" # in the place of the empty one, in one step
	wait $starter
	wait_for 5 test -e "$RT/bundle/rootfs/tmp/ran"
	mkdir "$RT/state/dead"
	touch -d '10 seconds ago' "$RT/state/dead"
	run -1 oci start dead
	[[ "$output" == *"cannot start a container in the creating state"* ]]
	rmdir "$RT/state/dead"
}

@test "start succeeds though the program ends and its container is deleted before it returns" {
	bundle true
	(cd "$RT/bundle" && oci create c >/dev/null 2>&1 3>&-)
	strace -qq -o /dev/null -e trace=unlinkat,recvmsg -e inject=unlinkat,recvmsg:delay_enter=300000 \
		"$CUBE_OCI" --root "$RT/state" start c 3>&- &
	starter=$!
	until [ "$(oci state c | jq -r .status)" = stopped ]; do sleep 0.02; done
	oci delete c
	wait $starter
}

@test "a container without a process can be created; start misses it, and ends the container" {
	bundle true
	cfg 'del c["process"]'
	(cd "$RT/bundle" && oci create c >/dev/null 2>&1 3>&-)
	status_is c created
	run -1 oci start c
	[[ "$output" == *"process: required field is missing"* ]]
	wait_for 5 status_is c stopped
	oci delete c
	fails_with "process: required field is missing"
}

@test "hooks without env have the caller's, those in the container its own" {
	bundle true
	cat >"$RT/bundle/rootfs/tmp/look" <<-'SH'
	#!/bin/sh
	echo "$FROM_HOST,$FROM_SPEC" >/tmp/seen
	SH
	chmod 755 "$RT/bundle/rootfs/tmp/look"
	cfg "c['root']['readonly'] = False
c['process']['env'].append('FROM_SPEC=s')
look = lambda name, **more: [dict(path='/bin/sh', args=['sh', '-c', 'echo \$FROM_HOST >$RT/' + name], **more)]
c['hooks'] = {'prestart': look('inherits'), 'createRuntime': look('given', env=['FROM_HOST=no']), 'createContainer': look('none', env=[]),
	'startContainer': [{'path': '/tmp/look'}]}"
	FROM_HOST=yes run_container
	[ "$(cat "$RT/inherits" "$RT/given" "$RT/none")" = $'yes\nno' ]
	[ "$(cat "$RT/bundle/rootfs/tmp/seen")" = ,s ]
}

@test "prestart hooks see a created container, createRuntime hooks one that is being created" {
	bundle true
	cfg "c['hooks'] = {n: [{'path': '/bin/sh', 'args': ['sh', '-c', 'cat >$RT/' + n]}] for n in ('prestart', 'createRuntime')}"
	run_container
	[ "$(jq -r .status "$RT/prestart" "$RT/createRuntime")" = $'created\ncreating' ]
}

@test "sockets that systemd listens on are handed to the program, stale ones are not" {
	bundle sh -c 'echo "$LISTEN_FDS,$LISTEN_PID"; cat /proc/self/fd/3'
	echo of fd 3 >"$RT/socket"
	run -0 env -u LISTEN_PID LISTEN_FDS=1 bash -c 'cd "$2/bundle" && exec "$1" --root "$2/state" run c 3<"$2/socket"' bash "$CUBE_OCI" "$RT"
	[ "$output" = $'1,1\nof fd 3' ]
	bundle sh -c 'echo "$LISTEN_FDS,$LISTEN_PID"; [ ! -e /proc/self/fd/3 ]'
	run -0 env LISTEN_PID=1 LISTEN_FDS=1 bash -c 'cd "$2/bundle" && exec "$1" --root "$2/state" run c 3<"$2/socket"' bash "$CUBE_OCI" "$RT"
	[ "$output" = , ]
}

@test "--preserve-fds is an upper bound, but not of nothing" {
	bundle sh -c 'cat /proc/self/fd/4'
	echo of fd 4 >"$RT/file"
	run -0 bash -c 'cd "$2/bundle" && exec "$1" --root "$2/state" run --preserve-fds=9 c 3</dev/null 4<"$2/file"' bash "$CUBE_OCI" "$RT"
	[ "$output" = "of fd 4" ]
	run -1 bash -c 'cd "$2/bundle" && exec "$1" --root "$2/state" run --preserve-fds=1 c 3>&-' bash "$CUBE_OCI" "$RT"
	[[ "$output" == *"preserved-fd 0"* ]]
}

@test "podman's keep-groups: the caller's supplementary groups stay, where asked for only" {
	bundle grep Groups /proc/self/status
	run -0 setpriv --groups 77,88 bash -c 'cd "$2/bundle" && exec "$1" --root "$2/state" run c' bash "$CUBE_OCI" "$RT"
	[[ "$output" != *77* ]]
	cfg 'c["annotations"] = {"run.oci.keep_original_groups": "1"}'
	run -0 setpriv --groups 77,88 bash -c 'cd "$2/bundle" && exec "$1" --root "$2/state" run c' bash "$CUBE_OCI" "$RT"
	[[ "$output" == *"77 88"* ]]
	cfg 'c["process"]["user"]["additionalGids"] = [5]'
	fails_with process.user.additionalGids:
}

@test "devices of a user namespace have their owner, mode and use, whatever the host has" {
	cp "$(command -v busybox)" "$RT/bundle/rootfs/bin/stat"
	bundle sh -c 'stat -c "%u:%g %a %t,%T" /dev/x /dev/y; head -c 3 /dev/x | wc -c'
	userns
	cfg 'c["linux"]["devices"] = [{"path": "/dev/x/", "type": "c", "major": 1, "minor": 5, "uid": 10, "gid": 11, "fileMode": 0o157}, {"path": "/dev/y", "type": "p"}]
c["linux"]["resources"]["devices"] = [{"allow": True, "access": "rwm"}]'
	run run_container
	echo "$output"
	[ "$output" = $'10:11 157 1,5\n0:0 666 0,0\n3' ]
	cfg 'c["linux"]["devices"][0]["uid"] = 5000'
	fails_with 'linux.devices[0]: uid: 5000 is not mapped'
}

@test "/dev/ptmx among the devices stays the link, a read-only /dev is filled first" {
	bundle sh -c 'readlink /dev/ptmx; touch /dev/new'
	cfg 'c["linux"]["devices"] = [{"path": "/dev/ptmx", "type": "c", "major": 5, "minor": 2}, {"path": "/dev/mine", "type": "c", "major": 1, "minor": 3}]
[m["options"].append("ro") for m in c["mounts"] if m["destination"] == "/dev"]'
	run run_container
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "$output" == "pts/ptmx"*"Read-only file system"* ]]
}

@test "root propagation: unbindable" {
	bundle sh -c 'mkdir /tmp/a; mount --bind / /tmp/a'
	cfg 'c["linux"]["rootfsPropagation"] = "unbindable"
[c["process"]["capabilities"][s].append("CAP_SYS_ADMIN") for s in ("bounding", "effective", "permitted")]
c["root"]["readonly"] = False'
	run run_container
	echo "$output"
	[ "$status" -ne 0 ]
	[[ "$output" == *"Invalid argument"* ]]
}

@test "a host name set by sysctl, ids with other characters: in the peers' words" {
	bundle true
	cfg 'c["linux"]["sysctl"] = {"kernel.hostname": "x"}'
	fails_with 'linux.sysctl: "kernel.hostname" is not allowed as it conflicts with the OCI "hostname" field'
	run -1 oci run -b "$RT/bundle" a/b
	[[ "$output" == *'invalid character `/` in the ID'* ]]
}

@test "exec decides about no_new_privs anew" {
	bundle sleep 30
	cfg 'c["process"]["noNewPrivileges"] = True'
	run_detached
	run -0 oci exec c grep NoNewPrivs /proc/self/status
	[[ "$output" == *0 ]]
	run -0 oci exec --no-new-privs c grep NoNewPrivs /proc/self/status
	[[ "$output" == *1 ]]
}

@test "a seccomp agent that waits gets a listener without any rule, one that is not there is not missed" {
	bundle true
	cfg "c['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'listenerPath': '$RT/agent', 'listenerMetadata': 'words'}"
	run_container
	python3 - "$RT/agent" "$RT/got" <<-'PY' 3>&- &
	import json, os, socket, sys
	s = socket.socket(socket.AF_UNIX)
	s.bind(sys.argv[1])
	s.listen(1)
	text, fds, _, _ = socket.recv_fds(s.accept()[0], 65536, 4)
	m = json.loads(text)
	print(os.readlink(f"/proc/self/fd/{fds[0]}"), m["ociVersion"], m["metadata"], m["state"]["status"], m["fds"], file=open(sys.argv[2], "w"))
	PY
	wait_for 5 test -S "$RT/agent"
	run_container
	wait_for 5 test -s "$RT/got"
	[ "$(cat "$RT/got")" = "anon_inode:seccomp notify 0.2.0 words creating ['seccompFd']" ]
}

@test "ps: tables longer than a pipe holds" {
	bundle sleep 30
	run_detached
	mkdir "$RT/tools"
	cat >"$RT/tools/ps" <<-'SH'
	#!/bin/sh
	echo "    PID CMD"
	yes "      1 a process of the host with many arguments" | head -n 20000
	exec /bin/ps "$@" -o pid,comm --no-headers
	SH
	chmod 755 "$RT/tools/ps"
	PATH=$RT/tools:$PATH run -0 timeout 10 "$CUBE_OCI" --root "$RT/state" ps c -e
	[ "${#lines[@]}" -eq 2 ]
	[[ "${lines[1]}" == *sleep* ]]
}

@test "debugging: the words of each step" {
	bundle true
	run -0 oci --debug run -b "$RT/bundle" c
	[[ "$output" == *"nsexec container setup"*"child process in init()"*"exeseal: using /proc/self/exe clone"*"init: closing the pipe to signal completion"* ]]
}

@test "delete --force ends processes that a freezer elsewhere holds" {
	[ -d /sys/fs/cgroup/freezer ] || skip "no v1 freezer"
	bundle sleep 30
	run_detached
	mkdir "/sys/fs/cgroup/freezer$CG.elsewhere"
	pid_of() { oci state "$1" | jq .pid; }
	pid_of c >"/sys/fs/cgroup/freezer$CG.elsewhere/tasks"
	echo FROZEN >"/sys/fs/cgroup/freezer$CG.elsewhere/freezer.state"
	run oci delete --force c
	echo THAWED >"/sys/fs/cgroup/freezer$CG.elsewhere/freezer.state"
	# where the freezer is also what tells processes from others, without a v2 tree
	without_v2() { unshare -m --propagation private bash -c 'umount -l /sys/fs/cgroup/unified; exec "$CUBE_OCI" --root "$0/state" "$@"' "$RT" "$@"; }
	(cd "$RT/bundle" && without_v2 run -d d >/dev/null 2>&1 3>&-)
	pid_of d >"/sys/fs/cgroup/freezer$CG.elsewhere/tasks"
	echo FROZEN >"/sys/fs/cgroup/freezer$CG.elsewhere/freezer.state"
	without_v2 delete --force d
	echo THAWED >"/sys/fs/cgroup/freezer$CG.elsewhere/freezer.state"
	wait_for 5 rmdir "/sys/fs/cgroup/freezer$CG.elsewhere"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "a folder in place of a cgroup hierarchy is not taken for one" {
	bundle cat /proc/self/cgroup
	# only this test's mount namespace sees it
	run -0 unshare -m --propagation private bash -c '
		mkdir "$2/cg" && mount -t tmpfs tmpfs "$2/cg" && cd /sys/fs/cgroup &&
		for d in */; do mkdir "$2/cg/$d" && mount --move "/sys/fs/cgroup/$d" "$2/cg/$d" || exit; done
		cd / && mount --move "$2/cg" /sys/fs/cgroup && mkdir -p "/sys/fs/cgroup/hugetlb$3" /sys/fs/cgroup/rdma || exit
		"$1" --root "$2/state" run -b "$2/bundle" c && rmdir "/sys/fs/cgroup/hugetlb$3" /sys/fs/cgroup/rdma' \
		bash "$CUBE_OCI" "$RT" "$CG"
	echo "$output"
	[[ "$output" == *"$CG/c"* ]]
	rmdir "$RT/cg"
}

@test "system calls that are newer than the profile are said not to exist" {
	[ "$(uname -m)" = x86_64 ] || skip "x32 is of x86-64 only"
	cat >"$RT/new.c" <<-'C'
	#define _GNU_SOURCE
	#include <errno.h>
	#include <stdio.h>
	#include <string.h>
	#include <sys/syscall.h>
	#include <unistd.h>
	int main(void)
	{
		int denied, newer, x32;

		denied = syscall(SYS_unshare, 0) < 0 ? errno : 0;
		newer = syscall(1000, 1, 2, 3) < 0 ? errno : 0;
		x32 = syscall(0x40000000 | 5000, 1) < 0 ? errno : 0;
		return printf("%d %d %d\n", denied, newer, x32) < 0;
	}
	C
	gcc -static -o "$RT/bundle/rootfs/bin/new" "$RT/new.c"
	bundle new
	cfg 'names = [l.split()[1][5:] for l in __import__("subprocess").run(["gcc", "-E", "-dM", "-include", "sys/syscall.h", "-xc", "/dev/null"], capture_output=True, text=True).stdout.splitlines() if l.startswith("#define __NR_")]
c["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X32"],
	"syscalls": [{"names": [n for n in names if n != "unshare"], "action": "SCMP_ACT_ALLOW"}]}'
	run run_container
	echo "$output"
	[ "$output" = "1 38 38" ]
	cfg 'c["linux"]["seccomp"]["defaultAction"] = "SCMP_ACT_LOG"'
	run run_container
	[ "$output" = "0 38 38" ]
}

@test "a program for others to run by its owner only, and by who may open any file" {
	bundle true
	rm "$RT/bundle/rootfs/bin/true"
	cp "$RT/bundle/rootfs/bin/busybox" "$RT/bundle/rootfs/bin/true"
	chmod 744 "$RT/bundle/rootfs/bin/true"
	cfg 'c["process"]["user"] = {"uid": 1000, "gid": 1000}'
	fails_with 'exec: "true": permission denied'
	cfg '[c["process"]["capabilities"][s].append("CAP_DAC_OVERRIDE") for s in ("bounding", "effective", "permitted")]'
	run run_container
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "update: a memory limit below what cannot be freed says how much is in use" {
	[ -d /sys/fs/cgroup/memory ] || skip "no v1 memory controller"
	bundle sh -c 'dd if=/dev/zero of=/tmp/x bs=1M count=12 2>/dev/null; touch /tmp/done; sleep 30'
	cfg 'c["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"})
c["linux"]["resources"]["memory"] = {"limit": 33554432, "swap": 33554432}'
	run_detached
	wait_for 10 oci exec c ls /tmp/done
	run -1 oci update --memory 8388608 --memory-swap 33554432 c
	[[ "$output" =~ "unable to set memory limit to 8388608 (current usage: "1[0-9]{7}", peak usage: "1[0-9]{7}")" ]]
}

@test "hooks: what a failing one wrote to stderr is in the error, that of others is passed on" {
	bundle true
	cfg "c['hooks'] = {'startContainer': [{'path': '/bin/cat', 'args': ['cat', '/nosuchfile']}]}"
	fails_with "error running startContainer hook #0: /bin/cat: exit status 1, stderr: cat: can't open '/nosuchfile': No such file"
	cfg "c['hooks'] = {'createRuntime': [{'path': '/bin/sh', 'args': ['sh', '-c', 'echo a word >&2']}]}"
	run -0 run_container
	[ "$output" = "a word" ]
}

@test "a created container ends by the signals that end programs, though it is process 1" {
	bundle sleep 30
	for signal in TERM INT HUP; do
		(cd "$RT/bundle" && oci create c >/dev/null 2>&1 3>&-)
		oci kill c $signal
		wait_for 5 status_is c stopped
		oci delete c
	done
	run_detached
	oci exec c sh -c '[ "$(grep SigCgt /proc/1/status)" = "SigCgt:	0000000000000000" ]'
}

@test "exec --cap: ambient as well where the program inherits some" {
	bundle sleep 30
	cfg 'c["process"]["capabilities"] = {"bounding": ["CAP_KILL", "CAP_CHOWN", "CAP_SYSLOG"], "permitted": ["CAP_KILL", "CAP_CHOWN"],
	"effective": ["CAP_KILL"], "inheritable": ["CAP_CHOWN", "CAP_SYSLOG"], "ambient": ["CAP_CHOWN"]}'
	run_detached
	run -0 oci exec c grep CapAmb /proc/self/status
	[[ "$output" == *0000000000000001 ]]
	run -0 oci exec --cap CAP_SYSLOG c grep CapAmb /proc/self/status
	[[ "$output" == *0000000400000001 ]]
}

@test "update: a period shorter than the present quota allows, together with the quota for it" {
	[ -d /sys/fs/cgroup/cpu ] || skip "no v1 cpu controller"
	bundle sleep 30
	mkdir -p "/sys/fs/cgroup/cpu$CG"
	echo 50000 >"/sys/fs/cgroup/cpu$CG/cpu.cfs_quota_us"
	cfg "c['linux']['resources']['cpu'] = {'quota': 40000, 'period': 100000}"
	run_detached
	run -1 oci update --cpu-quota 60000 c
	oci update --cpu-period 10000 --cpu-quota 3000 c
	[ "$(cat "/sys/fs/cgroup/cpu$CG/c/cpu.cfs_period_us" "/sys/fs/cgroup/cpu$CG/c/cpu.cfs_quota_us")" = $'10000\n3000' ]
}

@test "device rules with the access \"a\", namespaces with an empty path, a sub cgroup that is none" {
	bundle sleep 30
	cfg 'c["linux"]["resources"]["devices"].append({"allow": False, "type": "c", "major": 1, "minor": 11, "access": "rwa"})
for n in c["linux"]["namespaces"]: n["path"] = ""'
	run_detached
	run -255 oci exec --cgroup .. c true
	[[ "$output" == *"bad sub cgroup path"*" .. is not a sub cgroup path"* ]]
}

@test "without a mount namespace: mounts beneath the root on the host, taken away with the container" {
	bundle sh -c 'readlink /proc/self/ns/mnt; ls /; [ ! -e /etc/passwd ]; touch /new; sleep 30'
	cfg 'c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] not in ("mount", "pid")]
c["mounts"] = [m for m in c["mounts"] if m["type"] != "cgroup"]'
	(cd "$RT/bundle" && oci run -d c >"$RT/out" 2>&1 3>&-)
	wait_for 5 grep -q "Read-only file system" "$RT/out"
	[ "$(head -n 1 "$RT/out")" = "$(readlink /proc/self/ns/mnt)" ]
	grep -q " $RT/bundle/rootfs/proc " /proc/self/mountinfo
	run -0 oci exec c sh -c 'pwd; ls /proc/self/root/bin/busybox /dev/null'
	[ "$output" = $'/\n/dev/null\n/proc/self/root/bin/busybox' ]
	# what was mounted there before stays
	oci delete --force c
	run ! grep " $RT/" /proc/self/mountinfo
	mount -t tmpfs tmpfs "$RT/bundle/rootfs/tmp"
	touch "$RT/bundle/rootfs/tmp/before"
	bundle ls /tmp
	cfg 'c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "mount"]'
	run run_container
	mounts=$(grep -c " $RT/" /proc/self/mountinfo)
	umount "$RT/bundle/rootfs/tmp"
	[ "$output" = before ]
	[ "$mounts" = 1 ]
	# killed in the middle of it: the link says what to take away
	cfg "c['hooks'] = {'createRuntime': [{'path': '/bin/sh', 'args': ['sh', '-c', 'kill -KILL \$PPID; sleep 1']}]}"
	run run_container
	[ "$status" -eq 137 ]
	grep -q " $RT/bundle/rootfs " /proc/self/mountinfo
	oci delete --force c
	run ! grep " $RT/" /proc/self/mountinfo
	userns
	fails_with 'linux.namespaces: a namespace of type "mount" is needed with one of type "user"'
}

@test "in the foreground a newline of the program's stays one, on its terminal as well" {
	bundle sh -c 'stty -a | grep -o -- "-onlcr"; echo line'
	cfg 'c["process"]["terminal"] = True'
	run_container </dev/null >"$RT/out"
	[ "$(od -c <"$RT/out" | grep -c '\\r')" -eq 0 ]
	grep -qx line "$RT/out"
	bundle sleep 30
	run_detached
	oci exec -t c echo line </dev/null >"$RT/out"
	[ "$(od -An -c <"$RT/out" | tr -d ' ')" = 'line\n' ]
}

@test "createContainer hooks start in the root, proc does not follow a link that leads nowhere" {
	bundle true
	cfg "c['hooks'] = {'createContainer': [{'path': '/bin/sh', 'args': ['sh', '-c', 'pwd >$RT/where']}]}"
	run_container
	[ "$(cat "$RT/where")" = "$RT/bundle/rootfs" ]
	rmdir "$RT/bundle/rootfs/proc"
	ln -s /nowhere "$RT/bundle/rootfs/proc"
	fails_with 'must be mounted on ordinary directory'
}

@test "a session keyring of the container's own, the same for exec, unless the caller's is to stay" {
	[ -r /proc/keys ] || skip "this kernel has no keys"
	bundle sh -c 'cat /proc/keys; sleep 30'
	cfg 'c["linux"]["maskedPaths"] = []'
	(cd "$RT/bundle" && oci run -d c >"$RT/out" 2>&1 3>&-)
	wait_for 5 grep -q '_ses.c: ' "$RT/out"
	run -0 oci exec c cat /proc/keys
	[ "$(grep '_ses.c: ' <<<"$output" | cut -d' ' -f1)" = "$(grep '_ses.c: ' "$RT/out" | cut -d' ' -f1)" ]
	oci delete --force c
	cfg 'c["process"]["args"] = ["cat", "/proc/keys"]'
	run -0 oci run -b "$RT/bundle" --no-new-keyring other
	[[ "$output" != *_ses.other:* ]]
}
