#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What becomes of dependents when their owner is deleted, and of a network that Services use, through the real kubectl.

load node

setup_file() {
	node_file && node_ready --service-cluster-ip-range 10.96.0.0/12,fd00:96::/108
}

teardown_file() { node_end; }

# map NAME [OWNER...]: a ConfigMap whose owners wait for it
map() {
	local name=$1 owners= owner
	shift
	for owner in "$@"; do
		owners+="{apiVersion: v1, kind: ConfigMap, name: $owner, uid: $(k get cm "$owner" -o 'jsonpath={.metadata.uid}'), blockOwnerDeletion: true},"
	done
	k apply -f - <<-YAML
	apiVersion: v1
	kind: ConfigMap
	metadata: {name: $name, ownerReferences: [$owners]}
	YAML
}

gone() { [ -z "$(k get cm "$@" --ignore-not-found -o name)" ]; }

@test "dependents go after their owner in the background, and before it in the foreground" {
	map root && map leaf root
	k delete cm root
	wait_for 10 gone root leaf
	map root && map leaf root
	k patch cm leaf --type merge -p '{"metadata":{"finalizers":["example.com/hold"]}}'
	k delete cm root --cascade=foreground --wait=false
	wait_for 10 sh -c '[ -n "$0" ]' "$(k get cm root -o 'jsonpath={.metadata.deletionTimestamp}')"
	same foregroundDeletion "$(k get cm root -o 'jsonpath={.metadata.finalizers[0]}')"
	k patch cm leaf --type merge -p '{"metadata":{"finalizers":null}}'
	wait_for 10 gone root leaf
}

@test "orphans lose the reference and stay" {
	map root && map leaf root
	k delete cm root --cascade=orphan
	wait_for 10 gone root
	same "" "$(k get cm leaf -o 'jsonpath={.metadata.ownerReferences}')"
	k delete cm leaf
}

@test "a circle of owners does not hold up a deletion in the foreground" {
	map one && map two one && map three two && map one three
	k delete cm one --cascade=foreground --wait=false
	wait_for 10 gone one two three
}

@test "an owner that is not there, or in another namespace, is none; what is in no namespace outlives one that is in one" {
	k create namespace elsewhere
	map root
	owned() { # APIVERSION KIND NAME NAMESPACE UID: by the ConfigMap root
		k create -f - <<<"{\"apiVersion\": \"$1\", \"kind\": \"$2\", \"metadata\": {\"name\": \"$3\", \"namespace\": \"$4\", \"ownerReferences\": [
			{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"name\": \"root\", \"uid\": \"$5\"}]}}"
	}
	owned rbac.authorization.k8s.io/v1 ClusterRole stays "" "$(k get cm root -o 'jsonpath={.metadata.uid}')"
	owned v1 ConfigMap abroad elsewhere "$(k get cm root -o 'jsonpath={.metadata.uid}')"
	owned v1 ConfigMap astray default unknown
	wait_for 10 gone -n elsewhere abroad
	wait_for 10 gone astray
	map leaf root
	k delete cm root
	wait_for 10 gone leaf
	k delete clusterrole stays
	k delete namespace elsewhere --wait=false
}

# network NAME JSONPATH: what it says
network() { k get servicecidr "$1" -o "jsonpath=$2"; }

@test "a further network gives Services addresses, and stays while one has an address of it" {
	same 10.96.0.0/12 "$(network kubernetes '{.spec.cidrs[0]}')"
	k create -f - <<-YAML
	apiVersion: networking.k8s.io/v1
	kind: ServiceCIDR
	metadata: {name: more}
	spec: {cidrs: [10.200.0.0/28]}
	YAML
	wait_for 10 eval '[ "$(network more "{.metadata.finalizers[0]} {.status.conditions[0].type}={.status.conditions[0].status}")" = "networking.k8s.io/service-cidr-finalizer Ready=True" ]'
	k create service clusterip there --clusterip=10.200.0.3 --tcp=80
	k delete servicecidr more --wait=false
	wait_for 10 eval '[ "$(network more "{.status.conditions[0].status} {.status.conditions[0].reason}")" = "False Terminating" ]'
	run k create service clusterip late --clusterip=10.200.0.4 --tcp=80
	[[ $output == *'failed to allocate IP 10.200.0.4: the provided network does not match the current range'* ]]
	k delete service there
	wait_for 30 eval '! k get servicecidr more'
}

# slices: of the service "both", the families and addresses
slices() { k get endpointslices -l kubernetes.io/service-name=both -o json | jq -c '[.items[] | [.addressType, .endpoints[]?.addresses[0]]] | sort'; }

@test "a Service of two families has an address and an EndpointSlice of each, until it lets one go" {
	same '["10.96.0.0/12","fd00:96::/108"]' "$(network kubernetes '{.spec.cidrs}')"
	k create -f - <<-'YAML'
	apiVersion: v1
	kind: Pod
	metadata: {name: elsewhere, labels: {app: both}}
	spec: {nodeName: nowhere, containers: [{name: c, image: none}]}
	---
	apiVersion: v1
	kind: Service
	metadata: {name: both}
	spec: {ipFamilyPolicy: RequireDualStack, ipFamilies: [IPv6, IPv4], selector: {app: both}, ports: [{port: 80}]}
	YAML
	k patch pod elsewhere --subresource status -p '{"status":{"podIP":"10.9.8.7","podIPs":[{"ip":"10.9.8.7"},{"ip":"fd00:9::7"}],"conditions":[{"type":"Ready","status":"True"}]}}'
	wait_for 10 eval '[ "$(slices)" = "[[\"IPv4\",\"10.9.8.7\"],[\"IPv6\",\"fd00:9::7\"]]" ]'
	wait_for 10 eval '[ "$(k get endpoints both -o "jsonpath={.subsets[*].addresses[*].ip}" 2>/dev/null)" = fd00:9::7 ]'
	[[ $(k get service both -o 'jsonpath={.spec.clusterIPs[0]}') == fd00:96::* ]]
	# The node's rules are IPv4's: of both addresses that one leads to the pod, and nothing else is there.
	local four
	four=$(k get service both -o 'jsonpath={.spec.clusterIPs[1]}')
	rules() { in_node nft list table ip cube; }
	wait_for 10 eval 'rules | grep -q "10.9.8.7"'
	rules | grep -q "$four"
	! in_node nft list ruleset | grep -q 'fd00:'
	k patch service both -p '{"spec":{"ipFamilyPolicy":"SingleStack"}}'
	wait_for 10 eval '[ "$(slices)" = "[[\"IPv6\",\"fd00:9::7\"]]" ]'
	same '' "$(k get ipaddresses "$four" --ignore-not-found -o name)"
	wait_for 10 eval '! rules | grep -q "10.9.8.7"'
	k delete service both
	k delete pod elsewhere --now
}
