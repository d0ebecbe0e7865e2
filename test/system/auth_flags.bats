#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Flags that say who may do what and what admission does, with the real kubectl: ABAC, plug-ins chosen, and what cannot work.

load node.bash

# pair NAME ISSUER [SUBJECT-ALT-NAME]: $OUT/NAME.crt and .key, signed by ISSUER, or by itself
pair() {
	openssl ecparam -name prime256v1 -genkey -noout -out "$OUT/new.key" &&
		openssl req -new -key "$OUT/new.key" -subj "${4:-}/CN=$1" -out "$OUT/new.csr" &&
		printf '%s\n' "basicConstraints=CA:$([ "$1" = "$2" ] && echo TRUE || echo FALSE)" ${3:+"subjectAltName=$3"} >"$OUT/new.ext" || return 1
	local by=(-CA "$OUT/$2.crt" -CAkey "$OUT/$2.key" -CAcreateserial)
	[ "$1" != "$2" ] || by=(-signkey "$OUT/new.key")
	openssl x509 -req -in "$OUT/new.csr" "${by[@]}" -extfile "$OUT/new.ext" -days 30 -out "$OUT/new.crt" 2>/dev/null &&
		mv "$OUT/new.key" "$OUT/$1.key" && mv "$OUT/new.crt" "$OUT/$1.crt"
}

