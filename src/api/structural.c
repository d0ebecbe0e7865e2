/* SPDX-License-Identifier: Apache-2.0 */
/* Pruning and defaulting. */
#include "api/structural.h"

#include <math.h>

#include "api/limits.h"
#include "api/schema.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "codec/json_index.h"

#define NAMES_FEW_MAX 32 /* are looked for one by one */

void structural_names_init(struct structural_names *names)
{
	map_init(&names->nodes);
}

void structural_names_deinit(struct structural_names *names)
{
	struct str key;
	size_t cursor = 0;
	void *index;

	while (map_next(&names->nodes, &cursor, &key, &index)) {
		json_index_deinit(index);
		mem_free(index);
	}
	map_deinit(&names->nodes);
}

static struct json_index *index_of(struct structural_names *names, yyjson_val *properties)
{
	struct str at = str_sub((const char *)&properties, sizeof(properties));
	struct json_index *index = map_get(&names->nodes, at);

	if (index)
		return index;
	index = mem_alloc(sizeof(*index));
	json_index_init(index, yyjson_obj_size(properties));
	JSON_MEMBERS (key, member, properties)
		(void)json_index_add(index, json_str(key), member); /* of two the first counts */
	(void)map_put(&names->nodes, at, index);		    /* nothing was there */
	return index;
}

yyjson_val *structural_property(struct structural_names *names, yyjson_val *schema, struct str key)
{
	yyjson_val *properties = yyjson_obj_get(schema, "properties");

	if (names && yyjson_obj_size(properties) > NAMES_FEW_MAX)
		return json_index_get(index_of(names, properties), key);
	return properties ? json_key(properties, key) : NULL;
}

yyjson_val *structural_member(struct structural_names *names, yyjson_val *schema, struct str key)
{
	yyjson_val *found = structural_property(names, schema, key),
		   *additional = yyjson_obj_get(schema, "additionalProperties");

	return found ? found : yyjson_is_obj(additional) ? additional : NULL;
}

/* --- pruning --- */

static bool is_resource_member(struct str key)
{
	return str_eq_c(key, "apiVersion") || str_eq_c(key, "kind") || str_eq_c(key, "metadata");
}

static bool is_known(yyjson_val *schema, struct str key, bool is_top)
{
	return !schema || structural_is(schema, "x-kubernetes-preserve-unknown-fields") ||
	       yyjson_is_true(yyjson_obj_get(schema, "additionalProperties")) ||
	       ((is_top || structural_is(schema, "x-kubernetes-embedded-resource")) &&
		is_resource_member(key));
}

static void note(struct notices *notices, const char *what, const struct field_path *path)
{
	struct str text;

	if (!notices)
		return;
	text = field_path_in(notices->arena, path);
	notices_add(notices, "%s field \"" STR_FMT "\"", what, STR_ARG(text));
}

/* Metadata of an object inside of another one: without what ObjectMeta does not have. */
static yyjson_mut_val *copy_known(yyjson_mut_doc *doc, yyjson_val *v, struct schema_at at,
				  const struct field_path *path, struct notices *notices)
{
	yyjson_mut_val *copy;
	size_t i = 0;

	if (yyjson_is_arr(v)) {
		copy = yyjson_mut_arr(doc);
		JSON_EACH (item, v)
			yyjson_mut_arr_append(
				copy, copy_known(doc, item, at, FIELD_INDEX(path, i++), notices));
		return copy;
	}
	if (!yyjson_is_obj(v) || !at.type)
		return json_copy(doc, v);
	copy = yyjson_mut_obj(doc);
	JSON_MEMBERS (key, value, v) {
		struct str name = json_str(key);
		struct field_path here = { .parent = path, .name = name.ptr };
		const struct schema_field *field = schema_field(at, name);

		if (field && field->value == SCHEMA_OBJECT)
			json_put(doc, copy, name,
				 copy_known(doc, value, schema_ref(at, field), &here, notices));
		else if (field)
			json_put(doc, copy, name, json_copy(doc, value));
		else
			note(notices, "unknown", &here);
	}
	return copy;
}

static bool is_inner_metadata(yyjson_val *schema, struct str name, bool is_top)
{
	return !is_top && str_eq_c(name, "metadata") &&
	       structural_is(schema, "x-kubernetes-embedded-resource");
}

struct copier {
	yyjson_mut_doc *doc;
	struct structural_names *names;
	struct notices *notices;
	bool keeps_metadata; /* that of inner objects as it is */
	size_t *room;	     /* for defaults, in values; 0: there are too many of them */
};

/* Room for a default that is as large as value: those of lists' items and defaults under defaults
 * multiply. */
