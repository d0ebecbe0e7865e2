/* SPDX-License-Identifier: Apache-2.0 */
/* Strings as pointer and length: comparing, searching, cutting, copying. Nothing here reads beyond
 * len. */
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include "base/arena.h"
#include "base/assert.h"
#include "base/mem.h"

bool str_eq_c(struct str a, const char *b)
{
	return str_eq(a, str_from(b));
}

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool str_eq_nocase(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (lower(a.ptr[i]) != lower(b.ptr[i]))
			return false;
	}
	return true;
}

int str_cmp(struct str a, struct str b)
{
	size_t common = a.len < b.len ? a.len : b.len;
	int order = common ? memcmp(a.ptr, b.ptr, common) : 0;

	if (order)
		return order;
	return a.len < b.len ? -1 : a.len > b.len;
}

bool str_has_prefix(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_eq(str_sub(s.ptr, prefix.len), prefix);
}

bool str_has_suffix(struct str s, struct str suffix)
{
	return s.len >= suffix.len &&
	       (!suffix.len || str_eq(str_sub(s.ptr + s.len - suffix.len, suffix.len), suffix));
}

bool str_strip_prefix(struct str *s, struct str prefix)
{
	if (!str_has_prefix(*s, prefix))
		return false;
	*s = str_slice(*s, prefix.len, s->len);
	return true;
}

bool str_strip_suffix(struct str *s, struct str suffix)
{
	if (!str_has_suffix(*s, suffix))
		return false;
	s->len -= suffix.len;
	return true;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
	while (s.len && is_space(s.ptr[0]))
		s = str_slice(s, 1, s.len);
	while (s.len && is_space(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

size_t str_find_char(struct str s, char c, size_t from)
{
	const char *hit = from < s.len ? memchr(s.ptr + from, c, s.len - from) : NULL;

	return hit ? (size_t)(hit - s.ptr) : SIZE_MAX;
}

size_t str_rfind_char(struct str s, char c)
{
	const char *hit = s.len ? memrchr(s.ptr, c, s.len) : NULL;

	return hit ? (size_t)(hit - s.ptr) : SIZE_MAX;
}

size_t str_find(struct str s, struct str needle, size_t from)
{
	const char *hit;

	if (from > s.len)
		return SIZE_MAX;
	if (!needle.len)
		return from;
	if (from == s.len)
		return SIZE_MAX;
	hit = memmem(s.ptr + from, s.len - from, needle.ptr, needle.len);
	return hit ? (size_t)(hit - s.ptr) : SIZE_MAX;
}

bool str_contains(struct str s, struct str needle)
{
	return str_find(s, needle, 0) != SIZE_MAX;
}

struct str str_slice(struct str s, size_t from, size_t to)
{
	if (to > s.len)
		to = s.len;
	if (from > to)
		from = to;
	return (struct str){ s.ptr ? s.ptr + from : NULL, to - from };
}

bool str_next_part(struct str *s, char sep, struct str *ret_part)
{
	size_t at;

	if (!s->ptr)
		return false;
	at = str_find_char(*s, sep, 0);
	if (at == SIZE_MAX) {
		*ret_part = *s;
		*s = STR_NONE;
		return true;
	}
	*ret_part = str_slice(*s, 0, at);
	*s = str_slice(*s, at + 1, s->len);
	return true;
}

bool str_cut(struct str s, char sep, struct str *ret_head, struct str *ret_tail)
{
	size_t at = str_find_char(s, sep, 0);

	if (at == SIZE_MAX) {
		*ret_head = s;
		*ret_tail = str_slice(s, s.len, s.len);
		return false;
	}
	*ret_head = str_slice(s, 0, at);
	*ret_tail = str_slice(s, at + 1, s.len);
	return true;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t str_hash(struct str s)
{
	uint64_t hash = UINT64_C(0x9e3779b97f4a7c15) ^ s.len, word;
	size_t at = 0;

	for (; s.len - at >= sizeof(word); at += sizeof(word)) {
		memcpy(&word, s.ptr + at, sizeof(word));
		hash = mix(hash ^ word, UINT64_C(0xd6e8feb86659fd93));
	}
	word = 0;
	if (at < s.len)
		memcpy(&word, s.ptr + at, s.len - at);
	return mix(hash ^ word ^ UINT64_C(0xa0761d6478bd642f), UINT64_C(0xe7037ed1a0b428db));
}

/* Length of the well-formed sequence that starts at p (at most left bytes), or 0. Unicode 15, table
 * 3-7. */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t len;

	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		len = 2;
	else if ((p[0] & 0xf0) == 0xe0)
		len = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		len = 4;
	else
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (left < len || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

size_t str_utf8_end(struct str s, size_t from)
{
	const unsigned char *p = (const unsigned char *)s.ptr;
	size_t at = from;

	while (at < s.len) {
		uint64_t word;
		size_t len = 1;

		if (s.len - at >= sizeof(word)) {
			memcpy(&word, p + at, sizeof(word));
			if (!(word & UINT64_C(0x8080808080808080))) {
				at += sizeof(word);
				continue;
			}
		}
		if (p[at] >= 0x80)
			len = utf8_sequence(p + at, s.len - at);
		if (!len)
			break;
		at += len;
	}
	return at;
}

bool str_is_utf8(struct str s)
{
	return str_utf8_end(s, 0) == s.len;
}

char *str_dup_c(struct str s)
{
	char *copy = mem_alloc(s.len + 1);

	if (s.len)
		memcpy(copy, s.ptr, s.len);
	copy[s.len] = '\0';
	return copy;
}

struct str str_dup(struct str s)
{
	return (struct str){ str_dup_c(s), s.len };
}

const char *str_c_in(struct arena *arena, struct str s)
{
	char *copy = arena_alloc(arena, s.len + 1);

	if (s.len)
		memcpy(copy, s.ptr, s.len);
	return copy;
}

struct str str_in(struct arena *arena, struct str s)
{
	return (struct str){ str_c_in(arena, s), s.len };
}

struct str str_printf_in(struct arena *arena, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	ASSERT(len >= 0);
	text = arena_alloc(arena, (size_t)len + 1);
	va_start(ap, fmt);
	vsnprintf(text, (size_t)len + 1, fmt, ap);
	va_end(ap);
	return (struct str){ text, (size_t)len };
}

struct str str_join_in(struct arena *arena, const struct str *parts, size_t count, struct str sep)
{
	size_t len = count ? sep.len * (count - 1) : 0, at = 0;
	char *joined;

	for (size_t i = 0; i < count; i++)
		len += parts[i].len;
	joined = arena_alloc(arena, len + 1);
	for (size_t i = 0; i < count; i++) {
		if (i && sep.len) {
			memcpy(joined + at, sep.ptr, sep.len);
			at += sep.len;
		}
		if (parts[i].len)
			memcpy(joined + at, parts[i].ptr, parts[i].len);
		at += parts[i].len;
	}
	return (struct str){ joined, len };
}

int str_copy_to(struct str s, char *to, size_t to_bytes)
{
	if (s.len >= to_bytes || str_find_char(s, '\0', 0) != SIZE_MAX)
		return -1;
	if (s.len)
		memcpy(to, s.ptr, s.len);
	to[s.len] = '\0';
	return 0;
}
