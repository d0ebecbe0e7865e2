/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing an object being written with the stored one while some of it may differ. */
#ifndef CUBE_API_KINDS_FROZEN_H
#define CUBE_API_KINDS_FROZEN_H

#include "api/strategy.h"

/* Makes now's member what it is in old: there or not. */
void frozen_take_old(yyjson_mut_doc *doc, yyjson_mut_val *now, yyjson_val *old, const char *key);
/* now and old differ in nothing but these members (NULL-terminated). */
bool frozen_is_same_but(yyjson_mut_val *now, yyjson_val *old, const char *const *free_members);

#endif
