/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/2 on a server connection, by nghttp2. Callbacks of nghttp2 run handlers, which submit;
 * frames are only ever produced by flush(), outside of them, so the session is never re-entered.
 * Bytes of bodies stay in the exchange's queue until the peer's window and the socket take them.
 */
#include <nghttp2/nghttp2.h>
#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/time.h"
#include "net/http_internal.h"

#define FLUSH_BYTES (64u << 10)  /* frames collected for one write */
#define CONN_HIGH_BYTES (64u << 10) /* no more frames while this waits for the kernel */
#define WINDOW_BYTES (1 << 20)
#define RESPONSE_HEADERS_MAX 128
#define FIXED_BODY_BYTES (64u << 10)

struct http2 {
	nghttp2_session *session;
	struct server_conn *sc;
	struct list exchanges;
	struct list dirty_link;
	uint64_t body_sent_bytes; /* of all streams */
	uint64_t stall_mark;      /* the same when the wait for more began */
	int64_t window_start_ns;
	uint32_t resets, controls;
	bool in_session, ending;
};

static void flush(struct http2 *h2);

static void mark_dirty(struct http2 *h2)
{
	struct http_server *s = h2->sc->server;

	if (h2->in_session || list_is_linked(&h2->dirty_link))
		return;
	list_push_back(&s->h2_dirty, &h2->dirty_link);
	env_defer(s->env, &s->h2_task);
}

static void run_dirty(struct task *task)
{
	struct http_server *s = CONTAINER_OF(task, struct http_server, h2_task);
	struct list *node;

	while ((node = list_pop_front(&s->h2_dirty)))
		flush(LIST_ENTRY(node, struct http2, dirty_link));
}

/* --- floods --- */

static bool is_flood(struct http2 *h2, uint32_t *counter, uint32_t max)
{
	int64_t now_ns = env_mono_ns(h2->sc->server->env);

	if (now_ns - h2->window_start_ns > HTTP2_FLOOD_WINDOW_MS * TIME_NS_PER_MS) {
		h2->window_start_ns = now_ns;
		h2->resets = h2->controls = 0;
	}
	return ++*counter > max;
}

static int calm_down(struct http2 *h2)
{
	log_debug("http", "%s: too many control frames", h2->sc->peer.text);
	nghttp2_session_terminate_session(h2->session, NGHTTP2_ENHANCE_YOUR_CALM);
	h2->ending = true;
	return 0;
}

/* --- receiving --- */

static struct exchange *exchange_at(nghttp2_session *session, int32_t stream_id)
{
	return nghttp2_session_get_stream_user_data(session, stream_id);
}

/* Answers are held back by windows that the peer keeps shut. */
static void watch_stall(struct http2 *h2)
{
	if (h2->sc->deadline_kind == DEADLINE_STALL)
		return;
	h2->stall_mark = h2->body_sent_bytes;
	server_conn_deadline(h2->sc, DEADLINE_STALL);
}

static void set_deadline(struct http2 *h2)
{
	struct server_conn *sc = h2->sc;
	bool waits = false, is_stalled = false;

	if (!sc->conn)
		return;
	LIST_FOR_EACH (node, &h2->exchanges) {
		struct exchange *ex = LIST_ENTRY(node, struct exchange, link);

		waits |= !ex->body_done && !ex->body_paused && !ex->ended && !ex->stream_body;
		is_stalled |= ex->ended && (ex->out.bytes > 0 || exchange_is_pulling(ex));
	}
	if (list_is_empty(&h2->exchanges))
		server_conn_deadline(sc, DEADLINE_IDLE);
	else if (waits)
		server_conn_deadline(sc, DEADLINE_BODY);
	else if (conn_queued_bytes(sc->conn) > 0)
		server_conn_watch_sending(sc);
	else if (is_stalled)
		watch_stall(h2);
	else
		server_conn_deadline(sc, DEADLINE_NONE);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct http2 *h2 = arg;
	struct exchange *ex;

	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	ex = exchange_new(h2->sc);
	ex->x.version = 20;
	ex->stream_id = frame->hd.stream_id;
	list_push_back(&h2->exchanges, &ex->link);
	nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, ex);
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name_bytes, size_t name_len,
		     const uint8_t *value_bytes, size_t value_len, uint8_t flags, void *arg)
{
	struct exchange *ex = exchange_at(session, frame->hd.stream_id);
	struct str name = str_sub((const char *)name_bytes, name_len);
	struct str value;

	if (!ex || ex->asked || ex->ended)
		return 0; /* trailers are not used */
	ex->body_bytes += name_len + value_len + 32; /* counts the head until the body begins */
	if (ex->x.headers.count >= ex->server->limits.header_count_max ||
	    ex->body_bytes > ex->server->limits.head_bytes_max) {
		ex->body_refused = true; /* answered when the head is complete */
		return 0;
	}
	value = str_in(&ex->x.arena, str_sub((const char *)value_bytes, value_len));
	if (name_len > 0 && name.ptr[0] == ':') {
		if (str_eq(name, STR(":method")))
			ex->x.method_text = value;
		else if (str_eq(name, STR(":path")))
			ex->x.has_query = str_cut(value, '?', &ex->x.path, &ex->x.query);
		else if (str_eq(name, STR(":authority")))
			ex->x.host = value;
		return 0;
	}
	if (!ex->x.host.ptr && str_eq(name, STR("host")))
		ex->x.host = value;
	http_header_add(&ex->x.headers, &ex->x.arena, HTTP_HEADER(str_in(&ex->x.arena, name), value));
	return 0;
}

