#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# checkpoint and restore through criu. This host's kernel may lack what criu needs, so the machine of vm.bash runs it, with this
# host's criu in its initramfs; what is decided before criu is called is seen here.

bats_require_minimum_version 1.5.0

setup_file() {
	load runtime.bash
	load vm.bash
	load vm_criu.bash
	export VM_DIR VM_CPUS=1
	VM_DIR=$(mktemp -d "${TMPDIR:-/tmp}/cube-vm.XXXXXX")
	command -v qemu-system-x86_64 >/dev/null || { echo "qemu-system-x86_64 is not installed" >"$VM_DIR/lacks"; return 0; }
	command -v criu >/dev/null || { echo "criu is not installed" >"$VM_DIR/lacks"; return 0; }
	vm_kernel "$CUBE_BUILD/vm-linux" || { echo "the package linux-image-amd64 cannot be had" >"$VM_DIR/lacks"; return 0; }
	vm_root "$VM_DIR/root"
	add_criu "$VM_DIR/root"
	vm_pack "$VM_DIR/root"
	# they wait more than they compute
	vm_boot "$VM_DIR/root" "$VM_DIR/log" 3>&- &
	VM_APPEND=vm_part=more vm_boot "$VM_DIR/root" "$VM_DIR/more" 3>&- &
	VM_CGROUPS=1 vm_boot "$VM_DIR/root" "$VM_DIR/v1" 3>&- &
	wait
}

teardown_file() { rm -rf "$VM_DIR"; }

setup() {
	load runtime.bash
	rt_begin
}
teardown() { rt_end; }

add_criu() {
	local dir=$1 name to
	cp "$BATS_TEST_DIRNAME/vm_checkpoint.sh" "$dir/init"
	cp "$BATS_TEST_DIRNAME/vm_checkpoint_more.sh" "$dir/more.sh"
	vm_criu "$dir"
	for name in ip wc touch nc mkdir mkfifo id; do ln -sf busybox "$dir/rootfs/bin/$name"; done
	for to in "$dir" "$dir/rootfs"; do # busybox has none
		cp "$(command -v flock)" "$to/bin/"
		cp -r --parents $(ldd "$(command -v flock)" | grep -o '/[^ ]*') -L "$to/"
	done
	# a service manager's ear: what arrives at the socket, a datagram a line of the file
	gcc -static -x c -o "$dir/bin/hear" - <<-'C'
	#include <stdio.h>
	#include <string.h>
	#include <sys/socket.h>
	#include <sys/un.h>
	int main(int argc, char **argv)
	{
		struct sockaddr_un own = { AF_UNIX };
		int sock = socket(AF_UNIX, SOCK_DGRAM, 0);
		FILE *file = fopen(argv[2], "w");
		char text[4096];
		long got;

		strncpy(own.sun_path, argv[1], sizeof(own.sun_path) - 1);
		if (bind(sock, (void *)&own, sizeof(own)) < 0)
			return 1;
		while ((got = recv(sock, text, sizeof(text), 0)) >= 0) {
			fprintf(file, "%.*s\n", (int)got, text);
			fflush(file);
		}
		return 0;
	}
	C
	rm -rf "$dir/bundles" && mkdir "$dir/bundles"
	"$CUBE_OCI" spec -b "$dir/bundles"
	python3 "$BATS_TEST_DIRNAME/vm_checkpoint_bundles.py" "$dir/bundles"
}

passed() {
	local name
	[ ! -e "$VM_DIR/lacks" ] || skip "$(cat "$VM_DIR/lacks")"
	tr -d '\r' <"$VM_DIR/${LOG:-log}" >"$VM_DIR/text"
	for name in "$@"; do
		grep -aq "^ok $name$" "$VM_DIR/text" || { grep -a "^not ok $name" "$VM_DIR/text"; tail -n 60 "$VM_DIR/text"; return 1; }
	done
}

