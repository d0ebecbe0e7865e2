/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod's tolerations, in an order in which those of a taint are found without looking at all of
 * them: a hostile pod may have very many, and a node many taints. Pure; used by whoever places
 * pods.
 */
#ifndef CUBE_API_TOLERATION_H
#define CUBE_API_TOLERATION_H

#include "base/arena.h"
#include "codec/json.h"

struct taint_words {
	struct str key, value, effect;
};

struct toleration {
	struct taint_words of; /* effect empty: any; key empty: any, with exists */
	bool exists;	       /* operator Exists: whatever the value */
	size_t index;	       /* in the pod's list */
	int64_t seconds;       /* INT64_MAX: for ever */
};

struct toleration_set {
	const struct toleration *items;
	size_t count;
};

/* Strings are borrowed from list (NULL: none). */
void toleration_set_read(struct toleration_set *set, yyjson_val *list, struct arena *arena);
/* The first of the pod's list that tolerates the taint, which is the one that counts; NULL: none.
 */
const struct toleration *toleration_set_find(const struct toleration_set *set,
					     const struct taint_words *taint) PURE;
struct taint_words taint_words_of(yyjson_val *taint);

#endif
