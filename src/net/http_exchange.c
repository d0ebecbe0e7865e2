/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exchange as its handler sees it, above both versions of HTTP. The rule that keeps it alive:
 * held is true from the first callback until the handler lets go; whoever finds neither held nor a
 * connection frees it.
 */
#include <stdio.h>
#include "base/assert.h"
#include "base/mem.h"
#include "base/num.h"
#include "net/http_internal.h"
#include "net/limits.h"

struct exchange *exchange_new(struct server_conn *sc)
{
	struct http_server *s = sc->server;
	struct list *spare = list_pop_front(&s->spares);
	struct exchange *ex;

	if (spare) {
		struct arena arena;

		ex = LIST_ENTRY(spare, struct exchange, link);
		s->spare_count--;
		arena = ex->x.arena;
		*ex = (struct exchange){ .x.arena = arena };
	} else {
		ex = NEW(struct exchange);
		arena_init(&ex->x.arena, HTTP_EXCHANGE_BYTES_MAX);
	}
	list_init(&ex->link);
	list_init(&ex->holds);
	ex->server = s;
	ex->sc = sc;
	ex->x.peer = &sc->peer;
	ex->body_bytes_max = s->limits.body_bytes_max;
	return ex;
}

static void release_source(struct exchange *ex)
{
	if (ex->has_source && ex->source.release)
		ex->source.release(ex->source.arg);
	ex->has_source = false;
}

void exchange_free(struct exchange *ex)
{
	struct http_server *s = ex->server;
	struct list *hold;

	while ((hold = list_pop_front(&ex->holds)))
		LIST_ENTRY(hold, struct http_hold, link)->stream = NULL;
	release_source(ex);
	if (ex->x.let_go)
		ex->x.let_go(&ex->x);
	ex->x.let_go = NULL;
	list_remove(&ex->link);
	piece_queue_clear(&ex->out);
	if (ex->body.ptr)
		buf_deinit(&ex->body);
	if (s->spare_count >= EXCHANGE_SPARE_MAX) {
		arena_deinit(&ex->x.arena);
		mem_free(ex);
		return;
	}
	arena_reset(&ex->x.arena);
	list_push_front(&s->spares, &ex->link);
	s->spare_count++;
}

/* --- what arrives --- */

void exchange_head_done(struct exchange *ex)
{
	const struct http_handlers *handlers = ex->server->options.handlers;

	if (!handlers->on_headers)
		return;
	handlers->on_headers(ex->server->options.arg, &ex->x);
}

bool exchange_body(struct exchange *ex, struct str bytes)
{
	if (ex->ended || ex->closed || ex->body_refused)
		return true; /* nobody wants it any more */
	if (ex->stream_body) {
		if (ex->events && ex->events->on_body)
			ex->events->on_body(ex->arg, &ex->x, bytes, false);
		return true;
	}
	if (bytes.len > ex->body_bytes_max - NUM_MIN(ex->body_bytes, ex->body_bytes_max))
		return false;
	if (ex->body_fixed) {
		memcpy(ex->body_fixed + ex->body_bytes, bytes.ptr, bytes.len);
	} else {
		if (!ex->body.ptr)
			buf_init(&ex->body, ex->body_bytes_max);
		buf_put_str(&ex->body, bytes);
	}
	ex->body_bytes += bytes.len;
	return true;
}

void exchange_ask(struct exchange *ex)
{
	ex->asked = true;
	ex->held = true;
	ex->server->options.handlers->on_request(ex->server->options.arg, &ex->x);
}

void exchange_body_done(struct exchange *ex)
{
	ex->body_done = true;
	if (ex->ended || ex->closed)
		return;
	if (ex->stream_body) {
		if (ex->events && ex->events->on_body)
			ex->events->on_body(ex->arg, &ex->x, STR_NONE, true);
		return;
	}
	if (ex->asked)
		return;
	if (ex->body_fixed)
		ex->x.body = str_sub(ex->body_fixed, ex->body_bytes);
	else if (ex->body.ptr)
		ex->x.body = buf_str(&ex->body);
	exchange_ask(ex);
}

