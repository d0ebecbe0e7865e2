#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Admission webhooks: a real HTTPS server asked by the API server about what the real kubectl wants.

load webhook.bash

setup_file() {
	load webhook.bash
	webhook_begin
	k create namespace exempt
	k label namespace exempt webhooks=no
}

teardown_file() {
	load webhook.bash
	webhook_end
}

setup() { forget; }
teardown() { unconfigure; }

CONFIGMAPS='apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE, DELETE], resources: [configmaps]'

@test "[W49] a validating webhook denies creation, update and patch, and says why" {
	configure Validating v /configmaps "$CONFIGMAPS"
	fails 'admission webhook "v.example.com" denied the request: the configmap contains unwanted key and value' \
		k create configmap bad --from-literal=webhook-e2e-test=webhook-disallow
	k create configmap good --from-literal=a=b
	fails 'denied the request' k patch configmap good -p '{"data":{"webhook-e2e-test":"webhook-disallow"}}'
	k get configmap good -o yaml | sed 's/a: b/webhook-e2e-test: webhook-disallow/' >"$API_DIR/bad.yaml"
	fails 'denied the request' k replace -f "$API_DIR/bad.yaml"
	fails 'denied the request' k apply --server-side --force-conflicts -f - <<<$'---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: good}, data: {webhook-e2e-test: webhook-disallow}}'
	[ "$(k get configmap good -o 'jsonpath={.data}')" = '{"a":"b"}' ]
	k delete configmap good
	asked | grep -q '^DELETE ConfigMap/ default/good '
	k create -f - <<<$'---\n{apiVersion: v1, kind: Pod, metadata: {name: webhook-disallow}, spec: {containers: [{name: c, image: i}]}}'
}

@test "denials without a reason, with a code, and those of a webhook that cannot be asked read as upstream's" {
	configure Validating v /deny-quietly "$CONFIGMAPS"
	fails 'admission webhook "v.example.com" denied the request without explanation' k create configmap a
	configure Validating v /deny-forbidden "$CONFIGMAPS"
	fails 'admission webhook "v.example.com" denied the request: not for you' k create configmap a
	configure Validating v /nothing "$CONFIGMAPS"
	fails 'Internal error occurred: failed calling webhook "v.example.com": failed to call webhook: an error on the server ("unknown") has prevented the request from succeeding' \
		k create configmap a
	k patch validatingwebhookconfiguration v --type=json -p '[{"op":"replace","path":"/webhooks/0/clientConfig/url","value":"https://127.0.0.1:1/x"}]'
	fails 'failed to call webhook: Post "https://127.0.0.1:1/x?timeout=10s": dial tcp 127.0.0.1:1: connect: connection refused' k create configmap a
	k patch validatingwebhookconfiguration v --type=json -p '[{"op":"replace","path":"/webhooks/0/failurePolicy","value":"Ignore"}]'
	k create configmap a
	k delete configmap a
}

@test "a webhook is given its time and no more" {
	configure Validating v /slow "$CONFIGMAPS" 'timeoutSeconds: 1'
	fails '/slow?timeout=1s": context deadline exceeded' k create configmap a
	configure Validating v /slow "$CONFIGMAPS" $'timeoutSeconds: 1\n  failurePolicy: Ignore'
	k create configmap a
	k delete configmap a
}

@test "[W49] mutating webhooks work one after the other, in order of their configurations' names, and again when asked to" {
	configure Mutating b /mutating-configmaps "$CONFIGMAPS"
	configure Mutating a /mutating-configmaps "$CONFIGMAPS"
	k create configmap staged --from-literal=mutation-start=yes
	[ "$(k get configmap staged -o 'jsonpath={.data.mutation-stage-2}')" = yes ]
	k delete configmap staged
	configure Mutating b /mutating-configmaps "$CONFIGMAPS"
	configure Mutating a /mutating-configmaps "$CONFIGMAPS" 'reinvocationPolicy: IfNeeded'
	forget
	k create configmap staged --from-literal=mutation-start=yes
	[ "$(asked | grep -c '^CREATE')" = 3 ]
	k delete configmap staged
}

