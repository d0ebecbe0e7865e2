/* SPDX-License-Identifier: Apache-2.0 */
/* What a ResourceQuota's status shall be, from the objects of its namespace. Pure. */
#ifndef CUBE_CONTROLLERS_QUOTA_H
#define CUBE_CONTROLLERS_QUOTA_H

#include "api/quota.h"
#include "client/informer.h"

struct quota_view {
	const struct obj *quota;
	int64_t now_ns;
	struct resource_list used; /* grows with each quota_view_add */
};

void quota_view_init(struct quota_view *view, const struct obj *quota, int64_t now_ns,
		     struct arena *arena);
/* Whether objects of the kind can count for this quota. */
bool quota_view_wants(const struct quota_view *view, const struct kind *kind);
void quota_view_add(struct quota_view *view, const struct kind *kind, const struct obj *obj);
/* Whether status differs from what was counted. */
bool quota_view_differs(const struct quota_view *view);
/* Whether a change of an object can change what a quota counts of it. */
bool quota_change_matters(const struct kind *kind, const struct obj *old, const struct obj *new_,
			  int64_t now_ns);

#endif
