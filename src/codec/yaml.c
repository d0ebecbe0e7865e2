/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML to JSON trees over libyaml's events. Plain scalars get the types that Go's yaml.v2 gives
 * them (YAML 1.1), map keys become strings, "<<" merges. Aliases copy; what they may multiply a
 * document to is limited.
 */
#include "codec/yaml.h"

#include <math.h>
#include <yaml.h>
#include "base/assert.h"
#include "base/map.h"
#include "base/mem.h"
#include "codec/json_index.h"
#include "codec/yaml_scalar.h"

struct yaml_reader {
	yaml_parser_t parser;
	bool ended, failed, has_go_words;
	struct buf *duplicates; /* NULL: they are errors */
	/* of the document being read */
	yyjson_mut_doc *doc;
	struct map anchors;   /* name → value, complete ones only */
	size_t node_count;    /* values in the document */
	size_t written_count; /* of them not made by following an alias */
};

struct yaml_reader *yaml_open(struct str text, size_t bytes_max, struct err *err)
{
	struct yaml_reader *r;

	if (text.len > bytes_max) {
		(void)err_set(err, ERR_TOO_LARGE,
			      "YAML of %zu bytes is larger than the limit of %zu", text.len,
			      bytes_max);
		return NULL;
	}
	r = NEW(struct yaml_reader);
	if (!yaml_parser_initialize(&r->parser)) {
		mem_free(r);
		(void)err_set(err, ERR_INTERNAL, "out of memory for the YAML parser");
		return NULL;
	}
	yaml_parser_set_input_string(&r->parser, (const unsigned char *)(text.ptr ? text.ptr : ""),
				     text.len);
	yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
	map_init(&r->anchors);
	return r;
}

void yaml_close(struct yaml_reader *r)
{
	if (!r)
		return;
	yaml_parser_delete(&r->parser);
	map_deinit(&r->anchors);
	json_mut_free(r->doc);
	mem_free(r);
}

void yaml_close_at(struct yaml_reader **reader)
{
	yaml_close(*reader);
}

static int fail_at(const yaml_event_t *event, struct err *err, const char *what)
{
	return err_set(err, ERR_PARSE, "yaml: line %zu: %s", event->start_mark.line + 1, what);
}

/* Its lines begin with that of what is not closed, and only those of the scanner count from one. */
static int fail_as_go(const yaml_parser_t *p, struct err *err)
{
	size_t line = p->context_mark.line ? p->context_mark.line : p->problem_mark.line;
	const char *problem = p->problem ? p->problem : "unknown problem parsing YAML content";

	if (!line)
		return err_set(err, ERR_PARSE, "yaml: %s", problem);
	return err_set(err, ERR_PARSE, "yaml: line %zu: %s",
		       line + (p->error == YAML_SCANNER_ERROR), problem);
}

static int next_event(struct yaml_reader *r, yaml_event_t *ret, struct err *err)
{
	const yaml_parser_t *p = &r->parser;

	if (yaml_parser_parse(&r->parser, ret))
		return 0;
	r->failed = true;
	if (r->has_go_words)
		return fail_as_go(p, err);
	return err_set(err, ERR_PARSE, "yaml: line %zu: %s%s%s", p->problem_mark.line + 1,
		       p->context ? p->context : "", p->context ? ": " : "",
		       p->problem ? p->problem : "not YAML");
}

static size_t tree_count(yyjson_mut_val *v)
{
	size_t count = 1;

	JSON_MUT_EACH (item, v)
		count += tree_count(item);
	JSON_MUT_MEMBERS (key, value, v)
		count += 1 + tree_count(value);
	return count;
}

