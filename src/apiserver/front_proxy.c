/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of extras are percent-encoded where a header's name cannot hold them, as upstream does. */
#include "apiserver/front_proxy.h"

#define PREFIX "X-Remote-"

static int add(struct http_headers *to, struct str name, struct str value, struct err *err)
{
	if (!http_is_value(value))
		return err_set(err, ERR_INVALID,
			       "net/http: invalid header field value for \"" STR_FMT "\"",
			       STR_ARG(name));
	to->list[to->count++] = HTTP_HEADER(name, value);
	return 0;
}

static struct str extra_name(struct arena *arena, struct str key)
{
	static const char hex[] = "0123456789ABCDEF";
	char *to = arena_alloc(arena, sizeof(PREFIX "Extra-") + 3 * key.len);
	size_t len = sizeof(PREFIX "Extra-") - 1;

	memcpy(to, PREFIX "Extra-", len);
	for (size_t i = 0; i < key.len; i++) {
		unsigned char c = (unsigned char)key.ptr[i];

		if (c != '%' && http_is_token(str_sub(&key.ptr[i], 1))) {
			to[len++] = (char)c;
			continue;
		}
		to[len++] = '%';
		to[len++] = hex[c >> 4];
		to[len++] = hex[c & 15];
	}
	return str_sub(to, len);
}

int front_proxy_headers(const struct user *user, struct arena *arena, struct http_headers *ret,
			struct err *err)
{
	size_t room = 2 + user->group_count;
	struct http_headers to = { 0 };

	for (size_t i = 0; i < user->extra_count; i++)
		room += user->extras[i].values.count;
	to.list = arena_array(arena, room, sizeof(to.list[0]));
	if (add(&to, STR(PREFIX "User"), user->name, err) < 0)
		return -1;
	if (user->uid.len && add(&to, STR(PREFIX "Uid"), user->uid, err) < 0)
		return -1;
	for (size_t i = 0; i < user->group_count; i++)
		if (add(&to, STR(PREFIX "Group"), user->groups[i], err) < 0)
			return -1;
	for (size_t i = 0; i < user->extra_count; i++) {
		struct str name = extra_name(arena, user->extras[i].key);

		for (size_t j = 0; j < user->extras[i].values.count; j++)
			if (add(&to, name, user->extras[i].values.items[j], err) < 0)
				return -1;
	}
	*ret = to;
	return 0;
}

bool front_proxy_is_own(struct str name)
{
	static const char *const whole[] = { PREFIX "User", PREFIX "Uid", PREFIX "Group" };

	for (size_t i = 0; i < ARRAY_COUNT(whole); i++)
		if (str_eq_nocase(name, str_from(whole[i])))
			return true;
	return str_eq_nocase(str_slice(name, 0, sizeof(PREFIX "Extra-") - 1), STR(PREFIX "Extra-"));
}
