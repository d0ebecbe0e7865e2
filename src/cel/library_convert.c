/* SPDX-License-Identifier: Apache-2.0 */
/* Conversions between types, size() and type(). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/time.h"
#include "cel/text_internal.h"
#include "cel/value_internal.h"

struct str cel_double_text(double real, char to[32])
{
	int exponent;
	int len = 0;
	char *e;

	if (isnan(real))
		return STR("NaN");
	if (isinf(real))
		return real > 0 ? STR("+Inf") : STR("-Inf");
	for (int digits = 1; digits <= 17; digits++) {
		len = snprintf(to, 32, "%.*e", digits - 1, real);
		if (strtod(to, NULL) == real)
			break;
	}
	e = strchr(to, 'e');
	exponent = e ? (int)strtol(e + 1, NULL, 10) : 0;
	if (exponent >= -4 && exponent < 21) {
		/* Go's %v writes the exponent from 1e21 on */
		int decimals = (int)(e - to) - (to[0] == '-') - 1;

		decimals = decimals > 0 ? decimals - 1 - exponent : -exponent;
		len = snprintf(to, 32, "%.*f", decimals > 0 ? decimals : 0, real);
	}
	return str_sub(to, (size_t)len);
}

static struct cel_value out_of_range(struct cel_frame *f, bool is_unsigned)
{
	return cel_fail(f, "%s overflow", is_unsigned ? "unsigned integer" : "integer");
}

static struct cel_value same(struct cel_frame *f, const struct cel_value *args)
{
	return args[0];
}

static struct cel_value int_of_uint(struct cel_frame *f, const struct cel_value *args)
{
	return args[0].natural > INT64_MAX ? out_of_range(f, false)
					   : cel_int((int64_t)args[0].natural);
}

static struct cel_value int_of_double(struct cel_frame *f, const struct cel_value *args)
{
	double real = args[0].real;

	if (!(real > -0x1p63 && real < 0x1p63))
		return out_of_range(f, false);
	return cel_int((int64_t)real);
}

static struct cel_value int_of_string(struct cel_frame *f, const struct cel_value *args)
{
	struct str text = cel_str(args[0]);
	int64_t value;

	(void)str_strip_prefix(&text, STR("+")); /* a sign is allowed, as in Go */
	if (num_parse_i64(text, INT64_MIN, INT64_MAX, "int", &value, NULL) < 0)
		return cel_fail(f, "type conversion error from 'string' to 'int'");
	return cel_int(value);
}

static struct cel_value int_of_timestamp(struct cel_frame *f, const struct cel_value *args)
{
	return cel_int(args[0].integer);
}

static struct cel_value int_of_duration(struct cel_frame *f, const struct cel_value *args)
{
	return cel_int(args[0].integer);
}

static struct cel_value uint_of_int(struct cel_frame *f, const struct cel_value *args)
{
	return args[0].integer < 0 ? out_of_range(f, true)
				   : cel_make_uint((uint64_t)args[0].integer);
}

static struct cel_value uint_of_double(struct cel_frame *f, const struct cel_value *args)
{
	double real = args[0].real;

	if (!(real >= 0 && real < 0x1p64))
		return out_of_range(f, true);
	return cel_make_uint((uint64_t)real);
}

static struct cel_value uint_of_string(struct cel_frame *f, const struct cel_value *args)
{
	uint64_t value;

	if (num_parse_u64(cel_str(args[0]), UINT64_MAX, "uint", &value, NULL) < 0)
		return cel_fail(f, "type conversion error from 'string' to 'uint'");
	return cel_make_uint(value);
}

static struct cel_value double_of_int(struct cel_frame *f, const struct cel_value *args)
{
	return cel_make_double((double)args[0].integer);
}

static struct cel_value double_of_uint(struct cel_frame *f, const struct cel_value *args)
{
	return cel_make_double((double)args[0].natural);
}

static struct cel_value double_of_string(struct cel_frame *f, const struct cel_value *args)
{
	struct str text = cel_str(args[0]);
	double real;

