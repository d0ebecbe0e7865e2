#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the certificate of a node opens, with the real kubectl: what its pods need, and what is its own.

load node.bash

setup_file() {
	node_file && node_api || return 1
	wait_for 20 k get namespace kube-node-lease
	# as a kubelet's client certificate has it
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$NODE_DIR/out/node.key" \
		-subj /O=system:nodes/CN=system:node:worker -out "$NODE_DIR/out/node.csr" 2>/dev/null
	openssl x509 -req -in "$NODE_DIR/out/node.csr" -CA "$NODE_DIR/etc/pki/ca.crt" -CAkey "$NODE_DIR/etc/pki/ca.key" \
		-days 1 -out "$NODE_DIR/out/node.crt" 2>/dev/null
}

teardown_file() {
	node_end
}

as_node() {
	in_node env -u KUBECONFIG HOME="$NODE_DIR/out" "${KUBECTL:-kubectl}" --kubeconfig /dev/null \
		--server https://127.0.0.1:6443 --certificate-authority "$NODE_DIR/etc/pki/ca.crt" \
		--client-certificate "$NODE_DIR/out/node.crt" --client-key "$NODE_DIR/out/node.key" "$@"
}

refused() { # REGEX COMMAND...
	local want=$1
	shift
	run "$@"
	[ "$status" != 0 ] || { echo "was not refused: $*" >&2; return 1; }
	has "$output" "$want"
}

pod() { # name node secret
	k apply -f - <<END
apiVersion: v1
kind: Pod
metadata: {name: $1}
spec:
  nodeName: $2
  containers:
  - name: c
    image: none
    env: [{name: A, valueFrom: {secretKeyRef: {name: $3, key: a}}}]
END
}

@test "a node reads the secrets of its pods and no others" {
	k create secret generic mine --from-literal=a=b
	k create secret generic foreign --from-literal=a=b
	wait_for 10 k get serviceaccount default
	pod here worker mine
	pod there other foreign
	same mine "$(as_node get secret mine -o 'jsonpath={.metadata.name}')"
	refused "secrets \"foreign\" is forbidden: User \"system:node:worker\" cannot get resource \"secrets\" in API group \"\" in the namespace \"default\": no relationship found between node 'worker' and this object" \
		as_node get secret foreign
	refused "can only read namespaced object of this type" as_node get secrets -A
	same here "$(as_node get pods --field-selector spec.nodeName=worker -o 'jsonpath={.items[*].metadata.name}')"
	refused "can only list/watch pods with spec.nodeName field selector" as_node get pods
	# it ends with the pod
	k delete pod here --force --grace-period=0
	refused "no relationship found" as_node get secret mine
	same yes "$(as_node auth can-i list services || true)"
	has "$(as_node auth can-i list secrets || true)" "^no"
}

@test "a node writes its own Node and Lease and no others" {
	as_node create -f - <<<'{"apiVersion":"v1","kind":"Node","metadata":{"name":"worker","labels":{"kubernetes.io/os":"linux"}}}'
	refused 'node "worker" is not allowed to modify node "other"' \
		as_node create -f - <<<'{"apiVersion":"v1","kind":"Node","metadata":{"name":"other"}}'
	refused 'is not allowed to modify labels: node-restriction.kubernetes.io/tier' \
		as_node label node worker node-restriction.kubernetes.io/tier=gold
	as_node label node worker team=a
	refused 'node "worker" is not allowed to modify taints' as_node taint node worker a=b:NoSchedule
	as_node -n kube-node-lease create -f - <<<'{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"worker"}}'
	refused 'can only access node lease with the same name as the requesting node' \
		as_node -n kube-node-lease create -f - <<<'{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"other"}}'
}

@test "a node deletes and evicts only its pods, and makes only mirrors" {
	pod away other x
	refused 'node "worker" can only delete pods with spec.nodeName set to itself' as_node delete pod away
	refused 'can only create mirror pods' as_node run x --image=y
	pod here worker x
	as_node delete pod here --force --grace-period=0
	same away "$(k get pods --ignore-not-found away -o 'jsonpath={.metadata.name}')"
	same "" "$(k get pod here --ignore-not-found -o name)"
}
