/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An operation as admission sees it, and its webhooks: it waits while they are asked and goes on,
 * or is refused, when they have answered. Decided anew, with all webhooks, when what it was decided
 * against has changed meanwhile: the store's precondition sees to that.
 */
#include "apiserver/admission.h"

#include "apiserver/limits.h"
#include "apiserver/registry.h"
#include "apiserver/webhook_run.h"
#include "loop/env.h"

/* --- the request --- */

/* The groups that somebody of this name would have been authenticated with. */
static const struct user *role_user(struct operation *op)
{
	struct user *user = ARENA_NEW(op->arena, struct user);
	struct str *groups = arena_array(op->arena, 3, sizeof(groups[0]));
	struct str namespace_, name;

	if (str_eq(op->user, user_loopback.name))
		return &user_loopback;
	if (str_has_prefix(op->user, STR("system:node:"))) {
		groups[user->group_count++] = STR("system:nodes");
	} else if (user_is_account(op->user, &namespace_, &name)) {
		groups[user->group_count++] = STR("system:serviceaccounts");
		groups[user->group_count++] = str_printf_in(
			op->arena, "system:serviceaccounts:" STR_FMT, STR_ARG(namespace_));
	}
	groups[user->group_count++] = STR("system:authenticated");
	user->name = op->user;
	user->groups = groups;
	return user;
}

static enum admission_operation operation_of(const struct operation *op)
{
	if (op->body_seen.kind)
		return op->verb == OPERATION_CREATE ? ADMISSION_CREATE : ADMISSION_UPDATE;
	if (op->verb == OPERATION_DELETE)
		return ADMISSION_DELETE;
	return op->edit.old ? ADMISSION_UPDATE : ADMISSION_CREATE;
}

static const struct obj *namespace_of(struct operation *op, struct str name)
{
	return name.len ? registry_get_pending(op->registry, &kind_namespace, STR_NONE, name)
			: NULL;
}

/* Upstream tells no name where a whole collection is removed: the request has none. */
void admission_request_of(struct operation *op, struct admission_request *ret)
{
	bool is_posted_elsewhere = op->held_kind && op->held_kind != op->kind; /* bindings */
	const struct kind *body = op->body_seen.kind ? op->body_seen.kind : op->kind;
	enum admission_operation operation = operation_of(op);
	yyjson_mut_doc *doc = op->body_seen.kind ? op->body_seen.doc : op->edit.doc;
	yyjson_val *old = op->body_seen.kind ? yyjson_doc_get_root(op->body_seen.old)
					     : op->edit.old;

	*ret = (struct admission_request){
		.operation = operation,
		.kind = is_posted_elsewhere ? op->held_kind : op->kind,
		.subresource = is_posted_elsewhere ? STR_NONE : op->subresource,
		.body_group = body->group,
		.body_version = body->version,
		.body_kind = body->name,
		.namespace_ = op->namespace_,
		.name = op->of_collection ? STR_NONE : op->name,
		.object = cel_null(),
		.old_object = old ? cel_json(old, &cel_type_dyn) : cel_null(),
		.user = op->who ? op->who : role_user(op),
		.dry_run = op->dry_run,
		.kinds = &op->registry->kinds,
	};
	if (operation != ADMISSION_DELETE && doc)
		ret->object = cel_json_mut(yyjson_mut_doc_get_root(doc), &cel_type_dyn);
	if (op->kind == &kind_namespace)
		ret->namespace_ = op->name; /* of one that is being made, too */
	ret->namespace_object = namespace_of(op, ret->namespace_);
}

/* --- the run --- */

