/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of definitions as messages show them: upstream prints the structs that its server works
 * with, where what all versions have alike stands at the definition's spec, and members of maps are
 * in order. Depth is that of the definition's JSON, which is bounded. */
#include "api/kinds/crd.h"

#include <stdlib.h>

#include "api/limits.h"
#include "base/mem.h"
#include "codec/json.h"
#include "codec/json_quote.h"

enum form {
	FORM_TEXT,
	FORM_BOOL,
	FORM_NUMBER,
	FORM_ANY, /* as it is, or null */
	FORM_STRUCT,
	FORM_LIST,
	FORM_MAP,
	FORM_SCHEMA_OR_LIST,
	FORM_SCHEMA_OR_BOOL,
};

enum type {
	TYPE_NONE,
	TYPE_VERSION,
	TYPE_VALIDATION,
	TYPE_SCHEMA,
	TYPE_RULE,
	TYPE_DOCUMENTATION,
	TYPE_SUBRESOURCES,
	TYPE_STATUS,
	TYPE_SCALE,
	TYPE_COLUMN,
	TYPE_SELECTABLE,
};

struct member {
	const char *name, *shown;
	enum form form;
	enum type type;
	enum crd_part part; /* null where all versions have it alike */
};

/* clang-format off */
static const struct member version_members[] = {
	{ "name", "Name", FORM_TEXT },
	{ "served", "Served", FORM_BOOL },
	{ "storage", "Storage", FORM_BOOL },
	{ "deprecated", "Deprecated", FORM_BOOL },
	{ "deprecationWarning", "DeprecationWarning", FORM_ANY },
	{ "schema", "Schema", FORM_STRUCT, TYPE_VALIDATION, CRD_PART_SCHEMA },
	{ "subresources", "Subresources", FORM_STRUCT, TYPE_SUBRESOURCES, CRD_PART_SUBRESOURCES },
	{ "additionalPrinterColumns", "AdditionalPrinterColumns", FORM_LIST, TYPE_COLUMN, CRD_PART_COLUMNS },
	{ "selectableFields", "SelectableFields", FORM_LIST, TYPE_SELECTABLE, CRD_PART_SELECTABLE },
	{ 0 },
};

static const struct member validation_members[] = {
	{ "openAPIV3Schema", "OpenAPIV3Schema", FORM_STRUCT, TYPE_SCHEMA },
	{ 0 },
};

static const struct member schema_members[] = {
	{ "id", "ID", FORM_TEXT },
	{ "$schema", "Schema", FORM_TEXT },
	{ "$ref", "Ref", FORM_ANY },
	{ "description", "Description", FORM_TEXT },
	{ "type", "Type", FORM_TEXT },
	{ "nullable", "Nullable", FORM_BOOL },
	{ "format", "Format", FORM_TEXT },
	{ "title", "Title", FORM_TEXT },
	{ "default", "Default", FORM_ANY },
	{ "maximum", "Maximum", FORM_ANY },
	{ "exclusiveMaximum", "ExclusiveMaximum", FORM_BOOL },
	{ "minimum", "Minimum", FORM_ANY },
	{ "exclusiveMinimum", "ExclusiveMinimum", FORM_BOOL },
	{ "maxLength", "MaxLength", FORM_ANY },
	{ "minLength", "MinLength", FORM_ANY },
	{ "pattern", "Pattern", FORM_TEXT },
	{ "maxItems", "MaxItems", FORM_ANY },
	{ "minItems", "MinItems", FORM_ANY },
	{ "uniqueItems", "UniqueItems", FORM_BOOL },
	{ "multipleOf", "MultipleOf", FORM_ANY },
	{ "enum", "Enum", FORM_ANY },
	{ "maxProperties", "MaxProperties", FORM_ANY },
	{ "minProperties", "MinProperties", FORM_ANY },
	{ "required", "Required", FORM_ANY },
	{ "items", "Items", FORM_SCHEMA_OR_LIST },
	{ "allOf", "AllOf", FORM_LIST, TYPE_SCHEMA },
	{ "oneOf", "OneOf", FORM_LIST, TYPE_SCHEMA },
	{ "anyOf", "AnyOf", FORM_LIST, TYPE_SCHEMA },
	{ "not", "Not", FORM_STRUCT, TYPE_SCHEMA },
	{ "properties", "Properties", FORM_MAP, TYPE_SCHEMA },
	{ "additionalProperties", "AdditionalProperties", FORM_SCHEMA_OR_BOOL },
	{ "patternProperties", "PatternProperties", FORM_MAP, TYPE_SCHEMA },
	{ "dependencies", "Dependencies", FORM_ANY },
	{ "additionalItems", "AdditionalItems", FORM_SCHEMA_OR_BOOL },
	{ "definitions", "Definitions", FORM_MAP, TYPE_SCHEMA },
	{ "externalDocs", "ExternalDocs", FORM_STRUCT, TYPE_DOCUMENTATION },
	{ "example", "Example", FORM_ANY },
	{ "x-kubernetes-preserve-unknown-fields", "XPreserveUnknownFields", FORM_ANY },
	{ "x-kubernetes-embedded-resource", "XEmbeddedResource", FORM_BOOL },
	{ "x-kubernetes-int-or-string", "XIntOrString", FORM_BOOL },
	{ "x-kubernetes-list-map-keys", "XListMapKeys", FORM_ANY },
	{ "x-kubernetes-list-type", "XListType", FORM_ANY },
	{ "x-kubernetes-map-type", "XMapType", FORM_ANY },
	{ "x-kubernetes-validations", "XValidations", FORM_LIST, TYPE_RULE },
	{ 0 },
};

