/* SPDX-License-Identifier: Apache-2.0 */
/* What webhooks of admission took, answered and failed at. */
#include <stdio.h>

#include "apiserver/limits.h"
#include "apiserver/metrics.h"

#define BUCKETS 8
static const double bounds_seconds[BUCKETS] = { 0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25 };

/* Of one webhook, operation and type; apart by whether the request was rejected. */
struct webhook_series {
	struct {
		uint64_t buckets[BUCKETS + 1]; /* the last one has no bound */
		double sum_seconds;
	} durations[2];
	struct {
		int code;
		const char *error_type; /* NULL: not rejected */
		uint64_t count;
	} outcomes[METRICS_OUTCOMES_MAX]; /* by first appearance; count 0 = free */
};

static const char *const rejected_names[2] = { "false", "true" };

static void count_outcome(struct webhook_series *series, const struct metrics_webhook *webhook)
{
	for (size_t i = 0; i < METRICS_OUTCOMES_MAX; i++) {
		if (!series->outcomes[i].count) {
			series->outcomes[i].code = webhook->code;
			series->outcomes[i].error_type = webhook->error_type;
		}
		if (series->outcomes[i].code == webhook->code &&
		    series->outcomes[i].error_type == webhook->error_type) {
			series->outcomes[i].count++;
			return;
		}
	}
}

static void count_forgiven(struct metrics *metrics, const struct metrics_webhook *webhook)
{
	char text[METRICS_LABELS_BYTES_MAX];
	int len = snprintf(text, sizeof(text), "name=\"" STR_FMT "\",type=\"%s\"",
			   STR_ARG(webhook->name), webhook->type);

	if (len >= 0 && len < METRICS_LABELS_BYTES_MAX)
		(*(int64_t *)metrics_series(&metrics->webhook_failures, str_sub(text, (size_t)len),
					    sizeof(int64_t)))++;
}

void metrics_count_webhook(struct metrics *metrics, const struct metrics_webhook *webhook)
{
	char text[METRICS_LABELS_BYTES_MAX];
	int len = snprintf(text, sizeof(text),
			   "name=\"" STR_FMT "\",operation=\"" STR_FMT "\",type=\"%s\"",
			   STR_ARG(webhook->name), STR_ARG(webhook->operation), webhook->type);
	double seconds = (double)webhook->duration_ns / 1e9;
	size_t bucket = 0, is_rejected = webhook->error_type != NULL;
	struct webhook_series *series;

	if (len < 0 || len >= METRICS_LABELS_BYTES_MAX)
		return;
	series = metrics_series(&metrics->webhooks, str_sub(text, (size_t)len), sizeof(*series));
	while (bucket < BUCKETS && seconds > bounds_seconds[bucket])
		bucket++;
	series->durations[is_rejected].buckets[bucket]++;
	series->durations[is_rejected].sum_seconds += seconds;
	count_outcome(series, webhook);
	if (webhook->has_failed_open)
		count_forgiven(metrics, webhook);
}

/* --- text --- */

#define DURATION "apiserver_admission_webhook_admission_duration_seconds"

static void write_duration(struct buf *to, struct str labels, const struct webhook_series *series,
			   size_t is_rejected)
{
	uint64_t sum = 0;

	for (size_t i = 0; i <= BUCKETS; i++)
		sum += series->durations[is_rejected].buckets[i];
	if (!sum)
		return;
	sum = 0;
	for (size_t i = 0; i <= BUCKETS; i++) {
		sum += series->durations[is_rejected].buckets[i];
		buf_printf(to, DURATION "_bucket{" STR_FMT ",rejected=\"%s\",le=\"",
			   STR_ARG(labels), rejected_names[is_rejected]);
		if (i < BUCKETS)
			buf_printf(to, "%g\"} %llu\n", bounds_seconds[i], (unsigned long long)sum);
		else
			buf_printf(to, "+Inf\"} %llu\n", (unsigned long long)sum);
	}
	buf_printf(to,
		   DURATION "_sum{" STR_FMT ",rejected=\"%s\"} %.9g\n" DURATION "_count{" STR_FMT
			    ",rejected=\"%s\"} %llu\n",
		   STR_ARG(labels), rejected_names[is_rejected],
		   series->durations[is_rejected].sum_seconds, STR_ARG(labels),
		   rejected_names[is_rejected], (unsigned long long)sum);
}

static void write_durations(struct buf *to, struct str labels, const struct webhook_series *series)
{
	for (size_t i = 0; i < ARRAY_COUNT(series->durations); i++)
		write_duration(to, labels, series, i);
}

static void write_requests(struct buf *to, struct str labels, const struct webhook_series *series)
{
	for (size_t i = 0; i < METRICS_OUTCOMES_MAX && series->outcomes[i].count; i++)
		buf_printf(to,
			   "apiserver_admission_webhook_request_total{" STR_FMT
			   ",code=\"%d\",rejected=\"%s\"} %llu\n",
			   STR_ARG(labels), series->outcomes[i].code,
			   rejected_names[series->outcomes[i].error_type != NULL],
			   (unsigned long long)series->outcomes[i].count);
}

static void write_rejections(struct buf *to, struct str labels, const struct webhook_series *series)
{
	for (size_t i = 0; i < METRICS_OUTCOMES_MAX && series->outcomes[i].count; i++)
		if (series->outcomes[i].error_type)
			buf_printf(to,
				   "apiserver_admission_webhook_rejection_count{" STR_FMT
				   ",error_type=\"%s\",rejection_code=\"%d\"} %llu\n",
				   STR_ARG(labels), series->outcomes[i].error_type,
				   series->outcomes[i].code,
				   (unsigned long long)series->outcomes[i].count);
}

void metrics_write_webhooks(const struct metrics *metrics, struct buf *to)
{
	static const struct {
		const char *name, *type, *help;
		void (*write)(struct buf *to, struct str labels,
			      const struct webhook_series *series);
	} rows[] = {
		{ DURATION, "histogram",
		  "Admission webhook latency histogram in seconds, identified by name and broken "
		  "out "
		  "for each operation and API resource and type (validate or admit).",
		  write_durations },
		{ "apiserver_admission_webhook_request_total", "counter",
		  "Admission webhook request total, identified by name and broken out for each "
		  "admission type (validating or mutating) and operation. Additional labels "
		  "specify "
		  "whether the request was rejected or not and an HTTP status code.",
		  write_requests },
		{ "apiserver_admission_webhook_rejection_count", "counter",
		  "Admission webhook rejection count, identified by name and broken out for each "
		  "admission type (validating or admit) and operation. Additional labels specify "
		  "an "
		  "error type and optionally a non-zero rejection code.",
		  write_rejections },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		size_t cursor = 0;
		struct str labels;
		void *value;

		metrics_head(to, rows[i].name, rows[i].type, rows[i].help);
		while (map_next(&metrics->webhooks, &cursor, &labels, &value))
			rows[i].write(to, labels, value);
	}
	metrics_head(
		to, "apiserver_admission_webhook_fail_open_count", "counter",
		"Admission webhook fail open count, identified by name and broken out for each "
		"admission type (validating or mutating).");
	metrics_write_numbers(&metrics->webhook_failures,
			      "apiserver_admission_webhook_fail_open_count", to);
}
