/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who owns which field of the object being written: metadata.managedFields is worked out from what
 * the client sent, before the server adds to it, and put into the object as the last thing before
 * it is encoded. In between the object has none.
 */
#ifndef CUBE_APISERVER_OWNERSHIP_H
#define CUBE_APISERVER_OWNERSHIP_H

#include "apiserver/operation.h"

/* Takes managedFields out of op->edit.root and works out the new ones, unless an apply did: then
 * only the first. */
void ownership_create(struct operation *op);
/* WAITING: op begins again when other versions of the object are known. */
enum outcome ownership_update(struct operation *op) MUST_CHECK;
/* Puts them in, as text: nothing may look into them afterwards. */
void ownership_attach(struct operation *op);
/* Whether they are as before, but for times. */
bool ownership_is_unchanged(const struct operation *op);

/* PATCH with an apply configuration, also of what is not there yet. */
MUST_CHECK operation_step apply_run, apply_scale;

#endif
