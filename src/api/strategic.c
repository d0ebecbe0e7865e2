/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strategic merge patch. The target is copied once and then changed in place; lists are taken apart
 * into arrays of values, merged through an index over their merge keys, put into the order that
 * $setElementOrder (or the patch) asks for, and put together again.
 */
#include "api/strategic.h"

#include "base/arena.h"
#include "base/assert.h"
#include "base/mem.h"
#include "codec/json_index.h"

#define PATCH "$patch"
#define RETAIN_KEYS "$retainKeys"
#define DELETE_PREFIX "$deleteFromPrimitiveList/"
#define ORDER_PREFIX "$setElementOrder/"
#define MERGE_WALKS_MAX 32 /* members of a patch that are looked for one by one */

struct merging {
	yyjson_mut_doc *doc;
	struct arena arena;
	struct err *err;
};

struct items {
	yyjson_mut_val **at;
	size_t count;
};

static int merge_object(struct merging *m, struct schema_at at, yyjson_mut_val *target,
			yyjson_val *patch);

static bool is_directive(struct str key)
{
	return str_eq_c(key, PATCH) || str_eq_c(key, RETAIN_KEYS) ||
	       str_has_prefix(key, STR(DELETE_PREFIX)) || str_has_prefix(key, STR(ORDER_PREFIX));
}

/* ---- copies of what the target does not have: no directives, no nulls in objects ---- */

static yyjson_mut_val *copy_plain(struct merging *m, yyjson_val *v)
{
	yyjson_mut_val *copy;

	if (yyjson_is_obj(v)) {
		copy = yyjson_mut_obj(m->doc);
		JSON_MEMBERS (key, value, v) {
			if (!is_directive(json_str(key)) && !yyjson_is_null(value))
				yyjson_mut_obj_add(copy, json_copy(m->doc, key),
						   copy_plain(m, value));
		}
		return copy;
	}
	if (!yyjson_is_arr(v))
		return json_copy(m->doc, v);
	copy = yyjson_mut_arr(m->doc);
	JSON_EACH (item, v) {
		if (!yyjson_is_obj(item) || !yyjson_obj_get(item, PATCH))
			yyjson_mut_arr_append(copy, copy_plain(m, item));
	}
	return copy;
}

/* ---- lists ---- */

static struct str scalar_text(struct merging *m, yyjson_mut_val *v)
{
	AUTO_BUF text = { 0 };

	if (yyjson_mut_is_str(v))
		return json_mut_str(v);
	buf_init(&text, 3u << 20);
	json_mut_write(v, &text);
	return str_printf_in(&m->arena, "\001" STR_FMT,
			     STR_ARG(buf_str(&text))); /* no text of a string looks so */
}

/* What tells items of a list apart; NULL text when an object lacks its merge key. */
static struct str item_key(struct merging *m, yyjson_mut_val *item, struct str merge_key)
{
	yyjson_mut_val *value = item;

	if (merge_key.len) {
		value = json_mut_key(item, merge_key);
		if (!value)
			return STR_NONE;
	}
	value = yyjson_mut_is_null(value) ? NULL : value;
	if (!value)
		return STR_NONE;
	{
		struct str text = scalar_text(m, value);

		return text.ptr ? text : STR("");
	}
}

static int no_merge_key(struct merging *m, struct str merge_key)
{
	return err_set(m->err, ERR_BAD_REQUEST,
		       "map: does not contain declared merge key: " STR_FMT, STR_ARG(merge_key));
}

static struct items items_of(struct merging *m, yyjson_mut_val *array, size_t extra)
{
	struct items items = { arena_array(&m->arena, yyjson_mut_arr_size(array) + extra + 1,
					   sizeof(items.at[0])),
			       0 };

	JSON_MUT_EACH (item, array)
		items.at[items.count++] = item;
	return items;
}

static struct items items_of_patch(struct merging *m, yyjson_val *array)
{
	struct items items = {
		arena_array(&m->arena, yyjson_arr_size(array) + 1, sizeof(items.at[0])), 0
	};

	JSON_EACH (item, array)
		items.at[items.count++] = json_copy(m->doc, item);
	return items;
}

