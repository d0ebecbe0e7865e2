/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a write concerns a webhook, an admission policy or a binding: rules, selectors and match
 * policy, compiled once for each object that states them. Pure: what the registry knows is handed
 *in with the request. Match conditions are admission_activation.h.
 *
 *	filter = admission_filter_new(&arena, &(struct admission_criteria){ ... }, &err);
 *	...
 *	matched = admission_filter_match(filter, &request, &kind, &err);
 */
#ifndef CUBE_APISERVER_ADMISSION_MATCH_H
#define CUBE_APISERVER_ADMISSION_MATCH_H

#include "api/kind_set.h"
#include "api/obj.h"
#include "apiserver/user.h"
#include "cel/cel.h"

enum admission_operation {
	ADMISSION_CREATE = 1 << 0,
	ADMISSION_UPDATE = 1 << 1,
	ADMISSION_DELETE = 1 << 2,
	ADMISSION_CONNECT = 1 << 3,
	ADMISSION_ANY = (1 << 4) - 1,
};

struct str admission_operation_name(enum admission_operation operation);

/* One request as admission sees it. */
struct admission_request {
	enum admission_operation operation;
	const struct kind *kind; /* whose resource is asked for */
	struct str subresource;
	/* of the body: kind itself, or Scale, Eviction, PodExecOptions, ... */
	struct str body_group, body_version, body_kind;
	struct str namespace_; /* of a Namespace: its own name, but when it is made */
	struct str name;
	struct cel_value object, old_object; /* cel_json, cel_json_mut; cel_null: there is none */
	const struct obj *namespace_object;  /* NULL: cluster-scoped, or it is not there */
	const struct user *user;
	struct review_wait *wait; /* told what the user may do; NULL: nobody can wait for that */
	bool dry_run;
	yyjson_mut_val *options;      /* CreateOptions, ...; may be NULL */
	const struct kind_set *kinds; /* for equivalent versions */
};

/* Whether what a rule sees is the request's body in another version: a Scale is the same for all
 * versions of what it scales. */
bool admission_is_converted(const struct admission_request *r, const struct kind *matched) PURE;

/* Everything of an AdmissionRequest but uid, object and oldObject, appended to root; matched: the
 * kind whose rule matched. */
void admission_request_write(const struct admission_request *r, const struct kind *matched,
			     yyjson_mut_doc *doc, yyjson_mut_val *root);

/* The kinds whose configuration admission itself is: neither webhooks nor policies are asked. */
bool admission_is_configuration(const struct kind *kind) PURE;

struct admission_criteria {
	yyjson_val *rules;	   /* rules, resourceRules; borrowed like all that follows */
	yyjson_val *exclude_rules; /* excludeResourceRules */
	yyjson_val *namespace_selector, *object_selector; /* NULL: everything */
	struct str match_policy;			  /* "Exact"; else Equivalent */
	bool no_rules_match_all; /* policies; a webhook without rules is never called */
};

struct admission_filter; /* immutable */

/* In the arena. NULL and err: a selector cannot be understood. */
const struct admission_filter *admission_filter_new(struct arena *arena,
						    const struct admission_criteria *criteria,
						    struct err *err) MUST_CHECK;
/* 1: it concerns, and *ret_kind is the kind whose rule matched (another version of the request's
 * own under Equivalent: objects are to be converted to it). 0: it does not. < 0: it would, but its
 * namespace is not there (ERR_NOT_FOUND). */
int admission_filter_match(const struct admission_filter *filter,
			   const struct admission_request *request, const struct kind **ret_kind,
			   struct err *err) MUST_CHECK;

#endif
