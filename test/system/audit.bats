#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The audit log with the real kubectl: what a policy keeps of which requests, in a file and at a webhook.

load node.bash

OUTSIDE=$BATS_TEST_DIRNAME/outside.py

setup_file() {
	node_file || return 1
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$OUT/server.key" -out "$OUT/server.crt" \
		-subj /CN=outside -addext subjectAltName=IP:127.0.0.1 -days 1 2>/dev/null
	nsenter --target "$NODE_PID" --net --mount -- python3 "$OUTSIDE" serve "$OUT" 9443 >"$OUT/outside.log" 2>&1 </dev/null 3>&- &
	export OUTSIDE_PID=$!
	wait_for 10 test -s "$OUT/ready"
	cat >"$OUT/hook.conf" <<END
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:9443/audit", certificate-authority: server.crt}}]
users: [{name: u, user: {}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
END
	cat >"$OUT/policy.yaml" <<END
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- {level: None, nonResourceURLs: ["*"]}
- level: Metadata
  omitStages: [RequestReceived]
  resources: [{group: "", resources: [secrets]}]
- level: RequestResponse
  omitManagedFields: true
  omitStages: [RequestReceived]
  namespaces: [default]
  resources: [{group: "", resources: [configmaps]}]
- level: Metadata
  resources: [{group: "", resources: [pods]}]
END
	node_api --audit-policy-file "$OUT/policy.yaml" --audit-log-path "$OUT/audit.log" --audit-log-maxsize 1 \
		--audit-log-maxbackup 2 --audit-webhook-config-file "$OUT/hook.conf" --audit-webhook-batch-max-wait 200ms \
		--profiling=false --no-scheduler --controllers '*,-deployment-controller' --tls-min-version VersionTLS13
}

teardown_file() {
	kill "$OUTSIDE_PID" 2>/dev/null || true
	node_end
}

events() { # jq filter: of the log, once something passes it
	wait_for 5 sh -c "cat $OUT/audit*.log | jq -ce '$1' >/dev/null"
	cat "$OUT"/audit*.log | jq -c "$1"
}

@test "[W49] a write is kept with body and answer where the policy says so" {
	k create configmap one --from-literal=a=b
	output=$(events 'select(.objectRef.name == "one" or .requestObject.metadata.name == "one") | select(.verb == "create")' | head -n 1)
	same 'RequestResponse ResponseComplete kubernetes-admin 201 b true configmaps v1' "$(jq -r '[.level, .stage, .user.username,
		.responseStatus.code, .requestObject.data.a, (.responseObject.metadata.uid != null), .objectRef.resource,
		.objectRef.apiVersion] | join(" ")' <<<"$output")"
	same null "$(jq -c .responseObject.metadata.managedFields <<<"$output")"
	same '["127.0.0.1"]' "$(jq -c .sourceIPs <<<"$output")"
	has "$(jq -r .userAgent <<<"$output")" '^kubectl'
	same allow "$(jq -r '.annotations["authorization.k8s.io/decision"]' <<<"$output")"
	has "$(jq -r .requestReceivedTimestamp <<<"$output")" '^[0-9-]{10}T[0-9:]{8}\.[0-9]{6}Z$'
}

@test "a list is kept with what it gave, without managed fields where they are left out" {
	k -n default get configmaps -o json >/dev/null
	output=$(events 'select(.verb == "list" and .objectRef.namespace == "default" and .responseObject.kind == "ConfigMapList")' | tail -n 1)
	has "$(jq -c '[.responseObject.items[].metadata.name]' <<<"$output")" '"one"'
	same '[]' "$(jq -c '[.responseObject.items[].metadata.managedFields | select(. != null)]' <<<"$output")"
}

@test "an answer comes when its event is in the file" {
	k create configmap at-once
	grep -q '"stage":"ResponseComplete".*"name":"at-once"' "$OUT/audit.log"
}

@test "a secret's value is not kept where the policy wants no more than that it was read" {
	k create secret generic hidden --from-literal=key=value-of-mine
	k get secret hidden
	same 'Metadata get hidden null' "$(events 'select(.objectRef.name == "hidden" and .verb == "get")' | head -n 1 |
		jq -r '[.level, .verb, .objectRef.name, (.responseObject|tostring)] | join(" ")')"
	run grep -r "$(printf value-of-mine | base64)" "$OUT"/audit*.log
	[ "$status" != 0 ]
}

