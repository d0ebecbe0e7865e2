#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the API server may hold and do, in numbers that do not depend on how busy the machine is. Times and rates are in
# `script/bench api`.
# Runs alone: one of them is how long a get waits.

bats_require_minimum_version 1.5.0
load node.bash

setup() {
	if readelf -d "$CUBE" | grep -q 'libasan'; then skip "built with sanitizers"; fi
	node_begin
	node_start --no-node
	wait_for 30 answers
	out=$NODE_DIR/out
	sed -n 's/^ *certificate-authority-data: *//p' "$NODE_DIR/etc/admin.conf" | base64 -d >"$out/ca.pem"
	sed -n 's/^ *client-certificate-data: *//p' "$NODE_DIR/etc/admin.conf" | base64 -d >"$out/cert.pem"
	sed -n 's/^ *client-key-data: *//p' "$NODE_DIR/etc/admin.conf" | base64 -d >"$out/key.pem"
	python3 "$BATS_TEST_DIRNAME/../bench/bodies.py" "$out"
	k create -f "$out/namespace.json"
	maps=https://127.0.0.1:6443/api/v1/namespaces/bench/configmaps pods=https://127.0.0.1:6443/api/v1/namespaces/bench/pods
}

teardown() {
	node_end
}

answers() { [ -s "$NODE_DIR/etc/admin.conf" ] && k get --raw /readyz; }
load_with() {
	in_node "$CUBE_BUILD/test/bench/cube-load" --ca "$out/ca.pem" --cert "$out/cert.pem" --key "$out/key.pem" --json "$@"
}
create() { load_with --connections 8 --requests "$2" --method POST --body "$out/$3.json" --first 1 "$1" >/dev/null; }
kilobytes() { awk -v field="$1:" '$1 == field {print $2}' "/proc/$SERVER_PID/status"; }
grown_at_most() { # FIELD BEFORE KILOBYTES
	local now
	now=$(kilobytes "$1")
	echo "$1: $2 kB, now $now kB"
	[ $((now - $2)) -le "$3" ]
}
watching() {
	local count
	count=$(k get --raw /metrics | awk '/^apiserver_longrunning_requests{.*verb="WATCH"/ {sum += $NF} END {print sum + 0}')
	[ "$count" -ge "$1" ]
}
switches() { awk '/^voluntary_ctxt_switches/ {sum += $2} END {print sum}' /proc/"$SERVER_PID"/task/*/status; }
processor_us() { awk '{sum += $1} END {printf "%d\n", sum / 1000}' /proc/"$SERVER_PID"/task/*/schedstat; }

@test "a stored object takes little more than its bytes" {
	before=$(kilobytes RssAnon)
	create "$maps" 4000 configmap
	load_with --connections 8 --requests 4000 --method PUT --body "$out/configmap-changed.json" --first 1 "$maps/cm-%d" >/dev/null
	create "$pods" 4000 pod
	# Once it is quiet, trees go. 14 MB of objects, 6 MB of what they were before, and what keeps them in order.
	wait_for 20 grown_at_most RssAnon "$before" 50000
}

@test "nothing to do costs nothing" {
	create "$pods" 500 pod
	sleep 12 # what starting and the load left to do
	slept=$(switches) used=$(processor_us)
	sleep 10
	slept=$(($(switches) - slept)) used=$(($(processor_us) - used))
	echo "$slept times woken, $used us"
	[ "$slept" -le 40 ]
	[ "$used" -le 20000 ]
}

@test "a watcher takes less than four kilobytes, TLS apart, and all hear of a write" {
	revision=$(k get --raw "/api/v1/namespaces/bench/configmaps?limit=1" | sed -n 's/.*"resourceVersion":"\([0-9]*\)".*/\1/p' | head -n 1)
	load_with --http2 --connections 10 --streams 10 --watch --requests 100 "$maps?watch=1&resourceVersion=$revision" >"$out/first.json" &
	first=$!
	wait_for 20 watching 100
	before=$(kilobytes RssAnon)
	load_with --http2 --connections 10 --streams 200 --watch --requests 2000 "$maps?watch=1&resourceVersion=$revision" >"$out/watch.json" &
	second=$!
	wait_for 60 watching 2100
	wait_for 20 grown_at_most RssAnon "$before" 8500 # with ten connections' TLS state
	create "$maps" 1 configmap
	wait "$first"
	wait "$second"
}

@test "lists are sent from what is stored" {
	create "$pods" 4000 pod
	load_with --connections 8 --requests 16 "$pods" >/dev/null
	before=$(kilobytes VmRSS)
	echo 5 >"/proc/$SERVER_PID/clear_refs"
	load_with --connections 8 --requests 32 "$pods" >"$out/list.json"
	grep -q '"status":{"200":32}' "$out/list.json"
	grown_at_most VmHWM "$before" 8000
}

milliseconds_of() { python3 -c 'import json, sys; print(round(json.load(open(sys.argv[1]))[sys.argv[2]]))' "$1" "$2"; }

@test "a get does not wait for the lists of others, in whatever form" {
	create "$pods" 4000 pod
	for form in 'application/json' 'application/json;as=Table;v=v1;g=meta.k8s.io' 'application/yaml'; do
		load_with --connections 8 --seconds 30 --header "Accept: $form" "$pods" >"$out/lists.json" &
		lists=$!
		load_with --connections 1 --requests 300 "$pods/pod-1" >"$out/get.json"
		kill -0 "$lists"
		kill "$lists"
		cat "$out/get.json"
		# An eighth of a second is what waiting for the eight lists takes, much more in other forms; the machine may be busy
		# with other things.
		[ "$(milliseconds_of "$out/get.json" p90Ms)" -le 20 ]
		[ "$(milliseconds_of "$out/get.json" p99Ms)" -le 60 ]
	done
}
