/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The object being written in the versions that owners of its fields wrote in. Where only a webhook
 * knows them the operation waits for it and is run again; it finds then what was asked before.
 */
#ifndef CUBE_APISERVER_OWNER_VERSIONS_H
#define CUBE_APISERVER_OWNER_VERSIONS_H

#include "api/versioned.h"

struct operation;

/* As long as op. */
const struct version_converter *owner_versions_converter(struct operation *op);
/* A conversion failed because a webhook has still to answer: it resumes op. */
bool owner_versions_is_asking(const struct operation *op) PURE;
/* Gives back what was converted, also what is under way. */
void owner_versions_drop(struct operation *op);

#endif
