#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Bad input of every kind, and what a node says to it: one clear error, the process stays up, nothing is half-done.

load node.bash

setup() {
	node_begin
}

teardown() {
	[ -n "$BATS_TEST_COMPLETED" ] || tail -n 20 "$NODE_DIR/out/server.log" >&2
	node_end
}

begin() {
	node_start "$@"
	node_wait_ready
	sed -n 's/^ *certificate-authority-data: *//p' "$NODE_DIR/etc/admin.conf" | base64 -d >"$NODE_DIR/out/ca.pem"
	sed -n 's/^ *client-certificate-data: *//p' "$NODE_DIR/etc/admin.conf" | base64 -d >"$NODE_DIR/out/cert.pem"
	sed -n 's/^ *client-key-data: *//p' "$NODE_DIR/etc/admin.conf" | base64 -d >"$NODE_DIR/out/key.pem"
	FDS=$(fds)
}

fds() { ls "/proc/$SERVER_PID/fd" | wc -l; }
few_fds() { [ "$(fds)" -le $((FDS + 5)) ] || { echo "descriptors: $FDS, then $(fds)"; return 1; }; }
memory() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$SERVER_PID/status"; }

well() {
	kill -0 "$SERVER_PID"
	same ok "$(k get --raw /readyz)"
	wait_for 5 few_fds
}

bad() { in_node timeout 60 python3 "$BATS_TEST_DIRNAME/bad_client.py" "$NODE_DIR/out" "$1" "$SERVER_PID"; }

# get PATH [CURL FLAGS]: as administrator
get() { in_node curl -A test -s -m 5 --cacert "$NODE_DIR/out/ca.pem" --cert "$NODE_DIR/out/cert.pem" --key "$NODE_DIR/out/key.pem" "${@:2}" "https://127.0.0.1:6443$1"; }

@test "bodies: malformed, of another type or kind, too deep, too long" {
	begin
	local output
	output=$(bad bodies)
	has "$output" '^400 Status BadRequest .*json parse error: (invalid character|unexpected end of JSON input)'
	has "$output" 'cannot unmarshal array into Go struct field ConfigMap.data of type map'
	has "$output" 'Secret in version "v1" cannot be handled as a ConfigMap'
	has "$output" '\(must be of type ConfigMap\): yaml: line [12]: '
	has "$output" 'document contains excessive aliasing'
	has "$output" '^415 Status UnsupportedMediaType'
	same 10 "$(printf '%s\n' "$output" | grep -Ec '^(400|415) Status ')"
	output=$(bad sizes)
	same 2 "$(printf '%s\n' "$output" | grep -c '^413 Status RequestEntityTooLarge Request entity too large: limit is 3145728')"
	same 2 "$(printf '%s\n' "$output" | grep -c '^431 ')"
	has "$output" '^400 Status BadRequest request target is too long'
	well
}

@test "unknown fields: strict, warn and ignore as kubectl asks" {
	begin
	local body='{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","labelz":{}},"dota":{"a":"b"}}'
	run k create --validate=strict -f - <<<"$body"
	[ "$status" -ne 0 ]
	has "$output" 'strict decoding error: unknown field "dota", unknown field "metadata.labelz"'
	run k get configmap a
	[ "$status" -ne 0 ]
	run k create --validate=warn -f - <<<"$body"
	[ "$status" -eq 0 ]
	has "$output" 'Warning: unknown field "dota"'
	k delete configmap a
	same "configmap/a created" "$(k create --validate=ignore -f - <<<"$body" 2>&1)"
	well
}

@test "wrong selectors, versions, tokens, methods and resources" {
	begin
	has "$(get '/api/v1/pods?labelSelector=a%20b')" "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt.*\"code\":400"
	has "$(get '/api/v1/pods?fieldSelector=spec.nonsense%3D1')" 'field label not supported: spec.nonsense.*"code":400'
	has "$(get '/api/v1/pods?resourceVersion=abc')" 'resourceVersion: Invalid value: .*"code":400'
	has "$(get '/api/v1/pods?watch=1&resourceVersion=abc')" 'resourceVersion: Invalid value: .*"code":500'
	has "$(get '/api/v1/pods?continue=garbage')" 'continue key is not valid.*"code":400'
	for path in /apis/nonsense/v1/x /apis/apps/v9/deployments; do
		same '404 page not found' "$(get "$path")"
	done
	for path in /api/v1/nonsense /nonsense; do
		has "$(get "$path")" 'the server could not find the requested resource.*"reason":"NotFound".*"code":404'
	done
	has "$(get /api/v1/namespaces/default/pods/none)" 'pods \\"none\\" not found.*"code":404'
	has "$(get /api/v1/nodes -X PUT)" 'the server does not allow this method on the requested resource.*"code":405'
	well
}

