/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ReplicaSets and, by the same code, ReplicationControllers: look at the pods that are owned, let
 * replicaset_plan decide, submit. The error of the last failed create is kept per key until one
 * succeeds, because the status shows it.
 */
#include "controllers/replicaset.h"

#include <stdio.h>
#include "api/limits.h"
#include "api/selector.h"
#include "base/mem.h"
#include "base/time.h"
#include "controllers/controller.h"
#include "controllers/owned.h"
#include "controllers/pod.h"

enum { WATCH_SETS, WATCH_PODS };

struct failure {
	struct str message; /* owned */
	bool of_create;
};

struct replicaset_controller {
	struct controller base;
	struct map failures; /* key → struct failure */
	const struct kind *kind;
};

static void failure_free(struct failure *failure)
{
	if (!failure)
		return;
	mem_free((void *)failure->message.ptr);
	mem_free(failure);
}

static void set_failure(struct replicaset_controller *c, struct str key, bool of_create,
			const char *message)
{
	struct failure *failure;

	if (!message) {
		failure_free(map_remove(&c->failures, key));
		return;
	}
	failure = NEW(struct failure);
	failure->message = str_dup(str_from(message));
	failure->of_create = of_create;
	failure_free(map_put(&c->failures, key, failure));
}

/* A pod was made or deleted, or could not be. */
static void pod_written(void *owner, const struct request *request, const struct obj *result,
			const struct err *err)
{
	struct replicaset_controller *c = owner;
	bool is_create = request->verb == API_CREATE;
	struct recorder *recorder = c->base.recorder;

	if (!err) {
		if (is_create)
			recorder_event(recorder, request->about, EVENT_NORMAL, "SuccessfulCreate",
				       "Created pod: " STR_FMT, STR_ARG(result->name));
		else
			recorder_event(recorder, request->about, EVENT_NORMAL, "SuccessfulDelete",
				       "Deleted pod: " STR_FMT, STR_ARG(request->name));
		set_failure(c, request->key, is_create, NULL);
		return;
	}
	if (str_contains(str_from(err->msg), STR("because it is being terminated")))
		return; /* its namespace is going away, and so is this set */
	recorder_event(recorder, request->about, EVENT_WARNING,
		       is_create ? "FailedCreate" : "FailedDelete", "Error %s: %s",
		       is_create ? "creating" : "deleting", err->msg);
	set_failure(c, request->key, is_create, err->msg);
}

static void submit_pod_write(struct replicaset_controller *c, struct str key, const struct obj *set,
			     struct request r)
{
	r.about = set;
	r.answered = pod_written;
	r.owner = c;
	controller_submit(&c->base, key, r);
}

static yyjson_mut_doc *pod_body(const struct replicaset_controller *c, const struct obj *set)
{
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *metadata;
	char prefix[DNS_SUBDOMAIN_BYTES_MAX + 2];
	static const char *const kept[] = { "labels", "annotations", "finalizers" };
	yyjson_val *template = json_get(set->root, "spec.template");

	json_set_str(doc, root, "apiVersion", STR("v1"));
	json_set_str(doc, root, "kind", STR("Pod"));
	metadata = json_set_object(doc, root, "metadata");
	(void)snprintf(prefix, sizeof(prefix), STR_FMT "-",
		       STR_ARG(set->name)); /* names are no longer than that */
	json_set_str(doc, metadata, "generateName", str_from(prefix));
	for (size_t i = 0; i < ARRAY_COUNT(kept); i++) {
		yyjson_val *v = yyjson_obj_get(yyjson_obj_get(template, "metadata"), kept[i]);

		if (v)
			json_set(doc, metadata, kept[i], json_copy(doc, v));
	}
	json_set_str(doc, metadata, "namespace", set->namespace_);
	owner_reference_add(doc, metadata, c->kind, set);
	if (yyjson_obj_get(template, "spec"))
		json_set(doc, root, "spec", json_copy(doc, yyjson_obj_get(template, "spec")));
	return doc;
}

/* --- observing --- */

static bool has_labels(yyjson_val *labels, yyjson_val *wanted)
{
	JSON_MEMBERS (key, value, wanted)
		if (!str_eq(json_str(json_key(labels, json_str(key))), json_str(value)))
			return false;
	return true;
}

static struct rs_pod pod_view(const struct obj *pod, yyjson_val *template_labels, size_t index)
{
	struct str phase = pod_phase(pod);

	return (struct rs_pod){
		.name = pod->name,
		.uid = pod->uid,
		.active = pod_is_active(pod),
		.assigned = pod_node_name(pod).len > 0,
		.phase = str_eq(phase, STR("Running"))	 ? RS_RUNNING
			 : str_eq(phase, STR("Unknown")) ? RS_UNKNOWN
							 : RS_PENDING,
		.ready = pod_is_ready(pod),
		.fully_labeled = has_labels(pod->labels, template_labels),
		.ready_since_ns = pod_ready_since_ns(pod),
		.created_ns = obj_created_ns(pod),
		.restarts = pod_restarts(pod),
		.deletion_cost = pod_deletion_cost(pod),
		.index = index,
	};
}

