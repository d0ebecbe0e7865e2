/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Lease by which others see that this API server lives (kube-system, labelled
 * apiserver.kubernetes.io/identity), renewed every ten seconds, and the removal of those that were
 * not renewed for as long as they say they last: at the start and each hour.
 */
#ifndef CUBE_APISERVER_IDENTITY_LEASE_H
#define CUBE_APISERVER_IDENTITY_LEASE_H

#include "apiserver/identity.h"
#include "apiserver/own_write.h"
#include "loop/env.h"

struct identity_lease {
	struct registry *registry;
	struct str hostname; /* empty: this server has no Lease */
	/* own */
	char name[IDENTITY_BYTES], holder[IDENTITY_BYTES + ENV_UUID_BYTES];
	struct own_writes writes;
	struct timer renew, collect;
	bool is_started;
};

void identity_lease_start(struct identity_lease *lease);  /* registry and hostname are set */
void identity_lease_deinit(struct identity_lease *lease); /* started or not */
/* Whether it says that its holder is gone. */
bool identity_lease_is_expired(yyjson_val *root, int64_t wall_ns) PURE;

#endif
