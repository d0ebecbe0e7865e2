/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Patch and JSON Merge Patch. Messages are those of the Go library that the API server
 * upstream uses. What "copy" can grow a document to is limited, and so is the number of operations.
 */
#include "codec/patch.h"

#include "base/arena.h"
#include "base/assert.h"
#include "codec/json_index.h"

struct pointer {
	yyjson_mut_val *parent; /* NULL when the pointer is the whole document */
	struct str token;	/* last part, unescaped */
	size_t parent_depth;
};

struct patching {
	yyjson_mut_doc *doc;
	struct arena arena; /* unescaped tokens */
	size_t copied_bytes;
	struct err *err;
};

static struct str unescape(struct patching *p, struct str token)
{
	char *to;
	size_t len = 0;

	if (str_find_char(token, '~', 0) == SIZE_MAX)
		return token;
	to = arena_alloc(&p->arena, token.len);
	for (size_t i = 0; i < token.len; i++) {
		bool escaped = token.ptr[i] == '~' && i + 1 < token.len &&
			       (token.ptr[i + 1] == '0' || token.ptr[i + 1] == '1');

		to[len++] = !escaped ? token.ptr[i] : token.ptr[i + 1] == '0' ? '~' : '/';
		i += escaped;
	}
	return str_sub(to, len);
}

/* An array index without leading zeros, at most max. */
static bool index_of(struct str token, size_t max, size_t *ret)
{
	size_t index = 0;

	if (!token.len || token.len > 9 || (token.len > 1 && token.ptr[0] == '0'))
		return false;
	for (size_t i = 0; i < token.len; i++) {
		if (token.ptr[i] < '0' || token.ptr[i] > '9')
			return false;
		index = index * 10 + (size_t)(token.ptr[i] - '0');
	}
	*ret = index;
	return index <= max;
}

static yyjson_mut_val *child_of(yyjson_mut_val *parent, struct str token)
{
	size_t index;

	if (yyjson_mut_is_obj(parent))
		return json_mut_key(parent, token);
	if (yyjson_mut_is_arr(parent) && index_of(token, JSON_POINTER_INDEX_MAX, &index))
		return yyjson_mut_arr_get(parent, index);
	return NULL;
}

/* Finds the parent of what path points to; false when a part on the way is missing. */
static bool find_parent(struct patching *p, struct str path, struct pointer *ret)
{
	yyjson_mut_val *at = yyjson_mut_doc_get_root(p->doc);
	struct str token;

	*ret = (struct pointer){ .parent = NULL };
	if (str_is_empty(path))
		return true;
	if (path.ptr[0] != '/')
		return false;
	path = str_slice(path, 1, path.len);
	while (str_next_part(&path, '/', &token)) {
		if (ret->parent || ret->token.ptr) {
			at = child_of(at, ret->token);
			ret->parent_depth++;
		}
		if (!yyjson_mut_is_ctn(at) || ret->parent_depth >= JSON_DEPTH_MAX)
			return false;
		ret->parent = at;
		ret->token = unescape(p, token);
		if (!ret->token.ptr)
			ret->token = STR("");
	}
	return true;
}

static yyjson_mut_val *value_at(struct patching *p, const struct pointer *at)
{
	return at->parent ? child_of(at->parent, at->token) : yyjson_mut_doc_get_root(p->doc);
}

static int insert(struct patching *p, const struct pointer *at, yyjson_mut_val *value)
{
	size_t index;

	if (at->parent_depth + json_mut_depth(value) > JSON_DEPTH_MAX)
		return err_set(p->err, ERR_INVALID, "exceeded max depth of %d", JSON_DEPTH_MAX);
	if (!at->parent) {
		yyjson_mut_doc_set_root(p->doc, value);
		return 0;
	}
	if (yyjson_mut_is_obj(at->parent)) {
		json_put(p->doc, at->parent, at->token, value);
		return 0;
	}
	if (str_eq_c(at->token, "-")) {
		yyjson_mut_arr_append(at->parent, value);
		return 0;
	}
	if (!index_of(at->token, yyjson_mut_arr_size(at->parent), &index))
		return err_set(p->err, ERR_INVALID,
			       "Unable to access invalid index: " STR_FMT
			       ": invalid index referenced",
			       STR_ARG(at->token));
	yyjson_mut_arr_insert(at->parent, value, index);
	return 0;
}

static yyjson_mut_val *detach(const struct pointer *at)
{
	size_t index;

	if (yyjson_mut_is_obj(at->parent))
		return json_remove(at->parent, at->token);
	if (!index_of(at->token, JSON_POINTER_INDEX_MAX, &index))
		return NULL;
	return yyjson_mut_arr_remove(at->parent, index);
}