@test "clients of the wrong kind: plain HTTP, no or another's certificate, an expired one, a bad token" {
	begin
	has "$(bad plain)" '^400 Client sent an HTTP request to an HTTPS server\.'
	local ask=(in_node curl -A test -s -m 5 --cacert "$NODE_DIR/out/ca.pem")
	has "$("${ask[@]}" https://127.0.0.1:6443/api/v1/pods)" 'pods is forbidden: User \\"system:anonymous\\".*"code":403'
	has "$("${ask[@]}" -H 'Authorization: Bearer nonsense' https://127.0.0.1:6443/api/v1/pods)" '"message":"Unauthorized".*"code":401'
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$NODE_DIR/out/other.key" \
		-out "$NODE_DIR/out/other.pem" -subj /O=system:masters/CN=x -days 1 2>/dev/null
	has "$("${ask[@]}" --cert "$NODE_DIR/out/other.pem" --key "$NODE_DIR/out/other.key" https://127.0.0.1:6443/api/v1/pods)" '"code":401'
	openssl req -new -key "$NODE_DIR/out/other.key" -subj /O=system:masters/CN=late -out "$NODE_DIR/out/late.csr"
	openssl x509 -req -in "$NODE_DIR/out/late.csr" -CA "$NODE_DIR/etc/pki/ca.crt" -CAkey "$NODE_DIR/etc/pki/ca.key" \
		-days -1 -set_serial 7 -out "$NODE_DIR/out/late.pem" 2>/dev/null
	has "$("${ask[@]}" --cert "$NODE_DIR/out/late.pem" --key "$NODE_DIR/out/other.key" https://127.0.0.1:6443/api/v1/pods)" '"code":401'
	well
}

@test "garbage on the wire, in HTTP/1 and HTTP/2" {
	begin
	local output
	output=$(bad protocol)
	same '400 505 400 405' "$(printf '%s\n' "$output" | head -n 4 | cut -d ' ' -f 1 | xargs)"
	has "$output" '^pipelined 1 1$'
	same "resets ended pings ended settings ended long ended headers ended" "$(bad http2 | xargs)"
	well
}

@test "slow, half-closed and dropped connections starve nobody and leave nothing" {
	begin
	same "worst below half a second" "$(bad slow)"
	well
	same dropped "$(bad dropped)"
	well
}

@test "too many operations of a patch, requirements of a selector, and forged claims about where a list goes on" {
	begin
	local output
	output=$(bad numerous)
	has "$output" '^200 patched$'
	has "$output" '^413 .*The allowed maximum operations in a JSON patch is 10000, got 10001'
	has "$output" '^400 Status BadRequest '
	# 410: of a state that is forgotten; -1 asks for the present one, as upstream's own tokens do
	same 7 "$(printf '%s\n' "$output" | grep -Ec '^forged (400 BadRequest|410 Expired|200 None)$')"
	same 1 "$(printf '%s\n' "$output" | grep -c '^forged 200')"
	well
}

@test "ten thousand idle connections, and half of them in a handshake, cost bounded memory and no one's turn" {
	begin
	same "crowd bounded served crowd bounded served" "$(bad crowd | xargs)"
	well
}

@test "clients that ask for lists and watches and never read hold no more than their queues" {
	begin
	same "stalled bounded served" "$(bad stalled)"
	well
}

@test "watches opened and closed by the hundred give back descriptors and memory" {
	begin
	local before
	before=$(memory)
	same watched "$(bad watches)"
	well
	[ "$(memory)" -le $((before + 8192)) ] || { echo "memory: $before KiB, then $(memory) KiB"; return 1; }
}

@test "a full disk: writes are refused with the reason, reads go on, and nothing acknowledged is lost" {
	[ "${CUBE_TEST_STORE:-lmdb}" = lmdb ] || skip "about the disk of the embedded store"
	"$BATS_TEST_DIRNAME/../../script/make-image" web --tag web:1 --output "$NODE_DIR/out/web.tar"
	in_node mount -t tmpfs -o size=24m tmpfs "$NODE_DIR/data"
	begin
	in_node sh -c "cat /dev/zero >'$NODE_DIR/data/fill'" 2>/dev/null || true
	head -c 500000 /dev/urandom | base64 -w0 >"$NODE_DIR/out/value"
	local i refused=
	: >"$NODE_DIR/out/acknowledged"
	for i in $(seq 8); do
		run k create configmap "full$i" --from-file=v="$NODE_DIR/out/value" -o name
		if [ "$status" = 0 ]; then echo "$output" >>"$NODE_DIR/out/acknowledged"; else refused=$output; fi
	done
	has "$refused" 'No space left on device'
	same "$(sort "$NODE_DIR/out/acknowledged")" "$(k get configmaps -o name | grep full | sort)"
	run in_node "$CUBE" image load --run-dir "$NODE_DIR/run" "$NODE_DIR/out/web.tar"
	[ "$status" -ne 0 ]
	has "$output" 'No space left on device'
	well
	in_node rm "$NODE_DIR/data/fill"
	k create configmap after -o name >>"$NODE_DIR/out/acknowledged"
	node_stop KILL
	node_start
	node_wait_ready
	same "$(sort "$NODE_DIR/out/acknowledged")" "$(k get configmaps -o name | grep -E 'full|after' | sort)"
	in_node umount -l "$NODE_DIR/data"
}

