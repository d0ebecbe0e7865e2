/* SPDX-License-Identifier: Apache-2.0 */
/* Every bound of container/. */
#ifndef CUBE_CONTAINER_LIMITS_H
#define CUBE_CONTAINER_LIMITS_H

#define CONTAINER_LAYERS_MAX 480u                 /* lower folders of one overlay */
#define CONTAINER_ANSWER_BYTES_MAX (64u << 10)    /* the line a monitor or exec answers with */
#define CONTAINER_ATTACH_QUEUE_MAX (1u << 20)     /* bytes for stdin that wait for the container */
#define CONTAINER_RESTORE_TIMEOUT_MS 3000         /* for a monitor to say how it is, at start-up */
#define LOG_LINE_BYTES_MAX (1u << 20)             /* one record of a log file; longer ones are refused */
#define LOG_PIECE_BYTES (64u << 10)               /* read at a time */

#endif
