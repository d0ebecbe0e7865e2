/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds of the scheduler. */
#ifndef CUBE_SCHEDULER_LIMITS_H
#define CUBE_SCHEDULER_LIMITS_H

#define SCHEDULER_BATCH_MAX 32	 /* pods placed in one turn of the loop */
#define SCHEDULER_SCALARS_MAX 8	 /* extended resources and huge pages of one pod or node */
#define SCHEDULER_REASONS_MAX 64 /* different reasons named in one message */
#define SCHEDULER_POD_ARENA_BYTES_MAX ((size_t)4 << 20)
#define SCHEDULER_NODE_ARENA_BYTES_MAX ((size_t)4 << 20)
#define SCHEDULER_CYCLE_ARENA_BYTES_MAX ((size_t)64 << 20)
#define SCHEDULER_NODES_MIN_FEASIBLE 100 /* found before a search may stop early */

#define SCHEDULER_BACKOFF_BASE_MS 1000
#define SCHEDULER_BACKOFF_MAX_MS 10000
#define SCHEDULER_UNSCHEDULABLE_MS 300000 /* looked at again after this, whatever happened */

#define SCORE_MAX 100

#endif
