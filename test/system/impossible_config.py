# SPDX-License-Identifier: Apache-2.0
# Values of config.json that have the right type and cannot be: exit 1, one line that names the field, nothing created, nothing left.
# Usage: impossible_config.py PROGRAM FOLDER CGROUP     FOLDER has bundle/config.json and state/
import glob
import json
import os
import subprocess
import sys

program, folder, cgroup = sys.argv[1:]
base = json.load(open(folder + "/bundle/config.json"))
LONG = "x" * 5000
USER = "p['user']"
IDS = "l['namespaces'].append({'type': 'user'}); l['uidMappings'] = [{'containerID': 0, 'hostID': 100000, 'size': 10}]; l['gidMappings'] = [{'containerID': 0, 'hostID': 100000, 'size': 10}]; "
DEVICE = "l['devices'] = [dict({'path': '/dev/x', 'type': 'c', 'major': 1, 'minor': 3}, **%s)]"
RULE = "r['devices'] = [dict({'allow': True, 'type': 'c', 'major': 1, 'minor': 3, 'access': 'r'}, **%s)]"
MEMORY, CPU, BLOCK = "r['memory'] = %s", "r['cpu'] = %s", "r['blockIO'] = %s"
SECCOMP = "l['seccomp'] = dict({'defaultAction': 'SCMP_ACT_ERRNO', 'syscalls': [{'names': ['read'], 'action': 'SCMP_ACT_ALLOW'}]}, **%s)"
CALL = "l['seccomp'] = {'defaultAction': 'SCMP_ACT_ERRNO', 'syscalls': [dict({'names': ['read'], 'action': 'SCMP_ACT_ALLOW'}, **%s)]}"
HOOK = "c['hooks'] = {'%s': [dict({'path': '/bin/true'}, **%s)]}"
MOUNT = "c['mounts'].append(dict({'destination': '/m', 'type': 'tmpfs', 'source': 'tmpfs'}, **%s))"
OTHER_NS = "l['namespaces'] = [n for n in l['namespaces'] if n['type'] != '%s']"

