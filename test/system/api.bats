#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The API without a node, driven by the real kubectl: what clients do to objects, and what they are told when they are wrong.
# One server for the whole file; each test works in a namespace of its own.

load apiserver.bash

setup_file() { apiserver_begin api; }
teardown_file() { apiserver_end; }

setup() {
	NS=t$BATS_TEST_NUMBER
	k get namespace "$NS" >/dev/null 2>&1 || k create namespace "$NS" >/dev/null
}

teardown() {
	[ -n "$BATS_TEST_COMPLETED" ] || tail -n 30 "$API_DIR/err" >&2
}

web() { # REPLICAS IMAGE
	cat <<-YAML
	apiVersion: apps/v1
	kind: Deployment
	metadata: {name: web}
	spec:
	  replicas: $1
	  selector: {matchLabels: {app: web}}
	  template:
	    metadata: {labels: {app: web}}
	    spec:
	      containers:
	      - {name: main, image: "$2", ports: [{containerPort: 80}]}
	---
	apiVersion: v1
	kind: Service
	metadata: {name: web}
	spec:
	  selector: {app: web}
	  ports: [{port: 80}]
	YAML
}

@test "[W27] version, cluster-info, api-versions, api-resources" {
	k version | grep -q 'Server Version: v1.36.0+cube'
	k cluster-info | grep -q 'control plane.* is running at .*https://127.0.0.1:'
	k api-versions | grep -qx apps/v1
	k api-resources --namespaced=true -o wide | grep -Eq '^deployments +deploy +apps/v1 +true +Deployment +create,delete,deletecollection,get,list,patch,update,watch +all'
}

@test "[W27] explain reads the published schema" {
	k explain deployment.spec.strategy.rollingUpdate.maxSurge | grep -q '^FIELD: maxSurge'
	k explain pods | grep -q 'containers'
	run k explain pod.spec.nonsense
	[ "$status" -ne 0 ]
	[[ "$output" == *'field "nonsense" does not exist'* ]]
}

@test "[W28] create, get in every form, delete" {
	k create configmap a --from-literal=x=1
	[ "$(k get cm a -o 'jsonpath={.data.x}')" = 1 ]
	k get cm a -o yaml | grep -q '^kind: ConfigMap'
	k get cm a -o json | grep -q '"kind": "ConfigMap"'
	[ "$(k get cm a -o name)" = configmap/a ]
	[ "$(k get cm a -o custom-columns=NAME:.metadata.name,X:.data.x --no-headers)" = "a     1" ]
	k get cm | head -1 | grep -Eq '^NAME +DATA +AGE$'
	k get cm a | grep -Eq '^a +1 +[0-9]+s$'
	run k create configmap a
	[ "$status" -ne 0 ]
	[[ "$output" == *'configmaps "a" already exists'* ]]
	[ "$(k delete cm a)" = 'configmap "a" deleted' ]
	run k get cm a
	[[ "$output" == *'Error from server (NotFound): configmaps "a" not found'* ]]
}

@test "[W28] create deployment and describe it" {
	k create deployment d --image=nginx --replicas=3
	k get deployment d | grep -Eq '^d +0/3 +0 +0 '
	k get deployment d -o wide | grep -q 'nginx'
	k describe deployment d | grep -Eq '^Replicas: +3 desired'
}

@test "[W28] apply, apply again, diff, apply a change" {
	web 2 nginx | k apply -f - | grep -q 'deployment.apps/web created'
	web 2 nginx | k apply -f - | grep -q 'deployment.apps/web unchanged'
	run k diff -f <(web 4 nginx:2)
	[ "$status" -eq 1 ]
	[[ "$output" == *'+  replicas: 4'* ]]
	web 4 nginx:2 | k apply -f - | grep -q 'deployment.apps/web configured'
	[ "$(k get deploy web -o 'jsonpath={.spec.replicas} {.spec.template.spec.containers[0].image} {.metadata.generation}')" = "4 nginx:2 2" ]
	web 4 nginx:2 | k delete -f -
	run k get deploy,svc
	[[ "$output" == *'No resources found'* ]]
}