static int missing(struct patching *p, const char *operation, struct str path)
{
	return err_set(p->err, ERR_INVALID,
		       "%s operation does not apply: doc is missing path: \"" STR_FMT
		       "\": missing value",
		       operation, STR_ARG(path));
}

static int apply_add(struct patching *p, struct str path, yyjson_mut_val *value)
{
	struct pointer at;

	return find_parent(p, path, &at) ? insert(p, &at, value) : missing(p, "add", path);
}

static int apply_remove(struct patching *p, struct str path, const char *operation,
			yyjson_mut_val **ret)
{
	struct pointer at;

	if (!find_parent(p, path, &at) || !at.parent)
		return missing(p, operation, path);
	*ret = detach(&at);
	if (!*ret)
		return err_set(p->err, ERR_INVALID,
			       "error in %s for path: '" STR_FMT
			       "': Unable to remove nonexistent key: " STR_FMT ": missing value",
			       operation, STR_ARG(path), STR_ARG(at.token));
	return 0;
}

static int apply_replace(struct patching *p, struct str path, yyjson_mut_val *value)
{
	struct pointer at;
	size_t index;

	if (!find_parent(p, path, &at))
		return missing(p, "replace", path);
	/* the library that upstream uses never misses a member: it is made then */
	if (!value_at(p, &at) && !yyjson_mut_is_obj(at.parent))
		return err_set(p->err, ERR_INVALID,
			       "replace operation does not apply: doc is missing key: " STR_FMT
			       ": missing value",
			       STR_ARG(path));
	if (at.parent_depth + json_mut_depth(value) > JSON_DEPTH_MAX)
		return err_set(p->err, ERR_INVALID, "exceeded max depth of %d", JSON_DEPTH_MAX);
	if (!at.parent)
		yyjson_mut_doc_set_root(p->doc, value);
	else if (yyjson_mut_is_obj(at.parent))
		json_put(p->doc, at.parent, at.token, value);
	else if (index_of(at.token, JSON_POINTER_INDEX_MAX, &index))
		(void)yyjson_mut_arr_replace(at.parent, index,
					     value); /* the index was found just above */
	return 0;
}

static size_t tree_bytes(yyjson_mut_val *v)
{
	size_t sum = yyjson_mut_get_len(v) + 8;

	JSON_MUT_EACH (item, v)
		sum += tree_bytes(item);
	JSON_MUT_MEMBERS (key, value, v)
		sum += yyjson_mut_get_len(key) + 4 + tree_bytes(value);
	return sum;
}

static int apply_copy(struct patching *p, struct str from, struct str path)
{
	struct pointer at;
	yyjson_mut_val *value;

	if (!find_parent(p, from, &at))
		return missing(p, "copy", from);
	value = value_at(p, &at);
	if (!value)
		return err_set(p->err, ERR_INVALID,
			       "error in copy for from: '" STR_FMT "': missing value",
			       STR_ARG(from));
	p->copied_bytes += tree_bytes(value);
	if (p->copied_bytes > PATCH_RESULT_BYTES_MAX)
		return err_set(p->err, ERR_TOO_LARGE,
			       "Unable to complete the copy, the accumulated size increase of copy "
			       "is %zu, "
			       "exceeding the limit %u",
			       p->copied_bytes, PATCH_RESULT_BYTES_MAX);
	return apply_add(p, path, json_mut_copy(p->doc, value));
}

static int apply_move(struct patching *p, struct str from, struct str path)
{
	yyjson_mut_val *value = NULL;
	struct str below = path;

	if (str_strip_prefix(&below, from) && str_has_prefix(below, STR("/")))
		return err_set(p->err, ERR_INVALID,
			       "error in move: '" STR_FMT "' is inside '" STR_FMT "'",
			       STR_ARG(path), STR_ARG(from));
	if (apply_remove(p, from, "move", &value) < 0)
		return -1;
	return apply_add(p, path, value);
}

static int apply_test(struct patching *p, struct str path, yyjson_val *want)
{
	struct pointer at;
	yyjson_mut_val *value = find_parent(p, path, &at) ? value_at(p, &at) : NULL;

	if (value ? json_mixed_equal(value, want) : yyjson_is_null(want))
		return 0;
	return err_set(p->err, ERR_INVALID, "testing value " STR_FMT " failed: test failed",
		       STR_ARG(path));
}

