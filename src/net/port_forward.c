/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port forwarding: SPDY streams in pairs (error and data, matched by requestid), either on the
 * upgraded connection itself or tunnelled through WebSocket messages; and the older WebSocket form
 * with two channels for each port of the query. The owner may free it inside any event.
 */
#include "net/limits.h"
#include "base/mem.h"
#include "base/num.h"
#include "net/remote_internal.h"
#include "net/websocket.h"

#define REQUEST_ID_BYTES 32

enum carrier { BY_SPDY, BY_TUNNEL, BY_CHANNELS };

struct forward {
	struct list link;
	char request_id[REQUEST_ID_BYTES];
	uint32_t error_id, data_id; /* SPDY streams, 0 = not yet; or channels + 1 */
	uint16_t port;
	bool paused;
};

struct port_forward {
	struct conn *conn;
	struct env *env;
	struct port_forward_options options;
	enum carrier carrier;
	struct list forwards;
	size_t forward_count, paused_count;
	struct spdy *spdy;
	struct buf out, in, inner; /* SPDY to send; WebSocket undecoded; SPDY out of the tunnel */
	struct task task;
	bool open_due, inner_due, closed, dead;
	bool in_read; /* in is being decoded */
	int depth;
};

/* --- life --- */

static void drop_forward(struct port_forward *f, struct forward *w)
{
	f->paused_count -= w->paused;
	f->forward_count--;
	list_remove(&w->link);
	mem_free(w);
}

static void deinit(struct port_forward *f)
{
	struct list *node;

	while ((node = list_first(&f->forwards)))
		drop_forward(f, LIST_ENTRY(node, struct forward, link));
	spdy_free(f->spdy);
	buf_deinit(&f->out);
	buf_deinit(&f->in);
	buf_deinit(&f->inner);
	mem_free(f);
}

static void leave(struct port_forward *f)
{
	if (--f->depth == 0 && f->dead)
		deinit(f);
}

static void close_all(struct port_forward *f)
{
	if (f->closed)
		return;
	f->closed = true;
	conn_close(f->conn);
	f->conn = NULL;
	if (f->spdy)
		spdy_pause(f->spdy, true);
	env_defer(f->env, &f->task);
}

void port_forward_free(struct port_forward *f)
{
	if (!f || f->dead)
		return;
	f->dead = f->closed = true;
	conn_close(f->conn);
	f->conn = NULL;
	if (f->spdy)
		spdy_pause(f->spdy, true);
	env_cancel(f->env, &f->task);
	if (f->depth == 0)
		deinit(f);
}

/* --- sending --- */

static void send_message(struct port_forward *f, struct str head, struct str bytes)
{
	char header[WEBSOCKET_HEADER_BYTES];
	size_t len = websocket_encode_header(WEBSOCKET_BINARY, head.len + bytes.len, header);

	conn_write(f->conn, (struct http_piece[]){ HTTP_BYTES(str_sub(header, len)), HTTP_BYTES(head),
						   HTTP_BYTES(bytes) }, 3, true);
}

static void send_control(struct port_forward *f, enum websocket_opcode opcode, struct str bytes)
{
	char header[WEBSOCKET_HEADER_BYTES];
	size_t len = websocket_encode_header(opcode, bytes.len, header);

	conn_write(f->conn, (struct http_piece[]){ HTTP_BYTES(str_sub(header, len)), HTTP_BYTES(bytes) }, 2, true);
}

static void send_out(struct port_forward *f)
{
	if (f->conn && f->out.len > 0) {
		if (f->carrier == BY_TUNNEL)
			send_message(f, STR_NONE, buf_str(&f->out));
		else
			conn_write_bytes(f->conn, buf_str(&f->out));
	}
	buf_reset(&f->out);
}

/* --- streams --- */

static struct forward *find(struct port_forward *f, uint32_t id)
{
	LIST_FOR_EACH (node, &f->forwards) {
		struct forward *w = LIST_ENTRY(node, struct forward, link);

		if (id != 0 && (w->data_id == id || w->error_id == id))
			return w;
	}
	return NULL;
}

static struct forward *find_request(struct port_forward *f, struct str request_id)
{
	LIST_FOR_EACH (node, &f->forwards) {
		struct forward *w = LIST_ENTRY(node, struct forward, link);

		if (str_eq_c(request_id, w->request_id))
			return w;
	}
	return NULL;
}

static struct forward *add_forward(struct port_forward *f)
{
	struct forward *w;

