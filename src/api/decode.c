/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One walk from a parsed body to the tree that is written: checks types, leaves out unknown fields,
 * nulls and what Go would omit, adds what Go would always write and static defaults, brings values
 * to their canonical form.
 */
#include "api/decode_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include "api/custom.h"
#include "api/limits.h"
#include "api/object.h"
#include "api/structural.h"
#include "base/assert.h"
#include "base/num.h"
#include "codec/json_index.h"
#include "codec/json_syntax.h"
#include "codec/yaml.h"

#define TYPE_FIELDS_MAX 256
#define SUMMARY_BYTES 30 /* of a body that is not recognized, as upstream shows it */
#define BODY_SHOWN_BYTES_MAX 256

struct seen {
	uint64_t bits[TYPE_FIELDS_MAX / 64];
};

static bool seen_test_and_set(struct seen *s, size_t index)
{
	uint64_t bit = UINT64_C(1) << (index % 64);
	bool was = s->bits[index / 64] & bit;

	s->bits[index / 64] |= bit;
	return was;
}

static int decode_object(struct decoder *d, struct schema_at at, const struct field_path *path,
			 yyjson_val *v, yyjson_mut_val **ret);

/* ---- what is written though nobody gave it ---- */

static yyjson_mut_val *default_value(struct decoder *d, struct schema_at at,
				     const struct schema_field *field)
{
	struct str text = schema_str(at.set, schema_extra(at, field)->default_json);
	yyjson_mut_val *value;
	int64_t number;

	/* Our own tables: nothing in them is escaped. The common forms need no parser. */
	if (field->shape == SCHEMA_ONE && text.ptr[0] == '"')
		return json_new_str(d->doc, str_slice(text, 1, text.len - 1));
	if (num_parse_i64(text, 0, INT32_MAX, "default", &number, NULL) == 0)
		return yyjson_mut_uint(d->doc, (uint64_t)number);
	if (str_eq_c(text, "{}"))
		return yyjson_mut_obj(d->doc);
	if (str_eq_c(text, "true") || str_eq_c(text, "false"))
		return yyjson_mut_bool(d->doc, text.ptr[0] == 't');
	{
		AUTO_JSON doc = json_parse(text, text.len, NULL);

		ASSERT(doc);
		value = json_copy(d->doc, yyjson_doc_get_root(doc));
	}
	return value;
}

static yyjson_mut_val *zero_value(struct decoder *d, struct schema_at at,
				  const struct schema_field *field)
{
	yyjson_mut_val *value = NULL;

	if (field->shape != SCHEMA_ONE || (field->flags & SCHEMA_POINTER))
		return yyjson_mut_null(d->doc);
	switch ((enum schema_value)field->value) {
	case SCHEMA_STRING:
	case SCHEMA_DURATION:
		return yyjson_mut_strn(d->doc, "", 0);
	case SCHEMA_INT32:
	case SCHEMA_INT64:
	case SCHEMA_DOUBLE:
	case SCHEMA_INT_OR_STRING:
		return yyjson_mut_uint(d->doc, 0);
	case SCHEMA_BOOL:
		return yyjson_mut_bool(d->doc, false);
	case SCHEMA_QUANTITY:
		return yyjson_mut_strn(d->doc, "0", 1);
	case SCHEMA_OBJECT:
		if (decode_object(d, schema_ref(at, field), NULL, NULL, &value) < 0)
			UNREACHABLE(); /* there is nothing in it that could be wrong */
		return value;
	default:
		return yyjson_mut_null(d->doc);
	}
}

static yyjson_mut_val *key_of(struct decoder *d, struct schema_at at,
			      const struct schema_field *field)
{
	if (at.set == &schema_builtin)
		return yyjson_mut_strn(d->doc, at.set->strings + field->name, field->name_len);
	return yyjson_mut_strncpy(d->doc, at.set->strings + field->name, field->name_len);
}

