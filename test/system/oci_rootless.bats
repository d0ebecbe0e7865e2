#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Containers of a user without privileges: uid 2000, in a mount namespace where /etc/subuid and /etc/subgid are the test's own.

bats_require_minimum_version 1.5.0

setup() {
	load runtime.bash
	rt_begin
	install -m 755 "$CUBE_OCI" "$RT/cube-oci"
	printf 'root:x:0:0::/:/bin/sh\nuser:x:2000:2000::/:/bin/sh\n' >"$RT/passwd"
	echo user:100000:65536 >"$RT/subuid"
	chown -R 2000:2000 "$RT/state" "$RT/bundle"
	rm -f "$RT/bundle/config.json"
	as_user spec --rootless -b "$RT/bundle"
	cfg 'c["process"]["terminal"] = False'
}
teardown() {
	local dir
	for dir in "$RT"/state/*/; do
		[ ! -d "$dir" ] || as_user delete --force "$(basename "$dir")"
	done
	for dir in /sys/fs/cgroup/*"$CG"; do
		[ ! -d "$dir" ] || find "$dir" -depth -mindepth 1 -type d -exec rmdir {} +
	done
	rt_end
}

# cube-oci by that user, in the bundle's folder
as_user() {
	unshare -m --propagation private bash -c '
		mount --bind "$0/passwd" /etc/passwd && mount --bind "$0/subuid" /etc/subuid && mount --bind "$0/subuid" /etc/subgid &&
		cd "$0/bundle" && exec setpriv --reuid 2000 --regid 2000 --clear-groups "$0/cube-oci" --root "$0/state" "$@"' "$RT" "$@"
}
# … who has made a user namespace and is root there
as_nested() {
	setpriv --reuid 2000 --regid 2000 --clear-groups unshare --user --map-root-user --mount bash -c '
		cd "$0/bundle" && exec "$0/cube-oci" --root "$0/state" "$@"' "$RT" "$@"
}
pid_of() { as_user state "$1" | jq .pid; }

@test "rootless: as one's own id alone, without cgroups: run, exec, kill, delete" {
	cfg "c['process']['args'] = ['sh', '-c', 'id -u; cat /proc/self/uid_map; grep -c . /proc/mounts']"
	run -0 as_user run c
	[ "${lines[0]}" = 0 ]
	[[ "${lines[1]}" =~ ^\ *0\ +2000\ +1$ ]]
	cfg "c['process']['args'] = ['sleep', '30']"
	as_user run -d c >/dev/null 2>&1 3>&-
	[ "$(stat -c %u "/proc/$(pid_of c)")" = 2000 ]
	run -0 as_user exec c sh -c 'for p in self 1; do for n in user pid mnt; do readlink /proc/$p/ns/$n; done; done'
	[ "${lines[*]:0:3}" = "${lines[*]:3:3}" ]
	as_user kill c KILL
	wait_for 5 eval '[ "$(as_user state c | jq -r .status)" = stopped ]'
	as_user delete c
	[ -z "$(ls "$RT/state" | grep -v '^\.')" ]
}

@test "rootless: without cgroups of its own a container sees those that it was started in" {
	[ -d /sys/fs/cgroup/pids ] || skip "no cgroup v1"
	cfg "c['process']['args'] = ['sh', '-c', 'cat /sys/fs/cgroup/pids/cgroup.procs; echo end; touch /sys/fs/cgroup/pids/x']
c['linux']['namespaces'] = [n for n in c['linux']['namespaces'] if n['type'] != 'cgroup']"
	run as_user run c
	[ "$status" = 1 ] && [[ "$output" == *end*"Read-only file system"* ]] && [[ "$output" != *"can't open"* ]]
	cfg "c['linux']['namespaces'].append({'type': 'cgroup'})
c['process']['args'][2] = 'ls /sys/fs/cgroup/pids /sys/fs/cgroup/memory'"
	run -0 as_user run c
	[[ "$output" == *cgroup.procs*memory.limit_in_bytes* ]]
}

@test "rootless: exec into a container that is created only, which then still starts" {
	cfg "c['process']['args'] = ['sleep', '30']"
	as_user create c >/dev/null 2>&1 3>&-
	run -0 as_user exec c readlink /proc/self/ns/mnt
	[ "$output" = "$(readlink "/proc/$(pid_of c)/ns/mnt")" ]
	as_user start c
	[ "$(as_user state c | jq -r .status)" = running ]
}

@test "rootless: more ids by newuidmap and newgidmap, for programs of other users" {
	[ -u /usr/bin/newuidmap ] || skip "newuidmap is not there"
	cfg "c['linux']['uidMappings'].append({'containerID': 1, 'hostID': 100000, 'size': 1000})
c['linux']['gidMappings'].append({'containerID': 1, 'hostID': 100000, 'size': 1000})
c['process']['user'] = {'uid': 7, 'gid': 8, 'additionalGids': [9]}
c['process']['args'] = ['sh', '-c', 'id -u; id -g; id -G; touch /tmp/made']
c['root']['readonly'] = False"
	chmod 777 "$RT/bundle/rootfs/tmp"
	run -0 as_user run c
	[ "$output" = $'7\n8\n8 9' ]
	[ "$(stat -c %u:%g "$RT/bundle/rootfs/tmp/made")" = 100006:100007 ]
	cfg "c['linux']['uidMappings'][1]['hostID'] = 300000"
	run -1 as_user run c
	[[ "$output" == *"newuidmap"*"cannot map these ids"* ]]
}

@test "rootless: namespaces of another container are joined, with time offsets" {
	cfg "c['linux']['namespaces'].append({'type': 'time'})
c['linux']['timeOffsets'] = {'monotonic': {'secs': 7881, 'nanosecs': 2718281}}
c['process']['args'] = ['sleep', '30']"
	as_user run -d target >/dev/null 2>&1 3>&-
	run -0 as_user exec target cat /proc/self/timens_offsets
	[[ "$output" =~ monotonic\ +7881\ +2718281 ]]
	pid=$(pid_of target)
	cfg "del c['linux']['timeOffsets'], c['linux']['uidMappings'], c['linux']['gidMappings']
c['linux']['namespaces'] = [dict(n, path='/proc/$pid/ns/' + n['type']) for n in c['linux']['namespaces'] if n['type'] in ('user', 'pid', 'time')] + [
	{'type': 'mount'}]
c['mounts'] = [m for m in c['mounts'] if m['type'] != 'mqueue']
c['hostname'] = ''
c['process']['args'] = ['sh', '-c', 'cat /proc/self/timens_offsets; ls -d /proc/1; cat /proc/1/cmdline']"
	run as_user run joining
	echo "$output"
	[[ "$output" =~ monotonic\ +7881\ +2718281 ]]
	[[ "$output" == *sleep* ]]
}

@test "rootless: what needs privileges is refused in the peers' words" {
	cfg "c['linux']['resources'] = {'pids': {'limit': 20}}; c['process']['args'] = ['true']"
	run -1 as_user run c
	[[ "$output" == *"rootless needs no limits + no cgrouppath when no permission is granted for cgroups"* ]]
	cfg "del c['linux']['resources']; c['linux']['cgroupsPath'] = '$CG/c'"
	run -1 as_user run c
	[[ "$output" == *"unable to apply cgroup configuration"*"permission denied"* ]]
	cfg "del c['linux']['cgroupsPath']; [m['options'].append('gid=5') for m in c['mounts'] if m['destination'] == '/dev/pts']"
	run -1 as_user run c
	[[ "$output" == *"cannot specify gid=5 mount option for rootless container"* ]]
	cfg "[m['options'].remove('gid=5') for m in c['mounts'] if m['destination'] == '/dev/pts']
del c['linux']['gidMappings']"
	run -1 as_user run c
	echo "$output"
	[[ "$output" == *"linux.gidMappings: needed with a new namespace of type \"user\""* ]]
	cfg "c['linux']['namespaces'] = [n for n in c['linux']['namespaces'] if n['type'] != 'user']; del c['linux']['uidMappings']"
	run -1 as_user run c
	[[ "$output" == *"rootless container requires user namespaces"* ]]
	[ -z "$(ls "$RT/state" | grep -v '^\.')" ]
}

@test "rootless: checkpoint and restore are refused before anything happens, for the capability that is missing" {
	cfg "c['process']['args'] = ['sleep', '30']"
	as_user run -d c >/dev/null 2>&1 3>&-
	local why="cube-oci: checkpoint and restore need root's privileges: without CAP_CHECKPOINT_RESTORE criu may not look into processes"
	run -1 as_user checkpoint --image-path "$RT/bundle/image" c
	[ "$output" = "$why" ]
	[ ! -e "$RT/bundle/image" ]
	[ "$(as_user state c | jq -r .status)" = running ]
	run -1 as_user restore --image-path "$RT/bundle/image" d
	[ "$output" = "$why" ]
	[ ! -e "$RT/state/d" ]
}

@test "rootless: in cgroups that are the user's, with limits there; devices' rules are left out" {
	[ -d /sys/fs/cgroup/pids ] || skip "no cgroup v1"
	local h
	for h in /sys/fs/cgroup/*/; do
		mountpoint -q "$h" || continue
		mkdir "$h$CG"
		chown 2000:2000 "$h$CG" "$h$CG/cgroup.procs"
		[ ! -e "$h$CG/tasks" ] || chown 2000:2000 "$h$CG/tasks"
		[ ! -e "$h$CG/cpuset.cpus" ] || { cat "$h/cpuset.cpus" >"$h$CG/cpuset.cpus"; cat "$h/cpuset.mems" >"$h$CG/cpuset.mems"; }
	done
	cfg "c['linux']['cgroupsPath'] = '$CG/c'
c['linux']['resources'] = {'pids': {'limit': 20}, 'memory': {'limit': 33554432}, 'devices': [{'allow': False, 'access': 'rwm'}]}
c['process']['args'] = ['sleep', '30']"
	# a process enters by the cgroup above, which is the test's: v1 asks for the owner of the file alone
	as_user run -d c >"$RT/out" 2>&1 3>&- || { cat "$RT/out"; false; }
	[ "$(cat /sys/fs/cgroup/pids"$CG"/c/pids.max /sys/fs/cgroup/memory"$CG"/c/memory.limit_in_bytes)" = $'20\n33554432' ]
	as_user update --pids-limit 30 c
	[ "$(cat /sys/fs/cgroup/pids"$CG"/c/pids.max)" = 30 ]
	[ ! -e /sys/fs/cgroup/unified"$CG"/c ] # the test is in a cgroup that is not the user's
	as_user pause c
	grep -q FROZEN /sys/fs/cgroup/freezer"$CG"/c/freezer.state
	[ "$(as_user state c | jq -r .status)" = paused ]
	as_user resume c
	as_user delete --force c
	[ ! -e /sys/fs/cgroup/pids"$CG"/c ]
	# the host's /sys, read-only with all that lies beneath: not a way to the user's cgroups (CVE-2023-25809)
	cfg "del c['linux']['cgroupsPath'], c['linux']['resources']
c['mounts'] = [m for m in c['mounts'] if not m['destination'].startswith('/sys')] + [
	{'destination': '/sys', 'type': 'sysfs', 'source': 'sysfs', 'options': ['nosuid', 'noexec', 'nodev', 'ro']}]
c['process']['args'] = ['mkdir', '/sys/fs/cgroup/pids$CG/made']"
	run -1 as_user run c
	[[ "$output" == *"/pids$CG/made': Read-only file system"* ]]
	[ ! -e /sys/fs/cgroup/pids"$CG"/made ]
}

