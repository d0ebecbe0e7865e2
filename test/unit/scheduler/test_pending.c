/* SPDX-License-Identifier: Apache-2.0 */
/* Pods that wait: whose turn it is, and what wakes whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "base/time.h"
#include "scheduler/cycle.h"
#include "scheduler/pending.h"

static struct pod_state *pod_new(const char *name, int priority)
{
	char json[256];
	struct pod_state *pod;
	struct blob *blob;

	(void)snprintf(json, sizeof(json),
		       "{\"metadata\":{\"name\":\"%s\",\"uid\":\"%s\"},\"spec\":{\"priority\":%d}}",
		       name, name, priority);
	blob = blob_new(str_from(json));
	pod = pod_state_new(obj_get(blob));
	blob_unref(blob);
	return pod;
}

static uint32_t plugin_bit(const char *name)
{
	for (size_t i = 0; i < plugin_count; i++)
		if (str_eq_c(str_from(plugins[i].name), name))
			return UINT32_C(1) << i;
	fail();
	return 0;
}

static void assert_next(struct pending *pending, const char *name)
{
	struct pending_pod *p = pending_pop(pending);

	assert_non_null(p);
	assert_true(str_eq_c(p->pod->name, name));
	pod_state_free(pending_placed(p));
}

/* Important pods must not wait behind others, and equal ones are served in turn. */
static void order(void **state)
{
	struct pending pending;

	(void)state;
	pending_init(&pending);
	assert_true(pending_set(&pending, pod_new("low-1", 0)));
	assert_true(pending_set(&pending, pod_new("high", 100)));
	assert_true(pending_set(&pending, pod_new("low-2", 0)));
	pending_remove(&pending, STR("nobody"));
	assert_next(&pending, "high");
	assert_next(&pending, "low-1");
	assert_next(&pending, "low-2");
	assert_null(pending_pop(&pending));
	pending_deinit(&pending);
}

/* Our own status patch must not start the next attempt at once, or refusals go round in circles. */
static void own_status_does_not_wake(void **state)
{
	struct pending pending;

	(void)state;
	pending_init(&pending);
	assert_true(pending_set(&pending, pod_new("a", 0)));
	pending_refused(&pending, pending_pop(&pending), plugin_bit("NodeResourcesFit"), 0);
	assert_false(pending_set(&pending, pod_new("a", 0)));
	assert_null(pending_pop(&pending));
	assert_true(pending_set(&pending, pod_new("a", 1))); /* its spec changed */
	assert_next(&pending, "a");
	pending_deinit(&pending);
}

/* Trying again on every event wastes the scheduler's time; not trying when it could fit starves the
 * pod. */
static void wakes_by_what_refused(void **state)
{
	struct pending pending;

	(void)state;
	pending_init(&pending);
	(void)pending_set(&pending, pod_new("a", 0)); /* is new */
	pending_refused(&pending, pending_pop(&pending), plugin_bit("NodeResourcesFit"), 0);
	pending_wake(&pending, EVENT_NODE_LABELS, 1);
	assert_int_equal(pending_active_count(&pending), 0);
	pending_wake(&pending, EVENT_POD_GONE, 1);
	assert_int_equal(pending_active_count(&pending), 1);
	/* With others to place it waits for its back-off. */
	pending_refused(&pending, pending_pop(&pending), plugin_bit("NodeResourcesFit"), 0);
	(void)pending_set(&pending, pod_new("b", 0)); /* is new */
	pending_wake(&pending, EVENT_POD_GONE, 1);
	assert_next(&pending, "b");
	assert_null(pending_pop(&pending));
	assert_true(pending_advance(&pending, 1) ==
		    2000 * TIME_NS_PER_MS); /* second attempt: two seconds */
	assert_true(pending_advance(&pending, 2000 * TIME_NS_PER_MS) == INT64_MAX);
	assert_next(&pending, "a");
	pending_deinit(&pending);
}

/* Whatever was missed, a pod is looked at again in the end. */
static void looks_again_after_a_while(void **state)
{
	struct pending pending;

	(void)state;
	pending_init(&pending);
	(void)pending_set(&pending, pod_new("a", 0)); /* is new */
	pending_refused(&pending, pending_pop(&pending), plugin_bit("NodePorts"), 0);
	assert_true(pending_advance(&pending, 0) == SCHEDULER_UNSCHEDULABLE_MS * TIME_NS_PER_MS);
	(void)pending_advance(&pending,
			      SCHEDULER_UNSCHEDULABLE_MS * TIME_NS_PER_MS); /* nothing is left */
	assert_next(&pending, "a");
	pending_deinit(&pending);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order),
		cmocka_unit_test(own_status_does_not_wake),
		cmocka_unit_test(wakes_by_what_refused),
		cmocka_unit_test(looks_again_after_a_while),
	};

	return cmocka_run_group_tests_name("scheduler/pending", tests, NULL, NULL);
}
