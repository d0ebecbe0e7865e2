/* SPDX-License-Identifier: Apache-2.0 */
/* Creating an object: default, prepare, mutate, allocate, validate, admit, write where nothing is.
 */
#include "apiserver/admission.h"
#include "api/custom.h"
#include "apiserver/conversion.h"
#include "apiserver/limits.h"
#include "apiserver/operation.h"
#include "apiserver/ownership.h"
#include "apiserver/registry.h"
#include "apiserver/service_claim.h"
#include "loop/env.h"

static int validate(struct operation *op)
{
	struct field_errors errors;

	field_errors_init(&errors, op->arena);
	certificate_check(op, &errors);
	object_validate_create(&op->edit, &errors);
	return operation_take_fields(op, &errors, operation_kind_subject(op));
}

static void give_birth(struct operation *op)
{
	struct env *env = registry_env(op->registry);
	char *uid = arena_alloc(op->arena, ENV_UUID_BYTES),
	     *suffix = arena_alloc(op->arena, OWNER_NAME_RANDOM_BYTES + 1);
	struct object_birth *birth = ARENA_NEW(op->arena, struct object_birth);

	env_uuid(env, uid);
	env_name_suffix(env, suffix, OWNER_NAME_RANDOM_BYTES);
	*birth = (struct object_birth){ .namespace_ = op->namespace_,
					.uid = str_from(uid),
					.suffix = str_from(suffix) };
	op->birth = birth;
}

static int prepare(struct operation *op)
{
	struct err err = { 0 };

	if (json_mut_get_str(op->edit.root, "metadata.resourceVersion").len)
		return refusal_set(&op->refusal, 500, "",
				   "resourceVersion should not be set on objects to be created");
	if (object_prepare_create(&op->edit, op->birth, &err) < 0)
		return refusal_from_err(&op->refusal, &err);
	op->name = str_in(op->arena, json_mut_get_str(op->edit.root, "metadata.name"));
	op->key = registry_key(op->registry, op->arena, op->kind, op->namespace_, op->name);
	return 0;
}

static enum outcome create_admitted(struct operation *op)
{
	ownership_attach(op);
	op->http_status = 201;
	/* What a webhook has to convert first, the store says of whether it exists. */
	if (!(registry_needs_conversion(op->kind) && conversion_has_webhook(op->kind)) &&
	    registry_exists(op->registry, op->key))
		return create_again(op);
	return service_claim_holds(op) ? operation_put(op) : operation_again(op);
}

static enum outcome create_mutated(struct operation *op)
{
	operation_drop_repeated_owners(op, true);
	if ((op->is_mutated && prepare(op) < 0) || service_claim_take(op) < 0 || validate(op) < 0)
		return OUTCOME_REFUSED;
	object_warn(&op->edit, &op->notices);
	return admission_validate(op, create_admitted);
}

/* Its definition is being deleted, and its objects with it. */
static bool is_going(const struct kind *kind)
{
	const struct custom_version *v = custom_version_of(kind);

	return v && obj_is_deleting(v->resource->definition);
}

enum outcome create_object(struct operation *op)
{
	op->edit.old = NULL;
	if (operation_check_namespace(op) < 0)
		return OUTCOME_REFUSED;
	object_default(&op->edit);
	ownership_create(op);
	give_birth(op);
	if (prepare(op) < 0)
		return OUTCOME_REFUSED;
	if (is_going(op->kind))
		return outcome_of(refusal_forbidden(&op->refusal, operation_subject(op),
						    "create not allowed while custom resource "
						    "definition is terminating"));
	return admission_mutate(op, create_mutated);
}

enum outcome create_run(struct operation *op)
{
	if (operation_read_body(op, op->kind) < 0)
		return OUTCOME_REFUSED;
	operation_drop_repeated_owners(op, false);
	return create_object(op);
}

/* Who has just deleted it may come back later. */
static int refuse_taken(struct operation *op)
{
	const struct store_entry *entry = store_get(op->registry->store, op->key);
	struct err err = { 0 };
	const struct obj *there = entry ? obj_of(entry->value, &err) : NULL;

	(void)refusal_exists(&op->refusal, operation_subject(op)); /* told once more below */
	if (there && json_get_str(there->root, "metadata.deletionTimestamp").len)
		op->refusal.message = str_printf_in(op->arena, "object is being deleted: " STR_FMT,
						    STR_ARG(op->refusal.message));
	return -1;
}

enum outcome create_again(struct operation *op)
{
	struct str prefix = json_mut_get_str(op->edit.root, "metadata.generateName");
	char *suffix;

	if (!prefix.len || !str_has_prefix(op->name, prefix) ||
	    op->name.len != prefix.len + OWNER_NAME_RANDOM_BYTES)
		return outcome_of(refuse_taken(op));
	for (int i = 0; i < GENERATE_NAME_TRIES_MAX; i++) {
		suffix = arena_alloc(op->arena, OWNER_NAME_RANDOM_BYTES + 1);
		env_name_suffix(registry_env(op->registry), suffix, OWNER_NAME_RANDOM_BYTES);
		op->name = str_printf_in(op->arena, STR_FMT "%s", STR_ARG(prefix), suffix);
		op->key = registry_key(op->registry, op->arena, op->kind, op->namespace_, op->name);
		if (registry_exists(op->registry, op->key))
			continue;
		json_set_str(op->edit.doc, json_mut_get(op->edit.root, "metadata"), "name",
			     op->name);
		if (service_claim_take(op) < 0)
			return OUTCOME_REFUSED;
		return operation_put(op);
	}
	return outcome_of(refuse_taken(op));
}