static void head_complete(struct exchange *ex, bool is_end)
{
	size_t head_bytes = ex->body_bytes;
	struct str length;
	uint64_t number;

	ex->body_bytes = 0;
	ex->body_done = is_end;
	ex->x.method = http_method_parse(ex->x.method_text);
	if (ex->body_refused) {
		log_debug("http", "%s: request head of %zu bytes refused", ex->x.peer->text, head_bytes);
		exchange_answer(ex, 431);
		return;
	}
	exchange_head_done(ex);
	if (ex->ended)
		return;
	length = http_header_get(&ex->x.headers, STR("content-length"));
	if (!ex->stream_body && length.ptr && num_parse_u64(length, UINT64_MAX, "", &number, NULL) == 0) {
		if (number > ex->body_bytes_max) {
			exchange_too_large(ex);
			return;
		}
		if (number > 0 && number <= FIXED_BODY_BYTES)
			ex->body_fixed = arena_alloc(&ex->x.arena, (size_t)number);
	}
	if (ex->stream_body)
		exchange_ask(ex);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct http2 *h2 = arg;
	struct exchange *ex;
	bool is_end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
		ex = exchange_at(session, frame->hd.stream_id);
		if (!ex)
			return 0;
		if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
			head_complete(ex, is_end);
		break;
	case NGHTTP2_DATA:
		if (frame->hd.length == 0 && !is_end && is_flood(h2, &h2->controls, HTTP2_CONTROLS_MAX))
			return calm_down(h2);
		break;
	case NGHTTP2_RST_STREAM:
		return is_flood(h2, &h2->resets, HTTP2_RESETS_MAX) ? calm_down(h2) : 0;
	case NGHTTP2_SETTINGS:
	case NGHTTP2_PING:
	case NGHTTP2_PRIORITY:
		return is_flood(h2, &h2->controls, HTTP2_CONTROLS_MAX) ? calm_down(h2) : 0;
	default:
		return 0;
	}
	/* Not ex from above: its handler may have ended it. */
	ex = exchange_at(session, frame->hd.stream_id);
	if (is_end && ex && !ex->closed)
		exchange_body_done(ex);
	return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *bytes, size_t len,
			 void *arg)
{
	struct exchange *ex = exchange_at(session, stream_id);

	if (!ex) {
		nghttp2_session_consume(session, stream_id, len);
		return 0;
	}
	if (!exchange_body(ex, str_sub((const char *)bytes, len))) {
		exchange_too_large(ex);
		ex = exchange_at(session, stream_id);
	}
	if (ex && ex->body_paused)
		ex->unconsumed_bytes += len; /* the window stays shut: back-pressure */
	else
		nghttp2_session_consume(session, stream_id, len);
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error_code, void *arg)
{
	struct exchange *ex = exchange_at(session, stream_id);

	if (!ex)
		return 0;
	nghttp2_session_set_stream_user_data(session, stream_id, NULL);
	list_remove(&ex->link);
	exchange_peer_gone(ex);
	return 0;
}

/* --- sending --- */

