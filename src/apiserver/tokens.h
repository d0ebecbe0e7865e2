/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Service account tokens: JWTs signed by this cluster, good for as long as their account and the
 * object they are bound to are there. The signature of a token is checked once and then remembered
 * by the token's hash; what can change (the clock, the account, the pod) is looked at in each
 * request, so that deleting a pod takes its token's power at once.
 */
#ifndef CUBE_APISERVER_TOKENS_H
#define CUBE_APISERVER_TOKENS_H

#include "apiserver/jwt.h"
#include "apiserver/user.h"

struct env;
struct obj;
struct registry;
struct tokens;

struct token_options {
	struct str signing_key_pem;
	struct str_list key_pems;  /* further keys that verify: those signed with before */
	struct str_list issuers;   /* the first is put in, all are taken */
	struct str_list audiences; /* of the API server; empty: the first issuer */
	struct str jwks_uri;
	int64_t seconds_max; /* 0: no further bound */
	size_t known_max;    /* 0: TOKENS_KNOWN_MAX */
	bool extends; /* tokens of pods live for a year, so that clients which never read them again
		  work; they say when they should have been replaced (warnafter) */
};

/* Strings of options are copied. Fails on keys that cannot sign tokens. */
int tokens_new(const struct token_options *options, struct env *env, struct tokens **ret,
	       struct err *err) MUST_CHECK;
void tokens_free(struct tokens *tokens); /* NULL is fine */

struct str_list tokens_audiences(const struct tokens *tokens);
bool tokens_extends(const struct tokens *tokens);
int64_t tokens_seconds_max(const struct tokens *tokens);

/* What a token is bound to besides its account; empty uids: nothing. */
struct token_reference {
	struct str name, uid;
};
struct token_claims {
	struct str namespace_;
	struct token_reference account, pod, node, secret;
	struct str id; /* jti; empty in legacy tokens */
	struct str_list audiences;
	int64_t issued_s, not_before_s, expires_s, warn_after_s; /* expires_s 0: never */
	bool is_legacy; /* from a secret; has no audience and no end */
};

int tokens_issue(struct tokens *tokens, const struct token_claims *claims, struct arena *arena,
		 struct str *ret, struct err *err) MUST_CHECK;
/* Tokens of Secrets, which have no end: administrators are to see who still uses them. */
enum token_secret {
	TOKEN_SECRET_NONE,
	TOKEN_SECRET_MANUAL,	/* somebody made it */
	TOKEN_SECRET_AUTOMATIC, /* its service account lists it: an older cluster made it */
	TOKEN_SECRET_INVALID,	/* nobody had used it for long; refused */
};
struct token_question {
	struct str text;
	struct str_list audiences; /* of which the token must have one; empty: the API server's */
	struct arena *arena;	   /* of the answer */
};
struct token_answer {
	const struct user *user;
	struct str_list audiences; /* those it has of them */
	enum token_secret secret;  /* these two are set also when it is refused */
	struct str secret_name;	   /* of an invalid one: "name/namespace" */
};
/* Whose token it is. *ret is zero. ERR_UNAUTHORIZED otherwise; the text never holds the token. */
int tokens_check(struct tokens *tokens, struct registry *registry,
		 const struct token_question *question, struct token_answer *ret,
		 struct err *err) MUST_CHECK;
struct exchange;
/* To the client, the audit log and the metrics: what secret the exchange's token came from. */
void token_secret_tell(struct exchange *e, const struct token_answer *answer);

/* The documents of issuer discovery (OpenID Connect Discovery 1.0, RFC 7517). */
void tokens_write_configuration(const struct tokens *tokens, struct buf *to);
void tokens_write_keys(const struct tokens *tokens, struct buf *to);

#endif
