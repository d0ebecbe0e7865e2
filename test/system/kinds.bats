#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Every kind that can be stored, with the real kubectl: created, shown with its columns, updated, patched, applied, its status
# written, deleted; and a wrong one refused in upstream's words. kinds.yaml is the table, kinds.py does it.

load node.bash

setup_file() {
	node_file || return 1
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$OUT/key.pem" -subj /CN=swept -out "$OUT/request.pem" 2>"$OUT/openssl.log"
	node_api
}

teardown_file() {
	node_end
}

sweep() { # STEP...
	in_node env HOME="$OUT" python3 "$BATS_TEST_DIRNAME/kinds.py" "$NODE_DIR/etc/admin.conf" "$OUT/kinds" "$(base64 -w 0 "$OUT/request.pem")" "$@" >&2
}

client() { # SCRIPT ARGUMENTS..., by Debian's interpreter: the library is its package
	in_node env HOME="$OUT" /usr/bin/python3 "$BATS_TEST_DIRNAME/$1" "$NODE_DIR/etc/admin.conf" "$(base64 -w 0 "$OUT/request.pem")" "${@:2}" >&2
}

@test "the table has every resource that can be stored" { sweep complete; }
@test "the least of every kind can be created" { sweep create; }
@test "every kind is shown with its columns" { sweep columns; }
@test "every kind can be replaced" { sweep update; }
@test "every kind can be patched, and its generation grows with what is wanted" { sweep patch; }
@test "every kind can be applied by the server" { sweep apply; }
@test "the status of every kind that has one can be written" { sweep status; }
@test "a wrong object of every kind is refused in upstream's words" { sweep refuse; }
@test "every kind can be deleted" { sweep delete; }
@test "every kind lives as upstream's conformance tests have it, and a watch sees each step" { client kinds_life.py; }

part() { client kinds_parts.py "$1"; }

@test "a certificate's request has an approval and a status, each changed alone" { part approval; }
@test "a namespace has a status and finalizers" { part finalize; }
@test "what is scaled is read, replaced and patched as one form" { part scale; }
@test "a token says for whom and how long, and ends with what it is bound to" { part token; }
@test "a pod is resized, looked into, bound and evicted" { part pod; }
@test "devices are claimed by administrators, allocated and freed" { part devices; }
@test "a policy says where its expressions cannot be right" { part policy; }
@test "unknown fields of custom objects are refused, warned of or dropped" { part fields; }
@test "custom objects are selected by fields" { part selectable; }
@test "one answer has all groups and resources" { part discovery; }
