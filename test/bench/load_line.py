#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One line from cube-load's JSON on standard input. Answers that are not 2xx make it fail: a figure of refusals is none."""
import json
import sys

r = json.load(sys.stdin)
bad = {status: count for status, count in r["status"].items() if not status.startswith("2")}
text = (f"{r['perSecond']:.0f}/s, p50 {r['p50Ms']:.2f} ms, p99 {r['p99Ms']:.2f} ms, "
        f"server CPU {1000 * r['serverCpuSeconds'] / max(r['answers'], 1):.3f} ms a request (n={r['answers']})")
print(text + (f" REFUSED {bad}" if bad else ""))
sys.exit(1 if bad or r["failures"] else 0)
