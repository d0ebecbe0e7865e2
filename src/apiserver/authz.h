/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May this user do that: a table of authorizers asked in order; the first that has an opinion
 * decides, and nobody's opinion is a refusal. In-process roles do not come through here: they are
 * the server's own code.
 */
#ifndef CUBE_APISERVER_AUTHZ_H
#define CUBE_APISERVER_AUTHZ_H

#include "api/selector.h"
#include "apiserver/outcome.h"
#include "apiserver/refusal.h"
#include "apiserver/review_hook.h"
#include "apiserver/target.h"
#include "apiserver/user.h"

struct registry;

/* LATER: somebody outside was asked; attributes.wait is told, then to be asked again. */
enum authz_decision { AUTHZ_NO_OPINION, AUTHZ_ALLOW, AUTHZ_DENY, AUTHZ_LATER };

/* Why. Making the words costs, so nobody makes them for who does not want them. */
struct authz_reason {
	struct arena *arena;
	struct str text;  /* empty: none was given */
	struct str error; /* what an authorizer could not find out */
};

/* What a list, watch or deletecollection is narrowed to, where an access review says so. */
struct authz_selectors {
	struct field_selector fields;
	struct selector labels;
};

struct authz_attributes {
	const struct user *user;
	const struct target *target;
	const struct authz_selectors *selectors; /* NULL: those of the target's query */
	struct authz_reason *reason;		 /* NULL: not wanted */
	/* NULL: who cannot wait goes by what is known, and what is not is no opinion */
	struct review_wait *wait;
};

enum authz_mode {
	AUTHZ_MODE_NODE,
	AUTHZ_MODE_RBAC,
	AUTHZ_MODE_WEBHOOK,
	AUTHZ_MODE_ABAC,
	AUTHZ_MODE_ALWAYS_ALLOW,
	AUTHZ_MODE_ALWAYS_DENY,
};

/* One authorizer of the configuration, in its place. */
struct authz_part {
	enum authz_mode mode;
	const struct review_hook_options *webhook; /* of WEBHOOK, and all below */
	const char *version;			   /* of authorization.k8s.io */
	bool denies_when_failed;
	yyjson_val *conditions; /* [{expression}]: asked only about what they all match */
	struct str name;	/* in logs and errors */
	struct str policies;	/* of ABAC: its file's text */
};

struct authorizers;

/* count 0: nodes and roles. system:masters and health checks come before all. */
int authorizers_new(struct registry *registry, const struct authz_part *parts, size_t count,
		    struct authorizers **ret, struct err *err) MUST_CHECK;
void authorizers_free(struct authorizers *authorizers); /* NULL is fine */
/* These instead of those that there are; who waits for one of those is decided anew. */
int authorizers_replace(struct registry *registry, const struct authz_part *parts, size_t count,
			struct err *err) MUST_CHECK;

enum authz_decision authz_decide(struct registry *registry, const struct authz_attributes *a);
/* REFUSED in upstream's words. WAITING: a->wait is told. */
enum outcome authz_check(struct registry *registry, const struct authz_attributes *a,
			 struct refusal *refusal) MUST_CHECK;

/* In upstream's words; the reason, when given, is why. Returns -1. */
int authz_refuse(const struct authz_attributes *a, struct refusal *refusal);

/* For authorizers: adds a line to the reason. Returns AUTHZ_NO_OPINION. */
enum authz_decision authz_say(const struct authz_attributes *a, const char *fmt, ...)
	PRINTF_LIKE(2, 3);
/* Whether the request is about objects alone whose field has this value. */
bool authz_selects_field(const struct authz_attributes *a, const char *field, struct str value);

/* Lists of words separated by one space; "*" matches all. For the tables of rules. */
bool authz_word_matches(const char *words, struct str word) PURE;

#endif
