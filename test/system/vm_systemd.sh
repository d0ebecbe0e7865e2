#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# In the machine of systemd.bats, as systemd's only service: runs the tests, prints "ok NAME" or "not ok NAME: why" on the
# serial line, and switches off.
export PATH=/bin
exec >/dev/ttyS0 2>&1
U=machine-test.slice
G=/sys/fs/cgroup/machine.slice/$U

oci() { cube-oci --root /run/cube-oci --systemd-cgroup "$@"; }
check() { # name got wanted
	if [ "$2" = "$3" ]; then echo "ok $1"; else echo "not ok $1: got '$2', wanted '$3'" | tr '\n' ' '; echo; fi
}
property() { systemctl show -P $2 $1; }
bundle() { # name
	mkdir -p /bundles/$1
	sed "s#\"linux\": {#\"linux\": { \"cgroupsPath\": \"$U:cube:$1\",#" /bundles/systemd.json >/bundles/$1/config.json
}

bundle a
cd /bundles/a
oci create a >/tmp/a.out 2>&1 </dev/null
check create $? 0
cat /tmp/a.out
check unit-active "$(property cube-a.scope ActiveState)" active
check unit-slice "$(property cube-a.scope Slice)" $U
check unit-properties "$(for p in MemoryMax TasksMax CPUWeight CPUQuotaPerSecUSec AllowedCPUs Delegate DefaultDependencies CollectMode DevicePolicy MemoryLow; do property cube-a.scope $p; done | tr '\n' ' ')" \
	"33554432 20 39 500ms 0 yes no inactive-or-failed strict 1048576 "
check annotations "$(property cube-a.scope TimeoutStopUSec) $(property cube-a.scope Documentation)" "11s man:cube"
check files "$(cat $G/cube-a.scope/memory.max $G/cube-a.scope/pids.max $G/cube-a.scope/cpu.max | tr '\n' ' ')" "33554432 20 50000 100000 "
check one-process "$(wc -l <$G/cube-a.scope/cgroup.procs)" 1
oci create a >/tmp/again.out 2>&1 </dev/null
check twice "$? $(property cube-a.scope ActiveState)" "1 active"
(cube-oci --root /run/other --systemd-cgroup create a) >/tmp/other.out 2>&1 </dev/null
check unit-taken "$? $(property cube-a.scope ActiveState) $(ls -A /run/other | wc -l)" "1 active 0"
oci start a
check state "$(oci state a | grep -c '"running"')" 1
systemctl daemon-reload
check reload-keeps-limits "$(cat $G/cube-a.scope/memory.max)" 33554432
check devices "$(oci exec a sh -c 'echo x >/dev/null && echo fine; mknod /tmp/k c 1 11; (echo x >/tmp/k) 2>/dev/null || echo denied' | tr '\n' ' ')" "fine denied "
oci update --memory 41943040 --pids-limit 33 a
check update "$(property cube-a.scope MemoryMax) $(property cube-a.scope TasksMax) $(cat $G/cube-a.scope/memory.max)" "41943040 33 41943040"
oci pause a
check pause "$(grep -c 'frozen 1' $G/cube-a.scope/cgroup.events)" 1
oci resume a
oci kill a KILL
for i in 1 2 3 4 5 6 7 8 9 10; do [ "$(oci state a | grep -c stopped)" = 1 ] && break; sleep 0.2; done
oci delete a
check delete "$? $(property cube-a.scope LoadState) $(ls -d $G/cube-a.scope 2>/dev/null)" "0 not-found "
bundle b
sed -i 's#"sleep"#"sh", "-c"#; s#"1000"#"x=x; while true; do x=$x$x; done"#' /bundles/b/config.json
(cd /bundles/b && oci run b >/tmp/b.out 2>&1 </dev/null)
check out-of-memory $? 137
check nothing-left "$(systemctl list-units --all --no-legend 'cube-*' | wc -l) $(ls -d $G/cube-* 2>/dev/null | wc -l) $(ls -A /run/cube-oci | grep -vc '^\.')" "0 0 0"
bundle c
sed -i 's#"cgroupsPath": "[^"]*"#"cgroupsPath": "/a/b"#' /bundles/c/config.json
(cd /bundles/c && oci run c >/tmp/c.out 2>&1 </dev/null)
check bad-path "$? $(grep -c 'slice:prefix:name' /tmp/c.out)" "1 1"
bundle d
(cd /bundles/d && oci run -d d >/tmp/d.out 2>&1 </dev/null)
oci delete -f d
check force "$? $(property cube-d.scope LoadState)" "0 not-found"
bundle e
sed -i 's#"limit": 20\([^0-9]\)#"limit": 1\1#; s#"limit": 20$#"limit": 1#' /bundles/e/config.json
(cd /bundles/e && oci run -d e >/tmp/e.out 2>&1 </dev/null)
check one-process-limit "$? $(property cube-e.scope TasksMax) $(cat $G/cube-e.scope/pids.max $G/cube-e.scope/pids.current | tr '\n' ' ')" "0 1 1 1 "
cat /tmp/e.out
oci delete -f e
bundle f
systemctl start dbus.service || echo "no bus daemon"
for i in 1 2 3 4 5 6 7 8 9 10; do [ -S /run/dbus/system_bus_socket ] && break; sleep 0.2; done
sleep 1 # until systemd is on the bus as well
mv /run/systemd/private /run/systemd/private.away
(cd /bundles/f && oci run -d f >/tmp/f.out 2>&1 </dev/null)
check bus-create $? 0
cat /tmp/f.out
check bus-scope "$(wc -l <$G/cube-f.scope/cgroup.procs) $(cat $G/cube-f.scope/memory.max)" "1 33554432"
oci delete -f f
check bus-delete "$? $(ls -d $G/cube-f.scope 2>/dev/null)" "0 "
mv /run/systemd/private.away /run/systemd/private
mkdir -p /run/user/2000
chown 2000:2000 /run/user/2000
chmod 1777 /tmp
systemctl start vm-user.service || systemctl status vm-user.service
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do grep -q "user done" /tmp/user.out 2>/dev/null && break; sleep 1; done
cat /tmp/user.out
echo "guest done"
poweroff -f
