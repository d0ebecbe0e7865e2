#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# CustomResourceDefinitions and their objects through the real kubectl, which learns of them from discovery and OpenAPI alone.

load apiserver.bash

setup_file() {
	apiserver_begin crd
	crd | k apply -f -
	established crontabs.stable.example.com
}

teardown_file() { apiserver_end; }

crd() {
	cat <<-'YAML'
	apiVersion: apiextensions.k8s.io/v1
	kind: CustomResourceDefinition
	metadata: {name: crontabs.stable.example.com}
	spec:
	  group: stable.example.com
	  scope: Namespaced
	  names: {plural: crontabs, singular: crontab, kind: CronTab, shortNames: [ct], categories: [all]}
	  versions:
	  - name: v1
	    served: true
	    storage: true
	    subresources:
	      status: {}
	      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas, labelSelectorPath: .status.labelSelector}
	    selectableFields: [{jsonPath: .spec.image}]
	    additionalPrinterColumns:
	    - {name: Spec, type: string, jsonPath: .spec.cronSpec}
	    - {name: Replicas, type: integer, jsonPath: .spec.replicas}
	    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
	    schema:
	      openAPIV3Schema:
	        type: object
	        description: A table of commands that run at given times.
	        properties:
	          spec:
	            type: object
	            x-kubernetes-validations:
	            - {rule: self.replicas <= self.maxReplicas, message: too many replicas}
	            properties:
	              cronSpec: {type: string, pattern: '^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$'}
	              image:
	                type: string
	                x-kubernetes-validations: [{rule: self == oldSelf, message: image is immutable}]
	              replicas: {type: integer, minimum: 1, default: 1}
	              maxReplicas: {type: integer, maximum: 10, default: 10}
	          status:
	            type: object
	            properties:
	              replicas: {type: integer}
	              labelSelector: {type: string}
	YAML
}

crontab() { # NAME SPEC
	printf 'apiVersion: stable.example.com/v1\nkind: CronTab\nmetadata: {name: %s}\nspec: {%s}\n' "$1" "$2"
}

@test "[W49] kubectl finds, makes, shows, changes and deletes custom objects" {
	run k api-resources --api-group=stable.example.com -o wide
	[[ "$output" == *crontabs*ct*stable.example.com/v1*true*CronTab*all* ]]
	crontab one 'cronSpec: "* * * * */5", image: img, other: 1' >"$BATS_TEST_TMPDIR/one.yaml"
	run k apply -f "$BATS_TEST_TMPDIR/one.yaml"
	[ "$status" -ne 0 ]
	[[ "$output" == *'unknown field "spec.other"'* ]]
	crontab one 'cronSpec: "* * * * */5", image: img' | k create -f -
	run k get ct one
	[[ "${lines[0]}" =~ ^NAME\ +SPEC\ +REPLICAS\ +AGE ]]
	[[ "${lines[1]}" =~ ^one\ +\*\ \*\ \*\ \*\ \*/5\ +1\ +[0-9]+s ]]
	k get all -o name | grep -q crontab.stable.example.com/one
	k patch crontab one --type=merge -p '{"spec":{"replicas":3}}'
	[ "$(k get ct one -o jsonpath='{.metadata.generation} {.spec.replicas}')" = '2 3' ]
	k patch ct one --subresource=status --type=merge -p '{"status":{"replicas":3},"spec":{"replicas":9}}'
	[ "$(k get ct one -o jsonpath='{.metadata.generation} {.spec.replicas} {.status.replicas}')" = '2 3 3' ]
	k describe ct one | grep -q 'Cron Spec:'
	[ "$(k get ct --field-selector spec.image=img -o name)" = crontab.stable.example.com/one ]
	[ -z "$(k get ct --field-selector spec.image=none -o name)" ]
	k delete ct one
}

@test "[W52] kubectl scale works through the scale subresource" {
	crontab scaled 'cronSpec: "* * * * *"' | k create -f -
	k scale ct scaled --replicas=4
	[ "$(k get ct scaled -o jsonpath='{.spec.replicas}')" = 4 ]
	run k get --raw /apis/stable.example.com/v1/namespaces/default/crontabs/scaled/scale
	[[ "$output" == *'"kind":"Scale"'*'"replicas":4'* ]]
	k delete ct scaled
}

