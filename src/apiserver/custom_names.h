/* SPDX-License-Identifier: Apache-2.0 */
/* Which names a CustomResourceDefinition gets, and what its status says of it. Pure. */
#ifndef CUBE_APISERVER_CUSTOM_NAMES_H
#define CUBE_APISERVER_CUSTOM_NAMES_H

#include "api/obj.h"
#include "base/arena.h"
#include "codec/json.h"

#define CUSTOM_FINALIZER "customresourcecleanup.apiextensions.k8s.io"

enum custom_name {
	CUSTOM_NAME_PLURAL,
	CUSTOM_NAME_SINGULAR,
	CUSTOM_NAME_SHORT,
	CUSTOM_NAME_KIND,
	CUSTOM_NAME_LIST_KIND,
	CUSTOM_NAME_COUNT,
};

struct custom_names {
	const struct obj *definition;
	struct arena *arena;
	struct str conflicts[CUSTOM_NAME_COUNT]; /* what is wrong with it; empty = nothing */
	size_t short_count;			 /* of short names that are taken */
};

void custom_names_init(struct custom_names *names, const struct obj *definition,
		       struct arena *arena);
/* Another definition: what it has been given, nobody else of its group gets. */
void custom_names_take(struct custom_names *names, const struct obj *other);
/* Changes status in doc, a copy of the definition; false when all is as it should be. */
bool custom_names_plan(struct custom_names *names, yyjson_mut_doc *doc, int64_t now_ns) MUST_CHECK;
/* Sets a condition; a changed status gets a new time. True when anything changed. */
struct custom_condition {
	const char *type, *status, *reason;
	struct str message;
};
bool custom_condition_set(yyjson_mut_doc *doc, const struct custom_condition *condition,
			  int64_t now_ns);

#endif
