/* SPDX-License-Identifier: Apache-2.0 */
/* Checks that the schema alone can make: closed sets of values, ranges, sizes, what must not be
 * empty. */
#ifndef CUBE_API_SCHEMA_CHECK_H
#define CUBE_API_SCHEMA_CHECK_H

#include "api/strategy.h"

/* Runs after the kind's own checks and says nothing about a field they complained about already. */
void schema_check(struct edit *e, struct field_errors *errors);

#endif