static int count_nodes(struct yaml_reader *r, const yaml_event_t *event, size_t made,
		       struct err *err)
{
	r->node_count += made;
	if (event->type != YAML_ALIAS_EVENT)
		r->written_count += made;
	if (r->node_count > YAML_NODES_MAX)
		return fail_at(event, err, "document has too many values");
	if (r->node_count > YAML_EXPANSION_FREE &&
	    r->node_count / YAML_EXPANSION_MAX > r->written_count)
		return fail_at(event, err, "document contains excessive aliasing");
	return 0;
}

static int read_node(struct yaml_reader *r, yaml_event_t *event, size_t depth, yyjson_mut_val **ret,
		     struct err *err);

static void remember(struct yaml_reader *r, const unsigned char *anchor, yyjson_mut_val *value)
{
	if (anchor)
		(void)map_put(&r->anchors, str_from((const char *)anchor), value);
}

static int read_alias(struct yaml_reader *r, const yaml_event_t *event, size_t depth,
		      yyjson_mut_val **ret, struct err *err)
{
	struct str name = str_from((const char *)event->data.alias.anchor);
	yyjson_mut_val *target = map_get(&r->anchors, name);

	if (!target)
		return err_set(err, ERR_PARSE,
			       "yaml: line %zu: unknown anchor '" STR_FMT "' referenced",
			       event->start_mark.line + 1, STR_ARG(name));
	if (depth + json_mut_depth(target) > JSON_DEPTH_MAX)
		return fail_at(event, err, "exceeded max depth");
	if (count_nodes(r, event, tree_count(target), err) < 0)
		return -1;
	*ret = json_mut_copy(r->doc, target);
	return 0;
}

static int read_scalar(struct yaml_reader *r, const yaml_event_t *event, yyjson_mut_val **ret,
		       struct err *err)
{
	struct str text = str_sub((const char *)event->data.scalar.value,
				  event->data.scalar.length);
	const char *problem = NULL;

	*ret = yaml_scalar_value(r->doc, text, event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE,
				 str_from((const char *)event->data.scalar.tag), &problem);
	if (!*ret)
		return fail_at(event, err, problem);
	remember(r, event->data.scalar.anchor, *ret);
	return 0;
}

static int read_sequence(struct yaml_reader *r, const yaml_event_t *start, size_t depth,
			 yyjson_mut_val **ret, struct err *err)
{
	yyjson_mut_val *array = yyjson_mut_arr(r->doc), *item = NULL;
	yaml_event_t event;

	for (;;) {
		int failed;

		if (next_event(r, &event, err) < 0)
			return -1;
		if (event.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&event);
			break;
		}
		failed = read_node(r, &event, depth + 1, &item, err);
		yaml_event_delete(&event);
		if (failed < 0)
			return -1;
		yyjson_mut_arr_append(array, item);
	}
	remember(r, start->data.sequence_start.anchor, array);
	*ret = array;
	return 0;
}

/* A mapping being read: keys in the order they came. Members merged by "<<" give way to those
 * written out. */
struct mapping {
	struct mapping_pair {
		yyjson_mut_val *key, *value;
		size_t line; /* of the value, from 1: what upstream's decoder names */
	} * pairs;
	size_t count, room;
	yyjson_mut_val *merged; /* what "<<" gave: a mapping or a sequence of them */
};

static void mapping_add(struct mapping *m, yyjson_mut_val *key, yyjson_mut_val *value, size_t line)
{
	if (m->count == m->room) {
		m->room = m->room ? m->room * 2 : 16;
		m->pairs = mem_realloc_array(m->pairs, m->room, sizeof(m->pairs[0]));
	}
	m->pairs[m->count++] = (struct mapping_pair){ .key = key, .value = value, .line = line };
}

static void merge_members(struct json_index *index, struct mapping *m, yyjson_mut_val *from,
			  struct yaml_reader *r)
{
	JSON_MUT_MEMBERS (key, value, from) {
		if (!json_index_add(index, json_mut_str(key), value))
			mapping_add(m, json_mut_copy(r->doc, key), json_mut_copy(r->doc, value), 0);
	}
}

