/* SPDX-License-Identifier: Apache-2.0 */
/* Tables are written as they go, row by row: nothing is kept. Simple columns are a path in the
 * kind's row. */
#include "api/table.h"

#include <stdio.h>
#include "api/strategy.h"
#include "base/time.h"
#include "codec/json.h"

#define CELL_BYTES_MAX (1u << 20)

bool table_include_parse(struct str text, enum table_include *ret)
{
	if (str_is_empty(text) || str_eq_c(text, "Metadata"))
		*ret = TABLE_INCLUDE_METADATA;
	else if (str_eq_c(text, "None"))
		*ret = TABLE_INCLUDE_NONE;
	else if (str_eq_c(text, "Object"))
		*ret = TABLE_INCLUDE_OBJECT;
	else
		return false;
	return true;
}

static void write_columns(const struct kind *kind, struct buf *to)
{
	AUTO_JSON_MUT doc = json_new();
	yyjson_mut_val *columns = yyjson_mut_arr(doc);

	for (const struct kind_column *c = kind->columns; c && c->name; c++) {
		yyjson_mut_val *column = json_append_object(doc, columns);

		json_set_str(doc, column, "name", str_from(c->name));
		json_set_str(doc, column, "type", str_from(c->type));
		json_set_str(doc, column, "format", str_from(c->format));
		json_set_str(doc, column, "description", str_from(c->description));
		json_set_int(doc, column, "priority", c->priority);
	}
	json_mut_write(columns, to);
}

