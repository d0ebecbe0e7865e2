/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenAPI documents as some clients ask for them: the JSON in the messages of openapi.v2 and
 * openapi.v3. Each message is a table of members and field numbers; what has no row is an extension
 * (x-...), or is left out.
 */
#include "api/openapi.h"
#include "api/protobuf_internal.h"
#include "codec/json.h"

enum form {
	TEXT,
	BOOL,
	INT,
	DOUBLE,
	TEXTS,
	MESSAGE,
	MESSAGES,
	ANY, /* {yaml=2}: JSON is YAML */
	ANYS,
	TYPE,	    /* {value=1}, one or many */
	SCALAR,	    /* {number=1}, {boolean=2} or {string=3} */
	ITEMS,	    /* {schema=1} */
	ADDITIONAL, /* {schema=1} or {boolean=2} */
	MEMBERS,    /* {inner=...}: {name=1, value=2} for each member */
	PARAMETERS,
};

struct row {
	const char *key; /* NULL ends the table */
	uint32_t number;
	enum form form;
	const struct row *message;
	uint32_t inner; /* of MEMBERS */
	uint32_t wraps; /* number of a message that has the value as its one field; 0: none */
	bool or_reference; /* {message=1}, or {reference=2} of what has a "$ref" */
};

/* Where extensions go: the last row, with this key. */
#define EXTENSIONS "x-"

static const struct row schema_rows[] = {
	{ "$ref", 1, TEXT },
	{ "format", 2, TEXT },
	{ "title", 3, TEXT },
	{ "description", 4, TEXT },
	{ "default", 5, ANY },
	{ "multipleOf", 6, DOUBLE },
	{ "maximum", 7, DOUBLE },
	{ "exclusiveMaximum", 8, BOOL },
	{ "minimum", 9, DOUBLE },
	{ "exclusiveMinimum", 10, BOOL },
	{ "maxLength", 11, INT },
	{ "minLength", 12, INT },
	{ "pattern", 13, TEXT },
	{ "maxItems", 14, INT },
	{ "minItems", 15, INT },
	{ "uniqueItems", 16, BOOL },
	{ "maxProperties", 17, INT },
	{ "minProperties", 18, INT },
	{ "required", 19, TEXTS },
	{ "enum", 20, ANYS },
	{ "additionalProperties", 21, ADDITIONAL, schema_rows },
	{ "type", 22, TYPE },
	{ "items", 23, ITEMS, schema_rows },
	{ "allOf", 24, MESSAGES, schema_rows },
	{ "properties", 25, MEMBERS, schema_rows, 1 },
	{ "example", 30, ANY },
	{ EXTENSIONS, 31, ANY },
	{ 0 },
};

static const struct row body_rows[] = {
	{ "description", 1, TEXT },
	{ "name", 2, TEXT },
	{ "in", 3, TEXT },
	{ "required", 4, BOOL },
	{ "schema", 5, MESSAGE, schema_rows },
	{ 0 },
};

static const struct row query_rows[] = {
	{ "required", 1, BOOL },     { "in", 2, TEXT },
	{ "description", 3, TEXT },  { "name", 4, TEXT },
	{ "type", 6, TEXT },	     { "format", 7, TEXT },
	{ "uniqueItems", 20, BOOL }, { 0 },
};

static const struct row path_rows[] = {
	{ "required", 1, BOOL },     { "in", 2, TEXT },
	{ "description", 3, TEXT },  { "name", 4, TEXT },
	{ "type", 5, TEXT },	     { "format", 6, TEXT },
	{ "uniqueItems", 19, BOOL }, { 0 },
};

static const struct row response_rows[] = {
	{ "description", 1, TEXT },
	{ "schema", 2, MESSAGE, schema_rows, 0, 1 },
	{ 0 },
};

static const struct row operation_rows[] = {
	{ "tags", 1, TEXTS },
	{ "description", 3, TEXT },
	{ "operationId", 5, TEXT },
	{ "produces", 6, TEXTS },
	{ "consumes", 7, TEXTS },
	{ "parameters", 8, PARAMETERS },
	{ "responses", 9, MEMBERS, response_rows, 1, 1 },
	{ "schemes", 10, TEXTS },
	{ EXTENSIONS, 13, ANY },
	{ 0 },
};

