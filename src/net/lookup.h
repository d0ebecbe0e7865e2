/* SPDX-License-Identifier: Apache-2.0 */
/* From a host's name to addresses: numeric ones at once, others on the worker pool. */
#ifndef CUBE_NET_LOOKUP_H
#define CUBE_NET_LOOKUP_H

#include "loop/env.h"
#include "net/address.h"
#include "net/limits.h"

struct lookup;

/* count 0: err says why. */
typedef void lookup_fn(void *arg, const struct address *addresses, size_t count,
		       const struct err *err);
/* fn is called once, in a later turn of the loop. */
struct lookup *lookup_start(struct env *env, struct str host, uint16_t port, lookup_fn *fn,
			    void *arg) MUST_CHECK;
/* For threads that may wait. At most LOOKUP_ADDRESSES_MAX addresses into ret_addresses. */
int lookup_now(struct str host, uint16_t port, struct address *ret_addresses, size_t *ret_count,
	       struct err *err) MUST_CHECK;
void lookup_cancel(struct lookup *l); /* fn will not be called; NULL is fine */

#endif
