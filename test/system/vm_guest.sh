#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# First process of the machine that vm.bash boots. Its first run moves everything from the initramfs (where pivot_root is
# impossible) to a tmpfs; its second mounts cgroup v2 alone, runs the tests, prints "ok NAME" or "not ok NAME: why", and switches off.
B=/bin/busybox
if [ ! -e /moved ]; then
	$B mkdir /new
	$B mount -t tmpfs -o size=200m x /new
	$B cp -a /bin /lib /rootfs /bundles /init /guest_v1.sh /nested.sh /new/
	for name in /profile /policy; do
		[ ! -e $name ] || $B cp $name /new/
	done
	[ ! -d /lib64 ] || $B cp -a /lib64 /new/
	[ ! -d /usr ] || $B cp -a /usr /new/
	$B mkdir -p /new/proc /new/sys /new/dev /new/tmp /new/run
	$B touch /new/moved
	$B mount -t devtmpfs x /new/dev
	exec $B switch_root /new /init
fi
$B --install -s /bin
export PATH=/bin
mount -t proc x /proc
mount -t sysfs x /sys
if grep -q cgroup_no_v1=all /proc/cmdline; then
	VERSION=2
	mount -t cgroup2 x /sys/fs/cgroup
else
	VERSION=1
	mount -t tmpfs x /sys/fs/cgroup
	for name in $(awk '/^[^#]/ && $4 == 1 { print $1 }' /proc/cgroups); do
		mkdir /sys/fs/cgroup/$name
		mount -t cgroup -o $name x /sys/fs/cgroup/$name
	done
fi
mkdir -p /run/cube-oci
exec >/dev/ttyS0 2>&1
G=/sys/fs/cgroup/t

oci() { cube-oci --root /run/cube-oci "$@"; }
start() { (cd /bundles/$1 && oci run -d $1 >/tmp/$1.out 2>&1 </dev/null); }
foreground() { (cd /bundles/$1 && oci run $1 </dev/null 2>&1); }
end() { oci delete -f $1; }
check() { # name got wanted
	if [ "$2" = "$3" ]; then echo "ok $1"; else echo "not ok $1: got '$2', wanted '$3'" | tr '\n' ' '; echo; fi
}
holds() { # name condition...
	local name=$1
	shift
	if "$@"; then echo "ok $name"; else echo "not ok $name: $*"; fi
}
# Each limit that oci_fields.py knows: in its file, or refused by the name of its field.
limits() {
	local number name file value wrong=0 count=0
	while IFS='|' read -r number name file value; do
		count=$((count + 1))
		if start limit$number; then
			sed 's/ *$//' /sys/fs/cgroup/$file | grep -qxF -- "$value" ||
				{ wrong=$((wrong + 1)); echo "# limit $name: $file has '$(head -n 3 /sys/fs/cgroup/$file | tr '\n' ' ')', not '$value'"; }
		else
			# some kernels lack a file: then that is to be said
			{ [ "$value" = - ] || grep -q 'this kernel has no' /tmp/limit$number.out; } &&
				[ "$(wc -l </tmp/limit$number.out)" = 1 ] && grep -qF "$name" /tmp/limit$number.out ||
				{ wrong=$((wrong + 1)); echo "# limit $name: wanted '$value': $(cat /tmp/limit$number.out)"; }
		fi
		end limit$number
		rm -f /tmp/limit$number.out
	done </bundles/expected
	check limits "$wrong wrong of $([ $count -ge 35 ] && echo all)" "0 wrong of all"
}
# Nobody is connected to the monitor: what it found out is in a file.
monitor_oom() {
	printf '{"version":1,"id":"alone","stateDir":"/run/cube-oci/alone","config":' >/tmp/job
	sed 's,t/memory,t/alone,' /bundles/memory/config.json >>/tmp/job
	printf ',"log":{"path":"/tmp/alone.log","format":"cri"}}' >>/tmp/job
	cube-oci monitor </dev/null >/dev/null 2>&1 3</tmp/job 4>/tmp/answer
	local left=100
	until [ -s /run/cube-oci/alone/exit.json ] || [ $left = 0 ]; do sleep 0.1; left=$((left - 1)); done
	holds monitor-oom grep -q '"exitCode":137,"signal":9,"oomKilled":true' /run/cube-oci/alone/exit.json
	cat /tmp/answer
	oci delete -f alone
}
usage() { sed -n 's/^usage_usec //p' $G/$1/cpu.stat; }