/* Active pods on a node of all sets that have the same owner as this one. */
static int64_t count_related(struct replicaset_controller *c, const struct obj *set,
			     struct str node_name)
{
	struct informer_set siblings = index_lookup(c->base.indexes[WATCH_SETS],
						    obj_controller_uid(set));
	int64_t count = 0;

	INFORMER_SET_FOR_EACH (sibling, siblings) {
		struct informer_set pods = index_lookup(c->base.indexes[WATCH_PODS], sibling->uid);

		INFORMER_SET_FOR_EACH (pod, pods)
			count += pod_is_active(pod) && str_eq(pod_node_name(pod), node_name);
	}
	return count;
}

static void view_related(struct replicaset_controller *c, const struct obj *set,
			 const struct owned_set *owned, struct rs_pod *pods)
{
	for (size_t i = 0; i < owned->count; i++)
		if (pods[i].assigned && pods[i].active)
			pods[i].related_on_node = count_related(c, set,
								pod_node_name(owned->objects[i]));
}

static int parse_selector(const struct replicaset_controller *c, const struct obj *set,
			  struct arena *arena, struct selector *ret, struct err *err)
{
	yyjson_val *selector = json_get(set->root, "spec.selector");

	if (c->kind == &kind_replicationcontroller) {
		selector_from_map(selector, arena, ret);
		return 0;
	}
	return selector_from_object(selector, arena, ret, err);
}

/* --- status --- */

static bool copy_conditions(yyjson_mut_doc *doc, yyjson_mut_val *status, const struct obj *set,
			    const struct failure *failure, int64_t now_ns)
{
	yyjson_val *old = condition_find(json_get(set->root, "status.conditions"),
					 STR("ReplicaFailure"));
	yyjson_mut_val *conditions, *condition;
	char now[TIME_TEXT_BYTES];

	if (!old == !failure)
		return false;
	conditions = json_set_array(doc, status, "conditions");
	JSON_EACH (kept, json_get(set->root, "status.conditions"))
		if (kept != old)
			yyjson_mut_arr_append(conditions, json_copy(doc, kept));
	if (!failure)
		return true;
	condition = json_append_object(doc, conditions);
	json_set_str(doc, condition, "type", STR("ReplicaFailure"));
	json_set_str(doc, condition, "status", STR("True"));
	json_set_str(doc, condition, "lastTransitionTime", str_from(time_format(now_ns, now)));
	json_set_str(doc, condition, "reason",
		     failure->of_create ? STR("FailedCreate") : STR("FailedDelete"));
	json_set_str(doc, condition, "message", failure->message);
	return true;
}

static void submit_status(struct replicaset_controller *c, struct key key, const struct obj *set,
			  const struct rs_plan *plan)
{
	const struct {
		const char *name;
		int64_t value;
	} fields[] = {
		{ "replicas", plan->status.replicas },
		{ "fullyLabeledReplicas", plan->status.fully_labeled },
		{ "readyReplicas", plan->status.ready },
		{ "availableReplicas", plan->status.available },
		{ "observedGeneration", plan->status.observed_generation },
	};
	yyjson_val *old = yyjson_obj_get(set->root, "status");
	yyjson_mut_doc *patch;
	yyjson_mut_val *status = status_patch_new(&patch);
	bool changed = copy_conditions(patch, status, set, map_get(&c->failures, key.text),
				       env_wall_ns(c->base.env));

	for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
		changed |= json_get_int(old, fields[i].name, 0) != fields[i].value;
		json_set_int(patch, status, fields[i].name, fields[i].value);
	}
	if (changed)
		controller_submit_status(&c->base, key.text, c->kind, set, patch);
	else
		json_mut_free(patch);
}

/* --- reconcile --- */

static void submit_pods(struct replicaset_controller *c, struct key key, const struct obj *set,
			const struct rs_plan *plan, const struct owned_set *owned)
{
	for (int64_t i = 0; i < plan->create_count; i++)
		submit_pod_write(c, key.text, set,
				 request_create(&kind_pod, set->namespace_, pod_body(c, set)));
	for (size_t i = 0; i < plan->delete_count; i++)
		submit_pod_write(c, key.text, set,
				 request_delete(&kind_pod, owned->objects[plan->deletes[i]->index],
						-1, NULL));
}

static enum reconcile_result replicaset_reconcile(struct controller *base, struct key key,
						  struct err *err)
{
	struct replicaset_controller *c = CONTAINER_OF(base, struct replicaset_controller, base);
	const struct obj *set = informer_get(base->informers[WATCH_SETS], key.text);
	AUTO_ARENA arena = { 0 };
	struct selector selector;
	struct owned_set owned;
	struct rs_pod *pods;
	struct rs_view view;
	struct rs_plan plan;

