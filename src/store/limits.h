/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of the store. What is beyond one ends in the error named. */
#ifndef CUBE_STORE_LIMITS_H
#define CUBE_STORE_LIMITS_H

#include <stddef.h>

#define STORE_KEY_BYTES_MAX 1024                       /* ERR_TOO_LARGE */
#define STORE_VALUE_BYTES_MAX (8u << 20)               /* ERR_TOO_LARGE */
#define STORE_OPS_MAX 1024                             /* of one write; ERR_TOO_LARGE */
#define STORE_WRITE_BYTES_MAX ((size_t)32 << 20)       /* all of its keys and values; ERR_TOO_LARGE */
#define STORE_WAITING_WRITES_MAX 32768                 /* submitted, not durable; ERR_TOO_MANY */
#define STORE_WAITING_BYTES_MAX ((size_t)256 << 20)    /* the same; ERR_TOO_MANY */
#define STORE_BATCH_BYTES_MAX ((size_t)2 << 20)        /* of one transaction; the rest goes into the next */
#define STORE_HISTORY_EVENTS_MAX 20000                 /* defaults of struct store_options; ERR_GONE beyond */
#define STORE_HISTORY_BYTES_MAX ((size_t)24 << 20)
#define STORE_REPLAY_EVENTS_MAX 256                    /* handed to one watcher per turn of the loop */
#define STORE_EXPIRE_MAX 512                           /* keys deleted per turn because their time is up */
#define STORE_EXPIRE_SLACK_MS 5000
#define STORE_UNREAD_DELAY_MS 100                      /* after a start: who waited for it is answered first */
#define STORE_UNREAD_PART_BYTES ((size_t)256 << 10)    /* copied out of the file per turn of the loop */
#define STORE_JOURNAL_BYTES_MIN ((size_t)1 << 20)      /* of each of the two files at first; a power of two */
#define STORE_JOURNAL_BYTES_MAX ((size_t)4 << 20)      /* more only for a batch that is larger */
#define STORE_JOURNAL_LARGE_BYTES_MAX ((size_t)64 << 20) /* a power of two; ERR_INTERNAL at the start */
#define STORE_RESTORE_REVISIONS ((int64_t)1000000000)  /* passed over by a restore: more than were written since */
#define STORE_MAP_BYTES_MAX ((size_t)64 << 30)         /* size of the LMDB file; ERR_NO_SPACE */
#define ETCD_REQUEST_BYTES_MAX (2u << 20)              /* 1.5 MiB and what is around it, as etcd's own default */
#define ETCD_WRITE_BYTES_MAX (1536u << 10)             /* of one request; as etcd's own default */
#define ETCD_LEASES_MAX 10000                          /* at once; then ResourceExhausted */
#define ETCD_TXN_OPS_MAX 128                           /* as etcd's own default */
#define ETCD_TXN_DEPTH_MAX 4                           /* transactions inside transactions */
#define ETCD_STREAM_WATCHES_MAX 1000                   /* of one stream; more are cancelled */
#define ETCD_HELD_BYTES_MAX ((size_t)64 << 20)         /* of events that wait for answers; the rest does not */
#define ETCD_REFUTED_MAX 32                            /* tries of a write without precondition */

_Static_assert(STORE_BATCH_BYTES_MAX <= STORE_JOURNAL_BYTES_MAX, "usual batches fit the journal");
/* A batch has one write at least; sealed, a value may be somewhat larger. */
_Static_assert(STORE_WRITE_BYTES_MAX + (size_t)STORE_OPS_MAX * (STORE_KEY_BYTES_MAX + (16u << 10)) <
		       STORE_JOURNAL_LARGE_BYTES_MAX, "the largest write fits the journal");

#endif
