/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The channel: looking up → connecting → open → closed. nghttp2's callbacks note what happened;
 * frames leave in flush(), which runs as a task, and ends of calls are told by another, so no event
 * comes from inside a call and the session is never re-entered.
 */
#include "net/grpc_client.h"

#include <nghttp2/nghttp2.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/num.h"
#include "base/time.h"
#include "net/lookup.h"

#define WINDOW_BYTES (4 << 20)
#define FLUSH_BYTES (64u << 10)
#define QUEUED_HIGH_BYTES (256u << 10)

struct grpc_call {
	struct grpc_channel *channel;
	struct list link;
	const struct grpc_call_events *events;
	void *arg;
	char *path;
	int64_t deadline_ms;
	struct timer deadline;
	int32_t stream_id; /* 0: not submitted yet */
	struct buf out;
	bool out_last, deferred;
	struct grpc_reader in;
	struct grpc_status status;
	int http_status;
	bool has_status, is_ended;
};

struct grpc_channel {
	struct grpc_channel_options options;
	const struct grpc_channel_events *events;
	void *arg;
	struct env *env;
	char *host, *authority;
	struct lookup *lookup;
	struct address addresses[LOOKUP_ADDRESSES_MAX];
	size_t address_count, address_next;
	struct conn_pool *pool;
	struct conn *conn;
	nghttp2_session *session;
	struct list calls; /* running */
	struct list ended; /* on_end is due */
	struct task flush, tell;
	struct timer connecting, keepalive;
	struct buf frames;
	struct err err;
	int64_t heard_ns;
	bool is_open, is_closed, in_session, is_pinging;
};

/* --- ends --- */

static void free_call(struct grpc_call *call)
{
	list_remove(&call->link);
	timer_stop(&call->deadline);
	buf_deinit(&call->out);
	grpc_reader_deinit(&call->in);
	mem_free(call->path);
	mem_free(call);
}

static void end_call(struct grpc_call *call)
{
	struct grpc_channel *ch = call->channel;

	if (call->is_ended)
		return;
	call->is_ended = true;
	timer_stop(&call->deadline);
	list_remove(&call->link);
	list_push_back(&ch->ended, &call->link);
	env_defer(ch->env, &ch->tell);
}

static void mark(struct grpc_channel *ch)
{
	if (ch->is_open && !ch->is_closed)
		env_defer(ch->env, &ch->flush);
}

/* The stream is of no use any more: nothing of it may reach the call. */
static void reset_stream(struct grpc_call *call, uint32_t code)
{
	struct grpc_channel *ch = call->channel;

	if (!call->stream_id || !ch->session)
		return;
	nghttp2_session_set_stream_user_data(ch->session, call->stream_id, NULL);
	nghttp2_submit_rst_stream(ch->session, NGHTTP2_FLAG_NONE, call->stream_id, code);
	call->stream_id = 0;
	mark(ch);
}

static void close_channel(struct grpc_channel *ch, const struct err *err)
{
	struct list *link;

	if (ch->is_closed)
		return;
	ch->is_closed = true;
	ch->err = *err;
	timer_stop(&ch->connecting);
	timer_stop(&ch->keepalive);
	while ((link = list_first(&ch->calls))) {
		struct grpc_call *call = LIST_ENTRY(link, struct grpc_call, link);

		if (!call->has_status)
			grpc_status_set(&call->status, GRPC_UNAVAILABLE, "%s", err->msg);
		call->stream_id = 0;
		end_call(call);
	}
	env_defer(ch->env, &ch->tell);
}

static void tell(struct task *task)
{
	struct grpc_channel *ch = CONTAINER_OF(task, struct grpc_channel, tell);
	struct list *link;

	while ((link = list_pop_front(&ch->ended))) {
		struct grpc_call *call = LIST_ENTRY(link, struct grpc_call, link);

		call->events->on_end(call->arg, call, &call->status);
		free_call(call);
	}
	if (ch->is_closed)
		ch->events->on_closed(ch->arg, &ch->err); /* may free the channel */
}

