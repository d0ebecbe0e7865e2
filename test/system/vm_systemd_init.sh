#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# First process of the machines of vm_systemd.bash: moves everything to a tmpfs and becomes systemd.
B=/bin/busybox
$B mkdir /new
$B mount -t tmpfs -o size=300m x /new
for name in /bin /lib /lib64 /usr /etc /rootfs /bundles /test /test-user; do
	[ ! -e $name ] || $B cp -a $name /new/
done
$B mkdir -p /new/proc /new/sys /new/dev /new/tmp /new/run /new/var
$B mount -t devtmpfs x /new/dev
exec $B switch_root /new /lib/systemd/systemd
