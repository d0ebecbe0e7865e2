#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Admission policies through the real kubectl: what they deny, warn of and change.

load apiserver.bash

setup_file() { apiserver_begin policy; }
teardown_file() { apiserver_end; }

@test "a policy bounds replicas by a parameter" {
	k create namespace limited
	k label namespace limited env=test
	k apply -f - <<-'YAML'
	apiVersion: v1
	kind: ConfigMap
	metadata: {name: limits, namespace: limited}
	data: {max: "3"}
	---
	apiVersion: admissionregistration.k8s.io/v1
	kind: ValidatingAdmissionPolicy
	metadata: {name: replicas}
	spec:
	  failurePolicy: Fail
	  paramKind: {apiVersion: v1, kind: ConfigMap}
	  matchConstraints:
	    resourceRules:
	    - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}
	  variables:
	  - {name: max, expression: 'int(params.data.max)'}
	  validations:
	  - expression: object.spec.replicas <= variables.max
	    messageExpression: "'replicas must be no greater than ' + string(variables.max)"
	    reason: Invalid
	---
	apiVersion: admissionregistration.k8s.io/v1
	kind: ValidatingAdmissionPolicyBinding
	metadata: {name: replicas-test}
	spec:
	  policyName: replicas
	  validationActions: [Deny]
	  paramRef: {name: limits, namespace: limited, parameterNotFoundAction: Deny}
	  matchResources:
	    namespaceSelector: {matchLabels: {env: test}}
	YAML
	run k -n limited create deployment big --image=i --replicas=5
	[ "$status" -ne 0 ]
	[[ $output == *"deployments.apps \"big\" is forbidden: ValidatingAdmissionPolicy 'replicas' with binding 'replicas-test' denied request: replicas must be no greater than 3"* ]]
	k -n limited create deployment small --image=i --replicas=3
	k create deployment elsewhere --image=i --replicas=5
	run k -n limited patch deployment small -p '{"spec":{"replicas":4}}'
	[ "$status" -ne 0 ]
	[[ $output == *"denied request: replicas must be no greater than 3"* ]]
	run k -n limited create deployment dry --image=i --replicas=5 --dry-run=server
	[ "$status" -ne 0 ]
	k get validatingadmissionpolicy replicas | grep -E '^replicas +1 +v1/ConfigMap'
	k get validatingadmissionpolicybinding replicas-test | grep -E '^replicas-test +replicas +limited/limits'
}

@test "kubectl shows the warnings of a policy" {
	k apply -f - <<-'YAML'
	apiVersion: admissionregistration.k8s.io/v1
	kind: ValidatingAdmissionPolicy
	metadata: {name: warns}
	spec:
	  matchConstraints:
	    resourceRules:
	    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}
	  validations:
	  - expression: "'owner' in object.metadata.?labels.orValue({})"
	    message: tell whose it is
	---
	apiVersion: admissionregistration.k8s.io/v1
	kind: ValidatingAdmissionPolicyBinding
	metadata: {name: warns}
	spec: {policyName: warns, validationActions: [Warn, Audit]}
	YAML
	run k create configmap mine
	[ "$status" -eq 0 ]
	[[ $output == *"Warning: Validation failed for ValidatingAdmissionPolicy 'warns' with binding 'warns': tell whose it is"* ]]
	k delete validatingadmissionpolicybinding warns
	run k create configmap other
	[[ $output != *Warning* ]]
}

@test "a policy that does not compile is refused" {
	run k apply -f - <<-'YAML'
	apiVersion: admissionregistration.k8s.io/v1
	kind: ValidatingAdmissionPolicy
	metadata: {name: wrong}
	spec:
	  matchConstraints:
	    resourceRules:
	    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}
	  validations:
	  - expression: object.metadata.name.startsWith(1)
	YAML
	[ "$status" -ne 0 ]
	[[ $output == *"spec.validations[0].expression: Invalid value: \"object.metadata.name.startsWith(1)\": compilation failed: ERROR: <input>:1:32: found no matching overload for 'startsWith'"* ]]
}

@test "a policy guards custom objects and deletions" {
	k apply -f - <<-'YAML'
	apiVersion: apiextensions.k8s.io/v1
	kind: CustomResourceDefinition
	metadata: {name: gadgets.example.com}
	spec:
	  group: example.com
	  scope: Namespaced
	  names: {plural: gadgets, singular: gadget, kind: Gadget}
	  versions:
	  - name: v1
	    served: true
	    storage: true
	    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}
	---
	apiVersion: admissionregistration.k8s.io/v1
	kind: ValidatingAdmissionPolicy
	metadata: {name: guard}
	spec:
	  matchConstraints:
	    resourceRules:
	    - {apiGroups: [example.com], apiVersions: [v1], operations: [CREATE, DELETE], resources: [gadgets]}
	  validations:
	  - {expression: 'request.operation != "DELETE" || oldObject.spec.size < 2', message: large ones stay}
	  - {expression: 'request.operation != "CREATE" || object.spec.size < 9', message: too large}
	---
	apiVersion: admissionregistration.k8s.io/v1
	kind: ValidatingAdmissionPolicyBinding
	metadata: {name: guard}
	spec: {policyName: guard, validationActions: [Deny]}
	YAML
	established gadgets.example.com
	gadget() { printf '{"apiVersion":"example.com/v1","kind":"Gadget","metadata":{"name":"%s"},"spec":{"size":%s}}' "$1" "$2" | k create -f -; }
	run gadget a 9
	[[ $output == *"The gadgets \"a\" is invalid: : ValidatingAdmissionPolicy 'guard' with binding 'guard' denied request: too large"* ]]
	gadget b 3
	gadget c 1
	run k delete gadget b
	[[ $output == *"denied request: large ones stay"* ]]
	k delete gadget c
}

@test "a mutating policy adds labels and containers" {
	k apply -f - <<-'YAML'
	apiVersion: admissionregistration.k8s.io/v1
	kind: MutatingAdmissionPolicy
	metadata: {name: sidecar}
	spec:
	  reinvocationPolicy: IfNeeded
	  matchConstraints:
	    resourceRules:
	    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}
	  matchConditions:
	  - {name: wants, expression: "object.metadata.?labels['sidecar'].orValue('') == 'yes'"}
	  mutations:
	  - patchType: ApplyConfiguration
	    applyConfiguration:
	      expression: >
	        Object{spec: Object.spec{initContainers: [
	          Object.spec.initContainers{name: "mesh", image: "mesh:v1", restartPolicy: "Always"}]}}
	  - patchType: JSONPatch
	    jsonPatch:
	      expression: >
	        [JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("example.com/by"), value: "policy"}]
	---
	apiVersion: admissionregistration.k8s.io/v1
	kind: MutatingAdmissionPolicyBinding
	metadata: {name: sidecar}
	spec: {policyName: sidecar}
	YAML
	k run with --image=i --labels=sidecar=yes
	[ "$(k get pod with -o jsonpath='{.spec.initContainers[*].name} {.metadata.labels.example\.com/by}')" = "mesh policy" ]
	k run without --image=i
	[ -z "$(k get pod without -o jsonpath='{.spec.initContainers}')" ]
}
