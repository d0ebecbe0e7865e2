/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of this process's own roles to the registry (struct api_transport): calls become
 * operations, watches share one store watcher, so that all of them see all changes in the one order
 * of revisions.
 */
#ifndef CUBE_APISERVER_LOCAL_H
#define CUBE_APISERVER_LOCAL_H

#include "api/transport.h"
#include "apiserver/registry.h"
#include "base/map.h"

struct local_hub {
	struct registry *registry;
	struct store_watcher watcher;
	bool is_watching;
	struct map kinds; /* key prefix → struct hub_kind */
	int64_t served;	  /* every watch has been told of everything up to here */
	unsigned depth;	  /* of deliveries going on: stopped watches are freed when it is 0 again */
	bool has_stopped;
	struct list transports;
	struct list calls; /* struct local_call, in flight */
};

void local_hub_init(struct local_hub *hub, struct registry *registry);
/* Frees transports, watches and calls in flight; the latter are told nothing. */
void local_hub_deinit(struct local_hub *hub);
struct api_transport *local_transport_new(struct local_hub *hub, struct str user) MUST_CHECK;
void local_transport_free(struct api_transport *transport);

#endif