@test "what a webhook adds is defaulted and validated as if the client had sent it" {
	configure Mutating m /mutating-pods 'apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]'
	k create -f - <<<$'---\n{apiVersion: v1, kind: Pod, metadata: {name: mutated}, spec: {containers: [{name: c, image: i}]}}'
	[ "$(k get pod mutated -o 'jsonpath={.spec.initContainers[0].name} {.spec.initContainers[0].terminationMessagePolicy}')" = 'webhook-added-init-container File' ]
	fails 'spec.initContainers[0].name: Duplicate value' \
		k create -f - <<<$'---\n{apiVersion: v1, kind: Pod, metadata: {name: other}, spec: {containers: [{name: webhook-added-init-container, image: i}]}}'
}

@test "selectors, match conditions and dry runs decide who is asked and how" {
	configure Validating v /deny "$CONFIGMAPS" $'namespaceSelector: {matchExpressions: [{key: webhooks, operator: NotIn, values: ["no"]}]}\n  objectSelector: {matchLabels: {checked: "yes"}}'
	k create configmap a
	k -n exempt create -f - <<<$'---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: {checked: "yes"}}}'
	fails 'denied' k create -f - <<<$'---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: b, labels: {checked: "yes"}}}'
	fails 'denied' k label configmap a checked=yes
	k delete configmap a
	configure Validating v /deny "$CONFIGMAPS" "matchConditions: [{name: no-admin, expression: \"request.userInfo.username != 'kubernetes-admin' && object.metadata.name != 'free'\"}]"
	k create configmap free
	fails 'denied' k create configmap a --as bob --as-group system:masters
	configure Validating v /allow "$CONFIGMAPS"
	forget
	k create configmap dry --dry-run=server
	asked | grep -q '^CREATE ConfigMap/ default/dry .* True$'
	fails 'NotFound' k get configmap dry
	k delete configmap free
}

@test "warnings reach the user" {
	configure Validating v /warn "$CONFIGMAPS"
	run k create configmap warned
	[[ $output == *'Warning: mind the configmaps'* ]]
	k delete configmap warned
}

@test "scale, binding, eviction, status and attach are asked about under their own names" {
	k create deployment d --image=i
	configure Validating v /scale 'apiGroups: [apps], apiVersions: [v1], operations: [UPDATE], resources: [deployments/scale]'
	fails 'denied the request: no more than two' k scale deployment d --replicas=3
	k scale deployment d --replicas=2
	k create -f - <<<$'---\n{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: i}]}}'
	configure Validating v /allow 'apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["pods/*"]'
	forget
	k create -f - --raw /api/v1/namespaces/default/pods/p/binding <<<'{"apiVersion":"v1","kind":"Binding","metadata":{"name":"p"},"target":{"kind":"Node","name":"n"}}'
	k patch pod p --subresource=status -p '{"status":{"message":"m"}}'
	asked | grep -q '^CREATE Binding/binding default/p '
	asked | grep -q '^UPDATE Pod/status default/p '
	configure Validating v /attach 'apiGroups: [""], apiVersions: [v1], operations: [CONNECT], resources: [pods/attach]'
	fails "attaching to pod 'p' is not allowed" k attach p
	asked | grep -q '^CONNECT PodAttachOptions/attach default/p '
	configure Validating v /allow 'apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["pods/*"]'
	k create -f - --raw /api/v1/namespaces/default/pods/p/eviction <<<'{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"p"}}'
	asked | grep -q '^CREATE Eviction/eviction default/p '
	k delete deployment d
}

