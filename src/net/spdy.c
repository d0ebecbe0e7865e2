/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SPDY/3.1 frames (draft-mbelshe-httpbis-spdy-00 with the session window of 3.1). Control frames
 * are read whole, data frames as they come. Header blocks of one connection share one zlib stream
 * in each direction, so each must be inflated in order, also those nobody wants.
 */
#include "net/spdy.h"

#include <zlib.h>
#include "base/arena.h"
#include "base/assert.h"
#include "base/mem.h"
#include "base/num.h"
#include "net/limits.h"

#define HEADER_BYTES 8
#define WINDOW_STEP_BYTES (32u << 10)
#define FLAG_LAST 1

enum {
	SYN_STREAM = 1,
	SYN_REPLY = 2,
	RST_STREAM = 3,
	SETTINGS = 4,
	PING = 6,
	GOAWAY = 7,
	HEADERS = 8,
	WINDOW_UPDATE = 9
};

struct spdy {
	const struct spdy_events *events;
	void *arg;
	struct buf *out;
	z_stream inflater, deflater;
	uint8_t dictionary[SPDY_DICTIONARY_BYTES];
	uint32_t last_id;
	uint32_t data_id;      /* of the data frame that is read */
	size_t data_left;
	bool data_last, in_data, paused;
	uint32_t unacked_bytes; /* received and not announced by WINDOW_UPDATE */
};

static uint32_t get_u32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put_u32(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 24);
	at[1] = (uint8_t)(value >> 16);
	at[2] = (uint8_t)(value >> 8);
	at[3] = (uint8_t)value;
}