void table_start(struct table *t, const struct table_options *options, struct buf *to)
{
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
	char revision[24];

	*t = (struct table){ .options = *options, .to = to };
	buf_put_c(to, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/");
	buf_put_c(to, options->is_beta ? "v1beta1" : "v1");
	buf_put_c(to, "\",\"metadata\":");
	if (options->revision) {
		(void)snprintf(revision, sizeof(revision), "%lld", (long long)options->revision);
		json_set_str(doc, root, "resourceVersion", str_from(revision));
	}
	if (options->continue_token.len) {
		json_set_str(doc, root, "continue", options->continue_token);
		if (options->remaining >= 0)
			json_set_int(doc, root, "remainingItemCount", options->remaining);
	}
	json_mut_write(root, to);
	buf_put_c(to, ",\"columnDefinitions\":");
	if (options->no_headers)
		buf_put_c(to, "null");
	else
		write_columns(options->kind, to);
	buf_put_c(to, ",\"rows\":[");
}

void table_partial_metadata(const struct obj *obj, bool is_beta, struct buf *to)
{
	buf_put_c(to, "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/");
	buf_put_c(to, is_beta ? "v1beta1" : "v1");
	buf_put_c(to, "\",\"metadata\":");
	json_write(yyjson_obj_get(obj->root, "metadata"), to);
	buf_put_char(to, '}');
}

/* ---- cells ---- */

static void separate(struct cells *c)
{
	if (c->count++)
		buf_put_char(c->to, ',');
}

void cell_str(struct cells *c, struct str text)
{
	separate(c);
	json_write_quoted(text, c->to);
}

void cell_c(struct cells *c, const char *text)
{
	cell_str(c, str_from(text));
}

void cell_int(struct cells *c, int64_t value)
{
	separate(c);
	buf_printf(c->to, "%lld", (long long)value);
}

static void cell_bool(struct cells *c, bool value)
{
	separate(c);
	buf_put_c(c->to, value ? "true" : "false");
}

void cell_printf(struct cells *c, const char *fmt, ...)
{
	AUTO_BUF text = { 0 };
	va_list ap;

	buf_init(&text, CELL_BYTES_MAX);
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	cell_str(c, buf_str(&text));
}

static struct str cell_age_text(struct str timestamp, int64_t now_ns, char to[40])
{
	int64_t then_ns;

	if (time_parse(timestamp, &then_ns, NULL) < 0)
		return STR("<unknown>");
	(void)time_format_age(now_ns - then_ns, to);
	return str_from(to);
}

void cell_age(struct cells *c, struct str timestamp)
{
	char text[40];

	cell_str(c, cell_age_text(timestamp, c->now_ns, text));
}

static void put_scalar(yyjson_val *v, struct buf *to)
{
	if (yyjson_is_str(v))
		buf_put_str(to, json_str(v));
	else
		json_write(v, to);
}

static void path_cell(struct cells *c, const struct kind_column *column)
{
	struct str path = str_from(column->json_path);
	bool counts = str_strip_suffix(&path, STR("#"));
	char text[128];
	yyjson_val *v = str_copy_to(path, text, sizeof(text)) == 0 ? json_get(c->obj->root, text)
								   : NULL;
	AUTO_BUF cell = { 0 };

	if (counts) {
		cell_int(c, yyjson_is_ctn(v) ? (int64_t)unsafe_yyjson_get_len(v) : 0);
		return;
	}
	if (strcmp(column->type, "integer") == 0) {
		cell_int(c, json_int(v, 0));
		return;
	}
	if (strcmp(column->type, "boolean") == 0) {
		cell_bool(c, json_bool(v, false));
		return;
	}
	if (strcmp(column->type, "date") == 0) {
		cell_age(c, json_str(v));
		return;
	}
	buf_init(&cell, CELL_BYTES_MAX);
	JSON_EACH (item, v) {
		if (cell.len)
			buf_put_char(&cell, ',');
		put_scalar(item, &cell);
	}
	if (v && !yyjson_is_arr(v) && !yyjson_is_null(v))
		put_scalar(v, &cell);
	cell_str(c, cell.len ? buf_str(&cell) : STR("<none>"));
}

static bool fits(const char *type, yyjson_val *value)
{
	if (strcmp(type, "integer") == 0 || strcmp(type, "number") == 0)
		return yyjson_is_num(value);
	if (strcmp(type, "boolean") == 0)
		return yyjson_is_bool(value);
	if (strcmp(type, "date") == 0)
		return yyjson_is_str(value);
	return value && !yyjson_is_null(value);
}

void cell_typed(struct cells *c, const char *type, yyjson_val *value)
{
	AUTO_BUF text = { 0 };
	int64_t then_ns;

	if (yyjson_is_null(value) && strcmp(type, "string") == 0) {
		cell_c(c, "<no value>"); /* as Go prints what is there and nothing */
	} else if (!fits(type, value)) {
		separate(c);
		buf_put_c(c->to, "null");
	} else if (strcmp(type, "date") == 0) {
		if (time_parse(json_str(value), &then_ns, NULL) < 0)
			cell_str(c, STR("<invalid>"));
		else
			cell_age(c, json_str(value));
	} else if (strcmp(type, "integer") == 0) {
		cell_int(c, yyjson_is_real(value) ? (int64_t)yyjson_get_real(value)
						  : json_int(value, 0));
	} else if (strcmp(type, "string") == 0) {
		buf_init(&text, CELL_BYTES_MAX);
		put_scalar(value, &text);
		cell_str(c, buf_str(&text));
	} else {
		separate(c);
		json_write(value, c->to);
	}
}

static void plain_cells(struct cells *c)
{
	struct str created = json_get_str(c->obj->root, "metadata.creationTimestamp");

	for (const struct kind_column *column = c->kind->columns; column && column->name;
	     column++) {
		if (column->json_path)
			path_cell(c, column);
		else if (strcmp(column->name, "Name") == 0)
			cell_str(c, c->obj->name);
		else if (strcmp(column->name, "Created At") == 0)
			cell_str(c, created);
		else if (strcmp(column->name, "Age") == 0)
			cell_age(c, created);
		else
			cell_c(c, "<none>");
	}
}

void table_row(struct table *t, const struct obj *obj)
{
	struct cells cells = {
		.to = t->to, .obj = obj, .kind = t->options.kind, .now_ns = t->options.now_ns
	};
	const struct strategy *strategy = t->options.kind->strategy;

	buf_put_c(t->to, t->row_count++ ? ",{\"cells\":[" : "{\"cells\":[");
	(strategy->cells ? strategy->cells : plain_cells)(&cells);
	buf_put_c(t->to, "]");
	if (t->options.include == TABLE_INCLUDE_METADATA) {
		buf_put_c(t->to, ",\"object\":");
		table_partial_metadata(obj, t->options.is_beta, t->to);
	} else if (t->options.include == TABLE_INCLUDE_OBJECT) {
		buf_put_c(t->to, ",\"object\":");
		json_write(obj->root, t->to);
	} else {
		buf_put_c(t->to, ",\"object\":null");
	}
	buf_put_char(t->to, '}');
}

void table_end(struct table *t)
{
	buf_put_c(t->to, "]}");
}
