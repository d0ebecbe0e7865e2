/* SPDX-License-Identifier: Apache-2.0 */
/* Authenticators: client certificates (CN is the user, each O a group) and bearer tokens. */
#include "apiserver/authn.h"

#include "apiserver/limits.h"
#include "base/num.h"

static int refuse(struct refusal *refusal)
{
	return refusal_set(refusal, 401, "Unauthorized", "Unauthorized");
}

static void free_user(void *user)
{
	user_free(user);
}

static const struct user *user_of(const struct tls_identity *identity)
{
	struct str groups[USER_GROUPS_MAX + 1];
	size_t count = NUM_MIN(identity->organization_count, (size_t)USER_GROUPS_MAX);

	for (size_t i = 0; i < count; i++)
		groups[i] = identity->organizations[i];
	groups[count++] = STR("system:authenticated");
	return user_new(identity->common_name, groups, count);
}

int authn_find(struct http_exchange *x, const struct user **ret, struct refusal *refusal)
{
	const struct tls_identity *identity = x->peer->identity;
	struct str authorization;

	if (x->peer->attachment) {
		*ret = x->peer->attachment;
		return 0;
	}
	if (identity && identity->verified && identity->common_name.len) {
		x->peer->attachment = (void *)user_of(identity);
		x->peer->attachment_free = free_user;
		*ret = x->peer->attachment;
		return 0;
	}
	authorization = http_header_get(&x->headers, STR("Authorization"));
	/* no issuer of tokens is known yet, so every token is a bad one */
	if (authorization.len >= 7 && str_eq_nocase(str_slice(authorization, 0, 7), STR("Bearer ")))
		return refuse(refusal);
	if (identity && !identity->verified)
		return refuse(refusal);
	*ret = &user_anonymous;
	return 0;
}