static void fill(struct decoder *d, struct schema_at at, const struct seen *seen,
		 yyjson_mut_val *object)
{
	const struct schema_field *fields = schema_fields(at);

	for (size_t i = 0; i < at.type->field_count; i++) {
		if (!(fields[i].flags & (SCHEMA_ALWAYS | SCHEMA_DEFAULT)) ||
		    (seen->bits[i / 64] >> (i % 64) & 1))
			continue;
		yyjson_mut_obj_add(object, key_of(d, at, &fields[i]),
				   fields[i].flags & SCHEMA_DEFAULT
					   ? default_value(d, at, &fields[i])
					   : zero_value(d, at, &fields[i]));
	}
}

/* ---- elements, lists, maps ---- */

/* JSONSchemaProps or something simpler, as apiextensions has them. */
static int decode_union(struct decoder *d, const struct decode_at *at, yyjson_val *v,
			yyjson_mut_val **ret)
{
	yyjson_mut_val *item;
	size_t i = 0;

	if (yyjson_is_obj(v))
		return decode_object(d, schema_ref(at->owner, at->field), at->path, v, ret);
	if (at->field->value == SCHEMA_OR_BOOL && yyjson_is_bool(v)) {
		*ret = json_copy(d->doc, v);
		return 0;
	}
	if (at->field->value == SCHEMA_OR_BOOL || !yyjson_is_arr(v))
		return decode_wrong_type(d, at, v, false);
	*ret = yyjson_mut_arr(d->doc);
	JSON_EACH (element, v) {
		if (at->field->value == SCHEMA_OR_STRINGS) {
			if (!yyjson_is_str(element))
				return decode_wrong_type(d, at, element, false);
			item = json_copy(d->doc, element);
		} else if (!yyjson_is_obj(element)) {
			return decode_wrong_type(d, at, element, false);
		} else if (decode_object(d, schema_ref(at->owner, at->field),
					 FIELD_INDEX(at->path, i), element, &item) < 0) {
			return -1;
		}
		yyjson_mut_arr_append(*ret, item);
		i++;
	}
	return 0;
}

static int decode_element(struct decoder *d, const struct decode_at *at, yyjson_val *v,
			  yyjson_mut_val **ret)
{
	switch (at->field->value) {
	case SCHEMA_OBJECT:
		if (!yyjson_is_obj(v))
			return decode_wrong_type(d, at, v, false);
		return decode_object(d, schema_ref(at->owner, at->field), at->path, v, ret);
	case SCHEMA_OR_LIST:
	case SCHEMA_OR_BOOL:
	case SCHEMA_OR_STRINGS:
		return decode_union(d, at, v, ret);
	default:
		return decode_scalar(d, at, v, ret);
	}
}

/* A null inside a list or map is the zero value of its type. */
static yyjson_mut_val *zero_element(struct decoder *d, const struct decode_at *at)
{
	struct schema_field one = *at->field;

	one.shape = SCHEMA_ONE;
	one.flags &= (uint16_t)~SCHEMA_POINTER;
	return zero_value(d, at->owner, &one);
}

static int decode_list(struct decoder *d, const struct decode_at *at, yyjson_val *v,
		       yyjson_mut_val **ret)
{
	yyjson_mut_val *list, *item;
	size_t i = 0;

	if (!yyjson_is_arr(v))
		return decode_wrong_type(d, at, v, true);
	list = yyjson_mut_arr(d->doc);
	JSON_EACH (element, v) {
		struct field_path path = { .parent = at->path, .index = i++ };
		struct decode_at inside = { &path, at->owner, at->field };

		if (yyjson_is_null(element))
			item = zero_element(d, at);
		else if (decode_element(d, &inside, element, &item) < 0)
			return -1;
		yyjson_mut_arr_append(list, item);
	}
	*ret = list;
	return 0;
}

static int decode_nested_list(struct decoder *d, const struct decode_at *at, yyjson_val *v,
			      yyjson_mut_val **ret)
{
	if (yyjson_is_null(v)) {
		*ret = yyjson_mut_null(d->doc);
		return 0;
	}
	return decode_list(d, at, v, ret);
}

