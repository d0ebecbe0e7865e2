# SPDX-License-Identifier: Apache-2.0
# `script/bench api`: sourced by script/bench. Each part has a server of its own, and a row may name what is wanted of it.

bench_api() {
	api_memory
	api_rates
	api_lists
	api_watchers
	api_custom
}

api_begin() {
	started --no-node
	d=$NODE_DIR/out
	python3 "$PWD/test/bench/bodies.py" "$d"
	curl_as_admin -X POST -H 'Content-Type: application/json' --data-binary @"$d/namespace.json" "$API/api/v1/namespaces" >/dev/null
	cm=$API/api/v1/namespaces/bench/configmaps pod=$API/api/v1/namespaces/bench/pods
	wait_for 10 serves "$cm/kube-root-ca.crt" # which a controller makes, and watchers would see
}

cube_load() {
	in_node "$LOAD" --ca "$NODE_DIR/out/ca.pem" --cert "$NODE_DIR/out/cert.pem" --key "$NODE_DIR/out/key.pem" --json "$@"
}

# load WHAT WANTED ARGS...: one line
load() {
	local what=$1 wanted=$2 json line
	shift 2
	json=$(cube_load --pid "$SERVER_PID" "$@")
	line=$(printf '%s' "$json" | python3 "$PWD/test/bench/load_line.py") || { say api "$what" "FAILED: $line"; return 1; }
	say api "$what" "$line" "$wanted"
}

# several WHAT WANTED ARGS...: the same five times, the one with the median rate
several() {
	local what=$1 wanted=$2 round lines=()
	shift 2
	for round in 1 2 3 4 5; do
		lines+=("$(cube_load --pid "$SERVER_PID" "$@" | python3 "$PWD/test/bench/load_line.py")") || { say api "$what" "FAILED: ${lines[-1]}"; return 1; }
	done
	say api "$what" "$(printf '%s\n' "${lines[@]}" | sort -n | sed -n 3p), median of 5" "$wanted"
}

