/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channels over WebSocket: each message begins with its channel, a byte (or a digit, with base64
 * behind it, in text messages); v5 adds [255, channel] to end one.
 */
#include <openssl/evp.h>
#include "base/mem.h"
#include "base/num.h"
#include "net/remote_internal.h"
#include "net/websocket.h"

#define CLOSE_CHANNEL 255

static void send_frame(struct remote_stream *r, enum websocket_opcode opcode, struct str head, struct str payload)
{
	char header[WEBSOCKET_HEADER_BYTES];
	size_t header_bytes = websocket_encode_header(opcode, head.len + payload.len, header);
	struct blob *frame = blob_alloc(header_bytes + head.len + payload.len);

	memcpy(frame->bytes, header, header_bytes);
	memcpy(frame->bytes + header_bytes, head.ptr, head.len);
	if (payload.len > 0)
		memcpy(frame->bytes + header_bytes + head.len, payload.ptr, payload.len);
	conn_write(r->conn, &HTTP_BLOB(frame), 1, false);
	blob_unref(frame);
}

static void ws_send(struct remote_stream *r, enum remote_channel channel, struct str bytes)
{
	char first = (char)((r->base64 ? '0' : 0) + (int)channel);
	unsigned char *text;
	int len;

	if (!r->base64) {
		send_frame(r, WEBSOCKET_BINARY, str_sub(&first, 1), bytes);
		return;
	}
	text = mem_alloc(bytes.len / 3 * 4 + 5);
	len = EVP_EncodeBlock(text, (const unsigned char *)bytes.ptr, (int)bytes.len);
	send_frame(r, WEBSOCKET_TEXT, str_sub(&first, 1), str_sub((char *)text, (size_t)len));
	mem_free(text);
}

static void send_close(struct remote_stream *r, uint16_t code)
{
	char payload[2] = { (char)(code >> 8), (char)code };

	send_frame(r, WEBSOCKET_CLOSE, str_sub(payload, sizeof(payload)), STR_NONE);
}

/* Returns false: the stream is gone. */
static bool leave(struct remote_stream *r, uint16_t code)
{
	send_close(r, code);
	conn_flush(r->conn);
	remote_closed(r);
	return false;
}

static bool on_base64(struct remote_stream *r, enum remote_channel channel, struct str text)
{
	unsigned char *plain;
	int len;
	bool lives;

	text = str_trim(text);
	plain = mem_alloc(text.len / 4 * 3 + 4);
	len = EVP_DecodeBlock(plain, (const unsigned char *)text.ptr, (int)text.len);
	for (size_t i = text.len; len > 0 && i > 0 && text.ptr[i - 1] == '=' && text.len - i < 2; i--)
		len--; /* padding counts as zero bytes there */
	lives = len > 0 ? remote_data(r, channel, str_sub((char *)plain, (size_t)len)) : true;
	mem_free(plain);
	return lives;
}

/* A whole message. False when the stream is gone. */
static bool on_message(struct remote_stream *r, struct str message)
{
	uint8_t channel;

	if (message.len == 0)
		return true;
	channel = (uint8_t)message.ptr[0];
	if (r->version >= 5 && channel == CLOSE_CHANNEL)
		return message.len == 2 && (uint8_t)message.ptr[1] < REMOTE_CHANNEL_COUNT ?
			       remote_channel_closed(r, (enum remote_channel)message.ptr[1]) : true;
	if (r->base64)
		channel = (uint8_t)(channel - '0');
	message = str_slice(message, 1, message.len);
	if (channel >= REMOTE_CHANNEL_COUNT || message.len == 0)
		return true; /* as upstream: a channel that is not there takes anything */
	return r->base64 ? on_base64(r, channel, message) : remote_data(r, channel, message);
}

static bool on_frame(struct remote_stream *r, const struct websocket_frame *frame)
{
	bool lives;

	switch (frame->opcode) {
	case WEBSOCKET_PING:
		if (conn_queued_bytes(r->conn) <= WEBSOCKET_PONG_QUEUE_BYTES_MAX)
			send_frame(r, WEBSOCKET_PONG, frame->payload, STR_NONE);
		return true;
	case WEBSOCKET_PONG:
		return true;
	case WEBSOCKET_CLOSE:
		return leave(r, 1000);
	case WEBSOCKET_CONTINUATION:
	case WEBSOCKET_TEXT:
	case WEBSOCKET_BINARY:
	default:
		break;
	}
	if ((frame->opcode == WEBSOCKET_CONTINUATION) != r->in_message)
		return leave(r, 1002); /* a part of nothing, or another message within one */
	r->in_message = !frame->is_final;
	if (frame->is_final && r->message.len == 0)
		return on_message(r, frame->payload);
	buf_put_str(&r->message, frame->payload);
	if (buf_failed(&r->message))
		return leave(r, 1009);
	if (!frame->is_final)
		return true;
	lives = on_message(r, buf_str(&r->message));
	if (lives)
		buf_reset(&r->message);
	return lives;
}

/* What is left of in once its frames were handled; < 0: they are none. SIZE_MAX taken: the stream is gone. */
static int64_t take_frames(struct remote_stream *r, size_t *ret_taken)
{
	struct websocket_frame frame;
	size_t taken = 0;
	int64_t n = 0;
	struct err err;

	while (!r->paused && !r->finished) {
		n = websocket_decode(r->in.ptr + taken, r->in.len - taken, true, &frame, &err);
		if (n <= 0)
			break;
		taken += (size_t)n;
		if (!on_frame(r, &frame)) {
			taken = SIZE_MAX;
			break;
		}
	}
	*ret_taken = taken;
	return n;
}

static size_t ws_read(struct remote_stream *r, struct str bytes)
{
	size_t taken;
	int64_t n;

	buf_put_str(&r->in, bytes);
	r->in_read = true; /* who resumes in here leaves in as it is */
	n = take_frames(r, &taken);
	r->in_read = false;
	if (taken == SIZE_MAX)
		return bytes.len;
	if (n < 0 || buf_failed(&r->in)) {
		(void)leave(r, 1002); /* there is nothing to go on with */
		return bytes.len;
	}
	if (!r->finished)
		buf_consume(&r->in, taken);
	return bytes.len;
}

static void ws_finish(struct remote_stream *r, struct str status)
{
	if (status.len > 0)
		ws_send(r, REMOTE_ERROR, status);
	send_close(r, 1000);
}

const struct remote_protocol remote_websocket = { .read = ws_read, .send = ws_send, .finish = ws_finish };
