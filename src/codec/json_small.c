/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What yyjson.h declares and cube-oci calls, for a program that is linked statically: Debian has
 * yyjson as a shared library only, and a dynamic loader costs a container's start more than all of
 * its JSON (doc/decisions/0008). The trees, and what walks and builds them, are yyjson's own: the
 * header has them as inline functions over public structs. Here is what it leaves to the library,
 * without its speed and its options: no flags when reading, nobody's allocator.
 *
 * Values of a document lie in one array behind the document's head, in the order of the text, and
 * know the distance to the next one. While a container is read, that is the distance back to the
 * one it is in.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>
#include "base/assert.h"
#include "base/buf.h"
#include "base/mem.h"
#include "codec/json_quote.h"
#include "codec/limits.h"

#define HEAD_VALUES (sizeof(yyjson_doc) / sizeof(yyjson_val))
#define NO_CONTAINER SIZE_MAX

_Static_assert(sizeof(yyjson_doc) % sizeof(yyjson_val) == 0, "the head takes whole values");
_Static_assert(sizeof(yyjson_val_chunk) <= sizeof(yyjson_mut_val),
	       "a chunk's head takes one value");

static void *small_malloc(void *unused, size_t size_bytes)
{
	return mem_alloc(size_bytes);
}

static void *small_realloc(void *unused, void *ptr, size_t old_bytes, size_t size_bytes)
{
	return mem_realloc(ptr, size_bytes);
}

static void small_free(void *unused, void *ptr)
{
	mem_free(ptr);
}

static const yyjson_alc small_alc = { .malloc = small_malloc,
				      .realloc = small_realloc,
				      .free = small_free };

/* ---- reading ---- */

struct reader {
	const char *at, *end;
	const char *wrong; /* what was found, or NULL */
	char *text; /* where the next string's bytes go: never longer than what was read of the
		       source */
	yyjson_val *values; /* the first HEAD_VALUES are the document */
	size_t count, count_max;
	size_t container; /* the innermost open one, or NO_CONTAINER */
};

static bool fail(struct reader *r, const char *wrong)
{
	r->wrong = wrong;
	return false;
}

static yyjson_val *add(struct reader *r)
{
	if (r->count == r->count_max) {
		r->count_max += r->count_max / 2;
		r->values = mem_realloc_array(r->values, r->count_max, sizeof(*r->values));
	}
	return &r->values[r->count++];
}