/* Positions by key, plus one (so that they are never NULL); the first of equal keys counts. */
static void index_items(struct merging *m, struct json_index *index, const struct items *items,
			struct str merge_key)
{
	json_index_init(index, items->count);
	for (size_t i = 0; i < items->count; i++) {
		struct str key = item_key(m, items->at[i], merge_key);

		if (key.ptr)
			(void)json_index_add(index, key, (void *)(uintptr_t)(i + 1));
	}
}

static size_t position(struct merging *m, const struct json_index *index, yyjson_mut_val *item,
		       struct str merge_key)
{
	struct str key = item_key(m, item, merge_key);

	return key.ptr ? (size_t)(uintptr_t)json_index_get(index, key) : 0;
}

struct placed {
	yyjson_mut_val *item;
	size_t at;	  /* in the list that orders it */
	size_t server_at; /* in the list as it was; 0 = new */
	size_t tie;
};

static int placed_cmp(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->tie < y->tie ? -1 : x->tie > y->tie;
}

/* Items named by order stand in its order, the others in the order they had; both runs are merged
 * so that neighbours known from the old list keep their sides. */
static void reorder(struct merging *m, struct items *merged, const struct items *server,
		    const struct items *order, struct str merge_key)
{
	struct placed *named = arena_array(&m->arena, merged->count + 1, sizeof(named[0]));
	struct placed *others = arena_array(&m->arena, merged->count + 1, sizeof(others[0]));
	size_t named_count = 0, other_count = 0, i = 0, j = 0;
	AUTO_JSON_INDEX in_order = { .slots = NULL };
	AUTO_JSON_INDEX in_server = { .slots = NULL };

	index_items(m, &in_order, order, merge_key);
	index_items(m, &in_server, server, merge_key);
	for (size_t k = 0; k < merged->count; k++) {
		struct placed p = { .item = merged->at[k], .tie = k };
		size_t at = position(m, &in_order, p.item, merge_key);

		p.server_at = position(m, &in_server, p.item, merge_key);
		p.at = at ? at : p.server_at;
		if (at)
			named[named_count++] = p;
		else
			others[other_count++] = p;
	}
	qsort(named, named_count, sizeof(named[0]), placed_cmp);
	qsort(others, other_count, sizeof(others[0]), placed_cmp);
	for (size_t k = 0; k < merged->count; k++) {
		/* an unnamed item stands before the first named one that was behind it; new ones
		 * are before it */
		bool take_other = i >= named_count ||
				  (j < other_count && named[i].server_at && others[j].server_at &&
				   others[j].server_at < named[i].server_at);

		merged->at[k] = take_other ? others[j++].item : named[i++].item;
	}
}

static void rebuild(yyjson_mut_val *array, const struct items *items)
{
	yyjson_mut_arr_clear(array);
	for (size_t i = 0; i < items->count; i++)
		yyjson_mut_arr_append(array, items->at[i]);
}

/* Takes {"$patch": "replace"} and {"$patch": "delete", key: x} out of the patch. *ret_replace: the
 * rest replaces the list. */
static int apply_special(struct merging *m, struct items *list, yyjson_val *patch,
			 struct str merge_key, bool *ret_replace)
{
	AUTO_JSON_INDEX gone = { .slots = NULL };
	size_t kept = 0;

	json_index_init(&gone, yyjson_arr_size(patch));
	JSON_EACH (item, patch) {
		struct str directive = json_str(yyjson_obj_get(item, PATCH));
		yyjson_mut_val *copy;
		struct str key;

		if (!yyjson_is_obj(item) || !yyjson_obj_get(item, PATCH))
			continue;
		if (str_eq_c(directive, "replace")) {
			*ret_replace = true;
			continue;
		}
		if (!str_eq_c(directive, "delete"))
			return err_set(
				m->err, ERR_BAD_REQUEST,
				str_eq_c(directive, "merge")
					? "merging lists cannot yet be specified in the patch"
					: "unknown patch type in list: " STR_FMT,
				STR_ARG(directive));
		copy = json_copy(m->doc, item);
		key = item_key(m, copy, merge_key);
		if (!key.ptr)
			return no_merge_key(m, merge_key);
		(void)json_index_add(&gone, key, copy);
	}
	for (size_t i = 0; i < list->count; i++) {
		struct str key = item_key(m, list->at[i], merge_key);

		if (!key.ptr || !json_index_get(&gone, key))
			list->at[kept++] = list->at[i];
	}
	list->count = kept;
	return 0;
}

