/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods that nobody will end: those of nodes that are gone, and pods being deleted that never had a
 * node. A key is a pod. A node must be gone for a while first, because a restarting kubelet
 * registers again. Beyond a threshold the oldest finished pods go as well.
 */
#include <stdlib.h>
#include "base/mem.h"
#include "base/time.h"
#include "controllers/absence.h"
#include "controllers/controller.h"
#include "controllers/pod.h"

enum { WATCH_PODS, WATCH_NODES };

struct pod_garbage_controller {
	struct controller base;
	size_t ended_count; /* pods that are Succeeded or Failed */
	struct absence absence;
};

static int64_t quarantine_ms(const struct controller *c)
{
	return c->options->orphan_quarantine_ms ? c->options->orphan_quarantine_ms
						: POD_ORPHAN_QUARANTINE_MS;
}

static void submit_failed(struct controller *c, struct key key, const struct obj *pod)
{
	yyjson_mut_doc *patch;
	yyjson_mut_val *status = status_patch_new(&patch), *to;
	char now[TIME_TEXT_BYTES];
	struct request r;

	if (pod_is_terminal(pod)) {
		json_mut_free(patch);
		return;
	}
	json_set_str(patch, status, "phase", STR("Failed"));
	to = json_append_object(patch, json_set_array(patch, status, "conditions"));
	json_set_str(patch, to, "type", STR("DisruptionTarget"));
	json_set_str(patch, to, "status", STR("True"));
	json_set_str(patch, to, "reason", STR("DeletionByPodGC"));
	json_set_str(patch, to, "message", STR("PodGC: node no longer exists"));
	json_set_str(patch, to, "lastTransitionTime",
		     str_from(time_format(env_wall_ns(c->env), now)));
	r = request_patch(&kind_pod, pod, API_PATCH_STRATEGIC, patch);
	r.subresource = STR("status");
	r.missing_is_fine = true;
	controller_submit(c, key.text, r);
}

static int oldest_first(const void *a, const void *b)
{
	int64_t x = obj_created_ns(*(const struct obj *const *)a),
		y = obj_created_ns(*(const struct obj *const *)b);

	if (x != y)
		return x < y ? -1 : 1;
	return str_cmp((*(const struct obj *const *)a)->uid, (*(const struct obj *const *)b)->uid);
}

static void delete_ended(struct pod_garbage_controller *c, struct key key)
{
	struct informer_set all = informer_all(c->base.informers[WATCH_PODS]);
	AUTO_FREE const struct obj **ended = mem_calloc(all.count + 1, sizeof(*ended));
	size_t count = 0;

	INFORMER_SET_FOR_EACH (pod, all)
		if (pod_is_terminal(pod) && !obj_is_deleting(pod))
			ended[count++] = pod;
	qsort(ended, count, sizeof(*ended), oldest_first);
	for (size_t i = 0; i + TERMINATED_PODS_MAX < count; i++)
		controller_submit(&c->base, key.text, request_delete(&kind_pod, ended[i], 0, NULL));
}

static enum reconcile_result garbage_reconcile(struct controller *base, struct key key,
					       struct err *err)
{
	struct pod_garbage_controller *c = CONTAINER_OF(base, struct pod_garbage_controller, base);
	const struct obj *pod = informer_get(base->informers[WATCH_PODS], key.text);

	(void)err; /* nothing here can fail before the API answers */
	if (c->ended_count > TERMINATED_PODS_MAX)
		delete_ended(c, key);
	if (!pod)
		return RECONCILE_DONE;
	if (!pod_node_name(pod).len) {
		if (obj_is_deleting(pod))
			controller_submit(base, key.text, request_delete(&kind_pod, pod, 0, NULL));
		return RECONCILE_DONE;
	}
	if (informer_get(base->informers[WATCH_NODES], pod_node_name(pod)) ||
	    !absence_is_sure(&c->absence,
			     &(struct absence_of){ &kind_node, .name = pod_node_name(pod) },
			     key.text))
		return RECONCILE_DONE;
	submit_failed(base, key, pod);
	controller_submit(base, key.text, request_delete(&kind_pod, pod, 0, NULL));
	return RECONCILE_DONE;
}

static void pod_changed(struct controller *base, const struct obj *old, const struct obj *new_)
{
	struct pod_garbage_controller *c = CONTAINER_OF(base, struct pod_garbage_controller, base);
	char text[CLIENT_KEY_BYTES_MAX];

	c->ended_count += new_ && pod_is_terminal(new_);
	c->ended_count -= old && pod_is_terminal(old) && c->ended_count;
	if (!new_)
		return;
	if (pod_node_name(new_).len) {
		/* At the start nodes may come after their pods, and a node may come back: looked at
		 * after a while. */
		if ((!old || !pod_node_name(old).len) &&
		    !informer_get(base->informers[WATCH_NODES], pod_node_name(new_)))
			queue_add_after(&base->queue,
					str_sub(text, informer_key(new_, text, sizeof(text))),
					quarantine_ms(base));
	} else if (obj_is_deleting(new_)) {
		queue_add_obj(&base->queue, new_);
	}
	if (c->ended_count > TERMINATED_PODS_MAX && !(old && pod_is_terminal(old)))
		queue_add_obj(&base->queue, new_);
}

static void node_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	struct informer_set pods;

	if (new_)
		return;
	pods = index_lookup(c->indexes[WATCH_PODS], old->name);
	INFORMER_SET_FOR_EACH (pod, pods) {
		char text[CLIENT_KEY_BYTES_MAX];

		queue_add_after(&c->queue, str_sub(text, informer_key(pod, text, sizeof(text))),
				quarantine_ms(c));
	}
}

static void garbage_start(struct controller *base)
{
	absence_init(&CONTAINER_OF(base, struct pod_garbage_controller, base)->absence, base);
}

static void garbage_stop(struct controller *base)
{
	absence_deinit(&CONTAINER_OF(base, struct pod_garbage_controller, base)->absence);
}

const struct controller_type controller_pod_garbage = {
	.name = "pod-garbage-collector-controller",
	.component = "pod-garbage-collector",
	.summary = "Deletes pods whose node is gone, and the oldest finished ones",
	.state_bytes = sizeof(struct pod_garbage_controller),
	.watches = {
		{ &kind_pod, pod_changed, index_by_node_name },
		{ &kind_node, node_changed },
	},
	.reconcile = garbage_reconcile,
	.start = garbage_start,
	.stop = garbage_stop,
};
