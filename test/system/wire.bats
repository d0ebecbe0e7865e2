#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What travels between clients and the API: other encodings than JSON, read by a small client of our own.

BUILD=${CUBE_BUILD:-$(cd "$BATS_TEST_DIRNAME/../../build-release" && pwd)}

setup_file() {
	API_DIR=$(mktemp -d "${TMPDIR:-/tmp}/cube-wire.XXXXXX")
	export API_DIR BATS_NO_PARALLELIZE_WITHIN_FILE=1
	"$BUILD/test/system/test-apiserver" "$API_DIR" >"$API_DIR/out" 2>"$API_DIR/err" 3>&- &
	echo $! >"$API_DIR/pid"
	for _ in $(seq 100); do
		grep -q '^ready' "$API_DIR/out" && return 0
		read -rt 0.1 <> <(:) || :
	done
	cat "$API_DIR/out" "$API_DIR/err" >&2
	return 1
}

teardown_file() {
	kill "$(cat "$API_DIR/pid")" 2>/dev/null || :
	while kill -0 "$(cat "$API_DIR/pid")" 2>/dev/null; do read -rt 0.05 <> <(:) || :; done
	rm -rf "$API_DIR"
}

wire() { timeout 200 python3 "$BATS_TEST_DIRNAME/wire_client.py" "$API_DIR/admin.conf" "$1"; }

@test "an object travels as protobuf, both ways, and is the same as in JSON" { wire object; }

@test "lists, pages, metadata alone and refusals travel as protobuf" { wire list; }

@test "a watch stream of protobuf has one length-delimited frame per event" { wire watch; }

@test "a long answer is compressed for who takes gzip, and the same" { wire gzip; }

@test "metrics have upstream's names and the form that Prometheus reads" { wire metrics; }

@test "health has a path for each check, and tells of all when asked" { wire health; }

@test "OpenAPI v2 in protobuf, as older clients ask for it, is the same document" { wire openapi; }

@test "every kind is listed and watched in every form, bookmarks included" { wire streams; }
