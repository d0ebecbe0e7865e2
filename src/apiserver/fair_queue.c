/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Levels with seats, flows with credit, and the serving of queues. Round: a turn of the loop in
 * which somebody asked. What a flow sends within its credit is never queued while its level has
 * seats; a flow in debt waits until turns have paid for it.
 */
#include "apiserver/fair_queue_internal.h"

#include "apiserver/limits.h"
#include "base/assert.h"
#include "base/mem.h"

const double fair_wait_bounds_seconds[FAIR_WAIT_BUCKETS] = { 0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5,
							     1, 2,     5,    10,   15,	30 };

/* --- levels --- */

static struct fair_level *level_find(struct fair_queues *q, struct str name)
{
	LIST_FOR_EACH (at, &q->levels) {
		struct fair_level *level = LIST_ENTRY(at, struct fair_level, link);

		if (str_eq(level->name, name))
			return level;
	}
	return NULL;
}

static void level_free(struct fair_level *level)
{
	list_remove(&level->link);
	mem_free((void *)level->name.ptr);
	mem_free((void *)level->uid.ptr);
	mem_free(level);
}

struct fair_level *fair_queues_find(struct fair_queues *q, struct str name)
{
	struct fair_level *level = level_find(q, name);

	return level && !level->is_gone ? level : NULL;
}

void fair_queues_begin(struct fair_queues *q)
{
	LIST_FOR_EACH (at, &q->levels)
		LIST_ENTRY(at, struct fair_level, link)->is_gone = true;
}

struct fair_level *fair_queues_level(struct fair_queues *q, const struct fair_level_spec *spec)
{
	struct fair_level *level = level_find(q, spec->name);

	if (!level) {
		level = NEW(struct fair_level);
		level->name = str_dup(spec->name);
		list_init(&level->running);
		list_push_back(&q->levels, &level->link);
	}
	mem_free((void *)level->uid.ptr);
	level->uid = str_dup(spec->uid);
	level->is_gone = false;
	level->is_exempt = spec->is_exempt;
	level->refuses = spec->refuses;
	level->shares = spec->shares;
	level->lendable_percent = spec->lendable_percent;
	level->borrowing_percent = spec->borrowing_percent;
	level->queued_max = spec->queued_max;
	level->flow_queued_max = spec->flow_queued_max;
	level->quantum = spec->shares < FAIR_QUANTUM_MIN   ? FAIR_QUANTUM_MIN
			 : spec->shares > FAIR_QUANTUM_MAX ? FAIR_QUANTUM_MAX
							   : (size_t)spec->shares;
	return level;
}

static size_t percent_of(size_t count, int64_t percent)
{
	return (size_t)(((double)count * (double)percent + 50) / 100);
}

/* Seats are shared out by shares, rounded up, as upstream does. */
static void share_out(struct fair_queues *q)
{
	double sum = 0, each;

	LIST_FOR_EACH (at, &q->levels) {
		const struct fair_level *level = LIST_ENTRY(at, struct fair_level, link);

		if (!level->is_gone && !level->is_exempt)
			sum += (double)level->shares;
	}
	LIST_FOR_EACH (at, &q->levels) {
		struct fair_level *level = LIST_ENTRY(at, struct fair_level, link);

		if (level->is_gone || level->is_exempt)
			continue;
		each = sum > 0 ? (double)q->seat_count * (double)level->shares / sum : 0;
		level->seats = (size_t)each + (each > (double)(size_t)each);
		level->lendable = percent_of(level->seats, level->lendable_percent);
		level->seats_max = q->seat_count;
		if (level->borrowing_percent >= 0 && level->borrowing_percent < FAIR_PERCENT_MAX)
			level->seats_max = level->seats +
					   percent_of(level->seats, level->borrowing_percent);
	}
}

/* Seats that others own and neither use nor keep back. */
static bool can_borrow(const struct fair_queues *q, const struct fair_level *asking)
{
	size_t used = q->executing;

	LIST_FOR_EACH (at, &q->levels) {
		const struct fair_level *level = LIST_ENTRY(at, struct fair_level, link);
		size_t kept = level->seats - level->lendable;

		if (level != asking && !level->is_exempt && level->executing < kept)
			used += kept - level->executing;
	}
	return used < q->seat_count;
}

static bool has_seat(const struct fair_queues *q, const struct fair_level *level)
{
	if (level->executing < level->seats)
		return true;
	return level->executing < level->seats_max && can_borrow(q, level);
}

/* --- series --- */

