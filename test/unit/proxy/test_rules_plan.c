/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Service rules: what the plan says for each kind of Service, and that the kernel takes every
 * transaction. The second part needs root: it works in a network namespace of its own and is
 * skipped otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "linux/packet_filter.h"
#include "proxy/rules_plan.h"

static const char service_head[] = "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{"
				   "\"name\":\"web\",\"namespace\":\"ns\"},\"spec\":";
static const char slice_head[] =
	"{\"apiVersion\":\"discovery.k8s.io/"
	"v1\",\"kind\":\"EndpointSlice\",\"metadata\":{\"name\":\"web-1\",\"namespace\":"
	"\"ns\"},\"addressType\":\"IPv4\",\"ports\":[{\"name\":\"http\",\"port\":8080,\"protocol\":"
	"\"TCP\"}],\"endpoints\":";

#define PORT "\"ports\":[{\"name\":\"http\",\"port\":80,\"protocol\":\"TCP\"}]"
#define NODE_PORT \
	"\"ports\":[{\"name\":\"http\",\"port\":80,\"protocol\":\"TCP\",\"nodePort\":30080}]"
#define TWO_READY                                                                                \
	"[{\"addresses\":[\"10.244.0.5\"],\"conditions\":{\"ready\":true},\"nodeName\":\"n1\"}," \
	"{\"addresses\":[\"10.244.1.6\"],\"conditions\":{\"ready\":true},\"nodeName\":\"n2\"}]"
#define NONE_READY \
	"[{\"addresses\":[\"10.244.0.5\"],\"conditions\":{\"ready\":false},\"nodeName\":\"n1\"}]"
#define LEAVING                                                                              \
	"[{\"addresses\":[\"10.244.0.5\"],\"conditions\":{\"ready\":false,\"serving\":true," \
	"\"terminating\":true},"                                                             \
	"\"nodeName\":\"n1\"}]"

static const struct {
	const char *name, *spec, *endpoints;
	const char *want[4];   /* each must stand in the rules */
	const char *refuse[3]; /* none of these */
} cases[] = {
	{ "a cluster address leads to its ready endpoints",
	  "{\"clusterIP\":\"10.96.0.9\"," PORT "}",
	  TWO_READY,
	  { "10.96.0.9 . tcp . 80 : goto service/ns/web/tcp/80",
	    "numgen random mod 2 map { 0 : 10.244.0.5 . 8080, 1 : 10.244.1.6 . 8080 }",
	    "10.244.0.5 . 10.244.0.5" },
	  { "10.244.1.6 . 10.244.1.6", "external/" } },
	{ "without ready endpoints it is refused, not left hanging",
	  "{\"clusterIP\":\"10.96.0.9\"," NODE_PORT "}",
	  NONE_READY,
	  { "add element ip cube no-endpoints { 10.96.0.9 . tcp . 80 }",
	    "add element ip cube no-node-endpoints { tcp . 30080 }" },
	  { "goto service/ns", "10.244.0.5" } },
	{ "endpoints that leave still serve when there are no others",
	  "{\"clusterIP\":\"10.96.0.9\"," PORT "}",
	  LEAVING,
	  { "0 : 10.244.0.5 . 8080" },
	  { "add element ip cube no-endpoints" } },
	{ "a node port hides the client so that replies come back",
	  "{\"clusterIP\":\"10.96.0.9\"," NODE_PORT "}",
	  TWO_READY,
	  { "tcp . 30080 : goto external/ns/web/tcp/80",
	    "meta mark or 0x4000 goto service/ns/web/tcp/80" },
	  { NULL } },
	{ "policy Local keeps it and stays on the node",
	  "{\"clusterIP\":\"10.96.0.9\",\"externalTrafficPolicy\":\"Local\"," NODE_PORT "}",
	  TWO_READY,
	  { "external/ns/web/tcp/80 goto local/ns/web/tcp/80",
	    "local/ns/web/tcp/80 meta l4proto tcp dnat ip addr . port to numgen random mod 1 map { "
	    "0 : 10.244.0.5 . 8080 }" },
	  { NULL } },
	{ "session affinity remembers clients for each endpoint",
	  "{\"clusterIP\":\"10.96.0.9\",\"sessionAffinity\":\"ClientIP\",\"sessionAffinityConfig\":"
	  "{\"clientIP\":"
	  "{\"timeoutSeconds\":60}}," PORT "}",
	  TWO_READY,
	  { "flags dynamic,timeout; timeout 60s;",
	    "ip saddr @clients/service/ns/web/tcp/80/10.244.0.5/8080 goto "
	    "endpoint/service/ns/web/tcp/80/10.244.0.5/8080",
	    "dnat ip to 10.244.1.6:8080" },
	  { NULL } },
	{ "external addresses are served as node ports are",
	  "{\"clusterIP\":\"10.96.0.9\",\"externalIPs\":[\"192.0.2.7\",\"not-an-address\"]," PORT
	  "}",
	  TWO_READY,
	  { "192.0.2.7 . tcp . 80 : goto external/ns/web/tcp/80" },
	  { "not-an-address" } },
	{ "a service of IPv6 has no rules, and none that are wrong",
	  "{\"clusterIP\":\"fd00::9\",\"clusterIPs\":[\"fd00::9\"],\"externalIPs\":[\"fd00::7\"]"
	  "," NODE_PORT "}",
	  TWO_READY,
	  { "table ip cube" },
	  { "ns/web", "10.244.0.5", "fd00" } },
	{ "of two families the IPv4 one is programmed, though it is the second",
	  "{\"clusterIP\":\"fd00::9\",\"clusterIPs\":[\"fd00::9\",\"10.96.0.9\"],"
	  "\"externalIPs\":[\"fd00::7\",\"192.0.2.7\"]," PORT "}",
	  TWO_READY,
	  { "10.96.0.9 . tcp . 80 : goto service/ns/web/tcp/80",
	    "192.0.2.7 . tcp . 80 : goto external/ns/web/tcp/80" },
	  { "fd00" } },
	{ "a headless service has no rules",
	  "{\"clusterIP\":\"None\"," PORT "}",
	  TWO_READY,
	  { "table ip cube" },
	  { "ns/web", "10.244.0.5" } },
};

