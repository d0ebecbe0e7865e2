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

bool user_is_account(struct str user_name, struct str *ret_namespace, struct str *ret_name)
{
	return str_strip_prefix(&user_name, STR(USER_ACCOUNT_PREFIX)) &&
	       str_cut(user_name, ':', ret_namespace, ret_name);
}

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

struct credential {
	struct user_extra extra;
	struct str id;
	char text[];
};

void user_set_credential(struct user *user, struct str id)
{
	struct credential *c = mem_alloc(sizeof(*c) + id.len);

	memcpy(c->text, id.ptr, id.len);
	c->id = str_sub(c->text, id.len);
	c->extra = (struct user_extra){ STR(USER_CREDENTIAL_KEY), { &c->id, 1 } };
	user->extras = &c->extra;
	user->extra_count = 1;
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
	mem_free((void *)user->extras); /* begins with it */
	mem_free(user);
}

static struct str_list copy_list(struct arena *arena, const struct str *from, size_t count)
{
	struct str *items = arena_array(arena, count + 1, sizeof(items[0]));

	for (size_t i = 0; i < count; i++)
		items[i] = str_in(arena, from[i]);
	return (struct str_list){ items, count };
}

const struct user *user_in(struct arena *arena, const struct user *from)
{
	struct user *user = ARENA_NEW(arena, struct user);
	struct user_extra *extras = arena_array(arena, from->extra_count + 1, sizeof(extras[0]));

	user->name = str_in(arena, from->name);
	user->uid = str_in(arena, from->uid);
	user->groups = copy_list(arena, from->groups, from->group_count).items;
	user->group_count = from->group_count;
	for (size_t i = 0; i < from->extra_count; i++) {
		const struct user_extra *extra = &from->extras[i];

		extras[i].key = str_in(arena, extra->key);
		extras[i].values = copy_list(arena, extra->values.items, extra->values.count);
	}
	user->extras = extras;
	user->extra_count = from->extra_count;
	return user;
}

void user_write(const struct user *user, yyjson_mut_doc *doc, yyjson_mut_val *to)
{
	yyjson_mut_val *list, *extra;

	json_set_str(doc, to, "username", user->name);
	if (user->uid.len)
		json_set_str(doc, to, "uid", user->uid);
	list = user->group_count ? json_set_array(doc, to, "groups") : NULL;
	for (size_t i = 0; i < user->group_count; i++)
		json_append_str(doc, list, user->groups[i]);
	extra = user->extra_count ? json_set_object(doc, to, "extra") : NULL;
	for (size_t i = 0; i < user->extra_count; i++) {
		list = yyjson_mut_arr(doc);
		for (size_t j = 0; j < user->extras[i].values.count; j++)
			json_append_str(doc, list, user->extras[i].values.items[j]);
		json_put(doc, extra, user->extras[i].key, list);
	}
}
