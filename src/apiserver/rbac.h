/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authorizer over Roles, ClusterRoles and their bindings. Bindings are kept by subject, brought
 * up to date by the store's own events, so that a question costs the same however many bindings
 * there are for others; roles are read where they are.
 */
#ifndef CUBE_APISERVER_RBAC_H
#define CUBE_APISERVER_RBAC_H

#include "apiserver/authz.h"
#include "apiserver/operation.h"

struct rbac;

struct rbac *rbac_new(struct registry *registry) MUST_CHECK;
void rbac_free(struct rbac *rbac); /* the store is closed; NULL is fine */

enum authz_decision rbac_decide(struct registry *registry, const struct authz_attributes *a);
/* All rules the user has in the namespace (empty: cluster-wide ones only), until fn returns false.
 */
void rbac_each_rule(struct rbac *rbac, const struct user *user, struct str namespace_,
		    bool (*fn)(void *arg, yyjson_val *rule), void *arg);

/* Nobody gives what he does not have: admission of roles and bindings (rbac_escalation.c). */
enum outcome rbac_check_escalation(struct operation *op) MUST_CHECK;

#endif
