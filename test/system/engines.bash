# SPDX-License-Identifier: Apache-2.0
# Other people's engines with cube-oci as their runtime, for engines.bats: a place with a network and mount namespace, data folders
# and a cgroup parent of its own, in which containerd, dockerd and podman run. engines_end takes all of it away.
#
#   ENGINES      the place's folder
#   ENGINES_PID  the process that holds the namespaces
# inside CMD... runs a command there; dock, pod and ct ARGS... are the engines' own clients.

# shellcheck source=test/system/wait.bash
. "${BASH_SOURCE[0]%/*}/wait.bash"

CUBE_BUILD=${CUBE_BUILD:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../../build-release" && pwd)}
CUBE_OCI=$CUBE_BUILD/src/main/cube-oci

inside() { nsenter --target "$ENGINES_PID" --net --mount -- "$@"; }

# An image that is busybox alone, as a root file system in a tar archive.
engines_image() {
	local root=$ENGINES/image name
	mkdir -p "$root"/{bin,tmp,etc,root}
	cp "$(command -v busybox)" "$root/bin/busybox"
	for name in $("$root/bin/busybox" --list); do ln -s busybox "$root/bin/$name" 2>/dev/null || true; done
	echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
	printf 'nobody:x:65534:65534::/:/bin/false\n' >>"$root/etc/passwd"
	tar -C "$root" -cf "$ENGINES/image.tar" .
}

engines_configure() {
	mkdir -p "$ENGINES"/{containerd,docker,podman,out}
	cat >"$ENGINES/containerd/config.toml" <<-X
	version = 2
	root = "$ENGINES/containerd/root"
	state = "$ENGINES/containerd/state"
	disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]
	[grpc]
	address = "$ENGINES/containerd/sock"
	X
	cat >"$ENGINES/podman/containers.conf" <<-X
	[containers]
	log_driver = "k8s-file"
	default_sysctls = []
	default_ulimits = ["nofile=1024:4096", "nproc=4096:4096"]
	[engine]
	cgroup_manager = "cgroupfs"
	events_logger = "file"
	tmp_dir = "$ENGINES/podman/tmp"
	X
	printf '[storage]\ndriver = "vfs"\nrunroot = "%s"\ngraphroot = "%s"\n' "$ENGINES/podman/run" "$ENGINES/podman/root" >"$ENGINES/podman/storage.conf"
}

engines_begin() {
	ENGINES=$(mktemp -d "${TMPDIR:-/tmp}/cube-engines.XXXXXX")
	ENGINES_CGROUP=/cube-test-${ENGINES##*.}
	engines_image
	engines_configure
	unshare --net --mount --propagation private sh -c '
		mkdir -p /var/lib/docker /var/lib/containerd /var/lib/containers
		mount -t tmpfs own /run && mkdir -p /run/lock && mount -t tmpfs own /var/lib/containers && ip link set lo up
		# what others left in the folder of the hierarchies without being one misleads the engines
		mkdir "$0/cgroup" && mount -t tmpfs own "$0/cgroup"
		for tree in $(grep -o " /sys/fs/cgroup/[^ ]*" /proc/self/mounts); do
			mkdir "$0/cgroup/${tree##*/}" && mount --bind "$tree" "$0/cgroup/${tree##*/}"
		done
		mount --move "$0/cgroup" /sys/fs/cgroup
		echo ready >"$0/out/namespace"
		exec sleep infinity' "$ENGINES" </dev/null >/dev/null 2>"$ENGINES/out/namespace.err" 3>&- &
	ENGINES_PID=$!
	wait_for 5 test -s "$ENGINES/out/namespace" || { cat "$ENGINES/out/namespace.err"; return 1; }
	export ENGINES ENGINES_PID ENGINES_CGROUP
}

containerd_begin() {
	inside containerd -c "$ENGINES/containerd/config.toml" >"$ENGINES/out/containerd" 2>&1 </dev/null 3>&- &
	echo $! >"$ENGINES/containerd/pid"
	wait_for 20 test -S "$ENGINES/containerd/sock" || { tail -n 20 "$ENGINES/out/containerd"; return 1; }
}

dockerd_begin() {
	inside dockerd --containerd "$ENGINES/containerd/sock" --data-root "$ENGINES/docker/root" --exec-root "$ENGINES/docker/run" \
		-p "$ENGINES/docker/dockerd.pid" -H "unix://$ENGINES/docker/sock" --storage-driver vfs --bridge none --iptables=false \
		--ip6tables=false --ip-forward=false --ip-masq=false --add-runtime "cube=$CUBE_OCI" --cgroup-parent "$ENGINES_CGROUP" \
		--exec-opt native.cgroupdriver=cgroupfs >"$ENGINES/out/dockerd" 2>&1 </dev/null 3>&- &
	echo $! >"$ENGINES/docker/pid"
	wait_for 20 dock version >/dev/null 2>&1 || { tail -n 20 "$ENGINES/out/dockerd"; return 1; }
}

dock() { inside docker -H "unix://$ENGINES/docker/sock" "$@"; }
# run and create, with the runtime under test
dock_run() { dock run --runtime cube --network none "$@"; }
pod() {
	inside env CONTAINERS_CONF="$ENGINES/podman/containers.conf" CONTAINERS_STORAGE_CONF="$ENGINES/podman/storage.conf" \
		HOME="$ENGINES/podman" podman --runtime "$CUBE_OCI" "$@"
}
pod_run() { pod run --network none --cgroup-parent "$ENGINES_CGROUP" "$@"; }
ct() { inside ctr -a "$ENGINES/containerd/sock" -n test "$@"; }
ct_run() { ct run --snapshotter native --runc-binary "$CUBE_OCI" --cgroup "$ENGINES_CGROUP/ctr" "$@"; }

end_daemon() { # pid file
	local pid
	pid=$(cat "$1" 2>/dev/null) || return 0
	kill "$pid" 2>/dev/null || return 0
	wait_for 15 not_running "$pid" || kill -9 "$pid"
}
not_running() { ! kill -0 "$1" 2>/dev/null; }

# What is left in the place's cgroups: processes of containers and monitors that a failed test did not end.
engines_kill() {
	local procs
	for procs in $(find /sys/fs/cgroup -path "*$ENGINES_CGROUP*" -name cgroup.procs 2>/dev/null); do xargs -r kill -9 <"$procs" 2>/dev/null || true; done
}

engines_end() {
	[ -n "${ENGINES:-}" ] || return 0
	local pid own
	end_daemon "$ENGINES/docker/pid"
	end_daemon "$ENGINES/containerd/pid"
	engines_kill
	own=$(readlink "/proc/$ENGINES_PID/ns/mnt")
	for pid in /proc/[0-9]*; do # shims and monitors that are left
		[ "${pid#/proc/}" = "$ENGINES_PID" ] || [ "$(readlink "$pid/ns/mnt" 2>/dev/null)" != "$own" ] || kill -9 "${pid#/proc/}" 2>/dev/null || true
	done
	kill "$ENGINES_PID" 2>/dev/null
	for pid in 1 2 3 4 5; do
		find /sys/fs/cgroup -depth -type d -path "*$ENGINES_CGROUP*" -exec rmdir {} + 2>/dev/null
		[ -n "$(find /sys/fs/cgroup -type d -path "*$ENGINES_CGROUP*" -print -quit 2>/dev/null)" ] || break
		sleep 0.2
	done
	rm -rf --one-file-system "$ENGINES"
}
