#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# One test per published class of container escape. Each states the attack as a function that succeeds when the container
# got out, and runs it twice: against cube-oci, where it must fail, and against cube-oci with only the defence in question
# taken out (base/defence.h), where it must succeed: so no test can pass because its attack is no attack.
# Malicious paths in image layers are refused where layers are unpacked: test/unit/image/test_unpack.c.

bats_require_minimum_version 1.5.0

setup() {
	load runtime.bash
	rt_begin
	mkdir "$RT/host"
	echo secret >"$RT/host/file"
}

teardown() {
	[ -z "${exchanging:-}" ] || kill "$exchanging"
	rt_end
}

# stopped_by DEFENCE ATTACK...
stopped_by() {
	local good=$CUBE_OCI bad=$CUBE_BUILD/test/system/cube-oci-without
	local -x CUBE_WITHOUT_DEFENCE=$1
	shift
	echo "with all defences:"
	if "$@"; then echo "the container got out"; return 1; fi
	oci delete --force c
	CUBE_OCI=$bad
	echo "with the defence taken out:"
	if ! "$@"; then echo "the attack does not work: it proves nothing"; CUBE_OCI=$good; return 1; fi
	oci delete --force c
	CUBE_OCI=$good
}

# output of the container, whatever happens to it
attempt() { run timeout 10 sh -c "cd '$RT/bundle' && exec '$CUBE_OCI' --root '$RT/state' run ${1:-} c"; echo "$output"; }

@test "the runtime's program cannot be reached through /proc/self/exe (CVE-2019-5736)" {
	printf '#!/proc/self/exe\n' >"$RT/bundle/rootfs/bin/trap"
	chmod +x "$RT/bundle/rootfs/bin/trap"
	# with its libraries there, the runtime's file would run
	bundle /proc/self/exe --version
	cfg '[c["mounts"].append({"destination": d, "type": "bind", "source": d, "options": ["rbind", "ro"]}) for d in ("/lib", "/lib64", "/usr/lib")]'
	mkdir -p "$RT/bundle/rootfs/usr"
	attack() { attempt; [[ "$output" == *"spec: 1."* ]]; }
	stopped_by program-file attack
	cfg 'c["process"]["args"] = ["sleep", "30"]'
	attack() {
		(cd "$RT/bundle" && oci run -d c >/dev/null 2>&1 3>&-)
		run oci exec c /bin/trap --version
		[[ "$output" == *"spec: 1."* || "$output" == *"Open Container Initiative runtime"* || "$output" == *"No help topic for '/bin/trap'"* ]]
	}
	stopped_by program-file attack
}

@test "descriptors of the engine do not reach the program (CVE-2024-21626, CVE-2016-9962)" {
	bundle cat /proc/self/fd/9/file
	exec 9<"$RT/host"
	attack() { attempt; [ "$output" = secret ]; }
	stopped_by descriptors attack
	cfg 'c["process"]["args"] = ["sleep", "30"]'
	attack() {
		(cd "$RT/bundle" && oci run -d c >/dev/null 2>&1 3>&-)
		run oci exec c cat /proc/self/fd/9/file
		[ "$output" = secret ]
	}
	stopped_by descriptors attack
	exec 9<&-
}

@test "no descriptor of the runtime leads the program's path, or an interpreter's, to files of the host (CVE-2024-21626)" {
	cp "$(command -v busybox)" "$RT/host/busybox"
	bundle true
	attack() {
		local n way
		for n in 5 6 7 8 9 11; do
			way=/proc/self/fd/$n/../../../../../../../../..$RT/host/busybox
			printf '#!%s sh\necho escaped\n' "$way" >"$RT/bundle/rootfs/bin/script"
			cfg "c['process']['args'] = ['$way', 'echo', 'escaped']"
			attempt
			[ "$output" != escaped ] || return 0
			oci delete --force c 2>/dev/null || true
			cfg "c['process']['args'] = ['/bin/script']"
			attempt
			[ "$output" != escaped ] || return 0
			oci delete --force c 2>/dev/null || true
		done
		return 1
	}
	touch "$RT/bundle/rootfs/bin/script"
	chmod 755 "$RT/bundle/rootfs/bin/script"
	stopped_by descriptors attack
	attack() {
		local n
		cfg "c['process']['args'] = ['sleep', '30']"
		(cd "$RT/bundle" && oci run -d c >/dev/null 2>&1 3>&-)
		for n in 5 6 7 8 9 11; do
			run oci exec c /proc/self/fd/$n/../../../../../../../../.."$RT/host/busybox" echo escaped
			[ "$output" != escaped ] || return 0
		done
		return 1
	}
	stopped_by descriptors attack
}

