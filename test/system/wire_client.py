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
import socket
import ssl
import struct
import sys
import tempfile
import threading
import time

PROTOBUF = 'application/vnd.kubernetes.protobuf'


class Server:
    def __init__(self, kubeconfig):
        with open(kubeconfig, encoding='utf-8') as file:
            text = file.read()
        self.address = re.search(r'server: https://(\S+)', text).group(1)
        self.anonymous = ssl.create_default_context(cadata=self.part(text, 'certificate-authority-data').decode())
        self.tls = ssl.create_default_context(cadata=self.part(text, 'certificate-authority-data').decode())
        with tempfile.NamedTemporaryFile() as pair:
            pair.write(self.part(text, 'client-certificate-data') + self.part(text, 'client-key-data'))
            pair.flush()
            self.tls.load_cert_chain(pair.name)

    @staticmethod
    def part(text, name):
        return base64.b64decode(re.search(name + r': (\S+)', text).group(1))

    def open(self, method, path, body=None, certificate=True, **headers):
        connection = http.client.HTTPSConnection(self.address, context=self.tls if certificate else self.anonymous, timeout=20)
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


def case_openapi3(server, namespace):
    asked = 'application/com.github.proto-openapi.spec.v3@v1.0+protobuf'
    for name in ('/openapi/v3/api/v1', '/openapi/v3/apis/apps/v1'):
        document = server.json('GET', name, Accept='application/json')
        status, headers, body = server.ask('GET', name, Accept=asked + ',application/json;q=0.5')
        equal((status, headers['Content-Type']), (200, asked.replace('@', '.')))
        message = fields(body)
        equal(message[1], [b'3.0.0'])
        paths = {path(p, 1).decode(): path(p, 2) for p in fields(message[4][0])[1]}
        equal(sorted(paths), sorted(document['paths']))
        schemas = {path(s, 1).decode(): path(s, 2, 1) for s in fields(path(message[5][0], 1))[1]}
        equal(sorted(schemas), sorted(document['components']['schemas']))
        for key, schema in document['components']['schemas'].items():
            properties = fields(fields(schemas[key])[31][0])[1] if schema.get('properties') else []
            equal([path(p, 1).decode() for p in properties], list(schema.get('properties', ())))
            equal([r.decode() for r in fields(schemas[key]).get(23, [])], schema.get('required', []))
    pods = fields(paths['/apis/apps/v1/namespaces/{namespace}/deployments'])
    equal(fields(pods[6][0])[5], [b'createAppsV1NamespacedDeployment'])
    equal(path(pods[6][0], 7, 1, 2, 1, 1), b'*/*')  # requestBody, its content, the first type
    equal(path(pods[6][0], 7, 1, 2, 1, 2, 1, 2, 1), b'#/components/schemas/io.k8s.api.apps.v1.Deployment')
    status, _, body = server.ask('GET', '/openapi/v3/api/v1', Accept='text/html')
    equal((status, json.loads(body)['message']), (406, 'only the following media types are accepted: application/json, '
                                                  'application/com.github.proto-openapi.spec.v3.v1.0+protobuf'))


