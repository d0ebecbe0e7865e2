/* SPDX-License-Identifier: Apache-2.0 */
/* What people write into Endpoints of services without a selector, as EndpointSlices. */
#ifndef CUBE_CONTROLLERS_ENDPOINTSLICE_MIRROR_H
#define CUBE_CONTROLLERS_ENDPOINTSLICE_MIRROR_H

#include "api/obj.h"
#include "codec/json.h"

/* service: of the same name, or NULL. */
bool mirror_is_wanted(const struct obj *endpoints, const struct obj *service);
/* An array of doc: for each subset and address family an object with addressType, ports and
 * endpoints as a slice has them. No more than MIRROR_ADDRESSES_MAX addresses of a subset
 * are taken, as upstream. */
yyjson_mut_val *mirror_plan(const struct obj *endpoints, yyjson_mut_doc *doc);

#endif
