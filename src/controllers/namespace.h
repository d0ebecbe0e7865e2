/* SPDX-License-Identifier: Apache-2.0 */
/* What a namespace that is being deleted still holds, and what is to be done and said about it.
 * Pure. */
#ifndef CUBE_CONTROLLERS_NAMESPACE_H
#define CUBE_CONTROLLERS_NAMESPACE_H

#include "api/kind.h"
#include "api/obj.h"
#include "api/transport.h"
#include "base/arena.h"
#include "client/informer.h"

struct namespace_remains {
	const struct kind *kind;
	struct informer_entry *const *objects;
	size_t object_count;
};

struct namespace_view {
	struct namespace_remains *remains; /* kinds that have objects in it */
	size_t count;
	/* "group/version" of servers behind the API server that are not there: what they keep is not
	 * known. */
	struct str *unknown;
	size_t unknown_count;
	/* What servers that are there keep of it, as they said last. */
	bool is_asking; /* they were not heard yet */
	const struct api_remain *others;
	size_t other_count;
	struct str failures; /* of those that were asked; empty: none */
};

#define NAMESPACE_CONDITION_COUNT 5

struct namespace_condition {
	const char *type;
	bool is_true;
	const char *reason;
	struct str message;
};

struct namespace_plan {
	bool finalize;	/* nothing is left, and that is certain */
	bool pods_only; /* pods go before what they may need to go */
	struct namespace_condition conditions[NAMESPACE_CONDITION_COUNT];
};

void namespace_plan(const struct namespace_view *view, struct arena *arena,
		    struct namespace_plan *ret_plan);

#endif
