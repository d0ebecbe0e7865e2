/* SPDX-License-Identifier: Apache-2.0 */
/* managedFields of writes, and server-side apply. */
#include "apiserver/ownership.h"

#include "api/apply.h"
#include "apiserver/admission.h"
#include "apiserver/owner_versions.h"
#include "apiserver/registry.h"
#include "apiserver/scale.h"
#include "base/time.h"

/* ---- what the server does not take from the client ---- */

/* Fields that a write to this endpoint cannot change, beyond the general rule: status here, spec
 * there. */
static const struct {
	const char *group, *plural, *subresource;
	const char *const *fields;
} resets[] = {
	{ "", "pods", "status",
	  (const char *const[]){ "spec", "metadata.deletionTimestamp", "metadata.ownerReferences",
				 NULL } },
	{ "apps", "deployments", "status",
	  (const char *const[]){ "spec", "metadata.labels", NULL } },
	{ "apiextensions.k8s.io", "customresourcedefinitions", "status",
	  (const char *const[]){ "spec", "metadata", NULL } },
	{ "flowcontrol.apiserver.k8s.io", "flowschemas", "status",
	  (const char *const[]){ "spec", "metadata", NULL } },
	{ "flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations", "status",
	  (const char *const[]){ "spec", "metadata", NULL } },
	{ "storage.k8s.io", "volumeattachments", "status",
	  (const char *const[]){ "spec", "metadata", NULL } },
	{ "certificates.k8s.io", "certificatesigningrequests", "approval",
	  (const char *const[]){ "spec", "status.certificate", NULL } },
};

static const struct field_set *reset_of(struct operation *op)
{
	static const char *const status[] = { "status", NULL }, *const spec[] = { "spec", NULL },
				 *const custom[] = { "spec", "metadata", NULL };
	bool is_status = str_eq_c(op->subresource, "status");

	for (size_t i = 0; i < ARRAY_COUNT(resets); i++)
		if (str_eq_c(op->kind->group, resets[i].group) &&
		    str_eq_c(op->kind->plural, resets[i].plural) &&
		    str_eq_c(op->subresource, resets[i].subresource))
			return field_set_of_paths(op->arena, resets[i].fields);
	if (is_status)
		return field_set_of_paths(op->arena, op->kind->flags & KIND_CUSTOM ? custom : spec);
	return op->kind->flags & KIND_HAS_STATUS ? field_set_of_paths(op->arena, status) : NULL;
}

static struct field_writer writer_of(struct operation *op)
{
	char *time = arena_alloc(op->arena, TIME_TEXT_BYTES);

	return (struct field_writer){
		.name = op->field_manager,
		.api_version = op->kind->api_version,
		.subresource = op->subresource,
		.time = str_from(time_format(op->edit.now_ns, time)),
		.reset = reset_of(op),
		.versions = owner_versions_converter(op),
	};
}

/* ---- create and update ---- */

static yyjson_mut_val *take_out(struct operation *op)
{
	yyjson_mut_val *metadata = json_mut_get(op->edit.root, "metadata");

	return metadata ? json_remove(metadata, STR("managedFields")) : NULL;
}

static void keep_text(struct operation *op, struct buf *text)
{
	op->managed_fields = buf_failed(text) ? STR_NONE : str_in(op->arena, buf_str(text));
}

void ownership_create(struct operation *op)
{
	struct field_writer writer;
	AUTO_JSON now = NULL;
	AUTO_BUF text = { 0 };

	(void)take_out(op); /* nothing was there before: all is its maker's */
	if (op->is_applied)
		return;
	op->managed_fields = STR_NONE;
	writer = writer_of(op);
	now = json_freeze(op->edit.root);
	buf_init(&text, FIELD_OWNERS_BYTES_MAX);
	if (field_owners_write_created(op->arena, op->kind->schema, yyjson_doc_get_root(now),
				       &writer, &text))
		keep_text(op, &text);
}

/* The entries before this write: those of the body, where it has any that make sense, else those of
 * the stored object. */
static void read_owners(struct operation *op, yyjson_mut_val *given, struct field_owners *owners)
{
	AUTO_JSON list = NULL;

	field_owners_init(owners, op->arena);
	/* decoding custom objects drops lists that are empty */
	if (given && (op->kind->flags & KIND_CUSTOM) && !yyjson_mut_arr_size(given))
		given = NULL;
	if (given && !op->subresource.len) {
		list = json_freeze(given);
		if (field_owners_is_reset(yyjson_doc_get_root(list)))
			return;
		if (field_owners_read(owners, yyjson_doc_get_root(list), NULL) == 0 &&
		    owners->count) {
			field_owners_keep(owners);
			return;
		}
		field_owners_init(owners, op->arena);
	}
	if (field_owners_read(owners, json_get(op->edit.old, "metadata.managedFields"), NULL) < 0)
		field_owners_init(owners, op->arena);
}

enum outcome ownership_update(struct operation *op)
{
	yyjson_mut_val *given = take_out(op);
	struct field_writer writer;
	struct field_owners owners;
	AUTO_JSON now = NULL;
	AUTO_BUF text = { 0 };

