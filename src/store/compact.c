/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is older than an interval is dropped from the history, as kube-apiserver does with etcd's: revisions and
 * continue tokens end by time, not only by what was written since, and a quiet cluster gives the memory back.
 */
#include "store/internal.h"

static void start_timer(struct store *store)
{
	/* twice an interval: nothing gets older than one and a half */
	timer_start(&store->compaction.timer, store->options.compact_interval_ms / 2);
}

static void on_timer(struct timer *timer)
{
	struct store *store = CONTAINER_OF(timer, struct store, compaction.timer);
	struct compaction *c = &store->compaction;

	if (c->before)
		store_compact(store, c->before);
	c->before = c->last;
	c->last = store->revision;
	start_timer(store);
}

void compaction_init(struct store *store)
{
	timer_init(&store->compaction.timer, store->env, on_timer);
	if (store->options.compact_interval_ms)
		start_timer(store);
}

void compaction_deinit(struct store *store)
{
	timer_stop(&store->compaction.timer);
}