@test "the working folder cannot be outside, not even through a link to a descriptor (CVE-2024-21626)" {
	bundle cat file
	exec 9<"$RT/host"
	attack() { attempt; [ "$output" = secret ]; }
	cfg 'c["process"]["cwd"] = "/proc/self/fd/9"'
	stopped_by working-folder attack
	ln -s /proc/self/fd/9 "$RT/bundle/rootfs/link"
	cfg 'c["process"]["cwd"] = "/link"'
	stopped_by working-folder attack
	cfg 'c["process"].update(cwd="/", args=["sleep", "30"])'
	attack() {
		(cd "$RT/bundle" && oci run -d c >/dev/null 2>&1 3>&-)
		run oci exec --cwd /proc/self/fd/9 c cat file
		[ "$output" = secret ]
	}
	stopped_by working-folder attack
	exec 9<&-
}

@test "links in an image do not lead mount targets out of it (CVE-2021-30465)" {
	ln -s "$RT/host" "$RT/bundle/rootfs/escape"
	bundle true
	cfg 'c["mounts"].append({"destination": "/escape/made", "type": "tmpfs", "source": "x"})'
	attack() { attempt; [ -e "$RT/host/made" ]; }
	stopped_by beneath-root attack
}

@test "a folder that becomes a link while it is mounted on does not lead out (CVE-2021-30465, CVE-2024-45310)" {
	mkdir -p "$RT/bundle/rootfs/volume/folder"
	ln -s "$RT/host" "$RT/bundle/rootfs/volume/link"
	bundle true
	cfg 'c["mounts"].append({"destination": "/volume/folder/made", "type": "tmpfs", "source": "x"}); c["linux"]["readonlyPaths"].append("/volume/folder")'
	# another container with the same volume goes on exchanging the two
	python3 -c 'if True:
		import ctypes, sys
		rename = ctypes.CDLL(None).renameat2
		a, b = (sys.argv[1].encode() + name for name in (b"/folder", b"/link"))
		while True:
		    rename(-100, a, -100, b, 2)' "$RT/bundle/rootfs/volume" 3>&- &
	exchanging=$!
	attack() {
		local i
		for i in {1..25}; do
			(cd "$RT/bundle" && oci run c >/dev/null 2>&1 3>&-) || true # it may well find nothing there
			[ ! -e "$RT/host/made" ] || return 0
		done
		return 1
	}
	stopped_by beneath-root attack
}

@test "links in an image do not lead /dev/console and devices out of it (CVE-2025-52565)" {
	ln -s "$RT/host" "$RT/bundle/rootfs/dev"
	bundle true
	cfg 'c["mounts"] = [m for m in c["mounts"] if m["destination"] != "/dev"]; c["process"]["terminal"] = True'
	attack() { attempt; [ -e "$RT/host/console" ] || [ -e "$RT/host/null" ]; }
	stopped_by beneath-root attack
}

@test "links in an image do not lead masked and read-only paths out of it" {
	mkdir "$RT/bundle/rootfs/hidden"
	ln -s "$RT/host" "$RT/bundle/rootfs/escape"
	# a mask that lands on the host's file leaves the container's own unmasked
	mkdir -p "$RT/bundle/rootfs$RT/host"
	echo open >"$RT/bundle/rootfs$RT/host/file"
	bundle cat "$RT/host/file"
	cfg 'c["linux"]["maskedPaths"].append("/escape/file")'
	attack() { attempt; [ "$output" = open ]; }
	stopped_by beneath-root attack
}

@test "an image's own /dev/null does not unmask files (CVE-2025-31133)" {
	mkdir -p "$RT/bundle/rootfs/dev"
	echo evil >"$RT/bundle/rootfs/tmp/evil"
	ln -s /tmp/evil "$RT/bundle/rootfs/dev/null"
	bundle cat /proc/timer_list
	cfg 'c["mounts"] = [m for m in c["mounts"] if not m["destination"].startswith("/dev")]; c["root"]["readonly"] = False'
	attack() { attempt; [ "$output" = evil ]; }
	stopped_by null-device attack
}

@test "proc cannot be mounted elsewhere through a link (CVE-2019-19921, CVE-2023-27561)" {
	ln -s /tmp "$RT/bundle/rootfs/proc"
	bundle cat /tmp/1/comm
	attack() { attempt; [ "$output" = cat ]; }
	stopped_by proc-target attack
	rm -r "$RT/bundle/rootfs/proc" "$RT/bundle/rootfs/sys"
	ln -s /tmp "$RT/bundle/rootfs/sys"
	bundle ls /tmp
	attack() { attempt; [[ "$output" == *kernel* ]]; }
	stopped_by proc-target attack
}

@test "a /proc of the container's own does not catch what is set for it (CVE-2019-16884, CVE-2025-52881)" {
	mkdir -p "$RT/fake/self"
	bundle cat /proc/self/oom_score_adj
	cfg "c['process']['oomScoreAdj'] = 123; c['mounts'][0] = {'destination': '/proc', 'type': 'bind', 'source': '$RT/fake', 'options': ['rbind']}; c['linux']['maskedPaths'] = c['linux']['readonlyPaths'] = []"
	attack() { : >"$RT/fake/self/oom_score_adj"; attempt; grep -q 123 "$RT/fake/self/oom_score_adj"; }
	stopped_by host-proc attack
	# … nor a profile that it then runs without
	mkdir -p "$RT/fake/self/attr/apparmor"
	: >"$RT/fake/self/attr/apparmor/exec"
	cfg "del c['process']['oomScoreAdj']; c['process'].update(apparmorProfile='nosuch', args=['echo', 'started'])"
	attack() { attempt; [[ "$output" == *started* ]]; }
	stopped_by host-proc attack
}