/* Refills the queue from the exchange's source. < 0 when it broke off. */
static int refill(struct exchange *ex)
{
	struct http_piece pieces[SOURCE_PIECES];
	int count;

	while (exchange_is_pulling(ex) && ex->out.bytes < FLUSH_BYTES) {
		count = exchange_pull(ex, pieces, SOURCE_PIECES);
		if (count < 0)
			return -1;
		if (count == 0)
			ex->source_ended = true; /* released with the exchange: pieces of it are queued */
		for (int i = 0; i < count; i++)
			piece_queue_push(&ex->out, &pieces[i], false);
	}
	return 0;
}

static nghttp2_nv nv_of(struct str name, struct str value)
{
	return (nghttp2_nv){ (uint8_t *)name.ptr, (uint8_t *)(value.ptr ? value.ptr : ""), name.len, value.len, 0 };
}

/* The flag that leaves the stream open for them. */
static uint32_t submit_trailers(nghttp2_session *session, struct exchange *ex)
{
	size_t count = ex->trailers.count;
	nghttp2_nv *nv;

	if (!count)
		return 0;
	nv = arena_array(&ex->x.arena, count, sizeof(*nv));
	for (size_t i = 0; i < count; i++)
		nv[i] = nv_of(ex->trailers.list[i].name, ex->trailers.list[i].value);
	return nghttp2_submit_trailer(session, ex->stream_id, nv, count) == 0 ? NGHTTP2_DATA_FLAG_NO_END_STREAM : 0;
}

static ssize_t read_body(nghttp2_session *session, int32_t stream_id, uint8_t *to, size_t to_bytes, uint32_t *flags,
			 nghttp2_data_source *source, void *arg)
{
	struct exchange *ex = source->ptr;
	size_t len;

	if (!list_is_empty(&ex->holds)) {
		ex->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (refill(ex) < 0)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* resets the stream */
	len = piece_queue_peek(&ex->out, (char *)to, to_bytes);
	piece_queue_consume(&ex->out, len);
	ex->sc->h2->body_sent_bytes += len;
	if (ex->ended && ex->out.bytes == 0 && !exchange_is_pulling(ex))
		*flags |= NGHTTP2_DATA_FLAG_EOF | submit_trailers(session, ex);
	else if (len == 0) {
		ex->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	return (ssize_t)len;
}

/* Names in lower case; hop-by-hop ones and those that would break the framing are left out. */
static bool is_allowed(const struct http_header *header)
{
	static const struct str refused[] = { STR_INIT("Connection"), STR_INIT("Keep-Alive"),
					      STR_INIT("Transfer-Encoding"), STR_INIT("Upgrade"),
					      STR_INIT("Proxy-Connection") };

	if (!http_is_token(header->name) || !http_is_value(header->value))
		return false;
	for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
		if (str_eq_nocase(refused[i], header->name))
			return false;
	}
	return true;
}

static struct str lower_in(struct arena *arena, struct str name)
{
	char *to = arena_alloc(arena, name.len);

	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		to[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
	}
	return str_sub(to, name.len);
}

/* The first max of them. */
static size_t put_headers(struct exchange *ex, const struct http_headers *from, size_t max, nghttp2_nv *to)
{
	size_t count = 0;

	for (size_t i = 0; i < max; i++) {
		if (is_allowed(&from->list[i]))
			to[count++] = nv_of(lower_in(&ex->x.arena, from->list[i].name), from->list[i].value);
	}
	return count;
}

/* A response's head as it is handed to nghttp2; it lies in the exchange's arena. */
struct http2_head {
	nghttp2_nv *nv;
	size_t count;
	bool has_body;
};

static void submit_head(struct exchange *ex, const struct http2_head *head)
{
	struct http2 *h2 = ex->sc->h2;
	nghttp2_data_provider body = { .source.ptr = ex, .read_callback = read_body };

	if (nghttp2_submit_response(h2->session, ex->stream_id, head->nv, head->count, head->has_body ? &body : NULL) !=
	    0)
		nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, ex->stream_id, NGHTTP2_INTERNAL_ERROR);
	mark_dirty(h2);
}

static void http2_start(struct exchange *ex, const struct response_head *head)
{
	size_t header_count = head->headers ? NUM_MIN(head->headers->count, (size_t)RESPONSE_HEADERS_MAX) : 0;
	nghttp2_nv *nv = arena_array(&ex->x.arena, header_count + ex->x.added.count + 3, sizeof(*nv));
	struct http2_head *own = arena_alloc(&ex->x.arena, sizeof(*own));
	size_t count = 0;

	nv[count++] = nv_of(STR(":status"), str_printf_in(&ex->x.arena, "%d", head->status));
	nv[count++] = nv_of(STR("date"), server_date(ex->server));
	count += put_headers(ex, &ex->x.added, ex->x.added.count, nv + count);
	count += put_headers(ex, head->headers, header_count, nv + count);
	if (head->length_bytes >= 0 && head->status != 204 && head->status != 304)
		nv[count++] = nv_of(STR("content-length"),
				    str_printf_in(&ex->x.arena, "%lld", (long long)head->length_bytes));
	*own = (struct http2_head){ nv, count, !ex->no_body && head->length_bytes != 0 };
	if (list_is_empty(&ex->holds))
		submit_head(ex, own);
	else
		ex->held_head = own;
}

