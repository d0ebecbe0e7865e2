/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses and node ports of Services: taken when an operation is decided, kept when its write
 * succeeds, given back when it fails; what a change or removal frees is given back only once that
 * is durable.
 */
#ifndef CUBE_APISERVER_SERVICE_CLAIM_H
#define CUBE_APISERVER_SERVICE_CLAIM_H

#include "apiserver/operation.h"

/* Nothing happens for other kinds, likewise below. */
int service_claim_create(struct operation *op) MUST_CHECK;
/* Before validation of an update: what was allocated and is left out stays as it was. */
void service_claim_keep(struct operation *op);
int service_claim_update(struct operation *op) MUST_CHECK;
void service_claim_remove(struct operation *op);
/* The operation is over; safe to call again. */
void service_claim_end(struct operation *op, bool success);

#endif
