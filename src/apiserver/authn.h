/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks: from the connection's certificate, found once per connection, or the request's bearer
 * token. */
#ifndef CUBE_APISERVER_AUTHN_H
#define CUBE_APISERVER_AUTHN_H

#include "apiserver/refusal.h"
#include "apiserver/user.h"
#include "net/http_server.h"

struct apiserver;

/* *ret lives at least as long as the exchange. Nobody known is system:anonymous; a certificate or
 * token that is given and not good is refused with 401. */
int authn_find(struct apiserver *server, struct http_exchange *x, const struct user **ret,
	       struct refusal *refusal) MUST_CHECK;

/* Whose bearer token it is, and which of the audiences (empty: the API server's) it is for; in the
 * arena. ERR_UNAUTHORIZED otherwise. */
struct authn_answer {
	const struct user *user;
	struct str_list audiences;
};
int authn_token(struct apiserver *server, struct str token, struct str_list audiences,
		struct arena *arena, struct authn_answer *ret, struct err *err) MUST_CHECK;

#endif
