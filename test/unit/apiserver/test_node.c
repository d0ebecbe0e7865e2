/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a node may do, over HTTP: read what its pods refer to and nothing else, write what is its
 * own. Breaks when a node's credentials open more than its pods need, or when upstream's wording
 * is lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include "apiserver/tokens.h"
#include "fixture.h"
#include "net/x509.h"

#define JSON "Content-Type: application/json\r\n"
#define MERGE "Content-Type: application/merge-patch+json\r\n"
#define CORE "/api/v1/"
#define NS "/api/v1/namespaces/default/"
#define LEASES "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
#define CSRS "/apis/certificates.k8s.io/v1/certificatesigningrequests"
#define CSI "/apis/storage.k8s.io/v1/csinodes"
#define NO_RELATION "no relationship found between node 'node1' and this object"

struct row {
	const char *method, *path, *body;
	int status;
	const char *want;
};

static void with_quotes(const char *text, char *to)
{
	for (; *text; text++)
		*to++ = *text == '\'' ? '"' : *text;
	*to = '\0';
}

static void run(struct http_fixture *f, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct row *r = &rows[i];
		char body[4096] = "";
		const char *answer = "";
		int got;

		if (r->body)
			with_quotes(r->body, body);
		got = http_fixture_do(f, r->method, r->path,
				      strcmp(r->method, "PATCH") == 0 ? MERGE : JSON,
				      r->body ? body : NULL, &answer);
		if (got != r->status || (r->want && !strstr(answer, r->want)))
			fail_msg("%s %s %s\nwant %d %s\n got %d %s", r->method, r->path, body,
				 r->status, r->want ? r->want : "", got, answer);
	}
}

static void become(struct http_fixture *f, const char *user, const char *group)
{
	http_fixture_disconnect(f);
	http_fixture_connect(f, f);
	f->user = user;
	f->group = group;
}

#define CONTAINERS                                                                           \
	"'containers':[{'name':'c','image':'i','env':[{'name':'E','valueFrom':"              \
	"{'secretKeyRef':{'name':'by-env','key':'k'}}}],'envFrom':[{'configMapRef':{'name':" \
	"'by-env-from'}}]}]"
#define VOLUMES                                                                    \
	"'volumes':[{'name':'a','secret':{'secretName':'by-volume'}},"             \
	"{'name':'b','projected':{'sources':[{'secret':{'name':'by-projection'}}," \
	"{'configMap':{'name':'projected'}},"                                      \
	"{'serviceAccountToken':{'path':'t','audience':'vault'}}]}},"              \
	"{'name':'c','persistentVolumeClaim':{'claimName':'claim'}},"              \
	"{'name':'d','configMap':{'name':'by-volume'}}]"
#define POD(name, node, more) \
	"{'metadata':{'name':'" name "'},'spec':{'nodeName':'" node "'," more "}}"
#define NODE(name) "{'metadata':{'name':'" name "'}}"

