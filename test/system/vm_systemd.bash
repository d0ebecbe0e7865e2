#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The machine of vm.bash with this host's systemd as its first process, which runs /test as its only service.
#
#   vm_systemd_root DIR    makes DIR/root; 1, and the reason in DIR/lacks, when something is not to be had
#   vm_systemd_bus ROOT    adds a bus daemon, not started
#   vm_systemd_user ROOT   adds vm-user.service, which is the instance of user 2000 and runs /test-user

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
	vm_kernel "$CUBE_BUILD/vm-linux" || { echo "the package linux-image-amd64 cannot be had" >"$dir/lacks"; return 1; }
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

vm_systemd_bus() {
	local root=$1 units=$1/etc/systemd/system
	cp "$(command -v dbus-daemon)" "$root/bin/" || return 0 # the machine says that it has none
	vm_libraries "$root" "$root/bin/dbus-daemon"
	printf '[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=/run/dbus/system_bus_socket\n' >"$units/dbus.socket"
	printf '[Unit]\nDefaultDependencies=no\nRequires=dbus.socket\n[Service]\nExecStart=/bin/dbus-daemon --config-file=/etc/bus.conf --address=systemd: %s\n' \
		"--nofork --nopidfile" >"$units/dbus.service"
	cat >"$root/etc/bus.conf" <<-'XML'
	<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
	<busconfig>
		<type>system</type>
		<listen>unix:path=/run/dbus/system_bus_socket</listen>
		<auth>EXTERNAL</auth>
		<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy>
	</busconfig>
	XML
}

vm_systemd_user() {
	local root=$1
	mkdir -p "$root/etc/systemd/user"
	printf 'root:x:0:0::/:/bin/sh\nuser:x:2000:2000::/tmp:/bin/sh\n' >"$root/etc/passwd"
	printf 'root:x:0:\nuser:x:2000:\n' >"$root/etc/group"
	printf '[Unit]\nDefaultDependencies=no\n[Service]\nUser=2000\nGroup=2000\nSlice=user.slice\nDelegate=yes\nType=notify\n%s\n%s\n' \
		"Environment=XDG_RUNTIME_DIR=/run/user/2000 HOME=/tmp PATH=/bin" "ExecStart=/lib/systemd/systemd --user" >"$root/etc/systemd/system/vm-user.service"
	printf '[Unit]\nDefaultDependencies=no\nWants=test.service\n' >"$root/etc/systemd/user/default.target"
	printf '[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/test-user\nStandardOutput=file:/tmp/user.out\nStandardError=inherit\n' \
		>"$root/etc/systemd/user/test.service"
}