	if (f->forward_count >= PORT_FORWARD_CONNECTIONS_MAX)
		return NULL;
	w = NEW(struct forward);
	list_push_back(&f->forwards, &w->link);
	f->forward_count++;
	return w;
}

/* Both streams of one connection carry the same port and request id; the error stream comes first. */
static struct forward *take_stream(struct port_forward *f, uint32_t id, const struct http_headers *headers)
{
	struct str type = http_header_get(headers, STR("streamtype"));
	struct str request_id = http_header_get(headers, STR("requestid"));
	struct forward *w;
	uint64_t port;

	if (num_parse_u64(http_header_get(headers, STR("port")), UINT16_MAX, "port", &port, NULL) < 0 || port == 0)
		return NULL;
	w = find_request(f, request_id);
	if (!w) {
		if (request_id.len == 0 || request_id.len >= REQUEST_ID_BYTES || !(w = add_forward(f)))
			return NULL;
		memcpy(w->request_id, request_id.ptr, request_id.len);
		w->port = (uint16_t)port;
	}
	if (str_eq(type, STR("error")) && w->error_id == 0)
		w->error_id = id;
	else if (str_eq(type, STR("data")) && w->data_id == 0)
		w->data_id = id;
	else
		return NULL;
	return w;
}

static void on_stream(void *arg, uint32_t id, const struct http_headers *headers, bool is_last)
{
	struct port_forward *f = arg;
	struct forward *w = take_stream(f, id, headers);

	if (!w) {
		spdy_reset(f->spdy, id, 3); /* REFUSED_STREAM */
		return;
	}
	spdy_reply(f->spdy, id);
	if (w->data_id != 0 && w->error_id != 0 && !f->closed)
		f->options.events->on_open(f->options.arg, f, w->data_id, w->port);
}

static void on_data(void *arg, uint32_t id, struct str bytes)
{
	struct port_forward *f = arg;
	struct forward *w = find(f, id);

	if (w && w->data_id == id && w->error_id != 0 && !f->closed)
		f->options.events->on_data(f->options.arg, f, id, bytes);
}

static void on_end(void *arg, uint32_t id)
{
	struct port_forward *f = arg;
	struct forward *w = find(f, id);

	if (w && w->data_id == id && w->error_id != 0 && !f->closed)
		f->options.events->on_eof(f->options.arg, f, id);
}

static void on_reset(void *arg, uint32_t id)
{
	struct port_forward *f = arg;
	struct forward *w = find(f, id);
	bool was_open = w && w->data_id != 0 && w->error_id != 0;
	uint32_t data_id = w ? w->data_id : 0;

	if (!w)
		return;
	drop_forward(f, w);
	if (was_open && !f->closed)
		f->options.events->on_end(f->options.arg, f, data_id);
}

static void on_goaway(void *arg)
{
	/* The connection's end says the same, later and surely. */
}

static const struct spdy_events spdy_events = {
	.on_stream = on_stream, .on_data = on_data, .on_end = on_end, .on_reset = on_reset, .on_goaway = on_goaway,
};

/* --- receiving --- */

static size_t read_spdy(struct port_forward *f, struct str bytes)
{
	struct err err;
	int64_t n = spdy_decode(f->spdy, bytes, &err);

	send_out(f);
	if (f->closed)
		return bytes.len;
	if (n < 0) {
		close_all(f);
		return bytes.len;
	}
	return (size_t)n;
}

static void on_channel_message(struct port_forward *f, struct str message)
{
	struct forward *w;

	if (message.len < 2)
		return;
	w = find(f, (uint32_t)(uint8_t)message.ptr[0] + 1);
	if (w && w->data_id == (uint32_t)(uint8_t)message.ptr[0] + 1)
		f->options.events->on_data(f->options.arg, f, w->data_id, str_slice(message, 1, message.len));
}

static void on_tunnel_message(struct port_forward *f, struct str message)
{
	buf_put_str(&f->inner, message);
	if (buf_failed(&f->inner)) {
		close_all(f);
		return;
	}
	buf_consume(&f->inner, read_spdy(f, buf_str(&f->inner)));
}

/* Parts are put together, as the first byte of the whole is the channel. */
static void on_channel_part(struct port_forward *f, const struct websocket_frame *frame)
{
	if (frame->is_final && f->inner.len == 0) {
		on_channel_message(f, frame->payload);
		return;
	}
	buf_put_str(&f->inner, frame->payload);
	if (buf_failed(&f->inner)) {
		close_all(f);
		return;
	}
	if (!frame->is_final)
		return;
	on_channel_message(f, buf_str(&f->inner));
	buf_reset(&f->inner);
}

