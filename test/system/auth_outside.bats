#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Users that others vouch for: static tokens, an OpenID Connect issuer, a token webhook, a proxy in front; and a webhook that says
# what they may do.

load node.bash

OUTSIDE=$BATS_TEST_DIRNAME/outside.py

setup_file() {
	node_file || return 1
	authority server && authority proxy && signed server server 127.0.0.1 && signed proxy front-proxy-client
	signed proxy stranger
	openssl genrsa -out "$OUT/signer.key" 2048 2>/dev/null
	nsenter --target "$NODE_PID" --net --mount -- python3 "$OUTSIDE" serve "$OUT" 9443 >"$OUT/outside.log" 2>&1 </dev/null 3>&- &
	export OUTSIDE_PID=$!
	wait_for 10 test -s "$OUT/ready"
	printf '%s\n' 'secret-one,jane,1,"team,ops"' 'secret-two,"joe ""j""",2' >"$OUT/tokens.csv"
	kubeconfig hook 'server: "https://127.0.0.1:9443/review", certificate-authority: server-ca.crt'
	kubeconfig plain 'server: "http://127.0.0.1:9444/review"'
	cat >"$OUT/authentication.yaml" <<END
apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
anonymous: {enabled: true, conditions: [{path: /readyz}]}
jwt:
- issuer:
    url: https://127.0.0.1:9443
    audiences: [cluster]
    certificateAuthority: |
$(sed 's/^/      /' "$OUT/server-ca.crt")
  claimMappings:
    username: {expression: '"oidc:" + claims.name'}
    groups: {claim: roles, prefix: "oidc:"}
    uid: {claim: sub}
    extra: [{key: example.com/team, valueExpression: claims.team}]
  claimValidationRules:
  - {expression: 'claims.exp - claims.iat <= 86400', message: lives too long}
  userValidationRules:
  - {expression: "!user.username.startsWith('oidc:system:')", message: reserved name}
END
	cat >"$OUT/authorization.yaml" <<END
apiVersion: apiserver.config.k8s.io/v1
kind: AuthorizationConfiguration
authorizers:
- type: Webhook
  name: outside
  webhook:
    authorizedTTL: 1m
    unauthorizedTTL: 1m
    timeout: 3s
    subjectAccessReviewVersion: v1
    matchConditionSubjectAccessReviewVersion: v1
    failurePolicy: NoOpinion
    connectionInfo: {type: KubeConfigFile, kubeConfigFile: $OUT/hook.conf}
    matchConditions: [{expression: "has(request.resourceAttributes)"}]
- {type: Node, name: node}
- {type: RBAC, name: rbac}
END
	start
	wait_for 20 k get serviceaccount default
}

start() {
	node_start --no-node --token-auth-file "$OUT/tokens.csv" --authentication-config "$OUT/authentication.yaml" \
		--authorization-config "$OUT/authorization.yaml" --authentication-token-webhook-config-file "$OUT/plain.conf" \
		--authentication-token-webhook-version v1 --requestheader-client-ca-file "$OUT/proxy-ca.crt" \
		--requestheader-allowed-names front-proxy-client --requestheader-username-headers X-Remote-User \
		--requestheader-group-headers X-Remote-Group --requestheader-extra-headers-prefix X-Remote-Extra-
	export SERVER_PID
}

teardown_file() {
	kill "$OUTSIDE_PID" 2>/dev/null || true
	node_end
}

authority() { # name
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$OUT/$1-ca.key" -out "$OUT/$1-ca.crt" \
		-subj "/CN=$1-ca" -days 1 2>/dev/null
}

signed() { # authority name [address]
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$OUT/$2.key" -subj "/CN=$2" \
		-out "$OUT/$2.csr" 2>/dev/null
	openssl x509 -req -in "$OUT/$2.csr" -CA "$OUT/$1-ca.crt" -CAkey "$OUT/$1-ca.key" -days 1 -out "$OUT/$2.crt" \
		-extfile <(echo "${3:+subjectAltName=IP:$3}") 2>/dev/null
}

