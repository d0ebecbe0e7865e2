#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# In the machine of systemd.bats, as a service of the systemd instance of user 2000: its containers, in scopes of that instance.
export PATH=/bin
C=/sys/fs/cgroup
B=/tmp/user-bundle

oci() { cube-oci --root /tmp/user-state --systemd-cgroup "$@"; }
check() { # name got wanted
	if [ "$2" = "$3" ]; then echo "ok $1"; else echo "not ok $1: got '$2', wanted '$3'" | tr '\n' ' '; echo; fi
}
property() { systemctl --user show -P $2 $1; }

mkdir $B
cube-oci spec --rootless -b $B
L='"memory": { "limit": 33554432 }, "pids": { "limit": 20 }, "devices": [ { "allow": false, "access": "rwm" } ]'
sed -i "s#\"terminal\": true#\"terminal\": false#; s#\"path\": \"rootfs\"#\"path\": \"/rootfs\"#" $B/config.json
sed -i "s#\"linux\": {#\"linux\": { \"cgroupsPath\": \"user.slice:cube:u\", \"resources\": { $L },#" $B/config.json
sed -i '/"args": \[/,/\]/c "args": ["sleep", "1000"],' $B/config.json
cd $B
oci run -d u >/tmp/user-u.out 2>&1 </dev/null
check user-create $? 0
cat /tmp/user-u.out
group=$(property cube-u.scope ControlGroup)
check user-unit "$(property cube-u.scope ActiveState) $(property cube-u.scope Slice) $(property cube-u.scope MemoryMax) $(property cube-u.scope TasksMax)" \
	"active user.slice 33554432 20"
check user-files "${group##*/} $(cat $C$group/memory.max $C$group/pids.max | tr '\n' ' ')$(wc -l <$C$group/cgroup.procs)" "cube-u.scope 33554432 20 1"
check user-exec "$(oci exec u cat /proc/1/cgroup | wc -l) $(oci exec u cat /proc/self/cgroup)" "1 0::/"
oci update --memory 41943040 --pids-limit 33 u
check user-update "$(property cube-u.scope MemoryMax) $(property cube-u.scope TasksMax) $(cat $C$group/memory.max)" "41943040 33 41943040"
oci pause u
check user-pause "$(grep -c 'frozen 1' $C$group/cgroup.events)" 1
oci resume u
oci kill u KILL
for i in 1 2 3 4 5 6 7 8 9 10; do [ "$(oci state u | grep -c stopped)" = 1 ] && break; sleep 0.2; done
oci delete u
check user-delete "$? $(property cube-u.scope LoadState) $(ls -d $C$group 2>/dev/null)" "0 not-found "
oci run -d u >/tmp/user-u.out 2>&1 </dev/null
oci delete -f u
check user-force "$? $(property cube-u.scope LoadState) $(ls -A /tmp/user-state | grep -vc '^\.')" "0 not-found 0"
# without systemd's help: in what was handed to the user, nowhere at all, and where it may not
P=$(cut -d: -f3 /proc/self/cgroup)
P=${P%/*/*}/plain/p
plain() { cube-oci --root /tmp/user-state "$@"; }
sed -i "s#user.slice:cube:u#$P#" $B/config.json
plain run -d p >/tmp/user-p.out 2>&1 </dev/null
check user-delegated "$? $(cat $C$P/memory.max $C$P/pids.max | tr '\n' ' ')$(wc -l <$C$P/cgroup.procs)" "0 33554432 20 1"
cat /tmp/user-p.out
plain exec p true
check user-delegated-exec $? 0
plain delete -f p
check user-delegated-delete "$? $(ls -d $C$P 2>/dev/null)" "0 "
sed -i "s#$P#/p#" $B/config.json
plain run -d p >/tmp/user-p.out 2>&1 </dev/null
check user-refused "$? $(grep -c 'unable to apply cgroup configuration.*permission denied' /tmp/user-p.out)" "1 1"
sed -i 's#"cgroupsPath": "/p",##' $B/config.json
plain run -d p >/tmp/user-p.out 2>&1 </dev/null
check user-refused-limits "$? $(grep -c 'rootless needs no limits' /tmp/user-p.out)" "1 1"
sed -i 's#"resources": { .* } \] },##' $B/config.json
plain run -d p >/tmp/user-p.out 2>&1 </dev/null
check user-without-cgroup "$? $(plain exec p echo fine)" "0 fine"
cat /tmp/user-p.out
plain delete -f p
echo "user done"
