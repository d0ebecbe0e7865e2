/* SPDX-License-Identifier: Apache-2.0 */
/* Reconnecting is a task of its own: a channel must not be freed by its own events. */
#include "store/etcd_link.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"

#define RETRY_FIRST_MS 50
#define RETRY_LAST_MS 2000
#define KEEPALIVE_MS 5000

static const struct {
	const char *path;
	const struct proto_message *request, *answer;
} methods[] = {
	[ETCD_METHOD_RANGE] = { "/etcdserverpb.KV/Range", &etcd_range_message,
				&etcd_range_answer_message },
	[ETCD_METHOD_TXN] = { "/etcdserverpb.KV/Txn", &etcd_txn_message, &etcd_txn_answer_message },
	[ETCD_METHOD_COMPACT] = { "/etcdserverpb.KV/Compact", &etcd_compaction_message,
				  &etcd_answer_message },
	[ETCD_METHOD_LEASE_GRANT] = { "/etcdserverpb.Lease/LeaseGrant", &etcd_lease_grant_message,
				      &etcd_lease_answer_message },
};

static void on_ready(void *arg)
{
	struct etcd_link *link = arg;

	link->is_up = true;
	link->on_up(link);
}

static void on_closed(void *arg, const struct err *err)
{
	struct etcd_link *link = arg;
	int64_t delay_ms = 0;

	if (link->failure_count == 0)
		log_warn("etcd", "no connection: %s", err->msg);
	link->why = *err;
	link->is_up = false;
	link->endpoint_index = (link->endpoint_index + 1) % link->endpoint_count;
	/* All endpoints are tried once before the first pause. */
	if (++link->failure_count >= link->endpoint_count) {
		size_t rounds = NUM_MIN(link->failure_count / link->endpoint_count, (size_t)8);

		delay_ms = NUM_MIN((int64_t)RETRY_FIRST_MS << rounds, (int64_t)RETRY_LAST_MS);
		delay_ms += (int64_t)env_random_below(link->env, (uint64_t)delay_ms / 4 + 1);
	}
	if (delay_ms)
		timer_start(&link->retry, delay_ms);
	else
		env_defer(link->env, &link->reconnect);
	link->on_down(link);
}

static const struct grpc_channel_events channel_events = { .on_ready = on_ready,
							   .on_closed = on_closed };

static void connect_now(struct etcd_link *link)
{
	const struct store_etcd_endpoint *endpoint = &link->endpoints[link->endpoint_index];
	struct grpc_channel_options options = {
		.env = link->env,
		.tls = endpoint->is_tls ? link->tls : NULL,
		.host = endpoint->host,
		.port = endpoint->port,
		.keepalive_ms = KEEPALIVE_MS,
	};

	grpc_channel_free(link->channel);
	link->channel = grpc_channel_new(&options, &channel_events, link);
}

static void on_reconnect(struct task *task)
{
	connect_now(CONTAINER_OF(task, struct etcd_link, reconnect));
}

static void on_retry(struct timer *timer)
{
	connect_now(CONTAINER_OF(timer, struct etcd_link, retry));
}

void etcd_link_answered(struct etcd_link *link)
{
	if (link->failure_count)
		log_info("etcd", "connected to %.*s:%u",
			 STR_ARG(link->endpoints[link->endpoint_index].host),
			 link->endpoints[link->endpoint_index].port);
	link->failure_count = 0;
}

void etcd_link_init(struct etcd_link *link, struct env *env,
		    const struct store_etcd_options *options)
{
	link->env = env;
	link->tls = options->tls;
	link->endpoint_count = options->endpoint_count;
	link->endpoints = mem_calloc(options->endpoint_count, sizeof(*link->endpoints));
	for (size_t i = 0; i < options->endpoint_count; i++) {
		link->endpoints[i] = options->endpoints[i];
		link->endpoints[i].host = str_dup(options->endpoints[i].host);
	}
	timer_init(&link->retry, env, on_retry);
	task_init(&link->reconnect, on_reconnect);
}

void etcd_link_start(struct etcd_link *link)
{
	env_defer(link->env, &link->reconnect);
}

