#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The state in a real etcd, shared by two servers, over mutual TLS; what a crash of etcd leaves; secrets encrypted at rest;
# the real etcdctl against the embedded store; backup and restore.

load node.bash
unset CUBE_TEST_STORE # each test says which store it is about

ETCD_PEER="--listen-peer-urls http://127.0.0.1:2380"

etcd_start() {
	nsenter --target "$NODE_PID" --net --mount -- etcd --data-dir "$NODE_DIR/etcd" --log-level error \
		--listen-client-urls https://127.0.0.1:2379 --advertise-client-urls https://127.0.0.1:2379 $ETCD_PEER \
		--trusted-ca-file "$NODE_DIR/tls/ca.crt" --cert-file "$NODE_DIR/tls/server.crt" --key-file "$NODE_DIR/tls/server.key" \
		--client-cert-auth </dev/null >>"$NODE_DIR/out/etcd.log" 2>&1 3>&- &
	echo $! >"$NODE_DIR/etcd.pid"
}

etcd_kill() {
	kill -KILL "$(cat "$NODE_DIR/etcd.pid")"
	while kill -0 "$(cat "$NODE_DIR/etcd.pid")" 2>/dev/null; do read -rt 0.05 <> <(:) || :; done
}

ctl() {
	in_node env ETCDCTL_API=3 etcdctl --endpoints https://127.0.0.1:2379 --cacert "$NODE_DIR/tls/ca.crt" \
		--cert "$NODE_DIR/tls/client.crt" --key "$NODE_DIR/tls/client.key" "$@"
}

make_certificates() {
	local d=$NODE_DIR/tls
	mkdir "$d"
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$d/ca.key" -out "$d/ca.crt" -subj /CN=etcd-ca -days 2
	for name in server client; do
		openssl req -newkey rsa:2048 -nodes -keyout "$d/$name.key" -out "$d/$name.csr" -subj /CN=$name
		openssl x509 -req -in "$d/$name.csr" -CA "$d/ca.crt" -CAkey "$d/ca.key" -CAcreateserial -days 2 -out "$d/$name.crt" \
			-extfile <(printf 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n')
	done
} 2>/dev/null

store_flags() {
	echo --no-node --store etcd://127.0.0.1:2379 --etcd-cafile "$NODE_DIR/tls/ca.crt" \
		--etcd-certfile "$NODE_DIR/tls/client.crt" --etcd-keyfile "$NODE_DIR/tls/client.key"
}

second_start() { # [FLAGS...]
	# shellcheck disable=SC2046
	nsenter --target "$NODE_PID" --net --mount -- "$CUBE" server --data-dir "$NODE_DIR/data2" --run-dir "$NODE_DIR/run2" \
		--kubeconfig "$NODE_DIR/etc2/admin.conf" --node-name node2 --secure-port 7443 "$@" $(store_flags) \
		</dev/null >>"$NODE_DIR/out/server2.log" 2>&1 3>&- &
	SECOND_PID=$!
}

k2() { in_node env -u KUBECONFIG HOME="$NODE_DIR/out" "${KUBECTL:-kubectl}" --kubeconfig "$NODE_DIR/etc2/admin.conf" "$@"; }

setup() {
	command -v etcd >/dev/null || skip "no etcd here"
	SECOND_PID=
	node_begin
	make_certificates
}

teardown() {
	[ -z "${PLUGIN_PID:-}" ] || kill -KILL "$PLUGIN_PID" 2>/dev/null || :
	[ -z "${SECOND_PID:-}" ] || kill -KILL "$SECOND_PID" 2>/dev/null || :
	[ ! -s "${NODE_DIR:-/nonexistent}/etcd.pid" ] || kill -KILL "$(cat "$NODE_DIR/etcd.pid")" 2>/dev/null || :
	node_end
}

@test "two servers on one etcd see each other's writes at once, and one of them controls" {
	etcd_start
	# shellcheck disable=SC2046
	node_start $(store_flags)
	wait_for 30 k get --raw /readyz
	second_start
	wait_for 30 k2 get --raw /readyz
	k2 get configmaps --watch-only -o name >"$NODE_DIR/out/watched" 3>&- &
	watch=$!
	for i in $(seq 10); do
		k create configmap "a$i" --from-literal=x=1
		[ "$(k2 get configmap "a$i" -o 'jsonpath={.data.x}')" = 1 ]
		k2 patch configmap "a$i" -p '{"data":{"x":"2"}}'
		[ "$(k get configmap "a$i" -o 'jsonpath={.data.x}')" = 2 ]
		[ "$(k get configmap "a$i" -o 'jsonpath={.metadata.resourceVersion}')" = "$(k2 get configmap "a$i" -o 'jsonpath={.metadata.resourceVersion}')" ]
	done
	k create configmap last
	wait_for 10 grep -q 'configmap/last' "$NODE_DIR/out/watched"
	kill $watch
	# Stale writes are refused, whoever wrote in between.
	k get configmap a1 -o json >"$NODE_DIR/out/old.json"
	k2 label configmap a1 changed=yes
	run k replace -f "$NODE_DIR/out/old.json"
	[ "$status" -ne 0 ] && [[ "$output" == *"the object has been modified"* ]]
	# Upstream's layout: no resourceVersion is stored.
	ctl get / --prefix --keys-only | grep -qx /registry/configmaps/default/a1
	ctl get /registry/configmaps/default/a1 --print-value-only | jq -e '.metadata.name == "a1" and (.metadata | has("resourceVersion") | not)'
	# Somebody else's writes are events here.
	ctl get /registry/configmaps/default/a2 --print-value-only | jq -c '.metadata.name = "foreign"' |
		ctl put /registry/configmaps/default/foreign
	wait_for 10 k get configmap foreign
	ctl del /registry/configmaps/default/foreign
	wait_for 10 eval '! k2 get configmap foreign'
	# In another version that is served, too: readers and watchers get them in theirs.
	k get --raw '/api/v1/namespaces/default/events?watch=1&timeoutSeconds=20' >"$NODE_DIR/out/events" &
	watch=$!
	echo '{"kind":"Event","apiVersion":"events.k8s.io/v1","metadata":{"name":"raw","namespace":"default","uid":"1"},"regarding":{"kind":"Pod",
		"name":"p"},"note":"as it is","eventTime":"2026-01-01T00:00:00.000000Z","reportingController":"x.io/y"}' |
		ctl put /registry/events/default/raw
	wait_for 10 grep -q '"apiVersion":"v1".*"message":"as it is"' "$NODE_DIR/out/events"
	kill $watch
	same 'as it is Pod' "$(k2 get events raw -o 'jsonpath={.message} {.involvedObject.kind}')"
	same 'as it is Pod' "$(k2 get events.events.k8s.io raw -o 'jsonpath={.note} {.regarding.kind}')"
	# Exactly one of the two makes the pods of a deployment; when it goes, the other goes on.
	k create deployment web --image=none --replicas=2
	wait_for 20 eval '[ "$(k2 get pods -o name | wc -l)" = 2 ]'
	kill "$SECOND_PID"; wait "$SECOND_PID" || :
	SECOND_PID=
	k scale deployment web --replicas=3
	wait_for 40 eval '[ "$(k get pods -o name | wc -l)" = 3 ]'
}

