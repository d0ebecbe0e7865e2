/* SPDX-License-Identifier: Apache-2.0 */
/* JSON trees as YAML through libyaml's emitter, styled as Go's yaml.v2 does: text with line ends as
 * "|", what would be read back as something else in double quotes, keys sorted. */
#include "codec/yaml.h"

#include <stdlib.h>
#include <yaml.h>
#include "base/assert.h"
#include "base/mem.h"
#include "codec/yaml_scalar.h"

static int append(void *arg, unsigned char *bytes, size_t len)
{
	buf_put(arg, bytes, len);
	return 1; /* a full buffer is reported by buf_failed */
}

static void emit(yaml_emitter_t *emitter, yaml_event_t *event)
{
	int done = yaml_emitter_emit(emitter, event);

	ASSERT(done); /* trees are well formed and text is UTF-8: only memory could fail */
}

static void emit_text(yaml_emitter_t *emitter, struct str text, yaml_scalar_style_t style)
{
	yaml_event_t event;

	yaml_scalar_event_initialize(&event, NULL, NULL,
				     (const yaml_char_t *)(text.ptr ? text.ptr : ""), (int)text.len,
				     1, 1, style);
	emit(emitter, &event);
}

static void emit_string(yaml_emitter_t *emitter, struct str text)
{
	yaml_scalar_style_t style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;

	if (!str_is_utf8(text))
		text = STR("<not UTF-8>");
	if (str_find_char(text, '\n', 0) != SIZE_MAX)
		style = YAML_LITERAL_SCALAR_STYLE;
	else if (yaml_scalar_is_string(text))
		style = YAML_PLAIN_SCALAR_STYLE;
	emit_text(emitter, text, style);
}

struct member {
	yyjson_val *key;
	yyjson_val *value;
};

static int member_cmp(const void *a, const void *b)
{
	return str_cmp(json_str(((const struct member *)a)->key),
		       json_str(((const struct member *)b)->key));
}

static void emit_value(yaml_emitter_t *emitter, yyjson_val *v);

/* Sorted; the caller frees them. */
static struct member *members_of(yyjson_val *object, size_t *ret_count)
{
	size_t count = yyjson_obj_size(object), i = 0;
	struct member *members = mem_calloc(count, sizeof(members[0]));

	JSON_MEMBERS (key, value, object)
		members[i++] = (struct member){ key, value };
	qsort(members, count, sizeof(members[0]), member_cmp);
	*ret_count = count;
	return members;
}

static void emit_mapping_start(yaml_emitter_t *emitter, size_t count)
{
	yaml_event_t event;

	yaml_mapping_start_event_initialize(
		&event, NULL, NULL, 1, count ? YAML_BLOCK_MAPPING_STYLE : YAML_FLOW_MAPPING_STYLE);
	emit(emitter, &event);
}

static void emit_mapping_end(yaml_emitter_t *emitter)
{
	yaml_event_t event;

	yaml_mapping_end_event_initialize(&event);
	emit(emitter, &event);
}

static void emit_object(yaml_emitter_t *emitter, yyjson_val *object)
{
	size_t count;
	struct member *members = members_of(object, &count);

	emit_mapping_start(emitter, count);
	for (size_t i = 0; i < count; i++) {
		emit_string(emitter, json_str(members[i].key));
		emit_value(emitter, members[i].value);
	}
	emit_mapping_end(emitter);
	mem_free(members);
}

static void emit_sequence_start(yaml_emitter_t *emitter, size_t count)
{
	yaml_event_t event;

	yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
					     count ? YAML_BLOCK_SEQUENCE_STYLE
						   : YAML_FLOW_SEQUENCE_STYLE);
	emit(emitter, &event);
}

static void emit_sequence_end(yaml_emitter_t *emitter)
{
	yaml_event_t event;

	yaml_sequence_end_event_initialize(&event);
	emit(emitter, &event);
}

static void emit_array(yaml_emitter_t *emitter, yyjson_val *array)
{
	emit_sequence_start(emitter, yyjson_arr_size(array));
	JSON_EACH (item, array)
		emit_value(emitter, item);
	emit_sequence_end(emitter);
}

static void emit_value(yaml_emitter_t *emitter, yyjson_val *v)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, 64);
	switch (yyjson_get_type(v)) {
	case YYJSON_TYPE_OBJ:
		emit_object(emitter, v);
		break;
	case YYJSON_TYPE_ARR:
		emit_array(emitter, v);
		break;
	case YYJSON_TYPE_STR:
		emit_string(emitter, json_str(v));
		break;
	default:
		json_write(v, &text);
		emit_text(emitter, buf_str(&text), YAML_PLAIN_SCALAR_STYLE);
	}
}

static void start_document(yaml_emitter_t *emitter, struct buf *to)
{
	yaml_event_t event;
	int made = yaml_emitter_initialize(emitter);

	ASSERT(made);
	yaml_emitter_set_output(emitter, append, to);
	yaml_emitter_set_unicode(emitter, 1);
	yaml_emitter_set_width(emitter, -1);
	yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING);
	emit(emitter, &event);
	yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1);
	emit(emitter, &event);
}

static void end_document(yaml_emitter_t *emitter)
{
	yaml_event_t event;

	yaml_document_end_event_initialize(&event, 1);
	emit(emitter, &event);
	yaml_stream_end_event_initialize(&event);
	emit(emitter, &event);
	yaml_emitter_delete(emitter);
}

void yaml_write(yyjson_val *v, struct buf *to)
{
	yaml_emitter_t emitter;

	start_document(&emitter, to);
	emit_value(&emitter, v);
	end_document(&emitter);
}

struct yaml_series {
	yaml_emitter_t emitter;
	struct member *members;
	size_t count, next; /* members, and the one behind the array */
};

struct yaml_series *yaml_series_open(yyjson_val *head, const char *member, struct buf *to)
{
	struct yaml_series *s = NEW(struct yaml_series);

	s->members = members_of(head, &s->count);
	start_document(&s->emitter, to);
	emit_mapping_start(&s->emitter, s->count);
	while (!str_eq_c(json_str(s->members[s->next].key), member)) {
		emit_string(&s->emitter, json_str(s->members[s->next].key));
		emit_value(&s->emitter, s->members[s->next++].value);
		ASSERT(s->next < s->count);
	}
	emit_string(&s->emitter, json_str(s->members[s->next++].key));
	emit_sequence_start(&s->emitter, 1);
	return s;
}

void yaml_series_add(struct yaml_series *s, yyjson_val *item)
{
	emit_value(&s->emitter, item);
}

void yaml_series_close(struct yaml_series *s)
{
	emit_sequence_end(&s->emitter);
	for (; s->next < s->count; s->next++) {
		emit_string(&s->emitter, json_str(s->members[s->next].key));
		emit_value(&s->emitter, s->members[s->next].value);
	}
	emit_mapping_end(&s->emitter);
	end_document(&s->emitter);
	mem_free(s->members);
	mem_free(s);
}

void yaml_mut_write(yyjson_mut_val *v, struct buf *to)
{
	AUTO_JSON doc = json_freeze(v);

	yaml_write(yyjson_doc_get_root(doc), to);
}
