# SPDX-License-Identifier: Apache-2.0
# A machine of its own for script/up and script/down, as far as they can tell: network and mount namespaces in which /etc, /run,
# /var/lib and /var/log are folders of the test that link to what the real ones hold. So the default paths are used, and all
# that is left behind in them is seen. place_begin makes it, place_end takes it away.
#
#   NODE_DIR, NODE_PID   as in node.bash, whose in_node, wait_for, same and has work here, too

SCRIPTS=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../script" && pwd)

place_begin() {
	NODE_DIR=$(mktemp -d "${TMPDIR:-/tmp}/cube-node.XXXXXX")
	NODE_CGROUP=/cube-test-${NODE_DIR##*.}
	mkdir -p "$NODE_DIR/out"
	unshare --net --mount --propagation private sh -c '
		set -eu
		for folder in etc run var/lib var/log; do
			mkdir -p "$0/real/$folder" "$0/own/$folder"
			mount --bind "/$folder" "$0/real/$folder"
			for entry in "/$folder"/*; do
				name=${entry##*/}
				case $name in cube | kubernetes | pods) continue ;; esac
				if [ -L "$entry" ]; then cp -P "$entry" "$0/own/$folder/"; else ln -s "$0/real/$folder/$name" "$0/own/$folder/$name"; fi
			done
		done
		for folder in etc run var/lib var/log; do mount --bind "$0/own/$folder" "/$folder"; done
		ip link set lo up
		ip link add outer0 type veth peer name outer1
		ip addr add 192.168.77.1/24 dev outer0
		ip link set outer0 up
		ip link set outer1 up
		echo 0 >/proc/sys/net/ipv4/ip_forward
		echo ready >"$0/out/namespace"
		exec sleep infinity' "$NODE_DIR" </dev/null >/dev/null 2>"$NODE_DIR/out/namespace.err" 3>&- &
	NODE_PID=$!
	wait_for 30 test -s "$NODE_DIR/out/namespace" || { cat "$NODE_DIR/out/namespace.err" >&2; return 1; }
}

place_end() {
	[ -n "${NODE_DIR:-}" ] || return 0
	if [ -n "${NODE_PID:-}" ] && kill -0 "$NODE_PID" 2>/dev/null; then
		down >>"$NODE_DIR/out/down.log" 2>&1 || cat "$NODE_DIR/out/down.log" >&2
		kill "$NODE_PID"
		wait "$NODE_PID" 2>/dev/null
	fi
	NODE_PID=
	if [ -n "${CUBE_TEST_KEEP:-}" ]; then echo "kept: $NODE_DIR" >&2; else rm -rf --one-file-system "$NODE_DIR"; fi
}

up() { in_node env -u KUBECONFIG HOME="$NODE_DIR/out" "$SCRIPTS/up" --no-setup --build "$CUBE_BUILD" --cgroup-root "$NODE_CGROUP" "$@" </dev/null 3>&-; }
down() { in_node env -u KUBECONFIG HOME="$NODE_DIR/out" "$SCRIPTS/down" --build "$CUBE_BUILD" --cgroup-root "$NODE_CGROUP" "$@" </dev/null 3>&-; }
k() { in_node env -u KUBECONFIG HOME="$NODE_DIR/out" kubectl --kubeconfig /etc/kubernetes/admin.conf "$@"; }

# Processes of the place: all whose network namespace is the place's, and those in its cgroups; without the one that holds it.
place_processes() {
	local own pid
	own=$(readlink "/proc/$NODE_PID/ns/mnt")
	for pid in /proc/[0-9]*; do
		[ "$(readlink "$pid/ns/mnt" 2>/dev/null)" = "$own" ] || grep -qs "$NODE_CGROUP" "$pid/cgroup" || continue
		! grep -qs '^State:.Z' "$pid/status" || continue # ended; when it is reaped is up to the machine
		pid=${pid#/proc/}
		[ "$pid" = "$NODE_PID" ] || printf '%s %s\n' "$pid" "$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)"
	done
}

# The end of everything that runs, as the power going off brings it, and what a boot finds: folders on disks alone.
place_power_off() {
	local pid
	while [ -n "$(place_processes)" ]; do
		for pid in $(place_processes | cut -d ' ' -f 1); do kill -9 "$pid" 2>/dev/null || true; done
		sleep 0.05
	done
	for pid in $(cut -d ' ' -f 2 "/proc/$NODE_PID/mounts" | grep -E '^/(var/lib|run)/cube/' | tac); do in_node umount -l "$pid"; done
	in_node ip link del cube0
	in_node nft flush ruleset
	in_node sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'
	rm -rf "$NODE_DIR/own/run/cube"
	for pid in /sys/fs/cgroup/*"$NODE_CGROUP" /sys/fs/cgroup"$NODE_CGROUP"; do [ ! -d "$pid" ] || find "$pid" -depth -type d -exec rmdir {} +; done
}

# All that script/up could leave behind.
place_snapshot() {
	echo "== processes"
	place_processes
	echo "== mounts"
	cut -d ' ' -f 2,3 "/proc/$NODE_PID/mounts"
	echo "== cgroups"
	find /sys/fs/cgroup -maxdepth 2 -path "*$NODE_CGROUP"
	echo "== links, addresses, routes, rules"
	in_node ip -o addr | sed -e 's/ *valid_lft.*//' -e 's/ tentative//' # of outer0, which is new
	in_node ip route
	in_node ip rule
	in_node nft list ruleset
	echo "== settings"
	in_node cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/all/rp_filter /proc/sys/net/ipv4/conf/default/accept_redirects
	echo "== files"
	(cd "$NODE_DIR/own" && find . | sort)
}
