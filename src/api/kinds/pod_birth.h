/* SPDX-License-Identifier: Apache-2.0 */
/* What the server makes of a new Pod: its first status, and requirements that follow from its
 * labels. */
#ifndef CUBE_API_KINDS_POD_BIRTH_H
#define CUBE_API_KINDS_POD_BIRTH_H

#include "api/strategy.h"

void pod_birth_prepare(struct edit *e);

#endif
