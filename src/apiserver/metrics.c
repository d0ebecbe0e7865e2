/* SPDX-License-Identifier: Apache-2.0 */
/* Counters and histograms of requests, watches and writes. */
#include "apiserver/limits.h"
#include "apiserver/metrics.h"

#include <stdio.h>
#include "api/kind.h"
#include "base/mem.h"

static const double bounds_seconds[METRICS_BUCKETS] = {
	0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1,	 1.25, 1.5, 2,
	3,     4,     5,    6,	 8,   10,  15,	20,  30, 45,   60,
};
#define SLI_FIRST 2 /* the bound that upstream's histogram for service levels begins with */

#define SIZE_BUCKETS 7
static const double bounds_bytes[SIZE_BUCKETS] = { 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9 };

struct request_series {
	struct {
		int code;
		uint64_t count;
	} codes[METRICS_CODES_MAX]; /* by first appearance; 0 = free */
	struct metrics_histogram duration;
	uint64_t sizes[SIZE_BUCKETS + 1];
	double sum_bytes;
	bool is_long; /* it ends when somebody wants it to: no latency */
	bool is_read;
};

void metrics_init(struct metrics *metrics)
{
	*metrics = (struct metrics){ 0 };
	map_init(&metrics->requests);
	map_init(&metrics->watches);
	map_init(&metrics->events);
	map_init(&metrics->webhooks);
	map_init(&metrics->deprecated);
	map_init(&metrics->asking.calls);
	map_init(&metrics->webhook_failures);
}

void metrics_deinit(struct metrics *metrics)
{
	map_deinit_values(&metrics->requests);
	map_deinit_values(&metrics->watches);
	map_deinit_values(&metrics->events);
	map_deinit_values(&metrics->webhooks);
	map_deinit_values(&metrics->deprecated);
	map_deinit_values(&metrics->asking.calls);
	map_deinit_values(&metrics->webhook_failures);
}

/* --- labels --- */

static const char *scope_of(const struct target *t)
{
	if (t->name.len || str_eq_c(t->verb, "create"))
		return "resource";
	return t->namespace_.len ? "namespace" : "cluster";
}

/* The method, but for what a method does not tell. */
static const char *verb_of(const struct target *t, bool connects)
{
	static const char *const verbs[][2] = {
		{ "get", "GET" },	{ "list", "LIST" },
		{ "watch", "WATCH" },	{ "create", "POST" },
		{ "update", "PUT" },	{ "patch", "PATCH" },
		{ "delete", "DELETE" }, { "deletecollection", "DELETECOLLECTION" },
	};

	if (connects)
		return "CONNECT";
	for (size_t i = 0; i < ARRAY_COUNT(verbs); i++)
		if (str_eq_c(t->verb, verbs[i][0]))
			return verbs[i][1];
	return "other"; /* as upstream calls methods that are none */
}

/* `component="apiserver",...` in alphabetical order; false: too long. */
static bool write_labels(const struct target *t, bool with_dry_run,
			 char to[METRICS_LABELS_BYTES_MAX], struct str *ret)
{
	bool connects = target_is_stream(t) && !str_eq_c(t->subresource, "log");
	const char *dry_run = params_get(&t->query, "dryRun").len ? "All" : "";
	int len = snprintf(
		to, METRICS_LABELS_BYTES_MAX,
		"component=\"apiserver\",%s%s%sgroup=\"" STR_FMT "\",resource=\"" STR_FMT
		"\",scope=\"%s\",subresource=\"" STR_FMT "\",verb=\"%s\",version=\"" STR_FMT "\"",
		with_dry_run ? "dry_run=\"" : "", with_dry_run ? dry_run : "",
		with_dry_run ? "\"," : "", STR_ARG(t->group), STR_ARG(t->resource), scope_of(t),
		STR_ARG(t->subresource), verb_of(t, connects), STR_ARG(t->version));

	if (len < 0 || len >= METRICS_LABELS_BYTES_MAX)
		return false;
	*ret = str_sub(to, (size_t)len);
	return true;
}