METRICS = ('apiserver_request_total apiserver_request_duration_seconds apiserver_request_sli_duration_seconds '
           'apiserver_response_sizes apiserver_current_inflight_requests apiserver_longrunning_requests '
           'apiserver_watch_events_total apiserver_storage_objects apiserver_resource_objects '
           'apiserver_storage_size_bytes etcd_request_duration_seconds etcd_request_errors_total '
           'kubernetes_build_info kubernetes_healthcheck process_cpu_seconds_total process_resident_memory_bytes '
           'apiserver_client_certificate_expiration_seconds '
           'authenticated_user_requests authentication_attempts apiserver_audit_event_total '
           'apiserver_requested_deprecated_apis '
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
    server.json('GET', '/api/v1/namespaces/default/endpoints')
    metrics = read_metrics(server.ask('GET', '/metrics')[2].decode())
    for name in METRICS:
        assert name in metrics or name + '_count' in metrics, 'no ' + name

    def of(name, labels):
        return sum(v for k, v in metrics[name].items() if all('%s="%s"' % p in k for p in labels.items()))

    mine = {'resource': 'configmaps', 'group': '', 'version': 'v1'}
    assert of('apiserver_request_total', dict(mine, verb='POST', code='201', scope='resource')) >= 1
    assert of('apiserver_request_total', dict(mine, verb='LIST', code='200', scope='namespace')) >= 1
    equal(of('apiserver_longrunning_requests', dict(mine, verb='WATCH')), 1)
    assert of('apiserver_client_certificate_expiration_seconds_count', {}) >= 1
    assert of('authentication_attempts', {'result': 'success'}) >= 1
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


def case_debug(server, namespace):
    status, headers, page = server.ask('GET', '/debug/pprof/')
    equal((status, headers['Content-Type']), (200, 'text/html; charset=utf-8'))
    for name in re.findall(rb"href='(\w+)'", page):
        equal(server.ask('GET', '/debug/pprof/' + name.decode())[0], 200)
    assert server.ask('GET', '/debug/pprof/cmdline')[2].split(b'\0')[0].endswith(b'test-apiserver')
    equal(server.ask('GET', '/debug/pprof/none')[0], 404)
    equal(server.ask('PUT', '/debug/flags/v', b'5')[::2], (200, b'successfully set klog.logging.verbosity to 5'))
    equal(server.ask('PUT', '/debug/flags/v', b'x')[0], 400)
    equal(server.ask('GET', '/debug/flags/v')[::2], (406, b'unsupported http method'))
    equal(server.ask('PUT', '/debug/flags/v', b'2')[0], 200)
    assert b'/debug/flags/v' in server.ask('GET', '/debug/flags')[2]
    status, headers, page = server.ask('GET', '/statusz', Accept='text/plain')
    equal((status, headers['Content-Type']), (200, 'text/plain; charset=utf-8'))
    assert re.search(rb'\nkube-apiserver statusz\n.*\nUp: 0 hr \d\d min \d\d sec\n.*/livez', page, re.S), page
    equal(server.ask('GET', '/statusz', Accept='application/json')[0], 406)
    status, headers, page = server.ask('GET', '/statusz', Accept='application/json;v=v1beta1;g=config.k8s.io;as=Statusz')
    page = json.loads(page)
    equal((status, page['kind'], page['apiVersion'], page['emulationVersion']), (200, 'Statusz', 'config.k8s.io/v1beta1', '1.36'))
    equal(server.ask('GET', '/statusz', Accept='application/json;v=v1beta1;g=config.k8s.io;as=Flagz')[0], 406)
    equal(server.ask('POST', '/statusz')[0], 405)


def case_warnings(server, namespace):
    at = '/api/v1/namespaces/%s/endpoints' % namespace
    want = '299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"'
    for method, path, body in (('GET', at, None), ('GET', at + '?watch=1&timeoutSeconds=1', None), ('POST', at, {'metadata': {'name': 'e'}}),
                               ('GET', at + '/e', None), ('DELETE', at + '/e', None), ('GET', at + '/none', None)):
        equal(server.ask(method, path, body)[1].get_all('Warning'), [want])
    equal(server.ask('GET', '/api/v1/componentstatuses')[1].get_all('Warning'), ['299 - "v1 ComponentStatus is deprecated in v1.19+"'])
    equal(server.ask('GET', '/api/v1/namespaces/%s/services' % namespace)[1].get_all('Warning'), None)
    version = {'name': 'v1', 'served': True, 'storage': True, 'schema': {'openAPIV3Schema': {'type': 'object'}}}
    old = dict(version, name='v1beta1', storage=False, deprecated=True)
    older = dict(old, name='v1alpha1', deprecationWarning='gone "soon"')
    server.json('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
        'metadata': {'name': 'things.wire.example.com'},
        'spec': {'group': 'wire.example.com', 'scope': 'Cluster', 'names': {'plural': 'things', 'kind': 'Thing'},
                 'versions': [version, old, older]}})
    for name, warnings in (('v1', None), ('v1beta1', ['299 - "wire.example.com/v1beta1 Thing is deprecated; use wire.example.com/v1 Thing"']),
                           ('v1alpha1', ['299 - "gone \\"soon\\""'])):
        path = '/apis/wire.example.com/%s/things' % name
        for _ in range(100):
            if server.ask('GET', path)[0] == 200:
                break
            time.sleep(0.05)
        equal(server.ask('GET', path)[1].get_all('Warning'), warnings)
        equal(server.ask('POST', path, {'apiVersion': 'wire.example.com/' + name, 'kind': 'Thing',
                                        'metadata': {'name': name}})[1].get_all('Warning'), warnings)
    definition = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.wire.example.com'
    server.ask('DELETE', definition)
    while server.ask('GET', definition)[0] != 404:
        time.sleep(0.05)
    text = server.ask('GET', '/metrics')[2].decode()
    assert ('apiserver_requested_deprecated_apis{group="",removed_release="",resource="endpoints",subresource="",'
            'version="v1"} 1\n') in text