	(void)str_strip_prefix(&text, STR("+")); /* a sign is allowed, as in Go */
	if (str_eq_nocase(text, STR("nan")))
		return cel_make_double(NAN);
	if (str_eq_nocase(text, STR("inf")) || str_eq_nocase(text, STR("infinity")))
		return cel_make_double(INFINITY);
	if (str_eq_nocase(text, STR("-inf")) || str_eq_nocase(text, STR("-infinity")))
		return cel_make_double(-INFINITY);
	if (num_parse_double(text, "double", &real, NULL) < 0)
		return cel_fail(f, "type conversion error from 'string' to 'double'");
	return cel_make_double(real);
}

static struct cel_value bool_of_string(struct cel_frame *f, const struct cel_value *args)
{
	static const struct {
		const char *text;
		bool value;
	} names[] = {
		{ "1", true },	  { "t", true },      { "T", true },	  { "true", true },
		{ "TRUE", true }, { "True", true },   { "0", false },	  { "f", false },
		{ "F", false },	  { "false", false }, { "FALSE", false }, { "False", false }
	};

	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		if (str_eq_c(cel_str(args[0]), names[i].text))
			return cel_bool(names[i].value);
	return cel_fail(f, "type conversion error from 'string' to 'bool'");
}

static struct cel_value string_of_bool(struct cel_frame *f, const struct cel_value *args)
{
	return cel_string(args[0].boolean ? STR("true") : STR("false"));
}

static struct cel_value string_of_int(struct cel_frame *f, const struct cel_value *args)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)args[0].integer);
	return cel_text(f, str_from(text));
}

static struct cel_value string_of_uint(struct cel_frame *f, const struct cel_value *args)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)args[0].natural);
	return cel_text(f, str_from(text));
}

static struct cel_value string_of_double(struct cel_frame *f, const struct cel_value *args)
{
	char text[32];

	return cel_text(f, cel_double_text(args[0].real, text));
}

static struct cel_value string_of_bytes(struct cel_frame *f, const struct cel_value *args)
{
	if (!str_is_utf8(cel_str(args[0])))
		return cel_fail(f, "invalid UTF-8 in bytes, cannot convert to string");
	return cel_string(cel_str(args[0]));
}

static struct cel_value string_of_timestamp(struct cel_frame *f, const struct cel_value *args)
{
	return cel_timestamp_text(f, args[0]);
}

static struct cel_value string_of_duration(struct cel_frame *f, const struct cel_value *args)
{
	return cel_duration_text(f, args[0]);
}

static struct cel_value bytes_of_string(struct cel_frame *f, const struct cel_value *args)
{
	struct cel_value v = args[0];

	v.kind = CEL_BYTES;
	return v;
}

static struct cel_value timestamp_of_string(struct cel_frame *f, const struct cel_value *args)
{
	struct cel_value v;

	if (!cel_parse_timestamp(cel_str(args[0]), &v))
		return cel_fail(
			f, "type conversion error from 'string' to 'google.protobuf.Timestamp'");
	return v;
}

static struct cel_value timestamp_of_int(struct cel_frame *f, const struct cel_value *args)
{
	return cel_timestamp(f, args[0].integer, 0);
}

static struct cel_value duration_of_string(struct cel_frame *f, const struct cel_value *args)
{
	int64_t ns;

	if (!cel_parse_duration(cel_str(args[0]), &ns))
		return cel_fail(
			f, "type conversion error from 'string' to 'google.protobuf.Duration'");
	return cel_make_duration(ns);
}

static struct cel_value duration_of_int(struct cel_frame *f, const struct cel_value *args)
{
	return cel_make_duration(args[0].integer);
}

static struct cel_value type_of(struct cel_frame *f, const struct cel_value *args)
{
	return (struct cel_value){ .kind = CEL_TYPE, .named = cel_kind_type(args[0]) };
}

static struct cel_value size_of(struct cel_frame *f, const struct cel_value *args)
{
	return cel_int((int64_t)cel_size(args[0]));
}

/* Columns: function, parameter, result, C function, cost. */
#define CONVERT(function, from, to, fn, rule)                                             \
	{                                                                                 \
		.name = (function), .count = 1, .parameters = { (from) }, .result = (to), \
		.call = (fn), .cost = (rule), .conversion = true,                         \
	}
#define SIZE(is_member, from)                                                                \
	{                                                                                    \
		.name = "size", .member = (is_member), .count = 1, .parameters = { (from) }, \
		.result = &cel_type_int, .call = size_of,                                    \
	}

