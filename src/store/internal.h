/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this folder share. A write travels: store.c checks it against the pending state and gives it its
 * revision → commit.c queues it and has the back end make it durable → store.c publishes it to the index, the history
 * (history.c) and the watchers (watch.c). Included by no other folder.
 */
#ifndef CUBE_STORE_INTERNAL_H
#define CUBE_STORE_INTERNAL_H

#include "base/map.h"
#include "store/store.h"

/* --- back ends --- */

/* One entry as back ends and snapshots keep it. */
struct store_record {
	uint64_t id; /* unique among live entries, ascending with creation */
	int64_t create_revision, mod_revision, version, expires_wall_s;
	struct str key, value;
	bool stays; /* the value can be read for as long as the back end is held */
};

enum commit_outcome { COMMIT_DONE, COMMIT_FAILED, COMMIT_CRASHED };

struct store_backend;
struct store_backend_ops {
	/* All of the writes (struct store_write by link), durably, or none. May block; on the commit thread when
	 * the back end has threaded set. COMMIT_CRASHED: a simulated crash, nobody must hear of anything any more. */
	enum commit_outcome (*commit)(struct store_backend *backend, const struct list *writes, struct err *err);
	/* Calls fn for every record; *ret_revision is that of the last commit, or 1. */
	int (*load)(struct store_backend *backend, int (*fn)(void *arg, const struct store_record *, struct err *),
		    void *arg, int64_t *ret_revision, struct err *err);
	/* While it is held, values that load gives may stay readable (record.stays), and commits may wait. NULL: none
	 * stays. */
	void (*hold)(struct store_backend *backend, bool is_held);
	/* Called by whoever commits when nothing waits any more: for what no write should have to wait for. May be
	 * NULL. */
	void (*rest)(struct store_backend *backend);
	/* Whether committing these does nothing but one write of the disk. NULL: never. Called only while nothing is
	 * being committed. */
	bool (*is_short)(struct store_backend *backend, const struct list *writes);
	/* How long a commit shall wait: simulated disks only. */
	int64_t (*delay_ms)(struct store_backend *backend, struct env *env);
	/* How many writes the next transaction shall have: simulated disks only. */
	size_t (*batch_writes)(struct store_backend *backend, struct env *env);
	/* Called on the loop after COMMIT_CRASHED. */
	void (*crashed)(struct store_backend *backend);
	void (*close)(struct store_backend *backend);
	bool threaded;
};
struct store_backend {
	const struct store_backend_ops *ops;
};

/* Opens the LMDB file; exclusive to this process. */
int backend_open_lmdb(const char *dir, size_t map_bytes, struct store_backend **ret, struct err *err) MUST_CHECK;

/* One record put or deleted (then only its id counts). */
struct store_change {
	struct store_record record;
	bool is_delete;
};
/* Changes that go into one transaction, read once or, when it has to be tried again, more often. */
struct store_changes {
	void (*rewind)(struct store_changes *changes);
	/* False at the end, or with *err set when they make no sense. */
	bool (*next)(struct store_changes *changes, struct store_change *ret, struct err *err);
	int64_t revision; /* after all of them */
};
/* For the journal: applies changes durably, or not at all; the revision of what the file holds. */
int backend_apply_lmdb(struct store_backend *backend, struct store_changes *changes, struct err *err) MUST_CHECK;
int backend_revision_lmdb(struct store_backend *backend, int64_t *ret, struct err *err) MUST_CHECK;
/* Loads what the back end has; owns it from here on, also on failure. */
int store_start(struct env *env, struct store_backend *backend, const struct store_options *options,
		struct store **ret_store, struct err *err) MUST_CHECK;

/* record.c: the bytes of a record, without its id. */
#define RECORD_HEAD_BYTES 40
size_t store_record_size(const struct store_record *record) PURE;
void store_record_encode(const struct store_record *record, void *to);
int store_record_decode(struct str bytes, struct store_record *ret, struct err *err) MUST_CHECK;
void record_from_op(const struct store_op *op, struct store_record *ret);

