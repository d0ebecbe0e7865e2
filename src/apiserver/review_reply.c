/* SPDX-License-Identifier: Apache-2.0 */
/* From bytes to what they say; nothing of them is believed to have the right type. */
#include "apiserver/review_reply.h"

#include "apiserver/limits.h"
#include "base/mem.h"

int review_reply_read(int http_status, struct str body, yyjson_doc **ret, struct err *err)
{
	AUTO_JSON doc = NULL;

	if (http_status < 200 || http_status > 299)
		return err_set(err, ERR_UNAVAILABLE, "Webhook request failed with status %d",
			       http_status);
	doc = json_parse(body, WEBHOOK_ANSWER_BYTES_MAX, err);
	if (!doc)
		return -1;
	if (!yyjson_is_obj(json_get(yyjson_doc_get_root(doc), "status")))
		return err_set(err, ERR_PARSE, "the webhook's answer has no status");
	*ret = json_trim(TAKE(doc));
	return 0;
}

struct str_list review_strings(yyjson_val *list, struct arena *arena)
{
	struct str *items = arena_array(arena, yyjson_arr_size(list) + 1, sizeof(items[0]));
	size_t count = 0;

	JSON_EACH (item, list)
		items[count++] = str_in(arena, json_str(item));
	return (struct str_list){ items, count };
}

static bool has(struct str_list list, struct str wanted)
{
	for (size_t i = 0; i < list.count; i++)
		if (str_eq(list.items[i], wanted))
			return true;
	return false;
}

const struct user *review_user(yyjson_val *from, struct arena *arena)
{
	struct user *user = ARENA_NEW(arena, struct user);
	yyjson_val *extra = json_get(from, "extra");
	struct user_extra *extras = arena_array(arena, yyjson_obj_size(extra) + 1,
						sizeof(extras[0]));
	struct str_list groups = review_strings(json_get(from, "groups"), arena);

	if (!has(groups, STR("system:authenticated")))
		((struct str *)groups.items)[groups.count++] = STR("system:authenticated");
	user->name = str_in(arena, json_get_str(from, "username"));
	user->uid = str_in(arena, json_get_str(from, "uid"));
	user->groups = groups.items;
	user->group_count = groups.count;
	user->extras = extras;
	JSON_MEMBERS (key, value, extra)
		extras[user->extra_count++] = (struct user_extra){ str_in(arena, json_str(key)),
								   review_strings(value, arena) };
	return user;
}