static void on_deadline(struct timer *timer)
{
	struct grpc_call *call = CONTAINER_OF(timer, struct grpc_call, deadline);

	grpc_status_set(&call->status, GRPC_DEADLINE_EXCEEDED, "context deadline exceeded");
	reset_stream(call, NGHTTP2_CANCEL);
	end_call(call);
}

/* --- receiving --- */

static struct grpc_call *call_at(nghttp2_session *session, int32_t stream_id)
{
	return nghttp2_session_get_stream_user_data(session, stream_id);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame,
		     const uint8_t *name_bytes, size_t name_len, const uint8_t *value_bytes,
		     size_t value_len, uint8_t flags, void *arg)
{
	struct grpc_call *call = call_at(session, frame->hd.stream_id);
	struct str name = str_sub((const char *)name_bytes, name_len);
	struct str value = str_sub((const char *)value_bytes, value_len);
	uint64_t number;

	if (!call)
		return 0;
	if (str_eq(name, STR(":status"))) {
		if (num_parse_u64(value, 999, "status", &number, NULL) == 0)
			call->http_status = (int)number;
	} else if (str_eq(name, STR("grpc-status"))) {
		call->has_status = true;
		call->status.code = GRPC_UNKNOWN;
		if (num_parse_u64(value, 1000, "status", &number, NULL) == 0)
			call->status.code = (int)number;
	} else if (str_eq(name, STR("grpc-message"))) {
		grpc_message_decode(value, call->status.message, sizeof(call->status.message));
	}
	return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream_id,
			 const uint8_t *bytes, size_t len, void *arg)
{
	struct grpc_call *call = call_at(session, stream_id);
	struct str rest = str_sub((const char *)bytes, len), message;
	struct err err;
	int got = 0;

	while (call && call->http_status == 200 &&
	       (got = grpc_reader_next(&call->in, &rest, &message, &err)) > 0) {
		call->events->on_message(call->arg, call, message);
		call = call_at(session, stream_id); /* it may have cancelled itself */
	}
	if (call && got < 0) {
		grpc_status_set(&call->status,
				err.code == ERR_TOO_LARGE ? GRPC_RESOURCE_EXHAUSTED : GRPC_INTERNAL,
				"%s", err.msg);
		reset_stream(call, NGHTTP2_CANCEL);
		end_call(call);
	}
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error_code,
			   void *arg)
{
	struct grpc_call *call = call_at(session, stream_id);

	if (!call)
		return 0;
	nghttp2_session_set_stream_user_data(session, stream_id, NULL);
	call->stream_id = 0;
	if (!call->has_status && error_code == NGHTTP2_REFUSED_STREAM)
		grpc_status_set(&call->status, GRPC_UNAVAILABLE, "the server refused the stream");
	else if (!call->has_status && call->http_status && call->http_status != 200)
		grpc_status_set(&call->status,
				call->http_status == 401 ? GRPC_UNAUTHENTICATED : GRPC_UNAVAILABLE,
				"unexpected HTTP status code received from server: %d",
				call->http_status);
	else if (!call->has_status)
		grpc_status_set(&call->status, GRPC_INTERNAL,
				"stream terminated by RST_STREAM with error code %u", error_code);
	end_call(call);
	return 0;
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct grpc_channel *ch = arg;

	if (frame->hd.type == NGHTTP2_PING && frame->hd.flags & NGHTTP2_FLAG_ACK)
		ch->is_pinging = false;
	return 0;
}

/* --- sending --- */

static ssize_t read_out(nghttp2_session *session, int32_t stream_id, uint8_t *to, size_t to_bytes,
			uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct grpc_call *call = call_at(session, stream_id);
	size_t len;

	if (!call)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	len = NUM_MIN(to_bytes, call->out.len);
	if (!len && !call->out_last) {
		call->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (len)
		memcpy(to, call->out.ptr, len);
	buf_consume(&call->out, len);
	if (!call->out.len && call->out_last)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)len;
}

