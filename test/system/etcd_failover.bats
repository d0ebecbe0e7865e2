#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What becomes of the API when its etcd does not do well: the leader of three killed under load, all of it gone for a while, its
# history compacted by others, an older state brought back, a value or a certificate that it does not take.

load node.bash
unset CUBE_TEST_STORE # each test starts its own

MEMBERS="1 2 3"

member_start() { # NUMBER
	local port=$((2379 + ($1 - 1) * 100)) cluster=
	for m in $MEMBERS; do cluster+=,m$m=http://127.0.0.1:$((2380 + (m - 1) * 100)); done
	nsenter --target "$NODE_PID" --net --mount -- etcd --name "m$1" --data-dir "$NODE_DIR/m$1" --log-level error --listen-client-urls "http://127.0.0.1:$port" \
		--advertise-client-urls "http://127.0.0.1:$port" --listen-peer-urls "http://127.0.0.1:$((port + 1))" \
		--initial-advertise-peer-urls "http://127.0.0.1:$((port + 1))" --initial-cluster "${cluster#,}" \
		</dev/null >>"$NODE_DIR/out/m$1.log" 2>&1 3>&- &
	echo $! >"$NODE_DIR/m$1.pid"
}

member_kill() { # NUMBER [SIGNAL]
	local pid
	pid=$(cat "$NODE_DIR/m$1.pid")
	kill "-${2:-KILL}" "$pid"
	[ "${2:-KILL}" != KILL ] || while kill -0 "$pid" 2>/dev/null; do read -rt 0.05 <> <(:) || :; done
}

members() { for m in $MEMBERS; do "$@" "$m"; done; }

