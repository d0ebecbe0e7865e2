#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Priority and fairness with the real kubectl: its objects, the headers, and that who asks little is served while another floods.
# Runs alone: it measures who waits for whom.

load node.bash

setup_file() {
	node_file || return 1
	printf '%s\n' 'token-flood,flood,1' 'token-quiet,quiet,2' >"$OUT/tokens.csv"
	node_api --token-auth-file "$OUT/tokens.csv"
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
	# as they are tried, not by name
	[ "$(k get flowschemas | awk 'NR > 1 { print $3 }')" = "$(k get flowschemas | awk 'NR > 1 { print $3 }' | sort -n)" ]
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

# kinds of requests, how many at least of the flooder's are served
flood() {
	in_node python3 "$BATS_TEST_DIRNAME/flood.py" "$NODE_DIR/etc/pki/ca.crt" token-flood token-quiet "$1" >"$OUT/flood.json"
	cat "$OUT/flood.json" >&2
	same true "$(jq ".flood > $2 and .quiet > 5 and .quiet_slowest_ms < 1000" "$OUT/flood.json")"
}

@test "who asks little is served while another floods with reads" {
	flood get 500
	has "$(k get --raw /debug/api_priority_and_fairness/dump_priority_levels)" '^global-default, +[0-9]+, +(true|false), +false, '
	has "$(k get --raw '/debug/api_priority_and_fairness/dump_requests?includeRequestDetails=1')" \
		'^exempt, +exempt, +-1, +-1, .*, kubernetes-admin, get, +/debug/api_priority_and_fairness/dump_requests, '
}

@test "who asks little is served while another floods with lists, or with watches that begin with all there is" {
	for number in $(seq 40); do
		printf -- '---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: large-%s}\ndata: {text: "%s"}\n' "$number" "$(head -c 60000 /dev/zero | tr '\0' x)"
	done >"$OUT/large.yaml"
	k create -f "$OUT/large.yaml" >/dev/null
	flood list 30
	flood watch 10
	has "$(k get --raw /metrics)" '^apiserver_flowcontrol_dispatched_requests_total\{flow_schema="global-default"'
}

@test "metrics say what was served, and where" {
	output=$(k get --raw /metrics)
	has "$output" '^apiserver_flowcontrol_dispatched_requests_total\{flow_schema="global-default",priority_level="global-default"\} [1-9]'
	has "$output" '^apiserver_flowcontrol_dispatched_requests_total\{flow_schema="exempt",priority_level="exempt"\} [1-9]'
	has "$output" '^apiserver_flowcontrol_request_wait_duration_seconds_count\{execute="true",flow_schema="global-default",priority_level="global-default"\} [1-9]'
	has "$output" '^apiserver_flowcontrol_nominal_limit_seats\{priority_level="workload-low"\} [1-9]'
	has "$output" '^apiserver_flowcontrol_current_executing_requests\{flow_schema="global-default",priority_level="global-default"\} 0$'
}

@test "a level with no queue and no seat refuses with 429, in upstream's words" {
	k apply -f - <<END
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: PriorityLevelConfiguration
metadata: {name: nothing}
spec: {type: Limited, limited: {nominalConcurrencyShares: 0, borrowingLimitPercent: 0, limitResponse: {type: Reject}}}
---
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: FlowSchema
metadata: {name: nothing}
spec:
  matchingPrecedence: 600
  priorityLevelConfiguration: {name: nothing}
  rules:
  - subjects: [{kind: User, user: {name: quiet}}]
    resourceRules: [{verbs: ["*"], apiGroups: ["*"], resources: ["*"], namespaces: ["*"], clusterScope: true}]
END
	output=$(in_node curl -sS --http1.1 -D - --cacert "$NODE_DIR/etc/pki/ca.crt" -H 'Authorization: Bearer token-quiet' \
		https://127.0.0.1:6443/api/v1/namespaces/default/pods/none)
	has "$output" '^HTTP/1.1 429 '
	has "$output" '^Retry-After: 1'
	has "$output" 'Too many requests, please try again later\.'
	has "$(k get --raw /metrics)" '^apiserver_flowcontrol_rejected_requests_total\{flow_schema="nothing",priority_level="nothing",reason="concurrency-limit"\} 1$'
	k delete flowschema nothing
	k delete prioritylevelconfiguration nothing
}

@test "a schema whose level is missing says that it dangles" {
	has "$(k get flowschemas)" 'system-nodes +system +500 +ByUser +[0-9a-z]+ +False'
	k apply -f - <<END
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: FlowSchema
metadata: {name: lost}
spec: {matchingPrecedence: 700, priorityLevelConfiguration: {name: nowhere}}
END
	wait_for 5 k wait --for=condition=Dangling flowschema/lost --timeout=1s
	same 'NotFound: This FlowSchema references the PriorityLevelConfiguration object named "nowhere" but there is no such object' \
		"$(k get flowschema lost -o jsonpath='{.status.conditions[0].reason}: {.status.conditions[0].message}')"
	has "$(k get flowschema lost)" 'lost +nowhere +700 +<none> +[0-9a-z]+ +True'
	k delete flowschema lost
}

@test "what must be there is made again, and an administrator's change stays" {
	k delete flowschema probes
	k patch prioritylevelconfiguration workload-low --type merge -p '{"metadata":{"annotations":{"apf.kubernetes.io/autoupdate-spec":"false"}},"spec":{"limited":{"nominalConcurrencyShares":77}}}'
	k patch prioritylevelconfiguration node-high --type merge -p '{"spec":{"limited":{"nominalConcurrencyShares":77}}}'
	run k patch prioritylevelconfiguration catch-all --type merge -p '{"spec":{"limited":{"nominalConcurrencyShares":6}}}'
	[ "$status" = 1 ]
	has "$output" "must equal the fixed value"
	shares() { k get prioritylevelconfiguration "$1" -o jsonpath='{.spec.limited.nominalConcurrencyShares}'; }
	wait_for 90 k get flowschema probes
	wait_for 5 same 40 "$(shares node-high)"
	same 77 "$(shares workload-low)"
}
