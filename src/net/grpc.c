/* SPDX-License-Identifier: Apache-2.0 */
/* Framing: a byte that tells compression, a length of four bytes in big endian, the message. */
#include "net/grpc.h"

#include <endian.h>
#include <stdio.h>
#include "base/num.h"

void grpc_status_set(struct grpc_status *status, int code, const char *fmt, ...)
{
	va_list ap;

	status->code = code;
	va_start(ap, fmt);
	(void)vsnprintf(status->message, sizeof(status->message), fmt, ap); /* cut when too long */
	va_end(ap);
}

size_t grpc_frame_begin(struct buf *to)
{
	size_t begin = to->len;

	buf_put(to, "\0\0\0\0\0", GRPC_PREFIX_BYTES);
	return begin;
}

void grpc_frame_end(struct buf *to, size_t begin)
{
	uint32_t len;

	if (buf_failed(to))
		return;
	len = htobe32((uint32_t)(to->len - begin - GRPC_PREFIX_BYTES));
	memcpy(to->ptr + begin + 1, &len, sizeof(len));
}

void grpc_frame(struct str message, struct buf *to)
{
	size_t begin = grpc_frame_begin(to);

	buf_put_str(to, message);
	grpc_frame_end(to, begin);
}

void grpc_reader_init(struct grpc_reader *r, size_t message_bytes_max)
{
	r->message_bytes_max = message_bytes_max;
	buf_init(&r->buf, message_bytes_max + GRPC_PREFIX_BYTES);
}

void grpc_reader_deinit(struct grpc_reader *r)
{
	buf_deinit(&r->buf);
}

bool grpc_reader_is_inside(const struct grpc_reader *r)
{
	return r->buf.len > 0;
}

static int read_prefix(struct grpc_reader *r, const char *prefix, size_t *ret_len, struct err *err)
{
	uint32_t len;

	if (prefix[0] != 0)
		return err_set(err, ERR_UNSUPPORTED,
			       "grpc: compressed message without agreed encoding");
	memcpy(&len, prefix + 1, sizeof(len));
	len = be32toh(len);
	if (len > r->message_bytes_max)
		return err_set(err, ERR_TOO_LARGE,
			       "grpc: received message larger than max (%u vs. %zu)", len,
			       r->message_bytes_max);
	*ret_len = len;
	return 0;
}

static void move(struct buf *to, struct str *bytes, size_t want)
{
	size_t take = NUM_MIN(want, bytes->len);

	buf_put(to, bytes->ptr, take);
	*bytes = str_slice(*bytes, take, bytes->len);
}

int grpc_reader_next(struct grpc_reader *r, struct str *bytes, struct str *ret, struct err *err)
{
	size_t len = 0, have = r->buf.len;

	/* The buffer holds what was handed out last: whole messages never stay. */
	if (have >= GRPC_PREFIX_BYTES) {
		if (read_prefix(r, r->buf.ptr, &len, err) < 0)
			return -1;
		if (have == GRPC_PREFIX_BYTES + len)
			buf_reset(&r->buf);
	}
	if (r->buf.len == 0 && bytes->len >= GRPC_PREFIX_BYTES) {
		if (read_prefix(r, bytes->ptr, &len, err) < 0)
			return -1;
		if (bytes->len >= GRPC_PREFIX_BYTES + len) { /* whole: no copy */
			*ret = str_sub(bytes->ptr + GRPC_PREFIX_BYTES, len);
			*bytes = str_slice(*bytes, GRPC_PREFIX_BYTES + len, bytes->len);
			return 1;
		}
	}
	if (r->buf.len < GRPC_PREFIX_BYTES)
		move(&r->buf, bytes, GRPC_PREFIX_BYTES - r->buf.len);
	if (r->buf.len < GRPC_PREFIX_BYTES)
		return 0;
	if (read_prefix(r, r->buf.ptr, &len, err) < 0)
		return -1;
	move(&r->buf, bytes, GRPC_PREFIX_BYTES + len - r->buf.len);
	if (r->buf.len < GRPC_PREFIX_BYTES + len)
		return 0;
	*ret = str_slice(buf_str(&r->buf), GRPC_PREFIX_BYTES, r->buf.len);
	return 1;
}

void grpc_message_encode(struct str text, struct buf *to)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c >= ' ' && c <= '~' && c != '%')
			buf_put_char(to, (char)c);
		else
			buf_printf(to, "%%%02X", c);
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void grpc_message_decode(struct str text, char *to, size_t to_bytes)
{
	size_t len = 0;

	for (size_t i = 0; i < text.len && len + 1 < to_bytes; i++) {
		bool is_code = text.ptr[i] == '%' && i + 2 < text.len &&
			       hex_digit(text.ptr[i + 1]) >= 0 && hex_digit(text.ptr[i + 2]) >= 0;

		to[len++] = is_code ? (char)(hex_digit(text.ptr[i + 1]) * 16 +
					     hex_digit(text.ptr[i + 2]))
				    : text.ptr[i];
		i += is_code ? 2 : 0;
	}
	to[len] = '\0';
}

int64_t grpc_timeout_parse(struct str text)
{
	static const struct {
		char unit;
		int64_t numerator, denominator; /* to milliseconds */
	} units[] = {
		{ 'H', 3600000, 1 }, { 'M', 60000, 1 }, { 'S', 1000, 1 },
		{ 'm', 1, 1 },	     { 'u', 1, 1000 },	{ 'n', 1, 1000000 },
	};
	uint64_t number;

	if (text.len < 2 || text.len > 9 ||
	    num_parse_u64(str_slice(text, 0, text.len - 1), 99999999, "timeout", &number, NULL) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_COUNT(units); i++) {
		if (units[i].unit == text.ptr[text.len - 1])
			return ((int64_t)number * units[i].numerator + units[i].denominator - 1) /
			       units[i].denominator;
	}
	return -1;
}
