#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The API through client libraries, unmodified: Debian's python3-kubernetes and the npm package @kubernetes/client-node. Each case
# is a method of test/client/client_python.py or a function of test/client/client_node.mjs, in a namespace of its own.

load node

CLIENTS=$BATS_TEST_DIRNAME/../client

setup_file() {
	node_file && node_ready && node_image busybox busybox:1
}

teardown_file() {
	node_end
}

setup() {
	NS=c${BATS_TEST_NUMBER}
	k create namespace "$NS" >/dev/null
}

teardown() {
	[ -n "$BATS_TEST_COMPLETED" ] || tail -n 30 "$NODE_DIR/out/server.log" >&2 # shown with the failure
	k delete namespace "$NS" --wait=false >/dev/null
}

# Debian's interpreter: the library is its package.
python() { in_node timeout 100 /usr/bin/python3 "$CLIENTS/client_python.py" "$NODE_DIR/etc/admin.conf" "$NS" "$1"; }
# Of the embedded store: what was before now is forgotten.
compact() {
	local pki=$NODE_DIR/etc/pki/etcd
	in_node env ETCDCTL_API=3 etcdctl --endpoints https://127.0.0.1:2379 --cacert "$pki/ca.crt" --cert "$pki/healthcheck-client.crt" \
		--key "$pki/healthcheck-client.key" compact "$(k get namespace "$NS" -o 'jsonpath={.metadata.resourceVersion}')"
}
node() { in_node timeout 100 node "$CLIENTS/client_node.mjs" "$NODE_DIR/etc/admin.conf" "$NS" "$1"; }

@test "python: every kind of every stable group is listed, and read into its model" { python every_kind; }
@test "python: a Deployment is made, scaled, restarted and deleted with what it owns" { python workload; }
@test "python: refusals have upstream's reasons, causes and fields" { python invalid; }
@test "python: pages are of one moment; selectors; exact versions" { python pages; }
@test "python: a watch has each change once, from a version on" { python watching; }
@test "python: logs, their tail, and as they come" { python logs; }
@test "python: locking, patches, dry run, preconditions, finalizers, collections" { python writing; }
@test "python: server-side apply through the dynamic client, conflicts and force" { python applying; }
@test "python: a custom resource with status, scale and a watch" { python custom; }
@test "python: a service account's token, RBAC and reviews agree" { python identity; }
@test "python: a certificate is requested, approved and signed" { python certificate; }
@test "python: a quota and a limit range are felt" { python admission; }
@test "python: exec with input, errors, terminal and status; attach; port forwarding" { python executing; }
@test "python: leader election, and the hand-over to another" { python election; }

@test "node: every kind is listed through its class" { node kinds; }
@test "node: an informer follows additions, changes, removals and changes of label" { node informer; }
@test "node: an informer whose version is gone lists again" { compact && node relisting; }
@test "node: watches with initial events and bookmarks" { node watching; }
@test "node: objects by manifest alone: create, all patches, apply, list, delete" { node objects; }
@test "node: locking, patches, dry run, strict fields, collections" { node writing; }
@test "node: a custom resource with a CEL rule, status and an informer" { node custom; }
@test "node: exec with input, errors, terminal and status; attach" { node exec; }
@test "[W53] node: what a dashboard shows: nodes, workloads, logs, a shell, why a pod is Pending" { node dashboard; }
@test "node: files are copied into a pod" { node copy; }
@test "node: logs, their tail, with times, and as they come" { node logs; }
@test "node: port forwarding, which ends with what is behind" { node forward; }
@test "node: a service account's token, RBAC, and a forged token" { node identity; }
