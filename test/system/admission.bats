#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What namespaces are given and refused by LimitRange and ResourceQuota, with the real kubectl.

load node.bash

setup_file() {
	load node.bash
	node_file && node_ready
}

teardown_file() {
	load node.bash
	node_end
}

used() { k -n "$1" get quota "$2" -o "go-template={{index .status.used \"$3\"}}"; }
used_is() { [ "$(used "$1" "$2" "$3")" = "$4" ]; }
pod() { # NAMESPACE NAME CPU
	k -n "$1" apply -f - <<-X
		apiVersion: v1
		kind: Pod
		metadata: {name: $2}
		spec:
		  nodeSelector: {nowhere: "true"}
		  containers:
		  - {name: a, image: none, resources: {requests: {cpu: $3}}}
	X
}

@test "[W36] a quota counts what is there, refuses what is too much, and gives back what was deleted" {
	k create namespace quota
	k -n quota create configmap first
	k -n quota create quota q --hard=pods=2,requests.cpu=1,configmaps=3,count/deployments.apps=1,services.nodeports=1
	wait_for 5 used_is quota q configmaps 2
	pod quota one 400m
	used_is quota q pods 1
	used_is quota q requests.cpu 400m
	run pod quota two 700m
	[ "$status" = 1 ]
	has "$output" 'pods "two" is forbidden: exceeded quota: q, requested: requests.cpu=700m, used: requests.cpu=400m, limited: requests.cpu=1'
	run k -n quota run three --image none
	[ "$status" = 1 ]
	has "$output" 'pods "three" is forbidden: failed quota: q: must specify requests.cpu for: three'
	pod quota two 600m
	used_is quota q pods 2
	k -n quota create deployment d --image none --replicas 0
	run k -n quota create deployment e --image none --replicas 0
	has "$output" 'deployments.apps "e" is forbidden: exceeded quota: q, requested: count/deployments.apps=1, used: count/deployments.apps=1, limited: count/deployments.apps=1'
	k -n quota create service nodeport n --tcp 80
	run k -n quota create service nodeport m --tcp 80
	has "$output" 'exceeded quota: q, requested: services.nodeports=1'
	k -n quota delete pod one --grace-period 0 --force
	k -n quota delete service n
	wait_for 5 used_is quota q pods 1
	wait_for 5 used_is quota q services.nodeports 0
	used_is quota q requests.cpu 600m
	has "$(k -n quota describe quota q)" '^pods +1 +2$'
}

@test "[W33] a controller that may not make its pods says so, and no longer once it wants no more than it may" {
	k create namespace few
	k -n few create quota q --hard=pods=1
	wait_for 5 used_is few q pods 0
	k -n few apply -f - <<-'X'
	apiVersion: v1
	kind: ReplicationController
	metadata: {name: r}
	spec:
	  replicas: 2
	  selector: {app: r}
	  template:
	    metadata: {labels: {app: r}}
	    spec: {containers: [{name: c, image: none}]}
	X
	failure() { k -n few get rc r -o 'jsonpath={.status.conditions[?(@.type=="ReplicaFailure")].reason}'; }
	wait_for 10 eval '[ "$(failure)" = FailedCreate ]'
	k -n few scale rc r --replicas=1
	wait_for 10 eval '[ -z "$(failure)" ]'
}

@test "[W36] many writers at once never get more than the quota" {
	k create namespace race
	k -n race create quota q --hard=configmaps=11
	wait_for 5 used_is race q configmaps 1 # kube-root-ca.crt
	local i
	for i in $(seq 20); do
		k -n race create configmap "c$i" >"$NODE_DIR/out/race.$i" 2>&1 &
	done
	wait $(jobs -p) || true # those that were refused
	same 10 "$(cat "$NODE_DIR"/out/race.* | grep -c created)"
	same 10 "$(cat "$NODE_DIR"/out/race.* | grep -c 'exceeded quota: q')"
	same 11 "$(k -n race get configmaps -o name | wc -l)"
	used_is race q configmaps 11
	k -n race create configmap dry --dry-run=server >"$NODE_DIR/out/dry" 2>&1 && return 1
	has "$(cat "$NODE_DIR/out/dry")" 'exceeded quota: q'
}

