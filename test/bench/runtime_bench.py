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


def peak_rss(cost, argv):
    """KiB, of the largest process: under ptrace, because a child's rusage starts with the memory of its parent."""
    told = subprocess.run([cost] + argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)
    return int(re.search(rb"^resident (\d+)", told.stderr, re.M).group(1))


def smallest_limit(path, work, parent, name, bundle):
    """KiB, the first of a row of memory limits under which the program runs."""
    for kib in (256, 512, 1024, 2048, 4096, 8192, 16384):
        with open(os.path.join(bundle, "config.json"), "w") as out:
            json.dump(config("/%s/%s-least-%d" % (parent, name, kib), kib << 10), out)
        base = [path, "--root", os.path.join(work, "state-" + name)]
        done = subprocess.run(base + ["run", "-b", bundle, "least"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode == 0:
            return kib
        subprocess.run(base + ["delete", "-f", "least"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return None


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


def median(values):
    return sorted(values)[len(values) // 2]


def compare(step, ours, theirs):
    """Each of ours with that of theirs which ran beside it: what else the machine does hits both alike."""
    ratios = [[a[i] / b[i] for a, b in zip(ours, theirs)] for i in range(2)]
    print("%-7s cube-oci/crun: cpu %.2f, wall %.2f (medians of %d pairs), wall p10/p10 %.2f" % (
        step, median(ratios[1]), median(ratios[0]), len(ours), p10([r[0] for r in ours]) / p10([r[0] for r in theirs])))


def bare(program, work, cgroup):
    """The same container by the system calls alone: the floor of this machine."""
    paths = ["-." + p for p in DEFAULT_MASKED] + ["+." + p for p in DEFAULT_READONLY]
    return [program, os.path.join(work, "bundle", "rootfs"), cgroup] + paths


def main():
    cube, cost, work, parent = sys.argv[1:5]
    rounds, many, bare_calls = int(sys.argv[5]), int(sys.argv[6]), sys.argv[7]
    runtimes = {"cube-oci": cube}
    for name in ("crun", "runc"):
        if shutil.which(name):
            runtimes[name] = shutil.which(name)
    bundle = os.path.join(work, "bundle")
    samples = {}
    for folder in ("proc", "sys", "dev"):
        os.makedirs(os.path.join(bundle, "rootfs", folder))
    for tree in ("memory", "pids", "devices"):
        os.makedirs(os.path.join("/sys/fs/cgroup", tree, parent))
    for i in range(rounds):
        # who comes first finds the caches as others left them: each has its turn
        for name, path in list(runtimes.items())[::-1 if i // 2 % 2 else 1]:
            if name == "runc" and i % 4:
                continue
            ident = "%s-%d" % (name, i)
            with open(os.path.join(bundle, "config.json"), "w") as out:
                json.dump(config("/%s/%s" % (parent, ident)), out)
            if name == "cube-oci":
                samples.setdefault(("run", "bare"), []).append(measure(bare(bare_calls, work, "/%s/bare-%d" % (parent, i))))
            base = [path, "--root", os.path.join(work, "state-" + name)]
            steps = [("run", base + ["run", "-b", bundle, ident])]
            if i % 2 == 0:
                steps += [("create", base + ["create", "-b", bundle, ident]), ("start", base + ["start", ident]),
                          ("delete", base + ["delete", "-f", ident])]
            for step, argv in steps:
                samples.setdefault((step, name), []).append(measure(argv))
                if step == "start":
                    time.sleep(0.01)  # the program is to be over before it is deleted
    print("%-7s %-9s %10s %10s %10s %10s %5s" % ("command", "runtime", "cpu p10 ms", "cpu p50", "wall p10", "wall p50", "n"))
    for step in ("run", "create", "start", "delete"):
        for name in [*runtimes, "bare"] if step == "run" else runtimes:
            walls = [r[0] * 1e3 for r in samples[step, name]]
            cpu = [r[1] * 1e3 for r in samples[step, name]]
            print("%-7s %-9s %10.2f %10.2f %10.2f %10.2f %5d" % (step, name, p10(cpu), median(cpu), p10(walls), median(walls),
                                                               len(cpu)))
        if step == "run":
            ours, floor = (median([r[1] for r in samples[step, name]]) * 1e3 for name in ("cube-oci", "bare"))
            print("run     bare system calls %.2f ms of CPU (median), cube-oci %.2f ms more, %.2f times as much" % (
                floor, ours - floor, ours / floor))
        if "crun" in runtimes:
            compare(step, samples[step, "cube-oci"], samples[step, "crun"])
    for name, path in runtimes.items():
        with open(os.path.join(bundle, "config.json"), "w") as out:
            json.dump(config("/%s/rss-%s" % (parent, name)), out)
        print("%s: peak RSS of run %d KiB, smallest memory limit %s KiB" % (
            name, peak_rss(cost, [path, "--root", os.path.join(work, "state-" + name), "run", "-b", bundle, "rss"]),
            smallest_limit(path, work, parent, name, bundle)))
    if many:
        taken = {name: parallel(path, work, parent, name, many) for name, path in runtimes.items() if name != "runc"}
        print("%d containers in parallel, until all run: %s" % (
            many, ", ".join("%s %.2f s" % row for row in taken.items())))


main()
