/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PodDisruptionBudgets: their status says how many of their pods are healthy and how many of those
 * may be evicted. A key is a budget; all budgets of a namespace are looked at when a pod of it
 * comes, goes or changes its health, or when a controller is to have another number of pods.
 */
#include "controllers/disruption.h"

#include "api/selector.h"
#include "codec/json_index.h"
#include "controllers/controller.h"
#include "controllers/pod.h"
#include "loop/env.h"

enum {
	WATCH_BUDGETS,
	WATCH_PODS,
	WATCH_REPLICASETS,
	WATCH_DEPLOYMENTS,
	WATCH_RCS,
	WATCH_STATEFULSETS
};

static const struct obj *find_owner(struct controller *c, const struct obj *of)
{
	static const struct {
		const char *kind;
		int watch;
	} kinds[] = {
		{ "ReplicaSet", WATCH_REPLICASETS },
		{ "Deployment", WATCH_DEPLOYMENTS },
		{ "ReplicationController", WATCH_RCS },
		{ "StatefulSet", WATCH_STATEFULSETS },
	};
	yyjson_val *ref = obj_controller_ref(of);

	for (size_t i = 0; ref && i < ARRAY_COUNT(kinds); i++) {
		const struct obj *owner;

		if (!str_eq_c(json_get_str(ref, "kind"), kinds[i].kind))
			continue;
		owner = informer_find(c->informers[kinds[i].watch], of->namespace_,
				      json_get_str(ref, "name"));
		return owner && str_eq(owner->uid, json_get_str(ref, "uid")) ? owner : NULL;
	}
	return NULL;
}

/* Adds what the pod's controller is to have, once for each controller. */
static void add_wanted(struct controller *c, const struct obj *pod, struct json_index *seen,
		       struct arena *arena, struct disruption_view *view)
{
	const struct obj *owner = find_owner(c, pod), *above;

	if (!obj_controller_ref(pod))
		return; /* nobody replaces it */
	if (!owner) {
		view->problem = str_printf_in(arena, "found no controllers for pod \"" STR_FMT "\"",
					      STR_ARG(pod->name));
		return;
	}
	above = find_owner(c, owner); /* a ReplicaSet's Deployment */
	if (above)
		owner = above;
	if (!json_index_add(seen, owner->uid, (void *)(uintptr_t)owner))
		view->wanted += json_get_int(owner->root, "spec.replicas", 1);
}

static enum reconcile_result reconcile(struct controller *c, struct key key, struct err *err)
{
	const struct obj *budget = informer_get(c->informers[WATCH_BUDGETS], key.text);
	struct informer_set pods = index_lookup(c->indexes[WATCH_PODS], key.namespace_);
	struct disruption_view view = { .healthy = 0 };
	AUTO_JSON_INDEX seen = { .slots = NULL };
	AUTO_ARENA arena = { 0 };
	struct selector selector;
	yyjson_mut_doc *patch;

	arena_init(&arena, CONTROLLER_ARENA_BYTES_MAX);
	if (!budget || obj_is_deleting(budget) ||
	    selector_from_object(json_get(budget->root, "spec.selector"), &arena, &selector, err) <
		    0)
		return RECONCILE_DONE; /* only a new spec can help, and it will be told */
	view.spec = json_get(budget->root, "spec");
	json_index_init(&seen, pods.count);
	INFORMER_SET_FOR_EACH (pod, pods) {
		if (!selector_matches(&selector, pod->labels))
			continue;
		view.pod_count++;
		view.healthy += !obj_is_deleting(pod) && pod_is_ready(pod);
		if (disruption_asks_wanted(view.spec))
			add_wanted(c, pod, &seen, &arena, &view);
	}
	patch = disruption_status_plan(budget, &view, env_wall_ns(c->env));
	if (patch)
		controller_submit_status(c, key.text, &kind_poddisruptionbudget, budget, patch);
	return RECONCILE_DONE;
}

static void add_budgets(struct controller *c, struct str namespace_)
{
	struct informer_set set = index_lookup(c->indexes[WATCH_BUDGETS], namespace_);

	INFORMER_SET_FOR_EACH (budget, set)
		queue_add_obj(&c->queue, budget);
}

static void budget_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	(void)old;
	if (new_)
		queue_add_obj(&c->queue, new_);
}

static void pod_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	if (!old || !new_ || pod_is_ready(old) != pod_is_ready(new_) ||
	    obj_is_deleting(old) != obj_is_deleting(new_) ||
	    !json_equal(old->labels, new_->labels) ||
	    !json_equal(old->owner_references, new_->owner_references))
		add_budgets(c, (new_ ? new_ : old)->namespace_);
}

static void owner_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	if (!old || !new_ || old->generation != new_->generation)
		add_budgets(c, (new_ ? new_ : old)->namespace_);
}

const struct controller_type controller_disruption = {
	.name = "disruption-controller",
	.component = "controllermanager",
	.summary = "Says how many pods of a PodDisruptionBudget may be evicted",
	.watches = {
		{ &kind_poddisruptionbudget, budget_changed, index_by_namespace },
		{ &kind_pod, pod_changed, index_by_namespace },
		{ &kind_replicaset, owner_changed },
		{ &kind_deployment, owner_changed },
		{ &kind_replicationcontroller, owner_changed },
		{ &kind_statefulset, owner_changed },
	},
	.reconcile = reconcile,
};
