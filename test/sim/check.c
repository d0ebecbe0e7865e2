/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules that hold at every event, whatever crashed: revisions never go back, never more pods than
 * replicas and surge, never fewer ready ones than the update allows because a controller took one
 * away.
 */
#include "api/kind.h"
#include "codec/json.h"
#include "sim/cluster.h"

void cluster_violate(struct cluster *c, const char *what)
{
	if (!c->violation)
		c->violation = what;
	sim_trace(c->sim, "VIOLATION %s", what);
}

static bool has_ended(const struct obj *pod)
{
	struct str phase = json_get_str(pod->root, "status.phase");

	return str_eq(phase, STR("Succeeded")) || str_eq(phase, STR("Failed"));
}

static bool is_ready(const struct obj *pod)
{
	JSON_EACH (condition, json_get(pod->root, "status.conditions"))
		if (str_eq(json_get_str(condition, "type"), STR("Ready")))
			return str_eq(json_get_str(condition, "status"), STR("True"));
	return false;
}

static void check_pods(struct cluster *c)
{
	struct informer_set pods = informer_all(c->pods);
	int64_t active = 0;

	INFORMER_SET_FOR_EACH (pod, pods)
		active += !has_ended(pod) && !obj_is_deleting(pod);
	if (informer_is_synced(c->pods) && active > c->bounds.active_max)
		cluster_violate(c, "more pods than replicas and surge");
}

static void check_availability(struct cluster *c)
{
	struct informer_set pods = informer_all(c->pods);
	int64_t ready = 0;

	INFORMER_SET_FOR_EACH (pod, pods)
		ready += is_ready(pod) && !obj_is_deleting(pod);
	if (ready < c->bounds.ready_min)
		cluster_violate(c, "a controller took a ready pod away below the minimum");
}

static void changed(struct informer_handler *handler, const struct obj *old, const struct obj *new_)
{
	struct cluster *c = handler->owner;
	const struct obj *obj = new_ ? new_ : old;

	sim_trace(c->sim, "%s " STR_FMT " " STR_FMT " %lld",
		  !old	  ? "+"
		  : !new_ ? "-"
			  : "~",
		  STR_ARG(obj->kind), STR_ARG(obj->name), (long long)obj->resource_version);
	/* At the start objects come in the order of their names. */
	if (informer_is_synced(handler == &c->watchers[0]   ? c->pods
			       : handler == &c->watchers[1] ? c->sets
			       : handler == &c->watchers[2] ? c->deployments
							    : c->services)) {
		if (obj->resource_version < c->last_revision)
			cluster_violate(c, "a watch went back");
		c->last_revision = obj->resource_version;
	}
	if (handler != &c->watchers[0])
		return;
	check_pods(c);
	if (old && new_ && is_ready(old) && !obj_is_deleting(old) && obj_is_deleting(new_))
		check_availability(c);
}

void cluster_watch(struct cluster *c)
{
	struct informer *watched[4];

	c->pods = watched[0] = client_informer(c->user, &kind_pod, NULL);
	c->sets = watched[1] = client_informer(c->user, &kind_replicaset, NULL);
	c->deployments = watched[2] = client_informer(c->user, &kind_deployment, NULL);
	c->services = watched[3] = client_informer(c->user, &kind_service, NULL);
	c->endpoints = client_informer(c->user, &kind_endpoints, NULL);
	c->slices = client_informer(c->user, &kind_endpointslice, NULL);
	for (size_t i = 0; i < 4; i++) {
		c->watchers[i] = (struct informer_handler){ .on_change = changed, .owner = c };
		informer_add_handler(watched[i], &c->watchers[i]);
	}
}
