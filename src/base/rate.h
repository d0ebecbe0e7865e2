/* SPDX-License-Identifier: Apache-2.0 */
/* How often something may happen: so many times a second, and after a pause a burst of them. */
#ifndef CUBE_BASE_RATE_H
#define CUBE_BASE_RATE_H

#include <stdint.h>

struct rate {
	int64_t each_ns; /* what one costs; 0: nothing is bounded */
	int64_t full_ns, left_ns, filled_ns;
};

static inline void rate_init(struct rate *r, int64_t per_second, int64_t burst, int64_t now_ns)
{
	r->each_ns = per_second ? 1000000000 / per_second : 0;
	r->full_ns = r->left_ns = r->each_ns * burst;
	r->filled_ns = now_ns;
}

/* 0: it may, and that is counted; else how long it has to wait. */
static inline int64_t rate_take_ns(struct rate *r, int64_t now_ns)
{
	r->left_ns += now_ns - r->filled_ns;
	if (r->left_ns > r->full_ns)
		r->left_ns = r->full_ns;
	r->filled_ns = now_ns;
	if (r->left_ns < r->each_ns)
		return r->each_ns - r->left_ns;
	r->left_ns -= r->each_ns;
	return 0;
}

#endif
