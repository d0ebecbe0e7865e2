#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The machine of vm.bash with this host's systemd as its first process, which runs /test as its only service.
#
#   vm_systemd_root DIR    makes DIR/root; 1, and the reason in DIR/lacks, when something is not to be had

# The libraries of programs that are in the machine.
vm_libraries() { # root program...
	local root=$1 library
	shift
	for library in $(ldd "$@" | grep -o '/[^ ]*[^ :]' | sort -u); do
		[ -f "$library" ] || continue
		[ -e "$root$library" ] || { mkdir -p "$root$(dirname "$library")" && cp -L "$library" "$root$library"; }
	done
}

vm_systemd_root() {
	local dir=$1 root=$1/root name here
	here=$(dirname "${BASH_SOURCE[0]}")
	command -v qemu-system-x86_64 >/dev/null || { echo "qemu-system-x86_64 is not installed" >"$dir/lacks"; return 1; }
	[ -x /lib/systemd/systemd ] || { echo "systemd is not installed" >"$dir/lacks"; return 1; }
	vm_kernel "$CUBE_BUILD/vm-kernel" || { echo "the package linux-image-cloud-amd64 cannot be had" >"$dir/lacks"; return 1; }
	vm_root "$root"
	cp "$here/vm_systemd_init.sh" "$root/init"
	mkdir -p "$root"/{lib/systemd,etc/systemd/system,usr/bin}
	cp /lib/systemd/systemd /lib/systemd/systemd-executor /lib/systemd/systemd-cgroups-agent "$root/lib/systemd/" 2>/dev/null || true
	cp "$(command -v systemctl)" "$root/bin/"
	vm_libraries "$root" /lib/systemd/systemd "$root/bin/systemctl"
	for name in cat grep ls mkdir sed sleep tr wc poweroff mount umount head chown chmod cut mv env id touch rm; do
		ln -sf busybox "$root/bin/$name"
	done
	echo 00000000000000000000000000000001 >"$root/etc/machine-id"
	printf '[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart=/test\n' >"$root/etc/systemd/system/test.service"
	printf '[Unit]\nDefaultDependencies=no\nWants=test.service\n' >"$root/etc/systemd/system/default.target"
	python3 "$here/vm_systemd_bundle.py" "$root/bundles"
}
