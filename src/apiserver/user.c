/* SPDX-License-Identifier: Apache-2.0 */
/* Users: who makes a request. */
#include "apiserver/user.h"

#include "base/mem.h"

static const struct str anonymous_groups[] = { STR_INIT("system:unauthenticated") };
static const struct str loopback_groups[] = { STR_INIT("system:masters"),
					      STR_INIT("system:authenticated") };

const struct user user_anonymous = {
	.name = STR_INIT("system:anonymous"),
	.groups = anonymous_groups,
	.group_count = ARRAY_COUNT(anonymous_groups),
};
const struct user user_loopback = {
	.name = STR_INIT("system:apiserver"),
	.groups = loopback_groups,
	.group_count = ARRAY_COUNT(loopback_groups),
};

bool user_in_group(const struct user *user, const char *group)
{
	for (size_t i = 0; i < user->group_count; i++)
		if (str_eq_c(user->groups[i], group))
			return true;
	return false;
}

struct user *user_new(struct str name, const struct str *groups, size_t group_count)
{
	struct user *user = NEW(struct user);
	struct str *copies = mem_calloc(group_count + 1, sizeof(copies[0]));

	for (size_t i = 0; i < group_count; i++)
		copies[i] = str_dup(groups[i]);
	user->name = str_dup(name);
	user->groups = copies;
	user->group_count = group_count;
	return user;
}

void user_free(struct user *user)
{
	if (!user)
		return;
	for (size_t i = 0; i < user->group_count; i++)
		mem_free((void *)user->groups[i].ptr);
	mem_free((void *)user->groups);
	mem_free((void *)user->name.ptr);
	mem_free((void *)user->uid.ptr);
	mem_free(user);
}
