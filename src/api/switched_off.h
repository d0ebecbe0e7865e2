/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields of features that v1.36 has switched off by default. The schema knows them, so that nobody
 * is warned of them, but they are not kept: a new object loses them, and an updated one unless the
 * old object has such a field already.
 */
#ifndef CUBE_API_SWITCHED_OFF_H
#define CUBE_API_SWITCHED_OFF_H

#include "api/strategy.h"

void switched_off_drop(struct edit *e);

#endif
