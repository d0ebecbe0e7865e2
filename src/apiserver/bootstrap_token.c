/* SPDX-License-Identifier: Apache-2.0 */
/* The Secret's fields are base 64 of text; a wrong one makes the token a bad one, nothing else. */
#include "apiserver/bootstrap_token.h"

#include "api/obj.h"
#include "apiserver/limits.h"
#include "apiserver/registry.h"
#include "base/mem.h"
#include "base/time.h"
#include "codec/base64.h"
#include "loop/env.h"

#define ID_BYTES 6
#define SECRET_BYTES 16
#define GROUP_PREFIX "system:bootstrappers:"

bool bootstrap_token_is(struct str text)
{
	if (text.len != ID_BYTES + 1 + SECRET_BYTES || text.ptr[ID_BYTES] != '.')
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (i != ID_BYTES && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9'))
			return false;
	}
	return true;
}

static struct str read_field(const struct obj *secret, const char *name, struct arena *arena)
{
	struct str text = json_str(json_key(json_get(secret->root, "data"), str_from(name)));
	AUTO_BUF bytes = { 0 };

	buf_init(&bytes, BEARER_BYTES_MAX);
	if (base64_decode(text, &bytes, NULL) < 0 || buf_failed(&bytes))
		return STR_NONE;
	return str_in(arena, buf_str(&bytes));
}

static bool is_over(const struct obj *secret, int64_t now_ns, struct arena *arena)
{
	struct str end = read_field(secret, "expiration", arena);
	int64_t end_ns;

	return end.len && (time_parse(end, &end_ns, NULL) < 0 || end_ns <= now_ns);
}

/* system:bootstrappers and those of the Secret; < 0: one that it must not give. */
static int read_groups(const struct obj *secret, struct user *user, struct arena *arena)
{
	struct str *groups = arena_array(arena, USER_GROUPS_MAX + 2, sizeof(groups[0]));
	struct str rest = read_field(secret, "auth-extra-groups", arena), group;
	size_t count = 0;

	groups[count++] = STR("system:bootstrappers");
	while (rest.len && str_next_part(&rest, ',', &group)) {
		if (!str_has_prefix(group, STR(GROUP_PREFIX)) || count > USER_GROUPS_MAX)
			return -1;
		groups[count++] = group;
	}
	groups[count++] = STR("system:authenticated");
	user->groups = groups;
	user->group_count = count;
	return 0;
}

static bool is_good(struct registry *registry, const struct obj *secret, struct str id,
		    struct str text, struct arena *arena)
{
	struct str key = read_field(secret, "token-secret", arena);

	return str_eq_c(json_get_str(secret->root, "type"), "bootstrap.kubernetes.io/token") &&
	       !secret->deletion_timestamp.len && key.len == SECRET_BYTES &&
	       mem_equal_secret(key.ptr, text.ptr + ID_BYTES + 1, SECRET_BYTES) &&
	       str_eq(read_field(secret, "token-id", arena), id) &&
	       str_eq_c(read_field(secret, "usage-bootstrap-authentication", arena), "true") &&
	       !is_over(secret, env_wall_ns(registry_env(registry)), arena);
}

int bootstrap_token_check(struct registry *registry, struct str text, struct arena *arena,
			  const struct user **ret, struct err *err)
{
	struct str id = str_slice(text, 0, ID_BYTES);
	struct str name = str_printf_in(arena, "bootstrap-token-" STR_FMT, STR_ARG(id));
	const struct obj *secret = registry_get(registry, &kind_secret, STR("kube-system"), name);
	struct user *user = ARENA_NEW(arena, struct user);

	if (!secret || !is_good(registry, secret, id, text, arena) ||
	    read_groups(secret, user, arena) < 0)
		return err_set(err, ERR_UNAUTHORIZED, "invalid bearer token");
	user->name = str_printf_in(arena, "system:bootstrap:" STR_FMT, STR_ARG(id));
	*ret = user;
	return 0;
}