static const struct row world[] = {
	{ "POST", CORE "nodes", NODE("node2"), 201, NULL },
	{ "POST", NS "serviceaccounts", "{'metadata':{'name':'robot'}}", 201, NULL },
	{ "POST", NS "serviceaccounts", "{'metadata':{'name':'idle'}}", 201, NULL },
	{ "POST", NS "secrets", "{'metadata':{'name':'by-env'}}", 201, NULL },
	{ "POST", NS "secrets", "{'metadata':{'name':'by-volume'}}", 201, NULL },
	{ "POST", NS "secrets", "{'metadata':{'name':'by-projection'}}", 201, NULL },
	{ "POST", NS "secrets", "{'metadata':{'name':'pull'}}", 201, NULL },
	{ "POST", NS "secrets", "{'metadata':{'name':'other'}}", 201, NULL },
	{ "POST", NS "secrets", "{'metadata':{'name':'of-volume'}}", 201, NULL },
	{ "POST", NS "configmaps", "{'metadata':{'name':'by-env-from'}}", 201, NULL },
	{ "POST", NS "configmaps", "{'metadata':{'name':'other'}}", 201, NULL },
	{ "POST", CORE "persistentvolumes",
	  "{'metadata':{'name':'volume'},'spec':{'capacity':{'storage':'1Gi'},'accessModes':["
	  "'ReadWriteOnce'],'claimRef':{'namespace':'default','name':'claim'},'csi':{'driver':'d."
	  "io',"
	  "'volumeHandle':'h','nodeStageSecretRef':{'name':'of-volume','namespace':'default'}}}}",
	  201, NULL },
	{ "POST", NS "secrets", "{'metadata':{'name':'of-azure'}}", 201, NULL },
	/* bound from its side alone, by a client that writes null for a namespace it does not name
	 */
	{ "POST", CORE "persistentvolumes",
	  "{'metadata':{'name':'azure'},'spec':{'capacity':{'storage':'1Gi'},'accessModes':["
	  "'ReadWriteOnce'],'claimRef':{'namespace':'default','name':'claim'},'azureFile':{"
	  "'shareName':'s','secretName':'of-azure','secretNamespace':null}}}",
	  201, NULL },
	{ "POST", NS "persistentvolumeclaims",
	  "{'metadata':{'name':'claim'},'spec':{'accessModes':['ReadWriteOnce'],'volumeName':"
	  "'volume','resources':{'requests':{'storage':'1Gi'}}}}",
	  201, NULL },
	{ "POST", NS "pods",
	  POD("mine", "node1",
	      "'serviceAccountName':'robot','imagePullSecrets':[{'name':'pull'}]," CONTAINERS
	      "," VOLUMES),
	  201, NULL },
	{ "POST", NS "pods",
	  POD("foreign", "node2",
	      "'containers':[{'name':'c','image':'i',"
	      "'env':[{'name':'E','valueFrom':{'secretKeyRef':{'name':'other','key':'k'}}}]}]"),
	  201, NULL },
};

static const struct row reads[] = {
	{ "GET", NS "secrets/by-env", NULL, 200, NULL },
	{ "GET", NS "secrets/by-volume", NULL, 200, NULL },
	{ "GET", NS "secrets/by-projection", NULL, 200, NULL },
	{ "GET", NS "secrets/pull", NULL, 200, NULL },
	{ "GET", NS "secrets/of-volume", NULL, 200, NULL },
	{ "GET", NS "secrets/of-azure", NULL, 200, NULL },
	{ "GET", NS "secrets?fieldSelector=metadata.name=by-env", NULL, 200, NULL },
	{ "GET", NS "secrets/other", NULL, 403,
	  "secrets \\\"other\\\" is forbidden: User \\\"system:node:node1\\\" cannot get resource "
	  "\\\"secrets\\\" in API group \\\"\\\" in the namespace \\\"default\\\": " NO_RELATION },
	{ "GET", NS "secrets", NULL, 403, "No Object name found" },
	{ "GET", CORE "secrets", NULL, 403, "can only read namespaced object of this type" },
	{ "DELETE", NS "secrets/by-env", NULL, 403, "can only read resources of this type" },
	{ "GET", NS "configmaps/by-env-from", NULL, 200, NULL },
	{ "GET", NS "configmaps/other", NULL, 403, NO_RELATION },
	{ "GET", NS "persistentvolumeclaims/claim", NULL, 200, NULL },
	{ "GET", NS "persistentvolumeclaims", NULL, 403,
	  "can only get individual resources of this type" },
	{ "GET", CORE "persistentvolumes/volume", NULL, 200, NULL },
	{ "GET", CORE "persistentvolumes/none", NULL, 403, NO_RELATION },
	{ "GET", NS "serviceaccounts/robot", NULL, 200, NULL },
	{ "GET", NS "serviceaccounts/idle", NULL, 403, NO_RELATION },
	{ "GET", CORE "nodes/node2", NULL, 403,
	  "node 'node1' cannot read 'node2', only its own Node object" },
	{ "GET", CORE "nodes", NULL, 403,
	  "node 'node1' cannot read all nodes, only its own Node object" },
	{ "GET", NS "pods/mine", NULL, 200, NULL },
	{ "GET", NS "pods/foreign", NULL, 403, NO_RELATION },
	{ "GET", CORE "pods", NULL, 403,
	  "can only list/watch pods with spec.nodeName field selector" },
	{ "GET", CORE "pods?fieldSelector=spec.nodeName=node2", NULL, 403, NULL },
	{ "GET", CORE "pods?fieldSelector=spec.nodeName%3Dnode1", NULL, 200, "\"mine\"" },
	{ "GET", CORE "pods?fieldSelector=spec.nodeName!=node1", NULL, 403, NULL },
	{ "GET", CORE "services", NULL, 200, NULL },
	{ "GET", "/apis/apps/v1/deployments", NULL, 403, NULL },
};

