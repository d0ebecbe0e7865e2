/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of every write: which steps run, how they end, and when they are tried again. */
#include "apiserver/admission.h"

#include "api/convert.h"
#include "api/limits.h"
#include "api/meta.h"
#include "apiserver/conversion.h"
#include "apiserver/limits.h"
#include "apiserver/owner_versions.h"
#include "apiserver/registry.h"
#include "apiserver/scale.h"
#include "apiserver/service_claim.h"
#include "apiserver/webhook_run.h"
#include "base/log.h"
#include "loop/env.h"

/* What each verb does to an object and to its sub-resources; what is not here is not allowed. */
static const struct {
	const char *subresource;
	operation_step *run[OPERATION_VERB_COUNT];
} steps[] = {
	{ "", { create_run, update_run, patch_run, delete_run } },
	{ "status", { NULL, update_run, patch_run, NULL } },
	{ "finalize", { NULL, finalize_update, NULL, NULL } },
	{ "ephemeralcontainers", { NULL, ephemeral_update, ephemeral_update, NULL } },
	{ "resize", { NULL, update_run, patch_run, NULL } },
	{ "scale", { NULL, scale_update, scale_patch, NULL } },
	{ "binding", { binding_create, NULL, NULL, NULL } },
	{ "eviction", { eviction_create, NULL, NULL, NULL } },
	{ "token", { token_request_create, NULL, NULL, NULL } },
	{ "approval", { NULL, update_run, patch_run, NULL } },
};

struct subject operation_subject(const struct operation *op)
{
	return (struct subject){ op->kind->group, op->kind->plural, op->name };
}

struct subject operation_kind_subject(const struct operation *op)
{
	struct str kind = op->kind->flags & KIND_CUSTOM && op->edit.root
				  ? json_mut_get_str(op->edit.root, "kind")
				  : STR_NONE; /* what a custom object says it is */

	return (struct subject){ op->kind->group, kind.len ? kind : op->kind->name, op->name };
}

static void reset_edit(struct operation *op)
{
	json_mut_free(op->edit.doc);
	op->edit = (struct edit){
		.kind = op->kind,
		.arena = op->arena,
		.now_ns = env_wall_ns(registry_env(op->registry)),
		.user = op->user,
		.subresource = op->subresource,
	};
}

static void drop_body(struct operation *op)
{
	json_mut_free(op->body_seen.doc);
	json_free(op->body_seen.old);
	op->body_seen = (struct operation_body){ 0 };
	policy_rounds_deinit(&op->policy_rounds);
}

void operation_drop_repeated_owners(struct operation *op, bool after_admission)
{
	AUTO_BUF uids = { 0 };

	buf_init(&uids, OBJECT_BYTES_MAX);
	meta_drop_repeated_owners(op->edit.root, op->arena, &uids);
	if (uids.len)
		notices_add(&op->notices,
			    ".metadata.ownerReferences contains duplicate entries%s; API server "
			    "dedups owner references in 1.20+, and may reject such requests as "
			    "early as 1.24; please fix your requests; duplicate UID(s) "
			    "observed: " STR_FMT,
			    after_admission ? " after mutating admission happens" : "",
			    STR_ARG(buf_str(&uids)));
}

void operation_take_body(struct operation *op, const struct kind *kind)
{
	drop_body(op);
	op->body_seen = (struct operation_body){ .kind = kind, .doc = op->edit.doc };
	op->edit.doc = NULL;
	op->edit.root = NULL;
}

void operation_charge(struct operation *op, struct operation_charge *charges, size_t count)
{
	for (size_t i = 0; i < op->charge_count; i++)
		json_mut_free(op->charges[i].doc);
	op->charges = charges;
	op->charge_count = count;
}

static void operation_unload(struct operation *op)
{
	if (op->old_blob)
		obj_unref(obj_get(op->old_blob));
	if (op->old_read)
		obj_unref(obj_get(op->old_read));
	json_free(op->old_converted);
	op->old_blob = op->old_read = NULL;
	op->is_outdated = false;
	op->old_converted = NULL;
	op->old_revision = 0;
	op->edit.old = NULL;
}

static void finish(struct operation *op)
{
	list_remove(&op->link);
	service_claim_drop(op);
	op->done(op);
}

/* A step is over: so is the operation, unless it goes on later. */
static void after_step(struct operation *op, enum outcome outcome)
{
	if (outcome == OUTCOME_WAITING)
		return;
	finish(op);
}