	if (op->is_applied)
		return OUTCOME_DONE;
	op->managed_fields = STR_NONE;
	read_owners(op, given, &owners);
	if (!owners.count) /* asked for, or made before anybody kept count: not begun half-way */
		return OUTCOME_DONE;
	writer = writer_of(op);
	now = json_freeze(op->edit.root);
	/* nobody owns what cannot be told, as upstream */
	if (field_owners_update(&owners, op->kind->schema, op->edit.old, yyjson_doc_get_root(now),
				&writer, NULL) < 0)
		return owner_versions_is_asking(op) ? operation_wait_to_begin(op) : OUTCOME_DONE;
	buf_init(&text, FIELD_OWNERS_BYTES_MAX);
	if (owners.count)
		field_owners_write(&owners, &text);
	keep_text(op, &text);
	return OUTCOME_DONE;
}

void ownership_attach(struct operation *op)
{
	yyjson_mut_val *metadata = json_mut_get(op->edit.root, "metadata");

	if (op->managed_fields.len)
		json_set(op->edit.doc, metadata, "managedFields",
			 yyjson_mut_rawn(op->edit.doc, op->managed_fields.ptr,
					 op->managed_fields.len));
}

bool ownership_is_unchanged(const struct operation *op)
{
	yyjson_val *old = json_get(op->edit.old, "metadata.managedFields");
	AUTO_JSON now = NULL;

	if (!op->managed_fields.len || !old)
		return !op->managed_fields.len && !old;
	now = json_parse(op->managed_fields, op->managed_fields.len, NULL);
	return field_owners_same(yyjson_doc_get_root(now), old);
}

/* ---- apply ---- */

static int refuse_conflicts(struct operation *op, const struct apply *a)
{
	for (size_t i = 0; i < a->conflict_count; i++)
		refusal_add_cause(&op->refusal, (struct refusal_cause){
							.reason = STR("FieldManagerConflict"),
							.message = str_printf_in(
								op->arena, "conflict with " STR_FMT,
								STR_ARG(a->conflicts[i].who)),
							.field = a->conflicts[i].path,
						});
	return refusal_set(&op->refusal, 409, "Conflict", STR_FMT,
			   STR_ARG(apply_conflicts_text(a)));
}

/* As Go prints a GroupVersionKind: `/v1, Kind=Secret`. */
static struct str type_text(struct arena *arena, struct str api_version, struct str name)
{
	bool has_group = str_contains(api_version, STR("/"));

	return str_printf_in(arena, "%s" STR_FMT ", Kind=" STR_FMT, has_group ? "" : "/",
			     STR_ARG(api_version), STR_ARG(name));
}

static int refuse_apply(struct operation *op, const struct apply *a, const struct err *err)
{
	if (err->code == ERR_CONFLICT)
		return refuse_conflicts(op, a);
	if (err->code == ERR_BAD_REQUEST)
		return refusal_bad_request(&op->refusal, "%s", err->msg);
	if (a->config_fits)
		return refusal_set(&op->refusal, 500, "", "%s", err->msg);
	return refusal_set(
		&op->refusal, 500, "",
		"failed to create typed patch object (" STR_FMT "/" STR_FMT "; " STR_FMT "): %s",
		STR_ARG(json_get_str(a->config, "metadata.namespace")),
		STR_ARG(json_get_str(a->config, "metadata.name")),
		STR_ARG(type_text(op->arena, op->kind->api_version, op->kind->name)), err->msg);
}

static int check_type(struct operation *op, const struct kind *kind, yyjson_val *config)
{
	struct str api_version = json_get_str(config, "apiVersion"),
		   name = json_get_str(config, "kind");

	if (!yyjson_is_obj(config) && !yyjson_is_null(config))
		return refusal_bad_request(&op->refusal,
					   "error decoding YAML: error unmarshaling JSON: while "
					   "decoding JSON: json: cannot unmarshal %s into Go value "
					   "of type map[string]interface {}",
					   json_go_type(config));
	if (str_eq(api_version, kind->api_version) && str_eq(name, kind->name))
		return 0;
	return refusal_bad_request(&op->refusal, "invalid object type: " STR_FMT,
				   STR_ARG(type_text(op->arena, api_version, name)));
}

/* op->edit.doc := config laid over the live object (NULL: none); op->managed_fields likewise. */
static enum outcome apply_over(struct operation *op, yyjson_val *live, yyjson_val *config)
{
	struct decode_options options = { .kind = op->kind, .check = FIELDS_IGNORE };
	struct apply a = { .arena = op->arena,
			   .schema = op->kind->schema,
			   .live = live,
			   .config = config,
			   .writer = writer_of(op),
			   .force = op->force };
	struct err err = { 0 };
	AUTO_JSON_MUT result = apply_config(&a, &err);
	AUTO_BUF text = { 0 };