static void on_frame(struct port_forward *f, const struct websocket_frame *frame)
{
	if (frame->opcode == WEBSOCKET_PING) {
		if (conn_queued_bytes(f->conn) <= WEBSOCKET_PONG_QUEUE_BYTES_MAX)
			send_control(f, WEBSOCKET_PONG, frame->payload);
	} else if (frame->opcode == WEBSOCKET_CLOSE) {
		send_control(f, WEBSOCKET_CLOSE, frame->payload);
		conn_flush(f->conn);
		close_all(f);
	} else if (frame->opcode != WEBSOCKET_PONG) {
		if (f->carrier == BY_TUNNEL)
			on_tunnel_message(f, frame->payload);
		else
			on_channel_part(f, frame);
	}
}

static size_t read_websocket(struct port_forward *f, struct str bytes)
{
	struct websocket_frame frame;
	size_t taken = 0;
	int64_t n = 0;

	buf_put_str(&f->in, bytes);
	f->in_read = true; /* who resumes in here leaves in as it is */
	while (!f->closed && f->paused_count == 0) {
		n = websocket_decode(f->in.ptr + taken, f->in.len - taken, true, &frame, NULL);
		if (n <= 0)
			break;
		taken += (size_t)n;
		on_frame(f, &frame);
	}
	f->in_read = false;
	if (f->closed)
		return bytes.len;
	if (n < 0 || buf_failed(&f->in))
		close_all(f);
	else
		buf_consume(&f->in, taken);
	return bytes.len;
}

static size_t on_read(void *arg, struct conn *conn, struct str bytes)
{
	struct port_forward *f = arg;
	size_t taken;

	f->depth++;
	taken = f->carrier == BY_SPDY ? read_spdy(f, bytes) : read_websocket(f, bytes);
	leave(f);
	return taken;
}

static void on_drained(void *arg, struct conn *conn)
{
	struct port_forward *f = arg;

	f->depth++;
	LIST_FOR_EACH (node, &f->forwards) {
		struct forward *w = LIST_ENTRY(node, struct forward, link);

		if (!f->closed && f->options.events->on_drained && w->data_id != 0)
			f->options.events->on_drained(f->options.arg, f, w->data_id);
	}
	leave(f);
}

static void on_conn_closed(void *arg, struct conn *conn, const struct err *err)
{
	close_all(arg);
}

static const struct conn_events conn_events = { .on_read = on_read, .on_drained = on_drained,
						.on_closed = on_conn_closed };

/* Opens the channels' ports, then reports the end: in a later turn than what caused it. */
static void run_due(struct task *task)
{
	struct port_forward *f = CONTAINER_OF(task, struct port_forward, task);

	f->depth++;
	if (f->open_due) {
		f->open_due = false;
		LIST_FOR_EACH (node, &f->forwards) {
			struct forward *w = LIST_ENTRY(node, struct forward, link);

			if (!f->closed)
				f->options.events->on_open(f->options.arg, f, w->data_id, w->port);
		}
	}
	if (f->inner_due && !f->closed) {
		f->inner_due = false;
		buf_consume(&f->inner, read_spdy(f, buf_str(&f->inner)));
	}
	if (f->closed && !f->dead)
		f->options.events->on_closed(f->options.arg, f);
	leave(f);
}

/* --- interface --- */

static void open_channels(struct port_forward *f)
{
	for (size_t i = 0; i < f->options.port_count; i++) {
		struct forward *w = add_forward(f);
		uint16_t port = f->options.ports[i];

		w->port = port;
		w->data_id = (uint32_t)(2 * i + 1);
		w->error_id = (uint32_t)(2 * i + 2);
		for (int k = 0; k < 2; k++) {
			char first[3] = { (char)(2 * i + (size_t)k), (char)port, (char)(port >> 8) };

			send_message(f, str_sub(first, sizeof(first)), STR_NONE);
		}
	}
	f->options.ports = NULL;
	f->open_due = true;
	env_defer(f->env, &f->task);
}

static struct port_forward *make(struct conn *conn, const struct port_forward_options *options, enum carrier carrier)
{
	struct port_forward *f = NEW(struct port_forward);

