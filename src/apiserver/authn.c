/* SPDX-License-Identifier: Apache-2.0 */
/* The authenticators in their order. */
#include "apiserver/authn.h"

#include "apiserver/apiserver_internal.h"
#include "apiserver/bootstrap_token.h"
#include "apiserver/exchange.h"
#include "apiserver/limits.h"
#include "apiserver/oidc.h"
#include "apiserver/review_reply.h"
#include "apiserver/tokens.h"
#include "base/mem.h"
#include "base/num.h"

struct authn {
	struct arena arena, changing; /* the other one: of what may be replaced */
	bool refuses_anonymous;
	struct str_list anonymous_paths;
	struct static_tokens *static_tokens;
	const struct authn_proxy *proxy;
	struct oidc *oidc;
	struct review_hook *webhook;
	const char *webhook_version;
};

static struct str_list copy_list(struct arena *arena, struct str_list from)
{
	struct str *items = arena_array(arena, from.count + 1, sizeof(items[0]));

	for (size_t i = 0; i < from.count; i++)
		items[i] = str_in(arena, from.items[i]);
	return (struct str_list){ items, from.count };
}

static const struct authn_proxy *copy_proxy(struct arena *arena, const struct authn_proxy *from)
{
	struct authn_proxy *proxy;

	if (!from)
		return NULL;
	proxy = ARENA_NEW(arena, struct authn_proxy);
	proxy->ca_pem = str_in(arena, from->ca_pem);
	proxy->names = copy_list(arena, from->names);
	proxy->user_headers = copy_list(arena, from->user_headers);
	proxy->uid_headers = copy_list(arena, from->uid_headers);
	proxy->group_headers = copy_list(arena, from->group_headers);
	proxy->extra_prefixes = copy_list(arena, from->extra_prefixes);
	return proxy;
}

static void set_anonymous(struct authn *a, const struct authn_options *options)
{
	arena_reset(&a->changing);
	a->refuses_anonymous = options->refuses_anonymous;
	a->anonymous_paths = copy_list(&a->changing, options->anonymous_paths);
}

int authn_new(struct registry *registry, const struct authn_options *options, struct authn **ret,
	      struct err *err)
{
	struct authn *a = NEW(struct authn);

	arena_init(&a->arena, ARENA_DEFAULT_MAX);
	arena_init(&a->changing, ARENA_DEFAULT_MAX);
	set_anonymous(a, options);
	a->proxy = copy_proxy(&a->arena, options->proxy);
	a->webhook_version = options->webhook_version;
	if ((options->static_tokens.len &&
	     static_tokens_new(options->static_tokens, &a->static_tokens, err) < 0) ||
	    (options->issuers && oidc_new(registry, options->issuers, &a->oidc, err) < 0)) {
		authn_free(a);
		return -1;
	}
	if (options->webhook)
		a->webhook = review_hook_new(registry, options->webhook);
	*ret = a;
	return 0;
}

void authn_free(struct authn *a)
{
	if (!a)
		return;
	static_tokens_free(a->static_tokens);
	oidc_free(a->oidc);
	review_hook_free(a->webhook);
	arena_deinit(&a->arena);
	arena_deinit(&a->changing);
	mem_free(a);
}

int authn_replace(struct registry *registry, struct authn *a, const struct authn_options *options,
		  struct err *err)
{
	struct oidc *old = a->oidc, *new = NULL;
	struct list waits;

	if (options->issuers && oidc_new(registry, options->issuers, &new, err) < 0)
		return -1;
	set_anonymous(a, options);
	a->oidc = new;
	list_init(&waits);
	oidc_take_waits(old, &waits);
	oidc_free(old);
	review_waits_end(&waits);
	return 0;
}

/* --- tokens --- */

static int invalid(struct err *err)
{
	return err_set(err, ERR_UNAUTHORIZED, "invalid bearer token");
}

