/* SPDX-License-Identifier: Apache-2.0 */
/* What a Deployment decides: sizes during rollouts and scaling, history, status, and the template's
 * hash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "base/time.h"
#include "controllers/deployment.h"
#include "controllers/template.h"

#define NOW (INT64_C(1000000) * TIME_NS_PER_SECOND)
#define OLD(name_, replicas_, available_, ...)                                                    \
	{                                                                                         \
		.name = STR_INIT(name_), .created_ns = 1, .replicas = (replicas_),                \
		.status_replicas = (replicas_), .ready = (available_), .available = (available_), \
		.revision = 1, ##__VA_ARGS__                                                      \
	}
#define NEW_SET(name_, replicas_, available_, ...)                                                \
	{                                                                                         \
		.name = STR_INIT(name_), .created_ns = 2, .replicas = (replicas_),                \
		.status_replicas = (replicas_), .ready = (available_), .available = (available_), \
		.revision = 2, .is_new = true, ##__VA_ARGS__                                      \
	}

struct want {
	bool create;
	int64_t create_replicas;
	const char *sizes; /* "name=replicas ..." in the order of the view */
	const char *dropped;
	int64_t revision;
	const char *progressing; /* reason; NULL = not looked at */
	const char *available;	 /* status */
	int64_t collision_count;
};

