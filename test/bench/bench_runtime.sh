#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Paired measurement of cube-oci against crun and runc (whichever are installed): run, create, start, delete of a static
# /bin/true with five namespaces, memory+pids+devices cgroups and masked paths, without seccomp, and beside them the system calls that
# make such a container, alone; peak memory and the smallest memory limit it runs under. Both sides run in turn,
# in a private mount namespace without the v2 tree, because crun refuses hybrid hosts. Then 500 containers at once.
# usage: bench_runtime.sh [--quick] [CUBE_OCI [ROUNDS]]
set -eu
rounds=80
many=${CUBE_BENCH_PARALLEL:-500} # containers started at once; 0: leave that out
[ "${1:-}" != --quick ] || { rounds=20 many=${CUBE_BENCH_PARALLEL:-0}; shift; }
here=$(cd "$(dirname "$0")" && pwd)
cube_oci=$(realpath "${1:-${CUBE_BUILD:-$here/../../build-release}/src/main/cube-oci}")
cost=$(dirname "$cube_oci")/../../test/system/test-cost
bare_calls=$(dirname "$cube_oci")/../../test/bench/bare_calls
rounds=${2:-$rounds}
[ "$(id -u)" = 0 ] || { echo "bench_runtime: needs root" >&2; exit 1; }
if [ "${CUBE_BENCH_INSIDE:-}" != 1 ]; then
	exec env CUBE_BENCH_INSIDE=1 CUBE_BENCH_PARALLEL="$many" unshare -m --propagation private \
		"$here/bench_runtime.sh" "$cube_oci" "$rounds"
fi
umount /sys/fs/cgroup/unified 2>/dev/null || true
[ ! -d /sys/fs/cgroup/unified ] || mount -t tmpfs tmpfs /sys/fs/cgroup/unified # crun leaves files in the folder
# A copy, as the others are installed ones: what a linker wrote bit by bit lies in small pages of the cache, 3 % slower.
installed=$(mktemp -d)
install -m 755 "$cube_oci" "$installed/cube-oci"
work=$(mktemp -d)
mount -t tmpfs tmpfs "$work" # as /run is
parent=cube-test-$$
cleanup() {
	local dir
	umount /sys/fs/cgroup/unified 2>/dev/null || true
	for dir in /sys/fs/cgroup/*/"$parent" /sys/fs/cgroup/"$parent"; do
		[ ! -d "$dir" ] || find "$dir" -depth -type d -exec rmdir {} \; || true
	done
	umount "$work"
	rmdir "$work"
	rm -r "$installed"
}
trap cleanup EXIT
mkdir -p "$work/bundle/rootfs/bin"
cp "$(command -v busybox)" "$work/bundle/rootfs/bin/true"
ln "$work/bundle/rootfs/bin/true" "$work/bundle/rootfs/bin/sleep"
python3 "$here/runtime_bench.py" "$installed/cube-oci" "$cost" "$work" "$parent" "$rounds" "$many" "$bare_calls"
