/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes on only once an event is where it has to be: the request it tells of, or the answer,
 * which is held back on its stream or connection. One for each event that a log or webhook in a blocking mode
 * takes; it goes when the last of them is done with it.
 */
#include "apiserver/audit_storing.h"

#include "base/assert.h"
#include "base/mem.h"

struct audit_storing *audit_storing_new(void)
{
	struct audit_storing *s = NEW(struct audit_storing);

	list_init(&s->told);
	s->left = 1; /* whoever hands it out */
	return s;
}

struct audit_part *audit_storing_part(struct audit_storing *s, enum audit_mode mode)
{
	struct audit_part *part;

	if (!s || mode == AUDIT_BATCH)
		return NULL;
	ASSERT(s->part_count < ARRAY_COUNT(s->parts));
	part = &s->parts[s->part_count++];
	part->storing = s;
	part->is_strict = mode == AUDIT_BLOCKING_STRICT;
	s->left++;
	return part;
}

static void let_go(struct audit_storing *s)
{
	if (--s->left)
		return;
	if (s->ret_failed)
		*s->ret_failed = s->has_failed;
	if (s->ret_storing)
		*s->ret_storing = NULL;
	http_release(&s->hold);
	review_waits_end(&s->told);
	mem_free(s);
}

void audit_storing_handed_out(struct audit_storing *s)
{
	let_go(s);
}

void audit_storing_forget(struct audit_storing *s)
{
	if (!s)
		return;
	s->ret_failed = NULL;
	s->ret_storing = NULL;
}

void audit_part_done(struct audit_part *part, bool is_stored)
{
	struct audit_storing *s;

	if (!part)
		return;
	s = part->storing;
	list_remove(&part->link);
	s->has_failed |= part->is_strict && !is_stored;
	let_go(s);
}

void audit_parts_done(struct list *parts, uint64_t last, bool is_stored)
{
	struct list *node;

	while ((node = list_first(parts)) != NULL) {
		struct audit_part *part = LIST_ENTRY(node, struct audit_part, link);

		if (part->number > last)
			return;
		audit_part_done(part, is_stored);
	}
}
