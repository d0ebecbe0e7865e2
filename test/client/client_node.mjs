#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// The API through the npm package @kubernetes/client-node: client_node.mjs KUBECONFIG NAMESPACE CASE. Exits 0 when the case holds.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import * as k8s from '@kubernetes/client-node';

const [kubeconfig, namespace, name] = process.argv.slice(2);
const config = new k8s.KubeConfig();
config.loadFromFile(kubeconfig);
const core = config.makeApiClient(k8s.CoreV1Api);
const apps = config.makeApiClient(k8s.AppsV1Api);

async function until(what, seconds = 30) {
	for (const end = Date.now() + seconds * 1000; ;) {
		const value = await what();
		if (value) return value;
		assert(Date.now() < end, `gave up waiting for ${what}`);
		await sleep(50);
	}
}

// Refused with this code, and the Status says so in these words.
async function refused(code, part, call) {
	const error = await call.then((value) => assert.fail(`was not refused: ${JSON.stringify(value)}`), (e) => e);
	assert.equal(error.code, code, String(error));
	const status = typeof error.body === 'string' ? JSON.parse(error.body) : error.body;
	assert.equal(status.kind, 'Status');
	assert(status.message.includes(part), status.message);
}

const configMap = (of, data = {}, labels = {}) =>
	core.createNamespacedConfigMap({ namespace, body: { metadata: { name: of, labels }, data } });

const podOf = (of, ...command) => ({
	metadata: { name: of, labels: { app: of } },
	spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: 'busybox:1', command, stdin: true }] },
});

async function running(body) {
	await core.createNamespacedPod({ namespace, body });
	await until(async () => (await core.readNamespacedPod({ namespace, name: body.metadata.name })).status.phase === 'Running');
}

function collect() {
	const stream = new PassThrough();
	stream.text = '';
	stream.on('data', (piece) => { stream.text += piece; });
	return stream;
}

// A command in a pod: its status, output and errors. The status comes before the last of the output was read here.
const execute = (pod, command, stdin = null, tty = false) => new Promise((resolve, reject) => {
	const out = collect(), err = collect();
	new k8s.Exec(config).exec(namespace, pod, 'main', command, out, tty ? null : err, stdin, tty,
		(status) => setTimeout(() => resolve({ status, out: out.text, err: err.text }), 100)).catch(reject);
});

const patchAs = (strategy) => k8s.setHeaderOptions('Content-Type', strategy);

