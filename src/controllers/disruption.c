/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PodDisruptionBudgets: their status says how many of their pods are healthy and how many of those
 * may be evicted. A key is a budget; all budgets of a namespace are looked at when a pod of it
 * comes, goes or changes its health, or when a controller is to have another number of pods.
 */
#include "controllers/disruption.h"

#include "api/selector.h"
#include "codec/json_index.h"
#include "api/custom.h"
#include "base/num.h"
#include "base/time.h"
#include "controllers/controller.h"
#include "controllers/kinds.h"
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

struct disruption_controller {
	struct controller base;
	struct kinds scaled; /* custom kinds whose objects say how many pods they want */
};

static const struct {
	const char *kind, *group;
	int watch;
} owner_kinds[] = {
	{ "ReplicaSet", "apps", WATCH_REPLICASETS },
	{ "Deployment", "apps", WATCH_DEPLOYMENTS },
	{ "ReplicationController", "", WATCH_RCS },
	{ "StatefulSet", "apps", WATCH_STATEFULSETS },
};

static struct informer *informer_of_owner(struct disruption_controller *d, yyjson_val *ref,
					  const struct kind **ret_custom)
{
	struct str api_version = json_get_str(ref, "apiVersion"), kind = json_get_str(ref, "kind"),
		   group, version;
	const struct kinds_entry *entry;

	*ret_custom = NULL;
	if (!str_cut(api_version, '/', &group, &version))
		group = STR_NONE;
	for (size_t i = 0; i < ARRAY_COUNT(owner_kinds); i++)
		if (str_eq_c(kind, owner_kinds[i].kind) && str_eq_c(group, owner_kinds[i].group))
			return d->base.informers[owner_kinds[i].watch];
	entry = kinds_find(&d->scaled, api_version, kind);
	if (!entry)
		return NULL;
	*ret_custom = entry->kind;
	return entry->informer;
}

struct owner {
	const struct obj *obj;	   /* NULL: there is none, or none that is known */
	const struct kind *custom; /* NULL: a built-in one */
};

static struct owner find_owner(struct disruption_controller *d, const struct obj *of)
{
	yyjson_val *ref = obj_controller_ref(of);
	struct owner owner = { NULL, NULL };
	struct informer *informer = ref ? informer_of_owner(d, ref, &owner.custom) : NULL;

	if (informer)
		owner.obj = informer_find(informer, of->namespace_, json_get_str(ref, "name"));
	if (owner.obj && !str_eq(owner.obj->uid, json_get_str(ref, "uid")))
		owner.obj = NULL;
	return owner;
}

static int64_t replicas_of(const struct owner *owner)
{
	return owner->custom ? custom_scale_spec(owner->custom, owner->obj->root)
			     : json_get_int(owner->obj->root, "spec.replicas", 1);
}

/* Adds what the pod's controller is to have, once for each controller. */
static void add_wanted(struct disruption_controller *d, const struct obj *pod,
		       struct json_index *seen, struct arena *arena, struct disruption_view *view)
{
	struct owner owner = find_owner(d, pod), above;

	if (!obj_controller_ref(pod))
		return; /* nobody replaces it */
	if (!owner.obj) {
		view->problem = str_printf_in(arena, "found no controllers for pod \"" STR_FMT "\"",
					      STR_ARG(pod->name));
		return;
	}
	above = owner.custom ? (struct owner){ NULL, NULL } : find_owner(d, owner.obj);
	if (above.obj && !above.custom) /* a ReplicaSet's Deployment */
		owner = above;
	if (!json_index_add(seen, owner.obj->uid, (void *)(uintptr_t)owner.obj))
		view->wanted += replicas_of(&owner);
}

/* Whether the pod is on its way out, as an eviction said; until when at the latest is noted. */
static bool is_awaited(const struct obj *budget, const struct obj *pod, int64_t now_ns,
		       int64_t *until_ns)
{
	int64_t pod_until_ns = disruption_awaited_until_ns(budget, pod->name, now_ns);

	if (!pod_until_ns || obj_is_deleting(pod))
		return false;
	*until_ns = *until_ns ? NUM_MIN(*until_ns, pod_until_ns) : pod_until_ns;
	return true;
}

static enum reconcile_result reconcile(struct controller *c, struct key key, struct err *err)
{
	struct disruption_controller *d = CONTAINER_OF(c, struct disruption_controller, base);
	int64_t now_ns = env_wall_ns(c->env), until_ns = 0;
	const struct obj *budget = informer_get(c->informers[WATCH_BUDGETS], key.text);
	struct informer_set pods = index_lookup(c->indexes[WATCH_PODS], key.namespace_);
	struct disruption_view view = { .healthy = 0 };
	AUTO_JSON_INDEX seen = { .slots = NULL };
	AUTO_ARENA arena = { 0 };
	struct selector selector;
	struct str *awaited;
	yyjson_mut_doc *patch;

	arena_init(&arena, CONTROLLER_ARENA_BYTES_MAX);
	if (!budget || obj_is_deleting(budget) ||
	    selector_from_object(json_get(budget->root, "spec.selector"), &arena, &selector, err) <
		    0)
		return RECONCILE_DONE; /* only a new spec can help, and it will be told */
	view.spec = json_get(budget->root, "spec");
	awaited = arena_array(&arena, json_get_count(budget->root, "status.disruptedPods") + 1,
			      sizeof(*awaited));
	json_index_init(&seen, pods.count);
	INFORMER_SET_FOR_EACH (pod, pods) {
		if (!selector_matches(&selector, pod->labels))
			continue;
		view.pod_count++;
		if (is_awaited(budget, pod, now_ns, &until_ns))
			awaited[view.awaited.count++] = pod->name;
		else
			view.healthy += !obj_is_deleting(pod) && pod_is_ready(pod);
		if (disruption_asks_wanted(view.spec))
			add_wanted(d, pod, &seen, &arena, &view);
	}
	view.awaited.items = awaited;
	patch = disruption_status_plan(budget, &view, now_ns);
	if (patch)
		controller_submit_status(c, key.text, &kind_poddisruptionbudget, budget, patch);
	if (until_ns)
		queue_add_after(&c->queue, key.text, (until_ns - now_ns) / TIME_NS_PER_MS + 1);
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

static void scaled_changed(struct kinds_entry *entry, const struct obj *old, const struct obj *new_)
{
	owner_changed(entry->kinds->controller, old, new_);
}

static void disruption_start(struct controller *c)
{
	kinds_start(&CONTAINER_OF(c, struct disruption_controller, base)->scaled, c,
		    &(struct kinds_options){ .namespaced_only = true, .scaled_custom_only = true },
		    scaled_changed);
}

static void disruption_stop(struct controller *c)
{
	kinds_stop(&CONTAINER_OF(c, struct disruption_controller, base)->scaled);
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
	.state_bytes = sizeof(struct disruption_controller),
	.reconcile = reconcile,
	.start = disruption_start,
	.stop = disruption_stop,
};
