/* SPDX-License-Identifier: Apache-2.0 */
/* The admission plug-ins and their order. */
#include "apiserver/admission.h"

#include "apiserver/rbac.h"
#include "apiserver/registry.h"

#define TOLERATION_SECONDS 300

static bool is_pod_create(const struct operation *op)
{
	return !op->edit.old && !op->kind->group.len && str_eq_c(op->kind->plural, "pods") &&
	       !op->subresource.len;
}

static const struct kind *core_kind(const char *name)
{
	return kind_find(STR(""), STR("v1"), str_from(name));
}

/* --- NamespaceLifecycle --- */

/* Nothing is made in a namespace that is not there, or that is going away. */
static int lifecycle_admit(struct operation *op)
{
	const struct obj *ns;

	if (op->edit.old || !kind_is_namespaced(op->kind))
		return 0;
	ns = registry_get_pending(op->registry, core_kind("Namespace"), STR_NONE, op->namespace_);
	if (!ns)
		return refusal_not_found(&op->refusal, (struct subject){ STR(""), STR("namespaces"),
									 op->namespace_ });
	if (!ns->deletion_timestamp.len)
		return 0;
	refusal_add_cause(&op->refusal, (struct refusal_cause){
						.reason = STR("NamespaceTerminating"),
						.field = STR("metadata.namespace"),
						.message = str_printf_in(op->arena,
									 "namespace " STR_FMT
									 " is being terminated",
									 STR_ARG(op->namespace_)),
					});
	return refusal_forbidden(&op->refusal, operation_subject(op),
				 "unable to create new content in namespace " STR_FMT
				 " because it is being terminated",
				 STR_ARG(op->namespace_));
}

static int lifecycle_delete(struct operation *op)
{
	static const char *const immortal[] = { "default", "kube-system", "kube-public" };

	if (op->kind->group.len || !str_eq_c(op->kind->plural, "namespaces"))
		return 0;
	for (size_t i = 0; i < ARRAY_COUNT(immortal); i++)
		if (str_eq_c(op->name, immortal[i]))
			return refusal_forbidden(&op->refusal, operation_subject(op),
						 "this namespace may not be deleted");
	return 0;
}

/* --- ServiceAccount --- */

/* A pod runs as some service account. One that was named must be there; "default" may still be on
 * its way. */
static int service_account_admit(struct operation *op)
{
	yyjson_mut_val *spec = json_mut_get(op->edit.root, "spec");
	struct str name;
	const struct obj *account;

	if (!is_pod_create(op))
		return 0;
	if (json_mut_key(json_mut_get(op->edit.root, "metadata.annotations"),
			 STR("kubernetes.io/config.mirror")))
		return 0; /* a static pod's mirror has none */
	name = json_mut_get_str(spec, "serviceAccountName");
	if (!name.len) {
		name = STR("default");
		json_set_str(op->edit.doc, spec, "serviceAccountName", name);
		json_set_str(op->edit.doc, spec, "serviceAccount", name);
	}
	account = registry_get_pending(op->registry, core_kind("ServiceAccount"), op->namespace_,
				       name);
	if (!account && !str_eq_c(name, "default"))
		return refusal_forbidden(&op->refusal, operation_subject(op),
					 "error looking up service account " STR_FMT "/" STR_FMT
					 ": serviceaccount \"" STR_FMT "\" not found",
					 STR_ARG(op->namespace_), STR_ARG(name), STR_ARG(name));
	if (account && admission_check_references(op, account) < 0)
		return -1;
	if (account && !json_mut_get_count(spec, "imagePullSecrets") &&
	    json_get_count(account->root, "imagePullSecrets"))
		json_set(op->edit.doc, spec, "imagePullSecrets",
			 json_copy_at(op->edit.doc, account->root, "imagePullSecrets"));
	if (op->registry->tokens)
		admission_mount_token(op, account);
	return 0;
}

/* --- DefaultTolerationSeconds --- */

static bool tolerates(yyjson_mut_val *tolerations, struct str key)
{
	JSON_MUT_EACH (t, tolerations) {
		struct str given = json_mut_get_str(t, "key"),
			   effect = json_mut_get_str(t, "effect");

		if ((str_eq(given, key) || !given.len) &&
		    (!effect.len || str_eq_c(effect, "NoExecute")))
			return true;
	}
	return false;
}

