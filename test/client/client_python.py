#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The API through Debian's python3-kubernetes: client_python.py KUBECONFIG NAMESPACE CASE.

Exits 0 when the case holds. The client reads every answer into typed models that refuse a missing required field, so that a list
that is read is a list that is whole.
"""
import base64
import inspect
import json
import subprocess
import sys
import threading
import time

from kubernetes import client, config, dynamic, watch
from kubernetes.client.rest import ApiException
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.configmaplock import ConfigMapLock
from kubernetes.stream import portforward, stream


def same(want, got):
    assert want == got, f'wanted {want!r}, got {got!r}'


def refused(status, part, call, *arguments, **named):
    """The call is refused with this status, and its Status object says so in these words."""
    try:
        call(*arguments, **named)
    except ApiException as error:
        same(status, error.status)
        assert '"kind":"Status"' in error.body and part in error.body, error.body
        return
    raise AssertionError(f'{call.__name__} was not refused')


def until(what, seconds=30):
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < end, f'gave up waiting for {inspect.getsource(what).strip()}'
        time.sleep(0.05)


def metadata(name, **more):
    return client.V1ObjectMeta(name=name, **more)


def pod(name, command, **spec):
    container = client.V1Container(name='main', image='busybox:1', command=command)
    return client.V1Pod(metadata=metadata(name, labels={'app': name}),
                        spec=client.V1PodSpec(containers=[container], termination_grace_period_seconds=0, **spec))


class Cases:
    def __init__(self, namespace):
        self.namespace = namespace
        self.core = client.CoreV1Api()

    def config_map(self, name, labels=None, **data):
        return self.core.create_namespaced_config_map(
            self.namespace, client.V1ConfigMap(metadata=metadata(name, labels=labels), data=data))

    def running(self, body):
        self.core.create_namespaced_pod(self.namespace, body)
        until(lambda: self.core.read_namespaced_pod(body.metadata.name, self.namespace).status.phase == 'Running')

    # --- kinds

    def every_kind(self):
        """Each list of each stable group is read into its model, in its namespace and in all."""
        read = 0
        for name, api in inspect.getmembers(client, inspect.isclass):
            if not name.endswith('V1Api') and name not in ('AutoscalingV2Api', 'VersionApi'):
                continue
            for method, call in inspect.getmembers(api(), inspect.ismethod):
                if not method.startswith('list_') or method.endswith('_with_http_info') or name == 'EventsV1Api':
                    continue # events of core/v1 have no time of the newer kind, which its model wants: so it is upstream too
                result = call(self.namespace) if method.startswith('list_namespaced') else call()
                assert result.items is not None, method
                read += 1
        assert read > 60, read

    def workload(self):
        """A Deployment by models: created, scaled, restarted by patch, rolled back by replace, deleted with what it owns."""
        apps = client.AppsV1Api()
        template = client.V1PodTemplateSpec(metadata=client.V1ObjectMeta(labels={'app': 'w'}), spec=pod('w', ['sleep', '1000']).spec)
        body = client.V1Deployment(metadata=metadata('w'), spec=client.V1DeploymentSpec(
            replicas=1, selector=client.V1LabelSelector(match_labels={'app': 'w'}), template=template))
        apps.create_namespaced_deployment(self.namespace, body)
        until(lambda: apps.read_namespaced_deployment_status('w', self.namespace).status.available_replicas == 1)
        apps.patch_namespaced_deployment_scale('w', self.namespace, {'spec': {'replicas': 2}})
        until(lambda: apps.read_namespaced_deployment('w', self.namespace).status.ready_replicas == 2)
        same(2, apps.read_namespaced_deployment_scale('w', self.namespace).spec.replicas)
        before = apps.read_namespaced_deployment('w', self.namespace)
        patch = {'spec': {'template': {'metadata': {'annotations': {'restarted': 'now'}}}}}
        after = apps.patch_namespaced_deployment('w', self.namespace, patch)
        same(before.metadata.generation + 1, after.metadata.generation)
        until(lambda: len(apps.list_namespaced_replica_set(self.namespace, label_selector='app=w').items) == 2)
        apps.delete_namespaced_deployment('w', self.namespace, propagation_policy='Foreground')
        until(lambda: not apps.list_namespaced_deployment(self.namespace).items)
        same([], apps.list_namespaced_replica_set(self.namespace, label_selector='app=w').items)

    def invalid(self):
        """Refusals carry upstream's reasons, causes and field paths."""
        refused(404, r'configmaps \"none\" not found', self.core.read_namespaced_config_map, 'none', self.namespace)
        refused(422, 'spec.containers', self.core.create_namespaced_pod, self.namespace,
                {'metadata': {'name': 'p'}, 'spec': {'containers': []}})
        refused(422, '"field":"spec.selector"', client.AppsV1Api().create_namespaced_deployment, self.namespace,
                {'metadata': {'name': 'd'}, 'spec': {'template': {'spec': {'containers': [{'name': 'a', 'image': 'b'}]}}}})
        refused(400, 'cannot unmarshal', self.core.create_namespaced_config_map, self.namespace,
                {'metadata': {'name': 'c'}, 'data': {'a': 1}})
        self.config_map('c')
        refused(409, '"reason":"AlreadyExists"', self.config_map, 'c')

    # --- reading

    def pages(self):
        """Pages of one moment: what comes or goes between them is not seen; selectors; metadata of the list."""
        for number in range(25):
            self.config_map(f'c{number:02}', labels={'parity': 'even' if number % 2 == 0 else 'odd'})
        names, more = [], None
        while True:
            page = self.core.list_namespaced_config_map(self.namespace, limit=10, _continue=more, label_selector='parity')
            names += [item.metadata.name for item in page.items]
            more = page.metadata._continue
            if not more:
                break
            self.config_map(f'later{len(names)}', labels={'parity': 'none'})
        same([f'c{number:02}' for number in range(25)], names)
        odd = self.core.list_namespaced_config_map(self.namespace, label_selector='parity in (odd),parity!=none')
        same(12, len(odd.items))
        one = self.core.list_namespaced_config_map(self.namespace, field_selector='metadata.name=c03')
        same(['c03'], [item.metadata.name for item in one.items])
        exact = self.core.list_namespaced_config_map(self.namespace, resource_version=one.metadata.resource_version,
                                                     resource_version_match='Exact')
        same(one.metadata.resource_version, exact.metadata.resource_version)
        refused(400, 'continue', self.core.list_namespaced_config_map, self.namespace, _continue='nonsense', limit=1)
        refused(400, 'nonsense', self.core.list_namespaced_config_map, self.namespace, field_selector='nonsense=1')

    def watching(self):
        """Each change once and in order, from a revision; bookmarks; the end that was asked for; 410 for what is too far ahead."""
        start = self.core.list_namespaced_config_map(self.namespace).metadata.resource_version
        self.config_map('a', x='1')
        self.core.patch_namespaced_config_map('a', self.namespace, {'data': {'x': '2'}})
        self.core.delete_namespaced_config_map('a', self.namespace)
        seen = []
        watcher = watch.Watch()
        for event in watcher.stream(self.core.list_namespaced_config_map, self.namespace, resource_version=start,
                                    field_selector='metadata.name=a', timeout_seconds=20):
            seen.append((event['type'], (event['object'].data or {}).get('x')))
            if len(seen) == 3:
                watcher.stop()
        same([('ADDED', '1'), ('MODIFIED', '2'), ('DELETED', '2')], seen)
        began = time.monotonic()
        types = [event['type'] for event in watch.Watch().stream(
            self.core.list_namespaced_config_map, self.namespace, resource_version=start, timeout_seconds=1,
            allow_watch_bookmarks=True)]
        assert 0.5 < time.monotonic() - began < 10
        assert {'ADDED', 'MODIFIED', 'DELETED'} <= set(types), types

    def logs(self):
        """Logs in one piece, by tail, followed."""
        self.running(pod('l', ['sh', '-c', 'for i in 1 2 3; do echo line $i; sleep 0.2; done; sleep 1000']))
        until(lambda: 'line 3' in self.core.read_namespaced_pod_log('l', self.namespace))
        same('line 3\n', self.core.read_namespaced_pod_log('l', self.namespace, tail_lines=1))
        lines = []
        watcher = watch.Watch()
        for line in watcher.stream(self.core.read_namespaced_pod_log, 'l', self.namespace):
            lines.append(line)
            if len(lines) == 3:
                watcher.stop()
        same(['line 1', 'line 2', 'line 3'], lines)

    # --- writing

    def writing(self):
        """Locking, all patches, dry run, preconditions, collections, finalizers."""
        created = self.config_map('a', x='1')
        created.data = {'x': '2'}
        self.core.replace_namespaced_config_map('a', self.namespace, created)
        refused(409, 'the object has been modified; please apply your changes to the latest version and try again',
                self.core.replace_namespaced_config_map, 'a', self.namespace, created)
        patched = self.core.patch_namespaced_config_map('a', self.namespace, [{'op': 'add', 'path': '/data/y', 'value': '3'}])
        same({'x': '2', 'y': '3'}, patched.data)
        self.core.patch_namespaced_config_map('a', self.namespace, {'data': {'x': None}}, dry_run='All')
        same({'x': '2', 'y': '3'}, self.core.read_namespaced_config_map('a', self.namespace).data)
        refused(409, 'the UID in the precondition (other) does not match the UID in record', self.core.delete_namespaced_config_map, 'a', self.namespace,
                body=client.V1DeleteOptions(preconditions=client.V1Preconditions(uid='other')))
        self.core.patch_namespaced_config_map('a', self.namespace, {'metadata': {'finalizers': ['example.com/held']}})
        self.core.delete_namespaced_config_map('a', self.namespace)
        assert self.core.read_namespaced_config_map('a', self.namespace).metadata.deletion_timestamp
        self.core.patch_namespaced_config_map('a', self.namespace, {'metadata': {'finalizers': None}})
        refused(404, 'not found', self.core.read_namespaced_config_map, 'a', self.namespace)
        named = self.core.create_namespaced_config_map(
            self.namespace, client.V1ConfigMap(metadata=client.V1ObjectMeta(generate_name='g-', labels={'of': 'us'})))
        assert named.metadata.name.startswith('g-') and len(named.metadata.name) == 7, named.metadata.name
        self.core.delete_collection_namespaced_config_map(self.namespace, label_selector='of=us')
        same([], self.core.list_namespaced_config_map(self.namespace, label_selector='of=us').items)

    def applying(self):
        """The dynamic client: discovery, server-side apply, conflicts, force, and every verb on what it found."""
        found = dynamic.DynamicClient(client.ApiClient())
        kind = found.resources.get(api_version='v1', kind='ConfigMap')
        body = {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'a'}, 'data': {'x': '1', 'y': '1'}}

        def apply(manager, **how): # as text: some versions send no other body with this type
            return kind.server_side_apply(body=json.dumps(body), name='a', namespace=self.namespace, field_manager=manager, **how)

        apply('one')
        body['data'] = {'x': '2'}
        refused_as = None
        try:
            apply('two')
        except dynamic.exceptions.ConflictError as error:
            refused_as = error.body.decode()
        assert refused_as and 'conflict with \\"one\\": .data.x' in refused_as, refused_as
        apply('two', force_conflicts=True)
        now = kind.get(name='a', namespace=self.namespace)
        same({'x': '2', 'y': '1'}, now.to_dict()['data'])
        same(['one', 'two'], sorted(entry.manager for entry in now.metadata.managedFields))
        kind.delete(name='a', namespace=self.namespace)
        same([], [item.metadata.name for item in kind.get(namespace=self.namespace, label_selector='x').items])

    # --- custom resources

    def custom(self):
        """A definition, its objects, their status and scale, a watch, and their end."""
        group = f'{self.namespace}.example.com'
        schema = {'type': 'object', 'properties': {
            'spec': {'type': 'object', 'required': ['size'], 'properties': {
                'size': {'type': 'integer', 'minimum': 1}, 'color': {'type': 'string', 'default': 'red'}}},
            'status': {'type': 'object', 'properties': {'size': {'type': 'integer'}}}}}
        version = {'name': 'v1', 'served': True, 'storage': True, 'schema': {'openAPIV3Schema': schema}, 'subresources': {
            'status': {}, 'scale': {'specReplicasPath': '.spec.size', 'statusReplicasPath': '.status.size'}}}
        definitions = client.ApiextensionsV1Api()
        definitions.create_custom_resource_definition({
            'apiVersion': 'apiextensions.k8s.io/v1', 'kind': 'CustomResourceDefinition', 'metadata': {'name': f'things.{group}'},
            'spec': {'group': group, 'scope': 'Namespaced', 'versions': [version],
                     'names': {'plural': 'things', 'singular': 'thing', 'kind': 'Thing', 'listKind': 'ThingList'}}})
        until(lambda: [c for c in definitions.read_custom_resource_definition(f'things.{group}').status.conditions or []
                       if c.type == 'Established' and c.status == 'True'])
        api, where = client.CustomObjectsApi(), (group, 'v1', self.namespace, 'things')
        made = api.create_namespaced_custom_object(*where, {
            'apiVersion': f'{group}/v1', 'kind': 'Thing', 'metadata': {'name': 'a'}, 'spec': {'size': 1, 'unknown': 1}})
        same({'size': 1, 'color': 'red'}, made['spec'])
        refused(422, 'spec.size in body should be greater than or equal to 1', api.patch_namespaced_custom_object,
                *where, 'a', {'spec': {'size': 0}})
        api.patch_namespaced_custom_object_status(*where, 'a', {'status': {'size': 1}, 'spec': {'size': 9}})
        now = api.get_namespaced_custom_object(*where, 'a')
        same((1, 1, 1), (now['spec']['size'], now['status']['size'], now['metadata']['generation']))
        api.patch_namespaced_custom_object_scale(*where, 'a', {'spec': {'replicas': 3}})
        same(3, api.get_namespaced_custom_object(*where, 'a')['spec']['size'])
        for event in watch.Watch().stream(api.list_namespaced_custom_object, *where, timeout_seconds=10):
            same(('ADDED', 'a'), (event['type'], event['object']['metadata']['name']))
            break
        definitions.delete_custom_resource_definition(f'things.{group}')
        until(lambda: not [d for d in definitions.list_custom_resource_definition().items if d.spec.group == group])
        try:
            api.get_namespaced_custom_object(*where, 'a')
        except ApiException as error:
            same(404, error.status)
        else:
            raise AssertionError('the objects outlived their definition')

    # --- who may do what

    def identity(self):
        """A service account's token is a user with rights by RBAC; reviews agree; a signed certificate is one too."""
        self.core.create_namespaced_service_account(self.namespace, client.V1ServiceAccount(metadata=metadata('robot')))
        token = self.core.create_namespaced_service_account_token('robot', self.namespace, client.AuthenticationV1TokenRequest(
            spec=client.V1TokenRequestSpec(audiences=None or [], expiration_seconds=3600))).status.token
        user = f'system:serviceaccount:{self.namespace}:robot'
        review = client.AuthenticationV1Api().create_token_review(client.V1TokenReview(spec=client.V1TokenReviewSpec(token=token)))
        same((True, user), (review.status.authenticated, review.status.user.username))
        as_robot = client.Configuration.get_default_copy()
        as_robot.cert_file = as_robot.key_file = None
        as_robot.api_key, as_robot.api_key_prefix = {'authorization': token}, {'authorization': 'Bearer'}
        robot = client.CoreV1Api(client.ApiClient(as_robot))
        refused(403, f'User \\"{user}\\" cannot list resource \\"configmaps\\" in API group \\"\\"',
                robot.list_namespaced_config_map, self.namespace)
        rbac = client.RbacAuthorizationV1Api()
        rbac.create_namespaced_role(self.namespace, client.V1Role(metadata=metadata('reader'), rules=[
            client.V1PolicyRule(api_groups=[''], resources=['configmaps'], verbs=['list'])]))
        rbac.create_namespaced_role_binding(self.namespace, {
            'metadata': {'name': 'reader'}, 'roleRef': {'apiGroup': 'rbac.authorization.k8s.io', 'kind': 'Role', 'name': 'reader'},
            'subjects': [{'kind': 'ServiceAccount', 'name': 'robot', 'namespace': self.namespace}]})
        until(lambda: client.AuthorizationV1Api().create_subject_access_review(client.V1SubjectAccessReview(
            spec=client.V1SubjectAccessReviewSpec(user=user, resource_attributes=client.V1ResourceAttributes(
                namespace=self.namespace, verb='list', resource='configmaps')))).status.allowed)
        robot.list_namespaced_config_map(self.namespace)
        refused(403, 'cannot create resource', robot.create_namespaced_config_map, self.namespace, {'metadata': {'name': 'x'}})
        rules = client.AuthorizationV1Api(robot.api_client).create_self_subject_rules_review(
            client.V1SelfSubjectRulesReview(spec=client.V1SelfSubjectRulesReviewSpec(namespace=self.namespace)))
        assert [rule for rule in rules.status.resource_rules if rule.resources == ['configmaps']], rules

    def certificate(self):
        """A request is approved through its subresource and signed by the named signer."""
        made = subprocess.run(['openssl', 'req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', '/dev/null', '-subj', '/CN=jane/O=dev'],
                              capture_output=True, check=True).stdout
        certificates, name = client.CertificatesV1Api(), f'{self.namespace}-jane'
        certificates.create_certificate_signing_request(client.V1CertificateSigningRequest(
            metadata=metadata(name), spec=client.V1CertificateSigningRequestSpec(
                request=base64.b64encode(made).decode(), signer_name='kubernetes.io/kube-apiserver-client', usages=['client auth'])))
        request = certificates.read_certificate_signing_request(name)
        same(None, request.status.certificate)
        request.status.conditions = [client.V1CertificateSigningRequestCondition(
            type='Approved', status='True', reason='Test', message='by the test')]
        certificates.replace_certificate_signing_request_approval(name, request)
        signed = until(lambda: certificates.read_certificate_signing_request(name).status.certificate)
        subject = subprocess.run(['openssl', 'x509', '-noout', '-subject', '-nameopt', 'RFC2253'], input=base64.b64decode(signed),
                                 capture_output=True, check=True).stdout.decode()
        same('subject=O=dev,CN=jane\n', subject)

    # --- admission

    def admission(self):
        """A quota and a limit range are felt in words that clients match on."""
        self.core.create_namespaced_limit_range(self.namespace, {'metadata': {'name': 'l'}, 'spec': {'limits': [
            {'type': 'Container', 'default': {'cpu': '100m'}, 'defaultRequest': {'cpu': '50m'}, 'max': {'cpu': '200m'}}]}})
        self.core.create_namespaced_resource_quota(self.namespace, {'metadata': {'name': 'q'}, 'spec': {'hard': {'pods': '1'}}})
        until(lambda: self.core.read_namespaced_resource_quota_status('q', self.namespace).status.hard)
        made = self.core.create_namespaced_pod(self.namespace, pod('a', ['sleep', '1000'], node_name='nowhere'))
        same({'cpu': '50m'}, made.spec.containers[0].resources.requests)
        refused(403, 'exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1',
                self.core.create_namespaced_pod, self.namespace, pod('b', ['sleep', '1000']))
        big = pod('c', ['sleep', '1000'])
        big.spec.containers[0].resources = client.V1ResourceRequirements(limits={'cpu': '1'})
        refused(403, 'maximum cpu usage per Container is 200m, but limit is 1',
                self.core.create_namespaced_pod, self.namespace, big)

    # --- into pods

    def executing(self):
        """exec over WebSocket: output, errors, standard input, a terminal, the exit status; attach; a forwarded port."""
        self.running(pod('x', ['sh', '-c', 'mkdir /www; echo page >/www/index.html; exec httpd -f -p 8080 -h /www']))
        execute = self.core.connect_get_namespaced_pod_exec
        same('out\n', stream(execute, 'x', self.namespace, command=['echo', 'out'], stdout=True, stderr=True, stdin=False, tty=False))
        shell = stream(execute, 'x', self.namespace, command=['sh'], stdin=True, stdout=True, stderr=True, tty=False,
                       _preload_content=False)
        shell.write_stdin('echo to-out; echo to-err >&2; exit 7\n')
        shell.run_forever(timeout=20)
        same(('to-out\n', 'to-err\n', 7), (shell.read_stdout(), shell.read_stderr(), shell.returncode))
        echo = pod('echo', ['sh', '-c', 'read -r line; echo "heard $line"; exec sleep 1000'])
        echo.spec.containers[0].stdin = True
        self.running(echo)
        attached = stream(self.core.connect_get_namespaced_pod_attach, 'echo', self.namespace, stdin=True, stdout=True, stderr=True, tty=False,
                          _preload_content=False)
        attached.write_stdin('words\n')
        same('heard words', attached.readline_stdout(timeout=20))
        attached.close()
        terminal = stream(execute, 'x', self.namespace, command=['tty'], stdin=True, stdout=True, stderr=False, tty=True)
        assert terminal.startswith('/dev/pts/'), terminal
        forward = portforward(self.core.connect_get_namespaced_pod_portforward, 'x', self.namespace, ports='8080')
        socket = forward.socket(8080)
        socket.settimeout(20)
        socket.sendall(b'GET /index.html HTTP/1.0\r\n\r\n')
        answer = b''
        while piece := socket.recv(65536):
            answer += piece
        assert answer.endswith(b'page\n'), answer
        same(None, forward.error(8080))

    def election(self):
        """Leader election as operators do it: of two one leads; when it can no longer renew, it stops, and the other takes over."""
        led, stopped, cut = [], [], threading.Event()

        class Lock(ConfigMapLock):
            def update(self, *arguments):
                return False if self.identity == led[0] and cut.is_set() else super().update(*arguments)

        def run(identity):
            leaderelection.LeaderElection(electionconfig.Config(
                Lock('lead', self.namespace, identity), lease_duration=2, renew_deadline=1.3, retry_period=1,
                onstarted_leading=lambda: led.append(identity), onstopped_leading=lambda: stopped.append(identity))).run()

        def holder():
            annotations = self.core.read_namespaced_config_map('lead', self.namespace).metadata.annotations
            return json.loads(annotations['control-plane.alpha.kubernetes.io/leader'])['holderIdentity']

        for identity in ('one', 'two'):
            threading.Thread(target=run, args=(identity,), daemon=True).start()
        until(lambda: led)
        same(led[0], holder())
        cut.set()
        until(lambda: len(led) == 2 and stopped)
        same(({'one', 'two'}, [led[0]], led[1]), (set(led), stopped, holder()))


def main():
    kubeconfig, namespace, case = sys.argv[1:]
    config.load_kube_config(kubeconfig)
    getattr(Cases(namespace), case)()


main()
