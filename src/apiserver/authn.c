/* SPDX-License-Identifier: Apache-2.0 */
/* Authenticators: client certificates (CN is the user, each O a group) and bearer tokens. */
#include "apiserver/authn.h"

#include "apiserver/apiserver_internal.h"
#include "apiserver/bootstrap_token.h"
#include "apiserver/limits.h"
#include "apiserver/tokens.h"
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

/* The token of the Authorization header; false when it has another scheme, or there is none. */
static bool bearer_of(const struct http_exchange *x, struct str *ret)
{
	struct str header = str_trim(http_header_get(&x->headers, STR("Authorization"))), scheme;

	if (!str_cut(header, ' ', &scheme, ret) || !str_eq_nocase(scheme, STR("Bearer")))
		return false;
	*ret = str_trim(*ret);
	return ret->len > 0;
}

int authn_token(struct apiserver *server, struct str token, struct str_list audiences,
		struct arena *arena, struct authn_answer *ret, struct err *err)
{
	if (bootstrap_token_is(token) && !audiences.count) {
		ret->audiences = (struct str_list){ 0 };
		return bootstrap_token_check(&server->registry, token, arena, &ret->user, err);
	}
	if (!server->registry.tokens)
		return err_set(err, ERR_UNAUTHORIZED, "invalid bearer token");
	return tokens_check(server->registry.tokens, &server->registry, token, audiences, arena,
			    &ret->user, &ret->audiences, err);
}

int authn_find(struct apiserver *server, struct http_exchange *x, const struct user **ret,
	       struct refusal *refusal)
{
	const struct tls_identity *identity = x->peer->identity;
	struct authn_answer answer;
	struct str token;

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
	if (bearer_of(x, &token)) {
		if (authn_token(server, token, (struct str_list){ 0 }, &x->arena, &answer, NULL) <
		    0)
			return refuse(refusal);
		*ret = answer.user;
		return 0;
	}
	if (identity && !identity->verified)
		return refuse(refusal);
	*ret = &user_anonymous;
	return 0;
}