static int decode_map(struct decoder *d, const struct decode_at *at, yyjson_val *v,
		      yyjson_mut_val **ret)
{
	bool has_lists = at->field->shape == SCHEMA_MAP_OF_LISTS;
	yyjson_mut_val *map, *item, *there;
	AUTO_JSON_INDEX index = { .slots = NULL };

	if (!yyjson_is_obj(v))
		return decode_wrong_type(d, at, v, true);
	json_index_init(&index, yyjson_obj_size(v));
	map = yyjson_mut_obj(d->doc);
	JSON_MEMBERS (key, value, v) {
		struct field_path path = { .parent = at->path, .key = json_str(key) };
		struct decode_at inside = { &path, at->owner, at->field };
		int failed = 0;

		if (has_lists)
			failed = decode_nested_list(d, &inside, value, &item);
		else if (yyjson_is_null(value))
			item = zero_element(d, at);
		else
			failed = decode_element(d, &inside, value, &item);
		if (failed < 0)
			return -1;
		there = json_index_add(&index, json_str(key), item);
		if (!there) {
			yyjson_mut_obj_add(map, json_copy(d->doc, key), item);
			continue;
		}
		json_become(there, item); /* of keys given twice the last one counts */
		if (d->notices) {
			struct str text = field_path_in(d->notices->arena, at->path);

			notices_add(d->notices, "duplicate field \"" STR_FMT "." STR_FMT "\"",
				    STR_ARG(text), STR_ARG(json_str(key)));
		}
	}
	*ret = map;
	return 0;
}

static int decode_lists(struct decoder *d, const struct decode_at *at, yyjson_val *v,
			yyjson_mut_val **ret)
{
	yyjson_mut_val *item;

	if (!yyjson_is_arr(v))
		return decode_wrong_type(d, at, v, true);
	*ret = yyjson_mut_arr(d->doc);
	JSON_EACH (element, v) {
		if (decode_nested_list(d, at, element, &item) < 0)
			return -1;
		yyjson_mut_arr_append(*ret, item);
	}
	return 0;
}

/* A present, non-null field; *ret NULL when it is not written. */
static int decode_field(struct decoder *d, const struct decode_at *at, yyjson_val *v,
			yyjson_mut_val **ret)
{
	int failed;

	*ret = NULL;
	switch ((enum schema_shape)at->field->shape) {
	case SCHEMA_ONE:
		return decode_element(d, at, v, ret);
	case SCHEMA_LIST:
		failed = decode_list(d, at, v, ret);
		break;
	case SCHEMA_LIST_OF_LISTS:
		failed = decode_lists(d, at, v, ret);
		break;
	default:
		failed = decode_map(d, at, v, ret);
	}
	if (failed < 0)
		return -1;
	if (!unsafe_yyjson_get_len(*ret) && !(at->field->flags & (SCHEMA_ALWAYS | SCHEMA_POINTER)))
		*ret = NULL;
	return 0;
}

/* ---- objects ---- */

static void note(struct decoder *d, const char *what, const struct field_path *path,
		 struct str name)
{
	struct str text;

	if (!d->notices)
		return;
	text = field_path_in(d->notices->arena, path);
	notices_add(d->notices, "%s field \"" STR_FMT "%s" STR_FMT "\"", what, STR_ARG(text),
		    text.len ? "." : "", STR_ARG(name));
}

