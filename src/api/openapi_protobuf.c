/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenAPI v2 as older clients ask for it: the JSON document in the messages of openapi.v2. Each
 * message is a table of members and field numbers; what has no row is an extension (x-...), or is
 * left out.
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
	{ "additionalProperties", 21, ADDITIONAL },
	{ "type", 22, TYPE },
	{ "items", 23, ITEMS },
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

static void put_rows(struct buf *to, const struct row *rows, yyjson_val *object);

static void put_wrapped(struct buf *to, uint32_t number, const struct row *row, yyjson_val *value)
{
	size_t start = wire_open(to, number), inner = row->wraps ? wire_open(to, row->wraps) : 0;

	put_rows(to, row->message, value);
	if (row->wraps)
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
	static const struct row schema = { .number = 1, .message = schema_rows };
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

int openapi_v2_to_protobuf(struct str json, struct buf *to, struct err *err)
{
	AUTO_JSON doc = json_parse(json, UINT32_MAX, err);

	if (!doc)
		return -1;
	put_rows(to, document_rows, yyjson_doc_get_root(doc));
	return 0;
}
