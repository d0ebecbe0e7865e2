# SPDX-License-Identifier: Apache-2.0
# The command line as engines and the peers' own test suites use it: output they match on, flags, exit statuses.
bats_require_minimum_version 1.5.0
load runtime.bash

setup() { rt_begin; }
teardown() { rt_end; }

run_detached() { (cd "$RT/bundle" && oci run -d "${@:-c}" >/dev/null 2>&1 3>&-); }

# Accepts one connection on socket $1 and writes to file $2 what comes with it: text, then what kind of descriptor.
receive_fd() {
	python3 - "$1" "$2" <<-'PY' 3>&- &
	import os, select, signal, socket, sys
	s = socket.socket(socket.AF_UNIX)
	s.bind(sys.argv[1])
	s.listen(1)
	c = s.accept()[0]
	text, fds, _, _ = socket.recv_fds(c, 4096, 4)
	print(text.decode(), os.readlink(f"/proc/self/fd/{fds[0]}"), file=open(sys.argv[2] + ".new", "w"))
	os.rename(sys.argv[2] + ".new", sys.argv[2])
	if "pidfd" in text.decode():
	    signal.pidfd_send_signal(fds[0], signal.SIGKILL)
	PY
	wait_for 5 test -S "$1"
}

@test "help: of the program, of each command, of none" {
	ln -s "$CUBE_OCI" "$RT/runc"
	for flag in -h --help; do
		run "$RT/runc" $flag
		[ "$status" -eq 0 ]
		[ "${lines[0]}" = NAME: ]
		[[ "${lines[1]}" == *"runc - Open Container Initiative runtime"* ]]
	done
	for command in create delete events exec features kill list pause ps resume run spec start state update; do
		run "$RT/runc" $command -h
		[ "$status" -eq 0 ]
		[[ "${lines[1]}" == *"runc $command "* ]]
	done
	run oci foo -h
	[ "$status" -ne 0 ]
	[[ "$output" == *"No help topic for 'foo'"* ]]
}

