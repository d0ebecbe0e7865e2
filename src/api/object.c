/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to every object on its way to the store, whatever its kind: metadata that the server
 * owns, status and generation rules, immutable fields. The kind's own rules are called from here.
 */
#include "api/object.h"

#include <stdio.h>
#include "api/meta.h"
#include "api/schema_check.h"
#include "api/switched_off.h"
#include "base/assert.h"
#include "base/time.h"

const struct strategy strategy_plain = { .default_object = NULL };

void object_default(struct edit *e)
{
	if (e->kind->strategy->default_object)
		e->kind->strategy->default_object(e);
}

/* ---- create ---- */

static int fill_namespace(struct edit *e, yyjson_mut_val *meta, struct str wanted, struct err *err)
{
	struct str given = json_mut_str(yyjson_mut_obj_get(meta, "namespace"));

	if (!kind_is_namespaced(e->kind)) {
		(void)json_remove(meta, STR("namespace"));
		return 0;
	}
	if (given.len && wanted.len && !str_eq(given, wanted))
		return err_set(err, ERR_BAD_REQUEST,
			       "the namespace of the provided object does not match the namespace "
			       "sent on the request");
	if (!given.len && wanted.len)
		json_set_str(e->doc, meta, "namespace", wanted);
	return 0;
}

static void fill_name(struct edit *e, yyjson_mut_val *meta, struct str suffix)
{
	struct str name = json_mut_str(yyjson_mut_obj_get(meta, "name"));
	struct str base = json_mut_str(yyjson_mut_obj_get(meta, "generateName"));

	if (name.len || !base.len)
		return;
	if (base.len > GENERATE_NAME_BYTES_MAX)
		base.len = GENERATE_NAME_BYTES_MAX;
	json_set_str(e->doc, meta, "name",
		     str_printf_in(e->arena, STR_FMT STR_FMT, STR_ARG(base), STR_ARG(suffix)));
}

static void drop_server_owned(yyjson_mut_val *meta)
{
	static const char *const owned[] = { "deletionTimestamp", "deletionGracePeriodSeconds",
					     "selfLink",	  "managedFields",
					     "generation",	  "resourceVersion" };

	for (size_t i = 0; i < ARRAY_COUNT(owned); i++)
		(void)json_remove(meta, str_from(owned[i]));
}

static void put_zero_status(struct edit *e)
{
	yyjson_mut_val *zero = object_zero_field(e->doc, e->kind, "status");

	(void)json_remove(e->root, STR("status"));
	if (zero && !yyjson_mut_is_null(zero))
		json_set(e->doc, e->root, "status", zero);
}

int object_prepare_create(struct edit *e, const struct object_birth *birth, struct err *err)
{
	yyjson_mut_val *meta = json_ensure_object(e->doc, e->root, "metadata");
	char now[TIME_TEXT_BYTES];

	if (json_mut_str(yyjson_mut_obj_get(meta, "resourceVersion")).len)
		return err_set(err, ERR_BAD_REQUEST,
			       "resourceVersion should not be set on objects to be created");
	if (fill_namespace(e, meta, birth->namespace_, err) < 0)
		return -1;
	drop_server_owned(meta);
	fill_name(e, meta, birth->suffix);
	json_set_str(e->doc, meta, "uid", birth->uid);
	json_set_str(e->doc, meta, "creationTimestamp", str_from(time_format(e->now_ns, now)));
	if (e->kind->flags & KIND_HAS_GENERATION)
		json_set_int(e->doc, meta, "generation", 1);
	if ((e->kind->flags & KIND_HAS_STATUS) && !e->kind->strategy->keeps_status_on_create)
		put_zero_status(e);
	switched_off_drop(e);
	if (e->kind->strategy->prepare_create)
		e->kind->strategy->prepare_create(e);
	return 0;
}

/* ---- update ---- */

static void take_from_old(struct edit *e, yyjson_mut_val *object, yyjson_val *old, const char *key)
{
	yyjson_val *value = yyjson_obj_get(old, key);

	if (value)
		json_set(e->doc, object, key, json_copy(e->doc, value));
	else
		(void)json_remove(object, str_from(key));
}

