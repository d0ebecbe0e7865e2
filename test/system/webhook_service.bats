#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A webhook behind a Service of a whole node: found by its EndpointSlice, verified by its name, and lost when it is gone.

load node.bash

setup_file() {
	load webhook.bash
	load node.bash # its k is the node's
	node_file && node_ready
	hook_certificate "$NODE_DIR/out" DNS:hook.default.svc
	nsenter --target "$NODE_PID" --net --mount -- python3 "$BATS_TEST_DIRNAME/webhook.py" "$NODE_DIR/out" 192.168.77.1 \
		>"$NODE_DIR/out/hook.out" 2>&1 3>&- &
	echo $! >"$NODE_DIR/out/hook.pid"
	wait_file . "$NODE_DIR/out/hook.port"
}

teardown_file() {
	load node.bash
	kill "$(cat "$NODE_DIR/out/hook.pid")" 2>/dev/null || :
	node_end
}

service() {
	k apply -f - <<-X
		apiVersion: v1
		kind: Service
		metadata: {name: hook}
		spec: {ports: [{name: https, port: 443}]}
		---
		apiVersion: discovery.k8s.io/v1
		kind: EndpointSlice
		metadata: {name: hook-1, labels: {kubernetes.io/service-name: hook}}
		addressType: IPv4
		ports: [{name: https, port: $(cat "$NODE_DIR/out/hook.port")}]
		endpoints: [{addresses: [192.168.77.1]}]
		---
		apiVersion: admissionregistration.k8s.io/v1
		kind: MutatingWebhookConfiguration
		metadata: {name: hook}
		webhooks:
		- name: hook.example.com
		  clientConfig: {service: {namespace: default, name: hook, path: /mutating-pods}, caBundle: $(base64 -w0 "$NODE_DIR/out/ca.crt")}
		  sideEffects: None
		  admissionReviewVersions: [v1]
		  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
		  objectSelector: {matchLabels: {hooked: "yes"}}
	X
}

pod() { # NAME
	k apply -f - <<-X
		apiVersion: v1
		kind: Pod
		metadata: {name: $1, labels: {hooked: "yes"}}
		spec: {nodeSelector: {nowhere: "true"}, containers: [{name: c, image: none}]}
	X
}

@test "[W52] a webhook behind a Service changes a pod, and the server's own plug-ins see what it added" {
	service
	pod one
	[ "$(k get pod one -o 'jsonpath={.spec.initContainers[*].name}')" = webhook-added-init-container ]
	# the service account's token: one volume, mounted once by each container, the added one too
	[ "$(k get pod one -o 'jsonpath={.spec.volumes[*].name}' | wc -w)" = 1 ]
	[ "$(k get pod one -o 'jsonpath={.spec.initContainers[0].volumeMounts[*].mountPath}')" = /var/run/secrets/kubernetes.io/serviceaccount ]
	[ "$(k get pod one -o 'jsonpath={.spec.containers[0].volumeMounts[*].mountPath}')" = /var/run/secrets/kubernetes.io/serviceaccount ]
}

@test "controllers' pods are asked about like anybody's" {
	k create deployment d --image=none --replicas=2
	wait_for 10 eval '[ "$(k get pods -l app=d -o name | wc -l)" = 2 ]'
	k patch deployment d -p '{"spec":{"template":{"metadata":{"labels":{"hooked":"yes"}},"spec":{"nodeSelector":{"nowhere":"true"}}}}}'
	wait_for 10 hooked_pods 1 # the other one waits for it
	grep -q '^CREATE Pod/ default/d-.* system:' "$NODE_DIR/out/hook.log"
	k delete deployment d
}

hooked_pods() { [ "$(k get pods -l app=d,hooked=yes -o 'jsonpath={.items[*].spec.initContainers[*].name}' | wc -w)" = "$1" ]; }

@test "when the webhook is gone, what concerns it fails, or not, as its policy says" {
	kill "$(cat "$NODE_DIR/out/hook.pid")"
	run pod two
	[ "$status" -ne 0 ]
	[[ $output == *'failed calling webhook "hook.example.com": failed to call webhook: Post "https://hook.default.svc:443/mutating-pods?timeout=10s": '* ]]
	k patch mutatingwebhookconfiguration hook --type=json -p '[{"op":"replace","path":"/webhooks/0/failurePolicy","value":"Ignore"}]'
	pod two
	[ -z "$(k get pod two -o 'jsonpath={.spec.initContainers}')" ]
}
