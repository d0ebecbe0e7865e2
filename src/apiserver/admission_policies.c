/* SPDX-License-Identifier: Apache-2.0 */
/* An operation's part of admission policies: what they are told of it, and what they make of it. */
#include "apiserver/admission.h"

#include "apiserver/authz.h"
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
	return (struct policy_answer){ .refusal = &op->refusal,
				       .notices = &op->notices,
				       .annotations = &op->annotations };
}

enum outcome admission_policies_mutate(struct operation *op, bool is_second,
				       struct review_wait *question)
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
	enum outcome outcome;

	if (op->is_unasked || op->body_seen.is_mutated ||
	    !policies_mutate_any(op->registry->policies))
		return OUTCOME_DONE;
	op->policy_rounds.is_second = is_second;
	admission_request_of(op, &request);
	options = admission_options_of(op);
	request.options = yyjson_mut_doc_get_root(options);
	request.wait = question;
	outcome = policies_mutate(op->registry->policies, &request, &object, &op->policy_rounds,
				  &answer);
	if (op->edit.doc && !op->body_seen.kind) {
		op->is_mutated |= op->edit.root != yyjson_mut_doc_get_root(op->edit.doc);
		op->edit.root = yyjson_mut_doc_get_root(op->edit.doc);
	}
	return outcome;
}

enum outcome admission_policies_validate(struct operation *op, struct review_wait *question)
{
	struct policy_answer answer = answer_of(op);
	AUTO_JSON_MUT options = NULL;
	struct admission_request request;

	if (op->is_unasked || !policies_validate_any(op->registry->policies))
		return OUTCOME_DONE;
	admission_request_of(op, &request);
	options = admission_options_of(op);
	request.options = yyjson_mut_doc_get_root(options);
	request.wait = question;
	return policies_validate(op->registry->policies, &request, &answer);
}

/* ---- who may name parameters ---- */

/* Parameters are read for whoever writes what they decide about: who names them has to be allowed
 * to read them himself. */
static enum outcome may_get(struct operation *op, const struct kind *kind, struct str namespace_,
			    struct str name)
{
	struct target target = { .verb = STR("get"),
				 .is_resource = true,
				 .group = kind->group,
				 .version = kind->version,
				 .resource = kind->plural,
				 .namespace_ = namespace_,
				 .name = name };
	struct authz_attributes attributes = { .user = op->who, .target = &target };

	return operation_authorize(op, &attributes);
}

static const struct kind *find_param_kind(struct operation *op, struct str api_version,
					  struct str name)
{
	struct str group, version;

	if (!str_cut(api_version, '/', &group, &version)) {
		version = group;
		group = STR_NONE;
	}
	return kind_set_find_name(&op->registry->kinds, group, version, name);
}

static enum outcome refuse_access(struct operation *op, const char *field, const char *detail)
{
	struct field_errors errors;

	field_errors_init(&errors, op->arena);
	field_forbidden(&errors, FIELD_NAME(FIELD_NAME(NULL, "spec"), field), detail);
	return outcome_of(operation_take_fields(op, &errors, operation_kind_subject(op)));
}

static enum outcome check_policy_access(struct operation *op)
{
	yyjson_mut_val *param = json_mut_get(op->edit.root, "spec.paramKind");
	struct str api_version = json_mut_get_str(param, "apiVersion"),
		   name = json_mut_get_str(param, "kind");
	const struct kind *kind;
	enum outcome allowed;

	if (!param || json_mixed_equal(param, json_get(op->edit.old, "spec.paramKind")))
		return OUTCOME_DONE;
	kind = find_param_kind(op, api_version, name);
	if (!kind)
		return OUTCOME_DONE;
	allowed = may_get(op, kind, kind_is_namespaced(kind) ? STR("*") : STR_NONE, STR("*"));
	if (allowed != OUTCOME_REFUSED)
		return allowed;
	return refuse_access(
		op, "paramKind",
		str_printf_in(op->arena,
			      "user " STR_FMT
			      " must have \"get\" permission on all objects of the referenced "
			      "paramKind (kind=" STR_FMT ", apiVersion=" STR_FMT ")",
			      STR_ARG(op->user), STR_ARG(name), STR_ARG(api_version))
			.ptr);
}

static enum outcome check_binding_access(struct operation *op, const struct kind *policy_kind)
{
	yyjson_mut_val *ref = json_mut_get(op->edit.root, "spec.paramRef");
	struct str namespace_ = json_mut_get_str(ref, "namespace"),
		   name = json_mut_get_str(ref, "name");
	const struct obj *policy;
	const struct kind *kind;
	enum outcome allowed;

	if (!ref || json_mixed_equal(ref, json_get(op->edit.old, "spec.paramRef")))
		return OUTCOME_DONE;
	policy = registry_get_pending(op->registry, policy_kind, STR_NONE,
				      json_mut_get_str(op->edit.root, "spec.policyName"));
	if (!policy || !json_get(policy->root, "spec.paramKind"))
		return OUTCOME_DONE; /* nothing is read */
	kind = find_param_kind(op, json_get_str(policy->root, "spec.paramKind.apiVersion"),
			       json_get_str(policy->root, "spec.paramKind.kind"));
	if (!kind)
		return OUTCOME_DONE;
	if (kind_is_namespaced(kind) && !namespace_.len)
		namespace_ = STR("*");
	allowed = may_get(op, kind, namespace_, name.len ? name : STR("*"));
	if (allowed != OUTCOME_REFUSED)
		return allowed;
	return refuse_access(op, "paramRef",
			     str_printf_in(op->arena,
					   "user " STR_FMT
					   " does not have \"get\" permission on the "
					   "object referenced by paramRef",
					   STR_ARG(op->user))
				     .ptr);
}

enum outcome admission_param_access_validate(struct operation *op)
{
	if (!op->who || op->subresource.len || user_in_group(op->who, "system:masters"))
		return OUTCOME_DONE;
	if (op->kind == &kind_validatingadmissionpolicy ||
	    kind_stored(op->kind) == kind_stored(&kind_mutatingadmissionpolicy))
		return check_policy_access(op);
	if (op->kind == &kind_validatingadmissionpolicybinding)
		return check_binding_access(op, &kind_validatingadmissionpolicy);
	if (kind_stored(op->kind) == kind_stored(&kind_mutatingadmissionpolicybinding))
		return check_binding_access(op, &kind_mutatingadmissionpolicy);
	return OUTCOME_DONE;
}
