/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queues of priority and fairness and what is put right at their objects. Breaks when who
 * floods is served before who asks little, when a queue or a level's seats grow beyond their limit,
 * when a large answer costs no more than a small one, or when an administrator's change is undone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "apiserver/fair_queue.h"
#include "apiserver/flow_defaults.h"
#include "apiserver/flow_plan.h"
#include "apiserver/limits.h"
#include "base/mem.h"
#include "sim/env_sim.h"

#define TURNS 400

struct asked {
	struct fair_turn turn;
	struct world *world;
	char who;
	enum fair_answer answer;
	bool is_over, was_late;
};

struct world {
	struct sim *sim;
	struct fair_queues *queues;
	struct asked asked[TURNS];
	size_t count;
	char order[TURNS + 1]; /* who was let go */
	size_t gone;
	bool keeps_seats;
};

static void let_go(struct asked *a)
{
	struct world *w = a->world;

	w->order[w->gone++] = a->who;
	if (!w->keeps_seats) {
		a->is_over = true;
		fair_turn_end(&a->turn);
	}
}

static void on_turn(struct fair_turn *turn, bool may_go)
{
	struct asked *a = CONTAINER_OF(turn, struct asked, turn);

	a->was_late = !may_go;
	if (may_go)
		let_go(a);
	else
		a->is_over = true;
}

static void world_open(struct world *w, size_t seats)
{
	*w = (struct world){ .sim = sim_new(1) };
	w->queues = fair_queues_new(sim_env(w->sim, "server"), seats);
}

static void world_close(struct world *w)
{
	for (size_t i = 0; i < w->count; i++)
		fair_turn_end(&w->asked[i].turn);
	fair_queues_free(w->queues);
	sim_free(w->sim);
}

static struct fair_level *level(struct world *w, struct fair_level_spec spec)
{
	struct fair_level *made;

	if (!spec.queued_max)
		spec.queued_max = TURNS;
	if (!spec.flow_queued_max)
		spec.flow_queued_max = TURNS;
	if (!spec.borrowing_percent)
		spec.borrowing_percent = -1;
	made = fair_queues_level(w->queues, &spec);
	fair_queues_end(w->queues);
	return made;
}

static struct asked *ask(struct world *w, struct fair_level *at, char who)
{
	struct asked *a = &w->asked[w->count++];
	struct fair_flow_name name = { .level = at,
				       .series = fair_queues_series(w->queues, at, STR("schema")),
				       .distinguisher = str_sub(&a->who, 1) };

	assert_true(w->count <= TURNS);
	a->who = who;
	a->world = w;
	a->turn.run = on_turn;
	a->answer = fair_queues_ask(w->queues, &name, &a->turn);
	if (a->answer == FAIR_GO)
		let_go(a);
	return a;
}

static void ask_many(struct world *w, struct fair_level *at, char who, size_t count)
{
	while (count--)
		ask(w, at, who);
}

static size_t refused(const struct world *w)
{
	size_t count = 0;

	for (size_t i = 0; i < w->count; i++)
		count += w->asked[i].answer == FAIR_REFUSED;
	return count;
}

static void settle(struct world *w)
{
	assert_true(sim_settle(w->sim, 100000));
}

static void test_quiet_first(void **state)
{
	struct world w;
	struct fair_level *at;

	world_open(&w, 100);
	at = level(&w, (struct fair_level_spec){ .name = STR("l"), .shares = 10 });
	ask_many(&w, at, 'f', 50); /* ten go, forty wait */
	assert_int_equal(w.gone, 10);
	assert_int_equal(ask(&w, at, 'q')->answer, FAIR_GO);
	assert_int_equal(at->queued, 40);
	settle(&w);
	assert_int_equal(w.gone, 51);
	assert_int_equal(at->queued, 0);
	assert_int_equal(at->executing, 0);
	world_close(&w);
}

/* Two that wait take turns, ten at a time. */
static void test_turns(void **state)
{
	struct world w;
	struct fair_level *at;

	world_open(&w, 100);
	at = level(&w, (struct fair_level_spec){ .name = STR("l"), .shares = 10 });
	ask_many(&w, at, 'a', 30);
	ask_many(&w, at, 'b', 30);
	settle(&w);
	assert_string_equal(w.order,
			    "aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbb");
	world_close(&w);
}

