/* SPDX-License-Identifier: Apache-2.0 */
/* Filters and scores that look at one node's own properties: cordoned, named, taints, labels, host
 * ports. */
#include "base/num.h"
#include "scheduler/cycle.h"

bool unschedulable_prepare(struct cycle *cycle, size_t index)
{
	static const struct taint cordon = {
		STR_INIT("node.kubernetes.io/unschedulable"),
		STR_INIT(""),
		TAINT_NO_SCHEDULE,
	};

	(void)index;
	return !pod_tolerates(cycle->pod, &cordon);
}

enum refusal unschedulable_filter(struct cycle *cycle, const struct node_state *node, size_t index)
{
	(void)index;
	if (!node->unschedulable)
		return REFUSED_NOT;
	return cycle_refuse(cycle, REFUSED_FOR_GOOD, STR("node(s) were unschedulable"));
}

bool node_name_prepare(struct cycle *cycle, size_t index)
{
	(void)index;
	return cycle->pod->node_name.len > 0;
}

enum refusal node_name_filter(struct cycle *cycle, const struct node_state *node, size_t index)
{
	(void)index;
	if (str_eq(cycle->pod->node_name, node->name))
		return REFUSED_NOT;
	return cycle_refuse(cycle, REFUSED_FOR_GOOD,
			    STR("node(s) didn't match the requested node name"));
}

enum refusal taints_filter(struct cycle *cycle, const struct node_state *node, size_t index)
{
	(void)index;
	for (size_t i = 0; i < node->taint_count; i++) {
		const struct taint *t = &node->taints[i];

		if (t->effect == TAINT_PREFER_NO_SCHEDULE || pod_tolerates(cycle->pod, t))
			continue;
		return cycle_refuse(cycle, REFUSED_FOR_GOOD,
				    str_printf_in(cycle->arena,
						  "node(s) had untolerated taint {" STR_FMT
						  ": " STR_FMT "}",
						  STR_ARG(t->key), STR_ARG(t->value)));
	}
	return REFUSED_NOT;
}

bool taints_score(struct cycle *cycle, struct node_state *const *nodes, size_t count,
		  int64_t *scores, size_t index)
{
	bool any = false;

	(void)index;
	for (size_t n = 0; n < count; n++) {
		scores[n] = 0;
		for (size_t i = 0; nodes[n]->prefer_taint_count && i < nodes[n]->taint_count; i++) {
			const struct taint *t = &nodes[n]->taints[i];

			scores[n] += t->effect == TAINT_PREFER_NO_SCHEDULE &&
				     !pod_tolerates(cycle->pod, t);
		}
		any |= scores[n] > 0;
	}
	if (any)
		scores_normalize(scores, count, true);
	return any;
}

bool affinity_prepare(struct cycle *cycle, size_t index)
{
	(void)index;
	return cycle->pod->node_selector || cycle->pod->node_terms;
}

enum refusal affinity_filter(struct cycle *cycle, const struct node_state *node, size_t index)
{
	(void)index;
	if (node_is_selected(cycle->pod, node))
		return REFUSED_NOT;
	return cycle_refuse(cycle, REFUSED_FOR_GOOD,
			    STR("node(s) didn't match Pod's node affinity/selector"));
}

bool affinity_score(struct cycle *cycle, struct node_state *const *nodes, size_t count,
		    int64_t *scores, size_t index)
{
	(void)index;
	if (!yyjson_arr_size(cycle->pod->node_preferences))
		return false;
	for (size_t n = 0; n < count; n++) {
		scores[n] = 0;
		JSON_EACH (preference, cycle->pod->node_preferences)
			if (node_term_matches(yyjson_obj_get(preference, "preference"), nodes[n]))
				scores[n] += json_get_int(preference, "weight", 0);
	}
	scores_normalize(scores, count, false);
	return true;
}

bool ports_prepare(struct cycle *cycle, size_t index)
{
	(void)index;
	return cycle->pod->port_count > 0;
}

static bool ports_clash(const struct port_use *a, const struct port_use *b)
{
	static const struct str any = STR_INIT("0.0.0.0");

	return a->port == b->port && str_eq(a->protocol, b->protocol) &&
	       (str_eq(a->host_ip, b->host_ip) || str_eq(a->host_ip, any) ||
		str_eq(b->host_ip, any));
}

static bool pods_clash(const struct pod_state *a, const struct pod_state *b)
{
	for (size_t i = 0; i < a->port_count; i++)
		for (size_t k = 0; k < b->port_count; k++)
			if (ports_clash(&a->ports[i], &b->ports[k]))
				return true;
	return false;
}

enum refusal ports_filter(struct cycle *cycle, const struct node_state *node, size_t index)
{
	(void)index;
	for (size_t i = 0; node->port_count && i < node->pod_count; i++)
		if (pods_clash(cycle->pod, node->pods[i]))
			return cycle_refuse(
				cycle, REFUSED,
				STR("node(s) didn't have free ports for the requested pod ports"));
	return REFUSED_NOT;
}
