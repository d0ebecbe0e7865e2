/* SPDX-License-Identifier: Apache-2.0 */
/* How much one reconcile does at most; what is beyond it waits for the next, which its own writes
 * bring about. */
#ifndef CUBE_CONTROLLERS_LIMITS_H
#define CUBE_CONTROLLERS_LIMITS_H

#define CONTROLLER_WATCHES_MAX 7
#define ABSENCE_ANSWERS_MAX 500 /* owners known to be gone */
#define ABSENCE_OF_NAME_MS 1000 /* so long it holds that nothing has a name */
#define ABSENCE_AGAIN_MS 2000 /* after an answer that does not say that something is gone */
#define CONTROLLER_ARENA_BYTES_MAX ((size_t)64 << 20) /* of one reconcile */

#define REPLICAS_BURST_MAX 500		/* pods created or deleted by one reconcile, as upstream */
#define REVISION_HISTORY_CHARS_MAX 2000 /* of a replica set's revision-history annotation */
#define ENDPOINTS_ADDRESSES_MAX 1000	/* of an Endpoints object, then "truncated" */
#define ENDPOINT_SLICE_ENDPOINTS_MAX 100
#define MIRROR_ADDRESSES_MAX 1000 /* of a subset of Endpoints; as upstream */
#define ENDPOINT_PORTS_MAX 100	  /* of one service */
#define NAMESPACE_DELETES_MAX 500 /* deletions one reconcile of a namespace submits */
#define NODE_CIDRS_MAX 65536
#define TERMINATED_PODS_MAX 12500

#define DISRUPTION_AWAIT_MS 120000 /* that an evicted pod has to go; as upstream */
#define NODE_GRACE_MS 50000	    /* without a heartbeat before a node counts as unreachable */
#define NODE_STARTUP_GRACE_MS 60000 /* ... when it never sent one */
#define POD_ORPHAN_QUARANTINE_MS \
	40000 /* a node must be gone for so long before its pods are collected */

#endif
