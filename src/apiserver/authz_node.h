/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Node authorizer: a node reads what the pods bound to it need, and writes what is its own.
 * What the object of a request must be in detail is admission's part (admission_node.c).
 */
#ifndef CUBE_APISERVER_AUTHZ_NODE_H
#define CUBE_APISERVER_AUTHZ_NODE_H

#include "apiserver/authz.h"

enum authz_decision node_decide(struct registry *registry, const struct authz_attributes *a);
/* Whether the user is a node: in group system:nodes and named system:node:<name>. *ret_name may
 * come out empty. */
bool user_is_node(const struct user *user, struct str *ret_name);

#endif
