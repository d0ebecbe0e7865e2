/* SPDX-License-Identifier: Apache-2.0 */
/* 'text %s'.format([values]). */
#include <math.h>
#include <stdio.h>

#include "base/num.h"
#include "cel/opaque_internal.h"

#define PRECISION_MAX 64

struct formatter {
	struct cel_frame *f;
	struct buf text;
	struct cel_value error; /* kind CEL_ERROR once something failed */
	unsigned depth;
};

static void write_value(struct formatter *w, struct cel_value v);

static void write_list(struct formatter *w, struct cel_value v)
{
	struct cel_iterator it;
	struct cel_value key;
	struct cel_value x;
	bool first = true;

	buf_put_char(&w->text, '[');
	for (bool more = cel_iterate(v, &it); more && cel_next(w->f, &it, &key, &x);
	     first = false) {
		if (!first)
			buf_put_c(&w->text, ", ");
		write_value(w, x);
	}
	buf_put_char(&w->text, ']');
}

static int by_key_text(struct cel_value a, struct cel_value b)
{
	int cmp = cel_compare(a, b);

	return cmp == 3 ? (a.kind < b.kind ? -1 : 1) : cmp;
}

/* Members in the order of their keys. */
static void write_map(struct formatter *w, struct cel_value v)
{
	size_t count = cel_map_count(v);
	struct cel_value *pairs = cel_take(w->f, 2 * count * sizeof(*pairs) + 1);
	struct cel_iterator it;
	size_t n = 0;

	if (!pairs || !cel_iterate(v, &it))
		return;
	while (n < count && cel_next(w->f, &it, &pairs[2 * n], &pairs[2 * n + 1])) {
		for (size_t k = n;
		     k > 0 && by_key_text(pairs[2 * k - 2], pairs[2 * k]) > 0 && cel_work(w->f, 1);
		     k--) {
			struct cel_value moved[2] = { pairs[2 * k], pairs[2 * k + 1] };

			memmove(&pairs[2 * k], &pairs[2 * k - 2], sizeof(moved));
			memcpy(&pairs[2 * k - 2], moved, sizeof(moved));
		}
		n++;
	}
	buf_put_char(&w->text, '{');
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_put_c(&w->text, ", ");
		write_value(w, pairs[2 * i]);
		buf_put_c(&w->text, ": ");
		write_value(w, pairs[2 * i + 1]);
	}
	buf_put_char(&w->text, '}');
}

static void fail(struct formatter *w, struct cel_value error)
{
	if (w->error.kind != CEL_ERROR)
		w->error = error;
}

static void write_text_of(struct formatter *w, struct cel_value v)
{
	if (cel_is_error(v))
		fail(w, v);
	else
		buf_put_str(&w->text, cel_str(v));
}

static void write_value(struct formatter *w, struct cel_value v)
{
	char number[32];

	if (w->depth > CEL_VALUE_DEPTH_MAX)
		return;
	w->depth++;
	switch ((enum cel_kind)v.kind) {
	case CEL_NULL:
		buf_put_c(&w->text, "null");
		break;
	case CEL_BOOL:
		buf_put_c(&w->text, v.boolean ? "true" : "false");
		break;
	case CEL_INT:
		buf_printf(&w->text, "%lld", (long long)v.integer);
		break;
	case CEL_UINT:
		buf_printf(&w->text, "%llu", (unsigned long long)v.natural);
		break;
	case CEL_DOUBLE:
		buf_put_str(&w->text, isinf(v.real)
					      ? (v.real > 0 ? STR("Infinity") : STR("-Infinity"))
					      : cel_double_text(v.real, number));
		break;
	case CEL_STRING:
	case CEL_BYTES:
		buf_put_str(&w->text, cel_str(v));
		break;
	case CEL_TIMESTAMP:
		write_text_of(w, cel_timestamp_text(w->f, v));
		break;
	case CEL_DURATION:
		write_text_of(w, cel_duration_text(w->f, v));
		break;
	case CEL_LIST:
		write_list(w, v);
		break;
	case CEL_MAP:
		write_map(w, v);
		break;
	case CEL_TYPE:
		buf_put_str(&w->text, cel_kind_name((struct cel_value){
					      .kind = (uint8_t)v.named->kind, .type = v.named }));
		break;
	default:
		fail(w, cel_fail(w->f,
				 "error during formatting: string clause can only be used on "
				 "strings, bools, bytes, "
				 "ints, doubles, maps, lists, types, durations, and timestamps, "
				 "was given " STR_FMT,
				 STR_ARG(cel_kind_name(v))));
	}
	w->depth--;
}

static void wrong_clause(struct formatter *w, const char *clause, const char *on,
			 struct cel_value v)
{
	fail(w, cel_fail(w->f,
			 "error during formatting: %s clause can only be used on %s, was "
			 "given " STR_FMT,
			 clause, on, STR_ARG(cel_kind_name(v))));
}

static void write_integer(struct formatter *w, struct cel_value v)
{
	if (v.kind == CEL_INT || v.kind == CEL_UINT || (v.kind == CEL_DOUBLE && !isfinite(v.real)))
		write_value(w, v);
	else
		wrong_clause(w, "decimal", "integers", v);
}

