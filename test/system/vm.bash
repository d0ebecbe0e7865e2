#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A small machine with cgroup v2 and nothing else, for cgroup_v2.bats: Debian's kernel in qemu's software emulation, with an
# initramfs that holds busybox, cube-oci, its libraries, bundles and vm_guest.sh, which runs the tests and prints TAP on the serial line.
# The kernel comes out of its package (the cloud's lacks rdma_rxe): nothing of it is installed here.
#
#   vm_kernel CACHE        sets VM_KERNEL and VM_MODULES; 1 when the package cannot be had
#   vm_module NAME FILE    the kernel's module NAME (fs/fuse/fuse) as FILE; 1 when there is none
#   vm_root DIR            fills DIR with what the machine sees
#   vm_devices DIR         adds modules by which the kernel has a disk with weights and an RDMA adapter
#   vm_profile FILE        makes FILE, an AppArmor profile for the kernel, from vm_apparmor.profile
#   vm_policy FILE         makes FILE, an SELinux policy, from vm_selinux.cil
#   vm_boot DIR LOG        boots it, and returns when it has switched itself off; VM_CGROUPS=1 boots it with v1 alone,
#                          VM_APPEND adds to the kernel's command line; VM_CPUS: 2, and where one does, it takes a quarter less time
#   vm_pack DIR            what vm_boot does first: for several machines at once
#   vm_passed LOG NAME...  whether these tests passed in it

HERE=$(dirname "${BASH_SOURCE[0]}")
VM_SECONDS=${VM_SECONDS:-400}

vm_kernel() {
	local cache=$1 package deb
	mkdir -p "$cache"
	if [ ! -e "$cache/done" ]; then
		apt-cache show linux-image-amd64 >/dev/null 2>&1 || apt-get update -q >&2 || return 1
		package=$(apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/.*Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1)
		[ -n "$package" ] || return 1
		(cd "$cache" && apt-get download -q "$package") >&2 || return 1
		deb=$(ls "$cache/$package"_*.deb) || return 1
		dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$cache" --wildcards './boot/vmlinuz-*' '*/kernel/block/*' '*/kernel/drivers/block/*' \
			'*/kernel/drivers/infiniband/*' '*/kernel/drivers/net/dummy*' '*/kernel/net/*' '*/kernel/crypto/crc32*' '*/kernel/lib/*' || return 1
		rm -f "$deb"
		vm_unpack "$cache"/boot/vmlinuz-* "$cache/vmlinux" || cp "$cache"/boot/vmlinuz-* "$cache/vmlinux"
		touch "$cache/done"
	fi
	VM_KERNEL=$cache/vmlinux
	VM_MODULES=$(find "$cache" -path '*/kernel/block' -type d) # the same place on Debian 12 and 13 but for /usr
	VM_MODULES=${VM_MODULES%/block}
	[ -n "$VM_MODULES" ]
}

# Emulated, the machine takes seconds to unpack its own kernel.
vm_unpack() { # image file
	python3 - "$1" "$2" <<-'PY'
	import lzma, sys
	magic = b"\xfd7zXZ\0"
	with open(sys.argv[1], "rb") as f:
	    image = f.read()
	at = image.find(magic)
	while at >= 0:
	    try:
	        kernel = lzma.LZMADecompressor().decompress(image[at:])
	        if kernel.startswith(b"\x7fELF"):
	            with open(sys.argv[2], "wb") as f:
	                f.write(kernel)
	            sys.exit(0)
	    except lzma.LZMAError:
	        pass # the bytes of code that looks for them
	    at = image.find(magic, at + 1)
	sys.exit(1)
	PY
}

vm_module() {
	local found
	found=$(ls "$VM_MODULES/$1".ko* 2>/dev/null) || return 1
	case "$found" in
	*.xz) xz -dc "$found" >"$2" ;;
	*) cp "$found" "$2" ;;
	esac
}