/* From the first step, with what is there now. */
static enum outcome begin(struct operation *op)
{
	operation_step *step = NULL;
	struct err err = { 0 };

	for (size_t i = 0; i < ARRAY_COUNT(steps); i++)
		if (str_eq_c(op->subresource, steps[i].subresource))
			step = steps[i].run[op->verb];
	reset_edit(op);
	drop_body(op);
	operation_charge(op, NULL, 0);
	service_claim_drop(op);
	op->is_mutated = false;
	op->returns_status = op->returns_scale = op->is_delete_write = op->is_applied = false;
	op->managed_fields = STR_NONE;
	if (!(op->kind->verbs & (VERB_GET | VERB_LIST)))
		step = NULL; /* questions, not objects */
	if (!step)
		return outcome_of(refusal_method_not_allowed(&op->refusal));
	if (op->verb != OPERATION_CREATE &&
	    store_check_readable(op->registry->store, op->key, &err) < 0)
		return outcome_of(refusal_from_err(&op->refusal, &err));
	return step(op);
}

enum outcome operation_again(struct operation *op)
{
	if (++op->tries >= CHARGE_RETRIES_MAX)
		return outcome_of(refusal_modified(&op->refusal, operation_subject(op)));
	return begin(op);
}

/* --- waiting --- */

enum outcome operation_wait(struct operation *op, enum operation_wait what, operation_step *resume)
{
	if (what == WAIT_AUTHORIZATION)
		op->questions++;
	op->waits_for = what;
	op->resume = resume;
	return OUTCOME_WAITING;
}

void operation_resume(struct operation *op)
{
	op->waits_for = WAIT_NONE;
	after_step(op, op->refusal.code ? OUTCOME_REFUSED : op->resume(op));
}

/* For somebody outside. */
static bool is_waiting(const struct operation *op)
{
	return op->waits_for != WAIT_NONE && op->waits_for != WAIT_STORE;
}

/* Nothing it waits for comes any more. */
static void stop_waiting(struct operation *op)
{
	switch (op->waits_for) {
	case WAIT_NONE:
	case WAIT_STORE:
		break;
	case WAIT_NAMESPACE:
		list_remove(&op->provision);
		break;
	case WAIT_AUTHORIZATION:
		review_wait_cancel(&op->asked);
		break;
	case WAIT_WEBHOOKS:
		webhook_run_cancel(op->webhooks);
		break;
	case WAIT_IMAGES:
		image_policy_cancel(op->image_review);
		break;
	case WAIT_CONVERSION:
		break; /* freed below, also when it is over */
	}
	op->waits_for = WAIT_NONE;
	conversion_free(op->conversion);
	conversion_free(op->old_conversion);
	op->conversion = op->old_conversion = NULL;
	owner_versions_drop(op);
}

/* --- what its user may do --- */

static void on_told(struct review_wait *wait)
{
	operation_resume(CONTAINER_OF(wait, struct operation, asked));
}

struct review_wait *operation_question(struct operation *op)
{
	return op->questions < OPERATION_QUESTIONS_MAX ? &op->asked : NULL;
}

enum outcome operation_authorize(struct operation *op, const struct authz_attributes *asked)
{
	struct authz_attributes attributes = *asked;

	attributes.wait = operation_question(op);
	switch (authz_decide(op->registry, &attributes)) {
	case AUTHZ_ALLOW:
		return OUTCOME_DONE;
	case AUTHZ_LATER:
		return OUTCOME_WAITING;
	case AUTHZ_DENY:
	case AUTHZ_NO_OPINION:
		break;
	}
	return OUTCOME_REFUSED;
}

enum outcome operation_check_create(struct operation *op, operation_step *again)
{
	struct target target = { .verb = STR("create"),
				 .is_resource = true,
				 .group = op->kind->group,
				 .version = op->kind->version,
				 .namespace_ = op->namespace_,
				 .resource = op->kind->plural,
				 .name = op->name };
	struct authz_reason reason = { .arena = op->arena };
	struct authz_attributes attributes = { .user = op->who,
					       .target = &target,
					       .reason = &reason };

	if (!op->who)
		return OUTCOME_DONE;
	switch (operation_authorize(op, &attributes)) {
	case OUTCOME_DONE:
		return OUTCOME_DONE;
	case OUTCOME_REFUSED:
		break;
	case OUTCOME_WAITING:
		return operation_wait(op, WAIT_AUTHORIZATION, again);
	}
	return outcome_of(authz_refuse(&attributes, &op->refusal));
}

