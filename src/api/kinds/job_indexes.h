/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of indexes of a Job as text: "1,3-5,7". */
#ifndef CUBE_API_KINDS_JOB_INDEXES_H
#define CUBE_API_KINDS_JOB_INDEXES_H

#include "base/arena.h"
#include "base/str.h"

/* NULL when the text is in order and below completions, with how many indexes it names; else the
 * message, which lives in arena. */
const char *job_indexes_problem(struct arena *arena, struct str text, int64_t completions,
				int64_t *ret_count);
/* The first index that both name, -1 when there is none; intervals that make no sense are passed
 * over. */
int64_t job_indexes_shared(struct str a, struct str b, int64_t completions);

#endif