@test "values that the schema forbids are refused in upstream's words" {
	run k create -f - <<<"$(crontab bad 'cronSpec: x, replicas: 0')"
	[ "$status" -ne 0 ]
	[[ "$output" == *'The CronTab "bad" is invalid'* ]]
	[[ "$output" == *'spec.replicas: Invalid value: 0: spec.replicas in body should be greater than or equal to 1'* ]]
	[[ "$output" == *"spec.cronSpec: Invalid value: \"x\": spec.cronSpec in body should match"* ]]
	run k create -f - <<<"$(crontab bad 'replicas: many')"
	[[ "$output" == *'spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string"'* ]]
}

@test "rules are checked, transition rules against the old object" {
	run k create -f - <<<"$(crontab ruled 'replicas: 5, maxReplicas: 4')"
	[ "$status" -ne 0 ]
	[[ "$output" == *'spec: Invalid value:'*'too many replicas'* ]]
	k create -f - <<<"$(crontab ruled 'image: a')"
	run k patch ct ruled --type=merge -p '{"spec":{"image":"b"}}'
	[ "$status" -ne 0 ]
	[[ "$output" == *'spec.image: Invalid value:'*'image is immutable'* ]]
	k delete ct ruled
}

@test "kubectl explain reads the definition's schema" {
	run k explain crontab.spec
	[ "$status" -eq 0 ]
	[[ "$output" == *cronSpec*'<string>'* ]]
	[[ "$output" == *replicas*'<integer>'* ]]
	run k explain crontab
	[[ "$output" == *'APIVersion defines'*'metadata'* ]]
	run k explain crontab.metadata
	[[ "$output" == *"Standard object's metadata"*'creationTimestamp'*'CreationTimestamp is a timestamp'* ]]
}

@test "definitions that are not structural are refused" {
	run bash -c "$(declare -f crd k); crd | sed 's/{type: integer, minimum: 1, default: 1}/{minimum: 1}/; s/crontabs/others/g' |
		kubectl --kubeconfig $API_DIR/admin.conf create -f -"
	[ "$status" -ne 0 ]
	[[ "$output" == *'properties[replicas].type: Required value: must not be empty for specified object fields'* ]]
}

@test "names that another definition has are not given again" {
	crd | sed 's/crontabs/others/g; s/singular: crontab/singular: other/; s/kind: CronTab/kind: Other/; s/\[ct\]/[ct, ot]/' | k create -f -
	k wait --for=condition=NamesAccepted=False crd/others.stable.example.com --timeout=10s
	[ "$(k get crd others.stable.example.com -o jsonpath='{.status.conditions[?(@.type=="NamesAccepted")].reason}')" = ShortNamesConflict ]
	run k get others
	[ "$status" -ne 0 ]
	k delete crd others.stable.example.com
}

@test "a definition goes after its objects and comes back empty" {
	k create -f - <<<"$(crontab last 'image: a')"
	k delete crd crontabs.stable.example.com --timeout=20s
	run k get ct
	[ "$status" -ne 0 ]
	crd | k create -f -
	established crontabs.stable.example.com
	[ -z "$(k get ct -o name)" ]
}

raw() { k get --raw "$1"; }
late() { # NUMBER: a definition of a group of its own
	crd | sed "s/stable.example.com/late$1.example.com/; s/name: crontabs.*/name: crontabs.late$1.example.com}/; s/stable/late$1/g"
}
published() { # NUMBER
	raw "/apis/late$1.example.com/v1" 2>/dev/null | grep -q '"name":"crontabs"' &&
		raw "/openapi/v3/apis/late$1.example.com/v1" 2>/dev/null | grep -q "com.example.late$1.v1.CronTab" &&
		raw /openapi/v2 | grep -q "com.example.late$1.v1.CronTab"
}

@test "a definition is in discovery and OpenAPI within a second" {
	local best=100000 begin took
	for number in 1 2 3; do # the best of three: the machine may be busy
		late "$number" | k create -f - >/dev/null
		begin=$(date +%s%N)
		until published "$number"; do :; done
		took=$((($(date +%s%N) - begin) / 1000000))
		[ "$took" -ge "$best" ] || best=$took
		k delete crd "crontabs.late$number.example.com" >/dev/null
	done
	echo "$best ms"
	[ "$best" -lt 1000 ]
}
