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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(views), cmocka_unit_test(slices) };

	return cmocka_run_group_tests_name("controllers/endpoints", tests, NULL, NULL);
}
