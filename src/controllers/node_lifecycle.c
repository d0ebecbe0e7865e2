/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes that fall silent. A heartbeat is any change of a node's lease or conditions as seen here,
 * timed by our own clock; a deadline is set for the moment the grace period would end, so nothing
 * polls. A silent node's conditions become Unknown, its taints follow, and its pods are no longer
 * ready.
 */
#include "base/mem.h"
#include "base/time.h"
#include "controllers/controller.h"
#include "controllers/node.h"
#include "controllers/pod.h"

enum { WATCH_NODES, WATCH_LEASES, WATCH_PODS };

struct heartbeat {
	int64_t seen_ns; /* monotonic */
	bool was_ready;
	bool known; /* a lease or Ready condition was ever seen */
};

struct node_controller {
	struct controller base;
	struct map heartbeats; /* node name → struct heartbeat */
};

static struct heartbeat *heartbeat_of(struct node_controller *c, struct str name)
{
	struct heartbeat *beat = map_get(&c->heartbeats, name);

	if (beat)
		return beat;
	beat = NEW(struct heartbeat);
	beat->seen_ns = env_mono_ns(c->base.env);
	(void)map_put(&c->heartbeats, name, beat); /* was not there */
	return beat;
}

static int64_t grace_ms(const struct node_controller *c, const struct heartbeat *beat)
{
	int64_t ms = c->base.options->node_grace_ms ? c->base.options->node_grace_ms
						    : NODE_GRACE_MS;

	return beat->known || ms > NODE_STARTUP_GRACE_MS ? ms : NODE_STARTUP_GRACE_MS;
}

static void submit_unknown(struct controller *c, struct key key, const struct obj *node)
{
	static const char *const types[] = { "Ready", "MemoryPressure", "DiskPressure",
					     "PIDPressure" };
	yyjson_val *old = json_get(node->root, "status.conditions");
	yyjson_mut_doc *patch;
	yyjson_mut_val *status = status_patch_new(&patch),
		       *conditions = json_set_array(patch, status, "conditions");
	char now[TIME_TEXT_BYTES];
	struct request r;

	(void)time_format(env_wall_ns(c->env), now); /* returns now */
	for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
		yyjson_val *had = condition_find(old, str_from(types[i]));
		yyjson_mut_val *to = json_append_object(patch, conditions);

		json_set_str(patch, to, "type", str_from(types[i]));
		json_set_str(patch, to, "status", STR("Unknown"));
		json_set_str(patch, to, "reason",
			     had ? STR("NodeStatusUnknown") : STR("NodeStatusNeverUpdated"));
		json_set_str(patch, to, "message",
			     had ? STR("Kubelet stopped posting node status.")
				 : STR("Kubelet never posted node status."));
		json_set_str(patch, to, "lastTransitionTime", str_from(now));
		if (json_get_str(had, "lastHeartbeatTime").len)
			json_set_str(patch, to, "lastHeartbeatTime",
				     json_get_str(had, "lastHeartbeatTime"));
	}
	r = request_patch(&kind_node, node, API_PATCH_STRATEGIC, patch);
	r.subresource = STR("status");
	r.missing_is_fine = true;
	controller_submit(c, key.text, r);
}

static void submit_taints(struct controller *c, struct key key, const struct obj *node,
			  const struct node_plan *plan)
{
	yyjson_mut_doc *patch = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(patch), *taints;
	char now[TIME_TEXT_BYTES];
	struct request r;

	json_set_path_str(patch, root, "metadata.uid", node->uid);
	/* The list is replaced as a whole: nobody else may have changed it meanwhile. */
	json_set_path_str(patch, root, "metadata.resourceVersion",
			  json_get_str(node->root, "metadata.resourceVersion"));
	taints = json_set_array(patch, json_set_object(patch, root, "spec"), "taints");
	JSON_EACH (taint, json_get(node->root, "spec.taints"))
		if (!node_taint_is_managed(json_get_str(taint, "key")))
			yyjson_mut_arr_append(taints, json_copy(patch, taint));
	(void)time_format(env_wall_ns(c->env), now); /* returns now */
	for (size_t i = 0; i < plan->taint_count; i++) {
		yyjson_mut_val *to;
		yyjson_val *had = NULL;

		JSON_EACH (taint, json_get(node->root, "spec.taints"))
			if (str_eq_c(json_get_str(taint, "key"), plan->taints[i].key) &&
			    str_eq_c(json_get_str(taint, "effect"), plan->taints[i].effect))
				had = taint;
		if (had) {
			yyjson_mut_arr_append(taints, json_copy(patch, had));
			continue;
		}
		to = json_append_object(patch, taints);
		json_set_str(patch, to, "key", str_from(plan->taints[i].key));
		json_set_str(patch, to, "effect", str_from(plan->taints[i].effect));
		json_set_str(patch, to, "timeAdded", str_from(now));
	}
	r = request_patch(&kind_node, node, API_PATCH_MERGE, patch);
	r.missing_is_fine = true;
	controller_submit(c, key.text, r);
}