static nghttp2_nv nv(const char *name, const char *value)
{
	return (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
			     strlen(value), 0 };
}

static void submit(struct grpc_call *call)
{
	struct grpc_channel *ch = call->channel;
	char *timeout = mem_printf("%lldm",
				   (long long)NUM_MIN(call->deadline_ms, (int64_t)99999999));
	nghttp2_nv headers[] = {
		nv(":method", "POST"),	  nv(":scheme", ch->options.tls ? "https" : "http"),
		nv(":path", call->path),  nv(":authority", ch->authority),
		nv("te", "trailers"),	  nv("content-type", "application/grpc"),
		nv("user-agent", "cube"), nv("grpc-timeout", timeout),
	};
	size_t count = ARRAY_COUNT(headers) - (call->deadline_ms > 0 ? 0 : 1);
	nghttp2_data_provider body = { .read_callback = read_out };

	call->stream_id = nghttp2_submit_request(ch->session, NULL, headers, count, &body, call);
	mem_free(timeout);
	if (call->stream_id < 0) {
		call->stream_id = 0;
		grpc_status_set(&call->status, GRPC_UNAVAILABLE,
				"no more streams on this connection");
		end_call(call);
	}
}

static void collect(struct grpc_channel *ch)
{
	const uint8_t *bytes;
	ssize_t len = 0;

	buf_reset(&ch->frames);
	ch->in_session = true;
	while (ch->frames.len < FLUSH_BYTES &&
	       (len = nghttp2_session_mem_send(ch->session, &bytes)) > 0)
		buf_put(&ch->frames, bytes, (size_t)len);
	ch->in_session = false;
}

static void flush(struct task *task)
{
	struct grpc_channel *ch = CONTAINER_OF(task, struct grpc_channel, flush);
	struct err err;

	if (ch->is_closed)
		return;
	do {
		if (conn_is_broken(ch->conn) || conn_queued_bytes(ch->conn) > QUEUED_HIGH_BYTES)
			return;
		collect(ch);
		if (ch->frames.len)
			conn_send(ch->conn, buf_str(&ch->frames));
	} while (ch->frames.len);
	if (!nghttp2_session_want_read(ch->session) && !nghttp2_session_want_write(ch->session)) {
		err_set(&err, ERR_CLOSED, "the server said goodbye");
		close_channel(ch, &err);
	}
}

/* --- the connection --- */

static size_t on_read(void *arg, struct conn *conn, struct str bytes)
{
	struct grpc_channel *ch = arg;
	struct err err;
	ssize_t taken;

	if (ch->is_closed)
		return bytes.len;
	ch->heard_ns = env_mono_ns(ch->env);
	ch->in_session = true;
	taken = nghttp2_session_mem_recv(ch->session, (const uint8_t *)bytes.ptr, bytes.len);
	ch->in_session = false;
	if (taken < 0) {
		err_set(&err, ERR_PARSE, "HTTP/2: %s", nghttp2_strerror((int)taken));
		close_channel(ch, &err);
		return bytes.len;
	}
	mark(ch);
	return bytes.len;
}

static void on_drained(void *arg, struct conn *conn)
{
	mark(arg);
}

static void on_keepalive(struct timer *timer)
{
	struct grpc_channel *ch = CONTAINER_OF(timer, struct grpc_channel, keepalive);
	int64_t silent_ms = (env_mono_ns(ch->env) - ch->heard_ns) / TIME_NS_PER_MS;
	struct err err;

	if (ch->is_pinging && silent_ms >= ch->options.keepalive_ms) {
		err_set(&err, ERR_TIMEOUT, "nothing was heard for %lld ms", (long long)silent_ms);
		close_channel(ch, &err);
		return;
	}
	if (silent_ms >= ch->options.keepalive_ms && !list_is_empty(&ch->calls)) {
		nghttp2_submit_ping(ch->session, NGHTTP2_FLAG_NONE, NULL);
		ch->is_pinging = true;
		mark(ch);
	}
	timer_start_slack(&ch->keepalive, ch->options.keepalive_ms, ch->options.keepalive_ms / 8);
}

