#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# linux.netDevices: devices of the host moved into the container. The host is a network namespace of the test's own.

bats_require_minimum_version 1.5.0
load runtime.bash

setup() {
	rt_begin
	unshare --net sleep 300 3>&- &
	HOST=$!
	wait_for 5 sh -c "[ \$(readlink /proc/$HOST/ns/net) != \$(readlink /proc/self/ns/net) ]"
	host ip link add out0 mtu 1400 type veth peer name peer0
	host ip link set out0 address 02:11:22:33:44:55 alias 'the outside'
	host ip addr add 10.9.8.7/24 brd 10.9.8.255 dev out0
	host ip addr add 10.9.9.7/16 dev out0
	host ip addr add fd00:9::7/64 nodad dev out0
	host ip addr add 169.254.3.3/16 scope link dev out0
	host ip link set out0 up
	host ip link set peer0 up
}

teardown() {
	rt_end
	kill "$HOST" 2>/dev/null || true
}

host() { nsenter --target "$HOST" --net -- "$@"; }
hoci() { host "$CUBE_OCI" --root "$RT/state" "$@"; }
# in the container, with the host's ip
seen() { nsenter --target "$(oci state c | jq .pid)" --net -- ip -j "$@"; }
start() { (cd "$RT/bundle" && hoci run -d c >"$RT/out" 2>&1 </dev/null 3>&-) || { cat "$RT/out"; return 1; }; }

@test "[W07] net devices: moved and renamed with MTU, address and alias, global addresses added again, up" {
	bundle sleep 100
	cfg 'c["linux"]["netDevices"] = {"out0": {"name": "eth7"}}; c["linux"]["sysctl"] = {"net.ipv4.conf.eth7.forwarding": "1"}'
	start
	run -0 seen link show eth7
	[ "$(jq -r '.[0] | "\(.mtu) \(.address) \(.ifalias) \(.flags | index("UP") != null)"' <<<"$output")" = "1400 02:11:22:33:44:55 the outside true" ]
	run -0 seen addr show eth7
	[ "$(jq -r '[.[0].addr_info[] | select(.scope == "global") | "\(.local)/\(.prefixlen) \(.broadcast)"] | join(" ")' <<<"$output")" = \
		"10.9.8.7/24 10.9.8.255 10.9.9.7/16 null fd00:9::7/64 null" ]
	[[ "$output" != *169.254.3.3* ]]
	run -0 oci exec c cat /proc/sys/net/ipv4/conf/eth7/forwarding
	[ "$output" = 1 ]
	run -1 host ip link show out0
	host ip addr add 10.9.8.1/24 dev peer0
	host busybox ping -c 1 -W 2 10.9.8.7
	oci delete -f c
}

@test "net devices: in a namespace that is joined, before hooks, kept by name; a taken name is refused" {
	local joined
	unshare --net sleep 300 3>&- &
	joined=$!
	wait_for 5 sh -c "[ \$(readlink /proc/$joined/ns/net) != \$(readlink /proc/self/ns/net) ]"
	bundle sleep 100
	cfg "[n.update(path='/proc/$joined/ns/net') for n in c['linux']['namespaces'] if n['type'] == 'network']
c['linux']['netDevices'] = {'out0': {}}
c['hooks'] = {'createRuntime': [{'path': '/bin/sh', 'args': ['sh', '-c', 'nsenter -t $joined -n ip link show out0 >$RT/hook']}]}"
	start
	grep -q out0 "$RT/hook"
	seen addr show out0 | grep -q 10.9.8.7
	oci delete -f c
	nsenter --target "$joined" --net -- ip link add peer0 type veth peer name other0
	cfg "c['linux']['netDevices'] = {'peer0': {}}; del c['hooks']"
	run -1 start
	[[ "$output" == *"linux.netDevices.peer0: move it as peer0: File exists"* ]]
	host ip link show peer0
	[ ! -e "$RT/state/c" ]
	kill "$joined"
}

@test "net devices: with a user namespace of its own; features tells" {
	bundle sleep 100
	cfg 'c["linux"]["namespaces"].append({"type": "user"}); c["linux"]["netDevices"] = {"out0": {}}
c["linux"]["uidMappings"] = c["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 1000}]'
	chown -R 100000:100000 "$RT/bundle/rootfs"
	start
	seen addr show out0 | grep -q fd00:9::7
	oci delete -f c
	[ "$(oci features | jq .linux.netDevices.enabled)" = true ]
}
