/* SPDX-License-Identifier: Apache-2.0 */
/* Counters and histograms of requests. */
#include "apiserver/metrics.h"

#include <stdio.h>
#include "base/mem.h"

static const double bounds_seconds[METRICS_BUCKETS] = {
	0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1,	 1.25, 1.5, 2,
	3,     4,     5,    6,	 8,   10,  15,	20,  30, 45,   60,
};

#define CODES_MAX 16

struct request_series {
	struct {
		int code;
		uint64_t count;
	} codes[CODES_MAX]; /* by first appearance; 0 = free */
	uint64_t buckets[METRICS_BUCKETS + 1];
	double sum_seconds;
};

void metrics_init(struct metrics *metrics)
{
	map_init(&metrics->requests);
}

void metrics_deinit(struct metrics *metrics)
{
	size_t cursor = 0;
	struct str key;
	void *series;

	while (map_next(&metrics->requests, &cursor, &key, &series))
		mem_free(series);
	map_deinit(&metrics->requests);
}

static const char *scope_of(const struct target *t)
{
	return t->name.len ? "resource" : t->namespace_.len ? "namespace" : "cluster";
}

static void count_code(struct request_series *series, int code)
{
	for (size_t i = 0; i < CODES_MAX; i++) {
		if (!series->codes[i].code)
			series->codes[i].code = code;
		if (series->codes[i].code == code) {
			series->codes[i].count++;
			return;
		}
	}
}

void metrics_count(struct metrics *metrics, const struct target *t, int code, int64_t duration_ns)
{
	struct request_series *series;
	char key[512];
	double seconds = (double)duration_ns / 1e9;
	size_t bucket = 0;
	int len = snprintf(key, sizeof(key),
			   "group=\"" STR_FMT "\",resource=\"" STR_FMT
			   "\",scope=\"%s\",subresource=\"" STR_FMT "\",verb=\"" STR_FMT
			   "\",version=\"" STR_FMT "\"",
			   STR_ARG(t->group), STR_ARG(t->resource), scope_of(t),
			   STR_ARG(t->subresource), STR_ARG(t->verb), STR_ARG(t->version));

	if (len < 0 || (size_t)len >= sizeof(key))
		return;
	series = map_get(&metrics->requests, str_sub(key, (size_t)len));
	if (!series) {
		series = NEW(struct request_series);
		(void)map_put(&metrics->requests, str_sub(key, (size_t)len),
			      series); /* there was none */
	}
	count_code(series, code);
	while (bucket < METRICS_BUCKETS && seconds > bounds_seconds[bucket])
		bucket++;
	series->buckets[bucket]++;
	series->sum_seconds += seconds;
}

void metrics_gauge(struct buf *to, const char *name, const char *help, double value)
{
	buf_printf(to, "# HELP %s %s\n# TYPE %s gauge\n%s %.17g\n", name, help, name, name, value);
}

static void write_upper(struct buf *to, struct str labels)
{
	/* upstream prints verbs in upper case */
	size_t at = str_find(labels, STR("verb=\""), 0), end;

	if (at == SIZE_MAX) {
		buf_put_str(to, labels);
		return;
	}
	at += sizeof("verb=\"") - 1;
	end = str_find_char(labels, '"', at);
	buf_put_str(to, str_slice(labels, 0, at));
	for (size_t i = at; i < end; i++)
		buf_put_char(to, labels.ptr[i] >= 'a' && labels.ptr[i] <= 'z'
					 ? (char)(labels.ptr[i] - 32)
					 : labels.ptr[i]);
	buf_put_str(to, str_slice(labels, end, labels.len));
}

static void write_histogram(struct buf *to, struct str labels, const struct request_series *series)
{
	uint64_t sum = 0;

	for (size_t i = 0; i <= METRICS_BUCKETS; i++) {
		sum += series->buckets[i];
		buf_put_c(to, "apiserver_request_duration_seconds_bucket{");
		write_upper(to, labels);
		if (i < METRICS_BUCKETS)
			buf_printf(to, ",le=\"%g\"} %llu\n", bounds_seconds[i],
				   (unsigned long long)sum);
		else
			buf_printf(to, ",le=\"+Inf\"} %llu\n", (unsigned long long)sum);
	}
	buf_put_c(to, "apiserver_request_duration_seconds_sum{");
	write_upper(to, labels);
	buf_printf(to, "} %.9g\napiserver_request_duration_seconds_count{", series->sum_seconds);
	write_upper(to, labels);
	buf_printf(to, "} %llu\n", (unsigned long long)sum);
}

void metrics_write(const struct metrics *metrics, struct buf *to)
{
	size_t cursor = 0;
	struct str labels;
	void *value;

	buf_put_c(to, "# HELP apiserver_request_total Counter of apiserver requests broken out for "
		      "each verb, group, version, "
		      "resource, scope and HTTP response code.\n# TYPE apiserver_request_total "
		      "counter\n");
	while (map_next(&metrics->requests, &cursor, &labels, &value)) {
		const struct request_series *series = value;

		for (size_t i = 0; i < CODES_MAX && series->codes[i].code; i++) {
			buf_printf(to,
				   "apiserver_request_total{code=\"%d\",component=\"apiserver\",",
				   series->codes[i].code);
			write_upper(to, labels);
			buf_printf(to, "} %llu\n", (unsigned long long)series->codes[i].count);
		}
	}
	buf_put_c(to, "# HELP apiserver_request_duration_seconds Response latency distribution in "
		      "seconds for each verb, "
		      "group, version, resource, subresource and scope.\n# TYPE "
		      "apiserver_request_duration_seconds "
		      "histogram\n");
	cursor = 0;
	while (map_next(&metrics->requests, &cursor, &labels, &value))
		write_histogram(to, labels, value);
}
