#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the cluster does by itself about who is who: kubelets' certificates, tokens in Secrets, bootstrap tokens, default roles;
# and what a budget makes of custom controllers.

load node.bash

setup_file() {
	node_file && node_api
}

# A server that a test started anew is known in that test alone.
teardown() {
	[ -z "${restarted:-}" ] || node_stop
}

teardown_file() {
	node_end
}

with_token() {
	local token=$1
	shift
	in_node env -u KUBECONFIG HOME="$NODE_DIR/out" "${KUBECTL:-kubectl}" --kubeconfig /dev/null \
		--server https://127.0.0.1:6443 --certificate-authority "$NODE_DIR/etc/pki/ca.crt" --token "$token" "$@"
}

with_certificate() { # name ARGS...
	local name=$1
	shift
	in_node env -u KUBECONFIG HOME="$NODE_DIR/out" "${KUBECTL:-kubectl}" --kubeconfig /dev/null \
		--server https://127.0.0.1:6443 --certificate-authority "$NODE_DIR/etc/pki/ca.crt" \
		--client-certificate "$NODE_DIR/out/$name.crt" --client-key "$NODE_DIR/out/$name.key" "$@"
}

bootstrap_token() { # id secret [expiration]
	k apply -f - <<END
apiVersion: v1
kind: Secret
type: bootstrap.kubernetes.io/token
metadata: {name: bootstrap-token-$1, namespace: kube-system}
stringData:
  token-id: "$1"
  token-secret: "$2"
  usage-bootstrap-authentication: "true"
  usage-bootstrap-signing: "true"
  auth-extra-groups: system:bootstrappers:kubeadm:default-node-token
  ${3:+expiration: "$3"}
END
}

request() { # name subject: a kubelet's
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$NODE_DIR/out/$1.key" \
		-subj "$2" -out "$NODE_DIR/out/$1.csr" 2>/dev/null
	cat <<END
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: $1}
spec:
  request: $(base64 -w0 <"$NODE_DIR/out/$1.csr")
  signerName: kubernetes.io/kube-apiserver-client-kubelet
  usages: [client auth, digital signature]
END
}

issued() { [ -n "$(k get csr "$1" -o jsonpath='{.status.certificate}')" ]; }

@test "[W23] a kubelet with a bootstrap token gets its certificate by itself, and renews it" {
	bootstrap_token abcdef 0123456789abcdef
	request first /O=system:nodes/CN=system:node:worker | with_token abcdef.0123456789abcdef create -f -
	wait_for 10 issued first
	same "AutoApproved Auto approving kubelet client certificate after SubjectAccessReview." \
		"$(k get csr first -o jsonpath='{.status.conditions[0].reason} {.status.conditions[0].message}')"
	k get csr first -o jsonpath='{.status.certificate}' | base64 -d >"$NODE_DIR/out/first.crt"
	same system:node:worker "$(with_certificate first auth whoami -o jsonpath='{.status.userInfo.username}')"
	same "X509SHA256=$(openssl x509 -in "$NODE_DIR/out/first.crt" -outform der | sha256sum | cut -d' ' -f1)" \
		"$(with_certificate first auth whoami -o jsonpath='{.status.userInfo.extra.authentication\.kubernetes\.io/credential-id[0]}')"
	request second /O=system:nodes/CN=system:node:worker | with_certificate first create -f -
	wait_for 10 issued second
	same "Auto approving self kubelet client certificate after SubjectAccessReview." \
		"$(k get csr second -o jsonpath='{.status.conditions[0].message}')"
	# another node's is refused, what is no kubelet's waits for somebody
	request other /O=system:nodes/CN=system:node:other >"$NODE_DIR/out/other.yaml"
	run with_certificate first create -f "$NODE_DIR/out/other.yaml"
	[ "$status" = 1 ]
	has "$output" 'is forbidden: can only create a node CSR with CN=system:node:worker'
	request strange /O=team/CN=system:node:worker | k create -f -
	request third /O=system:nodes/CN=system:node:worker | with_certificate first create -f -
	wait_for 10 issued third # requests are decided in their order
	same "" "$(k get csr strange -o jsonpath='{.status.conditions}')"
}

