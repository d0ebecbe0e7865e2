#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# pods/proxy and services/proxy: through the API server to what runs in pods.

load node

setup_file() {
	node_file && node_ready && node_image web web:1 --text '<a href="/more">Hello from behind.</a>' || return 1
	k apply -f - <<-'YAML'
	apiVersion: v1
	kind: Pod
	metadata: {name: web, labels: {app: web}}
	spec:
	  terminationGracePeriodSeconds: 0
	  containers:
	  - {name: web, image: web:1, ports: [{containerPort: 80, name: http}]}
	---
	apiVersion: v1
	kind: Pod
	metadata: {name: echo, labels: {app: echo}}
	spec:
	  terminationGracePeriodSeconds: 0
	  containers:
	  - name: echo
	    image: web:1
	    ports: [{containerPort: 8080}]
	    command: [sh, -c]
	    args:
	    - |
	      printf '%s\n' '#!/bin/sh' 'while read -r line; do [ ${#line} -gt 1 ] || break; done' \
	        'printf "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n"' 'exec cat' >/echo
	      printf '%s\n' '#!/bin/sh' 'read -r verb path rest' 'while read -r line; do [ ${#line} -gt 1 ] || break; done' \
	        'said="$verb $path"' 'printf "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" ${#said}' \
	        '[ "$verb" = HEAD ] || printf "%s" "$said"' >/tell
	      chmod +x /echo /tell
	      nc -ll -p 8081 -e /tell &
	      exec nc -ll -p 8080 -e /echo
	---
	apiVersion: v1
	kind: Service
	metadata: {name: web}
	spec: {selector: {app: web}, ports: [{port: 8000, name: http, targetPort: 80}]}
	---
	apiVersion: v1
	kind: Service
	metadata: {name: tell}
	spec: {selector: {app: echo}, ports: [{port: 80, name: verbs, targetPort: 8081}]}
	YAML
	k wait --for=condition=Ready pod/web pod/echo --timeout=30s
	in_node openssl version >/dev/null
	k config view --raw -o 'jsonpath={.users[0].user.client-certificate-data}' | base64 -d >"$NODE_DIR/out/client.crt"
	k config view --raw -o 'jsonpath={.users[0].user.client-key-data}' | base64 -d >"$NODE_DIR/out/client.key"
}

teardown_file() { node_end; }

api() { # PATH CURL-ARGUMENTS...
	local path=$1
	shift
	in_node curl -sk --max-time 10 --cert "$NODE_DIR/out/client.crt" --key "$NODE_DIR/out/client.key" "$@" \
		"https://127.0.0.1:6443/api/v1/namespaces/default/$path"
}

@test "pods answer through the API server, by their first port or a named number" {
	has "$(k get --raw /api/v1/namespaces/default/pods/web/proxy/)" "Hello from behind"
	has "$(k get --raw /api/v1/namespaces/default/pods/web:80/proxy/index.html)" "Hello from behind"
	# a page's links stay behind the proxy, also for who would take it compressed
	has "$(api services/web:http/proxy/ -H 'Accept: text/html' -H 'Accept-Encoding: gzip')" '<a href="/api/v1/namespaces/default/services/web:http/proxy/more">'
	has "$(k get --raw /api/v1/namespaces/default/pods/http:web:80/proxy/)" "Hello from behind"
	same 404 "$(api pods/web/proxy/none -o /dev/null -w '%{http_code}')"
	same 405 "$(api pods/web/proxy/ -X POST -d x=1 -o /dev/null -w '%{http_code}')"
	has "$(api pods/web/proxy/ -I)" '^[Ss]erver: nginx'
	same "301 https://127.0.0.1:6443/api/v1/namespaces/default/pods/web/proxy/?a=b" \
		"$(api 'pods/web/proxy?a=b' -o /dev/null -w '%{http_code} %{redirect_url}')"
}

@test "every verb passes, with its path and what it asks, to pods and services" {
	local verb to
	wait_for 10 k get --raw /api/v1/namespaces/default/services/tell:verbs/proxy/
	for to in pods/echo:8081 services/tell:verbs services/http:tell:80; do
		for verb in GET POST PUT PATCH DELETE OPTIONS; do
			same "$verb /a/b%20c?d=e" "$(api "$to/proxy/a/b%20c?d=e" -X "$verb")"
		done
		same 200 "$(api "$to/proxy/" -I -o /dev/null -w '%{http_code}')"
		same "GET /" "$(api "$to/proxy/")"
		same 301 "$(api "$to/proxy" -o /dev/null -w '%{http_code}')"
		same "POST /" "$(api "$to/proxy" -X POST)"
	done
}