static void skip_space(struct reader *r)
{
	while (r->at < r->end &&
	       (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
		r->at++;
}

static bool read_word(struct reader *r, const char *word, uint8_t tag)
{
	size_t len = strlen(word);

	if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0)
		return fail(r, "invalid literal");
	r->at += len;
	add(r)->tag = tag;
	return true;
}

static bool is_digit(const struct reader *r, const char *at)
{
	return at < r->end && *at >= '0' && *at <= '9';
}

static const char *skip_digits(const struct reader *r, const char *at)
{
	while (is_digit(r, at))
		at++;
	return at;
}

/* The end of what RFC 8259 section 6 calls a number. */
static bool scan_number(struct reader *r, const char **ret_end, bool *ret_is_whole)
{
	const char *at = r->at + (*r->at == '-');

	if (!is_digit(r, at))
		return fail(r, "no digit after minus sign");
	if (*at == '0' && is_digit(r, at + 1))
		return fail(r, "number with leading zero is not allowed");
	at = skip_digits(r, at);
	*ret_is_whole = true;
	if (at < r->end && *at == '.') {
		if (!is_digit(r, ++at))
			return fail(r, "no digit after decimal point");
		at = skip_digits(r, at);
		*ret_is_whole = false;
	}
	if (at < r->end && (*at == 'e' || *at == 'E')) {
		at++;
		at += at < r->end && (*at == '+' || *at == '-');
		if (!is_digit(r, at))
			return fail(r, "no digit after exponent sign");
		at = skip_digits(r, at);
		*ret_is_whole = false;
	}
	*ret_end = at;
	return true;
}

/* Whole numbers of 64 bits are kept as such, all others as the nearest double. */
static bool read_number(struct reader *r)
{
	bool is_negative = *r->at == '-', is_whole;
	yyjson_val value = { .tag = YYJSON_TYPE_NUM | YYJSON_SUBTYPE_UINT };
	uint64_t limit = is_negative ? UINT64_C(1) << 63 : UINT64_MAX;
	const char *end;

	if (!scan_number(r, &end, &is_whole))
		return false;
	for (const char *at = r->at + is_negative; is_whole && at < end; at++) {
		uint64_t digit = (uint64_t)(*at - '0');

		is_whole = value.uni.u64 <= (limit - digit) / 10;
		value.uni.u64 = value.uni.u64 * 10 + digit;
	}
	if (is_whole && is_negative) {
		value.tag = YYJSON_TYPE_NUM | YYJSON_SUBTYPE_SINT;
		value.uni.u64 = ~value.uni.u64 + 1;
	} else if (!is_whole) {
		size_t len = (size_t)(end - r->at);

		memcpy(r->text, r->at,
		       len); /* strtod wants an end; the next string is written over it */
		r->text[len] = '\0';
		value.tag = YYJSON_TYPE_NUM | YYJSON_SUBTYPE_REAL;
		value.uni.f64 = strtod(r->text, NULL);
		if (value.uni.f64 - value.uni.f64 != 0)
			return fail(r, "number is infinity when parsed as double");
	}
	*add(r) = value;
	r->at = end;
	return true;
}

/* Length of the UTF-8 sequence at at (RFC 3629: none longer than needed, no surrogates); 0 when it
 * is none. */
static size_t sequence_length(const unsigned char *at, size_t left)
{
	size_t len = at[0] < 0x80   ? 1
		     : at[0] < 0xc2 ? 0
		     : at[0] < 0xe0 ? 2
		     : at[0] < 0xf0 ? 3
		     : at[0] < 0xf5 ? 4
				    : 0;

	if (len > left)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
	    (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return len;
}

static bool read_hex(struct reader *r, uint32_t *ret)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	uint32_t value = 0;

	for (int i = 0; i < 4; i++, r->at++) {
		const char *digit = r->at < r->end && *r->at ? strchr(digits, *r->at) : NULL;

		if (!digit)
			return fail(r, "invalid escaped unicode in string");
		value = value << 4 | (uint32_t)(digit - digits) % 16;
	}
	*ret = value;
	return true;
}

static void put_code_point(struct reader *r, uint32_t c)
{
	if (c < 0x80) {
		*r->text++ = (char)c;
		return;
	}
	if (c < 0x800) {
		*r->text++ = (char)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*r->text++ = (char)(0xe0 | c >> 12);
		} else {
			*r->text++ = (char)(0xf0 | c >> 18);
			*r->text++ = (char)(0x80 | (c >> 12 & 0x3f));
		}
		*r->text++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*r->text++ = (char)(0x80 | (c & 0x3f));
}

/* Behind "\u". What lies outside of the basic plane is written as two of them. */
static bool read_unicode(struct reader *r)
{
	uint32_t c, low;

	if (!read_hex(r, &c))
		return false;
	if (c >= 0xdc00 && c < 0xe000)
		return fail(r, "invalid high surrogate in string");
	if (c >= 0xd800 && c < 0xdc00) {
		if (r->end - r->at < 2 || r->at[0] != '\\' || r->at[1] != 'u')
			return fail(r, "no low surrogate in string");
		r->at += 2;
		if (!read_hex(r, &low))
			return false;
		if (low < 0xdc00 || low >= 0xe000)
			return fail(r, "invalid low surrogate in string");
		c = 0x10000 + ((c - 0xd800) << 10 | (low - 0xdc00));
	}
	put_code_point(r, c);
	return true;
}

static bool read_escape(struct reader *r)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *found;

	if (r->at == r->end)
		return fail(r, "unclosed string");
	if (*r->at == 'u') {
		r->at++;
		return read_unicode(r);
	}
	found = *r->at ? strchr(from, *r->at) : NULL;
	if (!found)
		return fail(r, "invalid escaped character in string");
	*r->text++ = to[found - from];
	r->at++;
	return true;
}

