/* SPDX-License-Identifier: Apache-2.0 */
/* Queues: order, once at a time, back-off, deadlines, and waiting for one's own writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "api/kind.h"
#include "client/queue.h"
#include "codec/json.h"
#include "sim/env_sim.h"
#include "unit/client/fake_transport.h"

#define OBJ(name, revision)                                    \
	"{\"metadata\":{\"namespace\":\"ns\",\"name\":\"" name \
	"\",\"uid\":\"u\",\"resourceVersion\":\"" #revision "\"}}"

static const struct kind kind_thing = { .name = STR_INIT("Thing"), .flags = KIND_NAMESPACED };

struct world {
	struct sim *sim;
	struct env *env;
	struct fake fake;
	struct client *client;
	struct informer *informer;
	struct queue queue;
	char ran[256]; /* keys in the order they were reconciled */
	size_t ran_len;
	enum reconcile_result result;
	bool submits; /* each reconcile writes once */
};

static enum reconcile_result reconcile(struct queue *queue, struct key key, struct err *err)
{
	struct world *w = queue->owner;

	(void)err; /* not looked at */
	w->ran_len += (size_t)snprintf(w->ran + w->ran_len, sizeof(w->ran) - w->ran_len,
				       STR_FMT " ", STR_ARG(key.text));
	if (w->submits) {
		struct request r = request_create(&kind_thing, STR("ns"), json_new_object());

		r = request_tracked(r, queue, key.text);
		client_submit(w->client, &r);
	}
	return w->result;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->sim = sim_new(7);
	w->env = sim_env(w->sim, "test");
	fake_init(&w->fake);
	w->client = client_new(w->env, &w->fake.transport, STR("test"));
	w->informer = client_informer(w->client, &kind_thing, NULL);
	queue_init(&w->queue, w->env, "test", reconcile, w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	queue_deinit(&w->queue, w->client);
	client_free(w->client);
	while (w->fake.call_count)
		fake_refuse(&w->fake, ERR_CANCELLED);
	sim_free(w->sim);
	free(w);
	return 0;
}

static void settle(struct world *w)
{
	assert_true(sim_settle(w->sim, 10000));
}

static void sync(struct world *w)
{
	settle(w);
	fake_event(&w->fake, API_EVENT_SYNCED, NULL, 10);
	queue_need(&w->queue, w->informer);
	queue_start(&w->queue);
	settle(w);
}

/* Reconciling a key twice for two changes wastes work; losing one leaves the cluster wrong. */
static void once_and_in_order(void **state)
{
	struct world *w = *state;

	sync(w);
	queue_add(&w->queue, STR("ns/b"));
	queue_add(&w->queue, STR("ns/a"));
	queue_add(&w->queue, STR("ns/b"));
	assert_int_equal(queue_depth(&w->queue), 2);
	settle(w);
	assert_string_equal(w->ran, "ns/b ns/a ");
	queue_add(&w->queue, STR("ns/b"));
	settle(w);
	assert_string_equal(w->ran, "ns/b ns/a ns/b ");
}

/* Deciding before all that is watched is there would see owners without their pods and make them
 * again. */
static void waits_for_informers(void **state)
{
	struct world *w = *state;

	queue_need(&w->queue, w->informer);
	queue_start(&w->queue);
	queue_add(&w->queue, STR("ns/a"));
	settle(w);
	assert_string_equal(w->ran, "");
	fake_event(&w->fake, API_EVENT_SYNCED, NULL, 10);
	settle(w);
	assert_string_equal(w->ran, "ns/a ");
}

/* Without back-off an object that cannot be reconciled keeps a core busy. */
static void backs_off(void **state)
{
	struct world *w = *state;
	int64_t start_ms;

	sync(w);
	w->result = RECONCILE_RETRY;
	queue_add(&w->queue, STR("ns/a"));
	start_ms = sim_now_ms(w->sim);
	sim_run_for(w->sim, 40);
	assert_true(w->ran_len / 5 >= 3 &&
		    w->ran_len / 5 <= 4); /* at 0, 5, 15, 35 ms and a tenth of jitter */
	assert_true(queue_failures(&w->queue, STR("ns/a")) >= 3);
	w->result = RECONCILE_DONE;
	sim_run_for(w->sim, 1000);
	assert_int_equal(queue_failures(&w->queue, STR("ns/a")), 0);
	assert_true(sim_now_ms(w->sim) >= start_ms + 40);
}

/* A deadline that is missed means a pod that is never evicted, a rollout that never times out. */
static void delayed(void **state)
{
	struct world *w = *state;

	sync(w);
	queue_add_after(&w->queue, STR("ns/late"), 5000);
	queue_add_after(&w->queue, STR("ns/soon"), 100);
	queue_add_after(&w->queue, STR("ns/late"), 9000); /* the earlier one stays */
	sim_run_for(w->sim, 99);
	assert_string_equal(w->ran, "");
	sim_run_for(w->sim, 10);
	assert_string_equal(w->ran, "ns/soon ");
	sim_run_for(w->sim, 5000);
	assert_string_equal(w->ran, "ns/soon ns/late ");
	sim_run_for(w->sim, 10000);
	assert_string_equal(w->ran, "ns/soon ns/late ");
}

/* A key reconciled before its own write is in the cache does the same thing a second time: doubled
 * pods. */
static void waits_for_own_writes(void **state)
{
	struct world *w = *state;

	sync(w);
	w->submits = true;
	queue_add(&w->queue, STR("ns/a"));
	settle(w);
	w->submits = false;
	assert_int_equal(w->fake.call_count, 1);
	assert_true(writes_revision(&w->queue, STR("ns/a")) == INT64_MAX);
	queue_add(&w->queue, STR("ns/a"));
	queue_add(&w->queue, STR("ns/other"));
	settle(w);
	assert_string_equal(w->ran, "ns/a ns/other ");
	fake_answer(&w->fake, OBJ("x", 20));
	settle(w);
	assert_string_equal(w->ran, "ns/a ns/other ");
	assert_int_equal(writes_revision(&w->queue, STR("ns/a")), 20);
	fake_event(&w->fake, API_EVENT_PROGRESS, NULL, 19);
	settle(w);
	assert_string_equal(w->ran, "ns/a ns/other ");
	fake_event(&w->fake, API_EVENT_ADDED, OBJ("x", 20), 20);
	settle(w);
	assert_string_equal(w->ran, "ns/a ns/other ns/a ");
	assert_true(writes_are_settled(&w->queue, STR("ns/a")));
}

/* The event may come before the answer. */
static void event_before_answer(void **state)
{
	struct world *w = *state;

	sync(w);
	w->submits = true;
	queue_add(&w->queue, STR("ns/a"));
	settle(w);
	w->submits = false;
	fake_event(&w->fake, API_EVENT_ADDED, OBJ("x", 20), 20);
	queue_add(&w->queue, STR("ns/a"));
	settle(w);
	assert_string_equal(w->ran, "ns/a ");
	fake_answer(&w->fake, OBJ("x", 20));
	settle(w);
	assert_string_equal(w->ran, "ns/a ns/a ");
}

/* A failed write that nobody comes back for is never made good. */
static void failed_write_comes_back(void **state)
{
	struct world *w = *state;

	sync(w);
	w->submits = true;
	queue_add(&w->queue, STR("ns/a"));
	settle(w);
	w->submits = false;
	fake_refuse(&w->fake, ERR_CONFLICT);
	assert_true(writes_are_settled(&w->queue, STR("ns/a")));
	assert_int_equal(queue_failures(&w->queue, STR("ns/a")), 1);
	settle(w);
	assert_string_equal(w->ran, "ns/a ");
	sim_run_for(w->sim, 10);
	assert_string_equal(w->ran, "ns/a ns/a ");
	assert_int_equal(queue_failures(&w->queue, STR("ns/a")), 0);
}

/* A role that is taken down while its requests are in flight must not be called any more. */
static void goes_away_in_flight(void **state)
{
	struct world *w = *state;

	sync(w);
	w->submits = true;
	queue_add(&w->queue, STR("ns/a"));
	settle(w);
	assert_int_equal(w->fake.call_count, 1);
}

static const struct queue *only_queue(void *arg, size_t *cursor)
{
	return (*cursor)++ ? NULL : arg;
}

/* Dashboards would show nothing of the controllers. */
static void counts_for_metrics(void **state)
{
	struct world *w = *state;
	AUTO_BUF text = { 0 };

	sync(w);
	w->result = RECONCILE_RETRY;
	queue_add(&w->queue, STR("a"));
	queue_add(&w->queue, STR("b"));
	queue_add(&w->queue, STR("a")); /* is there already */
	settle(w);
	w->result = RECONCILE_DONE;
	buf_init(&text, 1 << 16);
	queues_write_metrics(only_queue, &w->queue, &text);
	assert_non_null(strstr(text.ptr, "\nworkqueue_adds_total{name=\"test\"} 2\n"));
	assert_non_null(strstr(text.ptr, "\nworkqueue_retries_total{name=\"test\"} 2\n"));
	assert_non_null(strstr(text.ptr, "\nworkqueue_depth{name=\"test\"} 0\n"));
	assert_non_null(
		strstr(text.ptr, "\nworkqueue_work_duration_seconds_count{name=\"test\"} 2\n"));
	assert_non_null(strstr(text.ptr, "workqueue_queue_duration_seconds_bucket{name=\"test\","
					 "le=\"+Inf\"} 2\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(once_and_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(waits_for_informers, setup, teardown),
		cmocka_unit_test_setup_teardown(backs_off, setup, teardown),
		cmocka_unit_test_setup_teardown(delayed, setup, teardown),
		cmocka_unit_test_setup_teardown(waits_for_own_writes, setup, teardown),
		cmocka_unit_test_setup_teardown(event_before_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(failed_write_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(goes_away_in_flight, setup, teardown),
		cmocka_unit_test_setup_teardown(counts_for_metrics, setup, teardown),
	};

	return cmocka_run_group_tests_name("client/queue", tests, NULL, NULL);
}
