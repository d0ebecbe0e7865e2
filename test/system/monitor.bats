#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The monitor by what a daemon relies on: terminals, several clients, ones that stall or go away, logs that are whole across rotation,
# records made while nobody was there. More in runtime.bats, kills.bats, container.bats and, per version of cgroups, cgroup_*.bats.

bats_require_minimum_version 1.5.0
load runtime.bash

setup() { rt_begin; }
teardown() { rt_end; }

job() { # 'PYTHON' changes the job j, whose configuration is c
	python3 - "$RT" "$1" <<-'PY'
	import json, sys
	r = sys.argv[1]
	c = json.load(open(r + "/bundle/config.json"))
	c["root"]["path"] = r + "/bundle/rootfs"
	j = {"version": 1, "id": "c", "stateDir": r + "/state/c", "config": c, "log": {"path": r + "/log", "format": "cri"}}
	exec(sys.argv[2])
	json.dump(j, open(r + "/job", "w"))
	PY
}
# client 'PYTHON': with Client, S (the state folder) and all() that reads a client to the container's end
client() {
	PYTHONPATH="$HERE" python3 - "$RT/state/c" "$1" <<-'PY'
	import json, os, struct, sys, time
	from monitor_client import EXITED, OOM, OUTPUT, Client
	S = sys.argv[1]
	def attached():
	    c = Client(S)
	    c.sock.settimeout(20)
	    c.send("attach", bytes([1, 1, 1, 0]))
	    return c
	def all(c):
	    text, end = b"", None
	    while True:
	        kind, stream, payload = c.receive()
	        if kind is None:
	            return text, end
	        if kind == OUTPUT:
	            text += payload
	        if kind == EXITED:
	            end = json.loads(payload)
	def until(c, words):
	    text = b""
	    while words not in text:
	        kind, _, payload = c.receive()
	        assert kind is not None, text
	        if kind == OUTPUT:
	            text += payload
	    return text
	exec(sys.argv[2])
	PY
}

@test "a terminal: size from the configuration, changed by a client, input echoed, output in the log" {
	bundle sh -c 'stty size; read x; stty size; echo "got $x"; exit 7'
	cfg 'c["process"]["terminal"] = True; c["process"]["consoleSize"] = {"height": 33, "width": 77}'
	job 'j["stdin"] = True'
	monitor start "$RT/job"
	wait_for 5 grep -q 'stdout F 33 77' "$RT/log"
	monitor send "$RT/state/c" resize 44 99
	client '
c = attached()
c.send("input", b"hello\n")
text, end = all(c)
assert b"hello\r\n" in text and b"44 99\r\n" in text and b"got hello\r\n" in text, text
assert end["exitCode"] == 7, end'
	grep -q 'stdout F got hello' "$RT/log"
}

@test "rotated logs have each line once, in order, whole" {
	bundle sh -c 'for i in $(seq 3000); do echo "line $i of many"; done'
	for format in cri json-file; do
		job 'j["log"].update(format="'$format'", maxSizeBytes=20000, maxFiles=50)'
		monitor start "$RT/job"
		wait_for 10 test -e "$RT/state/c/exit.json"
		[ -e "$RT/log.1" ]
		[ "$(stat -c %s "$RT"/log* | sort -n | tail -n 1)" -le 20200 ]
		cat $(ls -v "$RT"/log.* | tac) "$RT/log" | grep -o 'line [0-9]* of many' >"$RT/lines"
		seq 3000 | sed 's/.*/line & of many/' | cmp - "$RT/lines"
		oci delete -f c
		rm -f "$RT"/log*
	done
}

@test "a line longer than any buffer is marked as partial and comes together again" {
	bundle sh -c 'head -c 50000 /dev/zero | tr "\0" x; echo end'
	ln -s busybox "$RT/bundle/rootfs/bin/tr"
	job ''
	monitor start "$RT/job"
	wait_for 5 test -e "$RT/state/c/exit.json"
	grep -q ' stdout P x' "$RT/log"
	[ "$(sed -n 's/^[^ ]* stdout [PF] //p' "$RT/log" | tr -d '\n' | wc -c)" = 50003 ]
	[ "$(grep -c ' stdout F .*end$' "$RT/log")" = 1 ]
}

