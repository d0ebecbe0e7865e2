#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Priority and fairness with the real kubectl: its objects, the headers, and that who asks little is served while another floods.

load node.bash

setup_file() {
	export BATS_NO_PARALLELIZE_WITHIN_FILE=1
	node_begin || return 1
	export NODE_DIR NODE_PID NODE_CGROUP OUT=$NODE_DIR/out
	printf '%s\n' 'token-flood,flood,1' 'token-quiet,quiet,2' >"$OUT/tokens.csv"
	node_start --no-node --token-auth-file "$OUT/tokens.csv"
	export SERVER_PID
	wait_for 20 k get serviceaccount default
	k create clusterrolebinding readers --clusterrole=view --user=flood --user=quiet
}

teardown_file() {
	node_end
}

ask() { # token PATH
	in_node curl -sS --http1.1 -D - -o /dev/null --cacert "$NODE_DIR/etc/pki/ca.crt" -H "Authorization: Bearer $1" "https://127.0.0.1:6443$2"
}

@test "every cluster has upstream's schemas and levels" {
	same 'catch-all endpoint-controller exempt global-default kube-controller-manager kube-scheduler kube-system-service-accounts probes service-accounts system-leader-election system-node-high system-nodes workload-leader-election' \
		"$(k get flowschemas -o json | jq -r '[.items[].metadata.name] | sort | join(" ")')"
	same 'catch-all exempt global-default leader-election node-high system workload-high workload-low' \
		"$(k get prioritylevelconfigurations -o json | jq -r '[.items[].metadata.name] | sort | join(" ")')"
	has "$(k get flowschemas)" 'system-nodes +system +500 +ByUser'
	has "$(k get prioritylevelconfigurations)" 'workload-low +Limited +100 +128 +6 +50'
}

@test "an answer says where its request was put, and a new schema moves it" {
	uid() { k get "$1" "$2" -o jsonpath='{.metadata.uid}'; }
	output=$(ask token-quiet /api/v1/namespaces/default/pods/none)
	has "$output" "X-Kubernetes-PF-FlowSchema-UID: $(uid flowschema global-default)"
	has "$output" "X-Kubernetes-PF-PriorityLevel-UID: $(uid prioritylevelconfiguration global-default)"
	k apply -f - <<END
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: FlowSchema
metadata: {name: quiet}
spec:
  matchingPrecedence: 700
  priorityLevelConfiguration: {name: workload-high}
  distinguisherMethod: {type: ByUser}
  rules:
  - subjects: [{kind: User, user: {name: quiet}}]
    resourceRules: [{verbs: ["*"], apiGroups: ["*"], resources: ["*"], namespaces: ["*"], clusterScope: true}]
END
	has "$(ask token-quiet /api/v1/namespaces/default/pods/none)" "X-Kubernetes-PF-FlowSchema-UID: $(uid flowschema quiet)"
	has "$(ask token-flood /api/v1/namespaces/default/pods/none)" "X-Kubernetes-PF-FlowSchema-UID: $(uid flowschema global-default)"
	k delete flowschema quiet
	has "$(ask token-quiet /api/v1/namespaces/default/pods/none)" "X-Kubernetes-PF-FlowSchema-UID: $(uid flowschema global-default)"
}

@test "who asks little is served while another floods" {
	in_node python3 "$BATS_TEST_DIRNAME/flood.py" "$NODE_DIR/etc/pki/ca.crt" token-flood token-quiet >"$OUT/flood.json"
	cat "$OUT/flood.json" >&2
	same true "$(jq '.flood > 500 and .quiet_slowest_ms < 1000' "$OUT/flood.json")"
	has "$(k get --raw /debug/api_priority_and_fairness/dump_priority_levels)" '^global-default, false, 20, 6400, '
}