void *metrics_series(struct map *map, struct str labels, size_t size_bytes)
{
	void *series = map_get(map, labels);

	if (series)
		return series;
	series = mem_zalloc(size_bytes);
	(void)map_put(map, labels, series); /* there was none */
	return series;
}

/* --- counting --- */

static void observe(struct metrics_histogram *histogram, int64_t duration_ns)
{
	double seconds = (double)duration_ns / 1e9;
	size_t bucket = 0;

	while (bucket < METRICS_BUCKETS && seconds > bounds_seconds[bucket])
		bucket++;
	histogram->buckets[bucket]++;
	histogram->sum_seconds += seconds;
}

static void count_code(struct request_series *series, int code)
{
	for (size_t i = 0; i < METRICS_CODES_MAX; i++) {
		if (!series->codes[i].code)
			series->codes[i].code = code;
		if (series->codes[i].code == code) {
			series->codes[i].count++;
			return;
		}
	}
}

void metrics_count(struct metrics *metrics, const struct metrics_request *request)
{
	const struct target *t = request->target;
	char text[METRICS_LABELS_BYTES_MAX];
	struct request_series *series;
	struct str labels;
	size_t bucket = 0;

	if (!write_labels(t, true, text, &labels))
		return;
	series = metrics_series(&metrics->requests, labels, sizeof(*series));
	series->is_long = target_is_stream(t) || target_is_watch(t);
	series->is_read = str_eq_c(t->verb, "get") || str_eq_c(t->verb, "list");
	count_code(series, request->code);
	observe(&series->duration, request->duration_ns);
	if (!request->answer_bytes)
		return;
	while (bucket < SIZE_BUCKETS && (double)request->answer_bytes > bounds_bytes[bucket])
		bucket++;
	series->sizes[bucket]++;
	series->sum_bytes += (double)request->answer_bytes;
}

void metrics_count_write(struct metrics *metrics, int64_t duration_ns, bool failed)
{
	observe(&metrics->writes, duration_ns);
	metrics->failed_writes += failed;
}

int64_t *metrics_watches(struct metrics *metrics, const struct target *target)
{
	char text[METRICS_LABELS_BYTES_MAX];
	struct str labels = STR("");

	(void)write_labels(target, false, text, &labels); /* too long: all those together */
	return metrics_series(&metrics->watches, labels, sizeof(int64_t));
}

int64_t *metrics_watch_events(struct metrics *metrics, const struct kind *kind)
{
	char text[METRICS_LABELS_BYTES_MAX];
	int len = snprintf(text, sizeof(text),
			   "group=\"" STR_FMT "\",kind=\"" STR_FMT "\",version=\"" STR_FMT "\"",
			   STR_ARG(kind->group), STR_ARG(kind->name), STR_ARG(kind->version));
	size_t used = len < 0 || len >= METRICS_LABELS_BYTES_MAX ? 0 : (size_t)len;

	return metrics_series(&metrics->events, str_sub(text, used), sizeof(int64_t));
}

void metrics_count_deprecated(struct metrics *metrics, const struct target *t,
			      const char *removed_release)
{
	char text[METRICS_LABELS_BYTES_MAX];
	int len = snprintf(text, sizeof(text),
			   "group=\"" STR_FMT "\",removed_release=\"%s\",resource=\"" STR_FMT
			   "\",subresource=\"" STR_FMT "\",version=\"" STR_FMT "\"",
			   STR_ARG(t->group), removed_release, STR_ARG(t->resource),
			   STR_ARG(t->subresource), STR_ARG(t->version));

	if (len >= 0 && len < METRICS_LABELS_BYTES_MAX)
		*(int64_t *)metrics_series(&metrics->deprecated, str_sub(text, (size_t)len),
					   sizeof(int64_t)) = 1;
}

/* --- text --- */

