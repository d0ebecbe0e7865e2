#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# In the machine of systemd_v1.bats, as systemd's only service: the systemd cgroup manager on hosts with cgroup v1, alone or
# (hybrid) with a v2 tree beside it. Prints "ok NAME" or "not ok NAME: why".
export PATH=/bin
exec >/dev/ttyS0 2>&1
U=machine-test.slice
C=/sys/fs/cgroup
P=machine.slice/$U/cube-a.scope

oci() { cube-oci --root /run/cube-oci --systemd-cgroup "$@"; }
check() { # name got wanted
	if [ "$2" = "$3" ]; then echo "ok $1"; else echo "not ok $1: got '$2', wanted '$3'" | tr '\n' ' '; echo; fi
}
property() { systemctl show -P $2 $1; }
bundle() { # name
	mkdir -p /bundles/$1
	sed "s#\"linux\": {#\"linux\": { \"cgroupsPath\": \"$U:cube:$1\",#" /bundles/systemd.json >/bundles/$1/config.json
}

unified=$(grep -c " $C/unified cgroup2 " /proc/mounts)
check mode "$(grep -c " $C/memory cgroup " /proc/mounts) $unified" "1 $(grep -c 'legacy_systemd_cgroup_controller=0' /proc/cmdline)"
bundle a
cd /bundles/a
oci create a >/tmp/a.out 2>&1 </dev/null
check create $? 0
cat /tmp/a.out
check unit "$(property cube-a.scope ActiveState) $(property cube-a.scope Slice) $(property cube-a.scope ControlGroup)" "active $U /$P"
check properties "$(for p in MemoryLimit TasksMax CPUShares CPUQuotaPerSecUSec Delegate DevicePolicy; do property cube-a.scope $p; done | tr '\n' ' ')" \
	"33554432 20 1024 500ms yes strict "
check files "$(cat $C/memory/$P/memory.limit_in_bytes $C/memory/$P/memory.soft_limit_in_bytes $C/pids/$P/pids.max $C/cpu/$P/cpu.shares $C/cpu/$P/cpu.cfs_quota_us \
	$C/cpuset/$P/cpuset.cpus | tr '\n' ' ')" "33554432 1048576 20 1024 50000 0 "
for h in memory pids cpu cpuset devices freezer systemd $([ $unified = 0 ] || echo unified); do
	[ "$(wc -l <$C/$h/$P/cgroup.procs)" = 1 ] || echo "not in $h"
done >/tmp/joined
check joined "$(cat /tmp/joined)" ""
oci start a
check state "$(oci state a | grep -c '"running"')" 1
systemctl daemon-reload
check reload "$(cat $C/memory/$P/memory.limit_in_bytes $C/pids/$P/pids.max $C/cpuset/$P/cpuset.cpus | tr '\n' ' ') $(wc -l <$C/cpuset/$P/cgroup.procs)" \
	"33554432 20 0  1"
check devices "$(oci exec a sh -c 'echo x >/dev/null && echo fine; mknod /tmp/k c 1 11; (echo x >/tmp/k) 2>/dev/null || echo denied' | tr '\n' ' ')" "fine denied "
check exec-joins "$(oci exec a cat /proc/self/cgroup | grep -c "/$P$")" "$(grep -c "/$P$" /proc/$(oci state a | sed -n 's/.*"pid": \([0-9]*\).*/\1/p')/cgroup)"
oci update --memory 41943040 --memory-swap 41943040 --pids-limit 33 --cpu-share 512 a
check update "$(property cube-a.scope MemoryLimit) $(property cube-a.scope TasksMax) $(property cube-a.scope CPUShares) $(cat $C/memory/$P/memory.limit_in_bytes)" \
	"41943040 33 512 41943040"
oci pause a
check pause "$(oci state a | grep -c '"paused"')" 1
oci resume a
check resume "$(oci state a | grep -c '"running"')" 1
oci kill a KILL
for i in 1 2 3 4 5 6 7 8 9 10; do [ "$(oci state a | grep -c stopped)" = 1 ] && break; sleep 0.2; done
oci delete a
check delete "$? $(property cube-a.scope LoadState) $(ls -d $C/*/$P 2>/dev/null)" "0 not-found "
bundle b
sed -i 's#"sleep"#"sh", "-c"#; s#"1000"#"x=x; while true; do x=$x$x; done"#' /bundles/b/config.json
(cd /bundles/b && oci run b >/tmp/b.out 2>&1 </dev/null)
check out-of-memory $? 137
sed 's/^/# /' /tmp/b.out
bundle d
(cd /bundles/d && oci run -d d >/tmp/d.out 2>&1 </dev/null) || sed 's/^/# /' /tmp/d.out
oci delete -f d
check force "$? $(property cube-d.scope LoadState)" "0 not-found"
check nothing-left "$(systemctl list-units --all --no-legend 'cube-*' | wc -l) $(ls -d $C/*/machine.slice/$U/cube-* 2>/dev/null | wc -l) $(ls -A /run/cube-oci | grep -vc '^\.')" "0 0 0"
echo "guest done"
poweroff -f
