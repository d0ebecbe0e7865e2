/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks that addresses of Services come from: the server's own, then those of ServiceCIDRs of
 * the same family, by name. They are read from the store each time they are asked for, which is
 * only when the own one has no answer.
 */
#ifndef CUBE_APISERVER_SERVICE_RANGES_H
#define CUBE_APISERVER_SERVICE_RANGES_H

#include "apiserver/number_range.h"

struct registry;

enum service_ranges {
	SERVICE_RANGES_READY, /* without those that go or are not to be used yet */
	SERVICE_RANGES_ALL,
};

/* fn: false ends it. */
void service_ranges_each(struct registry *registry, enum service_ranges which,
			 bool (*fn)(void *arg, const struct address_range *range), void *arg);
bool service_ranges_hold(struct registry *registry, struct str address, enum service_ranges which);

#endif