static void test_queue_limits(void **state)
{
	struct world w;
	struct fair_level *at;

	world_open(&w, 100);
	at = level(&w,
		   (struct fair_level_spec){
			   .name = STR("l"), .shares = 10, .queued_max = 8, .flow_queued_max = 5 });
	ask_many(&w, at, 'f', 10 + 5);
	assert_int_equal(refused(&w), 0);
	assert_int_equal(ask(&w, at, 'f')->answer, FAIR_REFUSED); /* its own queue, */
	assert_int_equal(ask(&w, at, 'q')->answer, FAIR_GO);
	ask_many(&w, at, 'g', 10 + 3);
	assert_int_equal(refused(&w), 1);
	assert_int_equal(ask(&w, at, 'g')->answer, FAIR_REFUSED); /* and that of all */
	settle(&w);
	assert_int_equal(w.gone, 15 + 1 + 13);
	world_close(&w);
}

/* Requests that take long: as many as there are seats, in turns when one comes free. */
static void test_seats(void **state)
{
	struct world w;
	struct fair_level *at;

	world_open(&w, 4);
	w.keeps_seats = true;
	at = level(&w, (struct fair_level_spec){ .name = STR("l"), .shares = 10 });
	ask_many(&w, at, 'a', 8);
	ask_many(&w, at, 'b', 2);
	settle(&w);
	assert_string_equal(w.order, "aaaa");
	for (size_t i = 0; i < 3; i++) {
		fair_turn_end(&w.asked[i].turn);
		settle(&w);
	}
	assert_string_equal(w.order, "aaaaaba");
	assert_int_equal(at->executing, 4);
	world_close(&w);
}

/* A level lends what it does not need, and keeps the rest for itself. */
static void test_lending(void **state)
{
	struct world w;
	struct fair_level *rich, *poor;

	world_open(&w, 10);
	w.keeps_seats = true;
	rich = level(&w, (struct fair_level_spec){
				 .name = STR("rich"), .shares = 8, .lendable_percent = 50 });
	poor = level(&w, (struct fair_level_spec){ .name = STR("poor"), .shares = 2 });
	assert_int_equal(rich->seats, 8);
	assert_int_equal(rich->lendable, 4);
	assert_int_equal(poor->seats, 2);
	ask_many(&w, poor, 'p', 7); /* two of its own, four that are lent */
	assert_int_equal(poor->executing, 6);
	ask_many(&w, rich, 'r', 8);
	assert_int_equal(rich->executing, 8); /* its own, whatever it lent */
	fair_turn_end(&w.asked[0].turn);
	settle(&w);
	assert_int_equal(poor->executing, 5); /* nothing is left to be lent */
	world_close(&w);
}

static void test_borrowing_limit(void **state)
{
	struct world w;
	struct fair_level *poor;

	world_open(&w, 10);
	w.keeps_seats = true;
	level(&w, (struct fair_level_spec){
			  .name = STR("rich"), .shares = 8, .lendable_percent = 100 });
	poor = level(&w, (struct fair_level_spec){
				 .name = STR("poor"), .shares = 2, .borrowing_percent = 50 });
	ask_many(&w, poor, 'p', 5);
	assert_int_equal(poor->executing, 3);
	world_close(&w);
}

static void test_reject(void **state)
{
	struct world w;
	struct fair_level *at;

	world_open(&w, 3);
	w.keeps_seats = true;
	at = level(&w, (struct fair_level_spec){ .name = STR("l"), .shares = 1, .refuses = true });
	ask_many(&w, at, 'a', 3);
	assert_int_equal(refused(&w), 0);
	assert_int_equal(ask(&w, at, 'a')->answer, FAIR_REFUSED);
	fair_turn_end(&w.asked[0].turn);
	assert_int_equal(ask(&w, at, 'a')->answer, FAIR_GO);
	world_close(&w);
}

static void test_exempt(void **state)
{
	struct world w;
	struct fair_level *at;

	world_open(&w, 1);
	w.keeps_seats = true;
	at = level(&w, (struct fair_level_spec){ .name = STR("exempt"), .is_exempt = true });
	ask_many(&w, at, 'm', 200);
	assert_int_equal(w.gone, 200);
	assert_int_equal(at->executing, 200);
	world_close(&w);
}