void operation_start(struct operation *op)
{
	review_wait_init(&op->asked, on_told);
	refusal_init(&op->refusal, op->arena);
	notices_init(&op->notices, op->arena);
	list_init(&op->link);
	list_push_back(&op->registry->operations, &op->link);
	op->held_kind = op->kind;
	custom_kind_ref(op->held_kind);
	op->http_status = 200;
	if (op->kind == &kind_binding && op->verb == OPERATION_CREATE) {
		op->kind = &kind_pod;
		op->subresource = STR("binding");
	}
	if (op->name.len)
		op->key = registry_key(op->registry, op->arena, op->kind, op->namespace_, op->name);
	after_step(op, begin(op));
}

void operation_cancel(struct operation *op)
{
	if (!is_waiting(op))
		return;
	stop_waiting(op);
	(void)refusal_set(&op->refusal, 504, "Timeout",
			  "Timeout: request was cancelled"); /* told by done */
	finish(op);
}

void operation_cancel_all(struct registry *registry)
{
	bool found = true;

	while (found) {
		found = false;
		LIST_FOR_EACH (node, &registry->operations) {
			struct operation *op = LIST_ENTRY(node, struct operation, link);

			if (!op->who || !is_waiting(op))
				continue;
			operation_cancel(op); /* others may go with it: from the start again */
			found = true;
			break;
		}
	}
}

void operation_deinit(struct operation *op)
{
	if (is_waiting(op))
		list_remove(&op->link);
	stop_waiting(op);
	operation_unload(op);
	drop_body(op);
	operation_charge(op, NULL, 0);
	service_claim_drop(op);
	json_mut_free(op->edit.doc);
	json_mut_free(op->body);
	json_free(op->patch);
	blob_unref(op->result);
	custom_kind_unref(op->held_kind);
	op->held_kind = NULL;
	op->edit.doc = NULL;
	op->body = NULL;
	op->patch = NULL;
	op->result = NULL;
}

int operation_read_body(struct operation *op, const struct kind *kind)
{
	struct decode_options options = {
		.kind = kind,
		.format = op->body_format,
		.check = op->check,
		.notices = op->tries ? NULL : &op->notices,
	};
	struct err err = { 0 };

	json_mut_free(op->edit.doc);
	op->edit.doc = op->body ? object_decode_mut(yyjson_mut_doc_get_root(op->body), &options,
						    &err)
				: object_decode(op->body_bytes, &options, &err);
	if (!op->edit.doc)
		return refusal_from_err(&op->refusal, &err);
	op->edit.root = yyjson_mut_doc_get_root(op->edit.doc);
	return 0;
}

int operation_check_name(struct operation *op)
{
	struct str given = json_mut_get_str(op->edit.root, "metadata.name");

	if (!given.len || str_eq(given, op->name))
		return 0;
	return refusal_bad_request(&op->refusal,
				   "the name of the object (" STR_FMT
				   ") does not match the name on the URL (" STR_FMT ")",
				   STR_ARG(given), STR_ARG(op->name));
}

int operation_check_namespace(struct operation *op)
{
	struct str given = json_mut_get_str(op->edit.root, "metadata.namespace");

	if (!given.len || !kind_is_namespaced(op->kind) || str_eq(given, op->namespace_))
		return 0;
	return refusal_bad_request(
		&op->refusal, "the namespace of the provided object does not match the namespace "
			      "sent on the request");
}

/* --- conversion by webhook --- */

static void on_converted(void *arg, struct conversion *conversion, const struct err *err)
{
	struct operation *op = arg;

	(void)conversion; /* the step that comes has it in op */
	if (err)
		(void)conversion_refuse(&op->refusal, err); /* told by resuming */
	operation_resume(op);
}

enum outcome operation_wait_to_begin(struct operation *op)
{
	return operation_wait(op, WAIT_CONVERSION, begin);
}

/* resume finds the result in op->conversion. */
static enum outcome convert(struct operation *op, const struct kind *to, struct blob *object,
			    operation_step *resume)
{
	conversion_free(op->conversion);
	op->conversion = conversion_start(op->registry, to, &object, 1, on_converted, op);
	return operation_wait(op, WAIT_CONVERSION, resume);
}

/* The stored object as op->kind has it: known in the run that begins with the answer. */
static enum outcome load_converted(struct operation *op, struct blob *stored)
{
	struct blob *converted = conversion_find(op->old_conversion, stored);

