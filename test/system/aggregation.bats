#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# An API server behind this one, as a Service of a whole node: found, believed, asked for its clients, listed, and missed.

load node.bash

setup_file() {
	load webhook.bash
	load node.bash # its k is the node's
	node_file && node_ready
	hook_certificate "$NODE_DIR/out" DNS:wardle.default.svc
	k -n kube-system get configmap extension-apiserver-authentication \
		-o 'jsonpath={.data.requestheader-client-ca-file}' >"$NODE_DIR/out/front-ca.crt"
	for part in server-ca.crt:clusters[0].cluster.certificate-authority-data \
		client.crt:users[0].user.client-certificate-data client.key:users[0].user.client-key-data; do
		k config view --raw -o "jsonpath={.${part#*:}}" | base64 -d >"$NODE_DIR/out/${part%%:*}"
	done
	extension_start
}

teardown_file() {
	load node.bash
	kill "$(cat "$NODE_DIR/out/extension.pid")" 2>/dev/null || :
	node_end
}

extension_start() { # [PORT]
	rm -f "$NODE_DIR/out/extension.port"
	nsenter --target "$NODE_PID" --net --mount -- python3 "$BATS_TEST_DIRNAME/extension.py" "$NODE_DIR/out" 192.168.77.1 "$@" \
		>"$NODE_DIR/out/extension.out" 2>&1 3>&- &
	echo $! >"$NODE_DIR/out/extension.pid"
	wait_for 10 test -s "$NODE_DIR/out/extension.port"
}

api_service() { # [FIELD]
	k apply -f - <<-X
		apiVersion: apiregistration.k8s.io/v1
		kind: APIService
		metadata: {name: v1.wardle.example.com}
		spec:
		  group: wardle.example.com
		  version: v1
		  groupPriorityMinimum: 2000
		  versionPriority: 200
		  service: {namespace: default, name: wardle}
		  ${1:-caBundle: $(base64 -w0 "$NODE_DIR/out/ca.crt")}
	X
}

service() {
	k apply -f - <<-X
		apiVersion: v1
		kind: Service
		metadata: {name: wardle}
		spec: {ports: [{name: https, port: 443}]}
		---
		apiVersion: discovery.k8s.io/v1
		kind: EndpointSlice
		metadata: {name: wardle-1, labels: {kubernetes.io/service-name: wardle}}
		addressType: IPv4
		ports: [{name: https, port: $(cat "$NODE_DIR/out/extension.port")}]
		endpoints: [{addresses: [192.168.77.1]}]
	X
}

shows() { # REGEX : of the row of the APIService
	has "$(k get apiservices v1.wardle.example.com)" "$1"
}

flunder() { # NAMESPACE NAME
	k -n "$1" create --validate=false -f - <<-X
		apiVersion: wardle.example.com/v1
		kind: Flunder
		metadata: {name: $2}
		spec: {size: 3}
	X
}

@test "groups that are answered here have APIServices, and those of definitions come and go with them" {
	has "$(k get apiservices v1.apps)" 'v1.apps +Local +True +[0-9]+s'
	same onstart "$(k get apiservices v1. -o 'jsonpath={.metadata.labels.kube-aggregator\.kubernetes\.io/automanaged}')"
	k apply -f - <<-X
		apiVersion: apiextensions.k8s.io/v1
		kind: CustomResourceDefinition
		metadata: {name: things.ex.io}
		spec:
		  group: ex.io
		  scope: Cluster
		  names: {plural: things, kind: Thing}
		  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
	X
	wait_for 5 k get apiservices v1.ex.io
	same true "$(k get apiservices v1.ex.io -o 'jsonpath={.metadata.labels.kube-aggregator\.kubernetes\.io/automanaged}')"
	k delete crd things.ex.io
	wait_for 5 fails k get apiservices v1.ex.io
}

@test "an APIService says what it lacks until nothing is missing" {
	api_service
	wait_for 5 shows 'default/wardle +False \(ServiceNotFound\)'
	run k get --raw /apis/wardle.example.com/v1/namespaces/default/flunders
	[ "$status" -ne 0 ]
	[[ $output == *"the server is currently unable to handle the request"* ]]
	service
	wait_for 5 shows 'default/wardle +True'
	k wait --for=condition=Available apiservice/v1.wardle.example.com --timeout=5s
}

@test "kubectl finds, makes, reads and deletes what is kept there" {
	has "$(k api-resources --api-group=wardle.example.com)" 'flunders +fl +wardle.example.com/v1 +true +Flunder'
	flunder default one
	has "$(k get fl)" '^one '
	same 3 "$(k get flunder one -o 'jsonpath={.spec.size}')"
	k delete flunder one
	same "" "$(k get flunders --no-headers 2>/dev/null)"
}

@test "a watch goes on as it comes" {
	nsenter --target "$NODE_PID" --net --mount -- timeout 20 kubectl --kubeconfig "$NODE_DIR/etc/admin.conf" get flunders --watch-only \
		-o name >"$NODE_DIR/out/watch" 2>&1 3>&- &
	wait_for 5 grep -q 'GET .*/flunders kubernetes-admin' "$NODE_DIR/out/extension.log"
	wait_for 5 watched
	k delete flunder seen
	kill $!
}

watched() {
	flunder default seen || k delete flunder seen
	grep -q flunder.wardle.example.com/seen "$NODE_DIR/out/watch"
}

