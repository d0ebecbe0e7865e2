/* SPDX-License-Identifier: Apache-2.0 */
/* The extended strings library (version 2): indices are code points. format() is in format_text.c.
 */
#include "base/num.h"
#include "cel/text_internal.h"
#include "cel/value_internal.h"

static struct cel_value out_of_range(struct cel_frame *f, int64_t index)
{
	return cel_fail(f, "index out of range: %lld", (long long)index);
}

static struct cel_value char_at(struct cel_frame *f, const struct cel_value *args)
{
	struct str s = cel_str(args[0]);
	int64_t index = args[1].integer;
	size_t at = index < 0 ? SIZE_MAX : text_offset(s, (uint64_t)index);

	if (at == SIZE_MAX)
		return out_of_range(f, index);
	return cel_string(at == s.len ? STR("") : str_sub(s.ptr + at, text_width(s, at)));
}

/* Code point number of needle in s, from code point number from on; -1. */
static struct cel_value index_in(struct cel_frame *f, struct str s, struct str needle, int64_t from)
{
	size_t at = from < 0 ? SIZE_MAX : text_offset(s, (uint64_t)from);

	if (at == SIZE_MAX)
		return out_of_range(f, from);
	if (!cel_work(f, s.len / 16))
		return cel_stopped(f->evaluation);
	if (needle.len == 0)
		return cel_int(from);
	at = str_find(s, needle, at);
	return cel_int(at == SIZE_MAX ? -1 : (int64_t)text_count(str_sub(s.ptr, at)));
}

static struct cel_value index_of(struct cel_frame *f, const struct cel_value *args)
{
	return index_in(f, cel_str(args[0]), cel_str(args[1]), 0);
}

static struct cel_value index_of_from(struct cel_frame *f, const struct cel_value *args)
{
	return index_in(f, cel_str(args[0]), cel_str(args[1]), args[2].integer);
}

/* The last place at or before byte at where needle begins, in code points; -1. */
static struct cel_value last_index_in(struct cel_frame *f, struct str s, struct str needle,
				      size_t at)
{
	if (needle.len > s.len)
		return cel_int(-1);
	if (!cel_work(f, s.len / 16))
		return cel_stopped(f->evaluation);
	for (size_t i = NUM_MIN(at, s.len - needle.len) + 1; i > 0; i--)
		if (str_eq(str_sub(s.ptr + i - 1, needle.len), needle))
			return cel_int((int64_t)text_count(str_sub(s.ptr, i - 1)));
	return cel_int(-1);
}

static struct cel_value last_index_of(struct cel_frame *f, const struct cel_value *args)
{
	return last_index_in(f, cel_str(args[0]), cel_str(args[1]), cel_str(args[0]).len);
}

static struct cel_value last_index_of_from(struct cel_frame *f, const struct cel_value *args)
{
	struct str s = cel_str(args[0]);
	size_t at = args[2].integer < 0 ? SIZE_MAX : text_offset(s, (uint64_t)args[2].integer);

	if (at == SIZE_MAX)
		return out_of_range(f, args[2].integer);
	return last_index_in(f, s, cel_str(args[1]), at);
}

static struct cel_value change_case(struct cel_frame *f, struct str s, char first, int shift)
{
	struct cel_value v = cel_text(f, s);
	char *text = (char *)(uintptr_t)v.ptr;

	for (size_t i = 0; !cel_is_error(v) && i < v.len; i++)
		if (text[i] >= first && text[i] < first + 26)
			text[i] = (char)(text[i] + shift);
	return v;
}

static struct cel_value lower_ascii(struct cel_frame *f, const struct cel_value *args)
{
	return change_case(f, cel_str(args[0]), 'A', 'a' - 'A');
}

static struct cel_value upper_ascii(struct cel_frame *f, const struct cel_value *args)
{
	return change_case(f, cel_str(args[0]), 'a', 'A' - 'a');
}

static struct cel_value text_of_buf(struct cel_frame *f, const struct buf *text)
{
	if (buf_failed(text)) {
		f->evaluation->stopped = true;
		return cel_stopped(f->evaluation);
	}
	return cel_text(f, buf_str(text));
}

/* At most max replacements; negative: all. An empty old is found in front of each code point and at
 * the end. */
static struct cel_value replace(struct cel_frame *f, const struct cel_value *args, int64_t max)
{
	struct str s = cel_str(args[0]);
	struct str old = cel_str(args[1]);
	AUTO_BUF text = { 0 };
	size_t at = 0;