/* Who was sent a lot waits while others go on. */
static void test_charge(void **state)
{
	struct world w;
	struct fair_level *at;

	world_open(&w, 100);
	at = level(&w, (struct fair_level_spec){ .name = STR("l"), .shares = 10 });
	w.keeps_seats = true;
	ask(&w, at, 'f');
	fair_turn_charge(&w.asked[0].turn, 35);
	fair_turn_end(&w.asked[0].turn);
	w.keeps_seats = false;
	assert_int_equal(ask(&w, at, 'f')->answer, FAIR_QUEUED);
	ask_many(&w, at, 'q', 30);
	settle(&w);
	assert_string_equal(w.order, "fqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqf");
	world_close(&w);
}

static void test_late(void **state)
{
	struct world w;
	struct fair_level *at;

	world_open(&w, 1);
	w.keeps_seats = true;
	at = level(&w, (struct fair_level_spec){ .name = STR("l"), .shares = 1 });
	ask_many(&w, at, 'a', 2);
	sim_run_for(w.sim, FAIR_WAIT_MS_MAX - 1000);
	assert_false(w.asked[1].was_late);
	sim_run_for(w.sim, 3000);
	assert_true(w.asked[1].was_late);
	assert_int_equal(at->queued, 0);
	world_close(&w);
}

static void test_cancel(void **state)
{
	struct world w;
	struct fair_level *at;

	world_open(&w, 100);
	at = level(&w, (struct fair_level_spec){ .name = STR("l"), .shares = 8 });
	ask_many(&w, at, 'a', 10);
	fair_turn_end(&w.asked[8].turn);
	fair_turn_end(&w.asked[8].turn); /* once more does nothing */
	assert_int_equal(at->queued, 1);
	settle(&w);
	assert_int_equal(w.gone, 9);
	world_close(&w);
}

/* A level that is deleted still serves what waits there. */
static void test_level_goes(void **state)
{
	struct world w;
	struct fair_level *at;

	world_open(&w, 100);
	at = level(&w, (struct fair_level_spec){ .name = STR("l"), .shares = 8 });
	ask_many(&w, at, 'a', 10);
	fair_queues_begin(w.queues);
	fair_queues_end(w.queues);
	assert_null(fair_queues_find(w.queues, STR("l")));
	settle(&w);
	assert_int_equal(w.gone, 10);
	fair_queues_begin(w.queues);
	fair_queues_end(w.queues); /* and is forgotten then */
	world_close(&w);
}

static void test_flows_max(void **state)
{
	struct world w;
	struct fair_level *at;
	struct fair_turn *turns = mem_calloc(FAIR_FLOWS_MAX + 1, sizeof(turns[0]));
	struct fair_flow_name name;
	char text[16];

	world_open(&w, FAIR_FLOWS_MAX + 10);
	at = level(&w, (struct fair_level_spec){ .name = STR("l"), .shares = 8 });
	name.level = at;
	name.series = fair_queues_series(w.queues, at, STR("s"));
	for (size_t i = 0; i <= FAIR_FLOWS_MAX; i++) {
		(void)snprintf(text, sizeof(text), "%zu", i);
		name.distinguisher = str_from(text);
		turns[i].run = on_turn;
		assert_int_equal(fair_queues_ask(w.queues, &name, &turns[i]),
				 i < FAIR_FLOWS_MAX ? FAIR_GO : FAIR_REFUSED);
	}
	fair_turn_end(&turns[7]); /* flows that wait for nothing make room */
	assert_int_equal(fair_queues_ask(w.queues, &name, &turns[FAIR_FLOWS_MAX]), FAIR_GO);
	for (size_t i = 0; i <= FAIR_FLOWS_MAX; i++)
		fair_turn_end(&turns[i]);
	world_close(&w);
	mem_free(turns);
}