static int merge_items(struct merging *m, struct schema_at at, struct items *list,
		       yyjson_val *patch, struct str merge_key)
{
	AUTO_JSON_INDEX index = { .slots = NULL };

	json_index_init(&index, list->count + yyjson_arr_size(patch));
	for (size_t i = 0; i < list->count; i++) {
		struct str key = item_key(m, list->at[i], merge_key);

		if (key.ptr)
			(void)json_index_add(&index, key, list->at[i]);
	}
	JSON_EACH (item, patch) {
		yyjson_mut_val *copy, *there;
		struct str key;

		if (yyjson_is_obj(item) && yyjson_obj_get(item, PATCH))
			continue;
		if (yyjson_is_obj(item) != (merge_key.len > 0))
			return err_set(m->err, ERR_BAD_REQUEST,
				       "list element types are not identical");
		copy = copy_plain(m, item);
		key = item_key(m, copy, merge_key);
		if (!key.ptr)
			return no_merge_key(m, merge_key);
		there = json_index_get(&index, key);
		if (!there) {
			list->at[list->count++] = copy;
			(void)json_index_add(&index, key, copy);
		} else if (merge_key.len && merge_object(m, at, there, item) < 0) {
			return -1;
		}
	}
	return 0;
}

static void delete_items(struct merging *m, struct items *list, yyjson_val *unwanted)
{
	struct items gone = items_of_patch(m, unwanted);
	AUTO_JSON_INDEX index = { .slots = NULL };
	size_t kept = 0;

	index_items(m, &index, &gone, STR_NONE);
	for (size_t i = 0; i < list->count; i++) {
		if (!position(m, &index, list->at[i], STR_NONE))
			list->at[kept++] = list->at[i];
	}
	list->count = kept;
}

/* One list of the target with everything the patch says about it; each part may be NULL. */
struct list_patch {
	yyjson_val *items, *unwanted, *order;
};

static int merge_list(struct merging *m, struct schema_at at, const struct schema_field *field,
		      yyjson_mut_val *array, const struct list_patch *patch)
{
	struct str merge_key = schema_str(at.set, schema_extra(at, field)->merge_key);
	struct schema_at item_type = schema_ref(at, field);
	struct items server = items_of(m, array, 0);
	struct items list = items_of(m, array, yyjson_arr_size(patch->items));
	struct items order;
	bool replace = false;

	if (!merge_key.len && field->value == SCHEMA_OBJECT)
		return err_set(m->err, ERR_BAD_REQUEST,
			       "cannot merge lists without merge key for " STR_FMT,
			       STR_ARG(schema_name(at.set, field)));
	if (merge_key.len && apply_special(m, &list, patch->items, merge_key, &replace) < 0)
		return -1;
	if (patch->unwanted)
		delete_items(m, &list, patch->unwanted);
	if (replace)
		list.count = 0;
	if (merge_items(m, item_type, &list, patch->items, merge_key) < 0)
		return -1;
	order = items_of_patch(m, patch->order ? patch->order : patch->items);
	if (!replace)
		reorder(m, &list, &server, &order, merge_key);
	rebuild(array, &list);
	return 0;
}

/* ---- objects ---- */