static bool take_room(const struct copier *c, yyjson_val *value)
{
	size_t count = (size_t)(unsafe_yyjson_get_next(value) - value);

	if (count >= *c->room)
		*c->room = 0;
	else
		*c->room -= count;
	return *c->room > 0;
}

static yyjson_mut_val *copy_value(const struct copier *c, yyjson_val *v, yyjson_val *schema,
				  const struct field_path *path);

static yyjson_mut_val *copy_metadata(const struct copier *c, yyjson_val *v,
				     const struct field_path *path)
{
	if (c->keeps_metadata)
		return json_copy(c->doc, v);
	return copy_known(c->doc, v, schema_find(STR("meta/v1.ObjectMeta")), path, c->notices);
}

static yyjson_mut_val *copy_object(const struct copier *c, yyjson_val *v, yyjson_val *schema,
				   const struct field_path *path)
{
	yyjson_mut_val *object = yyjson_mut_obj(c->doc), *item, *there;
	AUTO_JSON_INDEX index = { .slots = NULL };

	json_index_init(&index, yyjson_obj_size(v));
	JSON_MEMBERS (key, value, v) {
		struct str name = json_str(key);
		struct field_path here = { .parent = path, .name = name.ptr };
		yyjson_val *member = structural_member(c->names, schema, name);

		if (!member && !is_known(schema, name, !path)) {
			note(c->notices, "unknown", &here);
			continue;
		}
		if (is_inner_metadata(schema, name, !path))
			item = copy_metadata(c, value, &here);
		else
			item = copy_value(c, value, member, &here);
		there = json_index_add(&index, name, item);
		if (!there) {
			yyjson_mut_obj_add(object, json_copy(c->doc, key), item);
			continue;
		}
		json_become(there, item);
		note(c->notices, "duplicate", &here);
	}
	return object;
}

#define WHOLE_MAX 9007199254740992.0

/* Go writes 1.0 and 1e3 as the whole numbers that they are. */
static yyjson_mut_val *copy_scalar(yyjson_mut_doc *doc, yyjson_val *v)
{
	double number = yyjson_get_num(v);

	if (!yyjson_is_real(v) || number != floor(number) || fabs(number) > WHOLE_MAX)
		return json_copy(doc, v);
	return number < 0 ? yyjson_mut_sint(doc, (int64_t)number)
			  : yyjson_mut_uint(doc, (uint64_t)number);
}

static yyjson_mut_val *copy_value(const struct copier *c, yyjson_val *v, yyjson_val *schema,
				  const struct field_path *path)
{
	yyjson_val *items = yyjson_obj_get(schema, "items");
	yyjson_mut_val *list;
	size_t i = 0;

	if (yyjson_is_obj(v))
		return copy_object(c, v, schema, path);
	if (!yyjson_is_arr(v))
		return copy_scalar(c->doc, v);
	list = yyjson_mut_arr(c->doc);
	JSON_EACH (item, v)
		yyjson_mut_arr_append(list, copy_value(c, item, items, FIELD_INDEX(path, i++)));
	return list;
}

static bool may_be_null(yyjson_val *schema)
{
	yyjson_val *value = yyjson_obj_get(schema, "default");

	return !schema || structural_is(schema, "nullable") || (value && !yyjson_is_null(value));
}

static void drop_nulls(yyjson_mut_val *v, yyjson_val *schema, struct structural_names *names)
{
	yyjson_mut_obj_iter iter;
	yyjson_mut_val *key;

	if (!schema)
		return;
	JSON_MUT_EACH (item, v)
		drop_nulls(item, yyjson_obj_get(schema, "items"), names);
	if (!yyjson_mut_is_obj(v))
		return;
	yyjson_mut_obj_iter_init(v, &iter);
	while ((key = yyjson_mut_obj_iter_next(&iter))) {
		yyjson_mut_val *value = yyjson_mut_obj_iter_get_val(key);
		yyjson_val *member = structural_member(names, schema, json_mut_str(key));

		if (yyjson_mut_is_null(value) && !may_be_null(member))
			(void)yyjson_mut_obj_iter_remove(&iter); /* which gives it back */
		else
			drop_nulls(value, member, names);
	}
}

void structural_drop_nulls(yyjson_mut_val *v, struct structural s)
{
	drop_nulls(v, s.schema, s.names);
}

yyjson_mut_val *structural_copy(yyjson_mut_doc *doc, yyjson_val *v, struct structural s,
				const struct field_path *path, struct notices *notices)
{
	struct copier c = { .doc = doc, .names = s.names, .notices = notices };

	return copy_value(&c, v, s.schema, path);
}

bool structural_is_pruned(yyjson_val *v, struct structural s)
{
	AUTO_JSON_MUT doc = json_new();
	struct copier c = { .doc = doc, .names = s.names, .keeps_metadata = true };

	return json_mixed_equal(copy_value(&c, v, s.schema, FIELD_NAME(NULL, "")), v);
}