static void test_text(void **state)
{
	struct world w;
	struct fair_level *at;
	AUTO_BUF text = { 0 };

	buf_init(&text, 1u << 20);
	world_open(&w, 100);
	at = level(&w, (struct fair_level_spec){ .name = STR("l"), .shares = 8, .queued_max = 3 });
	ask_many(&w, at, 'a', 12);
	fair_queues_write_metrics(w.queues, &text);
	fair_queues_dump_levels(w.queues, &text);
	fair_queues_dump_queues(w.queues, &text);
	fair_queues_dump_requests(w.queues, NULL, &text);
	assert_non_null(strstr(text.ptr, "apiserver_flowcontrol_dispatched_requests_total{flow_"
					 "schema=\"schema\",priority_level=\"l\"} 8\n"));
	assert_non_null(strstr(text.ptr, "apiserver_flowcontrol_rejected_requests_total{flow_"
					 "schema=\"schema\",priority_level=\"l\",reason=\"queue-"
					 "full\"} 1\n"));
	assert_non_null(strstr(text.ptr, "apiserver_flowcontrol_current_inqueue_requests{flow_"
					 "schema=\"schema\",priority_level=\"l\"} 3\n"));
	assert_non_null(strstr(text.ptr, "request_wait_duration_seconds_count{execute=\"true\","
					 "flow_schema=\"schema\",priority_level=\"l\"} 8\n"));
	assert_non_null(strstr(text.ptr, "nominal_limit_seats{priority_level=\"l\"} 100\n"));
	/* The columns are as wide as their widest cell, the comma included, and a blank; eight at
	 * least. */
	assert_non_null(strstr(text.ptr,
			       "PriorityLevelName, ActiveQueues, IsIdle, IsQuiescing, "
			       "WaitingRequests, ExecutingRequests, DispatchedRequests, "
			       "RejectedRequests, TimedoutRequests, CancelledRequests\n"
			       "l,                 1,            false,  false,       3,             "
			       "  0,                 8,                  1,                0,        "
			       "        0\n"));
	assert_non_null(strstr(text.ptr,
			       "PriorityLevelName, Index,  PendingRequests, ExecutingRequests, "
			       "SeatsInUse, NextDispatchR, InitialSeatsSum, MaxSeatsSum, "
			       "TotalWorkSum\n"
			       "l,                 0,      3,               0,                 0,    "
			       "      "));
	assert_non_null(strstr(text.ptr,
			       "PriorityLevelName, FlowSchemaName, QueueIndex, RequestIndexInQueue, "
			       "FlowDistingsher, ArriveTime, "));
	assert_non_null(strstr(text.ptr,
			       "\nl,                 schema,         0,          2,                   "
			       "a,               "));
	assert_non_null(strstr(text.ptr, ", 1,            0,          0s,                "
					 "0001-01-01T00:00:00Z\n"));
	world_close(&w);
}

/* --- what is put right --- */

static const struct obj *object(const char *quoted)
{
	char json[2048], *to = json;

	for (; *quoted; quoted++)
		*to++ = *quoted == '\'' ? '"' : *quoted;
	*to = '\0';
	return obj_own(blob_new(str_from(json)));
}

#define FLOW_SCHEMA(generation, annotations, rest)                           \
	"{'kind':'FlowSchema','metadata':{'name':'x','resourceVersion':'5'," \
	"'generation':" generation ",'annotations':{" annotations "}}," rest "}"
#define AUTO(value) "'apf.kubernetes.io/autoupdate-spec':'" value "'"
#define OLD "'spec':{'matchingPrecedence':7}"
#define NEW_SPEC "'spec':{'matchingPrecedence':8}"

static const struct {
	const char *have;
	bool is_mandatory;
	int precedence; /* 0: nothing is to be done */
	const char *annotation;
} defaults[] = {
	{ FLOW_SCHEMA("1", AUTO("true"), NEW_SPEC), false, 0, NULL },
	{ FLOW_SCHEMA("1", AUTO("true"), OLD), false, 8, "true" },
	{ FLOW_SCHEMA("9", AUTO("true"), OLD), false, 8, "true" },
	{ FLOW_SCHEMA("1", AUTO("false"), OLD), false, 0, NULL },
	{ FLOW_SCHEMA("1", "", OLD), false, 8, "true" },
	{ FLOW_SCHEMA("2", "", OLD), false, 7, "false" },
	{ FLOW_SCHEMA("2", AUTO("maybe"), OLD), false, 7, "false" },
	{ FLOW_SCHEMA("2", AUTO("false"), OLD), true, 8, "true" },
	{ FLOW_SCHEMA("2", AUTO("true"), NEW_SPEC), true, 0, NULL },
};

