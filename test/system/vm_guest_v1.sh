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
check nothing-left "$(ls -d /sys/fs/cgroup/*/t/*/ 2>/dev/null; ls /run/cube-oci)" ""
echo "guest done"
sync