static int tolerations_admit(struct operation *op)
{
	static const struct str keys[] = {
		STR_INIT("node.kubernetes.io/not-ready"),
		STR_INIT("node.kubernetes.io/unreachable"),
	};
	yyjson_mut_val *spec = json_mut_get(op->edit.root, "spec"), *list;
	bool has[ARRAY_COUNT(keys)];

	if (op->kind != &kind_pod || op->subresource.len)
		return 0;
	for (size_t i = 0; i < ARRAY_COUNT(keys); i++)
		has[i] = tolerates(json_mut_get(spec, "tolerations"), keys[i]);
	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		yyjson_mut_val *t;

		if (has[i])
			continue;
		list = json_ensure_array(op->edit.doc, spec, "tolerations");
		t = json_append_object(op->edit.doc, list);
		json_set_str(op->edit.doc, t, "key", keys[i]);
		json_set_str(op->edit.doc, t, "operator", STR("Exists"));
		json_set_str(op->edit.doc, t, "effect", STR("NoExecute"));
		json_set_int(op->edit.doc, t, "tolerationSeconds", TOLERATION_SECONDS);
	}
	return 0;
}

/* --- the table --- */

enum moment {
	MUTATE,
	VALIDATE,
	REMOVE,
	SETTLE, /* when nothing can refuse it any more: what it takes is spent */
	MOMENT_COUNT
};

static const struct plugin {
	const char *name;
	operation_step *steps[MOMENT_COUNT];
} plugins[] = {
	{ "NamespaceLifecycle", { [MUTATE] = lifecycle_admit, [REMOVE] = lifecycle_delete } },
	{ "ServiceAccount",
	  { [MUTATE] = service_account_admit, [VALIDATE] = admission_check_mirror } },
	{ "NodeRestriction",
	  { [MUTATE] = node_restriction_admit, [REMOVE] = node_restriction_remove } },
	{ "DefaultTolerationSeconds", { [MUTATE] = tolerations_admit } },
	{ "TaintNodesByCondition", { [MUTATE] = node_taint_admit } },
	{ "Priority", { [MUTATE] = priority_admit, [VALIDATE] = priority_class_validate } },
	{ "RuntimeClass", { [MUTATE] = runtime_class_admit, [VALIDATE] = runtime_class_validate } },
	{ "DefaultStorageClass", { [MUTATE] = storage_class_admit } },
	{ "StorageObjectInUseProtection", { [MUTATE] = storage_protection_admit } },
	{ "PersistentVolumeClaimResize", { [VALIDATE] = claim_resize_validate } },
	{ "DefaultIngressClass", { [MUTATE] = ingress_class_admit } },
	{ "LimitRanger", { [MUTATE] = limit_ranger_mutate, [VALIDATE] = limit_ranger_validate } },
	{ "PodSecurity", { [VALIDATE] = pod_security_validate } },
	{ "PolicyParameters", { [VALIDATE] = admission_param_access_validate } },
	{ "RBACEscalation", { [VALIDATE] = rbac_check_escalation } },
	{ "Certificates", { [MUTATE] = certificate_fill, [VALIDATE] = certificate_check } },
	{ "ResourceQuota", { [SETTLE] = quota_settle } },
};

/* Plug-ins know objects; bodies of subresources are no business of theirs. */
static int run_plugins(struct operation *op, enum moment moment)
{
	for (size_t i = 0; i < ARRAY_COUNT(plugins) && !op->body_seen.kind; i++)
		if (plugins[i].steps[moment] && plugins[i].steps[moment](op) < 0)
			return -1;
	return 0;
}

/* The plug-ins see what others changed, and policies what the plug-ins made of it. */
int admission_mutate_again(struct operation *op)
{
	return run_plugins(op, MUTATE) < 0 || admission_policies_mutate(op, true) < 0 ? -1 : 0;
}

static int mutate(struct operation *op)
{
	if (run_plugins(op, MUTATE) < 0 || admission_policies_mutate(op, false) < 0)
		return -1;
	return op->policy_rounds.should_ask_again ? admission_mutate_again(op) : 0;
}

int admission_mutate(struct operation *op, operation_step *next)
{
	if (mutate(op) < 0)
		return -1;
	return admission_webhooks_mutate(op, next);
}

static int settle(struct operation *op)
{
	if (run_plugins(op, SETTLE) < 0)
		return -1;
	return op->next(op);
}

int admission_validate(struct operation *op, operation_step *next)
{
	if (run_plugins(op, VALIDATE) < 0 || admission_policies_validate(op) < 0)
		return -1;
	op->next = next;
	return admission_webhooks_validate(op, settle);
}

static int removal_mutated(struct operation *op)
{
	if (admission_policies_validate(op) < 0)
		return -1;
	return admission_webhooks_validate(op, op->next);
}

int admission_delete(struct operation *op, operation_step *next)
{
	if (op->body_seen.kind)
		return next(op); /* an eviction: it was asked about itself */
	if (run_plugins(op, REMOVE) < 0)
		return -1;
	op->next = next;
	return admission_webhooks_mutate(op, removal_mutated);
}
