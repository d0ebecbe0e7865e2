/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the flow schemas and priority levels that are missing; what is there stays as it is. */
#ifndef CUBE_APISERVER_FLOW_DEFAULTS_H
#define CUBE_APISERVER_FLOW_DEFAULTS_H

#include "apiserver/operation.h"
#include "base/list.h"

struct flow_defaults {
	struct registry *registry;
	void (*done)(struct flow_defaults *defaults, const struct err *err);
	struct list writes; /* init'ed by the owner */
	/* own */
	size_t left;
	struct err err;
};

/* done is called once; deinit may come earlier when the store is gone. */
void flow_defaults_start(struct flow_defaults *defaults);
void flow_defaults_deinit(struct flow_defaults *defaults);

#endif
