/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which nodes an object is meant for: node selector terms over labels and metadata.name, as Node
 * and Pod write them. Pure; used by whoever places pods.
 */
#ifndef CUBE_API_NODE_SELECTOR_H
#define CUBE_API_NODE_SELECTOR_H

#include "codec/json.h"

/* nodeSelectorTerms: any term matches; an empty term matches nothing. */
bool node_selector_terms_match(yyjson_val *terms, yyjson_val *labels, struct str name);
bool node_selector_term_matches(yyjson_val *term, yyjson_val *labels, struct str name);
/* A plain nodeSelector map. */
bool node_selector_map_matches(yyjson_val *map, yyjson_val *labels);

#endif