@test "[W29] patch in all three ways" {
	k create configmap a --from-literal=x=1
	k patch cm a -p '{"data":{"y":"2"}}'
	k patch cm a --type=merge -p '{"data":{"x":null}}'
	k patch cm a --type=json -p '[{"op":"add","path":"/data/z","value":"3"}]'
	[ "$(k get cm a -o 'jsonpath={.data}')" = '{"y":"2","z":"3"}' ]
	run k patch cm a --type=json -p '[{"op":"remove","path":"/data/none"}]'
	[ "$status" -ne 0 ]
	k create deployment d --image=one
	k patch deployment d -p '{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"two"}]}}}}'
	[ "$(k get deployment d -o 'jsonpath={.spec.template.spec.containers[*].image}')" = "two one" ]
	k set image deployment/d one=three
	[ "$(k get deployment d -o 'jsonpath={.spec.template.spec.containers[*].image}')" = "two three" ]
}

@test "[W29] label, annotate, selectors" {
	for n in a b c; do k create configmap $n; done
	k label cm a tier=front
	k label cm b tier=back
	run k label cm a tier=other
	[ "$status" -ne 0 ]
	k label cm a tier=other --overwrite
	[ "$(k get cm -l tier=other -o name)" = configmap/a ]
	[ "$(k get cm -l 'tier in (back,front)' -o name)" = configmap/b ]
	[ "$(k get cm -l '!tier' -o name)" = configmap/c ]
	[ "$(k get cm -l tier!=other,tier -o name)" = configmap/b ]
	[ "$(k get cm --field-selector metadata.name=c -o name)" = configmap/c ]
	k label cm a tier-
	k annotate cm a note=x
	[ "$(k get cm a -o 'jsonpath={.metadata.labels}{.metadata.annotations.note}')" = x ]
	run k get cm -l 'a b'
	[ "$status" -ne 0 ]
	k delete cm -l tier=back
	[ "$(k get cm -o name | wc -l)" = 2 ]
	k delete cm --all
	[ -z "$(k get cm -o name)" ]
}

@test "[W29] scale" {
	k create deployment d --image=nginx
	k scale deployment d --replicas=5
	[ "$(k get deployment d -o 'jsonpath={.spec.replicas}')" = 5 ]
	run k scale deployment d --replicas=2 --current-replicas=9
	[ "$status" -ne 0 ]
	run k scale deployment none --replicas=1
	[[ "$output" == *'deployments.apps "none" not found'* ]]
	k run p --image=nginx
	run k scale pod p --replicas=2
	[[ "$output" == *'could not find the requested resource'* ]]
}

@test "[W28] watch delivers each change once" {
	k create configmap before --from-literal=x=0
	k get cm -w --no-headers -o custom-columns=N:.metadata.name,X:.data.x >"$API_DIR/watch" 2>&1 3>&- &
	watcher=$!
	until grep -q '^before' "$API_DIR/watch"; do read -rt 0.05 <> <(:) || :; done # it has listed what there is
	k create configmap w --from-literal=x=1
	k patch cm w -p '{"data":{"x":"2"}}'
	k delete cm w
	for _ in $(seq 50); do [ "$(wc -l <"$API_DIR/watch")" -ge 4 ] && break; read -rt 0.1 <> <(:) || :; done
	kill $watcher
	[ "$(tr -s ' ' <"$API_DIR/watch" | tr '\n' ';')" = "before 0;w 1;w 2;w 2;" ]
}

@test "[W40] services get addresses and ports; conflicts are refused" {
	k create service clusterip a --tcp=80
	k get svc a | grep -Eq '^a +ClusterIP +10\.[0-9.]+ +<none> +80/TCP'
	ip=$(k get svc a -o 'jsonpath={.spec.clusterIP}')
	run k create service clusterip b --tcp=80 --clusterip="$ip"
	[ "$status" -ne 0 ]
	k create service nodeport n --tcp=80 --node-port=30123
	run k create service nodeport m --tcp=80 --node-port=30123
	[[ "$output" == *'provided port is already allocated'* ]]
	k delete svc n
	k create service nodeport m --tcp=80 --node-port=30123
}

@test "[W36] a namespace that goes away takes nothing new in" {
	k create namespace gone
	k delete namespace gone --wait=false
	run kubectl --kubeconfig "$API_DIR/admin.conf" -n gone create configmap a
	[[ "$output" == *'unable to create new content in namespace gone because it is being terminated'* ]]
	run k delete namespace default
	[[ "$output" == *'namespaces "default" is forbidden: this namespace may not be deleted'* ]]
}