static void put_control(struct spdy *s, uint8_t type, const uint8_t *payload, size_t len)
{
	uint8_t header[HEADER_BYTES] = { 0x80, 3, 0, type, 0, (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len };

	buf_put(s->out, header, sizeof(header));
	buf_put(s->out, payload, len);
}

struct spdy *spdy_new(const struct spdy_events *events, void *arg, struct buf *out)
{
	struct spdy *s = NEW(struct spdy);

	s->events = events;
	s->arg = arg;
	s->out = out;
	spdy_dictionary(s->dictionary);
	/* Small windows: header blocks here have a few dozen bytes. */
	ASSERT(inflateInit(&s->inflater) == Z_OK);
	ASSERT(deflateInit2(&s->deflater, 1, Z_DEFLATED, 11, 1, Z_DEFAULT_STRATEGY) == Z_OK);
	ASSERT(deflateSetDictionary(&s->deflater, s->dictionary, sizeof(s->dictionary)) == Z_OK);
	return s;
}

void spdy_free(struct spdy *s)
{
	if (!s)
		return;
	inflateEnd(&s->inflater);
	deflateEnd(&s->deflater);
	mem_free(s);
}

/* --- header blocks --- */

static int inflate_block(struct spdy *s, const uint8_t *from, size_t len, struct buf *to, struct err *err)
{
	z_stream *z = &s->inflater;

	z->next_in = (uint8_t *)from;
	z->avail_in = (uInt)len;
	for (;;) {
		uint8_t *room = buf_room(to, 1024);
		int r;

		if (!room)
			return err_set(err, ERR_TOO_LARGE, "SPDY headers are larger than %u bytes",
				       SPDY_HEADER_BYTES_MAX);
		z->next_out = room;
		z->avail_out = 1024;
		r = inflate(z, Z_SYNC_FLUSH);
		if (r == Z_NEED_DICT) {
			r = inflateSetDictionary(z, s->dictionary, sizeof(s->dictionary));
			if (r == Z_OK)
				continue;
		}
		if (r != Z_OK && r != Z_BUF_ERROR)
			return err_set(err, ERR_PARSE, "SPDY headers: malformed compression");
		buf_added(to, 1024 - z->avail_out);
		if (z->avail_out > 0)
			return 0; /* all that was there */
	}
}

static bool take_text(struct str *rest, struct str *ret)
{
	uint32_t len;

	if (rest->len < 4)
		return false;
	len = get_u32((const uint8_t *)rest->ptr);
	if (len > rest->len - 4)
		return false;
	*ret = str_slice(*rest, 4, 4 + (size_t)len);
	*rest = str_slice(*rest, 4 + (size_t)len, rest->len);
	return true;
}

/* Names and values borrow from block. */
static int decode_block(struct str block, struct http_header list[SPDY_HEADER_COUNT_MAX],
			struct http_headers *ret, struct err *err)
{
	uint32_t count;

	if (block.len < 4)
		return err_set(err, ERR_PARSE, "SPDY headers are cut off");
	count = get_u32((const uint8_t *)block.ptr);
	if (count > SPDY_HEADER_COUNT_MAX)
		return err_set(err, ERR_TOO_LARGE, "more than %d SPDY headers", SPDY_HEADER_COUNT_MAX);
	block = str_slice(block, 4, block.len);
	for (uint32_t i = 0; i < count; i++) {
		if (!take_text(&block, &list[i].name) || !take_text(&block, &list[i].value))
			return err_set(err, ERR_PARSE, "SPDY headers are cut off");
	}
	*ret = (struct http_headers){ list, count };
	return 0;
}

static int read_block(struct spdy *s, const uint8_t *from, size_t len, struct buf *block, struct err *err)
{
	buf_init(block, SPDY_HEADER_BYTES_MAX);
	return inflate_block(s, from, len, block, err);
}

static int on_syn_stream(struct spdy *s, const uint8_t *payload, size_t len, uint8_t flags, struct err *err)
{
	struct http_header list[SPDY_HEADER_COUNT_MAX];
	struct http_headers headers;
	AUTO_BUF block = { 0 };
	uint32_t id;

	buf_init(&block, SPDY_HEADER_BYTES_MAX);
	if (len < 10)
		return err_set(err, ERR_PARSE, "SYN_STREAM is too short");
	id = get_u32(payload) & 0x7fffffff;
	if (inflate_block(s, payload + 10, len - 10, &block, err) < 0 ||
	    decode_block(buf_str(&block), list, &headers, err) < 0)
		return -1;
	if (id == 0 || id % 2 == 0 || id <= s->last_id)
		return err_set(err, ERR_PARSE, "SPDY stream %u is not a new one of the client's", id);
	s->last_id = id;
	s->events->on_stream(s->arg, id, &headers, flags & FLAG_LAST);
	return 0;
}

/* Of no use here, but the shared compression must see it. */
static int skip_block(struct spdy *s, const uint8_t *payload, size_t len, struct err *err)
{
	struct buf block;
	int r;

	if (len < 4)
		return err_set(err, ERR_PARSE, "SPDY headers are too short");
	r = read_block(s, payload + 4, len - 4, &block, err);
	buf_deinit(&block);
	return r;
}

static int on_control(struct spdy *s, uint8_t type, uint8_t flags, struct str frame, struct err *err)
{
	const uint8_t *payload = (const uint8_t *)frame.ptr;

	switch (type) {
	case SYN_STREAM:
		return on_syn_stream(s, payload, frame.len, flags, err);
	case SYN_REPLY:
		return skip_block(s, payload, frame.len, err);
	case HEADERS:
		if (skip_block(s, payload, frame.len, err) < 0)
			return -1;
		if (flags & FLAG_LAST)
			s->events->on_end(s->arg, get_u32(payload) & 0x7fffffff);
		return 0;
	case RST_STREAM:
		if (frame.len != 8)
			return err_set(err, ERR_PARSE, "RST_STREAM has %zu bytes", frame.len);
		s->events->on_reset(s->arg, get_u32(payload) & 0x7fffffff);
		return 0;
	case PING:
		if (frame.len != 4)
			return err_set(err, ERR_PARSE, "PING has %zu bytes", frame.len);
		if (get_u32(payload) % 2 == 1) /* the client's own; even ones would be answers to ours */
			put_control(s, PING, payload, 4);
		return 0;
	case GOAWAY:
		s->events->on_goaway(s->arg);
		return 0;
	default:
		return 0; /* SETTINGS, WINDOW_UPDATE, and what must be ignored */
	}
}

/* --- decoding --- */

static void announce_window(struct spdy *s, uint32_t id)
{
	uint8_t payload[8];

	if (s->unacked_bytes < WINDOW_STEP_BYTES)
		return;
	put_u32(payload + 4, s->unacked_bytes);
	put_u32(payload, id);
	put_control(s, WINDOW_UPDATE, payload, sizeof(payload));
	put_u32(payload, 0); /* the session's */
	put_control(s, WINDOW_UPDATE, payload, sizeof(payload));
	s->unacked_bytes = 0;
}

static size_t take_data(struct spdy *s, struct str bytes)
{
	size_t len = NUM_MIN(bytes.len, s->data_left);

	s->data_left -= len;
	if (len > 0) {
		s->unacked_bytes += (uint32_t)len;
		s->events->on_data(s->arg, s->data_id, str_slice(bytes, 0, len));
		announce_window(s, s->data_id);
	}
	if (s->data_left == 0) {
		s->in_data = false;
		if (s->data_last)
			s->events->on_end(s->arg, s->data_id);
	}
	return len;
}

/* One frame's header, and the whole of it when it is a control frame. 0 = more is needed. */
static int64_t take_frame(struct spdy *s, struct str bytes, struct err *err)
{
	const uint8_t *at = (const uint8_t *)bytes.ptr;
	size_t len;

	if (bytes.len < HEADER_BYTES)
		return 0;
	len = (size_t)at[5] << 16 | (size_t)at[6] << 8 | at[7];
	if (!(at[0] & 0x80)) {
		s->data_id = get_u32(at);
		s->data_left = len;
		s->data_last = at[4] & FLAG_LAST;
		s->in_data = true;
		return HEADER_BYTES;
	}
	if (at[0] != 0x80 || at[1] != 3)
		return err_set(err, ERR_PARSE, "not SPDY/3");
	if (len > SPDY_FRAME_BYTES_MAX)
		return err_set(err, ERR_TOO_LARGE, "a SPDY frame has %zu bytes", len);
	if (bytes.len < HEADER_BYTES + len)
		return 0;
	if (at[2] == 0 && on_control(s, at[3], at[4], str_slice(bytes, HEADER_BYTES, HEADER_BYTES + len), err) < 0)
		return -1;
	return (int64_t)(HEADER_BYTES + len);
}

int64_t spdy_decode(struct spdy *s, struct str bytes, struct err *err)
{
	size_t taken = 0;

	while (!s->paused) {
		struct str rest = str_slice(bytes, taken, bytes.len);
		int64_t n;

		if (s->in_data && (rest.len > 0 || s->data_left == 0)) {
			taken += take_data(s, rest);
			continue;
		}
		n = s->in_data ? 0 : take_frame(s, rest, err);
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		taken += (size_t)n;
	}
	return (int64_t)taken;
}

void spdy_pause(struct spdy *s, bool paused)
{
	s->paused = paused;
}

/* --- sending --- */

void spdy_reply(struct spdy *s, uint32_t id)
{
	uint8_t block[4] = { 0 }, payload[4 + 256];
	z_stream *z = &s->deflater;

	put_u32(payload, id);
	z->next_in = block; /* no headers */
	z->avail_in = sizeof(block);
	z->next_out = payload + 4;
	z->avail_out = sizeof(payload) - 4;
	ASSERT(deflate(z, Z_SYNC_FLUSH) == Z_OK && z->avail_in == 0 && z->avail_out > 0);
	put_control(s, SYN_REPLY, payload, sizeof(payload) - z->avail_out);
}

void spdy_data_header(uint32_t id, size_t len, bool is_last, uint8_t to[8])
{
	ASSERT(len < 1u << 24);
	put_u32(to, id);
	put_u32(to + 4, (uint32_t)len);
	to[4] = is_last ? FLAG_LAST : 0;
}

void spdy_data(struct spdy *s, uint32_t id, struct str bytes, bool is_last)
{
	uint8_t header[HEADER_BYTES];

	spdy_data_header(id, bytes.len, is_last, header);
	buf_put(s->out, header, sizeof(header));
	buf_put_str(s->out, bytes);
}

void spdy_reset(struct spdy *s, uint32_t id, uint32_t status)
{
	uint8_t payload[8];

	put_u32(payload, id);
	put_u32(payload + 4, status);
	put_control(s, RST_STREAM, payload, sizeof(payload));
}

void spdy_goaway(struct spdy *s)
{
	uint8_t payload[8];

	put_u32(payload, s->last_id);
	put_u32(payload + 4, 0);
	put_control(s, GOAWAY, payload, sizeof(payload));
}
