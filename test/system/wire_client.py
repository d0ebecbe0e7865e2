#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A client that speaks the API's other encodings: protobuf read by field numbers, gzip, watch frames.

wire_client.py KUBECONFIG CASE: exits 0 when the case holds, else says what was expected.
"""
import base64
import concurrent.futures
import gzip
import http.client
import json
import re
import ssl
import struct
import sys
import tempfile

PROTOBUF = 'application/vnd.kubernetes.protobuf'


class Server:
    def __init__(self, kubeconfig):
        with open(kubeconfig, encoding='utf-8') as file:
            text = file.read()
        self.address = re.search(r'server: https://(\S+)', text).group(1)
        self.tls = ssl.create_default_context(cadata=self.part(text, 'certificate-authority-data').decode())
        with tempfile.NamedTemporaryFile() as pair:
            pair.write(self.part(text, 'client-certificate-data') + self.part(text, 'client-key-data'))
            pair.flush()
            self.tls.load_cert_chain(pair.name)

    @staticmethod
    def part(text, name):
        return base64.b64decode(re.search(name + r': (\S+)', text).group(1))

    def open(self, method, path, body=None, **headers):
        connection = http.client.HTTPSConnection(self.address, context=self.tls, timeout=20)
        headers = {k.replace('_', '-'): v for k, v in headers.items()}
        if isinstance(body, dict):
            body, headers['Content-Type'] = json.dumps(body).encode(), 'application/json'
        connection.request(method, path, body, headers)
        return connection.getresponse()

    def ask(self, method, path, body=None, **headers):
        answer = self.open(method, path, body, **headers)
        return answer.status, answer.headers, answer.read()

    def json(self, method, path, body=None, **headers):
        return json.loads(self.ask(method, path, body, **headers)[2])


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value, shift, at = value | (byte & 0x7f) << shift, shift + 7, at + 1
        if not byte & 0x80:
            return value, at


def fields(data):
    """{number: [values]}; a value is an int or bytes."""
    out, at = {}, 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            value, at = varint(data, at)
        elif tag & 7 == 2:
            length, at = varint(data, at)
            value, at = data[at:at + length], at + length
        else:
            raise ValueError('wire type %d' % (tag & 7))
        out.setdefault(tag >> 3, []).append(value)
    return out


def path(data, *numbers):
    """The first value at a path of field numbers."""
    for number in numbers:
        data = fields(data)[number][0]
    return data


def envelope(data):
    """apiVersion, kind, message"""
    assert data[:4] == b'k8s\0', data[:8]
    unknown = fields(data[4:])
    return path(unknown[1][0], 1).decode(), path(unknown[1][0], 2).decode(), unknown[2][0]


def equal(got, want):
    assert got == want, 'got %r, expected %r' % (got, want)


def pod(name, **metadata):
    return {'metadata': dict(metadata, name=name), 'spec': {
        'automountServiceAccountToken': False, 'terminationGracePeriodSeconds': 0,
        'volumes': [{'name': 'v', 'emptyDir': {'sizeLimit': '1Gi'}}],
        'containers': [{'name': 'c', 'image': 'i', 'ports': [{'containerPort': 80}],
                        'resources': {'limits': {'memory': '64Mi', 'cpu': '1500m'}},
                        'livenessProbe': {'httpGet': {'port': 'web'}}}]}}


def case_object(server, namespace):
    pods = '/api/v1/namespaces/%s/pods' % namespace
    status, headers, body = server.ask('POST', pods, pod('one', labels={'b': '1', 'a': '2'}), Accept=PROTOBUF)
    equal((status, headers['Content-Type']), (201, PROTOBUF))
    version, kind, message = envelope(body)
    equal((version, kind), ('v1', 'Pod'))
    equal(path(message, 1, 1), b'one')
    equal([path(e, 1) for e in fields(path(message, 1))[11]], [b'a', b'b'])  # labels, in order of keys
    spec = fields(path(message, 2))
    equal(spec[4], [0])  # terminationGracePeriodSeconds: a pointer to zero
    equal(spec[21], [0])  # automountServiceAccountToken
    equal(path(spec[1][0], 2, 2, 2, 1), b'1Gi')  # volumes[0], its embedded source, emptyDir, sizeLimit
    container = spec[2][0]
    equal([(path(e, 1), path(e, 2, 1)) for e in fields(path(container, 8))[1]], [(b'cpu', b'1500m'), (b'memory', b'64Mi')])
    equal(fields(path(container, 10, 1, 2, 2)), {1: [1], 3: [b'web']})  # livenessProbe.handler.httpGet.port
    created = fields(path(message, 1, 8))
    assert created[1][0] > 1 << 30, created
    # back in, changed: an update as protobuf
    status, _, body = server.ask('PUT', pods + '/one', body, Content_Type=PROTOBUF, Accept='application/json')
    equal(status, 200)
    equal(json.loads(body)['spec']['containers'][0]['resources']['limits'], {'cpu': '1500m', 'memory': '64Mi'})


def case_list(server, namespace):
    maps = '/api/v1/namespaces/%s/configmaps' % namespace
    for name in 'abc':
        server.json('POST', maps, {'metadata': {'name': name}, 'data': {'k': name * 200}})
    _, headers, body = server.ask('GET', maps + '?limit=2', Accept=PROTOBUF)
    equal(headers['Content-Type'], PROTOBUF)
    version, kind, message = envelope(body)
    equal((version, kind), ('v1', 'ConfigMapList'))
    equal([path(item, 1, 1) for item in fields(message)[2]], [b'a', b'b'])
    meta = fields(path(message, 1))
    equal(meta[4], [1])  # remainingItemCount
    _, _, body = server.ask('GET', maps + '?limit=2&continue=' + meta[3][0].decode(), Accept=PROTOBUF)
    equal([path(item, 2, 2) for item in fields(envelope(body)[2])[2]], [b'c' * 200])
    _, _, body = server.ask('GET', maps, Accept=PROTOBUF + ';as=PartialObjectMetadataList;g=meta.k8s.io;v=v1')
    version, kind, message = envelope(body)
    equal((version, kind), ('meta.k8s.io/v1', 'PartialObjectMetadataList'))
    equal([list(fields(item)) for item in fields(message)[2]], [[1]] * 3)
    status, _, body = server.ask('GET', maps + '/none', Accept=PROTOBUF)
    equal((status, envelope(body)[:2]), (404, ('v1', 'Status')))
    equal(fields(envelope(body)[2])[3], [b'configmaps "none" not found'])


def frames(answer):
    while True:
        head = answer.read(4)
        if len(head) < 4:
            return
        event = fields(answer.read(struct.unpack('>I', head)[0]))
        yield event[1][0].decode(), envelope(path(event[2][0], 1))


def case_watch(server, namespace):
    maps = '/api/v1/namespaces/%s/configmaps' % namespace
    revision = server.json('GET', maps)['metadata']['resourceVersion']
    server.json('POST', maps, {'metadata': {'name': 'w', 'labels': {'x': 'y'}}})
    server.ask('PATCH', maps + '/w', b'{"metadata":{"labels":null}}', Content_Type='application/merge-patch+json')
    server.ask('DELETE', maps + '/w')
    answer = server.open('GET', maps + '?watch=1&labelSelector=x=y&timeoutSeconds=1&allowWatchBookmarks=true&resourceVersion=' + revision,
                         Accept=PROTOBUF + ';stream=watch')
    equal(answer.headers['Content-Type'], PROTOBUF + ';stream=watch')
    seen = [(kind, path(message, 1, 1) if kind != 'BOOKMARK' else None) for kind, (_, _, message) in frames(answer)]
    equal(seen, [('ADDED', b'w'), ('DELETED', b'w'), ('BOOKMARK', None)])
    answer = server.open('GET', maps + '?watch=1&timeoutSeconds=1&resourceVersion=' + revision,
                         Accept=PROTOBUF + ';as=PartialObjectMetadata;g=meta.k8s.io;v=v1,' + PROTOBUF)
    equal([(kind, form) for kind, (_, form, _) in frames(answer)],
          [(kind, 'PartialObjectMetadata') for kind in ('ADDED', 'MODIFIED', 'DELETED')])


def case_gzip(server, namespace):
    maps = '/api/v1/namespaces/%s/configmaps' % namespace
    for name in 'abc':
        server.json('POST', maps, {'metadata': {'name': name}, 'data': {'k': 'some text\n' * 9000}})
    for accept in ('application/json', PROTOBUF, 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1'):
        _, _, plain = server.ask('GET', maps, Accept=accept)
        _, headers, body = server.ask('GET', maps, Accept=accept, Accept_Encoding='gzip')
        equal((headers.get('Content-Encoding'), headers['Content-Type']),
              ('gzip' if len(plain) >= 128 << 10 else None, accept.partition(';')[0]))
        equal(gzip.decompress(body) if headers.get('Content-Encoding') else body, plain)
    _, headers, _ = server.ask('GET', '/openapi/v2', Accept_Encoding='gzip')
    equal(headers.get('Content-Encoding'), 'gzip')


TABLE = 'application/json;as=Table;g=meta.k8s.io;v=v1'


def collections(server):
    """(path, kind) of everything that can be listed and watched."""
    groups = [('/api/v1', server.json('GET', '/api/v1'))]
    for group in server.json('GET', '/apis')['groups']:
        for version in group['versions']:
            at = '/apis/' + version['groupVersion']
            groups.append((at, server.json('GET', at)))
    for at, group in groups:
        for resource in group['resources']:
            if {'list', 'watch'} <= set(resource['verbs']):
                yield '%s/%s' % (at, resource['name']), resource['kind']


MARKED = '?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1'


def check_streams(server, at, kind):
    _, _, body = server.ask('GET', at, Accept=PROTOBUF)
    equal(envelope(body)[1], kind + 'List')
    equal(server.json('GET', at, Accept=TABLE)['kind'], 'Table')
    # the end of what was there is marked in each form
    answer = server.open('GET', at + MARKED, Accept=PROTOBUF)
    table = server.open('GET', at + MARKED, Accept=TABLE)
    partial = server.open('GET', at + MARKED, Accept=TABLE.replace('Table', 'PartialObjectMetadata'))
    _, (_, name, message) = [f for f in frames(answer) if f[0] == 'BOOKMARK'][0]
    equal(name, kind)
    equal([path(e, 1) for e in fields(path(message, 1))[12]], [b'k8s.io/initial-events-end'])
    for stream, form in ((table, 'Table'), (partial, 'PartialObjectMetadata')):
        events = [json.loads(line) for line in stream.read().splitlines()]
        marked = [e['object'] for e in events if e['type'] == 'BOOKMARK'][0]
        equal(marked['kind'], form)
        metadata = (marked['rows'][0]['object'] if form == 'Table' else marked)['metadata']
        equal(metadata['annotations'], {'k8s.io/initial-events-end': 'true'})


def case_streams(server, namespace):
    kinds = list(collections(server))
    assert len(kinds) > 50, kinds
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        for done in [pool.submit(check_streams, server, *kind) for kind in kinds]:
            done.result()


OPENAPI = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'


def case_openapi(server, namespace):
    _, headers, body = server.ask('GET', '/openapi/v2', Accept=OPENAPI)
    equal(headers['Content-Type'], OPENAPI.replace('@', '.'))
    document = server.json('GET', '/openapi/v2')
    message = fields(body)
    equal(message[1], [b'2.0'])
    definitions = {path(d, 1).decode(): path(d, 2) for d in fields(message[9][0])[1]}
    equal(sorted(definitions), sorted(document['definitions']))
    for name, schema in document['definitions'].items():
        properties = fields(fields(definitions[name])[25][0])[1] if schema.get('properties') else []
        equal([path(p, 1).decode() for p in properties], list(schema.get('properties', ())))
        equal([r.decode() for r in fields(definitions[name]).get(19, [])], schema.get('required', []))
    paths = {path(p, 1).decode(): path(p, 2) for p in fields(message[8][0])[2]}
    equal(sorted(paths), sorted(document['paths']))
    patch = fields(fields(paths['/api/v1/namespaces/{namespace}/pods/{name}'])[8][0])
    equal(patch[5], [b'patchCoreV1NamespacedPod'])
    names = [path(p, 1, 2, 3, 4) for p in patch[8] if 2 in fields(path(p, 1))]
    assert b'dryRun' in names and b'fieldManager' in names, names
    extensions = {path(e, 1): path(e, 2, 2) for e in patch[13]}
    equal(json.loads(extensions[b'x-kubernetes-group-version-kind']), {'group': '', 'version': 'v1', 'kind': 'Pod'})
    equal(server.ask('GET', '/openapi/v2', Accept='text/html')[0], 406)
    for etagged in ('/openapi/v2', '/openapi/v3', '/openapi/v3/api/v1', '/apis', '/api/v1'):
        tag = server.ask('GET', etagged)[1]['ETag']
        equal(server.ask('GET', etagged, If_None_Match=tag)[::2], (304, b''))
    for document in server.json('GET', '/openapi/v3')['paths'].values():
        equal(server.ask('GET', document['serverRelativeURL'])[0], 200)


METRICS = ('apiserver_request_total apiserver_request_duration_seconds apiserver_request_sli_duration_seconds '
           'apiserver_response_sizes apiserver_current_inflight_requests apiserver_longrunning_requests '
           'apiserver_watch_events_total apiserver_storage_objects apiserver_resource_objects '
           'apiserver_storage_size_bytes etcd_request_duration_seconds etcd_request_errors_total '
           'kubernetes_build_info kubernetes_healthcheck process_cpu_seconds_total process_resident_memory_bytes '
           'process_virtual_memory_bytes process_open_fds process_max_fds process_start_time_seconds').split()


def read_metrics(text):
    """{metric: {labels: value}}; fails on what Prometheus would not take."""
    out, types, current = {}, {}, None
    for line in text.splitlines():
        if line.startswith('# '):
            _, word, name, rest = line.split(' ', 3)
            if word == 'HELP':
                assert name not in types, 'twice: ' + name
                current, types[name] = name, None
            else:
                equal((name, rest in ('counter', 'gauge', 'histogram')), (current, True))
                types[name] = rest
            continue
        match = re.fullmatch(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\\]|\\\\.)*",?)+)\})? (\S+)', line)
        assert match, line
        base = re.sub('_(bucket|sum|count)$', '', match[1]) if types[current] == 'histogram' else match[1]
        equal(base, current)
        series = out.setdefault(match[1], {})
        assert match[2] not in series, 'twice: ' + line
        series[match[2]] = float(match[3])
    return out


def case_metrics(server, namespace):
    maps = '/api/v1/namespaces/%s/configmaps' % namespace
    server.json('POST', maps, {'metadata': {'name': 'm'}})
    server.json('GET', maps)
    watch = server.open('GET', maps + '?watch=1&timeoutSeconds=5')
    watch.readline()
    metrics = read_metrics(server.ask('GET', '/metrics')[2].decode())
    for name in METRICS:
        assert name in metrics or name + '_count' in metrics, 'no ' + name

    def of(name, labels):
        return sum(v for k, v in metrics[name].items() if all('%s="%s"' % p in k for p in labels.items()))

    mine = {'resource': 'configmaps', 'group': '', 'version': 'v1'}
    assert of('apiserver_request_total', dict(mine, verb='POST', code='201', scope='resource')) >= 1
    assert of('apiserver_request_total', dict(mine, verb='LIST', code='200', scope='namespace')) >= 1
    equal(of('apiserver_longrunning_requests', dict(mine, verb='WATCH')), 1)
    assert of('apiserver_watch_events_total', {'kind': 'ConfigMap'}) >= 1
    assert of('apiserver_resource_objects', {'resource': 'configmaps'}) >= 1
    buckets = [v for k, v in metrics['apiserver_request_duration_seconds_bucket'].items()
               if 'configmaps' in k and 'verb="POST"' in k and 'dry_run=""' in k]
    equal(buckets, sorted(buckets))
    equal(buckets[-1], of('apiserver_request_duration_seconds_count', dict(mine, verb='POST', dry_run='')))
    # names that nothing has leave no trace
    server.ask('GET', maps + '/m/nonsense')
    assert 'nonsense' not in server.ask('GET', '/metrics')[2].decode()
    levels = read_metrics(server.ask('GET', '/metrics/slis')[2].decode())
    equal(set(levels['kubernetes_healthcheck'].values()), {1.0})


def case_health(server, namespace):
    for name in ('healthz', 'livez', 'readyz'):
        equal(server.ask('GET', '/' + name)[::2], (200, b'ok'))
        lines = server.ask('GET', '/%s?verbose' % name)[2].decode().splitlines()
        equal(lines[-1], name + ' check passed')
        for line in lines[:-1]:
            check = re.fullmatch(r'\[\+\](\S+) ok', line)[1]
            equal(server.ask('GET', '/%s/%s' % (name, check))[::2], (200, b'ok'))
            assert '/%s/%s' % (name, check) in server.json('GET', '/')['paths']
    lines = server.ask('GET', '/readyz?verbose=1&exclude=etcd&exclude=none')[2].decode().splitlines()
    assert '[+]etcd excluded: ok' in lines and '[+]shutdown ok' in lines
    equal(lines[-2], 'warn: some health checks cannot be excluded: no matches for "none"')
    equal(server.ask('GET', '/livez/none')[0], 404)


def main():
    server, name = Server(sys.argv[1]), sys.argv[2]
    namespace = 'wire-' + name
    server.json('POST', '/api/v1/namespaces', {'metadata': {'name': namespace}})
    server.json('POST', '/api/v1/namespaces/%s/serviceaccounts' % namespace, {'metadata': {'name': 'default'}})
    try:
        globals()['case_' + name](server, namespace)
    except AssertionError as failure:
        sys.exit('%s: %s' % (name, failure))


if __name__ == '__main__':
    main()
