/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of structural schemas share. */
#ifndef CUBE_API_STRUCTURAL_INTERNAL_H
#define CUBE_API_STRUCTURAL_INTERNAL_H

#include "api/structural.h"

/* Formats that are not known hold anything. */
bool structural_format_is(struct str format, struct str value);
/* What tells an element of a list from the others, as text: the values of its keys, or all of it.
 */
struct str structural_identity(yyjson_mut_val *item, yyjson_val *keys, struct arena *arena);

#endif
