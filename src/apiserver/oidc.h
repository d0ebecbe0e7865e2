/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JWTs of issuers outside (OpenID Connect Core 1.0): whose keys are fetched from the issuer, and
 * whose claims are made a user by rules of configuration. Keys are fetched at the first token and
 * when one names a key that is not known; who brings such a token waits.
 */
#ifndef CUBE_APISERVER_OIDC_H
#define CUBE_APISERVER_OIDC_H

#include "apiserver/review_hook.h"
#include "apiserver/user.h"

struct oidc;
struct oidc_rules;

/* issuers: JWTAuthenticators of an AuthenticationConfiguration (apiserver.config.k8s.io/v1),
 * copied. Fails on what could not work, with the field. */
int oidc_new(struct registry *registry, yyjson_val *issuers, struct oidc **ret,
	     struct err *err) MUST_CHECK;
void oidc_free(struct oidc *oidc); /* NULL is fine */
/* As review_hook_take_waits. NULL is fine. */
void oidc_take_waits(struct oidc *oidc, struct list *to);

/* ANSWERED: *ret in the arena. LATER: wait is told. FAILED with an empty err: the token is of none
 * of these issuers; else why it is not good. */
enum review_answer oidc_check(struct oidc *oidc, struct str token, struct review_wait *wait,
			      struct arena *arena, const struct user **ret, struct err *err);

/* --- what claims mean; oidc_claims.c, pure --- */

/* Compiled from one JWTAuthenticator, in the arena; path: "jwt[0]". */
const struct oidc_rules *oidc_rules_new(yyjson_val *issuer, struct str path, struct arena *arena,
					struct err *err);
/* Audience, time, rules, and the user, in the arena. */
int oidc_rules_apply(const struct oidc_rules *rules, yyjson_val *claims, int64_t now_s,
		     struct arena *arena, const struct user **ret, struct err *err) MUST_CHECK;

#endif