ctl() { in_node env ETCDCTL_API=3 etcdctl --endpoints http://127.0.0.1:2379,http://127.0.0.1:2479,http://127.0.0.1:2579 "$@"; }
one() { in_node env ETCDCTL_API=3 etcdctl --endpoints http://127.0.0.1:2379 "$@"; }

leader() {
	for m in $MEMBERS; do
		[ "$(in_node env ETCDCTL_API=3 etcdctl --endpoints "http://127.0.0.1:$((2379 + (m - 1) * 100))" endpoint status -w json |
			jq '.[0].Status | .leader == .header.member_id')" != true ] || echo "$m"
	done
}

# serve STORE [FLAGS...]: the server is up and its admin's files are where writer.py looks for them.
serve() {
	node_start --no-node --store "$@"
	wait_for 40 k get --raw /readyz
	for part in certificate-authority-data:ca client-certificate-data:cert client-key-data:key; do
		sed -n "s/^ *${part%:*}: //p" "$NODE_DIR/etc/admin.conf" | base64 -d >"$NODE_DIR/out/${part#*:}.pem"
	done
}

setup() {
	command -v etcd >/dev/null || skip "no etcd here"
	node_begin
}

teardown() {
	touch "$NODE_DIR/out/stop"
	for file in "$NODE_DIR"/*.pid; do
		[ ! -s "$file" ] || kill -KILL "$(cat "$file")" 2>/dev/null || :
	done
	node_end
}

@test "the leader of three members is killed under load: what was acknowledged is there, and watches go on without a gap" {
	members member_start
	serve etcd://127.0.0.1:2379,127.0.0.1:2479,127.0.0.1:2579
	k get configmaps --watch-only -o 'jsonpath={.metadata.resourceVersion} {.metadata.name}{"\n"}' >"$NODE_DIR/out/watched" 3>&- &
	watch=$!
	wait_for 20 eval 'k create configmap "begin$RANDOM" && grep -q begin "$NODE_DIR/out/watched"'
	writers=
	for w in 1 2; do
		nsenter --target "$NODE_PID" --net --mount -- python3 "$BATS_TEST_DIRNAME/writer.py" "$NODE_DIR/out" "$NODE_DIR/out/stop" "w$w-" >"$NODE_DIR/out/acked$w" 2>"$NODE_DIR/out/writer$w.err" 3>&- &
		writers+=" $!"
	done
	for _ in 1 2; do
		before=$(cat "$NODE_DIR"/out/acked? | wc -l)
		wait_for 30 eval '[ "$(cat "$NODE_DIR"/out/acked? | wc -l)" -gt $((before + 30)) ]'
		lost=$(leader)
		member_kill "$lost"
		before=$(cat "$NODE_DIR"/out/acked? | wc -l)
		wait_for 30 eval '[ "$(cat "$NODE_DIR"/out/acked? | wc -l)" -gt $((before + 30)) ]'
		member_start "$lost"
		wait_for 30 ctl endpoint health
	done
	touch "$NODE_DIR/out/stop"
	# shellcheck disable=SC2086
	wait $writers
	[ ! -s "$NODE_DIR/out/writer1.err" ] && [ ! -s "$NODE_DIR/out/writer2.err" ] # no other errors than those that ask to try again
	sed 's/=.*//' "$NODE_DIR"/out/acked? | sort >"$NODE_DIR/out/names"
	k get configmaps -o 'jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}' | grep ^w | sort >"$NODE_DIR/out/there"
	[ -z "$(comm -23 "$NODE_DIR/out/names" "$NODE_DIR/out/there")" ]
	[ -z "$(comm -23 "$NODE_DIR/out/names" <(ctl get /registry/configmaps/default/ --prefix --keys-only | sed 's,.*/,,' | sort))" ]
	k create configmap last
	wait_for 10 grep -q ' last$' "$NODE_DIR/out/watched"
	kill $watch
	sort -n -c "$NODE_DIR/out/watched"
	[ -z "$(comm -23 "$NODE_DIR/out/there" <(cut -d' ' -f2 "$NODE_DIR/out/watched" | sort -u))" ]
}

processor_ms() { awk '{ print ($14 + $15) * 10 }' "/proc/$1/stat"; }

@test "etcd gone: requests end in time and say why, the check fails, nothing spins; etcd back: all is well by itself" {
	MEMBERS=1
	member_start 1
	serve etcd://127.0.0.1:2379
	k create configmap a
	member_kill 1
	wait_for 10 fails k get --raw /readyz
	run k get --raw '/readyz?verbose'
	has "$output" '\[-\]etcd failed'
	started=$(date +%s)
	run k get configmap a
	[ "$status" -ne 0 ] && has "$output" 'etcd'
	run k create configmap b
	[ "$status" -ne 0 ] && has "$output" 'etcd.*Connection refused'
	[ $(($(date +%s) - started)) -lt 40 ]
	# What may be stale is still served.
	[ "$(k get --raw '/api/v1/namespaces/default/configmaps/a?resourceVersion=0' | jq -r .metadata.name)" = a ]
	before=$(processor_ms "$SERVER_PID")
	for _ in $(seq 30); do read -rt 0.1 <> <(:) || :; done
	[ $(($(processor_ms "$SERVER_PID") - before)) -lt 300 ]
	member_start 1
	wait_for 20 k get --raw /readyz
	k create configmap b
	[ "$(k get configmaps -o name | grep -c /[ab]$)" = 2 ]
}

@test "others compact etcd's history under open watches and pages: both go on, and one that is cut off catches up" {
	MEMBERS=1
	member_start 1
	serve etcd://127.0.0.1:2379
	for i in 1 2 3 4; do k create configmap "c$i"; done
	k get configmaps --watch-only -o name >"$NODE_DIR/out/watched" 3>&- &
	watch=$!
	page=$(k get --raw '/api/v1/namespaces/default/configmaps?limit=2')
	more=$(jq -r .metadata.continue <<<"$page")
	k delete configmap c4
	one compaction "$(one get x -w json | jq .header.revision)"
	# The second page is of the state that the first one was of.
	k get --raw "/api/v1/namespaces/default/configmaps?limit=9&continue=$more" | jq -e '[.items[].metadata.name] | index("c4")'
	member_kill 1 STOP
	wait_for 20 fails k get --raw /readyz # until the server gives the connection up
	member_kill 1 CONT
	one put /registry/configmaps/default/foreign "$(one get /registry/configmaps/default/c1 --print-value-only | jq -c '.metadata.name = "foreign"')"
	one compaction "$(one get x -w json | jq .header.revision)"
	wait_for 20 grep -q foreign "$NODE_DIR/out/watched"
	wait_for 20 k get configmap foreign
	kill $watch
	# A server knows what has happened since it started, whatever etcd has dropped, and nothing older.
	node_stop
	serve etcd://127.0.0.1:2379
	run k get --raw '/api/v1/namespaces/default/configmaps?resourceVersion=1&resourceVersionMatch=Exact'
	[ "$status" -ne 0 ] && has "$output" 'too old|Expired'
}

@test "etcd comes back with an older state: the server says so, and neither serves nor writes on top of it" {
	MEMBERS=1
	member_start 1
	serve etcd://127.0.0.1:2379
	one snapshot save "$NODE_DIR/out/old.db" >/dev/null
	for i in 1 2 3; do k create configmap "lost$i"; done
	member_kill 1
	rm -r "$NODE_DIR/m1"
	in_node env ETCDCTL_API=3 etcdctl snapshot restore "$NODE_DIR/out/old.db" --name m1 --data-dir "$NODE_DIR/m1" \
		--initial-cluster m1=http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 >/dev/null
	member_start 1
	wait_for 30 one endpoint health
	wait_for 20 grep -q 'is not the one' "$NODE_DIR/out/server.log"
	run k create configmap more
	[ "$status" -ne 0 ] && has "$output" 'restart this server'
	run k get configmap lost1
	[ "$status" -ne 0 ] && has "$output" 'restart this server'
	run k get --raw '/readyz?verbose'
	has "$output" '\[-\]etcd failed'
	[ -z "$(one get /registry/configmaps/default/more)" ]
	node_stop
	serve etcd://127.0.0.1:2379
	run k get configmap lost1
	has "$output" 'NotFound'
	k create configmap more
}

@test "what is too large for etcd is refused as too large, and nothing of it is written" {
	MEMBERS=1
	member_start 1
	serve etcd://127.0.0.1:2379
	k apply -f - <<-'X'
	apiVersion: apiextensions.k8s.io/v1
	kind: CustomResourceDefinition
	metadata: {name: blobs.example.com}
	spec:
	  group: example.com
	  scope: Namespaced
	  names: {plural: blobs, kind: Blob}
	  versions:
	  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {a: {type: string}}}}}
	X
	wait_for 10 k get blobs
	for size in 1400000 1700000; do
		python3 -c "print('{\"apiVersion\":\"example.com/v1\",\"kind\":\"Blob\",\"metadata\":{\"name\":\"b$size\"},\"a\":\"' + 'x' * $size + '\"}')" >"$NODE_DIR/out/b$size"
	done
	k create -f "$NODE_DIR/out/b1400000"
	run k create -f "$NODE_DIR/out/b1700000"
	[ "$status" -ne 0 ] && has "$output" 'etcdserver: request is too large'
	[ "$(k get blobs -o name)" = blob.example.com/b1400000 ]
	[ "$(one get /registry/example.com/blobs/default/ --prefix --keys-only | grep -c .)" = 1 ]
}