#define MIRROR(name, node, owner, more)                                                     \
	"{'metadata':{'name':'" name "','annotations':{'kubernetes.io/config.mirror':'x'}," \
	"'ownerReferences':[" owner "]},'spec':{'nodeName':'" node                          \
	"','containers':[{'name':'c','image':'i'}]" more "}}"
#define OWNER(name, uid) \
	"{'apiVersion':'v1','kind':'Node','name':'" name "','uid':'" uid "','controller':true}"

static const struct row writes[] = {
	{ "POST", CORE "nodes", NODE("node3"), 403,
	  "node \\\"node1\\\" is not allowed to modify node \\\"node3\\\"" },
	{ "POST", CORE "nodes",
	  "{'metadata':{'name':'node1','labels':{'node-restriction.kubernetes.io/a':'b',"
	  "'kubernetes.io/b':'c'}}}",
	  403,
	  "node \\\"node1\\\" is not allowed to set the following labels: kubernetes.io/b, "
	  "node-restriction.kubernetes.io/a" },
	{ "POST", CORE "nodes",
	  "{'metadata':{'name':'node1','labels':{'kubernetes.io/os':'linux','team':'a',"
	  "'x.node.kubernetes.io/a':'b'}}}",
	  201, NULL },
	{ "GET", CORE "nodes/node1", NULL, 200, NULL },
	{ "PATCH", CORE "nodes/node1", "{'spec':{'taints':[{'key':'a','effect':'NoSchedule'}]}}",
	  403, "node \\\"node1\\\" is not allowed to modify taints" },
	{ "PATCH", CORE "nodes/node1", "{'metadata':{'labels':{'kubernetes.io/b':'c'}}}", 403,
	  "is not allowed to modify labels: kubernetes.io/b" },
	{ "PATCH", CORE "nodes/node1", "{'metadata':{'labels':{'team':null}}}", 200, NULL },
	{ "PATCH", CORE "nodes/node2/status", "{'status':{'phase':'Running'}}", 403,
	  "node \\\"node1\\\" is not allowed to modify node \\\"node2\\\"" },
	{ "PATCH", CORE "nodes/node1/status", "{'status':{'phase':'Running'}}", 200, NULL },
	{ "DELETE", CORE "nodes/node1", NULL, 403, NULL },
	{ "POST", LEASES, "{'metadata':{'name':'node2'}}", 403,
	  "can only access node lease with the same name as the requesting node" },
	{ "POST", LEASES, "{'metadata':{'name':'node1'},'spec':{'holderIdentity':'node1'}}", 201,
	  NULL },
	{ "GET", LEASES "/node1", NULL, 200, NULL },
	{ "GET", LEASES "/node2", NULL, 403, "can only access node lease with the same name" },
	{ "GET", "/apis/coordination.k8s.io/v1/namespaces/default/leases/node1", NULL, 403,
	  "can only access leases in the \\\"kube-node-lease\\\" system namespace" },
	{ "POST", CSI, "{'metadata':{'name':'node2'},'spec':{'drivers':[]}}", 403,
	  "can only access CSINode with the same name as the requesting node" },
	{ "POST", CSI, "{'metadata':{'name':'node1'},'spec':{'drivers':[]}}", 201, NULL },
	{ "GET", CSI, NULL, 403, "can only get, create, update, patch, or delete a CSINode" },
	{ "POST", NS "pods", POD("x", "node1", "'containers':[{'name':'c','image':'i'}]"), 403,
	  "pod does not have \\\"kubernetes.io/config.mirror\\\" annotation, node \\\"node1\\\" "
	  "can "
	  "only create mirror pods" },
	{ "POST", NS "pods", MIRROR("x", "node2", OWNER("node1", "u"), ""), 403,
	  "node \\\"node1\\\" can only create pods with spec.nodeName set to itself" },
	{ "POST", NS "pods", MIRROR("x", "node1", "", ""), 403,
	  "can only create pods with an owner reference set to itself" },
	{ "POST", NS "pods", MIRROR("x", "node1", OWNER("node2", "u"), ""), 403,
	  "can only create pods with an owner reference set to itself" },
	{ "POST", NS "pods", MIRROR("x", "node1", OWNER("node1", "u"), ""), 403,
	  "node node1 UID mismatch: expected u got " },
	{ "PATCH", NS "pods/mine/status", "{'status':{'phase':'Running'}}", 200, NULL },
	{ "PATCH", NS "pods/mine/status", "{'metadata':{'labels':{'a':'b'}}}", 403,
	  "node \\\"node1\\\" cannot update labels through pod status" },
	{ "PATCH", NS "pods/foreign/status", "{'status':{'phase':'Running'}}", 403,
	  "can only update pod status for pods with spec.nodeName set to itself" },
	{ "PATCH", NS "pods/mine", "{'metadata':{'labels':{'a':'b'}}}", 403, NULL },
	{ "DELETE", NS "pods/foreign", NULL, 403,
	  "node \\\"node1\\\" can only delete pods with spec.nodeName set to itself" },
	{ "POST", NS "pods/foreign/eviction", "{'metadata':{'name':'foreign'}}", 403,
	  "node node1 can only evict pods with spec.nodeName set to itself" },
	{ "PATCH", NS "persistentvolumeclaims/claim/status",
	  "{'status':{'capacity':{'storage':'1Gi'}}}", 200, NULL },
	{ "PATCH", NS "persistentvolumeclaims/claim/status", "{'status':{'phase':'Lost'}}", 403,
	  "node \\\"node1\\\" is not allowed to update fields other than status.capacity and "
	  "status.conditions" },
	{ "POST", NS "serviceaccounts/idle/token", "{'spec':{}}", 403, NO_RELATION },
	{ "POST", NS "serviceaccounts/robot/token", "{'spec':{}}", 403,
	  "node requested token not bound to a pod" },
	{ "POST", NS "serviceaccounts/robot/token",
	  "{'spec':{'boundObjectRef':{'apiVersion':'v1','kind':'Pod','name':'mine'}}}", 403,
	  "node requested token with a pod binding without a uid" },
	{ "POST", NS "serviceaccounts/robot/token",
	  "{'spec':{'boundObjectRef':{'apiVersion':'v1','kind':'Pod','name':'mine','uid':'u'}}}",
	  403, "the UID in the bound object reference (u) does not match the UID in record" },
};