@test "etcd is killed under writes: nothing acknowledged is lost, and the server goes on by itself" {
	etcd_start
	# shellcheck disable=SC2046
	node_start $(store_flags)
	wait_for 30 k get --raw /readyz
	(for i in $(seq 60); do k create configmap "w$i" >>"$NODE_DIR/out/acked" 2>>"$NODE_DIR/out/refused" || :; done) 3>&- &
	writer=$!
	for _ in 1 2; do
		wait_for 30 eval '[ "$(wc -l <"$NODE_DIR/out/acked")" -gt $((before + 8)) ]'
		before=$(wc -l <"$NODE_DIR/out/acked")
		etcd_kill
		etcd_start
	done
	wait $writer
	wait_for 30 k get --raw /readyz
	acked=$(sed -n 's/^configmap\/\(.*\) created$/\1/p' "$NODE_DIR/out/acked")
	there=$(k get configmaps -o 'jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}')
	for name in $acked; do grep -qx "$name" <<<"$there"; done
	[ "$(wc -w <<<"$acked")" -ge 55 ]
	# The same after a restart that reads everything anew.
	node_stop
	# shellcheck disable=SC2046
	node_start $(store_flags)
	wait_for 30 k get --raw /readyz
	[ "$(k get configmaps -o name | sort)" = "$(sed 's,^,configmap/,' <<<"$there" | sort)" ]
}

encryption_config() {
	printf 'kind: EncryptionConfiguration\napiVersion: apiserver.config.k8s.io/v1\nresources:\n- resources: [secrets]\n  providers:\n'
	printf '  - aesgcm:\n      keys:\n'
	for name in "$@"; do printf '      - {name: %s, secret: %s}\n' "$name" "$(printf '%-32s' "$name" | base64)"; done
	printf '  - identity: {}\n'
}

