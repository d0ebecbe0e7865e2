/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list is a head that ends in an array, its items, and an end. Each item is JSON first: as
 * stored, as metadata or as a row; what is wanted in YAML or with line breaks is made of that.
 */
#include "apiserver/list_writer.h"

#include "apiserver/limits.h"
#include "base/assert.h"
#include "base/mem.h"
#include "codec/yaml.h"

#define PART_BYTES ((size_t)64 << 10) /* of text in one blob */
#define ITEM_COST 256		      /* of any item, however short */
#define YAML_COST 16 /* of a byte in YAML, which takes so much longer than parsing */

struct list_writer {
	struct list_writing writing;
	struct table table;
	struct buf text, item, opening;
	yyjson_doc *head; /* not JSON as it is */
	struct yaml_series *series;
	size_t item_count;
	bool is_damaged; /* bytes that are no object */
	struct blob **parts;
	size_t part_count, room, bytes;
};

/* Of a table or list without items. */
static void write_head(struct list_writer *w, struct buf *to)
{
	const struct table_options *list = &w->writing.list;
	struct kind metadata = kind_partialobjectmetadata;
	const struct kind *kind = w->writing.form == ANSWER_PARTIAL_METADATA ? &metadata
									     : list->kind;

	if (list->is_beta)
		metadata.api_version = STR("meta.k8s.io/v1beta1");

	if (w->writing.form == ANSWER_TABLE)
		table_start(&w->table, list, to);
	else
		object_list_head(kind, list->revision, list->continue_token, list->remaining, to);
}

static const struct str pretty_end = STR_INIT("]\n}\n");

static void start_pretty(struct list_writer *w)
{
	json_write_pretty(yyjson_doc_get_root(w->head), &w->text);
	if (!buf_failed(&w->text))
		buf_truncate(&w->text,
			     w->text.len - pretty_end.len); /* the array is what comes last */
}

struct list_writer *list_writer_new(const struct list_writing *writing)
{
	struct list_writer *w = NEW(struct list_writer);

	w->writing = *writing;
	buf_init(&w->text, LIST_BYTES_MAX);
	buf_init(&w->item, LIST_BYTES_MAX);
	buf_init(&w->opening, LIST_BYTES_MAX);
	object_item_opening(writing->list.kind, &w->opening);
	if (writing->format == ANSWER_JSON && !writing->is_pretty) {
		write_head(w, &w->text);
		return w;
	}
	write_head(w, &w->item);
	buf_put_c(&w->item, "]}");
	w->head = json_parse(buf_str(&w->item), SIZE_MAX, NULL);
	ASSERT(w->head);
	if (writing->format == ANSWER_JSON)
		start_pretty(w);
	return w;
}

/* --- items --- */

/* Borrowed until the next one; empty when there is none. */
static struct str item_of(struct list_writer *w, struct blob *object)
{
	const struct obj *obj;

	buf_reset(&w->item);
	if (w->writing.form == ANSWER_OBJECT) {
		buf_put_char(&w->item, '{');
		buf_put_str(&w->item, object_list_item(buf_str(&w->opening), object));
		return buf_str(&w->item);
	}
	obj = obj_of(object, NULL);
	if (!obj)
		return STR_NONE;
	if (w->writing.form == ANSWER_PARTIAL_METADATA) {
		table_partial_metadata(obj, w->writing.list.is_beta, &w->item);
	} else {
		w->table.to = &w->item;
		w->table.row_count = 0; /* a row that follows another has a comma */
		table_row(&w->table, obj);
	}
	return buf_str(&w->item);
}

/* Strings have no line breaks of their own. */
static void put_indented(struct str pretty, struct buf *to)
{
	struct str line;

	while (str_next_part(&pretty, '\n', &line) && line.len) {
		buf_put_c(to, "\n    ");
		buf_put_str(to, line);
	}
}

static void put_anew(struct list_writer *w, struct str json)
{
	AUTO_JSON doc = json_parse(json, SIZE_MAX, NULL);
	yyjson_val *root = yyjson_doc_get_root(doc);
	AUTO_BUF pretty = { 0 };

	w->is_damaged |= !doc;
	if (!doc)
		return;
	if (w->writing.format == ANSWER_YAML) {
		if (!w->series)
			w->series = yaml_series_open(
				yyjson_doc_get_root(w->head),
				w->writing.form == ANSWER_TABLE ? "rows" : "items", &w->text);
		yaml_series_add(w->series, root);
		return;
	}
	buf_init(&pretty, LIST_BYTES_MAX);
	json_write_pretty(root, &pretty);
	if (w->item_count)
		buf_put_char(&w->text, ',');
	put_indented(buf_str(&pretty), &w->text);
}

static void keep_part(struct list_writer *w)
{
	if (w->part_count == w->room) {
		w->room = w->room ? w->room * 2 : 16;
		w->parts = mem_realloc_array(w->parts, w->room, sizeof(w->parts[0]));
	}
	w->bytes += w->text.len;
	w->parts[w->part_count++] = blob_new(buf_str(&w->text));
	buf_reset(&w->text);
}

size_t list_writer_add(struct list_writer *w, struct blob *object)
{
	bool was_parsed = object->parsed;
	struct str json = item_of(w, object);
	size_t cost = ITEM_COST + json.len / 2;

	if (!was_parsed && object->parsed)
		cost += object->len;
	w->is_damaged |= !json.len;
	if (w->head) {
		cost += json.len * (w->writing.format == ANSWER_YAML ? YAML_COST : 2);
		put_anew(w, json);
	} else {
		if (w->item_count)
			buf_put_char(&w->text, ',');
		buf_put_str(&w->text, json);
	}
	w->item_count++;
	if (w->text.len >= PART_BYTES && !buf_failed(&w->text))
		keep_part(w);
	return cost;
}

int list_writer_check(const struct list_writer *w, struct err *err)
{
	if (w->is_damaged)
		return err_set(err, ERR_INTERNAL, "what is stored is not an object");
	if (buf_failed(&w->text) || buf_failed(&w->item) || w->bytes + w->text.len > LIST_BYTES_MAX)
		return err_set(err, ERR_TOO_LARGE, "the list is too large: use limit and continue");
	return 0;
}

/* --- the end --- */

struct blob **list_writer_end(struct list_writer *w, size_t *ret_count, size_t *ret_bytes)
{
	struct blob **parts;

	if (w->series) {
		yaml_series_close(w->series);
		w->series = NULL;
	} else if (w->writing.format == ANSWER_YAML) {
		yaml_write(yyjson_doc_get_root(w->head), &w->text);
	} else if (w->head) {
		buf_put_c(&w->text, w->item_count ? "\n  " : "");
		buf_put_str(&w->text, pretty_end);
	} else {
		buf_put_c(&w->text, "]}\n");
	}
	keep_part(w);
	parts = w->parts;
	*ret_count = w->part_count;
	*ret_bytes = w->bytes;
	w->parts = NULL;
	w->part_count = 0;
	return parts;
}

void list_writer_free(struct list_writer *w)
{
	if (!w)
		return;
	if (w->series)
		yaml_series_close(w->series);
	while (w->part_count)
		blob_unref(w->parts[--w->part_count]);
	mem_free(w->parts);
	json_free(w->head);
	buf_deinit(&w->text);
	buf_deinit(&w->item);
	buf_deinit(&w->opening);
	mem_free(w);
}
