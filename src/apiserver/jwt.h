/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Web Tokens in their compact form (RFC 7519, 7515), signed with RS*, ES* or PS*; anything
 * else, "none" above all, is refused. Pure: nothing is said about what the claims mean.
 */
#ifndef CUBE_APISERVER_JWT_H
#define CUBE_APISERVER_JWT_H

#include "base/arena.h"
#include "codec/json.h"
#include "net/x509.h"

struct jwt {
	struct str key_id;	/* "kid" of the header, may be empty; in the arena, as all here */
	struct str signed_part; /* header and claims as they were signed; borrowed from the text */
	struct x509_jws signature;
	yyjson_doc *claims; /* owned: json_free */
};

/* Takes a token apart; nothing is verified yet. ERR_UNAUTHORIZED says what is wrong without quoting
 * it. */
int jwt_decode(struct str text, struct arena *arena, struct jwt *ret, struct err *err) MUST_CHECK;
int jwt_encode(yyjson_mut_val *claims, const struct x509_public *public, struct str private_pem,
	       struct arena *arena, struct str *ret, struct err *err) MUST_CHECK;

/* "iss" without a check: who is to verify it. Empty when the text is no token. */
struct str jwt_issuer(const struct jwt *jwt);
const char *jwt_algorithm(enum x509_signature kind); /* "RS256" */

#endif