const struct cel_function cel_library_convert[] = {
	CONVERT("bool", &cel_type_bool, &cel_type_bool, same, CEL_COST_ONE),
	CONVERT("bool", &cel_type_string, &cel_type_bool, bool_of_string, CEL_COST_ONE),
	CONVERT("bytes", &cel_type_bytes, &cel_type_bytes, same, CEL_COST_ONE),
	CONVERT("bytes", &cel_type_string, &cel_type_bytes, bytes_of_string, CEL_COST_TO_BYTES),
	CONVERT("double", &cel_type_double, &cel_type_double, same, CEL_COST_ONE),
	CONVERT("double", &cel_type_int, &cel_type_double, double_of_int, CEL_COST_ONE),
	CONVERT("double", &cel_type_string, &cel_type_double, double_of_string, CEL_COST_ONE),
	CONVERT("double", &cel_type_uint, &cel_type_double, double_of_uint, CEL_COST_ONE),
	CONVERT("duration", &cel_type_duration, &cel_type_duration, same, CEL_COST_ONE),
	CONVERT("duration", &cel_type_int, &cel_type_duration, duration_of_int, CEL_COST_ONE),
	CONVERT("duration", &cel_type_string, &cel_type_duration, duration_of_string, CEL_COST_ONE),
	CONVERT("int", &cel_type_int, &cel_type_int, same, CEL_COST_ONE),
	CONVERT("int", &cel_type_double, &cel_type_int, int_of_double, CEL_COST_ONE),
	CONVERT("int", &cel_type_duration, &cel_type_int, int_of_duration, CEL_COST_ONE),
	CONVERT("int", &cel_type_string, &cel_type_int, int_of_string, CEL_COST_ONE),
	CONVERT("int", &cel_type_timestamp, &cel_type_int, int_of_timestamp, CEL_COST_ONE),
	CONVERT("int", &cel_type_uint, &cel_type_int, int_of_uint, CEL_COST_ONE),
	CONVERT("string", &cel_type_string, &cel_type_string, same, CEL_COST_ONE),
	CONVERT("string", &cel_type_bool, &cel_type_string, string_of_bool, CEL_COST_ONE),
	CONVERT("string", &cel_type_bytes, &cel_type_string, string_of_bytes, CEL_COST_TO_STRING),
	CONVERT("string", &cel_type_double, &cel_type_string, string_of_double, CEL_COST_ONE),
	CONVERT("string", &cel_type_duration, &cel_type_string, string_of_duration, CEL_COST_ONE),
	CONVERT("string", &cel_type_int, &cel_type_string, string_of_int, CEL_COST_ONE),
	CONVERT("string", &cel_type_timestamp, &cel_type_string, string_of_timestamp, CEL_COST_ONE),
	CONVERT("string", &cel_type_uint, &cel_type_string, string_of_uint, CEL_COST_ONE),
	CONVERT("timestamp", &cel_type_timestamp, &cel_type_timestamp, same, CEL_COST_ONE),
	CONVERT("timestamp", &cel_type_int, &cel_type_timestamp, timestamp_of_int, CEL_COST_ONE),
	CONVERT("timestamp", &cel_type_string, &cel_type_timestamp, timestamp_of_string,
		CEL_COST_ONE),
	CONVERT("uint", &cel_type_uint, &cel_type_uint, same, CEL_COST_ONE),
	CONVERT("uint", &cel_type_double, &cel_type_uint, uint_of_double, CEL_COST_ONE),
	CONVERT("uint", &cel_type_int, &cel_type_uint, uint_of_int, CEL_COST_ONE),
	CONVERT("uint", &cel_type_string, &cel_type_uint, uint_of_string, CEL_COST_ONE),
	{ .name = "dyn",
	  .count = 1,
	  .parameters = { &cel_param_a },
	  .result = &cel_type_dyn,
	  .call = same,
	  .conversion = true },
	{ .name = "type",
	  .count = 1,
	  .parameters = { &cel_param_a },
	  .result = &cel_type_of_a,
	  .call = type_of },
	SIZE(false, &cel_type_string),
	SIZE(false, &cel_type_bytes),
	SIZE(false, &cel_list_a),
	SIZE(false, &cel_map_ab),
	SIZE(true, &cel_type_string),
	SIZE(true, &cel_type_bytes),
	SIZE(true, &cel_list_a),
	SIZE(true, &cel_map_ab),
	{ 0 },
};
