/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives each node without addresses for its pods the first free subnet of the cluster's network.
 * What is taken is read from the nodes and from what was submitted and not yet seen, so a restart
 * needs no state of its own.
 */
#include "controllers/node_cidr.h"

#include "base/log.h"
#include "base/mem.h"
#include "controllers/controller.h"

struct cidr_controller {
	struct controller base;
	struct cidr cluster;
	int node_bits;
	bool enabled;
	struct map submitted; /* node name → index + 1 as a pointer */
};

static size_t index_of(const struct cidr_controller *c, struct str text)
{
	struct cidr cidr;

	return text.len && cidr_parse(text, &cidr, NULL) == 0
		       ? cidr_subnet_index(&c->cluster, c->node_bits, &cidr)
		       : SIZE_MAX;
}

static size_t find_free(const struct cidr_controller *c)
{
	size_t count = cidr_subnet_count(&c->cluster, c->node_bits), cursor = 0;
	struct informer_set nodes = informer_all(c->base.informers[0]);
	AUTO_FREE bool *taken = mem_calloc(count + 1, sizeof(*taken));
	struct str name;
	void *value;

	INFORMER_SET_FOR_EACH (node, nodes) {
		size_t index = index_of(c, json_get_str(node->root, "spec.podCIDR"));

		if (index != SIZE_MAX)
			taken[index] = true;
	}
	while (map_next(&c->submitted, &cursor, &name, &value))
		taken[(uintptr_t)value - 1] = true;
	for (size_t i = 0; i < count; i++)
		if (!taken[i])
			return i;
	return SIZE_MAX;
}

static void answered(void *owner, const struct request *request, const struct obj *result,
		     const struct err *err)
{
	struct cidr_controller *c = owner;

	(void)result;
	if (err)
		(void)map_remove(&c->submitted, request->key); /* the subnet is free again */
}

static enum reconcile_result cidr_reconcile(struct controller *base, struct key key,
					    struct err *err)
{
	struct cidr_controller *c = CONTAINER_OF(base, struct cidr_controller, base);
	const struct obj *node = informer_get(base->informers[0], key.text);
	char text[CIDR_TEXT_BYTES];
	yyjson_mut_doc *patch;
	yyjson_mut_val *spec;
	struct request r;
	struct cidr cidr;
	size_t index;

	(void)err; /* nothing here can fail before the API answers */
	if (!node || json_get_str(node->root, "spec.podCIDR").len) {
		(void)map_remove(&c->submitted, key.text); /* may not be there */
		return RECONCILE_DONE;
	}
	index = find_free(c);
	if (index == SIZE_MAX) {
		recorder_event(base->recorder, node, EVENT_NORMAL, "CIDRNotAvailable",
			       "Node " STR_FMT " status is now: CIDRNotAvailable",
			       STR_ARG(node->name));
		return RECONCILE_RETRY;
	}
	cidr_subnet(&c->cluster, c->node_bits, index, &cidr);
	(void)cidr_format(&cidr, text); /* returns text */
	patch = json_new_object();
	spec = json_set_object(patch, yyjson_mut_doc_get_root(patch), "spec");
	json_set_str(patch, spec, "podCIDR", str_from(text));
	json_append_str(patch, json_set_array(patch, spec, "podCIDRs"), str_from(text));
	r = request_patch(&kind_node, node, API_PATCH_MERGE, patch);
	r.missing_is_fine = true;
	r.answered = answered;
	r.owner = c;
	(void)map_put(&c->submitted, key.text,
		      (void *)(uintptr_t)(index + 1)); /* replaced at most by itself */
	controller_submit(base, key.text, r);
	return RECONCILE_DONE;
}

static void node_changed(struct controller *base, const struct obj *old, const struct obj *new_)
{
	struct cidr_controller *c = CONTAINER_OF(base, struct cidr_controller, base);
	const struct obj *node = new_ ? new_ : old;

	if (c->enabled && (!new_ || !old || map_get(&c->submitted, node->name)))
		queue_add_obj(&base->queue, node);
}

static void cidr_start(struct controller *base)
{
	struct cidr_controller *c = CONTAINER_OF(base, struct cidr_controller, base);
	struct err err = { .code = ERR_NONE };

	map_init(&c->submitted);
	if (!base->options->cluster_cidr.len)
		return;
	if (cidr_parse(base->options->cluster_cidr, &c->cluster, &err) < 0) {
		log_error(base->type->name, "%s", err.msg);
		return;
	}
	c->node_bits = base->options->node_cidr_bits ? base->options->node_cidr_bits
		       : c->cluster.v6		     ? 64
						     : 24;
	c->enabled = cidr_subnet_count(&c->cluster, c->node_bits) > 0;
	if (!c->enabled)
		log_error(base->type->name, STR_FMT " has no room for networks of %d bits",
			  STR_ARG(base->options->cluster_cidr), c->node_bits);
}

static void cidr_stop(struct controller *base)
{
	map_deinit(&CONTAINER_OF(base, struct cidr_controller, base)->submitted);
}

const struct controller_type controller_node_cidr = {
	.name = "node-ipam-controller",
	.component = "cidrAllocator",
	.summary = "Gives each node its part of the pod addresses",
	.state_bytes = sizeof(struct cidr_controller),
	.watches = { { &kind_node, node_changed } },
	.reconcile = cidr_reconcile,
	.start = cidr_start,
	.stop = cidr_stop,
};