const cases = {
	// Every object that a model is read from; dates are dates.
	async kinds() {
		const groups = [[core, 17], [apps, 5], [config.makeApiClient(k8s.BatchV1Api), 2],
			[config.makeApiClient(k8s.RbacAuthorizationV1Api), 4], [config.makeApiClient(k8s.NetworkingV1Api), 3],
			[config.makeApiClient(k8s.StorageV1Api), 5], [config.makeApiClient(k8s.PolicyV1Api), 1],
			[config.makeApiClient(k8s.AdmissionregistrationV1Api), 3], [config.makeApiClient(k8s.AutoscalingV2Api), 1],
			[config.makeApiClient(k8s.CoordinationV1Api), 1], [config.makeApiClient(k8s.DiscoveryV1Api), 1],
			[config.makeApiClient(k8s.FlowcontrolApiserverV1Api), 2], [config.makeApiClient(k8s.CertificatesV1Api), 1],
			[config.makeApiClient(k8s.SchedulingV1Api), 1], [config.makeApiClient(k8s.NodeV1Api), 1],
			[config.makeApiClient(k8s.ApiextensionsV1Api), 1], [config.makeApiClient(k8s.ApiregistrationV1Api), 1]];
		for (const [api, least] of groups) {
			const lists = Object.getOwnPropertyNames(Object.getPrototypeOf(api)).filter((m) => /^list.*/.test(m) && !/WithHttpInfo$/.test(m));
			assert(lists.length >= least, `${api.constructor.name}: ${lists}`);
			for (const list of lists) assert(Array.isArray((await api[list]({ namespace })).items), list);
		}
		const made = await configMap('dated');
		assert(made.metadata.creationTimestamp instanceof Date && Math.abs(made.metadata.creationTimestamp - Date.now()) < 60000);
	},

	// An informer's cache follows the server, through the end of its watches too.
	async informer() {
		await configMap('before', { x: '1' }, { of: 'us' });
		const seen = [];
		const informer = k8s.makeInformer(config, `/api/v1/namespaces/${namespace}/configmaps`,
			() => core.listNamespacedConfigMap({ namespace, labelSelector: 'of=us' }), 'of=us');
		for (const verb of ['add', 'update', 'delete']) informer.on(verb, (o) => seen.push(`${verb} ${o.metadata.name}`));
		informer.on('error', (error) => seen.push(`error ${error}`));
		await informer.start();
		await until(() => informer.get('before', namespace));
		await configMap('after', { x: '1' }, { of: 'us' });
		await configMap('other');
		await until(() => informer.get('after', namespace));
		await core.patchNamespacedConfigMap({ namespace, name: 'after', body: { data: { x: '2' } } }, patchAs(k8s.PatchStrategy.MergePatch));
		await until(() => informer.get('after', namespace).data.x === '2');
		await core.patchNamespacedConfigMap({ namespace, name: 'before', body: { metadata: { labels: { of: null } } } },
			patchAs(k8s.PatchStrategy.StrategicMergePatch));
		await until(() => !informer.get('before', namespace));
		await core.deleteNamespacedConfigMap({ namespace, name: 'after' });
		await until(() => informer.list().length === 0);
		const known = [...seen]; // its own end is an error to it
		await informer.stop();
		assert.deepEqual(known, ['add before', 'add after', 'update after', 'delete before', 'delete after']);
	},

	// The server has forgotten the version that an informer wants to watch from: it lists again and goes on.
	async relisting() {
		let lists = 0;
		await configMap('before');
		const informer = k8s.makeInformer(config, `/api/v1/namespaces/${namespace}/configmaps`, async () => {
			const list = await core.listNamespacedConfigMap({ namespace });
			if (!lists++) list.metadata.resourceVersion = '1';
			return list;
		});
		await informer.start();
		await until(() => lists === 2);
		await configMap('after');
		await until(() => informer.get('after', namespace));
		assert(informer.get('before', namespace));
		assert.equal(lists, 2);
		await informer.stop();
	},

	// Watches: bookmarks, initial events on the stream, the end that was asked for, and what is too old.
	async watching() {
		const watch = new k8s.Watch(config), path = `/api/v1/namespaces/${namespace}/configmaps`;
		const run = (query) => new Promise((resolve, reject) => {
			const events = [];
			watch.watch(path, query, (type, object) => events.push([type, object]),
				(error) => (error && error !== k8s.Watch.SERVER_SIDE_CLOSE ? reject(error) : resolve(events))).catch(reject);
		});
		await configMap('a');
		const initial = await run({ sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: true, timeoutSeconds: 1 });
		const marks = initial.filter(([type, o]) => type === 'BOOKMARK' && o.metadata.annotations?.['k8s.io/initial-events-end'] === 'true');
		assert.equal(marks.length, 1);
		assert(initial.findIndex(([, o]) => o.metadata.name === 'a') < initial.indexOf(marks[0]));
		const from = marks[0][1].metadata.resourceVersion;
		await configMap('b');
		assert.deepEqual((await run({ resourceVersion: from, timeoutSeconds: 1 })).map(([type, o]) => `${type} ${o.metadata.name}`), ['ADDED b']);
		const refusal = await run({ resourceVersion: 'nonsense', timeoutSeconds: 1 }).catch((e) => e);
		assert(/Internal Server Error|nonsense/i.test(String(refusal.message ?? refusal)), String(refusal));
	},

	// The generic object client, by manifests alone: discovery, all patches, apply with conflicts.
	async objects() {
		const objects = k8s.KubernetesObjectApi.makeApiClient(config);
		const [deployment, service] = k8s.loadAllYaml(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: ${namespace}}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: main, image: 'busybox:1'}]}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: ${namespace}}
