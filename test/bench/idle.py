#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""idle.py PID SECONDS CUBE_OCI NODE_DIR: memory, processor time and wake-ups of the server while nothing happens; memory of each
monitor and pause process of this node."""
import os
import statistics
import sys
import time

pid, seconds, oci, node = int(sys.argv[1]), int(sys.argv[2]), os.path.realpath(sys.argv[3]), sys.argv[4]


def ticks():
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def switches(seen):
    """Into seen: voluntary context switches of each thread, also of those that have ended since; each is one going to sleep, and so
    one wake-up before."""
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            for line in open(f"/proc/{pid}/task/{task}/status"):
                if line.startswith("voluntary_ctxt_switches"):
                    seen[task] = int(line.split()[1])
        except OSError:
            pass


def memory(process, names):
    total = 0
    for line in open(f"/proc/{process}/smaps_rollup"):
        if line.split(":")[0] in names:
            total += int(line.split()[1])
    return total


def monitors():
    """Processes of cube-oci (monitors and pauses) that belong to this node."""
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = open(f"/proc/{process}/cmdline", "rb").read().split(b"\0")
            mount = os.stat(f"/proc/{process}/ns/net").st_ino
        except OSError:
            continue
        if words and words[0].endswith(b"cube-oci") and len(words) > 1:
            yield int(process), words[1].decode(), mount


seen = {}
switches(seen)
slept, used, begin = sum(seen.values()), ticks(), time.monotonic()
while time.monotonic() - begin < seconds:
    time.sleep(0.25)
    switches(seen)
elapsed = time.monotonic() - begin
cpu = (ticks() - used) / os.sysconf("SC_CLK_TCK")
rss = memory(pid, {"Rss"})
print(f"server RSS, 10 pods\t{rss / 1024:.1f} MB")
print(f"server private memory, 10 pods\t{memory(pid, {'Private_Clean', 'Private_Dirty'}) / 1024:.1f} MB")
print(f"server processor time\t{100 * cpu / elapsed:.2f} % of a core ({cpu:.2f} s in {elapsed:.0f} s)")
print(f"server wake-ups\t{(sum(seen.values()) - slept) / elapsed:.1f} a second")
own = os.stat(f"/proc/{pid}/ns/net").st_ino
by_word = {}
for process, word, _ in (m for m in monitors() if m[2] == own):
    by_word.setdefault(word, []).append(memory(process, {"Private_Clean", "Private_Dirty"}))
for word, values in sorted(by_word.items()):
    print(f"cube-oci {word}, private memory\t{statistics.median(values):.0f} KB (n={len(values)})")