static void wake(struct exchange *ex)
{
	struct http2 *h2 = ex->sc->h2;

	if (ex->deferred) {
		ex->deferred = false;
		nghttp2_session_resume_data(h2->session, ex->stream_id);
	}
	mark_dirty(h2);
}

static void http2_send(struct exchange *ex, const struct http_piece *pieces, size_t piece_count, bool copy)
{
	for (size_t i = 0; i < piece_count; i++)
		piece_queue_push(&ex->out, &pieces[i], copy);
	if (ex->out.bytes > HTTP_DRAINED_LOW_BYTES)
		ex->above_low = true;
	if (ex->out.bytes > CONN_QUEUE_BYTES_MAX && copy)
		nghttp2_submit_rst_stream(ex->sc->h2->session, NGHTTP2_FLAG_NONE, ex->stream_id,
					  NGHTTP2_ENHANCE_YOUR_CALM);
	wake(ex);
}

static void http2_released(struct exchange *ex)
{
	struct http2_head *head = ex->held_head;

	ex->held_head = NULL;
	if (head)
		submit_head(ex, head);
	else
		wake(ex);
}

/* The stream's close frees it, once the last frame has gone. */
static void http2_finish(struct exchange *ex)
{
	wake(ex);
}

static void http2_abort(struct exchange *ex)
{
	struct http2 *h2 = ex->sc->h2;

	nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, ex->stream_id, NGHTTP2_INTERNAL_ERROR);
	mark_dirty(h2);
}

static size_t http2_queued(const struct exchange *ex)
{
	return ex->out.bytes;
}

/* A peer may make us reset its streams, by frames that break a rule, as well as do it itself. And once our response
 * is complete, the rest of the request need not come. */
static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct http2 *h2 = arg;
	struct exchange *ex;

	if (frame->hd.type == NGHTTP2_RST_STREAM && frame->rst_stream.error_code != NGHTTP2_NO_ERROR)
		return is_flood(h2, &h2->resets, HTTP2_RESETS_MAX) && !h2->ending ? calm_down(h2) : 0;

	if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) ||
	    (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS))
		return 0;
	ex = exchange_at(session, frame->hd.stream_id);
	if (ex && !ex->body_done)
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
	return 0;
}

static void collect(struct http2 *h2, struct buf *frames)
{
	const uint8_t *bytes;
	ssize_t len;

	buf_reset(frames);
	while (frames->len < FLUSH_BYTES && (len = nghttp2_session_mem_send(h2->session, &bytes)) > 0)
		buf_put(frames, bytes, (size_t)len);
}

static void tell_drained(struct http2 *h2)
{
	LIST_FOR_EACH (node, &h2->exchanges) {
		struct exchange *ex = LIST_ENTRY(node, struct exchange, link);

		if (ex->above_low && ex->out.bytes <= HTTP_DRAINED_LOW_BYTES) {
			ex->above_low = false;
			exchange_drained(ex);
		}
	}
}

static void flush(struct http2 *h2)
{
	struct server_conn *sc = h2->sc;
	struct buf *frames = &sc->server->frames;

	if (!sc->conn || h2->in_session)
		return;
	do {
		if (conn_queued_bytes(sc->conn) > CONN_HIGH_BYTES || conn_is_broken(sc->conn) ||
		    (nghttp2_session_want_write(h2->session) && !conn_has_turn(sc->conn)))
			break;
		h2->in_session = true; /* streams may close in here, and their handlers must not flush */
		collect(h2, frames);
		h2->in_session = false;
		if (frames->len > 0)
			conn_send(sc->conn, buf_str(frames));
		tell_drained(h2);
	} while (frames->len > 0 && sc->conn);
	if (!sc->conn)
		return;
	if (!nghttp2_session_want_read(h2->session) && !nghttp2_session_want_write(h2->session)) {
		server_conn_close(sc);
		return;
	}
	set_deadline(h2);
}

