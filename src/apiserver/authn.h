/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks: a front proxy's word, the connection's certificate (found once per connection), or the
 * request's bearer token: a static one, a service account's, a bootstrap token, one of an OpenID
 * Connect issuer, or one that a webhook knows.
 */
#ifndef CUBE_APISERVER_AUTHN_H
#define CUBE_APISERVER_AUTHN_H

#include "apiserver/refusal.h"
#include "apiserver/review_hook.h"
#include "apiserver/tokens.h"
#include "apiserver/user.h"
#include "net/http_server.h"

struct apiserver;
struct authn;
struct exchange;

/* A proxy in front that says in headers who asks; believed when its certificate is one of ca_pem's
 * and named as one of names (none: any). */
struct authn_proxy {
	struct str ca_pem;
	struct str_list names, user_headers, uid_headers, group_headers, extra_prefixes;
};

struct authn_options {
	bool refuses_anonymous;
	struct str_list anonymous_paths; /* only there nobody known is somebody; none: everywhere */
	struct str static_tokens;	 /* lines token,user,uid[,"group,..."] */
	const struct authn_proxy *proxy; /* NULL: none */
	yyjson_val *issuers;		 /* JWTAuthenticators; NULL: none */
	const struct review_hook_options *webhook; /* NULL: none */
	const char *webhook_version;		   /* of authentication.k8s.io */
};

/* Everything is copied. */
int authn_new(struct registry *registry, const struct authn_options *options, struct authn **ret,
	      struct err *err) MUST_CHECK;
void authn_free(struct authn *authn); /* NULL is fine */
/* Issuers and who may be anonymous as options say instead; who waits for an issuer's keys is looked
 * at anew. */
int authn_replace(struct registry *registry, struct authn *authn,
		  const struct authn_options *options, struct err *err) MUST_CHECK;

/* Sets e->user, which lives at least as long as the exchange. Nobody known is system:anonymous; a
 * certificate or token that is given and not good is refused with 401. 1: e->wait is told, then to be
 * asked again. *ret_account (zero before) is what a service account's token had to tell. */
int authn_find(struct exchange *e, struct token_answer *ret_account) MUST_CHECK;

/* Whose bearer token it is, and which of the audiences (empty: the API server's) it is for; in the
 * arena. ERR_UNAUTHORIZED otherwise. 1: as above. */
struct authn_answer {
	const struct user *user;
	struct str_list audiences;
	struct token_answer account;
};
struct authn_token {
	struct str text;
	struct str_list audiences;
	struct review_wait *wait;
	struct arena *arena;
};
int authn_token(struct apiserver *server, const struct authn_token *token, struct authn_answer *ret,
		struct err *err) MUST_CHECK;

/* --- parts --- */

/* static_tokens.c: users by token. */
struct static_tokens;
int static_tokens_new(struct str text, struct static_tokens **ret, struct err *err) MUST_CHECK;
void static_tokens_free(struct static_tokens *tokens); /* NULL is fine */
const struct user *static_tokens_find(const struct static_tokens *tokens, struct str token);

/* authn_proxy.c: 1 and who it is, 0 when the request is not from a proxy, < 0: it is not to be
 * believed. */
int authn_proxy_find(const struct authn_proxy *proxy, struct http_exchange *x,
		     const struct user **ret, struct err *err) MUST_CHECK;

/* authn_websocket.c: a browser's WebSocket has no Authorization header, so its token is the name of a
 * subprotocol. 1 and the token, 0 when there is none, < 0 when it is not one that can be. */
int websocket_token_of(struct http_exchange *x, struct str *ret, struct err *err) MUST_CHECK;
/* Takes it out of the names that are offered, once it was good. */
void websocket_token_forget(struct http_exchange *x);

#endif
