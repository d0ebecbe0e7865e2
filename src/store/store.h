/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: byte strings to byte strings under one revision that counts writes, ignorant of what they mean. All live
 * entries are in memory; writes are grouped, made durable by a back end, and only then seen by readers and watchers, in
 * revision order. One loop owns a store: every call is made on it and every callback runs on it, never from inside
 * the call that asked for it (store_close excepted). An acknowledged write survives a crash of process or machine.
 */
#ifndef CUBE_STORE_STORE_H
#define CUBE_STORE_STORE_H

#include "base/blob.h"
#include "base/err.h"
#include "base/list.h"
#include "base/str.h"
#include "loop/env.h"
#include "store/limits.h"

struct store;

struct store_options {
	size_t history_events_max; /* 0: the default of limits.h */
	size_t history_bytes_max;  /* counts values */
	int64_t compact_interval_ms; /* the history goes no further back than one and a half of it; 0: no such bound */
	size_t map_bytes;          /* LMDB: first size of the map, grown when needed; 0: default */
	/* The last value of a key whose time to live is over, as the DELETE event shall carry it at that revision.
	 * NULL, or a NULL result: the value as it is. */
	struct blob *(*expired)(void *arg, struct str key, struct blob *value, int64_t revision);
	/*
	 * What the back end keeps of a value, and the value again, with the revision in its place: for encryption, and
	 * for etcd, which knows a write's revision only when it is done. Each gives one reference. open may be given
	 * bytes of anybody; NULL is a failure and fills *err (ERR_UNSUPPORTED:
	 * to be passed over; ERR_UNAVAILABLE: what it takes is being fetched. A store that is being opened shows it all
	 * the others before it fails with that, so that all is fetched at once; from an etcd it waits). NULL
	 * functions: the back end keeps the value as it is.
	 */
	struct blob *(*seal)(void *arg, struct str key, struct blob *value, struct err *err);
	struct blob *(*open)(void *arg, struct str key, struct blob *sealed, int64_t revision, struct err *err);
	/* False: open would fail with ERR_UNAVAILABLE. What others wrote waits then, in its order. May be NULL. */
	bool (*can_open)(void *arg, struct str key, struct str sealed);
	/* Whether open would give the very bytes, so that it need not be called when the store is opened. May be NULL:
	 * no. */
	bool (*is_clear)(void *arg, struct str key, struct str sealed);
	/* The value with another revision in its place, as open(seal()) would give it. May be NULL. */
	struct blob *(*revise)(void *arg, struct str key, struct blob *value, int64_t revision);
	/* Whether what is kept of the key is to be sealed anew when it is next written, be it the same. May be NULL. */
	bool (*is_stale)(void *arg, struct str key);
	/* This is kept of it now; NULL: nothing. May be NULL. */
	void (*written)(void *arg, struct str key, struct blob *sealed);
	void *arg;
};

/* dir is made (0700) when missing. A directory that another process has open: ERR_UNAVAILABLE. options may be NULL. */
int store_open_lmdb(struct env *env, const char *dir, const struct store_options *options, struct store **ret_store,
		    struct err *err) MUST_CHECK;
/*
 * The state lives in an etcd cluster, which others may write to as well: what they do is seen as events, and a write is
 * decided against the newest state known here, under the condition that it still holds there (else ERR_CONFLICT,
 * ERR_EXISTS or ERR_NOT_FOUND, once that newer state is known). Revisions are etcd's; that of a write that is not done
 * yet is a stand-in above STORE_REVISION_PENDING, which options->seal must leave out and open put right. opened is
 * called once: err NULL when all is loaded and watched. Nothing else may be called before that but store_close.
 */
struct store_etcd_options {
	const struct store_etcd_endpoint {
		struct str host;
		uint16_t port;
		bool is_tls;
	} *endpoints;
	size_t endpoint_count;
	struct tls_client *tls; /* for endpoints with TLS; with http2 set; borrowed */
	struct str prefix;      /* keys outside it are passed over: "/registry/" */
	struct str local_prefix; /* what stands for it in this store's keys; empty: the same */
	int64_t compact_interval_ms; /* drop etcd's history so often, in turns with others that do so; 0: never */
	void (*opened)(void *arg, struct err *err);
	void *arg;
};
int store_open_etcd(struct env *env, const struct store_etcd_options *etcd, const struct store_options *options,
		    struct store **ret_store, struct err *err) MUST_CHECK;
/* Makes what was submitted durable and calls its done() before it returns; watchers end with ERR_CLOSED. */
void store_close(struct store *store);
/* As if the process died now: nothing more is committed, nobody is called. For simulations and tests. Comes before the
 * memory of writes in flight and of watchers is freed. Not from inside a callback. */
void store_abandon(struct store *store);