static int decode_members(struct decoder *d, struct schema_at at, const struct field_path *path,
			  yyjson_val *v, struct seen *seen, yyjson_mut_val *object)
{
	const struct schema_field *fields = schema_fields(at);

	JSON_MEMBERS (key, value, v) {
		const struct schema_field *field = schema_field(at, json_str(key));
		yyjson_mut_val *item = NULL;
		bool again;

		if (!field) {
			note(d, "unknown", path, json_str(key));
			continue;
		}
		again = seen_test_and_set(seen, (size_t)(field - fields));
		if (again)
			note(d, "duplicate", path, json_str(key));
		if (!yyjson_is_null(value)) {
			struct field_path here = { .parent = path,
						   .name = at.set->strings + field->name };
			struct decode_at inside = { &here, at, field };

			if (decode_field(d, &inside, value, &item) < 0)
				return -1;
		} else if (!again) {
			seen->bits[(size_t)(field - fields) / 64] &= ~(
				UINT64_C(1) << ((size_t)(field - fields) % 64));
		}
		if (!item) {
			if (again && !yyjson_is_null(value))
				(void)json_remove(object, json_str(key));
			else if (field->flags & SCHEMA_DEFAULT)
				seen->bits[(size_t)(field - fields) / 64] &= ~(
					UINT64_C(1) << ((size_t)(field - fields) % 64));
			continue;
		}
		if (again)
			json_put(d->doc, object, json_str(key), item);
		else
			yyjson_mut_obj_add(object, key_of(d, at, field), item);
	}
	return 0;
}

static int decode_object(struct decoder *d, struct schema_at at, const struct field_path *path,
			 yyjson_val *v, yyjson_mut_val **ret)
{
	yyjson_mut_val *object = yyjson_mut_obj(d->doc);
	struct seen seen = { { 0 } };

	ASSERT(at.type->field_count <= TYPE_FIELDS_MAX);
	if (v && decode_members(d, at, path, v, &seen, object) < 0)
		return -1;
	fill(d, at, &seen, object);
	*ret = object;
	return 0;
}

/* ---- metadata alone ---- */

static yyjson_mut_val *decode_what_goes(struct decoder *d, struct schema_at at, yyjson_val *v)
{
	yyjson_mut_val *result = yyjson_mut_obj(d->doc), *one;

	JSON_MEMBERS (key, value, v) {
		AUTO_JSON_MUT single = json_new_object();
		AUTO_JSON frozen = NULL;
		struct err err = { 0 };
		struct decoder alone = { .doc = d->doc, .kind = d->kind, .err = &err };

		json_put(single, yyjson_mut_doc_get_root(single), json_str(key),
			 json_copy(single, value));
		frozen = json_freeze(yyjson_mut_doc_get_root(single));
		if (decode_object(&alone, at, NULL, yyjson_doc_get_root(frozen), &one) < 0)
			continue;
		one = json_mut_key(one, json_str(key));
		if (one)
			json_put(d->doc, result, json_str(key), json_mut_copy(d->doc, one));
	}
	return result;
}

/* NULL when there is none. Go reads it by itself. */
static int decode_object_meta(struct decoder *d, yyjson_val *v, yyjson_mut_val **ret)
{
	const struct field_path path = { .name = "metadata" };
	struct schema_at at = schema_find(STR("meta/v1.ObjectMeta"));
	int failed;

	*ret = NULL;
	if (!v || yyjson_is_null(v))
		return 0;
	if (!yyjson_is_obj(v)) {
		decode_note_type(d->problem, v, STR("v1.ObjectMeta"));
		return err_set(d->err, ERR_BAD_REQUEST,
			       "json: cannot unmarshal %s into Go value of type v1.ObjectMeta",
			       json_go_type(v));
	}
	d->start = &path;
	failed = decode_object(d, at, &path, v, ret);
	d->start = NULL;
	return failed;
}

int metadata_decode(yyjson_mut_doc *doc, yyjson_mut_val *v, bool repairs, yyjson_mut_val **ret,
		    struct err *err)
{
	struct decoder d = { .doc = doc, .kind = &kind_pod, .err = err };
	AUTO_JSON frozen = json_freeze(v);
	yyjson_val *root = yyjson_doc_get_root(frozen);

	if (repairs) {
		*ret = decode_what_goes(&d, schema_find(STR("meta/v1.ObjectMeta")), root);
		return 0;
	}
	if (decode_object_meta(&d, root, ret) < 0)
		return -1;
	if (!*ret)
		*ret = yyjson_mut_obj(doc);
	return 0;
}

/* ---- the whole ---- */

