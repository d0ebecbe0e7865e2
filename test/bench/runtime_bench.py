#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The measuring part of bench_runtime.sh: runs each command of each runtime in turn and prints CPU, wall time and RSS."""
import json
import os
import re
import shutil
import subprocess
import sys
import time

DEFAULT_MASKED = ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
                  "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"]
DEFAULT_READONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


def config(cgroup, limit=64 << 20):
    def mount(where, kind, source, *options):
        return {"destination": where, "type": kind, "source": source, "options": list(options)}
    return {
        "ociVersion": "1.0.2",
        "process": {"user": {"uid": 0, "gid": 0}, "args": ["/bin/true"], "env": ["PATH=/bin", "HOME=/"], "cwd": "/",
                    "capabilities": {k: ["CAP_KILL", "CAP_AUDIT_WRITE"] for k in ("bounding", "effective", "permitted")},
                    "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}], "noNewPrivileges": True},
        "root": {"path": "rootfs", "readonly": True}, "hostname": "bench",
        "mounts": [
            mount("/proc", "proc", "proc"),
            mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
            mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
            mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
            mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
            mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
        ],
        "linux": {
            "cgroupsPath": cgroup,
            "resources": {"devices": [{"allow": False, "access": "rwm"}], "memory": {"limit": limit}, "pids": {"limit": 64}},
            "namespaces": [{"type": t} for t in ("pid", "network", "ipc", "uts", "mount")],
            "maskedPaths": DEFAULT_MASKED, "readonlyPaths": DEFAULT_READONLY,
        },
    }


def measure(argv):
    """One command: wall and CPU seconds of it and what it waited for."""
    begin = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)])
    _, status, used = os.wait4(pid, 0)
    wall = time.perf_counter() - begin
    if status != 0:
        sys.exit("%s: status %d" % (" ".join(argv), status))
    return wall, used.ru_utime + used.ru_stime


def peak_rss(argv):
    """KiB, of a process whose parent is small: a child's figure starts at what its parent had."""
    told = subprocess.run(["busybox", "time", "-v"] + argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)
    # which takes the kernel's KiB for pages of 4 KiB
    return int(re.search(rb"Maximum resident set size \(kbytes\): (\d+)", told.stderr).group(1)) // 4


def parallel(path, work, parent, name, count):
    """count containers started at once: seconds until all of them run."""
    bundles = []
    for i in range(count):
        bundle = os.path.join(work, "many", name, str(i))
        os.makedirs(bundle)
        spec = config("/%s/%s-many-%d" % (parent, name, i))
        spec["root"]["path"] = os.path.join(work, "bundle", "rootfs")
        spec["process"]["args"] = ["/bin/sleep", "300"]
        with open(os.path.join(bundle, "config.json"), "w") as out:
            json.dump(spec, out)
        bundles.append(bundle)
    base = [path, "--root", os.path.join(work, "state-" + name)]
    null = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in range(3)]
    begin = time.perf_counter()
    pids = [os.posix_spawn(path, base + ["run", "-d", "-b", bundle, "many-%d" % i], os.environ, file_actions=null)
            for i, bundle in enumerate(bundles)]
    failed = sum(os.waitpid(pid, 0)[1] != 0 for pid in pids)
    wall = time.perf_counter() - begin
    for i in range(count):
        subprocess.run(base + ["delete", "-f", "many-%d" % i], stdin=subprocess.DEVNULL, check=False)
    if failed:
        sys.exit("%s: %d of %d containers did not start" % (name, failed, count))
    return wall


def p10(values):
    return sorted(values)[len(values) // 10]


def main():
    cube, work, parent, rounds, many = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    runtimes = {"cube-oci": cube}
    for name in ("crun", "runc"):
        if shutil.which(name):
            runtimes[name] = shutil.which(name)
    bundle = os.path.join(work, "bundle")
    samples = {}
    for i in range(rounds):
        for name, path in runtimes.items():
            if name == "runc" and i % 4:
                continue
            ident = "%s-%d" % (name, i)
            with open(os.path.join(bundle, "config.json"), "w") as out:
                json.dump(config("/%s/%s" % (parent, ident)), out)
            base = [path, "--root", os.path.join(work, "state-" + name)]
            steps = [("run", base + ["run", "-b", bundle, ident])]
            if i % 2 == 0:
                steps += [("create", base + ["create", "-b", bundle, ident]), ("start", base + ["start", ident]),
                          ("delete", base + ["delete", "-f", ident])]
            for step, argv in steps:
                samples.setdefault((step, name), []).append(measure(argv))
                if step == "start":
                    time.sleep(0.01)  # the program is to be over before it is deleted
    print("%-7s %-9s %10s %10s %10s" % ("command", "runtime", "cpu ms", "wall p10", "wall p50"))
    for step in ("run", "create", "start", "delete"):
        for name in runtimes:
            rows = samples[step, name]
            walls = [r[0] * 1e3 for r in rows]
            cpu = sorted(r[1] * 1e3 for r in rows)
            print("%-7s %-9s %10.2f %10.2f %10.2f" % (step, name, sum(cpu) / len(cpu), p10(walls),
                                                     sorted(walls)[len(walls) // 2]))
        if "crun" in runtimes:
            ours, theirs = samples[step, "cube-oci"], samples[step, "crun"]
            print("%-7s cube-oci/crun: cpu %.2f, wall p10 %.2f" % (
                step, sum(r[1] for r in ours) / len(ours) / (sum(r[1] for r in theirs) / len(theirs)),
                p10([r[0] for r in ours]) / p10([r[0] for r in theirs])))
    for name, path in runtimes.items():
        with open(os.path.join(bundle, "config.json"), "w") as out:
            json.dump(config("/%s/rss-%s" % (parent, name)), out)
        print("peak RSS of run, %s: %d KiB" % (
            name, peak_rss([path, "--root", os.path.join(work, "state-" + name), "run", "-b", bundle, "rss"])))
    if many:
        taken = {name: parallel(path, work, parent, name, many) for name, path in runtimes.items() if name != "runc"}
        print("%d containers in parallel, until all run: %s" % (
            many, ", ".join("%s %.2f s" % row for row in taken.items())))


main()
