# SPDX-License-Identifier: Apache-2.0
# An API server without a node on a loopback port, one for a whole test file. apiserver_begin makes API_DIR and starts it on the
# store that CUBE_TEST_STORE names, apiserver_end takes everything away.

# shellcheck source=test/system/store.bash
. "${BASH_SOURCE[0]%/*}/store.bash"

BUILD=${CUBE_BUILD:-$(cd "${BASH_SOURCE[0]%/*}/../../build-release" && pwd)}

# k ARGS...: kubectl with the server's kubeconfig, in the namespace NS if one is set.
k() { timeout 30 kubectl --kubeconfig "$API_DIR/admin.conf" --cache-dir "$API_DIR/cache" ${NS:+-n "$NS"} "$@"; }

apiserver_begin() { # NAME
	API_DIR=$(mktemp -d "${TMPDIR:-/tmp}/cube-$1.XXXXXX")
	export API_DIR BATS_NO_PARALLELIZE_WITHIN_FILE=1
	if wants_etcd; then
		local ports
		read -ra ports <<<"$(free_ports 2)"
		etcd_serve "$API_DIR/etcd" "${ports[@]}"
		echo "$ETCD_PID" >"$API_DIR/etcd.pid"
		echo "--etcd ${ports[0]}" >"$API_DIR/store.flags"
	else
		echo --lmdb >"$API_DIR/store.flags"
	fi
	apiserver_start
}

apiserver_start() {
	: >"$API_DIR/out" # an earlier server's "ready" is not this one's
	# shellcheck disable=SC2046
	"$BUILD/test/system/test-apiserver" "$API_DIR" $(cat "$API_DIR/store.flags") >"$API_DIR/out" 2>"$API_DIR/err" 3>&- &
	echo $! >"$API_DIR/pid"
	for _ in $(seq 200); do
		grep -q '^ready' "$API_DIR/out" && return 0
		read -rt 0.1 <> <(:) || :
	done
	cat "$API_DIR/out" "$API_DIR/err" >&2
	return 1
}

apiserver_stop() { # [SIGNAL]
	[ -s "$API_DIR/pid" ] || return 0
	kill "-${1:-TERM}" "$(cat "$API_DIR/pid")" 2>/dev/null || :
	while kill -0 "$(cat "$API_DIR/pid")" 2>/dev/null; do read -rt 0.05 <> <(:) || :; done
	rm -f "$API_DIR/pid"
}

apiserver_end() {
	apiserver_stop
	[ ! -s "$API_DIR/etcd.pid" ] || kill -KILL "$(cat "$API_DIR/etcd.pid")" || :
	if [ -n "${CUBE_TEST_KEEP:-}" ]; then echo "kept: $API_DIR" >&2; else rm -rf "$API_DIR"; fi
}

# A definition without conditions yet is an error to `kubectl wait`, as with upstream's server, and not something to wait for.
established() { # DEFINITION
	for _ in $(seq 100); do
		k wait --for=condition=Established "crd/$1" --timeout=10s && return 0
		read -rt 0.1 <> <(:) || :
	done
	return 1
}
