#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Who may do what, with the real kubectl and programs in pods: tokens of service accounts, roles, certificates.

load node.bash

setup_file() {
	node_file && node_ready && node_image curl curl:1
}

teardown_file() {
	node_end
}

setup() {
	NS=t${BATS_TEST_NUMBER}
	k create namespace "$NS" >/dev/null
	wait_for 10 k -n "$NS" get serviceaccount default >/dev/null
}

teardown() {
	if [ -z "$BATS_TEST_COMPLETED" ]; then
		k get all,events -n "$NS" -o wide >&2 || true # shown with the failure
		tail -n 30 "$NODE_DIR/out/server.log" >&2
	fi
	k delete namespace "$NS" --wait=false >/dev/null
}

n() { k -n "$NS" "$@"; }

# with_token TOKEN ARGS...: kubectl that has nothing but a token
with_token() {
	local token=$1
	shift
	[ -s "$NODE_DIR/out/ca.crt" ] || cp "$NODE_DIR/etc/pki/ca.crt" "$NODE_DIR/out/ca.crt"
	in_node env -u KUBECONFIG HOME="$NODE_DIR/out" "${KUBECTL:-kubectl}" --kubeconfig /dev/null \
		--server https://127.0.0.1:6443 --certificate-authority "$NODE_DIR/out/ca.crt" --token "$token" "$@"
}

