/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for what a server outside says (review_hook), without holding up anybody else.
 */
#ifndef CUBE_APISERVER_REVIEW_WAIT_H
#define CUBE_APISERVER_REVIEW_WAIT_H

#include "base/list.h"

/* Lies with who waits; told once, in a later turn. What was being decided is then decided anew. */
struct review_wait {
	void (*resume)(struct review_wait *wait);
	struct list link;
};
static inline void review_wait_init(struct review_wait *wait,
				    void (*resume)(struct review_wait *wait))
{
	wait->resume = resume;
	list_init(&wait->link);
}
static inline void review_wait_cancel(struct review_wait *wait)
{
	list_remove(&wait->link);
}
void review_waits_move(struct list *from, struct list *to);
/* Tells all in the list. */
void review_waits_end(struct list *waits);

#endif
