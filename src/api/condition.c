/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions by their types. */
#include "api/condition.h"

yyjson_val *condition_find(yyjson_val *conditions, struct str type)
{
	JSON_EACH (condition, conditions)
		if (str_eq(json_get_str(condition, "type"), type))
			return condition;
	return NULL;
}

struct str condition_get(yyjson_val *object, const char *type, const char *key)
{
	return json_get_str(condition_find(json_get(object, "status.conditions"), str_from(type)),
			    key);
}

bool condition_is(yyjson_val *object, const char *type, const char *status)
{
	return str_eq_c(condition_get(object, type, "status"), status);
}
