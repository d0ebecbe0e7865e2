#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A hundred definitions of the sizes that operators bring, three of them large: what they cost in memory, and at the next start.

BUILD=${CUBE_BUILD:-$(cd "$BATS_TEST_DIRNAME/../../build-release" && pwd)}
RESIDENT_KB_MAX=$((48 << 10)) # that the server may grow by for 4 MB of definitions: bytes, trees, kinds, documents
START_MS_MAX=3000             # until it serves them again; a quiet machine needs a tenth of that

setup() {
	API_DIR=$(mktemp -d "${TMPDIR:-/tmp}/cube-crds.XXXXXX")
	if readelf -d "$BUILD/src/main/cube" | grep -q libasan; then skip "built with sanitizers"; fi
	begin
}

teardown() {
	end
	rm -rf "$API_DIR"
}

begin() {
	: >"$API_DIR/out"
	"$BUILD/test/system/test-apiserver" "$API_DIR" --lmdb >"$API_DIR/out" 2>"$API_DIR/err" 3>&- &
	echo $! >"$API_DIR/pid"
	for _ in $(seq 1000); do
		grep -q '^ready' "$API_DIR/out" && return 0
		read -rt 0.01 <> <(:) || :
	done
	return 1
}

end() {
	[ -e "$API_DIR/pid" ] || return 0
	kill "$(cat "$API_DIR/pid")" 2>/dev/null || :
	while kill -0 "$(cat "$API_DIR/pid")" 2>/dev/null; do read -rt 0.05 <> <(:) || :; done
	rm -f "$API_DIR/pid"
}

k() { timeout 60 kubectl --kubeconfig "$API_DIR/admin.conf" --cache-dir "$API_DIR/cache" "$@"; }
resident_kb() { awk '/^VmRSS/ {print $2}' "/proc/$(cat "$API_DIR/pid")/status"; }

@test "a hundred definitions: memory, and the next start" {
	local before grown begun took
	mkdir "$API_DIR/bodies"
	python3 "$BATS_TEST_DIRNAME/../bench/bodies.py" "$API_DIR/bodies"
	k get --raw /openapi/v2 >/dev/null # documents that are made at first use are no cost of definitions
	before=$(resident_kb)
	k create --validate=false $(printf -- '-f %s ' "$API_DIR"/bodies/definition-*.json) >"$API_DIR/created"
	[ "$(wc -l <"$API_DIR/created")" = 100 ]
	k wait --for=condition=Established --timeout=60s crd --all >/dev/null
	grown=$(($(resident_kb) - before))
	echo "grown by $grown KB"
	[ "$grown" -le "$RESIDENT_KB_MAX" ]
	end
	begun=$(date +%s%N)
	begin
	took=$((($(date +%s%N) - begun) / 1000000))
	echo "served again after $took ms"
	[ "$took" -le "$START_MS_MAX" ]
	[ "$(k get --raw /apis/bench.example.com/v1 | grep -o '"kind":"Kind[0-9]*"' | sort -u | wc -l)" = 100 ]
}
