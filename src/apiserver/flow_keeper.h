/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the flow schemas and priority levels that must be there, and the status of all schemas: at
 * the start, each minute, and when one of them changed.
 */
#ifndef CUBE_APISERVER_FLOW_KEEPER_H
#define CUBE_APISERVER_FLOW_KEEPER_H

#include "apiserver/operation.h"
#include "base/list.h"
#include "loop/env.h"

struct flow_keeper {
	struct registry *registry;
	void (*done)(struct flow_keeper *keeper, const struct err *err);
	/* own */
	struct list writes;
	size_t left;
	bool is_started; /* done was called */
	struct err err;
	struct timer again;
	struct task look;
	struct store_watcher schemas, levels;
};

void flow_keeper_init(struct flow_keeper *keeper, struct registry *registry);
/* done is called once: what has to be there is. It is kept from then on. */
void flow_keeper_start(struct flow_keeper *keeper);
void flow_keeper_deinit(struct flow_keeper *keeper); /* may come at any time */

#endif
