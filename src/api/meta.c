/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of ObjectMeta. */
#include "api/meta.h"

#include <stdio.h>
#include "api/limits.h"
#include "api/strategy.h"
#include "base/arena.h"
#include "codec/json_index.h"

static void invalid(struct field_errors *e, const struct field_path *path, struct str value,
		    const char *problem)
{
	if (problem)
		field_invalid_str(e, path, value, problem);
}

void meta_validate_labels(yyjson_mut_val *labels, const struct field_path *path,
			  struct field_errors *errors)
{
	JSON_MUT_MEMBERS (key, value, labels) {
		invalid(errors, path, json_mut_str(key), name_qualified_problem(json_mut_str(key)));
		invalid(errors, path, json_mut_str(value),
			name_label_value_problem(json_mut_str(value)));
	}
}

/* The rule for keys is that of labels, but case does not matter. */
static const char *annotation_key_problem(struct str key)
{
	char lower[DNS_SUBDOMAIN_BYTES_MAX + DNS_LABEL_BYTES_MAX + 2];

	if (key.len > sizeof(lower))
		return name_qualified_problem(key);
	for (size_t i = 0; i < key.len; i++)
		lower[i] = key.ptr[i] >= 'A' && key.ptr[i] <= 'Z' ? (char)(key.ptr[i] + 'a' - 'A')
								  : key.ptr[i];
	return name_qualified_problem(str_sub(lower, key.len));
}

void meta_validate_annotations(yyjson_mut_val *annotations, const struct field_path *path,
			       struct field_errors *errors)
{
	size_t sum = 0;

	JSON_MUT_MEMBERS (key, value, annotations) {
		invalid(errors, path, json_mut_str(key), annotation_key_problem(json_mut_str(key)));
		sum += json_mut_str(key).len + json_mut_str(value).len;
	}
	if (sum > OBJECT_METADATA_BYTES_MAX)
		field_too_long(errors, path, OBJECT_METADATA_BYTES_MAX);
}

static void validate_owner(yyjson_mut_val *owner, const struct field_path *path,
			   struct field_errors *errors)
{
	struct str api_version = json_mut_get_str(owner, "apiVersion"),
		   kind = json_mut_get_str(owner, "kind"), rest, version;

	if (!str_cut(api_version, '/', &rest, &version))
		version = api_version;
	if (!version.len)
		field_invalid_str(errors, FIELD_NAME(path, "apiVersion"), api_version,
				  "version must not be empty");
	if (!kind.len)
		field_invalid_str(errors, FIELD_NAME(path, "kind"), kind, "kind must not be empty");
	if (!json_mut_get_str(owner, "name").len)
		field_invalid_str(errors, FIELD_NAME(path, "name"), STR(""),
				  "name must not be empty");
	if (!json_mut_get_str(owner, "uid").len)
		field_invalid_str(errors, FIELD_NAME(path, "uid"), STR(""),
				  "uid must not be empty");
	if (str_eq_c(api_version, "v1") && str_eq_c(kind, "Event"))
		field_invalid_val(errors, path, owner,
				  "/v1, Kind=Event is disallowed from being an owner");
}

static void validate_owners(yyjson_mut_val *owners, const struct field_path *path,
			    struct field_errors *errors)
{
	yyjson_mut_val *controller = NULL;

	JSON_MUT_EACH (owner, owners) {
		validate_owner(owner, path, errors);
		if (!json_mut_get_bool(owner, "controller", false))
			continue;
		if (controller)
			field_invalid_val(
				errors, path, owners,
				str_printf_in(errors->arena,
					      "Only one reference can have Controller set to true. "
					      "Found \"true\" in references for " STR_FMT
					      "/" STR_FMT " and " STR_FMT "/" STR_FMT,
					      STR_ARG(json_mut_get_str(controller, "kind")),
					      STR_ARG(json_mut_get_str(controller, "name")),
					      STR_ARG(json_mut_get_str(owner, "kind")),
					      STR_ARG(json_mut_get_str(owner, "name")))
					.ptr);
		else
			controller = owner;
	}
}

static void validate_finalizers(yyjson_mut_val *finalizers, const struct field_path *path,
				struct field_errors *errors)
{
	bool orphan = false, foreground = false;

