/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the body of a PATCH must be before anything is done with it, in the words of upstream's
 * decoders, and what is told of it otherwise: members that are given twice or that no operation
 * has.
 */
#ifndef CUBE_APISERVER_PATCH_BODY_H
#define CUBE_APISERVER_PATCH_BODY_H

#include "apiserver/operation.h"

/* Before what a decoder says. */
const char *patch_decoding_prefix(const struct operation *op);
/* op->patch has fields twice: the last of each counts. text: which, `duplicate field "a", ...`. */
void patch_take_duplicates(struct operation *op, struct str text);
/* One after the other of op->patch_duplicates. */
bool patch_next_duplicate(struct str *rest, struct str *ret);
/* Returns -1 with the refusal set. */
int patch_check_shape(struct operation *op, struct refusal *refusal);

#endif