	arena_init(&arena, CONTROLLER_ARENA_BYTES_MAX);
	if (!set) {
		failure_free(map_remove(&c->failures, key.text));
		return RECONCILE_DONE;
	}
	if (parse_selector(c, set, &arena, &selector, err) < 0)
		return RECONCILE_DONE; /* only a new spec can help, and it will be told */
	owned = owned_find(base, key.text,
			   &(struct owned_query){
				   .owner_kind = c->kind,
				   .owner = set,
				   .selector = &selector,
				   .kind = &kind_pod,
				   .by_owner = base->indexes[WATCH_PODS],
				   .orphans = base->indexes2[WATCH_PODS],
			   },
			   &arena);
	if (owned.changing)
		return RECONCILE_WAIT;
	pods = arena_array(&arena, owned.count + 1, sizeof(*pods));
	for (size_t i = 0; i < owned.count; i++)
		pods[i] = pod_view(owned.objects[i],
				   json_get(set->root, "spec.template.metadata.labels"), i);
	view = (struct rs_view){
		.replicas = json_get_int(set->root, "spec.replicas", 1),
		.min_ready_seconds = json_get_int(set->root, "spec.minReadySeconds", 0),
		.generation = set->generation,
		.deleting = obj_is_deleting(set),
		.now_ns = env_wall_ns(base->env),
		.pods = pods,
		.pod_count = owned.count,
		.burst = queue_failures(&base->queue, key.text) ? 1 : 0,
	};
	if (view.replicas < (int64_t)owned.count)
		view_related(c, set, &owned, pods);
	replicaset_plan(&view, &arena, &plan);
	if (!plan.create_count && !plan.delete_count)
		set_failure(c, key.text, false, NULL); /* what failed is not wanted any more */
	submit_pods(c, key, set, &plan, &owned);
	submit_status(c, key, set, &plan);
	if (plan.requeue_after_ms)
		queue_add_after(&base->queue, key.text, plan.requeue_after_ms);
	return RECONCILE_DONE;
}

/* --- events --- */

static void set_changed(struct controller *base, const struct obj *old, const struct obj *new_)
{
	queue_add_obj(&base->queue, new_ ? new_ : old);
}

static void add_matching_sets(struct replicaset_controller *c, const struct obj *pod)
{
	struct informer_set sets = index_lookup(c->base.indexes2[WATCH_SETS], pod->namespace_);
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, CONTROLLER_ARENA_BYTES_MAX);
	INFORMER_SET_FOR_EACH (set, sets) {
		struct selector selector;

		if (parse_selector(c, set, &arena, &selector, NULL) == 0 &&
		    selector_matches(&selector, pod->labels))
			queue_add_obj(&c->base.queue, set);
	}
}

static void pod_changed(struct controller *base, const struct obj *old, const struct obj *new_)
{
	struct replicaset_controller *c = CONTAINER_OF(base, struct replicaset_controller, base);

	owned_changed(base, c->kind, old, new_);
	if (new_ && !obj_controller_ref(new_) && !obj_is_deleting(new_) &&
	    (!old || obj_controller_ref(old) || !json_equal(old->labels, new_->labels)))
		add_matching_sets(c, new_);
}

static void replicaset_start(struct controller *base)
{
	struct replicaset_controller *c = CONTAINER_OF(base, struct replicaset_controller, base);

	map_init(&c->failures);
	c->kind = base->type->watches[WATCH_SETS].kind;
}

static void replicaset_stop(struct controller *base)
{
	struct replicaset_controller *c = CONTAINER_OF(base, struct replicaset_controller, base);
	size_t cursor = 0;
	struct str key;
	void *failure;

	while (map_next(&c->failures, &cursor, &key, &failure))
		failure_free(failure);
	map_deinit(&c->failures);
}

const struct controller_type controller_replicaset = {
	.name = "replicaset-controller",
	.component = "replicaset-controller",
	.summary = "Keeps as many pods running as a ReplicaSet asks for",
	.state_bytes = sizeof(struct replicaset_controller),
	.watches = {
		{ &kind_replicaset, set_changed, index_by_owner_uid, index_by_namespace },
		{ &kind_pod, pod_changed, index_by_owner_uid, index_orphans },
	},
	.reconcile = replicaset_reconcile,
	.start = replicaset_start,
	.stop = replicaset_stop,
};

const struct controller_type controller_replication = {
	.name = "replicationcontroller-controller",
	.component = "replication-controller",
	.summary = "Keeps as many pods running as a ReplicationController asks for",
	.state_bytes = sizeof(struct replicaset_controller),
	.watches = {
		{ &kind_replicationcontroller, set_changed, index_by_owner_uid, index_by_namespace },
		{ &kind_pod, pod_changed, index_by_owner_uid, index_orphans },
	},
	.reconcile = replicaset_reconcile,
	.start = replicaset_start,
	.stop = replicaset_stop,
};
