#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Pods of files: they run without the API, are shown there by mirrors, and only their file ends them.

load node.bash

setup_file() {
	node_file && node_ready && node_image busybox busybox:1
}

teardown_file() {
	[ ! -s "$NODE_DIR/out/server.pid" ] || SERVER_PID=$(cat "$NODE_DIR/out/server.pid")
	node_end
}

teardown() {
	[ -n "$BATS_TEST_COMPLETED" ] || tail -n 30 "$NODE_DIR/out/server.log" >&2
}

manifest() { # WORD: what it says, until it is told to end
	cat <<X
apiVersion: v1
kind: Pod
metadata: {name: speaker, labels: {app: speaker}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: c, image: "busybox:1", imagePullPolicy: Never, command: [sh, -c, "echo $1; until [ -e /end ]; do sleep 0.1; done"]}
X
}

place() { # WORD: as an editor does it, beside and then over
	manifest "$1" >"$NODE_DIR/etc/.speaker" && mv "$NODE_DIR/etc/.speaker" "$NODE_DIR/etc/manifests/speaker.yaml"
}

says() { [ "$(k logs speaker-node1 2>/dev/null)" = "$1" ]; }
field() { k get pod speaker-node1 -o "jsonpath={$1}"; }
is_running() { [ "$(field .status.phase 2>/dev/null)" = Running ]; }
container_id() { field '.status.containerStatuses[0].containerID'; }

@test "a file in the folder becomes a pod and its mirror" {
	place one
	wait_for 10 is_running
	wait_for 5 says one
	same file "$(field '.metadata.annotations.kubernetes\.io/config\.source')"
	same "$(field '.metadata.annotations.kubernetes\.io/config\.hash')" "$(field '.metadata.annotations.kubernetes\.io/config\.mirror')"
	same node1 "$(field .spec.nodeName)"
	has "$(field .status.podIP)" '^10\.'
	same ok "$(k exec speaker-node1 -- echo ok)"
}

@test "deleting the mirror ends nothing" {
	local before uid
	before=$(container_id)
	uid=$(field .metadata.uid)
	k delete pod speaker-node1 --wait=false
	mirror_is_another() { [ -n "$(field .metadata.uid)" ] && [ "$(field .metadata.uid)" != "$uid" ] && is_running; }
	wait_for 10 mirror_is_another
	same "$before" "$(container_id)"
}

@test "a container that ends is started again" {
	k exec speaker-node1 -- touch /end
	restarted() { [ "$(field '.status.containerStatuses[0].restartCount')" -ge 1 ] && is_running; }
	wait_for 30 restarted
}

@test "a server started again leaves the pod alone" {
	local before
	before=$(container_id)
	kill -TERM "$SERVER_PID"
	wait_for 10 fails test -e "/proc/$SERVER_PID/exe"
	node_start
	echo "$SERVER_PID" >"$NODE_DIR/out/server.pid" # each test is a process of its own
	node_wait_ready
	wait_for 5 is_running
	same "$before" "$(container_id)"
}

@test "a changed file is another pod" {
	place two
	wait_for 10 says two
	wait_for 5 is_running
}

@test "a file that makes no sense is refused in the log and changes nothing" {
	printf 'kind: Pod\nmetadata: {name: broken}\n' >"$NODE_DIR/etc/manifests/broken.yaml"
	wait_for 5 grep -q 'static pod file broken.yaml: ' "$NODE_DIR/out/server.log"
	rm "$NODE_DIR/etc/manifests/broken.yaml"
	is_running
	says two
}

@test "without its file the pod and its mirror go" {
	rm "$NODE_DIR/etc/manifests/speaker.yaml"
	wait_for 10 fails k get pod speaker-node1
	wait_for 5 no_logs
}

no_logs() { [ -z "$(ls "$NODE_DIR/pods")" ]; }