/* `Operation cannot be fulfilled on pods "x": <detail>`; detail NULL: the object has been modified;
 * ... */
static int refuse_conflict(struct err *err, const struct kind *kind, struct str name,
			   const char *detail)
{
	char what[KIND_TEXT_BYTES];

	return err_set(err, ERR_CONFLICT, "Operation cannot be fulfilled on %s \"" STR_FMT "\": %s",
		       kind_resource_text(kind, what), STR_ARG(name),
		       detail ? detail
			      : "the object has been modified; please apply your changes to the "
				"latest version and try again");
}

static int check_preconditions(struct edit *e, yyjson_mut_val *meta, yyjson_val *old_meta,
			       struct err *err)
{
	struct str name = json_get_str(old_meta, "name");
	struct str uid = json_mut_str(yyjson_mut_obj_get(meta, "uid"));
	struct str version = json_mut_str(yyjson_mut_obj_get(meta, "resourceVersion"));
	char what[KIND_TEXT_BYTES];

	if (uid.len && !str_eq(uid, json_get_str(old_meta, "uid"))) {
		struct str detail = str_printf_in(
			e->arena,
			"Precondition failed: UID in precondition: " STR_FMT
			", UID in object meta: " STR_FMT,
			STR_ARG(uid), STR_ARG(json_get_str(old_meta, "uid")));

		return refuse_conflict(err, e->kind, name, detail.ptr);
	}
	if ((!version.len || str_eq_c(version, "0")) &&
	    !(e->kind->flags & KIND_UNCONDITIONAL_UPDATE))
		return err_set(err, ERR_INVALID,
			       "%s \"" STR_FMT
			       "\" is invalid: metadata.resourceVersion: Invalid value: 0: "
			       "must be specified for an update",
			       kind_text(e->kind, what), STR_ARG(name));
	if (version.len && !str_eq_c(version, "0") &&
	    !str_eq(version, json_get_str(old_meta, "resourceVersion")))
		return refuse_conflict(err, e->kind, name, NULL);
	return 0;
}

static int check_identity(struct edit *e, yyjson_mut_val *meta, yyjson_val *old_meta,
			  struct err *err)
{
	struct str name = json_mut_str(yyjson_mut_obj_get(meta, "name"));
	struct str old_name = json_get_str(old_meta, "name");

	if (name.len && !str_eq(name, old_name))
		return err_set(err, ERR_BAD_REQUEST,
			       "the name of the object (" STR_FMT
			       ") does not match the name on the URL (" STR_FMT ")",
			       STR_ARG(name), STR_ARG(old_name));
	if (!name.len)
		json_set_str(e->doc, meta, "name", old_name);
	return fill_namespace(e, meta, json_get_str(old_meta, "namespace"), err);
}

static bool is_type_or_meta(struct str key)
{
	return str_eq_c(key, "apiVersion") || str_eq_c(key, "kind") || str_eq_c(key, "metadata");
}

/* Approval of certificate requests is a part of their status with an endpoint of its own. */
static bool is_of_status(struct str subresource)
{
	return str_eq_c(subresource, "status") || str_eq_c(subresource, "approval");
}

/* Members that a write of the object itself decides on. */
static bool is_own(const struct kind *kind, struct str key)
{
	bool has_status = kind->flags & KIND_HAS_STATUS || !(kind->flags & KIND_CUSTOM);

	return !is_type_or_meta(key) && !(has_status && str_eq_c(key, "status"));
}

/* The status endpoint changes nothing but status, every other one everything but status. */
static void split_status(struct edit *e)
{
	yyjson_mut_obj_iter at;
	yyjson_mut_val *member;

	if (!(e->kind->flags & KIND_HAS_STATUS))
		return;
	if (!is_of_status(e->subresource)) {
		take_from_old(e, e->root, e->old, "status");
		return;
	}
	yyjson_mut_obj_iter_init(e->root, &at);
	while ((member = yyjson_mut_obj_iter_next(&at)))
		if (is_own(e->kind, json_mut_str(member)) &&
		    !json_key(e->old, json_mut_str(member)))
			(void)yyjson_mut_obj_iter_remove(&at); /* the doc owns it */
	JSON_MEMBERS (key, value, e->old)
		if (is_own(e->kind, json_str(key)))
			json_put(e->doc, e->root, json_str(key), json_copy(e->doc, value));
}