static void write_fixed(struct formatter *w, struct cel_value v, char clause, int precision)
{
	double real = v.kind == CEL_INT	   ? (double)v.integer
		      : v.kind == CEL_UINT ? (double)v.natural
					   : v.real;

	if (v.kind != CEL_DOUBLE && v.kind != CEL_INT && v.kind != CEL_UINT)
		wrong_clause(w, clause == 'f' ? "fixed-point" : "scientific", "doubles", v);
	else if (!isfinite(real))
		write_value(w, cel_make_double(real));
	else if (clause == 'f')
		buf_printf(&w->text, "%.*f", precision, real);
	else
		buf_printf(&w->text, "%.*e", precision, real);
}

static void write_binary(struct formatter *w, struct cel_value v)
{
	bool negative = v.kind == CEL_INT && v.integer < 0;
	uint64_t magnitude = v.kind == CEL_BOOL ? v.boolean : negative ? 0 - v.natural : v.natural;
	char digits[64];
	size_t n = 0;

	if (v.kind != CEL_INT && v.kind != CEL_UINT && v.kind != CEL_BOOL) {
		wrong_clause(w, "binary", "integers and bools", v);
		return;
	}
	do {
		digits[n++] = (char)('0' + (magnitude & 1));
	} while (magnitude >>= 1);
	if (negative)
		buf_put_char(&w->text, '-');
	while (n > 0)
		buf_put_char(&w->text, digits[--n]);
}

static void write_hex(struct formatter *w, struct cel_value v, bool upper)
{
	if (v.kind == CEL_STRING || v.kind == CEL_BYTES) {
		for (size_t i = 0; i < v.len; i++)
			buf_printf(&w->text, upper ? "%02X" : "%02x", (unsigned char)v.ptr[i]);
	} else if (v.kind == CEL_INT || v.kind == CEL_UINT) {
		bool negative = v.kind == CEL_INT && v.integer < 0;

		buf_printf(&w->text, upper ? "%s%llX" : "%s%llx", negative ? "-" : "",
			   (unsigned long long)(negative ? 0 - v.natural : v.natural));
	} else {
		wrong_clause(w, "hex", "integers, byte buffers, and strings", v);
	}
}

static void write_octal(struct formatter *w, struct cel_value v)
{
	bool negative = v.kind == CEL_INT && v.integer < 0;

	if (v.kind != CEL_INT && v.kind != CEL_UINT)
		wrong_clause(w, "octal", "integers", v);
	else
		buf_printf(&w->text, "%s%llo", negative ? "-" : "",
			   (unsigned long long)(negative ? 0 - v.natural : v.natural));
}

static void write_clause(struct formatter *w, char clause, int precision, struct cel_value v)
{
	switch (clause) {
	case 's':
		write_value(w, v);
		break;
	case 'd':
		write_integer(w, v);
		break;
	case 'f':
	case 'e':
		write_fixed(w, v, clause, precision < 0 ? 6 : precision);
		break;
	case 'b':
		write_binary(w, v);
		break;
	case 'x':
	case 'X':
		write_hex(w, v, clause == 'X');
		break;
	case 'o':
		write_octal(w, v);
		break;
	default:
		fail(w, cel_fail(w->f,
				 "could not parse formatting clause: unrecognized formatting "
				 "clause \"%c\"",
				 clause));
	}
}

/* ".3" at *i, which moves behind it; -1 when there is none. */
static int take_precision(struct formatter *w, struct str s, size_t *i)
{
	int precision = 0;

	if (*i >= s.len || s.ptr[*i] != '.')
		return -1;
	for (++*i; *i < s.len && s.ptr[*i] >= '0' && s.ptr[*i] <= '9' && precision <= PRECISION_MAX;
	     ++*i)
		precision = 10 * precision + (s.ptr[*i] - '0');
	if (precision > PRECISION_MAX)
		fail(w, cel_fail(w->f,
				 "could not parse formatting clause: error while parsing "
				 "precision: precision is more "
				 "than %d",
				 PRECISION_MAX));
	return precision;
}

static void write_all(struct formatter *w, struct str s, struct cel_value list)
{
	size_t used = 0;

	for (size_t i = 0; i < s.len && w->error.kind != CEL_ERROR && cel_work(w->f, 1); i++) {
		int precision;

		if (s.ptr[i] != '%') {
			buf_put_char(&w->text, s.ptr[i]);
			continue;
		}
		if (++i < s.len && s.ptr[i] == '%') {
			buf_put_char(&w->text, '%');
			continue;
		}
		precision = take_precision(w, s, &i);
		if (i >= s.len) {
			fail(w, cel_fail(w->f, "unexpected end of string"));
		} else if (used >= cel_list_count(list)) {
			fail(w, cel_fail(w->f, "index %zu out of range", used));
		} else {
			struct cel_value v = cel_list_at(w->f, list, used++);

			if (cel_is_error(v))
				fail(w, v);
			else
				write_clause(w, s.ptr[i], precision, v);
		}
	}
}

struct cel_value cel_format_text(struct cel_frame *f, const struct cel_value *args)
{
	struct formatter w = { .f = f };
	struct cel_value result;

	buf_init(&w.text, CEL_EVALUATION_BYTES_MAX / 4);
	write_all(&w, cel_str(args[0]), args[1]);
	if (buf_failed(&w.text))
		f->evaluation->stopped = true;
	if (w.error.kind == CEL_ERROR)
		result = w.error;
	else
		result = f->evaluation->stopped ? cel_stopped(f->evaluation)
						: cel_text(f, buf_str(&w.text));
	buf_deinit(&w.text);
	return result;
}
