# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Read by vm_checkpoint.sh: what it has no room for, and the machine with cgroup v1.
brought() { # name: restore in the background, until its pid is known
	local name=$1
	shift
	rm -f /tmp/$name/pid
	bring $name -d --pid-file /tmp/$name/pid "$@" </dev/null 2>&1 | cat >/tmp/$name.out2 &
	until_true 100 [ -s /tmp/$name/pid ] || { cat /tmp/$name.out2; log_of $name; }
}

if [ $VERSION = 1 ]; then
	start plain
	save plain
	check v1-checkpoint "$? $(oci list -q | wc -l) $(ls -d /sys/fs/cgroup/*/t/plain 2>/dev/null)" "0 0 "
	[ -e /tmp/plain/image/inventory.img ] || log_of plain
	before=$(tail -n 1 /tmp/counter/n)
	brought plain
	holds v1-restore counts_on $before
	check v1-limits "$(cat /sys/fs/cgroup/memory/t/plain/memory.limit_in_bytes /sys/fs/cgroup/pids/t/plain/pids.max | tr '\n' ' ')" "33554432 40 "
	check v1-cgroups "$(grep -c ':/t/plain$' /proc/$(cat /tmp/plain/pid)/cgroup)" "$(grep -c ':[a-z_,]*:' /proc/self/cgroup)"
	oci pause plain
	check v1-pause "$(status plain) $(cat /sys/fs/cgroup/freezer/t/plain/freezer.state)" "paused FROZEN"
	oci delete -f plain
	check v1-delete "$(ls -d /sys/fs/cgroup/*/t/plain 2>/dev/null; oci list -q)" ""
	echo "guest done"
	sync
	return
fi

chown -R 100000:100000 /tmp/counter /tmp/inner /rootfs
start user
save user
check user-checkpoint $? 0
[ -e /tmp/user/image/inventory.img ] || log_of user
before=$(tail -n 1 /tmp/counter/n)
brought user
holds user-restore counts_on $before
check user-ids "$(awk '/^Uid/ { print $2 }' /proc/$(cat /tmp/user/pid)/status) $(oci exec user id -u)" "100000 0"
oci delete -f user
chown -R 0:0 /tmp/counter /tmp/inner /rootfs

start tcp
until_true 50 [ -s /tmp/counter/got ]
save tcp >/tmp/tcp.err 2>&1
check tcp-refused "$? $(status tcp)" "1 running"
save tcp --tcp-established
check tcp-checkpoint $? 0
[ -e /tmp/tcp/image/inventory.img ] || log_of tcp
before=$(tail -n 1 /tmp/counter/n)
brought tcp --tcp-established
holds tcp-restore counts_on $before
got=$(wc -c </tmp/counter/got)
got_more() { [ "$(wc -c </tmp/counter/got)" -gt "$got" ]; }
holds tcp-goes-on until_true 50 got_more
oci delete -f tcp

start locks
save locks >/tmp/locks.err 2>&1
check locks-refused "$? $(status locks)" "1 running"
save locks --file-locks
check locks-checkpoint $? 0
[ -e /tmp/locks/image/inventory.img ] || log_of locks
before=$(tail -n 1 /tmp/counter/n)
brought locks --file-locks
holds locks-restore counts_on $before
flock -n /tmp/counter/lock true
check locks-held $? 1
oci delete -f locks

hear /tmp/service /tmp/heard &
rm -f /tmp/counter/n
(cd /bundles/plain && NOTIFY_SOCKET=/tmp/service oci create plain </dev/null 2>&1 | cat >/tmp/plain.out) &
until_true 50 is_status plain created
oci start plain
until_true 50 [ -s /tmp/counter/n ]
save plain
check notify-checkpoint "$? $(cat /tmp/plain/image/notify)" "0 /tmp/service"
[ -e /tmp/plain/image/inventory.img ] || log_of plain
before=$(tail -n 1 /tmp/counter/n)
export NOTIFY_SOCKET=/tmp/service
brought plain
unset NOTIFY_SOCKET
holds notify-restore counts_on $before
until_true 50 grep -q MAINPID /tmp/heard
check notify-ready "$(tr '\n' ' ' </tmp/heard)" "READY=1 MAINPID=$(cat /tmp/plain/pid) "
check notify-mount "$(grep -c '/plain/notify /tmp/service ' /proc/$(cat /tmp/plain/pid)/mountinfo)" 1