/* --- defaults --- */

#define LOOKED_UP_FEW_MAX 32

/* Members of an object as they are looked for one after another: by an index where they are many.
 */
struct members {
	yyjson_mut_val *v;
	struct json_index index;
	bool is_indexed;
};

static void members_open(struct members *m, yyjson_mut_val *v, size_t lookups)
{
	m->v = v;
	m->is_indexed = lookups > LOOKED_UP_FEW_MAX;
	json_index_init(&m->index, m->is_indexed ? yyjson_mut_obj_size(v) : 0);
	if (m->is_indexed)
		JSON_MUT_MEMBERS (key, value, v)
			(void)json_index_add(&m->index, json_mut_str(key), value); /* none twice */
}

static yyjson_mut_val *members_get(const struct members *m, struct str name)
{
	return m->is_indexed ? json_index_get(&m->index, name) : json_mut_key(m->v, name);
}

/* What is not there, or null where that is not wanted, becomes the default. */
static void default_member(const struct copier *c, struct members *m, yyjson_val *key,
			   yyjson_val *schema, struct schema_at meta)
{
	struct str name = json_str(key);
	yyjson_val *member = unsafe_yyjson_get_next(key),
		   *value = yyjson_obj_get(member, "default");
	struct field_path here = { .name = name.ptr };
	yyjson_mut_val *there, *copy;

	if (meta.type && !schema_field(meta, name))
		return;
	there = members_get(m, name);
	if ((there && (!yyjson_mut_is_null(there) || structural_is(member, "nullable"))) ||
	    !take_room(c, value))
		return;
	copy = is_inner_metadata(schema, name, false) ? copy_metadata(c, value, &here)
	       : meta.type			      ? json_copy(c->doc, value)
						      : copy_value(c, value, member, &here);
	if (there)
		json_put(c->doc, m->v, name, copy);
	else
		yyjson_mut_obj_add(m->v, json_copy(c->doc, key), copy);
}

/* meta: v is metadata of an object, or inside of it; nothing comes in that such a type has not. */
static void default_members(const struct copier *c, yyjson_mut_val *v, yyjson_val *schema,
			    struct schema_at meta)
{
	yyjson_val *properties = yyjson_obj_get(schema, "properties");
	struct members members;

	members_open(&members, v, yyjson_obj_size(properties));
	JSON_MEMBERS (key, member, properties)
		if (yyjson_obj_get(member, "default"))
			default_member(c, &members, key, schema, meta);
	json_index_deinit(&members.index);
}

/* An element that may not be null becomes what its schema has for it. */
static void default_null(const struct copier *c, yyjson_mut_val *v, yyjson_val *schema)
{
	yyjson_val *value = yyjson_obj_get(schema, "default");
	yyjson_mut_val *copy;

	if (!value || !yyjson_mut_is_null(v) || structural_is(schema, "nullable") ||
	    !take_room(c, value))
		return;
	copy = json_copy(c->doc, value);
	v->tag = copy->tag; /* its place in the list stays */
	v->uni = copy->uni;
}

static struct schema_at inner_type(yyjson_val *schema, struct str name, struct schema_at meta)
{
	const struct schema_field *field = meta.type ? schema_field(meta, name) : NULL;
	struct schema_at none = { .type = NULL };

	if (is_inner_metadata(schema, name, false))
		return schema_find(STR("meta/v1.ObjectMeta"));
	return field && field->value == SCHEMA_OBJECT ? schema_ref(meta, field) : none;
}

static void add_defaults(const struct copier *c, yyjson_mut_val *v, yyjson_val *schema,
			 struct schema_at meta)
{
	yyjson_val *items = yyjson_obj_get(schema, "items");

	if (!schema)
		return;
	if (yyjson_mut_is_obj(v)) {
		default_members(c, v, schema, meta);
		JSON_MUT_MEMBERS (key, value, v) {
			struct str name = json_mut_str(key);
			yyjson_val *member = structural_member(c->names, schema, name);

			default_null(c, value, member);
			if (yyjson_mut_is_ctn(value))
				add_defaults(c, value, member, inner_type(schema, name, meta));
		}
	}
	if (items && yyjson_mut_is_arr(v))
		JSON_MUT_EACH (item, v) {
			default_null(c, item, items);
			add_defaults(c, item, items, meta);
		}
}

bool structural_default(yyjson_mut_doc *doc, yyjson_mut_val *v, struct structural s)
{
	size_t room = CUSTOM_DEFAULTS_MAX;
	struct copier c = { .doc = doc, .names = s.names, .room = &room };
	struct schema_at none = { .type = NULL };

	add_defaults(&c, v, s.schema, none);
	return room > 0;
}
