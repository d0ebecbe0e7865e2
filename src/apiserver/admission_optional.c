/* SPDX-License-Identifier: Apache-2.0 */
/* Plug-ins that are off unless --enable-admission-plugins names them. */
#include "apiserver/admission.h"

#include "api/kinds/resource_name.h"
#include "api/selector.h"
#include "apiserver/admission_state.h"
#include "apiserver/authz.h"
#include "apiserver/registry.h"

#define CLUSTER_SELECTOR STR("clusterDefaultNodeSelector")
#define NODE_SELECTOR "scheduler.alpha.kubernetes.io/node-selector"

static bool is_pod(const struct operation *op)
{
	return op->kind == &kind_pod && !op->subresource.len;
}

/* --- AlwaysDeny --- */

/* But what this process itself has to write. */
int always_deny(struct operation *op)
{
	if (!op->who)
		return 0;
	return refusal_forbidden(&op->refusal, operation_subject(op),
				 "admission control is denying all modifications");
}

/* --- AlwaysPullImages: a node's copy of a private image is nobody's without its secret --- */

static const char *const container_lists[] = { "initContainers", "containers",
					       "ephemeralContainers" };

int pull_always(struct operation *op)
{
	yyjson_mut_val *spec = json_mut_get(op->edit.root, "spec");

	if (!is_pod(op) &&
	    !(op->kind == &kind_pod && str_eq_c(op->subresource, "ephemeralcontainers")))
		return 0;
	if (op->edit.old && !op->subresource.len)
		return 0; /* the policy cannot change any more */
	for (size_t i = 0; i < ARRAY_COUNT(container_lists); i++)
		JSON_MUT_EACH (container, json_mut_get(spec, container_lists[i]))
			json_set_str(op->edit.doc, container, "imagePullPolicy", STR("Always"));
	return 0;
}

int pull_always_validate(struct operation *op)
{
	yyjson_mut_val *spec = json_mut_get(op->edit.root, "spec");

	if (!is_pod(op) || op->edit.old)
		return 0;
	for (size_t i = 0; i < ARRAY_COUNT(container_lists); i++) {
		size_t at = 0;

		JSON_MUT_EACH (container, json_mut_get(spec, container_lists[i])) {
			struct str policy = json_mut_get_str(container, "imagePullPolicy");

			if (!str_eq_c(policy, "Always"))
				return refusal_forbidden(&op->refusal, operation_subject(op),
							 "spec.%s[%zu].imagePullPolicy: "
							 "Unsupported value: \"" STR_FMT
							 "\": supported values: \"Always\"",
							 container_lists[i], at, STR_ARG(policy));
			at++;
		}
	}
	return 0;
}

/* --- ExtendedResourceToleration: who asks for a node's special resource may go there --- */

static bool has_toleration(yyjson_mut_val *list, struct str key)
{
	JSON_MUT_EACH (t, list)
		if (str_eq(json_mut_get_str(t, "key"), key) &&
		    str_eq_c(json_mut_get_str(t, "operator"), "Exists"))
			return true;
	return false;
}

static void tolerate(struct operation *op, yyjson_mut_val *spec, struct str resource)
{
	yyjson_mut_val *list = json_ensure_array(op->edit.doc, spec, "tolerations"), *t;

	if (has_toleration(list, resource))
		return;
	t = json_append_object(op->edit.doc, list);
	json_set_str(op->edit.doc, t, "key", resource);
	json_set_str(op->edit.doc, t, "operator", STR("Exists"));
}

int extended_resource_admit(struct operation *op)
{
	yyjson_mut_val *spec = json_mut_get(op->edit.root, "spec");

	if (!is_pod(op))
		return 0;
	for (size_t i = 0; i < ARRAY_COUNT(container_lists); i++)
		JSON_MUT_EACH (container, json_mut_get(spec, container_lists[i]))
			JSON_MUT_MEMBERS (key, amount,
					  json_mut_get(container, "resources.requests"))
				if (!resource_is_native(json_mut_str(key)))
					tolerate(op, spec, json_mut_str(key));
	return 0;
}

/* --- LimitPodHardAntiAffinityTopology: nobody keeps others out of a whole zone --- */