/* --- history: the last events, in revision order --- */
struct history {
	struct store_event *events; /* ring; slot of sequence s is s & (cap - 1) */
	size_t cap;                 /* a power of two, or 0 */
	uint64_t first_sequence, next_sequence; /* from 1 */
	size_t bytes;
	size_t events_max, bytes_max;
	int64_t compact_revision;   /* events up to here may be missing */
};
void history_init(struct history *h, size_t events_max, size_t bytes_max, int64_t revision);
void history_deinit(struct history *h);
/* Copies the key and takes references. Drops the oldest beyond the limits, never the one just added. */
const struct store_event *history_add(struct history *h, const struct store_event *event);
const struct store_event *history_at(const struct history *h, uint64_t sequence);
/* Sequence of the first event with a greater revision; next_sequence when there is none. */
uint64_t history_after(const struct history *h, int64_t revision);
void history_compact(struct history *h, int64_t revision);

/* --- watchers --- */
struct hub {
	struct map groups;                    /* prefix -> struct store_watch_group */
	unsigned int *group_count_by_length;  /* of prefixes; STORE_KEY_BYTES_MAX + 1 of them */
	struct list replaying, paused;
	struct list unused;                   /* groups to be freed when no event is being handed out */
	struct list *dispatch_next;           /* the live watcher after the one being called */
	struct store_watcher *current;        /* being called; NULL once it was stopped */
	struct task replay;
	bool is_dispatching, is_live_event;
};
void hub_init(struct hub *hub);
void hub_publish(struct store *store, const struct store_event *event);
/* Ends every watcher, with a call to end() when err is given. */
void hub_deinit(struct store *store, const struct err *err);

/* --- commit queue --- */
struct commit;
struct commit *commit_new(struct store *store, struct store_backend *backend) MUST_CHECK;
void commit_submit(struct commit *c, struct store_write *write);
/* Waits for what is being committed; with drain everything else up to the first failure is committed as well. Results
 * are left for take. */
void commit_stop(struct commit *c, bool drain);
/* After stop: commits what is left, on the caller's thread, up to the first failure. */
void commit_drain(struct commit *c);
/* Moves finished writes to ret_done, those of a failed transaction to ret_failed. */
void commit_take(struct commit *c, struct list *ret_done, struct list *ret_failed, struct err *ret_err);
/* After a failure nothing is committed until resume. In between, and after stop, the queue may be changed. */
struct list *commit_queue(struct commit *c);
void commit_resume(struct commit *c);
void commit_free(struct commit *c);

/* --- expiry --- */
struct expiry {
	struct omap keys; /* deadline (8 bytes, big endian) and key -> struct live_entry */
	struct timer timer;
};

struct live_entry {
	struct store_entry entry; /* first; its value NULL while it is unread */
	uint64_t id;
	uint32_t unread;          /* place among the unread values + 1; 0: it is read */
};
void expiry_init(struct store *store);
void expiry_deinit(struct store *store);
void expiry_add(struct store *store, struct str key, struct live_entry *live);
void expiry_remove(struct store *store, struct str key, const struct live_entry *live);
/* Frees the write when it is one of ours that will not be reported. */
void expiry_forget(struct store_write *write);

/* --- values that a start left in the file: unread.c --- */
struct unread_value;
struct unread {
	struct unread_value *values; /* in the order of the file */
	size_t count, room, next;    /* next to be read in the background */
	struct timer timer;
	struct task task;
	bool is_holding;
};
void unread_init(struct store *store);
void unread_deinit(struct store *store);
/* Holds the back end, before it loads, until all that is added was read. */
void unread_begin(struct store *store);
void unread_add(struct store *store, struct live_entry *live, struct str bytes);
size_t unread_len(const struct store *store, const struct live_entry *live);
/* The entry with its value; NULL is fine. */
const struct store_entry *unread_get(const struct store *store, struct live_entry *live);
/* The value is not wanted any more. */
void unread_drop(const struct store *store, struct live_entry *live);
/* Reads what is left, now. */
void unread_finish(struct store *store);

