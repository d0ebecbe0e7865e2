#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks of what was compiled, for what the source does not show. Prints what it finds; exit 1 if anything.

  objects.py BUILD_DIR      mutable data of file scope; exported names that nothing uses
  objects.py --self-test

State belongs to a role's struct: a variable of file scope is shared by all nodes of a simulation and by all threads. Constant
tables (.rodata, .data.rel.ro) are no state.
"""
import glob
import os
import re
import subprocess
import sys

# Source: variable; why it may be there.
GLOBALS_ALLOWED = {
    "src/base/log.c": {"setting"},  # level and format of the process, set once by main
    "src/loop/pool.c": {"pool"},  # worker threads are shared by all loops of a process, by design
}
# Exported without a caller; why.
UNUSED_ALLOWED = {
    # The other half of a pair: who opens, starts or begins must be able to take it back, not by leaving a scope only.
    "yaml_close", "inflate_free", "queue_stop", "elector_release", "container_op_cancel",
    # Invariants that a header states in their terms.
    "engine_is_idle", "image_store_is_idle",
    # What the Docker API and CRI ask for and this version does not serve yet: hijacked streams, more resources, log rotation.
    "http_hijack", "query_flag", "route_find", "route_strip_version", "engine_routes", "engine_route_count", "container_reopen_log",
    # Nodes that join: a certificate for their own key, a network that is not up from the start, names of the controllers.
    "x509_sign_request", "kubelet_set_network_ready", "controllers_each",
}
MUTABLE = re.compile(r"^(?:\.t?(?:data|bss)(?:\.(?!rel\.ro).*)?|\*COM\*)$")
SYMBOL = re.compile(r"[0-9a-f]+ (.{7}) (\S+)\s+([0-9a-f]+) (?:\.\w+ )?(\S+)$")


def source_of(path):
    """src/base/libbase.a.p/log.c.o -> src/base/log.c, src/api/libapi.a.p/kinds_pod.c.o -> src/api/kinds/pod.c"""
    folder, name = re.match(r"(.*)/[^/]+\.p/(.*)\.o$", path).groups()
    parts = name.split("_", 1)
    deeper = f"{folder}/{'/'.join(parts)}"
    return deeper if os.path.isfile(deeper) else f"{folder}/{name}"


def mutable(table):
    """Names of variables in writable sections, from the text of `objdump -t`."""
    for line in table.splitlines():
        match = SYMBOL.match(line)
        if match and "O" in match.group(1) and int(match.group(3), 16) and MUTABLE.match(match.group(2)):
            yield re.sub(r"\.\d+$", "", match.group(4))


def symbols(table):
    """(names that are exported, names that are wanted), from the text of `nm`."""
    defined, wanted = set(), set()
    for line in table.splitlines():
        kind, name = line.split()[-2:]
        if kind in "TDRBV":
            defined.add(name)
        elif kind == "U":
            wanted.add(name)
    return defined, wanted


def unused(exported, wanted):
    """exported: {name: source}. Kinds are rows of a generated table, reached through it."""
    for name, source in sorted(exported.items(), key=lambda item: item[::-1]):
        if name not in wanted | UNUSED_ALLOWED and name != "main" and not (name.startswith("kind_") and "schema_tables" in source):
            yield f"{source}: {name} is exported, but no other file uses it: make it static, or remove it"


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def check(build):
    found, exported, wanted = [], {}, set()
    for path in sorted(glob.glob(f"{build}/**/*.o", recursive=True)):
        here = path[len(build) + 1:]
        defines, wants = symbols(run("nm", path))
        wanted |= wants
        if not here.startswith("src/"):
            continue
        source = source_of(here)
        exported.update((name, source) for name in defines)
        found += [f"{source}: '{name}' is mutable data of file scope" for name in mutable(run("objdump", "-t", path))
                  if name not in GLOBALS_ALLOWED.get(source, ())]
    if not exported:
        found.append(f"{build}: no objects")
    return found + list(unused(exported, wanted))


def self_test():
    table = """0000000000000000 l     O .bss.count	0000000000000004 count
0000000000000000 l     O .data.last.2	0000000000000008 last.2
0000000000000000 g     O .data.rel.ro.table	0000000000000010 table
0000000000000000 l     O .rodata.names	0000000000000010 names
0000000000000000 l     O .tbss.mine	0000000000000004 mine
0000000000000000 g     F .text.f	0000000000000010 .hidden f
"""
    failed = []
    if list(mutable(table)) != ["count", "last", "mine"]:
        failed.append("mutable data")
    if symbols("0000000000000000 T f\n                 U g\n0000000000000000 t h\n") != ({"f"}, {"g"}):
        failed.append("symbols")
    if len(list(unused({"f": "a.c", "g": "a.c", "main": "b.c"}, {"g"}))) != 1:
        failed.append("unused")
    for name in failed:
        print(f"objects.py self-test: rule '{name}' does not work")
    return failed


def main():
    found = self_test() if sys.argv[1:] == ["--self-test"] else check(sys.argv[1].rstrip("/"))
    for what in found:
        print(what)
    return 1 if found else 0


sys.exit(main())
