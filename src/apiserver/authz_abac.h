/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attribute-based access control: a file of policies, one line of JSON each, of which any may allow
 * a request. Read at the start; none of them ever denies.
 */
#ifndef CUBE_APISERVER_AUTHZ_ABAC_H
#define CUBE_APISERVER_AUTHZ_ABAC_H

#include "apiserver/authz.h"

struct authz_abac;

/* text: the file's. err names the line that cannot be used. */
int authz_abac_new(struct str text, struct authz_abac **ret, struct err *err) MUST_CHECK;
void authz_abac_free(struct authz_abac *abac); /* NULL is fine */
enum authz_decision authz_abac_decide(const struct authz_abac *abac,
				      const struct authz_attributes *a);

#endif
