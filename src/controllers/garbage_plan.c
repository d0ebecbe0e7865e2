/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of garbage collection. An object with one owner that lives is kept; only when all are
 * gone does it go. */
#include "controllers/garbage.h"

enum garbage_action garbage_plan(const struct garbage_view *v)
{
	if (v->deleting && v->has_orphan)
		return GARBAGE_ORPHAN_DEPENDENTS;
	if (v->deleting && v->has_foreground)
		return v->blocking_dependents ? GARBAGE_DELETE_DEPENDENTS
					      : GARBAGE_FINISH_FOREGROUND;
	if (v->deleting || v->unknown_owners || v->gone_owners + v->waiting_owners == 0)
		return GARBAGE_KEEP;
	if (v->solid_owners)
		return GARBAGE_DROP_OWNERS;
	/* A dependent that waits in turn may be the very owner that waits: each would wait for the other. */
	if (v->waiting_owners && v->deleting_dependents && v->blocked_owners)
		return GARBAGE_UNBLOCK_OWNERS;
	if (v->waiting_owners && v->dependents)
		return GARBAGE_DELETE_FOREGROUND;
	if (v->has_orphan)
		return GARBAGE_DELETE_ORPHAN;
	return v->has_foreground ? GARBAGE_DELETE_FOREGROUND : GARBAGE_DELETE_BACKGROUND;
}
