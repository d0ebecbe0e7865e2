#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# --systemd-cgroup where systemd is the first process: the small machine of vm.bash with this host's systemd in its initramfs.

bats_require_minimum_version 1.5.0

setup_file() {
	load runtime.bash
	load vm.bash
	export VM_DIR
	VM_DIR=$(mktemp -d "${TMPDIR:-/tmp}/cube-vm.XXXXXX")
	command -v qemu-system-x86_64 >/dev/null || { echo "qemu-system-x86_64 is not installed" >"$VM_DIR/lacks"; return 0; }
	[ -x /lib/systemd/systemd ] || { echo "systemd is not installed" >"$VM_DIR/lacks"; return 0; }
	vm_kernel "$CUBE_BUILD/vm-kernel" || { echo "the package linux-image-cloud-amd64 cannot be had" >"$VM_DIR/lacks"; return 0; }
	vm_root "$VM_DIR/root"
	add_systemd "$VM_DIR/root"
	vm_boot "$VM_DIR/root" "$VM_DIR/log"
}

teardown_file() { rm -rf "$VM_DIR"; }

setup() {
	load runtime.bash
	[ ! -e "$VM_DIR/lacks" ] || skip "$(cat "$VM_DIR/lacks")"
}

add_systemd() {
	local dir=$1 name library
	cp "${BATS_TEST_DIRNAME}/vm_systemd.sh" "$dir/init"
	mkdir -p "$dir/lib/systemd" "$dir/etc/systemd/system" "$dir/bundles" "$dir/usr/bin"
	cp /lib/systemd/systemd /lib/systemd/systemd-executor "$dir/lib/systemd/" 2>/dev/null || true
	cp "$(command -v systemctl)" "$dir/bin/"
	for library in $(ldd /lib/systemd/systemd "$dir/bin/systemctl" | grep -o '/[^ ]*[^ :]' | sort -u); do
		[ -f "$library" ] || continue
		[ -e "$dir$library" ] || { mkdir -p "$dir$(dirname "$library")" && cp -L "$library" "$dir$library"; }
	done
	for name in cat grep ls mkdir sed sleep tr wc poweroff mount umount head; do
		ln -sf busybox "$dir/bin/$name"
	done
	echo 00000000000000000000000000000001 >"$dir/etc/machine-id"
	printf '[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart=/init\n' >"$dir/etc/systemd/system/test.service"
	printf '[Unit]\nDefaultDependencies=no\nWants=test.service\n' >"$dir/etc/systemd/system/default.target"
	python3 "${BATS_TEST_DIRNAME}/vm_systemd_bundle.py" "$dir/bundles"
}

passed() {
	local name
	tr -d '\r' <"$VM_DIR/log" >"$VM_DIR/text"
	for name in "$@"; do
		grep -aq "^ok $name$" "$VM_DIR/text" || { grep -a "^not ok $name" "$VM_DIR/text" || tail -n 40 "$VM_DIR/text"; return 1; }
	done
}

@test "systemd: the container's cgroup is a scope with its properties, and its files say the same" { passed create unit-active unit-slice unit-properties annotations files one-process state; }
@test "systemd: a unit that somebody else has is left alone" { passed twice unit-taken; }
@test "systemd: limits and device rules outlive a reload" { passed reload-keeps-limits devices; }
@test "systemd: a limit of one process is the container's alone" { passed one-process-limit; }
@test "systemd: update changes the unit and the files; pause freezes" { passed update pause; }
@test "systemd: running out of memory, delete and delete --force leave no unit and no cgroup" {
	passed out-of-memory delete force nothing-left
	grep -q '^guest done' "$VM_DIR/text"
}
@test "systemd: a cgroupsPath that is not slice:prefix:name is refused" { passed bad-path; }
@test "systemd: without it --systemd-cgroup ends in one line and makes nothing" {
	[ ! -d /run/systemd/system ] || skip "systemd runs here"
	local dir=$BATS_TEST_TMPDIR
	"$CUBE_OCI" spec -b "$dir"
	run "$CUBE_OCI" --root "$dir/state" --systemd-cgroup run -b "$dir" x
	[ "$status" = 1 ] && [ "${#lines[@]}" = 1 ]
	[[ $output == *"systemd not running on this host"* ]]
	[ ! -e "$dir/state/x" ]
}
