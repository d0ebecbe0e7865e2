/* SPDX-License-Identifier: Apache-2.0 */
/* PolicyRules as sets of permissions, pure: does one allow a request, do some hold all of another.
 */
#ifndef CUBE_APISERVER_RBAC_RULE_H
#define CUBE_APISERVER_RBAC_RULE_H

#include "apiserver/target.h"
#include "base/arena.h"
#include "codec/json.h"

bool rbac_rule_allows(yyjson_val *rule, const struct target *target);

struct rbac_rules {
	yyjson_val **items;
	size_t count;
};
/* Appends what the wanted rules hold and the owned ones do not, one line for each resource as
 * upstream prints it: {APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}. ERR_TOO_LARGE:
 * the rules stand for more permissions than are compared (RBAC_PARTS_MAX). */
int rbac_rules_missing(struct rbac_rules owned, yyjson_val *wanted, struct arena *arena,
		       struct buf *to, struct err *err) MUST_CHECK;

#endif
