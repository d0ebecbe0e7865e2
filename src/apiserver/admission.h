/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Admission: a table of plug-ins asked in order for each write, first those that change the object,
 * then those that only refuse it. Each is a function of the edit and of what the registry holds;
 * kinds it does not care about cost a compare.
 */
#ifndef CUBE_APISERVER_ADMISSION_H
#define CUBE_APISERVER_ADMISSION_H

#include "apiserver/operation.h"

int admission_mutate(struct operation *op) MUST_CHECK;
int admission_validate(struct operation *op) MUST_CHECK;
int admission_delete(struct operation *op) MUST_CHECK; /* op->edit.old is what shall go */

#endif
