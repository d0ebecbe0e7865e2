#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# script/up and script/down with their default folders, on a machine of the test's own.

load node.bash
load place.bash

setup() {
	place_begin
	place_snapshot >"$NODE_DIR/out/before"
}

teardown() {
	[ -n "$BATS_TEST_COMPLETED" ] || tail -n 20 "$NODE_DIR/own/var/lib/cube/server.log" >&2 || true # may not be there
	place_end
}

is_as_before() {
	place_snapshot >"$NODE_DIR/out/after"
	diff -u "$NODE_DIR/out/before" "$NODE_DIR/out/after"
}
# Processes end a moment after their parents were told.
nothing_is_left() { wait_for 3 is_as_before; }

server_pid() { cat "$NODE_DIR/own/run/cube/server.lock"; }
pods() { k -n demo get pods -l app=web -o 'jsonpath={range .items[*]}{.metadata.name} {.status.podIP} {.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount}{"\n"}{end}' | sort; }
versions() { k get deployments,replicasets,services,pods,namespaces -A -o 'jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.resourceVersion}{"\n"}{end}' | sort; }
pod_names() { pods | cut -d ' ' -f 1; }

@test "[W22] up from nothing: progress, state, answer, what to type; again: nothing changes; down: no trace" {
	run up
	echo "$output"
	[ "$status" = 0 ]
	has "$output" '^==> Server$'
	has "$output" '^==> Image cube-demo/web:1, from Debian'
	has "$output" '^==> Application$'
	has "$output" '^NAME +STATUS +ROLES +AGE +VERSION +INTERNAL-IP'
	has "$output" ' Ready +'
	has "$output" '^deployment.apps/web +3/3 +3 +3 '
	same 3 "$(grep -Ec '^pod/web-[a-z0-9-]+ +1/1 +Running ' <<<"$output")"
	has "$output" '^service/web +NodePort .* 80:30080/TCP'
	has "$output" '^http://192\.168\.77\.1:30080/ answers:$'
	has "$output" 'Hello from a container run by cube'
	has "$output" '^  export KUBECONFIG=/etc/kubernetes/admin.conf$'
	same 600 "$(stat -c %a "$NODE_DIR/own/etc/kubernetes/admin.conf")"
	same 1 "$(in_node cat /proc/sys/net/ipv4/ip_forward)"

	local pid before objects
	pid=$(server_pid) before=$(pods) objects=$(versions)
	run up
	[ "$status" = 0 ]
	has "$output" "^==> Server runs already \(process $pid\)$"
	has "$output" '^==> Image cube-demo/web:1 is there$'
	same "$pid" "$(server_pid)"
	same "$before" "$(pods)"
	same "$objects" "$(versions)"

	run down
	same "script/down: everything is gone" "$output"
	[ "$status" = 0 ]
	nothing_is_left
	run down
	[ "$status" = 0 ]
	nothing_is_left
}

@test "up after a reboot: the same pods run again, the image is still there" {
	up
	local names
	names=$(pod_names)
	k create configmap kept --from-literal=a=b
	place_power_off
	run up
	echo "$output"
	[ "$status" = 0 ]
	has "$output" '^==> Server$'
	has "$output" '^==> Image cube-demo/web:1 is there$'
	has "$output" '^deployment.apps/web +3/3 +3 +3 '
	same 3 "$(grep -Ec '^pod/web-[a-z0-9-]+ +1/1 +Running +1 ' <<<"$output")"
	has "$output" 'Hello from a container run by cube'
	same "$names" "$(pod_names)"
	same b "$(k get configmap kept -o 'jsonpath={.data.a}')"
	down
	nothing_is_left
}

@test "up after the server was killed: a stale file with a living pid is not believed, containers go on" {
	up
	local before pid
	before=$(pods) pid=$(server_pid)
	kill -9 "$pid"
	wait_for 5 fails test -e "/proc/$pid"
	echo "$NODE_PID" >"$NODE_DIR/own/run/cube/server.lock"
	run up
	[ "$status" = 0 ]
	has "$output" '^==> Server$'
	[ "$(server_pid)" != "$NODE_PID" ]
	kill -0 "$NODE_PID"
	same "$before" "$(pods)"
}

