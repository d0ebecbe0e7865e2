/* SPDX-License-Identifier: Apache-2.0 */
/* What is accepted but not a good idea: texts of Warning headers. */
#ifndef CUBE_API_KINDS_WARNINGS_H
#define CUBE_API_KINDS_WARNINGS_H

#include "api/strategy.h"

/* A new object whose name begins those of Pods. */
void warn_name_of_pods(struct edit *e, struct notices *notices);
/* Of a Pod, or of the template at path ("spec.template"; "" = the object itself). */
void warn_pod(struct notices *notices, const char *path, yyjson_mut_val *pod);
/* In a NodeSelectorTerm and its like. */
void warn_node_terms(struct notices *notices, const char *path, yyjson_mut_val *terms);

#endif
