# SPDX-License-Identifier: Apache-2.0
# Each field of config.json by what it does to a container: one row or more for every row of the tables in src/oci/spec.c, so that a
# field which is decoded and forgotten, or added without a test, is found. Values that cannot be are in impossible_config.py.
#   oci_fields.py run PROGRAM FOLDER CGROUP GROUP   FOLDER has bundle/config.json and state/; GROUP is a name in GROUPS
#   oci_fields.py list SPEC_C                       each field of the tables has a row
#   oci_fields.py bundles FOLDER 1|2                the limits as bundles for a machine with cgroup v1 or v2 alone, and what to expect
import array
import ctypes
import glob
import json
import os
import re
import socket
import struct
import subprocess
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
USERNS = "l['namespaces'].append({'type': 'user'}); l['uidMappings'] = [{'containerID': 0, 'hostID': 100000, 'size': 1000}, {'containerID': 5000, 'hostID': 300000, 'size': 1}]; l['gidMappings'] = [{'containerID': 0, 'hostID': 200000, 'size': 1000}]; os.chown(T.root, 100000, 200000); "
CAPS = "p['capabilities'] = {k: %s for k in ('bounding', 'permitted', 'effective')}"
BIND = "os.makedirs(T.dir + '/source/sub', exist_ok=True); T.keep_mount(T.dir + '/source/sub'); c['mounts'].append({'destination': '/m', 'source': T.dir + '/source', 'type': 'bind', 'options': %s})"
TMPFS = "c['mounts'].append({'destination': '/m', 'type': 'tmpfs', 'source': 'tmpfs', 'options': %s})"
OPTIONS_OF = "awk '$5 ~ \"^/m(/|$)\" { print $5, $6, $7, $8, $9, $10, $11, $12 }' /proc/self/mountinfo"
SECCOMP = "l['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'architectures': ['SCMP_ARCH_X86_64'], 'syscalls': [{'names': ['mkdir', 'mkdirat'], %s}]}"
KILL = "l['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'syscalls': [{'names': ['kill'], 'action': 'SCMP_ACT_ERRNO', 'args': [%s]}]}"
KILLS = "sleep 100 & for s in 17 18 23 28; do kill -$s $! 2>/dev/null && echo $s; done; kill -9 $! 2>/dev/null; true"
DEVICE = "l['devices'] = [dict({'path': '/dev/x', 'type': 'c', 'major': 1, 'minor': 5}, **%s)]"
STAT = "busybox stat -c '%F %t:%T %a %u:%g' /dev/x"
NEW_NS = "l['namespaces'] = [n for n in l['namespaces'] if n['type'] != '{0}'] + [{{'type': '{0}'}}]"
NO_NS = "l['namespaces'] = [n for n in l['namespaces'] if n['type'] != '{0}']"
FILE_OF = {"network": "net", "mount": "mnt"}
RLIMITS = {"CPU": ("cpu time", 4000), "FSIZE": ("file size", 1 << 30), "DATA": ("data size", 1 << 31), "STACK": ("stack size", 1 << 20),
           "CORE": ("core file size", 0), "RSS": ("resident set", 1 << 30), "NPROC": ("processes", 500), "NOFILE": ("open files", 64),
           "MEMLOCK": ("locked memory", 4096), "AS": ("address space", 1 << 32), "LOCKS": ("file locks", 7),
           "SIGPENDING": ("pending signals", 9), "MSGQUEUE": ("msgqueue size", 8192), "NICE": ("nice priority", 0),
           "RTPRIO": ("realtime priority", 0), "RTTIME": ("realtime timeout", 1000000)}
ARCHITECTURES = ("X86 X86_64 X32 ARM AARCH64 MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PPC PPC64 PPC64LE S390 S390X PARISC "
                 "PARISC64 RISCV64").split()
LITTLE_ENDIAN = "X86 X86_64 X32 ARM AARCH64 MIPSEL MIPSEL64 MIPSEL64N32 PPC64LE RISCV64".split()

