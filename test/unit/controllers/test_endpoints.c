/* SPDX-License-Identifier: Apache-2.0 */
/* Which pods a service leads to, and how they are divided among slices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "codec/json.h"
#include "controllers/endpointslice.h"
#include "controllers/endpointslice_mirror.h"
#include "controllers/limits.h"

#define PODS_MAX 8
#define SERVICE(spec)                                                                    \
	"{\"metadata\":{\"namespace\":\"ns\",\"name\":\"web\",\"uid\":\"s\"},\"spec\":{" \
	"\"selector\":{\"app\":\"web\"}," spec "}}"
#define POD(name, ip, ready, more)                                                        \
	"{\"metadata\":{\"namespace\":\"ns\",\"name\":\"" name "\",\"uid\":\"" name       \
	"\",\"labels\":{\"app\":\"web\"}" more                                            \
	"},\"spec\":{\"nodeName\":\"n1\",\"containers\":[{\"ports\":[{\"name\":\"http\"," \
	"\"containerPort\":8080}]}]},\"status\":{\"phase\":\"Running\",\"podIP\":\"" ip   \
	"\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"" ready "\"}]}}"
#define NAMED "\"ports\":[{\"port\":80,\"targetPort\":\"http\"}]"
#define NUMBER "\"ports\":[{\"port\":80,\"targetPort\":9090}]"
#define GOING ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\""

struct world {
	struct blob *blobs[PODS_MAX];
	struct informer_entry entries[PODS_MAX];
	struct informer_entry *pointers[PODS_MAX];
	struct informer_set set;
	struct blob *service;
	struct arena arena;
	struct endpoints_view view;
};

static void world_open(struct world *w, const char *service, const char *const *pods)
{
	*w = (struct world){ .service = blob_new(str_from(service)) };
	for (size_t i = 0; i < PODS_MAX && pods[i]; i++) {
		w->blobs[i] = blob_new(str_from(pods[i]));
		w->entries[i].object = w->blobs[i];
		w->pointers[i] = &w->entries[i];
		w->set.count++;
	}
	w->set.entries = w->pointers;
	arena_init(&w->arena, ARENA_DEFAULT_MAX);
	endpoints_view(obj_get(w->service), w->set, false, NULL, NULL, &w->arena, &w->view);
}

static void world_close(struct world *w)
{
	for (size_t i = 0; i < PODS_MAX; i++)
		blob_unref(w->blobs[i]);
	blob_unref(w->service);
	arena_deinit(&w->arena);
}

static const struct {
	const char *name, *service, *pods[4];
	const char *want; /* "ip:port state ..." in order */
} cases[] = {
	{ "a ready pod, by the name of its port",
	  SERVICE(NAMED),
	  { POD("a", "10.0.0.1", "True", "") },
	  "10.0.0.1:8080 ready,serving " },
	{ "by number, whatever the pod declares",
	  SERVICE(NUMBER),
	  { POD("a", "10.0.0.1", "True", "") },
	  "10.0.0.1:9090 ready,serving " },
	{ "one that is not ready is known, but gets no traffic",
	  SERVICE(NAMED),
	  { POD("a", "10.0.0.1", "False", "") },
	  "10.0.0.1:8080 " },
	{ "unless the service wants it",
	  SERVICE("\"publishNotReadyAddresses\":true," NAMED),
	  { POD("a", "10.0.0.1", "False", "") },
	  "10.0.0.1:8080 ready" },
	{ "one on its way out still serves, but gets nothing new",
	  SERVICE(NAMED),
	  { POD("a", "10.0.0.1", "True", GOING) },
	  "10.0.0.1:8080 serving,terminating " },
	{ "one without an address is none", SERVICE(NAMED), { POD("a", "", "True", "") }, "" },
	{ "in the order of addresses",
	  SERVICE(NUMBER),
	  { POD("b", "10.0.0.2", "True", ""), POD("a", "10.0.0.1", "True", "") },
	  "10.0.0.1:9090 ready,serving 10.0.0.2:9090 ready,serving " },
	{ "of the other family only what it has",
	  SERVICE(NUMBER),
	  { POD("a", "fd00::1", "True", "") },
	  "" },
};

/* Traffic to a pod that is not ready fails; a ready one that is left out is wasted. */
static void views(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world w;
		char text[256] = "";
		size_t len = 0;

		world_open(&w, cases[i].service, cases[i].pods);
		for (size_t k = 0; k < w.view.count; k++) {
			const struct endpoint *e = &w.view.endpoints[k];

			len += (size_t)snprintf(
				text + len, sizeof(text) - len, STR_FMT ":%lld %s%s%s",
				STR_ARG(e->ip), (long long)e->ports[0].port,
				e->ready ? "ready" : "",
				e->serving ? (e->ready ? ",serving " : "serving") : "",
				e->terminating ? ",terminating " : "");
		}
		print_message("%s\n", cases[i].name);
		assert_string_equal(text, cases[i].want);
		world_close(&w);
	}
}

