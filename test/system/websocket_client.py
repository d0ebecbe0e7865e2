#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A WebSocket client of nothing but sockets, for websocket.bats.

websocket_client.py KUBECONFIG PATH [--protocol NAME]... [--token TOKEN] [--accept TYPE] [--messages N]
Prints the status of the handshake and the subprotocol, then one line per message: its type (text, binary, close) and payload in
Python's notation, until the server closes or N messages have come. With --token no certificate is shown.
"""
import argparse
import base64
import os
import random
import re
import socket
import ssl
import struct
import tempfile

TYPES = {1: 'text', 2: 'binary', 8: 'close', 9: 'ping', 10: 'pong'}


def connect(kubeconfig, with_certificate):
    with open(kubeconfig, encoding='utf-8') as file:
        text = file.read()
    host, _, port = re.search(r'server: https://(\S+)', text).group(1).rpartition(':')
    part = {name: base64.b64decode(data) for name, data in re.findall(r'(\S+)-data: (\S+)', text)}
    tls = ssl.create_default_context(cadata=part['certificate-authority'].decode())
    if with_certificate:
        with tempfile.NamedTemporaryFile() as pair:
            pair.write(part['client-certificate'] + part['client-key'])
            pair.flush()
            tls.load_cert_chain(pair.name)
    return tls.wrap_socket(socket.create_connection((host, int(port)), timeout=20), server_hostname=host)


def handshake(stream, reader, options):
    protocols = list(options.protocol)
    if options.token:
        token = base64.urlsafe_b64encode(options.token.encode()).decode().rstrip('=')
        protocols.insert(0, 'base64url.bearer.authorization.k8s.io.' + token)
    lines = ['GET %s HTTP/1.1' % options.path, 'Host: x', 'Connection: Upgrade', 'Upgrade: ' + options.upgrade, 'Origin: http://x',
             'X-Stream-Protocol-Version: v4.channel.k8s.io, portforward.k8s.io', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: ' + base64.b64encode(os.urandom(16)).decode()]
    if protocols:
        lines.append('Sec-WebSocket-Protocol: ' + ', '.join(protocols))
    if options.accept:
        lines.append('Accept: ' + options.accept)
    stream.sendall('\r\n'.join(lines + ['', '']).encode())
    status = int(reader.readline().split()[1])
    headers = {}
    while (line := reader.readline().strip()):
        name, _, value = line.decode().partition(':')
        headers[name.lower()] = value.strip()
    print(status, headers.get('sec-websocket-protocol', '-'), flush=True)
    if status != 101:
        print(reader.read(int(headers.get('content-length', -1))).decode().strip())
    return status == 101


def frame(reader):
    head = reader.read(2)
    if len(head) < 2:
        return None, b''
    length = head[1]  # a server's frames have no mask
    if length == 126:
        length, = struct.unpack('>H', reader.read(2))
    elif length == 127:
        length, = struct.unpack('>Q', reader.read(8))
    assert head[0] & 0x80, 'a message in parts'
    return TYPES[head[0] & 15], reader.read(length)


def make_noise(stream, reader):
    """Whether the server ended the connection."""
    noise = random.Random(1)
    stream.settimeout(10)
    try:
        for _ in range(64):
            stream.sendall(noise.randbytes(4096))
        while reader.read(4096):
            pass
    except (ConnectionError, ssl.SSLError):
        pass
    except TimeoutError:
        print('still open')
        return
    print('ended')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('kubeconfig')
    parser.add_argument('path')
    parser.add_argument('--protocol', action='append', default=[])
    parser.add_argument('--token')
    parser.add_argument('--accept')
    parser.add_argument('--upgrade', default='websocket')
    parser.add_argument('--garbage', action='store_true', help='send noise once the protocol has changed, until the server ends')
    parser.add_argument('--messages', type=int, default=1 << 30)
    options = parser.parse_args()
    stream = connect(options.kubeconfig, not options.token)
    reader = stream.makefile('rb')
    if not handshake(stream, reader, options):
        return
    if options.garbage:
        make_noise(stream, reader)
        return
    for _ in range(options.messages):
        kind, payload = frame(reader)
        if kind is None:
            return
        print(kind, payload, flush=True)
    stream.sendall(b'\x88\x82mask' + bytes(a ^ b for a, b in zip(b'\x03\xe8', b'mask')))
    print('then', *frame(reader))


main()
