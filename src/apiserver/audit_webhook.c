/* SPDX-License-Identifier: Apache-2.0 */
/* Events in batches to a server outside, as audit.k8s.io/v1 EventLists; one batch is under way at a
 * time, and is tried again until it is taken or given up. */
#include "apiserver/audit_storing.h"
#include "apiserver/limits.h"
#include "apiserver/metrics.h"
#include "apiserver/registry.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rate.h"
#include "base/time.h"
#include "loop/env.h"

struct audit_webhook {
	struct registry *registry;
	struct arena arena; /* of target and token */
	struct webhook_target target;
	struct str bearer_token;
	int64_t wait_ms, retry_ms;
	size_t batch_max, batch_bytes_max, queue_max;
	struct buf waiting, sending; /* events, a line each; the whole list */
	size_t waiting_count, sending_count;
	struct timer timer;
	struct webhook_call *call;
	int tries;
	uint64_t lost, taken_number, number; /* of the last event on its way, and of the last one */
	struct list parts;		     /* of events that somebody waits for */
	struct rate batches;
};

static void send_batch(struct audit_webhook *w);
static void schedule(struct audit_webhook *w);

static void on_sent(void *arg, const struct webhook_answer *answer, const struct err *err)
{
	struct audit_webhook *w = arg;
	bool is_taken = !err && answer->status >= 200 && answer->status < 300;

	w->call = NULL;
	if (!is_taken && w->tries < AUDIT_TRIES_MAX) {
		timer_start(&w->timer, w->retry_ms * w->tries);
		return;
	}
	if (!is_taken) {
		w->registry->metrics->asking.audit_webhook_failures += w->sending_count;
		log_error("apiserver", "audit webhook: a batch was given up: %s",
			  err ? err->msg : "it was refused");
	}
	buf_reset(&w->sending);
	w->tries = 0;
	audit_parts_done(&w->parts, w->taken_number, is_taken);
	if (!w->call && w->waiting_count)
		schedule(w);
}

/* Events wait, and nothing is under way. */
static void schedule(struct audit_webhook *w)
{
	if (!w->wait_ms || w->waiting_count >= w->batch_max)
		send_batch(w);
	else
		timer_start(&w->timer, w->wait_ms);
}

/* As many as one request may have. */
static void take_batch(struct audit_webhook *w)
{
	struct str rest = buf_str(&w->waiting), event;
	size_t count = 0, bytes = 0;

	buf_put_c(&w->sending, "{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\","
			       "\"metadata\":{},\"items\":[");
	while (count < w->batch_max && str_cut(rest, '\n', &event, &rest)) {
		if (count && bytes + event.len > w->batch_bytes_max)
			break;
		if (count)
			buf_put_char(&w->sending, ',');
		buf_put_str(&w->sending, event);
		bytes += event.len;
		count++;
	}
	buf_put_c(&w->sending, "]}");
	w->waiting_count -= count;
	w->sending_count = count;
	w->taken_number = w->number - w->waiting_count;
	buf_consume(&w->waiting, bytes + count);
}

static void send_batch(struct audit_webhook *w)
{
	struct webhook_request request = { .target = &w->target, .bearer_token = w->bearer_token };

	int64_t pause_ns;

	timer_stop(&w->timer);
	if (!w->sending.len) {
		pause_ns = rate_take_ns(&w->batches, env_mono_ns(w->registry->env));
		if (pause_ns) {
			timer_start(&w->timer, pause_ns / TIME_NS_PER_MS + 1);
			return;
		}
		take_batch(w);
	}
	w->tries++;
	request.body = buf_str(&w->sending);
	w->call = webhook_client_start(w->registry->webhooks, &request, on_sent, w);
}

static void on_timer(struct timer *timer)
{
	struct audit_webhook *w = CONTAINER_OF(timer, struct audit_webhook, timer);

	if (!w->call)
		send_batch(w);
}

struct audit_webhook *audit_webhook_new(struct registry *registry,
					const struct audit_options *options)
{
	struct audit_webhook *w = NEW(struct audit_webhook);
	const struct webhook_target *from = &options->webhook->target;

	w->registry = registry;
	arena_init(&w->arena, ARENA_DEFAULT_MAX);
	w->target = *from;
	w->target.url = str_in(&w->arena, from->url);
	w->target.ca_pem = str_in(&w->arena, from->ca_pem);
	w->target.certificate_pem = str_in(&w->arena, from->certificate_pem);
	w->target.key_pem = str_in(&w->arena, from->key_pem);
	w->target.server_name = str_in(&w->arena, from->server_name);
	w->bearer_token = str_in(&w->arena, options->webhook->bearer_token);
	w->wait_ms = options->webhook_mode == AUDIT_BATCH ? options->batch_wait_ms : 0;
	list_init(&w->parts);
	w->retry_ms = options->retry_ms;
	rate_init(&w->batches,
		  options->webhook_mode == AUDIT_BATCH ? options->batches_per_second : 0,
		  (int64_t)options->batch_burst, env_mono_ns(registry->env));
	w->batch_max = options->batch_max;
	w->queue_max = options->queue_max;
	w->batch_bytes_max = options->webhook_truncation.is_on
				     ? options->webhook_truncation.batch_bytes_max
				     : AUDIT_QUEUE_BYTES_MAX;
	buf_init(&w->waiting, AUDIT_QUEUE_BYTES_MAX);
	buf_init(&w->sending, AUDIT_QUEUE_BYTES_MAX + 1024);
	timer_init(&w->timer, registry->env, on_timer);
	return w;
}

void audit_webhook_free(struct audit_webhook *w)
{
	if (!w)
		return;
	timer_stop(&w->timer);
	webhook_call_cancel(w->call);
	audit_parts_done(&w->parts, UINT64_MAX, false);
	buf_deinit(&w->waiting);
	buf_deinit(&w->sending);
	arena_deinit(&w->arena);
	mem_free(w);
}

void audit_webhook_put(struct audit_webhook *w, struct str event, struct audit_part *part)
{
	if (w->waiting.len + event.len + 1 > AUDIT_QUEUE_BYTES_MAX ||
	    w->waiting_count >= w->queue_max) {
		if (w->lost++ % AUDIT_LOST_REPORT == 0)
			log_error("apiserver", "audit webhook: it is too slow; %llu events lost",
				  (unsigned long long)w->lost);
		w->registry->metrics->asking.audit_webhook_failures++;
		audit_part_done(part, false);
		return;
	}
	buf_put_str(&w->waiting, event);
	buf_put_char(&w->waiting, '\n');
	w->waiting_count++;
	w->number++;
	if (part) {
		part->number = w->number;
		list_push_back(&w->parts, &part->link);
	}
	if (w->call || w->sending.len)
		return;
	if (!timer_is_running(&w->timer) || w->waiting_count == w->batch_max)
		schedule(w);
}