@test "wrong manifests are refused with the field at fault" {
	run k create -f - <<-YAML
	apiVersion: v1
	kind: Pod
	metadata: {name: bad}
	spec: {containers: [{name: c, image: i, foo: bar}]}
	YAML
	[[ "$output" == *'unknown field "spec.containers[0].foo"'* ]]
	run k create -f - <<-YAML
	apiVersion: v1
	kind: Pod
	metadata: {name: bad}
	spec: {containers: [{name: c, image: i, ports: [{containerPort: "x"}]}]}
	YAML
	[ "$status" -ne 0 ]
	run k create -f - <<-YAML
	apiVersion: v1
	kind: ConfigMap
	metadata: {name: Bad_Name}
	YAML
	[[ "$output" == *'The ConfigMap "Bad_Name" is invalid: metadata.name: Invalid value: "Bad_Name"'* ]]
}

@test "[W48] auth can-i, whoami, --as" {
	[ "$(k auth can-i delete nodes)" = yes ]
	[ "$(k auth can-i list pods --as=nobody)" = "no" ] || [ "$(k auth can-i list pods --as=nobody || :)" = no ]
	k auth whoami | grep -q kubernetes-admin
	run k get pods --as=nobody
	[[ "$output" == *'pods is forbidden: User "nobody" cannot list resource "pods" in API group "" in the namespace'* ]]
}

@test "server-side dry run stores nothing; field managers and edits do" {
	k create configmap a --from-literal=x=1 --dry-run=server
	run k get cm a
	[ "$status" -ne 0 ]
	k create configmap a --from-literal=x=1
	KUBE_EDITOR="sed -i /x:/s/1/9/" k edit cm a
	[ "$(k get cm a -o 'jsonpath={.data.x}')" = 9 ]
	k get cm a -o yaml | sed 's/"9"/"8"/' | k replace -f -
	[ "$(k get cm a -o 'jsonpath={.data.x}')" = 8 ]
}

release() { # REVISION STATUS: as Helm keeps one
	k create -f - <<-YAML
	apiVersion: v1
	kind: Secret
	metadata: {name: sh.helm.release.v1.web.v$1, labels: {owner: helm, name: web, status: $2, version: "$1"}}
	type: helm.sh/release.v1
	stringData: {release: "$1"}
	YAML
}

@test "[W50] revisions of a release are kept and found as Helm does it: installed, upgraded, rolled back, uninstalled" {
	deployed() { k get secrets -l "owner=helm,name=web,status in (deployed,pending-upgrade)" -o jsonpath='{.items[*].metadata.labels.version}'; }
	web 1 nginx:1.25 | k apply --server-side --field-manager helm -f -
	release 1 deployed
	run release 1 deployed
	[ "$status" -ne 0 ] && [[ "$output" = *AlreadyExists* ]]
	web 2 nginx:1.27 | k apply --server-side --field-manager helm -f -
	release 2 pending-upgrade
	[ "$(deployed)" = "1 2" ]
	k label secret sh.helm.release.v1.web.v1 status=superseded --overwrite
	k label secret sh.helm.release.v1.web.v2 status=deployed --overwrite
	[ "$(deployed)" = 2 ]
	web 1 nginx:1.25 | k apply --server-side --field-manager helm -f -
	release 3 deployed
	[ "$(k get deployment web -o jsonpath='{.spec.replicas} {.spec.template.spec.containers[0].image}')" = "1 nginx:1.25" ]
	[ "$(k get secrets -l owner=helm,version=3 -o jsonpath='{.items[0].type}')" = helm.sh/release.v1 ]
	k delete deployment,service web
	k delete secrets -l owner=helm,name=web
	[ -z "$(deployed)" ]
}

@test "[W24] a node is deleted by its name, once" {
	k create -f - <<<'{"apiVersion":"v1","kind":"Node","metadata":{"name":"leaver"}}'
	k get nodes | grep -Eq '^leaver +Unknown +<none> '
	[ "$(k delete node leaver)" = 'node "leaver" deleted' ]
	run k delete node leaver
	[ "$status" = 1 ] && [ "${lines[-1]}" = 'Error from server (NotFound): nodes "leaver" not found' ]
}