static bool add_part(char key[FAIR_KEY_BYTES_MAX], size_t *len, struct str part)
{
	if (part.len >= FAIR_KEY_BYTES_MAX - *len)
		return false;
	if (part.len)
		memcpy(key + *len, part.ptr, part.len);
	*len += part.len;
	key[(*len)++] = '\0';
	return true;
}

struct fair_series *fair_queues_series(struct fair_queues *q, const struct fair_level *level,
				       struct str schema)
{
	char key[FAIR_KEY_BYTES_MAX];
	size_t len = 0;
	struct fair_series *series;

	ASSERT(add_part(key, &len, level->name) &&
	       add_part(key, &len, schema)); /* names of objects */
	series = omap_get(&q->series, str_sub(key, len));
	if (series)
		return series;
	if (q->series.count >= FAIR_SERIES_MAX && schema.len)
		return fair_queues_series(q, level, STR("")); /* all that are too many in one */
	series = NEW(struct fair_series);
	series->level = str_dup_c(level->name);
	series->schema = str_dup_c(schema);
	(void)omap_put(&q->series, str_sub(key, len), series); /* it was not there */
	return series;
}

static void observe(struct fair_waits *waits, int64_t duration_ns)
{
	double seconds = (double)duration_ns / 1e9;
	size_t bucket = 0;

	while (bucket < FAIR_WAIT_BUCKETS && seconds > fair_wait_bounds_seconds[bucket])
		bucket++;
	waits->buckets[bucket]++;
	waits->sum_seconds += seconds;
}

static enum fair_answer refuse(struct fair_flow *flow, enum fair_refusal why)
{
	flow->level->refused++;
	flow->series->rejected[why]++;
	return FAIR_REFUSED;
}

/* --- flows --- */

static void flow_free(struct fair_queues *q, struct str key, struct fair_flow *flow)
{
	flow->level->flow_count--;
	(void)omap_remove(&q->flows, key); /* it is freed here */
	mem_free(flow);
}

/* Flows that wait for nothing and owe nothing, and levels that are gone with their last flow. */
static void sweep(struct fair_queues *q)
{
	struct str key;
	void *value;
	AUTO_BUF at = { 0 };

	buf_init(&at, FAIR_KEY_BYTES_MAX);
	for (bool more = omap_at_least(&q->flows, STR_NONE, &key, &value); more;
	     more = omap_after(&q->flows, buf_str(&at), &key, &value)) {
		struct fair_flow *flow = value;

		buf_reset(&at);
		buf_put_str(&at, key);
		if (!flow->queued && !flow->executing && (flow->level->is_gone || flow->credit > 0))
			flow_free(q, buf_str(&at), flow);
	}
	LIST_FOR_EACH (place, &q->levels) {
		struct fair_level *level = LIST_ENTRY(place, struct fair_level, link);

		if (level->is_gone && !level->flow_count && !level->executing)
			level_free(level);
	}
}

void fair_queues_end(struct fair_queues *q)
{
	share_out(q);
	sweep(q);
	if (!list_is_empty(&q->busy))
		env_defer(q->env, &q->task); /* there may be more seats now */
}

bool fair_queues_are_serving(const struct fair_queues *q)
{
	return q->is_serving;
}

static struct fair_flow *flow_of(struct fair_queues *q, const struct fair_flow_name *name)
{
	char key[FAIR_KEY_BYTES_MAX];
	struct fair_flow *flow;
	size_t len = 0;

	if (!add_part(key, &len, name->level->name) ||
	    !add_part(key, &len, str_from(name->series->schema)) ||
	    !add_part(key, &len, name->distinguisher))
		return NULL;
	flow = omap_get(&q->flows, str_sub(key, len));
	if (flow)
		return flow;
	if (q->flows.count >= FAIR_FLOWS_MAX && !q->is_serving)
		sweep(q);
	if (q->flows.count >= FAIR_FLOWS_MAX)
		return NULL;
	flow = NEW(struct fair_flow);
	flow->queues = q;
	flow->level = name->level;
	flow->series = name->series;
	flow->credit = (int64_t)name->level->quantum;
	flow->round = q->round;
	list_init(&flow->link);
	list_init(&flow->queue);
	list_init(&flow->running);
	name->level->flow_count++;
	(void)omap_put(&q->flows, str_sub(key, len), flow); /* it was not there */
	return flow;
}

/* What the rounds since the last time brought; no more than one round's is kept. */
static void give_credit(struct fair_flow *flow)
{
	struct fair_queues *q = flow->queues;
	int64_t quantum = (int64_t)flow->level->quantum;
	uint64_t rounds = q->round - flow->round;

	if (!rounds)
		return;
	flow->round = q->round;
	if (rounds > FAIR_DEBT_MAX)
		rounds = FAIR_DEBT_MAX;
	flow->credit += (int64_t)rounds * quantum;
	if (flow->credit > quantum)
		flow->credit = quantum;
}