@test "refusals, impersonation, watches and unknown tokens are told" {
	run k get pods --as jane --as-group team
	same 'forbid Forbidden 403 jane kubernetes-admin' "$(events 'select(.impersonatedUser.username == "jane" and .stage == "ResponseComplete")' |
		head -n 1 | jq -r '[.annotations["authorization.k8s.io/decision"], .responseStatus.reason, .responseStatus.code,
		.impersonatedUser.username, .user.username] | join(" ")')"
	run in_node timeout 1 "${KUBECTL:-kubectl}" --kubeconfig "$NODE_DIR/etc/admin.conf" get pods -w
	same '["RequestReceived","ResponseStarted","ResponseComplete"]' "$(events 'select(.verb == "watch" and .stage == "ResponseComplete")' >/dev/null
		cat "$OUT"/audit*.log | jq -sc '[.[] | select(.verb == "watch")] | group_by(.auditID)[0] | map(.stage)')"
	in_node curl -sS --cacert "$NODE_DIR/etc/pki/ca.crt" -H 'Authorization: Bearer nonsense' https://127.0.0.1:6443/api/v1/pods
	same '401 {}' "$(events 'select(.responseStatus.code == 401)' | head -n 1 | jq -r '[.responseStatus.code, (.user|tostring)] | join(" ")')"
}

@test "what is not in the policy is not kept" {
	k get --raw /version
	k get nodes
	k create configmap marks-the-end
	events 'select(.requestObject.metadata.name == "marks-the-end")'
	same 0 "$(cat "$OUT"/audit*.log | jq -c 'select(.requestURI == "/version" or .objectRef.resource == "nodes")' | wc -l)"
}

@test "the webhook gets the same events in batches" {
	k create configmap for-the-hook
	got() { jq -c 'select(.kind == "EventList") | .items[] | select(.requestObject.metadata.name == "for-the-hook")' "$OUT/asked" | grep -q .; }
	wait_for 10 got
	same audit.k8s.io/v1 "$(jq -r 'select(.kind == "EventList") | .apiVersion' "$OUT/asked" | head -n 1)"
}