static const struct member rule_members[] = {
	{ "rule", "Rule", FORM_TEXT },
	{ "message", "Message", FORM_TEXT },
	{ "messageExpression", "MessageExpression", FORM_TEXT },
	{ "reason", "Reason", FORM_ANY },
	{ "fieldPath", "FieldPath", FORM_TEXT },
	{ "optionalOldSelf", "OptionalOldSelf", FORM_ANY },
	{ 0 },
};

static const struct member documentation_members[] = {
	{ "description", "Description", FORM_TEXT },
	{ "url", "URL", FORM_TEXT },
	{ 0 },
};

static const struct member subresources_members[] = {
	{ "status", "Status", FORM_STRUCT, TYPE_STATUS },
	{ "scale", "Scale", FORM_STRUCT, TYPE_SCALE },
	{ 0 },
};

static const struct member status_members[] = { { 0 } };

static const struct member scale_members[] = {
	{ "specReplicasPath", "SpecReplicasPath", FORM_TEXT },
	{ "statusReplicasPath", "StatusReplicasPath", FORM_TEXT },
	{ "labelSelectorPath", "LabelSelectorPath", FORM_ANY },
	{ 0 },
};

static const struct member column_members[] = {
	{ "name", "Name", FORM_TEXT },
	{ "type", "Type", FORM_TEXT },
	{ "format", "Format", FORM_TEXT },
	{ "description", "Description", FORM_TEXT },
	{ "priority", "Priority", FORM_NUMBER },
	{ "jsonPath", "JSONPath", FORM_TEXT },
	{ 0 },
};

static const struct member selectable_members[] = {
	{ "jsonPath", "JSONPath", FORM_TEXT },
	{ 0 },
};
/* clang-format on */

static const struct member *const types[] = {
	[TYPE_VERSION] = version_members,
	[TYPE_VALIDATION] = validation_members,
	[TYPE_SCHEMA] = schema_members,
	[TYPE_RULE] = rule_members,
	[TYPE_DOCUMENTATION] = documentation_members,
	[TYPE_SUBRESOURCES] = subresources_members,
	[TYPE_STATUS] = status_members,
	[TYPE_SCALE] = scale_members,
	[TYPE_COLUMN] = column_members,
	[TYPE_SELECTABLE] = selectable_members,
};

struct writer {
	struct buf *to;
	unsigned alike; /* enum crd_part */
};

static void write_form(const struct writer *w, enum form form, enum type type, yyjson_val *v);

static void put_name(const struct writer *w, const char *name)
{
	json_write_quoted(str_from(name), w->to);
	buf_put_char(w->to, ':');
}

static void write_struct(const struct writer *w, enum type type, yyjson_val *v)
{
	buf_put_char(w->to, '{');
	for (const struct member *m = types[type]; m->name; m++) {
		if (m != types[type])
			buf_put_char(w->to, ',');
		put_name(w, m->shown);
		write_form(w, m->form, m->type,
			   w->alike & m->part ? NULL : yyjson_obj_get(v, m->name));
	}
	buf_put_char(w->to, '}');
}

