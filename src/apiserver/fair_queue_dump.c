/* SPDX-License-Identifier: Apache-2.0 */
/* Levels, queues and what was counted, as text. */
#include "apiserver/fair_queue_internal.h"
#include "apiserver/metrics.h"
#include "base/time.h"

static const char *const refusal_names[FAIR_REFUSAL_COUNT] = {
	[FAIR_QUEUE_FULL] = "queue-full",
	[FAIR_NO_SEAT] = "concurrency-limit",
	[FAIR_TOO_LATE] = "time-out",
	[FAIR_CANCELLED] = "cancelled",
};

void fair_queues_dump_levels(const struct fair_queues *q, struct buf *to)
{
	buf_put_c(to,
		  "PriorityLevelName, ActiveQueues, IsIdle, IsQuiescing, WaitingRequests, "
		  "ExecutingRequests, DispatchedRequests, RejectedRequests, Seats, QueueLimit\n");
	LIST_FOR_EACH (at, &q->levels) {
		const struct fair_level *l = LIST_ENTRY(at, struct fair_level, link);
		bool is_idle = !l->queued && !l->executing;
		size_t active = 0;

		LIST_FOR_EACH (busy, &q->busy)
			active += LIST_ENTRY(busy, struct fair_flow, link)->level == l;
		buf_printf(to, STR_FMT ", %zu, %s, %s, %zu, %zu, %llu, %llu, %zu, %zu\n",
			   STR_ARG(l->name), active, is_idle ? "true" : "false",
			   l->is_gone ? "true" : "false", l->queued, l->executing,
			   (unsigned long long)l->served, (unsigned long long)l->refused, l->seats,
			   l->queued_max);
	}
}

void fair_queues_dump_queues(const struct fair_queues *q, struct buf *to)
{
	buf_put_c(to, "PriorityLevelName, FlowSchemaName, PendingRequests, ExecutingRequests\n");
	LIST_FOR_EACH (at, &q->busy) {
		const struct fair_flow *flow = LIST_ENTRY(at, struct fair_flow, link);

		buf_printf(to, "%s, %s, %zu, %zu\n", flow->series->level, flow->series->schema,
			   flow->queued, flow->executing);
	}
}

/* Of a key: level, schema and distinguisher, each ended by a zero. */
static struct str distinguisher_of(struct str key)
{
	struct str part = STR_NONE;

	for (int i = 0; i < 3; i++)
		(void)str_next_part(&key, '\0', &part); /* all three are there */
	return part;
}

static void dump_waiting(const struct fair_queues *q, const struct fair_flow *flow, struct str key,
			 struct buf *to)
{
	int64_t offset_ns = env_wall_ns(q->env) - env_mono_ns(q->env);
	size_t index = 0;

	LIST_FOR_EACH (at, &flow->queue) {
		const struct fair_turn *turn = LIST_ENTRY(at, struct fair_turn, link);
		char text[TIME_TEXT_BYTES];

		buf_printf(to, "%s, %s, 0, %zu, " STR_FMT ", %s, 1, 0, 0s, \n", flow->series->level,
			   flow->series->schema, index++, STR_ARG(distinguisher_of(key)),
			   time_format_nano(turn->since_ns + offset_ns, text));
	}
}

/* Each flow has one queue here; a request that waits has not started. */
void fair_queues_dump_requests(const struct fair_queues *q, struct buf *to)
{
	struct str key;
	void *value;

	buf_put_c(to, "PriorityLevelName, FlowSchemaName, QueueIndex, RequestIndexInQueue, "
		      "FlowDistingsher, ArriveTime, InitialSeats, FinalSeats, AdditionalLatency, "
		      "StartTime\n");
	for (bool more = omap_at_least(&q->flows, STR_NONE, &key, &value); more;
	     more = omap_after(&q->flows, key, &key, &value))
		dump_waiting(q, value, key, to);
}

/* --- metrics --- */

#define PREFIX "apiserver_flowcontrol_"

static const struct fair_series *series_after(const struct fair_queues *q, struct str *key,
					      bool first)
{
	void *value;

	if (first ? !omap_at_least(&q->series, STR_NONE, key, &value)
		  : !omap_after(&q->series, *key, key, &value))
		return NULL;
	return value;
}

static void put_labels(struct buf *to, const struct fair_series *s)
{
	buf_printf(to, "flow_schema=\"%s\",priority_level=\"%s\"", s->schema, s->level);
}