static int fail_whole(const struct decode_options *o, struct str version, struct str name,
		      struct err *err)
{
	struct err inner = *err;

	if (str_is_empty(version))
		version = o->kind->version;
	if (str_is_empty(name))
		name = o->kind->name;
	return err_set(err, ERR_BAD_REQUEST,
		       STR_FMT " in version \"" STR_FMT "\" cannot be handled as a " STR_FMT ": %s",
		       STR_ARG(name), STR_ARG(version), STR_ARG(o->kind->name), inner.msg);
}

/* What was sent, as far as it helps to recognize it. */
static void put_summary(struct str body, struct buf *to)
{
	struct str start = str_slice(body, 0, NUM_MIN(body.len, (size_t)SUMMARY_BYTES));

	if (!body.len)
		buf_put_c(to, "<empty>");
	else if (body.ptr[0] == '{')
		buf_put_str(to, start);
	else
		for (size_t i = 0; i < start.len; i++)
			buf_printf(to, "%02x", (unsigned char)start.ptr[i]);
	if (body.len > SUMMARY_BYTES)
		buf_put_c(to, " ...");
}

/* Nobody can say of which kind it is. */
static int refuse_unrecognized(const struct decode_options *o, struct str body, const char *why,
			       struct err *err)
{
	AUTO_BUF summary = { 0 };

	buf_init(&summary, 3 * SUMMARY_BYTES);
	put_summary(body, &summary);
	return err_set(err, ERR_BAD_REQUEST,
		       "the object provided is unrecognized (must be of type " STR_FMT
		       "): %s (" STR_FMT ")",
		       STR_ARG(o->kind->name), why, STR_ARG(buf_str(&summary)));
}

/* That apiVersion and kind can be read. What has neither is taken for what is expected, but for
 * custom kinds, which nobody knows but by these. */
static int check_header(yyjson_val *root, const struct decode_options *o, struct str body,
			struct err *err)
{
	static const char *const names[] = { "apiVersion", "kind" };
	char why[ERR_MSG_BYTES];

	if (!yyjson_is_obj(root) && !yyjson_is_null(root)) {
		snprintf(why, sizeof(why),
			 "couldn't get version/kind; json parse error: json: cannot unmarshal %s "
			 "into "
			 "Go value of type struct { APIVersion string "
			 "\"json:\\\"apiVersion,omitempty\\\"\"; Kind string "
			 "\"json:\\\"kind,omitempty\\\"\" }",
			 json_go_type(root));
		return refuse_unrecognized(o, body, why, err);
	}
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		yyjson_val *v = yyjson_obj_get(root, names[i]);

		if (!v || yyjson_is_str(v) || yyjson_is_null(v))
			continue;
		snprintf(why, sizeof(why),
			 "couldn't get version/kind; json parse error: json: cannot unmarshal %s "
			 "into "
			 "Go struct field .%s of type string",
			 json_go_type(v), names[i]);
		decode_note_type(o->problem, v, STR("string"));
		return refuse_unrecognized(o, body, why, err);
	}
	if (!(o->kind->flags & KIND_CUSTOM) || json_get_str(root, "kind").len)
		return 0;
	snprintf(why, sizeof(why), "Object 'Kind' is missing in '%.*s'",
		 (int)NUM_MIN(body.len, (size_t)BODY_SHOWN_BYTES_MAX), body.len ? body.ptr : "");
	return refuse_unrecognized(o, body, why, err);
}

/* apiVersion and kind, when given, are those of the request. DeleteOptions come in the clothes of
 * any group; of custom kinds, validation says what the kind must be. */
