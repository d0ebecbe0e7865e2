/* SPDX-License-Identifier: Apache-2.0 */
/* Walking the schema tables. Fields of a type are sorted by name; a type is found by name through a
 * linear walk, which only set-up code does. */
#include "api/schema.h"

#include "base/assert.h"

#define LINEAR_MAX 24

static const struct schema_extra no_extra;

struct schema_at schema_find(struct str name)
{
	for (uint32_t i = 0; i < schema_builtin.type_count; i++) {
		const struct schema_type *type = &schema_builtin.types[i];

		if (str_eq(schema_str(&schema_builtin, type->name), name))
			return (struct schema_at){ &schema_builtin, type };
	}
	return (struct schema_at){ &schema_builtin, NULL };
}

struct schema_at schema_ref(struct schema_at at, const struct schema_field *field)
{
	if (field->ref == SCHEMA_NONE)
		return (struct schema_at){ at.set, NULL };
	if (field->ref & SCHEMA_BUILTIN)
		return (struct schema_at){ &schema_builtin,
					   &schema_builtin.types[field->ref & ~SCHEMA_BUILTIN] };
	return (struct schema_at){ at.set, &at.set->types[field->ref] };
}

/* Names differ within their first bytes nearly always: no call for that. */
static inline int name_cmp(const char *a, size_t a_len, struct str b)
{
	size_t len = a_len < b.len ? a_len : b.len;

	for (size_t i = 0; i < len; i++) {
		if (a[i] != b.ptr[i])
			return (unsigned char)a[i] < (unsigned char)b.ptr[i] ? -1 : 1;
	}
	return a_len < b.len ? -1 : a_len > b.len;
}

const struct schema_field *schema_field(struct schema_at at, struct str name)
{
	const struct schema_field *fields = schema_fields(at);
	size_t from = 0, to = at.type->field_count;

	if (!name.len)
		return NULL;
	/* Few fields: their lengths tell most of them apart, without a branch that cannot be
	 * foreseen. */
	for (size_t i = 0; to <= LINEAR_MAX && i < to; i++) {
		if (fields[i].name_len == name.len &&
		    memcmp(at.set->strings + fields[i].name, name.ptr, name.len) == 0)
			return &fields[i];
	}
	if (to <= LINEAR_MAX)
		return NULL;
	while (from < to) {
		size_t middle = (from + to) / 2;
		int order = name_cmp(at.set->strings + fields[middle].name, fields[middle].name_len,
				     name);

		if (!order)
			return &fields[middle];
		if (order < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return NULL;
}

const struct schema_extra *schema_extra(struct schema_at at, const struct schema_field *field)
{
	return field->extra == SCHEMA_NONE ? &no_extra : &at.set->extras[field->extra];
}

bool schema_values_have(struct str values, struct str value)
{
	struct str part;

	while (str_next_part(&values, '|', &part)) {
		if (str_eq(part, value))
			return true;
	}
	return false;
}

const struct schema_field *schema_path(struct schema_at at, const char *path,
				       struct schema_at *ret_at)
{
	struct str rest = str_from(path), part;
	const struct schema_field *field = NULL;

	while (str_next_part(&rest, '.', &part)) {
		if (field)
			at = schema_ref(at, field);
		field = at.type ? schema_field(at, part) : NULL;
		if (!field)
			return NULL;
	}
	*ret_at = at;
	return field;
}