# refused REGEX FLAGS...: a server that does not start, in one line, and leaves none of its folders behind
refused() {
	local want=$1 got code=0
	shift
	got=$(in_node timeout 5 "$CUBE" server --data-dir "$NODE_DIR/d2" --run-dir "$NODE_DIR/r2" --secure-port 7443 \
		--kubeconfig "$NODE_DIR/e2/admin.conf" --pod-log-dir "$NODE_DIR/p2" --cgroup-root "$NODE_CGROUP" "$@" 2>&1) || code=$?
	has "$got" "$want" || return 1
	same 1 "$code" && same 1 "$(printf '%s\n' "$got" | wc -l)" || return 1
	same "" "$(find "$NODE_DIR" -maxdepth 1 -name '?2')"
}

@test "a server that cannot start says why in one line and changes nothing" {
	begin
	refused 'port 6443 is in use' --secure-port 6443
	refused "another server uses $NODE_DIR/run" --run-dir "$NODE_DIR/run"
	refused "^cube: --bind-address: '1.2.3' is not an IP address" --bind-address 1.2.3
	refused "^cube: --pod-cidr: prefix length" --pod-cidr 10.0.0.0/99
	refused "^cube: --node-name: 'Bad_Name'" --node-name Bad_Name
	refused "^cube: --cluster-dns: 'foo' is not an IPv4 address" --cluster-dns foo
	refused "^cube: --cluster-domain: '\.\.'" --cluster-domain ..
	refused "^cube: --bridge: 'a/b'" --bridge a/b
	refused "^cube: --log-format: 'xml' is not text or json" --log-format xml
	refused "^cube: --log-level: .*'loud'" --log-level loud
	refused '^cube: container runtime /nonexistent' --oci-path /nonexistent
	run in_node timeout 5 setpriv --reuid 65534 --clear-groups "$CUBE" server
	same "1 cube: must run as root: containers need it. Try: sudo cube server" "$status $output"
	grep -v overlay /proc/filesystems >"$NODE_DIR/out/filesystems"
	run in_node unshare -m sh -c "mount --bind '$NODE_DIR/out/filesystems' /proc/filesystems; exec timeout 5 '$CUBE' server \
		--data-dir '$NODE_DIR/d2' --run-dir '$NODE_DIR/r2' --secure-port 7443"
	same "1 cube: this kernel has no overlay file system (try: modprobe overlay)" "$status $output"
	run in_node unshare -m sh -c "grep cgroup /proc/mounts | cut -d' ' -f2 | sort -r | xargs umount -l; exec timeout 5 '$CUBE' server \
		--data-dir '$NODE_DIR/d2' --run-dir '$NODE_DIR/r2' --secure-port 7443"
	[ "$status" = 1 ]
	has "$output" '^cube: no cgroup hierarchy is mounted'
	[ ! -e "$NODE_DIR/d2" ] && [ ! -e "$NODE_DIR/r2" ]
	well
}

@test "a data folder in use or a store file that is none is named" {
	[ "${CUBE_TEST_STORE:-lmdb}" = lmdb ] || skip "about the files of the embedded store"
	begin
	run in_node timeout 5 "$CUBE" server --data-dir "$NODE_DIR/data" --run-dir "$NODE_DIR/r2" --secure-port 7443 --kubeconfig "$NODE_DIR/e2/admin.conf"
	[ "$status" = 1 ]
	has "$output" "another server uses $NODE_DIR/data: stop it first"
	[ ! -e "$NODE_DIR/e2" ]
	node_stop TERM
	head -c 8192 /dev/zero | tr '\0' x | dd of="$NODE_DIR/data/store/data.mdb" conv=notrunc status=none
	node_start
	wait_for 5 grep -q "'$NODE_DIR/data/store/data.mdb' is not a store" "$NODE_DIR/out/server.log"
	wait "$SERVER_PID" && return 1
	SERVER_PID=
}

@test "asking whether a server runs, as scripts do by its lock, keeps none from starting" {
	flock "$NODE_DIR/run/server.lock" sleep 0.15 3>&- &
	wait_for 1 fails flock -n "$NODE_DIR/run/server.lock" true
	begin
}
