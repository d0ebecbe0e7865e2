/* SPDX-License-Identifier: Apache-2.0 */
/* Values written along the schema of their place. What the schema does not know (the path is one of
 * upstream's own making, the kind is custom) is written as it is. */
#include "api/field_value.h"

#include <stdlib.h>
#include "api/kind.h"
#include "api/limits.h"
#include "api/schema.h"
#include "codec/json.h"
#include "codec/json_quote.h"

#define FIELDS_MAX 256 /* of one type */

/* A field of a type, or (field NULL) the type itself. */
struct spot {
	struct schema_at at;
	const struct schema_field *field;
	bool is_element; /* of that list or map */
};

static bool find_spot(const struct kind *kind, const struct field_path *path, struct spot *ret)
{
	struct spot parent;

	if (!path) {
		*ret = (struct spot){ .at = kind->schema };
		return kind->schema.type != NULL;
	}
	if (!find_spot(kind, path->parent, &parent))
		return false;
	if (!path->name) {
		*ret = parent;
		ret->is_element = true;
		return parent.field && parent.field->shape != SCHEMA_ONE && !parent.is_element;
	}
	if (parent.field) {
		if (parent.field->value != SCHEMA_OBJECT ||
		    (parent.field->shape != SCHEMA_ONE && !parent.is_element))
			return false;
		parent.at = schema_ref(parent.at, parent.field);
	}
	*ret = (struct spot){ .at = parent.at,
			      .field = schema_field(parent.at, str_from(path->name)) };
	return ret->field != NULL;
}

/* ---- names ---- */

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

/* "apiGroup" is APIGroup, "podCIDRs" PodCIDRs: abbreviations are capitals also in front. */
static void write_name(struct str name, struct buf *to)
{
	static const char *const capitals[] = { "api", "aws", "ca",    "cidr", "cpu",  "csi",
						"dns", "fc",  "fs",    "gce",  "grpc", "http",
						"id",  "ip",  "iscsi", "nfs",  "os",   "pid",
						"rbd", "se", "tcp", "tls",   "ttl",  "uid",  "url" };
	size_t upper = 1;

	for (size_t i = 0; i < ARRAY_COUNT(capitals); i++) {
		struct str word = str_from(capitals[i]);
		bool is_plural = name.len == word.len + 1 && name.ptr[word.len] == 's';

		if (str_has_prefix(name, word) &&
		    (name.len == word.len || is_plural || !is_lower(name.ptr[word.len])))
			upper = word.len;
	}
	buf_put_char(to, '"');
	for (size_t i = 0; i < name.len; i++)
		buf_put_char(to, i < upper && is_lower(name.ptr[i])
					 ? (char)(name.ptr[i] - 'a' + 'A')
					 : name.ptr[i]);
	buf_put_c(to, "\":");
}

/* ---- values ---- */

static void write_spot(struct spot spot, yyjson_mut_val *v, struct buf *to, unsigned depth);

/* Numbers of structs embedded in each other are packed (tools/gen_schema.py): the outermost counts.
 */
static uint32_t order_of(const struct schema_field *field)
{
	uint32_t number = field->proto;

	if (number & 0x8000)
		return (number >> 10 & 0x1f) << 16 | (number & 0x3ff);
	return number > 0xff ? (number >> 8) << 16 | (number & 0xff) : number << 16;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = order_of(*(const struct schema_field *const *)a),
		 y = order_of(*(const struct schema_field *const *)b);

	return (x > y) - (x < y);
}

static bool is_plain(struct schema_at type)
{
	return str_has_prefix(schema_str(type.set, type.type->name), STR("meta/v1."));
}

/* Embedded: its members are those of the struct around it. */
static void write_metadata(yyjson_mut_val *v, bool *first, struct buf *to)
{
	JSON_MUT_MEMBERS (key, value, v) {
		if (!*first)
			buf_put_char(to, ',');
		*first = false;
		json_write_quoted(json_mut_str(key), to);
		buf_put_char(to, ':');
		json_mut_write(value, to);
	}
}