@test "several clients get the same; one that reads nothing and goes away holds up nobody for good" {
	bundle sh -c 'read x; for i in $(seq 20000); do echo "line $i"; done; exit 3'
	job 'j["stdin"] = True'
	monitor start "$RT/job"
	client '
one, two, stalled, gone = attached(), attached(), attached(), attached()
gone.sock.close()
one.send("input", b"go\n")
until(one, b"line 10\n")
time.sleep(0.3) # it does not read, and then it is no more
stalled.sock.close()
import threading
seen = {}
threads = [threading.Thread(target=lambda n=n, c=c: seen.update({n: all(c)})) for n, c in (("one", one), ("two", two))]
[t.start() for t in threads]
[t.join(30) for t in threads]
assert seen["one"][1]["exitCode"] == seen["two"][1]["exitCode"] == 3
assert seen["two"][0].endswith(b"line 20000\n") and seen["two"][0].count(b"\n") == 20000
assert seen["one"][0].endswith(b"line 20000\n")'
	[ "$(grep -c 'stdout F line' "$RT/log")" = 20000 ]
}

@test "input stays open from one client to the next, unless it was to end with the first" {
	bundle sh -c 'read x; echo "1 $x"; read x; echo "2 $x"'
	job 'j["stdin"] = True'
	monitor start "$RT/job"
	client 'c = attached(); c.send("input", b"first\n"); until(c, b"1 first\n")'
	client 'c = attached(); c.send("input", b"second\n"); text, end = all(c); assert b"2 second\n" in text and end["exitCode"] == 0'
	oci delete -f c
	bundle sh -c 'read x; echo "1 $x"; read x || echo over'
	job 'j["stdin"] = j["stdinOnce"] = True'
	monitor start "$RT/job"
	client 'c = attached(); c.send("input", b"first\n"); until(c, b"1 first\n")'
	wait_for 5 grep -q 'stdout F over' "$RT/log"
}

@test "the daemon killed with all of its group: the container goes on, a new daemon finds it, and its end is on record" {
	bundle sh -c 'read x; exit 9'
	job 'j["stdin"] = True'
	setsid sh -c 'python3 "$1/monitor_client.py" start "$2/job" >"$2/answer"; exec sleep 300' x "$HERE" "$RT" 3>&- &
	wait_for 5 test -s "$RT/answer"
	daemon=$(pgrep -f "^sleep 300" -P $$ | head -n 1)
	kill -KILL -- "-${daemon:-$!}"
	status_is c running
	[[ "$(monitor send "$RT/state/c" state)" == *'"status":"running"'* ]]
	client 'c = attached(); c.send("input", b"x\n"); text, end = all(c); assert end["exitCode"] == 9, end'
	python3 -c '
import json, sys
e = json.load(open(sys.argv[1]))
assert e["exitCode"] == 9 and e["signal"] == 0 and not e["oomKilled"] and e["createdAt"] <= e["startedAt"] <= e["finishedAt"] and e["error"] == "", e' "$RT/state/c/exit.json"
	run monitor send "$RT/state/c" state # it is gone, and says so by not being there
	[ "$status" != 0 ]
}

@test "clients are told that memory ran out when it does, not only at the end" {
	bundle sh -c 'read x; tail -c 190000000 /dev/zero; echo lives; read x'
	ln -s busybox "$RT/bundle/rootfs/bin/tail"
	cfg 'c["linux"]["resources"]["memory"] = {"limit": 16 << 20, "swap": 16 << 20}'
	job 'j["stdin"] = True'
	monitor start "$RT/job"
	run -0 client '
c = attached()
c.send("input", b"x\n")
kinds = []
while OOM not in kinds:
    kind, _, _ = c.receive()
    assert kind not in (None, EXITED), kinds
    kinds.append(kind)
print("told, and it lives")'
	[[ "$output" == *"told, and it lives"* ]]
	status_is c running
}
