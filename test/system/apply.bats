#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Server-side apply and managedFields with the real kubectl: conflicts, forcing, moving from client-side apply.
# One server for the whole file; each test works in a namespace of its own.

load apiserver.bash

setup_file() { apiserver_begin apply; }
teardown_file() { apiserver_end; }

setup() {
	NS=t$BATS_TEST_NUMBER
	k create namespace "$NS" >/dev/null
}

web() { # REPLICAS IMAGE
	cat <<-YAML
	apiVersion: apps/v1
	kind: Deployment
	metadata: {name: web, labels: {app: web}}
	spec:
	  replicas: $1
	  selector: {matchLabels: {app: web}}
	  template:
	    metadata: {labels: {app: web}}
	    spec:
	      containers:
	      - {name: main, image: "$2", ports: [{containerPort: 80}]}
	YAML
}

@test "kubectl apply --server-side creates, changes and leaves alone" {
	web 2 nginx >"$API_DIR/web.yaml"
	run k apply --server-side -f "$API_DIR/web.yaml"
	[ "$output" = "deployment.apps/web serverside-applied" ]
	version=$(k get deployment web -o 'jsonpath={.metadata.resourceVersion}')
	k apply --server-side -f "$API_DIR/web.yaml"
	[ "$(k get deployment web -o 'jsonpath={.metadata.resourceVersion}')" = "$version" ]
	web 3 nginx | k apply --server-side -f -
	[ "$(k get deployment web -o 'jsonpath={.spec.replicas}')" = 3 ]
	run k get deployment web --show-managed-fields -o 'jsonpath={.metadata.managedFields[0].manager} {.metadata.managedFields[0].operation}'
	[ "$output" = "kubectl Apply" ]
	run k get deployment web -o yaml
	[[ "$output" != *managedFields* ]]
}

@test "a field of another manager is a conflict, unless forced" {
	web 2 nginx | k apply --server-side --field-manager=ci -f -
	run k apply --server-side --field-manager=ops -f - <<<"$(web 5 nginx)"
	[ "$status" = 1 ]
	[[ "$output" == *'error: Apply failed with 1 conflict: conflict with "ci": .spec.replicas'* ]]
	[[ "$output" == *'--force-conflicts'* ]]
	web 5 nginx | k apply --server-side --field-manager=ops --force-conflicts -f -
	run k get deployment web --show-managed-fields -o 'jsonpath={range .metadata.managedFields[*]}{.manager}={.fieldsV1.f:spec.f:replicas};{end}'
	[ "$output" = "ci=;ops={};" ]
	k scale deployment web --replicas=7
	run k apply --server-side --field-manager=ops -f - <<<"$(web 5 nginx)"
	[ "$status" = 1 ]
	[[ "$output" == *'conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas'* ]]
}

@test "what is applied no more goes, what another one applied stays" {
	k apply --server-side --field-manager=a -f - <<<'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"x":"1","y":"1"}}'
	k apply --server-side --field-manager=b -f - <<<'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"x":"1"}}'
	k apply --server-side --field-manager=a -f - <<<'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"}}'
	[ "$(k get configmap c -o 'jsonpath={.data}')" = '{"x":"1"}' ]
}

@test "from client-side apply to server-side apply and back" {
	web 2 nginx:1 | k apply -f -
	run k get deployment web --show-managed-fields -o 'jsonpath={.metadata.managedFields[0].manager} {.metadata.managedFields[0].operation}'
	[ "$output" = "kubectl-client-side-apply Update" ]
	web 2 nginx:2 | k apply --server-side -f -
	# who changed nothing has no time, and stands first
	run k get deployment web --show-managed-fields -o 'jsonpath={range .metadata.managedFields[*]}{.manager} {.operation};{end}'
	[ "$output" = "kubectl-last-applied Apply;kubectl Apply;" ]
	[ "$(k get deployment web -o 'jsonpath={.spec.template.spec.containers[0].image}')" = nginx:2 ]
	# A label that was applied on the client's side and is applied no more goes.
	web 2 nginx:2 | sed 's/^metadata: .*/metadata: {name: web}/' | k apply --server-side -f -
	run k get deployment web -o 'jsonpath={.metadata.labels}'
	[ -z "$output" ]
	web 4 nginx:2 | k apply -f -
	[ "$(k get deployment web -o 'jsonpath={.spec.replicas}')" = 4 ]
}

@test "kubectl diff --server-side and dry runs change nothing" {
	web 2 nginx | k apply --server-side -f -
	run k diff --server-side -f - <<<"$(web 3 nginx)"
	[ "$status" = 1 ]
	[[ "$output" == *'-  replicas: 2'* ]]
	[[ "$output" == *'+  replicas: 3'* ]]
	web 3 nginx | k apply --server-side --dry-run=server -f -
	[ "$(k get deployment web -o 'jsonpath={.spec.replicas}')" = 2 ]
	run k diff --server-side -f - <<<"$(web 2 nginx)"
	[ "$status" = 0 ]
}

@test "an unknown field and a wrong type are refused" {
	run k apply --server-side --validate=false -f - <<<'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"dataa":{"x":"1"}}'
	[ "$status" = 1 ]
	[[ "$output" == *"failed to create typed patch object ($NS/c; /v1, Kind=ConfigMap): .dataa: field not declared in schema"* ]]
	run k apply --server-side --validate=false -f - <<<'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"x":1}}'
	[ "$status" = 1 ]
	[[ "$output" == *".data.x: expected string, got &value.valueUnstructured{Value:1}"* ]]
}
