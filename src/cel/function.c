/* SPDX-License-Identifier: Apache-2.0 */
/* The operators' rows, the list of libraries, and types that signatures need. */
#include "cel/function_internal.h"

const struct cel_type cel_param_a = { .kind = CEL_PARAM, .name = STR_INIT("A") };
const struct cel_type cel_param_b = { .kind = CEL_PARAM, .name = STR_INIT("B") };
const struct cel_type cel_list_a = { .kind = CEL_LIST, .element = &cel_param_a };
const struct cel_type cel_map_ab = { .kind = CEL_MAP,
				     .key = &cel_param_a,
				     .element = &cel_param_b };
const struct cel_type cel_optional_a = { .kind = CEL_OPTIONAL, .element = &cel_param_a };
static const struct cel_type cel_optional_b = { .kind = CEL_OPTIONAL, .element = &cel_param_b };
const struct cel_type cel_optional_dyn = { .kind = CEL_OPTIONAL, .element = &cel_type_dyn };
const struct cel_type cel_optional_format = { .kind = CEL_OPTIONAL, .element = &cel_type_format };
const struct cel_type cel_type_of_a = { .kind = CEL_TYPE, .element = &cel_param_a };
const struct cel_type cel_list_string = { .kind = CEL_LIST, .element = &cel_type_string };
const struct cel_type cel_list_int = { .kind = CEL_LIST, .element = &cel_type_int };
const struct cel_type cel_list_list_a = { .kind = CEL_LIST, .element = &cel_list_a };
const struct cel_type cel_map_string_list = { .kind = CEL_MAP,
					      .key = &cel_type_string,
					      .element = &cel_list_string };

static const struct cel_type optional_list = { .kind = CEL_OPTIONAL, .element = &cel_list_a };
static const struct cel_type optional_map = { .kind = CEL_OPTIONAL, .element = &cel_map_ab };

/* Columns: operator, parameters, result, cost. */
#define OPERATOR1(op_name, a, r, c)                                                              \
	{                                                                                        \
		.name = (op_name), .count = 1, .parameters = { (a) }, .result = (r), .cost = (c) \
	}
#define OPERATOR2(op_name, a, b, r, c)                                                    \
	{                                                                                 \
		.name = (op_name), .count = 2, .parameters = { (a), (b) }, .result = (r), \
		.cost = (c)                                                               \
	}
#define OPERATOR3(op_name, a, b, d, r, c)                                                      \
	{                                                                                      \
		.name = (op_name), .count = 3, .parameters = { (a), (b), (d) }, .result = (r), \
		.cost = (c)                                                                    \
	}
#define ARITHMETIC(op_name)                                                                       \
	OPERATOR2(op_name, &cel_type_int, &cel_type_int, &cel_type_int, CEL_COST_ONE),            \
		OPERATOR2(op_name, &cel_type_uint, &cel_type_uint, &cel_type_uint, CEL_COST_ONE), \
		OPERATOR2(op_name, &cel_type_double, &cel_type_double, &cel_type_double,          \
			  CEL_COST_ONE)
#define ORDER(op_name)                                                                             \
	OPERATOR2(op_name, &cel_type_bool, &cel_type_bool, &cel_type_bool, CEL_COST_ONE),          \
		OPERATOR2(op_name, &cel_type_int, &cel_type_int, &cel_type_bool, CEL_COST_ONE),    \
		OPERATOR2(op_name, &cel_type_int, &cel_type_double, &cel_type_bool, CEL_COST_ONE), \
		OPERATOR2(op_name, &cel_type_int, &cel_type_uint, &cel_type_bool, CEL_COST_ONE),   \
		OPERATOR2(op_name, &cel_type_uint, &cel_type_uint, &cel_type_bool, CEL_COST_ONE),  \
		OPERATOR2(op_name, &cel_type_uint, &cel_type_double, &cel_type_bool,               \
			  CEL_COST_ONE),                                                           \
		OPERATOR2(op_name, &cel_type_uint, &cel_type_int, &cel_type_bool, CEL_COST_ONE),   \
		OPERATOR2(op_name, &cel_type_double, &cel_type_double, &cel_type_bool,             \
			  CEL_COST_ONE),                                                           \
		OPERATOR2(op_name, &cel_type_double, &cel_type_int, &cel_type_bool, CEL_COST_ONE), \
		OPERATOR2(op_name, &cel_type_double, &cel_type_uint, &cel_type_bool,               \
			  CEL_COST_ONE),                                                           \
		OPERATOR2(op_name, &cel_type_string, &cel_type_string, &cel_type_bool,             \
			  CEL_COST_EQUAL),                                                         \
		OPERATOR2(op_name, &cel_type_bytes, &cel_type_bytes, &cel_type_bool,               \
			  CEL_COST_EQUAL),                                                         \
		OPERATOR2(op_name, &cel_type_timestamp, &cel_type_timestamp, &cel_type_bool,       \
			  CEL_COST_ONE),                                                           \
		OPERATOR2(op_name, &cel_type_duration, &cel_type_duration, &cel_type_bool,         \
			  CEL_COST_ONE)