# Everything the store keeps, in clear or not.
kept() { if [ "$1" = etcd ]; then ctl get / --prefix; else cat "$NODE_DIR"/data/store/*; fi; }

secrets_at_rest() { # etcd|lmdb FLAGS...
	local where=$1 file=$NODE_DIR/encryption.yaml
	shift
	encryption_config key1 >"$file"
	node_start "$@"
	wait_for 30 k get --raw /readyz
	k create secret generic before --from-literal=x=plain-words-1
	node_stop
	kept "$where" | grep -qa "$(printf plain-words-1 | base64)"
	node_start "$@" --encryption-provider-config "$file"
	wait_for 30 k get --raw /readyz
	k create secret generic after --from-literal=x=hidden-words-2
	k create configmap clear --from-literal=x=config-words-3
	k get secrets -o json | k replace --validate=false -f -
	encryption_config key2 key1 >"$file"
	node_stop
	node_start "$@" --encryption-provider-config "$file"
	wait_for 30 k get --raw /readyz
	[ "$(k get secret after -o 'jsonpath={.data.x}' | base64 -d)" = hidden-words-2 ]
	k get secrets -o json | k replace --validate=false -f -
	encryption_config key2 >"$file"
	node_stop
	# All of it has the new key now: the old one is not needed any more.
	node_start "$@" --encryption-provider-config "$file"
	wait_for 30 k get --raw /readyz
	[ "$(k get secret before -o 'jsonpath={.data.x}' | base64 -d)" = plain-words-1 ]
	[ "$(k get secret after -o 'jsonpath={.data.x}' | base64 -d)" = hidden-words-2 ]
	node_stop
	if [ "$where" = etcd ]; then
		[ "$(ctl get / --prefix | grep -ca -e "$(printf hidden-words-2 | base64)" -e "$(printf plain-words-1 | base64)")" = 0 ]
		ctl get /registry/secrets/default/after --print-value-only | head -c 23 | grep -qx 'k8s:enc:aesgcm:v1:key2:'
	else
		[ "$(cat "$NODE_DIR"/data/store/* | grep -ca "$(printf hidden-words-2 | base64)")" = 0 ]
	fi
	kept "$where" | grep -qa config-words-3
	# Without the key the server says which object it cannot read.
	encryption_config key3 >"$file"
	run timeout 30 nsenter --target "$NODE_PID" --net --mount -- "$CUBE" server --data-dir "$NODE_DIR/data" --run-dir "$NODE_DIR/run" \
		--kubeconfig "$NODE_DIR/etc/admin.conf" "$@" --encryption-provider-config "$file"
}

missing_key="is encrypted with aesgcm key 'key2', which --encryption-provider-config does not have"

@test "[W49] secrets are encrypted at rest in etcd, and the key can be rotated" {
	etcd_start
	# shellcheck disable=SC2046
	secrets_at_rest etcd $(store_flags)
	[ "$status" -eq 1 ] && [[ "$output" == *"/registry/secrets/default/"*"$missing_key"* ]]
}

@test "[W49] secrets are encrypted at rest in the embedded store, and the key can be rotated" {
	secrets_at_rest lmdb --no-node
	[ "$status" -eq 1 ] && [[ "$output" == *"/registry/secrets/default/"*"$missing_key"* ]]
}

# --- keys of a KMS plug-in ---

plugin_start() {
	"$CUBE_BUILD"/test/system/test-kms-plugin "$NODE_DIR/kms.sock" "$NODE_DIR/kms.txt" </dev/null >"$NODE_DIR/out/kms.log" 2>&1 3>&- &
	PLUGIN_PID=$!
	wait_for 5 grep -qx ready "$NODE_DIR/out/kms.log"
}

plugin_stop() {
	kill "$PLUGIN_PID"
	wait "$PLUGIN_PID" || :
	PLUGIN_PID=
}

kms_config() { # EXTRA PROVIDERS IN FRONT
	printf 'kind: EncryptionConfiguration\napiVersion: apiserver.config.k8s.io/v1\nresources:\n- resources: [secrets]\n  providers:\n%b' "${1:-}"
	printf "  - kms: {apiVersion: v2, name: test, endpoint: 'unix://%s/kms.sock', timeout: 1s}\n  - identity: {}\n" "$NODE_DIR"
}

@test "[W49] a KMS plug-in's keys encrypt secrets, which wait for it; the configuration is read again when it changes" {
	local config=$NODE_DIR/encryption.yaml gcm="  - aesgcm: {keys: [{name: k, secret: MDEyMzQ1Njc4OWFiY2RlZg==}]}\\n"
	local flags=(--no-node --encryption-provider-config "$config" --encryption-provider-config-automatic-reload)
	kms_config >"$config"
	echo "key1 ok" >"$NODE_DIR/kms.txt"
	plugin_start
	node_start "${flags[@]}"
	wait_for 30 k get --raw /readyz
	k create secret generic one --from-literal=x=hidden-words-1
	[ "$(cat "$NODE_DIR"/data/store/* | grep -ca "$(printf hidden-words-1 | base64)")" = 0 ]
	cat "$NODE_DIR"/data/store/* | grep -qa k8s:enc:kms:v2:test:
	[ "$(k get --raw /readyz/kms-providers)" = ok ] && [ "$(k get --raw /healthz/kms-providers)" = ok ]
	run k get --raw /livez/kms-providers
	[ "$status" -ne 0 ]
	# Without the plug-in nothing is served; once it is there, all is.
	node_stop
	plugin_stop
	node_start "${flags[@]}"
	wait_for 10 grep -q 'failed to perform status section of the healthz check for KMS Provider test' "$NODE_DIR/out/server.log"
	run k get --raw /readyz
	[ "$status" -ne 0 ]
	plugin_start
	wait_for 30 k get --raw /readyz
	[ "$(k get secret one -o 'jsonpath={.data.x}' | base64 -d)" = hidden-words-1 ]
	# Another provider in front: what is written from now on is its, and what was is read.
	kms_config "$gcm" >"$config"
	wait_for 10 grep -q -- '--encryption-provider-config: the file changed and is in use' "$NODE_DIR/out/server.log"
	k get secrets -o json | k replace --validate=false -f -
	cat "$NODE_DIR"/data/store/* | grep -qa k8s:enc:aesgcm:v1:k:
	k get --raw /metrics >"$NODE_DIR/out/metrics"
	grep -q '^apiserver_encryption_config_controller_automatic_reloads_total{apiserver_id_hash="sha256:[0-9a-f]\{64\}",status="success"} 1$' "$NODE_DIR/out/metrics"
	grep -q "hash=\"sha256:$(sha256sum <"$config" | cut -d' ' -f1)\"} 1\$" "$NODE_DIR/out/metrics"
	grep -q '^apiserver_envelope_encryption_key_id_hash_total{.*transformation_type="from_storage"} ' "$NODE_DIR/out/metrics"
	# One that cannot be used changes nothing.
	echo "kind: Pod" >"$config"
	wait_for 10 grep -q 'the file changed and cannot be used: kind: must be EncryptionConfiguration' "$NODE_DIR/out/server.log"
	k create secret generic two --from-literal=x=y
	plugin_stop
}

@test "[W49] servers on one etcd read what the other encrypted with a KMS plug-in" {
	local config=$NODE_DIR/encryption.yaml
	kms_config >"$config"
	echo "key1 ok" >"$NODE_DIR/kms.txt"
	plugin_start
	etcd_start
	# shellcheck disable=SC2046
	node_start $(store_flags) --encryption-provider-config "$config"
	wait_for 30 k get --raw /readyz
	k create secret generic before --from-literal=x=hidden-words-1
	second_start --encryption-provider-config "$config"
	wait_for 30 k2 get --raw /readyz
	[ "$(k2 get secret before -o 'jsonpath={.data.x}' | base64 -d)" = hidden-words-1 ]
	k2 create secret generic after --from-literal=x=hidden-words-2
	[ "$(k get secret after -o 'jsonpath={.data.x}' | base64 -d)" = hidden-words-2 ]
	ctl get /registry/secrets/default/after --print-value-only | head -c 20 | grep -qx 'k8s:enc:kms:v2:test:'
	[ "$(ctl get / --prefix | grep -ca -e "$(printf hidden-words-1 | base64)" -e "$(printf hidden-words-2 | base64)")" = 0 ]
	plugin_stop
}

@test "a wrong store is refused before anything is made" {
	for flags in "--store etcd://" "--store mysql://h" "--store etcd://h:0" "--store etcd://h:99999" "--etcd-cafile /x" \
		"--store etcd://h --etcd-certfile /x"; do
		# shellcheck disable=SC2086
		run in_node "$CUBE" server --data-dir "$NODE_DIR/data3" --run-dir "$NODE_DIR/run3" --kubeconfig "$NODE_DIR/etc3/admin.conf" \
			--no-node $flags
		[ "$status" -eq 1 ] && [[ "$output" == *--store* || "$output" == *--etcd-* ]] && [ ! -e "$NODE_DIR/data3" ]
	done
}

@test "an etcd that must not be trusted, or that does not take the server, is named with the reason, and tried again" {
	local tls=$NODE_DIR/tls other=$NODE_DIR/other
	mv "$tls" "$other"
	make_certificates
	etcd_start
	wait_for 20 ctl endpoint health
	while IFS='|' read -r wanted ca cert; do
		: >"$NODE_DIR/out/server.log"
		node_start --no-node --store etcd://127.0.0.1:2379 --etcd-cafile "$NODE_DIR/$ca/ca.crt" \
			--etcd-certfile "$NODE_DIR/$cert/client.crt" --etcd-keyfile "$NODE_DIR/$cert/client.key"
		wait_for 10 grep -Eq "$wanted" "$NODE_DIR/out/server.log"
		read -rt 1 <> <(:) || :
		[ "$(grep -c WARN "$NODE_DIR/out/server.log")" -lt 4 ] # not at every try
		node_stop KILL
	done <<-'X'
	127.0.0.1:2379: certificate verify failed|other|tls
	no connection: .* alert |tls|other
	X
	node_start --no-node --store http://127.0.0.1:2379
	wait_for 10 grep -q 'no connection' "$NODE_DIR/out/server.log"
	node_stop KILL
	# shellcheck disable=SC2046
	node_start $(store_flags)
	wait_for 30 k get --raw /readyz
}

# --- several servers on one etcd ---

# both NAME FILE...: creates what the two files hold, each through a server of its own, at once; out/NAME1 and out/NAME2 tell what came of it.
both() {
	k create -f "$2" >"$NODE_DIR/out/${1}1" 2>&1 3>&- &
	local first=$!
	k2 create -f "$3" >"$NODE_DIR/out/${1}2" 2>&1 || :
	wait "$first" || :
}

created() { cat "$NODE_DIR/out/$1"[12] | grep -c ' created$'; }

two_servers() {
	etcd_start
	# shellcheck disable=SC2046
	node_start --service-cluster-ip-range 10.96.0.0/24,fd00:96::/120 $(store_flags)
	wait_for 30 k get --raw /readyz
	second_start --service-cluster-ip-range 10.96.0.0/24,fd00:96::/120
	wait_for 30 k2 get --raw /readyz
}

service() { # NAME [FIELDS]: with an address of each family, where there are two
	printf -- '---\n{apiVersion: v1, kind: Service, metadata: {name: %s}, spec: {type: NodePort, ipFamilyPolicy: PreferDualStack, ports: [{port: 80%s}]}}\n' "$1" "${2:-}"
}

@test "two servers give no address and no node port out twice, and no name, and no more than a quota allows" {
	two_servers
	for i in $(seq 40); do service "a$i"; done >"$NODE_DIR/out/a.yaml"
	for i in $(seq 40); do service "b$i"; done >"$NODE_DIR/out/b.yaml"
	both any "$NODE_DIR/out/a.yaml" "$NODE_DIR/out/b.yaml"
	[ "$(created any)" = 80 ]
	k get services -o json >"$NODE_DIR/out/all.json"
	[ "$(jq '[.items[].spec.clusterIPs[]] | (length == 161) and (unique | length) == 161' "$NODE_DIR/out/all.json")" = true ]
	[ "$(jq '[.items[].spec.clusterIPs[] | select(startswith("fd00:96::"))] | length' "$NODE_DIR/out/all.json")" = 80 ]
	[ "$(jq '[.items[].spec.ports[].nodePort | numbers] | (length == 80) and (unique | length) == 80' "$NODE_DIR/out/all.json")" = true ]
	# Each address is an object that says whose it is.
	[ "$(k get ipaddresses -o json | jq -c '[.items[] | [.metadata.name, .spec.parentRef.name]] | sort')" = \
		"$(jq -c '[.items[] | .metadata.name as $name | .spec.clusterIPs[] | [., $name]] | sort' "$NODE_DIR/out/all.json")" ]
	has "$(k get ipaddress 10.96.0.1)" '10.96.0.1 +services/default/kubernetes'
	# Asked for by name, of those that no random choice takes: one gets it, the other is told.
	for i in $(seq 30); do service "c$i" ", nodePort: $((30000 + i))"; done >"$NODE_DIR/out/a.yaml"
	for i in $(seq 30); do service "d$i" ", nodePort: $((30000 + i))"; done >"$NODE_DIR/out/b.yaml"
	both given "$NODE_DIR/out/a.yaml" "$NODE_DIR/out/b.yaml"
	[ "$(created given)" = 30 ]
	[ "$(cat "$NODE_DIR"/out/given[12] | grep -c 'provided port is already allocated')" = 30 ]
	# What one frees the other may take.
	# shellcheck disable=SC2046
	k delete $(k get services -o name | grep -v '/kubernetes$') >/dev/null
	wait_for 10 eval '[ "$(k2 get ipaddresses -o name)" = ipaddress.networking.k8s.io/10.96.0.1 ]'
	service e1 ', nodePort: 30001' | k2 create -f -
	# Names.
	for i in $(seq 30); do printf -- '---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: n%s}}\n' "$i"; done >"$NODE_DIR/out/a.yaml"
	both names "$NODE_DIR/out/a.yaml" "$NODE_DIR/out/a.yaml"
	[ "$(created names)" = 30 ]
	[ "$(cat "$NODE_DIR"/out/names[12] | grep -c AlreadyExists)" = 30 ]
	# Quotas.
	k create namespace few
	k -n few create quota q --hard=count/secrets=20
	wait_for 10 eval '[ "$(k2 -n few get quota q -o "jsonpath={.status.hard}")" ]'
	for s in a b; do
		for i in $(seq 20); do printf -- '---\n{apiVersion: v1, kind: Secret, metadata: {name: %s%s, namespace: few}}\n' $s "$i"; done >"$NODE_DIR/out/$s.yaml"
	done
	both quota "$NODE_DIR/out/a.yaml" "$NODE_DIR/out/b.yaml"
	[ "$(created quota)" = 20 ]
	[ "$(cat "$NODE_DIR"/out/quota[12] | grep -c 'exceeded quota: q')" = 20 ]
	[ "$(k2 -n few get quota q -o 'jsonpath={.status.used.count/secrets}')" = 20 ]
}

@test "what one server establishes the other serves, and a watch of one sees the writes of both, in order" {
	two_servers
	k2 get configmaps --watch-only -o 'jsonpath={.metadata.resourceVersion} {.metadata.name}{"\n"}' >"$NODE_DIR/out/watched" 3>&- &
	watch=$!
	k apply -f - <<-'X'
	apiVersion: apiextensions.k8s.io/v1
	kind: CustomResourceDefinition
	metadata: {name: things.example.com}
	spec:
	  group: example.com
	  scope: Namespaced
	  names: {plural: things, kind: Thing}
	  versions:
	  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {a: {type: integer}}}}}
	X
	wait_for 10 eval 'k2 wait --for=condition=Established crd/things.example.com'
	wait_for 10 eval 'printf "%s" "{\"apiVersion\":\"example.com/v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":\"t\"},\"a\":1}" | k2 create -f -'
	[ "$(k get thing t -o 'jsonpath={.a}')" = 1 ]
	k delete crd things.example.com
	wait_for 10 fails k2 get things
	for i in $(seq 15); do
		for s in a b; do printf -- '---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: %s%s}}\n' $s "$i"; done
	done >"$NODE_DIR/out/all.yaml"
	grep 'name: a' "$NODE_DIR/out/all.yaml" | sed 's/^/---\n/' >"$NODE_DIR/out/a.yaml"
	grep 'name: b' "$NODE_DIR/out/all.yaml" | sed 's/^/---\n/' >"$NODE_DIR/out/b.yaml"
	both order "$NODE_DIR/out/a.yaml" "$NODE_DIR/out/b.yaml"
	[ "$(created order)" = 30 ]
	wait_for 10 eval '[ "$(grep -c " [ab][0-9]" "$NODE_DIR/out/watched")" = 30 ]'
	kill $watch
	sort -n -c "$NODE_DIR/out/watched"
	[ "$(k get configmaps -o json | jq -S .items)" = "$(k2 get configmaps -o json | jq -S .items)" ]
	# One of the two holds each lease.
	[ "$(k get leases -n kube-system -o name | grep -c -e scheduler -e controller-manager)" = 2 ]
}

# etcdctl against the embedded store, with the certificates that the server made.
own_command() {
	local d=$NODE_DIR/etc/pki/etcd
	OWN=(nsenter --target "$NODE_PID" --net --mount -- env ETCDCTL_API=3 etcdctl --endpoints https://127.0.0.1:2379
		--cacert "$d/ca.crt" --cert "$d/healthcheck-client.crt" --key "$d/healthcheck-client.key" "$@")
}

own() {
	own_command "$@"
	"${OWN[@]}"
}

own_start() {
	node_start --no-node
	wait_for 30 k get --raw /readyz
}

@test "etcdctl reads, writes and watches the embedded store [W25]" {
	own_start
	own get / --prefix --keys-only | grep -qx /registry/namespaces/default
	[ "$(own put a/x 1)" = OK ]
	[ "$(own put a/y 2)" = OK ]
	[ "$(own put a/x 3 --prev-kv)" = $'OK\na/x\n1' ]
	[ "$(own get a/ --prefix --order=DESCEND --sort-by=KEY)" = $'a/y\n2\na/x\n3' ]
	[ "$(own get a/ --prefix --limit=1 -w json | jq -c '[.count, .more, .kvs[0].version]')" = '[2,true,2]' ]
	revision=$(own get a/x -w json | jq .kvs[0].mod_revision)
	[ "$(own get a/x --rev=$((revision - 1)) --print-value-only)" = 1 ]
	[ "$(printf 'value("a/x") = "3"\n\nput a/z 9\nget a/z\ndel a/y\n\nput a/w 1\n\n' | own txn | grep -v '^$' | xargs)" = "SUCCESS OK a/z 9 1" ]
	[ "$(printf 'mod("a/x") = "1"\n\nput a/w 1\n\nget a/z\n\n' | own txn | grep -v '^$' | xargs)" = "FAILURE a/z 9" ]
	own watch a/ --prefix --prev-kv --rev="$revision" >"$NODE_DIR/out/watched" 3>&- &
	watch=$!
	[ "$(own del a/ --prefix)" = 2 ]
	wait_for 10 grep -c DELETE "$NODE_DIR/out/watched"
	wait_for 10 eval '[ "$(grep -c -e PUT -e DELETE "$NODE_DIR/out/watched")" = 5 ]'
	kill $watch
	run own compaction 999999
	[ "$status" -ne 0 ] && [[ "$output" == *"required revision is a future revision"* ]]
	own compaction "$revision"
	run own get a/x --rev=$((revision - 1))
	[ "$status" -ne 0 ] && [[ "$output" == *"required revision has been compacted"* ]]
	own endpoint health 2>&1 | grep -q 'is healthy'
	own endpoint status -w json | jq -e '.[0].Status.leader == 1'
	own member list | grep -q 'started, node1'
	# Objects written so are the API's, with the right revision, and its watchers see them.
	k create configmap one --from-literal=x=1
	k get configmaps --watch-only -o name >"$NODE_DIR/out/seen" 3>&- &
	watch=$!
	wait_for 10 eval 'own put /registry/configmaps/default/two "$(k get configmap one -o json | sed s/one/two/)" && grep -q two "$NODE_DIR/out/seen"'
	kill $watch
	revision=$(own get /registry/configmaps/default/two -w json | jq .kvs[0].mod_revision)
	[ "$(k get configmap two -o 'jsonpath={.metadata.resourceVersion}')" = "$revision" ]
	run own put /registry/configmaps/default/three nonsense
	[ "$status" -ne 0 ] && [[ "$output" == *"would not be an object"* ]]
	# Leases end keys.
	lease=$(own lease grant 1 | awk '{ print $2 }')
	own put l/a 1 --lease="$lease"
	own lease timetolive "$lease" --keys | grep -q 'attached keys(\[l/a\])'
	wait_for 10 eval '[ -z "$(own get l/a)" ]'
	# Nobody without a certificate.
	run in_node env ETCDCTL_API=3 etcdctl --endpoints https://127.0.0.1:2379 --cacert "$NODE_DIR/etc/pki/etcd/ca.crt" \
		--dial-timeout=1s --command-timeout=2s get / --prefix
	[ "$status" -ne 0 ]
}

refused() { # TEXT ETCDCTL-ARGUMENTS...
	local text=$1
	shift
	run own "$@"
	[ "$status" -ne 0 ] && has "$output" "$text"
}

@test "etcdctl's further commands on the embedded store: ranges, orders, leases, elections, upkeep, and what one member refuses [W25]" {
	own_start
	for i in 1 2 3 4 5; do own put "a/$i" "v$i" >/dev/null; done
	own put a/2 second >/dev/null
	names() { own get "$@" --keys-only | xargs; }
	[ "$(names a/3 --from-key --limit=2)" = 'a/3 a/4' ]
	[ "$(names a/2 a/4)" = 'a/2 a/3' ]
	[ "$(names a/ --prefix --sort-by=MODIFY --order=DESCEND)" = 'a/2 a/5 a/4 a/3 a/1' ]
	[ "$(names a/ --prefix --sort-by=CREATE --order=DESCEND --limit=2)" = 'a/5 a/4' ]
	[ "$(names a/ --prefix --sort-by=VERSION --order=DESCEND --limit=1)" = a/2 ]
	[ "$(own get a/ --prefix --sort-by=VALUE --order=ASCEND --print-value-only | xargs)" = 'second v1 v3 v4 v5' ]
	[ "$(own get a/1 --consistency=s --print-value-only)" = v1 ]
	[ "$(own del a/4 --from-key --prev-kv | head -n 5 | xargs)" = '2 a/4 v4 a/5 v5' ]
	refused 'key is not provided' put '' x
	refused 'requested lease not found' put a/1 x --lease=1234
	lease=$(own lease grant 100 | awk '{ print $2 }')
	own put l/1 x --lease="$lease"
	own put l/1 --ignore-lease y
	[ "$(own lease list | tail -n 1)" = "$lease" ]
	has "$(own lease keep-alive --once "$lease")" 'keepalived with TTL\(100\)'
	has "$(own lease timetolive "$lease" --keys)" 'attached keys\(\[l/1\]\)'
	own lease revoke "$lease"
	[ -z "$(own get l/1)" ]
	refused 'requested lease not found' lease revoke "$lease"
	[ "$(own lock l1 echo locked)" = locked ]
	own_command elect e1 first
	"${OWN[@]}" >"$NODE_DIR/out/elected" 3>&- &
	elected=$!
	wait_for 10 grep -qx first "$NODE_DIR/out/elected"
	wait_for 10 eval '[ "$(own get e1/ --prefix --print-value-only)" = first ]'
	own_command elect e1 second
	"${OWN[@]}" >"$NODE_DIR/out/elected2" 3>&- &
	waiting=$!
	wait_for 10 eval '[ "$(own get e1/ --prefix --keys-only | grep -c .)" = 2 ]'
	[ ! -s "$NODE_DIR/out/elected2" ]
	kill $elected
	wait_for 20 grep -qx second "$NODE_DIR/out/elected2"
	kill $waiting
	own endpoint status -w json | jq -e '.[0].Status | .dbSize > 0 and .header.revision > 0 and .leader == .header.member_id'
	has "$(own endpoint hashkv)" '^https://127.0.0.1:2379, [0-9]+$'
	[ -z "$(own alarm list)" ]
	own defrag
	refused 'one member alone' move-leader 1
	refused 'one member alone' member add x --peer-urls=http://127.0.0.2:2380
	refused 'one member alone' member remove 1
	refused 'no users and roles here' user list
	refused 'no users and roles here' auth enable
	{ echo; for i in $(seq 129); do echo "put t/$i 1"; done; printf '\n\n'; } >"$NODE_DIR/out/txn"
	run own txn <"$NODE_DIR/out/txn"
	[ "$status" -ne 0 ] && has "$output" 'too many operations in txn request'
	[ -z "$(own get t/ --prefix)" ]
	head -c 1700000 /dev/zero | tr '\0' x >"$NODE_DIR/out/large"
	run own put large <"$NODE_DIR/out/large"
	[ "$status" -ne 0 ] && has "$output" 'request is too large'
}

@test "addresses and ports that services have are noted down anew where that is missing, and nobody else gets them" {
	own_start
	service a ', nodePort: 31005' | k create -f -
	k create service clusterip b --tcp=80
	addresses=$(k get ipaddresses --no-headers)
	[ "$(wc -l <<<"$addresses")" = 3 ]
	# As in a state from before there were such notes, or after somebody removed them.
	own del /registry/ipaddresses/ --prefix
	own del /registry/ranges/ --prefix
	[ -z "$(k get ipaddresses -o name)" ]
	node_stop
	own_start
	same "$addresses" "$(k get ipaddresses --no-headers)"
	run k create -f <(service c ', nodePort: 31005')
	has "$output" 'spec.ports\[0\].nodePort: Invalid value: 31005: provided port is already allocated'
	run k create service clusterip c --tcp=80 --clusterip="$(k get service b -o 'jsonpath={.spec.clusterIP}')"
	has "$output" 'provided IP is already allocated'
	# An address that somebody holds for something else is nobody's to take.
	k create -f - <<-'X'
	---
	{apiVersion: networking.k8s.io/v1, kind: IPAddress, metadata: {name: 10.96.0.77}, spec: {parentRef: {group: gateway.example.com, resource: gateways, name: g}}}
	X
	run k create service clusterip c --tcp=80 --clusterip=10.96.0.77
	has "$output" 'provided IP is already allocated'
	k delete ipaddress 10.96.0.77
	k create service clusterip c --tcp=80 --clusterip=10.96.0.77
	has "$(k get ipaddress 10.96.0.77)" 'services/default/c$'
}

@test "the cluster's state is saved to a file and restored, by etcdctl and by cube [W25]" {
	own_start
	k create configmap kept --from-literal=x=before
	uid=$(k get configmap kept -o 'jsonpath={.metadata.uid}')
	own snapshot save "$NODE_DIR/out/etcdctl.db"
	places="--data-dir $NODE_DIR/data --run-dir $NODE_DIR/run --kubeconfig $NODE_DIR/etc/admin.conf"
	# shellcheck disable=SC2086
	in_node "$CUBE" snapshot save $places "$NODE_DIR/out/cube.db"
	for file in etcdctl cube; do
		k patch configmap kept -p '{"data":{"x":"after"}}'
		k create configmap "later-$file"
		# shellcheck disable=SC2086
		run in_node "$CUBE" snapshot restore $places "$NODE_DIR/out/$file.db"
		[ "$status" -ne 0 ] # it runs
		node_stop
		# shellcheck disable=SC2086
		in_node "$CUBE" snapshot restore $places "$NODE_DIR/out/$file.db"
		rm -r "$NODE_DIR/data/store.before-restore"
		own_start
		[ "$(k get configmap kept -o 'jsonpath={.data.x} {.metadata.uid}')" = "before $uid" ]
		[ -z "$(k get configmaps -o name | grep later)" ]
	done
	head -c 5000 "$NODE_DIR/out/cube.db" >"$NODE_DIR/out/cut.db"
	node_stop
	# shellcheck disable=SC2086
	run in_node "$CUBE" snapshot restore $places "$NODE_DIR/out/cut.db"
	[ "$status" -ne 0 ] && [[ "$output" == *"cut short"* ]]
	own_start
	[ "$(k get configmap kept -o 'jsonpath={.data.x}')" = before ]
}
