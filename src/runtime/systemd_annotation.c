/* SPDX-License-Identifier: Apache-2.0 */
/* Annotations org.systemd.property.NAME: values written as GVariant text, basic types and arrays of
 * them. */
#include <string.h>
#include "base/mem.h"
#include "base/num.h"
#include "runtime/systemd_plan.h"

#define PREFIX "org.systemd.property."

static const struct {
	const char *name;
	char type;
	int64_t min;
	uint64_t max;
} types[] = {
	{ "byte", 'y', 0, UINT8_MAX },	  { "int16", 'n', INT16_MIN, INT16_MAX },
	{ "uint16", 'q', 0, UINT16_MAX }, { "int32", 'i', INT32_MIN, INT32_MAX },
	{ "uint32", 'u', 0, UINT32_MAX }, { "int64", 'x', INT64_MIN, INT64_MAX },
	{ "uint64", 't', 0, UINT64_MAX },
};

static int refuse(const struct oci_pair *pair, struct err *err)
{
	return err_set(err, ERR_INVALID, "annotations: %.100s=%.100s: value cannot be parsed",
		       pair->key, pair->value);
}

/* One value; *type is what it must be, or 0. */
static int parse_one(struct str text, char *type, struct arena *arena, struct systemd_value *ret)
{
	int64_t number;

	if (text.len >= 2 && (text.ptr[0] == '\'' || text.ptr[0] == '"')) {
		struct str inner = str_sub(text.ptr + 1, text.len - 2);

		if (text.ptr[text.len - 1] != text.ptr[0] ||
		    str_find_char(inner, text.ptr[0], 0) != SIZE_MAX ||
		    str_find_char(inner, '\\', 0) != SIZE_MAX || !str_is_utf8(inner) ||
		    (*type && *type != 's'))
			return -1;
		*type = 's';
		ret->text = str_c_in(arena, inner);
		return 0;
	}
	if (str_eq_c(text, "true") || str_eq_c(text, "false")) {
		ret->number = text.ptr[0] == 't';
		if (*type && *type != 'b')
			return -1;
		*type = 'b';
		return 0;
	}
	if (!*type)
		*type = 'i';
	for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
		if (types[i].type != *type)
			continue;
		if (types[i].min == 0)
			return num_parse_u64(text, types[i].max, "", &ret->number, NULL);
		if (num_parse_i64(text, types[i].min, (int64_t)types[i].max, "", &number, NULL) < 0)
			return -1;
		ret->number = (uint64_t)number;
		return 0;
	}
	return -1;
}

/* "uint64 5" or "@at [5]": the type in front. */
static void strip_type(struct str *text, char *ret_type)
{
	struct str head, rest;

	if (!str_cut(*text, ' ', &head, &rest))
		return;
	for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
		if (str_eq_c(head, types[i].name))
			*ret_type = types[i].type;
	}
	if (head.len > 1 && head.ptr[0] == '@' && strchr("ybnqiuxts", head.ptr[head.len - 1]) &&
	    (head.len == 2 || (head.len == 3 && head.ptr[1] == 'a')))
		*ret_type = head.ptr[head.len - 1];
	if (*ret_type)
		*text = str_trim(rest);
}

static int parse(const struct oci_pair *pair, struct arena *arena, struct systemd_property *ret,
		 struct err *err)
{
	struct str text = str_trim(str_from(pair->value)), item;
	struct systemd_value values[64] = { 0 };
	bool is_array;
	char type = 0;
	size_t count = 0;

	strip_type(&text, &type);
	is_array = text.len >= 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']';
	if (is_array)
		text = str_trim(str_sub(text.ptr + 1, text.len - 2));
	if (!is_array) {
		if (parse_one(text, &type, arena, &values[count++]) < 0)
			return refuse(pair, err);
	}
	while (is_array && text.len > 0 && str_next_part(&text, ',', &item)) {
		if (count == ARRAY_COUNT(values) ||
		    parse_one(str_trim(item), &type, arena, &values[count++]) < 0)
			return refuse(pair, err);
	}
	if (!type)
		return refuse(pair, err); /* an empty array without a type */
	ret->signature = str_printf_in(arena, "%s%c", is_array ? "a" : "", type).ptr;
	ret->count = count;
	ret->values = arena_alloc(arena, (count + 1) * sizeof(values[0]));
	memcpy(ret->values, values, count * sizeof(values[0]));
	return 0;
}

/* The bus has microseconds where unit files have seconds. */
static int to_microseconds(const struct oci_pair *pair, struct arena *arena,
			   struct systemd_property *p, struct err *err)
{
	struct str name = str_from(p->name);

	if (!str_strip_suffix(&name, STR("Sec")) || name.len == 0 || name.ptr[name.len - 1] < 'a')
		return 0;
	if (p->signature[1] || !strchr("nqiuxt", p->signature[0]) ||
	    (int64_t)p->values[0].number < 0 || p->values[0].number > UINT64_MAX / 1000000)
		return refuse(pair, err);
	p->name = str_printf_in(arena, STR_FMT "USec", STR_ARG(name)).ptr;
	p->signature = "t";
	p->values[0].number *= 1000000;
	return 0;
}

static int check_name(const struct oci_pair *pair, const char *name, struct err *err)
{
	if (strlen(name) < 3)
		return err_set(err, ERR_INVALID,
			       "annotations: %.100s: name must be at least 3 characters",
			       pair->key);
	for (const char *c = name; *c; c++) {
		if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z')))
			return err_set(err, ERR_INVALID,
				       "annotations: %.100s: name must contain only letters",
				       pair->key);
	}
	return 0;
}

int systemd_plan_annotations(const struct oci_map *annotations, struct arena *arena,
			     struct systemd_plan *to, struct err *err)
{
	for (size_t i = 0; i < annotations->count; i++) {
		const struct oci_pair *pair = &annotations->items[i];
		struct systemd_property add = { 0 };

		if (strncmp(pair->key, PREFIX, strlen(PREFIX)) != 0)
			continue;
		add.name = pair->key + strlen(PREFIX);
		if (check_name(pair, add.name, err) < 0 || parse(pair, arena, &add, err) < 0 ||
		    to_microseconds(pair, arena, &add, err) < 0)
			return -1;
		if (systemd_plan_put(to, add, err) < 0)
			return -1;
	}
	return 0;
}