/* Requests signed by keys nobody has any more, O = system:nodes, CN = system:node:<name>. */
#define NODE1_CSR                                                                      \
	"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIdU1JR1ZBZ0VBTURNeEZUQVRC" \
	"Z05WQkFvTURITjVjM1JsYlRwdWIyUmxjekVhTUJnR0ExVUVBd3dSYzNsegpkR1Z0T201dlpHVTZi" \
	"bTlrWlRFd1dUQVRCZ2NxaGtqT1BRSUJCZ2dxaGtqT1BRTUJCd05DQUFSdlJieW1FWXhCCnVtaGZT" \
	"NnNXVUNMS1hNNlJYazl5WDZ6dy8yTnZ0UFB1RjQ4UjJrYktkK2lKQjBsN0FMbVM1dmptVTNOK2sx" \
	"OFYKUHl0d01oRDRVOVV2b0FBd0NnWUlLb1pJemowRUF3SURTQUF3UlFJaEFJWlFaMzdWSmlkYjJz" \
	"djFseVNjMS9TWApGd1ZuOTNUMFZSMEdLRVNkSHJnNUFpQWpzWXovUSs1dTZ4RTg2cFV3SVBpOVRL" \
	"RmdTb0cycGoyc0FsbjNZeWxTCjhRPT0KLS0tLS1FTkQgQ0VSVElGSUNBVEUgUkVRVUVTVC0tLS0t" \
	"Cg=="
#define NODE2_CSR                                                                      \
	"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIdE1JR1ZBZ0VBTURNeEZUQVRC" \
	"Z05WQkFvTURITjVjM1JsYlRwdWIyUmxjekVhTUJnR0ExVUVBd3dSYzNsegpkR1Z0T201dlpHVTZi" \
	"bTlrWlRJd1dUQVRCZ2NxaGtqT1BRSUJCZ2dxaGtqT1BRTUJCd05DQUFUNlhhQnVMa1cvCkppVGMx" \
	"akRRZ0c3MHd6Y0E5blc4UjIyeHJFNWhRZHhWU29wRFBkRzYrWk9MaTM0RTNpd05mM1lMbTVIN3By" \
	"T2UKZHlXMHdKU1oyaDBvb0FBd0NnWUlLb1pJemowRUF3SURSd0F3UkFJZ1JQQ01BSWpWTGJWSXZW" \
	"QWpNYTlOYisxdQpCanQ3K25QMW1GTDdCY0RoZm5BQ0lHYUZBSjdkbUlpZURJcDlXNnVtYUZ4UUgw" \
	"RWhRZW5Iak1ycWRJdDBnTDlDCi0tLS0tRU5EIENFUlRJRklDQVRFIFJFUVVFU1QtLS0tLQo="
