/* SPDX-License-Identifier: Apache-2.0 */
/* Amounts that are numbers or percentages; counts of a status. */
#include "api/kinds/workload.h"

#include "base/num.h"

static bool is_unset(yyjson_mut_val *object, const char *key)
{
	yyjson_mut_val *value = yyjson_mut_obj_get(object, key);

	return !value || yyjson_mut_is_null(value);
}

void default_str(struct edit *e, yyjson_mut_val *object, const char *key, const char *value)
{
	if (yyjson_mut_is_obj(object) && is_unset(object, key))
		json_set_str(e->doc, object, key, str_from(value));
}

void default_int(struct edit *e, yyjson_mut_val *object, const char *key, int64_t value)
{
	if (yyjson_mut_is_obj(object) && is_unset(object, key))
		json_set_int(e->doc, object, key, value);
}

bool is_zero_amount(yyjson_mut_val *v)
{
	struct str text = json_mut_str(v);

	if (!v || yyjson_mut_is_null(v))
		return true;
	if (yyjson_mut_is_num(v))
		return json_mut_int(v, 1) == 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] != '0' && text.ptr[i] != '%')
			return false;
	}
	return text.len > 0;
}

bool is_above_all(yyjson_mut_val *v)
{
	struct str text = json_mut_str(v);
	uint64_t percent;

	if (!str_has_suffix(text, STR("%")))
		return false;
	text.len--;
	return num_parse_u64(text, INT32_MAX, "percentage", &percent, NULL) == 0 && percent > 100;
}

void counts_check(struct edit *e, const struct count_limit *limits, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(NULL, "status");
	yyjson_mut_val *status = yyjson_mut_obj_get(e->root, "status");

	for (const struct count_limit *limit = limits; limit->count; limit++) {
		int64_t count = json_mut_get_int(status, limit->count, 0);

		if (!limit->limit && count < 0)
			field_invalid_int(errors, FIELD_NAME(path, limit->count), count,
					  "must be greater than or equal to 0");
		if (limit->limit && count > json_mut_get_int(status, limit->limit, 0))
			field_invalid_int(errors, FIELD_NAME(path, limit->count), count,
					  limit->detail);
	}
}
