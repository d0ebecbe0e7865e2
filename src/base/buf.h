/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte buffer with a limit. Once an append would pass max_bytes nothing more is appended and
 * buf_failed() is true until buf_reset(): writers check once, at the end. ptr is never NULL and a NUL always
 * stands behind the last byte.
 */
#ifndef CUBE_BASE_BUF_H
#define CUBE_BASE_BUF_H

#include <stdarg.h>
#include "base/err.h"
#include "base/str.h"

struct buf {
	char *ptr;
	size_t len;
	size_t cap_bytes;
	size_t max_bytes; /* len never gets beyond it */
	bool failed;
};

void buf_init(struct buf *b, size_t max_bytes);
void buf_deinit(struct buf *b);                     /* may be called twice */
void buf_reset(struct buf *b);                      /* len = 0, keeps the memory */
void buf_put(struct buf *b, const void *bytes, size_t len);
void buf_put_str(struct buf *b, struct str s);
void buf_put_c(struct buf *b, const char *s);
void buf_put_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
/* Room for at least want bytes behind len; NULL when that passes max_bytes. Then buf_added(). */
void *buf_room(struct buf *b, size_t want);
void buf_added(struct buf *b, size_t len);
void buf_truncate(struct buf *b, size_t len);      /* drops all behind the first len bytes */
void buf_consume(struct buf *b, size_t len);        /* drops the first len bytes */
bool buf_failed(const struct buf *b) PURE;
int buf_check(const struct buf *b, const char *what, struct err *err) MUST_CHECK; /* ERR_TOO_LARGE naming what */
struct str buf_str(const struct buf *b) PURE;       /* borrowed until the next change */
struct str buf_take(struct buf *b) MUST_CHECK;      /* heap memory moves to the caller; b is empty and usable */

#define AUTO_BUF CLEANUP(buf_deinit) struct buf

#endif
