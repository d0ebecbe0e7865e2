/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pod per node. First every node is brought to exactly one living pod or none; then, in a
 * rolling update, old pods go: those that are not available at once, others as far as
 * maxUnavailable allows.
 */
#include "base/num.h"
#include "controllers/daemonset.h"

static bool lives(const struct daemon_pod *pod)
{
	return !pod->deleting && !pod->ended && !pod->remove;
}

static struct daemon_pod *oldest(const struct daemon_node *node)
{
	struct daemon_pod *found = NULL;

	for (size_t i = 0; i < node->pod_count; i++) {
		struct daemon_pod *pod = &node->pods[i];

		if (lives(pod) &&
		    (!found || pod->created_ns < found->created_ns ||
		     (pod->created_ns == found->created_ns && str_cmp(pod->name, found->name) < 0)))
			found = pod;
	}
	return found;
}

static void plan_node(struct daemon_node *node)
{
	struct daemon_pod *keep;

	node->create = node->should_run && node->pod_count == 0;
	for (size_t i = 0; i < node->pod_count; i++)
		node->pods[i].remove = !node->pods[i].deleting &&
				       (node->pods[i].ended || !node->may_stay);
	keep = oldest(node);
	for (size_t i = 0; i < node->pod_count; i++)
		if (&node->pods[i] != keep && lives(&node->pods[i]))
			node->pods[i].remove = true;
}

static void roll(struct daemon_view *view)
{
	int64_t unavailable = 0, room;

	for (size_t i = 0; i < view->node_count; i++) {
		struct daemon_node *node = &view->nodes[i];
		struct daemon_pod *pod = oldest(node);

		if (!node->should_run)
			continue;
		unavailable += !pod || !pod->available;
		if (pod && !pod->updated && !pod->available)
			pod->remove = true;
	}
	room = view->max_unavailable - unavailable;
	for (size_t i = 0; i < view->node_count && room > 0; i++) {
		struct daemon_pod *pod = oldest(&view->nodes[i]);

		if (!view->nodes[i].should_run || !pod || pod->updated)
			continue;
		pod->remove = true;
		room--;
	}
}

static void count(const struct daemon_view *view, struct daemon_status *status)
{
	*status = (struct daemon_status){ .observed_generation = view->generation };
	for (size_t i = 0; i < view->node_count; i++) {
		const struct daemon_node *node = &view->nodes[i];
		const struct daemon_pod *pod = NULL;

		for (size_t k = 0; k < node->pod_count; k++)
			if (!pod || node->pods[k].created_ns < pod->created_ns)
				pod = &node->pods[k];
		status->desired += node->should_run;
		if (pod && !node->should_run)
			status->misscheduled++;
		if (!pod || !node->should_run)
			continue;
		status->current++;
		status->ready += pod->ready;
		status->available += pod->available;
		status->updated += pod->updated;
	}
	status->unavailable = status->desired - status->available;
}

void daemonset_plan(struct daemon_view *view, struct daemon_status *ret_status)
{
	count(view, ret_status);
	if (view->deleting)
		return;
	for (size_t i = 0; i < view->node_count; i++)
		plan_node(&view->nodes[i]);
	if (!view->on_delete)
		roll(view);
}
