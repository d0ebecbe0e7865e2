/* SPDX-License-Identifier: Apache-2.0 */
/* The objects every cluster has from its first start; made through ordinary operations, one after
 * the other. */
#ifndef CUBE_APISERVER_BOOTSTRAP_H
#define CUBE_APISERVER_BOOTSTRAP_H

#include "apiserver/front_proxy.h"
#include "apiserver/operation.h"
#include "apiserver/registry.h"

struct bootstrap {
	struct registry *registry;
	struct str advertise_address; /* empty: no endpoints */
	uint16_t secure_port;
	const struct front_proxy *front; /* NULL: nobody behind is told whom to believe */
	void (*done)(struct bootstrap *bootstrap, const struct err *err);
	/* own */
	struct operation op;
	struct arena arena;
	size_t step;
	bool advertises_not; /* the address is of no use to others */
	bool is_updating; /* the object was there: bring it up to date */
};

/* The fields on top are set. done is called once; deinit may come earlier when the store is gone.
 */
void bootstrap_start(struct bootstrap *bootstrap);
void bootstrap_deinit(struct bootstrap *bootstrap);

#endif
