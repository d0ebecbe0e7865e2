/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing protobuf. A message is written where its bytes go, with one byte before it for its
 * length; the few that are longer are moved once.
 */
#include "api/protobuf_internal.h"

#include <string.h>

#define VARINT_BYTES_MAX 10

size_t wire_varint_bytes(uint64_t value)
{
	size_t count = 1;

	while (value >>= 7)
		count++;
	return count;
}

static size_t write_varint(uint64_t value, unsigned char *to)
{
	size_t count = 0;

	while (value > 0x7f) {
		to[count++] = (unsigned char)(value | 0x80);
		value >>= 7;
	}
	to[count++] = (unsigned char)value;
	return count;
}

void wire_varint(struct buf *to, uint64_t value)
{
	unsigned char bytes[VARINT_BYTES_MAX];

	buf_put(to, bytes, write_varint(value, bytes));
}

void wire_tag(struct buf *to, uint32_t number, enum wire wire)
{
	wire_varint(to, (uint64_t)number << 3 | wire);
}

void wire_number(struct buf *to, uint32_t number, int64_t value)
{
	wire_tag(to, number, WIRE_VARINT);
	wire_varint(to, (uint64_t)value);
}

void wire_text(struct buf *to, uint32_t number, struct str text)
{
	wire_tag(to, number, WIRE_BYTES);
	wire_varint(to, text.len);
	buf_put_str(to, text);
}

size_t wire_open(struct buf *to, uint32_t number)
{
	wire_tag(to, number, WIRE_BYTES);
	buf_put_char(to, 0);
	return to->len;
}

void wire_close(struct buf *to, size_t start)
{
	size_t len = to->len - start, more = wire_varint_bytes(len) - 1;

	if (buf_failed(to) || (more && !buf_room(to, more)))
		return;
	if (more) {
		memmove(to->ptr + start + more, to->ptr + start, len);
		buf_added(to, more);
	}
	(void)write_varint(len, (unsigned char *)to->ptr + start - 1); /* as many as varint_bytes */
}

void wire_double(struct buf *to, uint32_t number, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	wire_tag(to, number, WIRE_FIXED64);
	for (unsigned i = 0; i < 8; i++)
		buf_put_char(to, (char)(bits >> 8 * i));
}