#define CSR(name, signer, pem)                                                              \
	"{'metadata':{'name':'" name "'},'spec':{'signerName':'" signer "','request':'" pem \
	"','usages':['digital signature','client auth']}}"

/* Would break: a node gets hold of another node's identity where requests are approved by hand. */
static const struct row requests[] = {
	{ "POST", CSRS, CSR("a", "kubernetes.io/kube-apiserver-client-kubelet", NODE1_CSR), 201,
	  NULL },
	{ "POST", CSRS, CSR("b", "kubernetes.io/kube-apiserver-client-kubelet", NODE2_CSR), 403,
	  "can only create a node CSR with CN=system:node:node1" },
	{ "POST", CSRS, CSR("c", "kubernetes.io/kubelet-serving", NODE2_CSR), 403,
	  "can only create a node CSR with CN=system:node:node1" },
	{ "POST", CSRS, CSR("d", "example.com/other", NODE2_CSR), 201, NULL },
};

/* Would break: a node has the API server connect to itself, past what it listens on for others. */
static const struct row addresses[] = {
	{ "PATCH", NS "pods/mine/status",
	  "{'status':{'podIP':'::ffff:127.0.0.1','podIPs':[{'ip':'::ffff:127.0.0.1'}]}}", 422,
	  "must not be an IPv4-mapped IPv6 address" },
	{ "PATCH", NS "pods/mine/status", "{'status':{'podIP':'::1','podIPs':[{'ip':'::1'}]}}", 200,
	  NULL },
};
static const struct row proxied[] = {
	{ "GET", NS "pods/mine:6443/proxy/", NULL, 400, "address not allowed" },
};

struct world {
	struct http_fixture f;
	struct arena arena;
	struct token_options tokens;
};

static void open_world(struct world *w)
{
	static const struct str issuer = STR_INIT("https://kubernetes.default.svc");
	struct str key, public_pem;

	*w = (struct world){ .tokens = { .issuers = { &issuer, 1 } } };
	arena_init(&w->arena, ARENA_DEFAULT_MAX);
	assert_int_equal(x509_make_key(X509_KEY_P256, &w->arena, &key, &public_pem, NULL), 0);
	w->tokens.signing_key_pem = key;
	w->tokens.jwks_uri = STR("https://192.0.2.1:6443/openid/v1/jwks");
	http_fixture_open_with(&w->f, (struct apiserver_options){ .tokens = &w->tokens });
	run(&w->f, world, ARRAY_COUNT(world));
	become(&w->f, "system:node:node1", "system:nodes");
}

static void close_world(struct world *w)
{
	http_fixture_close(&w->f);
	arena_deinit(&w->arena);
}

static struct str uid_of(struct world *w, const char *path)
{
	const char *body;
	AUTO_JSON doc = NULL;

	assert_int_equal(http_fixture_do(&w->f, "GET", path, NULL, NULL, &body), 200);
	doc = json_parse(str_trim(str_from(body)), SIZE_MAX, NULL);
	return str_in(&w->arena, json_get_str(yyjson_doc_get_root(doc), "metadata.uid"));
}

static void test_reads(void **state)
{
	struct world w;

	open_world(&w);
	run(&w.f, reads, ARRAY_COUNT(reads));
	close_world(&w);
}

static void test_writes(void **state)
{
	struct world w;

	open_world(&w);
	run(&w.f, writes, ARRAY_COUNT(writes));
	run(&w.f, requests, ARRAY_COUNT(requests));
	run(&w.f, addresses, ARRAY_COUNT(addresses));
	become(&w.f, "admin", "system:masters");
	run(&w.f, proxied, ARRAY_COUNT(proxied));
	close_world(&w);
}

