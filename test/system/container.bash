# SPDX-License-Identifier: Apache-2.0
# A place for test-container: folders, a network and mount namespace and a cgroup of its own, all gone at the end.

# shellcheck source=test/system/wait.bash
. "${BASH_SOURCE[0]%/*}/wait.bash"

CUBE_BUILD=${CUBE_BUILD:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../../build-release" && pwd)}
SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export CUBE_OCI=$CUBE_BUILD/src/main/cube-oci

place_begin() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	PLACE=$(mktemp -d "${TMPDIR:-/tmp}/cube-place.XXXXXX")
	PLACE_CGROUP=/cube-test-${PLACE##*.}
	mkdir -p "$PLACE"/{data,run}
	unshare --net --mount --propagation private sh -c '
		ip link set lo up && echo ready >"$0/namespace" && exec sleep infinity' "$PLACE" </dev/null >/dev/null 2>&1 3>&- &
	PLACE_PID=$!
	wait_for 5 test -s "$PLACE/namespace"
}

place_end() {
	[ -n "${PLACE:-}" ] || return 0
	local id
	for id in $(t list 2>/dev/null | awk '{print $1}'); do t -f rm "$id" >/dev/null 2>&1 || true; done
	kill "$PLACE_PID" 2>/dev/null
	wait "$PLACE_PID" 2>/dev/null
	find /sys/fs/cgroup -depth -type d -path "*$PLACE_CGROUP*" -exec rmdir {} + 2>/dev/null
	rm -rf --one-file-system "$PLACE"
	PLACE=
}

in_place() { nsenter --target "$PLACE_PID" --net --mount -- "$@"; }
t() {
	in_place timeout 60 "$CUBE_BUILD/test/system/test-container" --data-dir "$PLACE/data" --run-dir "$PLACE/run" \
		--cgroup-root "$PLACE_CGROUP" --subnet 10.99.0.0 "$@" 3>&-
}

status_of() { t list | awk -v name="$1" '$2 == name { print $3, $4, $5 }'; }
is_status() { [ "$(status_of "$1")" = "$2" ]; }
pid_of() { t list | sed -n "s/.* $1 running .*pid=\([0-9]*\).*/\1/p"; }

make_image() { "$SOURCE/script/make-image" "$@"; }
