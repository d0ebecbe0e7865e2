/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What takes long, cut into parts. In each turn of the loop a few parts of all that waits are done,
 * in rotation, so that neither others' requests nor other long work wait for more than about a
 * millisecond, however many ask for how much.
 */
#ifndef CUBE_APISERVER_LONG_WORK_H
#define CUBE_APISERVER_LONG_WORK_H

#include "loop/env.h"

/* Costs are counted in bytes of JSON parsed, of which a millisecond does some 400,000. */
#define LONG_WORK_PART_COST ((size_t)64 << 10) /* after which a part had better end */

struct long_works {
	struct env *env;
	struct list waiting;
	struct task task;
};

/* Zero-initialised before it is first started. */
struct long_work {
	struct list link;
	/* Does a part and adds what it cost. False: nothing is left; it may be started anew or gone
	 * then. */
	bool (*part)(struct long_work *work, size_t *cost);
};

void long_works_init(struct long_works *works, struct env *env);
void long_works_deinit(struct long_works *works); /* whoever waits is to be stopped before */
void long_work_start(struct long_works *works, struct long_work *work);
void long_work_stop(struct long_work *work); /* fine when it is not waiting */

#endif
