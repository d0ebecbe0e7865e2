#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Paired measurement of cube-oci against crun and runc (whichever are installed): run, create, start, delete of a static
# /bin/true with five namespaces, memory+pids+devices cgroups and masked paths, without seccomp. Both sides run in turn,
# in a private mount namespace without the v2 tree, because crun refuses hybrid hosts. usage: bench_runtime.sh CUBE_OCI [ROUNDS]
set -eu
cube_oci=$(realpath "${1:?usage: bench_runtime.sh CUBE_OCI [ROUNDS]}")
rounds=${2:-80}
[ "$(id -u)" = 0 ] || { echo "bench_runtime: needs root" >&2; exit 1; }
if [ "${CUBE_BENCH_INSIDE:-}" != 1 ]; then
	exec env CUBE_BENCH_INSIDE=1 unshare -m --propagation private "$0" "$cube_oci" "$rounds"
fi
umount /sys/fs/cgroup/unified 2>/dev/null || true
work=$(mktemp -d)
parent=cube-test-$$
cleanup() {
	local dir
	for dir in /sys/fs/cgroup/*/"$parent" /sys/fs/cgroup/"$parent"; do
		[ -d "$dir" ] && rmdir "$dir"/* "$dir" 2>/dev/null
	done
	rm -rf "$work"
}
trap cleanup EXIT
mkdir -p "$work/bundle/rootfs/bin"
cp "$(command -v busybox)" "$work/bundle/rootfs/bin/true"
python3 "$(dirname "$0")/runtime_bench.py" "$cube_oci" "$work" "$parent" "$rounds"
