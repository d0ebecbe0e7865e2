#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""traffic.py URL STOP_FILE: asks URL over a new connection every 10 ms until the file is there; prints answers and failures."""
import os
import sys
import time
import urllib.request

url, stop = sys.argv[1], sys.argv[2]
answers = failures = 0
last = ""
while not os.path.exists(stop):
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:
            answer.read()
        answers += 1
    except OSError as error:
        failures += 1
        last = str(error)
    time.sleep(0.01)
print(f"answers {answers} failures {failures}" + (f" last {last}" if failures else ""))
