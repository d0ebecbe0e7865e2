/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What exec and attach streams have in common, whichever protocol carries them. The owner may free
 * the stream inside any of its events: depth keeps the memory until the last one has returned.
 */
#include "net/limits.h"
#include "base/assert.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "net/remote_internal.h"
#include "net/websocket.h"

static const struct {
	struct str name;
	int version;
	bool base64;
} websocket_protocols[] = {
	{ STR_INIT(""), 1, false },
	{ STR_INIT("channel.k8s.io"), 1, false },
	{ STR_INIT("base64.channel.k8s.io"), 1, true },
	{ STR_INIT("v4.channel.k8s.io"), 4, false },
	{ STR_INIT("v4.base64.channel.k8s.io"), 4, true },
	{ STR_INIT("v5.channel.k8s.io"), 5, false },
};

static const struct str spdy_protocols[] = { STR_INIT("v4.channel.k8s.io"), STR_INIT("v3.channel.k8s.io"),
					     STR_INIT("v2.channel.k8s.io"), STR_INIT("channel.k8s.io") };
static const int spdy_versions[] = { 4, 3, 2, 1 };

/* --- life --- */

static void deinit(struct remote_stream *r)
{
	spdy_free(r->spdy);
	buf_deinit(&r->in);
	buf_deinit(&r->message);
	buf_deinit(&r->out);
	mem_free(r);
}

static bool leave(struct remote_stream *r)
{
	bool lives = !r->dead;

	if (--r->depth == 0 && r->dead)
		deinit(r);
	return lives;
}

static void run_due(struct task *task)
{
	struct remote_stream *r = CONTAINER_OF(task, struct remote_stream, task);

	r->depth++;
	if (r->ready_due && !r->dead) {
		r->ready_due = false;
		if (!r->closed)
			r->options.events->on_ready(r->options.arg, r);
	}
	if (r->closed_due && !r->dead) {
		r->closed_due = false;
		r->options.events->on_closed(r->options.arg, r);
	}
	(void)leave(r);
}

void remote_ready(struct remote_stream *r)
{
	if (r->ready)
		return;
	r->ready = true;
	r->ready_due = true;
	env_defer(r->env, &r->task);
}

void remote_closed(struct remote_stream *r)
{
	if (r->closed)
		return;
	r->closed = true;
	if (r->timer.fn)
		timer_stop(&r->timer);
	conn_close(r->conn);
	r->conn = NULL;
	r->closed_due = true;
	env_defer(r->env, &r->task);
}

void remote_stream_free(struct remote_stream *r)
{
	if (!r || r->dead)
		return;
	r->dead = true;
	r->closed = true;
	if (r->timer.fn)
		timer_stop(&r->timer);
	conn_close(r->conn);
	r->conn = NULL;
	env_cancel(r->env, &r->task);
	if (r->depth == 0)
		deinit(r);
}

/* --- events of the connection --- */

static size_t on_read(void *arg, struct conn *conn, struct str bytes)
{
	struct remote_stream *r = arg;
	size_t taken;

	r->depth++;
	taken = r->protocol->read(r, bytes);
	return leave(r) ? taken : bytes.len;
}

static void on_drained(void *arg, struct conn *conn)
{
	struct remote_stream *r = arg;

	r->depth++;
	if (r->ready && !r->finished && r->options.events->on_drained)
		r->options.events->on_drained(r->options.arg, r);
	(void)leave(r);
}

static void on_closed(void *arg, struct conn *conn, const struct err *err)
{
	remote_closed(arg);
}

static const struct conn_events conn_events = { .on_read = on_read, .on_drained = on_drained, .on_closed = on_closed };

bool remote_data(struct remote_stream *r, enum remote_channel channel, struct str bytes)
{
	bool is_wanted = channel == REMOTE_RESIZE ? r->options.tty : channel == REMOTE_STDIN && r->options.has_stdin;

	if (!is_wanted || r->finished || r->closed)
		return !r->dead;
	r->options.events->on_data(r->options.arg, r, channel, bytes);
	return !r->dead && !r->closed;
}

bool remote_channel_closed(struct remote_stream *r, enum remote_channel channel)
{
	if (!r->finished && !r->closed && r->options.events->on_channel_closed)
		r->options.events->on_channel_closed(r->options.arg, r, channel);
	return !r->dead && !r->closed;
}

/* --- interface --- */

static struct remote_stream *make(struct conn *conn, const struct remote_stream_options *options,
				  const struct remote_protocol *protocol, int version)
{
	struct remote_stream *r = NEW(struct remote_stream);

	r->conn = conn;
	r->env = conn_env(conn);
	r->options = *options;
	r->protocol = protocol;
	r->version = version;
	task_init(&r->task, run_due);
	buf_init(&r->in, WEBSOCKET_FRAME_BYTES_MAX + CONN_UNREAD_BYTES_MAX + WEBSOCKET_HEADER_BYTES);
	buf_init(&r->message, WEBSOCKET_FRAME_BYTES_MAX);
	buf_init(&r->out, REMOTE_QUEUE_BYTES_MAX);
	conn_set_events(conn, &conn_events, r);
	return r;
}

