/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses and node ports of Services: what an operation takes and frees of them is decided with
 * it and written with it.
 */
#ifndef CUBE_APISERVER_SERVICE_CLAIM_H
#define CUBE_APISERVER_SERVICE_CLAIM_H

#include "apiserver/operation.h"

/* Before validation: which address families it gets. Nothing happens for other kinds, likewise
 * below.
 */
int service_claim_plan(struct operation *op) MUST_CHECK;
int service_claim_create(struct operation *op) MUST_CHECK;
int service_claim_update(struct operation *op) MUST_CHECK;
void service_claim_remove(struct operation *op);
/* What is to be written with the operation; the claim's. */
const struct operation_charge *service_claim_charges(const struct operation *op, size_t *ret_count);
void service_claim_drop(struct operation *op); /* fine when there is none */

#endif