void etcd_link_deinit(struct etcd_link *link)
{
	timer_stop(&link->retry);
	env_cancel(link->env, &link->reconnect);
	grpc_channel_free(link->channel);
	for (size_t i = 0; i < link->endpoint_count; i++)
		mem_free((void *)link->endpoints[i].host.ptr);
	mem_free(link->endpoints);
}

/* --- calls --- */

static void on_message(void *arg, struct grpc_call *grpc, struct str message)
{
	struct etcd_call *call = arg;
	const struct proto_message *type = methods[call->method].answer;
	struct str kept;

	if (call->answer) { /* one is what was asked for, and more would be kept without end */
		call->is_damaged = true;
		return;
	}
	kept = str_in(&call->arena, message); /* values are borrowed from the message, which goes */
	call->answer = arena_alloc(&call->arena, type->size_bytes);
	call->is_damaged = proto_decode(type, kept, &call->arena, call->answer, NULL) < 0;
}

static void on_end(void *arg, struct grpc_call *grpc, const struct grpc_status *status)
{
	struct etcd_call *call = arg;
	struct arena arena = call->arena;
	struct grpc_status damaged;

	call->grpc = NULL;
	if (status->code == GRPC_OK && (!call->answer || call->is_damaged)) {
		grpc_status_set(&damaged, GRPC_INTERNAL, "the answer is damaged");
		status = &damaged;
	}
	call->done(call, status->code == GRPC_OK ? call->answer : NULL, status);
	arena_deinit(&arena);
}

static const struct grpc_call_events call_events = { .on_message = on_message, .on_end = on_end };

void etcd_link_call(struct etcd_link *link, struct etcd_call *call, enum etcd_method method,
		    const void *request, int64_t deadline_ms)
{
	AUTO_BUF frame = { 0 };
	size_t begin;

	ASSERT(link->is_up);
	buf_init(&frame, GRPC_MESSAGE_BYTES_MAX);
	begin = grpc_frame_begin(&frame);
	proto_encode(methods[method].request, request, &frame);
	grpc_frame_end(&frame, begin);
	call->method = method;
	call->answer = NULL;
	call->is_damaged = false;
	arena_init(&call->arena, (size_t)GRPC_MESSAGE_BYTES_MAX * 4);
	call->grpc = grpc_call_new(link->channel, methods[method].path, deadline_ms, &call_events,
				   call);
	grpc_call_send(call->grpc, buf_str(&frame), true);
}

void etcd_call_drop(struct etcd_call *call)
{
	if (!call->grpc)
		return;
	grpc_call_cancel(call->grpc);
	call->grpc = NULL;
	arena_deinit(&call->arena);
}

bool etcd_status_is_passing(const struct grpc_status *status)
{
	switch (status->code) {
	case GRPC_RESOURCE_EXHAUSTED: /* "too many requests", but not "database space exceeded" */
		return strstr(status->message, "too many requests") != NULL;
	case GRPC_UNAVAILABLE:
	case GRPC_DEADLINE_EXCEEDED:
	case GRPC_CANCELLED:
	case GRPC_UNKNOWN:
	case GRPC_INTERNAL:
	case GRPC_ABORTED:
		return true;
	default:
		return false;
	}
}

int etcd_status_err(const struct grpc_status *status, struct err *err)
{
	static const struct {
		int grpc;
		enum err_code code;
	} codes[] = {
		{ GRPC_RESOURCE_EXHAUSTED, ERR_NO_SPACE },
		{ GRPC_DEADLINE_EXCEEDED, ERR_TIMEOUT },
		{ GRPC_UNAVAILABLE, ERR_UNAVAILABLE },
		{ GRPC_OUT_OF_RANGE, ERR_GONE },
	};

	if (status->code == GRPC_INVALID_ARGUMENT && strstr(status->message, "too large"))
		return err_set(err, ERR_TOO_LARGE, "etcd: %s", status->message);
	for (size_t i = 0; i < ARRAY_COUNT(codes); i++)
		if (codes[i].grpc == status->code)
			return err_set(err, codes[i].code, "etcd: %s", status->message);
	return err_set(err, ERR_INTERNAL, "etcd: %s (code %d)", status->message, status->code);
}