static void write_struct(struct schema_at type, yyjson_mut_val *v, struct buf *to, unsigned depth)
{
	const struct schema_field *fields = schema_fields(type), *sorted[FIELDS_MAX];
	size_t count = type.type->field_count;
	bool first = true;

	if (is_plain(type) || count > FIELDS_MAX || depth > JSON_DEPTH_MAX) {
		if (v)
			json_mut_write(v, to);
		else
			buf_put_c(to, "{}");
		return;
	}
	for (size_t i = 0; i < count; i++)
		sorted[i] = &fields[i];
	qsort(sorted, count, sizeof(sorted[0]), by_number);
	buf_put_char(to, '{');
	for (size_t i = 0; i < count; i++) {
		struct str name = schema_name(type.set, sorted[i]);
		yyjson_mut_val *member = json_mut_key(v, name);

		if (str_eq_c(name, "metadata")) {
			write_metadata(member, &first, to);
			continue;
		}
		if (!first)
			buf_put_char(to, ',');
		first = false;
		write_name(name, to);
		write_spot((struct spot){ .at = type, .field = sorted[i] }, member, to, depth + 1);
	}
	buf_put_char(to, '}');
}

/* What Go's zero value looks like. */
static void write_zero(const struct schema_field *field, struct buf *to)
{
	switch ((enum schema_value)field->value) {
	case SCHEMA_STRING:
		buf_put_c(to, "\"\"");
		return;
	case SCHEMA_INT32:
	case SCHEMA_INT64:
	case SCHEMA_DOUBLE:
	case SCHEMA_INT_OR_STRING:
		buf_put_char(to, '0');
		return;
	case SCHEMA_BOOL:
		buf_put_c(to, "false");
		return;
	case SCHEMA_QUANTITY:
		buf_put_c(to, "\"0\"");
		return;
	default:
		buf_put_c(to, "null");
	}
}

static void write_many(struct spot element, yyjson_mut_val *v, struct buf *to, unsigned depth)
{
	bool is_list = yyjson_mut_is_arr(v), first = true;

	buf_put_char(to, is_list ? '[' : '{');
	JSON_MUT_EACH (item, v) {
		if (!first)
			buf_put_char(to, ',');
		first = false;
		write_spot(element, item, to, depth + 1);
	}
	JSON_MUT_MEMBERS (key, value, v) {
		if (!first)
			buf_put_char(to, ',');
		first = false;
		json_write_quoted(json_mut_str(key), to);
		buf_put_char(to, ':');
		write_spot(element, value, to, depth + 1);
	}
	buf_put_char(to, is_list ? ']' : '}');
}

static void write_spot(struct spot spot, yyjson_mut_val *v, struct buf *to, unsigned depth)
{
	const struct schema_field *field = spot.field;
	bool is_many = field && field->shape != SCHEMA_ONE && !spot.is_element, is_one;

	is_one = field &&
		 (field->shape == SCHEMA_ONE ||
		  (spot.is_element && (field->shape == SCHEMA_LIST || field->shape == SCHEMA_MAP)));
	if (yyjson_mut_is_null(v))
		v = NULL;
	if (!field)
		write_struct(spot.at, v, to, depth);
	else if (!v && (is_many || ((field->flags & SCHEMA_POINTER) && !spot.is_element)))
		buf_put_c(to, "null");
	else if (is_many && v) {
		spot.is_element = true;
		write_many(spot, v, to, depth);
	} else if (is_one && field->value == SCHEMA_OBJECT)
		write_struct(schema_ref(spot.at, field), v, to, depth);
	else if (!v)
		write_zero(field, to);
	else
		json_mut_write(v, to);
}

void field_value_write(const struct kind *kind, const struct field_path *path,
		       yyjson_mut_val *value, struct buf *to)
{
	struct spot spot;

	if (!value || yyjson_mut_is_null(value))
		buf_put_c(to, "null");
	else if (kind && !(kind->flags & KIND_CUSTOM) && yyjson_mut_is_ctn(value) &&
		 find_spot(kind, path, &spot))
		write_spot(spot, value, to, 0);
	else
		json_mut_write(value, to);
}
