/* SPDX-License-Identifier: Apache-2.0 */
/* The discovery documents, written from the set of kinds and what other servers say they have.
 * Pure. */
#ifndef CUBE_APISERVER_DISCOVERY_H
#define CUBE_APISERVER_DISCOVERY_H

#include "api/kind_set.h"
#include "apiserver/aggregation.h"
#include "base/buf.h"

/* Group versions in their order (aggregation_groups). */
struct discovery_view {
	const struct kind_set *set;
	const struct api_group_version *list;
	size_t count;
};

/* {"kind":"APIVersions",...} of /api */
void discovery_core_versions(struct str server_address, struct buf *to);
/* {"kind":"APIGroupList",...} of /apis */
void discovery_groups(const struct discovery_view *view, struct buf *to);
/* {"kind":"APIGroup",...} of /apis/<group>; false when there is none */
bool discovery_group(const struct discovery_view *view, struct str group, struct buf *to);
/* {"kind":"APIResourceList",...} of /api/v1 and /apis/<group>/<version>; false when there is none
 */
bool discovery_resources(const struct kind_set *set, struct str group, struct str version,
			 struct buf *to);
/* APIGroupDiscoveryList of /api (core) or /apis. */
void discovery_aggregated(const struct discovery_view *view, bool core, struct buf *to);

#endif
