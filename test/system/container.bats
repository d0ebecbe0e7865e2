#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The container service with real containers. Each call of `t` is a service that was killed and opened again.

bats_require_minimum_version 1.5.0
load container.bash

setup() {
	place_begin
	make_image busybox --tag bb:1 --output "$PLACE/bb.tar"
	t import "$PLACE/bb.tar" >/dev/null
}
teardown() { place_end; }

@test "a container runs, its output and exit code are kept" {
	t --name c run bb:1 sh -c 'echo out; echo err >&2; exit 3'
	wait_for 5 is_status c "exited exit=3 oom=0"
	[ "$(t logs c 2>/dev/null)" = out ]
	[ "$(t logs c 2>&1 >/dev/null)" = err ]
	[[ "$(t --timestamps --tail 1 logs c 2>&1)" =~ ^20[0-9-]+T[0-9:]+\.[0-9]{9}Z\  ]]
}

@test "what the service was not there for is picked up after kill -9" {
	run t --die --name c run bb:1 sh -c 'echo before; sleep 0.5; echo after; exit 7'
	[ "$status" = 137 ]
	[[ "$(status_of c)" == running* ]]
	pid=$(pid_of c)
	kill -0 "$pid"
	wait_for 5 is_status c "exited exit=7 oom=0"
	[ "$(t logs c)" = "before
after" ]
}

@test "twenty kills leave one container running with one pid" {
	t --name c run bb:1 sleep 1000
	pid=$(pid_of c)
	for i in $(seq 20); do
		run t --die --name "k$i" run bb:1 true
		[ "$status" = 137 ]
		[ "$(pid_of c)" = "$pid" ]
	done
	for i in $(seq 20); do wait_for 5 is_status "k$i" "exited exit=0 oom=0"; done
}

@test "stop sends the stop signal, then KILL" {
	t --name polite run bb:1 sh -c 'trap "exit 9" TERM; while :; do sleep 0.05; done'
	t --name deaf run bb:1 sh -c 'trap "" TERM; echo ready; while :; do sleep 0.05; done'
	wait_for 5 sh -c "[ \"\$(cat $PLACE/data/containers/*/0.log | grep -c ready)\" = 1 ]"
	sleep 0.1
	t --timeout 5000 stop polite
	t --timeout 300 stop deaf
	wait_for 5 is_status polite "exited exit=9 oom=0"
	wait_for 5 is_status deaf "exited exit=137 oom=0"
	t --timeout 100 stop deaf # stopped already: fine
}

@test "start again counts, and keeps what was written" {
	t --name c run bb:1 sh -c 'echo x >>/count; wc -l </count'
	wait_for 5 is_status c "exited exit=0 oom=0"
	t start c
	wait_for 5 is_status c "exited exit=0 oom=0"
	[ "$(t logs c)" = "1
2" ]
	[[ "$(t list)" == *restarts=1* ]]
}

@test "exec: streams, exit code, user, directory, terminal, missing program" {
	t --name c run bb:1 sleep 1000
	run t exec c sh -c 'echo out; exit 5'
	[ "$status" = 5 ] && [ "$output" = out ]
	[ "$(printf 'a\nb\n' | t -i exec c cat)" = "a
b" ]
	[[ "$(t --user www-data --dir /tmp --env X=1 exec c sh -c 'id -u; pwd; echo $X')" = "33
/tmp
1" ]]
	[[ "$(t -t exec c sh -c 'tty; stty size')" == */dev/pts/0*24\ 80* ]]
	run -127 t exec c nosuchprogram
	[ "$status" = 127 ]
	[[ "$output" == *'exec: "nosuchprogram": executable file not found in $PATH'* ]]
	run t exec nosuchcontainer true
	[[ "$output" == *"No such container: nosuchcontainer"* ]]
}

@test "attach: input and output of the program itself" {
	t --name c -i --once run bb:1 sh -c 'read line; echo "got $line"; cat'
	[ "$(printf 'one\ntwo\n' | t -i attach c)" = "got one
two" ]
	wait_for 5 is_status c "exited exit=0 oom=0"
}

@test "logs are followed until the container ends" {
	t --name c run bb:1 sh -c 'for i in 1 2 3; do echo $i; sleep 0.2; done'
	[ "$(t --follow logs c)" = "1
2
3" ]
}

@test "json-file logs are read, too" {
	t --name c --json run bb:1 echo hello
	wait_for 5 is_status c "exited exit=0 oom=0"
	grep -q '"log":"hello\\n"' "$PLACE"/data/containers/*/*-json.log
	[ "$(t --json logs c)" = hello ]
}

@test "lack of memory is told apart from other ends" {
	t --name c --memory 20000000 run bb:1 sh -c 'x=a; while :; do x=$x$x; done'
	wait_for 20 is_status c "exited exit=137 oom=1"
}

@test "a program that is missing or cannot be run" {
	run t --name c run bb:1 nosuchprogram
	[ "$status" != 0 ]
	[[ "$output" == *'exec: "nosuchprogram": executable file not found in $PATH'* ]]
	run t --name d run nosuchimage true
	[[ "$output" == *"No such image: nosuchimage"* ]]
	run t --name c run bb:1 true
	[[ "$output" == *'The container name "/c" is already in use by container'* ]]
}

@test "mounts: read-only, sub path, missing source" {
	mkdir -p "$PLACE/vol/sub"
	echo top >"$PLACE/vol/file"
	echo deep >"$PLACE/vol/sub/file"
	ln -s / "$PLACE/vol/escape"
	t --name a --mount "$PLACE/vol:/v:ro" run bb:1 sh -c 'cat /v/file; echo x >/v/new'
	wait_for 5 is_status a "exited exit=1 oom=0"
	[[ "$(t logs a 2>&1)" == *top*Read-only* ]]
	t --name b --mount "$PLACE/vol:/v:sub" run bb:1 cat /v/file
	wait_for 5 is_status b "exited exit=0 oom=0"
	[ "$(t logs b)" = deep ]
	# a link in the volume stays in the volume
	t --name e --mount "$PLACE/vol:/v:escape" run bb:1 cat /v/file
	wait_for 5 is_status e "exited exit=0 oom=0"
	[ "$(t logs e)" = top ]
	run t --name m --mount "$PLACE/none:/v" run bb:1 true
	[[ "$output" == *"bind source path does not exist"* ]]
}

@test "a pod: one network, one hostname, shared memory; gone without a trace" {
	read -r pod address < <(t --cgroup-parent /pod1 --memory 200000000 sandbox p)
	t --name a --in "$pod" run bb:1 sh -c 'echo hello >/dev/shm/x; httpd -f -p 8080 -h /etc'
	t --name b --in "$pod" run bb:1 sleep 1000
	wait_for 5 in_place wget -qO- "http://$address:8080/passwd"
	[ "$(t exec b cat /dev/shm/x)" = hello ]
	t exec b wget -qO- http://127.0.0.1:8080/passwd | grep -q www-data
	[ "$(t exec a hostname)" = "$(t exec b hostname)" ]
	[[ "$(t exec b cat /etc/hosts)" == *"$address"* ]]
	[ "$(cat /sys/fs/cgroup/memory"$PLACE_CGROUP"/pod1/memory.limit_in_bytes 2>/dev/null || \
		cat /sys/fs/cgroup"$PLACE_CGROUP"/pod1/memory.max)" -le 200000000 ]
	run t rm p
	[[ "$output" == *"container is running"* ]]
	t -f rm p
	[ -z "$(t list)" ]
	[ "$(ls "$PLACE/data/containers")" = empty ]
	[ -z "$(find "$PLACE/run/containers" -mindepth 1 -type d)" ]
	[ -z "$(ls "$PLACE/data/leases")" ]
	! in_place grep -q "$PLACE" /proc/mounts
	! in_place ip link | grep -q veth
	[ -z "$(find /sys/fs/cgroup -type d -path "*$PLACE_CGROUP/pod1*")" ]
}

@test "a monitor that was killed leaves nothing running" {
	t --name c run bb:1 sleep 1234
	pid=$(pid_of c)
	monitor=$(awk '/^PPid/ { print $2 }' "/proc/$pid/status")
	kill -9 "$monitor"
	t list >/dev/null
	wait_for 10 is_status c "exited exit=255 oom=0"
	! kill -0 "$pid" 2>/dev/null
	t rm c
}

@test "stats count what a container without limits uses" {
	t --name c run bb:1 sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 1000'
	sleep 0.3
	read -r _ cpu _ memory _ set _ < <(t stats c)
	[ "$cpu" -gt 1000000 ]
	[ "$memory" -gt 0 ]
}

@test "a user of the image, and one that it lacks" {
	t --name c --user www-data run bb:1 id
	wait_for 5 is_status c "exited exit=0 oom=0"
	[[ "$(t logs c)" == "uid=33(www-data) gid=33(www-data)"* ]]
	run t --name d --user nosuchuser run bb:1 id
	[[ "$output" == *"unable to find user nosuchuser: no matching entries in passwd file"* ]]
	[ -z "$(status_of d)" ]
}
