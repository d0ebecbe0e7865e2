/* SPDX-License-Identifier: Apache-2.0 */
/* Every bound of kubelet/: sizes, counts, and the times upstream's kubelet is known by. */
#ifndef CUBE_KUBELET_LIMITS_H
#define CUBE_KUBELET_LIMITS_H

#define KUBELET_PODS_MAX 110 /* capacity.pods unless an option says otherwise */
#define KUBELET_CONTAINERS_MAX \
	256			/* of one pod, all roles together; the API's own limit is lower */
#define KUBELET_VOLUMES_MAX 256 /* of one pod */
#define KUBELET_ENV_BYTES_MAX (1u << 20)	  /* environment of one container, expanded */
#define KUBELET_OBJECT_BYTES_MAX (3u << 20)	  /* an object we build */
#define KUBELET_EXEC_OUTPUT_BYTES_MAX (16u << 10) /* of an exec probe or hook that is kept */
#define KUBELET_PROBE_BODY_BYTES_MAX (10u << 10)  /* of an HTTP probe's answer */
#define KUBELET_MESSAGE_BYTES_MAX 4096		  /* termination message of one container */
#define KUBELET_LOG_MESSAGE_BYTES_MAX 2048 /* ... taken from the log instead, at most 80 lines */
#define KUBELET_LOG_MESSAGE_LINES_MAX 80
#define KUBELET_LOG_BYTES_MAX ((int64_t)10 << 20) /* of a container's log file ... */
#define KUBELET_LOG_FILES_MAX 5			  /* ... and so many of them */
#define KUBELET_MANIFEST_BYTES_MAX (1u << 20) /* one file of static pods */
#define KUBELET_MANIFESTS_MAX 256
#define KUBELET_MANIFEST_CHECK_MS 20000 /* only when their folder cannot be watched */

#define KUBELET_BACKOFF_BASE_MS \
	10000 /* crashed containers and failed pulls: doubled each time ... */
#define KUBELET_BACKOFF_MAX_MS 300000	/* ... up to this ... */
#define KUBELET_BACKOFF_RESET_MS 600000 /* ... and forgotten after running well for this long */
#define KUBELET_RETRY_BASE_MS 500 /* volumes, sandboxes, API writes: what failed is tried again */
#define KUBELET_RETRY_MAX_MS 122000
#define KUBELET_LEASE_SECONDS 40
#define KUBELET_LEASE_RENEW_MS 10000
#define KUBELET_LEASE_SLACK_MS 2000
#define KUBELET_NODE_REPORT_MS 300000  /* node status, when nothing changes */
#define KUBELET_NODE_CHECK_MS 10000    /* look whether anything changed */
#define KUBELET_HOOK_TIMEOUT_MS 120000 /* upper bound of a hook whose pod sets none */
#define KUBELET_GRACE_SECONDS_MAX (INT64_C(10) * 366 * 24 * 3600) /* that a pod is waited for */
#define KUBELET_KILL_GRACE_MIN_SECONDS \
	2 /* left for TERM after a preStop hook has used up the grace period */

_Static_assert(KUBELET_BACKOFF_BASE_MS < KUBELET_BACKOFF_MAX_MS, "back-off grows");
_Static_assert(KUBELET_LEASE_RENEW_MS + KUBELET_LEASE_SLACK_MS < KUBELET_LEASE_SECONDS * 1000 / 2,
	       "a lease survives one missed renewal");

#endif
