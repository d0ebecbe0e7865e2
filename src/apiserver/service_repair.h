/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the ledger of addresses and ports true to the Services there are: before the first request,
 * because the state may be from before there was a ledger, restored or written by others; and every
 * few minutes, as upstream. What no Service has is given back once it was seen so twice.
 */
#ifndef CUBE_APISERVER_SERVICE_REPAIR_H
#define CUBE_APISERVER_SERVICE_REPAIR_H

#include "apiserver/service_ledger.h"
#include "base/map.h"
#include "loop/env.h"

struct service_repair {
	struct registry *registry;
	void (*done)(struct service_repair *repair, const struct err *err); /* of the first round */
	/* own */
	struct arena arena;	      /* of a round */
	struct service_ledger ledger; /* likewise: what is being written */
	struct timer timer;
	struct map idle; /* keys of addresses, and ports, without a Service in the last round */
	size_t left_count;
	int tries;
	bool is_started, is_ready, is_behind;
	struct err err;
};

void service_repair_start(struct service_repair *repair); /* registry and done are set */
void service_repair_stop(struct service_repair *repair);  /* fine when not started; the store is gone */

#endif
