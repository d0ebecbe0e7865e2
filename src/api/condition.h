/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions as objects have them in status.conditions, one of each type. Pure; values are
 * borrowed. */
#ifndef CUBE_API_CONDITION_H
#define CUBE_API_CONDITION_H

#include "codec/json.h"

/* The condition of this type in an array of conditions; NULL when there is none. */
yyjson_val *condition_find(yyjson_val *conditions, struct str type);
/* Of an object's own: the text of its member key ("status", "reason"); empty when there is none. */
struct str condition_get(yyjson_val *object, const char *type, const char *key);
bool condition_is(yyjson_val *object, const char *type, const char *status);

#endif