static void test_defaults(void **state)
{
	AUTO_JSON_MUT wanted = json_new_object();

	json_set_int(wanted, json_set_object(wanted, yyjson_mut_doc_get_root(wanted), "spec"),
		     "matchingPrecedence", 8);
	for (size_t i = 0; i < ARRAY_COUNT(defaults); i++) {
		const struct obj *have = object(defaults[i].have);
		AUTO_JSON_MUT plan = flow_plan_default(have, yyjson_mut_doc_get_root(wanted),
						       defaults[i].is_mandatory);
		yyjson_mut_val *root = yyjson_mut_doc_get_root(plan);
		struct str annotation = json_mut_str(yyjson_mut_obj_get(
			json_mut_get(root, "metadata.annotations"), FLOW_AUTOUPDATE));

		if ((plan != NULL) != (defaults[i].precedence != 0))
			fail_msg("row %zu: is there a plan?", i);
		if (plan && (json_mut_get_int(root, "spec.matchingPrecedence", 0) !=
				     defaults[i].precedence ||
			     !str_eq_c(annotation, defaults[i].annotation)))
			fail_msg("row %zu: precedence %lld, annotation " STR_FMT, i,
				 (long long)json_mut_get_int(root, "spec.matchingPrecedence", 0),
				 STR_ARG(annotation));
		obj_unref(have);
	}
}

static void test_status(void **state)
{
#define OF_LEVEL "'spec':{'priorityLevelConfiguration':{'name':'l'}}"
#define CONDITION(status, text)                                                                \
	",'status':{'conditions':[{'type':'Other'},{'type':'Dangling','status':'" status       \
	"','lastTransitionTime':'2026-01-01T00:00:00Z','message':'This FlowSchema references " \
	"the PriorityLevelConfiguration object named \\'l\\' " text "'}]}"
	static const struct {
		const char *have;
		bool exists;
		const char *status, *since;
	} rows[] = {
		{ FLOW_SCHEMA("1", "", OF_LEVEL), true, "False", "2026-11-30T00:00:00Z" },
		{ FLOW_SCHEMA("1", "", OF_LEVEL), false, "True", "2026-11-30T00:00:00Z" },
		{ FLOW_SCHEMA("1", "", OF_LEVEL CONDITION("False", "and it exists")), true, NULL,
		  NULL },
		{ FLOW_SCHEMA("1", "", OF_LEVEL CONDITION("False", "and it exists")), false, "True",
		  "2026-11-30T00:00:00Z" },
		{ FLOW_SCHEMA("1", "", OF_LEVEL CONDITION("False", "of old")), true, "False",
		  "2026-01-01T00:00:00Z" },
	};
	int64_t now_ns = INT64_C(1795996800) * 1000000000;

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const struct obj *have = object(rows[i].have);
		AUTO_JSON_MUT plan = flow_plan_status(have, rows[i].exists, now_ns);
		yyjson_mut_val *conditions = json_mut_get(yyjson_mut_doc_get_root(plan),
							  "status.conditions");
		yyjson_mut_val *last = yyjson_mut_arr_get_last(conditions);

		if (!plan != !rows[i].status)
			fail_msg("row %zu: is there a plan?", i);
		if (plan &&
		    (!str_eq_c(json_mut_get_str(last, "status"), rows[i].status) ||
		     !str_eq_c(json_mut_get_str(last, "lastTransitionTime"), rows[i].since)))
			fail_msg("row %zu: " STR_FMT " since " STR_FMT, i,
				 STR_ARG(json_mut_get_str(last, "status")),
				 STR_ARG(json_mut_get_str(last, "lastTransitionTime")));
		obj_unref(have);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quiet_first),  cmocka_unit_test(test_turns),
		cmocka_unit_test(test_queue_limits), cmocka_unit_test(test_seats),
		cmocka_unit_test(test_lending),	     cmocka_unit_test(test_borrowing_limit),
		cmocka_unit_test(test_reject),	     cmocka_unit_test(test_exempt),
		cmocka_unit_test(test_charge),	     cmocka_unit_test(test_late),
		cmocka_unit_test(test_cancel),	     cmocka_unit_test(test_level_goes),
		cmocka_unit_test(test_flows_max),    cmocka_unit_test(test_text),
		cmocka_unit_test(test_defaults),     cmocka_unit_test(test_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
