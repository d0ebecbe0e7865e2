/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds of the monitor. */
#ifndef CUBE_SHIM_LIMITS_H
#define CUBE_SHIM_LIMITS_H

#define SHIM_PEERS_MAX 64           /* connections at a time; one more is closed at once */
#define SHIM_CHUNK_BYTES 16384      /* read from the container at a time */
#define SHIM_LINE_BYTES_MAX 16384   /* longer lines are cut into parts, as every engine does */
#define SHIM_LOG_FILES_MAX 100
#define SHIM_DRAIN_MS 2000          /* waited for the end of streams that a stranger still holds open */
#define SHIM_PEER_DRAIN_MS 10000    /* waited for clients to take the last output */

#endif
