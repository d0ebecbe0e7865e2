/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ResourceQuota: what an object counts for, which quotas count it, and whether there is room for
 * it. Admission charges new objects by this, the quota controller counts everything anew by it.
 * Pure.
 */
#ifndef CUBE_API_QUOTA_H
#define CUBE_API_QUOTA_H

#include "api/kind.h"
#include "api/resource_list.h"

/* What one object adds to its namespace's usage: "pods", "requests.cpu", "count/jobs.batch", ... A
 * pod that is over, or whose grace after deletion is, counts as an object only. */
void quota_usage(const struct kind *kind, yyjson_val *object, int64_t now_ns,
		 struct resource_list *ret);
/* Whether the quota's scopes take the object in. */
bool quota_selects(yyjson_val *quota, const struct kind *kind, yyjson_val *object);
/* The same of one scope: operator In, NotIn, Exists or DoesNotExist, for those that have values. */
bool quota_scope_matches(const struct kind *kind, yyjson_val *object, struct str scope,
			 struct str operator, yyjson_val * values);
/* Whether usage of the kind can be limited by a resource of this name at all. */
bool quota_is_about(const struct kind *kind, struct str resource_name);

struct quota_request {
	const struct kind *kind;
	yyjson_val *object;
	yyjson_val *old; /* NULL: it is created */
	int64_t now_ns;
};
/* What a write costs of a quota that selects its object. Returns false and *ret_refusal in
 * upstream's words when it may not be. *ret_used is status.used as it will be, and *ret_changed
 * whether it differs from what it is. */
bool quota_charge(yyjson_val *quota, const struct quota_request *request,
		  struct resource_list *ret_used, bool *ret_changed, struct str *ret_refusal);

#endif
