/* SPDX-License-Identifier: Apache-2.0 */
/* An operation's part of admission policies: what they are told of it, and what they make of it. */
#include "apiserver/admission.h"

#include "apiserver/registry.h"

static const char *const check_names[] = {
	[FIELDS_IGNORE] = "Ignore", [FIELDS_WARN] = "Warn", [FIELDS_STRICT] = "Strict"
};

static void set_delete_options(yyjson_mut_doc *doc, yyjson_mut_val *root,
			       const struct delete_options *o)
{
	yyjson_mut_val *preconditions;

	json_set_str(doc, root, "kind", STR("DeleteOptions"));
	if (o->has_grace)
		json_set_int(doc, root, "gracePeriodSeconds", o->grace_seconds);
	if (o->uid.len || o->resource_version.len) {
		preconditions = json_set_object(doc, root, "preconditions");
		if (o->uid.len)
			json_set_str(doc, preconditions, "uid", o->uid);
		if (o->resource_version.len)
			json_set_str(doc, preconditions, "resourceVersion", o->resource_version);
	}
	if (o->has_orphan)
		json_set_bool(doc, root, "orphanDependents", o->orphan);
	if (o->propagation.len)
		json_set_str(doc, root, "propagationPolicy", o->propagation);
}

/* A patch comes to be an update or, where nothing was, a creation. */
static const char *options_kind(const struct operation *op)
{
	if (op->options)
		return "DeleteOptions";
	return op->edit.old || (op->body_seen.kind && op->verb != OPERATION_CREATE)
		       ? "UpdateOptions"
		       : "CreateOptions";
}

yyjson_mut_doc *admission_options_of(const struct operation *op)
{
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);

	json_set_str(doc, root, "kind", str_from(options_kind(op)));
	json_set_str(doc, root, "apiVersion", STR("meta.k8s.io/v1"));
	if (op->dry_run)
		json_append_str(doc, json_set_array(doc, root, "dryRun"), STR("All"));
	if (op->options) {
		set_delete_options(doc, root, op->options);
		return doc;
	}
	if (op->field_manager.len)
		json_set_str(doc, root, "fieldManager", op->field_manager);
	json_set_str(doc, root, "fieldValidation", str_from(check_names[op->check]));
	return doc;
}

/* ---- asking ---- */

static struct policy_answer answer_of(struct operation *op)
{
	return (struct policy_answer){ .refusal = &op->refusal, .notices = &op->notices };
}

int admission_policies_mutate(struct operation *op, bool is_second)
{
	struct policy_answer answer = answer_of(op);
	struct policy_object object = {
		.kind = op->body_seen.kind ? op->body_seen.kind : op->kind,
		.doc = op->body_seen.kind ? &op->body_seen.doc : &op->edit.doc,
		.arena = op->arena,
		.now_ns = op->edit.now_ns,
	};
	AUTO_JSON_MUT options = NULL;
	struct admission_request request;
	int result;

	if (op->body_seen.is_mutated || !policies_mutate_any(op->registry->policies))
		return 0;
	op->policy_rounds.is_second = is_second;
	admission_request_of(op, &request);
	options = admission_options_of(op);
	request.options = yyjson_mut_doc_get_root(options);
	result = policies_mutate(op->registry->policies, &request, &object, &op->policy_rounds,
				 &answer);
	if (op->edit.doc && !op->body_seen.kind) {
		op->is_mutated |= op->edit.root != yyjson_mut_doc_get_root(op->edit.doc);
		op->edit.root = yyjson_mut_doc_get_root(op->edit.doc);
	}
	return result;
}

int admission_policies_validate(struct operation *op)
{
	struct policy_answer answer = answer_of(op);
	AUTO_JSON_MUT options = NULL;
	struct admission_request request;

	if (!policies_validate_any(op->registry->policies))
		return 0;
	admission_request_of(op, &request);
	options = admission_options_of(op);
	request.options = yyjson_mut_doc_get_root(options);
	return policies_validate(op->registry->policies, &request, &answer);
}