/* Of tokens that are for nobody in particular: those of the audiences that this server is, too. */
static int own_audiences(struct apiserver *server, const struct authn_token *token,
			 struct str_list *ret, struct err *err)
{
	struct tokens *tokens = server->registry.tokens;
	struct str_list own = tokens ? tokens_audiences(tokens) : (struct str_list){ 0 };
	struct str *items = arena_array(token->arena, token->audiences.count + 1, sizeof(items[0]));

	*ret = (struct str_list){ items, 0 };
	if (!token->audiences.count)
		return 0;
	for (size_t i = 0; i < token->audiences.count; i++)
		for (size_t j = 0; j < own.count; j++)
			if (str_eq(token->audiences.items[i], own.items[j]))
				items[ret->count++] = own.items[j];
	return ret->count ? 0 : invalid(err);
}

static int answer_user(struct apiserver *server, const struct authn_token *token,
		       const struct user *user, struct authn_answer *ret, struct err *err)
{
	if (own_audiences(server, token, &ret->audiences, err) < 0)
		return -1;
	ret->user = user;
	return 0;
}

static bool has(struct str_list list, struct str wanted)
{
	for (size_t i = 0; i < list.count; i++)
		if (str_eq(list.items[i], wanted))
			return true;
	return false;
}

static int take_review(struct apiserver *server, const struct authn_token *token,
		       yyjson_val *status, struct authn_answer *ret, struct err *err)
{
	struct str_list audiences = review_strings(json_get(status, "audiences"), token->arena);
	struct str *both = arena_array(token->arena, audiences.count + 1, sizeof(both[0]));
	size_t count = 0;

	if (!json_get_bool(status, "authenticated", false)) {
		struct str why = json_get_str(status, "error");

		/* without a word the error stays what those before said */
		return why.len ? err_set(err, ERR_UNAUTHORIZED, STR_FMT, STR_ARG(why)) : -1;
	}
	ret->user = review_user(json_get(status, "user"), token->arena);
	if (!audiences.count)
		return own_audiences(server, token, &ret->audiences, err);
	for (size_t i = 0; i < audiences.count; i++)
		if (!token->audiences.count || has(token->audiences, audiences.items[i]))
			both[count++] = audiences.items[i];
	ret->audiences = (struct str_list){ both, count };
	return count ? 0 : invalid(err);
}

static int ask_webhook(struct apiserver *server, const struct authn_token *token,
		       struct authn_answer *ret, struct err *err)
{
	struct authn *a = server->authn;
	struct tokens *tokens = server->registry.tokens;
	struct str_list audiences = token->audiences.count || !tokens ? token->audiences
								      : tokens_audiences(tokens);
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *spec, *list;
	yyjson_val *status = NULL;
	enum review_answer answer;

	json_set_str(doc, root, "kind", STR("TokenReview"));
	json_set_str(doc, root, "apiVersion",
		     str_printf_in(token->arena, "authentication.k8s.io/%s", a->webhook_version));
	(void)json_set_object(doc, json_set_object(doc, root, "metadata"), "annotations");
	spec = json_set_object(doc, root, "spec");
	json_set_str(doc, spec, "token", token->text);
	list = audiences.count ? json_set_array(doc, spec, "audiences") : NULL;
	for (size_t i = 0; i < audiences.count; i++)
		json_append_str(doc, list, audiences.items[i]);
	answer = review_hook_ask(a->webhook, doc, token->wait, &status, err);
	if (answer == REVIEW_ANSWERED)
		return take_review(server, token, status, ret, err);
	return answer == REVIEW_LATER ? 1 : -1;
}

static int check_account(struct apiserver *server, const struct authn_token *token,
			 struct authn_answer *ret, struct err *err)
{
	struct token_question question = { token->text, token->audiences, token->arena };

	if (tokens_check(server->registry.tokens, &server->registry, &question, &ret->account,
			 err) < 0)
		return -1;
	ret->user = ret->account.user;
	ret->audiences = ret->account.audiences;
	return 0;
}