@test "up after a new build: the new server takes over, containers go on" {
	mkdir -p "$NODE_DIR/build/src/main"
	cp "$CUBE" "$CUBE_OCI" "$NODE_DIR/build/src/main/"
	local CUBE_BUILD=$NODE_DIR/build before pid
	up
	before=$(pods) pid=$(server_pid)
	cp "$CUBE" "$NODE_DIR/build/new"
	mv "$NODE_DIR/build/new" "$NODE_DIR/build/src/main/cube"
	run up
	echo "$output"
	[ "$status" = 0 ]
	has "$output" "^==> Server $pid runs an older build: the new one takes over, containers go on$"
	[ "$(server_pid)" != "$pid" ]
	same "$before" "$(pods)"
	down
	nothing_is_left
}

@test "down --keep-data keeps state, images and certificates, and nothing else; the next up finds them" {
	up
	k create configmap kept --from-literal=a=b
	local ca
	ca=$(cat "$NODE_DIR/own/etc/kubernetes/pki/ca.crt")
	run down --keep-data
	[ "$status" = 0 ]
	has "$output" 'everything is gone but state, images \(/var/lib/cube\) and certificates \(/etc/kubernetes\)'
	wait_for 3 only_data_is_left
	same "image server.lock server.log store" "$(ls "$NODE_DIR/own/var/lib/cube" | xargs)"
	run up
	echo "$output"
	[ "$status" = 0 ]
	has "$output" '^==> Image cube-demo/web:1 is there$'
	same b "$(k get configmap kept -o 'jsonpath={.data.a}')"
	same "$ca" "$(cat "$NODE_DIR/own/etc/kubernetes/pki/ca.crt")"
	down
	nothing_is_left
}
only_data_is_left() {
	place_snapshot | grep -Ev '^\./(var/lib/cube|etc/kubernetes)(/|$)' >"$NODE_DIR/out/after"
	diff -u "$NODE_DIR/out/before" "$NODE_DIR/out/after"
}

@test "down without records: folders of data and run are gone while all runs" {
	up
	kill -9 "$(server_pid)"
	in_node sh -c 'rm -rf --one-file-system /var/lib/cube /run/cube' || true # what is mounted stays
	run down
	echo "$output"
	[ "$status" = 0 ]
	in_node sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward' # what it was before is not known any more
	nothing_is_left
}

