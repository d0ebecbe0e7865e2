#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns meson's testlog.json into TAP lines: one for each case of a TAP program, one for each other program.

A program that ended badly without a failed case of its own (a crash, a sanitizer, a timeout) is one more failure.
"""
import json
import re
import sys


def main():
    for line in open(sys.argv[1], encoding="utf-8"):
        test = json.loads(line)
        name, result = test["name"], test["result"]
        cases = re.findall(r"^(ok|not ok)\b[ \d]*(?:- )?(.*)$", test.get("stdout") or "", re.M)
        if result in ("SKIP", "EXPECTEDFAIL"):
            print(f"ok {name} # skip {result.lower()}")
            continue
        # cmocka 1.1 says "not ok N # SKIP name" for a test that skips itself.
        cases = [("ok" if case.startswith("# SKIP") else verdict, case) for verdict, case in cases]
        for verdict, case in cases:
            if case.startswith("# SKIP"):
                print(f"{verdict} {name}: {case.removeprefix('# SKIP').strip()} # SKIP")
            else:
                print(f"{verdict} {name}: {case}")
        # meson takes such a line for a failure of the program, which itself ended well.
        only_skipped = test.get("returncode") == 0 and any(case.startswith("# SKIP") for _, case in cases)
        if result != "OK" and not only_skipped and not any(verdict == "not ok" for verdict, _ in cases):
            print(f"not ok {name}: {result} (exit status {test.get('returncode')})")
        elif not cases:
            print(f"ok {name}")


main()