@test "nodes answer at a port that is not the kubelet's" {
	has "$(k get --raw /api/v1/nodes/https:node1:6443/proxy/version)" '"gitVersion"'
	has "$(k get --raw /api/v1/nodes/node1:10250/proxy/pods)" '"PodList"'
	has "$(k get --raw /api/v1/nodes/ftp:node1:80/proxy/ 2>&1 || :)" 'invalid node request "ftp:node1:80"'
	has "$(k get --raw /api/v1/nodes/node1:1/proxy/ 2>&1 || :)" 'error trying to reach service: dial tcp'
}

kubelet() { # PATH TOKEN CURL-ARGUMENTS...
	local path=$1 token=$2
	shift 2
	in_node curl -s --max-time 10 --cacert "$NODE_DIR/etc/pki/ca.crt" --resolve node1:10250:127.0.0.1 \
		${token:+-H "Authorization: Bearer $token"} "$@" "https://node1:10250$path"
}

@test "the kubelet answers scrapers at its own port, by tokens and roles" {
	k create serviceaccount scraper
	k create clusterrole scraper --verb=get --resource=nodes/metrics,nodes/stats
	k create clusterrolebinding scraper --clusterrole=scraper --serviceaccount=default:scraper
	local token
	token=$(k create token scraper)
	same 10250 "$(k get node node1 -o 'jsonpath={.status.daemonEndpoints.kubeletEndpoint.Port}')"
	same 401 "$(kubelet /metrics '' -o /dev/null -w '%{http_code}')"
	same 401 "$(kubelet /metrics none -o /dev/null -w '%{http_code}')"
	same "Forbidden (user=system:serviceaccount:default:scraper, verb=get, resource=nodes, subresource(s)=[pods proxy])" "$(kubelet /pods "$token")"
	has "$(kubelet /metrics "$token")" '^kubelet_running_pods 2$'
	scraped() { kubelet /metrics/resource "$token" | grep -E '^container_memory_working_set_bytes\{container="web",namespace="default",pod="web"\} [1-9]'; }
	wait_for 10 scraped
	has "$(kubelet /metrics/resource "$token")" '^node_cpu_usage_seconds_total [0-9]'
	has "$(kubelet /metrics/cadvisor "$token")" '^container_cpu_usage_seconds_total\{container="web",cpu="total",id="/kubepods/besteffort/pod.*image=".*pod="web"\} '
	has "$(kubelet /stats/summary "$token")" '"nodeName":"node1".*"availableBytes"'
	# the administrator by his certificate, who may all
	has "$(kubelet /pods '' --cert "$NODE_DIR/out/client.crt" --key "$NODE_DIR/out/client.key")" '"PodList"'
}

@test "a node says what configuration it has" {
	has "$(k get --raw /api/v1/nodes/node1/proxy/configz)" '"kubeletconfig":.*"port":10250.*"clusterDomain":"cluster.local".*"maxPods":110'
	has "$(kubelet /configz '' --cert "$NODE_DIR/out/client.crt" --key "$NODE_DIR/out/client.key")" '"kubeletconfig"'
	fails k get --raw /configz # the API server has none, as upstream's
}

@test "services answer by the name or the number of a port" {
	wait_for 10 api services/web:http/proxy/ -f
	has "$(api services/web:http/proxy/)" "Hello from behind"
	has "$(api services/web:8000/proxy/)" "Hello from behind"
	has "$(api services/web:9/proxy/)" '"no service port 9 found for service \\"web\\""'
	has "$(api services/web:other/proxy/)" '"no endpoints available for service \\"web\\""'
}

@test "what cannot be reached is a Status, not a hang" {
	has "$(api pods/web:81/proxy/)" 'error trying to reach service: dial tcp [0-9.]+:81: connect: connection refused'
	has "$(api pods/none/proxy/)" '"pods \\"none\\" not found"'
	has "$(api pods/a:b:c:d/proxy/)" 'invalid pod request'
}

@test "connections that change their protocol pass both ways" {
	run in_node timeout 10 curl -sk --http1.1 -N --cert "$NODE_DIR/out/client.crt" --key "$NODE_DIR/out/client.key" -i \
		-H 'Connection: Upgrade' -H 'Upgrade: echo' --max-time 2 "https://127.0.0.1:6443/api/v1/namespaces/default/pods/echo/proxy/"
	has "$output" '101 Switching'
	has "$(printf 'GET /api/v1/namespaces/default/pods/echo/proxy/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n' |
		{ cat; sleep 1; echo round trip; sleep 1; } | in_node timeout 10 openssl s_client -quiet -connect 127.0.0.1:6443 \
		-cert "$NODE_DIR/out/client.crt" -key "$NODE_DIR/out/client.key" 2>/dev/null)" 'round trip'
}