static void go(struct fair_flow *flow, struct fair_turn *turn)
{
	int64_t now_ns = env_mono_ns(flow->queues->env);

	turn->flow = flow;
	turn->level = flow->level;
	turn->went_ns = now_ns;
	list_push_back(&flow->running, &turn->running);
	flow->credit--;
	flow->executing++;
	flow->level->executing++;
	flow->level->served++;
	flow->queues->executing++;
	flow->series->executing++;
	flow->series->dispatched++;
	observe(&flow->series->went, turn->since_ns ? now_ns - turn->since_ns : 0);
}

static enum fair_answer enqueue(struct fair_flow *flow, struct fair_turn *turn)
{
	struct fair_queues *q = flow->queues;
	struct fair_level *level = flow->level;

	if (level->queued >= level->queued_max || flow->queued >= level->flow_queued_max)
		return refuse(flow, FAIR_QUEUE_FULL);
	turn->flow = flow;
	turn->level = level;
	turn->since_ns = env_mono_ns(q->env);
	list_push_back(&flow->queue, &turn->link);
	flow->queued++;
	level->queued++;
	flow->series->queued++;
	if (!list_is_linked(&flow->link))
		list_push_back(&q->busy, &flow->link);
	env_defer(q->env, &q->task);
	if (!timer_is_running(&q->too_late))
		timer_start_slack(&q->too_late, FAIR_WAIT_MS_MAX, 1000);
	return FAIR_QUEUED;
}

enum fair_answer fair_queues_ask(struct fair_queues *q, const struct fair_flow_name *name,
				 struct fair_turn *turn)
{
	struct fair_level *level = name->level;
	struct fair_flow *flow;
	bool seat;

	turn->flow = NULL;
	turn->level = NULL;
	turn->since_ns = 0;
	turn->series = name->series;
	turn->asked_ns = turn->went_ns = env_mono_ns(q->env);
	list_init(&turn->link);
	list_init(&turn->running);
	if (level->is_exempt) {
		turn->level = level;
		list_push_back(&level->running, &turn->running);
		level->executing++;
		level->served++;
		name->series->dispatched++;
		return FAIR_GO;
	}
	flow = flow_of(q, name);
	if (!flow) {
		level->refused++;
		name->series->rejected[FAIR_QUEUE_FULL]++;
		return FAIR_REFUSED;
	}
	give_credit(flow);
	env_defer(q->env, &q->task); /* ends this round */
	seat = has_seat(q, level);
	if (list_is_empty(&flow->queue) && flow->credit > 0 && seat) {
		go(flow, turn);
		return FAIR_GO;
	}
	if (level->refuses && !seat)
		return refuse(flow, FAIR_NO_SEAT);
	return enqueue(flow, turn);
}

void fair_turn_charge(struct fair_turn *turn, size_t units)
{
	struct fair_flow *flow = turn->flow;

	if (!flow)
		return;
	flow->credit -= units > FAIR_DEBT_MAX ? FAIR_DEBT_MAX : (int64_t)units;
	if (flow->credit < -FAIR_DEBT_MAX)
		flow->credit = -FAIR_DEBT_MAX;
}

static void leave_queue(struct fair_turn *turn)
{
	struct fair_flow *flow = turn->flow;

	list_remove(&turn->link);
	flow->queued--;
	flow->level->queued--;
	flow->series->queued--;
	if (list_is_empty(&flow->queue))
		list_remove(&flow->link);
}

void fair_turn_end(struct fair_turn *turn)
{
	struct fair_level *level = turn->level;
	struct fair_flow *flow = turn->flow;

	turn->level = NULL;
	turn->flow = NULL;
	if (!level)
		return;
	list_remove(&turn->running);
	if (!flow) {
		level->executing--;
		return;
	}
	if (list_is_linked(&turn->link)) {
		turn->flow = flow;
		leave_queue(turn);
		turn->flow = NULL;
		flow->series->rejected[FAIR_CANCELLED]++;
		return;
	}
	level->executing--;
	flow->executing--;
	flow->queues->executing--;
	flow->series->executing--;
	if (!list_is_empty(&flow->queues->busy))
		env_defer(flow->queues->env, &flow->queues->task); /* for who waits for a seat */
}

/* --- serving --- */