static bool read_string(struct reader *r)
{
	char *begin = r->text;
	yyjson_val *value;
	size_t len;

	for (r->at++; r->at < r->end && *r->at != '"';) {
		unsigned char c = (unsigned char)*r->at;

		if (c < 0x20)
			return fail(r, "unexpected control character in string");
		if (c == '\\') {
			r->at++;
			if (!read_escape(r))
				return false;
			continue;
		}
		len = sequence_length((const unsigned char *)r->at, (size_t)(r->end - r->at));
		if (len == 0)
			return fail(r, "invalid UTF-8 encoding in string");
		memcpy(r->text, r->at, len);
		r->text += len;
		r->at += len;
	}
	if (r->at == r->end)
		return fail(r, "unclosed string");
	r->at++;
	value = add(r);
	value->tag = (uint64_t)(r->text - begin) << YYJSON_TAG_BIT | YYJSON_TYPE_STR;
	value->uni.str = begin;
	*r->text++ = '\0';
	return true;
}

static void open_container(struct reader *r, uint8_t type)
{
	yyjson_val *value = add(r);
	size_t index = r->count - 1;

	value->tag = type;
	value->uni.ofs = r->container == NO_CONTAINER ? 0 : index - r->container;
	r->container = index;
	r->at++;
}

static void close_container(struct reader *r)
{
	yyjson_val *value = &r->values[r->container];
	size_t back = value->uni.ofs;

	value->uni.ofs = (r->count - r->container) * sizeof(*value);
	r->container = back ? r->container - back : NO_CONTAINER;
	r->at++;
}

/* A value, or the opening of one: what is in it is read by who called. */
static bool read_value(struct reader *r)
{
	switch (*r->at) {
	case '{':
		open_container(r, YYJSON_TYPE_OBJ);
		return true;
	case '[':
		open_container(r, YYJSON_TYPE_ARR);
		return true;
	case '"':
		return read_string(r);
	case 't':
		return read_word(r, "true", YYJSON_TYPE_BOOL | YYJSON_SUBTYPE_TRUE);
	case 'f':
		return read_word(r, "false", YYJSON_TYPE_BOOL | YYJSON_SUBTYPE_FALSE);
	case 'n':
		return read_word(r, "null", YYJSON_TYPE_NULL);
	default:
		if (*r->at != '-' && !is_digit(r, r->at))
			return fail(r, "unexpected character");
		return read_number(r);
	}
}

static bool read_key(struct reader *r)
{
	if (r->at == r->end || *r->at != '"')
		return fail(r, r->at == r->end ? "unexpected end of data" : "unexpected character");
	if (!read_string(r))
		return false;
	skip_space(r);
	if (r->at == r->end || *r->at != ':')
		return fail(r, r->at == r->end ? "unexpected end of data" : "unexpected character");
	r->at++;
	skip_space(r);
	return true;
}

/* The next member or item of the innermost container, or its end. */
static bool read_next(struct reader *r)
{
	yyjson_val *open = &r->values[r->container];
	bool is_object = (open->tag & YYJSON_TYPE_MASK) == YYJSON_TYPE_OBJ;
	bool is_first = open->tag >> YYJSON_TAG_BIT == 0;

	skip_space(r);
	if (r->at < r->end && *r->at == (is_object ? '}' : ']')) {
		close_container(r);
		return true;
	}
	if (!is_first) {
		if (r->at == r->end || *r->at != ',')
			return fail(r, r->at == r->end ? "unexpected end of data"
						       : "unexpected character");
		r->at++;
		skip_space(r);
	}
	open->tag +=
		UINT64_C(1) << YYJSON_TAG_BIT; /* before it moves, with the array that it lies in */
	if (is_object && !read_key(r))
		return false;
	if (r->at == r->end)
		return fail(r, "unexpected end of data");
	return read_value(r);
}

static bool read_document(struct reader *r)
{
	skip_space(r);
	if (r->at == r->end)
		return fail(r, "input data is empty");
	if (!read_value(r))
		return false;
	while (r->container != NO_CONTAINER) {
		if (!read_next(r))
			return false;
	}
	skip_space(r);
	return r->at == r->end || fail(r, "unexpected content after document");
}