# fields, change of c (p: process, l: linux, r: linux.resources, T: the test), what the container runs, what it must print (a pattern)
INSIDE = {
    "process": [
        ("ociVersion", "c['ociVersion'] = '1.0.0'", "echo ok", "^ok$"),
        ("ociVersion", "c['ociVersion'] = '1.3.0'", "echo ok", "^ok$"),
        ("process process.args", "p['args'] = ['echo', 'a b', '', 'c']", None, r"^a b  c$"),
        ("process.cwd", "p['cwd'] = '/made/here'", "pwd", "^/made/here$"),
        ("process.env", "p['env'] = ['PATH=/bin', 'X=a=b', 'Y=']", "env", r"(?ms)\A(?=.*^X=a=b$)(?=.*^Y=$)"),
        ("process.user process.user.{uid,gid,umask,additionalGids}", "p['user'] = {'uid': 7, 'gid': 8, 'umask': 0o27, 'additionalGids': [9, 4294967294]}",
         "echo $(id -u) $(id -g) $(grep Groups /proc/self/status) $(umask)", r"^7 8 Groups: 9 4294967294 0027$"),
        ("process.user.uid", USERNS + "p['user'] = {'uid': 5000, 'gid': 3}", "id -u; id -g; grep -h . /proc/self/uid_map", r"^5000\n3\n +0 +100000 +1000\n +5000 +300000 +1$"),
        ("process.capabilities process.capabilities.{bounding,effective,inheritable,permitted,ambient}",
         "p['capabilities'] = {'bounding': ['CAP_KILL', 'CAP_CHOWN', 'CAP_FOWNER'], 'permitted': ['CAP_KILL', 'CAP_CHOWN'], 'effective': ['CAP_KILL'], "
         "'inheritable': ['CAP_CHOWN'], 'ambient': ['CAP_CHOWN']}; p['user'] = {'uid': 5, 'gid': 5}; p['noNewPrivileges'] = False", "grep Cap /proc/self/status | tr -d '\\t'",
         # to a user other than root execve gives what is ambient
         r"^CapInh:0000000000000001\nCapPrm:0000000000000001\nCapEff:0000000000000001\nCapBnd:0000000000000029\nCapAmb:0000000000000001$"),
        ("process.capabilities.effective", CAPS % "['CAP_KILL', 'CAP_SYS_CHROOT']", "grep CapEff /proc/self/status", r"0000000000040020$"),
        ("process.noNewPrivileges", "p['noNewPrivileges'] = True", "grep NoNewPrivs /proc/self/status", r"\t1$"),
        ("process.noNewPrivileges", "p['noNewPrivileges'] = False", "grep NoNewPrivs /proc/self/status", r"\t0$"),
        ("process.oomScoreAdj", "p['oomScoreAdj'] = 321", "cat /proc/self/oom_score_adj", "^321$"),
        ("process.rlimits process.rlimits.{type,soft,hard}", "p['rlimits'] = [{'type': 'RLIMIT_CPU', 'soft': 33, 'hard': 44}]", "grep cpu /proc/self/limits", r"33 +44 "),
        *[("process.rlimits.type", f"p['rlimits'] = [{{'type': 'RLIMIT_{name}', 'soft': {value}, 'hard': {value}}}]", "cat /proc/self/limits", rf"(?m)^Max {text} +{value} +{value} ")
          for name, (text, value) in RLIMITS.items()],
        ("hostname domainname", "c['hostname'] = 'within'; c['domainname'] = 'domain.test'", "hostname; cat /proc/sys/kernel/domainname", r"^within\ndomain.test$"),
        ("linux.sysctl", "l['sysctl'] = {'net.ipv4.ip_forward': '1', 'kernel.shm_rmid_forced': '1', 'fs.mqueue.msg_max': '11', 'kernel.domainname': 'd'}",
         "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shm_rmid_forced /proc/sys/fs/mqueue/msg_max /proc/sys/kernel/domainname", r"^1\n1\n11\nd$"),
        ("linux linux.personality linux.personality.domain", "l['personality'] = {'domain': 'LINUX32'}", "busybox uname -m", "^i686$"),
        ("linux.personality.domain", "l['personality'] = {'domain': 'LINUX', 'flags': []}", "busybox uname -m", "^x86_64$"),
        ("linux.memoryPolicy linux.memoryPolicy.{mode,nodes,flags}", "l['memoryPolicy'] = {'mode': 'MPOL_BIND', 'nodes': '0', 'flags': ['MPOL_F_STATIC_NODES']}",
         "head -n 1 /proc/self/numa_maps", r" bind=static:0( |$)"),
        *[("linux.memoryPolicy.mode", f"l['memoryPolicy'] = {{'mode': 'MPOL_{mode}'{nodes}}}", "head -n 1 /proc/self/numa_maps", pattern)
          for mode, nodes, pattern in (("DEFAULT", "", " default( |$)"), ("PREFERRED", ", 'nodes': '0'", " prefer:0( |$)"), ("INTERLEAVE", ", 'nodes': '0'", " interleave:0( |$)"),
                                       ("LOCAL", "", " local( |$)"), ("PREFERRED_MANY", ", 'nodes': '0'", r" prefer \(many\):0( |$)"), ("WEIGHTED_INTERLEAVE", ", 'nodes': '0'", " weighted interleave:0( |$)"))],
        ("annotations", "c['zos'] = {'a': 1}; c['solaris'] = {'a': 1}; c['windows'] = {'layerFolders': 7}; c['vm'] = {'a': []}; p['user']['username'] = 'x'; p['commandLine'] = 'y'; c['unknown'] = 5", "echo ok", "^ok$"),
        # names in any case, as the decoders of Go take them; of two, the last
        ("hostname", "c['HOSTNAME'] = c.pop('hostname', 'x'); c['HostName'] = 'folded'; c['Process'] = c.pop('process'); c['linux']['MaskedPaths'] = ['/proc/version']", "hostname; cat /proc/version", "^folded$"),
    ],
    "root and mounts": [
        ("root root.path root.readonly", "c['root'] = {'path': T.root, 'readonly': True}", "touch /x", "Read-only file system"),
        ("root.path root.readonly", "c['root'] = {'path': 'rootfs', 'readonly': False}", "touch /x && echo ok", "^ok$"),
        ("mounts mounts.{destination,type,source,options}", TMPFS % "['size=64k', 'mode=711']", "busybox stat -c %a /m; grep ' /m ' /proc/self/mounts", r"^711\ntmpfs /m tmpfs .*size=64k"),
        ("mounts.source", BIND % "['bind']", OPTIONS_OF, r"^/m rw,\w+ "),
        *[("mounts.options", TMPFS % f"['{option}']", OPTIONS_OF, pattern) for option, pattern in (
            ("ro", "^/m ro,"), ("nosuid", "^/m rw,nosuid,"), ("nodev", "^/m rw,nodev,"), ("noexec", "^/m rw,noexec,"), ("noatime", "^/m rw,noatime "), ("nodiratime", "^/m rw,nodiratime,"),
            ("relatime", "^/m rw,relatime "), ("strictatime", "^/m rw "), ("nosymfollow", "^/m rw,(relatime,nosymfollow|nosymfollow,relatime) "), ("sync", "rw,sync"), ("dirsync", "rw,dirsync"),
            ("lazytime", "lazytime|/m rw"), ("defaults", "^/m rw,relatime "), ("silent", "^/m rw"), ("mand", "^/m rw"), ("iversion", "^/m rw"), ("acl", "^/m rw"))],
        # the opposite takes back what came before, and the last word counts
        *[("mounts.options", TMPFS % f"['{option}', '{opposite}']", OPTIONS_OF, "^/m rw,relatime - tmpfs tmpfs rw(,|$)") for option, opposite in (
            ("ro", "rw"), ("nosuid", "suid"), ("nodev", "dev"), ("noexec", "exec"), ("noatime", "atime"), ("nodiratime", "diratime"), ("nosymfollow", "symfollow"), ("sync", "async"),
            ("mand", "nomand"), ("lazytime", "nolazytime"), ("iversion", "noiversion"), ("silent", "loud"), ("acl", "noacl"), ("strictatime", "nostrictatime"))],
        ("mounts.options", TMPFS % "['relatime', 'norelatime']", OPTIONS_OF, "^/m rw(,relatime)? "),
        # of the mount alone, of all beneath it too
        *[("mounts.options", BIND % f"['rbind', '{option}']", OPTIONS_OF, rf"(?m)\A/m (?=\S*\b{option}\b).*\n/m/sub (?!\S*\b{option}\b)") for option in ("ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "nosymfollow")],
        *[("mounts.options", BIND % f"['rbind', 'r{option}']", OPTIONS_OF, rf"(?m)\A/m (?=\S*\b{option}\b).*\n/m/sub (?=\S*\b{option}\b)") for option in ("ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "relatime", "nosymfollow")],
        ("mounts.options", BIND % "['rbind', 'rstrictatime']", OPTIONS_OF, r"(?m)\A/m rw [^\n]*\n/m/sub rw "),
        *[("mounts.options", BIND % f"['rbind', 'r{option}', 'r{opposite}']", OPTIONS_OF, rf"(?m)\A/m (?!\S*\b{option}\b).*\n/m/sub (?!\S*\b{option}\b)") for option, opposite in (
            ("ro", "rw"), ("nosuid", "suid"), ("nodev", "dev"), ("noexec", "exec"), ("noatime", "atime"), ("nodiratime", "diratime"), ("nosymfollow", "symfollow"), ("strictatime", "nostrictatime"))],
        *[("mounts.options", BIND % f"['{kind}', '{word}']", OPTIONS_OF, pattern) for kind, word, pattern in (
            ("rbind", "private", r"(?m)\A/m rw,\w+ -"), ("rbind", "rprivate", r"(?m)\A/m rw,\w+ -.*\n/m/sub rw,\w+ -"), ("rbind", "slave", r"(?m)\A/m rw,\w+ (master:\d+|-)"),
            ("rbind", "rslave", r"(?m)\A/m rw,\w+ (master:\d+|-)"), ("rbind", "shared", r"(?m)\A/m rw,\w+ shared:\d+"), ("rbind", "rshared", r"(?m)\A/m rw,\w+ shared:\d+.*\n/m/sub rw,\w+ shared"),
            ("bind", "unbindable", r"(?m)\A/m rw,\w+ unbindable -"), ("rbind", "runbindable", r"(?m)\A/m rw,\w+ unbindable -.*\n/m/sub rw,\w+ unbindable -"))],
        ("mounts.options", "os.makedirs(T.root + '/m', exist_ok=True); open(T.root + '/m/file', 'w').write('old'); " + TMPFS % "['tmpcopyup']", "cat /m/file; echo new >/m/file; grep -c ' /m tmpfs ' /proc/self/mounts", r"^old1$"),
        ("mounts.options", TMPFS % "[]" + "; c['mounts'].append({'destination': '/m', 'options': ['remount', 'ro', 'nosuid']})", OPTIONS_OF, "^/m ro,nosuid,"),
        ("mounts.{uidMappings,gidMappings} mounts.{uidMappings,gidMappings}.{containerID,hostID,size}",
         BIND % "['bind']" + "; open(T.dir + '/source/f', 'w'); os.chown(T.dir + '/source/f', 10, 20); c['mounts'][-1].update(uidMappings=[{'containerID': 10, 'hostID': 4000, 'size': 1}], gidMappings=[{'containerID': 20, 'hostID': 5000, 'size': 1}])",
         "busybox stat -c %u:%g /m/f", "^4000:5000$"),
        *[("mounts.options", USERNS + BIND % f"['rbind', '{word}']" + "; open(T.dir + '/source/f', 'w'); os.chown(T.dir + '/source/f', 10, 20)", "busybox stat -c %u:%g /m/f", "^10:20$") for word in ("idmap", "ridmap")],
        ("linux.rootfsPropagation", "l['rootfsPropagation'] = 'shared'; " + CAPS % "['CAP_SYS_ADMIN']", "awk '$5 == \"/\"' /proc/self/mountinfo", r" shared:\d+"),
        ("linux.rootfsPropagation", "l['rootfsPropagation'] = 'slave'", "awk '$5 == \"/\"' /proc/self/mountinfo", r" / ro,\w+ (master:\d+ )?-"),
        ("linux.rootfsPropagation", "c['root']['readonly'] = False; l['rootfsPropagation'] = 'private'", "awk '$5 == \"/\"' /proc/self/mountinfo", r" / rw,\w+ -"),
        ("linux.rootfsPropagation", "c['root']['readonly'] = False; l['rootfsPropagation'] = 'unbindable'", "awk '$5 == \"/\"' /proc/self/mountinfo", r" / rw,\w+ unbindable -"),
        ("linux.maskedPaths", "l['maskedPaths'] = ['/proc/version', '/bin', '/nosuch']; p['args'] = ['/bin/sh', '-c', 'echo unmasked']", None, r"no such file or directory"),
        ("linux.maskedPaths", "l['maskedPaths'] = ['/proc/version', '/proc/bus']", "cat /proc/version; ls /proc/bus; echo end", r"^end$"),
        ("linux.readonlyPaths", "os.makedirs(T.root + '/ro', exist_ok=True); c['root']['readonly'] = False; l['readonlyPaths'] = ['/ro', '/nosuch']", "touch /ro/x; touch /x && echo ok", r"^touch: /ro/x: Read-only file system\nok$"),
    ],
    "devices and namespaces": [
        ("linux.devices linux.devices.{path,type,major,minor}", DEVICE % "{}", STAT, "^character special file 1:5 666 0:0$"),
        ("linux.devices.{fileMode,uid,gid}", DEVICE % "{'fileMode': 0o641, 'uid': 11, 'gid': 12}", STAT, "^character special file 1:5 641 11:12$"),
        ("linux.devices.type", DEVICE % "{'type': 'u', 'major': 1, 'minor': 3, 'fileMode': 0o600}", STAT, "^character special file 1:3 600 0:0$"),
        ("linux.devices.type", DEVICE % "{'type': 'b', 'major': 7, 'minor': 3, 'fileMode': 0o640}", STAT, "^block special file 7:3 640 0:0$"),
        ("linux.devices.type", "l['devices'] = [{'type': 'p', 'path': '/dev/x', 'fileMode': 0o622, 'uid': 1}]", STAT, "^fifo 0:0 622 1:0$"),
        ("linux.devices.path", "c['root']['readonly'] = False; l['devices'] = [{'type': 'c', 'path': '/else/where/x', 'major': 1, 'minor': 5}]", "busybox stat -c %t:%T /else/where/x", "^1:5$"),
        ("linux.devices.{fileMode,uid,gid}", USERNS + DEVICE % "{'fileMode': 0o604, 'uid': 3, 'gid': 4}", STAT, "^character special file 1:5 604 3:4$"),
        ("linux.devices", "pass", "for d in null zero full random urandom tty ptmx fd stdin stdout stderr console; do test -e /dev/$d || echo -n \"$d \"; done; echo; readlink /dev/ptmx", r"^console \npts/ptmx$"),
        ("linux.resources.devices linux.resources.devices.{allow,type,major,minor,access}",
         "r['devices'] = [{'allow': False}, {'allow': True, 'type': 'c', 'major': 10, 'minor': 229, 'access': 'r'}]; l['devices'] = [{'type': 'c', 'path': '/dev/x', 'major': 1, 'minor': 11}]; " + CAPS % "['CAP_MKNOD', 'CAP_SYS_ADMIN']",
         "head -c 0 /dev/x; echo >/dev/null && echo null", r"^head: /dev/x: Operation not permitted\nnull$"),
        ("linux.resources.devices.access", "r['devices'] = [{'allow': False}, {'allow': True, 'type': 'c', 'major': 1, 'minor': 11, 'access': 'w'}]; l['devices'] = [{'type': 'c', 'path': '/dev/x', 'major': 1, 'minor': 11}]",
         "(echo -n '' >/dev/x) && echo written; head -c 0 /dev/x", r"^written\nhead: /dev/x: Operation not permitted$"),
        ("linux.resources.devices.type", "r['devices'] = [{'allow': True, 'access': 'rwm'}, {'allow': False, 'type': 'b', 'access': 'rw'}]; l['devices'] = [{'type': 'c', 'path': '/dev/x', 'major': 1, 'minor': 11}, {'type': 'b', 'path': '/dev/y', 'major': 7, 'minor': 0}]",
         "(echo -n '' >/dev/x) && echo written; head -c 0 /dev/y", r"^written\nhead: /dev/y: Operation not permitted$"),
        ("linux.resources.devices.{major,minor}", "r['devices'] = [{'allow': False, 'type': 'a'}, {'allow': True, 'type': 'c', 'major': 1, 'access': 'rw'}]; l['devices'] = [{'type': 'c', 'path': '/dev/x', 'major': 1, 'minor': 11}]",
         "(echo -n '' >/dev/x) && echo written", r"^written$"),
        ("linux.{uidMappings,gidMappings} linux.{uidMappings,gidMappings}.{containerID,hostID,size}", USERNS + "p['user'] = {'uid': 0, 'gid': 0}", "cat /proc/self/gid_map; id -u", r"^ +0 +200000 +1000\n0$"),
        ("linux.namespaces.type", USERNS + "pass", "readlink /proc/self/ns/user", r"^user:"),
        *[("linux.namespaces linux.namespaces.type", NEW_NS.format(kind), f"readlink /proc/self/ns/{FILE_OF.get(kind, kind)}", f"^(?!{os.readlink('/proc/self/ns/' + FILE_OF.get(kind, kind))})".replace("[", r"\[")) for kind in ("pid", "mount", "network", "ipc", "uts", "cgroup", "time")],
        *[("linux.namespaces.type", NO_NS.format(kind) + "; c['mounts'] = [m for m in c['mounts'] if m['type'] not in ('sysfs', 'mqueue')]; [c.pop(k, 0) for k in ('hostname', 'domainname')]",
           f"readlink /proc/self/ns/{FILE_OF.get(kind, kind)}", f"^{re.escape(os.readlink('/proc/self/ns/' + FILE_OF.get(kind, kind)))}$") for kind in ("pid", "network", "ipc", "uts", "cgroup", "time")],
        ("linux.timeOffsets linux.timeOffsets.{monotonic,boottime} linux.timeOffsets.{monotonic,boottime}.{secs,nanosecs}",
         NEW_NS.format("time") + "; l['timeOffsets'] = {'monotonic': {'secs': 86400, 'nanosecs': 5}, 'boottime': {'secs': 172800, 'nanosecs': 7}}", "cat /proc/self/timens_offsets; cut -d. -f1 /proc/uptime",
         r"^monotonic +86400 +5\nboottime +172800 +7\n1[789]\d{4,}|^monotonic +86400 +5\nboottime +172800 +7\n[2-9]\d{5,}"),
    ],
    "seccomp": [
        *[("linux.seccomp linux.seccomp.{defaultAction,syscalls} linux.seccomp.syscalls.{names,action}", SECCOMP % f"'action': 'SCMP_ACT_{action}'", "mkdir /dev/shm/d && echo made; echo $?", pattern) for action, pattern in (
            ("ALLOW", r"^made\n0$"), ("LOG", r"^made\n0$"), ("ERRNO", r"Operation not permitted\n1$"), ("KILL", r"159$"), ("KILL_THREAD", r"159$"), ("KILL_PROCESS", r"159$"), ("TRAP", r"159$"), ("TRACE", r"not implemented\n1$"))],
        ("linux.seccomp.syscalls.errnoRet", SECCOMP % "'action': 'SCMP_ACT_ERRNO', 'errnoRet': 28", "mkdir /dev/shm/d", "No space left on device$"),
        ("linux.seccomp.syscalls.errnoRet", SECCOMP % "'action': 'SCMP_ACT_TRACE', 'errnoRet': 28", "mkdir /dev/shm/d", "not implemented$"),
        ("linux.seccomp.{defaultAction,defaultErrnoRet}", "l['seccomp'] = {'defaultAction': 'SCMP_ACT_ERRNO', 'defaultErrnoRet': 28, 'syscalls': [{'names': T.all_calls_but('mkdir mkdirat'), 'action': 'SCMP_ACT_ALLOW'}]}", "mkdir /dev/shm/d", "No space left on device$"),
        *[("linux.seccomp.syscalls.args linux.seccomp.syscalls.args.{index,value,op}", KILL % f"{{'index': 1, 'value': {value}, 'op': 'SCMP_CMP_{op}'}}", KILLS, "^" + r"\n".join(left.split()) + "$") for op, value, left in (
            ("NE", 18, "18"), ("LT", 23, "23 28"), ("LE", 23, "28"), ("EQ", 23, "17 18 28"), ("GE", 23, "17 18"), ("GT", 23, "17 18 23"))],
        ("linux.seccomp.syscalls.args.valueTwo", KILL % "{'index': 1, 'value': 1, 'valueTwo': 0, 'op': 'SCMP_CMP_MASKED_EQ'}", KILLS, r"^17\n23$"),
        ("linux.seccomp.syscalls.args", KILL % "{'index': 1, 'value': 17, 'op': 'SCMP_CMP_EQ'}, {'index': 1, 'value': 28, 'op': 'SCMP_CMP_EQ'}", KILLS, r"^18\n23$"),
        *[("linux.seccomp.architectures", SECCOMP % "'action': 'SCMP_ACT_ERRNO'" + f"; l['seccomp']['architectures'] = ['SCMP_ARCH_{name}']", "mkdir /dev/shm/d; echo end",
          # one filter holds architectures of one byte order
          r"Operation not permitted\nend$" if name in LITTLE_ENDIAN else rf"linux.seccomp.architectures\[0\]: SCMP_ARCH_{name}: has another byte order") for name in ARCHITECTURES],
        *[("linux.seccomp.flags", SECCOMP % "'action': 'SCMP_ACT_ERRNO'" + f"; l['seccomp']['flags'] = {flags}", "mkdir /dev/shm/d; grep Speculation_Store_Bypass /proc/self/status", pattern) for flags, pattern in (
            ([], "not permitted"), (["SECCOMP_FILTER_FLAG_TSYNC"], "not permitted"), (["SECCOMP_FILTER_FLAG_LOG"], "not permitted"), (["SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_LOG"], "not permitted"))],
    ],
}

# fields, change, controller of v1, file of v1 and its value, file of v2 and its value; no value: refused by the name of the field
DISK = "'major': 1, 'minor': 0"
LIMITS = [
    ("memory memory.limit", "r['memory'] = {'limit': 67108864}", "memory", "memory.limit_in_bytes", "67108864", "memory.max", "67108864"),
    ("memory.limit", "r['memory'] = {'limit': -1}", "memory", "memory.limit_in_bytes", "9223372036854771712", "memory.max", "max"),
    ("memory.reservation", "r['memory'] = {'reservation': 33554432}", "memory", "memory.soft_limit_in_bytes", "33554432", "memory.low", "33554432"),
    ("memory.swap", "r['memory'] = {'limit': 67108864, 'swap': 100663296}", "memory", "memory.memsw.limit_in_bytes", "100663296", "memory.swap.max", "33554432"),
    ("memory.swap", "r['memory'] = {'limit': 67108864, 'swap': -1}", "memory", "memory.memsw.limit_in_bytes", "9223372036854771712", "memory.swap.max", "max"),
    ("memory.kernel", "r['memory'] = {'kernel': 1048576, 'limit': 67108864}", "memory", "memory.limit_in_bytes", "67108864", "memory.max", "67108864"),
    ("memory.kernelTCP", "r['memory'] = {'kernelTCP': 1048576}", "memory", "memory.kmem.tcp.limit_in_bytes", "1048576", "memory.max", None),
    ("memory.swappiness", "r['memory'] = {'swappiness': 33}", "memory", "memory.swappiness", "33", "memory.max", None),
    ("memory.disableOOMKiller", "r['memory'] = {'disableOOMKiller': True}", "memory", "memory.oom_control", "oom_kill_disable 1", "memory.max", None),
    ("memory.useHierarchy", "r['memory'] = {'useHierarchy': True, 'limit': 67108864}", "memory", "memory.use_hierarchy", "1", "memory.max", "67108864"),
    ("memory.checkBeforeUpdate", "r['memory'] = {'checkBeforeUpdate': True, 'limit': 67108864}", "memory", "memory.limit_in_bytes", "67108864", "memory.max", "67108864"),
    ("cpu cpu.shares", "r['cpu'] = {'shares': 2048}", "cpu", "cpu.shares", "2048", "cpu.weight", "79"),
    ("cpu.quota cpu.period", "r['cpu'] = {'quota': 30000, 'period': 50000}", "cpu", "cpu.cfs_quota_us", "30000", "cpu.max", "30000 50000"),
    ("cpu.period", "r['cpu'] = {'period': 50000}", "cpu", "cpu.cfs_period_us", "50000", "cpu.max", "max 50000"),
    ("cpu.burst", "r['cpu'] = {'quota': 30000, 'period': 50000, 'burst': 20000}", "cpu", "cpu.cfs_burst_us", "20000", "cpu.max.burst", "20000"),
    ("cpu.idle", "r['cpu'] = {'idle': 1}", "cpu", "cpu.idle", "1", "cpu.idle", "1"),
    ("cpu.realtimePeriod", "r['cpu'] = {'realtimePeriod': 500000}", "cpu", "cpu.rt_period_us", "500000", "cpu.max", None),
    ("cpu.realtimeRuntime", "T and T.give_real_time(); r['cpu'] = {'realtimeRuntime': 10000}", "cpu", "cpu.rt_runtime_us", "10000", "cpu.max", None),
    ("cpu.cpus", "r['cpu'] = {'cpus': '1'}", "cpuset", "cpuset.cpus", "1", "cpuset.cpus", "1"),
    ("cpu.mems", "r['cpu'] = {'mems': '0'}", "cpuset", "cpuset.mems", "0", "cpuset.mems", "0"),
    ("pids pids.limit", "r['pids'] = {'limit': 77}", "pids", "pids.max", "77", "pids.max", "77"),
    ("pids.limit", "r['pids'] = {'limit': -1}", "pids", "pids.max", "max", "pids.max", "max"),
    ("blockIO blockIO.weight", "r['blockIO'] = {'weight': 500}", "blkio", "blkio.bfq.weight", "500", "io.bfq.weight", "default 500"),
    ("blockIO.weightDevice blockIO.weightDevice.{major,minor,weight}", f"r['blockIO'] = {{'weightDevice': [{{{DISK}, 'weight': 300}}]}}", "blkio", "blkio.bfq.weight_device", "1:0 300", "io.bfq.weight", "1:0 300"),
    ("blockIO.weightDevice.leafWeight", f"r['blockIO'] = {{'weightDevice': [{{{DISK}, 'leafWeight': 300}}]}}", "blkio", "blkio.leaf_weight_device", None, "io.max", None),
    ("blockIO.leafWeight", "r['blockIO'] = {'leafWeight': 300}", "blkio", "blkio.leaf_weight", None, "io.max", None),
    ("blockIO.throttleReadBpsDevice blockIO.throttleReadBpsDevice.{major,minor,rate}", f"r['blockIO'] = {{'throttleReadBpsDevice': [{{{DISK}, 'rate': 1048576}}]}}", "blkio", "blkio.throttle.read_bps_device", "1:0 1048576", "io.max", "1:0 rbps=1048576 wbps=max riops=max wiops=max"),
    ("blockIO.throttleWriteBpsDevice blockIO.throttleWriteBpsDevice.{major,minor,rate}", f"r['blockIO'] = {{'throttleWriteBpsDevice': [{{{DISK}, 'rate': 1048576}}]}}", "blkio", "blkio.throttle.write_bps_device", "1:0 1048576", "io.max", "1:0 rbps=max wbps=1048576 riops=max wiops=max"),
    ("blockIO.throttleReadIOPSDevice blockIO.throttleReadIOPSDevice.{major,minor,rate}", f"r['blockIO'] = {{'throttleReadIOPSDevice': [{{{DISK}, 'rate': 99}}]}}", "blkio", "blkio.throttle.read_iops_device", "1:0 99", "io.max", "1:0 rbps=max wbps=max riops=99 wiops=max"),
    ("blockIO.throttleWriteIOPSDevice blockIO.throttleWriteIOPSDevice.{major,minor,rate}", f"r['blockIO'] = {{'throttleWriteIOPSDevice': [{{{DISK}, 'rate': 99}}]}}", "blkio", "blkio.throttle.write_iops_device", "1:0 99", "io.max", "1:0 rbps=max wbps=max riops=max wiops=99"),
    ("hugepageLimits hugepageLimits.{pageSize,limit}", "r['hugepageLimits'] = [{'pageSize': '2MB', 'limit': 4194304}]", "hugetlb", "hugetlb.2MB.limit_in_bytes", "4194304", "hugetlb.2MB.max", "4194304"),
    ("hugepageLimits.limit", "r['hugepageLimits'] = [{'pageSize': '2MB', 'limit': 4194304}]", "hugetlb", "hugetlb.2MB.rsvd.limit_in_bytes", "4194304", "hugetlb.2MB.rsvd.max", "4194304"),
    ("network network.classID", "r['network'] = {'classID': 1048577}", "net_cls", "net_cls.classid", "1048577", "cgroup.procs", None),
    ("network.priorities network.priorities.{name,priority}", "r['network'] = {'priorities': [{'name': 'lo', 'priority': 5}]}", "net_prio", "net_prio.ifpriomap", "lo 5", "cgroup.procs", None),
    # no such device here: it is the kernel that says so
    ("rdma", "r['rdma'] = {'rxe0': {'hcaHandles': 3, 'hcaObjects': 10}}", "rdma", "rdma.max", "rxe0 hca_handle=3 hca_object=10", "rdma.max", "rxe0 hca_handle=3 hca_object=10"),
    ("rdma", "r['rdma'] = {'rxe0': {'hcaHandles': 4}}", "rdma", "rdma.max", "rxe0 hca_handle=4 hca_object=max", "rdma.max", "rxe0 hca_handle=4 hca_object=max"),
    ("rdma", "r['rdma'] = {'nosuch': {'hcaHandles': 3, 'hcaObjects': 10}}", "rdma", "rdma.max", None, "rdma.max", None),
    ("unified", "r['unified'] = {'memory.high': '20971520', 'pids.max': '9'}", "memory", "memory.high", None, "memory.high", "20971520"),
    ("unified", "r['unified'] = {'nosuch.controller': '1'}", "memory", "memory.high", None, "memory.high", None),
]


def expand(text):
    """a.{b,c} d -> [a.b, a.c, d]"""
    todo, done = text.split(), []
    while todo:
        word = todo.pop(0)
        found = re.search(r"\{([^}]*)\}", word)
        if found:
            todo[:0] = [word[:found.start()] + part + word[found.end():] for part in found.group(1).split(",")]
        else:
            done.append(word)
    return done


class Test:
    def __init__(self, program, folder, cgroup):
        self.program, self.dir, self.cgroup = program, folder, cgroup
        self.root = folder + "/bundle/rootfs"
        with open(folder + "/bundle/config.json") as f:
            self.base = json.load(f)
        self.mounts, self.wrong, self.count = [], 0, 0

    def keep_mount(self, path):
        """A file system beneath a bind's source, as long as the test lasts."""
        if path not in self.mounts:
            subprocess.run(["mount", "-t", "tmpfs", "sub", path], check=True)
            self.mounts.append(path)

    def give_real_time(self):
        """A cgroup can give what it has, and a new one has none."""
        file = f"/sys/fs/cgroup/cpu{self.cgroup}/cpu.rt_runtime_us"
        if os.path.exists(file):
            with open(file, "w") as f:
                f.write("20000")

    def all_calls_but(self, names):
        with open("/usr/include/x86_64-linux-gnu/asm/unistd_64.h") as f:
            return [n for n in re.findall(r"#define __NR_(\w+)", f.read()) if n not in names.split()]

    def configure(self, change, command=None):
        c = json.loads(json.dumps(self.base))
        p, l = c["process"], c["linux"]
        r = l.setdefault("resources", {})
        if command is not None:
            p["args"] = ["sh", "-c", command]
        exec(change, {"c": c, "p": p, "l": l, "r": r, "T": self, "os": os, "USERNS": USERNS})
        with open(self.dir + "/bundle/config.json", "w") as f:
            json.dump(c, f)

    def oci(self, *args, **more):
        return subprocess.run([self.program, "--root", self.dir + "/state", *args], capture_output=True, text=True, timeout=30,
                              stdin=subprocess.DEVNULL, **more)

    def run(self):
        got = subprocess.run([self.program, "--root", self.dir + "/state", "run", "-b", self.dir + "/bundle", "c"], timeout=30,
                             text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return got.returncode, got.stdout.rstrip("\n")

    def start(self):
        """Detached; returns its pid."""
        with open(self.dir + "/out", "w") as out:
            done = subprocess.run([self.program, "--root", self.dir + "/state", "run", "-d", "-b", self.dir + "/bundle", "c"],
                                  stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=30)
        with open(self.dir + "/out") as out:
            self.output = out.read()
        return self.state()["pid"] if done.returncode == 0 else 0

    def state(self):
        return json.loads(self.oci("state", "c").stdout)

    def end(self):
        self.oci("delete", "-f", "c")

    def judge(self, name, is_right, seen):
        self.count += 1
        if not is_right:
            self.wrong += 1
            print(f"{name}: {str(seen)[:600]}")


def run_inside(t, group):
    for fields, change, command, pattern in INSIDE[group]:
        os.chown(t.root, 0, 0)
        t.configure(change, command)
        _, output = t.run()
        t.judge(f"{fields}: {change[-120:]}: wanted {pattern}", re.search(pattern, output), output)


def limit_name(fields):
    """Of a list, the list: its rows have no names of their own."""
    name = expand(fields)[-1]
    return name.split(".")[0] if name.startswith(("hugepageLimits", "rdma", "unified")) else ".".join(name.split(".")[:2])


def run_limits(t):
    """On a machine with some controllers of v1: what it lacks is refused by the name of the field."""
    for fields, change, controller, file, value, _, _ in LIMITS:
        t.configure(change, "sleep 100")
        pid = t.start()
        folder = f"/sys/fs/cgroup/{controller}{t.cgroup}/c"
        name = "linux.resources." + limit_name(fields)
        if pid and value is not None:
            with open(f"{folder}/{file}") as f:
                lines = [line.strip() for line in f]
            t.judge(f"{name} ({file}): wanted {value}", value in lines, lines)
        else:
            here = value is not None and os.path.exists(f"/sys/fs/cgroup/{controller}/cgroup.procs")
            lacks = here and ("this kernel has no" in t.output or "1:0" in t.output or "rxe0" in t.output or "/cpu.rt_" in t.output or "cpu.rt_" in t.output)
            t.judge(f"{name}: to be refused by name", not pid and name in t.output and t.output.count("\n") == 1 and (not here or lacks), t.output)
        t.end()


def write_bundles(folder, version):
    """One per limit with an expectation: "NUMBER FIELD FILE VALUE" or "NUMBER FIELD - ", the guest reads lines."""
    with open(folder + "/config.json") as f:
        base = json.load(f)
    with open(folder + "/expected", "w") as expected:
        for number, (fields, change, controller, v1_file, v1_value, v2_file, v2_value) in enumerate(LIMITS):
            c = json.loads(json.dumps(base))
            p, l = c["process"], c["linux"]
            r = l["resources"] = {}
            p["args"], p["terminal"] = ["sleep", "100"], False
            c["root"] = {"path": "/rootfs", "readonly": False}
            l["cgroupsPath"] = f"/t/limit{number}"
            # the disk there is one whose scheduler knows weights
            change, v1_value, v2_value = (value and value.replace("1:0 ", "7:0 ").replace(DISK, DISK.replace("1", "7")) for value in (change, v1_value, v2_value))
            exec(change, {"c": c, "p": p, "l": l, "r": r, "T": None})
            os.makedirs(f"{folder}/limit{number}")
            with open(f"{folder}/limit{number}/config.json", "w") as f:
                json.dump(c, f)
            file, value = (f"{controller}/t/limit{number}/{v1_file}", v1_value) if version == "1" else (f"t/limit{number}/{v2_file}", v2_value)
            name = "linux.resources." + limit_name(fields)
            expected.write(f"{number}|{name}|{file}|{'-' if value is None else value}\n")


SCHEDULERS = [ # change of scheduler, policy, priority, nice
    ({"policy": "SCHED_OTHER", "nice": 7}, 0, 0, 7), ({"policy": "SCHED_FIFO", "priority": 3}, 1, 3, 0), ({"policy": "SCHED_RR", "priority": 99}, 2, 99, 0),
    ({"policy": "SCHED_BATCH", "nice": 5}, 3, 0, 5), ({"policy": "SCHED_IDLE"}, 5, 0, 0),
    ({"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_RESET_ON_FORK"], "nice": 1}, 0x40000000, 0, 1),
]


def check_scheduler(t):
    for scheduler, policy, priority, nice in SCHEDULERS:
        # a cpu cgroup may have no real time to give: not in one
        t.configure(f"p['scheduler'] = {scheduler}; c['mounts'] = [m for m in c['mounts'] if m['type'] != 'cgroup']", "exec sleep 100")
        pid = t.start()
        seen = (os.sched_getscheduler(pid), os.sched_getparam(pid).sched_priority, os.getpriority(os.PRIO_PROCESS, pid)) if pid else t.output
        t.judge(f"process.scheduler {scheduler}", seen == (policy, priority, nice), seen)
        t.end()
    t.configure("p['scheduler'] = {'policy': 'SCHED_DEADLINE', 'runtime': 20000000, 'deadline': 50000000, 'period': 100000000}", "exec sleep 100")
    pid = t.start()
    seen = subprocess.run(["chrt", "-p", str(pid)], capture_output=True, text=True).stdout
    t.judge("process.scheduler SCHED_DEADLINE", pid and re.search("SCHED_DEADLINE.*20000000/50000000/100000000", seen, re.S), seen + t.output)
    t.end()
    t.configure("p['scheduler'] = {'policy': 'SCHED_ISO'}", "true")
    _, output = t.run()
    t.judge("process.scheduler SCHED_ISO: no kernel has it", "process.scheduler" in output, output)


def check_io_priority(t):
    for name, number in (("RT", 1), ("BE", 2), ("IDLE", 3)):
        t.configure(f"p['ioPriority'] = {{'class': 'IOPRIO_CLASS_{name}', 'priority': 6}}", "exec sleep 100")
        pid = t.start()
        seen = libc.syscall(252, 1, pid) if pid else t.output # ioprio_get
        t.judge(f"process.ioPriority {name}", seen == number << 13 | 6, seen)
        t.end()


def check_affinity(t):
    t.configure("p['execCPUAffinity'] = {'initial': '0', 'final': '1'}", "exec sleep 100")
    t.start()
    got = t.oci("--debug", "exec", "c", "grep", "Cpus_allowed_list", "/proc/self/status")
    t.judge("process.execCPUAffinity.final", got.stdout.split()[-1:] == ["1"], got.stdout)
    t.judge("process.execCPUAffinity.initial", "affinity: 0x1" in got.stderr, got.stderr)
    t.end()


def check_terminal(t):
    path = t.dir + "/console.sock"
    engine = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    engine.bind(path)
    engine.listen(1)
    engine.settimeout(10)
    t.configure("p['terminal'] = True; p['consoleSize'] = {'height': 33, 'width': 77}", "stty size; tty; test -c /dev/console && echo console")
    done = t.oci("run", "-d", "--console-socket", path, "-b", t.dir + "/bundle", "c")
    conn, _ = engine.accept()
    _, ancillary, _, _ = conn.recvmsg(4096, socket.CMSG_LEN(4))
    master = struct.unpack("i", ancillary[0][2][:4])[0]
    output = b""
    try:
        while chunk := os.read(master, 4096):
            output += chunk
    except OSError: # the other side is closed
        pass
    t.judge("process.terminal, consoleSize", done.returncode == 0 and re.search(rb"33 77\r\n/dev/(pts/0|console)\r\nconsole", output), (done, output))
    t.end()
    os.unlink(path)


def check_annotations(t):
    t.configure("c['annotations'] = {'org.test.a': 'b', 'x': ''}", "exec sleep 100")
    t.start()
    state = t.state()
    t.judge("annotations", state.get("annotations") == {"org.test.a": "b", "x": ""}, state)
    t.end()


def check_cgroups_path(t):
    for path in (t.cgroup + "/deep/c", t.cgroup[1:] + "/deep/../deep/c"):
        t.configure(f"l['cgroupsPath'] = '{path}'", "exec sleep 100")
        pid = t.start()
        seen = open(f"/proc/{pid}/cgroup").read() if pid else t.output
        t.judge(f"linux.cgroupsPath {path}", f":pids:{t.cgroup}/deep/c\n" in seen, seen)
        t.end()
    for folder in glob.glob(f"/sys/fs/cgroup/*{t.cgroup}/deep"):
        os.rmdir(folder)


def check_joined(t):
    kinds = ("network", "ipc", "uts", "pid", "mount", "time", "cgroup", "user")
    t.configure(NEW_NS.format("time") + "; " + NEW_NS.format("cgroup") + "; " + USERNS + "c['root']['readonly'] = False", "exec sleep 100")
    holder = subprocess.Popen([t.program, "--root", t.dir + "/state", "run", "-b", t.dir + "/bundle", "holder"], stdin=subprocess.DEVNULL)
    until = time.time() + 10
    while time.time() < until and '"running"' not in (state := t.oci("state", "holder").stdout):
        time.sleep(0.02)
    pid = json.loads(state)["pid"]
    outside = subprocess.Popen(["unshare", "--mount", "sh", "-c", "echo; exec sleep 100"], stdout=subprocess.PIPE)
    outside.stdout.readline()
    for kind in kinds:
        file = FILE_OF.get(kind, kind)
        target = outside.pid if kind == "mount" else pid # the root has to be there
        # of a user namespace other than ours, only with it
        with_user = "; l['namespaces'].append({'type': 'user', 'path': '/proc/%d/ns/user'})" % pid if kind not in ("user", "mount") else ""
        change = f"l['namespaces'] = [n for n in l['namespaces'] if n['type'] != '{kind}'] + [{{'type': '{kind}', 'path': '/proc/{target}/ns/{file}'}}]{with_user}; l['cgroupsPath'] += '-joined'; c.pop('hostname', 0); c['mounts'] = [m for m in c['mounts'] if m['type'] in ('proc', 'tmpfs')]"
        t.configure(change, "exec sleep 100")
        own = t.start()
        seen = os.readlink(f"/proc/{own}/ns/{file}") if own else t.output
        t.judge(f"linux.namespaces.path {kind}", own and seen == os.readlink(f"/proc/{target}/ns/{file}"), seen)
        t.end()
    outside.kill()
    outside.wait()
    t.oci("delete", "-f", "holder")
    holder.wait()


def check_hooks(t):
    log = t.dir + "/hooks.log"
    names = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
    hook = {n: [{"path": "/bin/busybox" if n == "startContainer" else "/bin/sh", "args": ["sh", "-c", f"echo \"{n} $0 $A $1 $(cat)\" >>" + ("/hooks.log" if n == "startContainer" else log), "zero", "one"],
                 "env": [f"A=of-{n}", "PATH=/bin"], "timeout": 20}] for n in names}
    t.configure(f"c['hooks'] = {hook}; c['root']['readonly'] = False; c['mounts'].append({{'destination': '/hooks.log', 'type': 'bind', 'source': '{log}', 'options': ['bind']}})", "true")
    open(log, "w").close()
    status, output = t.run()
    lines = open(log).read().splitlines()
    for name, status_then, line in zip(names, ("created", "creating", "creating", "created", "running", "stopped"), lines + [""] * 6):
        head, _, text = line.partition("{")
        try:
            state = json.loads("{" + text)
        except ValueError:
            state = {}
        t.judge(f"hooks.{name}: path, args, env, state", head == f"{name} zero of-{name} one " and state.get("id") == "c" and state.get("bundle") == t.dir + "/bundle" and state.get("status") == status_then and state.get("pid", 0) > 0 or name == "poststop", line)
    t.judge("hooks: all, in order", status == 0 and len(lines) == 6, output)
    for name in names:
        t.configure(f"c['hooks'] = {{'{name}': [{{'path': '/bin/busybox', 'args': ['sleep', '50'], 'timeout': 1}}]}}", "sleep 0.1")
        before = time.time()
        status, output = t.run()
        took = time.time() - before
        t.judge(f"hooks.{name}.timeout", f"error running {name} hook #0" in output and "took longer than 1 s" in output and took < 10 and (status != 0 or name == "poststop"), (status, took, output))
        t.end()


def check_notify(t):
    """SCMP_ACT_NOTIFY: the agent gets the state and the descriptor, and decides."""
    path = t.dir + "/agent.sock"
    agent = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    agent.bind(path)
    agent.listen(1)
    agent.settimeout(10)
    t.configure(SECCOMP % "'action': 'SCMP_ACT_NOTIFY'" + f"; l['seccomp'].update(listenerPath='{path}', listenerMetadata='some=thing', flags=['SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV']); c['annotations'] = {{'k': 'v'}}", "mkdir /dev/shm/d; echo end")
    child = subprocess.Popen([t.program, "--root", t.dir + "/state", "run", "-b", t.dir + "/bundle", "c"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    conn, _ = agent.accept()
    text, ancillary, _, _ = conn.recvmsg(65536, socket.CMSG_LEN(4))
    while chunk := conn.recv(65536):
        text += chunk
    fds = array.array("i")
    fds.frombytes(ancillary[0][2][:4])
    state = json.loads(text)
    notification = ctypes.create_string_buffer(80)
    for _ in range(2): # mkdir alone, or mkdir and what busybox tries next
        if libc.ioctl(fds[0], 0xC0502100, notification) < 0:
            break
        answer = ctypes.create_string_buffer(struct.pack("=QqiI", struct.unpack_from("=Q", notification)[0], 0, -28, 0))
        libc.ioctl(fds[0], 0xC0182101, answer)
        break
    os.close(fds[0])
    output = child.communicate(timeout=20)[0]
    t.judge("linux.seccomp.listenerPath", "No space left on device" in output and output.endswith("end\n"), output)
    t.judge("linux.seccomp.listenerMetadata", state.get("metadata") == "some=thing" and state.get("fds") == ["seccompFd"] and state["pid"] > 1, state)
    t.judge("linux.seccomp: the state for the agent", state["state"]["id"] == "c" and state["state"]["annotations"] == {"k": "v"} and state["state"]["pid"] == state["pid"], state)
    agent.close()
    os.unlink(path)


def check_refused(t):
    """What this host cannot do, or nobody: one line with the name."""
    for change, words in (
            ("l['intelRdt'] = {'closID': 'x', 'l3CacheSchema': 'L3:0=f'}", "linux.intelRdt: Intel RDT is not supported"),
            ("l['personality'] = {'domain': 'LINUX', 'flags': ['X']}", "linux.personality.flags: no flags are supported"),
            ("p['apparmorProfile'] = 'profile'", "process.apparmorProfile: \"profile\" cannot be applied on this host"),
            ("p['selinuxLabel'] = 'system_u:x'", "process.selinuxLabel: SELinux is not enabled on this host"),
            ("l['mountLabel'] = 'system_u:x'", "linux.mountLabel: SELinux is not enabled on this host"),
            (NEW_NS.format("time") + "; l['timeOffsets'] = {'realtime': {'secs': 1}}", "linux.timeOffsets.realtime: this clock is the same in all time namespaces"),
            ("l['namespaces'][0] = {'type': 'uts', 'path': '/proc/self/ns/net'}; l['namespaces'] = [n for i, n in enumerate(l['namespaces']) if i == 0 or n['type'] != 'uts']", "linux.namespaces"),
            ("l['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'listenerMetadata': 'x'}", "linux.seccomp.listenerMetadata: needs listenerPath"),
            (DEVICE % "{'path': '/bin/busybox', 'major': 1, 'minor': 3}", "linux.devices[0]"),
            ("r['rdma'] = {'mlx5_1': {}}", "linux.resources.rdma.mlx5_1: expected hcaHandles or hcaObjects"),
            ("r['blockIO'] = {'weightDevice': [{'major': 8, 'minor': 0}]}", "linux.resources.blockIO.weightDevice[0].weight: needed, or leafWeight")):
        t.configure(change, "true")
        status, output = t.run()
        t.judge(f"{change[-100:]}: wanted {words}", status == 1 and words in output and "\n" not in output, (status, output))


def check_net_devices(t):
    subprocess.run(["ip", "link", "add", "out0", "type", "veth", "peer", "name", "out1"], check=True)
    t.configure("l['netDevices'] = {'out0': {'name': 'eth5'}, 'out1': {}}", "cut -d: -f1 /proc/net/dev | tail -n +3 | tr -d ' ' | sort")
    t.configure("l['netDevices'] = {'out0': {'name': 'eth5'}, 'out1': {}}; p['args'] = ['cat', '/proc/net/dev']")
    _, output = t.run()
    t.judge("linux.netDevices", "eth5:" in output and "out1:" in output and "out0:" not in output, output)


CHECKS = { # the fields that these functions look at
    check_scheduler: "process.scheduler process.scheduler.{policy,nice,priority,flags,runtime,deadline,period}",
    check_io_priority: "process.ioPriority process.ioPriority.{class,priority}",
    check_affinity: "process.execCPUAffinity process.execCPUAffinity.{initial,final}",
    check_terminal: "process.terminal process.consoleSize process.consoleSize.{height,width}",
    check_annotations: "annotations",
    check_cgroups_path: "linux.cgroupsPath",
    check_joined: "linux.namespaces.path",
    check_hooks: "hooks hooks.{prestart,createRuntime,createContainer,startContainer,poststart,poststop} hooks.{prestart,createRuntime,createContainer,startContainer,poststart,poststop}.{path,args,env,timeout}",
    check_notify: "linux.seccomp.{listenerPath,listenerMetadata,flags}",
    check_refused: "linux.intelRdt linux.personality.flags process.apparmorProfile process.selinuxLabel linux.mountLabel linux.timeOffsets.realtime",
    check_net_devices: "linux.netDevices",
}


def fields_of(source):
    """Every field that the tables of spec.c decode, by its path."""
    tables = {}
    for name, body in re.findall(r"^(?:PUBLIC_)?TABLE\((\w+), \w+,\n(.*?)\);$", source, re.S | re.M):
        rows = re.findall(r'ROW\(\w+, \w+, "(\w+)", FIELD_\w+([^\n]*)', body) + [(n, "") for n in re.findall(r'\.name = "(\w+)"', body)]
        tables[name] = [(row, (re.search(r"SUB\((\w+)\)", rest) or [None, None])[1]) for row, rest in rows]

    def walk(table, path):
        for name, sub in tables[table]:
            yield path + name
            if sub:
                yield from walk(sub, path + name + ".")
    return list(walk("oci_spec", ""))


def main():
    if sys.argv[1] == "list":
        with open(sys.argv[2]) as f:
            known = fields_of(f.read())
        rows = {f for group in INSIDE.values() for row in group for f in expand(row[0])}
        rows |= {"linux.resources"} | {"linux.resources." + f for row in LIMITS for f in expand(row[0])}
        rows |= {f for fields in CHECKS.values() for f in expand(fields)}
        missing = [f for f in known if f not in rows]
        print(f"{len(known)} fields, without a row: {missing}, rows of none: {sorted(rows - set(known))}")
        sys.exit(1 if missing or rows - set(known) or len(known) < 200 else 0)
    if sys.argv[1] == "bundles":
        write_bundles(sys.argv[2], sys.argv[3])
        return
    t = Test(*sys.argv[2:5])
    group = sys.argv[5]
    try:
        if group in INSIDE:
            run_inside(t, group)
        elif group == "limits":
            run_limits(t)
        else:
            globals()["check_" + group](t)
    finally:
        for path in t.mounts:
            subprocess.run(["umount", "-l", path])
        os.chown(t.root, 0, 0)
    print(f"{t.count} rows, {t.wrong} wrong")
    sys.exit(1 if t.wrong or t.count == 0 else 0)


main()
