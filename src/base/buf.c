/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The growing buffer. An unused one points at a constant empty string, so that ptr can always be read; memory comes
 * with the first byte and doubles.
 */
#include "base/buf.h"

#include <stdio.h>
#include "base/assert.h"
#include "base/mem.h"

#define FIRST_BYTES 64

/* Never written to: every write goes through grow(), which replaces it. */
static const char empty[1] = "";

void buf_init(struct buf *b, size_t max_bytes)
{
	*b = (struct buf){ .ptr = (char *)empty, .max_bytes = max_bytes };
}

void buf_deinit(struct buf *b)
{
	if (b->cap_bytes)
		mem_free(b->ptr);
	buf_init(b, b->max_bytes);
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->cap_bytes)
		b->ptr[0] = '\0';
}

/* Room for want bytes and the NUL behind len; false, and failed from now on, when the limit forbids it. */
static bool grow(struct buf *b, size_t want)
{
	size_t need, cap_bytes;

	if (b->failed || want > b->max_bytes || b->len > b->max_bytes - want) {
		b->failed = true;
		return false;
	}
	need = b->len + want + 1;
	if (need <= b->cap_bytes)
		return true;
	cap_bytes = b->cap_bytes ? b->cap_bytes * 2 : FIRST_BYTES;
	if (cap_bytes < need)
		cap_bytes = need;
	b->ptr = mem_realloc(b->cap_bytes ? b->ptr : NULL, cap_bytes);
	b->cap_bytes = cap_bytes;
	return true;
}

void buf_truncate(struct buf *b, size_t len)
{
	if (len >= b->len)
		return;
	b->len = len;
	b->ptr[len] = '\0';
}

void buf_put(struct buf *b, const void *bytes, size_t len)
{
	if (!len || !grow(b, len))
		return;
	memcpy(b->ptr + b->len, bytes, len);
	b->len += len;
	b->ptr[b->len] = '\0';
}

void buf_put_str(struct buf *b, struct str s)
{
	buf_put(b, s.ptr, s.len);
}

void buf_put_c(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void buf_put_char(struct buf *b, char c)
{
	buf_put(b, &c, 1);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	size_t room = b->cap_bytes ? b->cap_bytes - b->len : 0;
	va_list again;
	int len;

	if (b->failed)
		return;
	va_copy(again, ap);
	len = vsnprintf(room ? b->ptr + b->len : NULL, room, fmt, ap);
	ASSERT(len >= 0);
	if ((size_t)len >= room) {
		if (room)
			b->ptr[b->len] = '\0';
		if (grow(b, (size_t)len))
			vsnprintf(b->ptr + b->len, (size_t)len + 1, fmt, again);
	} else if ((size_t)len > b->max_bytes - b->len) {
		b->ptr[b->len] = '\0';
		b->failed = true;
	}
	if (!b->failed)
		b->len += (size_t)len;
	va_end(again);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

void *buf_room(struct buf *b, size_t want)
{
	return grow(b, want) ? b->ptr + b->len : NULL;
}

void buf_added(struct buf *b, size_t len)
{
	ASSERT(len == 0 || (len < b->cap_bytes && b->len < b->cap_bytes - len));
	b->len += len;
	if (b->cap_bytes)
		b->ptr[b->len] = '\0';
}

void buf_consume(struct buf *b, size_t len)
{
	ASSERT(len <= b->len);
	if (!len)
		return;
	memmove(b->ptr, b->ptr + len, b->len - len);
	b->len -= len;
	b->ptr[b->len] = '\0';
}

bool buf_failed(const struct buf *b)
{
	return b->failed;
}

int buf_check(const struct buf *b, const char *what, struct err *err)
{
	if (b->failed)
		return err_set(err, ERR_TOO_LARGE, "%s is larger than %zu bytes", what, b->max_bytes);
	return 0;
}

struct str buf_str(const struct buf *b)
{
	return (struct str){ b->ptr, b->len };
}

struct str buf_take(struct buf *b)
{
	struct str taken;

	if (!b->cap_bytes) {
		b->ptr = mem_zalloc(1);
		b->cap_bytes = 1;
	}
	taken = (struct str){ b->ptr, b->len };
	buf_init(b, b->max_bytes);
	return taken;
}