yyjson_doc *yyjson_read_opts(char *bytes, size_t len, yyjson_read_flag flags, const yyjson_alc *alc,
			     yyjson_read_err *err)
{
	struct reader r = { .at = bytes, .end = bytes + len, .container = NO_CONTAINER };
	char *text = mem_alloc(len + 1);
	yyjson_doc *doc;

	ASSERT(flags == 0 && !alc);
	r.text = text;
	r.count = HEAD_VALUES;
	r.count_max = HEAD_VALUES + 8 + len / 12;
	r.values = mem_alloc(r.count_max * sizeof(*r.values));
	if (!read_document(&r)) {
		if (err)
			*err = (yyjson_read_err){ .code = YYJSON_READ_ERROR_JSON_STRUCTURE,
						  .msg = r.wrong,
						  .pos = (size_t)(r.at - bytes) };
		mem_free(text);
		mem_free(r.values);
		return NULL;
	}
	doc = (yyjson_doc *)(void *)r.values;
	*doc = (yyjson_doc){ .root = r.values + HEAD_VALUES,
			     .alc = small_alc,
			     .dat_read = len,
			     .val_read = r.count - HEAD_VALUES,
			     .str_pool = text };
	return doc;
}

/* ---- documents that are built ---- */

yyjson_mut_doc *yyjson_mut_doc_new(const yyjson_alc *alc)
{
	yyjson_mut_doc *doc = NEW(yyjson_mut_doc);

	ASSERT(!alc);
	doc->alc = small_alc;
	doc->str_pool.chunk_size = doc->str_pool.chunk_size_max = JSON_SMALL_CHUNK_BYTES;
	doc->val_pool.chunk_size = doc->val_pool.chunk_size_max = JSON_SMALL_CHUNK_BYTES;
	return doc;
}

void yyjson_mut_doc_free(yyjson_mut_doc *doc)
{
	if (!doc)
		return;
	for (yyjson_str_chunk *chunk = doc->str_pool.chunks, *next; chunk; chunk = next) {
		next = chunk->next;
		mem_free(chunk);
	}
	for (yyjson_val_chunk *chunk = doc->val_pool.chunks, *next; chunk; chunk = next) {
		next = chunk->next;
		mem_free(chunk);
	}
	mem_free(doc);
}

bool unsafe_yyjson_str_pool_grow(yyjson_str_pool *pool, const yyjson_alc *alc, size_t len)
{
	size_t bytes = sizeof(yyjson_str_chunk) + (len > pool->chunk_size ? len : pool->chunk_size);
	yyjson_str_chunk *chunk = mem_alloc(bytes);

	*chunk = (yyjson_str_chunk){ .next = pool->chunks, .chunk_size = bytes };
	pool->chunks = chunk;
	pool->cur = (char *)(chunk + 1);
	pool->end = (char *)chunk + bytes;
	return true;
}

bool unsafe_yyjson_val_pool_grow(yyjson_val_pool *pool, const yyjson_alc *alc, size_t count)
{
	size_t usual = pool->chunk_size / sizeof(yyjson_mut_val);
	size_t values = 1 + (count > usual ? count : usual);
	yyjson_mut_val *first = mem_calloc(values, sizeof(*first));
	yyjson_val_chunk *chunk = (yyjson_val_chunk *)(void *)first;

	*chunk = (yyjson_val_chunk){ .next = pool->chunks, .chunk_size = values * sizeof(*first) };
	pool->chunks = chunk;
	pool->cur = first + 1;
	pool->end = first + values;
	return true;
}

/* Links the children of a container whose copy, and theirs, lie in the same order. */
static void link_children(yyjson_val *from, yyjson_mut_val *to)
{
	bool is_object = unsafe_yyjson_is_obj(from);
	size_t count = unsafe_yyjson_get_len(from) << is_object;
	yyjson_val *child = from + 1;
	yyjson_mut_val *first = to + 1, *before = NULL;

	to->uni.ptr = NULL;
	for (size_t i = 0; i < count; i++) {
		yyjson_mut_val *here = to + (child - from);

		if (before)
			before->next = here;
		if (!is_object || i % 2 == 0)
			to->uni.ptr = here; /* the last item or key */
		before = here;
		child = unsafe_yyjson_get_next(child);
	}
	if (before)
		before->next = first;
}

yyjson_mut_val *yyjson_val_mut_copy(yyjson_mut_doc *doc, yyjson_val *from)
{
	size_t count = (size_t)(unsafe_yyjson_get_next(from) - from);
	yyjson_mut_val *to = unsafe_yyjson_mut_val(doc, count);

	for (size_t i = 0; i < count; i++) {
		to[i].tag = from[i].tag;
		to[i].uni = from[i].uni;
		if (unsafe_yyjson_is_str(&from[i]))
			to[i].uni.str = unsafe_yyjson_mut_strncpy(doc, from[i].uni.str,
								  unsafe_yyjson_get_len(&from[i]));
	}
	for (size_t i = 0; i < count; i++) {
		if (unsafe_yyjson_is_ctn(&from[i]))
			link_children(&from[i], &to[i]);
	}
	return to;
}

