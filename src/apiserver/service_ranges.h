/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks that addresses of Services come from: those of ServiceCIDRs, the default one first, then
 * by name. Before there is a default one it is the server's own. They are read from the store each
 * time they are asked for.
 */
#ifndef CUBE_APISERVER_SERVICE_RANGES_H
#define CUBE_APISERVER_SERVICE_RANGES_H

#include "apiserver/number_range.h"

#define SERVICE_CIDR_DEFAULT "kubernetes"

struct registry;

enum service_ranges {
	SERVICE_RANGES_READY, /* without those that go or are not to be used yet */
	SERVICE_RANGES_ALL,
};

typedef bool service_range_fn(void *arg, const struct address_range *range);
/* Those of one family; false of fn ends it. */
void service_ranges_each(struct registry *registry, enum service_ranges which, bool is_v6,
			 service_range_fn *fn, void *arg);
bool service_ranges_hold(struct registry *registry, struct str address, enum service_ranges which);

#endif
