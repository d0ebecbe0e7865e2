/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of the client: what is held per key, per object and per process, and how long things are
 * put off. */
#ifndef CUBE_CLIENT_LIMITS_H
#define CUBE_CLIENT_LIMITS_H

#define CLIENT_KEY_BYTES_MAX 512   /* "<namespace>/<name>", also with a kind or uid before it */
#define CLIENT_INDEX_VALUES_MAX 16 /* values one object has in one index */
#define CLIENT_INDEXES_MAX 8	   /* indexes of one informer */
#define CLIENT_REQUESTS_MAX 65536  /* requests in flight; one more fails with ERR_TOO_MANY */

#define QUEUE_BATCH_MAX 64 /* keys reconciled in one turn of the loop */
#define QUEUE_BACKOFF_BASE_MS 5
#define QUEUE_BACKOFF_MAX_MS 60000

#define RECORDER_CACHE_MAX 4096 /* objects and messages remembered, least recently used go first \
				 */
#define RECORDER_AGGREGATE_AFTER \
	10 /* similar events within the interval before they are combined */
#define RECORDER_AGGREGATE_SECONDS 600
#define RECORDER_BURST 25		/* events of one source about one object at once ... */
#define RECORDER_REFILL_SECONDS 300	/* ... and then one in this time */
#define RECORDER_MESSAGE_BYTES_MAX 1024 /* of an Event's message, as the API accepts it */

#define ELECTOR_LEASE_SECONDS 15
#define ELECTOR_RENEW_DEADLINE_SECONDS 10
#define ELECTOR_RETRY_SECONDS 2

_Static_assert(ELECTOR_LEASE_SECONDS > ELECTOR_RENEW_DEADLINE_SECONDS,
	       "a leader gives up before others take over");
_Static_assert(QUEUE_BACKOFF_BASE_MS < QUEUE_BACKOFF_MAX_MS, "back-off grows");

#endif