/* A change of one pod must change one slice: every proxy reads every changed slice. */
static void slices(void **state)
{
	static const char *const pods[PODS_MAX] = {
		POD("a", "10.0.0.1", "True", ""),
		POD("b", "10.0.0.2", "True", ""),
		POD("c", "10.0.0.3", "True", ""),
	};
	static const char first[] =
		"{\"metadata\":{\"name\":\"s1\"},\"ports\":[{\"name\":\"\",\"port\":9090,"
		"\"protocol\":\"TCP\"}],\"endpoints\":["
		"{\"addresses\":[\"10.0.0.3\"],\"targetRef\":{\"uid\":\"c\"}},"
		"{\"addresses\":[\"10.0.0.9\"],\"targetRef\":{\"uid\":\"gone\"}}]}";
	AUTO_BLOB blob = blob_new(str_from(first));
	const struct obj *existing[] = { obj_get(blob) };
	struct slices_plan plan;
	struct world w;

	(void)state;
	world_open(&w, SERVICE(NUMBER), pods);
	slices_plan(&w.view, existing, 1, 2, &w.arena, &plan);
	assert_int_equal(plan.count, 2);
	assert_int_equal(plan.slices[0].member_count, 2); /* c stays, a fills up */
	assert_true(str_eq(plan.slices[0].members[0]->ip, STR("10.0.0.3")));
	assert_true(str_eq(plan.slices[0].members[1]->ip, STR("10.0.0.1")));
	assert_null(plan.slices[1].obj);
	assert_int_equal(plan.slices[1].member_count, 1);
	world_close(&w);
}

/* Would break: who reads slices alone misses endpoints that people write, or sees them twice. */
static void mirror(void **state)
{
#define WRITTEN(metadata, subsets) \
	"{\"metadata\":{\"name\":\"web\"" metadata "},\"subsets\":[" subsets "]}"
#define PLAIN "{\"metadata\":{\"name\":\"web\"},\"spec\":{}}"
	static const struct {
		const char *name, *endpoints, *service, *want; /* NULL: no slices are wanted */
	} mirrored[] = {
		{ "ready and not, in both families, with what is known of each",
		  WRITTEN("",
			  "{\"addresses\":[{\"ip\":\"10.0.0.1\",\"hostname\":\"h\",\"nodeName\":"
			  "\"n\"},"
			  "{\"ip\":\"fd00::1\"}],\"notReadyAddresses\":[{\"ip\":\"10.0.0.2\"}],"
			  "\"ports\":[{\"port\":80,\"protocol\":\"TCP\",\"appProtocol\":\"x\"}]}"),
		  PLAIN,
		  "[{\"endpoints\":[{\"addresses\":[\"10.0.0.1\"],\"conditions\":{\"ready\":true},"
		  "\"hostname\":\"h\",\"nodeName\":\"n\"},{\"addresses\":[\"10.0.0.2\"],"
		  "\"conditions\":{\"ready\":false}}],\"addressType\":\"IPv4\",\"ports\":[{"
		  "\"name\":"
		  "\"\",\"port\":80,\"protocol\":\"TCP\",\"appProtocol\":\"x\"}]},"
		  "{\"endpoints\":[{\"addresses\":[\"fd00::1\"],\"conditions\":{\"ready\":true}}],"
		  "\"addressType\":\"IPv6\",\"ports\":[{\"name\":\"\",\"port\":80,\"protocol\":"
		  "\"TCP\","
		  "\"appProtocol\":\"x\"}]}]" },
		{ "nothing in them", WRITTEN("", ""), PLAIN, "[]" },
		{ "no service", WRITTEN("", ""), NULL, NULL },
		{ "a service that selects its pods", WRITTEN("", ""),
		  "{\"metadata\":{\"name\":\"web\"},\"spec\":{\"selector\":{\"a\":\"b\"}}}", NULL },
		{ "told not to",
		  WRITTEN(",\"labels\":{\"endpointslice.kubernetes.io/skip-mirror\":\"true\"}", ""),
		  PLAIN, NULL },
		{ "the record of a leader",
		  WRITTEN(",\"annotations\":{\"control-plane.alpha.kubernetes.io/leader\":\"{}\"}",
			  ""),
		  PLAIN, NULL },
	};

	for (size_t i = 0; i < ARRAY_COUNT(mirrored); i++) {
		AUTO_BLOB endpoints = blob_new(str_from(mirrored[i].endpoints));
		AUTO_BLOB service = mirrored[i].service ? blob_new(str_from(mirrored[i].service))
							: NULL;
		AUTO_JSON_MUT doc = json_new();
		AUTO_BUF text = { 0 };

		print_message("%s\n", mirrored[i].name);
		assert_int_equal(
			mirror_is_wanted(obj_get(endpoints), service ? obj_get(service) : NULL),
			mirrored[i].want != NULL);
		if (!mirrored[i].want)
			continue;
		buf_init(&text, 10000);
		json_mut_write(mirror_plan(obj_get(endpoints), doc), &text);
		assert_string_equal(text.ptr, mirrored[i].want);
	}
}

static void mirror_max(void **state)
{
	AUTO_BUF text = { 0 };
	AUTO_JSON_MUT doc = json_new();
	struct blob *endpoints;

	buf_init(&text, 1 << 20);
	buf_printf(&text, "{\"metadata\":{\"name\":\"web\"},\"subsets\":[{\"addresses\":[");
	for (int i = 0; i <= MIRROR_ADDRESSES_MAX; i++)
		buf_printf(&text, "%s{\"ip\":\"10.0.%d.%d\"}", i ? "," : "", i / 250, i % 250 + 1);
	buf_printf(&text, "]}]}");
	endpoints = blob_new(buf_str(&text));
	assert_int_equal(yyjson_mut_arr_size(yyjson_mut_obj_get(
				 yyjson_mut_arr_get_first(mirror_plan(obj_get(endpoints), doc)),
				 "endpoints")),
			 MIRROR_ADDRESSES_MAX);
	blob_unref(endpoints);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(views),
		cmocka_unit_test(slices),
		cmocka_unit_test(mirror),
		cmocka_unit_test(mirror_max),
	};

	return cmocka_run_group_tests_name("controllers/endpoints", tests, NULL, NULL);
}
