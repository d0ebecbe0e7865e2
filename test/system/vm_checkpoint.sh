#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# In the machine of checkpoint.bats, whose kernel has what criu needs: first process and tests at once, like vm_guest.sh.
B=/bin/busybox
if [ ! -e /moved ]; then
	$B mkdir /new
	$B mount -t tmpfs -o size=280m x /new
	for name in /bin /sbin /lib /lib64 /usr /rootfs /bundles /more.sh /init; do
		[ ! -e $name ] || $B cp -a $name /new/
	done
	$B mkdir -p /new/proc /new/sys /new/dev /new/tmp /new/run /new/var
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
mkdir -p /dev/pts
mount -t devpts -o ptmxmode=666 x /dev/pts
mkdir -p /run/cube-oci /tmp/counter /tmp/inner
mkdir -p /rootfs/run && ln -s run /rootfs/var
exec >/dev/ttyS0 2>&1
for module in /lib/diag/*.ko; do insmod $module; done
ip link set lo up
G=/sys/fs/cgroup/t

oci() { cube-oci --root /run/cube-oci "$@"; }
check() { # name got wanted
	if [ "$2" = "$3" ]; then echo "ok $1"; else echo "not ok $1: got '$2', wanted '$3'" | tr '\n' ' '; echo; fi
}
holds() { # name condition...
	local name=$1
	shift
	if "$@"; then echo "ok $name"; else echo "not ok $name: $*"; fi
}
log_of() { echo "# $1:"; grep -E "Error|Warn" /tmp/$1/work/*.log | tail -n 12 | sed 's/^/# /'; }
until_true() { # tenths of a second, condition...
	local left=$1
	shift
	until "$@" 2>/dev/null; do
		[ $((left = left - 1)) -gt 0 ] || { echo "# gave up: $*"; return 1; }
		sleep 0.1
	done
}
start() { # name: its output through a pipe, as engines have it
	rm -f /tmp/counter/n
	(cd /bundles/$1 && oci run -d $1 </dev/null 2>&1 | cat >/tmp/$1.out) &
	until_true 100 counted_to 3 || cat /tmp/$1.out
}
save() { # name [flags]
	local name=$1
	shift
	oci checkpoint --image-path /tmp/$name/image --work-path /tmp/$name/work "$@" $name
}
bring() { # name [flags]
	local name=$1
	shift
	(cd /bundles/$name && oci restore --image-path /tmp/$name/image --work-path /tmp/$name/work "$@" $name)
}
status() { oci state $1 | sed -n 's/.*"status": "\(.*\)".*/\1/p'; }
is_status() { [ "$(status $1)" = "$2" ]; }
counted_to() { [ "$(tail -n 1 /tmp/counter/n)" -ge "$1" ]; }
counts_on() { # from: the counter goes on after it, not from the beginning
	until_true 50 counted_to $(($1 + 1)) && ! counted_to $(($1 + 100))
}

if [ $VERSION = 1 ] || grep -q 'vm_part=more' /proc/cmdline; then
	. /more.sh
	exec reboot -f
fi
start plain
save plain --leave-running
check leave-running "$? $(status plain)" "0 running"
[ -e /tmp/plain/image/inventory.img ] || log_of plain
holds leave-running-goes-on counts_on "$(tail -n 1 /tmp/counter/n)"
save plain --pre-dump --image-path /tmp/plain/pre
check pre-dump "$? $(status plain)" "0 running"
rm -rf /tmp/hook-*
save plain --image-path /tmp/plain/image2 --parent-path ../pre --file-locks --ext-unix-sk --tcp-established
check checkpoint "$? $(oci list -q | wc -l) $(ls -d $G/plain 2>/dev/null)" "0 0 "
[ -e /tmp/plain/image2/inventory.img ] || log_of plain
holds checkpoint-poststop [ -s /tmp/hook-poststop ]
check descriptors "$(sed 's/[0-9]//g' /tmp/plain/image2/descriptors.json)" '["/dev/null","pipe:[]","pipe:[]"]'
holds parent-is-used [ -L /tmp/plain/image2/parent ]
before=$(tail -n 1 /tmp/counter/n)
rm -rf /tmp/hook-*
bring plain -d --pid-file /tmp/plain/pid --image-path /tmp/plain/image2 </dev/null 2>&1 | cat >/tmp/plain.out2 &
until_true 100 [ -s /tmp/plain/pid ] || { cat /tmp/plain.out2; log_of plain; }
check restore "$(status plain)" running
holds restore-goes-on counts_on $before
pid=$(cat /tmp/plain/pid)
check restore-pid "$(oci state plain | sed -n 's/.*"pid": \([0-9]*\),/\1/p') $(cut -d: -f3 /proc/$pid/cgroup)" "$pid /t/plain"
check restore-limits "$(cat $G/plain/memory.max $G/plain/pids.max | tr '\n' ' ')" "33554432 40 "
holds restore-hook grep -q '"id":"plain"' /tmp/hook-createRuntime
sleep 0.3
holds restore-output [ "$(tail -n 1 /tmp/plain.out2)" -gt "$before" ]
check restore-exec "$(oci exec plain cat /proc/1/comm)" sh
check restore-loopback "$(oci exec plain ip link show lo | grep -c 'LOOPBACK,UP')" 1
check restore-mounts "$(oci exec plain sh -c 'grep -c " /var/\| /run/\| /counter " /proc/self/mounts; head -c1 /proc/kcore | wc -c; (echo x >/proc/sys/kernel/hostname) 2>&1 | grep -c Read-only' | tr '\n' ' ')" "2 0 1 "
check restore-own-mounts "$(grep -c criu-root /proc/mounts)" 0
oci pause plain
check restore-pause "$(status plain)" paused
# a paused one as well
save plain --image-path /tmp/plain/image3 --leave-running
check checkpoint-paused "$? $(status plain)" "0 paused"
oci resume plain
oci kill plain KILL
until_true 50 is_status plain stopped
oci delete plain
check restore-delete "$? $(ls -d $G/plain 2>/dev/null)" "0 "