spec: {selector: {app: web}, ports: [{port: 80}]}
`);
		await objects.create(deployment);
		assert((await objects.create(service)).spec.clusterIP);
		await refused(409, 'already exists', objects.create(service));
		const patch = (spec, strategy) => objects.patch({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace }, spec },
			undefined, undefined, 'one', undefined, strategy);
		const side = await patch({ template: { spec: { containers: [{ name: 'side', image: 'side:1' }] } } }, k8s.PatchStrategy.StrategicMergePatch);
		assert.deepEqual(side.spec.template.spec.containers.map((c) => c.name).sort(), ['main', 'side']);
		const merged = await patch({ template: { spec: { containers: [{ name: 'only', image: 'only:1' }] } } }, k8s.PatchStrategy.MergePatch);
		assert.deepEqual(merged.spec.template.spec.containers.map((c) => c.name), ['only']);
		const applied = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied', namespace }, data: { x: '1' } };
		const apply = (manager, force) => objects.patch(applied, undefined, undefined, manager, force, k8s.PatchStrategy.ServerSideApply);
		await apply('one');
		applied.data.x = '2';
		await refused(409, 'conflict with "one": .data.x', apply('two', false));
		assert.deepEqual((await apply('two', true)).metadata.managedFields.map((f) => f.manager), ['two']);
		const list = await objects.list('v1', 'Service', namespace, undefined, undefined, undefined, undefined, undefined, 1);
		assert.equal(list.items.length, 1);
		await objects.delete(deployment);
		await until(async () => !(await apps.listNamespacedDeployment({ namespace })).items.length);
	},

	async writing() {
		const made = await configMap('a', { x: '1' });
		made.data = { x: '2' };
		await core.replaceNamespacedConfigMap({ namespace, name: 'a', body: made });
		await refused(409, 'the object has been modified', core.replaceNamespacedConfigMap({ namespace, name: 'a', body: made }));
		const patched = await core.patchNamespacedConfigMap({ namespace, name: 'a', body: [
			{ op: 'test', path: '/data/x', value: '2' }, { op: 'add', path: '/data/y', value: '3' }] }, patchAs(k8s.PatchStrategy.JsonPatch));
		assert.deepEqual(patched.data, { x: '2', y: '3' });
		await refused(422, 'the server rejected our request due to an error in our request', core.patchNamespacedConfigMap(
			{ namespace, name: 'a', body: [{ op: 'test', path: '/data/x', value: 'other' }] }, patchAs(k8s.PatchStrategy.JsonPatch)));
		await refused(422, 'metadata.name: Invalid value: "Upper"', configMap('Upper'));
		await core.createNamespacedConfigMap({ namespace, dryRun: 'All', body: { metadata: { name: 'dry' } } });
		await refused(404, 'configmaps "dry" not found', core.readNamespacedConfigMap({ namespace, name: 'dry' }));
		await refused(400, 'strict decoding error: unknown field "spec.nonsense"', core.createNamespacedService({
			namespace, fieldValidation: 'Strict', body: k8s.loadYaml('{metadata: {name: s}, spec: {ports: [{port: 80}]}}'),
		}, { middleware: [{ pre: (context) => {
			context.setBody(JSON.stringify({ metadata: { name: 's' }, spec: { nonsense: 1, ports: [{ port: 80 }] } }));
			return k8s.setHeaderMiddleware('X-Test', 'yes').pre(context);
		}, post: k8s.setHeaderMiddleware('X-Test', 'yes').post }], middlewareMergeStrategy: 'append' }));
		await core.deleteCollectionNamespacedConfigMap({ namespace, fieldSelector: 'metadata.name=a' });
		await refused(404, 'not found', core.readNamespacedConfigMap({ namespace, name: 'a' }));
	},

	async custom() {
		const group = `${namespace}.node.example.com`, definitions = config.makeApiClient(k8s.ApiextensionsV1Api);
		const custom = config.makeApiClient(k8s.CustomObjectsApi);
		await definitions.createCustomResourceDefinition({ body: {
			metadata: { name: `things.${group}` },
			spec: { group, scope: 'Namespaced', names: { plural: 'things', singular: 'thing', kind: 'Thing' }, versions: [{
				name: 'v1', served: true, storage: true, subresources: { status: {} },
				schema: { openAPIV3Schema: { type: 'object', properties: {
					spec: { type: 'object', properties: { size: { type: 'integer' }, limit: { type: 'integer' } }, x_kubernetes_validations: [
						{ rule: 'self.size <= self.limit', message: 'size is above the limit' }] },
					status: { type: 'object', x_kubernetes_preserve_unknown_fields: true } } } },
			}] } } });
		const at = { group, version: 'v1', namespace, plural: 'things' };
		const thing = (of, size) => ({ apiVersion: `${group}/v1`, kind: 'Thing', metadata: { name: of }, spec: { size, limit: 3 } });
		await until(() => custom.createNamespacedCustomObject({ ...at, body: thing('a', 1) }).catch((e) => e.code !== 404 && assert.fail(e)));
		await refused(422, 'spec: Invalid value: size is above the limit', custom.createNamespacedCustomObject({ ...at, body: thing('b', 4) }));
		await custom.patchNamespacedCustomObjectStatus({ ...at, name: 'a', body: { status: { any: { thing: [1] } } } },
			patchAs(k8s.PatchStrategy.MergePatch));
		assert.deepEqual((await custom.getNamespacedCustomObject({ ...at, name: 'a' })).status, { any: { thing: [1] } });
		const informer = k8s.makeInformer(config, `/apis/${group}/v1/namespaces/${namespace}/things`, () => custom.listNamespacedCustomObject(at));
		await informer.start();
		await until(() => informer.get('a', namespace));
		await informer.stop();
		await definitions.deleteCustomResourceDefinition({ name: `things.${group}` });
		await until(() => custom.listNamespacedCustomObject(at).then(() => false, (e) => e.code === 404));
	},

	// Standard streams by WebSocket: output, input, exit status, a terminal with a size, attach.
	async exec() {
		await running(podOf('x', 'sh', '-c', 'while read -r line; do echo "heard $line"; done'));
		const runs = (...how) => execute('x', ...how);
		const plain = await runs(['sh', '-c', 'echo out; echo err >&2; exit 3']);
		assert.deepEqual([plain.out, plain.err, plain.status.reason], ['out\n', 'err\n', 'NonZeroExitCode']);
		assert.equal(plain.status.details.causes[0].message, '3');
		const input = new PassThrough();
		input.end('a'.repeat(100000));
		const counted = await runs(['sh', '-c', 'head -c 100000 | wc -c'], input);
		assert.equal(counted.out.trim(), '100000');
		const typed = new PassThrough();
		typed.write('tty; exit\n');
		const terminal = await runs(['sh'], typed, true);
		assert(/\/dev\/pts\/\d+/.test(terminal.out), terminal.out);
		assert.equal(terminal.status.status, 'Success');
		const attached = collect(), spoken = new PassThrough();
		const socket = await new k8s.Attach(config).attach(namespace, 'x', 'main', attached, null, spoken, false);
		spoken.write('words\n');
		await until(() => attached.text.includes('heard words\n'));
		socket.close();
		const nobody = await new k8s.Exec(config).exec(namespace, 'none', 'main', ['true'], null, null, null, false).then(() => null, (e) => e);
		assert(/404/.test(String(nobody?.message)), String(nobody?.message));
	},

	// What a web dashboard shows: nodes and their state, workloads, logs, a shell, and why a pod is Pending.
	async dashboard() {
		const ready = ({ status }) => status.conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True');
		const [node] = (await core.listNode()).items;
		assert(ready(node) && Number(node.status.allocatable.cpu) > 0 && node.status.nodeInfo.kubeletVersion.startsWith('v1.'));
		await running(podOf('up', 'sh', '-c', 'echo hello; exec sleep 1000'));
		const greedy = podOf('greedy', 'true');
		greedy.spec.containers[0].resources = { requests: { cpu: '10000' } };
		await core.createNamespacedPod({ namespace, body: greedy });
		const read = () => core.readNamespacedPod({ namespace, name: 'greedy' });
		const why = await until(async () => (await read()).status.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'False'));
		assert.equal(why.reason, 'Unschedulable');
		assert.match(why.message, /^0\/1 nodes are available: 1 Insufficient cpu/);
		const fieldSelector = 'involvedObject.kind=Pod,involvedObject.name=greedy,reason=FailedScheduling';
		const [event] = await until(async () => { const { items } = await core.listNamespacedEvent({ namespace, fieldSelector }); return items.length && items; });
		assert.deepEqual([event.type, event.message], ['Warning', why.message]);
		const pods = (await core.listPodForAllNamespaces()).items.filter((p) => p.metadata.namespace === namespace);
		assert.deepEqual(pods.map((p) => [p.metadata.name, p.status.phase]), [['greedy', 'Pending'], ['up', 'Running']]);
		assert.equal(await until(() => core.readNamespacedPodLog({ namespace, name: 'up' })), 'hello\n');
		assert.equal((await execute('up', ['hostname'])).out, 'up\n');
	},

	async copy() {
		await running(podOf('x', 'sleep', '1000'));
		const there = await mkdtemp(`${tmpdir()}/there.`);
		await writeFile(`${there}/letter`, 'arrived\n'.repeat(10000));
		await new k8s.Cp(config).cpToPod(namespace, 'x', 'main', there, '/'); // returns before it is there
		await until(async () => (await execute('x', ['wc', '-l', '/letter'])).out === '10000 /letter\n');
		await rm(there, { recursive: true });
	},

	async logs() {
		await running(podOf('l', 'sh', '-c', 'for i in 1 2 3; do echo line $i; sleep 0.2; done; sleep 1000'));
		const followed = collect();
		const stop = await new k8s.Log(config).log(namespace, 'l', 'main', followed, { follow: true });
		await until(() => followed.text === 'line 1\nline 2\nline 3\n');
		stop.abort();
		assert.equal(await core.readNamespacedPodLog({ namespace, name: 'l', tailLines: 1 }), 'line 3\n');
		const stamped = await core.readNamespacedPodLog({ namespace, name: 'l', timestamps: true, tailLines: 1 });
		assert(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z line 3\n$/.test(stamped), stamped);
	},

	async forward() {
		await running(podOf('web', 'sh', '-c', 'mkdir /www; echo page >/www/index.html; exec httpd -f -p 8080 -h /www'));
		const input = new PassThrough(), output = collect(), error = collect();
		const socket = await new k8s.PortForward(config).portForward(namespace, 'web', [8080], output, error, input);
		input.write('GET /index.html HTTP/1.0\r\n\r\n');
		await until(() => output.text.endsWith('page\n'));
		await until(() => socket.readyState >= 2); // the server says when the connection behind is over
		assert.equal(error.text, '');
	},

	async identity() {
		const review = config.makeApiClient(k8s.AuthenticationV1Api), rbac = config.makeApiClient(k8s.RbacAuthorizationV1Api);
		await core.createNamespacedServiceAccount({ namespace, body: { metadata: { name: 'robot' } } });
		const { status: { token } } = await core.createNamespacedServiceAccountToken({ namespace, name: 'robot', body: {
			spec: { audiences: [], expirationSeconds: 3600 } } });
		const user = `system:serviceaccount:${namespace}:robot`;
		assert.equal((await review.createTokenReview({ body: { spec: { token } } })).status.user.username, user);
		const robotConfig = new k8s.KubeConfig();
		robotConfig.loadFromClusterAndUser(config.getCurrentCluster(), { name: 'robot', token });
		const robot = robotConfig.makeApiClient(k8s.CoreV1Api);
		await refused(403, `User "${user}" cannot list resource "secrets"`, robot.listNamespacedSecret({ namespace }));
		await rbac.createNamespacedRoleBinding({ namespace, body: { metadata: { name: 'view' },
			roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
			subjects: [{ kind: 'ServiceAccount', name: 'robot', namespace }] } });
		await until(() => robot.listNamespacedConfigMap({ namespace }).then(() => true, () => false));
		await refused(403, 'cannot list resource "secrets"', robot.listNamespacedSecret({ namespace }));
		const self = await robotConfig.makeApiClient(k8s.AuthenticationV1Api).createSelfSubjectReview({ body: {} });
		assert.equal(self.status.userInfo.username, user);
		robotConfig.loadFromClusterAndUser(config.getCurrentCluster(), { name: 'robot', token: `${token}x` });
		const forged = await robotConfig.makeApiClient(k8s.CoreV1Api).listNamespacedConfigMap({ namespace }).catch((e) => e);
		assert.deepEqual([forged.code, forged.message.includes('Unauthorized')], [401, true]); // this client drops the body of a 401
	},
};

assert(cases[name], `no case ${name}`);
await cases[name]();
process.exit(0);