static int check_kind(yyjson_val *root, const struct decode_options *o, struct err *err)
{
	struct str api_version = json_str(yyjson_obj_get(root, "apiVersion"));
	struct str name = json_str(yyjson_obj_get(root, "kind")), group, version;
	bool is_custom = o->kind->flags & KIND_CUSTOM;

	(void)str_strip_prefix(&api_version, STR("/")); /* "/v1": of no group */
	if (o->kind->flags & KIND_UNSERVED) {
		if (name.len && !str_eq(name, o->kind->name))
			return err_set(
				err, ERR_BAD_REQUEST,
				"the object provided is unrecognized (must be of type " STR_FMT
				"): no kind \"" STR_FMT "\" is expected here",
				STR_ARG(o->kind->name), STR_ARG(name));
		return 0;
	}
	if ((api_version.len || is_custom) && !str_eq(api_version, o->kind->api_version))
		return err_set(err, ERR_BAD_REQUEST,
			       "the API version in the data (" STR_FMT
			       ") does not match the expected API version (" STR_FMT ")",
			       STR_ARG(api_version), STR_ARG(o->kind->api_version));
	/* Of custom kinds validation says so. */
	if (name.len && !is_custom && !str_eq(name, o->kind->name)) {
		if (!str_cut(o->kind->api_version, '/', &group, &version))
			version = o->kind->api_version;
		return err_set(err, ERR_BAD_REQUEST,
			       STR_FMT " in version \"" STR_FMT "\" cannot be handled as a " STR_FMT
				       ": converting (" STR_FMT ") to (" STR_FMT
				       "): unknown conversion",
			       STR_ARG(name), STR_ARG(version), STR_ARG(o->kind->name),
			       STR_ARG(name), STR_ARG(o->kind->name));
	}
	return 0;
}

static int refuse_strict(const struct decode_options *o, const struct notices *found,
			 struct err *err)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, ERR_MSG_BYTES);
	for (size_t i = 0; i < found->count; i++) {
		if (i)
			buf_put_c(&text, ", ");
		buf_put_str(&text, found->items[i]);
	}
	if (o->problem) {
		o->problem->type = DECODE_STRICT;
		(void)snprintf(o->problem->fields, sizeof(o->problem->fields), STR_FMT,
			       STR_ARG(buf_str(&text))); /* cut as the error is */
	}
	(void)err_set(err, ERR_BAD_REQUEST, "strict decoding error: " STR_FMT,
		      STR_ARG(buf_str(&text)));
	return fail_whole(o, STR_NONE, STR_NONE, err);
}

static void put_first(yyjson_mut_doc *doc, yyjson_mut_val *root, const char *key, struct str value)
{
	yyjson_mut_val *there = json_remove(root, str_from(key));
	struct str text = json_mut_str(there);

	if (!text.len || text.ptr[0] == '/')
		there = json_new_str(doc, value);
	yyjson_mut_obj_insert(root, yyjson_mut_str(doc, key), there, 0);
}

/* In front of all else, in the order of Go's structs, or of its maps' keys: lists of built-in kinds
 * leave it out there (object_list_item). */
static void put_type(yyjson_mut_doc *doc, yyjson_mut_val *root, const struct kind *kind)
{
	bool is_map = kind->flags & KIND_CUSTOM;

	if (is_map)
		put_first(doc, root, "kind", kind->name);
	put_first(doc, root, "apiVersion", kind->api_version);
	if (!is_map)
		put_first(doc, root, "kind", kind->name);
}

/* Fields that are given twice first, then what metadata does not know, then the rest: as upstream
 * comes to see them. */
static int notice_rank(struct str text)
{
	if (str_has_prefix(text, STR("unknown field \"metadata.")))
		return 1;
	return str_has_prefix(text, STR("unknown")) ? 2 : 0;
}

static int compare_notices(const void *a, const void *b)
{
	const struct str *x = a, *y = b;
	int rank = notice_rank(*x) - notice_rank(*y);

	return rank ? rank : str_cmp(*x, *y);
}

static void take_notices(struct notices *to, struct notices *found)
{
	size_t unknown_count = 0;

	for (size_t i = 0; i < found->count; i++)
		if (notice_rank(found->items[i]))
			found->items[unknown_count++] = found->items[i];
		else
			notices_add(to, STR_FMT, STR_ARG(found->items[i]));
	if (unknown_count)
		qsort(found->items, unknown_count, sizeof(found->items[0]), compare_notices);
	for (size_t i = 0; i < unknown_count; i++)
		notices_add(to, STR_FMT, STR_ARG(found->items[i]));
}

