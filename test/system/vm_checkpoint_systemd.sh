#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# In the machine of checkpoint_systemd.bats, as systemd's only service: a checkpoint ends the unit, a restore has one of its own.
export PATH=/bin
exec >/dev/ttyS0 2>&1
U=machine-test.slice
G=/sys/fs/cgroup/machine.slice/$U
busybox mkdir -p /dev/pts /tmp/counter
busybox ln -s busybox /bin/gzip # criu's tar calls it
busybox mount -t devpts -o ptmxmode=666 x /dev/pts
for module in /lib/diag/*.ko; do busybox insmod $module; done

oci() { cube-oci --root /run/cube-oci --systemd-cgroup "$@"; }
check() { # name got wanted
	if [ "$2" = "$3" ]; then echo "ok $1"; else echo "not ok $1: got '$2', wanted '$3'" | tr '\n' ' '; echo; fi
}
property() { systemctl show -P $2 $1; }
last() { busybox tail -n 1 /tmp/counter/n; }
until_more() { # than a number
	local left=100
	until [ "$(last 2>/dev/null || echo 0)" -gt "$1" ] || [ $((left = left - 1)) = 0 ]; do sleep 0.2; done
	[ "$(last)" -gt "$1" ]
}

cd /bundles/a
echo 0 >/tmp/counter/n
(oci run -d a </dev/null 2>&1 | cat >/tmp/a.out) &
until_more 3 || cat /tmp/a.out
check systemd-unit "$(property cube-a.scope ActiveState)" active
oci checkpoint --image-path /tmp/image --work-path /tmp/work a
check systemd-checkpoint "$? $(property cube-a.scope LoadState) $(ls -d $G/cube-a.scope 2>/dev/null)" "0 not-found "
before=$(last)
(oci restore -d --image-path /tmp/image --work-path /tmp/work --pid-file /tmp/pid a </dev/null 2>&1 | cat >/tmp/a.out) &
until_more $before || { cat /tmp/a.out; grep -E 'Error|Warn' /tmp/work/*.log | busybox tail -n 20; }
check systemd-restore "$([ "$(last)" -gt $before ] && [ "$(last)" -lt $((before + 500)) ] && echo counts on) $(property cube-a.scope ActiveState)" "counts on active"
check systemd-cgroup "$(cut -d: -f3 /proc/$(cat /tmp/pid)/cgroup)" "/machine.slice/$U/cube-a.scope"
check systemd-properties "$(property cube-a.scope MemoryMax) $(cat $G/cube-a.scope/memory.max) $(property cube-a.scope TasksMax)" "33554432 33554432 20"
# not the process that kept the unit's place meanwhile
check systemd-own-processes "$(for pid in $(cat $G/cube-a.scope/cgroup.procs); do cat /proc/$pid/comm; done | grep -cvE '^(sh|sleep)$')" 0
oci delete -f a
check systemd-delete "$(property cube-a.scope LoadState) $(ls -d $G/cube-a.scope 2>/dev/null) $(oci list -q)" "not-found  "
echo "guest done"
sync
poweroff -f