@test "down with damaged records, images and store" {
	up
	kill -9 "$(server_pid)"
	local record
	for record in "$NODE_DIR"/own/var/lib/cube/containers/*/record.json; do echo '{"spec":' >"$record"; done
	echo nonsense >"$NODE_DIR/own/var/lib/cube/image/images.json"
	head -c 8192 /dev/zero | tr '\0' x >"$NODE_DIR/own/var/lib/cube/store/data.mdb"
	run down
	echo "$output"
	[ "$status" = 0 ]
	nothing_is_left
}

@test "down with monitors that were killed, and containers left to themselves" {
	up
	kill -9 "$(server_pid)"
	local pid
	for pid in $(place_processes | cut -d ' ' -f 1); do
		[ "$(cat "/proc/$pid/comm")" != cube-monitor ] || kill -9 "$pid"
	done
	rm -rf "$NODE_DIR/own/run/cube/containers"
	down
	in_node sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'
	nothing_is_left
}

@test "down takes nothing that is not cube's" {
	up
	mkdir -p "$NODE_DIR/own/etc/kubernetes/manifests"
	echo mine | tee "$NODE_DIR/own/var/lib/cube/mine" "$NODE_DIR/own/var/log/pods/mine" "$NODE_DIR/own/etc/kubernetes/pki/mine.key" \
		"$NODE_DIR/own/etc/kubernetes/manifests/mine.yaml" "$NODE_DIR/own/run/cube/mine"
	in_node ip link add name br7 type bridge
	in_node nft add table ip mine
	down
	same 5 "$(in_node sh -c 'cat /var/lib/cube/mine /var/log/pods/mine /etc/kubernetes/pki/mine.key /etc/kubernetes/manifests/mine.yaml /run/cube/mine' | grep -c mine)"
	same 6 "$(in_node find /var/lib/cube /var/log/pods /etc/kubernetes /run/cube | grep -vc mine)"
	in_node ip link show br7
	has "$(in_node nft list tables)" '^table ip mine$'
}

# refused PATTERN COMMAND...: exit status 1, one line, nothing changed
refused() {
	local pattern=$1
	shift
	run "$@"
	same 1 "$status"
	same 1 "$(wc -l <<<"$output")"
	has "$output" "$pattern"
	is_as_before
}

@test "each failed precondition is one line before anything is changed" {
	refused '^script/up: must run as root. Try: sudo script/up$' \
		in_node setpriv --reuid 65534 --regid 65534 --clear-groups "$SCRIPTS/up"
	refused '^script/down: must run as root' in_node setpriv --reuid 65534 --regid 65534 --clear-groups "$SCRIPTS/down"
	refused "^script/up: no program at /nowhere/src/main/cube" up --build /nowhere
	mkdir "$NODE_DIR/bin"
	local program
	for program in bash env uname id grep cat dirname sed mktemp curl flock; do ln -s "$(command -v "$program")" "$NODE_DIR/bin/"; done
	refused '^script/up: kubectl is missing' in_node env PATH="$NODE_DIR/bin" "$SCRIPTS/up" --no-setup --build "$CUBE_BUILD"
	refused '^script/up: no cgroup hierarchy is mounted at /sys/fs/cgroup$' \
		in_node unshare -m sh -c 'umount -R -l /sys/fs/cgroup; exec "$0" --no-setup --build "$1"' "$SCRIPTS/up" "$CUBE_BUILD"
	refused '^script/up: this kernel has no overlay file system$' in_node unshare -m sh -c \
		'grep -v overlay /proc/filesystems >"$0"; mount --bind "$0" /proc/filesystems; PATH=$1:$PATH exec "$2" --no-setup --build "$3"' \
		"$NODE_DIR/out/filesystems" "$(no_modprobe)" "$SCRIPTS/up" "$CUBE_BUILD"
	run up --port
	same 2 "$status"
	same "script/up: --port needs a value (try --help)" "$output"
}
no_modprobe() {
	mkdir -p "$NODE_DIR/out/bin"
	printf '#!/bin/sh\nexit 1\n' >"$NODE_DIR/out/bin/modprobe"
	chmod 755 "$NODE_DIR/out/bin/modprobe"
	echo "$NODE_DIR/out/bin"
}

@test "a port in use, and folders of another server, are refused before anything is changed" {
	nsenter --target "$NODE_PID" --net --mount socat TCP-LISTEN:6443,fork,reuseaddr PIPE </dev/null >/dev/null 2>&1 3>&- &
	local listener=$!
	wait_for 5 in_node bash -c 'exec 3<>/dev/tcp/127.0.0.1/6443'
	run up
	same 1 "$status"
	same "script/up: port 6443 is in use: another API server? (--port takes another one)" "$output"
	kill "$listener"
	wait "$listener" || true # ended by the signal
	nothing_is_left

	up
	place_snapshot >"$NODE_DIR/out/before"
	refused '^script/up: server [0-9]+ uses /var/lib/cube, but not /run/other: give the --run-dir it has$' up --run-dir /run/other --port 7443
	refused '^script/up: server [0-9]+ uses /run/cube, but not /var/lib/other: give the --data-dir it has$' up --data-dir /var/lib/other
	refused 'another server uses /var/lib/cube: stop it first' in_node "$CUBE" server --run-dir /run/other --secure-port 7443 --cgroup-root "$NODE_CGROUP"
	refused 'another server uses /run/cube: stop it first' in_node "$CUBE" reset --force --cgroup-root "$NODE_CGROUP"
}

@test "every script tells what it does" {
	local script
	for script in up down setup test lint bench fuzz make-image; do
		run "$SCRIPTS/$script" --help
		same 0 "$status"
		has "$output" "script/$script"
		[ "$(wc -l <<<"$output")" -ge 2 ]
		run grep -c '^#!\|SPDX\|^set ' <<<"$output"
		same 0 "$output"
	done
}
