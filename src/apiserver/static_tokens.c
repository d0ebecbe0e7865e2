/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of --token-auth-file: comma-separated values (RFC 4180), token, user, uid and groups,
 * these in quotes when there are several. Tokens are kept and looked up by their hash, so that the
 * time it takes says nothing of them.
 */
#include "apiserver/authn.h"
#include "apiserver/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "net/x509.h"

enum { COLUMN_TOKEN, COLUMN_USER, COLUMN_UID, COLUMN_GROUPS, COLUMN_COUNT };

struct static_tokens {
	struct omap by_sum; /* → struct user */
	struct arena arena;
	size_t count;
};

/* One value, and the text behind it; *ret_more: another value follows on the line. */
static int read_value(struct str *rest, struct arena *arena, struct str *ret, bool *ret_more,
		      struct err *err)
{
	AUTO_BUF value = { 0 };
	bool is_quoted = str_has_prefix(*rest, STR("\""));
	size_t i = is_quoted, len = rest->len;

	buf_init(&value, STATIC_TOKENS_BYTES_MAX);
	for (; i < len; i++) {
		char c = rest->ptr[i];

		if (is_quoted && c == '"' && i + 1 < len && rest->ptr[i + 1] == '"')
			i++;
		else if (is_quoted ? c == '"' : c == ',' || c == '\n')
			break;
		buf_put_char(&value, c);
	}
	if (is_quoted && i++ == len)
		return err_set(err, ERR_PARSE, "a quote is not closed");
	while (i < len && rest->ptr[i] == '\r')
		i++;
	if (i < len && rest->ptr[i] != ',' && rest->ptr[i] != '\n')
		return err_set(err, ERR_PARSE, "text behind a closing quote");
	*ret_more = i < len && rest->ptr[i] == ',';
	*rest = str_slice(*rest, i + 1, len);
	*ret = is_quoted ? buf_str(&value) : str_trim(buf_str(&value));
	*ret = ret->len ? str_in(arena, *ret) : STR("");
	mem_wipe(value.ptr, value.len);
	return 0;
}

static const struct user *user_of(struct arena *arena, const struct str *columns)
{
	struct user *user = ARENA_NEW(arena, struct user);
	struct str rest = columns[COLUMN_GROUPS], group, *groups;
	size_t room = 2;

	for (size_t i = 0; i < rest.len && room < USER_GROUPS_MAX + 2; i++)
		room += rest.ptr[i] == ',';
	groups = arena_array(arena, room, sizeof(groups[0]));
	while (rest.len && user->group_count < USER_GROUPS_MAX && str_next_part(&rest, ',', &group))
		if (str_trim(group).len)
			groups[user->group_count++] = str_trim(group);
	groups[user->group_count++] = STR("system:authenticated");
	user->name = columns[COLUMN_USER];
	user->uid = columns[COLUMN_UID];
	user->groups = groups;
	return user;
}

static void add(struct static_tokens *t, const struct str *columns)
{
	uint8_t sum[X509_SHA256_BYTES];

	x509_sha256(columns[COLUMN_TOKEN], sum);
	mem_wipe((void *)columns[COLUMN_TOKEN].ptr, columns[COLUMN_TOKEN].len);
	/* of two users of one token the last counts; both are in the arena */
	(void)omap_put(&t->by_sum, str_sub((const char *)sum, sizeof(sum)),
		       (void *)user_of(&t->arena, columns));
}

static int read_line(struct static_tokens *t, struct str *rest, struct err *err)
{
	struct str columns[COLUMN_COUNT] = { { 0 } }, value;
	size_t count = 0;
	bool more = true;

	while (more) {
		if (read_value(rest, &t->arena, &value, &more, err) < 0)
			return -1;
		if (count < COLUMN_COUNT)
			columns[count] = value;
		count++;
	}
	if (count == 1 && !columns[0].len)
		return 0; /* an empty line */
	if (count < COLUMN_GROUPS)
		return err_set(
			err, ERR_INVALID,
			"must have at least 3 columns (token, user name, user uid), found %zu",
			count);
	if (!columns[COLUMN_TOKEN].len || !columns[COLUMN_USER].len)
		return err_set(err, ERR_INVALID, "the token or the user name is empty");
	add(t, columns);
	return 0;
}

int static_tokens_new(struct str text, struct static_tokens **ret, struct err *err)
{
	struct static_tokens *t = NEW(struct static_tokens);
	struct str rest = text;
	size_t line = 0;

	/* what the shortest lines make, and more */
	arena_init(&t->arena, 64 * STATIC_TOKENS_BYTES_MAX);
	omap_init(&t->by_sum);
	if (text.len > STATIC_TOKENS_BYTES_MAX) {
		static_tokens_free(t);
		return err_set(err, ERR_TOO_LARGE, "longer than %zu bytes",
			       STATIC_TOKENS_BYTES_MAX);
	}
	while (rest.len) {
		line++;
		if (read_line(t, &rest, err) < 0) {
			static_tokens_free(t);
			return err_wrap(err, "line %zu", line);
		}
	}
	*ret = t;
	return 0;
}

void static_tokens_free(struct static_tokens *t)
{
	if (!t)
		return;
	omap_deinit(&t->by_sum);
	arena_deinit(&t->arena);
	mem_free(t);
}

const struct user *static_tokens_find(const struct static_tokens *t, struct str token)
{
	uint8_t sum[X509_SHA256_BYTES];

	if (!t)
		return NULL;
	x509_sha256(token, sum);
	return omap_get(&t->by_sum, str_sub((const char *)sum, sizeof(sum)));
}