static void open_session(struct grpc_channel *ch)
{
	nghttp2_session_callbacks *callbacks;
	nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_HEAD_BYTES_MAX },
	};

	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
	nghttp2_session_client_new(&ch->session, callbacks, ch);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_submit_settings(ch->session, NGHTTP2_FLAG_NONE, settings, ARRAY_COUNT(settings));
	nghttp2_session_set_local_window_size(ch->session, NGHTTP2_FLAG_NONE, 0, WINDOW_BYTES);
}

static void on_ready(void *arg, struct conn *conn)
{
	struct grpc_channel *ch = arg;
	struct err err;

	timer_stop(&ch->connecting);
	if (conn_tls(conn) && !tls_is_http2(conn_tls(conn))) {
		err_set(&err, ERR_UNSUPPORTED, "%s does not speak HTTP/2", ch->authority);
		close_channel(ch, &err);
		return;
	}
	open_session(ch);
	ch->is_open = true;
	ch->heard_ns = env_mono_ns(ch->env);
	LIST_FOR_EACH (link, &ch->calls)
		submit(LIST_ENTRY(link, struct grpc_call, link));
	mark(ch);
	if (ch->options.keepalive_ms > 0)
		timer_start_slack(&ch->keepalive, ch->options.keepalive_ms,
				  ch->options.keepalive_ms / 8);
	if (ch->events->on_ready)
		ch->events->on_ready(ch->arg);
}

static void connect_next(struct grpc_channel *ch, const struct err *why);

static void on_closed(void *arg, struct conn *conn, const struct err *err)
{
	struct grpc_channel *ch = arg;

	if (ch->is_closed)
		return;
	if (!ch->is_open)
		connect_next(ch, err);
	else
		close_channel(ch, err);
}

static const struct conn_events conn_events = {
	.on_ready = on_ready,
	.on_read = on_read,
	.on_drained = on_drained,
	.on_closed = on_closed,
};

static void connect_next(struct grpc_channel *ch, const struct err *why)
{
	struct err err = *why;
	struct ssl_st *tls = NULL;
	int fd = -1;
	bool done;

	conn_close(ch->conn);
	ch->conn = NULL;
	while (fd < 0 && ch->address_next < ch->address_count)
		fd = address_connect(&ch->addresses[ch->address_next++], &done, &err);
	if (fd >= 0 && ch->options.tls &&
	    tls_client_session(ch->options.tls, str_from(ch->host), &tls, &err) < 0) {
		close(fd);
		fd = -1;
	}
	if (fd < 0) {
		(void)err_wrap(&err, "%s", ch->authority);
		close_channel(ch, &err);
		return;
	}
	ch->conn = conn_new_connecting(ch->pool, fd, tls, &conn_events, ch);
}

static void on_looked_up(void *arg, const struct address *addresses, size_t count,
			 const struct err *err)
{
	struct grpc_channel *ch = arg;

	ch->lookup = NULL;
	if (ch->is_closed)
		return;
	ch->address_count = count;
	memcpy(ch->addresses, addresses, count * sizeof(*addresses));
	connect_next(ch, err);
}

static void connect_unix(struct grpc_channel *ch, struct str path)
{
	struct err err = { 0 };

	if (address_from_unix(path, &ch->addresses[0], &err) < 0) {
		close_channel(ch, &err);
		return;
	}
	ch->address_count = 1;
	connect_next(ch, &err);
}

static void on_connect_timeout(struct timer *timer)
{
	struct grpc_channel *ch = CONTAINER_OF(timer, struct grpc_channel, connecting);
	struct err err;

	err_set(&err, ERR_TIMEOUT, "%s: not connected within %lld ms", ch->authority,
		(long long)ch->options.connect_timeout_ms);
	close_channel(ch, &err);
}

