/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ValidatingAdmissionPolicy and MutatingAdmissionPolicy at work: policies and their bindings
 * compiled when they change, then asked about each write that concerns them. Decided within the
 * turn of the loop that asks.
 */
#ifndef CUBE_APISERVER_ADMISSION_POLICY_H
#define CUBE_APISERVER_ADMISSION_POLICY_H

#include "api/field.h"
#include "apiserver/admission_match.h"
#include "apiserver/annotations.h"
#include "apiserver/outcome.h"
#include "apiserver/refusal.h"

struct registry;
struct policies;

struct policies *policies_new(struct registry *registry) MUST_CHECK;
void policies_free(struct policies *policies); /* the store is closed; NULL is fine */

/* Where answers go. */
struct policy_answer {
	struct refusal *refusal;
	struct notices *notices;	 /* warnings for the client */
	struct annotations *annotations; /* for the audit event */
};

/* Whether any policy could have something to say: what building a request would be for. */
bool policies_validate_any(struct policies *policies) MUST_CHECK;
bool policies_mutate_any(struct policies *policies) MUST_CHECK;

/* WAITING: the request's wait is told, for all to be asked again; nothing was said so far. */
enum outcome policies_validate(struct policies *policies, const struct admission_request *request,
			       const struct policy_answer *answer) MUST_CHECK;

/* What mutation has to remember of a write between its rounds; zero at the beginning. */
struct policy_rounds {
	bool is_second;	       /* set by the caller: every plug-in is asked again */
	bool should_ask_again; /* something was changed: the other plug-ins want to see it */
	const struct str
		*asked; /* policies that may be asked again, by policy, binding and parameter */
	size_t asked_count, asked_room;
	const struct str *again; /* of these, those after which the object was changed */
	size_t again_count;
	struct blob *output; /* the object as it was left; owned */
};
void policy_rounds_deinit(struct policy_rounds *rounds);

/* The object being written: doc is replaced, request->object follows it. */
struct policy_object {
	const struct kind *kind; /* what it is read as: the kind of the request's body */
	yyjson_mut_doc **doc;
	struct arena *arena;
	int64_t now_ns;
};

/* WAITING: as above; nothing was changed so far. */
enum outcome policies_mutate(struct policies *policies, struct admission_request *request,
			     struct policy_object *object, struct policy_rounds *rounds,
			     const struct policy_answer *answer) MUST_CHECK;

#endif
