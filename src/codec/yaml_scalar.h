/* SPDX-License-Identifier: Apache-2.0 */
/* What a YAML scalar is: the rules of YAML 1.1 as Go's yaml.v2 applies them, used by the reader and
 * by the writer. */
#ifndef CUBE_CODEC_YAML_SCALAR_H
#define CUBE_CODEC_YAML_SCALAR_H

#include "codec/json.h"

/* NULL with *ret_problem for what JSON cannot say (.inf, bad !!binary). tag empty = none. */
yyjson_mut_val *yaml_scalar_value(yyjson_mut_doc *doc, struct str text, bool plain, struct str tag,
				  const char **ret_problem);
/* A value as the key of a map: numbers and booleans become text. */
yyjson_mut_val *yaml_scalar_key(yyjson_mut_doc *doc, yyjson_mut_val *value,
				const char **ret_problem);
/* True when plain text would be read back as a string. */
bool yaml_scalar_is_string(struct str text);

#endif