@test "a sysctl of a namespace is none of the host's by another name (CVE-2022-0811)" {
	bundle echo "set"
	# the same value once more: what the attack is after without its effect
	cfg "c['linux']['sysctl'] = {'net.//.vm.max_map_count': '$(cat /proc/sys/vm/max_map_count)'}"
	attack() { attempt; [ "$output" = "set" ]; }
	stopped_by sysctl-name attack
}

@test "a /dev/pts that is none does not hand the host's terminals out (CVE-2025-52565)" {
	mkdir "$RT/pts"
	ln -s /dev/pts/ptmx "$RT/pts/ptmx"
	bundle echo started
	cfg "c['process']['terminal'] = True; [m.update(type='bind', source='$RT/pts', options=['rbind']) for m in c['mounts'] if m['destination'] == '/dev/pts']"
	attack() { attempt; [[ "$output" == *started* ]]; }
	stopped_by terminal attack
}

@test "cgroup files, release_agent's among them, cannot be written (CVE-2022-0492)" {
	bundle sh -c 'for f in /sys/fs/cgroup /sys/fs/cgroup/*; do mkdir $f/made 2>/dev/null && rmdir $f/made && echo made; done; true'
	ln -s busybox "$RT/bundle/rootfs/bin/rmdir"
	attack() { attempt; [[ "$output" == *made* ]]; }
	stopped_by cgroup-readonly attack
}

@test "nothing joins a frozen container" {
	bundle sleep 30
	attack() {
		(cd "$RT/bundle" && oci run -d c >/dev/null 2>&1 3>&-)
		oci pause c
		run timeout 1 "$CUBE_OCI" --root "$RT/state" exec c true
		[[ "$output" != *paused* ]]
	}
	stopped_by paused attack
}

@test "supplementary groups of the engine are not the container's (CVE-2022-36109, CVE-2022-2990)" {
	chgrp 4242 "$RT/host/file"
	bundle id -G
	attack() {
		run setpriv --groups 0,4242 sh -c "cd '$RT/bundle' && exec '$CUBE_OCI' --root '$RT/state' run c"
		echo "$output"
		[[ " $output " == *" 4242 "* ]]
	}
	stopped_by groups attack
	chown -R 100000:100000 "$RT/bundle"
	cfg 'c["linux"]["namespaces"].append({"type": "user"}); c["linux"]["uidMappings"] = c["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]'
	attack() {
		run setpriv --groups 0,4242 sh -c "cd '$RT/bundle' && exec '$CUBE_OCI' --root '$RT/state' run c"
		echo "$output"
		[[ " $output " == *" 65534 "* ]] # unmapped, and still there
	}
	stopped_by groups attack
}

@test "a container cannot look into or trace who joins it (CVE-2016-9962)" {
	# root of a user namespace; whoever joins spends a while looking for its program
	bundle sh -c 'while :; do for p in /proc/[0-9]*; do
		read -r comm 2>/dev/null <$p/comm
		case "$comm" in cube-oci*) echo seen; ls -l $p/fd 2>&1 | grep -q socket: && echo caught;; esac
	done; done'
	chown -R 100000:100000 "$RT/bundle"
	cfg 'c["linux"]["namespaces"].append({"type": "user"}); c["linux"]["uidMappings"] = c["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]; c["process"]["capabilities"] = {k: ["CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE"] for k in ("bounding", "effective", "permitted")}'
	python3 -c 'import json; print(json.dumps({"args": ["true"], "cwd": "/", "user": {"uid": 0, "gid": 0}, "env": ["PATH=" + "/none:" * 400000 + "/bin"]}))' >"$RT/process"
	attack() {
		(cd "$RT/bundle" && oci run -d c >"$RT/out" 2>&1 3>&-)
		oci exec -p "$RT/process" c
		sort "$RT/out" | uniq -c
		grep -q seen "$RT/out" || { echo "nobody was seen joining"; false; }
		grep -q caught "$RT/out"
	}
	stopped_by undumpable attack
}

@test "without pivot_root the host's proc cannot be mounted once more without its masks" {
	bundle unshare -mrpf sh -c 'mount -t proc none /proc && echo got out'
	cp "$(command -v busybox)" "$RT/bundle/rootfs/bin/unshare"
	cfg '[c["process"]["capabilities"][s].append("CAP_SETFCAP") for s in ("bounding", "permitted")]'
	attack() { attempt --no-pivot; [[ "$output" == *"got out"* ]]; }
	stopped_by host-mounts attack
}
