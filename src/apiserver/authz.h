/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May this user do that: a table of authorizers asked in order; the first that has an opinion
 * decides, and nobody's opinion is a refusal. In-process roles do not come through here: they are
 * the server's own code.
 */
#ifndef CUBE_APISERVER_AUTHZ_H
#define CUBE_APISERVER_AUTHZ_H

#include "apiserver/refusal.h"
#include "apiserver/target.h"
#include "apiserver/user.h"

struct registry;

enum authz_decision { AUTHZ_NO_OPINION, AUTHZ_ALLOW, AUTHZ_DENY };

struct authz_attributes {
	const struct user *user;
	const struct target *target;
};

enum authz_decision authz_decide(struct registry *registry, const struct authz_attributes *a);
/* 0, or -1 and the refusal in upstream's words. */
int authz_check(struct registry *registry, const struct authz_attributes *a,
		struct refusal *refusal) MUST_CHECK;

/* Lists of words separated by one space; "*" matches all. For the tables of rules. */
bool authz_word_matches(const char *words, struct str word) PURE;

#endif
