/* SPDX-License-Identifier: Apache-2.0 */
/* Field selectors: "a=b,c!=d" over the few fields a kind's row lists. */
#include "api/selector.h"

#include <stdio.h>
#include "api/kind.h"
#include "api/limits.h"
#include "api/strategy.h"

static bool is_supported(const struct kind *kind, struct str field)
{
	if (str_eq_c(field, "metadata.name"))
		return true;
	if (str_eq_c(field, "metadata.namespace"))
		return kind_is_namespaced(kind);
	for (size_t i = 0; kind->selectable_fields && kind->selectable_fields[i]; i++) {
		if (str_eq_c(field, kind->selectable_fields[i]))
			return true;
	}
	return false;
}

/* '\\', '\,' and '\=' stand for themselves. */
static int unescape(struct str text, struct arena *arena, struct str *ret, struct err *err)
{
	char *to;
	size_t len = 0;

	if (str_find_char(text, '\\', 0) == SIZE_MAX) {
		*ret = str_in(arena, text);
		return 0;
	}
	to = arena_alloc(arena, text.len + 1);
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '\\') {
			if (++i == text.len || !strchr("\\,=", text.ptr[i]))
				return err_set(err, ERR_BAD_REQUEST,
					       "invalid field selector: invalid escape sequence "
					       "in " STR_FMT,
					       STR_ARG(text));
		}
		to[len++] = text.ptr[i];
	}
	*ret = str_sub(to, len);
	return 0;
}

/* Up to the next ',' that is not escaped. */
static bool next_term(struct str *rest, struct str *ret)
{
	size_t end = 0;

	if (!rest->ptr)
		return false;
	while (end < rest->len && rest->ptr[end] != ',')
		end += rest->ptr[end] == '\\' && end + 1 < rest->len ? 2 : 1;
	*ret = str_slice(*rest, 0, end);
	*rest = end < rest->len ? str_slice(*rest, end + 1, rest->len) : STR_NONE;
	return true;
}

/* Kinds with fields of their own say it in other words than those without. */
static int refuse_field(const struct kind *kind, struct str field, struct err *err)
{
	if (kind->selectable_fields || kind->flags & KIND_CUSTOM)
		return err_set(err, ERR_BAD_REQUEST, "field label not supported: " STR_FMT,
			       STR_ARG(field));
	return err_set(err, ERR_BAD_REQUEST,
		       "\"" STR_FMT "\" is not a known field selector: only \"metadata.name\", "
		       "\"metadata.namespace\"",
		       STR_ARG(field));
}

static int parse_term(const struct kind *kind, struct str term, struct arena *arena,
		      struct field_requirement *ret, struct err *err)
{
	size_t at = 0;
	struct str value;

	while (at < term.len && term.ptr[at] != '=' &&
	       !(term.ptr[at] == '!' && at + 1 < term.len && term.ptr[at + 1] == '='))
		at++;
	if (at >= term.len)
		return err_set(err, ERR_BAD_REQUEST,
			       "invalid selector: '" STR_FMT "'; can't understand '" STR_FMT "'",
			       STR_ARG(term), STR_ARG(term));
	ret->negated = term.ptr[at] == '!';
	ret->field = str_in(arena, str_trim(str_slice(term, 0, at)));
	value = str_slice(term, at + 1 + ret->negated, term.len);
	if (!ret->negated && value.len && value.ptr[0] == '=')
		value = str_slice(value, 1, value.len);
	if (!is_supported(kind, ret->field))
		return refuse_field(kind, ret->field, err);
	return unescape(value, arena, &ret->value, err);
}

int field_selector_parse(const struct kind *kind, struct str text, struct arena *arena,
			 struct field_selector *ret, struct err *err)
{
	struct field_requirement *requirements;
	size_t count = 0, room = 1;
	struct str term;

	if (text.len > SELECTOR_BYTES_MAX)
		return err_set(err, ERR_BAD_REQUEST, "field selector is longer than %u bytes",
			       SELECTOR_BYTES_MAX);
	for (size_t i = 0; i < text.len; i++)
		room += text.ptr[i] == ',';
	if (room > SELECTOR_REQUIREMENTS_MAX)
		return err_set(err, ERR_BAD_REQUEST, "field selector has more than %d requirements",
			       SELECTOR_REQUIREMENTS_MAX);
	requirements = arena_array(arena, room, sizeof(requirements[0]));
	while (next_term(&text, &term)) {
		if (str_is_empty(str_trim(term)))
			continue;
		if (parse_term(kind, term, arena, &requirements[count], err) < 0)
			return -1;
		count++;
	}
	*ret = (struct field_selector){ .requirements = requirements, .count = count };
	return 0;
}

/* Scalars as Go's conversion functions print them; a list matches by its first element
 * (status.podIPs). */
static struct str value_text(yyjson_val *v, char to[32])
{
	if (yyjson_is_str(v))
		return json_str(v);
	if (yyjson_is_bool(v))
		return json_bool(v, false) ? STR("true") : STR("false");
	if (yyjson_is_num(v)) {
		int64_t number = json_int(v, 0);

		(void)snprintf(to, 32, "%lld", (long long)number);
		return str_from(to);
	}
	return STR("");
}

static struct str absent_value(const struct kind *kind, struct str field)
{
	const struct schema_field *found;
	struct schema_at at;
	char path[128];

	if (str_copy_to(field, path, sizeof(path)) < 0)
		return STR("");
	found = schema_path(kind->schema, path, &at);
	if (found && found->value == SCHEMA_BOOL)
		return STR("false");
	return found && (found->value == SCHEMA_INT32 || found->value == SCHEMA_INT64) ? STR("0")
										       : STR("");
}

static struct str field_value(const struct kind *kind, const struct obj *obj, struct str field,
			      char to[32])
{
	struct str value;
	char path[128];
	yyjson_val *v;

	if (str_eq_c(field, "metadata.name"))
		return obj->name;
	if (str_eq_c(field, "metadata.namespace"))
		return obj->namespace_;
	if (kind->strategy->selectable && kind->strategy->selectable(obj, field, &value))
		return value;
	if (str_copy_to(field, path, sizeof(path)) < 0)
		return STR("");
	v = json_get(obj->root, path);
	if (!v)
		return absent_value(kind, field);
	if (yyjson_is_arr(v))
		v = json_get(yyjson_arr_get_first(v), "ip");
	return value_text(v, to);
}

bool field_selector_matches(const struct field_selector *s, const struct kind *kind,
			    const struct obj *obj)
{
	char room[32];

	for (size_t i = 0; i < s->count; i++) {
		const struct field_requirement *r = &s->requirements[i];

		if (str_eq(field_value(kind, obj, r->field, room), r->value) == r->negated)
			return false;
	}
	return true;
}
