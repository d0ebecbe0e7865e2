#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The flows of a one-node cluster, typed with the real kubectl against real containers. One node for the whole file; each test
# uses a namespace of its own.

load node.bash

setup_file() {
	node_file && node_ready && node_image web web:1 && node_image web web:2 --text "version two" && node_image busybox busybox:1
}

teardown_file() {
	node_end
}

setup() {
	NS=t${BATS_TEST_NUMBER}
	k create namespace "$NS" >/dev/null
}

teardown() {
	if [ -z "$BATS_TEST_COMPLETED" ]; then
		k get all,events -n "$NS" -o wide >&2 || true # shown with the failure
		tail -n 30 "$NODE_DIR/out/server.log" >&2
	fi
	k delete namespace "$NS" --wait=false >/dev/null
}

n() { k -n "$NS" "$@"; }

web_manifest() { # image replicas
	cat <<X
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: ${2:-3}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: $1
        imagePullPolicy: IfNotPresent
        ports: [{containerPort: 80}]
        readinessProbe: {httpGet: {path: /, port: 80}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  selector: {app: web}
  ports: [{port: 80, targetPort: 80}]
X
}

web_up() { # image replicas
	web_manifest "${1:-web:1}" "${2:-3}" | n apply -f - && n rollout status deployment/web --timeout=30s
}

ready_count() { n get pods -l app=web -o 'jsonpath={range .items[*]}{.status.containerStatuses[0].ready}{"\n"}{end}' | grep -c true; }
has_ready() { [ "$(ready_count)" = "$1" ]; }
pod_count_is() { [ "$(n get pods --no-headers 2>/dev/null | wc -l)" = "$1" ]; }

@test "[W22] one command makes a node that is Ready, with its kubeconfig" {
	run k get nodes
	has "$output" '^NAME +STATUS +ROLES +AGE +VERSION'
	has "$output" '^node1 +Ready +'
	same 600 "$(stat -c %a "$NODE_DIR/etc/admin.conf")"
	same 600 "$(stat -c %a "$NODE_DIR/etc/pki/ca.key")"
	run k get nodes -o wide
	has "$output" 'INTERNAL-IP +EXTERNAL-IP +OS-IMAGE +KERNEL-VERSION +CONTAINER-RUNTIME'
	has "$output" 'cube://'
}

@test "[W28] create namespace; a second create is AlreadyExists" {
	run k create namespace "$NS"
	[ "$status" -ne 0 ]
	has "$output" "Error from server \(AlreadyExists\): namespaces \"$NS\" already exists"
	run k get namespaces
	has "$output" "^$NS +Active"
	has "$output" '^kube-system +Active'
}

@test "[W28] apply a Deployment and a Service, change them and apply again" {
	run web_up web:1 3
	[ "$status" = 0 ]
	has "$output" 'deployment.apps/web created'
	has "$output" 'service/web created'
	has "$output" 'deployment "web" successfully rolled out'
	run bash -c "$(declare -f web_manifest n k in_node); NS=$NS; web_manifest web:1 2 | n apply -f -"
	has "$output" 'deployment.apps/web configured'
	has "$output" 'service/web unchanged'
	wait_for 15 has_ready 2
	same "2" "$(n get deployment web -o 'jsonpath={.spec.replicas}')"
}

@test "[W28] get in every output form" {
	web_up web:1 2
	run n get deployment web
	has "$output" '^NAME +READY +UP-TO-DATE +AVAILABLE +AGE'
	has "$output" '^web +2/2 +2 +2 +'
	run n get pods -o wide
	has "$output" '^NAME +READY +STATUS +RESTARTS +AGE +IP +NODE +NOMINATED NODE +READINESS GATES'
	has "$output" '^web-[a-z0-9]+-[a-z0-9]+ +1/1 +Running +0 +[0-9]+s +10\.244\.0\.[0-9]+ +node1 +<none> +<none>'
	run n get deployment web -o yaml
	has "$output" '^apiVersion: apps/v1'
	has "$output" '^  progressDeadlineSeconds: 600'
	same Deployment "$(n get deployment web -o json | jq -r .kind)"
	same web:1 "$(n get deployment web -o 'jsonpath={.spec.template.spec.containers[0].image}')"
	run n get pods -o custom-columns=N:.metadata.name,I:.spec.containers[0].image
	has "$output" '^web-[a-z0-9-]+ +web:1'
	same 2 "$(n get pods -l app=web -o name | grep -c '^pod/web-')"
	same 0 "$(n get pods -l app=other -o name | wc -l)"
	run k get pods -A
	has "$output" "^NAMESPACE +NAME"
	has "$output" "^$NS +web-"
	run n get service web
	has "$output" '^web +NodePort +10\.(9[6-9]|10[0-9]|11[01])\.[0-9]+\.[0-9]+ +<none> +80:3[0-2][0-9]{3}/TCP'
}

@test "[W28] get -w shows a pod's way from Pending to Running" {
	n run first --image=busybox:1 --image-pull-policy=IfNotPresent --restart=Never -- sleep 100
	n get pods -w --no-headers >"$NODE_DIR/out/watch.$NS" 2>&1 3>&- &
	local watch=$!
	wait_for 10 grep -q '^first' "$NODE_DIR/out/watch.$NS" # now it watches
	sleep 0.3 # between kubectl's list and its watch nothing tells where it is
	n run one --image=busybox:1 --image-pull-policy=IfNotPresent --restart=Never -- sleep 100
	wait_for 15 grep -q '^one .*Running' "$NODE_DIR/out/watch.$NS"
	kill "$watch"
	has "$(cat "$NODE_DIR/out/watch.$NS")" '^one +0/1 +Pending'
	has "$(cat "$NODE_DIR/out/watch.$NS")" '^one +1/1 +Running'
}

@test "[W28] describe shows what happened, with events" {
	web_up web:1 1
	run n describe deployment web
	has "$output" 'Replicas: +1 desired \| 1 updated \| 1 total \| 1 available \| 0 unavailable'
	has "$output" 'ScalingReplicaSet.*deployment-controller.*Scaled up replica set web-[a-z0-9]+ (from 0 )?to 1'
	run n describe pod -l app=web
	has "$output" '^Status: +Running'
	has "$output" 'Scheduled.*default-scheduler.*Successfully assigned'
	has "$output" 'Started.*kubelet.*Started container web'
	run n describe service web
	has "$output" '^Endpoints: +10\.244\.0\.[0-9]+:80'
	run k describe node node1
	has "$output" 'Non-terminated Pods:'
	has "$output" 'KubeletReady'
}

@test "[W30] logs, logs -f and --tail" {
	n run talk --image=busybox:1 --image-pull-policy=IfNotPresent --restart=Never -- \
		sh -c 'echo one; echo two; echo three >&2; for i in 1 2 3 4 5 6; do sleep 0.5; echo later $i; done'
	wait_for 15 n logs talk
	wait_for 15 has_line talk three
	run n logs talk --tail=1
	[ "$status" = 0 ]
	run n logs -f talk
	has "$output" '^one$'
	has "$output" '^later 6$'
	run n logs nosuch
	has "$output" '[Ee]rror from server \(NotFound\): pods "nosuch" not found'
}
has_line() { n logs "$1" | grep -q "$2"; }

@test "[W30] exec and exec -it; exit statuses come through" {
	n run box --image=busybox:1 --image-pull-policy=IfNotPresent --restart=Never -- sleep 1000
	n wait --for=condition=Ready pod/box --timeout=20s
	run n exec box -- sh -c 'echo out; echo err >&2; exit 7'
	same 7 "$status"
	has "$output" '^out$'
	has "$output" '^err$'
	has "$output" 'command terminated with exit code 7'
	same "hello" "$(echo hello | n exec -i box -- cat)"
	run n exec box -- nosuchprogram
	[ "$status" -ne 0 ]
	has "$output" 'executable file not found'
	run in_node python3 "$BATS_TEST_DIRNAME/on_terminal.py" kubectl --kubeconfig "$NODE_DIR/etc/admin.conf" -n "$NS" exec -it box -- \
		sh -c 'test -t 0 && test -t 1 && echo terminal; stty size | grep -c " "'
	has "$output" '^terminal$'
	run in_node python3 "$BATS_TEST_DIRNAME/on_terminal.py" --type 'echo one$((1+1))three\nexit 5\n' \
		kubectl --kubeconfig "$NODE_DIR/etc/admin.conf" -n "$NS" exec -it box -- sh
	same 5 "$status"
	has "$output" 'one2three'
}

@test "[W29] scale up and down; a bare pod cannot be scaled" {
	web_up web:1 1
	run n scale deployment/web --replicas=4
	has "$output" 'deployment.apps/web scaled'
	wait_for 20 has_ready 4
	n scale deployment/web --replicas=1
	wait_for 20 pod_count_is 1
	run n scale pod/nosuch --replicas=2
	[ "$status" -ne 0 ]
}

@test "[W34] set image rolls over; undo goes back" {
	web_up web:1 3
	# what others say in the status outlives the controller's own words
	n patch deployment web --subresource=status --type=json -p '[{"op":"add","path":"/status/conditions/-","value":{"type":"Checked","status":"True"}}]'
	n set image deployment/web web=web:2
	run n rollout status deployment/web --timeout=40s
	has "$output" 'successfully rolled out'
	wait_for 20 pod_count_is 3
	local ip
	ip=$(n get service web -o 'jsonpath={.spec.clusterIP}')
	wait_for 10 answers "$ip" 80 'version two'
	run n rollout history deployment/web
	has "$output" 'REVISION +CHANGE-CAUSE'
	[ "$(n get deployment web -o 'jsonpath={.status.conditions[?(@.type=="Checked")].status}')" = True ]
	n rollout undo deployment/web
	n rollout status deployment/web --timeout=40s
	same web:1 "$(n get deployment web -o 'jsonpath={.spec.template.spec.containers[0].image}')"
}
answers() { in_node curl -s -m 3 "http://$1:$2/" | grep -q "$3"; }

@test "[W34] a rollout to an image that cannot be had leaves the old pods serving" {
	web_up web:1 2
	n set image deployment/web web=localhost:1/nosuch:9
	wait_for 30 shows_pull_failure
	same 2 "$(ready_count)"
	run n rollout status deployment/web --timeout=1s
	[ "$status" -ne 0 ]
}
shows_pull_failure() { n get pods | grep -Eq 'ErrImagePull|ImagePullBackOff'; }

daemon_on_no_node() { # IMAGE CAUSE
	n apply -f - <<-YAML
	apiVersion: apps/v1
	kind: DaemonSet
	metadata: {name: agent, annotations: {kubernetes.io/change-cause: $2}}
	spec:
	  selector: {matchLabels: {app: agent}}
	  template:
	    metadata: {labels: {app: agent}}
	    spec: {nodeSelector: {on: none}, containers: [{name: main, image: "$1"}]}
	YAML
}

has_revision() { n rollout history daemonset/agent | grep -Eq "^$1 +$2\$"; }

@test "[W35] a DaemonSet's revisions say why they were made, and an old one comes back as the newest" {
	daemon_on_no_node web:1 first
	wait_for 10 has_revision 1 first
	daemon_on_no_node web:2 second
	wait_for 10 has_revision 2 second
	has "$(n rollout history daemonset/agent --revision 1)" 'Image:\s+web:1'
	n rollout undo daemonset/agent --to-revision 1
	wait_for 10 has_revision 3 first
	same web:1 "$(n get daemonset agent -o 'jsonpath={.spec.template.spec.containers[0].image}')"
}

@test "[W33] a deleted pod is replaced" {
	web_up web:1 2
	local pod
	pod=$(n get pods -o name | head -n 1)
	n delete "$pod"
	wait_for 20 has_ready 2
	run n get "$pod"
	has "$output" 'NotFound'
}

@test "[W40] ClusterIP from host and pod, NodePort; only ready pods get traffic" {
	web_up web:1 2
	local ip port
	ip=$(n get service web -o 'jsonpath={.spec.clusterIP}')
	port=$(n get service web -o 'jsonpath={.spec.ports[0].nodePort}')
	wait_for 10 answers "$ip" 80 'cube'
	wait_for 10 answers 192.168.77.1 "$port" 'cube'
	wait_for 10 answers 127.0.0.1 "$port" 'cube'
	n run box --image=busybox:1 --image-pull-policy=IfNotPresent --restart=Never -- sleep 1000
	n wait --for=condition=Ready pod/box --timeout=20s
	has "$(asks box "$ip")" 'cube'
	# A pod reaches itself through its Service, too.
	n scale deployment/web --replicas=1
	wait_for 20 pod_count_labelled 1
	local web
	web=$(n get pods -l app=web -o 'jsonpath={.items[0].metadata.name}')
	has "$(asks "$web" "$ip")" 'cube'
	n scale deployment/web --replicas=0
	wait_for 20 fails answers "$ip" 80 'cube'
	run in_node curl -s -m 3 "http://$ip/"
	same 7 "$status" # refused at once, not left hanging
}

asks() { n exec "$1" -- sh -c "printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 5 $2 80"; }
pod_count_labelled() { [ "$(n get pods -l app=web --no-headers | wc -l)" = "$1" ]; }

@test "[W40] a Service without a selector leads where its Endpoints say, and its slices follow them" {
	local ip address
	n run page --image=web:1 --image-pull-policy=IfNotPresent
	n wait --for=condition=Ready pod/page --timeout=20s
	address=$(n get pod page -o 'jsonpath={.status.podIP}')
	n apply -f - <<-YAML
	apiVersion: v1
	kind: Service
	metadata: {name: manual}
	spec: {ports: [{port: 80}]}
	---
	apiVersion: v1
	kind: Endpoints
	metadata: {name: manual}
	subsets: [{addresses: [{ip: $address}], ports: [{port: 80}]}]
	YAML
	ip=$(n get service manual -o 'jsonpath={.spec.clusterIP}')
	wait_for 10 answers "$ip" 80 'cube'
	mirrored() { n get endpointslices -l kubernetes.io/service-name=manual -o 'jsonpath={.items[*].endpoints[*].addresses[0]}'; }
	n patch endpoints manual --type merge -p '{"subsets":[{"addresses":[{"ip":"10.9.9.9"}],"ports":[{"port":80}]}]}'
	wait_for 10 eval '[ "$(mirrored)" = 10.9.9.9 ]'
	n delete endpoints manual
	wait_for 10 eval '[ -z "$(mirrored)" ]'
}

evict() { k create --raw "/api/v1/namespaces/$NS/pods/$1/eviction" -f - <<<'{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "'"$1"'"}}'; }

@test "[W38] a budget says how many of its pods may be evicted, and no more are" {
	local pod
	web_up web:1 2
	n create poddisruptionbudget web --selector app=web --min-available 2
	budget() { n get pdb web -o 'jsonpath={.status.disruptionsAllowed} {.status.conditions[0].reason} {.status.observedGeneration}'; }
	budget_is() { [ "$(budget)" = "$1" ]; }
	wait_for 10 budget_is "0 InsufficientPods 1"
	pod=$(n get pods -l app=web -o 'jsonpath={.items[0].metadata.name}')
	run evict "$pod"
	[ "$status" -ne 0 ]
	has "$output" "Cannot evict pod as it would violate the pod's disruption budget."
	n patch pdb web --type merge -p '{"spec":{"minAvailable":"50%"}}'
	wait_for 10 budget_is "1 SufficientPods 2"
	evict "$pod"
	n delete pdb web
}

@test "[W28] deleting the deployment leaves nothing: no process, mount, cgroup, link, rule or file" {
	web_up web:1 3
	local uids uid
	uids=$(n get pods -o 'jsonpath={.items[*].metadata.uid}')
	n delete deployment/web service/web
	wait_for 30 pod_count_is 0
	for uid in $uids; do
		wait_for 10 fails bash -c "ls -d $NODE_DIR/data/kubelet/pods/$uid 2>/dev/null"
		same "" "$(find /sys/fs/cgroup -type d -name "*$uid*" 2>/dev/null)"
		same "" "$(pgrep -f "$uid" || true)"
	done
	same "" "$(in_node nft list table ip cube | grep "/$NS/web/" || true)"
}

@test "[W28] run a pod that ends; Completed; delete by file" {
	n run once --image=busybox:1 --image-pull-policy=IfNotPresent --restart=Never -- true
	wait_for 15 phase_is once Succeeded
	run n get pod once
	has "$output" '^once +0/1 +Completed +0'
	n run bad --image=busybox:1 --image-pull-policy=IfNotPresent --restart=Never -- sh -c 'exit 3'
	wait_for 15 phase_is bad Failed
	same 3 "$(n get pod bad -o 'jsonpath={.status.containerStatuses[0].state.terminated.exitCode}')"
	run n delete pod once bad
	has "$output" 'pod "once" deleted'
}
phase_is() { [ "$(n get pod "$1" -o 'jsonpath={.status.phase}')" = "$2" ]; }

@test "[W31] a crashing container backs off: CrashLoopBackOff, restart count, last state" {
	n run crash --image=busybox:1 --image-pull-policy=IfNotPresent -- sh -c 'echo dying; exit 1'
	wait_for 20 shows_status crash CrashLoopBackOff
	same 1 "$(n get pod crash -o 'jsonpath={.status.containerStatuses[0].lastState.terminated.exitCode}')"
	same dying "$(n logs crash --previous)"
}
shows_status() { n get pod "$1" --no-headers | grep -q "$2"; }

@test "[W08] memory limit: OOMKilled, exit 137" {
	n apply -f - <<X
apiVersion: v1
kind: Pod
metadata: {name: hog}
spec:
  restartPolicy: Never
  containers:
  - name: hog
    image: busybox:1
    imagePullPolicy: IfNotPresent
    command: [sh, -c, "a=x; while true; do a=\$a\$a\$a\$a; done"]
    resources: {limits: {memory: 32Mi}}
X
	wait_for 30 phase_is hog Failed
	same OOMKilled "$(n get pod hog -o 'jsonpath={.status.containerStatuses[0].state.terminated.reason}')"
	same 137 "$(n get pod hog -o 'jsonpath={.status.containerStatuses[0].state.terminated.exitCode}')"
}

@test "[W31] containers of a pod share the network; configuration arrives as files and variables" {
	n create configmap conf --from-literal=greeting=hello
	n create secret generic hidden --from-literal=word=swordfish
	n apply -f - <<X
apiVersion: v1
kind: Pod
metadata: {name: both}
spec:
  terminationGracePeriodSeconds: 1
  volumes: [{name: c, configMap: {name: conf}}, {name: s, secret: {secretName: hidden}}, {name: e, emptyDir: {}}]
  initContainers:
  - {name: first, image: "busybox:1", imagePullPolicy: IfNotPresent, command: [sh, -c, "echo from-init > /e/x"], volumeMounts: [{name: e, mountPath: /e}]}
  containers:
  - name: server
    image: busybox:1
    imagePullPolicy: IfNotPresent
    command: [sh, -c, "while true; do echo answer | nc -l -p 9000; done"]
  - name: client
    image: busybox:1
    imagePullPolicy: IfNotPresent
    command: [sleep, "1000"]
    env: [{name: GREETING, valueFrom: {configMapKeyRef: {name: conf, key: greeting}}}]
    volumeMounts: [{name: c, mountPath: /c}, {name: s, mountPath: /s}, {name: e, mountPath: /e}]
X
	n wait --for=condition=Ready pod/both --timeout=20s
	wait_for 10 client_reaches_server
	same hello "$(n exec both -c client -- cat /c/greeting)"
	same swordfish "$(n exec both -c client -- cat /s/word)"
	same from-init "$(n exec both -c client -- cat /e/x)"
	same hello "$(n exec both -c client -- sh -c 'echo $GREETING')"
}
client_reaches_server() { [ "$(n exec both -c client -- nc 127.0.0.1 9000 </dev/null)" = answer ]; }

@test "[W36] deleting a namespace empties it" {
	k create namespace "gone-$NS"
	k -n "gone-$NS" create configmap x --from-literal=a=b
	k -n "gone-$NS" create deployment d --image=busybox:1 -- sleep 1000
	k delete namespace "gone-$NS" --timeout=40s
	run k get namespace "gone-$NS"
	has "$output" 'NotFound'
}

@test "bad input: unknown field, wrong type and bad name are refused with the field at fault" {
	run n apply -f - <<<'{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{"containerz":[]}}'
	[ "$status" -ne 0 ]
	has "$output" 'unknown field "spec.containerz"'
	run n create -f - <<<'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"Not_Good"}}'
	has "$output" 'metadata.name: Invalid value: "Not_Good"'
	run n apply -f - <<<'{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"x"},"spec":{"replicas":"three"}}'
	[ "$status" -ne 0 ]
	has "$output" 'replicas'
	run n create -f - <<<'{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"x"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"c"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}'
	has "$output" 'selector.*does not match template'
	k get --raw /readyz | grep -q ok
}
