/* SPDX-License-Identifier: Apache-2.0 */
/* 'text %s'.format([values]): version 2 of the library of strings, which is what upstream has. */
#include <math.h>
#include <stdio.h>

#include "base/num.h"
#include "cel/format_internal.h"
#include "cel/opaque_internal.h"

#define REAL_BYTES_MAX 512 /* DBL_MAX with CEL_FORMAT_PRECISION_MAX decimals */

struct formatter {
	struct cel_frame *f;
	struct buf text;
	struct cel_value error; /* kind CEL_ERROR once something failed */
	unsigned depth;
};

static void write_inner(struct formatter *w, struct cel_value v);

static void fail(struct formatter *w, struct cel_value error)
{
	if (w->error.kind != CEL_ERROR)
		w->error = error;
}

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
		write_inner(w, x);
	}
	buf_put_char(&w->text, ']');
}

/* What write() appends, as a string of the evaluation. */
static struct cel_value written(struct formatter *w, struct cel_value v)
{
	size_t start = w->text.len;
	struct cel_value text;

	write_inner(w, v);
	text = cel_text(w->f, str_slice(buf_str(&w->text), start, w->text.len));
	buf_truncate(&w->text, start);
	return text;
}

/* Members in the order of their keys as they are written. */
static void write_map(struct formatter *w, struct cel_value v)
{
	size_t count = cel_map_count(v);
	struct cel_value *pairs = cel_take(w->f, 2 * count * sizeof(*pairs) + 1);
	struct cel_iterator it;
	struct cel_value key;
	size_t n = 0;

	if (!pairs || !cel_iterate(v, &it))
		return;
	for (; n < count && cel_next(w->f, &it, &key, &pairs[2 * n + 1]); n++) {
		pairs[2 * n] = written(w, key);
		for (size_t k = n;
		     k > 0 && cel_compare(pairs[2 * k - 2], pairs[2 * k]) > 0 && cel_work(w->f, 1);
		     k--) {
			struct cel_value moved[2] = { pairs[2 * k], pairs[2 * k + 1] };

			memmove(&pairs[2 * k], &pairs[2 * k - 2], sizeof(moved));
			memcpy(&pairs[2 * k - 2], moved, sizeof(moved));
		}
	}
	buf_put_char(&w->text, '{');
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_put_c(&w->text, ", ");
		buf_put_str(&w->text, cel_str(pairs[2 * i]));
		buf_put_char(&w->text, ':');
		write_inner(w, pairs[2 * i + 1]);
	}
	buf_put_char(&w->text, '}');
}

static void write_text_of(struct formatter *w, struct cel_value v)
{
	if (cel_is_error(v))
		fail(w, v);
	else
		buf_put_str(&w->text, cel_str(v));
}

static void write_integer(struct formatter *w, struct cel_value v)
{
	if (v.kind == CEL_INT)
		buf_printf(&w->text, "%lld", (long long)v.integer);
	else
		buf_printf(&w->text, "%llu", (unsigned long long)v.natural);
}

/* %s */
static void write_value(struct formatter *w, struct cel_value v)
{
	char number[32];

	switch ((enum cel_kind)v.kind) {
	case CEL_NULL:
		buf_put_c(&w->text, "null");
		break;
	case CEL_BOOL:
		buf_put_c(&w->text, v.boolean ? "true" : "false");
		break;
	case CEL_INT:
	case CEL_UINT:
		write_integer(w, v);
		break;
	case CEL_DOUBLE:
		buf_put_str(&w->text, cel_double_text(v.real, number));
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
	case CEL_TYPE:
		buf_put_str(&w->text, cel_kind_name((struct cel_value){
					      .kind = (uint8_t)v.named->kind, .type = v.named }));
		break;
	default:
		write_inner(w, v);
	}
}

/* Lists and maps, and what is inside of them: as an expression has it. */
static void write_inner(struct formatter *w, struct cel_value v)
{
	if (w->depth > CEL_VALUE_DEPTH_MAX)
		return;
	w->depth++;
	switch ((enum cel_kind)v.kind) {
	case CEL_STRING:
	case CEL_BYTES:
		buf_put_c(&w->text, v.kind == CEL_BYTES ? "b" : "");
		json_write_quoted(cel_str(v), &w->text);
		break;
	case CEL_DOUBLE:
		if (isfinite(v.real))
			buf_printf(&w->text, "%.*f", CEL_FORMAT_PRECISION, v.real);
		else
			buf_put_c(&w->text, isnan(v.real) ? "\"NaN\""
					    : v.real > 0  ? "\"+Inf\""
							  : "\"-Inf\"");
		break;
	case CEL_TIMESTAMP:
	case CEL_DURATION:
		buf_put_c(&w->text, v.kind == CEL_TIMESTAMP ? "timestamp(\"" : "duration(\"");
		write_value(w, v);
		buf_put_c(&w->text, "\")");
		break;
	case CEL_LIST:
		write_list(w, v);
		break;
	case CEL_MAP:
	case CEL_OBJECT:
		write_map(w, v);
		break;
	case CEL_OPTIONAL:
	case CEL_OPAQUE:
		fail(w,
		     cel_fail(w->f, "error during formatting: no formatting function for " STR_FMT,
			      STR_ARG(cel_kind_name(v))));
		break;
	default:
		write_value(w, v);
	}
	w->depth--;
}

