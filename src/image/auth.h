/* SPDX-License-Identifier: Apache-2.0 */
/* What registries and docker's config.json say about authentication: both come from outside and are
 * only parsed here. */
#ifndef CUBE_IMAGE_AUTH_H
#define CUBE_IMAGE_AUTH_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct auth_challenge {
	bool is_bearer; /* else Basic */
	struct str realm, service, scope, error;
};

/* The Bearer challenge of a WWW-Authenticate header, else its Basic one (RFC 9110 11.6.1). Strings
 * are in the arena. */
int auth_challenge_parse(struct str header, struct arena *arena, struct auth_challenge *ret,
			 struct err *err) MUST_CHECK;

#endif
