/* SPDX-License-Identifier: Apache-2.0 */
/* Who makes a request. Immutable once made; one per connection or in-process role. */
#ifndef CUBE_APISERVER_USER_H
#define CUBE_APISERVER_USER_H

#include "base/arena.h"
#include "codec/json.h"

struct user_extra {
	struct str key;
	struct str_list values;
};

struct user {
	struct str name, uid;
	const struct str *groups;
	size_t group_count;
	const struct user_extra *extras;
	size_t extra_count;
};

#define USER_CREDENTIAL_KEY "authentication.kubernetes.io/credential-id"

/* What the name of a service account begins with; its namespace, ':' and name follow. */
#define USER_ACCOUNT_PREFIX "system:serviceaccount:"
bool user_is_account(struct str user_name, struct str *ret_namespace, struct str *ret_name);
bool user_in_group(const struct user *user, const char *group) PURE;

/* Heap copies. groups beyond USER_GROUPS_MAX are refused by the caller. */
struct user *user_new(struct str name, const struct str *groups, size_t group_count) MUST_CHECK;
/* What tells this credential from others of the same user: the only extra of one from user_new. */
void user_set_credential(struct user *user, struct str id);
void user_free(struct user *user); /* NULL is fine */
/* A copy in the arena, extras included. */
const struct user *user_in(struct arena *arena, const struct user *user);
/* Appends username, uid, groups and extra to a UserInfo, each only when there is something. */
void user_write(const struct user *user, yyjson_mut_doc *doc, yyjson_mut_val *to);

extern const struct user user_anonymous; /* system:anonymous in system:unauthenticated */
extern const struct user user_loopback;	 /* the server itself: system:apiserver in system:masters */

#endif