/* %f with a comma between groups of three digits. */
static void write_fixed(struct formatter *w, double real, int precision)
{
	char digits[REAL_BYTES_MAX];
	int len = snprintf(digits, sizeof(digits), "%.*f", precision, real);
	int whole = (int)strcspn(digits, ".");

	for (int i = 0; i < len; i++) {
		if (i > 0 && i < whole && (whole - i) % 3 == 0 && digits[i - 1] != '-')
			buf_put_char(&w->text, ',');
		buf_put_char(&w->text, digits[i]);
	}
}

/* %e: 1.500000×10⁰³ */
static void write_scientific(struct formatter *w, double real, int precision)
{
	static const char *const raised[] = { "\u2070", "\u00b9", "\u00b2", "\u00b3", "\u2074",
					      "\u2075", "\u2076", "\u2077", "\u2078", "\u2079" };
	char digits[REAL_BYTES_MAX];
	char *e;

	snprintf(digits, sizeof(digits), "%.*e", precision, real);
	e = strchr(digits, 'e');
	buf_put_str(&w->text, str_sub(digits, (size_t)(e - digits)));
	buf_put_c(&w->text, "\u00d7"
			    "10");
	if (e[1] == '-')
		buf_put_c(&w->text, "\u207b");
	for (e += 2; *e; e++)
		buf_put_c(&w->text, raised[*e - '0']);
}

static bool real_of(struct cel_value v, double *ret)
{
	if (v.kind == CEL_DOUBLE)
		*ret = v.real;
	else if (str_eq_c(cel_str(v), "NaN"))
		*ret = NAN;
	else if (str_eq_c(cel_str(v), "Infinity"))
		*ret = INFINITY;
	else if (str_eq_c(cel_str(v), "-Infinity"))
		*ret = -INFINITY;
	else
		return false;
	return true;
}

static void write_real(struct formatter *w, struct cel_value v,
		       const struct cel_directive *directive)
{
	double real;

	if (!real_of(v, &real))
		fail(w, cel_fail(w->f, "error during formatting: %s" STR_FMT,
				 directive->clause->problem, STR_ARG(cel_kind_name(v))));
	else if (isnan(real))
		buf_put_c(&w->text, "NaN");
	else if (isinf(real))
		buf_put_c(&w->text, real > 0 ? "\u221e" : "-\u221e");
	else if (directive->clause->letter == 'f')
		write_fixed(w, real, directive->precision);
	else
		write_scientific(w, real, directive->precision);
}

static void write_binary(struct formatter *w, struct cel_value v)
{
	bool negative = v.kind == CEL_INT && v.integer < 0;
	uint64_t magnitude = v.kind == CEL_BOOL ? v.boolean : negative ? 0 - v.natural : v.natural;
	char digits[64];
	size_t n = 0;

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
	} else {
		bool negative = v.kind == CEL_INT && v.integer < 0;

		buf_printf(&w->text, upper ? "%s%llX" : "%s%llx", negative ? "-" : "",
			   (unsigned long long)(negative ? 0 - v.natural : v.natural));
	}
}

static void write_octal(struct formatter *w, struct cel_value v)
{
	bool negative = v.kind == CEL_INT && v.integer < 0;

	buf_printf(&w->text, "%s%llo", negative ? "-" : "",
		   (unsigned long long)(negative ? 0 - v.natural : v.natural));
}

static void write_clause(struct formatter *w, const struct cel_directive *directive,
			 struct cel_value v)
{
	char letter = directive->clause->letter;

	if (!cel_format_takes(directive->clause, (enum cel_kind)v.kind))
		fail(w, cel_fail(w->f, "error during formatting: %s" STR_FMT,
				 directive->clause->problem, STR_ARG(cel_kind_name(v))));
	else if (letter == 's')
		write_value(w, v);
	else if (letter == 'd')
		write_integer(w, v);
	else if (letter == 'f' || letter == 'e')
		write_real(w, v, directive);
	else if (letter == 'b')
		write_binary(w, v);
	else if (letter == 'o')
		write_octal(w, v);
	else
		write_hex(w, v, letter == 'X');
}

static void write_directive(struct formatter *w, struct str s, struct cel_value list, size_t index,
			    size_t *i)
{
	struct cel_directive directive;
	struct err err = { 0 };
	struct cel_value v;

	if (index >= cel_list_count(list)) {
		fail(w, cel_fail(w->f, "index %zu out of range", index));
		return;
	}
	if (cel_directive_read(s, i, &directive, &err) < 0) {
		fail(w, cel_fail(w->f, "%s", err.msg));
		return;
	}
	v = cel_list_at(w->f, list, index);
	if (cel_is_error(v))
		fail(w, v);
	else
		write_clause(w, &directive, v);
}

static void write_all(struct formatter *w, struct str s, struct cel_value list)
{
	size_t used = 0;

	for (size_t i = 0; i < s.len && w->error.kind != CEL_ERROR && cel_work(w->f, 1);) {
		if (s.ptr[i] != '%') {
			buf_put_char(&w->text, s.ptr[i++]);
		} else if (i + 1 < s.len && s.ptr[i + 1] == '%') {
			buf_put_char(&w->text, '%');
			i += 2;
		} else {
			write_directive(w, s, list, used++, &i);
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
