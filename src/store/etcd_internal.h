/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The etcd back end: etcd.c writes, etcd_load.c reads all there is, etcd_watch.c follows. A write
 * travels BLOCKED ──what it builds on is answered──► READY ──link is up──► SENT ──yes──► LANDED
 * ──its event──► done ▲                    ├─no──► REFUTED ──event of the winner──► done └─────
 * outcome unknown ────────┘ Included by no other folder.
 */
#ifndef CUBE_STORE_ETCD_INTERNAL_H
#define CUBE_STORE_ETCD_INTERNAL_H

#include "store/etcd_link.h"
#include "store/internal.h"
#include "store/limits.h"

#define ETCD_CALL_TIMEOUT_MS 5000 /* of one try */
#define ETCD_WRITE_TIMEOUT_MS \
	15000 /* of all tries; then ERR_TIMEOUT, or ERR_UNAVAILABLE when it was never sent */
#define ETCD_OPEN_TIMEOUT_MS 60000
#define ETCD_TICK_MS 100
#define ETCD_PAGE_KEYS 500
#define ETCD_REOPEN_FIRST_MS 20 /* what cannot be opened yet is looked at again */
#define ETCD_REOPEN_LAST_MS 1000

enum etcd_write_state { WRITE_BLOCKED, WRITE_READY, WRITE_SENT, WRITE_LANDED, WRITE_REFUTED };

struct etcd_write {
	struct store_write *write;
	struct etcd *etcd;
	struct list link;	/* of the state */
	struct list dependents; /* struct etcd_edge */
	struct etcd_edge *edges;
	size_t blocked_count;
	enum etcd_write_state state;
	struct etcd_call call;
	int64_t started_ns;
	int64_t wanted; /* REFUTED: the revision that tells why */
	int refuted_count;
	bool was_sent, is_repeated;
};
struct etcd_edge {
	struct list link;
	struct etcd_write *dependent;
	size_t op_index;
};

struct etcd_lease {
	int64_t id, expires_ns;
	int use_count;
	struct etcd_call call;
	bool is_asked;
};

struct etcd_record {
	struct store_entry entry;
	struct str key; /* owned */
};

struct etcd {
	struct store *store;
	struct etcd_link link;
	struct store_etcd_options options; /* endpoints NULL, prefixes owned */
	struct list writes[WRITE_REFUTED + 1];
	struct map by_pending; /* pending revision -> struct etcd_write */
	struct map landed;     /* revision -> struct etcd_write */
	struct etcd_lease lease;
	struct list syncs_next, syncs_asked, syncs_waiting;
	struct etcd_call sync_call;
	struct timer tick, compaction, opening;
	struct timer reopen; /* a page, or events that are held, wait for what opens them */
	int64_t reopen_ms;
	struct err opening_err;
	int64_t compact_time, compact_revision;
	struct etcd_call compact_call;
	/* load and watch */
	struct etcd_call page_call;
	struct etcd_record *records;
	size_t record_count, record_cap;
	struct omap unreadable; /* found in what is being loaded: key -> why, owned */
	int64_t load_revision, page_limit;
	char *page_from;
	size_t page_from_len;
	struct grpc_call *watch;
	struct arena watch_arena;
	struct list held; /* struct held_message of the watch */
	size_t held_bytes;
	int64_t resume_revision; /* a new watch begins behind it */
	int64_t asked_revision;	 /* what was known when sync_call began */
	uint64_t cluster_id;
	struct err lost; /* the cluster is not the one that was read; nothing goes on */
	struct err refusal; /* code set: the last question was answered so */
	bool is_loaded, is_loading, is_opened, is_watching, is_stopped, is_releasing;
	bool is_known; /* since the link is up: the cluster is the one that was read */
};

/* False, and nothing goes on, when the header is of another cluster, or of a state older than
 * at_least: what was known when a question was asked that members answer with the newest state. */
bool etcd_is_same(struct etcd *e, const struct etcd_header *header, int64_t at_least);
/* etcd.c: the committed state has grown to store->revision. */
void etcd_advanced(struct etcd *e);
/* The link and the watch are up: sends what waits. */
void etcd_send_ready(struct etcd *e);
/* A write of our own that the event of this revision belongs to; NULL: somebody else's, or not
 * answered yet. */
struct etcd_write *etcd_take_landed(struct etcd *e, int64_t revision);
void etcd_finish_landed(struct etcd_write *ew);
/* The key as this store has it; false: it is none of ours. */
bool etcd_key_here(const struct etcd *e, struct arena *arena, struct str *key);
/* Whether a write of the key is under way of which only the answer tells whether it was done. */
bool etcd_awaits_answer(const struct etcd *e, struct str key);
void etcd_opened(struct etcd *e, struct err *err);
/* etcd_compact.c */
void etcd_compact_init(struct etcd *e); /* the link is there */
void etcd_compact_start(struct etcd *e);
void etcd_compact_stop(struct etcd *e);
/* etcd_load.c */
void etcd_load(struct etcd *e);
void etcd_load_stop(struct etcd *e);
void etcd_load_again(struct etcd *e); /* the page that could not be opened */
/* etcd_watch.c */
void etcd_watch_start(struct etcd *e);
/* An answer has come: events that waited for it go on. */
void etcd_watch_release(struct etcd *e);
void etcd_watch_forget(struct etcd *e); /* what is held: a new watch brings it again */
/* Looks again, later each time. */
void etcd_reopen_later(struct etcd *e);
/* What somebody else wrote, all of one revision. */
struct etcd_change {
	struct str key;
	struct store_entry entry; /* value NULL: deleted */
};
void etcd_apply(struct etcd *e, int64_t revision, const struct etcd_change *changes, size_t count);

static inline struct str etcd_number_key(const int64_t *number)
{
	return str_sub((const char *)number, sizeof(*number));
}

#endif
