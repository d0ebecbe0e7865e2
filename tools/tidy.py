#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks of the tree that compilers do not make: layers, sizes, names, banned calls. Prints path:line: what; exit 1 if any.

Run by script/lint from the top of the tree. `tidy.py --self-test` checks that every rule still finds what it is for.
"""
import os
import re
import subprocess
import sys

LINE_MAX = 120
FUNCTION_MAX = 70
FILE_MAX = 1000
README_MAX = 40
HEAD = "SPDX-License-Identifier: Apache-2.0"

BANNED_CALLS = {
    "strcpy": "str_copy_to", "strcat": "struct buf", "sprintf": "snprintf or buf_printf", "vsprintf": "buf_vprintf",
    "strtok": "str_next_part", "strtok_r": "str_next_part", "atoi": "num_parse_*", "atol": "num_parse_*",
    "gmtime": "base/time.h", "localtime": "base/time.h", "alloca": "an arena", "rand": "env_random", "srand": "env_random",
    "system": "env_spawn", "popen": "env_spawn", "signal": "sigaction", "gets": "fgets", "strncpy": "str_copy_to",
    "malloc": "mem_alloc", "calloc": "mem_calloc", "realloc": "mem_realloc", "strdup": "mem_strdup",
}
# Where the replacement itself lives.
CALLS_ALLOWED_IN = {"malloc": ("src/base/mem.c",), "calloc": ("src/base/mem.c",), "realloc": ("src/base/mem.c",),
                    "strdup": ("src/base/mem.c",)}
FORK = re.compile(r"(?<![\w.>])(fork|vfork|clone3?|posix_spawnp?)\s*\(")
FORK_ALLOWED_IN = ("src/loop/child.c", "src/runtime/", "src/shim/", "src/linux/process.c", "src/main/cube_oci.c")
BANNED_NAMES = re.compile(r"^(util|utils|common|helper|helpers|manager|misc)(_|\.|$)")
# Words that would tie the tree to one workplace. Spelled so that this file does not match itself.
PLACES = re.compile(r"(?:^|[\s\"'=(])/(?:wor[k]|far[m])/|/tm[p]/(?:team|wt)\b")


def files():
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], check=True, capture_output=True, text=True)
    return [f for f in out.stdout.splitlines() if os.path.isfile(f)]


def read_layers():
    allowed = {}
    for line in open("tools/layers.txt", encoding="utf-8"):
        if line.startswith("#") or not line.strip():
            continue
        folder, _, rest = line.partition(":")
        allowed[folder.strip()] = set(rest.split())
    return allowed


def strip_comments(text):
    """Blanks comments, strings and character constants, keeping line structure."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", blank, text, flags=re.S)


def check_layers(path, text, allowed):
    parts = path.split("/")
    if parts[0] != "src" or len(parts) < 3:
        return
    folder = parts[1]
    if folder not in allowed:
        yield 1, f"folder src/{folder} has no row in tools/layers.txt"
        return
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+"([a-z0-9_]+)/([^"]+)"', line)
        if not match:
            continue
        other, name = match.groups()
        if other == folder or "*" in allowed[folder]:
            continue
        if other not in allowed[folder]:
            yield number, f"{folder} may not include {other} (tools/layers.txt)"
        elif "_internal" in name:
            yield number, f"{name} belongs to {other} alone"


