#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# sd_notify(3) from a container, as both peers pass it on: the service's readiness, and no word else.

bats_require_minimum_version 1.5.0

setup() {
	load runtime.bash
	rt_begin
	# says: a program without libraries that sends its arguments, each as a datagram
	cat >"$RT/say.c" <<-'C'
	#include <stdlib.h>
	#include <string.h>
	#include <sys/socket.h>
	#include <sys/un.h>
	int main(int argc, char **argv)
	{
		struct sockaddr_un to = { AF_UNIX };
		const char *path = getenv("NOTIFY_SOCKET");
		int sock = socket(AF_UNIX, SOCK_DGRAM, 0);

		if (!path)
			return 3;
		strncpy(to.sun_path, path, sizeof(to.sun_path) - 1);
		for (int i = 1; i < argc; i++) {
			if (sendto(sock, argv[i], strlen(argv[i]), 0, (void *)&to, sizeof(to)) < 0)
				return 4;
		}
		return 0;
	}
	C
	gcc -static -o "$RT/bundle/rootfs/bin/say" "$RT/say.c"
	service="$RT/service.sock"
}

teardown() {
	[ -z "${listener:-}" ] || kill "$listener" 2>/dev/null || true
	rt_end
}

# What arrives at the service manager's end, a datagram a line.
listen() { # address
	python3 -c '
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("\0" + sys.argv[1][1:] if sys.argv[1][0] == "@" else sys.argv[1])
open(sys.argv[2], "w").close()
while True:
    with open(sys.argv[2], "ab") as log:
        log.write(s.recv(4096) + b"\n")' "$1" "$RT/heard" 3>&- &
	listener=$!
	wait_for 5 test -e "$RT/heard"
}

has_heard() { [ "$(wc -l <"$RT/heard")" = "$1" ]; } # number of datagrams
pid_of() { oci state "$1" | jq .pid; }

@test "notify: run passes on that the program is ready, and only that, with the process that is the service" {
	listen "$service"
	bundle sh -c 'say MAINPID=1 WATCHDOG=1 "STATUS=up
READY=1" READY=1; echo "$NOTIFY_SOCKET"'
	run -0 bash -c 'cd "$1/bundle" && echo $$ >"$1/pid" && export NOTIFY_SOCKET=$2 && exec "$CUBE_OCI" --root "$1/state" run c' bash "$RT" "$service"
	[ "$output" = "$service/notify" ]
	wait_for 5 has_heard 2
	[ "$(cat "$RT/heard")" = $'READY=1\nMAINPID='"$(cat "$RT/pid")" ]
}

@test "notify: run -d and start return when the program is ready" {
	listen "$service"
	bundle sh -c 'until [ -e /tmp/go ]; do sleep 0.02; done; say READY=1; sleep 30'
	(cd "$RT/bundle" && NOTIFY_SOCKET=$service oci create c >/dev/null 2>&1 3>&-)
	NOTIFY_SOCKET=$service "$CUBE_OCI" --root "$RT/state" start c 3>&- &
	start=$!
	wait_for 5 status_is c running
	kill -0 $start
	[ ! -s "$RT/heard" ]
	touch "$RT/bundle/rootfs/tmp/go"
	wait $start
	wait_for 5 grep -qx "MAINPID=$(pid_of c)" "$RT/heard"
	oci delete --force c
	: >"$RT/heard"
	(cd "$RT/bundle" && NOTIFY_SOCKET=$service oci run -d c >/dev/null 2>&1 3>&-)
	wait_for 5 grep -qx "MAINPID=$(pid_of c)" "$RT/heard"
	[ "$(head -n 1 "$RT/heard")" = READY=1 ]
}

@test "notify: a program that goes on to tell how it is does not wait for somebody to listen" {
	listen "$service"
	bundle sh -c 'say READY=1; say $(seq 600) && echo said'
	NOTIFY_SOCKET=$service run -0 timeout 10 bash -c 'cd "$1/bundle" && exec "$CUBE_OCI" --root "$1/state" run c' bash "$RT"
	[ "$output" = said ]
	wait_for 5 has_heard 2
}

@test "notify: a program that ends without a word is not waited for" {
	listen "$service"
	bundle true
	(cd "$RT/bundle" && NOTIFY_SOCKET=$service oci run -d c >/dev/null 2>&1 3>&-)
	[ ! -s "$RT/heard" ]
}

@test "notify: an abstract socket, a user namespace, a variable of the configuration's own" {
	listen "@cube-test-$RT"
	bundle sh -c 'say READY=1 && echo "$NOTIFY_SOCKET"; mkdir "$NOTIFY_SOCKET.d"'
	cfg 'c["process"]["env"].append("NOTIFY_SOCKET=/elsewhere")
c["linux"]["namespaces"].append({"type": "user"})
c["linux"]["uidMappings"] = c["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 1000}]'
	chown -R 100000:100000 "$RT/bundle/rootfs"
	NOTIFY_SOCKET=@cube-test-$RT run run_container
	echo "$output"
	[ "${lines[0]}" = /run/notify/notify ]
	[[ "${lines[1]}" == *"Read-only file system"* ]]
	wait_for 5 grep -qx READY=1 "$RT/heard"
}

@test "notify: without a service manager there is nothing to notify" {
	bundle say READY=1
	env -u NOTIFY_SOCKET bash -c 'cd "$1/bundle" && "$CUBE_OCI" --root "$1/state" run c' bash "$RT" && return 1
	[ $? = 3 ]
	# one that is gone does no harm
	bundle say READY=1
	NOTIFY_SOCKET=$RT/nobody run -0 run_container
}