int anti_affinity_validate(struct operation *op)
{
	yyjson_mut_val *terms = json_mut_get(op->edit.root,
					     "spec.affinity.podAntiAffinity."
					     "requiredDuringSchedulingIgnoredDuringExecution");

	if (!is_pod(op))
		return 0;
	JSON_MUT_EACH (term, terms) {
		struct str key = json_mut_get_str(term, "topologyKey");

		if (!str_eq_c(key, "kubernetes.io/hostname"))
			return refusal_forbidden(&op->refusal, operation_subject(op),
						 "affinity.PodAntiAffinity."
						 "RequiredDuringScheduling has TopologyKey " STR_FMT
						 " but only key kubernetes.io/hostname is allowed",
						 STR_ARG(key));
	}
	return 0;
}

/* --- PodNodeSelector: a namespace's pods go to its nodes --- */

static int merge_selector(struct operation *op, const struct selector_requirement *r)
{
	yyjson_mut_val *selector = json_ensure_object(
		op->edit.doc, json_mut_get(op->edit.root, "spec"), "nodeSelector");
	yyjson_mut_val *given = json_mut_key(selector, r->key);

	if (!given)
		json_put_str(op->edit.doc, selector, r->key, r->values[0]);
	else if (!str_eq(json_mut_str(given), r->values[0]))
		return refusal_forbidden(
			&op->refusal, operation_subject(op),
			"pod node label selector conflicts with its namespace node "
			"label selector");
	return 0;
}

/* The namespace's own, or the cluster's. */
static struct str node_selector_of(struct operation *op)
{
	const struct obj *ns = registry_get_pending(op->registry, &kind_namespace, STR_NONE,
						    op->namespace_);
	yyjson_val *own = ns ? json_key(json_get(ns->root, "metadata.annotations"),
					STR(NODE_SELECTOR))
			     : NULL;

	return own ? json_str(own)
		   : json_str(json_key(op->registry->admission->settings->node_selectors,
				       CLUSTER_SELECTOR));
}

int node_selector_admit(struct operation *op)
{
	struct selector selector;
	struct err err = { 0 };

	if (!is_pod(op) || op->edit.old)
		return 0;
	if (selector_parse(node_selector_of(op), op->arena, &selector, &err) < 0)
		return refusal_from_err(&op->refusal, &err);
	for (size_t i = 0; i < selector.count; i++)
		if (selector.requirements[i].value_count == 1 &&
		    merge_selector(op, &selector.requirements[i]) < 0)
			return -1;
	return 0;
}

static bool allows(const struct selector *selector, struct str key, struct str value)
{
	for (size_t i = 0; i < selector->count; i++)
		if (str_eq(selector->requirements[i].key, key) &&
		    selector->requirements[i].value_count == 1 &&
		    str_eq(selector->requirements[i].values[0], value))
			return true;
	return false;
}

/* What the configuration lets the namespace's pods ask for; nothing said: anything. */
int node_selector_validate(struct operation *op)
{
	struct str text = json_str(
		json_key(op->registry->admission->settings->node_selectors, op->namespace_));
	struct selector allowed;
	struct err err = { 0 };

	if (!is_pod(op) || op->edit.old || !text.len)
		return 0;
	if (selector_parse(text, op->arena, &allowed, &err) < 0)
		return refusal_from_err(&op->refusal, &err);
	JSON_MUT_MEMBERS (key, value, json_mut_get(op->edit.root, "spec.nodeSelector"))
		if (!allows(&allowed, json_mut_str(key), json_mut_str(value)))
			return refusal_forbidden(&op->refusal, operation_subject(op),
						 "pod node label selector labels conflict with "
						 "its namespace whitelist");
	return 0;
}

/* --- DenyServiceExternalIPs --- */

int external_ips_validate(struct operation *op)
{
	yyjson_mut_val *new = json_mut_get(op->edit.root, "spec.externalIPs");
	yyjson_val *old = json_get(op->edit.old, "spec.externalIPs");

	if (op->kind != &kind_service || op->subresource.len)
		return 0;
	JSON_MUT_EACH (address, new) {
		bool was_there = false;

		JSON_EACH (have, old)
			was_there |= str_eq(json_str(have), json_mut_str(address));
		if (!was_there)
			return refusal_forbidden(
				&op->refusal, operation_subject(op),
				"Use of external IPs is denied by admission control");
	}
	return 0;
}