for module in /lib/devices/*.ko; do insmod $module; done
dd if=/dev/zero of=/disk bs=64k count=16 2>/dev/null
losetup /dev/loop0 /disk
echo bfq >/sys/block/loop0/queue/scheduler
ip link add d0 type dummy && ip link set d0 up
rdma link add rxe0 type rxe netdev d0

if [ $VERSION = 1 ]; then
	. /guest_v1.sh
	exec reboot -f
fi
check pure-v2 "$(grep -c cgroup /proc/mounts) $(cut -d: -f1 /proc/self/cgroup)" "1 0"
foreground memory >/tmp/memory.out
check memory-killed $? 137
start plain
check memory-max "$(cat $G/plain/memory.max)" 33554432
check state-running "$(oci state plain | grep -c '"running"')" 1
holds stats sh -c "cube-oci --root /run/cube-oci events --stats plain | grep -q '\"memory\"'"
oci pause plain
check pause "$(grep -c 'frozen 1' $G/plain/cgroup.events)" 1
check state-paused "$(oci state plain | grep -c '"paused"')" 1
oci resume plain
check resume "$(grep -c 'frozen 0' $G/plain/cgroup.events)" 1
oci update --memory 41943040 --pids-limit 33 plain
check update "$(cat $G/plain/memory.max $G/plain/pids.max | tr '\n' ' ')" "41943040 33 "
echo '{"memory": {"limit": 4096, "checkBeforeUpdate": true}}' | oci update -r - plain 2>/tmp/refused
check update-refused "$? $(grep -c 'rejecting memory limit 4096 <= usage [0-9]' /tmp/refused) $(cat $G/plain/memory.max)" "1 1 41943040"
check exec-joins "$(oci exec plain cat /proc/self/cgroup)" "0::/"
end plain
holds delete-leaves-nothing [ ! -e $G/plain ]

start cpu
before=$(usage cpu); sleep 1; after=$(usage cpu)
check cpu-max "$(cat $G/cpu/cpu.max)" "20000 100000"
holds cpu-limited [ $(((after - before) / 10000)) -le 27 ]
end cpu

start heavy; start light
sleep 0.5; h=$(usage heavy); l=$(usage light)
sleep 2; h=$(($(usage heavy) - h)); l=$(($(usage light) - l))
share=$((100 * h / (h + l)))
holds cpu-weight-share-$share [ $share -ge 65 -a $share -le 75 ]
end heavy; end light

check pids "$(foreground pids | grep -c "can't fork")" 1
check cpuset "$(foreground cpuset | tr -d '\t')" "Cpus_allowed_list:1"
start io
check io-max "$(cat $G/io/io.max)" "7:0 rbps=1048576 wbps=max riops=max wiops=max"
end io
check devices "$(foreground devices | grep -E '^(null-ok|made-null-ok|disk-refused)$' | tr '\n' ' ')" "null-ok made-null-ok disk-refused "
check cgroup-namespace "$(foreground namespace)" "0::/"
limits
monitor_oom
mkdir -p /sys/fs/cgroup/threads/other
echo threaded >/sys/fs/cgroup/threads/other/cgroup.type
T=/sys/fs/cgroup/threads/threaded
start threaded
check threaded "$(cat $T/cgroup.type $T/pids.max $T/cpu.weight | tr '\n' ' ')" "threaded 20 79 "
check threaded-exec "$(oci exec threaded cat /proc/self/cgroup; oci ps -f json threaded | tr -cd , | wc -c)" "0::/
2"
oci pause threaded
check threaded-pause "$(oci state threaded | grep -c '"paused"')" 1
end threaded
check threaded-delete "$(ls -d $T 2>/dev/null; ps | grep '[s]leep 100.5')" ""
check threaded-memory "$(foreground threaded-memory | sed 's,.*: linux,linux,')" "linux.cgroupsPath: cannot enter threaded cgroup /threads/threaded-memory with domain controllers: Operation not supported"
if [ -e /profile ]; then
	mount -t securityfs x /sys/kernel/security
	cat /profile >/sys/kernel/security/apparmor/.replace
	start apparmor
	left=100
	until grep -q 1 /tmp/apparmor.out || [ $left = 0 ]; do sleep 0.1; left=$((left - 1)); done
	check apparmor "$(tr '\n' ' ' </tmp/apparmor.out)$(oci exec apparmor cat /proc/self/attr/current)" "cube-test (enforce) 1 cube-test (enforce)"
	echo '{"cwd": "/", "args": ["cat", "/proc/self/attr/current"]}' >/tmp/process.json
	check apparmor-exec-file "$(oci exec -p /tmp/process.json apparmor)" "cube-test (enforce)"
	end apparmor
	sed -i 's/"cube-test"/"nosuch"/' /bundles/apparmor/config.json
	check apparmor-missing "$(foreground apparmor)" 'cube-oci: process.apparmorProfile: "nosuch" cannot be applied on this host'
fi
start delegated
check delegated "$(stat -c %u $G/delegated $G/delegated/cgroup.procs $G/delegated/memory.max | tr '\n' ' ')" "100000 100000 0 "
check delegated-inside "$(oci exec delegated sh -c 'mkdir /sys/fs/cgroup/own && echo $$ >/sys/fs/cgroup/own/cgroup.procs && cat /proc/self/cgroup')" "0::/own"
end delegated
foreground nested
foreground nested-user
start unified
check unified-map "$(cat $G/unified/memory.high $G/unified/pids.max | tr '\n' ' ')" "20971520 9 "
end unified
check nothing-left "$(ls -d $G/*/ 2>/dev/null; ls /run/cube-oci)" ""
for log in /tmp/*.out; do sed "s,^,# $log: ,;q" $log; done
echo "guest done"
sync
reboot -f