claims_of() { # of a token, as JSON
	local part
	part=$(cut -d. -f2 <<<"$1" | tr -- '-_' '+/')
	while [ $((${#part} % 4)) != 0 ]; do part+='='; done
	base64 -d <<<"$part"
}

client_pod() { # name [account]
	n apply -f - <<X
apiVersion: v1
kind: Pod
metadata: {name: $1}
spec:
  serviceAccountName: ${2:-default}
  containers:
  - {name: c, image: "curl:1", command: [sleep, "3600"]}
X
	n wait --for=condition=Ready "pod/$1" --timeout=30s
}

# A request from inside a pod, as client libraries make it.
from_pod() { # pod path
	n exec "$1" -- sh -c 'd=/var/run/secrets/kubernetes.io/serviceaccount
		curl -sS --max-time 10 --cacert $d/ca.crt -H "Authorization: Bearer $(cat $d/token)" \
		"https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT'"$2"'"'
}

@test "[W48] a pod reaches the API server with the token of its service account" {
	n create serviceaccount robot
	n create role reader --verb=get,list --resource=pods
	n create rolebinding robot-reads --role=reader --serviceaccount="$NS:robot"
	client_pod client robot
	output=$(from_pod client "/api/v1/namespaces/$NS/pods")
	same client "$(jq -r '.items[0].metadata.name' <<<"$output")"
	output=$(from_pod client "/api/v1/namespaces/$NS/secrets")
	same 403 "$(jq -r .code <<<"$output")"
	has "$output" "User ..system:serviceaccount:$NS:robot.. cannot list resource ..secrets.."
	same "$NS" "$(n exec client -- cat /var/run/secrets/kubernetes.io/serviceaccount/namespace)"
	token=$(n exec client -- cat /var/run/secrets/kubernetes.io/serviceaccount/token)
	claims=$(claims_of "$token")
	same client "$(jq -r '."kubernetes.io".pod.name' <<<"$claims")"
	same node1 "$(jq -r '."kubernetes.io".node.name' <<<"$claims")"
	same 31536000 "$(jq -r '.exp - .iat' <<<"$claims")"
	# the token goes with the pod
	n delete pod client --force
	run with_token "$token" auth whoami
	[ "$status" != 0 ]
	has "$output" "You must be logged in to the server|Unauthorized"
}

@test "a pod that does not want a token gets none" {
	n apply -f - <<X
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  automountServiceAccountToken: false
  containers:
  - {name: c, image: "curl:1", command: [sleep, "3600"]}
X
	n wait --for=condition=Ready pod/p --timeout=30s
	run n exec p -- ls /var/run/secrets/kubernetes.io/serviceaccount
	[ "$status" != 0 ]
}

@test "[W48] kubectl create token and auth whoami" {
	n create serviceaccount robot
	token=$(n create token robot --duration 20m --audience https://kubernetes.default.svc.cluster.local)
	output=$(with_token "$token" auth whoami -o json)
	same "system:serviceaccount:$NS:robot" "$(jq -r .status.userInfo.username <<<"$output")"
	same 1200 "$(claims_of "$token" | jq -r '.exp - .iat')"
	run n create token robot --duration 1m
	[ "$status" != 0 ]
	has "$output" "may not specify a duration less than 10 minutes"
	run with_token "$(n create token robot --audience vault)" auth whoami
	[ "$status" != 0 ]
	run with_token "${token%?}" auth whoami
	[ "$status" != 0 ]
	n delete serviceaccount robot
	run with_token "$token" auth whoami
	[ "$status" != 0 ]
}


@test "[W51] who scrapes metrics finds its targets and reads them by a role of its own, and nothing else" {
	local token kind
	n create serviceaccount scraper
	k apply -f - <<-YAML
	apiVersion: rbac.authorization.k8s.io/v1
	kind: ClusterRole
	metadata: {name: scraper-$NS}
	rules:
	- {apiGroups: [""], resources: [nodes, services, endpoints, pods], verbs: [get, list, watch]}
	- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [get, list, watch]}
	- {apiGroups: [networking.k8s.io], resources: [ingresses], verbs: [get, list, watch]}
	- {nonResourceURLs: [/metrics], verbs: [get]}
	YAML
	k create clusterrolebinding "scraper-$NS" --clusterrole="scraper-$NS" --serviceaccount="$NS:scraper"
	token=$(n create token scraper)
	for kind in nodes services endpoints pods endpointslices ingresses; do with_token "$token" get "$kind" -A; done
	has "$(with_token "$token" get --raw '/api/v1/nodes?watch=1&timeoutSeconds=1')" '"type":"ADDED","object":.*"kind":"Node"'
	has "$(with_token "$token" get --raw /metrics)" '^apiserver_request_total\{'
	for kind in secrets configmaps; do
		run with_token "$token" get "$kind" -A
		[ "$status" -ne 0 ] && has "$output" "cannot list resource \"$kind\""
	done
	run with_token "$token" get --raw /metrics/slis
	[ "$status" -ne 0 ] && has "$output" 'cannot get path "/metrics/slis"'
	k delete clusterrolebinding,clusterrole "scraper-$NS"
}

@test "[W48] default roles: view sees, edit changes, admin grants; nobody grants what he lacks" {
	wait_for 10 sh -c "$(declare -f k in_node); NODE_PID=$NODE_PID NODE_DIR=$NODE_DIR; k get clusterrole admin -o yaml | grep -q rolebindings"
	n create serviceaccount robot
	n create rolebinding robot --clusterrole=view --serviceaccount="$NS:robot"
	token=$(n create token robot)
	with_token "$token" -n "$NS" get pods
	run with_token "$token" -n "$NS" create configmap x
	[ "$status" != 0 ]
	has "$output" "User \"system:serviceaccount:$NS:robot\" cannot create resource \"configmaps\" in API group \"\" in the namespace \"$NS\""
	n create rolebinding robot-edits --clusterrole=edit --serviceaccount="$NS:robot"
	with_token "$token" -n "$NS" create configmap x
	n create rolebinding robot-admins --clusterrole=admin --serviceaccount="$NS:robot"
	run with_token "$token" -n "$NS" create role more --verb=get --resource=nodes
	[ "$status" != 0 ]
	has "$output" "is attempting to grant RBAC permissions not currently held:"
	has "$output" '\{APIGroups:\[""\], Resources:\["nodes"\], Verbs:\["get"\]\}'
	with_token "$token" -n "$NS" create role less --verb=get --resource=pods
	output=$(with_token "$token" -n "$NS" auth can-i --list)
	has "$output" "pods/log +\[\] +\[\] +\[get list watch\]"
	same no "$(k auth can-i get nodes --as="system:serviceaccount:$NS:robot" || true)"
	same yes "$(n auth can-i create pods --as="system:serviceaccount:$NS:robot")"
}

@test "a ClusterRole gathers the rules of others by label" {
	k create clusterrole "part-$NS" --verb=get --resource=secrets
	k label clusterrole "part-$NS" "gather-$NS=yes"
	k create clusterrole "whole-$NS" --aggregation-rule="gather-$NS=yes"
	wait_for 5 sh -c "$(declare -f k in_node); NODE_PID=$NODE_PID NODE_DIR=$NODE_DIR; k get clusterrole whole-$NS -o yaml | grep -q secrets"
	k delete clusterrole "part-$NS"
	wait_for 5 sh -c "$(declare -f k in_node); NODE_PID=$NODE_PID NODE_DIR=$NODE_DIR; ! k get clusterrole whole-$NS -o yaml | grep -q secrets"
	k delete clusterrole "whole-$NS"
}

@test "kubectl auth reconcile adds what is missing" {
	n create role r --verb=get --resource=pods
	n auth reconcile -f - <<X
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: r, namespace: $NS}
rules:
- {apiGroups: [""], resources: [pods, configmaps], verbs: [get, list]}
X
	has "$(n describe role r)" "configmaps +\[\] +\[\] +\[get list\]"
}

request_of() { # name signer usages subject
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$4" \
		-keyout "$NODE_DIR/out/$1.key" -out "$NODE_DIR/out/$1.csr" 2>/dev/null
	k apply -f - <<X
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: $1}
spec:
  request: $(base64 -w0 <"$NODE_DIR/out/$1.csr")
  signerName: $2
  expirationSeconds: 3600
  usages: $3
X
}

@test "[W48] kubectl certificate approve makes a user of a certificate request" {
	name=jane-$NS
	request_of "$name" kubernetes.io/kube-apiserver-client '[client auth]' "/O=team-$NS/CN=$name"
	has "$(k get csr "$name")" "$name +[0-9]+s +kubernetes.io/kube-apiserver-client +kubernetes-admin +60m +Pending"
	k certificate approve "$name"
	wait_for 5 sh -c "$(declare -f k in_node); NODE_PID=$NODE_PID NODE_DIR=$NODE_DIR; k get csr $name | grep -q Approved,Issued"
	k get csr "$name" -o jsonpath='{.status.certificate}' | base64 -d >"$NODE_DIR/out/$name.crt"
	openssl verify -CAfile "$NODE_DIR/etc/pki/ca.crt" "$NODE_DIR/out/$name.crt"
	has "$(openssl x509 -in "$NODE_DIR/out/$name.crt" -noout -ext extendedKeyUsage)" "TLS Web Client Authentication"
	openssl x509 -in "$NODE_DIR/out/$name.crt" -noout -checkend 3500
	fails openssl x509 -in "$NODE_DIR/out/$name.crt" -noout -checkend 3700
	k config view --raw --flatten >"$NODE_DIR/out/$name.conf"
	as() { in_node env -u KUBECONFIG HOME="$NODE_DIR/out" "${KUBECTL:-kubectl}" --kubeconfig "$NODE_DIR/out/$name.conf" "$@"; }
	as config set-credentials "$name" --client-certificate="$NODE_DIR/out/$name.crt" --client-key="$NODE_DIR/out/$name.key"
	as config set-context "$name" --cluster=kubernetes --user="$name" --namespace="$NS"
	same "$name" "$(as --context "$name" auth whoami -o 'jsonpath={.status.userInfo.username}')"
	run as --context "$name" get pods
	has "$output" "User \"$name\" cannot list resource \"pods\""
	n create rolebinding team --clusterrole=view --group="team-$NS"
	as --context "$name" get pods
	k delete csr "$name"
}

@test "[W48] a denied request gets no certificate, and system:masters none at all" {
	name=joe-$NS
	request_of "$name" kubernetes.io/kube-apiserver-client '[client auth]' "/CN=$name"
	k certificate deny "$name"
	has "$(k get csr "$name")" Denied
	run k certificate approve "$name"
	same "" "$(k get csr "$name" -o jsonpath='{.status.certificate}')"
	run request_of "boss-$NS" kubernetes.io/kube-apiserver-client '[client auth]' "/O=system:masters/CN=boss"
	[ "$status" != 0 ]
	has "$output" "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed"
	run request_of "bad-$NS" kubernetes.io/kube-apiserver-client '[]' "/CN=x"
	has "$output" "spec.usages: Required value"
	request_of "wrong-$NS" kubernetes.io/kube-apiserver-client '[server auth]' "/CN=x"
	k certificate approve "wrong-$NS"
	wait_for 5 sh -c "$(declare -f k in_node); NODE_PID=$NODE_PID NODE_DIR=$NODE_DIR; k get csr wrong-$NS | grep -q Approved,Failed"
	k delete csr "$name" "wrong-$NS"
}

@test "only who may approve for a signer approves" {
	name=sue-$NS
	n create serviceaccount approver
	k create clusterrole "approver-$NS" --verb=get,list,update --resource=certificatesigningrequests,certificatesigningrequests/approval
	k create clusterrolebinding "approver-$NS" --clusterrole="approver-$NS" --serviceaccount="$NS:approver"
	token=$(n create token approver)
	request_of "$name" kubernetes.io/kube-apiserver-client '[client auth]' "/CN=$name"
	run with_token "$token" certificate approve "$name"
	[ "$status" != 0 ]
	has "$output" "user not permitted to approve requests with signerName \"kubernetes.io/kube-apiserver-client\""
	k create clusterrolebinding "approves-$NS" --clusterrole=system:certificates.k8s.io:kube-apiserver-client-approver --serviceaccount="$NS:approver"
	with_token "$token" certificate approve "$name"
	k delete csr "$name"
	k delete clusterrolebinding "approver-$NS" "approves-$NS"
	k delete clusterrole "approver-$NS"
}
