/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of what was written last, and rounds in parts that leave the loop to others in between. */
#include "apiserver/form_sweep.h"

#include <malloc.h>
#include "apiserver/limits.h"
#include "base/mem.h"

_Static_assert((FORM_SWEEP_WRITTEN_MAX & (FORM_SWEEP_WRITTEN_MAX - 1)) == 0, "a power of two");

/* --- what was written last --- */

static struct blob **slot(struct form_sweep *sweep, uint64_t sequence)
{
	return &sweep->written[sequence & (FORM_SWEEP_WRITTEN_MAX - 1)];
}

static void drop_oldest(struct form_sweep *sweep)
{
	struct blob *oldest = *slot(sweep, sweep->written_first++);

	sweep->written_bytes -= oldest->len;
	blob_forget(oldest);
	blob_unref(oldest);
}

static void keep_written(struct form_sweep *sweep, struct blob *object)
{
	*slot(sweep, sweep->written_next++) = blob_ref(object);
	sweep->written_bytes += object->len;
	while (sweep->written_next - sweep->written_first == FORM_SWEEP_WRITTEN_MAX ||
	       sweep->written_bytes > FORM_SWEEP_WRITTEN_BYTES_MAX)
		drop_oldest(sweep);
}

/* --- rounds --- */

static void wait_for_round(struct form_sweep *sweep)
{
	if (!timer_is_running(&sweep->timer))
		timer_start_slack(&sweep->timer, FORM_SWEEP_DELAY_MS, FORM_SWEEP_DELAY_MS);
}

void form_sweep_note(struct form_sweep *sweep, size_t bytes)
{
	sweep->noted_bytes += bytes;
	if (sweep->noted_bytes >= FORM_SWEEP_NOTED_BYTES)
		wait_for_round(sweep);
}

static void on_timer(struct timer *timer)
{
	struct form_sweep *sweep = CONTAINER_OF(timer, struct form_sweep, timer);

	if (sweep->from.len > 0)
		return; /* a round is under way */
	sweep->noted_bytes = sweep->left_count = 0;
	env_defer(sweep->env, &sweep->task);
}

struct part {
	struct form_sweep *sweep;
	size_t left_count;
	struct str next; /* the first key of the next part; empty: there is none */
};

static bool cool_entry(void *arg, struct str key, const struct store_entry *entry)
{
	struct part *part = arg;

	if (part->left_count-- == 0) {
		part->next = str_dup(key);
		return false;
	}
	part->sweep->left_count += blob_cool(entry->value);
	return true;
}

static void on_part(struct task *task)
{
	struct form_sweep *sweep = CONTAINER_OF(task, struct form_sweep, task);
	struct part part = { .sweep = sweep, .left_count = FORM_SWEEP_PART_MAX };

	store_walk(sweep->store, STR_NONE, sweep->from, cool_entry, &part);
	mem_free((void *)sweep->from.ptr);
	sweep->from = part.next;
	if (part.next.len > 0) {
		env_defer(sweep->env, &sweep->task);
		return;
	}
	/* What went lay between what stays: glibc would never give these pages back by itself. */
	malloc_trim(0);
	if (sweep->left_count > FORM_SWEEP_LEFT_MAX)
		wait_for_round(sweep);
}

/* --- life --- */

static void on_event(struct store_watcher *watcher, const struct store_event *event)
{
	struct form_sweep *sweep = CONTAINER_OF(watcher, struct form_sweep, watcher);

	form_sweep_note(sweep, event->value->len);
	keep_written(sweep, event->value);
}

static void on_end(struct store_watcher *watcher, struct err *err)
{
	/* Never paused, so only the store's own end can end it. */
}

void form_sweep_start(struct form_sweep *sweep, struct env *env, struct store *store)
{
	*sweep = (struct form_sweep){
		.env = env,
		.store = store,
		.watcher = { .event = on_event, .end = on_end },
		.written = mem_calloc(FORM_SWEEP_WRITTEN_MAX, sizeof(struct blob *)),
	};
	task_init(&sweep->task, on_part);
	timer_init(&sweep->timer, env, on_timer);
	store_watch(store, &sweep->watcher, STR_NONE, false, store_revision(store));
	form_sweep_note(sweep, store_size_bytes(store)); /* who starts looks at everything */
}

void form_sweep_stop(struct form_sweep *sweep)
{
	store_unwatch(&sweep->watcher);
	env_cancel(sweep->env, &sweep->task);
	timer_stop(&sweep->timer);
	while (sweep->written_first < sweep->written_next)
		drop_oldest(sweep);
	mem_free(sweep->written);
	mem_free((void *)sweep->from.ptr);
}