/* Type and metadata by their tables, the rest by the definition's schema. Values of a wrong type
 * are for validation to name. */
static int decode_custom(struct decoder *d, yyjson_val *root, yyjson_mut_val **ret)
{
	struct structural schema = custom_structural(custom_version_of(d->kind));
	struct notices *notices = d->notices, of_metadata, found;
	yyjson_mut_val *object, *meta;

	if (notices) {
		notices_init(&of_metadata, notices->arena);
		notices_init(&found, notices->arena);
		d->notices = &of_metadata;
	}
	if (decode_object_meta(d, yyjson_obj_get(root, "metadata"), &meta) < 0)
		return -1;
	object = structural_copy(d->doc, root, schema, NULL, notices ? &found : NULL);
	if (structural_decode_resources(d->doc, object, schema, false, d->err) < 0)
		return -1;
	for (size_t i = 0; notices && i < of_metadata.count; i++)
		if (notice_rank(of_metadata.items[i])) /* of what is twice the copy told */
			notices_add(&found, STR_FMT, STR_ARG(of_metadata.items[i]));
	if (notices)
		take_notices(notices, &found);
	structural_drop_nulls(object, schema);
	json_put(d->doc, object, STR("metadata"), meta ? meta : yyjson_mut_obj(d->doc));
	*ret = object;
	return 0;
}

/* Keys that YAML had twice, one line each. */
static void tell_duplicates(const struct decode_options *o, struct str duplicates,
			    struct notices *notices)
{
	struct str line;

	if (o->check == FIELDS_STRICT) {
		if (duplicates.len)
			notices_add(notices, "yaml: unmarshal errors:" STR_FMT,
				    STR_ARG(duplicates));
		return;
	}
	while (notices && str_next_part(&duplicates, '\n', &line))
		if (line.len)
			notices_add(notices, STR_FMT, STR_ARG(str_trim(line)));
}

/* What was sent: text, and which of its keys it has twice. */
struct body {
	struct str text, duplicates;
};

int object_refuse_parts(struct err *err)
{
	return err_set(err, ERR_TOO_LARGE,
		       "body has more than %u objects and lists, which is not taken",
		       OBJECT_PARTS_MAX);
}

/* The values of a tree lie one behind the other. */
static int check_parts(yyjson_val *root, struct err *err)
{
	size_t count = yyjson_is_ctn(root) ? (size_t)(unsafe_yyjson_get_next(root) - root) : 1,
	       parts = 0;

	for (size_t i = 0; count > OBJECT_PARTS_MAX && i < count; i++)
		parts += yyjson_is_ctn(root + i);
	return parts > OBJECT_PARTS_MAX ? object_refuse_parts(err) : 0;
}

static int decode_root(yyjson_val *root, const struct decode_options *o, const struct body *body,
		       struct arena *arena, yyjson_mut_doc *doc, struct err *err)
{
	struct notices own;
	struct decoder d = { .doc = doc, .kind = o->kind, .err = err, .problem = o->problem };
	yyjson_mut_val *object = NULL;

	if (o->problem)
		*o->problem = (struct decode_problem){ .type = DECODE_OTHER };
	if (check_header(root, o, body->text, err) < 0 || check_parts(root, err) < 0)
		return -1;
	if (check_kind(root, o, err) < 0)
		return -1;
	notices_init(&own, arena);
	if (o->check != FIELDS_IGNORE)
		d.notices = o->notices && o->check == FIELDS_WARN ? o->notices : &own;
	tell_duplicates(o, body->duplicates, d.notices);
	if ((o->kind->flags & KIND_CUSTOM
		     ? decode_custom(&d, root, &object)
		     : decode_object(&d, o->kind->schema, NULL, root, &object)) < 0)
		return fail_whole(o, json_str(yyjson_obj_get(root, "version")), STR_NONE, err);
	if (o->check == FIELDS_STRICT && own.count)
		return refuse_strict(o, &own, err);
	put_type(doc, object, o->kind);
	yyjson_mut_doc_set_root(doc, object);
	return 0;
}