kubeconfig() { # name cluster
	cat >"$OUT/$1.conf" <<END
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {$2}}]
users: [{name: u, user: {token: from-the-cluster}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
END
}

with_token() {
	local token=$1
	shift
	in_node env -u KUBECONFIG HOME="$OUT" "${KUBECTL:-kubectl}" --kubeconfig /dev/null \
		--server https://127.0.0.1:6443 --certificate-authority "$NODE_DIR/etc/pki/ca.crt" --token "$token" "$@"
}

who() { # token: name|uid|groups|extra
	with_token "$1" auth whoami -o json | jq -r '.status.userInfo | [.username, .uid, (.groups|join(",")), (.extra|tostring)] | join("|")'
}

jwt() { # claims as jq has them, over good ones
	local now
	now=$(date +%s)
	python3 "$OUTSIDE" token "$OUT" "$(jq -nc "{iss:\"https://127.0.0.1:9443\",aud:\"cluster\",sub:\"u1\",name:\"ann\",
		roles:[\"dev\",\"qa\"],team:\"blue\",iat:$now,exp:($now+3600)} + $1")"
}

refused() { # token
	run with_token "$1" auth whoami
	[ "$status" != 0 ] && has "$output" "You must be logged in to the server|Unauthorized"
}

@test "a static token is its user's" {
	same 'jane|1|team,ops,system:authenticated|null' "$(who secret-one)"
	same 'joe "j"|2|system:authenticated|null' "$(who secret-two)"
	refused secret-three
}

@test "a token of an OpenID Connect issuer is mapped to a user" {
	same 'oidc:ann|u1|oidc:dev,oidc:qa,system:authenticated|{"example.com/team":["blue"]}' "$(who "$(jwt '{}')")"
	refused "$(jwt '{aud:"other"}')"
	refused "$(jwt '{exp:1}')"
	refused "$(jwt '{iss:"https://elsewhere"}')"
	refused "$(jwt '{exp:(now|floor+864000)}')"
	refused "$(jwt '{name:"system:admin"}')"
	token=$(jwt '{}')
	refused "${token%????}AAAA"
	k create clusterrolebinding oidc-dev --clusterrole=view --group=oidc:dev
	with_token "$token" get pods
	# what is wrong is said to who may review tokens
	output=$(k create --raw /apis/authentication.k8s.io/v1/tokenreviews -f - <<<"{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"TokenReview\",\"spec\":{\"token\":\"$(jwt '{exp:1}')\"}}")
	has "$(jq -r .status.error <<<"$output")" "oidc: verify token: oidc: token is expired"
	same false "$(jq -r '.status.authenticated // false' <<<"$output")"
}

@test "a token that only the webhook knows is its user's, and it is asked once" {
	: >"$OUT/asked"
	same 'olga|7|outsiders,system:authenticated|{"from":["far"]}' "$(who known-outside)"
	who known-outside
	same 1 "$(jq -c 'select(.kind == "TokenReview" and .spec.token == "known-outside")' "$OUT/asked" | wc -l)"
	same '["https://kubernetes.default.svc.cluster.local"]' \
		"$(jq -c 'select(.kind == "TokenReview") | .spec.audiences' "$OUT/asked" | head -n 1)"
	refused never-heard
}

@test "the authorization webhook allows, denies, or leaves it to the roles" {
	with_token known-outside get configmaps
	run with_token known-outside get secrets
	[ "$status" != 0 ]
	has "$output" 'User "olga" cannot list resource "secrets" in API group "" in the namespace "default": secrets are none of your business'
	run with_token known-outside get pods
	has "$output" 'cannot list resource "pods"'
	k create clusterrolebinding olga --clusterrole=view --user=olga
	with_token known-outside get pods
	same yes "$(k auth can-i list configmaps --as=olga)"
	same "no - secrets are none of your business" "$(k auth can-i list secrets --as=olga || true)"
	: >"$OUT/asked"
	with_token known-outside get configmaps -l 'a=b,c in (d,e)' --field-selector metadata.name=x
	same '{"fieldSelector":{"requirements":[{"key":"metadata.name","operator":"In","values":["x"]}]},"labelSelector":{"requirements":[{"key":"a","operator":"In","values":["b"]},{"key":"c","operator":"In","values":["d","e"]}]},"name":"x","namespace":"default","resource":"configmaps","verb":"list","version":"v1"}' \
		"$(jq -cS 'select(.spec.resourceAttributes.labelSelector) | .spec.resourceAttributes' "$OUT/asked" | head -n 1)"
}

@test "the webhook is asked what a write takes, too: creating by apply, binding a role" {
	printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: applied}\n' | with_token known-outside apply --server-side -f -
	with_token known-outside create rolebinding team --clusterrole=edit --user=bob
	same yes "$(k auth can-i create pods --as=bob)"
	has "$(jq -r '.spec.resourceAttributes | "\(.verb) \(.name)"' "$OUT/asked")" '^create applied$'
	has "$(jq -r '.spec.resourceAttributes | "\(.verb) \(.name)"' "$OUT/asked")" '^bind edit$'
	# a HEAD is none of what objects have
	same 405 "$(in_node curl -sSI -o /dev/null -w '%{http_code}' --cacert "$NODE_DIR/etc/pki/ca.crt" -H 'Authorization: Bearer known-outside' \
		https://127.0.0.1:6443/api/v1/namespaces/default/configmaps/applied)"
}

@test "webhooks whose match conditions ask the authorizer wait for what the authorization webhook says" {
	hook() { # KIND PATH CONDITION
		k create -f - <<-END
			apiVersion: admissionregistration.k8s.io/v1
			kind: $1WebhookConfiguration
			metadata: {name: asks}
			webhooks:
			- name: asks.example.com
			  clientConfig: {url: "https://127.0.0.1:9443/$2", caBundle: $(base64 -w0 "$OUT/server-ca.crt")}
			  sideEffects: None
			  admissionReviewVersions: [v1]
			  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps], scope: Namespaced}]
			  matchConditions: [{name: may, expression: 'authorizer.group("").resource("$3").check("bind").allowed()'}]
		END
	}
	hook Mutating mutate rolebindings
	with_token known-outside create configmap by-olga
	same yes "$(k get configmap by-olga -o 'jsonpath={.metadata.labels.mutated}')"
	k create clusterrolebinding jane --clusterrole=edit --user=jane
	with_token secret-one create configmap by-jane
	same '' "$(k get configmap by-jane -o 'jsonpath={.metadata.labels}')"
	hook Validating refuse services
	run with_token known-outside create configmap again-by-olga
	[ "$status" = 1 ]
	has "$output" 'admission webhook "asks.example.com" denied the request: it was asked'
	with_token secret-one create configmap again-by-jane
	k delete mutatingwebhookconfiguration/asks validatingwebhookconfiguration/asks
	# policies wait as well: for writes, and for connections, of which this one then finds no node
	k create -f - <<-'END'
		apiVersion: v1
		kind: List
		items:
		- apiVersion: admissionregistration.k8s.io/v1
		  kind: ValidatingAdmissionPolicy
		  metadata: {name: asks}
		  spec:
		    matchConstraints:
		      resourceRules:
		      - {apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}
		      - {apiGroups: [""], apiVersions: [v1], operations: [CONNECT], resources: [pods/exec]}
		    validations: [{expression: 'authorizer.group("").resource(request.resource.resource).check("bind").allowed()', message: may not bind}]
		- apiVersion: admissionregistration.k8s.io/v1
		  kind: ValidatingAdmissionPolicyBinding
		  metadata: {name: asks}
		  spec: {policyName: asks, validationActions: [Deny]}
	END
	k create clusterrolebinding olga-edits --clusterrole=edit --user=olga
	k run nowhere --image i
	is_asked() { ! with_token secret-one create configmap never --dry-run=server; }
	wait_for 5 is_asked
	run with_token secret-one create configmap never
	has "$output" 'may not bind'
	with_token known-outside create configmap asked-of-olga
	run with_token known-outside exec nowhere -- true
	has "$output" 'pod nowhere does not have a host assigned'
	run with_token secret-one exec nowhere -- true
	has "$output" 'may not bind'
	k delete validatingadmissionpolicy/asks validatingadmissionpolicybinding/asks
}

