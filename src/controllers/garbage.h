/* SPDX-License-Identifier: Apache-2.0 */
/* What garbage collection does with one object, given what became of its owners and who depends on
 * it. Pure. */
#ifndef CUBE_CONTROLLERS_GARBAGE_H
#define CUBE_CONTROLLERS_GARBAGE_H

#include <stdbool.h>
#include <stddef.h>

struct garbage_view {
	bool deleting;
	bool has_foreground;   /* finalizer foregroundDeletion */
	bool has_orphan;       /* finalizer orphan */
	size_t solid_owners;   /* there, and not waiting for their dependents to go */
	size_t waiting_owners; /* being deleted in the foreground */
	size_t gone_owners;
	size_t unknown_owners; /* of kinds nobody knows: cannot be judged */
	size_t dependents;
	size_t blocking_dependents; /* with blockOwnerDeletion */
	size_t deleting_dependents; /* that wait for their own dependents in turn */
	size_t blocked_owners;	    /* references to owners that it keeps from going */
};

enum garbage_action {
	GARBAGE_KEEP,
	GARBAGE_DELETE_BACKGROUND,
	GARBAGE_DELETE_FOREGROUND,
	GARBAGE_UNBLOCK_OWNERS, /* a circle of owners: it must not be what they wait for */
	GARBAGE_DELETE_ORPHAN,
	GARBAGE_DROP_OWNERS, /* remove the references on owners that are gone or waiting; others
				keep it */
	GARBAGE_DELETE_DEPENDENTS, /* being deleted in the foreground: look at its dependents */
	GARBAGE_FINISH_FOREGROUND, /* no dependent blocks any more: its finalizer goes */
	GARBAGE_ORPHAN_DEPENDENTS, /* being deleted, dependents stay: they lose the reference, then
				      the finalizer goes */
};

enum garbage_action garbage_plan(const struct garbage_view *view);

#endif
