/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A string is a pointer and a length, passed by value and borrowed unless a comment says otherwise; it may
 * hold any byte. char * appears only at system calls and libraries.
 */
#ifndef CUBE_BASE_STR_H
#define CUBE_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "base/attr.h"

struct arena;

struct str {
	const char *ptr; /* may be NULL only when len is 0 */
	size_t len;
};

#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
#define STR_INIT(literal) { "" literal, sizeof(literal) - 1 }      /* in constant tables */
#define STR_NONE ((struct str){ NULL, 0 })
#define STR_FMT "%.*s"
#define STR_ARG(s) (int)(s).len, (s).ptr ? (s).ptr : ""

/* A borrowed array of strings. */
struct str_list {
	const struct str *items;
	size_t count;
};

static inline struct str str_from(const char *c) { return (struct str){ c, c ? strlen(c) : 0 }; }
static inline struct str str_sub(const char *ptr, size_t len) { return (struct str){ ptr, len }; }
static inline bool str_is_empty(struct str s) { return s.len == 0; }
static inline bool str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
bool str_eq_c(struct str a, const char *b) PURE;
bool str_eq_nocase(struct str a, struct str b) PURE;             /* ASCII */
int str_cmp(struct str a, struct str b) PURE;                    /* bytewise, shorter first */
bool str_has_prefix(struct str s, struct str prefix) PURE;
bool str_has_suffix(struct str s, struct str suffix) PURE;
bool str_strip_prefix(struct str *s, struct str prefix);         /* true and s advanced when it was there */
bool str_strip_suffix(struct str *s, struct str suffix);
struct str str_trim(struct str s) PURE;                          /* ASCII white space at both ends */
/* Index of the first c / of needle at or after from, or SIZE_MAX. */
size_t str_find_char(struct str s, char c, size_t from) PURE;
size_t str_rfind_char(struct str s, char c) PURE;
size_t str_find(struct str s, struct str needle, size_t from) PURE;
bool str_contains(struct str s, struct str needle) PURE;
/* Part from..to, both clamped to the string. */
struct str str_slice(struct str s, size_t from, size_t to) PURE;
/* Cuts off up to sep: *s becomes the rest, *ret_part the front. False when s is used up (s->ptr is NULL then).
 * "a,b" gives a, b; "" gives one empty part; "a," gives a and an empty part. */
bool str_next_part(struct str *s, char sep, struct str *ret_part);
/* Splits at the first sep; without one, *ret_head is all of s and *ret_tail empty, and false is returned. */
bool str_cut(struct str s, char sep, struct str *ret_head, struct str *ret_tail);
uint64_t str_hash(struct str s) PURE;
/* True when s is well-formed UTF-8 (no surrogates, no overlong forms). */
bool str_is_utf8(struct str s) PURE;
/* Where the first byte at or behind from is that is no part of UTF-8; s.len when all are. */
size_t str_utf8_end(struct str s, size_t from) PURE;

/* Copies with a NUL behind (not counted in len). The arena or the caller (mem_free) owns the copy. */
char *str_dup_c(struct str s) MUST_CHECK;
struct str str_dup(struct str s) MUST_CHECK;                     /* mem_free((void *)s.ptr) */
struct str str_in(struct arena *arena, struct str s);
const char *str_c_in(struct arena *arena, struct str s);
struct str str_printf_in(struct arena *arena, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Joins count strings with sep between. */
struct str str_join_in(struct arena *arena, const struct str *parts, size_t count, struct str sep);
/* Copies into a fixed array with a NUL; < 0 and nothing written when it does not fit or s holds a NUL. */
int str_copy_to(struct str s, char *to, size_t to_bytes) MUST_CHECK;

#endif