from_proxy() { # certificate ARGS...
	local name=$1
	shift
	in_node curl -sS --cacert "$NODE_DIR/etc/pki/ca.crt" --cert "$OUT/$name.crt" --key "$OUT/$name.key" "$@" \
		-H 'Content-Type: application/json' -d '{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}' \
		https://127.0.0.1:6443/apis/authentication.k8s.io/v1/selfsubjectreviews
}

@test "a proxy in front is believed when its certificate is the right one" {
	output=$(from_proxy front-proxy-client -H 'X-Remote-User: petra' -H 'X-Remote-Group: a' -H 'X-Remote-Group: b' \
		-H 'X-Remote-Extra-Acme.com%2Fproject: p1')
	same 'petra|a,b,system:authenticated|{"acme.com/project":["p1"]}' \
		"$(jq -r '.status.userInfo | [.username, (.groups|join(",")), (.extra|tostring)] | join("|")' <<<"$output")"
	same 401 "$(from_proxy stranger -H 'X-Remote-User: petra' | jq .code)"
	# from anybody else such headers mean nothing
	same kubernetes-admin "$(k get --raw / >/dev/null; k auth whoami -o jsonpath='{.status.userInfo.username}')"
	same 401 "$(in_node curl -sS --cacert "$NODE_DIR/etc/pki/ca.crt" -H 'X-Remote-User: petra' https://127.0.0.1:6443/api | jq .code)"
	# and its authority is named in the handshake: some clients show no certificate else
	has "$(in_node openssl s_client -connect 127.0.0.1:6443 </dev/null 2>/dev/null | sed -n '/^Acceptable client/,/^Requested/p')" \
		"$(openssl x509 -in "$OUT/proxy-ca.crt" -noout -subject | sed 's/^subject=//')"
}