	JSON_MUT_EACH (finalizer, finalizers) {
		struct str name = json_mut_str(finalizer);

		invalid(errors, path, name, name_qualified_problem(name));
		orphan |= str_eq_c(name, "orphan");
		foreground |= str_eq_c(name, "foregroundDeletion");
	}
	if (orphan && foreground)
		field_invalid_val(errors, path, finalizers,
				  "finalizer orphan and foregroundDeletion cannot be both set");
}

static void validate_parts(yyjson_mut_val *meta, const struct field_path *path,
			   struct field_errors *errors)
{
	meta_validate_labels(yyjson_mut_obj_get(meta, "labels"), FIELD_NAME(path, "labels"),
			     errors);
	meta_validate_annotations(yyjson_mut_obj_get(meta, "annotations"),
				  FIELD_NAME(path, "annotations"), errors);
	validate_owners(yyjson_mut_obj_get(meta, "ownerReferences"),
			FIELD_NAME(path, "ownerReferences"), errors);
}

void meta_validate_embedded(yyjson_mut_val *meta, const struct field_path *path,
			    struct field_errors *errors)
{
	static const char *const names[] = { "generateName", "name" };
	struct str space = json_mut_get_str(meta, "namespace");

	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		struct str name = json_mut_get_str(meta, names[i]);

		if (name.len)
			invalid(errors, FIELD_NAME(path, names[i]), name,
				name_is_path_segment(name, i == 0));
	}
	if (space.len)
		invalid(errors, FIELD_NAME(path, "namespace"), space, name_label_problem(space));
	validate_parts(meta, path, errors);
	validate_finalizers(yyjson_mut_obj_get(meta, "finalizers"), FIELD_NAME(path, "finalizers"),
			    errors);
}

/* Kinds of the groups that upstream keeps in modules of their own take any name. */
static bool wants_known_finalizers(const struct kind *kind)
{
	return !(kind->flags & KIND_CUSTOM) &&
	       !str_eq_c(kind->group, "admissionregistration.k8s.io") &&
	       !str_eq_c(kind->group, "apiextensions.k8s.io") &&
	       !str_eq_c(kind->group, "apiregistration.k8s.io");
}

static void check_known_finalizers(struct edit *e, yyjson_mut_val *finalizers,
				   const struct field_path *path, struct field_errors *errors)
{
	size_t i = 0;

	if (!wants_known_finalizers(e->kind))
		return;
	JSON_MUT_EACH (finalizer, finalizers) {
		struct str name = json_mut_str(finalizer);
		const struct field_path *here = FIELD_INDEX(path, i++);

		if (str_find_char(name, '/', 0) == SIZE_MAX && !str_eq_c(name, "kubernetes") &&
		    !str_eq_c(name, "orphan") && !str_eq_c(name, "foregroundDeletion"))
			field_invalid_str(
				errors, here, name,
				"name is neither a standard finalizer name nor is it fully "
				"qualified");
	}
}

void meta_validate(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(NULL, "metadata");
	yyjson_mut_val *meta = yyjson_mut_obj_get(e->root, "metadata");
	const char *(*problem)(struct str, bool) = e->kind->strategy->name_problem;
	struct str name = json_mut_get_str(meta, "name"),
		   base = json_mut_get_str(meta, "generateName");
	struct str space = json_mut_get_str(meta, "namespace");

	if (!problem)
		problem = name_is_subdomain;
	if (base.len)
		invalid(errors, FIELD_NAME(path, "generateName"), base, problem(base, true));
	if (!name.len)
		field_required(errors, FIELD_NAME(path, "name"),
			       "name or generateName is required");
	else
		invalid(errors, FIELD_NAME(path, "name"), name, problem(name, false));
	if (kind_is_namespaced(e->kind)) {
		if (!space.len)
			field_required(errors, FIELD_NAME(path, "namespace"), "");
		else
			invalid(errors, FIELD_NAME(path, "namespace"), space,
				name_label_problem(space));
	}
	validate_parts(meta, path, errors);
	validate_finalizers(yyjson_mut_obj_get(meta, "finalizers"), FIELD_NAME(path, "finalizers"),
			    errors);
	check_known_finalizers(e, yyjson_mut_obj_get(meta, "finalizers"),
			       FIELD_NAME(path, "finalizers"), errors);
}

