#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The daemon's side of `cube-oci monitor`, for tests: start JOB.json | exec JOB.json [terminal] | send STATE_DIR
REQUEST... | attach STATE_DIR [INPUT].

start prints the monitor's answer; attach prints what the container writes and then its exit record.
"""
import json
import os
import socket
import struct
import sys

TYPES = {"attach": 1, "input": 2, "input-end": 3, "resize": 4, "start": 5, "state": 6, "reopen": 7, "kill": 8}
OUTPUT, REPLY, ERROR, OOM, EXITED = 64, 65, 66, 67, 68


def spawn(path, arguments, stdio, console=None):
    """Returns the pid and the answer's line."""
    job = os.memfd_create("job", os.MFD_ALLOW_SEALING)
    with open(path, "rb") as text:
        os.write(job, text.read())
    ready, answer = os.pipe()
    pid = os.fork()
    if pid == 0:
        for to, fd in enumerate((job, answer, console.fileno() if console else -1)):
            if fd >= 0:
                os.dup2(fd, 200 + to)
        os.closerange(3, 200)
        for to in range(3 if console else 2):
            os.dup2(200 + to, 3 + to)
        os.closerange(200, 256)
        if not stdio:
            null = os.open("/dev/null", os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(null, fd)
            os.close(null)
        os.execv(os.environ["CUBE_OCI"], [os.environ["CUBE_OCI"]] + arguments)
    os.close(answer)
    os.close(job)
    line = b""
    while chunk := os.read(ready, 4096):
        line += chunk
    return pid, line


def start(path):
    _, line = spawn(path, ["monitor"], False)
    print(line.decode().strip())
    return 1 if b'"error"' in line else 0


def execute(path, with_terminal):
    """Runs an exec job; with a terminal its output is read from the master that comes back."""
    ours, theirs = socket.socketpair() if with_terminal else (None, None)
    pid, line = spawn(path, ["exec", "--job"], True, theirs)
    sys.stderr.write(line.decode())
    if with_terminal and b'"error"' not in line:
        theirs.close()
        _, fds, _, _ = socket.recv_fds(ours, 64, 1)
        try:
            while chunk := os.read(fds[0], 4096):
                os.write(1, chunk)
        except OSError:
            pass  # the other end is closed
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


class Client:
    def __init__(self, folder):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(os.path.join(folder, "monitor.sock"))

    def send(self, kind, payload=b""):
        self.sock.sendall(struct.pack("=IBBH", len(payload), TYPES[kind], 0, 7) + payload)

    def take(self, count):
        got = b""
        while len(got) < count:
            chunk = self.sock.recv(count - len(got))
            if not chunk:
                return None
            got += chunk
        return got

    def receive(self):
        head = self.take(8)
        if head is None:
            return None, 0, b""
        length, kind, stream, _ = struct.unpack("=IBBH", head)
        return kind, stream, self.take(length) if length else b""


def attach(folder, text):
    client = Client(folder)
    client.send("attach", bytes([1, 1, 1, 0]))
    if text is not None:
        client.send("input", text.encode())
        client.send("input-end")
    while True:
        kind, stream, payload = client.receive()
        if kind is None:
            return 0
        if kind == OUTPUT:
            sys.stdout.write("%d:%s" % (stream, payload.decode()))
        elif kind == EXITED:
            print("exited:" + payload.decode())
        elif kind == OOM:
            print("oom")


def request(folder, kind, *numbers):
    client = Client(folder)
    layout = {"resize": "=HH", "kill": "=II"}.get(kind, "=")
    client.send(kind, struct.pack(layout, *map(int, numbers)))
    while True:
        answer, _, payload = client.receive()
        if answer in (REPLY, ERROR):
            print(("error:" if answer == ERROR else "") + payload.decode())
            return 1 if answer == ERROR else 0
        if answer is None:
            return 2


def main():
    if sys.argv[1] == "start":
        return start(sys.argv[2])
    if sys.argv[1] == "exec":
        return execute(sys.argv[2], len(sys.argv) > 3)
    if sys.argv[1] == "attach":
        return attach(sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None)
    return request(sys.argv[2], sys.argv[3], *sys.argv[4:])


if __name__ == "__main__":
    sys.exit(main())