# change of c (p: process, l: linux, r: linux.resources), what the line must name
rows = [
    ("c['ociVersion'] = ''", "ociVersion"), ("c['ociVersion'] = '0.9.0'", "ociVersion"), ("c['ociVersion'] = '2.0.0'", "ociVersion"),
    ("c['ociVersion'] = '1.x'", "ociVersion"), ("c['ociVersion'] = 'one'", "ociVersion"),
    ("c['root'] = {'path': ''}", "root.path"), ("c['root']['path'] = 'rootfs/bin/busybox'", "root.path"),
    ("c['root']['path'] = '/nosuch'", "root.path"), (f"c['root']['path'] = '{LONG}'", "root.path"),
    ("del c['root']", "root.path"),
    ("c['hostname'] = 'x' * 65", "hostname"), ("c['domainname'] = 'x' * 65", "domainname"),
    (OTHER_NS % "uts" + "; c['hostname'] = 'x'", "hostname"), (OTHER_NS % "uts" + "; c.pop('hostname', 0); c['domainname'] = 'x'", "domainname"),
    # process
    ("del c['process']", "process"), ("p['args'] = []", "process.args"), ("p['args'] = ['']", "process.args"), ("p['args'] = ['/nosuch']", "/nosuch"),
    (f"p['args'] = ['/{LONG}']", "process.args[0]"),
    ("p['cwd'] = ''", "process.cwd"), ("p['cwd'] = 'tmp'", "process.cwd"), ("p['cwd'] = '/bin/busybox'", "process.cwd"), (f"p['cwd'] = '/{LONG}'", "process.cwd"),
    ("p['env'].append('=x')", "process.env["), ("p['env'].append('')", "process.env["), ("p['env'].append('A')", "process.env["),
    ("p['consoleSize'] = {'height': 65536, 'width': 1}; p['terminal'] = True", "process.consoleSize.height"),
    ("p['consoleSize'] = {'height': 1, 'width': -1}", "process.consoleSize.width"),
    (f"{USER} = {{'uid': 2 ** 32, 'gid': 0}}", "process.user.uid"), (f"{USER} = {{'uid': 2 ** 32 - 1, 'gid': 0}}", "process.user.uid"),
    (f"{USER} = {{'uid': -1, 'gid': 0}}", "process.user.uid"), (f"{USER} = {{'uid': 0, 'gid': 2 ** 32 - 1}}", "process.user.gid"),
    (f"{USER} = {{'uid': 0, 'gid': -1}}", "process.user.gid"), (f"{USER} = {{'uid': 0, 'gid': 0, 'umask': 0o1000}}", "process.user.umask"),
    (f"{USER} = {{'uid': 0, 'gid': 0, 'additionalGids': [2 ** 32 - 1]}}", "process.user.additionalGids"),
    (f"{USER} = {{'uid': 0, 'gid': 0, 'additionalGids': [-1]}}", "process.user.additionalGids"),
    (f"{IDS}{USER} = {{'uid': 10, 'gid': 0}}", "process.user.uid"), (f"{IDS}{USER} = {{'uid': 0, 'gid': 10}}", "process.user.gid"),
    (f"{IDS}{USER} = {{'uid': 0, 'gid': 0, 'additionalGids': [10]}}", "process.user.additionalGids"),
    ("p['rlimits'] = [{'type': 'RLIMIT_NO', 'soft': 1, 'hard': 1}]", "process.rlimits[0].type"), ("p['rlimits'] = [{'type': '', 'soft': 1, 'hard': 1}]", "process.rlimits[0].type"),
    ("p['rlimits'] = [{'type': 'RLIMIT_CORE', 'soft': 2, 'hard': 1}]", "process.rlimits[0].soft"), ("p['rlimits'] = [{'type': 'RLIMIT_CORE', 'soft': -1, 'hard': 1}]", "process.rlimits[0].soft"),
    ("p['rlimits'] = [{'type': 'RLIMIT_CORE', 'soft': 1, 'hard': 1}] * 2", "process.rlimits[1].type"), ("p['rlimits'] = [{'type': 'RLIMIT_CORE', 'hard': 1}]", "process.rlimits[0].soft"),
    ("p['rlimits'] = [{'type': 'RLIMIT_NOFILE', 'soft': 1 << 62, 'hard': 1 << 62}]", "process.rlimits[0]"),
    ("p['oomScoreAdj'] = 1001", "process.oomScoreAdj"), ("p['oomScoreAdj'] = -1001", "process.oomScoreAdj"),
    ("p['scheduler'] = {'policy': 'SCHED_NO'}", "process.scheduler.policy"), ("p['scheduler'] = {'policy': ''}", "process.scheduler.policy"),
    ("p['scheduler'] = {'policy': 'SCHED_OTHER', 'nice': 20}", "process.scheduler.nice"), ("p['scheduler'] = {'policy': 'SCHED_OTHER', 'nice': -21}", "process.scheduler.nice"),
    ("p['scheduler'] = {'policy': 'SCHED_FIFO', 'priority': 100}", "process.scheduler.priority"), ("p['scheduler'] = {'policy': 'SCHED_FIFO', 'priority': -1}", "process.scheduler.priority"),
    ("p['scheduler'] = {'policy': 'SCHED_OTHER', 'priority': 5}", "process.scheduler.priority"), ("p['scheduler'] = {'policy': 'SCHED_OTHER', 'flags': ['SCHED_FLAG_NO']}", "process.scheduler.flags[0]"),
    ("p['scheduler'] = {'policy': 'SCHED_DEADLINE', 'runtime': 10, 'deadline': 5, 'period': 20}", "process.scheduler"), ("p['scheduler'] = {'policy': 'SCHED_OTHER', 'runtime': 1}", "process.scheduler.runtime"),
    ("p['ioPriority'] = {'class': 'IOPRIO_CLASS_NO', 'priority': 1}", "process.ioPriority.class"), ("p['ioPriority'] = {'class': 'IOPRIO_CLASS_BE', 'priority': 8}", "process.ioPriority.priority"),
    ("p['ioPriority'] = {'class': 'IOPRIO_CLASS_BE', 'priority': -1}", "process.ioPriority.priority"),
    ("p['execCPUAffinity'] = {'initial': 'a'}", "process.execCPUAffinity.initial"), ("p['execCPUAffinity'] = {'final': '3-1'}", "process.execCPUAffinity.final"),
    # mounts
    (MOUNT % "{'destination': ''}", "mounts["), (MOUNT % "{'type': 'nosuch'}", "mounts["), (MOUNT % "{'type': ''}", "mounts["), (MOUNT % f"{{'destination': '/{LONG}'}}", "mounts["),
    (MOUNT % "{'options': ['bind'], 'source': ''}", "mounts["), (MOUNT % "{'options': ['bind'], 'source': '/nosuch'}", "mounts["), (MOUNT % "{'options': ['size=moon']}", "mounts["),
    (MOUNT % "{'options': ['nosuchoption']}", "mounts["), (MOUNT % f"{{'options': ['{LONG}']}}", "mounts["), (MOUNT % "{'options': ['tmpcopyup'], 'type': 'proc'}", "mounts["),
    (MOUNT % "{'options': ['idmap']}", "mounts["), (MOUNT % "{'options': ['bind'], 'source': '/tmp', 'uidMappings': [{'containerID': 0, 'hostID': 0, 'size': 1}]}", "mounts["),
    (MOUNT % "{'options': ['bind'], 'source': '/tmp', 'uidMappings': [{'containerID': 0, 'hostID': 0, 'size': 0}], 'gidMappings': [{'containerID': 0, 'hostID': 0, 'size': 1}]}", "mounts["),
    (MOUNT % "{'options': ['bind'], 'source': '/tmp', 'uidMappings': [{'containerID': 0, 'hostID': 0, 'size': 2}, {'containerID': 1, 'hostID': 9, 'size': 1}], 'gidMappings': [{'containerID': 0, 'hostID': 0, 'size': 1}]}", "mounts["),
    # hooks
    *[(HOOK % (n, "{'path': 'bin/true'}"), f"hooks.{n}[0].path") for n in ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")],
    (HOOK % ("prestart", "{'path': ''}"), "hooks.prestart[0].path"), (HOOK % ("prestart", "{'timeout': 0}"), "hooks.prestart[0].timeout"),
    (HOOK % ("poststop", "{'timeout': -1}"), "hooks.poststop[0].timeout"), (HOOK % ("createRuntime", "{'env': ['=x']}"), "hooks.createRuntime[0].env[0]"),
    # namespaces, ids, time
    ("l['namespaces'].append({'type': 'pid'})", "linux.namespaces[5].type"), ("l['namespaces'].append({'type': 'moon'})", "linux.namespaces[5].type"), ("l['namespaces'].append({'type': ''})", "linux.namespaces[5].type"),
    ("l['namespaces'][1]['path'] = 'relative'", "linux.namespaces[1].path"), ("l['namespaces'][1]['path'] = '/nosuch'", "linux.namespaces[1].path"), ("l['namespaces'][1]['path'] = '/proc/self/ns/mnt'", "linux.namespaces"),
    ("l['namespaces'][1]['path'] = '/etc/passwd'", "linux.namespaces"),
    ("l['uidMappings'] = [{'containerID': 0, 'hostID': 1, 'size': 1}]", "linux.uidMappings"), ("l['gidMappings'] = [{'containerID': 0, 'hostID': 1, 'size': 1}]", "linux.gidMappings"),
    ("l['namespaces'].append({'type': 'user'})", "linux.uidMappings"), (IDS + "del l['gidMappings']", "linux.gidMappings"),
    (IDS + "l['uidMappings'].append({'containerID': 5, 'hostID': 900, 'size': 1})", "linux.uidMappings[1]"), (IDS + "l['gidMappings'].append({'containerID': 50, 'hostID': 100005, 'size': 1})", "linux.gidMappings[1]"),
    (IDS + "l['uidMappings'][0]['size'] = 0", "linux.uidMappings[0].size"), (IDS + "l['uidMappings'][0]['size'] = -1", "linux.uidMappings[0].size"), (IDS + "l['uidMappings'][0]['hostID'] = 2 ** 32", "linux.uidMappings[0].hostID"),
    (IDS + "l['uidMappings'][0].update(hostID=2 ** 32 - 5)", "linux.uidMappings[0]"), (IDS + "l['gidMappings'][0].update(containerID=2 ** 32 - 5)", "linux.gidMappings[0]"),
    (IDS + "l['uidMappings'] = [{'containerID': i, 'hostID': 100000 + i, 'size': 1} for i in range(341)]", "linux.uidMappings"),
    ("l['timeOffsets'] = {'boottime': {'secs': 1}}", "linux.timeOffsets"),
    ("l['namespaces'].append({'type': 'time'}); l['timeOffsets'] = {'boottime': {'secs': 2 ** 62}}", "linux.timeOffsets.boottime"),
    ("l['namespaces'].append({'type': 'time'}); l['timeOffsets'] = {'boottime': {'secs': 1, 'nanosecs': 10 ** 9}}", "linux.timeOffsets.boottime"),
    # devices
    (DEVICE % "{'path': 'dev/x'}", "linux.devices[0].path"), (DEVICE % "{'path': ''}", "linux.devices[0].path"), (DEVICE % "{'type': 'x'}", "linux.devices[0].type"), (DEVICE % "{'type': ''}", "linux.devices[0].type"),
    (DEVICE % "{'major': -1}", "linux.devices[0].major"), (DEVICE % "{'major': 1 << 40}", "linux.devices[0].major"), (DEVICE % "{'minor': -1}", "linux.devices[0].minor"), (DEVICE % "{'minor': 1 << 40}", "linux.devices[0].minor"),
    (DEVICE % "{'uid': 2 ** 32}", "linux.devices[0].uid"), (DEVICE % "{'gid': -1}", "linux.devices[0].gid"),
    ("l['devices'] = [{'path': '/dev/x', 'type': 'c'}]", "linux.devices[0].major"), (DEVICE % "{'path': '/dev/null', 'major': 7}", "linux.devices[0]"), (DEVICE % "{'path': '/dev/../../x/..'}", "linux.devices[0]"),
    (RULE % "{'type': 'x'}", "linux.resources.devices[0].type"), (RULE % "{'access': 'z'}", "linux.resources.devices[0].access"), (RULE % "{'major': -2}", "linux.resources.devices[0].major"),
    (RULE % "{'minor': 1 << 40}", "linux.resources.devices[0].minor"),
    # cgroups
    ("l['cgroupsPath'] = '/'", "linux.cgroupsPath"), ("l['cgroupsPath'] = '..'", "linux.cgroupsPath"), (f"l['cgroupsPath'] = '/{LONG}'", "linux.cgroupsPath"),
    (MEMORY % "{'limit': -2}", "linux.resources.memory.limit"), (MEMORY % "{'limit': 2 ** 64}", "linux.resources.memory.limit"), (MEMORY % "{'reservation': -2}", "linux.resources.memory.reservation"),
    (MEMORY % "{'limit': 1 << 30, 'swap': 1 << 20}", "linux.resources.memory.swap"), (MEMORY % "{'swap': -2, 'limit': 1 << 30}", "linux.resources.memory.swap"), (MEMORY % "{'swap': 1 << 30}", "linux.resources.memory.swap"),
    (MEMORY % "{'swappiness': 101}", "linux.resources.memory.swappiness"), (MEMORY % "{'swappiness': -1}", "linux.resources.memory.swappiness"), (MEMORY % "{'kernelTCP': -2}", "linux.resources.memory.kernelTCP"),
    (MEMORY % "{'limit': 1}", "linux.resources.memory.limit"),
    (CPU % "{'shares': 1}", "linux.resources.cpu.shares"), (CPU % "{'shares': 262145}", "linux.resources.cpu.shares"), (CPU % "{'shares': -1}", "linux.resources.cpu.shares"), (CPU % "{'quota': 10}", "linux.resources.cpu.quota"),
    (CPU % "{'quota': -2}", "linux.resources.cpu.quota"), (CPU % "{'period': 10}", "linux.resources.cpu.period"), (CPU % "{'period': 1000001}", "linux.resources.cpu.period"), (CPU % "{'quota': 5000, 'period': 10000, 'burst': 6000}", "linux.resources.cpu.burst"),
    (CPU % "{'cpus': '900'}", "linux.resources.cpu.cpus"), (CPU % "{'cpus': 'a'}", "linux.resources.cpu.cpus"), (CPU % "{'cpus': '3-1'}", "linux.resources.cpu.cpus"), (CPU % "{'mems': '900'}", "linux.resources.cpu.mems"),
    (CPU % "{'idle': 2}", "linux.resources.cpu.idle"), (CPU % "{'idle': -1}", "linux.resources.cpu.idle"), (CPU % "{'realtimeRuntime': 10, 'realtimePeriod': 5}", "linux.resources.cpu.realtime"),
    ("r['pids'] = {'limit': -2}", "linux.resources.pids.limit"), ("r['pids'] = {'limit': 2 ** 62}", "linux.resources.pids.limit"),
    (BLOCK % "{'weight': 9}", "linux.resources.blockIO.weight"), (BLOCK % "{'weight': 1001}", "linux.resources.blockIO.weight"), (BLOCK % "{'leafWeight': 9}", "linux.resources.blockIO.leafWeight"),
    (BLOCK % "{'weightDevice': [{'major': 8, 'minor': 0, 'weight': 9}]}", "linux.resources.blockIO.weightDevice[0].weight"), (BLOCK % "{'weightDevice': [{'major': -8, 'minor': 0, 'weight': 10}]}", "linux.resources.blockIO.weightDevice[0].major"),
    *[(BLOCK % f"{{'throttle{n}Device': [{{'major': 8, 'minor': -1, 'rate': 100}}]}}", f"linux.resources.blockIO.throttle{n}Device[0].minor") for n in ("ReadBps", "WriteBps", "ReadIOPS", "WriteIOPS")],
    *[(BLOCK % f"{{'throttle{n}Device': [{{'major': 4000, 'minor': 9, 'rate': 100}}]}}", f"linux.resources.blockIO.throttle{n}Device") for n in ("ReadBps", "WriteBps", "ReadIOPS", "WriteIOPS")],
    ("r['hugepageLimits'] = [{'pageSize': '3MB', 'limit': 1}]", "linux.resources.hugepageLimits"), ("r['hugepageLimits'] = [{'pageSize': '', 'limit': 1}]", "linux.resources.hugepageLimits[0].pageSize"),
    ("r['hugepageLimits'] = [{'pageSize': '../x', 'limit': 1}]", "linux.resources.hugepageLimits[0].pageSize"), ("r['hugepageLimits'] = [{'pageSize': '2MB', 'limit': -1}]", "linux.resources.hugepageLimits[0].limit"),
    ("r['network'] = {'classID': 2 ** 32}", "linux.resources.network.classID"), ("r['network'] = {'priorities': [{'name': 'nosuch0', 'priority': 1}]}", "linux.resources.network"),
    ("r['network'] = {'priorities': [{'name': '', 'priority': 1}]}", "linux.resources.network.priorities[0].name"), ("r['network'] = {'priorities': [{'name': 'lo', 'priority': 2 ** 32}]}", "linux.resources.network.priorities[0].priority"),
    ("r['rdma'] = {'nosuch0': {'hcaHandles': -1}}", "linux.resources.rdma"), ("r['rdma'] = {'': {'hcaHandles': 1}}", "linux.resources.rdma"), ("r['rdma'] = {'a b': {'hcaHandles': 1}}", "linux.resources.rdma"),
    ("r['unified'] = {'../x': '1'}", "linux.resources.unified"), ("r['unified'] = {'': '1'}", "linux.resources.unified"), ("r['unified'] = {'cgroup.procs/x': '1'}", "linux.resources.unified"), ("r['unified'] = {'nosuch.file': '1'}", "linux.resources.unified"),
    # the rest
    ("l['rootfsPropagation'] = 'moon'", "linux.rootfsPropagation"), ("l['rootfsPropagation'] = 'rw'", "linux.rootfsPropagation"),
    ("l['sysctl'] = {'': '1'}", "linux.sysctl"), ("l['sysctl'] = {'../x': '1'}", "linux.sysctl"), ("l['sysctl'] = {'net/../../x': '1'}", "linux.sysctl"), ("l['sysctl'] = {'kernel.panic': '1'}", "linux.sysctl"), ("l['sysctl'] = {'net.nosuch': '1'}", "linux.sysctl"),
    ("l['sysctl'] = {'net.ipv4.ip_forward': 'moon'}", "linux.sysctl"), (OTHER_NS % "ipc" + "; l['sysctl'] = {'kernel.msgmax': '1'}", "linux.sysctl"), (f"l['sysctl'] = {{'net.{LONG}': '1'}}", "linux.sysctl"),
    ("l['maskedPaths'].append('proc/x')", "linux.maskedPaths["), ("l['maskedPaths'].append('')", "linux.maskedPaths["), ("l['readonlyPaths'].append('proc')", "linux.readonlyPaths["), ("l['readonlyPaths'].append('')", "linux.readonlyPaths["),
    (SECCOMP % "{'defaultAction': 'SCMP_ACT_NO'}", "linux.seccomp.defaultAction"), (SECCOMP % "{'defaultAction': ''}", "linux.seccomp.defaultAction"), (SECCOMP % "{'defaultErrnoRet': 5000}", "linux.seccomp.defaultErrnoRet"),
    (SECCOMP % "{'defaultAction': 'SCMP_ACT_ALLOW', 'defaultErrnoRet': 1}", "linux.seccomp.defaultErrnoRet"),
    (SECCOMP % "{'architectures': ['SCMP_ARCH_MOON']}", "linux.seccomp.architectures[0]"), (SECCOMP % "{'flags': ['SECCOMP_FILTER_FLAG_NO']}", "linux.seccomp.flags[0]"), (SECCOMP % "{'defaultAction': 'SCMP_ACT_NOTIFY'}", "linux.seccomp.defaultAction"),
    (CALL % "{'names': []}", "linux.seccomp.syscalls[0].names"), (CALL % "{'names': ['']}", "linux.seccomp.syscalls[0].names"), (CALL % "{'action': 'SCMP_ACT_NO'}", "linux.seccomp.syscalls[0].action"), (CALL % "{'action': 'SCMP_ACT_ERRNO', 'errnoRet': 5000}", "linux.seccomp.syscalls[0].errnoRet"),
    (CALL % "{'action': 'SCMP_ACT_ALLOW', 'errnoRet': 1}", "linux.seccomp.syscalls[0].errnoRet"),
    (CALL % "{'action': 'SCMP_ACT_NOTIFY'}", "linux.seccomp.listenerPath"), (CALL % "{'args': [{'index': 6, 'value': 1, 'op': 'SCMP_CMP_EQ'}]}", "linux.seccomp.syscalls[0].args[0].index"), (CALL % "{'args': [{'index': 0, 'value': 1, 'op': 'SCMP_CMP_NO'}]}", "linux.seccomp.syscalls[0].args[0].op"),
    (CALL % "{'args': [{'index': 0, 'value': -1, 'op': 'SCMP_CMP_EQ'}]}", "linux.seccomp.syscalls[0].args[0].value"), (CALL % "{'args': [{'index': 0, 'value': 1, 'op': 'SCMP_CMP_EQ'}] * 7}", "linux.seccomp.syscalls[0].args"),
    ("l['mountLabel'] = 'moon'", "linux.mountLabel"), ("p['selinuxLabel'] = 'moon'", "process.selinuxLabel"), ("p['apparmorProfile'] = 'moon'", "process.apparmorProfile"),
    ("l['personality'] = {'domain': 'MOON'}", "linux.personality.domain"), ("l['personality'] = {'domain': ''}", "linux.personality.domain"), ("l['personality'] = {'domain': 'LINUX', 'flags': ['X']}", "linux.personality.flags"),
    ("l['memoryPolicy'] = {'mode': 'MOON'}", "linux.memoryPolicy.mode"), ("l['memoryPolicy'] = {'mode': 'MPOL_BIND', 'nodes': '5-1'}", "linux.memoryPolicy"), ("l['memoryPolicy'] = {'mode': 'MPOL_BIND', 'nodes': ''}", "linux.memoryPolicy"),
    ("l['memoryPolicy'] = {'mode': 'MPOL_BIND', 'nodes': '0', 'flags': ['X']}", "linux.memoryPolicy"), ("l['intelRdt'] = {'closID': '../x'}", "linux.intelRdt"), ("l['netDevices'] = {'a/b': {}}", "linux.netDevices"), ("l['netDevices'] = {'nosuch0': {}}", "linux.netDevices.nosuch0"),
    ("c['annotations'] = {'': 'x'}", "annotations"),
]

mounts = open("/proc/self/mountinfo").read()
wrong = 0
for change, field in rows:
    c = json.loads(json.dumps(base))
    p, l = c["process"], c["linux"]
    r = l.setdefault("resources", {})
    exec(change)
    with open(folder + "/bundle/config.json", "w") as f:
        json.dump(c, f)
    got = subprocess.run([program, "--root", folder + "/state", "run", "-b", folder + "/bundle", "c"],
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    left = os.listdir(folder + "/state") + glob.glob(f"/sys/fs/cgroup/*{cgroup}/c") + glob.glob(f"/sys/fs/cgroup{cgroup}/c")
    left = [n for n in left if not n.startswith(".seccomp")]
    if open("/proc/self/mountinfo").read() != mounts:
        left.append("a mount")
    if got.returncode != 1 or got.stderr.count("\n") != 1 or got.stdout or field not in got.stderr or left:
        wrong += 1
        print(f"{change[:150]}: wanted {field}: status {got.returncode}, left {left}: {got.stdout[:100]}{got.stderr[:300]}")
print(f"{len(rows)} values, {wrong} wrong")
sys.exit(1 if wrong or len(rows) < 200 else 0)