	if (converted) {
		op->edit.old = obj_get(converted)->root;
		return OUTCOME_DONE;
	}
	if (op->old_conversion && ++op->tries >= PATCH_RETRIES_MAX) /* others are faster */
		return outcome_of(refusal_modified(&op->refusal, operation_subject(op)));
	conversion_free(op->old_conversion);
	op->old_conversion = conversion_start(op->registry, op->kind, &stored, 1, on_converted, op);
	return operation_wait_to_begin(op);
}

/* What is there, as readers of op->kind's definition see it: that is what a write starts from. */
static const struct obj *load_read(struct operation *op, const struct obj *stored)
{
	struct blob *read;

	if (!(op->kind->flags & KIND_CUSTOM))
		return stored;
	read = custom_as_read(op->kind, stored);
	op->is_outdated = read != stored->blob ||
			  !str_eq(stored->api_version, kind_stored(op->kind)->api_version);
	op->old_read = read;
	return obj_own(read);
}

enum outcome operation_load(struct operation *op)
{
	/* A dry run tells what would be of what is there, not of what may still fail. */
	const struct store_entry *entry = op->dry_run ? store_get(op->registry->store, op->key)
						      : registry_pending(op->registry, op->key);
	const struct obj *obj;
	struct err err = { 0 };

	operation_unload(op);
	if (!entry)
		return outcome_of(refusal_not_found(&op->refusal, operation_subject(op)));
	obj = obj_of(entry->value, &err);
	if (!obj)
		return outcome_of(
			refusal_internal(&op->refusal, "stored object is damaged: %s", err.msg));
	op->old_blob = obj_ref(obj)->blob; /* with its tree, which is read in later turns, too */
	op->old_revision = entry->mod_revision;
	obj = load_read(op, obj);
	op->edit.old = obj->root;
	if (conversion_is_needed(op->kind, obj->blob))
		return load_converted(op, obj->blob);
	if (!registry_is_served_as_stored(op->kind, obj->blob)) {
		AUTO_JSON_MUT doc = json_thaw(obj->root);

		if (convert_stored(doc, kind_stored(op->kind), op->kind, &err) < 0)
			return outcome_of(refusal_from_err(&op->refusal, &err));
		op->old_converted = json_freeze(yyjson_mut_doc_get_root(doc));
		op->edit.old = yyjson_doc_get_root(op->old_converted);
	}
	return OUTCOME_DONE;
}

int operation_take_fields(struct operation *op, const struct field_errors *errors,
			  struct subject subject)
{
	if (!errors->count)
		return 0;
	for (size_t i = 0; i < errors->count; i++)
		refusal_add_cause(
			&op->refusal,
			(struct refusal_cause){
				.reason = str_from(field_error_reason(errors->items[i].type)),
				.message = errors->items[i].message,
				.field = errors->items[i].field,
			});
	return refusal_invalid(&op->refusal, subject);
}

/* --- ends --- */

static void take_result(struct operation *op, struct blob *object)
{
	AUTO_JSON_MUT scale = NULL;
	const struct obj *obj;

	blob_unref(op->result);
	op->result = object;
	if (!op->returns_scale)
		return;
	obj = obj_get(object);
	scale = scale_of(op->kind, obj->root, op->arena);
	op->result = json_mut_to_blob(yyjson_mut_doc_get_root(scale));
	blob_unref(object);
}

static enum outcome answer_converted(struct operation *op)
{
	take_result(op, blob_ref(conversion_result(op->conversion, 0)));
	return OUTCOME_DONE;
}

static enum outcome answer_blob(struct operation *op, struct blob *stored)
{
	struct err err = { 0 };
	struct blob *object = registry_present(op->kind, stored, &err), *converted;
	enum outcome outcome;

	if (!object)
		return outcome_of(refusal_from_err(&op->refusal, &err));
	converted = conversion_find(op->old_conversion, object);
	if (converted) {
		take_result(op, blob_ref(converted));
		blob_unref(object);
		return OUTCOME_DONE;
	}
	if (!conversion_is_needed(op->kind, object)) {
		take_result(op, object);
		return OUTCOME_DONE;
	}
	outcome = convert(op, op->kind, object, answer_converted);
	blob_unref(object);
	return outcome;
}

static enum outcome submit(struct operation *op);

