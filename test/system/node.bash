# SPDX-License-Identifier: Apache-2.0
# One cube node in a network and mount namespace of its own, with its own folders and cgroup: for system tests and benchmarks.
# node_begin makes the place, node_start the server, node_end takes everything away whatever happened.
#
#   NODE_DIR     everything of this node: data, run, kubeconfig, logs
#   NODE_PID     the process that holds the namespaces
#   SERVER_PID   `cube server`
# in_node CMD... runs a command inside the namespaces; k ARGS... is kubectl with the node's kubeconfig.

# shellcheck source=test/system/wait.bash
. "${BASH_SOURCE[0]%/*}/wait.bash"

# shellcheck source=test/system/store.bash
. "${BASH_SOURCE[0]%/*}/store.bash"

CUBE_BUILD=${CUBE_BUILD:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../../build-release" && pwd)}
CUBE=$CUBE_BUILD/src/main/cube
CUBE_OCI=$CUBE_BUILD/src/main/cube-oci

node_begin() {
	NODE_DIR=$(mktemp -d "${TMPDIR:-/tmp}/cube-node.XXXXXX")
	NODE_CGROUP=/cube-test-${NODE_DIR##*.}
	mkdir -p "$NODE_DIR"/{data,run,etc,pods,out}
	# A link with an address stands for the world outside; the machine's own network is out of reach.
	unshare --net --mount --propagation private sh -c '
		ip link set lo up && ip link add outer0 type veth peer name outer1 &&
		ip addr add 192.168.77.1/24 dev outer0 && ip link set outer0 up && ip link set outer1 up &&
		echo ready >"$0/out/namespace" && exec sleep infinity' "$NODE_DIR" </dev/null >/dev/null 2>"$NODE_DIR/out/namespace.err" 3>&- &
	NODE_PID=$!
	SERVER_PID=
	wait_for 5 test -s "$NODE_DIR/out/namespace" || { cat "$NODE_DIR/out/namespace.err" >&2; return 1; }
}

# For setup_file: a place that all tests of the file share, one after the other. OUT is where they write.
node_file() {
	export BATS_NO_PARALLELIZE_WITHIN_FILE=1
	node_begin || return 1
	export NODE_DIR NODE_PID NODE_CGROUP OUT=$NODE_DIR/out
}

# node_ready [FLAGS...]: the server with its node, for the tests of a file.
node_ready() {
	node_start "$@"
	export SERVER_PID
	node_wait_ready
}

# node_api [FLAGS...]: the server without a node, for the tests of a file.
node_api() {
	node_start --no-node "$@"
	export SERVER_PID
	wait_for 20 k get serviceaccount default
}

# node_image WHAT TAG [FLAGS...]: an image of script/make-image, on the node.
node_image() {
	local tar=$NODE_DIR/out/${2/:/-}.tar
	"${BASH_SOURCE[0]%/*}/../../script/make-image" "$1" --tag "$2" --output "$tar" "${@:3}" &&
		in_node "$CUBE" image load --run-dir "$NODE_DIR/run" "$tar"
}

in_node() { nsenter --target "$NODE_PID" --net --mount -- "$@"; }

# node_start [FLAGS...]: on the store that CUBE_TEST_STORE names, unless a flag does.
node_start() {
	local store=()
	if wants_etcd && [[ " $* " != *" --store "* ]]; then
		store=(--store etcd://127.0.0.1:2379)
		if [ ! -s "$NODE_DIR/store.pid" ]; then
			etcd_serve "$NODE_DIR/store" 2379 2380 nsenter --target "$NODE_PID" --net --mount --
			echo "$ETCD_PID" >"$NODE_DIR/store.pid"
		fi
	fi
	nsenter --target "$NODE_PID" --net --mount -- "$CUBE" server --data-dir "$NODE_DIR/data" --run-dir "$NODE_DIR/run" \
		--kubeconfig "$NODE_DIR/etc/admin.conf" --pod-log-dir "$NODE_DIR/pods" --cgroup-root "$NODE_CGROUP" \
		--node-name node1 "${store[@]}" "$@" </dev/null >>"$NODE_DIR/out/server.log" 2>&1 3>&- &
	SERVER_PID=$!
}

# Ready = the API answers and the node's condition says so.
node_wait_ready() {
	wait_for 20 node_is_ready || { tail -n 40 "$NODE_DIR/out/server.log" >&2; return 1; }
}

node_is_ready() {
	[ -s "$NODE_DIR/etc/admin.conf" ] || return 1
	[ "$(k get node node1 -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}' 2>/dev/null)" = True ]
}

node_stop() { # [SIGNAL]
	[ -n "$SERVER_PID" ] || return 0
	kill "-${1:-TERM}" "$SERVER_PID" 2>/dev/null
	SERVER_STATUS=0
	wait "$SERVER_PID" 2>/dev/null || SERVER_STATUS=$?
	# one that setup_file started is not ours to wait for
	until [ ! -e "/proc/$SERVER_PID" ] || grep -qs '^State:.Z' "/proc/$SERVER_PID/status"; do read -rt 0.02 <> <(:) || :; done
	SERVER_PID=
}

node_end() {
	[ -n "${NODE_DIR:-}" ] || return 0
	node_stop KILL
	[ ! -s "$NODE_DIR/store.pid" ] || kill -KILL "$(cat "$NODE_DIR/store.pid")" 2>/dev/null || :
	if [ -n "${NODE_PID:-}" ] && kill -0 "$NODE_PID" 2>/dev/null; then
		in_node "$CUBE" reset --force --data-dir "$NODE_DIR/data" --run-dir "$NODE_DIR/run" \
			--kubeconfig "$NODE_DIR/etc/admin.conf" --pod-log-dir "$NODE_DIR/pods" --cgroup-root "$NODE_CGROUP" \
			>>"$NODE_DIR/out/reset.log" 2>&1 || echo "cube reset failed: $NODE_DIR/out/reset.log" >&2
		kill "$NODE_PID"
		wait "$NODE_PID" 2>/dev/null || true # its status is that of a killed process
	fi
	NODE_PID=
	if [ -n "${CUBE_TEST_KEEP:-}" ]; then echo "kept: $NODE_DIR" >&2; else rm -rf --one-file-system "$NODE_DIR"; fi
}

k() { in_node env -u KUBECONFIG HOME="$NODE_DIR/out" "${KUBECTL:-kubectl}" --kubeconfig "$NODE_DIR/etc/admin.conf" "$@"; }

# fails COMMAND...: succeeds when the command fails; for use with wait_for.
fails() { ! "$@"; }

# Lines of a table without its header.
rows() { tail -n +2; }

# same WANT GOT
same() {
	[ "$1" = "$2" ] || { printf 'wanted: %s\ngot:    %s\n' "$1" "$2" >&2; return 1; }
}

# has TEXT REGEX
has() {
	printf '%s\n' "$1" | grep -Eq -- "$2" || { printf 'no match for: %s\nin: %s\n' "$2" "$1" >&2; return 1; }
}
