#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""on_terminal.py [--type TEXT] COMMAND...: runs the command on a terminal of its own, types TEXT, prints what it showed, exits as it did."""
import os
import pty
import select
import sys
import time

words = sys.argv[1:]
text = b""
if words and words[0] == "--type":
    text = words[1].encode().decode("unicode_escape").encode()
    words = words[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(words[0], words)
until = time.time() + 20
shown = b""
typed = not text
while time.time() < until:
    ready, _, _ = select.select([terminal], [], [], 0.2)
    if ready:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:
            break
        if not chunk:
            break
        shown += chunk
    if not typed and (b"$ " in shown or b"# " in shown):
        os.write(terminal, text)
        typed = True
sys.stdout.write(shown.decode(errors="replace").replace("\r\n", "\n"))
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status))