setup_file() {
	node_file || return 1
	pair outside outside && pair api.example outside DNS:api.example,DNS:ca.example && pair named outside && pair jane outside '' /O=team || return 1
	printf '%s\n' 'token-reader,reader,1' 'token-other,other,2' >"$OUT/tokens.csv"
	cat >"$OUT/policies" <<'END'
# who may what
{"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{"user":"reader","namespace":"default","resource":"pods","readonly":true}}
END
	cat >"$OUT/limits.yaml" <<'END'
apiVersion: eventratelimit.admission.k8s.io/v1alpha1
kind: Configuration
limits: [{type: User, qps: 1, burst: 1}]
END
	cat >"$OUT/admission.yaml" <<'END'
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- {name: EventRateLimit, path: limits.yaml}
- name: PodSecurity
  configuration:
    apiVersion: pod-security.admission.config.k8s.io/v1
    kind: PodSecurityConfiguration
    defaults: {enforce: baseline}
    exemptions: {namespaces: [kube-system]}
END
	node_api --token-auth-file "$OUT/tokens.csv" --authorization-mode Node,RBAC,ABAC --authorization-policy-file "$OUT/policies" \
		--enable-admission-plugins AlwaysPullImages,EventRateLimit --admission-control-config-file "$OUT/admission.yaml" --disable-admission-plugins DefaultTolerationSeconds,Priority \
		--min-request-timeout 1 --client-ca-file "$OUT/outside.crt" --root-ca-file "$OUT/outside.crt" --shutdown-delay-duration 2s \
		--tls-cert-file "$OUT/api.example.crt" --tls-private-key-file "$OUT/api.example.key" \
		--tls-sni-cert-key "$OUT/named.crt,$OUT/named.key:*.named.example,named.example" \
		--tls-cipher-suites TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,TLS_RSA_WITH_AES_128_CBC_SHA
}

teardown_file() {
	node_end
}

as() { # TOKEN ARGS...
	in_node env HOME="$OUT" kubectl --kubeconfig /dev/null --server https://127.0.0.1:6443 --certificate-authority "$NODE_DIR/etc/pki/ca.crt" --token "$@"
}

@test "a policy of ABAC allows what it says, beside RBAC" {
	k create deployment x --image i --replicas 0
	as token-reader get pods
	run as token-reader delete pod x
	[ "$status" = 1 ]
	has "$output" 'pods "x" is forbidden: User "reader" cannot delete resource "pods" in API group "" in the namespace "default"'
	run as token-reader get pods -n kube-system
	[ "$status" = 1 ]
	run as token-other get pods
	[ "$status" = 1 ]
	same yes "$(as token-reader auth can-i list pods)"
}

@test "a watch without a time of its own ends when the flag says so" {
	run in_node timeout 10 curl -sS --cacert "$NODE_DIR/etc/pki/ca.crt" -H 'Authorization: Bearer token-reader' \
		'https://127.0.0.1:6443/api/v1/namespaces/default/pods?watch=1'
	[ "$status" = 0 ]
}

@test "plug-ins of admission are on and off as chosen" {
	k run chosen --image i:1 --image-pull-policy Never
	same Always "$(k get pod chosen -o jsonpath='{.spec.containers[0].imagePullPolicy}')"
	same '' "$(k get pod chosen -o jsonpath='{.spec.tolerations}{.spec.priority}')"
}

@test "plug-ins of admission do what their configuration says" {
	run k run on-the-host --image i:1 --overrides '{"spec":{"hostNetwork":true}}'
	has "$output" 'violates PodSecurity "baseline:latest": host namespaces \(hostNetwork=true\)'
	k -n kube-system create serviceaccount default 2>/dev/null || true
	k -n kube-system run on-the-host --image i:1 --overrides '{"spec":{"hostNetwork":true}}'
	many() { for i in 1 2 3; do
		k create -f - <<<'{"apiVersion":"v1","kind":"Event","metadata":{"generateName":"e"},"involvedObject":{"namespace":"default"}}' || return 1
	done; }
	run many
	has "$output" 'Error from server \(TooManyRequests\):.*limit reached on type User for key kubernetes-admin'
}

@test "cipher suites are those chosen, and HTTP/2 takes none that it must not have" {
	shake() { in_node openssl s_client -connect 127.0.0.1:6443 -tls1_2 -ign_eof "$@" </dev/null 2>&1 || true; }
	has "$(k get --raw /flagz)" '^tls-cipher-suites=\[TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,'
	has "$(cat "$OUT/server.log")" "Use of insecure cipher 'TLS_RSA_WITH_AES_128_CBC_SHA' detected"
	ask() { printf 'GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' | in_node openssl s_client -connect 127.0.0.1:6443 -ign_eof -quiet "$@" 2>&1 || true; }
	has "$(ask -tls1_2 -cipher ECDHE-ECDSA-AES256-SHA)" '^HTTP/1.1 200 OK'
	has "$(ask -tls1_3 -ciphersuites TLS_AES_256_GCM_SHA384)" '^HTTP/1.1 200 OK'
	has "$(ask -tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384)" 'handshake failure'
	# the frame is a GOAWAY that says INADEQUATE_SECURITY
	shake -alpn h2 -cipher ECDHE-ECDSA-AES256-SHA -quiet | xxd -p | tr -d '\n' | grep -q '000008070000000000000000000000000c'
	output=$(in_node curl -sS --http2 --ciphers ECDHE-ECDSA-AES128-GCM-SHA256 --tls-max 1.2 --cacert "$NODE_DIR/etc/pki/ca.crt" -w '%{http_version}' https://127.0.0.1:6443/livez)
	same ok2 "$output"
}

shown() { # NAME: whose certificate a client gets that asks for it
	in_node openssl s_client -connect 127.0.0.1:6443 ${1:+-servername "$1"} </dev/null 2>/dev/null | openssl x509 -noout -subject
}

@test "clients are shown the certificate for the name they ask for, and another one once its files change" {
	same 'subject=CN = api.example' "$(shown api.example)"
	same 'subject=CN = api.example' "$(shown anything.example)"
	same 'subject=CN = named' "$(shown a.named.example)"
	same 'subject=CN = kube-apiserver' "$(shown kubernetes)"
	same ok "$(k get --raw /livez)" # as the cluster's own know it
	same ok "$(in_node curl -sS --cacert "$OUT/outside.crt" --resolve api.example:6443:127.0.0.1 https://api.example:6443/livez)"
	k get configmap kube-root-ca.crt -o 'jsonpath={.data.ca\.crt}' | grep -Fq "$(sed -n 2p "$OUT/outside.crt")"
	pair ca.example outside DNS:api.example,DNS:ca.example
	mv "$OUT/ca.example.key" "$OUT/api.example.key"
	mv "$OUT/ca.example.crt" "$OUT/api.example.crt"
	changed() { [ "$(shown api.example)" = 'subject=CN = ca.example' ]; }
	wait_for 10 changed
	echo nonsense >"$OUT/named.crt"
	told() { grep -q -- '--tls-sni-cert-key: the file changed and cannot be used: ' "$OUT/server.log"; }
	wait_for 10 told
	same 'subject=CN = named' "$(shown named.example)"
}

@test "clients are known by authorities of the flag's, also once the file changes" {
	who() { in_node env HOME="$OUT" kubectl --kubeconfig /dev/null --server https://127.0.0.1:6443 --certificate-authority "$NODE_DIR/etc/pki/ca.crt" \
		--client-certificate "$OUT/$1.crt" --client-key "$OUT/$1.key" auth whoami -o 'jsonpath={.status.userInfo.username} {.status.userInfo.groups}' 2>&1; }
	same 'jane ["team","system:authenticated"]' "$(who jane)"
	has "$(k -n kube-system get configmap extension-apiserver-authentication -o 'jsonpath={.data.client-ca-file}')" "$(sed -n 2p "$OUT/outside.crt" | tr '+' .)"
	pair later later && pair joe later
	has "$(who joe)" Unauthorized
	cat "$OUT/later.crt" >>"$OUT/outside.crt"
	known() { [[ "$(who joe)" = 'joe '* ]]; }
	wait_for 10 known
	same 'jane ["team","system:authenticated"]' "$(who jane)"
}

refused() { # PATTERN FLAGS...
	local pattern=$1
	shift
	run in_node timeout 20 "$CUBE" server --no-node --data-dir "$OUT/data2" --run-dir "$OUT/run2" --kubeconfig "$OUT/admin2.conf" --secure-port 7443 "$@"
	echo "$output" >&2
	[ "$status" = 1 ] && has "$output" "$pattern"
}

@test "flags that cannot work end the start, by their name" {
	refused 'enable-admission-plugins plugin "Nothing" is unknown' --enable-admission-plugins Nothing
	refused 'admission plugin "EventRateLimit": no config specified' --enable-admission-plugins EventRateLimit
	sed 's/enforce:/enforced:/' "$OUT/admission.yaml" >"$OUT/bad"
	refused 'plugins\[1\] \(PodSecurity\): strict decoding error: unknown field "defaults.enforced"' --admission-control-config-file "$OUT/bad"
	refused 'unknown tls version "VersionTLS14"' --tls-min-version VersionTLS14
	refused "Cipher suite TLS_NOTHING not supported or doesn't exist" --tls-cipher-suites TLS_AES_128_GCM_SHA256,TLS_NOTHING
	refused 'TLSConfig.CipherSuites is missing an HTTP/2-required AES_128_GCM_SHA256 cipher' --tls-cipher-suites TLS_AES_128_GCM_SHA256
	refused "authorization-mode ABAC's authorization policy file not passed" --authorization-mode ABAC
	refused 'cannot specify --authorization-policy-file without mode ABAC' --authorization-policy-file "$OUT/policies"
	echo '{"kind":"Policy"}' >"$OUT/bad"
	refused 'error reading policy file: line 1: kind and apiVersion are not Policy of abac.authorization.kubernetes.io/v1beta1' --authorization-mode ABAC --authorization-policy-file "$OUT/bad"
	cat >"$OUT/hook.conf" <<'END'
apiVersion: v1
kind: Config
current-context: x
contexts: [{name: x, context: {cluster: x, user: x}}]
clusters: [{name: x, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: x, user: {exec: {command: get-token}}}]
END
	refused 'user: exec is not supported: use client-certificate and client-key, token or tokenFile' \
		--authorization-mode Webhook --authorization-webhook-config-file "$OUT/hook.conf"
	refused '--tls-cert-file and --tls-private-key-file go together' --tls-cert-file "$OUT/jane.crt"
	refused "--tls-cert-file: .*/none': No such file" --tls-cert-file "$OUT/none" --tls-private-key-file "$OUT/jane.key"
	refused '--tls-cert-file .*/jane.crt: .*key' --tls-cert-file "$OUT/jane.crt" --tls-private-key-file "$OUT/outside.key"
	refused '--tls-sni-cert-key: expected comma separated certificate and key file paths' --tls-sni-cert-key "$OUT/jane.crt"
	refused '--tls-sni-cert-key: empty names list is not allowed' --tls-sni-cert-key "$OUT/jane.crt,$OUT/jane.key:"
	refused '--client-ca-file .*/policies: ' --client-ca-file "$OUT/policies"
	refused '--root-ca-file' --root-ca-file "$OUT/policies"
	same ok "$(k get --raw /readyz)"
}

@test "a server that is told to stop says so first, and serves on for as long as the flag says" {
	kill "$SERVER_PID"
	ask() { in_node curl -s --cacert "$NODE_DIR/etc/pki/ca.crt" "https://127.0.0.1:6443$1"; }
	leaving() { ask /readyz | grep -q 'shutdown failed'; }
	wait_for 10 leaving
	same ok "$(ask /livez)"
	has "$(ask /version)" gitVersion
	gone() { [ ! -e "/proc/$SERVER_PID" ] || grep -qs '^State:.Z' "/proc/$SERVER_PID/status"; }
	wait_for 10 gone
}