@test "checkpoint: ends the container and keeps its processes as images; --leave-running and --pre-dump let it run" {
	passed leave-running leave-running-goes-on pre-dump checkpoint checkpoint-poststop descriptors parent-is-used checkpoint-paused
	! grep -aq '^not ok' "$VM_DIR/text"
}
@test "restore: the program goes on where it was, in its cgroups, namespaces and mounts, with hooks and stdio" {
	passed restore restore-goes-on restore-pid restore-limits restore-hook restore-output restore-exec restore-loopback restore-mounts \
		restore-own-mounts restore-pause restore-delete
	[ "$(grep -ac '^ok restore' "$VM_DIR/text")" -ge 12 ]
}
@test "restore: into the network namespace that the container had joined" { passed network-checkpoint network-is-the-same network-goes-on; }
@test "restore: a terminal, in the foreground" { passed console-checkpoint console-restore console-output console-foreground; }
@test "restore: in the foreground, on pipes, under another name" { passed foreground-stdio foreground-other-id; }
@test "checkpoint, restore: what criu refuses is told with its log, and leaves things as they were" {
	passed restore-fails restore-fails-leaves-nothing checkpoint-fails nothing-left
	grep -q '^guest done' "$VM_DIR/text"
}
@test "restore: in a user namespace" { LOG=more passed user-checkpoint user-restore user-ids; }
@test "checkpoint, restore: established connections, with the flag alone" { LOG=more passed tcp-refused tcp-checkpoint tcp-restore tcp-goes-on; }
@test "checkpoint, restore: file locks, with the flag alone" { LOG=more passed locks-refused locks-checkpoint locks-restore locks-held; }
@test "restore: a container with a notify socket has it again, and is ready" { LOG=more passed notify-checkpoint notify-restore notify-ready notify-mount; }
@test "restore: into another cgroup, with a program of an exec" { LOG=more passed elsewhere-checkpoint elsewhere-cgroup elsewhere-moved elsewhere-later; }
@test "checkpoint: pages go to a page server; restore: from them" { LOG=more passed pages-elsewhere pages-checkpoint pages-restore; }
@test "checkpoint, restore: pages are fetched as they are touched" { LOG=more passed lazy-waits lazy-restore lazy-ends; }
@test "checkpoint, restore: a runtime killed at any moment leaves nothing that delete --force does not clear up" {
	LOG=more passed killed-checkpoint killed-restore more-nothing-left
	grep -q '^guest done' "$VM_DIR/text"
}
@test "checkpoint, restore: with cgroup v1" {
	LOG=v1 passed v1-checkpoint v1-restore v1-limits v1-cgroups v1-pause v1-delete
	grep -q '^guest done' "$VM_DIR/text"
}
@test "checkpoint, restore: refused before criu is called" {
	bundle sleep 100
	(cd "$RT/bundle" && oci create c 3>&- </dev/null >/dev/null)
	run -1 oci checkpoint c
	[ "$output" = "cube-oci: Container cannot be checkpointed in created state" ]
	oci start c
	run -1 oci --criu nosuch-criu checkpoint --image-path "$RT/image" c
	[ "$output" = "cube-oci: criu: executable file nosuch-criu not found: install criu" ]
	[ ! -e "$RT/image" ]
	status_is c running
	run -1 oci --criu nosuch-criu restore --image-path "$RT/image" -b "$RT/bundle" d
	[[ "$output" == *"not found: install criu" ]]
	for flags in "--page-server host" "--page-server :1" "--page-server a:b" "--manage-cgroups-mode odd" "--empty-ns user" "--parent-path /abs" \
		"--parent-path nosuch" "--status-fd 77" "--status-fd x"; do
		run -1 oci checkpoint --image-path "$RT" $flags c
		[ "${#lines[@]}" = 1 ]
		[[ "$output" == *"${flags%% *}"* ]]
	done
	oci kill c KILL
	wait_for 5 status_is c stopped
	run -1 oci checkpoint c
	[ "$output" = "cube-oci: Container cannot be checkpointed in stopped state" ]
	oci delete c
	run -1 oci restore --image-path "$RT/nosuch" -b "$RT/bundle" d
	[[ "$output" == *"--image-path $RT/nosuch"* ]]
	[ ! -e "$RT/state/d" ]
}