/* --- reading: the committed state --- */
struct store_entry {
	struct blob *value;
	int64_t create_revision;
	int64_t mod_revision;
	int64_t version;        /* puts since it was created, from 1 */
	int64_t expires_wall_s; /* 0: never */
};
int64_t store_revision(const struct store *store);            /* of the last committed write; 1 when there was none */
int64_t store_compact_revision(const struct store *store);    /* events up to here are not in the history */
/* Borrowed until the loop's next turn; take a reference on the value to keep it. NULL: not there. */
const struct store_entry *store_get(const struct store *store, struct str key);
/* The same, but as of the last *submitted* write: what a write submitted now will meet. */
const struct store_entry *store_get_pending(const struct store *store, struct str key);
bool store_is_stale(const struct store *store, struct str key); /* options.is_stale */
/* Calls fn in key order for entries whose key has the prefix and is >= from (empty: all), until it returns false.
 * fn must not submit. */
typedef bool store_walk_fn(void *arg, struct str key, const struct store_entry *entry);
void store_walk(const struct store *store, struct str prefix, struct str from, store_walk_fn *fn, void *arg);
/* The state as it was at an earlier revision; ERR_GONE when the history does not reach back so far. */
int store_walk_at(const struct store *store, int64_t revision, struct str prefix, struct str from, store_walk_fn *fn,
		  void *arg, struct err *err) MUST_CHECK;
size_t store_count(const struct store *store, struct str prefix);                   /* O(entries with the prefix) */
size_t store_count_from(const struct store *store, struct str prefix, struct str from);
size_t store_size_bytes(const struct store *store);                                 /* keys and values */
/* ERR_INTERNAL when the back end has the key, or one with the prefix, and nobody here could read what: it is neither
 * given nor walked over, but it is not absent, which others would act on. */
int store_check_readable(const struct store *store, struct str key, struct err *err) MUST_CHECK;
int store_check_readable_all(const struct store *store, struct str prefix, struct err *err) MUST_CHECK;
/* The first of such keys behind another one (empty: of all). */
bool store_next_unreadable(const struct store *store, struct str after, struct str *ret_key);

/* --- reading what others wrote --- */
struct store_sync {
	void (*done)(struct store_sync *sync, struct err *err);
	struct list link;
	struct store *store; /* the store's own, all from here */
	int64_t revision, started_ns;
};
/* Whether nobody else writes: the committed state is all there is. */
bool store_is_alone(const struct store *store);
/* done is called once the committed state is at least as new as anything that was acknowledged to anybody before the
 * call; ERR_UNAVAILABLE or ERR_TIMEOUT when that cannot be found out. In a later turn. */
void store_catch_up(struct store *store, struct store_sync *sync);
void store_catch_up_cancel(struct store_sync *sync);
/* 0, or < 0 with why the state cannot be reached, or not be written to, now. A full disk is no reason: it refuses
 * writes, but reads go on, which a server that is taken for dead could not serve. */
int store_health(const struct store *store, struct err *err) MUST_CHECK;

/* Told of each write that was submitted and not refused at once: how long it took, and whether it failed. */
void store_set_observer(struct store *store, void (*observe)(void *arg, int64_t duration_ns, bool failed), void *arg);

/* --- writing --- */
#define STORE_REVISION_PENDING ((int64_t)1 << 62) /* above: a stand-in */
#define STORE_REVISION_ANY (-1)  /* no precondition */
#define STORE_REVISION_NONE 0    /* must not exist */

enum store_op_type { STORE_PUT, STORE_DELETE, STORE_CHECK /* only the precondition */ };

struct store_op {
	enum store_op_type type;
	struct str key;             /* the submitter's, unchanged until done() */
	/* The key's mod_revision must be this, or ANY, or NONE; it is compared with the last submitted state. A
	 * missing key is ERR_NOT_FOUND (also for DELETE with ANY), NONE of an existing one ERR_EXISTS, another
	 * revision ERR_CONFLICT. */
	int64_t expected_revision;
	int64_t ttl_seconds;        /* PUT: deleted by the store after that; 0 never */
	/* Gives the value with its revision in place, as one reference; called once, inside store_submit, after all
	 * preconditions held. For DELETE it gives the last state as the DELETE event carries it; NULL there: the stored
	 * value as it is. A NULL result fails the write with *err. */
	struct blob *(*encode)(struct store_op *op, int64_t revision, struct err *err);
	void *owner;                /* the submitter's, for encode */
	/* Set by the store, valid in done() of a write that succeeded; borrowed. */
	struct blob *value;
	struct blob *previous;      /* NULL when the key did not exist */
	int64_t create_revision, mod_revision;
	/* The store's own. */
	int64_t previous_revision, base_revision, version, expires_wall_s;
	struct blob *sealed;        /* NULL: as value */
	uint64_t id;
};

