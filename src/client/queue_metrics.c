/* SPDX-License-Identifier: Apache-2.0 */
/* What queues counted, as kube-controller-manager tells it. */
#include "base/buf.h"
#include "client/queue.h"

static uint64_t depth(const struct queue *queue)
{
	return queue_depth(queue);
}

static uint64_t adds(const struct queue *queue)
{
	return queue->counts.adds;
}

static uint64_t retries(const struct queue *queue)
{
	return queue->counts.retries;
}

static const struct {
	const char *name, *type, *help;
	uint64_t (*value)(const struct queue *queue);
} numbers[] = {
	{ "workqueue_depth", "gauge", "Current depth of workqueue", depth },
	{ "workqueue_adds_total", "counter", "Total number of adds handled by workqueue", adds },
	{ "workqueue_retries_total", "counter", "Total number of retries handled by workqueue",
	  retries },
};

static const struct queue_times *waiting(const struct queue *queue)
{
	return &queue->counts.waiting;
}

static const struct queue_times *working(const struct queue *queue)
{
	return &queue->counts.working;
}

static const struct {
	const char *name, *help;
	const struct queue_times *(*times)(const struct queue *queue);
} histograms[] = {
	{ "workqueue_queue_duration_seconds",
	  "How long in seconds an item stays in workqueue before being requested.", waiting },
	{ "workqueue_work_duration_seconds",
	  "How long in seconds processing an item from workqueue takes.", working },
};

static void write_times(const char *metric, const struct queue *queue,
			const struct queue_times *times, struct buf *to)
{
	double bound_seconds = 1e-8;
	uint64_t sum = 0;

	for (size_t i = 0; i <= QUEUE_TIME_BUCKETS; i++, bound_seconds *= 10) {
		sum += times->buckets[i];
		buf_printf(to, "%s_bucket{name=\"%s\",le=\"", metric, queue->name);
		if (i < QUEUE_TIME_BUCKETS)
			buf_printf(to, "%g\"} %llu\n", bound_seconds, (unsigned long long)sum);
		else
			buf_printf(to, "+Inf\"} %llu\n", (unsigned long long)sum);
	}
	buf_printf(to, "%s_sum{name=\"%s\"} %.9g\n%s_count{name=\"%s\"} %llu\n", metric,
		   queue->name, times->sum_seconds, metric, queue->name, (unsigned long long)sum);
}

void queues_write_metrics(const struct queue *(*next)(void *arg, size_t *cursor), void *arg,
			  struct buf *to)
{
	const struct queue *queue;
	size_t cursor;

	for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
		buf_printf(to, "# HELP %s %s\n# TYPE %s %s\n", numbers[i].name, numbers[i].help,
			   numbers[i].name, numbers[i].type);
		for (cursor = 0; (queue = next(arg, &cursor));)
			buf_printf(to, "%s{name=\"%s\"} %llu\n", numbers[i].name, queue->name,
				   (unsigned long long)numbers[i].value(queue));
	}
	for (size_t i = 0; i < ARRAY_COUNT(histograms); i++) {
		buf_printf(to, "# HELP %s %s\n# TYPE %s histogram\n", histograms[i].name,
			   histograms[i].help, histograms[i].name);
		for (cursor = 0; (queue = next(arg, &cursor));)
			write_times(histograms[i].name, queue, histograms[i].times(queue), to);
	}
}