static const struct {
	const char *name;
	struct deployment_view view;
	struct deployment_set sets[4];
	struct want want;
} cases[] = {
	{ "makes the first set in full",
	  { .replicas = 3, .max_surge = 1 },
	  { { .name = STR_NONE } },
	  { .create = true,
	    .create_replicas = 3,
	    .sizes = "",
	    .revision = 1,
	    .progressing = "NewReplicaSetCreated",
	    .available = "False" } },
	{ "makes a second set no bigger than the surge",
	  { .replicas = 3, .max_surge = 1, .max_unavailable = 0 },
	  { OLD("old", 3, 3) },
	  { .create = true, .create_replicas = 1, .sizes = "old=3", .revision = 2 } },
	{ "makes it empty when there is no surge",
	  { .replicas = 3, .max_surge = 0, .max_unavailable = 1 },
	  { OLD("old", 3, 3) },
	  { .create = true, .create_replicas = 0, .sizes = "old=3", .revision = 2 } },
	{ "counts a collision of names instead of taking another's set",
	  { .replicas = 3, .max_surge = 1, .new_name_taken = true },
	  { OLD("old", 3, 3) },
	  { .sizes = "old=3", .collision_count = 1 } },
	{ "takes old pods away only for new ones that are available",
	  { .replicas = 3, .max_surge = 1, .max_unavailable = 0 },
	  { OLD("old", 3, 3), NEW_SET("new", 1, 0) },
	  { .sizes = "old=3 new=1", .revision = 2 } },
	{ "takes an old pod away for a new one",
	  { .replicas = 3, .max_surge = 1, .max_unavailable = 0 },
	  { OLD("old", 3, 3), NEW_SET("new", 1, 1) },
	  { .sizes = "old=2 new=1", .revision = 2 } },
	{ "grows the new set by what the surge leaves",
	  { .replicas = 3, .max_surge = 1, .max_unavailable = 0 },
	  { OLD("old", 2, 2), NEW_SET("new", 1, 1) },
	  { .sizes = "old=2 new=2", .revision = 2 } },
	{ "may go below the wanted number by maxUnavailable",
	  { .replicas = 10, .max_surge = 0, .max_unavailable = 3 },
	  { OLD("old", 10, 10), NEW_SET("new", 0, 0) },
	  { .sizes = "old=7 new=0", .revision = 2 } },
	{ "does not believe a set to have more available pods than its size",
	  { .replicas = 10, .max_surge = 3, .max_unavailable = 3 },
	  { OLD("old", 7, 10), NEW_SET("new", 6, 1) },
	  { .sizes = "old=6 new=6", .revision = 2 } },
	{ "takes unavailable old pods away first, and they cost nothing",
	  { .replicas = 3, .max_surge = 1, .max_unavailable = 1 },
	  { OLD("old", 3, 1), NEW_SET("new", 1, 1) },
	  { .sizes = "old=1 new=1", .revision = 2 } },
	{ "grows to the wanted number when only the new set is left",
	  { .replicas = 5, .max_surge = 1, .max_unavailable = 1 },
	  { NEW_SET("new", 3, 3) },
	  { .sizes = "new=5", .revision = 2 } },
	{ "shrinks a new set that is too big",
	  { .replicas = 2, .max_surge = 1, .max_unavailable = 1 },
	  { NEW_SET("new", 3, 3) },
	  { .sizes = "new=2", .revision = 2 } },
	{ "gives a rolled-back set the next revision",
	  { .replicas = 3, .max_surge = 1, .max_unavailable = 1 },
	  { { .name = STR_INIT("bad"),
	      .created_ns = 2,
	      .replicas = 3,
	      .status_replicas = 3,
	      .revision = 5 },
	    { .name = STR_INIT("good"), .created_ns = 1, .revision = 4, .is_new = true } },
	  { .sizes = "bad=3 good=1", .revision = 6 } },
	{ "scales one set directly",
	  { .replicas = 5, .max_surge = 1, .max_unavailable = 1 },
	  { NEW_SET("new", 3, 3, .desired = 3, .max_replicas = 4) },
	  { .sizes = "new=5", .revision = 2 } },
	{ "scales several sets in proportion, what is left over going to the biggest",
	  { .replicas = 15, .max_surge = 3, .max_unavailable = 2 },
	  { OLD("old", 8, 8, .desired = 10, .max_replicas = 13),
	    NEW_SET("new", 5, 0, .desired = 10, .max_replicas = 13) },
	  { .sizes = "old=11 new=7", .revision = 2 } },
	{ "scales down in proportion",
	  { .replicas = 5, .max_surge = 2, .max_unavailable = 2 },
	  { OLD("old", 8, 8, .desired = 10, .max_replicas = 13),
	    NEW_SET("new", 5, 0, .desired = 10, .max_replicas = 13) },
	  { .sizes = "old=4 new=3", .revision = 2 } },
	{ "scales to nothing",
	  { .replicas = 0, .max_surge = 0, .max_unavailable = 0 },
	  { OLD("old", 8, 8, .desired = 10, .max_replicas = 13),
	    NEW_SET("new", 5, 0, .desired = 10, .max_replicas = 13) },
	  { .sizes = "old=0 new=0", .revision = 2 } },
	{ "makes no new set while paused",
	  { .replicas = 3, .max_surge = 1, .paused = true },
	  { OLD("old", 3, 3) },
	  { .sizes = "old=3", .progressing = "DeploymentPaused" } },
	{ "scales while paused",
	  { .replicas = 4, .max_surge = 1, .paused = true },
	  { OLD("old", 3, 3, .desired = 3, .max_replicas = 4) },
	  { .sizes = "old=4", .progressing = "DeploymentPaused" } },
	{ "does nothing for a deleted one",
	  { .replicas = 4, .max_surge = 1, .deleting = true },
	  { OLD("old", 3, 3) },
	  { .sizes = "old=3" } },
	{ "Recreate: empties the old set first",
	  { .replicas = 3, .recreate = true },
	  { OLD("old", 3, 3) },
	  { .sizes = "old=0" } },
	{ "Recreate: waits for the last old pod to end",
	  { .replicas = 3, .recreate = true },
	  { OLD("old", 0, 0, .has_running_pods = true) },
	  { .sizes = "old=0" } },
	{ "Recreate: then makes the new set in full",
	  { .replicas = 3, .recreate = true },
	  { OLD("old", 0, 0) },
	  { .create = true, .create_replicas = 3, .sizes = "old=0", .revision = 2 } },
	{ "drops the oldest revisions once complete",
	  { .replicas = 1,
	    .max_surge = 1,
	    .revision_history_limit = 1,
	    .status = { .replicas = 1, .updated = 1, .ready = 1, .available = 1 } },
	  { OLD("a", 0, 0),
	    { .name = STR_INIT("b"), .created_ns = 1, .revision = 2 },
	    { .name = STR_INIT("c"),
	      .created_ns = 2,
	      .replicas = 1,
	      .status_replicas = 1,
	      .available = 1,
	      .revision = 3,
	      .is_new = true } },
	  { .sizes = "a=0 b=0 c=1",
	    .dropped = "a",
	    .revision = 3,
	    .progressing = "NewReplicaSetAvailable",
	    .available = "True" } },
	{ "says that it is stuck once the deadline has passed",
	  { .replicas = 1,
	    .max_surge = 1,
	    .progress_deadline_seconds = 10,
	    .status = { .replicas = 1,
			.updated = 1,
			.progressing = { STR_INIT("True"), STR_INIT("ReplicaSetUpdated"),
					 STR_INIT("x"), NOW - 11 * TIME_NS_PER_SECOND, 0 } } },
	  { NEW_SET("new", 1, 0) },
	  { .sizes = "new=1",
	    .revision = 2,
	    .progressing = "ProgressDeadlineExceeded",
	    .available = "False" } },
	{ "stays complete when a pod is lost later",
	  { .replicas = 2,
	    .max_surge = 1,
	    .max_unavailable = 1,
	    .progress_deadline_seconds = 10,
	    .status = { .replicas = 2,
			.updated = 2,
			.available = 2,
			.progressing = { STR_INIT("True"), STR_INIT("NewReplicaSetAvailable"),
					 STR_INIT("x"), 0, 0 } } },
	  { NEW_SET("new", 2, 1) },
	  { .sizes = "new=2",
	    .revision = 2,
	    .progressing = "NewReplicaSetAvailable",
	    .available = "True" } },
};