	if (!result && owner_versions_is_asking(op))
		return operation_wait_to_begin(op);
	if (!result)
		return outcome_of(refuse_apply(op, &a, &err));
	buf_init(&text, FIELD_OWNERS_BYTES_MAX);
	op->managed_fields = STR_NONE;
	if (a.owners.count)
		field_owners_write(&a.owners, &text);
	keep_text(op, &text);
	op->is_applied = true;
	json_mut_free(op->edit.doc);
	op->edit.doc = object_decode_mut(yyjson_mut_doc_get_root(result), &options, &err);
	if (!op->edit.doc)
		return outcome_of(refusal_from_err(&op->refusal, &err));
	op->edit.root = yyjson_mut_doc_get_root(op->edit.doc);
	if (op->patch_duplicates.len && op->check == FIELDS_STRICT)
		return outcome_of(refusal_bad_request(&op->refusal,
						      "error strict decoding YAML: " STR_FMT,
						      STR_ARG(op->patch_duplicates)));
	if (op->patch_duplicates.len)
		notices_add(&op->notices, STR_FMT, STR_ARG(op->patch_duplicates));
	return OUTCOME_DONE;
}

/* Nothing is there yet: what is applied is created, by who may do that. */
static enum outcome apply_new(struct operation *op, yyjson_val *config)
{
	enum outcome allowed, applied;
	struct str uid = json_get_str(config, "metadata.uid");
	yyjson_mut_val *metadata;
	struct str given;

	if (op->subresource.len)
		return outcome_of(refusal_not_found(&op->refusal, operation_subject(op)));
	allowed = operation_check_create(op, apply_run);
	if (allowed != OUTCOME_DONE)
		return allowed;
	if (uid.len)
		return outcome_of(
			refusal_conflict(&op->refusal, operation_subject(op),
					 "uid mismatch: the provided object specified uid " STR_FMT
					 ", and no existing object was found",
					 STR_ARG(uid)));
	applied = apply_over(op, NULL, config);
	if (applied != OUTCOME_DONE)
		return applied;
	metadata = json_ensure_object(op->edit.doc, op->edit.root, "metadata");
	given = json_mut_str(yyjson_mut_obj_get(metadata, "name"));
	if (!given.len)
		return outcome_of(refusal_bad_request(
			&op->refusal,
			"the name of the object (" STR_FMT
			" based on URL) was undeterminable: name must be provided",
			STR_ARG(op->name)));
	if (operation_check_name(op) < 0)
		return OUTCOME_REFUSED;
	(void)json_remove(metadata, STR("resourceVersion")); /* upstream asks it of POST only */
	return create_object(op);
}

enum outcome apply_run(struct operation *op)
{
	yyjson_val *config = yyjson_doc_get_root(op->patch);
	enum outcome outcome;

	if (check_type(op, op->kind, config) < 0)
		return OUTCOME_REFUSED;
	if (!registry_exists(op->registry, op->key))
		return apply_new(op, config);
	outcome = operation_load(op);
	if (outcome != OUTCOME_DONE)
		return outcome;
	outcome = apply_over(op, op->edit.old, config);
	return outcome == OUTCOME_DONE ? update_object(op) : outcome;
}

static enum outcome apply_scaled(struct operation *op)
{
	yyjson_val *given = yyjson_doc_get_root(op->patch);
	yyjson_mut_val *scale = yyjson_mut_doc_get_root(op->body_seen.doc), *replicas;
	AUTO_JSON_MUT doc = json_new_object();
	AUTO_JSON config = NULL;
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
	struct str version = json_get_str(given, "metadata.resourceVersion");
	enum outcome applied;

	op->body_seen.is_mutated = true;
	json_set_str(doc, root, "apiVersion", op->kind->api_version);
	json_set_str(doc, root, "kind", op->kind->name);
	if (version.len)
		json_set_path_str(doc, root, "metadata.resourceVersion", version);
	replicas = json_mut_get(scale, "spec.replicas");
	if (replicas && json_get(given, "spec.replicas"))
		json_set_path(doc, root, "spec.replicas", json_mut_copy(doc, replicas));
	config = json_freeze(root);
	applied = apply_over(op, op->edit.old, yyjson_doc_get_root(config));
	if (applied != OUTCOME_DONE)
		return applied;
	op->edit.subresource = STR_NONE;
	op->returns_scale = true;
	return update_object(op);
}

/* A Scale's replicas are those of the object it scales. */
enum outcome apply_scale(struct operation *op)
{
	yyjson_val *scale = yyjson_doc_get_root(op->patch), *replicas;
	enum outcome loaded;

	if (check_type(op, &kind_scale, scale) < 0)
		return OUTCOME_REFUSED;
	loaded = operation_load(op);
	if (loaded != OUTCOME_DONE)
		return loaded;
	operation_take_body(op, &kind_scale);
	scale_take_old(op);
	op->body_seen.doc = json_thaw(yyjson_doc_get_root(op->body_seen.old));
	replicas = json_get(scale, "spec.replicas");
	if (replicas)
		json_set_path(op->body_seen.doc, yyjson_mut_doc_get_root(op->body_seen.doc),
			      "spec.replicas", json_copy(op->body_seen.doc, replicas));
	return admission_mutate(op, apply_scaled);
}
