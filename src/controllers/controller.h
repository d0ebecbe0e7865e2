/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all controllers share: a const row that says what one watches and how it reconciles, and the
 * state every one has. controllers.c lists the rows, makes the state, connects informers to the
 * row's functions and starts the queue once all that is watched has synced. A controller decides in
 * its *_plan.c, which is pure, and only submits elsewhere.
 */
#ifndef CUBE_CONTROLLERS_CONTROLLER_H
#define CUBE_CONTROLLERS_CONTROLLER_H

#include "api/kind.h"
#include "base/arena.h"
#include "client/queue.h"
#include "client/recorder.h"
#include "codec/json.h"
#include "controllers/controllers.h"
#include "controllers/limits.h"

struct controller;

struct controller_watch {
	const struct kind *kind;
	/* A change of an object of this kind: adds keys to the queue. */
	void (*changed)(struct controller *controller, const struct obj *old,
			const struct obj *new_);
	void (*index)(const struct obj *obj,
		      struct index_values *values); /* may be NULL; likewise */
	void (*index2)(const struct obj *obj, struct index_values *values);
};

struct controller_type {
	const char *name;      /* in logs and options */
	const char *component; /* source of its events */
	const char *summary;
	size_t state_bytes; /* of the struct that begins with struct controller; 0 = just that */
	struct controller_watch watches[CONTROLLER_WATCHES_MAX]; /* ends with a NULL kind */
	enum reconcile_result (*reconcile)(struct controller *controller, struct key key,
					   struct err *err);
	void (*start)(
		struct controller *controller); /* may be NULL; before the first change is told */
	void (*stop)(struct controller *controller); /* may be NULL */
};

struct controller_handler {
	struct informer_handler handler;
	struct controller *controller;
	const struct controller_watch *watch;
};

struct controller {
	const struct controller_type *type;
	const struct controllers_options *options;
	struct env *env;
	struct client *client;
	struct recorder *recorder;
	struct queue queue;
	/* In the order of type->watches. */
	struct informer *informers[CONTROLLER_WATCHES_MAX];
	struct informer_index *indexes[CONTROLLER_WATCHES_MAX];
	struct informer_index *indexes2[CONTROLLER_WATCHES_MAX];
	struct controller_handler handlers[CONTROLLER_WATCHES_MAX];
	size_t watch_count;
};

/* Submits a write that belongs to a key. */
void controller_submit(struct controller *controller, struct str key, struct request request);

/* A merge patch of the status: the caller fills in the object that is returned and submits with
 * controller_submit_status. */
yyjson_mut_val *status_patch_new(yyjson_mut_doc **ret_doc);
void controller_submit_status(struct controller *controller, struct str key,
			      const struct kind *kind, const struct obj *obj,
			      yyjson_mut_doc *patch);

extern const struct controller_type controller_daemonset, controller_deployment,
	controller_replicaset, controller_replication, controller_endpoints,
	controller_endpointslice, controller_endpointslice_mirror, controller_namespace,
	controller_garbage, controller_serviceaccount, controller_root_ca,
	controller_node_lifecycle, controller_taint_eviction, controller_pod_garbage,
	controller_node_cidr, controller_role_aggregation, controller_certificate, controller_quota,
	controller_account_token, controller_token_cleaner, controller_bootstrap_signer,
	controller_policy_status, controller_claim_protection, controller_volume_protection,
	controller_service_cidr, controller_disruption, controller_legacy_token;

#endif