# into another cgroup, and with a program that came later, which must be of the same namespaces
oci exec plain sh -c 'sleep 1000 </dev/null >/dev/null 2>&1 & echo $!' >/tmp/later
rm -rf /tmp/plain/image
save plain --manage-cgroups-mode ignore
check elsewhere-checkpoint $? 0
[ -e /tmp/plain/image/inventory.img ] || log_of plain
sed -i s,/t/plain,/t/elsewhere, /bundles/plain/config.json
brought plain --manage-cgroups-mode ignore
sed -i s,/t/elsewhere,/t/plain, /bundles/plain/config.json
check elsewhere-cgroup "$(cut -d: -f3 /proc/$(cat /tmp/plain/pid)/cgroup) $(ls -d $G/plain 2>/dev/null)" "/t/elsewhere "
rm -rf /tmp/plain/image
save plain
sed -i s,/t/plain,/t/third, /bundles/plain/config.json
brought plain
sed -i s,/t/third,/t/plain, /bundles/plain/config.json
check elsewhere-moved "$(cut -d: -f3 /proc/$(cat /tmp/plain/pid)/cgroup) $(grep -cx "$(cat /tmp/plain/pid)" $G/third/cgroup.procs) $(ls -d $G/elsewhere 2>/dev/null)" "/t/third 1 "
check elsewhere-later "$(oci exec plain cat /proc/$(cat /tmp/later)/comm)" sleep
oci delete -f plain
rm -rf /tmp/plain/image

mkdir -p /tmp/pages
criu page-server -D /tmp/pages --address 127.0.0.1 --port 9998 -o server.log -d
start plain
save plain --page-server 127.0.0.1:9998
check pages-checkpoint $? 0
[ -e /tmp/plain/image/inventory.img ] || { log_of plain; cat /tmp/pages/server.log; }
check pages-elsewhere "$(ls /tmp/plain/image | grep -c '^pages-') $(ls /tmp/pages | grep -c '^pages-.*img' | grep -c '[1-9]')" "0 1"
cp /tmp/pages/*.img /tmp/plain/image/
before=$(tail -n 1 /tmp/counter/n)
brought plain
holds pages-restore counts_on $before
oci delete -f plain

start lazy
mkdir -p /tmp/lazy /tmp/lazy2
mkfifo /tmp/lazy/ready
(save lazy --lazy-pages --page-server 127.0.0.1:9999 --status-fd 5 5>/tmp/lazy/ready; echo $? >/tmp/lazy/status) &
head -c 1 /tmp/lazy/ready >/dev/null
holds lazy-waits [ -e /tmp/lazy/image/inventory.img -a ! -e /tmp/lazy/status ]
before=$(tail -n 1 /tmp/counter/n)
criu lazy-pages --page-server --address 127.0.0.1 --port 9999 -D /tmp/lazy/image -W /tmp/lazy/work -o lazy.log &
until_true 50 [ -S /tmp/lazy/work/lazy-pages.socket ]
rm -f /tmp/lazy2/pid
(cd /bundles/lazy2 && oci restore -d --lazy-pages --image-path /tmp/lazy/image --work-path /tmp/lazy/work --pid-file /tmp/lazy2/pid lazy2 </dev/null 2>&1 | cat >/tmp/lazy2.out) &
until_true 100 [ -s /tmp/lazy2/pid ] || { cat /tmp/lazy2.out; log_of lazy; tail -n 5 /tmp/lazy/work/lazy.log; }
holds lazy-restore counts_on $before
until_true 100 [ -e /tmp/lazy/status ]
check lazy-ends "$(cat /tmp/lazy/status) $(oci list -q)" "0 lazy2"
oci delete -f lazy2

# Killed after some hundredths of a second, wherever it is then, criu's work among it.
killed() { # name command...
	local name=$1 wrong=0 tenths
	shift
	for delay in 0.01 0.05 0.1 0.2 0.35 0.6; do
		[ $name = killed-restore ] || start plain
		(cd /bundles/plain && exec cube-oci --root /run/cube-oci "$@" --image-path /tmp/killed/image --work-path /tmp/killed/work plain </dev/null >/dev/null 2>&1) &
		sleep $delay
		kill -KILL $! 2>/dev/null
		wait $! 2>/dev/null
		oci delete -f plain || wrong=1
		[ -z "$(oci list -q)" ] && [ ! -e $G/plain ] || { echo "# $name after $delay: left"; wrong=1; }
		until_true 30 sh -c "! ps | grep -q '[s]wrk'" || { ps | grep '[s]wrk'; wrong=1; }
		[ $name = killed-restore ] || rm -rf /tmp/killed
	done
	check $name $wrong 0
}
killed killed-checkpoint checkpoint
start plain
save plain --image-path /tmp/killed/image >/dev/null 2>&1
killed killed-restore restore -d
check more-nothing-left "$(ls -d $G/*/ 2>/dev/null; ls /run/cube-oci | wc -l; grep -c criu-root /proc/mounts)" "0
0"
echo "guest done"
sync
