/* SPDX-License-Identifier: Apache-2.0 */
/* Where this server itself reaches a Service: one of its ready endpoints. */
#ifndef CUBE_APISERVER_SERVICE_ENDPOINT_H
#define CUBE_APISERVER_SERVICE_ENDPOINT_H

#include "apiserver/registry.h"
#include "base/arena.h"

struct service_endpoint_choice {
	uint64_t turn; /* one after the other as this grows */
	struct arena *arena;
	struct str *ret_address; /* in the arena */
	uint16_t *ret_port;
};

/* False: none is ready. */
bool service_endpoint_find(struct registry *registry, const struct obj *service,
			   struct str port_name, const struct service_endpoint_choice *choice);
/* The entry of spec.ports with that number; NULL: there is none. */
yyjson_val *service_endpoint_port(const struct obj *service, int64_t number);

#endif