def check_functions(code):
    """Length of function bodies: from a '{' in column 0 to the '}' in column 0."""
    start = None
    for number, line in enumerate(code.splitlines(), 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start:
            if number - start - 1 > FUNCTION_MAX and line.rstrip() == "}":
                yield start, f"function of {number - start - 1} lines (at most {FUNCTION_MAX})"
            start = None


def check_c(path, text, allowed):
    yield from check_layers(path, text, allowed)
    lines = text.splitlines()
    if not lines or HEAD not in lines[0]:
        yield 1, f"first line must be /* {HEAD} */"
    if len(lines) > FILE_MAX:
        yield FILE_MAX, f"{len(lines)} lines (at most {FILE_MAX})"
    if BANNED_NAMES.match(os.path.basename(path)):
        yield 1, "this name says nothing about what is inside"
    code = strip_comments(text)
    yield from check_functions(code)
    if path.startswith("src/") and path.endswith(".c"):
        if len(lines) < 3 or not any(l.startswith("/*") for l in lines[1:3]):
            yield 2, "a comment at the head says what the file is for"
    for number, line in enumerate(lines, 1):
        width = len(line.expandtabs(8))
        if width > LINE_MAX:
            yield number, f"line is too long ({width} columns)"
        if line != line.rstrip():
            yield number, "white space at the end of the line"
        if re.search(r"\b(TODO|FIXME|XXX)\b", line) and path.startswith("src/"):
            yield number, "finish it or refuse clearly; no notes to oneself"
    for number, line in enumerate(code.splitlines(), 1):
        for match in re.finditer(r"(?<![\w.>])([a-z_]+)\s*\(", line):
            name = match.group(1)
            if name in BANNED_CALLS and path.startswith("src/") and path not in CALLS_ALLOWED_IN.get(name, ()):
                yield number, f"{name}() is banned: use {BANNED_CALLS[name]}"
        if re.match(r"\s*AUTO_(?!JSON_INDEX)\w+ \*?\w+(;|,)", line):
            yield number, "initialise it: an early return would clean up what was never set"
        if path.startswith("src/") and FORK.search(line) and not path.startswith(FORK_ALLOWED_IN):
            yield number, "processes are made by env_spawn only"
        if path.startswith("src/") and path.endswith(".c") and re.match(r"\s*#\s*if(def|ndef)?\b", line):
            yield number, "no conditional compilation in .c files: plain if, or a file chosen by meson"


def check_text(path, text):
    for number, line in enumerate(text.splitlines(), 1):
        if PLACES.search(line):
            yield number, "a path of one machine"


def check_folders():
    for folder in sorted(os.listdir("src")):
        readme = f"src/{folder}/README.md"
        if not os.path.isdir(f"src/{folder}"):
            continue
        if not os.path.isfile(readme):
            yield readme, 1, "every folder has a README"
        elif sum(1 for _ in open(readme, encoding="utf-8")) > README_MAX:
            yield readme, README_MAX, f"more than {README_MAX} lines"


def check_all():
    allowed = read_layers()
    found = list(check_folders())
    for path in files():
        if not path.endswith((".c", ".h", ".py", ".md", ".build", ".txt", ".sh", ".bats", ".schema")) and \
           not path.startswith(("script/", ".ci/")):
            continue
        try:
            text = open(path, encoding="utf-8").read()
        except UnicodeDecodeError:
            continue  # a corpus file
        if path.startswith("test/fuzz/corpus"):
            continue
        found += [(path, n, what) for n, what in check_text(path, text)]
        if path.endswith((".c", ".h")):
            found += [(path, n, what) for n, what in check_c(path, text, allowed)]
    return found


def self_test():
    allowed = {"base": set(), "api": {"base"}, "net": {"base"}}
    head = f"/* {HEAD} */\n/* What for. */\n"
    bad = {
        "layer": ("src/base/x.c", head + '#include "api/obj.h"\n'),
        "unknown folder": ("src/other/x.c", head),
        "internal": ("src/api/x.c", head + '#include "base/y_internal.h"\n'),
        "SPDX": ("src/base/x.c", "int x;\n"),
        "banned": ("src/base/x.c", head + "void f(void)\n{\n\tstrcpy(a, b);\n}\n"),
        "fork": ("src/api/x.c", head + "void f(void)\n{\n\tfork();\n}\n"),
        "conditional": ("src/api/x.c", head + "#ifdef X\n#endif\n"),
        "name": ("src/api/utils.c", head),
        "long function": ("src/api/x.c", head + "void f(void)\n{\n" + "\tg();\n" * 71 + "}\n"),
        "long file": ("src/api/x.c", head + "\n" * FILE_MAX),
        "long line": ("src/api/x.c", head + "int " + "x" * 140 + ";\n"),
        "cleanup": ("src/api/x.c", head + "void f(void)\n{\n\tAUTO_ARENA arena;\n}\n"),
        "note": ("src/api/x.c", head + "/* TO" + "DO */\n"),
    }
    failed = [name for name, (path, text) in bad.items() if not list(check_c(path, text, allowed))]
    good = head + '#include "base/str.h"\n/* strcpy( in a comment */\nint f(void)\n{\n\treturn 1;\n}\n'
    if list(check_c("src/api/x.c", good, allowed)):
        failed.append("a clean file is refused")
    if not list(check_text("x", "cd /wor" + "k/main\n")):
        failed.append("place")
    for name in failed:
        print(f"tidy.py self-test: rule '{name}' does not work")
    return 1 if failed else 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    found = check_all()
    for path, number, what in found:
        print(f"{path}:{number}: {what}")
    return 1 if found else 0


sys.exit(main())
