/* SPDX-License-Identifier: Apache-2.0 */
/* The flow schemas and priority levels that every cluster has. */
#ifndef CUBE_APISERVER_FLOW_DEFAULTS_H
#define CUBE_APISERVER_FLOW_DEFAULTS_H

#include "api/kind.h"
#include "codec/json.h"

/* "true": the spec is kept as it is here; "false": it is the administrator's. */
#define FLOW_AUTOUPDATE "apf.kubernetes.io/autoupdate-spec"

/* object is fn's. */
typedef void flow_defaults_fn(void *arg, const struct kind *kind, yyjson_mut_doc *object,
			      bool is_mandatory);
void flow_defaults_each(flow_defaults_fn *fn, void *arg);
bool flow_defaults_have(const struct kind *kind, struct str name);

#endif
