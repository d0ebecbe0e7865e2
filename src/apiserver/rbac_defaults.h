/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The roles and bindings every cluster has, as upstream's 1.36 has them: data. Words are separated
 * by one space; "core" is the group without a name.
 */
#ifndef CUBE_APISERVER_RBAC_DEFAULTS_H
#define CUBE_APISERVER_RBAC_DEFAULTS_H

#include "apiserver/target.h"

struct default_rule {
	const char *verbs;
	const char *groups, *resources; /* or */
	const char *paths;
	const char *names; /* NULL: all */
};

struct default_role {
	const char *namespace_; /* NULL: a ClusterRole */
	const char *name;
	const char *aggregates_to; /* "admin": is part of that role */
	const char *gathers;	   /* its rules are those of the roles that aggregate to it */
	const struct default_rule *rules; /* ends with NULL verbs */
};

struct default_binding {
	const char *namespace_;	    /* NULL: a ClusterRoleBinding */
	const char *name;	    /* of the binding */
	const char *role;	    /* a ClusterRole, or with a namespace a Role there */
	const char *users, *groups; /* NULL: none */
	const char *accounts;	    /* of kube-system */
};

extern const struct default_role rbac_default_roles[]; /* end with a NULL name */
extern const struct default_binding rbac_default_bindings[];
/* ClusterRoles named RBAC_CONTROLLER_PREFIX<account>, each bound to that account of kube-system. */
extern const struct default_role rbac_controller_roles[];
#define RBAC_CONTROLLER_PREFIX "system:controller:"
extern const struct default_rule rbac_node_rules[]; /* of system:node */

/* Whether one of the rules allows what is asked for, as if they were in a role. */
bool default_rules_allow(const struct default_rule *rules, const struct target *target);

#endif
