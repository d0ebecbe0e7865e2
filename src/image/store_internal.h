/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's inside, shared by image.c (who is there), metadata.c (images.json and the sweep),
 * pull.c and import.c. Maps and entries belong to the loop; content and layers are used by worker
 * threads.
 */
#ifndef CUBE_IMAGE_STORE_INTERNAL_H
#define CUBE_IMAGE_STORE_INTERNAL_H

#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "image/content.h"
#include "image/image.h"
#include "image/layers.h"

struct entry {
	struct image image; /* what others see */
	struct image_store *store;
	unsigned refs;		     /* of others; the store's own is not counted */
	struct arena arena;	     /* all its strings but the names */
	struct str_list blobs;	     /* config, manifest, layers */
	struct str_list chains;	     /* bottom first */
	struct str index;	     /* digest of the index it came from, or empty */
	struct str *names, *digests; /* owned, as are the strings */
};

/* Waits until what it changed is durable. */
struct commit {
	void (*done)(struct commit *commit, const struct err *err);
	struct list link;
};

struct image_store {
	struct image_store_options options;
	struct env *env;
	int dir_fd;
	char *dir_path;
	struct content content;
	struct layers layers;
	struct omap by_id;  /* "sha256:…" → struct entry */
	struct map by_name; /* names and digests of those not removed → struct entry */
	struct str *insecure;

	struct work commit_work;
	struct list commit_waiting, commit_running;
	struct buf commit_text;
	struct err commit_err;
	bool committing, commit_failed;

	unsigned active;  /* pulls and imports */
	struct list held; /* of them, those that wait for the sweep: struct task link */
	struct work sweep_work;
	struct map sweep_keep; /* digests and chain IDs; key → (void *)1 */
	bool sweep_wanted, sweeping;
	bool settled;
};

/* --- image.c --- */
/* Reads manifest and config from the content store; layers must be installed. On a worker thread
 * (or at start-up). */
int entry_build(struct image_store *s, struct str manifest, struct str index, struct entry **ret,
		struct err *err) MUST_CHECK;
void entry_free(struct entry *e);
/* Makes it findable, or merges into the entry that has its ID, which is returned; e is the store's
 * from here on. */
struct entry *store_add(struct image_store *s, struct entry *e, bool *ret_is_new);
/* Names are full references; a name that another image has is taken from it. */
void store_name(struct image_store *s, struct entry *e, struct str full_name);
void entry_forget_name(struct image_store *s, struct entry *e, struct str name);
/* No longer found; gone when nobody uses it. */
void entry_retire(struct image_store *s, struct entry *e);
/* A pull or import wants to work: start is run at once (deferred), or after a sweep that is under
 * way. */
void store_enter(struct image_store *s, struct task *start);
void store_leave(struct image_store *s);

/* --- metadata.c --- */
int metadata_load(struct image_store *s, struct err *err) MUST_CHECK;
void store_commit(struct image_store *s, struct commit *commit); /* commit may be NULL */
void store_try_sweep(struct image_store *s);
int store_sweep_now(struct image_store *s, struct err *err) MUST_CHECK;
int store_sync(struct image_store *s,
	       struct err *err) MUST_CHECK; /* worker: all written so far is on disk */

/* --- install.c: worker --- */
struct install {
	struct str manifest; /* digest; manifest and config are in the content store */
	struct arena *arena;
	struct str_list diff_ids, blobs; /* result of install_read; bottom first */
	struct str *chains;
	struct str config;
	int64_t *sizes;
};
int install_read(struct image_store *s, struct install *in, struct err *err) MUST_CHECK;
int install_layer(struct image_store *s, const struct install *in, size_t index,
		  const atomic_bool *cancel, struct err *err) MUST_CHECK;

#endif