/* ---- writing ---- */

struct writer {
	struct buf text;
	int indent; /* spaces a level; 0: compact */
};

static void put_line(struct writer *w, int depth)
{
	if (w->indent)
		buf_printf(&w->text, "\n%*s", w->indent * depth, "");
}

/* The shortest of three that reads back as the same number. */
static void put_real(struct writer *w, double number)
{
	char text[40];

	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, number);
		if (strtod(text, NULL) == number)
			break;
	}
	buf_printf(&w->text, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
}

static void put_scalar(struct writer *w, const yyjson_mut_val *v)
{
	switch ((uint8_t)v->tag & (YYJSON_TYPE_MASK | YYJSON_SUBTYPE_MASK)) {
	case YYJSON_TYPE_NULL:
		buf_put_c(&w->text, "null");
		return;
	case YYJSON_TYPE_BOOL | YYJSON_SUBTYPE_TRUE:
		buf_put_c(&w->text, "true");
		return;
	case YYJSON_TYPE_BOOL | YYJSON_SUBTYPE_FALSE:
		buf_put_c(&w->text, "false");
		return;
	case YYJSON_TYPE_NUM | YYJSON_SUBTYPE_UINT:
		buf_printf(&w->text, "%" PRIu64, v->uni.u64);
		return;
	case YYJSON_TYPE_NUM | YYJSON_SUBTYPE_SINT:
		buf_printf(&w->text, "%" PRId64, v->uni.i64);
		return;
	case YYJSON_TYPE_NUM | YYJSON_SUBTYPE_REAL:
		put_real(w, v->uni.f64);
		return;
	default:
		ASSERT(((uint8_t)v->tag & YYJSON_TYPE_MASK) == YYJSON_TYPE_STR);
		json_write_quoted(str_sub(v->uni.str, (size_t)(v->tag >> YYJSON_TAG_BIT)),
				  &w->text);
	}
}

static void put_value(struct writer *w, yyjson_mut_val *v, int depth)
{
	bool is_object = yyjson_mut_is_obj(v);
	size_t count = (size_t)(v->tag >> YYJSON_TAG_BIT);
	yyjson_mut_val *at;

	if (!yyjson_mut_is_ctn(v)) {
		put_scalar(w, v);
		return;
	}
	ASSERT(depth < JSON_DEPTH_MAX);
	buf_put_char(&w->text, is_object ? '{' : '[');
	at = !count	 ? NULL
	     : is_object ? ((yyjson_mut_val *)v->uni.ptr)->next->next
			 : ((yyjson_mut_val *)v->uni.ptr)->next;
	for (size_t i = 0; i < count; i++, at = at->next) {
		if (i)
			buf_put_char(&w->text, ',');
		put_line(w, depth + 1);
		if (is_object) {
			put_scalar(w, at);
			buf_put_c(&w->text, w->indent ? ": " : ":");
			at = at->next;
		}
		put_value(w, at, depth + 1);
	}
	if (count)
		put_line(w, depth);
	buf_put_char(&w->text, is_object ? '}' : ']');
}

char *yyjson_mut_write_opts(const yyjson_mut_doc *doc, yyjson_write_flag flags,
			    const yyjson_alc *alc, size_t *ret_len, yyjson_write_err *err)
{
	struct writer w = { .indent = flags & YYJSON_WRITE_PRETTY_TWO_SPACES ? 2 : 0 };
	struct str text;

	ASSERT(!alc && !(flags & ~(YYJSON_WRITE_PRETTY_TWO_SPACES | YYJSON_WRITE_NEWLINE_AT_END)));
	buf_init(&w.text, JSON_SMALL_WRITTEN_MAX);
	put_value(&w, doc->root, 0);
	if (flags & YYJSON_WRITE_NEWLINE_AT_END)
		buf_put_char(&w.text, '\n');
	ASSERT(!buf_failed(&w.text));
	text = buf_take(&w.text);
	if (ret_len)
		*ret_len = text.len;
	return (char *)(uintptr_t)text.ptr;
}