static const struct rules_node node = { .pods_prefix_len = 24, .bridge = "cube0", .table = "cube" };

static struct blob *object_of(const char *head, const char *tail)
{
	struct buf text;
	struct blob *blob;

	buf_init(&text, 65536);
	buf_printf(&text, "%s%s}", head, tail);
	blob = blob_new(buf_str(&text));
	buf_deinit(&text);
	return blob;
}

struct planned {
	struct buf rules;
	struct rules_names names;
};

static void plan_case(struct arena *arena, size_t i, const struct rules_names *previous,
		      struct planned *ret)
{
	struct blob *service = object_of(service_head, cases[i].spec);
	struct blob *slice = object_of(slice_head, cases[i].endpoints);
	const struct obj *slices[] = { obj_get(slice) };
	struct rules_node own = node;
	struct rules_service view;
	bool any = rules_service(arena, obj_get(service), slices, 1, STR("n1"), &view);

	own.pods.s_addr = htonl(0x0af40000);
	buf_init(&ret->rules, (size_t)1 << 20);
	rules_plan(arena, &own, &view, any ? 1 : 0, previous, &ret->rules, &ret->names);
	blob_unref(service);
	blob_unref(slice);
}

/* Would break: traffic to a Service would go to the wrong place, or nowhere. */
static void test_cases(void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct arena arena;
		struct planned planned;

		arena_init(&arena, ARENA_DEFAULT_MAX);
		plan_case(&arena, i, NULL, &planned);
		for (size_t k = 0; k < ARRAY_COUNT(cases[i].want) && cases[i].want[k]; k++)
			if (!strstr(planned.rules.ptr, cases[i].want[k]))
				fail_msg("%s: '%s' is missing in:\n%s", cases[i].name,
					 cases[i].want[k], planned.rules.ptr);
		for (size_t k = 0; k < ARRAY_COUNT(cases[i].refuse) && cases[i].refuse[k]; k++)
			if (strstr(planned.rules.ptr, cases[i].refuse[k]))
				fail_msg("%s: '%s' is there:\n%s", cases[i].name,
					 cases[i].refuse[k], planned.rules.ptr);
		buf_deinit(&planned.rules);
		arena_deinit(&arena);
	}
}

/* Would break: the kernel would refuse a transaction, or rules of a deleted Service would stay
 * behind. */
static void test_kernel_takes_each_after_each(void **state)
{
	struct packet_filter *filter;
	char message[512];

	if (geteuid() != 0)
		skip();
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	filter = packet_filter_new();
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		for (size_t k = 0; k < ARRAY_COUNT(cases); k++) {
			struct arena arena;
			struct planned first, second;

			arena_init(&arena, ARENA_DEFAULT_MAX);
			plan_case(&arena, i, NULL, &first);
			plan_case(&arena, k, &first.names, &second);
			if (packet_filter_apply(filter, first.rules.ptr, message, sizeof(message)) <
			    0)
				fail_msg("%s: %s", cases[i].name, message);
			if (packet_filter_apply(filter, second.rules.ptr, message,
						sizeof(message)) < 0)
				fail_msg("%s after %s: %s", cases[k].name, cases[i].name, message);
			buf_deinit(&first.rules);
			buf_deinit(&second.rules);
			arena_deinit(&arena);
		}
	}
	packet_filter_free(filter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_kernel_takes_each_after_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