/* --- interface --- */

struct grpc_channel *grpc_channel_new(const struct grpc_channel_options *options,
				      const struct grpc_channel_events *events, void *arg)
{
	struct grpc_channel *ch = NEW(struct grpc_channel);

	ch->options = *options;
	ch->env = options->env;
	ch->events = events;
	ch->arg = arg;
	ch->host = str_dup_c(options->host);
	ch->authority = options->unix_path.len ?
				str_dup_c(options->host) :
				mem_printf(STR_FMT ":%u", STR_ARG(options->host), options->port);
	if (!ch->options.message_bytes_max)
		ch->options.message_bytes_max = GRPC_MESSAGE_BYTES_MAX;
	if (!ch->options.connect_timeout_ms)
		ch->options.connect_timeout_ms = GRPC_CONNECT_TIMEOUT_MS;
	ch->pool = conn_pool_new(ch->env);
	list_init(&ch->calls);
	list_init(&ch->ended);
	task_init(&ch->flush, flush);
	task_init(&ch->tell, tell);
	timer_init(&ch->connecting, ch->env, on_connect_timeout);
	timer_init(&ch->keepalive, ch->env, on_keepalive);
	buf_init(&ch->frames, SIZE_MAX / 2);
	timer_start(&ch->connecting, ch->options.connect_timeout_ms);
	if (options->unix_path.len)
		connect_unix(ch, options->unix_path);
	else
		ch->lookup =
			lookup_start(ch->env, str_from(ch->host), options->port, on_looked_up, ch);
	return ch;
}

void grpc_channel_free(struct grpc_channel *ch)
{
	struct list *link;

	if (!ch)
		return;
	lookup_cancel(ch->lookup);
	while ((link = list_first(&ch->calls)))
		free_call(LIST_ENTRY(link, struct grpc_call, link));
	while ((link = list_first(&ch->ended)))
		free_call(LIST_ENTRY(link, struct grpc_call, link));
	env_cancel(ch->env, &ch->flush);
	env_cancel(ch->env, &ch->tell);
	timer_stop(&ch->connecting);
	timer_stop(&ch->keepalive);
	conn_close(ch->conn);
	if (ch->session)
		nghttp2_session_del(ch->session);
	conn_pool_free(ch->pool);
	buf_deinit(&ch->frames);
	mem_free(ch->host);
	mem_free(ch->authority);
	mem_free(ch);
}

struct grpc_call *grpc_call_new(struct grpc_channel *ch, const char *path, int64_t deadline_ms,
				const struct grpc_call_events *events, void *arg)
{
	struct grpc_call *call = NEW(struct grpc_call);

	call->channel = ch;
	call->path = mem_strdup(path);
	call->deadline_ms = deadline_ms;
	call->events = events;
	call->arg = arg;
	buf_init(&call->out, SIZE_MAX / 2);
	grpc_reader_init(&call->in, ch->options.message_bytes_max);
	timer_init(&call->deadline, ch->env, on_deadline);
	list_init(&call->link);
	list_push_back(&ch->calls, &call->link);
	if (ch->is_closed) {
		grpc_status_set(&call->status, GRPC_UNAVAILABLE, "%s", ch->err.msg);
		end_call(call);
		return call;
	}
	if (deadline_ms > 0)
		timer_start(&call->deadline, deadline_ms);
	if (ch->is_open)
		submit(call);
	mark(ch);
	return call;
}

void grpc_call_send(struct grpc_call *call, struct str frames, bool last)
{
	buf_put_str(&call->out, frames);
	call->out_last = last;
	if (call->deferred && call->stream_id) {
		call->deferred = false;
		nghttp2_session_resume_data(call->channel->session, call->stream_id);
	}
	mark(call->channel);
}

void grpc_call_cancel(struct grpc_call *call)
{
	reset_stream(call, NGHTTP2_CANCEL);
	call->is_ended = true;
	free_call(call);
}
