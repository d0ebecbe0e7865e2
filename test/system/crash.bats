#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# kill -9 of the server at random moments under write load: nothing acknowledged is lost, no container notices.

load node.bash

setup() {
	node_begin
	node_start
	node_wait_ready
	node_image web web:1
}

teardown() {
	[ -n "$BATS_TEST_COMPLETED" ] || tail -n 40 "$NODE_DIR/out/server.log" >&2
	node_end
}

restarts() { k get pods -o 'jsonpath={range .items[*]}{.metadata.name} {.metadata.uid} {.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount}{"\n"}{end}' | sort; }

@test "twenty crashes under load: every acknowledged write is there, no pod restarts, traffic goes on" {
	k create deployment web --image=web:1 --replicas=2
	k patch deployment web -p '{"spec":{"template":{"spec":{"containers":[{"name":"web","imagePullPolicy":"IfNotPresent"}]}}}}'
	k expose deployment web --port=80
	k rollout status deployment/web --timeout=30s
	wait_for 10 settled
	local ip before
	ip=$(k get service web -o 'jsonpath={.spec.clusterIP}')
	wait_for 10 in_node curl -sf -m 2 -o /dev/null "http://$ip/"
	before=$(restarts)
	admin_files "$NODE_DIR/out"

	in_node python3 "$BATS_TEST_DIRNAME/traffic.py" "http://$ip/" "$NODE_DIR/out/stop" >"$NODE_DIR/out/traffic" 2>&1 3>&- &
	local traffic=$!
	in_node python3 "$BATS_TEST_DIRNAME/writer.py" "$NODE_DIR/out" "$NODE_DIR/out/stop" >"$NODE_DIR/out/acknowledged" 2>"$NODE_DIR/out/writer.err" 3>&- &
	local writer=$!
	for round in $(seq 20); do
		sleep "0.$((RANDOM % 6))$((RANDOM % 10))"
		node_stop KILL
		node_start
		wait_for 20 k get --raw /readyz
	done
	touch "$NODE_DIR/out/stop"
	wait "$traffic"
	wait "$writer"

	wait_for 20 node_is_ready
	k get configmaps -o 'jsonpath={range .items[*]}{.metadata.name}={.data.value}{"\n"}{end}' | sort >"$NODE_DIR/out/found"
	local count
	count=$(wc -l <"$NODE_DIR/out/acknowledged")
	echo "acknowledged writes: $count; traffic: $(cat "$NODE_DIR/out/traffic")"
	[ "$count" -gt 200 ]
	same "" "$(sort "$NODE_DIR/out/acknowledged" | comm -23 - "$NODE_DIR/out/found")"
	wait_for 10 same_restarts "$before"
	has "$(cat "$NODE_DIR/out/traffic")" '^answers [1-9][0-9]+ failures 0$'
}
settled() { [ "$(k get pods --no-headers | grep -c ' 1/1  *Running ')" = 2 ] && [ "$(k get pods --no-headers | wc -l)" = 2 ]; }
same_restarts() { same "$1" "$(restarts)"; }

admin_files() {
	sed -n 's/^ *certificate-authority-data: *//p' "$NODE_DIR/etc/admin.conf" | base64 -d >"$1/ca.pem"
	sed -n 's/^ *client-certificate-data: *//p' "$NODE_DIR/etc/admin.conf" | base64 -d >"$1/cert.pem"
	sed -n 's/^ *client-key-data: *//p' "$NODE_DIR/etc/admin.conf" | base64 -d >"$1/key.pem"
}

@test "SIGTERM drains and exits 0; pods go on; a second start finds them" {
	k create deployment web --image=web:1 --replicas=1
	k patch deployment web -p '{"spec":{"template":{"spec":{"containers":[{"name":"web","imagePullPolicy":"IfNotPresent"}]}}}}'
	k rollout status deployment/web --timeout=30s
	wait_for 10 one_pod
	local ip before
	ip=$(k get pods -o 'jsonpath={.items[0].status.podIP}')
	before=$(restarts)
	node_stop TERM
	same 0 "$SERVER_STATUS"
	in_node curl -sf -m 2 -o /dev/null "http://$ip/"
	node_start
	node_wait_ready
	wait_for 10 same_restarts "$before"
}
one_pod() { [ "$(k get pods --no-headers | wc -l)" = 1 ]; }

@test "a container that ended while the server was down is told with its exit code, and started again" {
	k run short --image=web:1 --image-pull-policy=IfNotPresent --restart=OnFailure --command -- /bin/sh -c 'sleep 2; exit 4'
	wait_for 10 phase_is short Running
	node_stop KILL
	sleep 3
	node_start
	node_wait_ready
	wait_for 20 exit_code_is 4
}
phase_is() { [ "$(k get pod "$1" -o 'jsonpath={.status.phase}')" = "$2" ]; }
exit_code_is() {
	[ "$(k get pod short -o 'jsonpath={.status.containerStatuses[0].lastState.terminated.exitCode}')" = "$1" ] ||
		[ "$(k get pod short -o 'jsonpath={.status.containerStatuses[0].state.terminated.exitCode}')" = "$1" ]
}
