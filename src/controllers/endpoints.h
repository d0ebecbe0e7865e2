/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pods are endpoints of a service, on which ports, in which state: read once, used by
 * Endpoints and EndpointSlices alike. Pure.
 */
#ifndef CUBE_CONTROLLERS_ENDPOINTS_H
#define CUBE_CONTROLLERS_ENDPOINTS_H

#include "api/obj.h"
#include "base/arena.h"
#include "client/informer.h"
#include "controllers/limits.h"

struct endpoint_port {
	struct str name, protocol, app_protocol;
	int64_t port;
};

struct endpoint {
	const struct obj *pod;
	struct str ip, node_name, hostname;
	struct str zone;
	bool ready, serving, terminating;
	struct endpoint_port *ports; /* those of the service that this pod has */
	size_t port_count;
};

struct endpoints_view {
	const struct obj *service;
	struct endpoint *endpoints; /* by address */
	size_t count;
};

/* Whether a controller makes endpoints for this service: it has a selector and is not an external
 * name. */
bool service_is_selecting(const struct obj *service);
/* v6: addresses of this family. zone_of: a node's zone label, empty when unknown. Everything lives
 * in the arena. */
void endpoints_view(const struct obj *service, struct informer_set pods, bool v6,
		    struct str (*zone_of)(void *arg, struct str node_name), void *arg,
		    struct arena *arena, struct endpoints_view *ret);
/* The same ports in the same order. */
bool endpoint_ports_equal(const struct endpoint *a, const struct endpoint *b);
/* Services whose endpoints a change of this pod may change; adds their keys through fn. */
void endpoints_of_pod(const struct informer_index *services_by_namespace, const struct obj *old,
		      const struct obj *new_, void (*fn)(void *arg, const struct obj *service),
		      void *arg);

#endif