sh -c 'exec unshare -n sleep 1000' &
sleep 0.3
holder=$!
sed -i "s#/tmp/netns#/proc/$holder/ns/net#" /bundles/network/config.json
start network
save network
check network-checkpoint $? 0
[ -e /tmp/network/image/inventory.img ] || log_of network
before=$(tail -n 1 /tmp/counter/n)
bring network -d --pid-file /tmp/network/pid </dev/null 2>&1 | cat >/tmp/network.out2 &
until_true 100 [ -s /tmp/network/pid ] || { cat /tmp/network.out2; log_of network; }
check network-is-the-same "$(readlink /proc/$(cat /tmp/network/pid)/ns/net)" "$(readlink /proc/$holder/ns/net)"
holds network-goes-on counts_on $before
oci delete -f network

rm -f /tmp/counter/n
(cd /bundles/console && oci run console </dev/null >/tmp/console.out 2>&1; echo $? >/tmp/console.status) &
until_true 100 [ -s /tmp/counter/n ] || cat /tmp/console.out
save console --shell-job
check console-checkpoint $? 0
[ -e /tmp/console/image/inventory.img ] || log_of console
before=$(tail -n 1 /tmp/counter/n)
(bring console --shell-job </dev/null >/tmp/console.out2 2>&1; echo $? >/tmp/console.status2) &
console_goes_on() { [ "$(tail -n 1 /tmp/console.out2 | tr -d '\r')" -gt "$before" ]; }
until_true 60 console_goes_on || { cat /tmp/console.out2; log_of console; }
check console-restore "$(status console)" running
holds console-output console_goes_on
oci kill console KILL
until_true 60 [ -s /tmp/console.status2 ]
check console-foreground "$(cat /tmp/console.status2) $(oci list -q | wc -l)" "137 0"

start piped
save piped
before=$(tail -n 1 /tmp/counter/n)
(cd /bundles/piped && cube-oci --root /run/cube-oci restore --image-path /tmp/piped/image --bundle /bundles/piped other </dev/null 2>/dev/null; echo $? >/tmp/piped.status) | head -n 3 >/tmp/piped.out2 &
until_true 60 [ -s /tmp/piped.out2 ] || log_of piped
holds foreground-stdio [ "$(head -n 1 /tmp/piped.out2)" -gt "$before" ]
check foreground-other-id "$(oci list -q)" other
oci delete -f other

rm /tmp/piped/image/inventory.img
bring piped -d >/tmp/piped.err 2>&1
check restore-fails "$? $(wc -l </tmp/piped.err) $(grep -c 'criu failed: type RESTORE.*log file: /tmp/piped/work/restore.log: Error (' /tmp/piped.err)" "1 1 1"
check restore-fails-leaves-nothing "$(oci list -q | wc -l) $(ls -d $G/piped 2>/dev/null)" "0 "
start piped
mkdir -p /tmp/full
mount -t tmpfs -o size=16k x /tmp/full
save piped --image-path /tmp/full/image >/tmp/piped.err 2>&1
check checkpoint-fails "$? $(grep -c 'criu failed: type DUMP.*log file: ' /tmp/piped.err) $(status piped)" "1 1 running"
cat /tmp/piped.err
oci delete -f piped
check nothing-left "$(ls -d $G/*/ 2>/dev/null; ls /run/cube-oci | wc -l)" 0
echo "guest done"
sync
reboot -f
