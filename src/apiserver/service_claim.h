/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses and node ports of Services: what an operation takes and frees of them is decided with
 * it and written with it.
 */
#ifndef CUBE_APISERVER_SERVICE_CLAIM_H
#define CUBE_APISERVER_SERVICE_CLAIM_H

#include "apiserver/operation.h"

/* Before the object is validated and admission's validating half sees it: which address families,
 * addresses and ports it gets, in place of what it had. Nothing happens for other kinds, likewise
 * below. */
int service_claim_take(struct operation *op) MUST_CHECK;
/* Once that half has agreed, which may have taken a while: what was taken is still free. False: to
 * be decided anew. */
bool service_claim_holds(struct operation *op) MUST_CHECK;
void service_claim_remove(struct operation *op);
/* What is to be written with the operation; the claim's. */
const struct operation_charge *service_claim_charges(const struct operation *op, size_t *ret_count);
void service_claim_drop(struct operation *op); /* fine when there is none */

#endif