struct store_write {
	struct store_op *ops;       /* committed together under one revision; a key at most once */
	size_t op_count;
	/* err is NULL when all is durable and published. The write may be reused or freed from here on. */
	void (*done)(struct store_write *write, int64_t revision, struct err *err);
	/* The store's own. */
	int64_t revision, pending_revision;
	int64_t started_ns;
	size_t size_bytes;
	struct list link;
	struct err err;
};
/* Memory stays the caller's until done(), which is called exactly once, whatever happens. Later writes see the pending
 * result of earlier ones; when an earlier one cannot be made durable, later ones on the same keys fail with it. */
void store_submit(struct store *store, struct store_write *write);

/* --- watching --- */
enum store_event_type { STORE_CREATED, STORE_UPDATED, STORE_DELETED };

struct store_event {
	enum store_event_type type;
	struct str key;
	struct blob *value;         /* DELETED: the last state, as encode gave it */
	struct blob *previous;      /* NULL when CREATED */
	int64_t revision;
	int64_t create_revision;
	int64_t previous_revision;  /* mod_revision of previous, or 0 */
	int64_t version;
};

struct store_watcher {
	/* The event is borrowed for the call; take references on the blobs to keep them. */
	void (*event)(struct store_watcher *watcher, const struct store_event *event);
	/* It ended: ERR_GONE when from_revision, or a paused watcher's place, left the history; ERR_CLOSED with the
	 * store. It is stopped already. */
	void (*end)(struct store_watcher *watcher, struct err *err);
	/* The store's own. */
	struct store *store;
	struct store_watch_group *group;
	struct list link;
	int64_t from_revision;
	uint64_t next_sequence;
	unsigned char state;
	bool exact;
};
/* Events with revision > from_revision whose key has the prefix (exact: is the key), oldest first: first what the
 * history has, then live ones. event and end must be set, the rest zero. */
void store_watch(struct store *store, struct store_watcher *watcher, struct str prefix, bool exact,
		 int64_t from_revision);
/* No event until resume, which goes on behind the last one delivered. Nothing is queued per watcher: the place in the
 * history is remembered, and end(ERR_GONE) comes when it is overrun. Fine from inside event(). */
void store_watch_pause(struct store_watcher *watcher);
void store_watch_resume(struct store_watcher *watcher);
void store_unwatch(struct store_watcher *watcher);            /* fine when not watching; no call after it */
bool store_is_watching(const struct store_watcher *watcher);
/* Up to here the watcher has been given everything that concerns it: what a bookmark may say. Less than store_revision
 * while it is paused or still catching up. */
int64_t store_watch_progress(const struct store_watcher *watcher);
/* Drops history up to and including revision: ERR_GONE for who asks for it later. */
void store_compact(struct store *store, int64_t revision);

/* --- snapshot: one file with a checksum --- */
struct store_snapshot;
/* The committed state as of this call, written by a pool thread to path (replaced atomically). done with err NULL
 * when it is durable. */
void store_snapshot_save(struct store *store, const char *path,
			 void (*done)(void *arg, int64_t revision, struct err *err), void *arg);
/* Makes a store from the file in dir, which must hold none. Refuses a damaged file before anything is written. Its
 * revision is ahead of all that was written after the snapshot: who saw that is told ERR_GONE, instead of
 * waiting for events of revisions that come a second time. Blocks: for a command, not for a loop. */
int store_snapshot_restore(const char *path, const char *dir, struct err *err) MUST_CHECK;

/* --- back end in memory: for simulations and tests --- */
enum store_fault {
	STORE_FAULT_NONE,
	STORE_FAULT_FULL,         /* the transaction fails with ERR_NO_SPACE */
	STORE_FAULT_CRASH_BEFORE, /* the machine dies before the transaction is durable … */
	STORE_FAULT_CRASH_AFTER,  /* … after it is, but before anybody hears of it */
};
/* Bytes that outlive the store, as a disk does. */
struct store_disk;
struct store_disk *store_disk_new(void) MUST_CHECK;
void store_disk_free(struct store_disk *disk);                /* no store may have it open */
/* Asked for each write of a transaction; write_index counts writes since the disk was made, from 0. After a crash fault
 * the store is dead: it does and calls nothing more and is to be dropped with store_abandon; crashed() runs once. */
struct store_disk_faults {
	enum store_fault (*fault)(void *arg, uint64_t write_index);
	void (*crashed)(void *arg);
	void *arg;
	bool random_batches;         /* transactions take one to four writes, not all that wait */
	int64_t commit_delay_ms_max; /* a transaction takes a random time up to it; 0: until the next turn */
};
void store_disk_set_faults(struct store_disk *disk, const struct store_disk_faults *faults);   /* NULL: none */
uint64_t store_disk_write_count(const struct store_disk *disk);
int store_open_memory(struct env *env, struct store_disk *disk, const struct store_options *options,
		      struct store **ret_store, struct err *err) MUST_CHECK;

#endif
