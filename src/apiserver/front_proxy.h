/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This server as the proxy in front of others: how it proves that it is, and how it says for whom
 * it asks. The other half, requests from a proxy in front of this one, is authn_proxy.c. Pure.
 */
#ifndef CUBE_APISERVER_FRONT_PROXY_H
#define CUBE_APISERVER_FRONT_PROXY_H

#include "apiserver/user.h"
#include "net/http.h"

/* What those behind are told to believe (ConfigMap extension-apiserver-authentication), and the
 * certificate that proves it. Strings are borrowed. */
struct front_proxy {
	struct str certificate_pem, key_pem; /* empty: none */
	struct str client_ca_pem; /* of clients that come to them directly; empty: not said */
	struct str ca_pem;	  /* of the certificate; empty: nothing of a proxy is said */
	struct str_list names, user_headers, uid_headers, group_headers, extra_prefixes;
};

/* X-Remote-User, -Uid, -Group and -Extra-*, in the arena. < 0: a name or value that no header can
 * hold. */
int front_proxy_headers(const struct user *user, struct arena *arena, struct http_headers *ret,
			struct err *err) MUST_CHECK;
/* Whether a client's header by that name would be taken for one of them. */
bool front_proxy_is_own(struct str name) PURE;

#endif