static void write_waits(struct buf *to, const struct fair_series *s, bool went)
{
	const struct fair_waits *waits = went ? &s->went : &s->refused;
	const char *name = PREFIX "request_wait_duration_seconds",
		   *execute = went ? "true" : "false";
	uint64_t sum = 0;

	for (size_t i = 0; i <= FAIR_WAIT_BUCKETS; i++) {
		sum += waits->buckets[i];
		buf_printf(to, "%s_bucket{execute=\"%s\",", name, execute);
		put_labels(to, s);
		if (i < FAIR_WAIT_BUCKETS)
			buf_printf(to, ",le=\"%g\"} %llu\n", fair_wait_bounds_seconds[i],
				   (unsigned long long)sum);
		else
			buf_printf(to, ",le=\"+Inf\"} %llu\n", (unsigned long long)sum);
	}
	buf_printf(to, "%s_sum{execute=\"%s\",", name, execute);
	put_labels(to, s);
	buf_printf(to, "} %.9g\n%s_count{execute=\"%s\",", waits->sum_seconds, name, execute);
	put_labels(to, s);
	buf_printf(to, "} %llu\n", (unsigned long long)sum);
}

static void write_rejected(struct buf *to, const struct fair_series *s)
{
	for (size_t i = 0; i < FAIR_REFUSAL_COUNT; i++) {
		if (!s->rejected[i])
			continue;
		buf_put_c(to, PREFIX "rejected_requests_total{");
		put_labels(to, s);
		buf_printf(to, ",reason=\"%s\"} %llu\n", refusal_names[i],
			   (unsigned long long)s->rejected[i]);
	}
}

static void write_dispatched(struct buf *to, const struct fair_series *s)
{
	buf_put_c(to, PREFIX "dispatched_requests_total{");
	put_labels(to, s);
	buf_printf(to, "} %llu\n", (unsigned long long)s->dispatched);
}

static void write_queued(struct buf *to, const struct fair_series *s)
{
	buf_put_c(to, PREFIX "current_inqueue_requests{");
	put_labels(to, s);
	buf_printf(to, "} %zu\n", s->queued);
}

static void write_executing(struct buf *to, const struct fair_series *s)
{
	buf_put_c(to, PREFIX "current_executing_requests{");
	put_labels(to, s);
	buf_printf(to, "} %zu\n", s->executing);
}

static void write_wait(struct buf *to, const struct fair_series *s)
{
	if (s->dispatched)
		write_waits(to, s, true);
	if (s->rejected[FAIR_TOO_LATE])
		write_waits(to, s, false);
}

static const struct {
	const char *name, *type, *help;
	void (*write)(struct buf *to, const struct fair_series *s);
} families[] = {
	{ PREFIX "rejected_requests_total", "counter",
	  "Number of requests rejected by API Priority and Fairness subsystem", write_rejected },
	{ PREFIX "dispatched_requests_total", "counter",
	  "Number of requests executed by API Priority and Fairness subsystem", write_dispatched },
	{ PREFIX "current_inqueue_requests", "gauge",
	  "Number of requests currently pending in queues of the API Priority and Fairness "
	  "subsystem",
	  write_queued },
	{ PREFIX "current_executing_requests", "gauge",
	  "Number of requests in initial (for a WATCH) or any (for a non-WATCH) execution stage in "
	  "the API Priority and Fairness subsystem",
	  write_executing },
	{ PREFIX "request_wait_duration_seconds", "histogram",
	  "Length of time a request spent waiting in its queue", write_wait },
};

void fair_queues_write_metrics(const struct fair_queues *q, struct buf *to)
{
	const struct fair_series *s;
	struct str key;

	for (size_t i = 0; i < ARRAY_COUNT(families); i++) {
		metrics_head(to, families[i].name, families[i].type, families[i].help);
		for (s = series_after(q, &key, true); s; s = series_after(q, &key, false))
			families[i].write(to, s);
	}
	metrics_head(to, PREFIX "nominal_limit_seats", "gauge",
		     "Nominal number of execution seats configured for each priority level");
	LIST_FOR_EACH (at, &q->levels) {
		const struct fair_level *l = LIST_ENTRY(at, struct fair_level, link);

		buf_printf(to, PREFIX "nominal_limit_seats{priority_level=\"" STR_FMT "\"} %zu\n",
			   STR_ARG(l->name), l->seats);
	}
}