static const struct row path_item_rows[] = {
	{ "get", 2, MESSAGE, operation_rows },
	{ "put", 3, MESSAGE, operation_rows },
	{ "post", 4, MESSAGE, operation_rows },
	{ "delete", 5, MESSAGE, operation_rows },
	{ "options", 6, MESSAGE, operation_rows },
	{ "head", 7, MESSAGE, operation_rows },
	{ "patch", 8, MESSAGE, operation_rows },
	{ "parameters", 9, PARAMETERS },
	{ EXTENSIONS, 10, ANY },
	{ 0 },
};

static const struct row info_rows[] = { { "title", 1, TEXT }, { "version", 2, TEXT }, { 0 } };

static const struct row document_rows[] = {
	{ "swagger", 1, TEXT },
	{ "info", 2, MESSAGE, info_rows },
	{ "paths", 8, MEMBERS, path_item_rows, 2 },
	{ "definitions", 9, MEMBERS, schema_rows, 1 },
	{ EXTENSIONS, 16, ANY },
	{ 0 },
};

/* --- v3 --- */

static const struct row reference_rows[] = {
	{ "$ref", 1, TEXT }, { "summary", 2, TEXT }, { "description", 3, TEXT }, { 0 }
};

static const struct row schema_v3_rows[] = {
	{ "nullable", 1, BOOL },
	{ "readOnly", 3, BOOL },
	{ "writeOnly", 4, BOOL },
	{ "example", 7, ANY },
	{ "deprecated", 8, BOOL },
	{ "title", 9, TEXT },
	{ "multipleOf", 10, DOUBLE },
	{ "maximum", 11, DOUBLE },
	{ "exclusiveMaximum", 12, BOOL },
	{ "minimum", 13, DOUBLE },
	{ "exclusiveMinimum", 14, BOOL },
	{ "maxLength", 15, INT },
	{ "minLength", 16, INT },
	{ "pattern", 17, TEXT },
	{ "maxItems", 18, INT },
	{ "minItems", 19, INT },
	{ "uniqueItems", 20, BOOL },
	{ "maxProperties", 21, INT },
	{ "minProperties", 22, INT },
	{ "required", 23, TEXTS },
	{ "enum", 24, ANYS },
	{ "type", 25, TEXT },
	{ "allOf", 26, MESSAGES, schema_v3_rows, .or_reference = true },
	{ "oneOf", 27, MESSAGES, schema_v3_rows, .or_reference = true },
	{ "anyOf", 28, MESSAGES, schema_v3_rows, .or_reference = true },
	{ "not", 29, MESSAGE, schema_v3_rows },
	{ "items", 30, ITEMS, schema_v3_rows, .or_reference = true },
	{ "properties", 31, MEMBERS, schema_v3_rows, 1, .or_reference = true },
	{ "additionalProperties", 32, ADDITIONAL, schema_v3_rows, .or_reference = true },
	{ "default", 33, SCALAR },
	{ "description", 34, TEXT },
	{ "format", 35, TEXT },
	{ EXTENSIONS, 36, ANY },
	{ 0 },
};

static const struct row media_rows[] = {
	{ "schema", 1, MESSAGE, schema_v3_rows, .or_reference = true },
	{ EXTENSIONS, 5, ANY },
	{ 0 },
};

static const struct row parameter_rows[] = {
	{ "name", 1, TEXT },
	{ "in", 2, TEXT },
	{ "description", 3, TEXT },
	{ "required", 4, BOOL },
	{ "deprecated", 5, BOOL },
	{ "allowEmptyValue", 6, BOOL },
	{ "style", 7, TEXT },
	{ "explode", 8, BOOL },
	{ "schema", 10, MESSAGE, schema_v3_rows, .or_reference = true },
	{ "content", 13, MEMBERS, media_rows, 1 },
	{ EXTENSIONS, 14, ANY },
	{ 0 },
};

static const struct row request_body_rows[] = {
	{ "description", 1, TEXT },
	{ "content", 2, MEMBERS, media_rows, 1 },
	{ "required", 3, BOOL },
	{ EXTENSIONS, 4, ANY },
	{ 0 },
};

