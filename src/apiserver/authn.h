/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks: from the connection's certificate, found once per connection, or the request's bearer
 * token. */
#ifndef CUBE_APISERVER_AUTHN_H
#define CUBE_APISERVER_AUTHN_H

#include "apiserver/refusal.h"
#include "apiserver/user.h"
#include "net/http_server.h"

/* *ret lives at least as long as the exchange. Nobody known is system:anonymous; a certificate or
 * token that is given and not good is refused with 401. */
int authn_find(struct http_exchange *x, const struct user **ret,
	       struct refusal *refusal) MUST_CHECK;

#endif
