#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What travels between clients and the API: other encodings than JSON, read by a small client of our own.

load apiserver.bash

setup_file() { apiserver_begin wire; }
teardown_file() { apiserver_end; }

wire() { timeout 200 python3 "$BATS_TEST_DIRNAME/wire_client.py" "$API_DIR/admin.conf" "$1"; }

@test "an object travels as protobuf, both ways, and is the same as in JSON" { wire object; }

@test "lists, pages, metadata alone and refusals travel as protobuf" { wire list; }

@test "a watch stream of protobuf has one length-delimited frame per event" { wire watch; }

@test "a long answer is compressed for who takes gzip, and the same" { wire gzip; }

@test "[W51] metrics have upstream's names and the form that Prometheus reads" { wire metrics; }

@test "health has a path for each check, and tells of all when asked" { wire health; }

@test "OpenAPI v2 in protobuf, as older clients ask for it, is the same document" { wire openapi; }

@test "a running server is looked into: profiles, log level, status" { wire debug; }

@test "who uses what will go is warned, whatever the answer" { wire warnings; }

@test "OpenAPI v3 in protobuf is the same document" { wire openapi3; }

@test "every refusal is a Status with its reason, in upstream's words, with the fields it is about" { wire refusals; }

@test "every kind is listed and watched in every form, bookmarks included" { wire streams; }
