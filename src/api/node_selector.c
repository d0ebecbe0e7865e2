/* SPDX-License-Identifier: Apache-2.0 */
/* Matching works on the objects' own trees: it is done once per node and pod, without allocation.
 */
#include "api/node_selector.h"

#include "base/num.h"

static bool is_listed(yyjson_val *values, struct str value)
{
	JSON_EACH (v, values)
		if (str_eq(json_str(v), value))
			return true;
	return false;
}

static bool compares(yyjson_val *values, struct str value, bool greater)
{
	int64_t have, limit;

	if (num_parse_i64(value, INT64_MIN, INT64_MAX, "label", &have, NULL) < 0 ||
	    num_parse_i64(json_str(yyjson_arr_get_first(values)), INT64_MIN, INT64_MAX, "value",
			  &limit, NULL) < 0)
		return false;
	return greater ? have > limit : have < limit;
}

static bool expression_matches(yyjson_val *e, bool present, struct str value)
{
	struct str operator= json_get_str(e, "operator");
	yyjson_val *values = yyjson_obj_get(e, "values");

	if (str_eq(operator, STR("In")))
		return present && is_listed(values, value);
	if (str_eq(operator, STR("NotIn")))
		return !present || !is_listed(values, value);
	if (str_eq(operator, STR("Exists")))
		return present;
	if (str_eq(operator, STR("DoesNotExist")))
		return !present;
	return present && compares(values, value, str_eq(operator, STR("Gt")));
}

bool node_selector_term_matches(yyjson_val *term, yyjson_val *labels, struct str name)
{
	yyjson_val *expressions = yyjson_obj_get(term, "matchExpressions"),
		   *fields = yyjson_obj_get(term, "matchFields");

	if (yyjson_arr_size(expressions) + yyjson_arr_size(fields) == 0)
		return false;
	JSON_EACH (e, expressions) {
		yyjson_val *label = json_key(labels, json_get_str(e, "key"));

		if (!expression_matches(e, label != NULL, json_str(label)))
			return false;
	}
	JSON_EACH (e, fields)
		if (!expression_matches(e, str_eq(json_get_str(e, "key"), STR("metadata.name")),
					name))
			return false;
	return true;
}

bool node_selector_terms_match(yyjson_val *terms, yyjson_val *labels, struct str name)
{
	JSON_EACH (term, terms)
		if (node_selector_term_matches(term, labels, name))
			return true;
	return false;
}

bool node_selector_map_matches(yyjson_val *map, yyjson_val *labels)
{
	JSON_MEMBERS (key, value, map) {
		yyjson_val *label = json_key(labels, json_str(key));

		if (!label || !str_eq(json_str(label), json_str(value)))
			return false;
	}
	return true;
}
