/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists that are sets or maps: nothing is there twice. Looked at after the values, for the whole
 * object; an object that broke this before may go on to.
 */
#include "api/structural_internal.h"
#include "codec/json.h"
#include "codec/json_index.h"

static void check(yyjson_mut_val *v, struct structural s, const struct field_path *path,
		  struct field_errors *errors);

static void report_again(struct field_errors *e, const struct field_path *path,
			 yyjson_mut_val *item, yyjson_val *keys)
{
	AUTO_JSON_MUT doc = json_new();
	yyjson_mut_val *identity = yyjson_mut_obj(doc);

	JSON_EACH (key, keys) {
		yyjson_mut_val *value = json_mut_key(item, json_str(key));

		if (value)
			json_put(doc, identity, json_str(key), json_mut_copy(doc, value));
	}
	field_duplicate_val(e, path, keys ? identity : item);
}

/* False: one is not an object, as those with keys are. */
static bool have_keys(struct field_errors *e, const struct field_path *path, yyjson_mut_val *v)
{
	size_t i = 0;

	JSON_MUT_EACH (item, v) {
		if (!yyjson_mut_is_obj(item) && !yyjson_mut_is_null(item)) {
			field_invalid_val(e, FIELD_INDEX(path, i), item,
					  "must be an object for an array of list-type map");
			return false;
		}
		i++;
	}
	return true;
}

/* Long lists come from strangers: looked up, not compared one by one. What is there more than twice
 * is told of once. */
static void check_unique(struct field_errors *e, const struct field_path *path, yyjson_mut_val *v,
			 yyjson_val *keys)
{
	AUTO_JSON_INDEX seen = { .slots = NULL };
	AUTO_JSON_INDEX told = { .slots = NULL };
	size_t i = 0;

	if (keys && !have_keys(e, path, v))
		return;
	json_index_init(&seen, yyjson_mut_arr_size(v));
	json_index_init(&told, yyjson_mut_arr_size(v));
	JSON_MUT_EACH (item, v) {
		const struct field_path *here = FIELD_INDEX(path, i++);
		struct str identity = structural_identity(item, keys, e->arena);

		if (json_index_add(&seen, identity, item) && !json_index_add(&told, identity, item))
			report_again(e, here, item, keys);
	}
}

static void check_list(yyjson_mut_val *v, struct structural s, const struct field_path *path,
		       struct field_errors *errors)
{
	yyjson_val *schema = s.schema;
	struct str type = json_str(yyjson_obj_get(schema, "x-kubernetes-list-type"));
	yyjson_val *keys = str_eq_c(type, "map")
				   ? yyjson_obj_get(schema, "x-kubernetes-list-map-keys")
				   : NULL;
	yyjson_val *items = yyjson_obj_get(schema, "items");
	size_t i = 0;

	if (keys || str_eq_c(type, "set"))
		check_unique(errors, path, v, keys);
	if (items)
		JSON_MUT_EACH (item, v)
			check(item, (struct structural){ items, s.names }, FIELD_INDEX(path, i++),
			      errors);
}

static void check(yyjson_mut_val *v, struct structural s, const struct field_path *path,
		  struct field_errors *errors)
{
	yyjson_val *additional = yyjson_obj_get(s.schema, "additionalProperties");

	if (yyjson_mut_is_arr(v))
		check_list(v, s, path, errors);
	if (!yyjson_mut_is_obj(v))
		return;
	JSON_MUT_MEMBERS (key, value, v) {
		struct str name = json_mut_str(key);
		yyjson_val *member = structural_property(s.names, s.schema, name);

		if (yyjson_is_obj(additional))
			check(value, (struct structural){ additional, s.names },
			      FIELD_KEY(path, name), errors);
		if (member)
			check(value, (struct structural){ member, s.names },
			      FIELD_NAME(path, name.ptr), errors);
	}
}

static bool was_broken(yyjson_val *old, struct structural s, struct arena *arena)
{
	AUTO_JSON_MUT doc = json_thaw(old);
	struct field_errors errors;

	field_errors_init(&errors, arena);
	check(yyjson_mut_doc_get_root(doc), s, NULL, &errors);
	return errors.count > 0;
}

void structural_validate_lists(yyjson_mut_val *v, yyjson_val *old, struct structural s,
			       struct field_errors *errors)
{
	struct field_errors before = *errors;

	check(v, s, NULL, errors);
	if (errors->seen > before.seen && old && was_broken(old, s, errors->arena))
		*errors = before;
}
