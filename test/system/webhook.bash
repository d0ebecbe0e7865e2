# SPDX-License-Identifier: Apache-2.0
# An API server without a node, and a webhook beside it: for admission_webhook.bats and conversion.bats.

# shellcheck source=test/system/apiserver.bash
. "${BASH_SOURCE[0]%/*}/apiserver.bash"

# hook_certificate DIR NAME... : an authority of its own and a certificate for these names
hook_certificate() {
	local dir=$1 names=
	shift
	for name in "$@"; do names+=,$name; done
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=hook-ca \
		-keyout "$dir/ca.key" -out "$dir/ca.crt" 2>/dev/null
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=hook -keyout "$dir/hook.key" \
		-out "$dir/hook.csr" 2>/dev/null
	openssl x509 -req -in "$dir/hook.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -CAcreateserial -days 2 \
		-extfile <(printf 'subjectAltName=%s\n' "${names#,}") -out "$dir/hook.crt" 2>/dev/null
}

wait_file() { # PATTERN FILE
	for _ in $(seq 200); do
		grep -qs "$1" "$2" && return 0
		read -rt 0.05 <> <(:) || :
	done
	return 1
}

webhook_begin() {
	apiserver_begin webhook
	hook_certificate "$API_DIR" IP:127.0.0.1 DNS:hook.default.svc
	python3 "$BATS_TEST_DIRNAME/webhook.py" "$API_DIR" >"$API_DIR/hook.out" 2>&1 3>&- &
	echo $! >"$API_DIR/hook.pid"
	wait_file . "$API_DIR/hook.port"
}

webhook_end() {
	kill "$(cat "$API_DIR/hook.pid")" 2>/dev/null || :
	apiserver_end
}

asked() { cat "$API_DIR/hook.log" 2>/dev/null; }
forget() { : >"$API_DIR/hook.log"; }

client_config() { # PATH
	printf '{url: "https://127.0.0.1:%s%s", caBundle: %s}' "$(cat "$API_DIR/hook.port")" "$1" "$(base64 -w0 "$API_DIR/ca.crt")"
}

# configure Mutating|Validating NAME PATH RULES [FIELDS] : one webhook; RULES as the inside of a rule
configure() {
	k apply -f - <<-X
		apiVersion: admissionregistration.k8s.io/v1
		kind: $1WebhookConfiguration
		metadata: {name: $2}
		webhooks:
		- name: $2.example.com
		  clientConfig: $(client_config "$3")
		  sideEffects: None
		  admissionReviewVersions: [v1]
		  rules: [{$4}]
		  ${5:-timeoutSeconds: 10}
	X
}

unconfigure() { k delete validatingwebhookconfigurations,mutatingwebhookconfigurations --all >/dev/null; }

fails() { # TEXT COMMAND...
	local text=$1
	shift
	run "$@"
	[ "$status" -ne 0 ] && [[ $output == *"$text"* ]] || { echo "got: $output"; return 1; }
}
