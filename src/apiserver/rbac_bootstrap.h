/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the default roles and bindings at each start, all in one commit: what is missing is
 * created, and what lacks something it shall have gets it, unless its annotation autoupdate says
 * "false". Nothing is taken away: an administrator may have added to it.
 */
#ifndef CUBE_APISERVER_RBAC_BOOTSTRAP_H
#define CUBE_APISERVER_RBAC_BOOTSTRAP_H

#include "apiserver/operation.h"
#include "base/list.h"

struct rbac_bootstrap {
	struct registry *registry;
	void (*done)(struct rbac_bootstrap *bootstrap, const struct err *err);
	/* own */
	struct list writes;
	size_t left;
	struct err err;
};

/* The fields on top are set. done is called once. */
void rbac_bootstrap_start(struct rbac_bootstrap *bootstrap);
void rbac_bootstrap_deinit(struct rbac_bootstrap *bootstrap);

#endif