/* --- the connection --- */

static void make_shared(struct http_server *s)
{
	nghttp2_session_callbacks *callbacks;

	if (s->h2_callbacks)
		return;
	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
	s->h2_callbacks = callbacks;
	nghttp2_option_new(&s->h2_option);
	nghttp2_option_set_no_auto_window_update(s->h2_option, 1);
	nghttp2_option_set_max_send_header_block_length(s->h2_option, HTTP_REPLY_HEAD_BYTES_MAX);
	task_init(&s->h2_task, run_dirty);
}

static void http2_open(struct server_conn *sc)
{
	struct http_server *s = sc->server;
	struct http2 *h2 = NEW(struct http2);
	nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, s->limits.stream_max },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)s->limits.head_bytes_max },
	};

	make_shared(s);
	h2->sc = sc;
	list_init(&h2->exchanges);
	list_init(&h2->dirty_link);
	h2->window_start_ns = env_mono_ns(s->env);
	sc->h2 = h2;
	nghttp2_session_server_new2(&h2->session, s->h2_callbacks, h2, s->h2_option);
	nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, settings, ARRAY_COUNT(settings));
	nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0, WINDOW_BYTES);
	if (conn_tls(sc->conn) && !tls_suits_http2(conn_tls(sc->conn)))
		nghttp2_session_terminate_session(h2->session, NGHTTP2_INADEQUATE_SECURITY);
	conn_set_low(sc->conn, CONN_HIGH_BYTES / 2);
	mark_dirty(h2);
	server_conn_deadline(sc, DEADLINE_IDLE);
}

static size_t http2_read(struct server_conn *sc, struct str bytes)
{
	struct http2 *h2 = sc->h2;
	ssize_t taken;

	h2->in_session = true;
	taken = nghttp2_session_mem_recv(h2->session, (const uint8_t *)bytes.ptr, bytes.len);
	h2->in_session = false;
	if (!sc->conn)
		return bytes.len;
	if (taken < 0) {
		log_debug("http", "%s: %s", sc->peer.text, nghttp2_strerror((int)taken));
		flush(h2); /* a GOAWAY, if it found words */
		server_conn_break(sc);
		return bytes.len;
	}
	flush(h2);
	return bytes.len;
}

static void http2_eof(struct server_conn *sc)
{
	server_conn_break(sc);
}

static void http2_progress(struct server_conn *sc)
{
	flush(sc->h2);
}

static void http2_timed_out(struct server_conn *sc)
{
	struct http2 *h2 = sc->h2;
	bool is_idle = list_is_empty(&h2->exchanges);
	bool is_moving = sc->deadline_kind == DEADLINE_STALL && h2->body_sent_bytes != h2->stall_mark;

	server_conn_deadline(sc, DEADLINE_NONE);
	if (is_moving) {
		watch_stall(h2);
		return;
	}
	nghttp2_session_terminate_session(h2->session, is_idle ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL);
	flush(h2);
	server_conn_break(sc);
}

static void http2_drain(struct server_conn *sc)
{
	struct http2 *h2 = sc->h2;
	int32_t last = nghttp2_session_get_last_proc_stream_id(h2->session);

	nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0);
	mark_dirty(h2);
}

static void http2_closed(struct server_conn *sc)
{
	struct http2 *h2 = sc->h2;
	struct list *node;

	ASSERT(!h2->in_session);
	while ((node = list_pop_front(&h2->exchanges)))
		exchange_peer_gone(LIST_ENTRY(node, struct exchange, link));
	list_remove(&h2->dirty_link);
	nghttp2_session_del(h2->session);
	mem_free(h2);
	sc->h2 = NULL;
}

static void http2_body_resumed(struct exchange *ex)
{
	struct http2 *h2 = ex->sc->h2;

	nghttp2_session_consume(h2->session, ex->stream_id, ex->unconsumed_bytes);
	ex->unconsumed_bytes = 0;
	mark_dirty(h2);
}

const struct http_protocol http2_protocol = {
	.open = http2_open,
	.read = http2_read,
	.eof = http2_eof,
	.drained = http2_progress,
	.sent = http2_progress,
	.timed_out = http2_timed_out,
	.drain = http2_drain,
	.closed = http2_closed,
	.start = http2_start,
	.send = http2_send,
	.finish = http2_finish,
	.abort = http2_abort,
	.queued = http2_queued,
	.body_resumed = http2_body_resumed,
	.released = http2_released,
};