static int apply_retain_keys(struct merging *m, yyjson_mut_val *target, yyjson_val *patch)
{
	yyjson_val *keys = yyjson_obj_get(patch, RETAIN_KEYS);
	AUTO_JSON_INDEX index = { .slots = NULL };
	struct items gone;

	if (!keys)
		return 0;
	if (!yyjson_is_arr(keys))
		return err_set(m->err, ERR_BAD_REQUEST, "invalid patch format of retainKeys");
	json_index_init(&index, yyjson_arr_size(keys));
	JSON_EACH (key, keys)
		(void)json_index_add(&index, json_str(key), key);
	JSON_MEMBERS (key, value, patch) {
		if (!is_directive(json_str(key)) && !yyjson_is_null(value) &&
		    !json_index_get(&index, json_str(key)))
			return err_set(m->err, ERR_BAD_REQUEST,
				       "invalid patch format of retainKeys");
	}
	gone = (struct items){
		arena_array(&m->arena, yyjson_mut_obj_size(target) + 1, sizeof(gone.at[0])), 0
	};
	JSON_MUT_MEMBERS (name, member, target) {
		if (member && !json_index_get(&index, json_mut_str(name)))
			gone.at[gone.count++] = name;
	}
	for (size_t i = 0; i < gone.count; i++)
		(void)json_remove(target, json_mut_str(gone.at[i]));
	return 0;
}

static const struct schema_field *field_of(struct schema_at at, struct str key)
{
	return at.type ? schema_field(at, key) : NULL;
}

static bool merges_list(const struct schema_field *field)
{
	return field && field->shape == SCHEMA_LIST && (field->flags & SCHEMA_PATCH_MERGE);
}

static struct schema_at type_below(struct schema_at at, const struct schema_field *field)
{
	if (field && field->value == SCHEMA_OBJECT && field->shape == SCHEMA_ONE)
		return schema_ref(at, field);
	return (struct schema_at){ at.set, NULL };
}

static struct str parallel_key(struct merging *m, const char *prefix, struct str key)
{
	return str_printf_in(&m->arena, "%s" STR_FMT, prefix, STR_ARG(key));
}

/* Lists that the patch only deletes from or orders. */
static int apply_list_directives(struct merging *m, struct schema_at at, yyjson_mut_val *target,
				 yyjson_val *patch)
{
	JSON_MEMBERS (name, value, patch) {
		struct str key = json_str(name);
		struct list_patch list = { NULL, NULL, NULL };
		yyjson_mut_val *there;

		if (str_strip_prefix(&key, STR(DELETE_PREFIX))) {
			list.unwanted = value;
			list.order = json_key(patch, parallel_key(m, ORDER_PREFIX, key));
		} else if (str_strip_prefix(&key, STR(ORDER_PREFIX))) {
			list.order = value;
			if (json_key(patch, parallel_key(m, DELETE_PREFIX, key)))
				continue;
		} else {
			continue;
		}
		if (!yyjson_is_arr(value))
			return err_set(m->err, ERR_BAD_REQUEST,
				       list.unwanted
					       ? "invalid patch format of primitive list"
					       : "invalid patch format of setElementOrder list");
		there = json_mut_key(target, key);
		if (json_key(patch, key) || !yyjson_mut_is_arr(there) ||
		    !merges_list(field_of(at, key)))
			continue; /* goes with the list itself */
		if (merge_list(m, at, field_of(at, key), there, &list) < 0)
			return -1;
	}
	return 0;
}

static int merge_member(struct merging *m, struct schema_at at, yyjson_mut_val *target,
			yyjson_val *name, yyjson_val *patch)
{
	struct str key = json_str(name);
	yyjson_val *value = yyjson_obj_iter_get_val(name);
	yyjson_mut_val *there = json_mut_key(target, key);
	const struct schema_field *field = field_of(at, key);

	if (yyjson_is_null(value)) {
		(void)json_remove(target, key);
		return 0;
	}
	if (yyjson_is_obj(value) && yyjson_mut_is_obj(there))
		return merge_object(m, type_below(at, field), there, value);
	if (yyjson_is_arr(value) && merges_list(field)) {
		struct list_patch list = { value,
					   json_key(patch, parallel_key(m, DELETE_PREFIX, key)),
					   json_key(patch, parallel_key(m, ORDER_PREFIX, key)) };

		if (!yyjson_mut_is_arr(there)) {
			there = yyjson_mut_arr(m->doc);
			json_put(m->doc, target, key, there);
		}
		return merge_list(m, at, field, there, &list);
	}
	json_put(m->doc, target, key, copy_plain(m, value));
	return 0;
}

static void clear_object(yyjson_mut_val *object)
{
	yyjson_mut_obj_clear(object);
}