vm_root() {
	local dir=$1 name library
	mkdir -p "$dir"/{bin,proc,sys,dev,tmp,run,lib,rootfs/bin,rootfs/proc,rootfs/sys,rootfs/dev,rootfs/tmp,bundles}
	cp "$(command -v busybox)" "$dir/bin/busybox"
	cp "$(command -v busybox)" "$dir/rootfs/bin/busybox"
	for name in sh cat sleep true echo head dd mknod grep tail tr ls; do
		ln -s busybox "$dir/rootfs/bin/$name"
	done
	ln -s busybox "$dir/bin/sh"
	cp "$CUBE_OCI" "$dir/bin/cube-oci"
	for library in $(ldd "$CUBE_OCI" | grep -o '/[^ ]*'); do
		mkdir -p "$dir$(dirname "$library")"
		cp -L "$library" "$dir$library"
	done
	cp "$HERE/vm_guest.sh" "$dir/init"
	cp "$HERE/vm_guest_v1.sh" "$dir/guest_v1.sh"
	cp "$HERE/vm_nested.sh" "$dir/nested.sh"
	chmod 755 "$dir/init"
	"$CUBE_OCI" spec -b "$dir/bundles"
	python3 "$HERE/vm_bundles.py" "$dir/bundles"
	python3 "$HERE/oci_fields.py" bundles "$dir/bundles" "${VM_CGROUPS:-2}"
}

# A disk with a scheduler that knows weights, and an RDMA adapter that needs no hardware.
vm_devices() {
	local dir=$1 name number=10 library
	mkdir -p "$dir/lib/devices"
	for name in crypto/crc32_generic drivers/block/loop drivers/net/dummy block/bfq net/ipv4/udp_tunnel net/ipv6/ip6_udp_tunnel drivers/infiniband/core/{ib_core,ib_uverbs} \
		drivers/infiniband/sw/rxe/rdma_rxe; do
		number=$((number + 1))
		vm_module "$name" "$dir/lib/devices/$number.ko" || return 1
	done
	cp "$(command -v rdma)" "$dir/bin/"
	for library in $(ldd "$dir/bin/rdma" | grep -o '/[^ ]*'); do
		[ -e "$dir$library" ] || { mkdir -p "$dir$(dirname "$library")" && cp -L "$library" "$dir$library"; }
	done
}

vm_profile() {
	apparmor_parser --skip-kernel-load --skip-cache --policy-features /etc/apparmor.d/abi/3.0 \
		--features-file /etc/apparmor.d/abi/3.0 -I /etc/apparmor.d --ofile "$1" "$HERE/vm_apparmor.profile" >&2
}

vm_policy() { secilc -c 33 -o "$1" -f /dev/null "$HERE/vm_selinux.cil" >&2; } # the version that Debian 12's kernel reads

vm_pack() { (cd "$1" && find . | busybox cpio -o -H newc) >"$1.cpio" 2>/dev/null; } # unpacking is slow where it is emulated

vm_boot() {
	local dir=$1 log=$2
	[ -e "$dir.cpio" ] || vm_pack "$dir"
	timeout -k 5 "$VM_SECONDS" qemu-system-x86_64 -accel tcg -cpu max -m 384 -smp "${VM_CPUS:-2}" -display none -nodefaults -no-user-config \
		-no-reboot -serial "file:$log" -kernel "$VM_KERNEL" -initrd "$dir.cpio" \
		-append "console=ttyS0 quiet panic=-1 no_timer_check $([ "${VM_CGROUPS:-2}" = 1 ] || echo cgroup_no_v1=all) mitigations=off ${VM_APPEND:-}" </dev/null
}

# The machine of this log got to its end, and these tests in it passed.
vm_passed() { # log name...
	local log=$1 name
	shift
	tr -d '\r' <"$log" >"$log.text"
	for name in "$@"; do
		grep -aq "^ok $name$" "$log.text" || { grep -a "^not ok $name" "$log.text" || tail -n 40 "$log.text"; return 1; }
	done
	grep -aq '^guest done' "$log.text" || { tail -n 20 "$log.text"; return 1; }
}