@test "the server behind is told who asks, and nobody else can tell it that" {
	k apply -f - <<-X
		apiVersion: rbac.authorization.k8s.io/v1
		kind: ClusterRole
		metadata: {name: fisher}
		rules: [{apiGroups: [wardle.example.com], resources: ["*"], verbs: ["*"]}]
	X
	k create clusterrolebinding fisher --clusterrole=fisher --user=bob
	run k --as bob --as-group devs get --raw /apis/wardle.example.com/v1/whoami
	[ "$status" = 0 ]
	[[ $output == *'"user": "bob"'*'"groups": ["devs", "system:authenticated"]'* ]]
	[[ $output != *Impersonate* ]] && [[ $output != *Authorization* ]]
	run k --as eve get flunders
	[ "$status" -ne 0 ]
	[[ $output == *'flunders.wardle.example.com is forbidden: User "eve" cannot list resource "flunders" in API group "wardle.example.com" in the namespace "default"'* ]]
	# without this server's certificate headers mean nothing
	run in_node curl -s --cacert "$NODE_DIR/out/ca.crt" --connect-to "::192.168.77.1:$(cat "$NODE_DIR/out/extension.port")" \
		-H 'X-Remote-User: admin' https://wardle.default.svc/apis/wardle.example.com/v1/whoami
	[[ $output == *Unauthorized* ]]
}

@test "connections change their protocol, and bodies may be larger than this server takes itself" {
	flunder default boat
	run in_node python3 "$BATS_TEST_DIRNAME/extension.py" console "$NODE_DIR/out" 6443 \
		/apis/wardle.example.com/v1/namespaces/default/flunders/boat/console
	same $'HTTP/1.1 101 Switching Protocols\necho one\necho two' "$output"
	k delete flunder boat
	head -c 9000000 /dev/zero >"$NODE_DIR/out/large"
	for version in --http1.1 --http2; do
		run in_node curl -s $version --cacert "$NODE_DIR/out/server-ca.crt" --cert "$NODE_DIR/out/client.crt" \
			--key "$NODE_DIR/out/client.key" --data-binary "@$NODE_DIR/out/large" https://127.0.0.1:6443/apis/wardle.example.com/v1/upload
		same '{"bytes": 9000000, "same": true}' "$output"
	done
}

@test "OpenAPI tells of its kinds" {
	wait_for 10 has_document /openapi/v3 'apis/wardle.example.com/v1":\{"serverRelativeURL":"/openapi/v3/apis/wardle.example.com/v1\?hash=AB"'
	has_document /openapi/v3/apis/wardle.example.com/v1 'A fish that is not stored'
	wait_for 10 has_document /openapi/v2 '"com.example.wardle.v1.Flunder":'
	has_document /openapi/v2 '"/apis/wardle.example.com/v1/namespaces/\{namespace\}/flunders":'
	has "$(k explain flunder.spec.size)" 'How long it is'
}

has_document() { # PATH REGEX
	k get --raw "$1" | grep -Eq -- "$2" # too long to be shown
}

@test "a namespace goes with what other servers keep in it, and waits for those that are not there" {
	k create namespace sea
	flunder sea one
	flunder default two
	k delete namespace sea --timeout=30s
	fails k get --raw /apis/wardle.example.com/v1/namespaces/sea/flunders/one
	k get flunder two
	k delete flunder two
	kill "$(cat "$NODE_DIR/out/extension.pid")"
	k label --overwrite service wardle looked=before
	wait_for 10 shows 'False \(FailedDiscoveryCheck\)'
	k create namespace pond
	k -n pond create configmap c
	k delete namespace pond --wait=false
	wait_for 10 discovery_failed
	wait_for 5 fails k -n pond get configmap c
	extension_start "$(cat "$NODE_DIR/out/extension.port")"
	wait_for 40 fails k get namespace pond
}

discovery_failed() {
	has "$(k get namespace pond -o 'jsonpath={.status.conditions[?(@.type=="NamespaceDeletionDiscoveryFailure")]}')" \
		'"message":"Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: wardle.example.com/v1: stale.*"reason":"DiscoveryFailed","status":"True"'
}

@test "a server that is gone is missed, and found again" {
	kill "$(cat "$NODE_DIR/out/extension.pid")"
	k annotate apiservice v1.wardle.example.com looked=again
	k label --overwrite service wardle looked=again
	wait_for 10 shows 'default/wardle +False \(FailedDiscoveryCheck\)'
	# clients of aggregated discovery are told, others find out; all else goes on
	has "$(in_node curl -s --cacert "$NODE_DIR/out/server-ca.crt" --cert "$NODE_DIR/out/client.crt" --key "$NODE_DIR/out/client.key" \
		-H 'Accept: application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' 'https://127.0.0.1:6443/apis?pretty=false')" \
		'"version":"v1","freshness":"Stale","resources":\[\{"resource":"flunders"'
	has "$(k get --raw /apis)" '"wardle.example.com/v1"'
	run k get --raw /apis/wardle.example.com/v1
	[[ $output == *"the server is currently unable to handle the request"* ]]
	has "$(k api-resources)" '^pods '
	has "$(k get --raw /metrics)" 'aggregator_unavailable_apiservice\{name="v1.wardle.example.com"\} 1'
	extension_start "$(cat "$NODE_DIR/out/extension.port")"
	wait_for 40 shows 'default/wardle +True'
	k api-resources >/dev/null
}

@test "a certificate that is not the named authority's is refused, unless none is asked for" {
	k delete apiservice v1.wardle.example.com
	api_service "insecureSkipTLSVerify: false"
	wait_for 5 shows 'default/wardle +True'
	run k get --raw /apis/wardle.example.com/v1
	[ "$status" -ne 0 ]
	[[ $output == *"unable to handle the request"* ]]
	k delete apiservice v1.wardle.example.com
	api_service "insecureSkipTLSVerify: true"
	wait_for 5 shows 'default/wardle +True'
	k get --raw /apis/wardle.example.com/v1 >/dev/null
}
