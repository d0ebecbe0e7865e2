/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The third way an exchange is answered: a connection that was HTTP/1 until its status went out.
 * Frames that come are skipped as they arrive and never kept; only pings are answered.
 */
#include "net/http_messages.h"

#include "base/assert.h"
#include "base/num.h"
#include "codec/base64.h"
#include "net/http_internal.h"
#include "net/remote_internal.h"
#include "net/websocket.h"

#define CLOSE_NORMAL 1000
#define CLOSE_PROTOCOL_ERROR 1002

struct http_messages {
	struct websocket_answer answer;
	enum http_message_form form;
	bool has_greeting;
};

int http_messages_accept(struct http_exchange *x, const struct http_messages_options *options,
			 struct err *err)
{
	struct http_messages *m = ARENA_NEW(&x->arena, struct http_messages);
	struct str *ours = NULL;

	ASSERT(!http_is_started(x));
	if (options->protocol_count)
		ours = arena_array(&x->arena, options->protocol_count, sizeof(*ours));
	for (size_t i = 0; i < options->protocol_count; i++)
		ours[i] = options->protocols[i].name;
	if (websocket_handshake(x, ours, options->protocol_count, &m->answer, err) < 0)
		return -1;
	m->form = ours ? options->protocols[m->answer.index].form : options->form;
	m->has_greeting = options->has_greeting;
	exchange_of(x)->messages = m;
	return 0;
}

/* --- sending --- */

static void send_frame(struct conn *c, enum websocket_opcode opcode, const struct http_piece *pieces,
		       size_t piece_count)
{
	char header[WEBSOCKET_HEADER_BYTES];
	size_t len = 0;

	for (size_t i = 0; i < piece_count; i++)
		len += pieces[i].bytes.len;
	conn_write_bytes(c, str_sub(header, websocket_encode_header(opcode, len, header)));
	conn_write(c, pieces, piece_count, true);
}

static void send_close(struct conn *c, uint16_t code)
{
	char payload[2] = { (char)(code >> 8), (char)code };

	send_frame(c, WEBSOCKET_CLOSE, &HTTP_BYTES(str_sub(payload, sizeof(payload))), 1);
}

static void send_base64(struct conn *c, const struct http_piece *pieces, size_t piece_count)
{
	AUTO_BUF plain = { 0 }, text = { 0 };

	buf_init(&plain, CONN_QUEUE_BYTES_MAX);
	buf_init(&text, CONN_QUEUE_BYTES_MAX * 2);
	for (size_t i = 0; i < piece_count; i++)
		buf_put_str(&plain, pieces[i].bytes);
	base64_encode(buf_str(&plain), &text);
	send_frame(c, WEBSOCKET_TEXT, &HTTP_BYTES(buf_str(&text)), 1);
}

static void messages_send(struct exchange *ex, const struct http_piece *pieces, size_t piece_count,
			  bool copy)
{
	struct conn *c = ex->sc->conn;
	size_t len = 0;

	for (size_t i = 0; i < piece_count; i++)
		len += pieces[i].bytes.len;
	if (len == 0)
		return;
	if (ex->messages->form == HTTP_MESSAGE_BASE64)
		send_base64(c, pieces, piece_count);
	else
		send_frame(c, ex->messages->form == HTTP_MESSAGE_TEXT ? WEBSOCKET_TEXT : WEBSOCKET_BINARY,
			   pieces, piece_count);
	server_conn_watch_sending(ex->sc);
}

static void messages_start(struct exchange *ex, const struct response_head *head)
{
	struct http_header list[3];
	struct http_headers headers = websocket_answer_headers(&ex->messages->answer, list);
	struct server_conn *sc = ex->sc;

	server_conn_deadline(sc, DEADLINE_NONE);
	conn_send(sc->conn, buf_str(http1_put_head(ex, 101, &headers)));
	if (ex->messages->has_greeting)
		send_frame(sc->conn, ex->messages->form == HTTP_MESSAGE_BASE64 ? WEBSOCKET_TEXT : WEBSOCKET_BINARY,
			   NULL, 0);
	conn_resume(sc->conn); /* what came behind the request */
}