/* Traffic must not go to pods of a node that nobody hears of. */
static void submit_pods_not_ready(struct controller *c, struct key key)
{
	struct informer_set pods = index_lookup(c->indexes[WATCH_PODS], key.name);
	char now[TIME_TEXT_BYTES];

	(void)time_format(env_wall_ns(c->env), now); /* returns now */
	INFORMER_SET_FOR_EACH (pod, pods) {
		yyjson_mut_doc *patch;
		yyjson_mut_val *status, *to;
		struct request r;

		if (!pod_is_ready(pod))
			continue;
		status = status_patch_new(&patch);
		to = json_append_object(patch, json_set_array(patch, status, "conditions"));
		json_set_str(patch, to, "type", STR("Ready"));
		json_set_str(patch, to, "status", STR("False"));
		json_set_str(patch, to, "lastTransitionTime", str_from(now));
		r = request_patch(&kind_pod, pod, API_PATCH_STRATEGIC, patch);
		r.subresource = STR("status");
		r.missing_is_fine = true;
		controller_submit(c, key.text, r);
		recorder_event(c->recorder, pod, EVENT_WARNING, "NodeNotReady",
			       "Node is not ready");
	}
}

static enum reconcile_result node_reconcile(struct controller *base, struct key key,
					    struct err *err)
{
	struct node_controller *c = CONTAINER_OF(base, struct node_controller, base);
	const struct obj *node = informer_get(base->informers[WATCH_NODES], key.text);
	struct heartbeat *beat;
	struct node_plan plan;
	int64_t left_ms;

	(void)err; /* nothing here can fail before the API answers */
	if (!node) {
		mem_free(map_remove(&c->heartbeats, key.text));
		return RECONCILE_DONE;
	}
	beat = heartbeat_of(c, key.text);
	left_ms = grace_ms(c, beat) - (env_mono_ns(base->env) - beat->seen_ns) / TIME_NS_PER_MS;
	node_plan(node, left_ms <= 0, &plan);
	if (plan.silent)
		submit_unknown(base, key, node);
	if (plan.taints_differ)
		submit_taints(base, key, node, &plan);
	if (beat->was_ready && !plan.ready)
		recorder_event(base->recorder, node, EVENT_NORMAL, "NodeNotReady",
			       "Node " STR_FMT " status is now: NodeNotReady", STR_ARG(node->name));
	beat->was_ready = plan.ready;
	if (!plan.ready)
		submit_pods_not_ready(base, key);
	if (left_ms > 0)
		queue_add_after(&base->queue, key.text, left_ms + 1);
	return RECONCILE_DONE;
}

static void beat(struct node_controller *c, struct str name, bool known)
{
	struct heartbeat *heartbeat = heartbeat_of(c, name);

	heartbeat->seen_ns = env_mono_ns(c->base.env);
	heartbeat->known |= known;
}

static bool is_unknown(const struct obj *node)
{
	return str_eq(json_get_str(condition_find(json_get(node->root, "status.conditions"),
						  STR("Ready")),
				   "status"),
		      STR("Unknown"));
}

static bool has_ready(const struct obj *node)
{
	return condition_find(json_get(node->root, "status.conditions"), STR("Ready")) != NULL;
}

static void node_changed(struct controller *base, const struct obj *old, const struct obj *new_)
{
	struct node_controller *c = CONTAINER_OF(base, struct node_controller, base);

	/* What we write ourselves when it is silent is no sign of life. */
	if (new_ && !is_unknown(new_) &&
	    (!old || !json_equal(json_get(old->root, "status.conditions"),
				 json_get(new_->root, "status.conditions"))))
		beat(c, new_->name, has_ready(new_));
	queue_add_obj(&base->queue, new_ ? new_ : old);
}

static void lease_changed(struct controller *base, const struct obj *old, const struct obj *new_)
{
	struct node_controller *c = CONTAINER_OF(base, struct node_controller, base);

	if (!new_ || !str_eq(new_->namespace_, STR("kube-node-lease")) ||
	    (old && str_eq(json_get_str(old->root, "spec.renewTime"),
			   json_get_str(new_->root, "spec.renewTime"))))
		return;
	if (!map_get(&c->heartbeats, new_->name) &&
	    !informer_get(base->informers[WATCH_NODES], new_->name))
		return;
	beat(c, new_->name, true);
}

static void pod_changed(struct controller *base, const struct obj *old, const struct obj *new_)
{
	/* A pod that says it is ready on a node that is not: the node's turn to say otherwise. */
	struct node_controller *c = CONTAINER_OF(base, struct node_controller, base);
	struct heartbeat *heartbeat;

	if (!new_ || !pod_is_ready(new_) || (old && pod_is_ready(old)))
		return;
	heartbeat = map_get(&c->heartbeats, pod_node_name(new_));
	if (heartbeat && !heartbeat->was_ready)
		queue_add(&base->queue, pod_node_name(new_));
}

static void node_start(struct controller *base)
{
	map_init(&CONTAINER_OF(base, struct node_controller, base)->heartbeats);
}

static void node_stop(struct controller *base)
{
	struct node_controller *c = CONTAINER_OF(base, struct node_controller, base);

	map_deinit_values(&c->heartbeats);
}

const struct controller_type controller_node_lifecycle = {
	.name = "node-lifecycle-controller",
	.component = "node-controller",
	.summary = "Notices nodes that fall silent; keeps taints by condition",
	.state_bytes = sizeof(struct node_controller),
	.watches = {
		{ &kind_node, node_changed },
		{ &kind_lease, lease_changed },
		{ &kind_pod, pod_changed, index_by_node_name },
	},
	.reconcile = node_reconcile,
	.start = node_start,
	.stop = node_stop,
};