static int mapping_finish(struct yaml_reader *r, struct mapping *m, const yaml_event_t *start,
			  yyjson_mut_val **ret, struct err *err)
{
	yyjson_mut_val *object = yyjson_mut_obj(r->doc);
	size_t merged_max = m->merged ? tree_count(m->merged) : 0;
	AUTO_JSON_INDEX index = { .slots = NULL };

	json_index_init(&index, m->count + merged_max);
	for (size_t i = 0; i < m->count; i++) {
		struct mapping_pair *pair = &m->pairs[i];
		struct str name = json_mut_str(pair->key);
		yyjson_mut_val **first = json_index_add(&index, name, &pair->value);

		if (!first)
			continue;
		if (!r->duplicates)
			return err_set(err, ERR_PARSE,
				       "yaml: unmarshal errors:\n  line %zu: key \"" STR_FMT
				       "\" already set in map",
				       pair->line, STR_ARG(name));
		buf_printf(r->duplicates, "\n  line %zu: key \"" STR_FMT "\" already set in map",
			   pair->line, STR_ARG(name));
		*first = pair->value;
		pair->key = NULL; /* its value stands where the first one was */
	}
	merge_members(&index, m, m->merged, r);
	JSON_MUT_EACH (one, m->merged)
		merge_members(&index, m, one, r);
	for (size_t i = 0; i < m->count; i++)
		if (m->pairs[i].key)
			yyjson_mut_obj_add(object, m->pairs[i].key, m->pairs[i].value);
	remember(r, start->data.mapping_start.anchor, object);
	*ret = object;
	return 0;
}

static bool is_merge_key(const yaml_event_t *event)
{
	return event->type == YAML_SCALAR_EVENT &&
	       event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       event->data.scalar.length == 2 && memcmp(event->data.scalar.value, "<<", 2) == 0;
}

static int check_merge(yyjson_mut_val *value, const yaml_event_t *event, struct err *err)
{
	if (yyjson_mut_is_obj(value))
		return 0;
	JSON_MUT_EACH (one, value) {
		if (!yyjson_mut_is_obj(one))
			return fail_at(event, err,
				       "map merge requires map or sequence of maps as the value");
	}
	return yyjson_mut_is_arr(value)
		       ? 0
		       : fail_at(event, err,
				 "map merge requires map or sequence of maps as the value");
}

/* One key and its value; *ret_end at the end of the mapping. */
static int read_member(struct yaml_reader *r, struct mapping *m, size_t depth, bool *ret_end,
		       struct err *err)
{
	yyjson_mut_val *key = NULL, *value = NULL;
	yaml_event_t key_event, event;
	const char *problem = NULL;
	int failed;

	if (next_event(r, &key_event, err) < 0)
		return -1;
	*ret_end = key_event.type == YAML_MAPPING_END_EVENT;
	if (*ret_end) {
		yaml_event_delete(&key_event);
		return 0;
	}
	failed = read_node(r, &key_event, depth + 1, &key, err);
	if (failed >= 0) {
		key = yaml_scalar_key(r->doc, key, &problem);
		if (!key)
			failed = fail_at(&key_event, err, problem);
	}
	if (failed >= 0)
		failed = next_event(r, &event, err);
	if (failed >= 0) {
		failed = read_node(r, &event, depth + 1, &value, err);
		if (failed >= 0 && is_merge_key(&key_event)) {
			failed = check_merge(value, &event, err);
			m->merged = value;
		} else if (failed >= 0) {
			mapping_add(m, key, value, event.start_mark.line + 1);
		}
		yaml_event_delete(&event);
	}
	yaml_event_delete(&key_event);
	return failed;
}

static int read_mapping(struct yaml_reader *r, const yaml_event_t *start, size_t depth,
			yyjson_mut_val **ret, struct err *err)
{
	struct mapping m = { .pairs = NULL };
	bool end = false;
	int failed = 0;

	while (failed >= 0 && !end)
		failed = read_member(r, &m, depth, &end, err);
	if (failed >= 0)
		failed = mapping_finish(r, &m, start, ret, err);
	mem_free(m.pairs);
	return failed;
}

