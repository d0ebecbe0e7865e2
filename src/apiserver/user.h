/* SPDX-License-Identifier: Apache-2.0 */
/* Who makes a request. Immutable once made; one per connection or in-process role. */
#ifndef CUBE_APISERVER_USER_H
#define CUBE_APISERVER_USER_H

#include "base/str.h"

struct user {
	struct str name, uid;
	const struct str *groups;
	size_t group_count;
};

bool user_in_group(const struct user *user, const char *group) PURE;

/* Heap copies. groups beyond USER_GROUPS_MAX are refused by the caller. */
struct user *user_new(struct str name, const struct str *groups, size_t group_count) MUST_CHECK;
void user_free(struct user *user); /* NULL is fine */

extern const struct user user_anonymous; /* system:anonymous in system:unauthenticated */
extern const struct user user_loopback;	 /* the server itself: system:apiserver in system:masters */

#endif
