/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What steps of a request have to say to its audit event: texts by key, of which the first stays.
 * No text is made where nobody keeps an event.
 */
#ifndef CUBE_APISERVER_ANNOTATIONS_H
#define CUBE_APISERVER_ANNOTATIONS_H

#include "base/arena.h"
#include "base/str.h"

struct annotation {
	struct str key, value;
};

struct annotations {
	struct arena *arena; /* NULL: nobody keeps them */
	bool is_detailed;    /* parts of objects are kept, too */
	struct annotation *items;
	size_t count, room;
};

static inline bool annotations_are_kept(const struct annotations *a)
{
	return a->arena != NULL;
}
/* Both are copied; at most ANNOTATIONS_MAX are kept. */
void annotations_add(struct annotations *a, struct str key, struct str value);
void annotations_printf(struct annotations *a, struct str key, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

#endif
