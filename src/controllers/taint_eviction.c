/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deletes pods that do not tolerate a NoExecute taint of their node, at once or when the time they
 * tolerate it for is over. A key is a pod; the time counts from the taint's timeAdded, so that a
 * restart does not begin it anew.
 */
#include "base/num.h"
#include "base/time.h"
#include "controllers/controller.h"
#include "controllers/node.h"
#include "controllers/pod.h"

enum { WATCH_PODS, WATCH_NODES };

static int64_t tainted_since_ns(yyjson_val *taints, int64_t now_ns)
{
	int64_t latest = 0;

	JSON_EACH (taint, taints)
		if (str_eq(json_get_str(taint, "effect"), STR("NoExecute")))
			latest = NUM_MAX(latest, time_of(json_get_str(taint, "timeAdded")));
	return latest ? latest : now_ns;
}

static enum reconcile_result eviction_reconcile(struct controller *c, struct key key,
						struct err *err)
{
	const struct obj *pod = informer_get(c->informers[WATCH_PODS], key.text), *node;
	yyjson_val *taints;
	int64_t seconds, now_ns = env_wall_ns(c->env), left_ns;

	(void)err; /* nothing here can fail before the API answers */
	if (!pod || obj_is_deleting(pod) || !pod_node_name(pod).len || pod_is_terminal(pod))
		return RECONCILE_DONE;
	node = informer_get(c->informers[WATCH_NODES], pod_node_name(pod));
	if (!node)
		return RECONCILE_DONE;
	taints = json_get(node->root, "spec.taints");
	seconds = taint_eviction_seconds(json_get(pod->root, "spec.tolerations"), taints);
	if (seconds == INT64_MAX)
		return RECONCILE_DONE;
	left_ns = tainted_since_ns(taints, now_ns) + seconds * TIME_NS_PER_SECOND - now_ns;
	if (seconds && left_ns > 0) {
		queue_add_after(&c->queue, key.text, left_ns / TIME_NS_PER_MS + 1);
		return RECONCILE_DONE;
	}
	recorder_event(c->recorder, pod, EVENT_NORMAL, "TaintManagerEviction",
		       "Marking for deletion Pod " STR_FMT, STR_ARG(key.text));
	controller_submit(c, key.text, request_delete(&kind_pod, pod, -1, NULL));
	return RECONCILE_DONE;
}

static bool has_no_execute(const struct obj *node)
{
	JSON_EACH (taint, node ? json_get(node->root, "spec.taints") : NULL)
		if (str_eq(json_get_str(taint, "effect"), STR("NoExecute")))
			return true;
	return false;
}

static void pod_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	if (!new_ || (old && str_eq(pod_node_name(old), pod_node_name(new_)) &&
		      json_equal(json_get(old->root, "spec.tolerations"),
				 json_get(new_->root, "spec.tolerations"))))
		return;
	if (pod_node_name(new_).len &&
	    has_no_execute(informer_get(c->informers[WATCH_NODES], pod_node_name(new_))))
		queue_add_obj(&c->queue, new_);
}

static void node_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	struct informer_set pods;

	if (!has_no_execute(new_) || (old && json_equal(json_get(old->root, "spec.taints"),
							json_get(new_->root, "spec.taints"))))
		return;
	pods = index_lookup(c->indexes[WATCH_PODS], new_->name);
	INFORMER_SET_FOR_EACH (pod, pods)
		queue_add_obj(&c->queue, pod);
}

const struct controller_type controller_taint_eviction = {
	.name = "taint-eviction-controller",
	.component = "taint-eviction-controller",
	.summary = "Evicts pods that do not tolerate a taint of their node",
	.watches = {
		{ &kind_pod, pod_changed, index_by_node_name },
		{ &kind_node, node_changed },
	},
	.reconcile = eviction_reconcile,
};
