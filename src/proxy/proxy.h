/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service proxy of one node: keeps the packet filter of its network namespace in step with
 * Services and EndpointSlices.
 */
#ifndef CUBE_PROXY_PROXY_H
#define CUBE_PROXY_PROXY_H

#include <netinet/in.h>
#include "client/client.h"

struct proxy;

struct proxy_options {
	struct env *env;
	struct client *client;
	struct str node_name; /* strings are borrowed for the proxy's life */
	struct in_addr pods;
	uint8_t pods_prefix_len;
	const char *bridge;
	const char *table;
};

/* Starts at once; the first transaction is applied when both informers have synced. */
struct proxy *proxy_new(const struct proxy_options *options) MUST_CHECK;
/* Rules stay in force: connections to running pods go on without the daemon. Waits for a
 * transaction under way. */
void proxy_free(struct proxy *proxy);

/* Deletes the table; for `down`. Blocks. */
int proxy_remove_rules(const char *table, struct err *err) MUST_CHECK;

#endif
