/* SPDX-License-Identifier: Apache-2.0 */
/* Optional values. */
#include "cel/value_internal.h"

static struct cel_value of(struct cel_frame *f, const struct cel_value *args)
{
	return cel_make_optional(f, args[0]);
}

static struct cel_value none(struct cel_frame *f, const struct cel_value *args)
{
	return cel_optional(NULL);
}

static bool is_zero(struct cel_value v)
{
	switch ((enum cel_kind)v.kind) {
	case CEL_NULL:
		return true;
	case CEL_BOOL:
		return !v.boolean;
	case CEL_INT:
	case CEL_DURATION:
		return v.integer == 0;
	case CEL_UINT:
		return v.natural == 0;
	case CEL_DOUBLE:
		return v.real == 0;
	case CEL_STRING:
	case CEL_BYTES:
		return v.len == 0;
	case CEL_LIST:
	case CEL_MAP:
	case CEL_OBJECT:
		return v.form != CEL_FORM_LOOKUP && cel_size(v) == 0;
	case CEL_OPTIONAL:
		return !v.value;
	case CEL_TIMESTAMP:
		return v.integer == CEL_TIMESTAMP_SECONDS_MIN && v.nanos == 0;
	default:
		return false;
	}
}

static struct cel_value of_non_zero(struct cel_frame *f, const struct cel_value *args)
{
	return is_zero(args[0]) ? cel_optional(NULL) : cel_make_optional(f, args[0]);
}

static struct cel_value has_value(struct cel_frame *f, const struct cel_value *args)
{
	return cel_bool(args[0].value != NULL);
}

static struct cel_value value(struct cel_frame *f, const struct cel_value *args)
{
	return args[0].value ? *args[0].value : cel_fail(f, "optional.none() dereference");
}

/* The evaluator calls these only for an optional that is none. */
static struct cel_value second(struct cel_frame *f, const struct cel_value *args)
{
	return args[1];
}

static struct cel_value unwrap(struct cel_frame *f, const struct cel_value *args)
{
	struct cel_value list = cel_list_new(f, 4);
	struct cel_iterator it;
	struct cel_value key;
	struct cel_value v;

	if (!cel_iterate(args[0], &it))
		return cel_no_overload();
	while (!cel_is_error(list) && cel_next(f, &it, &key, &v)) {
		if (v.kind != CEL_OPTIONAL)
			return cel_no_overload();
		if (v.value)
			list = cel_list_append(f, list, *v.value);
	}
	return list;
}

static const struct cel_type list_of_optional_a = { .kind = CEL_LIST, .element = &cel_optional_a };

const struct cel_function cel_library_optional[] = {
	{ .name = "optional.of",
	  .count = 1,
	  .parameters = { &cel_param_a },
	  .result = &cel_optional_a,
	  .call = of },
	{ .name = "optional.none", .result = &cel_optional_a, .call = none },
	{ .name = "optional.ofNonZeroValue",
	  .count = 1,
	  .parameters = { &cel_param_a },
	  .result = &cel_optional_a,
	  .call = of_non_zero },
	{ .name = "optional.unwrap",
	  .count = 1,
	  .parameters = { &list_of_optional_a },
	  .result = &cel_list_a,
	  .call = unwrap },
	{ .name = "unwrapOpt",
	  .member = true,
	  .count = 1,
	  .parameters = { &list_of_optional_a },
	  .result = &cel_list_a,
	  .call = unwrap },
	{ .name = "hasValue",
	  .member = true,
	  .count = 1,
	  .parameters = { &cel_optional_a },
	  .result = &cel_type_bool,
	  .call = has_value },
	{ .name = "value",
	  .member = true,
	  .count = 1,
	  .parameters = { &cel_optional_a },
	  .result = &cel_param_a,
	  .call = value },
	{ .name = "or",
	  .member = true,
	  .count = 2,
	  .parameters = { &cel_optional_a, &cel_optional_a },
	  .result = &cel_optional_a,
	  .call = second,
	  .cost = CEL_COST_FALLBACK,
	  .lazy = true },
	{ .name = "orValue",
	  .member = true,
	  .count = 2,
	  .parameters = { &cel_optional_a, &cel_param_a },
	  .result = &cel_param_a,
	  .call = second,
	  .cost = CEL_COST_FALLBACK,
	  .lazy = true },
	{ 0 },
};
