/* SPDX-License-Identifier: Apache-2.0 */
/* The discovery documents, written from the set of kinds. Pure. */
#ifndef CUBE_APISERVER_DISCOVERY_H
#define CUBE_APISERVER_DISCOVERY_H

#include "api/kind_set.h"
#include "base/buf.h"

/* {"kind":"APIVersions",...} of /api */
void discovery_core_versions(struct buf *to);
/* {"kind":"APIGroupList",...} of /apis */
void discovery_groups(const struct kind_set *set, struct buf *to);
/* {"kind":"APIGroup",...} of /apis/<group>; false when there is none */
bool discovery_group(const struct kind_set *set, struct str group, struct buf *to);
/* {"kind":"APIResourceList",...} of /api/v1 and /apis/<group>/<version>; false when there is none
 */
bool discovery_resources(const struct kind_set *set, struct str group, struct str version,
			 struct buf *to);
/* APIGroupDiscoveryList of /api (core) or /apis, in apidiscovery.k8s.io/<version> ("v2",
 * "v2beta1"). */
void discovery_aggregated(const struct kind_set *set, bool core, const char *version,
			  struct buf *to);

#endif