@test "a cluster under a prefix of its own: nothing of it elsewhere, and nothing of others in it" {
	MEMBERS=1
	member_start 1
	one put /registry/configmaps/default/others '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"others","namespace":"default"}}'
	serve etcd://127.0.0.1:2379 --etcd-prefix clusters/one/ --etcd-compaction-interval 1s
	k create configmap mine
	one get /clusters/one/configmaps/default/mine --keys-only | grep -qx /clusters/one/configmaps/default/mine
	[ "$(one get /registry/ --prefix --keys-only | grep -c .)" = 1 ]
	run k get configmap others
	has "$output" NotFound
	revision=$(k get configmap mine -o 'jsonpath={.metadata.resourceVersion}')
	# Others' writes under the prefix are seen; history is dropped as often as it was asked for.
	one put /clusters/one/configmaps/default/theirs "$(one get /clusters/one/configmaps/default/mine --print-value-only | jq -c '.metadata.name = "theirs"')"
	wait_for 10 k get configmap theirs
	wait_for 20 eval 'one get x --rev="$revision" 2>&1 | grep compacted'
	node_stop
	serve etcd://127.0.0.1:2379 --etcd-prefix /clusters/one
	k get configmap mine theirs
}

@test "objects as kube-apiserver stores them are read: protobuf, under its keys" {
	MEMBERS=1
	member_start 1
	serve etcd://127.0.0.1:2379
	k create configmap cm --from-literal=x=1
	k create secret generic se --from-literal=y=2
	k create deployment de --image=none --replicas=0
	k create service clusterip sv --tcp=80
	k rollout status deployment de --timeout=20s # its controller has written what it has to
	for what in api/v1/namespaces/default/configmaps/cm:configmaps/default/cm api/v1/namespaces/default/secrets/se:secrets/default/se \
		apis/apps/v1/namespaces/default/deployments/de:deployments/default/de \
		api/v1/namespaces/default/services/sv:services/specs/default/sv; do
		path=${what%:*} key=/registry/${what#*:}
		k get --raw "/$path" | jq -S 'del(.metadata.resourceVersion)' >"$NODE_DIR/out/before"
		in_node curl -sf --cacert "$NODE_DIR/out/ca.pem" --cert "$NODE_DIR/out/cert.pem" --key "$NODE_DIR/out/key.pem" \
			-H 'Accept: application/vnd.kubernetes.protobuf' "https://127.0.0.1:6443/$path" >"$NODE_DIR/out/value"
		[ "$(head -c 3 "$NODE_DIR/out/value")" = k8s ]
		one get "$key" --keys-only | grep -qx "$key"
		one put "$key" <"$NODE_DIR/out/value"
		[ "$(one get "$key" --print-value-only | head -c 3)" = k8s ]
		wait_for 10 eval '[ "$(k get --raw "/$path" | jq -r .metadata.resourceVersion)" = "$(one get "$key" -w json | jq .kvs[0].mod_revision)" ]'
		same "$(cat "$NODE_DIR/out/before")" "$(k get --raw "/$path" | jq -S 'del(.metadata.resourceVersion)')"
	done
	# ... by a server that starts on them, which then writes its own form.
	node_stop
	serve etcd://127.0.0.1:2379
	[ "$(k get configmap cm -o 'jsonpath={.data.x}') $(k get secret se -o 'jsonpath={.data.y}' | base64 -d)" = '1 2' ]
	k label configmap cm touched=yes
	one get /registry/configmaps/default/cm --print-value-only | jq -e '.metadata.labels.touched == "yes"'
}

config_map() { # NAME OWNER UID
	printf '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"%s","ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"%s","uid":"%s"}]}}' "$@"
}

# A fault of one value must not spread: to take it for deleted would have what it owns deleted, and its namespace ended without it.
@test "what etcd has and nobody can read is not taken for absent: its dependents stay, and its namespace" {
	MEMBERS=1
	member_start 1
	serve etcd://127.0.0.1:2379
	k create configmap owner
	uid=$(k get configmap owner -o 'jsonpath={.metadata.uid}')
	config_map first owner "$uid" | k create -f -
	config_map last nothing "$uid" | k create -f -
	wait_for 20 eval 'k get configmap last 2>&1 | grep NotFound' # the collector is at work
	# It comes to be while the server runs.
	k create namespace kept
	one put /registry/configmaps/default/broken damaged
	one put /registry/secrets/kept/broken damaged
	wait_for 10 eval 'k get configmap broken 2>&1 | grep "unable to transform key \"/registry/configmaps/default/broken\""'
	config_map second broken "$uid" | k create -f -
	config_map third nothing "$uid" | k create -f -
	wait_for 20 eval 'k get configmap third 2>&1 | grep NotFound'
	k get configmap second
	run k create configmap broken
	has "$output" 'configmaps "broken" already exists'
	run k delete configmap broken
	has "$output" 'unable to transform key'
	run k get configmaps
	has "$output" 'Internal error occurred: unable to transform key "/registry/configmaps/default/broken"'
	k delete namespace kept --wait=false
	wait_for 10 eval 'grep -q "registry/secrets/kept/broken" "$NODE_DIR"/out/* && k get namespace kept'
	one del /registry/configmaps/default/broken
	k get configmaps
	one del /registry/secrets/kept/broken
	wait_for 40 eval 'k get namespace kept 2>&1 | grep NotFound'
	wait_for 40 eval 'k get configmap second 2>&1 | grep NotFound'
	# It is there when the server starts.
	node_stop
	one put /registry/configmaps/default/owner damaged
	serve etcd://127.0.0.1:2379
	run k get configmap owner
	has "$output" InternalError
	config_map fourth nothing "$uid" | k create -f -
	k get configmap first
	one put /registry/configmaps/default/owner "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"owner\",\"namespace\":\"default\",\"uid\":\"$uid\"}}"
	wait_for 20 eval 'k get configmap fourth 2>&1 | grep NotFound'
	k get configmap first owner
}
