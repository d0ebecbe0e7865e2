/* SPDX-License-Identifier: Apache-2.0 */
/* Writes and watchers that record what happened to them: what all tests of the store are made of. */
#ifndef CUBE_TEST_STORE_PROBE_H
#define CUBE_TEST_STORE_PROBE_H

#include "store/store.h"

#define PROBE_KEY_BYTES 1100
#define PROBE_OPS 4

/* A write whose values are "<text>@<revision>". */
struct probe {
	struct store_write write;
	struct store_op ops[PROBE_OPS];
	char keys[PROBE_OPS][PROBE_KEY_BYTES];
	char text[64];
	size_t value_bytes; /* pads values to it */
	int encode_count, done_count;
	bool encode_fails;
	int64_t revision;
	struct err err;     /* code ERR_NONE: it succeeded */
	int *order;         /* when set: counts completions */
	int place;
	void (*then)(struct probe *probe);
	void *arg;
	struct store *store;
};
void probe_init(struct probe *p);
/* Adds an operation; submit when all are there. */
void probe_add(struct probe *p, enum store_op_type type, const char *key, int64_t expected_revision);
void probe_submit(struct probe *p, struct store *store);
/* init, add and submit in one. */
void probe_put(struct probe *p, struct store *store, const char *key, const char *text, int64_t expected_revision);
void probe_delete(struct probe *p, struct store *store, const char *key, int64_t expected_revision);

/* A watcher that writes what it sees into one line: "+key=value ", "~key=value<previous ", "-key=value ". */
struct watch_probe {
	struct store_watcher watcher;
	struct buf seen;
	int64_t last_revision;
	size_t count;
	struct err end;
	void (*then)(struct watch_probe *probe, const struct store_event *event);
	void *arg;
};
void watch_probe_start(struct watch_probe *w, struct store *store, const char *prefix, bool exact,
		       int64_t from_revision);
void watch_probe_deinit(struct watch_probe *w);

/* "key=value key=value " of what a walk hands out. */
struct listing {
	struct buf text;
	size_t count, count_max; /* 0: no limit */
	char last_key[PROBE_KEY_BYTES];
};
bool listing_add(void *arg, struct str key, const struct store_entry *entry);

#endif