	buf_init(&text, CEL_EVALUATION_BYTES_MAX / 4);
	while (max != 0 && cel_work(f, 1)) {
		size_t found = str_find(s, old, at);

		if (found == SIZE_MAX || (old.len == 0 && at > s.len))
			break;
		max--;
		buf_put_str(&text, str_slice(s, at, found));
		buf_put_str(&text, cel_str(args[2]));
		at = found + old.len;
		if (old.len > 0)
			continue;
		if (at >= s.len) {
			at = s.len + 1;
			break;
		}
		buf_put_str(&text, str_sub(s.ptr + at, text_width(s, at)));
		at += text_width(s, at);
	}
	if (at < s.len)
		buf_put_str(&text, str_slice(s, at, s.len));
	return cel_work(f, s.len / 16) ? text_of_buf(f, &text) : cel_stopped(f->evaluation);
}

static struct cel_value replace_all(struct cel_frame *f, const struct cel_value *args)
{
	return replace(f, args, -1);
}

static struct cel_value replace_max(struct cel_frame *f, const struct cel_value *args)
{
	return replace(f, args, args[3].integer);
}

/* At most max parts; negative: all. */
static struct cel_value split(struct cel_frame *f, struct str s, struct str separator, int64_t max)
{
	struct cel_value list = cel_list_new(f, 4);
	size_t at = 0;

	if (max == 0)
		return list;
	if (separator.len == 0 && s.len == 0)
		return list;
	while (!cel_is_error(list) && max != 1) {
		size_t end = separator.len ? str_find(s, separator, at) : at + text_width(s, at);

		if (end == SIZE_MAX || (separator.len == 0 && end >= s.len))
			break;
		list = cel_list_append(f, list, cel_string(str_slice(s, at, end)));
		at = end + separator.len;
		max--;
	}
	if (cel_is_error(list) || !cel_work(f, s.len / 16))
		return cel_stopped(f->evaluation);
	return cel_list_append(f, list, cel_string(str_slice(s, at, s.len)));
}

static struct cel_value split_all(struct cel_frame *f, const struct cel_value *args)
{
	return split(f, cel_str(args[0]), cel_str(args[1]), -1);
}

static struct cel_value split_max(struct cel_frame *f, const struct cel_value *args)
{
	return split(f, cel_str(args[0]), cel_str(args[1]), args[2].integer);
}

static struct cel_value substring_to(struct cel_frame *f, struct str s, int64_t start, int64_t end)
{
	size_t from = start < 0 ? SIZE_MAX : text_offset(s, (uint64_t)start);
	size_t to = end < 0 ? SIZE_MAX : text_offset(s, (uint64_t)end);

	if (from == SIZE_MAX)
		return out_of_range(f, start);
	if (to == SIZE_MAX)
		return out_of_range(f, end);
	if (start > end)
		return cel_fail(f, "invalid substring range. start: %lld, end: %lld",
				(long long)start, (long long)end);
	return cel_string(str_slice(s, from, to));
}

static struct cel_value substring(struct cel_frame *f, const struct cel_value *args)
{
	struct str s = cel_str(args[0]);

	return substring_to(f, s, args[1].integer, (int64_t)text_count(s));
}

static struct cel_value substring_range(struct cel_frame *f, const struct cel_value *args)
{
	return substring_to(f, cel_str(args[0]), args[1].integer, args[2].integer);
}

/* White space as Unicode has it. */
static bool is_space(uint32_t c)
{
	return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
	       c == 0x205f || c == 0x3000;
}

static struct cel_value trim(struct cel_frame *f, const struct cel_value *args)
{
	struct str s = cel_str(args[0]);
	size_t start = 0;
	size_t end = s.len;

	while (start < s.len && is_space(text_point(s, start)))
		start += text_width(s, start);
	while (end > start) {
		size_t last = end - 1;

		while (last > start && text_is_tail(s.ptr[last]))
			last--;
		if (!is_space(text_point(s, last)))
			break;
		end = last;
	}
	return cel_string(str_slice(s, start, end));
}

static struct cel_value join_with(struct cel_frame *f, struct cel_value list, struct str separator)
{
	AUTO_BUF text = { 0 };
	struct cel_iterator it;
	struct cel_value key;
	struct cel_value v;

	buf_init(&text, CEL_EVALUATION_BYTES_MAX / 4);
	if (!cel_iterate(list, &it))
		return cel_no_overload();
	while (cel_next(f, &it, &key, &v)) {
		if (v.kind != CEL_STRING)
			return cel_no_overload();
		if (key.integer > 0)
			buf_put_str(&text, separator);
		buf_put_str(&text, cel_str(v));
	}
	return text_of_buf(f, &text);
}

static struct cel_value join(struct cel_frame *f, const struct cel_value *args)
{
	return join_with(f, args[0], STR(""));
}

