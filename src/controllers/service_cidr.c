/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks of Services: says of each that it is ready, and keeps one that is deleted as long as a
 * Service has an address that is in no other.
 */
#include "controllers/service_cidr.h"

#include "base/time.h"
#include "controllers/controller.h"
#include "controllers/pod.h"
#include "controllers/volume_protection.h"
#include "loop/env.h"

#define FINALIZER "networking.k8s.io/service-cidr-finalizer"
#define GRACE_MS 10000 /* until no API server gives its addresses out any more; as upstream */

enum { WATCH_CIDRS, WATCH_ADDRESSES };

static bool is_in_use(struct controller *c, const struct obj *cidr)
{
	struct informer_set set = informer_all(c->informers[WATCH_CIDRS]);
	struct service_cidrs all = { 0 };
	const struct obj **items;
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	items = arena_array(&arena, set.count + 1, sizeof(items[0]));
	INFORMER_SET_FOR_EACH (other, set)
		items[all.count++] = other;
	all.items = items;
	if (service_cidr_is_covered(cidr, &all))
		return false;
	INFORMER_SET_FOR_EACH (address, informer_all(c->informers[WATCH_ADDRESSES]))
		if (service_cidr_alone_has(cidr, address, &all))
			return true;
	return false;
}

static void submit_status(struct controller *c, struct key key, const struct obj *cidr,
			  bool is_blocked)
{
	yyjson_mut_doc *patch = service_cidr_status_plan(cidr, is_blocked, env_wall_ns(c->env));

	if (patch)
		controller_submit_status(c, key.text, &kind_servicecidr, cidr, patch);
}

static enum reconcile_result reconcile(struct controller *c, struct key key, struct err *err)
{
	const struct obj *cidr = informer_get(c->informers[WATCH_CIDRS], key.text);
	enum protection plan;
	int64_t since_ms;
	bool in_use;

	(void)err; /* nothing here can fail before the API answers */
	if (!cidr)
		return RECONCILE_DONE;
	in_use = obj_is_deleting(cidr) && is_in_use(c, cidr);
	plan = protection_plan(cidr, STR(FINALIZER), in_use);
	since_ms = (env_wall_ns(c->env) -
		    time_of(json_get_str(cidr->root, "metadata.deletionTimestamp"))) /
		   1000000;
	if (plan == PROTECTION_AS_IT_IS && (in_use || !obj_is_deleting(cidr)))
		submit_status(c, key, cidr, in_use);
	else if (plan == PROTECTION_REMOVE && since_ms < GRACE_MS)
		queue_add_after(&c->queue, key.text, GRACE_MS - since_ms);
	else
		protection_submit(c, key.text, &kind_servicecidr, cidr, FINALIZER, plan);
	return RECONCILE_DONE;
}

static void add_deleted(struct controller *c)
{
	INFORMER_SET_FOR_EACH (cidr, informer_all(c->informers[WATCH_CIDRS]))
		if (obj_is_deleting(cidr))
			queue_add_obj(&c->queue, cidr);
}

static void cidr_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	(void)old;
	queue_add_obj(&c->queue, new_);
	add_deleted(c);
}

static void address_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	if (!old || !new_)
		add_deleted(c);
}

const struct controller_type controller_service_cidr = {
	.name = "service-cidr-controller",
	.component = "service-cidr-controller",
	.summary = "Keeps networks that Services have addresses of",
	.watches = { { &kind_servicecidr, cidr_changed }, { &kind_ipaddress, address_changed } },
	.reconcile = reconcile,
};
