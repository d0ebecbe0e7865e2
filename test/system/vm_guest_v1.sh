# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Read by vm_guest.sh in the machine of cgroup_v1.bats: every controller of v1 in a hierarchy of its own, and no v2 tree, so that nothing
# but the freezer holds processes still, and nothing but their list ends them.
G=/sys/fs/cgroup/memory/t
check pure-v1 "$(grep -c ' cgroup2 ' /proc/mounts) $(ls /sys/fs/cgroup | grep -cxE 'memory|hugetlb|net_cls|net_prio|rdma|freezer|cpu|blkio')" "0 8"
foreground memory >/tmp/memory.out
check memory-killed $? 137
monitor_oom
limits
start plain
check memory-limit "$(cat $G/plain/memory.limit_in_bytes)" 33554432
oci pause plain
check pause "$(cat /sys/fs/cgroup/freezer/t/plain/freezer.state)" FROZEN
check state-paused "$(oci state plain | grep -c '"paused"')" 1
oci resume plain
check resume "$(cat /sys/fs/cgroup/freezer/t/plain/freezer.state)" THAWED
oci update --memory 41943040 --pids-limit 33 plain
check update "$(cat $G/plain/memory.limit_in_bytes /sys/fs/cgroup/pids/t/plain/pids.max | tr '\n' ' ')" "41943040 33 "
holds exec-joins sh -c "cube-oci --root /run/cube-oci exec plain cat /proc/self/cgroup | grep -q ':memory:/$'"
oci pause plain
end plain
check delete-paused "$(ls -d /sys/fs/cgroup/*/t/plain 2>/dev/null)" ""
# without a pid namespace it is the list alone by which a container that keeps forking can be ended
start forking
sleep 0.5
end forking
check delete-forking "$(ls -d /sys/fs/cgroup/*/t/forking 2>/dev/null; ps | grep '[s]leep 0.017')" ""
check pids "$(foreground pids | grep -c "can't fork")" 1
check cpuset "$(foreground cpuset | tr -d '\t')" "Cpus_allowed_list:1"
check devices "$(foreground devices | grep -E '^(null-ok|made-null-ok|disk-refused)$' | tr '\n' ' ')" "null-ok made-null-ok disk-refused "
foreground nested
start nested-user
chown -R 100000:100000 /sys/fs/cgroup/*/t/nested-user # v1 knows no other way of handing cgroups over
left=100
until grep -q nested-done /tmp/nested-user.out || [ $left = 0 ]; do sleep 0.1; left=$((left - 1)); done
cat /tmp/nested-user.out
end nested-user
# last: from here on the kernel has a policy, and enforces it
if [ -e /policy ]; then
	mount -t selinuxfs x /sys/fs/selinux
	check selinux-no-policy "$(foreground selinux)" "cube-oci: linux.mountLabel: SELinux is not enabled on this host"
	dd if=/policy of=/sys/fs/selinux/load bs=1M 2>/dev/null # it takes the whole of it at once
	check selinux-enforcing "$(cat /sys/fs/selinux/enforce)" 1
	start selinux
	box=system_u:system_r:box_t:s0:c1,c2
	left=100
	until grep -q _ses /tmp/selinux.out || [ $left = 0 ]; do sleep 0.1; left=$((left - 1)); done
	check selinux-process "$(head -n 1 /tmp/selinux.out | tr -d '\0')" $box
	check selinux-mounts "$(sed -n '2,/_ses/p' /tmp/selinux.out | tr '\n' ' ')" " /dev /dev/shm /dev/mqueue _ses.selinux: "
	check selinux-masks "$(oci exec selinux grep -cE ' (/dev|/sys/fs/cgroup|/sys/firmware) tmpfs .*context="?system_u:object_r:box_file_t:s0:c1,c2' /proc/mounts)" 3
	check selinux-exec "$(oci exec selinux cat /proc/self/attr/current | tr -d '\0')" $box
	check selinux-exec-other "$(oci exec --process-label system_u:system_r:other_t:s0 selinux cat /proc/self/attr/current | tr -d '\0')" system_u:system_r:other_t:s0
	echo '{"cwd": "/", "args": ["cat", "/proc/self/attr/current"]}' >/tmp/process.json
	check selinux-exec-file "$(oci exec -p /tmp/process.json selinux | tr -d '\0')" $box
	check selinux-exec-unknown "$(oci exec --process-label system_u:system_r:nosuch_t:s0 selinux true 2>&1)" \
		'cube-oci: process.selinuxLabel: "system_u:system_r:nosuch_t:s0" is no context of the loaded policy'
	end selinux
	sed -i 's/:box_t:/:nosuch_t:/' /bundles/selinux/config.json
	check selinux-unknown "$(foreground selinux)" 'cube-oci: process.selinuxLabel: "system_u:system_r:nosuch_t:s0:c1,c2" is no context of the loaded policy'
	sed -i 's/:nosuch_t:/:box_t:/; s/:box_file_t:/:nosuch_t:/' /bundles/selinux/config.json
	check selinux-unknown-mount "$(foreground selinux)" 'cube-oci: linux.mountLabel: "system_u:object_r:nosuch_t:s0:c1,c2" is no context of the loaded policy'
fi
check nothing-left "$(ls -d /sys/fs/cgroup/*/t/*/ 2>/dev/null; ls /run/cube-oci)" ""
echo "guest done"
sync
