/* SPDX-License-Identifier: Apache-2.0 */
/* Property names of schemas as identifiers of expressions, and back. */
#include <stdio.h>

#include "cel/cel_internal.h"

static const struct {
	struct str from, to;
} escapes[] = {
	{ STR_INIT("__"), STR_INIT("__underscores__") },
	{ STR_INIT("."), STR_INIT("__dot__") },
	{ STR_INIT("-"), STR_INIT("__dash__") },
	{ STR_INIT("/"), STR_INIT("__slash__") },
};

static bool is_keyword(struct str name)
{
	static const char *const keywords[] = { "true",	    "false",	 "null",     "in",   "as",
						"break",    "const",	 "continue", "else", "for",
						"function", "if",	 "import",   "let",  "loop",
						"package",  "namespace", "return",   "var",  "void",
						"while" };

	for (size_t i = 0; i < ARRAY_COUNT(keywords); i++)
		if (str_eq_c(name, keywords[i]))
			return true;
	return false;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool can_be_spelt(struct str property)
{
	if (property.len == 0 || (property.ptr[0] >= '0' && property.ptr[0] <= '9'))
		return false;
	for (size_t i = 0; i < property.len; i++) {
		char c = property.ptr[i];

		if (!is_letter(c) && !(c >= '0' && c <= '9') && c != '.' && c != '-' && c != '/')
			return false;
	}
	return true;
}

bool cel_escape(struct arena *arena, struct str property, struct str *ret_name)
{
	AUTO_BUF name = { 0 };
	struct str rest = property;

	if (!can_be_spelt(property))
		return false;
	buf_init(&name, 16 * property.len + 16);
	if (is_keyword(property)) {
		buf_printf(&name, "__" STR_FMT "__", STR_ARG(property));
		rest = STR_NONE;
	}
	while (rest.len > 0) {
		size_t i = 0;

		while (i < ARRAY_COUNT(escapes) && !str_strip_prefix(&rest, escapes[i].from))
			i++;
		if (i < ARRAY_COUNT(escapes)) {
			buf_put_str(&name, escapes[i].to);
		} else {
			buf_put_char(&name, rest.ptr[0]);
			rest = str_sub(rest.ptr + 1, rest.len - 1);
		}
	}
	*ret_name = str_in(arena, buf_str(&name));
	return true;
}

bool cel_unescape(struct arena *arena, struct str name, struct str *ret_property)
{
	AUTO_BUF property = { 0 };
	struct str rest = name;
	struct str inner = name;

	buf_init(&property, name.len + 1);
	if (str_strip_prefix(&inner, STR("__")) && str_strip_suffix(&inner, STR("__")) &&
	    is_keyword(inner)) {
		*ret_property = str_in(arena, inner);
		return true;
	}
	while (rest.len > 0) {
		size_t i = 0;

		while (i < ARRAY_COUNT(escapes) && !str_strip_prefix(&rest, escapes[i].to))
			i++;
		if (i < ARRAY_COUNT(escapes)) {
			buf_put_str(&property, escapes[i].from);
		} else if (str_has_prefix(rest, STR("__"))) {
			return false;
		} else {
			buf_put_char(&property, rest.ptr[0]);
			rest = str_sub(rest.ptr + 1, rest.len - 1);
		}
	}
	*ret_property = str_in(arena, buf_str(&property));
	return true;
}

const struct cel_field *cel_field_named(const struct cel_type *object, struct str name)
{
	const struct cel_field *field = object->fields->find(object, name);
	char escaped[32];
	int len;

	if (field || !is_keyword(name))
		return field;
	len = snprintf(escaped, sizeof(escaped), "__" STR_FMT "__", STR_ARG(name));
	return object->fields->find(object, str_sub(escaped, (size_t)len));
}
