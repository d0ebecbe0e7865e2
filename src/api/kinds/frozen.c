/* SPDX-License-Identifier: Apache-2.0 */
/* Deep comparison of what may not change. */
#include "api/kinds/frozen.h"

void frozen_take_old(yyjson_mut_doc *doc, yyjson_mut_val *now, yyjson_val *old, const char *key)
{
	yyjson_val *value = yyjson_obj_get(old, key);

	if (value)
		json_set(doc, now, key, json_copy(doc, value));
	else
		(void)json_remove(now, str_from(key));
}

static bool is_listed(const char *const *list, struct str key)
{
	for (; *list; list++)
		if (str_eq_c(key, *list))
			return true;
	return false;
}

bool frozen_is_same_but(yyjson_mut_val *now, yyjson_val *old, const char *const *free_members)
{
	JSON_MUT_MEMBERS (key, value, now)
		if (!is_listed(free_members, json_mut_str(key)) &&
		    !json_mixed_equal(value, json_key(old, json_mut_str(key))))
			return false;
	JSON_MEMBERS (name, before, old)
		if (before && !is_listed(free_members, json_str(name)) &&
		    !json_mut_key(now, json_str(name)))
			return false;
	return true;
}