@test "no more batches are sent in a second than may be, and none is lost for it" {
	cat >"$OUT/version.yaml" <<-END
	apiVersion: audit.k8s.io/v1
	kind: Policy
	rules: [{level: Metadata, omitStages: [RequestReceived], nonResourceURLs: [/version]}]
	END
	nsenter --target "$NODE_PID" --net --mount -- "$CUBE" server --no-node --data-dir "$NODE_DIR/d4" --run-dir "$NODE_DIR/r4" \
		--secure-port 7443 --etcd-listen none --kubeconfig "$NODE_DIR/e4/admin.conf" --audit-policy-file "$OUT/version.yaml" \
		--audit-webhook-config-file "$OUT/hook.conf" --audit-webhook-batch-max-size 1 --audit-webhook-batch-throttle-qps 10 \
		--audit-webhook-batch-throttle-burst 1 </dev/null >"$OUT/server4.log" 2>&1 3>&- &
	local server=$! begun
	sent() { jq -c 'select(.kind == "EventList") | .items[] | select(.requestURI == "/version")' "$OUT/asked" | wc -l; }
	all_sent() { [ "$(sent)" -ge 12 ]; }
	curl_all() { in_node curl -skf https://127.0.0.1:7443/version{,,,,,,,,,,,} >/dev/null; }
	wait_for 20 curl_all
	begun=$(date +%s%N)
	[ "$(sent)" -lt 12 ]
	wait_for 10 all_sent
	kill "$server"
	# eleven waits of a tenth of a second, but for what passed before the clock was read
	[ $((($(date +%s%N) - begun) / 1000000)) -ge 700 ]
}

@test "the server tells what it was started with" {
	output=$(k get --raw /flagz)
	has "$output" '^kube-apiserver flagz$'
	has "$output" '^audit-log-maxsize=1$'
	has "$output" '^audit-webhook-batch-max-wait=200ms$'
	has "$output" '^no-node=true$'
	has "$output" '^tls-min-version=VersionTLS13$'
	has "$output" '^tls-cipher-suites=\[\]$'
	has "$output" '^profiling=false$'
	fails k get --raw /debug/pprof/
	fails k get --raw /debug/flags/v
	has "$(k get componentstatuses)" '^scheduler +Unhealthy '
	fails k get --raw /flagz --as jane
}

@test "clients of a version of TLS below the least that is taken do not get in" {
	shake() { in_node openssl s_client -connect 127.0.0.1:6443 "$@" </dev/null 2>&1; }
	has "$(shake -tls1_3)" 'Cipher is TLS_AES_128_GCM_SHA256'
	output=$(shake -tls1_2 || true)
	has "$output" 'alert protocol version'
}

@test "controllers and the scheduler are left to others where the flags say so" {
	output=$(k get --raw /metrics)
	has "$output" '^workqueue_depth.name="replicaset-controller".'
	fails has "$output" 'name="deployment-controller"'
	k create deployment unowned --image=busybox
	k create -f - <<-END
		{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "unplaced"}, "spec": {"containers": [{"name": "c", "image": "busybox"}]}}
	END
	k create namespace later
	wait_for 10 k -n later get serviceaccount default # by then the others have looked too
	same '' "$(k get pod unplaced -o 'jsonpath={.status.conditions}')"
	same '' "$(k get replicasets -o name)"
	run in_node "$CUBE" server --no-node --data-dir "$NODE_DIR/d2" --run-dir "$NODE_DIR/r2" --secure-port 7443 --kubeconfig "$NODE_DIR/e2/x" \
		--controllers '*,-deployments'
	same '1 cube: --controllers: "deployments" is not in the list of known controllers' "$status $(printf '%s\n' "$output" | tail -n 1)"
}

@test "a mode that nobody knows is refused at the start" {
	run in_node "$CUBE" server --no-node --data-dir "$NODE_DIR/d2" --run-dir "$NODE_DIR/r2" --secure-port 7443 --kubeconfig "$NODE_DIR/e2/x" \
		--audit-policy-file "$OUT/policy.yaml" --audit-log-path "$OUT/b.log" --audit-log-mode sometimes
	same '1 cube: invalid audit log mode sometimes, allowed modes are "batch,blocking,blocking-strict"' "$status $(printf '%s\n' "$output" | tail -n 1)"
}

@test "batches that cannot be are refused at the start" {
	refused_with() {
		run in_node "$CUBE" server --no-node --data-dir "$NODE_DIR/d2" --run-dir "$NODE_DIR/r2" --secure-port 7443 --kubeconfig "$NODE_DIR/e2/x" \
			--audit-policy-file "$OUT/policy.yaml" --audit-log-path "$OUT/b.log" --audit-log-mode batch "${@:2}"
		same "1 cube: $1" "$status $(printf '%s\n' "$output" | tail -n 1)"
	}
	refused_with 'invalid audit batch log max batch size 0, must be a positive number' --audit-log-batch-max-size 0
	refused_with 'invalid audit batch log buffer size -1, must be a positive number' --audit-log-batch-buffer-size -1
	refused_with 'invalid audit batch log throttle QPS 0, must be a positive number' --audit-log-batch-throttle-enable
	refused_with 'invalid audit batch webhook throttle burst 0, must be a positive number' --audit-webhook-config-file "$OUT/hook.conf" \
		--audit-webhook-batch-throttle-burst 0
}

@test "a full file is rotated, and only so many are kept" {
	head -c 300000 /dev/zero | tr '\0' x >"$OUT/big"
	for i in 1 2 3 4 5 6 7; do
		k create configmap "big$i" --from-file="$OUT/big" >/dev/null
	done
	rotated() { [ "$(find "$OUT" -name 'audit-*.log' | wc -l)" = 2 ]; }
	wait_for 10 rotated
	same 600 "$(stat -c %a "$OUT/audit.log")"
}