/* --- OwnerReferencesPermissionEnforcement: who makes something go with an owner could delete it
 * himself --- */

static enum outcome may(struct operation *op, struct target target, struct str *ret_reason)
{
	struct authz_reason reason = { .arena = op->arena };
	struct authz_attributes attributes = { .user = op->who,
					       .target = &target,
					       .reason = &reason };
	enum outcome allowed = operation_authorize(op, &attributes);

	*ret_reason = reason.text;
	return allowed;
}

static bool was_blocking(yyjson_val *old, yyjson_mut_val *reference)
{
	JSON_EACH (have, json_get(old, "metadata.ownerReferences"))
		if (str_eq(json_get_str(have, "uid"), json_mut_get_str(reference, "uid")) &&
		    json_get_bool(have, "blockOwnerDeletion", false))
			return true;
	return false;
}

static enum outcome check_blocking(struct operation *op, yyjson_mut_val *reference)
{
	struct str api_version = json_mut_get_str(reference, "apiVersion"), group, version,
		   name = json_mut_get_str(reference, "kind"), reason;
	const struct kind *kind;
	enum outcome allowed;

	if (!str_cut(api_version, '/', &group, &version)) {
		version = api_version;
		group = STR_NONE;
	}
	kind = kind_set_find_name(&op->registry->kinds, group, version, name);
	if (!kind)
		return outcome_of(refusal_forbidden(
			&op->refusal, operation_subject(op),
			"cannot set blockOwnerDeletion in this case because cannot find "
			"RESTMapping "
			"for APIVersion " STR_FMT " Kind " STR_FMT
			": no matches for kind \"" STR_FMT "\" in version \"" STR_FMT "\"",
			STR_ARG(api_version), STR_ARG(name), STR_ARG(name), STR_ARG(api_version)));
	allowed = may(
		op,
		(struct target){ .verb = STR("update"),
				 .is_resource = true,
				 .group = kind->group,
				 .version = kind->version,
				 .resource = kind->plural,
				 .subresource = STR("finalizers"),
				 .namespace_ = kind_is_namespaced(kind) ? op->namespace_ : STR_NONE,
				 .name = json_mut_get_str(reference, "name") },
		&reason);
	if (allowed != OUTCOME_REFUSED)
		return allowed;
	return outcome_of(
		refusal_forbidden(&op->refusal, operation_subject(op),
				  "cannot set blockOwnerDeletion if an ownerReference refers to a "
				  "resource you can't set finalizers on: " STR_FMT ", <nil>",
				  STR_ARG(reason)));
}

/* Who changes the owners of an object could delete it himself. */
static enum outcome check_delete(struct operation *op)
{
	struct str reason;
	enum outcome allowed = may(op,
				   (struct target){ .verb = STR("delete"),
						    .is_resource = true,
						    .group = op->kind->group,
						    .version = op->kind->version,
						    .resource = op->kind->plural,
						    .subresource = op->subresource,
						    .namespace_ = op->namespace_,
						    .name = op->name },
				   &reason);

	if (allowed != OUTCOME_REFUSED)
		return allowed;
	return outcome_of(refusal_forbidden(
		&op->refusal, operation_subject(op),
		"cannot set an ownerRef on a resource you can't delete: " STR_FMT ", <nil>",
		STR_ARG(reason)));
}

enum outcome owners_validate(struct operation *op)
{
	yyjson_mut_val *references = json_mut_get(op->edit.root, "metadata.ownerReferences");
	enum outcome outcome;

	if (!op->who || (op->kind == &kind_pod && str_eq_c(op->subresource, "status")))
		return OUTCOME_DONE;
	if (op->edit.old &&
	    json_mixed_equal(references, json_get(op->edit.old, "metadata.ownerReferences")))
		return OUTCOME_DONE;
	outcome = op->edit.old ? check_delete(op) : OUTCOME_DONE;
	if (outcome != OUTCOME_DONE)
		return outcome;
	JSON_MUT_EACH (reference, references) {
		if (!json_mut_get_bool(reference, "blockOwnerDeletion", false) ||
		    was_blocking(op->edit.old, reference))
			continue;
		outcome = check_blocking(op, reference);
		if (outcome != OUTCOME_DONE)
			return outcome;
	}
	return OUTCOME_DONE;
}