enum outcome operation_answer_old(struct operation *op)
{
	if (op->old_revision <= store_revision(op->registry->store))
		return answer_blob(op, op->old_blob);
	/* It is not durable yet: nobody may see it before it is. */
	op->store_op = (struct store_op){ .type = STORE_CHECK,
					  .expected_revision = op->old_revision };
	return submit(op);
}

enum outcome operation_answer_success(struct operation *op, struct str uid)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, 64u << 10);
	refusal_write_success(operation_subject(op), uid, &text);
	blob_unref(op->result);
	op->result = blob_new(buf_str(&text));
	return OUTCOME_DONE;
}

/* The object is as it was; a quota, or what says which addresses are taken, has moved on. */
static bool lost_on_charge(const struct operation *op)
{
	const struct store_entry *now = registry_pending(op->registry, op->key);
	size_t claim_count;

	(void)service_claim_charges(op, &claim_count); /* only how many */
	return op->charge_count + claim_count &&
	       (now ? now->mod_revision : 0) == (op->old_blob ? op->old_revision : 0);
}

/* Whether trying again with the state as it is now may go well. */
static bool may_retry(const struct operation *op)
{
	if (lost_on_charge(op))
		return op->tries + 1 < CHARGE_RETRIES_MAX;
	if (op->tries + 1 >= PATCH_RETRIES_MAX ||
	    (op->verb == OPERATION_CREATE && !op->subresource.len))
		return false;
	if (op->verb == OPERATION_UPDATE && op->edit.root)
		return op->kind->flags & KIND_UNCONDITIONAL_UPDATE &&
		       !json_mut_get_str(op->edit.root, "metadata.resourceVersion").len;
	return true;
}

static void submit_failed(struct operation *op, const struct err *err)
{
	if (err->code == ERR_EXISTS && op->verb == OPERATION_CREATE && !op->subresource.len &&
	    !lost_on_charge(op)) {
		after_step(op, create_again(op));
		return;
	}
	if ((err->code == ERR_CONFLICT || err->code == ERR_NOT_FOUND || err->code == ERR_EXISTS) &&
	    may_retry(op)) {
		op->tries++;
		after_step(op, begin(op));
		return;
	}
	if (err->code == ERR_NOT_FOUND)
		refusal_not_found(&op->refusal, operation_subject(op));
	else if (err->code == ERR_CONFLICT || err->code == ERR_EXISTS)
		refusal_modified(&op->refusal, operation_subject(op));
	else
		refusal_from_err(&op->refusal, err);
	finish(op);
}

static enum outcome answer_written(struct operation *op, const struct store_write *write)
{
	const struct store_entry *entry;
	const struct obj *obj;

	if (op->returns_status && !op->wants_object) {
		obj = obj_of(write->ops[0].value, NULL);
		return operation_answer_success(op,
						op->is_delete_write && obj ? obj->uid : STR_NONE);
	}
	if (write->ops[0].type != STORE_CHECK)
		return answer_blob(op, write->ops[0].value);
	entry = store_get(op->registry->store, op->key);
	return entry ? answer_blob(op, entry->value)
		     : outcome_of(refusal_not_found(&op->refusal, operation_subject(op)));
}

static void submit_done(struct store_write *write, int64_t revision, struct err *err)
{
	struct operation *op = CONTAINER_OF(write, struct operation, write);

	op->waits_for = WAIT_NONE;
	if (err) {
		submit_failed(op, err);
		return;
	}
	after_step(op, answer_written(op, write));
}

static struct blob *encode_put(struct store_op *store_op, int64_t revision, struct err *err)
{
	struct operation *op = store_op->owner;

	return object_encode(op->edit.root, revision);
}

static struct blob *encode_charge(struct store_op *store_op, int64_t revision, struct err *err)
{
	const struct operation_charge *charge = store_op->owner;

	return charge->doc ? object_encode(yyjson_mut_doc_get_root(charge->doc), revision)
			   : registry_restamp(obj_get(charge->removed), revision);
}

static struct blob *encode_removed(struct store_op *store_op, int64_t revision, struct err *err)
{
	struct operation *op = store_op->owner;

	if (op->final_state)
		return object_encode(op->final_state, revision);
	return registry_restamp(obj_get(op->old_blob), revision);
}

struct store_op operation_charge_op(const struct operation_charge *charge)
{
	return (struct store_op){
		.type = charge->doc ? STORE_PUT : STORE_DELETE,
		.key = charge->key,
		.expected_revision = charge->expected_revision,
		.encode = encode_charge,
		.owner = (void *)charge,
	};
}