/* A mirror with everything right, and with one thing too many. */
static void test_mirrors(void **state)
{
	static const struct {
		const char *name, *more;
		int status;
		const char *want;
	} rows[] = {
		{ "a", "", 201, NULL },
		{ "b", ",\"serviceAccountName\":\"robot\"", 403,
		  "can not create pods that reference a service account" },
		{ "c", ",\"volumes\":[{\"name\":\"v\",\"secret\":{\"secretName\":\"other\"}}]", 403,
		  "can not create pods that reference secrets" },
		{ "d", ",\"volumes\":[{\"name\":\"v\",\"configMap\":{\"name\":\"other\"}}]", 403,
		  "can not create pods that reference configmaps" },
	};
	struct world w;
	char body[1024];

	open_world(&w);
	run(&w.f, &(struct row){ "POST", CORE "nodes", NODE("node1"), 201, NULL }, 1);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct str uid = uid_of(&w, CORE "nodes/node1");
		struct row row = { "POST", NS "pods", body, rows[i].status, rows[i].want };

		snprintf(body, sizeof(body),
			 "{\"metadata\":{\"name\":\"%s\",\"annotations\":{"
			 "\"kubernetes.io/config.mirror\":\"x\"},\"ownerReferences\":[{"
			 "\"apiVersion\":\"v1\",\"kind\":\"Node\",\"name\":\"node1\",\"uid\":"
			 "\"" STR_FMT "\",\"controller\":true}]},\"spec\":{\"nodeName\":"
			 "\"node1\",\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]%s}}",
			 rows[i].name, STR_ARG(uid), rows[i].more);
		run(&w.f, &row, 1);
	}
	run(&w.f, &(struct row){ "DELETE", NS "pods/a", NULL, 200, NULL }, 1);
	close_world(&w);
}

/* Tokens are for pods of the node, and for whom their volumes are. */
static void test_tokens(void **state)
{
	static const struct {
		const char *audiences;
		int status;
		const char *want;
	} rows[] = {
		{ "\"vault\"", 201, NULL },
		{ "\"bank\"", 403,
		  "audience \\\"bank\\\" not found in pod spec volume, system:node:node1 is not "
		  "authorized to request tokens for this audience" },
		{ "\"vault\",\"bank\"", 403, "node may only request 0 or 1 audiences" },
	};
	struct world w;
	char body[512];

	open_world(&w);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct str uid = uid_of(&w, NS "pods/mine");
		struct row row = { "POST", NS "serviceaccounts/robot/token", body, rows[i].status,
				   rows[i].want };

		snprintf(body, sizeof(body),
			 "{\"spec\":{\"audiences\":[%s],\"boundObjectRef\":{\"apiVersion\":\"v1\","
			 "\"kind\":\"Pod\",\"name\":\"mine\",\"uid\":\"" STR_FMT "\"}}}",
			 rows[i].audiences, STR_ARG(uid));
		run(&w.f, &row, 1);
	}
	close_world(&w);
}

/* What a node may read ends with the pod. */
static void test_pod_goes(void **state)
{
	static const struct row before[] = {
		{ "GET", NS "secrets/by-env", NULL, 200, NULL },
		{ "DELETE", NS "pods/mine?gracePeriodSeconds=0", NULL, 200, NULL },
		{ "GET", NS "secrets/by-env", NULL, 403, NO_RELATION },
		{ "GET", NS "pods/mine", NULL, 403, NO_RELATION },
	};
	struct world w;

	open_world(&w);
	run(&w.f, before, ARRAY_COUNT(before));
	close_world(&w);
}

/* Neither the group nor the name makes a node alone. */
static void test_half_nodes(void **state)
{
	static const struct row rows[] = {
		{ "GET", NS "secrets/by-env", NULL, 403, NULL },
		{ "GET", CORE "services", NULL, 403, NULL },
	};
	struct world w;

	open_world(&w);
	become(&w.f, "jane", "system:nodes");
	run(&w.f, rows, ARRAY_COUNT(rows));
	become(&w.f, "system:node:node1", NULL);
	run(&w.f, rows, ARRAY_COUNT(rows));
	become(&w.f, "system:node:", "system:nodes");
	run(&w.f,
	    &(struct row){ "GET", NS "secrets/by-env", NULL, 403,
			   "unknown node for user \\\"system:node:\\\"" },
	    1);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),	 cmocka_unit_test(test_writes),
		cmocka_unit_test(test_mirrors),	 cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_pod_goes), cmocka_unit_test(test_half_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