@test "who says nothing of himself is somebody only where that is allowed" {
	same ok "$(in_node curl -sS --cacert "$NODE_DIR/etc/pki/ca.crt" https://127.0.0.1:6443/readyz)"
	same 401 "$(in_node curl -sS --cacert "$NODE_DIR/etc/pki/ca.crt" https://127.0.0.1:6443/version | jq .code)"
}

@test "configuration that changes is in use at once, unless it cannot be" {
	cp "$OUT/authentication.yaml" "$OUT/authorization.yaml" "$NODE_DIR"
	sed 's/"oidc:" + claims.name/"changed:" + claims.name/' "$NODE_DIR/authentication.yaml" >"$OUT/next"
	mv "$OUT/next" "$OUT/authentication.yaml"
	token=$(jwt '{}')
	is_changed() { [ "$(with_token "$token" auth whoami -o jsonpath='{.status.userInfo.username}')" = changed:ann ]; }
	wait_for 10 is_changed
	echo 'kind: Nonsense' >"$OUT/next"
	mv "$OUT/next" "$OUT/authentication.yaml"
	wait_for 10 grep -q 'authentication-config: the file changed and cannot be used: kind and apiVersion' "$OUT/server.log"
	is_changed
	run with_token "$token" get nodes
	has "$output" 'User "changed:ann" cannot list resource "nodes"'
	sed 's/{type: RBAC, name: rbac}/{type: AlwaysAllow, name: all}/' "$NODE_DIR/authorization.yaml" >"$OUT/authorization.yaml"
	wait_for 10 with_token "$token" get nodes
	cp "$NODE_DIR/authentication.yaml" "$NODE_DIR/authorization.yaml" "$OUT"
	is_refused() { ! with_token "$token" get nodes; }
	wait_for 10 is_refused
}

@test "the roles decide alone while the webhook is away, and tokens it knew are remembered" {
	kill "$OUTSIDE_PID"
	k create configmap still-works
	same olga "$(with_token known-outside auth whoami -o jsonpath='{.status.userInfo.username}')"
	same still-works "$(with_token known-outside get configmap still-works -o jsonpath='{.metadata.name}')"
}

@test "configuration that cannot work is refused at the start, by its flag" {
	node_stop
	refuses() { # REGEX FLAGS...
		local want=$1
		shift
		node_start --no-node "$@"
		wait "$SERVER_PID" && return 1
		has "$(tail -n 3 "$OUT/server.log")" "$want"
	}
	printf 'a,b\n' >"$OUT/bad.csv"
	refuses 'line 1: must have at least 3 columns' --token-auth-file "$OUT/bad.csv"
	refuses 'unknown authorization mode "Magic"' --authorization-mode Magic
	refuses 'oidc-issuer-url and oidc-client-id must be specified together' --oidc-issuer-url https://x
	sed 's/claims.name/claims.name +/' "$OUT/authentication.yaml" >"$OUT/bad.yaml"
	refuses 'jwt.0..claimMappings.username.expression: .*compilation failed' --authentication-config "$OUT/bad.yaml"
	sed 's/^authorizers:/authorizer:/' "$OUT/authorization.yaml" >"$OUT/bad.yaml"
	refuses 'authorization-config .*: strict decoding error: unknown field .*authorizer' --authorization-config "$OUT/bad.yaml"
	refuses 'authorization config file not passed' --authorization-mode Webhook
	SERVER_PID=
}