/* An empty message tells the client that the streams are there, as upstream's server does. */
static void on_settled(struct timer *timer)
{
	struct remote_stream *r = CONTAINER_OF(timer, struct remote_stream, timer);
	enum remote_channel first = r->options.has_stdout ? REMOTE_STDOUT : r->options.has_stderr ? REMOTE_STDERR :
											     REMOTE_ERROR;

	if (!r->conn)
		return;
	remote_websocket.send(r, first, STR_NONE);
	remote_ready(r);
}

int remote_stream_accept(struct http_exchange *x, const struct remote_stream_options *options,
			 struct remote_stream **ret, struct err *err)
{
	struct str names[ARRAY_COUNT(websocket_protocols)];
	struct remote_stream_options own = *options;
	struct remote_stream *r;
	struct conn *conn;
	size_t index;

	own.has_stderr &= !own.tty; /* a terminal has one output */
	if (websocket_is_request(&x->headers)) {
		for (size_t i = 0; i < ARRAY_COUNT(names); i++)
			names[i] = websocket_protocols[i].name;
		if (remote_accept_websocket(x, names, ARRAY_COUNT(names), &index, &conn, err) < 0)
			return -1;
		r = make(conn, &own, &remote_websocket, websocket_protocols[index].version);
		r->base64 = websocket_protocols[index].base64;
		timer_init(&r->timer, r->env, on_settled);
		timer_start(&r->timer, REMOTE_SETTLE_MS);
	} else {
		if (remote_accept_spdy(x, spdy_protocols, ARRAY_COUNT(spdy_protocols), &index, &conn, err) < 0)
			return -1;
		r = make(conn, &own, &remote_spdy, spdy_versions[index]);
		remote_spdy_open(r);
	}
	*ret = r;
	return 0;
}

void remote_stream_send(struct remote_stream *r, enum remote_channel channel, struct str bytes)
{
	if ((channel == REMOTE_STDOUT && !r->options.has_stdout) ||
	    (channel == REMOTE_STDERR && !r->options.has_stderr))
		return; /* the client has no such stream */
	if (r->conn && !r->finished && bytes.len > 0)
		r->protocol->send(r, channel, bytes);
}

size_t remote_stream_queued_bytes(const struct remote_stream *r)
{
	return r->conn ? conn_queued_bytes(r->conn) : 0;
}

void remote_stream_pause(struct remote_stream *r, enum remote_channel channel)
{
	if (channel != REMOTE_STDIN || r->paused)
		return;
	r->paused = true;
	if (r->spdy)
		spdy_pause(r->spdy, true);
	if (r->conn)
		conn_pause(r->conn);
}

void remote_stream_resume(struct remote_stream *r, enum remote_channel channel)
{
	if (channel != REMOTE_STDIN || !r->paused)
		return;
	r->paused = false;
	if (r->spdy)
		spdy_pause(r->spdy, false);
	if (!r->conn)
		return;
	/* Whole messages may wait in our own buffer: hand them over with the connection's next
	 * turn. */
	if (r->in.len > 0 && !r->in_read) {
		conn_unread(r->conn, buf_str(&r->in));
		buf_reset(&r->in);
	}
	conn_resume(r->conn);
}

void remote_stream_finish(struct remote_stream *r, struct str status_json)
{
	if (r->finished)
		return;
	r->finished = true;
	if (!r->conn)
		return;
	r->protocol->finish(r, status_json);
	conn_close_after(r->conn, REMOTE_LINGER_MS);
	r->conn = NULL;
	remote_closed(r);
}

bool remote_stream_wants_status(const struct remote_stream *r)
{
	return r->version >= 4;
}

int remote_resize_decode(struct str json, uint16_t *ret_width, uint16_t *ret_height, struct err *err)
{
	AUTO_JSON doc = json_parse(json, REMOTE_RESIZE_BYTES_MAX, err);
	int64_t width = doc ? json_get_int(yyjson_doc_get_root(doc), "Width", 0) : 0;
	int64_t height = doc ? json_get_int(yyjson_doc_get_root(doc), "Height", 0) : 0;

	if (!doc)
		return -1;
	if (width < 0 || width > UINT16_MAX || height < 0 || height > UINT16_MAX)
		return err_set(err, ERR_PARSE, "terminal size out of range");
	*ret_width = (uint16_t)width;
	*ret_height = (uint16_t)height;
	return 0;
}