static bool is_plain(yyjson_val *name, yyjson_val *value)
{
	return !yyjson_is_ctn(value) && !is_directive(json_str(name));
}

/* Over an existing value, in its place in the object. */
static void overwrite(yyjson_mut_val *there, const yyjson_mut_val *value)
{
	yyjson_mut_val *next = there->next;

	*there = *value;
	there->next = next;
}

/* The members of a patch that are neither lists nor objects, in one walk over the target: a map may
 * have a hundred thousand of them. */
static void merge_plain(struct merging *m, yyjson_mut_val *target, yyjson_val *patch)
{
	AUTO_JSON_INDEX changes = { .slots = NULL };
	yyjson_val **last = mem_calloc(yyjson_obj_size(patch), sizeof(last[0])), **change;
	yyjson_mut_obj_iter at = json_mut_obj_iter(target);
	size_t i = 0;

	json_index_init(&changes, yyjson_obj_size(patch));
	JSON_MEMBERS (name, value, patch) {
		last[i] = value;
		if (is_plain(name, value) &&
		    (change = json_index_add(&changes, json_str(name), &last[i])))
			*change = value; /* of one given twice, the last counts */
		i++;
	}
	for (yyjson_mut_val *key; (key = yyjson_mut_obj_iter_next(&at));) {
		change = json_index_get(&changes, json_mut_str(key));
		if (change && yyjson_is_null(*change))
			(void)yyjson_mut_obj_iter_remove(&at);
		else if (change)
			overwrite(yyjson_mut_obj_iter_get_val(key), json_copy(m->doc, *change));
		if (change)
			*change = NULL;
	}
	JSON_MEMBERS (name, value, patch) {
		if (!is_plain(name, value))
			continue;
		change = json_index_get(&changes, json_str(name));
		if (*change && !yyjson_is_null(*change))
			yyjson_mut_obj_add(target, json_copy(m->doc, name),
					   json_copy(m->doc, *change));
		*change = NULL;
	}
	mem_free(last);
}

static int merge_object(struct merging *m, struct schema_at at, yyjson_mut_val *target,
			yyjson_val *patch)
{
	bool is_large = yyjson_obj_size(patch) > MERGE_WALKS_MAX;
	yyjson_val *directive = yyjson_obj_get(patch, PATCH);

	if (directive) {
		struct str word = json_str(directive);

		if (str_eq_c(word, "delete")) {
			clear_object(target);
			return 0;
		}
		if (str_eq_c(word, "replace"))
			clear_object(target);
		else if (!str_eq_c(word, "merge"))
			return err_set(m->err, ERR_BAD_REQUEST,
				       "unknown patch type in map: " STR_FMT, STR_ARG(word));
	}
	if (apply_retain_keys(m, target, patch) < 0 ||
	    apply_list_directives(m, at, target, patch) < 0)
		return -1;
	if (is_large)
		merge_plain(m, target, patch);
	JSON_MEMBERS (name, value, patch) {
		if (value && !is_directive(json_str(name)) &&
		    !(is_large && is_plain(name, value)) &&
		    merge_member(m, at, target, name, patch) < 0)
			return -1;
	}
	return 0;
}

yyjson_mut_doc *strategic_merge(struct schema_at at, yyjson_val *target, yyjson_val *patch,
				struct err *err)
{
	struct merging m = { .err = err };
	int failed;

	if (!at.type) {
		(void)err_set(
			err, ERR_UNSUPPORTED_MEDIA,
			"the body of the request was in an unknown format - accepted media types "
			"include: application/json-patch+json, application/merge-patch+json, "
			"application/apply-patch+yaml");
		return NULL;
	}
	if (!yyjson_is_obj(patch) || !yyjson_is_obj(target)) {
		(void)err_set(err, ERR_BAD_REQUEST, "invalid JSON document");
		return NULL;
	}
	m.doc = json_thaw(target);
	arena_init(&m.arena, ARENA_DEFAULT_MAX);
	failed = merge_object(&m, at, yyjson_mut_doc_get_root(m.doc), patch);
	arena_deinit(&m.arena);
	if (failed < 0) {
		json_mut_free(m.doc);
		return NULL;
	}
	return m.doc;
}
