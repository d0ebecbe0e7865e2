/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths of printer columns: `.spec.ports[0].name`, `.status.conditions[?(@.type=="Ready")].status`.
 * They find what client-go's JSONPath finds, peculiarities included: `['a.b']` is `.a.b`, an index
 * out of bounds is a failure and not nothing. Pure; steps live in an arena, text is borrowed.
 */
#ifndef CUBE_CODEC_JSON_PATH_H
#define CUBE_CODEC_JSON_PATH_H

#include "base/arena.h"
#include "codec/json.h"

struct json_path;

/* NULL: text is no path. */
const struct json_path *json_path_parse(struct arena *arena, struct str text);
/* The first value that the path finds in root; NULL: none, or the path cannot be followed. What is
 * no part of root, a number in the path or a byte of a string, lies in the path or in arena. */
yyjson_val *json_path_first(const struct json_path *path, yyjson_val *root, struct arena *arena);

#endif