void exchange_too_large(struct exchange *ex)
{
	const struct http_handlers *handlers = ex->server->options.handlers;

	ex->body_refused = true;
	ex->keep_alive = false;
	if (ex->ended || ex->closed || ex->asked)
		return;
	ex->asked = true;
	if (!handlers->on_body_too_large) {
		exchange_answer(ex, 413);
		return;
	}
	ex->held = true;
	handlers->on_body_too_large(ex->server->options.arg, &ex->x);
}

void exchange_peer_gone(struct exchange *ex)
{
	ASSERT(!ex->closed);
	ex->closed = true;
	ex->sc = NULL;
	piece_queue_clear(&ex->out);
	release_source(ex);
	if (!ex->held) {
		exchange_free(ex);
		return;
	}
	ex->closed_told = true;
	if (ex->events && ex->events->on_closed)
		ex->events->on_closed(ex->arg, &ex->x);
}

void exchange_drained(struct exchange *ex)
{
	if (ex->held && ex->started && !ex->ended && ex->events && ex->events->on_drained)
		ex->events->on_drained(ex->arg, &ex->x);
}

int exchange_pull(struct exchange *ex, struct http_piece *to, size_t max)
{
	int count = ex->source.fill(ex->source.arg, to, max);

	ASSERT(count <= (int)max);
	for (int i = 0; ex->length_known && i < count; i++) {
		if (to[i].bytes.len > ex->source_left_bytes)
			return -1; /* longer than promised: the peer would take the rest for another response */
		ex->source_left_bytes -= to[i].bytes.len;
	}
	return count == 0 && ex->length_known && ex->source_left_bytes > 0 ? -1 : count;
}

void exchange_answer(struct exchange *ex, int status)
{
	struct str text = str_printf_in(&ex->x.arena, "%d %s%s%s", status, http_status_text(status),
					ex->refused_why ? ": " : "", ex->refused_why ? ex->refused_why : "");

	http_respond_bytes(&ex->x, status, STR("text/plain; charset=utf-8"), text);
}

/* --- request --- */

void http_set_body_max(struct http_exchange *x, size_t body_bytes_max)
{
	exchange_of(x)->body_bytes_max = body_bytes_max;
}

void http_stream_body(struct http_exchange *x)
{
	exchange_of(x)->stream_body = true;
}

void http_body_pause(struct http_exchange *x)
{
	struct exchange *ex = exchange_of(x);

	ex->body_paused = true;
	if (ex->sc && ex->sc->protocol->body_paused)
		ex->sc->protocol->body_paused(ex);
}

void http_body_resume(struct http_exchange *x)
{
	struct exchange *ex = exchange_of(x);

	if (!ex->body_paused)
		return;
	ex->body_paused = false;
	if (ex->sc)
		ex->sc->protocol->body_resumed(ex);
}

void http_set_events(struct http_exchange *x, const struct http_exchange_events *events, void *arg)
{
	exchange_of(x)->events = events;
	exchange_of(x)->arg = arg;
}

/* --- response --- */

void http_add_header(struct http_exchange *x, struct str name, struct str value)
{
	struct http_headers *added = &x->added;

	if (!added->list)
		added->list = arena_array(&x->arena, HTTP_ADDED_HEADERS_MAX, sizeof(added->list[0]));
	ASSERT(added->count < HTTP_ADDED_HEADERS_MAX);
	added->list[added->count++] = HTTP_HEADER(name, value);
}

void http_hold(struct http_exchange *x, struct http_hold *hold)
{
	struct exchange *ex = exchange_of(x);

	*hold = (struct http_hold){ 0 };
	if (!ex->sc || !ex->sc->conn)
		return;
	if (!ex->sc->protocol->released) {
		conn_hold(ex->sc->conn, &hold->conn);
		return;
	}
	hold->stream = x;
	list_push_back(&ex->holds, &hold->link);
}

void http_release(struct http_hold *hold)
{
	struct exchange *ex = hold->stream ? exchange_of(hold->stream) : NULL;

	conn_release(&hold->conn);
	if (!ex)
		return;
	hold->stream = NULL;
	list_remove(&hold->link);
	if (list_is_empty(&ex->holds) && ex->sc && !ex->closed)
		ex->sc->protocol->released(ex);
}

static bool has_no_body(const struct exchange *ex, int status)
{
	return ex->x.method == HTTP_HEAD || status == 204 || status == 304;
}