static enum outcome submit(struct operation *op)
{
	struct store_op *ops = &op->store_op;
	size_t claim_count, count = 1;
	const struct operation_charge *claims = service_claim_charges(op, &claim_count);

	op->store_op.key = op->key;
	op->store_op.owner = op;
	op->store_op.value = op->store_op.previous = NULL;
	if (op->charge_count + claim_count) {
		ops = arena_array(op->arena, 1 + op->charge_count + claim_count, sizeof(ops[0]));
		ops[0] = op->store_op;
	}
	for (size_t i = 0; i < op->charge_count; i++)
		ops[count++] = operation_charge_op(&op->charges[i]);
	for (size_t i = 0; i < claim_count; i++)
		ops[count++] = operation_charge_op(&claims[i]);
	op->write = (struct store_write){ .ops = ops, .op_count = count, .done = submit_done };
	op->waits_for = WAIT_STORE;
	store_submit(op->registry->store, &op->write);
	return OUTCOME_WAITING;
}

static enum outcome submit_converted(struct operation *op)
{
	json_mut_free(op->edit.doc);
	op->edit.doc = json_thaw(obj_get(conversion_result(op->conversion, 0))->root);
	op->edit.root = yyjson_mut_doc_get_root(op->edit.doc);
	if (op->is_delete_write)
		op->final_state = op->edit.root;
	return submit(op);
}

/* What op->edit holds goes to the store, in the version that is stored. */
static enum outcome submit_stored(struct operation *op)
{
	struct err err = { 0 };
	AUTO_BLOB object = NULL;

	op->edit.root = yyjson_mut_doc_get_root(op->edit.doc);
	if (registry_needs_conversion(op->kind) && conversion_has_webhook(op->kind)) {
		object = json_mut_to_blob(op->edit.root);
		return convert(op, kind_stored(op->kind), object, submit_converted);
	}
	if (registry_needs_conversion(op->kind) &&
	    convert_stored(op->edit.doc, op->kind, kind_stored(op->kind), &err) < 0)
		return outcome_of(refusal_from_err(&op->refusal, &err));
	op->edit.root = yyjson_mut_doc_get_root(op->edit.doc);
	if (op->is_delete_write)
		op->final_state = op->edit.root;
	return submit(op);
}

static enum outcome answer_dry_run(struct operation *op)
{
	if (op->returns_status && !op->wants_object)
		return operation_answer_success(op, STR_NONE);
	if (op->old_revision)
		take_result(op, object_encode(op->edit.root, op->old_revision));
	else
		take_result(op, json_mut_to_blob(
					op->edit.root)); /* what is not there has no revision */
	return OUTCOME_DONE;
}

/* What could not be stored is refused all the same. */
static enum outcome try_to_store(struct operation *op)
{
	AUTO_BLOB object = NULL;

	if (!registry_needs_conversion(op->kind) || !conversion_has_webhook(op->kind))
		return answer_dry_run(op);
	object = json_mut_to_blob(op->edit.root);
	return convert(op, kind_stored(op->kind), object, answer_dry_run);
}

enum outcome operation_put(struct operation *op)
{
	bool is_event = kind_stored(op->kind) == &kind_event;

	if (json_mut_depth(op->edit.root) > OBJECT_DEPTH_MAX)
		return outcome_of(refusal_bad_request(&op->refusal, "exceeded max depth of %d",
						      OBJECT_DEPTH_MAX));
	if (op->dry_run)
		return try_to_store(op);
	op->is_delete_write = false;
	op->store_op = (struct store_op){
		.type = STORE_PUT,
		.encode = encode_put,
		.ttl_seconds = is_event ? op->registry->event_ttl_seconds : 0,
		.expected_revision = op->old_blob ? op->old_revision : STORE_REVISION_NONE,
	};
	return submit_stored(op);
}

enum outcome operation_remove(struct operation *op, yyjson_mut_val *final_state)
{
	op->final_state = final_state;
	op->is_delete_write = true;
	if (op->dry_run) {
		if (op->returns_status && !op->wants_object)
			return operation_answer_success(op,
							json_get_str(op->edit.old, "metadata.uid"));
		return operation_answer_old(op);
	}
	op->store_op = (struct store_op){
		.type = STORE_DELETE,
		.encode = encode_removed,
		.expected_revision = op->old_revision,
	};
	service_claim_remove(op);
	return final_state ? submit_stored(op) : submit(op);
}