static void describe(const struct deployment_view *view, char *sizes, char *dropped, size_t bytes)
{
	size_t len = 0, dropped_len = 0;

	sizes[0] = dropped[0] = '\0';
	for (size_t i = 0; i < view->set_count; i++) {
		const struct deployment_set *set = &view->sets[i];

		len += (size_t)snprintf(sizes + len, bytes - len, "%s" STR_FMT "=%lld",
					i ? " " : "", STR_ARG(set->name), (long long)set->replicas);
		if (set->drop)
			dropped_len += (size_t)snprintf(dropped + dropped_len, bytes - dropped_len,
							"%s" STR_FMT, dropped_len ? " " : "",
							STR_ARG(set->name));
	}
}

/* A wrong size here takes an application down during an update, or runs it twice. */
static void plans(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct deployment_view view = cases[i].view;
		const struct want *want = &cases[i].want;
		struct deployment_plan plan;
		char sizes[256], dropped[256];
		AUTO_ARENA arena = { 0 };

		arena_init(&arena, ARENA_DEFAULT_MAX);
		view.now_ns = NOW;
		view.name = STR("web");
		view.new_name = STR("web-1");
		if (!view.progress_deadline_seconds)
			view.progress_deadline_seconds = 600;
		if (!view.revision_history_limit)
			view.revision_history_limit = 10;
		view.sets = arena_array(&arena, 4, sizeof(*view.sets));
		while (view.set_count < 4 && cases[i].sets[view.set_count].name.len) {
			view.sets[view.set_count] = cases[i].sets[view.set_count];
			if (!view.sets[view.set_count].desired)
				view.sets[view.set_count].desired =
					view.sets[view.set_count].max_replicas = -1;
			view.set_count++;
		}
		deployment_plan(&view, &arena, &plan);
		describe(&view, sizes, dropped, sizeof(sizes));
		print_message("%s\n", cases[i].name);
		assert_int_equal(plan.create, want->create);
		assert_int_equal(plan.create_replicas, want->create_replicas);
		assert_string_equal(sizes, want->sizes);
		assert_string_equal(dropped, want->dropped ? want->dropped : "");
		assert_int_equal(plan.revision, want->revision);
		assert_int_equal(plan.status.collision_count, want->collision_count);
		if (want->progressing)
			assert_true(str_eq_c(plan.status.progressing.reason, want->progressing));
		if (want->available)
			assert_true(
				str_eq_c(plan.status.available_condition.status, want->available));
	}
}

