/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ConfigMap kube-system/kube-apiserver-legacy-service-account-token-tracking: since which day the
 * uses of Secrets' tokens are noted in them. Before that the absence of a note says nothing, so who
 * cleans unused ones away reads it.
 */
#ifndef CUBE_APISERVER_TOKEN_TRACKING_H
#define CUBE_APISERVER_TOKEN_TRACKING_H

#include "apiserver/own_write.h"
#include "loop/env.h"
#include "store/store.h"

struct token_tracking {
	struct registry *registry;
	/* own */
	struct own_writes writes;
	struct store_watcher watcher;
	struct task look;
	struct timer again;
	int64_t made_ns; /* monotonic; 0: not by this server */
	bool is_started;
};

void token_tracking_start(struct token_tracking *t);  /* registry is set */
void token_tracking_deinit(struct token_tracking *t); /* started or not; the store is gone */

#endif
