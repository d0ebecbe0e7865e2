# SPDX-License-Identifier: Apache-2.0
# Which store the servers of a test file have: the embedded one, or with CUBE_TEST_STORE=etcd a real etcd of the file's own.

# etcd_serve DIR CLIENT_PORT PEER_PORT [COMMAND...]: one member that keeps its state in DIR, started through COMMAND; sets ETCD_PID.
etcd_serve() {
	local dir=$1 client=$2 peer=$3
	shift 3
	"$@" etcd --name alone --data-dir "$dir" --log-level error --listen-client-urls "http://127.0.0.1:$client" \
		--advertise-client-urls "http://127.0.0.1:$client" --listen-peer-urls "http://127.0.0.1:$peer" \
		--initial-advertise-peer-urls "http://127.0.0.1:$peer" --initial-cluster "alone=http://127.0.0.1:$peer" \
		</dev/null >>"$dir.log" 2>&1 3>&- &
	ETCD_PID=$!
}

# Ports that nobody listens on now, for servers that cannot be asked which one they got.
free_ports() { # COUNT
	python3 -c 'import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(s.getsockname()[1] for s in held))' "$1"
}

# wants_etcd: whether this run is to be on etcd; a run that asked for it and cannot have it fails.
wants_etcd() {
	[ "${CUBE_TEST_STORE:-lmdb}" = etcd ] || return 1
	command -v etcd >/dev/null || { echo "CUBE_TEST_STORE=etcd, and no etcd here" >&2; exit 1; }
}