@test "rootless: by root of a user namespace, as engines without privileges are" {
	cfg "c['process']['args'] = ['sh', '-c', 'id -u; cat /proc/self/uid_map']
c['linux']['uidMappings'] = c['linux']['gidMappings'] = [{'containerID': 0, 'hostID': 0, 'size': 1}]"
	run as_nested run c
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "${lines[1]}" =~ ^\ *0\ +0\ +1$ ]]
	cfg "c['linux']['resources'] = {'pids': {'limit': 20}, 'devices': [{'allow': False, 'access': 'rwm'}]}"
	run -1 as_nested run c
	[[ "$output" == *"rootless needs no limits + no cgrouppath when no permission is granted for cgroups"* ]]
	cfg "del c['linux']['resources']['pids']"
	run -0 as_nested run c
	# without a user namespace of the container's own, as dockerd has it there
	cfg "c['linux']['namespaces'] = [n for n in c['linux']['namespaces'] if n['type'] != 'user']
del c['linux']['uidMappings'], c['linux']['gidMappings']
c['process']['args'] = ['sleep', '30']"
	as_nested run -d c >"$RT/out" 2>&1 3>&- || { cat "$RT/out"; false; }
	[ "$(stat -c %u "/proc/$(pid_of c)")" = 2000 ]
	as_nested delete --force c
	[ -z "$(ls "$RT/state" | grep -v '^\.')" ]
}
