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
MAKERS = re.compile(r"\b(?:(?:previous|earlier|next|another) sessio[n]|helper agen[t]|sub-?agent[s]?|Claud[e]|Anthropi[c]|"
                    r"ChatGP[T]|AI-generate[d]|as an A[I])\b")
# a function type that returns one hides nothing
TYPEDEF = re.compile(r"^\s*typedef\s+(?:struct|union|enum)\b(?!\s+\w+\s+\*?\w+\()")
MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)\((?:[^\n\\]|\\[\s\S])*", re.M)
HIDDEN = re.compile(r"\b(return|goto|mem_alloc|mem_calloc|mem_strdup|NEW)\b")
# A format that makes JSON: an object's or member's punctuation and a conversion in one string. Base lies below the writers.
JSON_FORMAT = re.compile(r'"(?:[^"\\\n]|\\.)*(?:\{\\"|,\\"\w+\\":|\\":\\")(?:[^"\\\n]|\\.)*"')
CONVERSION = re.compile(r"%[-+ #0]*[\d.*]*(?:hh|h|ll|l|j|z|t)?[diouxXeEfgGsc]|\"\s*(?:STR_FMT|PRI[diux]\d+)")
JSON_ALLOWED_IN = ("src/codec/", "src/base/log.c")
ASSERTS = re.compile(r"\b(?:assert_\w+|fail|fail_msg|check_expected\w*|ASSERT)\s*\(")
BATS_ASSERTS = re.compile(r"(?:^|[\s;!&|(])(?:\[\[?|has|same|diff|cmp|grep|test|wait_\w+|expect\w*|fails|is_\w+|jq -e)\s",
                          re.M)
CAPITALS_ALLOWED = {"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "LICENSE", "NOTICE", "SECURITY.md", "CHANGELOG.md"}


# Debian's package of what meson calls a dependency, where it is not lib<name>-dev.
PACKAGES = {"threads": None, "openssl": "libssl-dev", "libcrypto": "libssl-dev", "zlib": "zlib1g-dev", "yaml-0.1": "libyaml-dev",
            "libuv": "libuv1-dev"} | {name: f"{name}-dev" for name in (
                "libnghttp2", "libllhttp", "libseccomp", "libarchive", "libmnl", "libnftables", "libsodium")} | {
                "lmdb": "liblmdb-dev", "yyjson": "libyyjson-dev", "cmocka": "libcmocka-dev"}


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


def bodies(code):
    """(line, name and parameters, body) of each function: a '{' in column 0 after its head, to the '}' in column 0."""
    for match in re.finditer(r"^(\w[^;{}=]*?\([^;{}]*\))[^;{}()]*\n\{\n(.*?)^\}", code, re.M | re.S):
        yield code.count("\n", 0, match.start()) + 1, match.group(1), match.group(2)


def check_idioms(path, text, code):
    """What style forbids and compilers allow: struct typedefs, macros that hide control flow, JSON made by a format."""
    for number, line in enumerate(code.splitlines(), 1):
        if TYPEDEF.match(line):
            yield number, "write struct x: no typedefs of structs"
    for line, _, body in bodies(code):
        if re.search(r"\bAUTO_\w+ ", body) and re.search(r"\bgoto\b", body):
            yield line, "no goto in a function that has an AUTO_ variable"
    if not path.startswith("src/"):
        return
    for match in MACRO.finditer(code):
        hidden = HIDDEN.search(match.group(0))
        if hidden and not path.startswith("src/base/"):
            yield code.count("\n", 0, match.start()) + 1, f"macro {match.group(1)} hides {hidden.group(1)}"
    if path.startswith(JSON_ALLOWED_IN):
        return
    for number, line in enumerate(text.splitlines(), 1):
        if any(CONVERSION.search(match.group(0) + line[match.end():]) for match in JSON_FORMAT.finditer(line)):
            yield number, "JSON is written by codec's writers, never by a format"


def asserting(code, known):
    """Adds to known the functions that assert, themselves or through a function known to."""
    found = list(bodies(code))
    while True:
        more = {re.search(r"(\w+)\s*\(", head).group(1) for _, head, body in found
                if ASSERTS.search(body) or any(name in known for name in re.findall(r"(\w+)\s*\(", body))} - known
        if not more:
            return known
        known |= more


def check_tests(path, text, around):
    """Every test must be able to fail. around: functions of the folder's other files that assert."""
    if path.endswith(".bats"):
        for match in re.finditer(r'^@test "(.*?)" \{\n(.*?)^\}', text, re.M | re.S):
            if not BATS_ASSERTS.search(match.group(2)):
                yield text.count("\n", 0, match.start()) + 1, "this test compares nothing"
        return
    code = strip_comments(text)
    known = asserting(code, set(around))
    for line, head, _ in bodies(code):
        match = re.match(r"static void (test_\w+)\(void \*\*", head)
        if match and match.group(1) not in known:
            yield line, f"{match.group(1)} asserts nothing"


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
    yield from check_idioms(path, text, code)
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
        if MAKERS.search(line):
            yield number, "how the tree was made is not part of it"


def check_folders():
    for folder in sorted(os.listdir("src")):
        readme = f"src/{folder}/README.md"
        if not os.path.isdir(f"src/{folder}"):
            continue
        if not os.path.isfile(readme):
            yield readme, 1, "every folder has a README"
        elif sum(1 for _ in open(readme, encoding="utf-8")) > README_MAX:
            yield readme, README_MAX, f"more than {README_MAX} lines"
        else:
            present = {name for _, _, names in os.walk(f"src/{folder}") for name in names}
            for number, name in named_files(open(readme, encoding="utf-8").read()):
                if name not in present:
                    yield readme, number, f"{name} is not in this folder"


def named_files(text):
    """C files that a text names without a folder."""
    for number, line in enumerate(text.splitlines(), 1):
        for match in re.finditer(r"(?<![\w/.<])([a-z][a-z0-9_]*\.[ch])\b", line):
            yield number, match.group(1)


def check_names(path):
    name = os.path.basename(path)
    if re.match(r"[A-Z][A-Z_]+(?:\.|$)", name) and name not in CAPITALS_ALLOWED or name.endswith((".orig", ".rej", "~")):
        yield 1, "a note or a leftover: what is worth keeping goes into a README or doc/"


def check_documents():
    """Documents that repeat what another file says must agree with it."""
    rows = {}
    for number, line in enumerate(open("ARCHITECTURE.md", encoding="utf-8"), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) == 3:
            rows.update((folder.strip(), (number, cells[2])) for folder in cells[0].split(","))
    for folder, may in read_layers().items():
        number, said = rows.get(folder, (1, None))
        if os.path.isdir(f"src/{folder}") and (said is None or set(said.replace("–", "").split()) != may):
            yield "ARCHITECTURE.md", number, f"row of {folder} differs from tools/layers.txt"
    numbers = sorted(int(name[:4]) for name in os.listdir("doc/decisions") if name[:4].isdigit())
    if numbers != list(range(1, len(numbers) + 1)):
        yield "doc/decisions", 1, f"numbers with a gap or twice: {numbers}"
    builds = "".join(open(path, encoding="utf-8").read() for path in files() if path.endswith("meson.build"))
    linked = {PACKAGES.get(name, f"lib{name}-dev") for name in re.findall(r"\bdependency\('([^']+)'", builds)} - {None}
    table = [line for line in open("doc/dependencies.md", encoding="utf-8") if line.startswith("|")]
    yield from compare_lists("doc/dependencies.md", linked - {"libcmocka-dev"}, re.findall(r"\((\S+-dev)\)", "".join(table)))
    setup = set(re.findall(r"\b[a-z][a-z0-9.+-]*-dev\b", open("script/setup", encoding="utf-8").read()))
    yield from compare_lists("script/setup", linked, setup - {"libc6-dev", "libclang-rt-dev", "libclang-rt-14-dev"})


def compare_lists(path, linked, listed):
    for name in sorted(linked - set(listed)):
        yield path, 1, f"{name} is linked but not listed"
    for name in sorted(set(listed) - linked):
        yield path, 1, f"{name} is listed but not linked"


def check_all():
    allowed = read_layers()
    found = list(check_folders()) + list(check_documents())
    around = {}  # folder of tests: its functions that assert
    for path in files():
        if path.startswith("test/") and path.endswith((".c", ".h")):
            text = open(path, encoding="utf-8").read()
            asserting(strip_comments(text), around.setdefault(os.path.dirname(path), set()))
    for path in files():
        found += [(path, n, what) for n, what in check_names(path)]
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
        if path.startswith("test/") and (path.endswith(".bats") or re.search(r"/test_\w+\.c$", path)):
            found += [(path, n, what) for n, what in check_tests(path, text, around.get(os.path.dirname(path), ()))]
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
    bad |= {
        "typedef": ("src/api/x.c", head + "typedef struct x {\n\tint y;\n} x;\n"),
        "macro": ("src/api/x.c", head + "#define TRY(x) \\\n\tif (x) \\\n\t\treturn -1\n"),
        "goto": ("src/api/x.c", head + "static int f(void)\n{\n\tAUTO_FD fd = -1;\n\n\tgoto out;\nout:\n\treturn 0;\n}\n"),
        "JSON": ("src/api/x.c", head + 'void f(void)\n{\n\tbuf_printf(b, "{\\"kind\\":\\"%s\\"}", k);\n}\n'),
        "JSON member": ("src/api/x.c", head + 'void f(void)\n{\n\tbuf_printf(b, ",\\"n\\":" STR_FMT, k);\n}\n'),
    }
    failed = [name for name, (path, text) in bad.items() if not list(check_c(path, text, allowed))]
    good = head + '#include "base/str.h"\n/* strcpy( in a comment */\nint f(void)\n{\n\treturn 1;\n}\n'
    if list(check_c("src/api/x.c", good, allowed)):
        failed.append("a clean file is refused")
    if not list(check_text("x", "cd /wor" + "k/main\n")):
        failed.append("place")
    if not list(check_text("x", "left to the next sessio" + "n\n")):
        failed.append("makers")
    if list(check_c("src/api/x.c", head + 'int f(void)\n{\n\treturn err_set(e, E, "\\"%s\\": no", x);\n}\n', allowed)):
        failed.append("a quoted name in a message is no JSON")
    test = "static void look(void)\n{\n\tassert_true(1);\n}\n\nstatic void test_a(void **state)\n{\n\t%s();\n}\n"
    for path, good, nothing in (("test/unit/x/test_x.c", test % "look", test % "run"),
                                ("x.bats", '@test "a" {\n\tsame 1 1\n}\n', '@test "a" {\n\tls\n}\n')):
        if list(check_tests(path, good, ())) or not list(check_tests(path, nothing, ())):
            failed.append(f"a test that asserts nothing in {path}")
    if not list(check_names("LEA" + "D_NOTES.md")) or list(check_names("src/x/README.md")):
        failed.append("names")
    if [name for _, name in named_files("`a.c` and b/c.h")] != ["a.c"]:
        failed.append("named files")
    if len(list(compare_lists("x", {"a", "b"}, {"b", "c"}))) != 2:
        failed.append("lists")
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