@test "version: program, commit, specification" {
	ln -s "$CUBE_OCI" "$RT/runc"
	for flag in -v --version; do
		run "$RT/runc" $flag
		[ "$status" -eq 0 ]
		[[ "${lines[0]}" =~ ^runc\ version\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
		[[ "${lines[1]}" == commit:* ]]
		[[ "${lines[2]}" =~ ^spec:\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
	done
}

@test "log: level, msg and time, as text and as JSON; warnings and debugging go there too" {
	bundle true
	cfg 'c["process"]["capabilities"]["bounding"].append("CAP_MOON")'
	run -0 oci --log "$RT/log" run -b "$RT/bundle" c
	[ -z "$output" ]
	grep -q '^time="[^"]*" level=warning msg="process.capabilities: \\"CAP_MOON\\" is not known here"$' "$RT/log"
	rm "$RT/log"
	run -0 oci --log "$RT/log" --log-format json --debug run -b "$RT/bundle" c
	[ -z "$output" ]
	run -1 oci --log "$RT/log" --log-format json start nosuch
	[[ "$output" == 'cube-oci: container "nosuch" does not exist' ]]
	python3 - "$RT/log" <<-'PY'
	import json, sys
	rows = [json.loads(l) for l in open(sys.argv[1])]
	assert all(set(r) == {"level", "msg", "time"} for r in rows)
	assert rows[-1]["level"] == "error" and rows[-1]["msg"] == 'container "nosuch" does not exist'
	assert any(r["level"] == "debug" for r in rows) and any(r["level"] == "warning" for r in rows)
	PY
	run -1 oci --log /nosuch/log list
	[[ "$output" == *"--log /nosuch/log"* ]]
	# as their test suites look for it
	run -0 oci --debug run -b "$RT/bundle" c
	[[ "$output" == *"level=debug"* && "$output" == *"nsexec started"* && "$output" == *"child process in init()"* ]]
	bundle sleep 30
	run_detached
	run -0 oci --debug exec c true
	[[ "$output" == *"nsexec container setup"* && "$output" == *"child process in init()"* ]]
	[[ "$output" == *"setns_init: about to exec"* ]]
}

@test "flags may follow the arguments, except another program's" {
	bundle sleep 30
	run_detached
	run -0 oci update c --pids-limit 77
	[ "$(cat "/sys/fs/cgroup/pids$CG/c/pids.max")" = 77 ]
	run -0 oci exec c echo --user x
	[ "$output" = "--user x" ]
	run -0 oci kill c KILL
	wait_for 5 status_is c stopped
	run -0 oci delete c --force
}

@test "exec: 255 for what keeps the program from running" {
	bundle sleep 30
	run_detached
	run -1 oci exec c false
	run -42 oci exec c sh -c 'exit 42'
	run -137 oci exec c sh -c 'kill -9 $$'
	run -255 oci exec --pid-file /nosuch/dir/pid c true
	run -255 oci exec c no-such-binary
	run -255 oci exec nosuch true
	run -255 oci exec c
	oci pause c
	run -255 oci exec c true
	[[ "$output" == *"cannot exec in a paused container"* ]]
	(sleep 0.5; oci resume c) 3>&- &
	run -0 oci exec --ignore-paused c echo ok
	[ "$output" = ok ]
}

@test "exec: one line for a script whose interpreter is missing" {
	printf '#!/mmnnttbb foo bar\nsh\n' >"$RT/bundle/rootfs/run.sh"
	chmod +x "$RT/bundle/rootfs/run.sh"
	bundle /run.sh
	run -1 run_container
	[ "$output" = "exec /run.sh: no such file or directory" ]
	bundle sleep 30
	run_detached
	run -255 oci exec -t c /run.sh
	[ "$output" = "exec /run.sh: no such file or directory" ]
	[ "${#lines[@]}" -eq 1 ]
}

@test "exec: user, groups, HOME, preserved descriptors, pid file, new working folder" {
	echo 'tempuser:x:2000:2000:tempuser:/home/tempuser:/bin/sh' >"$RT/passwd"
	mkdir -p "$RT/bundle/rootfs/etc"
	cp "$RT/passwd" "$RT/bundle/rootfs/etc/passwd"
	bundle sleep 30
	cfg 'c["process"]["env"] = ["PATH=/bin"]'
	run_detached
	run -0 oci exec --user 1000:1000 --additional-gids 100 --additional-gids 65534 c id -G
	[ "$output" = "1000 100 65534" ]
	run -0 oci exec --user 1000 c sh -uc 'echo $HOME'
	[ "$output" = / ]
	run -0 oci exec -u 2000 c sh -c 'echo $HOME'
	[ "$output" = /home/tempuser ]
	echo hello >"$RT/hello"
	exec 4<"$RT/hello"
	run -0 oci exec --preserve-fds=2 c cat /proc/self/fd/4
	[ "$output" = hello ]
	exec 4<&-
	run -255 bash -c 'exec 3>&-; exec "$@"' bash "$CUBE_OCI" --root "$RT/state" exec --preserve-fds=1 c true
	[[ "$output" == *"preserved-fd 0"* ]]
	run -1 bash -c 'exec 3>&-; exec "$@"' bash "$CUBE_OCI" --root "$RT/state" run -b "$RT/bundle" --preserve-fds=1 c2
	[[ "$output" == *"preserved-fd 0"* ]]
	cd "$RT"
	run -0 oci exec --pid-file pid.txt c true
	[[ "$(cat "$RT/pid.txt")" =~ ^[0-9]+$ ]]
	run -0 oci exec --cwd /tmp c sh -c pwd
	[ "$output" = /tmp ]
	run -0 oci exec --cap CAP_SYS_TIME c grep CapBnd /proc/self/status
	[[ "$output" == *0000000022000420 ]]
	# the host's own null device stays root's
	oci exec -d --user 1000:1000 c true </dev/null
	[ "$(stat -c %u /dev/null)" = 0 ]
}

@test "a pidfd is handed over for create, run and exec" {
	bundle sleep 30
	receive_fd "$RT/s1" "$RT/r1"
	(cd "$RT/bundle" && oci create --pidfd-socket "$RT/s1" c >/dev/null 2>&1 3>&-)
	wait_for 5 status_is c stopped
	[ "$(cat "$RT/r1")" = "pidfd anon_inode:[pidfd]" ]
	oci delete c
	receive_fd "$RT/s2" "$RT/r2"
	run_detached --pidfd-socket "$RT/s2" c
	wait_for 5 status_is c stopped
	oci delete c
	run_detached
	receive_fd "$RT/s3" "$RT/r3"
	oci exec -d --pid-file "$RT/pid" --pidfd-socket "$RT/s3" c sleep 77 >/dev/null 2>&1 3>&-
	gone() { ! oci ps -f json c | grep -qw "$(cat "$RT/pid")"; }
	wait_for 5 gone
	status_is c running
	run -255 oci exec --pidfd-socket "$RT/nosuch" c true
	[[ "$output" == *"--pidfd-socket"* ]]
}

@test "create: undone when its pid cannot be written" {
	bundle sleep 30
	run -1 oci create -b "$RT/bundle" --pid-file /nosuch/dir/pid c
	[ ! -e "$RT/state/c" ]
	run -1 oci run -d -b "$RT/bundle" --pidfd-socket /nosuch/socket c
	[ ! -e "$RT/state/c" ]
}

@test "list: by name, table, quiet and JSON; a root that is not there is an error" {
	bundle sleep 30
	for id in box3 box1 box2; do
		cfg "c['linux']['cgroupsPath'] = '$CG/$id'"
		run_detached $id
	done
	run -0 oci list
	[[ "${lines[0]}" =~ ^ID\ +PID\ +STATUS\ +BUNDLE\ +CREATED\ +OWNER ]]
	for i in 1 2 3; do
		[[ "${lines[$i]}" =~ ^box$i\ +[0-9]+\ +running\ +$RT/bundle\ +[0-9TZ:.-]+\ +root ]]
	done
	run -0 oci list -q
	[ "$(echo $output)" = "box1 box2 box3" ]
	run -0 oci list --format json
	echo "$output"
	[[ "$output" == '[{"ociVersion":"'*'","id":"box1","pid":'*',"status":"running","bundle":"'*'","rootfs":"'*'","created":"'*'}]' ]]
	run -1 "$CUBE_OCI" --root "$RT/nosuch" list
	[[ "$output" == *"open $RT/nosuch: No such file or directory"* ]]
	run -1 oci list --format xml
	[[ "$output" == *"invalid format option"* ]]
	cd "$RT"
	run -0 "$CUBE_OCI" --root state list -q
	[ "$(echo $output)" = "box1 box2 box3" ]
}

@test "ps: with options of ps, as JSON, of a stopped container" {
	bundle sleep 30
	run_detached
	run -0 oci ps c
	[[ "${lines[0]}" =~ UID\ +PID\ +PPID\ +C\ +STIME\ +TTY\ +TIME\ +CMD ]]
	[[ "${lines[1]}" =~ ^root\ +[0-9]+.*sleep\ 30 ]]
	[ "${#lines[@]}" -eq 2 ]
	run -0 oci ps -f json c
	[[ "$output" =~ ^\[[0-9]+\]$ ]]
	run -0 oci ps c -e -x
	[[ "${lines[0]}" =~ \ +PID\ +TTY\ +STAT\ +TIME\ +COMMAND ]]
	oci kill c KILL
	wait_for 5 status_is c stopped
	run -0 oci ps c
}

@test "kill: a stopped container, signal 0, containers in the host's pid namespace" {
	bundle sleep 30
	run_detached
	run -0 oci kill c 0
	oci kill c SIGKILL
	wait_for 5 status_is c stopped
	run -1 oci kill c 0
	[[ "$output" == *"container not running"* ]]
	run -0 oci kill -a c 0
	run -1 oci kill c nosuch
	[[ "$output" == *'unknown signal "nosuch"'* ]]
	oci delete c
	cfg 'c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "pid"]'
	none() { [ -z "$(cat "/sys/fs/cgroup/pids$CG/c/cgroup.procs" 2>/dev/null)" ]; }
	for way in 'kill c KILL' 'delete --force c' 'delete c'; do
		for first in alive gone; do
			[ "$way$first" != "delete calive" ] || continue
			run_detached
			for i in 1 2 3; do oci exec -d c sleep 66 >/dev/null 2>&1 3>&-; done
			[ "$(wc -l <"/sys/fs/cgroup/pids$CG/c/cgroup.procs")" = 4 ]
			if [ $first = gone ]; then
				kill -9 "$(oci state c | python3 -c 'import json,sys; print(json.load(sys.stdin)["pid"])')"
				wait_for 5 status_is c stopped
			fi
			run -0 oci $way
			wait_for 5 none
			oci delete --force c
		done
	done
}

@test "hooks that fail name themselves, end what they were for and leave nothing" {
	bundle echo hello
	for hook in prestart createRuntime createContainer startContainer poststart; do
		cfg "c['hooks'] = {'$hook': [{'path': '/bin/true'}, {'path': '/bin/false'}]}"
		run -1 run_container
		[[ "$output" == *"error running $hook hook #1: /bin/false: exit status 1"* ]]
		[ "$hook" = poststart ] || [[ "$output" != *hello* ]]
		[ -z "$(ls -A "$RT/state")" ]
	done
	bundle sleep 30
	cfg "c['hooks'] = {'poststart': [{'path': '/bin/false'}]}"
	oci create -b "$RT/bundle" c >/dev/null 2>&1 3>&-
	run -1 oci start c
	[[ "$output" == *"error running poststart hook #0"* ]]
	wait_for 5 status_is c stopped
	oci delete c
	# its own name as argv[0], the state's pid, killed by a signal
	cfg "c['hooks'] = {'createRuntime': [{'path': '/bin/sh', 'args': ['x', '-c', 'kill -SYS \$\$']}]}"
	run -1 run_container
	[[ "$output" == *"error running createRuntime hook #0: /bin/sh: signal: bad system call"* ]]
}

@test "events: figures once, at an interval, and running out of memory" {
	bundle sh -c 'sleep 1000; true'
	cfg 'c["linux"]["resources"].update({"memory": {"limit": 33554432, "swap": 33554432}, "pids": {"limit": 20}, "cpu": {"quota": 50000}})'
	run_detached
	run -0 oci events --stats c
	[[ "$output" == '{"type":"stats","id":"c","data":{'* ]]
	python3 - "$output" <<-'PY'
	import json, sys
	d = json.loads(sys.argv[1])["data"]
	assert d["pids"] == {"current": 2, "limit": 20}, d
	assert d["memory"]["usage"]["limit"] == 33554432 and d["memory"]["usage"]["usage"] > 0, d
	assert d["memory"]["raw"]["pgfault"] > 0 and "cache" in d["memory"], d
	assert d["cpu"]["usage"]["total"] > 0 and "kernel" in d["cpu"]["usage"], d
	assert "throttledPeriods" in d["cpu"]["throttling"], d
	PY
	oci events --interval 100ms c >"$RT/events" 3>&- &
	three() { [ "$(wc -l <"$RT/events")" -ge 3 ]; }
	wait_for 5 three
	(oci exec -d c sh -c 'x=$(dd if=/dev/urandom bs=5120k count=20)' >/dev/null 2>&1 3>&-) || true
	wait_for 20 grep -q '^{"type":"oom","id":"c"}$' "$RT/events"
	oci delete -f c
	wait
	run -1 oci events --interval 0s c
	run -1 oci events nosuch
}