static bool list_has(yyjson_val *list, struct str text)
{
	JSON_EACH (item, list) {
		if (str_eq(json_str(item), text))
			return true;
	}
	return false;
}

static void check_no_new_finalizers(struct edit *e, yyjson_mut_val *finalizers,
				    const struct field_path *path, struct field_errors *errors)
{
	yyjson_val *old = json_get(e->old, "metadata.finalizers");
	AUTO_BUF extra = { 0 };

	buf_init(&extra, 4096);
	JSON_MUT_EACH (finalizer, finalizers) {
		if (list_has(old, json_mut_str(finalizer)))
			continue;
		if (extra.len)
			buf_put_c(&extra, ", ");
		json_write_quoted(json_mut_str(finalizer), &extra);
	}
	if (extra.len)
		field_forbidden(
			errors, path,
			str_printf_in(errors->arena,
				      "no new finalizers can be added if the object is being "
				      "deleted, found new finalizers []string{%s}",
				      extra.ptr)
				.ptr);
}

void meta_validate_update(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(NULL, "metadata");
	yyjson_mut_val *meta = yyjson_mut_obj_get(e->root, "metadata");
	yyjson_mut_val *finalizers = yyjson_mut_obj_get(meta, "finalizers");

	if (json_get_str(e->old, "metadata.deletionTimestamp").len)
		check_no_new_finalizers(e, finalizers, FIELD_NAME(path, "finalizers"), errors);
	validate_parts(meta, path, errors);
	validate_finalizers(finalizers, FIELD_NAME(path, "finalizers"), errors);
	check_known_finalizers(e, finalizers, FIELD_NAME(path, "finalizers"), errors);
}

/* ---- owners ---- */

static struct str owner_identity(yyjson_mut_val *owner, struct arena *arena)
{
	static const char *const names[] = { "apiVersion", "kind", "name", "uid" },
				 *const flags[] = { "controller", "blockOwnerDeletion" };
	AUTO_BUF text = { 0 };

	buf_init(&text, OBJECT_BYTES_MAX);
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		buf_put_str(&text, json_mut_get_str(owner, names[i]));
		buf_put_char(&text, '\n'); /* in none of them */
	}
	for (size_t i = 0; i < ARRAY_COUNT(flags); i++) {
		yyjson_mut_val *flag = yyjson_mut_obj_get(owner, flags[i]);

		buf_put_char(&text, !flag ? '-' : yyjson_mut_is_true(flag) ? 't' : 'f');
	}
	return str_in(arena, buf_str(&text));
}

void meta_drop_repeated_owners(yyjson_mut_val *root, struct arena *arena, struct buf *uids)
{
	yyjson_mut_val *owners = json_mut_get(root, "metadata.ownerReferences");
	size_t count = yyjson_mut_arr_size(owners);
	AUTO_JSON_INDEX seen = { .slots = NULL };

	if (count < 2)
		return;
	json_index_init(&seen, count);
	for (size_t i = 0; i < count; i++) { /* once around: who stays goes to the end */
		yyjson_mut_val *owner = yyjson_mut_arr_remove_first(owners);

		if (!json_index_add(&seen, owner_identity(owner, arena), owner)) {
			yyjson_mut_arr_append(owners, owner);
			continue;
		}
		if (uids->len)
			buf_put_str(uids, STR(", "));
		buf_put_str(uids, json_mut_get_str(owner, "uid"));
	}
}

void meta_keep(struct edit *e, const char *const *names)
{
	yyjson_mut_val *metadata = json_ensure_object(e->doc, e->root, "metadata");
	yyjson_val *old = yyjson_obj_get(e->old, "metadata");

	for (; *names; names++) {
		yyjson_val *value = yyjson_obj_get(old, *names);

		if (value)
			json_set(e->doc, metadata, *names, json_copy(e->doc, value));
		else
			(void)json_remove(metadata, str_from(*names)); /* the doc owns it */
	}
}

void meta_keep_for_status(struct edit *e)
{
	static const char *const names[] = { "labels", "annotations", "finalizers",
					     "ownerReferences", NULL };

	meta_keep(e, names);
}