static int apply_operation(struct patching *p, yyjson_val *operation)
{
	struct str name = json_get_str(operation, "op"), path = json_get_str(operation, "path");
	struct str from = json_get_str(operation, "from");
	yyjson_val *value = yyjson_obj_get(operation, "value");
	yyjson_mut_val *removed = NULL;

	if (!yyjson_is_obj(operation) || !path.ptr || (path.len && path.ptr[0] != '/'))
		return err_set(p->err, ERR_INVALID,
			       "invalid JSON patch: an operation needs a path");
	if (str_eq_c(name, "remove"))
		return apply_remove(p, path, "remove", &removed);
	if (str_eq_c(name, "move") || str_eq_c(name, "copy")) {
		if (!from.ptr || (from.len && from.ptr[0] != '/'))
			return err_set(p->err, ERR_INVALID,
				       "invalid JSON patch: " STR_FMT " needs from", STR_ARG(name));
		return str_eq_c(name, "move") ? apply_move(p, from, path)
					      : apply_copy(p, from, path);
	}
	if (str_eq_c(name, "test"))
		return value ? apply_test(p, path, value)
			     : err_set(p->err, ERR_INVALID,
				       "invalid JSON patch: test needs a value");
	if (!str_eq_c(name, "add") && !str_eq_c(name, "replace"))
		return err_set(p->err, ERR_INVALID, "Unexpected kind: " STR_FMT, STR_ARG(name));
	if (!value)
		return err_set(p->err, ERR_INVALID, "invalid JSON patch: " STR_FMT " needs a value",
			       STR_ARG(name));
	if (str_eq_c(name, "add"))
		return apply_add(p, path, json_copy(p->doc, value));
	return apply_replace(p, path, json_copy(p->doc, value));
}

yyjson_mut_doc *patch_json(yyjson_val *target, yyjson_val *patch, struct err *err)
{
	struct patching p = { .err = err };
	int failed = 0;

	if (!yyjson_is_arr(patch)) {
		(void)err_set(err, ERR_BAD_REQUEST,
			      "invalid JSON patch: not an array of operations");
		return NULL;
	}
	if (yyjson_arr_size(patch) > PATCH_OPERATIONS_MAX) {
		(void)err_set(err, ERR_TOO_LARGE,
			      "The allowed maximum operations in a JSON patch is %d, got %zu",
			      PATCH_OPERATIONS_MAX, yyjson_arr_size(patch));
		return NULL;
	}
	p.doc = json_thaw(target);
	arena_init(&p.arena, ARENA_DEFAULT_MAX);
	JSON_EACH (operation, patch) {
		failed = apply_operation(&p, operation);
		if (failed < 0)
			break;
	}
	arena_deinit(&p.arena);
	if (failed < 0) {
		json_mut_free(p.doc);
		return NULL;
	}
	return p.doc;
}

/* ---- merge patch ---- */

static yyjson_mut_val *merge(yyjson_mut_doc *doc, yyjson_val *target, yyjson_val *patch)
{
	yyjson_mut_val *result;
	AUTO_JSON_INDEX changes = { .slots = NULL };

	if (!yyjson_is_obj(patch))
		return json_copy(doc, patch);
	json_index_init(&changes, yyjson_obj_size(patch) + yyjson_get_len(target));
	JSON_MEMBERS (key, value, patch)
		(void)json_index_add(&changes, json_str(key),
				     value); /* of keys given twice the first counts */
	result = yyjson_mut_obj(doc);
	JSON_MEMBERS (key, value, target) {
		yyjson_val *change = json_index_get(&changes, json_str(key));

		if (!change)
			yyjson_mut_obj_add(result, json_copy(doc, key), json_copy(doc, value));
		else if (!yyjson_is_null(change))
			yyjson_mut_obj_add(result, json_copy(doc, key), merge(doc, value, change));
	}
	json_index_deinit(&changes);
	json_index_init(&changes, yyjson_obj_size(patch) + yyjson_get_len(target));
	JSON_MEMBERS (key, value, target)
		(void)json_index_add(&changes, json_str(key), value);
	JSON_MEMBERS (key, value, patch) {
		if (!yyjson_is_null(value) && !json_index_add(&changes, json_str(key), value))
			yyjson_mut_obj_add(result, json_copy(doc, key), merge(doc, NULL, value));
	}
	return result;
}

yyjson_mut_doc *patch_merge(yyjson_val *target, yyjson_val *patch, struct err *err)
{
	yyjson_mut_doc *doc;

	if (!yyjson_is_obj(patch)) {
		(void)err_set(err, ERR_BAD_REQUEST, "a merge patch must be an object");
		return NULL;
	}
	doc = json_new();
	yyjson_mut_doc_set_root(doc, merge(doc, target, patch));
	return doc;
}
