/* SPDX-License-Identifier: Apache-2.0 */
/* Levels, queues and what was counted, as text. */
#include <stdarg.h>
#include <stdlib.h>

#include "apiserver/fair_queue_internal.h"
#include "apiserver/metrics.h"
#include "base/mem.h"
#include "base/time.h"

static const char *const refusal_names[FAIR_REFUSAL_COUNT] = {
	[FAIR_QUEUE_FULL] = "queue-full",
	[FAIR_NO_SEAT] = "concurrency-limit",
	[FAIR_TOO_LATE] = "time-out",
	[FAIR_CANCELLED] = "cancelled",
};

/* --- tables --- */

#define COLUMNS_MAX 18
#define COLUMNS_WITHOUT_DETAILS 10 /* of requests */
#define CELL_WIDTH_MIN 8
#define TABLE_BYTES_MAX (16u << 20)

/* Cells one behind the other, each ended by a zero, until all widths are known. */
struct table {
	struct buf cells;
	size_t column_count, column; /* of the next cell */
	size_t widths[COLUMNS_MAX];
};

static void cell(struct table *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void cell(struct table *t, const char *fmt, ...)
{
	size_t begin = t->cells.len, width;
	bool is_last = t->column + 1 == t->column_count;
	va_list args;

	va_start(args, fmt);
	buf_vprintf(&t->cells, fmt, args);
	va_end(args);
	if (!is_last)
		buf_put_char(&t->cells, ',');
	width = t->cells.len - begin + 1; /* one blank lies between columns */
	if (width > t->widths[t->column])
		t->widths[t->column] = width;
	buf_put_char(&t->cells, '\0');
	t->column = is_last ? 0 : t->column + 1;
}

static void cell_str(struct table *t, struct str text)
{
	cell(t, STR_FMT, STR_ARG(text));
}

/* Begun with the names of its columns. */
static void table_init(struct table *t, const char *const *names, size_t column_count)
{
	*t = (struct table){ .column_count = column_count };
	buf_init(&t->cells, TABLE_BYTES_MAX);
	for (size_t i = 0; i < column_count; i++)
		t->widths[i] = CELL_WIDTH_MIN;
	for (size_t i = 0; i < column_count; i++)
		cell(t, "%s", names[i]);
}

/* What did not fit is left out, by lines. The last column is as wide as it is. */
static void table_write(struct table *t, struct buf *to)
{
	struct str rest = buf_str(&t->cells), text;

	for (size_t i = 0; rest.len; i++) {
		size_t column = i % t->column_count;

		(void)str_next_part(&rest, '\0', &text); /* there is one */
		buf_put_str(to, text);
		if (column + 1 == t->column_count)
			buf_put_char(to, '\n');
		else
			for (size_t at = text.len; at < t->widths[column]; at++)
				buf_put_char(to, ' ');
	}
	buf_deinit(&t->cells);
}

static int compare_levels(const void *a, const void *b)
{
	const struct fair_level *const *left = a, *const *right = b;

	return str_cmp((*left)->name, (*right)->name);
}

static const struct fair_level **sorted_levels(const struct fair_queues *q, size_t *ret_count)
{
	const struct fair_level **levels;
	size_t count = 0;

	LIST_FOR_EACH (at, &q->levels)
		count++;
	levels = mem_calloc(count + 1, sizeof(struct fair_level *));
	count = 0;
	LIST_FOR_EACH (at, &q->levels)
		levels[count++] = LIST_ENTRY(at, struct fair_level, link);
	qsort(levels, count, sizeof(struct fair_level *), compare_levels);
	*ret_count = count;
	return levels;
}

/* Of all schemas that send there. */
static void count_refused(const struct fair_queues *q, const struct fair_level *level,
			  uint64_t ret[FAIR_REFUSAL_COUNT])
{
	struct str key;
	void *value;

	for (bool more = omap_at_least(&q->series, STR_NONE, &key, &value); more;
	     more = omap_after(&q->series, key, &key, &value)) {
		const struct fair_series *s = value;

		for (size_t i = 0; str_eq_c(level->name, s->level) && i < FAIR_REFUSAL_COUNT; i++)
			ret[i] += s->rejected[i];
	}
}

static void dump_level(const struct fair_queues *q, const struct fair_level *l, struct table *t)
{
	uint64_t refused[FAIR_REFUSAL_COUNT] = { 0 };
	size_t active = 0;

	LIST_FOR_EACH (busy, &q->busy)
		active += LIST_ENTRY(busy, struct fair_flow, link)->level == l;
	count_refused(q, l, refused);
	cell_str(t, l->name);
	cell(t, "%zu", active);
	cell(t, "%s", l->queued || l->executing ? "false" : "true");
	cell(t, "%s", l->is_gone ? "true" : "false");
	cell(t, "%zu", l->queued);
	cell(t, "%zu", l->executing);
	cell(t, "%llu", (unsigned long long)l->served);
	cell(t, "%llu", (unsigned long long)(refused[FAIR_QUEUE_FULL] + refused[FAIR_NO_SEAT]));
	cell(t, "%llu", (unsigned long long)refused[FAIR_TOO_LATE]);
	cell(t, "%llu", (unsigned long long)refused[FAIR_CANCELLED]);
}

void fair_queues_dump_levels(const struct fair_queues *q, struct buf *to)
{
	static const char *const names[] = {
		"PriorityLevelName",  "ActiveQueues",	  "IsIdle",
		"IsQuiescing",	      "WaitingRequests",  "ExecutingRequests",
		"DispatchedRequests", "RejectedRequests", "TimedoutRequests",
		"CancelledRequests"
	};
	struct table t;
	size_t count;
	AUTO_FREE const struct fair_level **levels = sorted_levels(q, &count);

	table_init(&t, names, ARRAY_COUNT(names));
	for (size_t i = 0; i < count; i++)
		dump_level(q, levels[i], &t);
	table_write(&t, to);
}

/* Calls fn for each flow of a level, with its number there: a flow has one queue. */
static void each_flow(const struct fair_queues *q, const struct fair_level *level,
		      void (*fn)(void *arg, const struct fair_flow *flow, size_t index,
				 struct str key),
		      void *arg)
{
	size_t index = 0;
	struct str key;
	void *value;

	for (bool more = omap_at_least(&q->flows, STR_NONE, &key, &value); more;
	     more = omap_after(&q->flows, key, &key, &value)) {
		const struct fair_flow *flow = value;

		if (flow->level == level)
			fn(arg, flow, index++, key);
	}
}

/* Each request takes one seat, and counts as one second of it. A round is what R is upstream: the
 * flow's credit says how many lie before its next request. */
static void dump_queue(void *arg, const struct fair_flow *flow, size_t index, struct str key)
{
	struct table *t = arg;
	uint64_t next = flow->round + (flow->credit > 0 ? 0 : (uint64_t)-flow->credit);

	(void)key;
	cell_str(t, flow->level->name);
	cell(t, "%zu", index);
	cell(t, "%zu", flow->queued);
	cell(t, "%zu", flow->executing);
	cell(t, "%zu", flow->executing);
	cell(t, "%llu.00000000ss", (unsigned long long)next);
	cell(t, "%zu", flow->queued);
	cell(t, "%zu", flow->queued);
	cell(t, "%zu.00000000ss", flow->queued);
}

void fair_queues_dump_queues(const struct fair_queues *q, struct buf *to)
{
	static const char *const names[] = { "PriorityLevelName", "Index",	 "PendingRequests",
					     "ExecutingRequests", "SeatsInUse",	 "NextDispatchR",
					     "InitialSeatsSum",	  "MaxSeatsSum", "TotalWorkSum" };
	struct table t;
	size_t count;
	AUTO_FREE const struct fair_level **levels = sorted_levels(q, &count);

	table_init(&t, names, ARRAY_COUNT(names));
	for (size_t i = 0; i < count; i++)
		each_flow(q, levels[i], dump_queue, &t);
	table_write(&t, to);
}

struct dumping {
	const struct fair_queues *queues;
	struct table table;
	fair_describe_fn *describe;
};

/* Of a key: level, schema and distinguisher, each ended by a zero. */
static struct str distinguisher_of(struct str key)
{
	struct str part = STR_NONE;

	for (int i = 0; i < 3; i++)
		(void)str_next_part(&key, '\0', &part); /* all three are there */
	return part;
}

/* As Go writes a time: without the zeros at the end. Never it is the year 1. */
static void cell_time(struct dumping *d, int64_t mono_ns)
{
	int64_t offset_ns = env_wall_ns(d->queues->env) - env_mono_ns(d->queues->env);
	char text[TIME_TEXT_BYTES];
	struct str shown;

	if (!mono_ns) {
		cell(&d->table, "0001-01-01T00:00:00Z");
		return;
	}
	shown = str_from(time_format_nano(mono_ns + offset_ns, text));
	(void)str_strip_suffix(&shown, STR("Z"));
	while (str_strip_suffix(&shown, STR("0")))
		continue;
	(void)str_strip_suffix(&shown, STR("."));
	cell(&d->table, STR_FMT "Z", STR_ARG(shown));
}

struct place {
	int64_t queue_index, index; /* -1: in none, or executed */
	struct str distinguisher;
};

static void dump_request(struct dumping *d, const struct fair_turn *turn, const struct place *place)
{
	struct table *t = &d->table;
	struct fair_request_details more = { 0 };

	cell_str(t, turn->level->name);
	cell(t, "%s", turn->series->schema);
	cell(t, "%lld", (long long)place->queue_index);
	cell(t, "%lld", (long long)place->index);
	cell_str(t, place->distinguisher);
	cell_time(d, turn->asked_ns);
	cell(t, "1");
	cell(t, "0");
	cell(t, "0s");
	cell_time(d, place->index < 0 ? turn->went_ns : 0);
	if (!d->describe)
		return;
	d->describe(turn, &more);
	cell_str(t, more.user);
	cell_str(t, more.verb);
	cell_str(t, more.path);
	cell_str(t, more.namespace_);
	cell_str(t, more.name);
	cell_str(t, more.api_version);
	cell_str(t, more.resource);
	cell_str(t, more.subresource);
}

static void dump_flow(void *arg, const struct fair_flow *flow, size_t index, struct str key)
{
	struct place place = { .queue_index = (int64_t)index,
			       .distinguisher = distinguisher_of(key) };

	LIST_FOR_EACH (at, &flow->queue) {
		dump_request(arg, LIST_ENTRY(at, struct fair_turn, link), &place);
		place.index++;
	}
	place.index = -1;
	LIST_FOR_EACH (at, &flow->running)
		dump_request(arg, LIST_ENTRY(at, struct fair_turn, running), &place);
}

void fair_queues_dump_requests(const struct fair_queues *q, fair_describe_fn *describe,
			       struct buf *to)
{
	static const char *const names[] = {
		"PriorityLevelName", "FlowSchemaName", "QueueIndex",   "RequestIndexInQueue",
		"FlowDistingsher",   "ArriveTime",     "InitialSeats", "FinalSeats",
		"AdditionalLatency", "StartTime",      "UserName",     "Verb",
		"APIPath",	     "Namespace",      "Name",	       "APIVersion",
		"Resource",	     "SubResource"
	};
	static const struct place exempt = { .queue_index = -1, .index = -1 };
	struct dumping d = { .queues = q, .describe = describe };
	size_t count;
	AUTO_FREE const struct fair_level **levels = sorted_levels(q, &count);

	table_init(&d.table, names, describe ? ARRAY_COUNT(names) : COLUMNS_WITHOUT_DETAILS);
	for (size_t i = 0; i < count; i++) {
		each_flow(q, levels[i], dump_flow, &d);
		LIST_FOR_EACH (at, &levels[i]->running)
			dump_request(&d, LIST_ENTRY(at, struct fair_turn, running), &exempt);
	}
	table_write(&d.table, to);
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