@test "a Secret of an account's token is filled, works, and goes with the account" {
	k create serviceaccount robot
	k apply -f - <<END
apiVersion: v1
kind: Secret
type: kubernetes.io/service-account-token
metadata:
  name: robot-token
  annotations: {kubernetes.io/service-account.name: robot}
END
	filled() { [ -n "$(k get secret robot-token -o jsonpath='{.data.token}')" ]; }
	wait_for 10 filled
	token=$(k get secret robot-token -o jsonpath='{.data.token}' | base64 -d)
	same default "$(k get secret robot-token -o jsonpath='{.data.namespace}' | base64 -d)"
	same "$(cat "$NODE_DIR/etc/pki/ca.crt")" "$(k get secret robot-token -o jsonpath='{.data.ca\.crt}' | base64 -d)"
	same system:serviceaccount:default:robot "$(with_token "$token" auth whoami -o jsonpath='{.status.userInfo.username}')"
	used() { [ "$(k get secret robot-token -o jsonpath='{.metadata.labels.kubernetes\.io/legacy-token-last-used}')" = "$(date -u +%F)" ]; }
	wait_for 5 used
	k label secret robot-token kubernetes.io/legacy-token-invalid-since="$(date -u +%F)"
	run with_token "$token" auth whoami
	[ "$status" != 0 ]
	k label secret robot-token kubernetes.io/legacy-token-invalid-since-
	# one that its account lists counts as made by the cluster itself
	run with_token "$token" auth whoami
	[ "$status" = 0 ] && [[ $output != *Warning:* ]]
	k patch serviceaccount robot -p '{"secrets":[{"name":"robot-token"}]}'
	has "$(with_token "$token" auth whoami 2>&1)" 'Warning: Use tokens from the TokenRequest API or manually created secret-based tokens instead of auto-generated secret-based tokens\.'
	k get --raw /metrics >"$NODE_DIR/out/metrics"
	for counted in invalid_legacy_auto_token_uses legacy_auto_token_uses legacy_manual_token_uses legacy_tokens; do
		grep -q "^serviceaccount_${counted}_total [1-9]" "$NODE_DIR/out/metrics"
	done
	k delete serviceaccount robot
	wait_for 10 fails k get secret robot-token
	run with_token "$token" auth whoami
	[ "$status" != 0 ]
	# one for nobody does not stay
	k apply -f - <<END
apiVersion: v1
kind: Secret
type: kubernetes.io/service-account-token
metadata:
  name: nobody-token
  annotations: {kubernetes.io/service-account.name: nobody}
END
	wait_for 10 fails k get secret nobody-token
	# since when uses are noted: put right when somebody made it useless
	tracked() { has "$(k -n kube-system get configmap kube-apiserver-legacy-service-account-token-tracking -o jsonpath='{.data.since}')" '^[0-9-]{10}$'; }
	wait_for 5 tracked
	k -n kube-system patch configmap kube-apiserver-legacy-service-account-token-tracking -p '{"data":{"since":"never"}}'
	wait_for 5 tracked
	# the server's own Lease
	has "$(k -n kube-system get leases -l apiserver.kubernetes.io/identity=kube-apiserver -o jsonpath='{.items[*].spec.holderIdentity}')" \
		'^apiserver-[a-z2-7]{26}_[0-9a-f-]{36}$'
}

@test "[W23] bootstrap tokens end in time" {
	bootstrap_token 000000 0123456789abcdef 2020-01-01T00:00:00Z
	wait_for 10 fails k -n kube-system get secret bootstrap-token-000000
	bootstrap_token 000001 0123456789abcdef "$(date -u -d '+4 seconds' +%FT%TZ)"
	same bootstrap-token-000001 "$(k -n kube-system get secret bootstrap-token-000001 -o jsonpath='{.metadata.name}')"
	wait_for 10 fails k -n kube-system get secret bootstrap-token-000001
}