	f->conn = conn;
	f->env = conn_env(conn);
	f->options = *options;
	f->carrier = carrier;
	list_init(&f->forwards);
	task_init(&f->task, run_due);
	buf_init(&f->out, REMOTE_QUEUE_BYTES_MAX);
	buf_init(&f->in, WEBSOCKET_FRAME_BYTES_MAX + CONN_UNREAD_BYTES_MAX + WEBSOCKET_HEADER_BYTES);
	buf_init(&f->inner, 2 * WEBSOCKET_FRAME_BYTES_MAX);
	conn_set_events(conn, &conn_events, f);
	if (carrier == BY_CHANNELS)
		open_channels(f);
	else
		f->spdy = spdy_new(&spdy_events, f, &f->out);
	return f;
}

int port_forward_accept(struct http_exchange *x, const struct port_forward_options *options, struct port_forward **ret,
			struct err *err)
{
	static const struct str websocket_names[] = { STR_INIT("SPDY/3.1+portforward.k8s.io"),
						      STR_INIT("v4.channel.k8s.io"), STR_INIT("") };
	static const struct str spdy_names[] = { STR_INIT("portforward.k8s.io") };
	struct conn *conn;
	size_t index;

	if (!websocket_is_request(&x->headers)) {
		if (remote_accept_spdy(x, spdy_names, ARRAY_COUNT(spdy_names), &index, &conn, err) < 0)
			return -1;
		*ret = make(conn, options, BY_SPDY);
		return 0;
	}
	if (options->port_count > PORT_FORWARD_PORTS_MAX) {
		(void)err_set(err, ERR_BAD_REQUEST, "more than %d ports", PORT_FORWARD_PORTS_MAX);
		return remote_refuse(x, 400, NULL, err);
	}
	if (remote_accept_websocket(x, websocket_names, ARRAY_COUNT(websocket_names), &index, &conn, err) < 0)
		return -1;
	*ret = make(conn, options, index == 0 ? BY_TUNNEL : BY_CHANNELS);
	return 0;
}

void port_forward_send(struct port_forward *f, uint32_t id, struct str bytes)
{
	struct forward *w = find(f, id);
	char channel = (char)(id - 1);

	if (!f->conn || !w || w->data_id != id || bytes.len == 0)
		return;
	if (f->carrier == BY_CHANNELS) {
		send_message(f, str_sub(&channel, 1), bytes);
		return;
	}
	spdy_data(f->spdy, id, bytes, false);
	send_out(f);
}

size_t port_forward_queued_bytes(const struct port_forward *f, uint32_t id)
{
	return f->conn ? conn_queued_bytes(f->conn) : 0;
}

/* One connection carries all: a paused one holds the others up too. */
static void pause(struct port_forward *f, uint32_t id, bool paused)
{
	struct forward *w = find(f, id);

	if (!w || w->paused == paused)
		return;
	w->paused = paused;
	if (paused)
		f->paused_count++;
	else
		f->paused_count--;
	if (!f->conn)
		return;
	if (f->spdy)
		spdy_pause(f->spdy, f->paused_count > 0);
	if (f->paused_count > 0) {
		conn_pause(f->conn);
		return;
	}
	if (f->inner.len > 0) {
		f->inner_due = true;
		env_defer(f->env, &f->task);
	}
	if (f->in.len > 0 && !f->in_read) {
		conn_unread(f->conn, buf_str(&f->in));
		buf_reset(&f->in);
	}
	conn_resume(f->conn);
}

void port_forward_pause(struct port_forward *f, uint32_t id)
{
	pause(f, id, true);
}

void port_forward_resume(struct port_forward *f, uint32_t id)
{
	pause(f, id, false);
}

/* Channels have no end of their own: that of the connection says that the last of them is over. */
static void end_channels(struct port_forward *f)
{
	static const char normal[2] = { 1000 >> 8, (char)(1000 & 0xff) };

	send_control(f, WEBSOCKET_CLOSE, str_sub(normal, sizeof(normal)));
	conn_close_after(f->conn, REMOTE_LINGER_MS);
	f->conn = NULL;
	f->closed = true;
	env_defer(f->env, &f->task);
}

void port_forward_close(struct port_forward *f, uint32_t id, struct str error_text)
{
	struct forward *w = find(f, id);
	char channel;

	if (!w)
		return;
	pause(f, id, false);
	if (f->conn && f->carrier == BY_CHANNELS && error_text.len > 0) {
		channel = (char)(w->error_id - 1);
		send_message(f, str_sub(&channel, 1), error_text);
	} else if (f->conn && f->spdy) {
		spdy_data(f->spdy, w->error_id, error_text, true);
		spdy_data(f->spdy, w->data_id, STR_NONE, true);
		send_out(f);
	}
	drop_forward(f, w);
	if (f->conn && f->carrier == BY_CHANNELS && f->forward_count == 0)
		end_channels(f);
}
