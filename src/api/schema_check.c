/* SPDX-License-Identifier: Apache-2.0 */
/* One walk over the object along its schema. Only fields whose table row has something to check
 * cost more than a lookup. */
#include "api/schema_check.h"

#include <stdio.h>

struct check {
	struct field_errors *errors;
	struct arena *arena;
	size_t own_count;	   /* errors of the kind's own checks, in front */
	const char *const *judged; /* of the strategy; may be NULL */
};

/* The kind's own check, of the value or of the list that it is in, knows better what to say. */
static bool is_reported(const struct check *c, const struct field_path *path)
{
	struct str text;

	if (!c->own_count && !c->judged)
		return false;
	text = field_path_in(c->arena, path);
	for (size_t i = 0; c->judged && c->judged[i]; i++)
		if (str_has_prefix(text, str_from(c->judged[i])))
			return true;
	for (size_t i = 0; i < c->own_count; i++) {
		struct str field = c->errors->items[i].field;

		if (str_has_prefix(text, field) &&
		    (text.len == field.len || text.ptr[field.len] == '['))
			return true;
	}
	return false;
}

static void check_object(struct check *c, struct schema_at at, const struct field_path *path,
			 yyjson_mut_val *v);

static void check_value(struct check *c, struct schema_at at, const struct schema_field *field,
			const struct field_path *path, yyjson_mut_val *v)
{
	const struct schema_extra *extra = schema_extra(at, field);
	struct str text = json_mut_str(v), values = schema_str(at.set, extra->values);

	if (field->value == SCHEMA_OBJECT) {
		if (yyjson_mut_is_obj(v))
			check_object(c, schema_ref(at, field), path, v);
		return;
	}
	if ((field->flags & SCHEMA_CLOSED) && text.len && !schema_values_have(values, text) &&
	    !is_reported(c, path))
		field_unsupported(c->errors, path, text, values.ptr);
	if (extra->bytes_max && text.len > extra->bytes_max && !is_reported(c, path))
		field_too_long(c->errors, path, extra->bytes_max);
	if (extra->has_min && yyjson_mut_is_num(v) && json_mut_int(v, 0) < extra->min &&
	    !is_reported(c, path))
		field_invalid_int(
			c->errors, path, json_mut_int(v, 0),
			str_printf_in(c->arena, "must be greater than or equal to %d", extra->min)
				.ptr);
	if (extra->has_max && yyjson_mut_is_num(v) && json_mut_int(v, 0) > extra->max &&
	    !is_reported(c, path))
		field_invalid_int(
			c->errors, path, json_mut_int(v, 0),
			str_printf_in(c->arena, "must be less than or equal to %d", extra->max)
				.ptr);
}

static bool needs_check(struct schema_at at, const struct schema_field *field)
{
	const struct schema_extra *extra;

	if (field->value == SCHEMA_OBJECT || (field->flags & SCHEMA_CLOSED))
		return true;
	if (field->extra == SCHEMA_NONE)
		return false;
	extra = schema_extra(at, field);
	return extra->bytes_max || extra->has_min || extra->has_max || extra->items_max;
}

static void check_field(struct check *c, struct schema_at at, const struct schema_field *field,
			const struct field_path *path, yyjson_mut_val *v)
{
	size_t i = 0, items_max = schema_extra(at, field)->items_max;

	switch ((enum schema_shape)field->shape) {
	case SCHEMA_ONE:
		check_value(c, at, field, path, v);
		return;
	case SCHEMA_LIST:
		if (items_max && yyjson_mut_arr_size(v) > items_max && !is_reported(c, path))
			field_too_many(c->errors, path, yyjson_mut_arr_size(v), items_max);
		JSON_MUT_EACH (item, v)
			check_value(c, at, field, FIELD_INDEX(path, i++), item);
		return;
	case SCHEMA_MAP:
		JSON_MUT_MEMBERS (key, value, v)
			check_value(c, at, field, FIELD_KEY(path, json_mut_str(key)), value);
		return;
	default:
		return;
	}
}

static void check_object(struct check *c, struct schema_at at, const struct field_path *path,
			 yyjson_mut_val *v)
{
	JSON_MUT_MEMBERS (key, value, v) {
		const struct schema_field *field = schema_field(at, json_mut_str(key));

		if (!field || yyjson_mut_is_null(value) || !needs_check(at, field))
			continue;
		check_field(c, at, field, FIELD_NAME(path, at.set->strings + field->name), value);
	}
}

void schema_check(struct edit *e, struct field_errors *errors)
{
	struct check c = { .errors = errors,
			   .arena = e->arena,
			   .own_count = errors->count,
			   .judged = e->kind->strategy->judged };

	check_object(&c, e->kind->schema, NULL, e->root);
}