static const struct cel_function cel_operators[] = {
	OPERATOR3("_?_:_", &cel_type_bool, &cel_param_a, &cel_param_a, &cel_param_a,
		  CEL_COST_CONDITIONAL),
	OPERATOR2("_&&_", &cel_type_bool, &cel_type_bool, &cel_type_bool, CEL_COST_LOGICAL),
	OPERATOR2("_||_", &cel_type_bool, &cel_type_bool, &cel_type_bool, CEL_COST_LOGICAL),
	OPERATOR1("!_", &cel_type_bool, &cel_type_bool, CEL_COST_ONE),
	OPERATOR1("@not_strictly_false", &cel_type_bool, &cel_type_bool, CEL_COST_ONE),
	OPERATOR2("_==_", &cel_param_a, &cel_param_a, &cel_type_bool, CEL_COST_EQUAL),
	OPERATOR2("_!=_", &cel_param_a, &cel_param_a, &cel_type_bool, CEL_COST_EQUAL),
	ORDER("_<_"),
	ORDER("_<=_"),
	ORDER("_>_"),
	ORDER("_>=_"),
	ARITHMETIC("_+_"),
	OPERATOR2("_+_", &cel_type_string, &cel_type_string, &cel_type_string, CEL_COST_ADD_TEXT),
	OPERATOR2("_+_", &cel_type_bytes, &cel_type_bytes, &cel_type_bytes, CEL_COST_ADD_TEXT),
	OPERATOR2("_+_", &cel_list_a, &cel_list_a, &cel_list_a, CEL_COST_ADD_LIST),
	OPERATOR2("_+_", &cel_type_duration, &cel_type_duration, &cel_type_duration, CEL_COST_ONE),
	OPERATOR2("_+_", &cel_type_duration, &cel_type_timestamp, &cel_type_timestamp,
		  CEL_COST_ONE),
	OPERATOR2("_+_", &cel_type_timestamp, &cel_type_duration, &cel_type_timestamp,
		  CEL_COST_ONE),
	ARITHMETIC("_-_"),
	OPERATOR2("_-_", &cel_type_duration, &cel_type_duration, &cel_type_duration, CEL_COST_ONE),
	OPERATOR2("_-_", &cel_type_timestamp, &cel_type_duration, &cel_type_timestamp,
		  CEL_COST_ONE),
	OPERATOR2("_-_", &cel_type_timestamp, &cel_type_timestamp, &cel_type_duration,
		  CEL_COST_ONE),
	ARITHMETIC("_*_"),
	ARITHMETIC("_/_"),
	OPERATOR2("_%_", &cel_type_int, &cel_type_int, &cel_type_int, CEL_COST_ONE),
	OPERATOR2("_%_", &cel_type_uint, &cel_type_uint, &cel_type_uint, CEL_COST_ONE),
	OPERATOR1("-_", &cel_type_int, &cel_type_int, CEL_COST_ONE),
	OPERATOR1("-_", &cel_type_double, &cel_type_double, CEL_COST_ONE),
	OPERATOR2("@in", &cel_param_a, &cel_list_a, &cel_type_bool, CEL_COST_IN_LIST),
	OPERATOR2("@in", &cel_param_a, &cel_map_ab, &cel_type_bool, CEL_COST_ONE),
	OPERATOR2("_[_]", &cel_list_a, &cel_type_int, &cel_param_a, CEL_COST_INDEX),
	OPERATOR2("_[_]", &cel_map_ab, &cel_param_a, &cel_param_b, CEL_COST_INDEX),
	OPERATOR2("_[_]", &optional_list, &cel_type_int, &cel_optional_a, CEL_COST_ONE),
	OPERATOR2("_[_]", &optional_map, &cel_param_a, &cel_optional_b, CEL_COST_ONE),
	OPERATOR2("_[?_]", &cel_list_a, &cel_type_int, &cel_optional_a, CEL_COST_ONE),
	OPERATOR2("_[?_]", &cel_map_ab, &cel_param_a, &cel_optional_b, CEL_COST_ONE),
	OPERATOR2("_[?_]", &optional_list, &cel_type_int, &cel_optional_a, CEL_COST_ONE),
	OPERATOR2("_[?_]", &optional_map, &cel_param_a, &cel_optional_b, CEL_COST_ONE),
	{ 0 },
};

const struct cel_function *const cel_libraries[] = {
	cel_operators,	    cel_library_convert, cel_library_string,	 cel_library_text,
	cel_library_time,   cel_library_list,	 cel_library_lists,	 cel_library_optional,
	cel_library_regex,  cel_library_url,	 cel_library_ip,	 cel_library_quantity,
	cel_library_format, cel_library_semver,	 cel_library_authorizer, cel_library_patch,
};
const size_t cel_library_count = ARRAY_COUNT(cel_libraries);

const struct cel_type *cel_named_type(struct str name)
{
	static const struct {
		const char *name;
		const struct cel_type *type;
	} names[] = {
		{ "bool", &cel_type_bool },
		{ "bytes", &cel_type_bytes },
		{ "double", &cel_type_double },
		{ "int", &cel_type_int },
		{ "uint", &cel_type_uint },
		{ "string", &cel_type_string },
		{ "list", &cel_type_list_dyn },
		{ "map", &cel_type_map_dyn },
		{ "null_type", &cel_type_null },
		{ "type", &cel_type_type },
		{ "optional_type", &cel_optional_dyn },
		{ "google.protobuf.Timestamp", &cel_type_timestamp },
		{ "google.protobuf.Duration", &cel_type_duration },
		{ "kubernetes.Quantity", &cel_type_quantity },
		{ "kubernetes.URL", &cel_type_url },
		{ "kubernetes.Semver", &cel_type_semver },
		{ "kubernetes.NamedFormat", &cel_type_format },
		{ "net.IP", &cel_type_ip },
		{ "net.CIDR", &cel_type_cidr },
	};

	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		if (str_eq_c(name, names[i].name))
			return names[i].type;
	return NULL;
}