/* A rolling update that never ends, or never begins, is what wrong rounding looks like. */
static void fenceposts(void **state)
{
	static const struct {
		int64_t replicas, surge, unavailable, want_unavailable;
	} rows[] = {
		{ 10, 0, 0, 1 },
		{ 10, 3, 2, 2 },
		{ 1, 1, 5, 1 },
		{ 0, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t surge = rows[i].surge, unavailable = rows[i].unavailable;

		deployment_fenceposts(rows[i].replicas, &surge, &unavailable);
		assert_int_equal(surge, rows[i].surge);
		assert_int_equal(unavailable, rows[i].want_unavailable);
	}
}

/* A hash that changes between two versions of the program would restart every application at an
 * upgrade. */
static void hashes(void **state)
{
	static const struct {
		const char *template;
		int64_t collisions;
		const char *want;
	} rows[] = {
		{ "{\"metadata\":{\"labels\":{\"app\":\"web\"}},\"spec\":{\"a\":1,\"b\":[true,null]"
		  "}}",
		  0, NULL },
		{ "{\"spec\":{\"b\":[true,null],\"a\":1},\"metadata\":{\"labels\":{\"app\":\"web\"}"
		  "}}",
		  0, NULL },
		{ "{\"spec\":{\"b\":[true,null],\"a\":2},\"metadata\":{\"labels\":{\"app\":\"web\"}"
		  "}}",
		  0, "" },
		{ "{\"spec\":{\"b\":[true,null],\"a\":1},\"metadata\":{\"labels\":{\"app\":\"web\"}"
		  "}}",
		  1, "" },
	};
	char first[TEMPLATE_HASH_BYTES], hash[TEMPLATE_HASH_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_JSON doc = json_parse(str_from(rows[i].template), 1000, NULL);

		template_hash(yyjson_doc_get_root(doc), rows[i].collisions, i ? hash : first);
		if (i == 0)
			assert_string_equal(first, "5f45565c4b");
		else if (!rows[i].want)
			assert_string_equal(hash, first);
		else
			assert_string_not_equal(hash, first);
	}
}

/* Taking two equal templates for different ones would roll out for ever. */
static void equal_templates(void **state)
{
	static const struct {
		const char *a, *b;
		bool want;
	} rows[] = {
		{ "{\"metadata\":{\"labels\":{\"a\":\"1\",\"pod-template-hash\":\"x\"}},\"spec\":{"
		  "\"n\":1}}",
		  "{\"spec\":{\"n\":1},\"metadata\":{\"labels\":{\"a\":\"1\"}}}", true },
		{ "{\"metadata\":{\"labels\":{\"a\":\"1\"}},\"spec\":{\"n\":1}}",
		  "{\"metadata\":{\"labels\":{\"a\":\"2\"}},\"spec\":{\"n\":1}}", false },
		{ "{\"metadata\":{\"labels\":{\"a\":\"1\"},\"annotations\":{\"r\":\"1\"}},\"spec\":"
		  "{\"n\":1}}",
		  "{\"metadata\":{\"labels\":{\"a\":\"1\"}},\"spec\":{\"n\":1}}", false },
		{ "{\"metadata\":{\"labels\":{\"a\":\"1\"}},\"spec\":{\"n\":1}}",
		  "{\"metadata\":{\"labels\":{\"a\":\"1\"}},\"spec\":{\"n\":1,\"m\":2}}", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_JSON a = json_parse(str_from(rows[i].a), 1000, NULL);
		AUTO_JSON b = json_parse(str_from(rows[i].b), 1000, NULL);

		assert_int_equal(template_equal(yyjson_doc_get_root(a), yyjson_doc_get_root(b)),
				 rows[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans),
		cmocka_unit_test(fenceposts),
		cmocka_unit_test(hashes),
		cmocka_unit_test(equal_templates),
	};

	return cmocka_run_group_tests_name("controllers/deployment", tests, NULL, NULL);
}