struct pending_entry {
	struct store_entry entry; /* first */
	uint64_t id;
	bool is_deleted;
};

/* --- compaction by time --- */
struct compaction {
	struct timer timer;
	int64_t last, before; /* revisions at the last two looks */
};
void compaction_init(struct store *store);
void compaction_deinit(struct store *store);

/* A back end over the network, which has its own order of writes and other writers: etcd.c. */
struct store_remote {
	void (*submit)(struct store *store, struct store_write *write);
	void (*sync)(struct store *store, struct store_sync *sync);
	int (*health)(const struct store *store, struct err *err);
	/* Ends what is under way; writes are reported when reports is set. */
	void (*stop)(struct store *store, bool reports);
	void (*free)(struct store *store);
};

struct store {
	const struct store_remote *remote; /* NULL: backend and commit are set */
	struct etcd *etcd;
	struct env *env;
	struct store_options options;
	struct commit *commit;
	struct store_backend *backend;
	struct omap index;         /* key -> struct live_entry, committed */
	struct unread unread;
	struct omap pending;       /* key -> struct pending_entry, where it differs */
	struct omap unreadable;    /* key that is not in the index, though there -> why, owned */
	int64_t revision;          /* committed */
	int64_t next_revision;
	uint64_t next_id;
	size_t size_bytes;
	size_t waiting_count, waiting_bytes;
	struct list refused;
	struct task refuse;
	struct list syncs;         /* of a store that is alone */
	struct task sync;          /* fn NULL: not needed yet */
	struct history history;
	struct hub hub;
	struct expiry expiry;
	struct compaction compaction;
	void (*observe)(void *arg, int64_t duration_ns, bool failed);
	void *observe_arg;
	struct err opening;        /* something could not be opened yet */
	int64_t compact_wanted;    /* asked for while events were being handed out */
	bool is_publishing, is_closing, is_dead, is_failing;
	struct err failure; /* why, while is_failing */
};

/* For a remote back end: a store without anything in it. */
struct store *store_new(struct env *env, const struct store_options *options) MUST_CHECK;
/* The write happened, at write->revision, which is newer than all there is: applies it, publishes and reports. */
void store_finish(struct store *store, struct store_write *w);
/* Reports a write without applying it: err, or it is known already. */
void store_report(struct store *store, struct store_write *w, struct err *err);
void store_forget_pending(struct store *store, const struct store_write *w);
/* Puts or removes (value NULL) what somebody else wrote; one publish for each follows once all of a revision are in. */
void store_index_put(struct store *store, struct str key, const struct store_entry *entry);
void store_index_remove(struct store *store, struct str key);
/* A key of a remote back end that cannot be read, and was not known before; it is until it is put or forgotten. */
void store_unreadable_put(struct store *store, struct str key, const char *why);
void store_unreadable_forget(struct store *store, struct str key); /* also one that is none */
/* All of them at once; found: key -> why, owned, is moved. */
void store_unreadable_replace(struct store *store, struct omap *found);
void unreadable_put(struct omap *unreadable, struct str key, const char *why);
void unreadable_clear(struct omap *unreadable);
int store_check_precondition(const struct store_op *op, const struct store_entry *now, struct err *err) MUST_CHECK;
/* A value as it is when a back end keeps it; and back. One reference. */
struct blob *store_seal(struct store *store, struct str key, struct blob *value, struct err *err) MUST_CHECK;
/* Both, for another revision; NULL when that fails. */
struct blob *store_revise(struct store *store, struct str key, struct blob *value, int64_t revision) MUST_CHECK;
struct blob *store_unseal(struct store *store, struct str key, struct blob *sealed, int64_t revision,
			  struct err *err) MUST_CHECK;

/* commit.c → store.c: results are there to be taken. */
void store_on_committed(struct store *store);
/* The simulated machine died. */
void store_on_crashed(struct store *store);

#endif