static yyjson_mut_doc *object_decode_val(yyjson_val *root, const struct decode_options *options,
					 const struct body *body, struct err *err)
{
	yyjson_mut_doc *doc = json_new();
	struct arena arena;
	struct err mine = { 0 };
	int failed;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	failed = decode_root(root, options, body, &arena, doc, &mine);
	arena_deinit(&arena);
	if (failed < 0) {
		json_mut_free(doc);
		if (err)
			*err = mine;
		return NULL;
	}
	return doc;
}

yyjson_mut_doc *object_decode_mut(yyjson_mut_val *root, const struct decode_options *options,
				  struct err *err)
{
	AUTO_JSON doc = json_freeze(root);
	struct body body = { 0 };

	return object_decode_val(yyjson_doc_get_root(doc), options, &body, err);
}

static yyjson_doc *parse_yaml(struct str body, size_t bytes_max, struct buf *duplicates,
			      struct err *err)
{
	AUTO_JSON_MUT tree = yaml_parse_duplicates(body, bytes_max, duplicates, err);

	return tree ? json_freeze(yyjson_mut_doc_get_root(tree)) : NULL;
}

static int refuse_syntax(const struct decode_options *o, struct str text, const struct err *inner,
			 struct err *err)
{
	char why[ERR_MSG_BYTES];
	AUTO_BUF problem = { 0 };

	if (o->format == OBJECT_YAML)
		return refuse_unrecognized(o, text, inner->msg, err);
	buf_init(&problem, ERR_MSG_BYTES);
	if (!json_syntax_problem(text, &problem))
		buf_put_c(&problem, inner->msg);
	snprintf(why, sizeof(why), "couldn't get version/kind; json parse error: %s", problem.ptr);
	return refuse_unrecognized(o, text, why, err);
}

static yyjson_doc *parse_body(struct str text, const struct decode_options *o,
			      struct buf *duplicates, struct err *err)
{
	size_t bytes_max = o->bytes_max ? o->bytes_max : OBJECT_BYTES_MAX;
	struct err inner = { 0 };
	yyjson_doc *doc = o->format == OBJECT_YAML ? parse_yaml(text, bytes_max, duplicates, &inner)
						   : json_parse(text, bytes_max, &inner);

	if (doc)
		return doc;
	if (inner.code == ERR_TOO_LARGE)
		(void)err_set(err, ERR_TOO_LARGE, "Request entity too large: limit is %zu",
			      bytes_max);
	else
		(void)refuse_syntax(o, text, &inner, err); /* told by NULL */
	return NULL;
}

yyjson_mut_doc *object_decode(struct str text, const struct decode_options *options,
			      struct err *err)
{
	AUTO_BUF duplicates = { 0 };
	AUTO_JSON doc = NULL;
	struct body body = { .text = text };

	buf_init(&duplicates, ERR_MSG_BYTES);
	doc = parse_body(text, options, &duplicates, err);
	body.duplicates = buf_str(&duplicates);
	return doc ? object_decode_val(yyjson_doc_get_root(doc), options, &body, err) : NULL;
}

yyjson_mut_val *object_zero_field(yyjson_mut_doc *doc, const struct kind *kind, const char *name)
{
	const struct schema_field *field = schema_field(kind->schema, str_from(name));
	struct decoder d = { .doc = doc, .kind = kind };

	return field ? zero_value(&d, kind->schema, field) : NULL;
}

bool field_check_parse(struct str text, enum field_check *ret)
{
	if (str_is_empty(text) || str_eq_c(text, "Warn"))
		*ret = FIELDS_WARN;
	else if (str_eq_c(text, "Ignore"))
		*ret = FIELDS_IGNORE;
	else if (str_eq_c(text, "Strict"))
		*ret = FIELDS_STRICT;
	else
		return false;
	return true;
}