static int read_node(struct yaml_reader *r, yaml_event_t *event, size_t depth, yyjson_mut_val **ret,
		     struct err *err)
{
	if (depth > JSON_DEPTH_MAX)
		return fail_at(event, err, "exceeded max depth");
	if (event->type == YAML_ALIAS_EVENT)
		return read_alias(r, event, depth, ret, err);
	if (count_nodes(r, event, 1, err) < 0)
		return -1;
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return read_scalar(r, event, ret, err);
	case YAML_SEQUENCE_START_EVENT:
		return read_sequence(r, event, depth, ret, err);
	case YAML_MAPPING_START_EVENT:
		return read_mapping(r, event, depth, ret, err);
	default:
		return fail_at(event, err, "unexpected content");
	}
}

/* The content of one document, up to and with its end event. */
static int read_document(struct yaml_reader *r, bool *ret_empty, struct err *err)
{
	yyjson_mut_val *root = NULL;
	yaml_event_t event;
	int failed;

	if (next_event(r, &event, err) < 0)
		return -1;
	*ret_empty = event.type == YAML_SCALAR_EVENT && event.data.scalar.length == 0 &&
		     event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	failed = read_node(r, &event, 0, &root, err);
	yaml_event_delete(&event);
	if (failed < 0)
		return -1;
	yyjson_mut_doc_set_root(r->doc, root);
	if (next_event(r, &event, err) < 0)
		return -1;
	yaml_event_delete(&event);
	return 0;
}

int yaml_next(struct yaml_reader *r, yyjson_mut_doc **ret_doc, struct err *err)
{
	yaml_event_t event;
	bool empty = false;

	ASSERT(!r->failed);
	while (!r->ended) {
		yaml_event_type_t type;

		if (next_event(r, &event, err) < 0)
			return -1;
		type = event.type;
		yaml_event_delete(&event);
		r->ended = type == YAML_STREAM_END_EVENT || type == YAML_NO_EVENT;
		if (type != YAML_DOCUMENT_START_EVENT)
			continue;
		r->doc = json_new();
		r->node_count = r->written_count = 0;
		map_deinit(&r->anchors);
		map_init(&r->anchors);
		if (read_document(r, &empty, err) < 0) {
			r->failed = true;
			return -1;
		}
		if (!empty) {
			*ret_doc = TAKE(r->doc);
			return 1;
		}
		json_mut_free(TAKE(r->doc));
	}
	return 0;
}

void yaml_keep_duplicates(struct yaml_reader *r, struct buf *duplicates)
{
	r->duplicates = duplicates;
}

yyjson_mut_doc *yaml_parse(struct str text, size_t bytes_max, struct err *err)
{
	return yaml_parse_duplicates(text, bytes_max, NULL, err);
}

yyjson_mut_doc *yaml_parse_duplicates(struct str text, size_t bytes_max, struct buf *duplicates,
				      struct err *err)
{
	AUTO_YAML reader = yaml_open(text, bytes_max, err);
	AUTO_JSON_MUT doc = NULL;
	AUTO_JSON_MUT more = NULL;
	int found;

	if (!reader)
		return NULL;
	yaml_keep_duplicates(reader, duplicates);
	reader->has_go_words = duplicates != NULL;
	found = yaml_next(reader, &doc, err);
	if (found < 0)
		return NULL;
	if (!found) {
		(void)err_set(err, ERR_PARSE, "yaml: no document");
		return NULL;
	}
	found = yaml_next(reader, &more, err);
	if (found < 0)
		return NULL;
	if (found) {
		(void)err_set(err, ERR_PARSE, "yaml: more than one document where one is expected");
		return NULL;
	}
	return TAKE(doc);
}
