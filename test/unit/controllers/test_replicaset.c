/* SPDX-License-Identifier: Apache-2.0 */
/* What a ReplicaSet decides: how many pods it makes, which it deletes, what it shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "base/time.h"
#include "controllers/replicaset.h"

#define NOW (INT64_C(1000000) * TIME_NS_PER_SECOND)
#define AGO(seconds) (NOW - (int64_t)(seconds)*TIME_NS_PER_SECOND)
#define BASE(name_) \
	.name = STR_INIT(name_), .uid = STR_INIT(name_), .active = true, .fully_labeled = true
#define READY(name_)                                                               \
	{                                                                          \
		BASE(name_), .assigned = true, .phase = RS_RUNNING, .ready = true, \
			     .ready_since_ns = AGO(100), .created_ns = AGO(110)    \
	}
#define WAITING(name_)                                                                    \
	{                                                                                 \
		BASE(name_), .assigned = true, .phase = RS_PENDING, .created_ns = AGO(10) \
	}
#define PODS(...)                                       \
	.pods = (const struct rs_pod[]){ __VA_ARGS__ }, \
	.pod_count = sizeof((const struct rs_pod[]){ __VA_ARGS__ }) / sizeof(struct rs_pod)

static const struct {
	const char *name;
	struct rs_view view;
	int64_t want_create;
	const char *want_delete; /* names in order, "a b" */
	int64_t want_replicas, want_ready, want_available, want_requeue_ms;
} cases[] = {
	{ "makes what is missing", { .replicas = 3 }, .want_create = 3 },
	{ "makes at most one burst at once",
	  { .replicas = 9000 },
	  .want_create = REPLICAS_BURST_MAX },
	{ "tries one alone after a failure", { .replicas = 9, .burst = 1 }, .want_create = 1 },
	{ "leaves the pods of a deleted set alone", { .replicas = 3, .deleting = true } },
	{ "does nothing when there are enough",
	  { .replicas = 1, PODS(READY("a")) },
	  .want_replicas = 1,
	  .want_ready = 1,
	  .want_available = 1 },
	{ "does not count pods that have ended or are being deleted",
	  { .replicas = 1, PODS({ .name = STR_INIT("a"), .ready = true }) },
	  .want_create = 1 },
	{ "deletes a pod that is not ready before one that is",
	  { .replicas = 1, PODS(READY("a"), WAITING("b")) },
	  .want_delete = "b",
	  .want_replicas = 2,
	  .want_ready = 1,
	  .want_available = 1 },
	{ "deletes one without a node first of all",
	  { .replicas = 1, PODS(WAITING("a"), { BASE("b"), .created_ns = AGO(500) }) },
	  .want_delete = "b",
	  .want_replicas = 2 },
	{ "deletes the cheaper one although it is older",
	  { .replicas = 1,
	    PODS({ BASE("a"), .assigned = true, .phase = RS_RUNNING, .ready = true,
		   .deletion_cost = 5, .ready_since_ns = AGO(1), .created_ns = AGO(1) },
		 { BASE("b"), .assigned = true, .phase = RS_RUNNING, .ready = true,
		   .deletion_cost = 1, .ready_since_ns = AGO(5000), .created_ns = AGO(5000) }) },
	  .want_delete = "b",
	  .want_replicas = 2,
	  .want_ready = 2,
	  .want_available = 2 },
	{ "deletes where more siblings are on the node",
	  { .replicas = 1,
	    PODS({ BASE("a"), .assigned = true, .phase = RS_RUNNING, .ready = true,
		   .related_on_node = 1, .ready_since_ns = AGO(1), .created_ns = AGO(1) },
		 { BASE("b"), .assigned = true, .phase = RS_RUNNING, .ready = true,
		   .related_on_node = 2, .ready_since_ns = AGO(5000), .created_ns = AGO(5000) }) },
	  .want_delete = "b",
	  .want_replicas = 2,
	  .want_ready = 2,
	  .want_available = 2 },
	{ "deletes the one ready for much less time",
	  { .replicas = 1,
	    PODS({ BASE("a"), .assigned = true, .phase = RS_RUNNING, .ready = true,
		   .ready_since_ns = AGO(5000) },
		 { BASE("b"), .assigned = true, .phase = RS_RUNNING, .ready = true,
		   .ready_since_ns = AGO(10) }) },
	  .want_delete = "b",
	  .want_replicas = 2,
	  .want_ready = 2,
	  .want_available = 2 },
	{ "lets the uid decide between ages of one power of two",
	  { .replicas = 1,
	    PODS({ BASE("b"), .assigned = true, .phase = RS_RUNNING, .ready = true,
		   .ready_since_ns = AGO(10.1) },
		 { BASE("a"), .assigned = true, .phase = RS_RUNNING, .ready = true,
		   .ready_since_ns = AGO(10.9) }) },
	  .want_delete = "a",
	  .want_replicas = 2,
	  .want_ready = 2,
	  .want_available = 2 },
	{ "deletes the one that restarted more",
	  { .replicas = 1,
	    PODS({ BASE("a"), .assigned = true, .phase = RS_PENDING, .restarts = 1,
		   .created_ns = AGO(9) },
		 { BASE("b"), .assigned = true, .phase = RS_PENDING, .restarts = 3,
		   .created_ns = AGO(9000) }) },
	  .want_delete = "b",
	  .want_replicas = 2 },
	{ "counts a ready pod as available only after minReadySeconds, and looks again then",
	  { .replicas = 2,
	    .min_ready_seconds = 30,
	    PODS({ BASE("a"), .assigned = true, .phase = RS_RUNNING, .ready = true,
		   .ready_since_ns = AGO(31) },
		 { BASE("b"), .assigned = true, .phase = RS_RUNNING, .ready = true,
		   .ready_since_ns = AGO(20) }) },
	  .want_replicas = 2,
	  .want_ready = 2,
	  .want_available = 1,
	  .want_requeue_ms = 10001 },
};

/* A wrong count or order here kills pods that serve, or leaves an application with too few. */
static void plans(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rs_view view = cases[i].view;
		struct rs_plan plan;
		char deleted[64] = "";
		size_t len = 0;
		AUTO_ARENA arena = { 0 };

		arena_init(&arena, ARENA_DEFAULT_MAX);
		view.now_ns = NOW;
		replicaset_plan(&view, &arena, &plan);
		for (size_t k = 0; k < plan.delete_count; k++)
			len += (size_t)snprintf(deleted + len, sizeof(deleted) - len, "%s" STR_FMT,
						k ? " " : "", STR_ARG(plan.deletes[k]->name));
		print_message("%s\n", cases[i].name);
		assert_int_equal(plan.create_count, cases[i].want_create);
		assert_string_equal(deleted, cases[i].want_delete ? cases[i].want_delete : "");
		assert_int_equal(plan.status.replicas, cases[i].want_replicas);
		assert_int_equal(plan.status.ready, cases[i].want_ready);
		assert_int_equal(plan.status.available, cases[i].want_available);
		assert_int_equal(plan.requeue_after_ms, cases[i].want_requeue_ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(plans) };

	return cmocka_run_group_tests_name("controllers/replicaset", tests, NULL, NULL);
}
