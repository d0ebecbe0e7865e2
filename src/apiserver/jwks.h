/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Web Key Sets (RFC 7517): the public keys that an issuer of tokens tells. */
#ifndef CUBE_APISERVER_JWKS_H
#define CUBE_APISERVER_JWKS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct jwks_key {
	struct str id, pem, algorithm; /* algorithm: empty when the key does not say */
};

struct jwks {
	struct jwks_key *items;
	size_t count;
};

/* All in the arena. Keys of other kinds than RSA and EC, and of other uses than signing, are passed
 * over. */
int jwks_read(struct str text, struct arena *arena, struct jwks *ret, struct err *err) MUST_CHECK;

#endif