void metrics_head(struct buf *to, const char *name, const char *type, const char *help)
{
	buf_printf(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_buckets(struct buf *to, const char *name, struct str labels,
			  const struct metrics_histogram *histogram, size_t first)
{
	const char *comma = labels.len ? "," : "", *open = labels.len ? "{" : "",
		   *close = labels.len ? "}" : "";
	uint64_t sum = 0;

	for (size_t i = 0; i <= METRICS_BUCKETS; i++) {
		sum += histogram->buckets[i];
		if (i < first)
			continue;
		buf_printf(to, "%s_bucket{" STR_FMT "%sle=\"", name, STR_ARG(labels), comma);
		if (i < METRICS_BUCKETS)
			buf_printf(to, "%g\"} %llu\n", bounds_seconds[i], (unsigned long long)sum);
		else
			buf_printf(to, "+Inf\"} %llu\n", (unsigned long long)sum);
	}
	buf_printf(to, "%s_sum%s" STR_FMT "%s %.9g\n%s_count%s" STR_FMT "%s %llu\n", name, open,
		   STR_ARG(labels), close, histogram->sum_seconds, name, open, STR_ARG(labels),
		   close, (unsigned long long)sum);
}

/* The same without dry_run, which these histograms do not tell apart; a series that is one is left
 * out. */
static bool strip_dry_run(struct str labels, struct buf *to)
{
	static const struct str empty = STR_INIT("dry_run=\"\",");
	size_t at = str_find(labels, empty, 0);

	if (at == SIZE_MAX)
		return false;
	buf_reset(to);
	buf_put_str(to, str_slice(labels, 0, at));
	buf_put_str(to, str_slice(labels, at + empty.len, labels.len));
	return true;
}

static void write_sizes(struct buf *to, struct str labels, const struct request_series *series)
{
	uint64_t sum = 0;

	for (size_t i = 0; i <= SIZE_BUCKETS; i++) {
		sum += series->sizes[i];
		buf_printf(to, "apiserver_response_sizes_bucket{" STR_FMT ",le=\"",
			   STR_ARG(labels));
		if (i < SIZE_BUCKETS)
			buf_printf(to, "%g\"} %llu\n", bounds_bytes[i], (unsigned long long)sum);
		else
			buf_printf(to, "+Inf\"} %llu\n", (unsigned long long)sum);
	}
	buf_printf(to,
		   "apiserver_response_sizes_sum{" STR_FMT "} %.17g\n"
		   "apiserver_response_sizes_count{" STR_FMT "} %llu\n",
		   STR_ARG(labels), series->sum_bytes, STR_ARG(labels), (unsigned long long)sum);
}

static void write_totals(const struct metrics *metrics, struct buf *to)
{
	size_t cursor = 0;
	struct str labels;
	void *value;

	metrics_head(
		to, "apiserver_request_total", "counter",
		"Counter of apiserver requests broken out for each verb, dry run value, group, "
		"version, resource, scope, component, and HTTP response code.");
	while (map_next(&metrics->requests, &cursor, &labels, &value)) {
		const struct request_series *series = value;

		for (size_t i = 0; i < METRICS_CODES_MAX && series->codes[i].code; i++)
			buf_printf(to, "apiserver_request_total{code=\"%d\"," STR_FMT "} %llu\n",
				   series->codes[i].code, STR_ARG(labels),
				   (unsigned long long)series->codes[i].count);
	}
	cursor = 0;
	metrics_head(
		to, "apiserver_request_duration_seconds", "histogram",
		"Response latency distribution in seconds for each verb, dry run value, group, "
		"version, resource, subresource, scope and component.");
	while (map_next(&metrics->requests, &cursor, &labels, &value))
		write_buckets(to, "apiserver_request_duration_seconds", labels,
			      &((const struct request_series *)value)->duration, 0);
}

/* What was refused or broken off to keep the server itself going. */
static void write_terminations(const struct metrics *metrics, struct buf *to)
{
	AUTO_BUF plain = { 0 };
	size_t cursor = 0;
	struct str labels;
	void *value;

	buf_init(&plain, METRICS_LABELS_BYTES_MAX);
	metrics_head(to, "apiserver_request_terminations_total", "counter",
		     "Number of requests which apiserver terminated in self-defense.");
	while (map_next(&metrics->requests, &cursor, &labels, &value)) {
		const struct request_series *series = value;

		if (!strip_dry_run(labels, &plain) ||
		    str_contains(labels, STR("subresource=\"eviction\"")))
			continue; /* of a dry run, or refused for a disruption budget */
		for (size_t i = 0; i < METRICS_CODES_MAX && series->codes[i].code; i++)
			if (series->codes[i].code == 429 || series->codes[i].code == 504)
				buf_printf(
					to,
					"apiserver_request_terminations_total{code=\"%d\"," STR_FMT
					"} %llu\n",
					series->codes[i].code, STR_ARG(buf_str(&plain)),
					(unsigned long long)series->codes[i].count);
	}
}

static void write_levels(const struct metrics *metrics, struct buf *to)
{
	AUTO_BUF plain = { 0 };
	size_t cursor = 0;
	struct str labels;
	void *value;

	buf_init(&plain, METRICS_LABELS_BYTES_MAX);
	metrics_head(
		to, "apiserver_request_sli_duration_seconds", "histogram",
		"Response latency distribution (not counting webhook duration and priority & "
		"fairness queue wait times) in seconds for each verb, group, version, resource, "
		"subresource, scope and component.");
	while (map_next(&metrics->requests, &cursor, &labels, &value)) {
		const struct request_series *series = value;

		if (!series->is_long && strip_dry_run(labels, &plain))
			write_buckets(to, "apiserver_request_sli_duration_seconds", buf_str(&plain),
				      &series->duration, SLI_FIRST);
	}
	cursor = 0;
	metrics_head(to, "apiserver_response_sizes", "histogram",
		     "Response size distribution in bytes for each group, version, verb, resource, "
		     "subresource, scope and component.");
	while (map_next(&metrics->requests, &cursor, &labels, &value)) {
		const struct request_series *series = value;

		if (!series->is_long && series->is_read && strip_dry_run(labels, &plain))
			write_sizes(to, buf_str(&plain), series);
	}
}

void metrics_write_numbers(const struct map *map, const char *name, struct buf *to)
{
	size_t cursor = 0;
	struct str labels;
	void *value;

	while (map_next(map, &cursor, &labels, &value))
		buf_printf(to, "%s{" STR_FMT "} %lld\n", name, STR_ARG(labels),
			   (long long)*(const int64_t *)value);
}

void metrics_write(const struct metrics *metrics, struct buf *to)
{
	static const struct str write_labels_ = STR_INIT("operation=\"txn\",type=\"all\"");

	write_totals(metrics, to);
	write_levels(metrics, to);
	write_terminations(metrics, to);
	metrics_head(to, "apiserver_longrunning_requests", "gauge",
		     "Gauge of all active long-running apiserver requests broken out by verb, "
		     "group, version, resource, scope and component. Not all requests are tracked "
		     "this way.");
	metrics_write_numbers(&metrics->watches, "apiserver_longrunning_requests", to);
	metrics_head(to, "apiserver_watch_events_total", "counter",
		     "Number of events sent in watch clients");
	metrics_write_numbers(&metrics->events, "apiserver_watch_events_total", to);
	metrics_head(to, "apiserver_requested_deprecated_apis", "gauge",
		     "Gauge of deprecated APIs that have been requested, broken out by API group, "
		     "version, resource, subresource, and removed_release.");
	metrics_write_numbers(&metrics->deprecated, "apiserver_requested_deprecated_apis", to);
	metrics_write_webhooks(metrics, to);
	metrics_write_asking(metrics, to);
	metrics_head(to, "etcd_request_duration_seconds", "histogram",
		     "Etcd request latency in seconds for each operation and object type.");
	write_buckets(to, "etcd_request_duration_seconds", write_labels_, &metrics->writes, 0);
	metrics_head(to, "etcd_request_errors_total", "counter",
		     "Etcd failed request counts for each operation and object type.");
	buf_printf(to, "etcd_request_errors_total{" STR_FMT "} %llu\n", STR_ARG(write_labels_),
		   (unsigned long long)metrics->failed_writes);
}
