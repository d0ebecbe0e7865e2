#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Mounts where they are difficult: in user namespaces, through links that lead nowhere, from what other mounts bring about.

bats_require_minimum_version 1.5.0

setup() {
	load runtime.bash
	rt_begin
	MADE=$RT/source
}
teardown() {
	[ ! -d "$MADE" ] || umount -l "$MADE" 2>/dev/null || true
	rt_end
}

userns() {
	cfg 'c["linux"]["namespaces"].append({"type": "user"})
c["linux"]["uidMappings"] = c["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]'
	chown -R 100000:100000 "$RT/bundle/rootfs"
}

# A source with these flags of its own, bound to /mnt with these options; prints the flags there.
flags_of() { # source-flags option...
	local have=$1
	shift
	if [ ! -d "$MADE" ]; then
		mkdir "$MADE"
		mount -t tmpfs -o suid,dev,exec,strictatime tmpfs "$MADE"
	fi
	mount --bind -o remount,rw,suid,dev,exec,diratime,strictatime "$MADE"
	mount --bind -o "remount,$have" "$MADE"
	cfg "c['mounts'] = [m for m in c['mounts'] if m['destination'] != '/mnt'] + [
	{'destination': '/mnt', 'type': 'bind', 'source': '$MADE', 'options': '$*'.split()}]"
	run_container
}

@test "bind mounts: without flags they keep the source's, with one the others go, times but for" {
	bundle awk '$2 == "/mnt" { print $4 }' /proc/self/mounts
	run -0 flags_of ro,noexec,nodiratime rbind rprivate
	[[ $output == ro,noexec,nodiratime* ]]
	run -0 flags_of ro,noexec,nodiratime rbind dev
	[[ $output == rw,nodiratime* ]]
	run -0 flags_of ro bind rw nosuid nodev
	[[ $output == rw,nosuid,nodev* ]]
	run -0 flags_of noatime bind ro atime
	[[ $output == ro,noatime* ]]
	run -0 flags_of noatime bind strictatime
	[[ $output == rw* && $output != *atime* ]]
}

@test "bind mounts in a user namespace: flags of the source stay, clearing one is refused" {
	bundle awk '$2 == "/mnt" { print $4 }' /proc/self/mounts
	userns
	run -0 flags_of ro,nosuid,noatime bind nodev
	[[ $output == ro,nosuid,nodev,noatime* ]]
	run -0 flags_of nosuid,nodev,noexec bind ro
	[[ $output == ro,nosuid,nodev,noexec* ]]
	run -1 flags_of ro bind rw
	[[ $output == *"cannot clear locked flags ro: operation not permitted"* ]]
	run -1 flags_of noatime bind relatime
	[[ $output == *"cannot change locked atime flags: operation not permitted"* ]]
}

@test "bind mounts go where links lead that lead nowhere yet, inside the root" {
	bundle cat /tmp/foo/bar/baz/hosts
	echo hello >"$RT/hosts"
	ln -s /tmp/foo/bar "$RT/bundle/rootfs/jump"
	mkdir "$RT/bundle/rootfs/etc"
	ln -s ../../../jump/baz/hosts "$RT/bundle/rootfs/etc/hosts"
	ln -s /etc/../tmp/folder "$RT/bundle/rootfs/etc/folder"
	ln -s loop "$RT/bundle/rootfs/etc/loop"
	cfg "c['mounts'] += [{'destination': '/etc/hosts', 'source': '$RT/hosts', 'options': ['bind']},
	{'destination': '/etc/folder', 'source': '$RT/state', 'options': ['bind']}]"
	run -0 run_container
	[ "$output" = hello ]
	[ -f "$RT/bundle/rootfs/tmp/foo/bar/baz/hosts" ]
	[ -d "$RT/bundle/rootfs/tmp/folder" ]
	cfg "c['mounts'][-1]['destination'] = '/etc/loop'"
	run -1 run_container
	[[ $output == *"Too many levels of symbolic links"* ]]
}

# a/x … as a tree of binds, bound as a whole: the sources are what the mounts before have made
tree() { # option
	mkdir -p "$RT/src/a/x" "$RT/src/b/y"
	echo deep >"$RT/src/b/y/file"
	chmod 700 "$RT/src"
	cfg "r = '$RT/bundle/rootfs'
c['mounts'] += [{'destination': d, 'source': s, 'options': o.split()} for d, s, o in (
	('/mnt', '$RT/src/a', 'bind'), ('/mnt/x', '$RT/src/b', 'bind'), (r + '/final', r + '/mnt', '$1'))]"
}

@test "bind mounts from what other mounts brought into the root, named as the host names them" {
	bundle cat /final/x/y/file
	tree rbind
	run -0 run_container
	[ "$output" = deep ]
	bundle sh -c 'cat /final/x/y/file; ls -ln /final/x/y /mnt/x/y | grep file'
	userns
	tree "rbind ridmap"
	run run_container
	echo "$output"
	[ "${lines[0]}" = deep ]
	[[ "${lines[1]}" == *" 0 "*" 0 "* ]]
	[[ "${lines[2]}" == *" 65534 "*" 65534 "* ]]
}

@test "id-mapped mounts of a user namespace that is joined: by its own map" {
	bundle sleep 60
	userns
	cfg "c['linux']['cgroupsPath'] += '-other'"
	(cd "$RT/bundle" && oci run -d other >/dev/null 2>&1)
	pid=$(oci state other | jq .pid)
	mkdir "$RT/owned"
	touch "$RT/owned/file"
	chown 7:8 "$RT/owned/file"
	bundle sh -c 'ls -ln /mnt | grep file'
	cfg "c['linux']['namespaces'].append({'type': 'user', 'path': '/proc/$pid/ns/user'})
c['mounts'].append({'destination': '/mnt', 'source': '$RT/owned', 'options': ['rbind', 'idmap']})"
	run run_container
	echo "$output"
	[[ $output == *" 7 "*" 8 "* ]]
}