static int find_token(struct apiserver *server, const struct authn_token *token,
		      struct authn_answer *ret, struct err *err)
{
	struct authn *a = server->authn;
	const struct user *user = static_tokens_find(a->static_tokens, token->text);
	enum review_answer answer;

	if (user)
		return answer_user(server, token, user, ret, err);
	if (bootstrap_token_is(token->text))
		return bootstrap_token_check(&server->registry, token->text, token->arena, &user,
					     err) < 0
			       ? -1
			       : answer_user(server, token, user, ret, err);
	if (server->registry.tokens && check_account(server, token, ret, err) == 0)
		return 0;
	if (a->oidc) {
		answer = oidc_check(a->oidc, token->text, token->wait, token->arena, &user, err);
		if (answer != REVIEW_FAILED)
			return answer == REVIEW_LATER ? 1
						      : answer_user(server, token, user, ret, err);
	}
	return a->webhook ? ask_webhook(server, token, ret, err) : -1;
}

int authn_token(struct apiserver *server, const struct authn_token *token, struct authn_answer *ret,
		struct err *err)
{
	struct err own = { 0 };
	int found;

	*ret = (struct authn_answer){ 0 };
	(void)invalid(&own); /* what all say who do not know it; some say more */
	found = find_token(server, token, ret, &own);
	if (found < 0 && err)
		*err = own;
	return found;
}

/* --- requests --- */

static int refuse(struct refusal *refusal)
{
	return refusal_set(refusal, 401, "Unauthorized", "Unauthorized");
}

static void free_user(void *user)
{
	user_free(user);
}

#define CREDENTIAL_BYTES_MAX 128

static const struct user *user_of(const struct tls_identity *identity)
{
	struct str groups[USER_GROUPS_MAX + 1];
	size_t count = NUM_MIN(identity->organization_count, (size_t)USER_GROUPS_MAX);
	AUTO_BUF credential = { 0 };
	struct user *user;

	for (size_t i = 0; i < count; i++)
		groups[i] = identity->organizations[i];
	groups[count++] = STR("system:authenticated");
	user = user_new(identity->common_name, groups, count);
	buf_init(&credential, CREDENTIAL_BYTES_MAX);
	buf_put_c(&credential, "X509SHA256=");
	for (size_t i = 0; i < sizeof(identity->sha256); i++)
		buf_printf(&credential, "%02x", identity->sha256[i]);
	user_set_credential(user, buf_str(&credential));
	return user;
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

static bool may_be_anonymous(const struct authn *a, struct str path)
{
	if (a->refuses_anonymous)
		return false;
	return !a->anonymous_paths.count || has(a->anonymous_paths, path);
}

int authn_find(struct exchange *e, struct token_answer *ret_account)
{
	struct apiserver *server = e->server;
	struct http_exchange *x = e->x;
	const struct tls_identity *identity = x->peer->identity;
	struct authn_token token = { .wait = &e->wait, .arena = &x->arena };
	struct authn_answer answer;
	int found;

	if (server->authn->proxy) {
		found = authn_proxy_find(server->authn->proxy, x, &e->user, NULL);
		if (found)
			return found < 0 ? refuse(&e->refusal) : 0;
	}
	if (x->peer->attachment) {
		e->user = x->peer->attachment;
		return 0;
	}
	if (identity && identity->verified && identity->common_name.len) {
		x->peer->attachment = (void *)user_of(identity);
		x->peer->attachment_free = free_user;
		e->user = x->peer->attachment;
		return 0;
	}
	found = bearer_of(x, &token.text) ? 1 : websocket_token_of(x, &token.text, NULL);
	if (found < 0)
		return refuse(&e->refusal);
	if (found) {
		found = authn_token(server, &token, &answer, NULL);
		*ret_account = answer.account;
		if (found)
			return found < 0 ? refuse(&e->refusal) : 1;
		websocket_token_forget(x);
		e->user = answer.user;
		return 0;
	}
	if ((identity && !identity->verified) || !may_be_anonymous(server->authn, x->path))
		return refuse(&e->refusal);
	e->user = &user_anonymous;
	return 0;
}
