/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of what the checks of a kind say. A row changes a good object by a strategic merge patch
 * and names everything that is then wrong with it, one cause a line, "field: message", in the order
 * of the answer. A cause that ends in "..." is the beginning of what is expected. A change that
 * begins with "!" is a JSON merge patch: lists in it are whole.
 *
 *   { "a port too high", "spec: {ports: [{port: 70000}]}",
 *     "spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive" },
 */
#ifndef CUBE_TEST_UNIT_API_KINDS_CASES_H
#define CUBE_TEST_UNIT_API_KINDS_CASES_H

#include "api/kind.h"

struct kind_case {
	const char *name;
	const char *change; /* YAML */
	const char *want;   /* "" = nothing is wrong */
};

/* Objects as they would be created: base (YAML) with each change. The base itself must be good. */
void check_creates(const struct kind *kind, const char *base, const struct kind_case *cases,
		   size_t count);
/* As they would be updated: stored is what creating base made, with stored_change (YAML, may be "")
 * applied to it; subresource is "", "status", ... */
struct kind_update {
	const char *base, *stored_change, *subresource;
};
void check_updates(const struct kind *kind, const struct kind_update *update,
		   const struct kind_case *cases, size_t count);
/* What Warning headers say about it. */
void check_warnings(const struct kind *kind, const char *base, const struct kind_case *cases,
		    size_t count);
/* What the object has at a path (want, as JSON) after it was defaulted and prepared: change is
 * "path = YAML". */
struct kind_default {
	const char *name, *change, *path, *want;
};
void check_defaults(const struct kind *kind, const char *base, const struct kind_default *cases,
		    size_t count);

#endif