static void begin(struct exchange *ex, int status, const struct http_headers *headers, int64_t length_bytes)
{
	ASSERT(!ex->started && status >= 200 && status <= 999);
	ex->held = true;
	ex->started = true;
	ex->asked = true;
	ex->status = status;
	ex->no_body = has_no_body(ex, status);
	ex->length_known = length_bytes >= 0;
	if (ex->sc && ex->messages && status == 200)
		ex->sc->protocol = &http_messages_protocol;
	if (ex->sc)
		ex->sc->protocol->start(ex, &(struct response_head){ status, headers, length_bytes });
}

/* The handler lets go. */
static void end(struct exchange *ex)
{
	ex->held = false;
	ex->ended = true;
	if (ex->sc)
		ex->sc->protocol->finish(ex);
	else
		exchange_free(ex);
}

void http_respond(struct http_exchange *x, int status, const struct http_headers *headers,
		  const struct http_piece *pieces, size_t piece_count)
{
	struct exchange *ex = exchange_of(x);
	int64_t length = 0;

	for (size_t i = 0; i < piece_count; i++)
		length += (int64_t)pieces[i].bytes.len;
	begin(ex, status, headers, length);
	if (ex->sc && !ex->no_body)
		ex->sc->protocol->send(ex, pieces, piece_count, false);
	end(ex);
}

void http_respond_source(struct http_exchange *x, int status, const struct http_headers *headers,
			 const struct http_source *source)
{
	struct exchange *ex = exchange_of(x);

	begin(ex, status, headers, source->length_bytes);
	ex->source = *source;
	ex->source_left_bytes = source->length_bytes < 0 ? 0 : (uint64_t)source->length_bytes;
	ex->has_source = true;
	if (ex->no_body)
		release_source(ex);
	end(ex);
}

void http_respond_bytes(struct http_exchange *x, int status, struct str content_type, struct str bytes)
{
	struct http_header type = HTTP_HEADER(STR("Content-Type"), content_type);
	struct http_headers headers = { &type, 1 };

	http_respond(x, status, &headers, &HTTP_BYTES(bytes), 1);
}

void http_start(struct http_exchange *x, int status, const struct http_headers *headers)
{
	begin(exchange_of(x), status, headers, -1);
}

void http_send(struct http_exchange *x, const struct http_piece *pieces, size_t piece_count)
{
	struct exchange *ex = exchange_of(x);

	ASSERT(ex->started && !ex->ended);
	if (ex->sc && !ex->no_body)
		ex->sc->protocol->send(ex, pieces, piece_count, true);
}

void http_send_chunk(struct http_exchange *x, const struct http_chunk *chunk)
{
	struct exchange *ex = exchange_of(x);
	struct http_piece body = { chunk->body, chunk->framed };

	if (ex->sc && ex->sc->protocol->send_chunk && !ex->no_body) {
		ASSERT(ex->started && !ex->ended);
		ex->sc->protocol->send_chunk(ex, chunk);
	} else {
		http_send(x, &body, 1);
	}
}

size_t http_queued_bytes(const struct http_exchange *x)
{
	const struct exchange *ex = exchange_of(x);

	return ex->sc ? ex->sc->protocol->queued(ex) : 0;
}

bool http_is_closed(const struct http_exchange *x)
{
	return exchange_of(x)->closed;
}

bool http_is_started(const struct http_exchange *x)
{
	return exchange_of(x)->started;
}

void http_end(struct http_exchange *x)
{
	ASSERT(exchange_of(x)->started);
	end(exchange_of(x));
}

void http_end_with(struct http_exchange *x, const struct http_headers *trailers)
{
	struct http_headers *kept = &exchange_of(x)->trailers;

	kept->list = arena_array(&x->arena, trailers->count, sizeof(*kept->list));
	for (size_t i = 0; i < trailers->count; i++)
		kept->list[i] = HTTP_HEADER(str_in(&x->arena, trailers->list[i].name),
					    str_in(&x->arena, trailers->list[i].value));
	kept->count = trailers->count;
	http_end(x);
}

void http_abort(struct http_exchange *x)
{
	struct exchange *ex = exchange_of(x);

	ex->held = false;
	ex->ended = true;
	ex->aborted = true;
	ex->asked = true;
	if (ex->sc)
		ex->sc->protocol->abort(ex);
	else
		exchange_free(ex);
}