# memory FIELD: of the server, in MB. RssAnon is its own; RssFile is program, libraries and the store's map, which the kernel may drop.
memory() { awk -v field="$1:" '$1 == field {printf "%.1f", $2 / 1024}' "/proc/$SERVER_PID/status"; }
rss() { echo "$(memory VmRSS) MB, $(memory RssAnon) MB of it its own"; }
forget_peak() { echo 5 >"/proc/$SERVER_PID/clear_refs"; }
# Processor time in microseconds of the threads that there are.
server_cpu_us() { cat /proc/"$SERVER_PID"/task/*/schedstat | awk '{sum += $1} END {printf "%d\n", sum / 1000}'; }
watching() {
	[ "$(curl_as_admin "$API/metrics" | awk '/^apiserver_longrunning_requests{.*verb="WATCH"/ {sum += $NF} END {print sum + 0}')" -ge "$1" ]
}
watching_less() { ! watching "$1"; }

# What a server holds and costs that has had 13,500 ConfigMaps, 10,000 updates of them and 11,000 pods.
api_memory() {
	local seconds=60 maps=13500 updates=10000 pods=11000 used
	[ -z "$quick" ] || seconds=10 maps=1350 updates=1000 pods=1100
	api_begin
	say api "server memory, empty (RSS)" "$(rss)" "at most 20 MB"
	cube_load --connections 32 --requests "$maps" --method POST --body "$d/configmap.json" --first 1000000 "$cm" >/dev/null
	cube_load --connections 32 --requests "$updates" --method PUT --body "$d/configmap-changed.json" --first 1000000 "$cm/cm-%d" >/dev/null
	cube_load --connections 32 --requests "$pods" --method POST --body "$d/pod.json" --first 1 "$pod" >/dev/null
	sleep 10 # what it does by itself after a load
	say api "server memory, $maps ConfigMaps, $updates updates, $pods pods (RSS)" "$(rss)" "at most 120 MB"
	used=$(server_cpu_us)
	sleep "$seconds"
	used=$(($(server_cpu_us) - used))
	say api "processor time of $seconds s without a request" "$((used / 1000)).$(printf %03d $((used % 1000))) ms" "at most 50 ms a minute"
	api_start $((maps + pods))
	node_end
}

# api_start OBJECTS: starting again with what is in the store
api_start() {
	local n=7 i probe ready=() used=()
	[ -z "$quick" ] || n=3
	for i in $(seq "$n"); do
		node_stop
		rm -f "$d/probing" "$d/begin" "$d/pid"
		in_node python3 "$PWD/test/bench/wait_ready.py" "$d" >"$d/times" &
		probe=$!
		wait_for 10 test -e "$d/probing"
		now_ms >"$d/begin"
		node_start --no-node
		echo "$SERVER_PID" >"$d/pid"
		wait "$probe" || { echo "no answer" >&2; return 1; }
		read -r time cpu <"$d/times"
		ready+=("$time") used+=("$cpu")
	done
	set -- "$1" $(median "${ready[@]}") $(median "${used[@]}")
	say api "exec to /readyz ok, $1 objects in the store" "$2 ms, $4 ms of processor time (n=$3)" "at most 150 ms, 50 ms"
}

api_rates() {
	local seconds=5 pods=10000 maps=50000 d cm pod
	[ -z "$quick" ] || seconds=2 pods=1000 maps=5000
	api_begin
	load "create ConfigMap 1 KiB, 1 connection, durable" "4000/s, 0.10 ms" \
		--connections 1 --seconds "$seconds" --method POST --body "$d/configmap.json" --first 1 "$cm"
	load "create ConfigMap 1 KiB, 32 connections, durable" "12000/s, p99 8 ms, 0.07 ms" \
		--connections 32 --requests "$maps" --method POST --body "$d/configmap.json" --first 1000000 "$cm"
	load "create Pod, 32 connections, durable" "9000/s, 0.10 ms" \
		--connections 32 --requests "$pods" --method POST --body "$d/pod.json" --first 1 "$pod"
	load "get Pod, 1 connection" "10000/s" --connections 1 --seconds "$seconds" "$pod/pod-1"
	load "get Pod, 32 connections" "40000/s, 0.02 ms" --connections 32 --seconds "$seconds" "$pod/pod-1"
	load "get Pod, 32 connections, HTTP/2" "" --connections 32 --http2 --seconds "$seconds" "$pod/pod-1"
	load "update ConfigMap, 32 connections, durable" "12000/s" \
		--connections 32 --requests "$maps" --method PUT --body "$d/configmap-changed.json" --first 1000000 "$cm/cm-%d"
	load "delete Pod (grace 0), 32 connections" "10000/s" \
		--connections 32 --requests "$pods" --method DELETE --first 1 "$pod/pod-%d?gracePeriodSeconds=0"
	say api "server memory afterwards (RSS)" "$(rss)"
	node_end
}

# 10,000 pods of nearly 2 kB
api_lists() {
	local pods=10000 bytes before d cm pod json
	[ -z "$quick" ] || pods=1000
	api_begin
	cube_load --connections 32 --requests "$pods" --method POST --body "$d/pod.json" --first 1 "$pod" >/dev/null
	bytes=$(curl_as_admin "$pod?pretty=false" | wc -c) # curl is answered for people to read
	bytes="$((bytes / 1000000)).$((bytes / 100000 % 10)) MB"
	load "list $pods pods ($bytes), 1 connection" "15 ms, 15 ms" --connections 1 --requests 20 "$pod"
	before=$(memory VmRSS)
	forget_peak
	several "16 such lists, 8 connections" "100/s" --connections 8 --requests 16 "$pod"
	say api "memory that these took at most (RSS)" \
		"$(awk -v peak="$(memory VmHWM)" -v before="$before" 'BEGIN {printf "%.1f MB", peak - before}')" "8 MB"
	load "the same list in protobuf, the first time" "" --header 'Accept: application/vnd.kubernetes.protobuf' --connections 1 --requests 1 "$pod"
	load "the same list in protobuf, from then on" "" --header 'Accept: application/vnd.kubernetes.protobuf' --connections 1 --requests 20 "$pod"
	load "the same list in gzip" "" --header 'Accept-Encoding: gzip' --connections 1 --requests 5 "$pod"
	cube_load --connections 8 --seconds 4 "$pod" >"$d/lists.json" &
	load "get Pod, 1 connection, while 8 others list" "p99 10 ms" --connections 1 --seconds 3 "$pod/pod-1"
	wait $!
	node_end
}

api_watchers() {
	local d cm pod
	api_begin
	watch_events
	node_end
	watch_idle "" --connections
	watch_idle ", 100 to an HTTP/2 connection" --http2 --streams 100 --connections
}

# 100 watchers while 1,000 pods are made, five times: until each has had each event
watch_events() {
	local events=100000 round before watching times=() used=()
	for round in 1 2 3 4 5; do
		cube_load --connections 100 --watch --requests "$events" "$pod?watch=1&resourceVersion=$(revision_of "$pod")" >"$d/watch.json" &
		watching=$!
		wait_for 10 watching 100
		before=$(server_cpu_us)
		cube_load --connections 32 --requests 1000 --method POST --body "$d/pod.json" --first "${round}0000" "$pod" >"$d/made.json"
		wait "$watching" || { cat "$d/watch.json" >&2; return 1; }
		used+=($((($(server_cpu_us) - before) / 1000))) times+=("$(delivered)")
		wait_for 10 watching_less 100
	done
	set -- $(median "${times[@]}") $(median "${used[@]}")
	say api "100 watchers, 1,000 pods made by 32 connections" "$1 ms until all had all $events events, server CPU $3 ms (n=$2)" "200 ms, 250 ms"
}

# delivered [MADE ROUND]: milliseconds from the first request in a file to the last line in watch.json, or to the last of a round.
delivered() {
	python3 -c 'import json, sys
made, watch = (json.load(open(f"{sys.argv[1]}/{name}.json")) for name in (sys.argv[2], "watch"))
last = watch["roundNs"][int(sys.argv[3])] if len(sys.argv) > 3 else watch["lastLineNs"]
print(round((last - made["firstRequestNs"]) / 1e6))' "$d" "${1:-made}" ${2:+"$2"}
}

# Of a list: watchers from there on see nothing of what is there already.
revision_of() { curl_as_admin "$1?limit=1" | python3 -c 'import json, sys; print(json.load(sys.stdin)["metadata"]["resourceVersion"])'; }

# watch_idle SUFFIX ARGS...: ten thousand watchers of one kind; ARGS end in --connections
watch_idle() {
	local d cm pod count=10000 writes=5 connections suffix=$1 before watchers round times=()
	shift
	[ -z "$quick" ] || count=1000
	connections=$count
	[ -z "$suffix" ] || connections=$((count / 100))
	api_begin
	before=$(memory VmRSS)
	cube_load "$@" "$connections" --watch --requests $((writes * count)) "$cm?watch=1&resourceVersion=$(revision_of "$cm")" >"$d/watch.json" &
	watchers=$!
	wait_for 120 watching "$count"
	sleep 4 # what handshakes took is given back
	say api "memory of an idle watcher, of $count$suffix (RSS)" \
		"$(awk -v now="$(memory VmRSS)" -v before="$before" -v n="$count" 'BEGIN {printf "%.1f KB", (now - before) * 1024 / n}')" \
		"at most 4 KB, TLS state apart"
	for round in $(seq 0 $((writes - 1))); do
		cube_load --connections 1 --requests 1 --method POST --body "$d/configmap.json" --first "$round" "$cm" >"$d/made-$round.json"
		sleep 1
	done
	wait "$watchers" || { cat "$d/watch.json" >&2; return 1; }
	for round in $(seq 0 $((writes - 1))); do times+=("$(delivered "made-$round" "$round")"); done
	set -- $(median "${times[@]}")
	say api "one write, $count watchers$suffix" "$1 ms until all had it (n=$2)" "at most 100 ms"
	node_end
}

# Objects of a definition with ten rules, server-side apply, and what a hundred definitions cost
api_custom() {
	local d cm pod count=50000 apply='Content-Type: application/apply-patch+yaml' before begin number
	local crds=$API/apis/apiextensions.k8s.io/v1/customresourcedefinitions widgets=$API/apis/bench.example.com/v1/namespaces/bench/widgets
	[ -z "$quick" ] || count=5000
	api_begin
	curl_as_admin -X POST -H 'Content-Type: application/json' --data-binary @"$d/widgets.json" "$crds" >/dev/null
	wait_for 10 serves "$widgets"
	load "create of objects with ten CEL rules, 32 connections" "5000/s" \
		--connections 32 --requests "$count" --method POST --body "$d/widget.json" --first 1 "$widgets"
	load "server-side apply, custom objects, new, 32 connections" "5000/s" --header "$apply" \
		--connections 32 --requests "$count" --method PATCH --body "$d/widget.json" --first 1000000 "$widgets/widget-%d?fieldManager=a"
	load "server-side apply, custom objects, changed, 32 connections" "5000/s" --header "$apply" \
		--connections 32 --requests "$count" --method PATCH --body "$d/widget-changed.json" --first 1000000 "$widgets/widget-%d?fieldManager=a"
	load "server-side apply, ConfigMap 1 KiB, new, 32 connections" "5000/s" --header "$apply" \
		--connections 32 --requests "$count" --method PATCH --body "$d/configmap.json" --first 9000000 "$cm/cm-%d?fieldManager=a"
	before=$(memory VmRSS)
	begin=$(now_ms)
	for number in {0..99}; do
		curl_as_admin -X POST -H 'Content-Type: application/json' --data-binary @"$d/definition-$number.json" "$crds" >/dev/null
	done
	wait_for 10 serves "$API/apis/bench.example.com/v1/kind99s"
	say api "100 definitions ($(cat "$d"/definition-*.json | wc -c | awk '{printf "%.1f MB", $1 / 1e6}')) until the last is served, one after another" \
		"$(($(now_ms) - begin)) ms, RSS up by $(awk -v now="$(memory VmRSS)" -v before="$before" 'BEGIN {printf "%d", now - before}') MB (n=1)"
	node_end
}
serves() { curl_as_admin -f "$1?limit=1" >/dev/null 2>&1; }