static int take_object(struct webhook_run *run, yyjson_mut_doc *object, bool *ret_changed)
{
	struct operation *op = run->owner;
	const struct kind *kind = op->body_seen.kind ? op->body_seen.kind : op->kind;
	struct decode_options options = { .kind = kind, .check = FIELDS_IGNORE };
	struct err err = { 0 };
	yyjson_mut_doc *decoded = object_decode_mut(yyjson_mut_doc_get_root(object), &options,
						    &err);
	yyjson_mut_val *root = decoded ? yyjson_mut_doc_get_root(decoded) : NULL;

	json_mut_free(object);
	if (!decoded)
		return refusal_internal(&op->refusal, "%s", err.msg);
	if (!op->body_seen.kind && json_mut_get(root, "metadata.managedFields"))
		(void)json_remove_path(root, "metadata.managedFields"); /* worked out already */
	*ret_changed = !json_mut_equal(root, yyjson_mut_doc_get_root(run->object));
	json_mut_free(run->object);
	run->object = decoded;
	if (op->body_seen.kind) {
		op->body_seen.doc = decoded;
		return 0;
	}
	op->edit.doc = decoded;
	op->edit.root = root;
	op->is_mutated = true;
	object_default(&op->edit);
	return 0;
}

static yyjson_mut_doc *object_of(const struct operation *op)
{
	return op->body_seen.kind ? op->body_seen.doc : op->edit.doc;
}

/* Policies may put another document in the place of the object. */
static enum outcome mutate_again(struct webhook_run *run, struct review_wait *question)
{
	struct operation *op = run->owner;
	enum outcome outcome = admission_mutate_again(op, question);

	if (run->object)
		run->object = object_of(op);
	return outcome;
}

static yyjson_mut_doc *make_options(struct webhook_run *run)
{
	return admission_options_of(run->owner);
}

static void on_done(struct webhook_run *run)
{
	operation_resume(run->owner);
}

static struct webhook_run *new_run(struct operation *op)
{
	struct webhook_run *run = ARENA_NEW(op->arena, struct webhook_run);
	struct env *env = registry_env(op->registry);

	if (!op->deadline_ns)
		op->deadline_ns = env_mono_ns(env) + REQUEST_WRITE_MS * INT64_C(1000000);
	*run = (struct webhook_run){
		.registry = op->registry,
		.arena = op->arena,
		.old_object = op->body_seen.kind ? yyjson_doc_get_root(op->body_seen.old)
						 : op->edit.old,
		.managed_fields = op->body_seen.kind ? STR_NONE : op->managed_fields,
		.refusal = &op->refusal,
		.notices = &op->notices,
		.annotations = &op->annotations,
		.deadline_ns = op->deadline_ns,
		.take = take_object,
		.again = mutate_again,
		.make_options = make_options,
		.done = on_done,
		.owner = op,
	};
	admission_request_of(op, &run->request);
	if (run->request.operation != ADMISSION_DELETE)
		run->object = object_of(op);
	return run;
}

/* What a run came to, and what comes then. */
static enum outcome continue_with(struct operation *op, struct webhook_run *run,
				  enum outcome outcome, operation_step *next)
{
	switch (outcome) {
	case OUTCOME_DONE:
		return next(op);
	case OUTCOME_REFUSED:
		break;
	case OUTCOME_WAITING:
		op->webhooks = run;
		return operation_wait(op, WAIT_WEBHOOKS, next);
	}
	return OUTCOME_REFUSED;
}

static bool has_hooks(struct operation *op, enum hook_type type)
{
	return !op->is_unasked && op->registry->hooks && hooks_get(op->registry->hooks, type) &&
	       !admission_is_configuration(op->kind);
}

enum outcome admission_webhooks_mutate(struct operation *op, operation_step *next)
{
	struct webhook_run *run;

	if (op->body_seen.is_mutated || !has_hooks(op, HOOKS_MUTATING))
		return next(op);
	run = new_run(op);
	return continue_with(op, run, webhook_run_mutate(run), next);
}

enum outcome admission_webhooks_validate(struct operation *op, operation_step *next)
{
	struct webhook_run *run;

	if (!has_hooks(op, HOOKS_VALIDATING))
		return next(op);
	run = new_run(op);
	return continue_with(op, run, webhook_run_validate(run), next);
}
