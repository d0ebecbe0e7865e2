/* SPDX-License-Identifier: Apache-2.0 */
/* The authorizer over Roles, ClusterRoles and their bindings. */
#ifndef CUBE_APISERVER_RBAC_H
#define CUBE_APISERVER_RBAC_H

#include "apiserver/authz.h"

enum authz_decision rbac_decide(struct registry *registry, const struct authz_attributes *a);

#endif
