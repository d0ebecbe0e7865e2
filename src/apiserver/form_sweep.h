/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the memory of a large store near that of its bytes. A tree hangs onto an object's bytes
 * from its first use on (obj_of), and so does what was made of them for protobuf; together they
 * take several times as much, and most are not used again soon. So the objects written last keep
 * their forms, up to some megabytes of them; and some seconds after much was written or read, a
 * round through the store drops what nobody has used since the round before. A store in which
 * little happens is left alone.
 */
#ifndef CUBE_APISERVER_FORM_SWEEP_H
#define CUBE_APISERVER_FORM_SWEEP_H

#include "loop/env.h"
#include "store/store.h"

struct form_sweep {
	struct env *env;
	struct store *store;
	struct store_watcher watcher;
	struct blob **written; /* the last ones: a ring of FORM_SWEEP_WRITTEN_MAX */
	uint64_t written_first, written_next;
	size_t written_bytes;
	struct timer timer; /* until the next round */
	struct task task;   /* a part of a round */
	struct str from;    /* where that begins; owned */
	size_t noted_bytes; /* written and looked at since the last round */
	size_t left_count;  /* objects that this round has left their forms */
};

void form_sweep_start(struct form_sweep *sweep, struct env *env, struct store *store);
void form_sweep_stop(struct form_sweep *sweep);
/* Objects of so many bytes were looked at. */
void form_sweep_note(struct form_sweep *sweep, size_t bytes);

#endif