static void serve_flow(struct fair_flow *flow)
{
	give_credit(flow);
	while (flow->credit > 0 && !list_is_empty(&flow->queue) &&
	       has_seat(flow->queues, flow->level)) {
		struct fair_turn *turn = LIST_ENTRY(list_first(&flow->queue), struct fair_turn,
						    link);

		leave_queue(turn); /* takes the flow out of its list with the last */
		go(flow, turn);
		turn->run(turn, true);
	}
}

static bool can_go_on(const struct fair_queues *q)
{
	LIST_FOR_EACH (at, &q->busy)
		if (has_seat(q, LIST_ENTRY(at, struct fair_flow, link)->level))
			return true;
	return false;
}

/* Each flow that waits gets its credit once a round. Who found no seat stays in front of those that
 * were served: seats that come free go round. */
static void serve(struct task *task)
{
	struct fair_queues *q = CONTAINER_OF(task, struct fair_queues, task);
	struct list round, blocked, served;

	q->round++;
	q->is_serving = true;
	list_init(&round);
	list_init(&blocked);
	list_init(&served);
	while (!list_is_empty(&q->busy))
		list_push_back(&round, list_pop_front(&q->busy));
	while (!list_is_empty(&round)) {
		struct fair_flow *flow = LIST_ENTRY(list_pop_front(&round), struct fair_flow, link);
		bool seat = has_seat(q, flow->level);

		list_push_back(seat ? &served : &blocked, &flow->link);
		serve_flow(flow);
	}
	while (!list_is_empty(&blocked)) {
		struct list *last = blocked.prev;

		list_remove(last);
		list_push_front(&q->busy, last);
	}
	while (!list_is_empty(&served))
		list_push_back(&q->busy, list_pop_front(&served));
	q->is_serving = false;
	if (can_go_on(q))
		env_defer(q->env, &q->task);
}

/* Queues are in order of time: only their heads have to be looked at. */
static struct fair_turn *find_late(struct fair_queues *q, int64_t now_ns, int64_t *ret_since_ns)
{
	*ret_since_ns = INT64_MAX;
	LIST_FOR_EACH (at, &q->busy) {
		struct fair_flow *flow = LIST_ENTRY(at, struct fair_flow, link);
		struct fair_turn *turn = LIST_ENTRY(list_first(&flow->queue), struct fair_turn,
						    link);

		if (now_ns - turn->since_ns >= (int64_t)FAIR_WAIT_MS_MAX * 1000000)
			return turn;
		if (turn->since_ns < *ret_since_ns)
			*ret_since_ns = turn->since_ns;
	}
	return NULL;
}

static void on_too_late(struct timer *timer)
{
	struct fair_queues *q = CONTAINER_OF(timer, struct fair_queues, too_late);
	int64_t now_ns = env_mono_ns(q->env), since_ns;
	struct fair_turn *turn;

	while ((turn = find_late(q, now_ns, &since_ns))) {
		struct fair_flow *flow = turn->flow;

		leave_queue(turn);
		turn->flow = NULL;
		turn->level = NULL;
		observe(&flow->series->refused, now_ns - turn->since_ns);
		(void)refuse(flow, FAIR_TOO_LATE); /* is what run is told */
		turn->run(turn, false);
	}
	if (since_ns != INT64_MAX)
		timer_start_slack(&q->too_late,
				  FAIR_WAIT_MS_MAX - (now_ns - since_ns) / 1000000 + 1, 1000);
}

/* --- life --- */

struct fair_queues *fair_queues_new(struct env *env, size_t seat_count)
{
	struct fair_queues *q = NEW(struct fair_queues);

	q->env = env;
	q->seat_count = seat_count;
	q->round = 1;
	list_init(&q->levels);
	list_init(&q->busy);
	omap_init(&q->flows);
	omap_init(&q->series);
	task_init(&q->task, serve);
	timer_init(&q->too_late, env, on_too_late);
	return q;
}

void fair_queues_free(struct fair_queues *q)
{
	struct str key;
	void *value;

	if (!q)
		return;
	env_cancel(q->env, &q->task);
	timer_stop(&q->too_late);
	while (omap_at_least(&q->flows, STR_NONE, &key, &value))
		flow_free(q, key, value);
	while (omap_at_least(&q->series, STR_NONE, &key, &value)) {
		struct fair_series *series = value;

		(void)omap_remove(&q->series, key); /* it is freed here */
		mem_free(series->schema);
		mem_free(series->level);
		mem_free(series);
	}
	while (!list_is_empty(&q->levels))
		level_free(LIST_ENTRY(list_first(&q->levels), struct fair_level, link));
	omap_deinit(&q->flows);
	omap_deinit(&q->series);
	mem_free(q);
}
