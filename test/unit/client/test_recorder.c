/* SPDX-License-Identifier: Apache-2.0 */
/* Events and leadership: what is written, how often, and by whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "client/elector.h"
#include "client/limits.h"
#include "client/recorder.h"
#include "codec/json.h"
#include "sim/env_sim.h"
#include "unit/client/fake_transport.h"

#define DONE "{\"metadata\":{\"name\":\"e\",\"resourceVersion\":\"1\"}}"
#define LEASE(holder, revision)                                                            \
	"{\"metadata\":{\"name\":\"l\",\"namespace\":\"kube-system\",\"resourceVersion\":" \
	"\"" #revision "\"},\"spec\":{\"holderIdentity\":\"" holder                        \
	"\",\"leaseDurationSeconds\":15}}"

struct world {
	struct sim *sim;
	struct fake fake;
	struct client *client;
	struct blob *pod;
	char changes[64]; /* of leadership: "+-" */
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->sim = sim_new(3);
	fake_init(&w->fake);
	w->client = client_new(sim_env(w->sim, "test"), &w->fake.transport, STR("test"));
	w->pod = blob_new(STR("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":"
			      "\"ns\",\"name\":\"p\","
			      "\"uid\":\"u\",\"resourceVersion\":\"7\"}}"));
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	client_free(w->client);
	while (w->fake.call_count)
		fake_refuse(&w->fake, ERR_CANCELLED);
	blob_unref(w->pod);
	sim_free(w->sim);
	free(w);
	return 0;
}

static yyjson_mut_val *body(struct world *w)
{
	return yyjson_mut_doc_get_root(w->fake.calls[0]->body);
}

/* Equal events become one with a count, or `kubectl describe` is a wall of repetitions. */
static void counts_equal_events(void **state)
{
	struct world *w = *state;
	struct recorder *r = recorder_new(w->client, STR("kubelet"), STR("n1"));
	const struct obj *pod = obj_get(w->pod);

	recorder_event(r, pod, EVENT_WARNING, "BackOff", "Back-off %d", 1);
	assert_int_equal(w->fake.calls[0]->verb, API_CREATE);
	assert_true(str_eq(w->fake.calls[0]->namespace_, STR("ns")));
	assert_true(str_eq(json_mut_get_str(body(w), "message"), STR("Back-off 1")));
	assert_true(str_eq(json_mut_get_str(body(w), "involvedObject.uid"), STR("u")));
	assert_true(str_eq(json_mut_get_str(body(w), "source.component"), STR("kubelet")));
	assert_true(str_eq(json_mut_get_str(body(w), "source.host"), STR("n1")));
	assert_int_equal(json_mut_get_int(body(w), "count", 0), 1);
	fake_answer(&w->fake, DONE);
	recorder_event(r, pod, EVENT_WARNING, "BackOff", "Back-off %d", 1);
	assert_int_equal(w->fake.calls[0]->verb, API_PATCH);
	assert_int_equal(json_mut_get_int(body(w), "count", 0), 2);
	fake_answer(&w->fake, DONE);
	recorder_event(r, pod, EVENT_WARNING, "BackOff", "Back-off %d", 2);
	assert_int_equal(w->fake.calls[0]->verb, API_CREATE);
	fake_answer(&w->fake, DONE);
	recorder_free(r);
}

/* Ten different messages of one reason are combined; a source that goes on is cut off: the store
 * must not drown. */
static void combines_and_cuts_off(void **state)
{
	struct world *w = *state;
	struct recorder *r = recorder_new(w->client, STR("kubelet"), STR("n1"));
	size_t written = 0;

	for (int i = 0; i < 100; i++) {
		recorder_event(r, obj_get(w->pod), EVENT_WARNING, "Failed", "error number %d", i);
		if (!w->fake.call_count)
			continue;
		written++;
		if (i == RECORDER_AGGREGATE_AFTER)
			assert_true(str_has_prefix(
				json_mut_get_str(body(w), "message"),
				STR("(combined from similar events): error number")));
		fake_answer(&w->fake, DONE);
	}
	assert_int_equal(written, RECORDER_BURST);
	sim_run_for(w->sim, RECORDER_REFILL_SECONDS * 1000 + 1000);
	recorder_event(r, obj_get(w->pod), EVENT_WARNING, "Failed", "later");
	assert_int_equal(w->fake.call_count, 1);
	fake_answer(&w->fake, DONE);
	recorder_free(r);
}

static void leading(void *owner, bool is_leading)
{
	struct world *w = owner;

	strncat(w->changes, is_leading ? "+" : "-", sizeof(w->changes) - strlen(w->changes) - 1);
}

static struct elector *elect(struct world *w)
{
	struct elector *e = elector_new(w->client,
					&(struct elector_spec){ .namespace_ = STR("kube-system"),
								.name = STR("l"),
								.identity = STR("me"),
								.on_change = leading,
								.owner = w });

	sim_run_for(w->sim, 10);
	return e;
}

/* Two leaders at once would both act. */
static void leads_only_with_the_lease(void **state)
{
	struct world *w = *state;
	struct elector *e = elect(w);

	int64_t first_ms = sim_now_ms(w->sim);

	fake_answer(&w->fake, LEASE("other", 5));
	while (!w->fake.call_count) { /* until it tries to take it */
		sim_run_for(w->sim, 2150);
		assert_int_equal(w->fake.calls[0]->verb, API_GET);
		fake_answer(&w->fake, LEASE("other", 5));
	}
	assert_true(sim_now_ms(w->sim) - first_ms > ELECTOR_LEASE_SECONDS * 1000);
	assert_true(sim_now_ms(w->sim) - first_ms < (ELECTOR_LEASE_SECONDS + 3) * 1000);
	assert_int_equal(w->fake.calls[0]->verb, API_UPDATE);
	assert_true(str_eq(json_mut_get_str(body(w), "spec.holderIdentity"), STR("me")));
	assert_string_equal(w->changes, "");
	fake_answer(&w->fake, LEASE("me", 6));
	assert_string_equal(w->changes, "+");
	assert_true(elector_is_leading(e));
	elector_free(e);
}

/* A leader that cannot renew must stop before another one may begin. */
static void steps_down(void **state)
{
	struct world *w = *state;
	struct elector *e = elect(w);

	fake_refuse(&w->fake, ERR_NOT_FOUND);
	assert_int_equal(w->fake.calls[0]->verb, API_CREATE);
	fake_answer(&w->fake, LEASE("me", 6));
	assert_string_equal(w->changes, "+");
	for (int i = 0; i < 6; i++) {
		sim_run_for(w->sim, 2150);
		fake_refuse(&w->fake, ERR_UNAVAILABLE);
	}
	assert_string_equal(w->changes, "+-");
	elector_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(counts_equal_events, setup, teardown),
		cmocka_unit_test_setup_teardown(combines_and_cuts_off, setup, teardown),
		cmocka_unit_test_setup_teardown(leads_only_with_the_lease, setup, teardown),
		cmocka_unit_test_setup_teardown(steps_down, setup, teardown),
	};

	return cmocka_run_group_tests_name("client/recorder", tests, NULL, NULL);
}