@test "[W36] scopes: only best-effort pods count" {
	k create namespace scopes
	k -n scopes create quota be --hard=pods=1 --scopes=BestEffort
	wait_for 5 used_is scopes be pods 0
	pod scopes busy 100m
	used_is scopes be pods 0
	k -n scopes run idle --image none
	used_is scopes be pods 1
	run k -n scopes run idle2 --image none
	has "$output" 'exceeded quota: be, requested: pods=1, used: pods=1, limited: pods=1'
}

@test "[W36] a limit range gives defaults and refuses what is out of bounds" {
	k create namespace limits
	k -n limits apply -f - <<-X
		apiVersion: v1
		kind: LimitRange
		metadata: {name: l}
		spec:
		  limits:
		  - {type: Container, max: {cpu: 2}, min: {cpu: 100m}, default: {cpu: 500m}, defaultRequest: {cpu: 200m}}
		  - {type: PersistentVolumeClaim, max: {storage: 1Gi}}
	X
	k -n limits run plain --image none
	same '{"limits":{"cpu":"500m"},"requests":{"cpu":"200m"}}' "$(k -n limits get pod plain -o 'jsonpath={.spec.containers[0].resources}')"
	same Burstable "$(k -n limits get pod plain -o 'jsonpath={.status.qosClass}')"
	same 'LimitRanger plugin set: cpu request for container plain; cpu limit for container plain' \
		"$(k -n limits get pod plain -o 'jsonpath={.metadata.annotations.kubernetes\.io/limit-ranger}')"
	run pod limits low 50m
	has "$output" 'pods "low" is forbidden: minimum cpu usage per Container is 100m, but request is 50m'
	run k -n limits apply -f - <<-X
		apiVersion: v1
		kind: PersistentVolumeClaim
		metadata: {name: c}
		spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 2Gi}}}
	X
	has "$output" 'persistentvolumeclaims "c" is forbidden: maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi'
	has "$(k -n limits describe limits l)" '^Container +cpu +100m +2 +200m +500m'
}

@test "[W49] pod security: what the namespace enforces is refused, what it warns of is told" {
	k create namespace secure
	k label namespace secure pod-security.kubernetes.io/enforce=baseline pod-security.kubernetes.io/warn=restricted
	run k -n secure run root --image none --overrides '{"spec":{"hostNetwork":true}}'
	[ "$status" = 1 ]
	has "$output" 'Error from server \(Forbidden\): pods "root" is forbidden: violates PodSecurity "baseline:latest": host namespaces \(hostNetwork=true\)'
	run k -n secure run plain --image none
	[ "$status" = 0 ]
	has "$output" '^Warning: would violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false \(container "plain" must set securityContext.allowPrivilegeEscalation=false\)'
	run k -n secure create deployment d --image none --replicas 0
	has "$output" '^Warning: would violate PodSecurity "restricted:latest": '
	has "$output" '^deployment.apps/d created'
	run k -n secure label pod plain a=b
	same 'pod/plain labeled' "$output"
	run k label --overwrite namespace secure pod-security.kubernetes.io/enforce=restricted
	has "$output" '^Warning: existing pods in namespace "secure" violate the new PodSecurity enforce level "restricted:latest"$'
	has "$output" '^Warning: plain: allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile$'
	run k label --overwrite namespace secure pod-security.kubernetes.io/enforce=strict
	[ "$status" = 1 ]
	has "$output" 'The Namespace "secure" is invalid: metadata.labels\[pod-security.kubernetes.io/enforce\]: Invalid value: "strict": must be one of privileged, baseline, restricted'
}