static struct cel_value join_separated(struct cel_frame *f, const struct cel_value *args)
{
	return join_with(f, args[0], cel_str(args[1]));
}

static struct cel_value quote(struct cel_frame *f, const struct cel_value *args)
{
	static const char names[] = "abfnrtv\\\"";
	static const char values[] = "\a\b\f\n\r\t\v\\\"";
	struct str s = cel_str(args[0]);
	AUTO_BUF text = { 0 };

	buf_init(&text, 2 * s.len + 3);
	buf_put_char(&text, '"');
	for (size_t i = 0; i < s.len; i++) {
		const char *found = s.ptr[i] ? strchr(values, s.ptr[i]) : NULL;

		if (found)
			buf_put_char(&text, '\\');
		buf_put_char(&text, found ? names[found - values] : s.ptr[i]);
	}
	buf_put_char(&text, '"');
	return text_of_buf(f, &text);
}

#define STRING1(function, returns, fn, rule)                                           \
	{                                                                              \
		.name = (function), .member = true, .count = 1,                        \
		.parameters = { &cel_type_string }, .result = (returns), .call = (fn), \
		.cost = (rule),                                                        \
	}
#define STRING2(function, second, returns, fn, rule)                                             \
	{                                                                                        \
		.name = (function), .member = true, .count = 2,                                  \
		.parameters = { &cel_type_string, (second) }, .result = (returns), .call = (fn), \
		.cost = (rule),                                                                  \
	}
#define STRING3(function, second, third, returns, fn, rule)                                 \
	{                                                                                   \
		.name = (function), .member = true, .count = 3,                             \
		.parameters = { &cel_type_string, (second), (third) }, .result = (returns), \
		.call = (fn), .cost = (rule),                                               \
	}

const struct cel_function cel_library_text[] = {
	STRING2("charAt", &cel_type_int, &cel_type_string, char_at, CEL_COST_ONE),
	STRING2("indexOf", &cel_type_string, &cel_type_int, index_of, CEL_COST_LIST_TRAVERSAL),
	STRING3("indexOf", &cel_type_string, &cel_type_int, &cel_type_int, index_of_from,
		CEL_COST_LIST_TRAVERSAL),
	STRING2("lastIndexOf", &cel_type_string, &cel_type_int, last_index_of,
		CEL_COST_LIST_TRAVERSAL),
	STRING3("lastIndexOf", &cel_type_string, &cel_type_int, &cel_type_int, last_index_of_from,
		CEL_COST_LIST_TRAVERSAL),
	STRING1("lowerAscii", &cel_type_string, lower_ascii, CEL_COST_SAME_LENGTH),
	STRING1("upperAscii", &cel_type_string, upper_ascii, CEL_COST_SAME_LENGTH),
	STRING3("replace", &cel_type_string, &cel_type_string, &cel_type_string, replace_all,
		CEL_COST_REPLACE),
	{ .name = "replace",
	  .member = true,
	  .count = 4,
	  .parameters = { &cel_type_string, &cel_type_string, &cel_type_string, &cel_type_int },
	  .result = &cel_type_string,
	  .call = replace_max,
	  .cost = CEL_COST_REPLACE },
	STRING2("split", &cel_type_string, &cel_list_string, split_all, CEL_COST_SPLIT),
	STRING3("split", &cel_type_string, &cel_type_int, &cel_list_string, split_max,
		CEL_COST_SPLIT),
	STRING2("substring", &cel_type_int, &cel_type_string, substring, CEL_COST_SAME_LENGTH),
	STRING3("substring", &cel_type_int, &cel_type_int, &cel_type_string, substring_range,
		CEL_COST_SAME_LENGTH),
	STRING1("trim", &cel_type_string, trim, CEL_COST_SAME_LENGTH),
	{ .name = "join",
	  .member = true,
	  .count = 1,
	  .parameters = { &cel_list_string },
	  .result = &cel_type_string,
	  .call = join,
	  .cost = CEL_COST_JOIN },
	{ .name = "join",
	  .member = true,
	  .count = 2,
	  .parameters = { &cel_list_string, &cel_type_string },
	  .result = &cel_type_string,
	  .call = join_separated,
	  .cost = CEL_COST_JOIN },
	{ .name = "strings.quote",
	  .count = 1,
	  .parameters = { &cel_type_string },
	  .result = &cel_type_string,
	  .call = quote,
	  .cost = CEL_COST_QUOTE },
	STRING2("format", &cel_type_list_dyn, &cel_type_string, cel_format_text, CEL_COST_FORMAT),
	{ 0 },
};
