/* SPDX-License-Identifier: Apache-2.0 */
/* format.<name>().validate(text): none when the text is fine, else what is wrong with it. */
#include "codec/base64.h"
#include "codec/name.h"
#include "cel/opaque_internal.h"

#define PATTERN_SIZE 128 /* what upstream counts for the pattern of a name */

struct cel_format {
	const char *name;
	const char *(*problem)(struct str text); /* NULL: it is fine */
	uint64_t pattern_size;
};

static const char *label(struct str text)
{
	return name_is_label(text, false);
}

static const char *label_prefix(struct str text)
{
	return name_is_label(text, true);
}

static const char *subdomain(struct str text)
{
	return name_is_subdomain(text, false);
}

static const char *subdomain_prefix(struct str text)
{
	return name_is_subdomain(text, true);
}

static const char *label1035(struct str text)
{
	return name_is_label1035(text, false);
}

static const char *label1035_prefix(struct str text)
{
	return name_is_label1035(text, true);
}

static const char *uri(struct str text)
{
	size_t colon = str_find_char(text, ':', 0);
	bool good = text.len > 0 && (text.ptr[0] == '/' || (colon != SIZE_MAX && colon > 0));

	for (size_t i = 0; i < text.len; i++)
		good &= (unsigned char)text.ptr[i] > ' ' && text.ptr[i] != 0x7f;
	return good ? NULL : "invalid URI for request";
}

static const char *uuid(struct str text)
{
	bool good = text.len == 36;

	for (size_t i = 0; good && i < text.len; i++) {
		char c = text.ptr[i];
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		good = dash ? c == '-'
			    : (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
	}
	return good ? NULL : "does not match the UUID format";
}

static const char *byte(struct str text)
{
	AUTO_BUF bytes = { 0 };

	buf_init(&bytes, text.len + 4);
	return base64_decode(text, &bytes, NULL) < 0 ? "invalid base64" : NULL;
}

static const char *date(struct str text)
{
	struct cel_value v;

	return text.len == 10 && cel_parse_timestamp(text, &v) ? NULL : "invalid date";
}

static const char *datetime(struct str text)
{
	struct cel_value v;

	return text.len > 10 && cel_parse_timestamp(text, &v) ? NULL : "invalid datetime";
}

static const struct cel_format formats[] = {
	{ "dns1123Label", label, PATTERN_SIZE },
	{ "dns1123Subdomain", subdomain, PATTERN_SIZE },
	{ "dns1035Label", label1035, PATTERN_SIZE },
	{ "qualifiedName", name_qualified_problem, PATTERN_SIZE },
	{ "dns1123LabelPrefix", label_prefix, PATTERN_SIZE },
	{ "dns1123SubdomainPrefix", subdomain_prefix, PATTERN_SIZE },
	{ "dns1035LabelPrefix", label1035_prefix, PATTERN_SIZE },
	{ "labelValue", name_label_value_problem, PATTERN_SIZE },
	{ "uri", uri, 1000 },
	{ "uuid", uuid, 100 },
	{ "byte", byte, 4 },
	{ "date", date, 10 },
	{ "datetime", datetime, 10 },
};

uint64_t cel_format_pattern_size(const struct cel_format *format)
{
	return format->pattern_size;
}

static const struct cel_format *find(struct str name)
{
	for (size_t i = 0; i < ARRAY_COUNT(formats); i++)
		if (str_eq_c(name, formats[i].name))
			return &formats[i];
	return NULL;
}

static struct cel_value get(struct cel_frame *f, const struct cel_value *args)
{
	struct str name = f->node->name;

	(void)str_strip_prefix(&name, STR("format.")); /* it is there */
	return cel_make_opaque(&cel_type_format, find(name));
}

static struct cel_value named(struct cel_frame *f, const struct cel_value *args)
{
	const struct cel_format *format = find(cel_str(args[0]));

	return format ? cel_make_optional(f, cel_make_opaque(&cel_type_format, format))
		      : cel_optional(NULL);
}

static struct cel_value validate(struct cel_frame *f, const struct cel_value *args)
{
	const struct cel_format *format = args[0].opaque;
	const char *problems = format->problem(cel_str(args[1]));
	struct cel_value list;
	struct str rest, one;

	if (!problems)
		return cel_optional(NULL);
	list = cel_list_new(f, 1);
	rest = str_from(problems);
	while (name_next_problem(&rest, &one))
		list = cel_list_append(f, list, cel_string(one));
	return cel_make_optional(f, list);
}

static const struct cel_type optional_strings = { .kind = CEL_OPTIONAL,
						  .element = &cel_list_string };

#define FORMAT(function)                                                            \
	{                                                                           \
		.name = "format." function, .result = &cel_type_format, .call = get \
	}

const struct cel_function cel_library_format[] = {
	FORMAT("dns1123Label"),
	FORMAT("dns1123Subdomain"),
	FORMAT("dns1035Label"),
	FORMAT("qualifiedName"),
	FORMAT("dns1123LabelPrefix"),
	FORMAT("dns1123SubdomainPrefix"),
	FORMAT("dns1035LabelPrefix"),
	FORMAT("labelValue"),
	FORMAT("uri"),
	FORMAT("uuid"),
	FORMAT("byte"),
	FORMAT("date"),
	FORMAT("datetime"),
	{ .name = "format.named",
	  .count = 1,
	  .parameters = { &cel_type_string },
	  .result = &cel_optional_format,
	  .call = named },
	{ .name = "validate",
	  .member = true,
	  .count = 2,
	  .parameters = { &cel_type_format, &cel_type_string },
	  .result = &optional_strings,
	  .call = validate,
	  .cost = CEL_COST_VALIDATE },
	{ 0 },
};
