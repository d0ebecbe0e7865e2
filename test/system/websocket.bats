#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# WebSockets as browsers and older clients use them: watches, logs, exec by the oldest protocol, and tokens without a header.

load node.bash

setup_file() {
	node_file && node_ready && node_image busybox busybox:1 || return 1
	k run said --image busybox:1 --restart=Never -- sh -c 'echo container is alive; echo err >&2' >/dev/null
	k run box --image busybox:1 --restart=Never -- sleep 3600 >/dev/null
	k wait --for=jsonpath='{.status.phase}'=Succeeded pod/said --timeout=30s >/dev/null &&
		k wait --for=condition=Ready pod/box --timeout=30s >/dev/null
}

teardown_file() { node_end; }

ws() { in_node timeout 30 python3 "$BATS_TEST_DIRNAME/websocket_client.py" "$NODE_DIR/etc/admin.conf" "$@"; }

pods=/api/v1/namespaces/default/pods
maps=/api/v1/namespaces/default/configmaps

@test "a watch sends one text message per event, whatever the subprotocol, and closes when its time is over" {
	local protocol output
	k create configmap watched >/dev/null
	for protocol in base64.binary.k8s.io binary.k8s.io other; do
		output=$(ws "$maps?watch=1&timeoutSeconds=1&fieldSelector=metadata.name=watched" --protocol "$protocol")
		has "$output" "^101 $protocol$"
		has "$output" '^text .*"type":"ADDED","object":.*"name":"watched".*}\\n'
		same "close b'\\x03\\xe8'" "$(printf '%s\n' "$output" | tail -n 1)"
		same 3 "$(printf '%s\n' "$output" | wc -l)"
	done
	output=$(ws "$maps?watch=1&fieldSelector=metadata.name=watched" --messages 1)
	has "$output" '^101 -$'
	same "then close b'\\x03\\xe8'" "$(printf '%s\n' "$output" | tail -n 1)"
}

@test "a watch in protobuf sends binary messages without a length of their own; a change arrives" {
	local output
	output=$(ws "$maps?watch=1&timeoutSeconds=1&fieldSelector=metadata.name=watched" --accept 'application/vnd.kubernetes.protobuf;stream=watch')
	has "$output" "^binary b'\\\\n\\\\x05ADDED\\\\x12.*k8s\\\\x00"
	ws "$maps?watch=1&fieldSelector=metadata.name=later" --messages 2 >"$NODE_DIR/out/later" &
	wait_for 5 grep -q 101 "$NODE_DIR/out/later"
	k create configmap later >/dev/null
	k delete configmap later >/dev/null
	wait $!
	same "ADDED DELETED" "$(grep -o '"type":"[A-Z]*"' "$NODE_DIR/out/later" | cut -d'"' -f4 | xargs)"
}

@test "what cannot be watched is refused before the protocol changes" {
	has "$(ws "$maps?watch=1&resourceVersion=abc" | tr '\n' ' ')" '^500 - .*resourceVersion: Invalid value'
	has "$(ws "$pods/none/log" | tr '\n' ' ')" '^404 - .*pods .*none.* not found'
	has "$(ws "$pods/said/log" --protocol channel.k8s.io | tr '\n' ' ')" '^403 - Forbidden'
}

@test "logs come as messages behind an empty one: binary, or in base 64" {
	local output
	output=$(ws "$pods/said/log")
	same "101 -" "$(printf '%s\n' "$output" | head -n 1)"
	same "binary b''" "$(printf '%s\n' "$output" | sed -n 2p)"
	has "$output" 'container is alive\\n'
	has "$(ws "$pods/said/log?limitBytes=9" --protocol binary.k8s.io | xargs)" "^101 binary.k8s.io binary b.* binary bcontainer close "
	has "$(ws "$pods/said/log?limitBytes=9" --protocol base64.binary.k8s.io | xargs)" "^101 base64.binary.k8s.io text b.* text bY29udGFpbmVy close "
}

@test "exec by the oldest protocol: output, and no status but for a failure" {
	local exec="$pods/box/exec?container=box&stdout=1&stderr=1&command=sh&command=-c&command="
	local output
	output=$(ws "${exec}echo%20out" --protocol channel.k8s.io)
	has "$output" '^101 channel.k8s.io$'
	has "$output" "^binary b'.x01out.n'$"
	fails grep -q "x03[^\\]" <<<"$(printf '%s\n' "$output" | grep -v ^close)"
	output=$(ws "${exec}exit%207" --protocol channel.k8s.io)
	has "$output" "^binary b'.x03.*command terminated with (non-zero )?exit code.* 7"
	output=$(ws "${exec}echo%20out" --protocol base64.channel.k8s.io)
	has "$output" "^text b'1b3V0Cg=='$"
	has "$(ws "${exec}true" --protocol v4.channel.k8s.io)" "^binary b'.x03.*\"status\":\"Success\""
}

@test "a browser's token comes as a subprotocol: taken, hidden in the answer, refused when it is none" {
	local token
	k create serviceaccount browser >/dev/null
	k create clusterrolebinding browser --clusterrole=view --serviceaccount=default:browser >/dev/null
	token=$(k create token browser)
	has "$(ws "$maps?watch=1&timeoutSeconds=1&fieldSelector=metadata.name=watched" --token "$token" --protocol base64.binary.k8s.io)" '^101 base64.binary.k8s.io$'
	has "$(ws "$pods/said/log" --token "$token" --protocol binary.k8s.io)" '^101 binary.k8s.io$'
	has "$(ws "$maps?watch=1" --token "$token" | tr '\n' ' ')" '^401 - .*Unauthorized'
	has "$(ws "$maps?watch=1" --token "${token}x" --protocol x | tr '\n' ' ')" '^401 - .*Unauthorized'
	has "$(ws "/api/v1/secrets?watch=1" --token "$token" --protocol x | tr '\n' ' ')" '^403 - .*system:serviceaccount:default:browser.* cannot watch resource .*secrets'
}

@test "garbage behind a changed protocol ends that connection, and nothing else" {
	local path
	for path in "$maps?watch=1" "$pods/said/log?follow=1" "$pods/box/exec?stdin=1&stdout=1&command=cat" "$pods/box/portforward?ports=80"; do
		same "101 ended" "$(ws "$path" --garbage --protocol "$(protocol_of "$path")" | cut -d' ' -f1 | xargs)"
	done
	for path in "$pods/box/exec?stdin=1&stdout=1&command=cat" "$pods/box/portforward"; do
		same "101 ended" "$(ws "$path" --garbage --upgrade SPDY/3.1 | cut -d' ' -f1 | xargs)"
	done
	kill -0 "$SERVER_PID"
	same ok "$(k get --raw /readyz)"
	same fine "$(k exec box -- echo fine)"
}

protocol_of() { case $1 in *exec* | *portforward*) echo v4.channel.k8s.io ;; *) echo binary.k8s.io ;; esac; }