@test "[W23] cluster-info is signed with the bootstrap tokens there are" {
	printf 'clusters: []\n' >"$NODE_DIR/out/kubeconfig"
	k -n kube-public create configmap cluster-info --from-file=kubeconfig="$NODE_DIR/out/kubeconfig"
	bootstrap_token signer 0123456789abcdef
	signature() { k -n kube-public get configmap cluster-info -o jsonpath='{.data.jws-kubeconfig-signer}'; }
	signed() { [ -n "$(signature)" ]; }
	wait_for 10 signed
	url() { base64 -w0 | tr '+/' '-_' | tr -d =; }
	header=$(signature | cut -d. -f1)
	same '{"alg":"HS256","kid":"signer"}' "$(base64 -d 2>/dev/null <<<"$header==" || true)"
	same "$(printf %s "$header.$(url <"$NODE_DIR/out/kubeconfig")" | openssl dgst -sha256 -hmac 0123456789abcdef -binary | url)" \
		"$(signature | cut -d. -f3)"
	k -n kube-system delete secret bootstrap-token-signer
	wait_for 10 fails signed
}

@test "a budget asks the scale of a custom controller how many pods there are to be" {
	k create -f - <<-END
		apiVersion: apiextensions.k8s.io/v1
		kind: CustomResourceDefinition
		metadata: {name: fleets.acme.com}
		spec:
		  group: acme.com
		  scope: Namespaced
		  names: {plural: fleets, singular: fleet, kind: Fleet}
		  versions:
		  - name: v1
		    served: true
		    storage: true
		    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
		    subresources: {scale: {specReplicasPath: .spec.size, statusReplicasPath: .status.size}}
	END
	k wait --for=condition=Established crd/fleets.acme.com
	wait_for 10 k create -f - <<<'{"apiVersion": "acme.com/v1", "kind": "Fleet", "metadata": {"name": "f"}, "spec": {"size": 4}}'
	k create -f - <<-END
		{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "ship", "labels": {"of": "f"}, "ownerReferences": [{"apiVersion": "acme.com/v1",
		 "kind": "Fleet", "name": "f", "controller": true, "uid": "$(k get fleet f -o jsonpath='{.metadata.uid}')"}]},
		 "spec": {"containers": [{"name": "c", "image": "busybox"}]}}
	END
	k create poddisruptionbudget fleet --selector=of=f --max-unavailable=1
	wants() { [ "$(k get pdb fleet -o 'jsonpath={.status.expectedPods} {.status.desiredHealthy}')" = "$1" ]; }
	wait_for 10 wants "4 3"
	k scale fleet f --replicas=6
	wait_for 10 wants "6 5"
}

@test "default roles come back at a start, and what was added to them stays" {
	k delete clusterrole system:controller:job-controller
	k patch clusterrole system:discovery --type=json -p '[{"op":"add","path":"/rules/-","value":{"verbs":["get"],"nonResourceURLs":["/mine"]}}]'
	k annotate clusterrolebinding system:discovery example.com/mine=yes
	k delete clusterrolebinding system:public-info-viewer
	k annotate --overwrite clusterrole system:basic-user rbac.authorization.kubernetes.io/autoupdate=false
	k patch clusterrole system:basic-user --type=json -p '[{"op":"remove","path":"/rules/1"}]'
	node_stop
	node_start --no-node
	restarted=yes
	wait_for 20 k get clusterrole system:controller:job-controller
	# it was a part of the other's once
	same yes "$(k get clusterrolebinding system:public-info-viewer -o jsonpath='{.metadata.annotations.example\.com/mine}')"
	same system:public-info-viewer "$(k get clusterrolebinding system:public-info-viewer -o jsonpath='{.roleRef.name}')"
	has "$(k get clusterrole system:discovery -o jsonpath='{.rules[*].nonResourceURLs}')" /mine
	same 1 "$(k get clusterrole system:basic-user -o json | jq '.rules | length')"
	same yes "$(k auth can-i create pods --as=system:serviceaccount:kube-system:job-controller)"
	same no "$(k auth can-i create secrets --as=system:serviceaccount:kube-system:job-controller || true)"
}
