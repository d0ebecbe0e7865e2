#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The program of a container in the machines of cgroup_v1.bats and cgroup_v2.bats, whose root runs containers in turn, in the cgroups
# that were handed to it: root's ("root"), or that of a user namespace ("user").
export PATH=/bin
who=$1
C=/sys/fs/cgroup
M=$C/memory
P=$C/pids
LIMIT=memory.limit_in_bytes
if [ -e $C/cgroup.controllers ]; then
	M=$C P=$C LIMIT=memory.max
	mkdir $C/own
	echo $$ >$C/own/cgroup.procs
else
	left=100
	until mkdir $P/own 2>/dev/null || [ $left = 0 ]; do sleep 0.1; left=$((left - 1)); done # v1 is handed over by hand
fi
oci() { cube-oci --root /run/nested "$@"; }
check() { # name got wanted
	if [ "$2" = "$3" ]; then echo "ok nested-$who-$1"; else echo "not ok nested-$who-$1: got '$2', wanted '$3'" | tr '\n' ' '; echo; fi
}
mkdir /run/nested
cd /bundles/plain || exit 1
oci run -d plain >/run/nested.out 2>&1 </dev/null
check run "$? $(cat /run/nested.out)" "0 "
check limits "$(cat $M/t/plain/$LIMIT $P/t/plain/pids.max | tr '\n' ' ')" "33554432 20 "
check state "$(oci state plain | grep -c '"running"')" 1
check exec "$(oci exec plain sh -c 'grep -c . /proc/self/cgroup; cat /proc/1/comm' | tail -n 1)" sleep
oci update --pids-limit 33 plain
check update "$(cat $P/t/plain/pids.max)" 33
oci pause plain
check pause "$(oci state plain | grep -c '"paused"')" 1
oci resume plain
oci delete -f plain
check delete "$(ls -d $M/t/plain 2>/dev/null; ls /run/nested)" ""
cd /bundles/memory && oci run memory >/dev/null 2>&1 </dev/null
check memory-killed $? 137
echo nested-done