static const struct row response_v3_rows[] = {
	{ "description", 1, TEXT },
	{ "content", 3, MEMBERS, media_rows, 1 },
	{ EXTENSIONS, 5, ANY },
	{ 0 },
};

static const struct row operation_v3_rows[] = {
	{ "tags", 1, TEXTS },
	{ "summary", 2, TEXT },
	{ "description", 3, TEXT },
	{ "operationId", 5, TEXT },
	{ "parameters", 6, MESSAGES, parameter_rows, .or_reference = true },
	{ "requestBody", 7, MESSAGE, request_body_rows, .or_reference = true },
	{ "responses", 8, MEMBERS, response_v3_rows, 2, .or_reference = true },
	{ "deprecated", 10, BOOL },
	{ EXTENSIONS, 13, ANY },
	{ 0 },
};

static const struct row path_item_v3_rows[] = {
	{ "summary", 2, TEXT },
	{ "description", 3, TEXT },
	{ "get", 4, MESSAGE, operation_v3_rows },
	{ "put", 5, MESSAGE, operation_v3_rows },
	{ "post", 6, MESSAGE, operation_v3_rows },
	{ "delete", 7, MESSAGE, operation_v3_rows },
	{ "options", 8, MESSAGE, operation_v3_rows },
	{ "head", 9, MESSAGE, operation_v3_rows },
	{ "patch", 10, MESSAGE, operation_v3_rows },
	{ "parameters", 13, MESSAGES, parameter_rows, .or_reference = true },
	{ EXTENSIONS, 14, ANY },
	{ 0 },
};

static const struct row security_rows[] = {
	{ "type", 1, TEXT }, { "description", 2, TEXT }, { "name", 3, TEXT }, { "in", 4, TEXT }, { 0 }
};

static const struct row component_rows[] = {
	{ "schemas", 1, MEMBERS, schema_v3_rows, 1, .or_reference = true },
	{ "securitySchemes", 7, MEMBERS, security_rows, 1, .or_reference = true },
	{ 0 },
};

static const struct row info_v3_rows[] = {
	{ "title", 1, TEXT }, { "description", 2, TEXT }, { "version", 6, TEXT }, { 0 }
};

static const struct row document_v3_rows[] = {
	{ "openapi", 1, TEXT },
	{ "info", 2, MESSAGE, info_v3_rows },
	{ "paths", 4, MEMBERS, path_item_v3_rows, 1 },
	{ "components", 5, MESSAGE, component_rows },
	{ EXTENSIONS, 9, ANY },
	{ 0 },
};

/* --- writing --- */

static void put_rows(struct buf *to, const struct row *rows, yyjson_val *object);

static void put_wrapped(struct buf *to, uint32_t number, const struct row *row, yyjson_val *value)
{
	bool is_reference = row->or_reference && json_key(value, STR("$ref"));
	uint32_t wraps = !row->or_reference ? row->wraps : is_reference ? 2 : 1;
	size_t start = wire_open(to, number), inner = wraps ? wire_open(to, wraps) : 0;

	put_rows(to, is_reference ? reference_rows : row->message, value);
	if (wraps)
		wire_close(to, inner);
	wire_close(to, start);
}

static void put_any(struct buf *to, uint32_t number, yyjson_val *value)
{
	size_t start = wire_open(to, number), text = wire_open(to, 2);

	json_write(value, to);
	wire_close(to, text);
	wire_close(to, start);
}

static void put_members(struct buf *to, const struct row *row, yyjson_val *object)
{
	size_t start = wire_open(to, row->number), member;

	JSON_MEMBERS (key, value, object) {
		member = wire_open(to, row->inner);
		wire_text(to, 1, json_str(key));
		put_wrapped(to, 2, row, value);
		wire_close(to, member);
	}
	wire_close(to, start);
}

static void put_parameters(struct buf *to, uint32_t number, yyjson_val *list)
{
	JSON_EACH (parameter, list) {
		struct str in = json_get_str(parameter, "in");
		bool is_body = str_eq_c(in, "body"), is_path = str_eq_c(in, "path");
		size_t item = wire_open(to, number), choice = wire_open(to, 1),
		       kind = wire_open(to, is_body ? 1 : 2),
		       place = is_body ? 0 : wire_open(to, is_path ? 4 : 3);

		put_rows(to, is_body ? body_rows : is_path ? path_rows : query_rows, parameter);
		if (place)
			wire_close(to, place);
		wire_close(to, kind);
		wire_close(to, choice);
		wire_close(to, item);
	}
}

