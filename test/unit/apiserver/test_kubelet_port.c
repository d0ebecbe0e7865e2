/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kubelet's own port: who may ask it for what. Breaks when somebody unknown gets an answer, or
 * when a scraper needs other rights than upstream's kubelet wants.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include "apiserver/authn.h"
#include "fixture.h"

#define RBAC "/apis/rbac.authorization.k8s.io/v1/"
#define ROLE(name, resource)                                                                       \
	"{'metadata':{'name':'" name "'},'rules':[{'apiGroups':[''],'verbs':['get'],'resources':[" \
	"'" resource "'],'resourceNames':['n1']}]}"
#define BINDING(name)                                                                           \
	"{'metadata':{'name':'" name "'},'roleRef':{'apiGroup':'rbac.authorization.k8s.io',"    \
	"'kind':'ClusterRole','name':'" name "'},'subjects':[{'kind':'User','name':'" name "'," \
	"'apiGroup':'rbac.authorization.k8s.io'}]}"

static const struct step roles[] = {
	{ "POST", RBAC "clusterroles", ROLE("metrics", "nodes/metrics"), 201, NULL, NULL },
	{ "POST", RBAC "clusterrolebindings", BINDING("metrics"), 201, NULL, NULL },
	{ "POST", RBAC "clusterroles", ROLE("configz", "nodes/configz"), 201, NULL, NULL },
	{ "POST", RBAC "clusterrolebindings", BINDING("configz"), 201, NULL, NULL },
	{ "POST", RBAC "clusterroles", ROLE("proxy", "nodes/proxy"), 201, NULL, NULL },
	{ "POST", RBAC "clusterrolebindings", BINDING("proxy"), 201, NULL, NULL },
};

static const struct {
	const char *method, *path, *token;
	int status;
	const char *text;
} cases[] = {
	{ "GET", "/metrics", NULL, 401, "Unauthorized" },
	{ "GET", "/healthz", NULL, 401, "Unauthorized" },
	{ "GET", "/metrics", "unknown", 401, "Unauthorized" },
	{ "GET", "/metrics", "m", 200, "served /metrics ?" },
	{ "GET", "/metrics/cadvisor", "m", 200, "served /metrics/cadvisor ?" },
	{ "GET", "/metricsx", "m", 403,
	  "Forbidden (user=metrics, verb=get, resource=nodes, subresource(s)=[proxy])" },
	{ "POST", "/metrics", "m", 403, "verb=create" },
	{ "HEAD", "/metrics", "m", 403, "" },
	{ "GET", "/stats/summary", "m", 403, "subresource(s)=[stats]" },
	{ "GET", "/logs/", "m", 403, "subresource(s)=[log]" },
	{ "GET", "/pods", "m", 403,
	  "Forbidden (user=metrics, verb=get, resource=nodes, subresource(s)=[pods proxy])" },
	{ "GET", "/configz", "c", 200, "served /configz ?a=b" },
	{ "GET", "/metrics", "c", 403, "subresource(s)=[metrics]" },
	{ "GET", "/configz", "p", 200, "served" },
	{ "GET", "/healthz/ping", "p", 200, "served" },
	{ "GET", "/runningpods/", "p", 200, "served" },
	{ "GET", "/metrics", "p", 403, "" },
	{ "POST", "/exec/ns/pod/c", "p", 403, "verb=create" },
	{ "POST", "/exec/ns/pod/c", "a", 200, "served" },
	{ "HEAD", "/metrics", "a", 200, "" },
	{ "GET", "/anything", "a", 200, "served" },
};

static void serve(void *arg, struct http_exchange *x, const struct obj *node, struct str path,
		  struct str query)
{
	http_respond_bytes(x, 200, STR("text/plain"),
			   str_printf_in(&x->arena, "served " STR_FMT " ?" STR_FMT, STR_ARG(path),
					 STR_ARG(query)));
}

static void on_request(void *arg, struct http_exchange *x)
{
	struct http_fixture *f = arg;

	apiserver_kubelet_handlers()->on_request(f->apiserver, x);
}

static void open_port(struct http_fixture *f, struct authn_options *authn)
{
	*authn = (struct authn_options){ .static_tokens = STR("m,metrics,1\nc,configz,2\n"
							      "p,proxy,3\n"
							      "a,all,4,system:masters") };
	http_fixture_open_with(f, (struct apiserver_options){ .authn = authn });
	for (size_t i = 0; i < ARRAY_COUNT(roles); i++)
		run_step(f, &roles[i]);
	http_fixture_disconnect(f); /* of the administrator */
	f->handlers = (struct http_handlers){ .on_request = on_request };
	http_fixture_connect(f, f);
	apiserver_set_kubelet_name(f->apiserver, STR("n1"));
}

static void test_access(void **state)
{
	struct apiserver_node_handler handler = { .serve = serve };
	struct http_fixture f;
	struct authn_options authn;
	char headers[128], path[128];
	const char *body;
	int status;

	open_port(&f, &authn);
	apiserver_set_node_handler(f.apiserver, &handler);
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		headers[0] = '\0';
		if (cases[i].token)
			(void)snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\n",
				       cases[i].token);
		(void)snprintf(path, sizeof(path), "%s%s", cases[i].path,
			       strcmp(cases[i].path, "/configz") ? "" : "?a=b");
		if (!strcmp(cases[i].method, "HEAD")) {
			http_fixture_send(&f, "HEAD", path, headers, NULL);
			http_fixture_wait(&f, "\r\n\r\n");
			status = (int)strtol(f.received.ptr + sizeof("HTTP/1.1 ") - 1, NULL, 10);
			body = "";
		} else {
			status = http_fixture_do(&f, cases[i].method, path, headers, NULL, &body);
		}
		if (status != cases[i].status || !strstr(body, cases[i].text))
			fail_msg("%s %s %s: %d %s", cases[i].method, cases[i].path,
				 cases[i].token ? cases[i].token : "", status, body);
	}
	http_fixture_close(&f);
}

/* A right to another node's metrics is none to this one's. */
static void test_other_node(void **state)
{
	struct apiserver_node_handler handler = { .serve = serve };
	struct http_fixture f;
	struct authn_options authn;

	open_port(&f, &authn);
	apiserver_set_node_handler(f.apiserver, &handler);
	apiserver_set_kubelet_name(f.apiserver, STR("n2"));
	assert_int_equal(
		http_fixture_do(&f, "GET", "/metrics", "Authorization: Bearer m\r\n", NULL, NULL),
		403);
	http_fixture_close(&f);
}

static void test_no_kubelet(void **state)
{
	struct http_fixture f;
	struct authn_options authn;
	const char *body;

	open_port(&f, &authn);
	assert_int_equal(
		http_fixture_do(&f, "GET", "/metrics", "Authorization: Bearer m\r\n", NULL, &body),
		503);
	assert_non_null(strstr(body, "the kubelet is stopping"));
	http_fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_access),
		cmocka_unit_test(test_other_node),
		cmocka_unit_test(test_no_kubelet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