static void messages_finish(struct exchange *ex)
{
	struct server_conn *sc = ex->sc;

	ASSERT(!ex->has_source);
	send_close(sc->conn, CLOSE_NORMAL);
	sc->current = NULL;
	sc->closing = true;
	exchange_free(ex);
	server_conn_close(sc);
}

static void messages_abort(struct exchange *ex)
{
	server_conn_break(ex->sc);
}

static size_t messages_queued(const struct exchange *ex)
{
	return conn_queued_bytes(ex->sc->conn);
}

/* --- what the client sends --- */

static void leave(struct server_conn *sc, uint16_t code)
{
	send_close(sc->conn, code);
	conn_flush(sc->conn);
	server_conn_break(sc);
}

static void take_control(struct server_conn *sc, const struct websocket_head *head, struct str payload)
{
	char bytes[WEBSOCKET_CONTROL_BYTES_MAX];

	ASSERT(payload.len <= sizeof(bytes));
	if (head->opcode == WEBSOCKET_CLOSE) {
		leave(sc, CLOSE_NORMAL);
		return;
	}
	if (head->opcode != WEBSOCKET_PING || conn_queued_bytes(sc->conn) > WEBSOCKET_PONG_QUEUE_BYTES_MAX)
		return;
	if (payload.len > 0)
		memcpy(bytes, payload.ptr, payload.len);
	websocket_unmask(head, bytes, payload.len);
	send_frame(sc->conn, WEBSOCKET_PONG, &HTTP_BYTES(str_sub(bytes, payload.len)), 1);
	server_conn_watch_sending(sc);
}

/* What it took of bytes; 0 when more is needed. */
static size_t take(struct server_conn *sc, struct str bytes)
{
	struct exchange *ex = sc->current;
	struct websocket_head head;
	struct err err;
	int64_t header;

	if (ex->skip_bytes > 0) {
		size_t skipped = (size_t)NUM_MIN(ex->skip_bytes, (uint64_t)bytes.len);

		ex->skip_bytes -= skipped;
		return skipped;
	}
	header = websocket_decode_head(bytes, true, &head, &err);
	if (header < 0) {
		leave(sc, CLOSE_PROTOCOL_ERROR);
		return bytes.len;
	}
	if (header == 0)
		return 0;
	if (head.opcode < WEBSOCKET_CLOSE) {
		ex->skip_bytes = head.payload_bytes;
		return (size_t)header;
	}
	if (bytes.len - (size_t)header < head.payload_bytes)
		return 0;
	take_control(sc, &head, str_sub(bytes.ptr + header, (size_t)head.payload_bytes));
	return (size_t)header + (size_t)head.payload_bytes;
}

static size_t messages_read(struct server_conn *sc, struct str bytes)
{
	size_t taken = 0, part = 1;

	while (part > 0 && sc->current && taken < bytes.len) {
		part = take(sc, str_slice(bytes, taken, bytes.len));
		taken += part;
	}
	return sc->current ? taken : bytes.len;
}

/* --- events of the connection --- */

static void messages_drained(struct server_conn *sc)
{
	if (sc->current)
		exchange_drained(sc->current);
}

static void messages_sent(struct server_conn *sc)
{
}

static void messages_drain(struct server_conn *sc)
{
	/* streams are their handlers' to end */
}

static void messages_closed(struct server_conn *sc)
{
	struct exchange *ex = sc->current;

	sc->current = NULL;
	sc->closing = true;
	if (ex)
		exchange_peer_gone(ex);
}

const struct http_protocol http_messages_protocol = {
	.read = messages_read,
	.eof = server_conn_break,
	.drained = messages_drained,
	.sent = messages_sent,
	.timed_out = server_conn_break,
	.drain = messages_drain,
	.closed = messages_closed,
	.start = messages_start,
	.send = messages_send,
	.finish = messages_finish,
	.abort = messages_abort,
	.queued = messages_queued,
};
