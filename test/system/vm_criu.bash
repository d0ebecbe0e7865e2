#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What criu needs in a machine of vm.bash: this host's criu and tar with their libraries, and the kernel's modules by which it looks at
# sockets and locks the network, as /lib/diag/NUMBER.ko in the order in which they need each other.
#
#   vm_criu DIR

vm_criu() {
	local dir=$1 library module number=10
	rm -f "$dir/bin/tar"
	cp "$(command -v criu)" "$(command -v tar)" "$dir/bin/" # it packs tmpfs with tar's own options
	for library in $(ldd "$dir/bin/criu" "$dir/bin/tar" | grep -o '/[^ ]*[^ :]'); do
		[ -f "$library" ] || continue
		[ -e "$dir$library" ] || { mkdir -p "$dir$(dirname "$library")" && cp -L "$library" "$dir$library"; }
	done
	mkdir -p "$dir/lib/diag"
	for module in crypto/crc32c_generic net/ipv4/{inet,tcp,udp,raw}_diag net/unix/unix_diag net/packet/af_packet_diag net/netlink/netlink_diag \
		lib/libcrc32c net/netfilter/{nfnetlink,nf_tables} net/ipv{4/netfilter/nf_defrag_ipv4,6/netfilter/nf_defrag_ipv6} \
		net/netfilter/nf_conntrack{,_netlink}; do
		number=$((number + 1))
		vm_module "$module" "$dir/lib/diag/$number.ko" || true # some are part of the kernel
	done
}
