/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by tokens.c (keys, signatures, the cache) and tokens_check.c (what the claims mean). */
#ifndef CUBE_APISERVER_TOKENS_INTERNAL_H
#define CUBE_APISERVER_TOKENS_INTERNAL_H

#include "apiserver/tokens.h"
#include "base/list.h"
#include "base/map.h"

/* A token whose signature is good. */
struct known_token {
	struct list link; /* least recently used first */
	uint8_t sum[X509_SHA256_BYTES];
	struct arena arena;
	struct token_claims claims;
	struct user user; /* without what the registry adds: nothing, so far */
};

struct token_key {
	struct str pem;
	struct x509_public public;
};

struct tokens {
	struct env *env;
	struct arena arena;	/* of all below */
	struct token_key *keys; /* the first one signs */
	size_t key_count;
	struct str_list issuers, audiences;
	struct str jwks_uri;
	int64_t seconds_max;
	size_t known_max;
	bool extends;
	struct omap known; /* by sum */
	struct list recent;
	struct list uses; /* struct token_use, being written */
	size_t use_count;
};

/* The remembered token, verified now if it was not there. Borrowed until the next call. */
int tokens_verify(struct tokens *tokens, struct str text, const struct known_token **ret,
		  struct err *err) MUST_CHECK;
/* From the claims of a verified token, into known->arena. */
int token_claims_read(yyjson_val *root, struct known_token *known, struct err *err) MUST_CHECK;
void token_claims_write(const struct token_claims *claims, struct str issuer, yyjson_mut_doc *doc);

#define TOKEN_LAST_USED_LABEL "kubernetes.io/legacy-token-last-used"
#define TOKEN_INVALID_LABEL "kubernetes.io/legacy-token-invalid-since"

/* Notes in the Secret that its token was used; token_use.c. */
void token_use_note(struct tokens *tokens, struct registry *registry, const struct obj *secret);
void token_uses_free(struct tokens *tokens);

#endif