@test "what was acknowledged is there after kill -9" {
	for n in $(seq 20); do k create configmap c"$n" >/dev/null; done
	apiserver_stop KILL
	apiserver_start
	[ "$(k get cm -o name | wc -l)" = 20 ]
	run grep 'WARN.*Service default/kubernetes' "$API_DIR/err" # it is there, and not made again
	[ "$status" = 1 ]
}

@test "every refusal names all that is wrong, and warnings reach the user [W14]" {
	run k apply -f - <<-YAML
	apiVersion: v1
	kind: Pod
	metadata: {name: wrong}
	spec:
	  dnsPolicy: Foo
	  containers: [{name: A, image: ''}]
	YAML
	[ "$status" -eq 1 ]
	[[ $output == *'spec.containers[0].name: Invalid value: "A": a lowercase RFC 1123 label must consist of'* ]]
	[[ $output == *'spec.containers[0].image: Required value'* ]]
	[[ $output == *'spec.dnsPolicy: Unsupported value: "Foo": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"'* ]]
	run k apply -f - <<-YAML
	apiVersion: v1
	kind: Pod
	metadata: {name: old}
	spec:
	  nodeSelector: {beta.kubernetes.io/os: linux}
	  containers: [{name: a, image: i}]
	YAML
	[ "$status" -eq 0 ]
	[[ $output == *'Warning: spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead'* ]]
	run k patch pod old -p '{"spec":{"dnsPolicy":"Default"}}'
	[ "$status" -eq 1 ]
	[[ $output == *'pod updates may not change fields other than `spec.containers[*].image`'* ]]
}

@test "pods are resized through their own endpoint only" {
	k apply -f - <<-YAML
	apiVersion: v1
	kind: Pod
	metadata: {name: sized}
	spec:
	  containers: [{name: a, image: i, resources: {requests: {cpu: 100m}, limits: {cpu: 200m}}}]
	YAML
	run k patch pod sized -p '{"spec":{"containers":[{"name":"a","resources":{"limits":{"cpu":"300m"}}}]}}'
	[ "$status" -eq 1 ]
	k patch pod sized --subresource resize -p '{"spec":{"containers":[{"name":"a","resources":{"limits":{"cpu":"300m"}}}]}}'
	[ "$(k get pod sized -o 'jsonpath={.spec.containers[0].resources.limits.cpu} {.metadata.generation}')" = "300m 2" ]
	run k patch pod sized --subresource resize -p '{"spec":{"containers":[{"name":"a","resources":{"limits":{"cpu":null}}}]}}'
	[ "$status" -eq 1 ]
	[[ $output == *'spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed'* ]]
}

@test "what is fixed at birth stays, kind by kind" {
	k create job once --image=i -- true
	run k patch job once --type merge -p '{"spec":{"completions":3}}'
	[[ $output == *'spec.completions: Invalid value: 3: field is immutable'* ]]
	k create cronjob often --image=i --schedule='*/5 * * * *' -- true
	run k patch cronjob often --type merge -p '{"spec":{"schedule":"* * * *"}}'
	[[ $output == *'spec.schedule: Invalid value: "* * * *": expected exactly 5 fields, found 4: [* * * *]'* ]]
	k create service clusterip web --tcp=80
	run k patch service web --type merge -p '{"spec":{"clusterIP":"10.0.0.99","clusterIPs":["10.0.0.99"]}}'
	[[ $output == *'spec.clusterIPs[0]: Invalid value: ["10.0.0.99"]: may not change once set'* ]]
	k create ingress in --rule='a.b/*=web:80'
	run k patch ingress in --type json -p '[{"op":"replace","path":"/spec/rules/0/http/paths/0/path","value":"/a/../b"}]'
	[[ $output == *"spec.rules[0].http.paths[0].path: Invalid value: \"/a/../b\": must not contain '/../'"* ]]
}

@test "[W37] two classes of priority are there from the start" {
	same() { [ "$1" = "$2" ] || { printf 'wanted: %s\ngot:    %s\n' "$1" "$2" >&2; return 1; }; }
	same 'system-cluster-critical 2000000000;system-node-critical 2000001000;' \
		"$(k get priorityclass -o 'jsonpath={range .items[*]}{.metadata.name} {.value};{end}')"
	run k create priorityclass system-mine --value=1
	[[ "$output" == *"priority class names with 'system-' prefix are reserved for system use only"* ]]
}
