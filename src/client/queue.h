/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue of keys to reconcile. A key is in it at most once, is never reconciled twice at once, and
 * one added while it is put off for writes runs once more afterwards. It owns per-key exponential
 * back-off, delayed adds (deadlines, never polling) and write tracking: a key is not reconciled
 * before its own writes were answered and shown by the informers of their kinds, so that no
 * decision is taken twice from an old cache. It starts to run once the informers it needs have
 * synced.
 */
#ifndef CUBE_CLIENT_QUEUE_H
#define CUBE_CLIENT_QUEUE_H

#include "base/map.h"
#include "client/informer.h"

struct key {
	struct str text;       /* as it was added */
	struct str namespace_; /* part before '/', empty without one */
	struct str name;       /* part after it */
};

enum reconcile_result {
	RECONCILE_DONE,	 /* back-off forgotten */
	RECONCILE_RETRY, /* again with back-off; err, if set, is logged */
	RECONCILE_WAIT,	 /* again when its writes have settled */
};

struct queue_item;

/* By decades from ten nanoseconds on; the last one has no bound. */
#define QUEUE_TIME_BUCKETS 12
struct queue_times {
	uint64_t buckets[QUEUE_TIME_BUCKETS + 1];
	double sum_seconds;
};

struct queue_counts {
	uint64_t adds, retries;
	struct queue_times waiting, working;
};

struct queue {
	struct env *env;
	const char *name; /* in logs */
	enum reconcile_result (*reconcile)(struct queue *queue, struct key key, struct err *err);
	void *owner;
	struct map items; /* key → struct queue_item, only those with something to remember */
	struct list ready;
	struct task task;
	struct timer timer;	     /* earliest delayed add */
	struct queue_item **delayed; /* binary heap by due time */
	size_t delayed_count, delayed_cap;
	struct list needs; /* informers that must have synced */
	size_t ready_count;
	struct queue_counts counts;
	bool started;
	uint64_t sequence;
};

void queue_init(struct queue *queue, struct env *env, const char *name,
		enum reconcile_result (*reconcile)(struct queue *queue, struct key key,
						   struct err *err),
		void *owner);
/* Before its client's client_free; tracked requests of that client may go on, nothing is called any
 * more. */
void queue_deinit(struct queue *queue, struct client *client);
void queue_need(struct queue *queue, struct informer *informer); /* before queue_start */
void queue_start(struct queue *queue);
void queue_stop(struct queue *queue); /* keeps keys; queue_start goes on */

void queue_add(struct queue *queue, struct str key);
void queue_add_obj(struct queue *queue, const struct obj *obj); /* NULL is fine */
void queue_add_name(struct queue *queue, struct str namespace_, struct str name);
void queue_add_after(struct queue *queue, struct str key,
		     int64_t delay_ms);	       /* an earlier delayed add stays */
size_t queue_depth(const struct queue *queue); /* ready keys */
unsigned queue_failures(const struct queue *queue, struct str key);

/* --- write tracking; client_submit calls the first two for requests with a queue --- */
void writes_begin(struct queue *queue, struct str key);
/* informer NULL: nobody here watches that kind, there is nothing to wait for. */
void writes_end(struct queue *queue, struct str key, struct informer *informer, int64_t revision);
/* Forgotten; the key comes back with back-off once all its other writes were answered. */
void writes_fail(struct queue *queue, struct str key);
/* 0 = none, INT64_MAX = in flight, else the newest revision that no informer has shown yet. */
int64_t writes_revision(const struct queue *queue, struct str key);
static inline bool writes_are_settled(const struct queue *queue, struct str key)
{
	return writes_revision(queue, key) == 0;
}

/* Queues of one process in Prometheus' text format, under upstream's names; next gives them one by
 * one, NULL at the end, with *cursor starting at 0. */
void queues_write_metrics(const struct queue *(*next)(void *arg, size_t *cursor), void *arg,
			  struct buf *to);

#endif
