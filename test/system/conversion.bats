#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Custom objects in two versions with a real conversion webhook between them, through the real kubectl.

load webhook.bash

setup_file() {
	load webhook.bash
	webhook_begin
	definition true false | k apply -f -
	established things.example.com
}

teardown_file() {
	load webhook.bash
	webhook_end
}

setup() { forget; }
teardown() { k delete things --all >/dev/null; }

definition() { # V1 V2: whether stored
	cat <<-X
		apiVersion: apiextensions.k8s.io/v1
		kind: CustomResourceDefinition
		metadata: {name: things.example.com}
		spec:
		  group: example.com
		  scope: Namespaced
		  names: {plural: things, kind: Thing}
		  conversion:
		    strategy: Webhook
		    webhook: {conversionReviewVersions: [v1, v1beta1], clientConfig: $(client_config /convert)}
		  versions:
		  - name: v1
		    served: true
		    storage: $1
		    schema: {openAPIV3Schema: {type: object, properties: {hostPort: {type: string}}}}
		    selectableFields: [{jsonPath: .hostPort}]
		  - name: v2
		    served: true
		    storage: $2
		    schema: {openAPIV3Schema: {type: object, properties: {host: {type: string}, port: {type: string}}}}
		    selectableFields: [{jsonPath: .host}]
	X
}

thing_v1() { k "${2:-create}" -f - <<<$'---\n'"{apiVersion: example.com/v1, kind: Thing, metadata: {name: $1}, hostPort: 'localhost:8080'}"; }
v1() { k get things.v1.example.com "$@"; }
v2() { k get things.v2.example.com "$@"; }

@test "an object is read and listed in either version; the stored one costs no question" {
	thing_v1 a
	thing_v1 b
	[ "$(v1 a -o 'jsonpath={.hostPort}')" = localhost:8080 ]
	v1 -o name
	[ -z "$(asked)" ]
	[ "$(v2 a -o 'jsonpath={.apiVersion} {.host} {.port}')" = 'example.com/v2 localhost 8080' ]
	forget
	[ "$(v2 -o 'jsonpath={.items[*].host}')" = 'localhost localhost' ]
	[ "$(asked)" = 'CONVERT 2 example.com/v2' ]
}

@test "[W52] what is written in one version is seen in the other: create, patch, replace, apply, delete" {
	k create -f - <<<$'---\n{apiVersion: example.com/v2, kind: Thing, metadata: {name: a}, host: h, port: "1"}'
	[ "$(v1 a -o 'jsonpath={.hostPort}')" = h:1 ]
	k patch things.v2.example.com a --type=merge -p '{"port":"2"}'
	[ "$(v1 a -o 'jsonpath={.hostPort}')" = h:2 ]
	k apply --server-side --force-conflicts -f - <<<$'---\n{apiVersion: example.com/v2, kind: Thing, metadata: {name: a}, host: x}'
	[ "$(v1 a -o 'jsonpath={.hostPort}')" = x:2 ]
	v2 a -o yaml | sed 's/^host: x/host: other/' | k replace -f -
	[ "$(v1 a -o 'jsonpath={.hostPort}')" = other:2 ]
	k patch things.v1.example.com a --type=merge -p '{"hostPort":"z:3"}'
	[ "$(v2 a -o 'jsonpath={.host}{.port}')" = z3 ]
	k delete things.v2.example.com a
	fails NotFound v1 a
}

@test "[W52] a watch sees each event in its version, in order" {
	thing_v1 w
	k get things.v2.example.com -w -o 'jsonpath={.metadata.name}{" "}{.host}{"\n"}' >"$API_DIR/watch" 2>&1 3>&- &
	echo $! >"$API_DIR/watch.pid"
	wait_file '^w localhost$' "$API_DIR/watch"
	for host in one two three; do k patch things.v1.example.com w --type=merge -p "{\"hostPort\":\"$host:1\"}"; done
	wait_file '^w three$' "$API_DIR/watch"
	kill "$(cat "$API_DIR/watch.pid")"
	[ "$(sed -n 2,4p "$API_DIR/watch" | tr '\n' ' ')" = 'w one w two w three ' ]
}

@test "objects written before the stored version changed are listed with those written after" {
	thing_v1 before
	definition false true | k apply -f -
	k create -f - <<<$'---\n{apiVersion: example.com/v2, kind: Thing, metadata: {name: after}, host: h, port: "1"}'
	[ "$(v2 -o 'jsonpath={.items[*].host}')" = 'h localhost' ]
	[ "$(v1 -o 'jsonpath={.items[*].hostPort}')" = 'h:1 localhost:8080' ]
	definition true false | k apply -f -
}

@test "a webhook that cannot be asked makes the one version fail and leaves the other alone" {
	thing_v1 a
	definition true false | sed 's|/convert|/nothing|' | k apply -f -
	fails 'Error from server: conversion webhook for example.com/v1, Kind=Thing failed: an error on the server' v2 a
	[ "$(v1 a -o 'jsonpath={.hostPort}')" = localhost:8080 ]
	definition true false | sed 's|127.0.0.1:[0-9]*|127.0.0.1:1|' | k apply -f -
	fails 'failed: Post "https://127.0.0.1:1/convert?timeout=30s": dial tcp 127.0.0.1:1: connect: connection refused' v2 a
	definition true false | k apply -f -
}

@test "a conversion without whom to ask is refused" {
	fails 'spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook' \
		k patch crd things.example.com --type=json -p '[{"op":"remove","path":"/spec/conversion/webhook"}]'
	fails 'spec.conversion.webhookClientConfig: Forbidden: should not be set when strategy is not set to Webhook' \
		k patch crd things.example.com --type=merge -p '{"spec":{"conversion":{"strategy":"None"}}}'
}

@test "field selectors are about the version asked for, in lists, watches and deletions" {
	thing_v1 a
	k create -f - <<<$'---\n''{apiVersion: example.com/v1, kind: Thing, metadata: {name: b}, hostPort: "other:8080"}'
	[ "$(v2 --field-selector host=other -o name)" = thing.example.com/b ]
	[ -z "$(v1 --field-selector hostPort=other -o name)" ]
	timeout 5 kubectl --kubeconfig "$API_DIR/admin.conf" --cache-dir "$API_DIR/cache" get things.v2.example.com --field-selector host=other -w -o name >"$BATS_TEST_TMPDIR/seen" &
	watching=$!
	sleep 1
	k patch things.v1.example.com a --type=merge -p '{"hostPort":"other:1"}'
	k patch things.v1.example.com b --type=merge -p '{"hostPort":"third:1"}'
	wait "$watching" || :
	[ "$(sort -u "$BATS_TEST_TMPDIR/seen")" = $'thing.example.com/a\nthing.example.com/b' ]
	k delete --raw '/apis/example.com/v2/namespaces/default/things?fieldSelector=host%3Dother'
	[ "$(v1 -o name)" = thing.example.com/b ]
}
