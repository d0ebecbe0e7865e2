/* SPDX-License-Identifier: Apache-2.0 */
/* Deep comparison of what may not change. */
#include "api/kinds/frozen.h"

#include "codec/json_index.h"

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
	AUTO_JSON_INDEX before = { .slots = NULL };
	size_t same = 0;

	json_index_init_members(&before, old);
	JSON_MUT_MEMBERS (key, value, now) {
		if (is_listed(free_members, json_mut_str(key)))
			continue;
		if (!json_mixed_equal(value, json_index_get(&before, json_mut_str(key))))
			return false;
		same++;
	}
	JSON_MEMBERS (name, value, old)
		if (value && !is_listed(free_members, json_str(name)) && !same--)
			return false;
	return true;
}