/* What is wanted: everything but metadata and status. */
static bool wants_the_same(struct edit *e)
{
	JSON_MUT_MEMBERS (key, value, e->root)
		if (is_own(e->kind, json_mut_str(key)) &&
		    !json_mixed_equal(value, json_key(e->old, json_mut_str(key))))
			return false;
	JSON_MEMBERS (key, value, e->old)
		if (is_own(e->kind, json_str(key)) && !json_mut_key(e->root, json_str(key)))
			return false;
	return true;
}

int object_prepare_update(struct edit *e, struct err *err)
{
	static const char *const kept[] = {
		"uid",	    "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
		"selfLink", "generation",	 "resourceVersion"
	};
	yyjson_mut_val *meta = json_ensure_object(e->doc, e->root, "metadata");
	yyjson_val *old_meta = yyjson_obj_get(e->old, "metadata");
	const struct strategy *strategy = e->kind->strategy;
	int64_t generation;

	if (check_identity(e, meta, old_meta, err) < 0 ||
	    check_preconditions(e, meta, old_meta, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_COUNT(kept); i++)
		take_from_old(e, meta, old_meta, kept[i]);
	split_status(e);
	switched_off_drop(e);
	if (is_of_status(e->subresource)) {
		if (strategy->prepare_status_update)
			strategy->prepare_status_update(e);
		return 0;
	}
	if (strategy->prepare_update)
		strategy->prepare_update(e);
	generation = json_get_int(old_meta, "generation", 0);
	if ((e->kind->flags & KIND_HAS_GENERATION) && !wants_the_same(e))
		json_set_int(e->doc, meta, "generation", generation + 1);
	return 0;
}

/* Metadata but for managedFields, which the caller compares (but for their times). */
static bool is_same_metadata(yyjson_mut_val *now, yyjson_val *old)
{
	size_t count = yyjson_mut_obj_size(now);

	JSON_MEMBERS (key, value, old) {
		if (str_eq_c(json_str(key), "managedFields"))
			continue;
		if (!json_mixed_equal(json_mut_key(now, json_str(key)), value))
			return false;
		count--;
	}
	return count == 0;
}

bool object_is_unchanged(struct edit *e)
{
	size_t count = yyjson_mut_obj_size(e->root);

	if (!e->old || count != yyjson_obj_size(e->old))
		return false;
	JSON_MEMBERS (key, value, e->old) {
		yyjson_mut_val *now = json_mut_key(e->root, json_str(key));

		if (str_eq_c(json_str(key), "metadata") ? !is_same_metadata(now, value)
							: !json_mixed_equal(now, value))
			return false;
	}
	return true;
}

/* ---- validate ---- */

/* A custom object of another kind is told nothing but that. */
static bool has_wrong_kind(struct edit *e, struct field_errors *errors)
{
	struct str kind = json_mut_str(yyjson_mut_obj_get(e->root, "kind"));

	if (!(e->kind->flags & KIND_CUSTOM) || str_eq(kind, e->kind->name))
		return false;
	field_invalid_str(errors, FIELD_NAME(NULL, "kind"), kind,
			  str_printf_in(e->arena, "must be " STR_FMT, STR_ARG(e->kind->name)).ptr);
	return true;
}

void object_validate_create(struct edit *e, struct field_errors *errors)
{
	errors->kind = e->kind;
	if (has_wrong_kind(e, errors))
		return;
	meta_validate(e, errors);
	if (e->kind->strategy->validate)
		e->kind->strategy->validate(e, errors);
	schema_check(e, errors);
}

static const struct field_path *path_in(struct arena *arena, const char *dotted)
{
	struct str rest = str_from(dotted), part;
	const struct field_path *path = NULL;

	while (str_next_part(&rest, '.', &part)) {
		struct field_path *next = ARENA_NEW(arena, struct field_path);

		next->parent = path;
		next->name = str_c_in(arena, part);
		path = next;
	}
	return path;
}

static void check_immutable(struct edit *e, struct field_errors *errors)
{
	for (const char *const *path = e->kind->strategy->immutable; path && *path; path++) {
		yyjson_mut_val *now = json_mut_get(e->root, *path);

		if (!json_mixed_equal(now, json_get(e->old, *path)))
			field_invalid_val(errors, path_in(e->arena, *path), now,
					  "field is immutable");
	}
}

void object_validate_update(struct edit *e, struct field_errors *errors)
{
	const struct strategy *strategy = e->kind->strategy;

	errors->kind = e->kind;
	if (has_wrong_kind(e, errors))
		return;
	meta_validate_update(e, errors);
	if (is_of_status(e->subresource)) {
		if (strategy->validate_status_update)
			strategy->validate_status_update(e, errors);
		schema_check(e, errors);
		return;
	}
	if (strategy->validate)
		strategy->validate(e, errors);
	check_immutable(e, errors);
	if (strategy->validate_update)
		strategy->validate_update(e, errors);
	schema_check(e, errors);
}

void object_warn(struct edit *e, struct notices *notices)
{
	if (e->kind->strategy->warn)
		e->kind->strategy->warn(e, notices);
}

/* ---- encode ---- */

struct blob *object_encode(yyjson_mut_val *root, int64_t revision)
{
	yyjson_mut_val *meta = yyjson_mut_obj_get(root, "metadata");
	yyjson_mut_val *there = yyjson_mut_obj_get(meta, "resourceVersion"), saved, key, value;
	struct blob *blob;
	char text[24];

	ASSERT(yyjson_mut_is_obj(meta));
	(void)snprintf(text, sizeof(text), "%lld", (long long)revision);
	if (there) {
		saved = *there;
		yyjson_mut_set_str(there, text);
		blob = json_mut_to_blob(root);
		there->tag = saved.tag;
		there->uni = saved.uni;
		return blob;
	}
	/* Two values of this frame hang in the tree while it is written. */
	yyjson_mut_set_str(&key, "resourceVersion");
	yyjson_mut_set_str(&value, text);
	yyjson_mut_obj_add(meta, &key, &value);
	blob = json_mut_to_blob(root);
	(void)json_remove(meta, STR("resourceVersion"));
	return blob;
}

struct blob *object_with_revision(const struct obj *obj, int64_t revision)
{
	AUTO_JSON_MUT doc = json_thaw(obj->root);

	return object_encode(yyjson_mut_doc_get_root(doc), revision);
}

void object_list_head(const struct kind *kind, int64_t revision, struct str continue_token,
		      int64_t remaining, struct buf *to)
{
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *meta;
	char text[24];

	(void)snprintf(text, sizeof(text), "%lld", (long long)revision);
	json_set_str(doc, root, "kind", kind->list_name);
	json_set_str(doc, root, "apiVersion", kind->api_version);
	meta = json_set_object(doc, root, "metadata");
	json_set_str(doc, meta, "resourceVersion", str_from(text));
	if (continue_token.len || kind->flags & KIND_CUSTOM) /* those have all that they may have */
		json_set_str(doc, meta, "continue", continue_token);
	if (continue_token.len && remaining > 0)
		json_set_int(doc, meta, "remainingItemCount", remaining);
	(void)json_set_array(doc, root, "items");
	json_mut_write(root, to);
	if (!buf_failed(to))
		buf_truncate(to, to->len - 2); /* "]}" comes behind the items */
}

void object_item_opening(const struct kind *kind, struct buf *to)
{
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);

	if (kind->flags & KIND_CUSTOM) {
		buf_put_char(to, '{');
		return;
	}
	json_set_str(doc, root, "kind", kind->name);
	json_set_str(doc, root, "apiVersion", kind->api_version);
	json_mut_write(root, to);
	if (!buf_failed(to))
		to->ptr[to->len - 1] = ','; /* more follows */
}

struct str object_list_item(struct str opening, const struct blob *object)
{
	struct str text = blob_str(object);

	if (!str_strip_prefix(&text, opening))
		(void)str_strip_prefix(&text, STR("{")); /* objects begin with it */
	return text;
}
