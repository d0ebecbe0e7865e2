/* SPDX-License-Identifier: Apache-2.0 */
/* Events that somebody waits for: --audit-log-mode and --audit-webhook-mode blocking. */
#ifndef CUBE_APISERVER_AUDIT_STORING_H
#define CUBE_APISERVER_AUDIT_STORING_H

#include "apiserver/audit.h"
#include "net/http_server.h"

/* What a log or webhook has of it, in its list, in order. */
struct audit_part {
	struct list link;
	uint64_t number; /* of its event there */
	struct audit_storing *storing;
	bool is_strict;
};

struct audit_storing {
	struct audit_part parts[2];
	size_t part_count, left;
	bool has_failed; /* where that ends the request */
	struct http_hold hold;
	struct list told;		    /* of struct review_wait */
	bool *ret_failed;		    /* NULL: nobody asks; likewise */
	struct audit_storing **ret_storing; /* becomes NULL when this goes */
};

struct audit_storing *audit_storing_new(void) MUST_CHECK;
/* s NULL, or a mode that waits for nothing: NULL. */
struct audit_part *audit_storing_part(struct audit_storing *s, enum audit_mode mode);
/* All parts are made: it may go. */
void audit_storing_handed_out(struct audit_storing *s);
void audit_storing_forget(struct audit_storing *s);	       /* who asked is gone; NULL is fine */
void audit_part_done(struct audit_part *part, bool is_stored); /* NULL is fine */
/* All up to the one of this number. */
void audit_parts_done(struct list *parts, uint64_t last, bool is_stored);

#endif
