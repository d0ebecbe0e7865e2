/* SPDX-License-Identifier: Apache-2.0 */
/* Code points: strings are UTF-8 and are counted, indexed and cut in code points. */
#ifndef CUBE_CEL_TEXT_INTERNAL_H
#define CUBE_CEL_TEXT_INTERNAL_H

#include <stdbool.h>
#include "base/str.h"

static inline bool text_is_point(uint32_t point)
{
	return point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
}

/* Writes 1 to 4 bytes; returns how many. */
static inline size_t text_put_point(uint32_t point, char *to)
{
	if (point < 0x80) {
		to[0] = (char)point;
		return 1;
	}
	if (point < 0x800) {
		to[0] = (char)(0xc0 | point >> 6);
		to[1] = (char)(0x80 | (point & 0x3f));
		return 2;
	}
	if (point < 0x10000) {
		to[0] = (char)(0xe0 | point >> 12);
		to[1] = (char)(0x80 | (point >> 6 & 0x3f));
		to[2] = (char)(0x80 | (point & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | point >> 18);
	to[1] = (char)(0x80 | (point >> 12 & 0x3f));
	to[2] = (char)(0x80 | (point >> 6 & 0x3f));
	to[3] = (char)(0x80 | (point & 0x3f));
	return 4;
}

static inline bool text_is_tail(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

static inline size_t text_count(struct str s)
{
	size_t count = 0;

	for (size_t i = 0; i < s.len; i++)
		count += !text_is_tail(s.ptr[i]);
	return count;
}

/* Length in bytes of the code point at i < s.len. */
static inline size_t text_width(struct str s, size_t i)
{
	size_t n = 1;

	while (i + n < s.len && text_is_tail(s.ptr[i + n]))
		n++;
	return n;
}

/* Byte offset of code point number index; s.len when there are exactly so many, SIZE_MAX when
 * fewer. */
static inline size_t text_offset(struct str s, uint64_t index)
{
	size_t i = 0;

	for (; index > 0; index--) {
		if (i >= s.len)
			return SIZE_MAX;
		i += text_width(s, i);
	}
	return i;
}

/* The code point at i < s.len of well-formed UTF-8. */
static inline uint32_t text_point(struct str s, size_t i)
{
	unsigned char c = (unsigned char)s.ptr[i];
	size_t n = text_width(s, i);
	uint32_t point = n == 1 ? c : n == 2 ? c & 0x1f : n == 3 ? c & 0x0f : c & 0x07;

	for (size_t k = 1; k < n; k++)
		point = point << 6 | ((unsigned char)s.ptr[i + k] & 0x3f);
	return point;
}

#endif
