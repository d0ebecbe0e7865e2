/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client for threads that may wait: a loop and a client of their own, run until the one call is
 * over. Only http_fetcher_cancel may be called from another thread.
 */
#include <stdatomic.h>
#include "base/mem.h"
#include "loop/loop.h"
#include "net/http_client.h"

struct http_fetcher {
	struct loop *loop;
	struct http_client *client;
	atomic_bool cancelled;
	/* of the running fetch */
	const struct http_fetch_options *options;
	struct http_fetch_result *result;
	struct http_call *call;
	struct buf body;
	struct err err;
	bool failed, done;
};

static void finish(struct http_fetcher *f, bool failed)
{
	f->failed |= failed;
	f->done = true;
	loop_stop(f->loop);
}

static void on_headers(void *arg, struct http_call *call, const struct http_reply *reply)
{
	struct http_fetcher *f = arg;
	struct arena *arena = f->options->arena;
	struct http_headers *to = &f->result->headers;

	f->result->status = reply->status;
	f->result->url = str_in(arena, reply->url);
	to->count = reply->headers.count;
	to->list = arena_array(arena, to->count + 1, sizeof(*to->list));
	for (size_t i = 0; i < to->count; i++) {
		to->list[i].name = str_in(arena, reply->headers.list[i].name);
		to->list[i].value = str_in(arena, reply->headers.list[i].value);
	}
	if (f->options->on_headers && f->options->on_headers(f->options->arg, reply, &f->err) < 0) {
		http_call_pause(call);
		finish(f, true);
	}
}

static void on_body(void *arg, struct http_call *call, struct str bytes)
{
	struct http_fetcher *f = arg;

	if (f->done)
		return;
	if (f->options->on_body) {
		if (f->options->on_body(f->options->arg, bytes, &f->err) == 0)
			return;
	} else {
		buf_put_str(&f->body, bytes);
		if (buf_check(&f->body, "answer", &f->err) == 0)
			return;
	}
	http_call_pause(call);
	finish(f, true);
}

static void on_end(void *arg, struct http_call *call, const struct err *err)
{
	struct http_fetcher *f = arg;

	f->call = NULL;
	if (err && !f->failed)
		f->err = *err;
	finish(f, err != NULL);
}

static const struct http_call_events events = { .on_headers = on_headers, .on_body = on_body, .on_end = on_end };

struct http_fetcher *http_fetcher_new(const struct http_client_options *options)
{
	struct http_fetcher *f = NEW(struct http_fetcher);
	struct http_client_options own = *options;

	f->loop = loop_new();
	own.env = loop_env(f->loop);
	own.resolve_inline = true;
	f->client = http_client_new(&own);
	atomic_init(&f->cancelled, false);
	return f;
}

void http_fetcher_free(struct http_fetcher *f)
{
	if (!f)
		return;
	http_client_free(f->client);
	loop_free(f->loop);
	mem_free(f);
}

int http_fetch(struct http_fetcher *f, const struct http_request *request, const struct http_fetch_options *options,
	       struct http_fetch_result *ret, struct err *err)
{
	struct http_fetch_result result = { 0 };

	if (atomic_load(&f->cancelled))
		return err_set(err, ERR_CANCELLED, "cancelled");
	f->options = options;
	f->result = &result;
	f->failed = f->done = false;
	buf_init(&f->body, options->body_bytes_max);
	f->call = http_client_start(f->client, request, &events, f);
	while (!f->done && !atomic_load(&f->cancelled))
		loop_run(f->loop);
	if (f->call)
		http_call_cancel(f->call);
	f->call = NULL;
	result.body = str_in(options->arena, buf_str(&f->body));
	buf_deinit(&f->body);
	if (!f->done)
		return err_set(err, ERR_CANCELLED, "cancelled");
	if (f->failed) {
		if (err)
			*err = f->err;
		return -1;
	}
	*ret = result;
	return 0;
}

void http_fetcher_cancel(struct http_fetcher *f)
{
	atomic_store(&f->cancelled, true);
	loop_stop(f->loop);
}
