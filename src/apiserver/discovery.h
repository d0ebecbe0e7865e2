/* SPDX-License-Identifier: Apache-2.0 */
/* The discovery documents, written from the table of kinds. Pure. */
#ifndef CUBE_APISERVER_DISCOVERY_H
#define CUBE_APISERVER_DISCOVERY_H

#include "api/kind.h"
#include "base/buf.h"

/* {"kind":"APIVersions",...} of /api */
void discovery_core_versions(struct buf *to);
/* {"kind":"APIGroupList",...} of /apis */
void discovery_groups(struct buf *to);
/* {"kind":"APIGroup",...} of /apis/<group>; false when there is none */
bool discovery_group(struct str group, struct buf *to);
/* {"kind":"APIResourceList",...} of /api/v1 and /apis/<group>/<version>; false when there is none
 */
bool discovery_resources(struct str group, struct str version, struct buf *to);
/* APIGroupDiscoveryList of /api (core) or /apis, in apidiscovery.k8s.io/<version> ("v2",
 * "v2beta1"). */
void discovery_aggregated(bool core, const char *version, struct buf *to);

#endif
