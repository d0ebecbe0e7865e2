/* SPDX-License-Identifier: Apache-2.0 */
/* The admission plug-ins and their order. */
#include "apiserver/admission.h"

#include "apiserver/admission_state.h"
#include "apiserver/rbac.h"
#include "apiserver/registry.h"
#include "base/mem.h"

static bool is_pod_create(const struct operation *op)
{
	return !op->edit.old && op->kind == &kind_pod && !op->subresource.len;
}

/* --- NamespaceLifecycle --- */

/* Nothing is made in a namespace that is not there, or that is going away. */
static int lifecycle_admit(struct operation *op)
{
	const struct obj *ns;

	if (op->edit.old || !kind_is_namespaced(op->kind))
		return 0;
	ns = registry_get_pending(op->registry, &kind_namespace, STR_NONE, op->namespace_);
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

/* NamespaceAutoProvision: what is made in a namespace that is not there makes it, and waits for it
 * where webhooks have a say in that. */
static bool needs_namespace(struct operation *op)
{
	return !op->edit.old && !op->dry_run && !op->body_seen.kind &&
	       kind_is_namespaced(op->kind) &&
	       !registry_get_pending(op->registry, &kind_namespace, STR_NONE, op->namespace_);
}

static void make_namespace(struct operation *op)
{
	yyjson_mut_doc *doc = json_new_object();

	json_set_path_str(doc, yyjson_mut_doc_get_root(doc), "metadata.name", op->namespace_);
	own_writes_submit(&op->registry->admission->writes,
			  &(struct operation){ .verb = OPERATION_CREATE,
					       .kind = &kind_namespace,
					       .name = op->namespace_,
					       .body = doc });
}

static void on_namespaces_made(void *arg)
{
	struct admission_state *state = arg;
	struct list waiting, *link;

	list_init(&waiting);
	while ((link = list_pop_front(&state->provisions)))
		list_push_back(&waiting, link); /* who waits anew waits for others */
	while ((link = list_pop_front(&waiting)))
		operation_resume(LIST_ENTRY(link, struct operation, provision));
}

/* NamespaceExists: what the other says, where that one is off. */
static int namespace_validate(struct operation *op)
{
	if (op->edit.old || !kind_is_namespaced(op->kind) ||
	    registry_get_pending(op->registry, &kind_namespace, STR_NONE, op->namespace_))
		return 0;
	return refusal_not_found(&op->refusal,
				 (struct subject){ STR(""), STR("namespaces"), op->namespace_ });
}

static int lifecycle_delete(struct operation *op)
{
	static const char *const immortal[] = { "default", "kube-system", "kube-public" };

	if (op->kind != &kind_namespace)
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
	account = registry_get_pending(op->registry, &kind_serviceaccount, op->namespace_, name);
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

/* --- the table --- */

enum moment {
	MUTATE,
	VALIDATE,
	REMOVE,
	SETTLE, /* when nothing can refuse it any more: what it takes is spent */
	MOMENT_COUNT
};

enum {
	ALWAYS = 1 << 0, /* part of the API, whatever is enabled */
	OFF = 1 << 1,	 /* unless it is enabled */
};

/* In the order in which they are asked; names as upstream's, but for what is ALWAYS on. */
static const struct plugin {
	const char *name;
	unsigned flags;
	int (*steps[MOMENT_COUNT])(struct operation *op); /* < 0: refused */
	/* instead of VALIDATE: whether the user may do something else, too; it is called again with
	 * the answer, and so changes nothing */
	enum outcome (*asks)(struct operation *op);
} plugins[] = {
	[PLUGIN_MUTATING_POLICY] = { "MutatingAdmissionPolicy" },
	[PLUGIN_MUTATING_WEBHOOK] = { "MutatingAdmissionWebhook" },
	[PLUGIN_VALIDATING_POLICY] = { "ValidatingAdmissionPolicy" },
	[PLUGIN_VALIDATING_WEBHOOK] = { "ValidatingAdmissionWebhook" },
	[PLUGIN_TOPOLOGY_LABELS] = { "PodTopologyLabels", 0, { [MUTATE] = topology_labels_admit } },
	[PLUGIN_AUTO_PROVISION] = { "NamespaceAutoProvision", OFF },
	[PLUGIN_EVENT_RATE] = { "EventRateLimit", OFF, { [VALIDATE] = event_rate_validate } },
	[PLUGIN_IMAGE_POLICY] = { "ImagePolicyWebhook", OFF }, /* asked when the others agreed */
	{ "AlwaysAdmit", OFF },
	{ "NamespaceLifecycle", 0, { [MUTATE] = lifecycle_admit, [REMOVE] = lifecycle_delete } },
	{ "NamespaceExists", OFF, { [VALIDATE] = namespace_validate } },
	{ "LimitPodHardAntiAffinityTopology", OFF, { [VALIDATE] = anti_affinity_validate } },
	{ "ServiceAccount",
	  0,
	  { [MUTATE] = service_account_admit, [VALIDATE] = admission_check_mirror } },
	{ "NodeRestriction",
	  0,
	  { [MUTATE] = node_restriction_admit, [REMOVE] = node_restriction_remove } },
	{ "DefaultTolerationSeconds", 0, { [MUTATE] = default_tolerations_admit } },
	{ "TaintNodesByCondition", 0, { [MUTATE] = node_taint_admit } },
	{ "AlwaysPullImages", OFF, { [MUTATE] = pull_always, [VALIDATE] = pull_always_validate } },
	{ "PodNodeSelector",
	  OFF,
	  { [MUTATE] = node_selector_admit, [VALIDATE] = node_selector_validate } },
	{ "Priority", 0, { [MUTATE] = priority_admit, [VALIDATE] = priority_class_validate } },
	{ "PodTolerationRestriction",
	  OFF,
	  { [MUTATE] = toleration_restriction_admit,
	    [VALIDATE] = toleration_restriction_validate } },
	{ "ExtendedResourceToleration", OFF, { [MUTATE] = extended_resource_admit } },
	{ "RuntimeClass",
	  0,
	  { [MUTATE] = runtime_class_admit, [VALIDATE] = runtime_class_validate } },
	{ "DefaultStorageClass", 0, { [MUTATE] = storage_class_admit } },
	{ "StorageObjectInUseProtection", 0, { [MUTATE] = storage_protection_admit } },
	{ "OwnerReferencesPermissionEnforcement", OFF, .asks = owners_validate },
	{ "PersistentVolumeClaimResize", 0, { [VALIDATE] = claim_resize_validate } },
	{ "DefaultIngressClass", 0, { [MUTATE] = ingress_class_admit } },
	{ "LimitRanger",
	  0,
	  { [MUTATE] = limit_ranger_mutate, [VALIDATE] = limit_ranger_validate } },
	{ "PodSecurity", 0, { [VALIDATE] = pod_security_validate } },
	{ "PolicyParameters", ALWAYS, .asks = admission_param_access_validate },
	{ "RBACEscalation", ALWAYS, .asks = rbac_check_escalation },
	{ "DeviceAdmin", ALWAYS, { [VALIDATE] = device_admin_validate } },
	{ "CertificateRequests", ALWAYS, { [MUTATE] = certificate_fill } },
	{ "CertificateApproval", 0, .asks = certificate_approval_validate },
	{ "CertificateSigning", 0, .asks = certificate_signing_validate },
	/* what they are about is not served, or no node declares it */
	{ "ClusterTrustBundleAttest" },
	{ "PodGroupProtection" },
	{ "PodGroupWorkloadExists" },
	{ "NodeDeclaredFeatureValidator" },
	{ "JobValidation" },
	{ "PodResizeValidator", 0, { [VALIDATE] = resize_validate } },
	{ "CertificateSubjectRestriction", 0, { [VALIDATE] = certificate_subject_validate } },
	{ "DenyServiceExternalIPs", OFF, { [VALIDATE] = external_ips_validate } },
	{ "ResourceQuota", 0, { [SETTLE] = quota_settle } },
	{ "AlwaysDeny", OFF, { [VALIDATE] = always_deny, [REMOVE] = always_deny } },
};
_Static_assert(ARRAY_COUNT(plugins) <= 64, "a set of plug-ins is a word");

static bool is_on(const struct registry *registry, size_t plugin)
{
	return !(registry->admission->plugins_off & UINT64_C(1) << plugin);
}

bool admission_is_on(const struct registry *registry, enum admission_plugin plugin)
{
	return is_on(registry, plugin);
}

static int find_plugin(struct str name, const char *flag, size_t *ret, struct err *err)
{
	for (size_t i = 0; i < ARRAY_COUNT(plugins); i++) {
		if (!str_eq_c(name, plugins[i].name) || plugins[i].flags & ALWAYS)
			continue;
		*ret = i;
		return 0;
	}
	return err_set(err, ERR_INVALID, "%s plugin \"" STR_FMT "\" is unknown", flag,
		       STR_ARG(name));
}

static int choose(const struct str_list *enable, const struct str_list *disable, uint64_t *ret_off,
		  struct err *err)
{
	uint64_t off = 0, enabled = 0, bit;
	size_t found;

	for (size_t i = 0; i < ARRAY_COUNT(plugins); i++)
		if (plugins[i].flags & OFF)
			off |= UINT64_C(1) << i;
	for (size_t i = 0; i < enable->count; i++) {
		if (find_plugin(enable->items[i], "enable-admission-plugins", &found, err) < 0)
			return -1;
		enabled |= UINT64_C(1) << found;
	}
	for (size_t i = 0; i < disable->count; i++) {
		if (find_plugin(disable->items[i], "disable-admission-plugins", &found, err) < 0)
			return -1;
		bit = UINT64_C(1) << found;
		if (enabled & bit)
			return err_set(err, ERR_INVALID,
				       "[%s] in enable-admission-plugins and "
				       "disable-admission-plugins overlapped",
				       plugins[found].name);
		off |= bit;
	}
	*ret_off = off & ~enabled;
	return 0;
}

/* What those that are on cannot be without. */
static int open_plugins(struct registry *registry, struct admission_state *state, struct err *err)
{
	const struct admission_settings *settings = state->settings;
	bool limits_events = !(state->plugins_off & UINT64_C(1) << PLUGIN_EVENT_RATE),
	     asks_images = !(state->plugins_off & UINT64_C(1) << PLUGIN_IMAGE_POLICY);

	if (limits_events && !settings->event_limit_count)
		return err_set(err, ERR_INVALID,
			       "couldn't init admission plugin \"EventRateLimit\": no config "
			       "specified");
	if (asks_images && !settings->image_policy)
		return err_set(err, ERR_INVALID,
			       "couldn't init admission plugin \"ImagePolicyWebhook\": no config "
			       "specified");
	if (limits_events)
		state->event_rates = event_rates_new(settings);
	if (asks_images)
		state->image_policy = review_hook_new(registry, settings->image_policy);
	return 0;
}

int admission_state_new(struct registry *registry, const struct admission_settings *settings,
			const struct str_list *enable, const struct str_list *disable,
			struct admission_state **ret, struct err *err)
{
	struct admission_state *state = NEW(struct admission_state);

	state->settings = settings ? settings : &admission_settings_none;
	own_writes_init(&state->writes, registry);
	state->writes.idle = on_namespaces_made;
	state->writes.arg = state;
	list_init(&state->provisions);
	if (choose(enable, disable, &state->plugins_off, err) < 0 ||
	    open_plugins(registry, state, err) < 0) {
		admission_state_free(state);
		return -1;
	}
	*ret = state;
	return 0;
}

void admission_state_free(struct admission_state *state)
{
	if (!state)
		return;
	own_writes_deinit(&state->writes);
	event_rates_free(state->event_rates);
	review_hook_free(state->image_policy);
	mem_free(state);
}

/* Plug-ins know objects; bodies of subresources are no business of theirs. */
static int run_plugins(struct operation *op, enum moment moment)
{
	for (size_t i = 0; i < ARRAY_COUNT(plugins) && !op->body_seen.kind; i++)
		if (plugins[i].steps[moment] && is_on(op->registry, i) &&
		    plugins[i].steps[moment](op) < 0)
			return -1;
	return 0;
}

static enum outcome run_validating(struct operation *op, size_t i)
{
	if (!is_on(op->registry, i))
		return OUTCOME_DONE;
	if (plugins[i].asks)
		return plugins[i].asks(op);
	return plugins[i].steps[VALIDATE] ? outcome_of(plugins[i].steps[VALIDATE](op))
					  : OUTCOME_DONE;
}

/* The plug-ins see what others changed, and policies what the plug-ins made of it. */
enum outcome admission_mutate_again(struct operation *op, struct review_wait *question)
{
	if (run_plugins(op, MUTATE) < 0)
		return OUTCOME_REFUSED;
	return admission_policies_mutate(op, true, question);
}

static enum outcome mutate_again(struct operation *op)
{
	enum outcome outcome = admission_mutate_again(op, operation_question(op));

	if (outcome == OUTCOME_WAITING)
		return operation_wait(op, WAIT_AUTHORIZATION, mutate_again);
	return outcome == OUTCOME_DONE ? admission_webhooks_mutate(op, op->next) : outcome;
}

static enum outcome mutate_by_policies(struct operation *op)
{
	enum outcome outcome = admission_policies_mutate(op, false, operation_question(op));

	if (outcome == OUTCOME_WAITING)
		return operation_wait(op, WAIT_AUTHORIZATION, mutate_by_policies);
	if (outcome == OUTCOME_DONE && op->policy_rounds.should_ask_again)
		return mutate_again(op);
	return outcome == OUTCOME_DONE ? admission_webhooks_mutate(op, op->next) : outcome;
}

static enum outcome namespace_made(struct operation *op)
{
	return admission_mutate(op, op->next);
}

enum outcome admission_mutate(struct operation *op, operation_step *next)
{
	op->next = next;
	if (is_on(op->registry, PLUGIN_AUTO_PROVISION) && !op->is_provisioned &&
	    needs_namespace(op)) {
		op->is_provisioned = true; /* once is enough: what refused it will again */
		make_namespace(op);
		if (needs_namespace(op)) {
			list_push_back(&op->registry->admission->provisions, &op->provision);
			return operation_wait(op, WAIT_NAMESPACE, namespace_made);
		}
	}
	if (run_plugins(op, MUTATE) < 0)
		return OUTCOME_REFUSED;
	return mutate_by_policies(op);
}

static enum outcome settle(struct operation *op)
{
	if (run_plugins(op, SETTLE) < 0)
		return OUTCOME_REFUSED;
	return op->next(op);
}

static enum outcome images_agreed(struct operation *op)
{
	enum outcome outcome = admission_policies_validate(op, operation_question(op));

	if (outcome == OUTCOME_WAITING)
		return operation_wait(op, WAIT_AUTHORIZATION, images_agreed);
	return outcome == OUTCOME_DONE ? admission_webhooks_validate(op, settle) : outcome;
}

/* From op->plugin_index on: those before agreed, and some count what they agree to. */
static enum outcome validate_by_plugins(struct operation *op)
{
	for (; op->plugin_index < ARRAY_COUNT(plugins) && !op->body_seen.kind; op->plugin_index++) {
		enum outcome outcome = run_validating(op, op->plugin_index);

		if (outcome == OUTCOME_WAITING)
			return operation_wait(op, WAIT_AUTHORIZATION, validate_by_plugins);
		if (outcome != OUTCOME_DONE)
			return outcome;
	}
	return image_policy_validate(op, images_agreed);
}

enum outcome admission_validate(struct operation *op, operation_step *next)
{
	op->next = next;
	op->plugin_index = 0;
	return validate_by_plugins(op);
}

static enum outcome removal_mutated(struct operation *op)
{
	enum outcome outcome = admission_policies_validate(op, operation_question(op));

	if (outcome == OUTCOME_WAITING)
		return operation_wait(op, WAIT_AUTHORIZATION, removal_mutated);
	return outcome == OUTCOME_DONE ? admission_webhooks_validate(op, op->next) : outcome;
}

enum outcome admission_delete(struct operation *op, operation_step *next)
{
	if (op->body_seen.kind)
		return next(op); /* an eviction: it was asked about itself */
	if (run_plugins(op, REMOVE) < 0)
		return OUTCOME_REFUSED;
	op->next = next;
	return admission_webhooks_mutate(op, removal_mutated);
}