class Stalled(threading.Thread):
    """A server that takes connections and says nothing."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.create_server(('127.0.0.1', 0))
        self.held = []
        self.start()

    def run(self):
        while True:
            self.held.append(self.socket.accept())


def webhook(server, name, port, plural):
    equal(server.ask('POST', '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations', {
        'metadata': {'name': name}, 'webhooks': [{
            'name': name + '.example.com', 'sideEffects': 'None', 'admissionReviewVersions': ['v1'],
            'clientConfig': {'url': 'https://127.0.0.1:%d/x' % port},
            'rules': [{'apiGroups': [''], 'apiVersions': ['v1'], 'operations': ['CREATE'], 'resources': [plural]}]}]})[0], 201)


def prepare_refusals(server, at):
    server.json('POST', at + '/configmaps', {'metadata': {'name': 'there'}})
    server.json('POST', at + '/services', {'metadata': {'name': 'empty'}, 'spec': {'ports': [{'port': 80}]}})
    server.json('POST', at + '/pods', pod('guarded', labels={'a': 'b'}))
    server.json('POST', at + '/pods/guarded/binding', {'metadata': {'name': 'guarded'}, 'target': {'kind': 'Node', 'name': 'n'}})
    ready = {'status': {'phase': 'Running', 'conditions': [{'type': 'Ready', 'status': 'True'}]}}
    server.ask('PATCH', at + '/pods/guarded/status', json.dumps(ready).encode(), Content_Type='application/merge-patch+json')
    server.json('POST', at.replace('/api/v1', '/apis/policy/v1') + '/poddisruptionbudgets', {
        'metadata': {'name': 'guard'}, 'spec': {'minAvailable': 1, 'selector': {'matchLabels': {'a': 'b'}}}})
    webhook(server, 'unreachable', 1, 'secrets')
    webhook(server, 'stalled', Stalled().socket.getsockname()[1], 'limitranges')


def refusals(at):
    """(method, path, body, headers), code, reason, message, details"""
    maps = at + '/configmaps'
    bad = {'metadata': {'name': 'Bad_Name', 'labels': {'a b': 'c'}}, 'data': {'k/': 'v'}}
    there = {'name': 'there', 'kind': 'configmaps'}
    return (
        (('POST', maps, b'{"a', {'Content_Type': 'application/json'}), 400, 'BadRequest', r'.*json parse error: .*', None),
        (('GET', maps + '?fieldSelector=x%3Dy', None, {}), 400, 'BadRequest', r'"x" is not a known field selector: only "metadata.name", "metadata.namespace"', None),
        (('GET', maps + '?timeout=x', None, {}), 400, 'BadRequest',
         r'invalid timeout specified in the request URL - time: invalid duration "x"', None),
        (('GET', maps, None, {'Authorization': 'Bearer nonsense'}), 401, 'Unauthorized', r'Unauthorized', None),
        (('GET', maps + '/there', None, {'Impersonate_User': 'jane'}), 403, 'Forbidden',
         r'configmaps "there" is forbidden: User "jane" cannot get resource "configmaps" in API group "" in the namespace ".*"', there),
        (('GET', maps + '/none', None, {}), 404, 'NotFound', r'configmaps "none" not found', {'name': 'none', 'kind': 'configmaps'}),
        (('GET', '/api/v1/x', None, {}), 404, 'NotFound', r'the server could not find the requested resource', {}),
        (('PUT', maps, {}, {}), 405, 'MethodNotAllowed', r'the server does not allow this method on the requested resource', {}),
        (('GET', maps, None, {'Accept': 'image/png'}), 406, 'NotAcceptable',
         r'only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf', None),
        (('POST', maps, {'metadata': {'name': 'there'}}, {}), 409, 'AlreadyExists', r'configmaps "there" already exists', there),
        (('PUT', maps + '/there', {'metadata': {'name': 'there', 'resourceVersion': '1'}}, {}), 409, 'Conflict',
         r'Operation cannot be fulfilled on configmaps "there": the object has been modified; '
         r'please apply your changes to the latest version and try again', there),
        (('POST', maps, b'x' * ((3 << 20) + 1), {'Content_Type': 'application/json'}), 413, 'RequestEntityTooLarge',
         r'Request entity too large: limit is 3145728', None),
        (('POST', maps, b'{}', {'Content_Type': 'image/png'}), 415, 'UnsupportedMediaType',
         r'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, '
         r'application/vnd.kubernetes.protobuf', None),
        (('POST', maps, bad, {}), 422, 'Invalid', r'ConfigMap "Bad_Name" is invalid: \[metadata.name: Invalid value: "Bad_Name": .*',
         {'name': 'Bad_Name', 'kind': 'ConfigMap', 'causes': [
             ('FieldValueInvalid', 'metadata.name'), ('FieldValueInvalid', 'metadata.labels'), ('FieldValueInvalid', 'data[k/]')]}),
        (('POST', at + '/pods/guarded/eviction', {'metadata': {'name': 'guarded'}}, {}), 429, 'TooManyRequests',
         r"Cannot evict pod as it would violate the pod's disruption budget.",
         {'causes': [('DisruptionBudget', None)], 'retryAfterSeconds': 10}),
        (('POST', at + '/secrets', {'metadata': {'name': 's'}}, {}), 500, 'InternalError',
         r'Internal error occurred: failed calling webhook "unreachable.example.com": failed to call webhook: Post '
         r'"https://127.0.0.1:1/x\?timeout=10s": dial tcp 127.0.0.1:1: connect: connection refused', {'causes': [(None, None)]}),
        (('GET', at + '/services/empty/proxy/', None, {}), 503, 'ServiceUnavailable', r'no endpoints available for service "empty"', None),
        (('GET', maps + '?resourceVersion=999999999', None, {}), 504, 'Timeout', r'Timeout: Too large resource version: 999999999, current: \d+',
         {'retryAfterSeconds': 1, 'causes': [('ResourceVersionTooLarge', None)]}),
        (('POST', at + '/limitranges?timeout=1s', {'metadata': {'name': 'l'}, 'spec': {'limits': []}}, {}), 504, 'Timeout', r'Timeout: .*', {}),
    )


def check_refusal(server, row):
    (method, at, body, headers), code, reason, message, details = row
    answer = server.open(method, at, body, certificate='Authorization' not in headers, **headers)
    status = json.loads(answer.read())
    what = '%s %s: %r' % (method, at, status)
    assert (answer.status, *(status.get(key) for key in ('kind', 'apiVersion', 'status', 'code'))) == (
        code, 'Status', 'v1', 'Failure', code), what
    assert status['reason'] == reason and re.fullmatch(message, status['message']), what
    assert answer.headers.get('Retry-After') == (str(details['retryAfterSeconds']) if 'retryAfterSeconds' in (details or {}) else None), what
    for key, value in (details or {}).items():
        got = status['details'].get(key)
        if key == 'causes':
            assert all(cause['message'] for cause in got), what
            got = [(cause.get('reason'), cause.get('field')) for cause in got]
        assert got == value, '%s: %s instead of %s' % (what, got, value)


def case_refusals(server, namespace):
    at = '/api/v1/namespaces/' + namespace
    prepare_refusals(server, at)
    rows = refusals(at)
    # 410 needs a store that forgets: see the unit tests of lists
    equal(sorted({row[1] for row in rows}), [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 429, 500, 503, 504])
    failures = []
    for row in rows:
        try:
            check_refusal(server, row)
        except AssertionError as failure:
            failures.append(str(failure))
    assert not failures, '\n'.join(failures)
    metrics = server.ask('GET', '/metrics')[2].decode().splitlines()
    assert 'rest_client_requests_total{code="<error>",host="127.0.0.1:1",method="POST"} 1' in metrics
    ended = [line for line in metrics if line.startswith('apiserver_request_terminations_total{')]
    equal(sorted(re.search('code="(.*?)".*,resource="(.*?)"', line).groups() for line in ended), [('504', 'configmaps'), ('504', 'limitranges')])


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