/* A schema, or several, or yes or no, behind one more message. */
static void put_choice(struct buf *to, const struct row *row, yyjson_val *value)
{
	struct row schema = { .message = row->message, .or_reference = row->or_reference };
	size_t start = wire_open(to, row->number);

	if (yyjson_is_bool(value)) {
		wire_number(to, 2, yyjson_get_bool(value));
	} else if (yyjson_is_str(value)) {
		wire_text(to, 1, json_str(value));
	} else if (yyjson_is_obj(value)) {
		put_wrapped(to, 1, &schema, value);
	} else {
		JSON_EACH (item, value) {
			if (yyjson_is_str(item))
				wire_text(to, 1, json_str(item));
			else
				put_wrapped(to, 1, &schema, item);
		}
	}
	wire_close(to, start);
}

/* What is neither has no form there. */
static void put_scalar(struct buf *to, uint32_t number, yyjson_val *value)
{
	size_t start;

	if (!yyjson_is_num(value) && !yyjson_is_bool(value) && !yyjson_is_str(value))
		return;
	start = wire_open(to, number);
	if (yyjson_is_num(value))
		wire_double(to, 1, yyjson_get_num(value));
	else if (yyjson_is_bool(value))
		wire_number(to, 2, yyjson_get_bool(value));
	else
		wire_text(to, 3, json_str(value));
	wire_close(to, start);
}

static void put_member(struct buf *to, const struct row *row, yyjson_val *value)
{
	switch (row->form) {
	case TEXT:
		wire_text(to, row->number, json_str(value));
		return;
	case BOOL:
		wire_number(to, row->number, yyjson_get_bool(value));
		return;
	case INT:
		wire_number(to, row->number, json_int(value, 0));
		return;
	case DOUBLE:
		wire_double(to, row->number, yyjson_get_num(value));
		return;
	case TEXTS:
		JSON_EACH (item, value)
			wire_text(to, row->number, json_str(item));
		return;
	case MESSAGE:
		put_wrapped(to, row->number, row, value);
		return;
	case MESSAGES:
		JSON_EACH (item, value)
			put_wrapped(to, row->number, row, item);
		return;
	case ANY:
		put_any(to, row->number, value);
		return;
	case ANYS:
		JSON_EACH (item, value)
			put_any(to, row->number, item);
		return;
	case SCALAR:
		put_scalar(to, row->number, value);
		return;
	case TYPE:
	case ITEMS:
	case ADDITIONAL:
		put_choice(to, row, value);
		return;
	case MEMBERS:
		put_members(to, row, value);
		return;
	case PARAMETERS:
		put_parameters(to, row->number, value);
		return;
	}
}

static void put_extension(struct buf *to, uint32_t number, struct str name, yyjson_val *value)
{
	size_t start = wire_open(to, number);

	wire_text(to, 1, name);
	put_any(to, 2, value);
	wire_close(to, start);
}

static void put_rows(struct buf *to, const struct row *rows, yyjson_val *object)
{
	JSON_MEMBERS (key, value, object) {
		const struct row *row = rows;
		struct str name = json_str(key);

		while (row->key && !str_eq_c(name, row->key) && strcmp(row->key, EXTENSIONS) != 0)
			row++;
		if (!row->key)
			continue;
		if (strcmp(row->key, EXTENSIONS) != 0)
			put_member(to, row, value);
		else if (str_has_prefix(name, STR(EXTENSIONS)))
			put_extension(to, row->number, name, value);
	}
}

static int write_document(struct str json, const struct row *rows, struct buf *to, struct err *err)
{
	AUTO_JSON doc = json_parse(json, UINT32_MAX, err);

	if (!doc)
		return -1;
	put_rows(to, rows, yyjson_doc_get_root(doc));
	return 0;
}

int openapi_v2_to_protobuf(struct str json, struct buf *to, struct err *err)
{
	return write_document(json, document_rows, to, err);
}

int openapi_v3_to_protobuf(struct str json, struct buf *to, struct err *err)
{
	return write_document(json, document_v3_rows, to, err);
}
