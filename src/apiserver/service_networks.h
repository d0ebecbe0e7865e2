/* SPDX-License-Identifier: Apache-2.0 */
/* The networks of Services that the server was started with: one, or one of each address family. */
#ifndef CUBE_APISERVER_SERVICE_NETWORKS_H
#define CUBE_APISERVER_SERVICE_NETWORKS_H

#include "api/service_family.h"
#include "apiserver/number_range.h"

#define SERVICE_NETWORKS_MAX 2

struct service_networks {
	struct address_range
		items[SERVICE_NETWORKS_MAX]; /* the first one's family is the default */
	size_t count;
};

/* list: "10.96.0.0/12,fd00::/108"; refused in upstream's words. */
int service_networks_init(struct service_networks *networks, struct str list,
			  struct err *err) MUST_CHECK;
void service_networks_deinit(struct service_networks *networks);
struct service_families service_networks_families(const struct service_networks *networks);
/* NULL: the cluster has no such family. */
const struct address_range *service_networks_of(const struct service_networks *networks,
						bool is_v6);

#endif
