/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channels over SPDY/3.1: one stream each, named by its streamtype header. The command starts when
 * the client has made all streams that the request promised.
 */
#include "base/mem.h"
#include "base/num.h"
#include "net/remote_internal.h"

#define DATA_BYTES_MAX (1u << 20)

static const struct {
	struct str name;
	enum remote_channel channel;
} stream_types[] = {
	{ STR_INIT("stdin"), REMOTE_STDIN }, { STR_INIT("stdout"), REMOTE_STDOUT },
	{ STR_INIT("stderr"), REMOTE_STDERR }, { STR_INIT("error"), REMOTE_ERROR },
	{ STR_INIT("resize"), REMOTE_RESIZE },
};

static void send_out(struct remote_stream *r)
{
	if (r->conn && r->out.len > 0)
		conn_write_bytes(r->conn, buf_str(&r->out));
	buf_reset(&r->out);
}

static int channel_of(const struct remote_stream *r, uint32_t id)
{
	for (int i = 0; i < REMOTE_CHANNEL_COUNT; i++) {
		if (id != 0 && r->ids[i] == id)
			return i;
	}
	return -1;
}

static void on_stream(void *arg, uint32_t id, const struct http_headers *headers, bool is_last)
{
	struct remote_stream *r = arg;
	struct str type = http_header_get(headers, STR("streamtype"));

	for (size_t i = 0; i < ARRAY_COUNT(stream_types); i++) {
		enum remote_channel channel = stream_types[i].channel;

		if (!str_eq_nocase(type, stream_types[i].name) || r->ids[channel] != 0)
			continue;
		r->ids[channel] = id;
		r->channel_mask &= ~(1u << channel);
		spdy_reply(r->spdy, id);
		if (r->channel_mask == 0) {
			timer_stop(&r->timer);
			remote_ready(r);
		}
		return;
	}
	spdy_reset(r->spdy, id, 3); /* REFUSED_STREAM */
}

static void on_data(void *arg, uint32_t id, struct str bytes)
{
	struct remote_stream *r = arg;
	int channel = channel_of(r, id);

	if (channel >= 0)
		(void)remote_data(r, (enum remote_channel)channel, bytes); /* depth keeps r until we return */
	if (r->dead || r->closed)
		spdy_pause(r->spdy, true);
}

static void on_end(void *arg, uint32_t id)
{
	struct remote_stream *r = arg;
	int channel = channel_of(r, id);

	if (channel >= 0)
		(void)remote_channel_closed(r, (enum remote_channel)channel);
	if (r->dead || r->closed)
		spdy_pause(r->spdy, true);
}

static void on_goaway(void *arg)
{
	/* The connection's end says the same, later and surely. */
}

static const struct spdy_events spdy_events = {
	.on_stream = on_stream, .on_data = on_data, .on_end = on_end, .on_reset = on_end, .on_goaway = on_goaway,
};

static void on_timeout(struct timer *timer)
{
	remote_closed(CONTAINER_OF(timer, struct remote_stream, timer));
}

void remote_spdy_open(struct remote_stream *r)
{
	const struct remote_stream_options *o = &r->options;

	r->spdy = spdy_new(&spdy_events, r, &r->out);
	r->channel_mask = 1u << REMOTE_ERROR;
	if (o->has_stdin)
		r->channel_mask |= 1u << REMOTE_STDIN;
	if (o->has_stdout)
		r->channel_mask |= 1u << REMOTE_STDOUT;
	if (o->has_stderr)
		r->channel_mask |= 1u << REMOTE_STDERR;
	if (o->tty && r->version >= 3)
		r->channel_mask |= 1u << REMOTE_RESIZE;
	timer_init(&r->timer, r->env, on_timeout);
	timer_start_slack(&r->timer, REMOTE_STREAM_TIMEOUT_MS, REMOTE_STREAM_TIMEOUT_MS / 8);
}

static size_t spdy_read(struct remote_stream *r, struct str bytes)
{
	struct err err;
	int64_t n = spdy_decode(r->spdy, bytes, &err);

	if (r->dead || r->closed || r->finished)
		return bytes.len;
	send_out(r);
	if (n >= 0)
		return (size_t)n;
	remote_closed(r);
	return bytes.len;
}

static void spdy_send(struct remote_stream *r, enum remote_channel channel, struct str bytes)
{
	while (r->ids[channel] != 0 && bytes.len > 0) {
		size_t len = NUM_MIN(bytes.len, (size_t)DATA_BYTES_MAX);

		spdy_data(r->spdy, r->ids[channel], str_slice(bytes, 0, len), false);
		bytes = str_slice(bytes, len, bytes.len);
		send_out(r);
	}
}

static void spdy_finish(struct remote_stream *r, struct str status)
{
	static const enum remote_channel outputs[] = { REMOTE_STDOUT, REMOTE_STDERR };

	for (size_t i = 0; i < ARRAY_COUNT(outputs); i++) {
		if (r->ids[outputs[i]] != 0)
			spdy_data(r->spdy, r->ids[outputs[i]], STR_NONE, true);
	}
	if (r->ids[REMOTE_ERROR] != 0)
		spdy_data(r->spdy, r->ids[REMOTE_ERROR], status, true);
	spdy_goaway(r->spdy);
	send_out(r);
}

const struct remote_protocol remote_spdy = { .read = spdy_read, .send = spdy_send, .finish = spdy_finish };