struct entry {
	struct str name;
	yyjson_val *value;
};

static int by_name(const void *a, const void *b)
{
	return str_cmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static void write_map(const struct writer *w, enum type type, yyjson_val *v)
{
	size_t count = 0;
	struct entry *entries = mem_alloc((yyjson_obj_size(v) + 1) * sizeof(*entries));

	JSON_MEMBERS (key, value, v)
		entries[count++] = (struct entry){ json_str(key), value };
	qsort(entries, count, sizeof(*entries), by_name);
	buf_put_char(w->to, '{');
	for (size_t i = 0; i < count; i++) {
		if (i)
			buf_put_char(w->to, ',');
		json_write_quoted(entries[i].name, w->to);
		buf_put_char(w->to, ':');
		write_struct(w, type, entries[i].value);
	}
	buf_put_char(w->to, '}');
	mem_free(entries);
}

static void write_list(const struct writer *w, enum type type, yyjson_val *v)
{
	bool is_first = true;

	buf_put_char(w->to, '[');
	JSON_EACH (item, v) {
		if (!is_first)
			buf_put_char(w->to, ',');
		is_first = false;
		write_struct(w, type, item);
	}
	buf_put_char(w->to, ']');
}

/* What a name has more than one form for is a struct of all of them. */
static void write_either(const struct writer *w, enum form form, yyjson_val *v)
{
	bool is_schema = yyjson_is_obj(v);

	buf_put_char(w->to, '{');
	if (form == FORM_SCHEMA_OR_BOOL) {
		put_name(w, "Allows");
		buf_put_c(w->to, is_schema || yyjson_is_true(v) ? "true," : "false,");
	}
	put_name(w, "Schema");
	write_form(w, FORM_STRUCT, TYPE_SCHEMA, is_schema ? v : NULL);
	if (form == FORM_SCHEMA_OR_LIST) {
		buf_put_char(w->to, ',');
		put_name(w, "JSONSchemas");
		write_form(w, FORM_LIST, TYPE_SCHEMA, yyjson_is_arr(v) ? v : NULL);
	}
	buf_put_char(w->to, '}');
}

static void write_form(const struct writer *w, enum form form, enum type type, yyjson_val *v)
{
	static const char *const zeros[] = {
		[FORM_TEXT] = "\"\"",
		[FORM_BOOL] = "false",
		[FORM_NUMBER] = "0",
		[FORM_ANY] = "null",
		[FORM_STRUCT] = "null",
		[FORM_LIST] = "null",
		[FORM_MAP] = "null",
		[FORM_SCHEMA_OR_LIST] = "null",
		[FORM_SCHEMA_OR_BOOL] = "null",
	};

	if (!v || yyjson_is_null(v)) {
		buf_put_c(w->to, zeros[form]);
		return;
	}
	switch (form) {
	case FORM_STRUCT:
		write_struct(w, type, v);
		return;
	case FORM_LIST:
		write_list(w, type, v);
		return;
	case FORM_MAP:
		write_map(w, type, v);
		return;
	case FORM_SCHEMA_OR_LIST:
	case FORM_SCHEMA_OR_BOOL:
		write_either(w, form, v);
		return;
	case FORM_TEXT:
	case FORM_BOOL:
	case FORM_NUMBER:
	case FORM_ANY:
		json_write(v, w->to);
	}
}

void crd_invalid_versions(struct field_errors *errors, const struct field_path *path,
			  yyjson_val *versions, unsigned alike, const char *detail)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, OBJECT_BYTES_MAX);
	write_form(&(struct writer){ &text, alike }, FORM_LIST, TYPE_VERSION, versions);
	field_invalid_json(errors, path, buf_str(&text), detail);
}

void crd_invalid_schema(struct field_errors *errors, const struct field_path *path,
			yyjson_val *schema, const char *detail)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, OBJECT_BYTES_MAX);
	write_form(&(struct writer){ &text, 0 }, FORM_STRUCT, TYPE_SCHEMA, schema);
	field_invalid_json(errors, path, buf_str(&text), detail);
}

struct str crd_rule_text(struct arena *arena, yyjson_val *rule)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, OBJECT_BYTES_MAX);
	write_form(&(struct writer){ &text, 0 }, FORM_STRUCT, TYPE_RULE, rule);
	return str_in(arena, buf_str(&text));
}