@test "a collection is deleted object by object as far as webhooks let it" {
	for name in a b c; do k create configmap "$name" --from-literal=x=y; k label configmap "$name" set=one; done
	configure Validating v /deny "$CONFIGMAPS" 'objectSelector: {matchLabels: {keep: "yes"}}'
	unconfigure
	k label configmap b keep=yes
	configure Validating v /deny 'apiGroups: [""], apiVersions: [v1], operations: [DELETE], resources: [configmaps]' 'objectSelector: {matchLabels: {keep: "yes"}}'
	fails 'denied' k delete --raw '/api/v1/namespaces/default/configmaps?labelSelector=set%3Done'
	[ "$(k get configmaps -l set=one -o name)" = configmap/b ]
	unconfigure
	k delete configmap b
}

@test "custom resources are admitted like any other, and definitions too" {
	k apply -f - <<-X
		apiVersion: apiextensions.k8s.io/v1
		kind: CustomResourceDefinition
		metadata: {name: hooked.example.com}
		spec:
		  group: example.com
		  scope: Namespaced
		  names: {plural: hooked, kind: Hooked}
		  versions:
		  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
	X
	established hooked.example.com
	configure Validating v /custom 'apiGroups: [example.com], apiVersions: ["*"], operations: [CREATE, UPDATE, DELETE], resources: [hooked]'
	fails 'the custom resource contains unwanted data' \
		k create -f - <<<$'---\n{apiVersion: example.com/v1, kind: Hooked, metadata: {name: a}, data: {webhook-e2e-test: webhook-disallow}}'
	k create -f - <<<$'---\n{apiVersion: example.com/v1, kind: Hooked, metadata: {name: a}, data: {webhook-e2e-test: fine}}'
	fails 'denied' k patch hooked a --type=merge -p '{"data":{"webhook-e2e-test":"webhook-disallow"}}'
	k delete hooked a
	configure Validating v /deny 'apiGroups: [apiextensions.k8s.io], apiVersions: ["*"], operations: [DELETE], resources: [customresourcedefinitions]'
	fails 'denied' k delete crd hooked.example.com
	unconfigure
	k delete crd hooked.example.com
}

@test "nobody can lock himself out: configurations of admission are never asked about" {
	configure Validating v /deny 'apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["*/*"]'
	configure Mutating m /deny 'apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["*/*"]'
	fails 'denied' k create configmap a
	k label validatingwebhookconfiguration v a=b
	k label mutatingwebhookconfiguration m a=b
	unconfigure
	k create configmap a
	k delete configmap a
}

@test "the server starts again though a webhook that cannot be asked wants to see everything" {
	configure Validating v /slow 'apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["*/*"]'
	k patch validatingwebhookconfiguration v --type=json -p '[{"op":"replace","path":"/webhooks/0/clientConfig/url","value":"https://127.0.0.1:1/x"}]'
	apiserver_stop
	apiserver_start
	fails 'connection refused' k create configmap a
}

@test "who may write status of a flow schema changes none of its metadata" {
	k patch flowschema exempt --subresource=status --type=merge -p '{"metadata":{"annotations":{"a":"b"}},"status":{"conditions":[]}}'
	[ -z "$(k get flowschema exempt -o 'jsonpath={.metadata.annotations.a}')" ]
}

@test "a webhook behind a Service is called by its name at the Service's endpoints" {
	local address
	k create -f - <<-X
		apiVersion: v1
		kind: Service
		metadata: {name: hook}
		spec: {ports: [{name: https, port: 443}]}
	X
	k apply -f - <<-X
		apiVersion: admissionregistration.k8s.io/v1
		kind: ValidatingWebhookConfiguration
		metadata: {name: v}
		webhooks:
		- name: v.example.com
		  clientConfig: {service: {namespace: default, name: missing, path: /deny}, caBundle: $(base64 -w0 "$API_DIR/ca.crt")}
		  sideEffects: None
		  admissionReviewVersions: [v1]
		  rules: [{$CONFIGMAPS}]
	X
	fails 'Post "https://missing.default.svc:443/deny?timeout=10s": service "missing" not found' k create configmap a
}
