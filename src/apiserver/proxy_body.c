/* SPDX-License-Identifier: Apache-2.0 */
/* A queue between two connections: one pauses when it is full, the other asks when it has room. */
#include "apiserver/proxy_body.h"

#include "apiserver/limits.h"
#include "base/mem.h"

struct body_part {
	struct list link;
	struct blob *bytes;
};

static void drop(struct list *parts)
{
	while (!list_is_empty(parts)) {
		struct body_part *part = LIST_ENTRY(list_pop_front(parts), struct body_part, link);

		blob_unref(part->bytes);
		mem_free(part);
	}
}

/* In a turn of its own: reading on may bring bytes at once, and they would come in the middle of
 * what asked for them. */
static void on_resume(struct task *task)
{
	struct proxy_body *b = CONTAINER_OF(task, struct proxy_body, resume);

	b->is_paused = false;
	http_body_resume(b->x);
}

static int fill(void *arg, struct http_piece *to, size_t max)
{
	struct proxy_body *b = arg;
	size_t count = 0;

	drop(&b->taken);
	while (count < max && !list_is_empty(&b->waiting)) {
		struct body_part *part = LIST_ENTRY(list_pop_front(&b->waiting), struct body_part,
						    link);

		to[count++] = HTTP_BLOB(part->bytes);
		b->waiting_bytes -= part->bytes->len;
		list_push_back(&b->taken, &part->link);
	}
	if (b->is_paused && !b->is_whole && b->waiting_bytes <= PROXY_QUEUE_BYTES_MAX / 2)
		env_defer(b->env, &b->resume);
	if (count)
		return (int)count;
	return b->is_whole ? 0 : HTTP_SOURCE_LATER;
}

void proxy_body_init(struct proxy_body *b, struct env *env, struct http_exchange *x)
{
	*b = (struct proxy_body){ .env = env, .x = x };
	list_init(&b->waiting);
	list_init(&b->taken);
	task_init(&b->resume, on_resume);
	b->source = (struct http_source){ .fill = fill, .arg = b, .length_bytes = -1 };
	b->is_paused = true;
	http_body_pause(x);
}

void proxy_body_start(struct proxy_body *b, struct http_call *call)
{
	b->call = call;
	if (!b->is_whole)
		env_defer(b->env, &b->resume);
}

void proxy_body_take(struct proxy_body *b, struct str bytes, bool last)
{
	if (bytes.len) {
		struct body_part *part = NEW(struct body_part);

		part->bytes = blob_new(bytes);
		list_push_back(&b->waiting, &part->link);
		b->waiting_bytes += bytes.len;
	}
	b->is_whole = last;
	if (b->call)
		http_call_continue(b->call);
	if (b->waiting_bytes <= PROXY_QUEUE_BYTES_MAX || b->is_paused || last)
		return;
	b->is_paused = true;
	http_body_pause(b->x);
}

void proxy_body_deinit(struct proxy_body *b)
{
	env_cancel(b->env, &b->resume);
	drop(&b->waiting);
	drop(&b->taken);
	b->call = NULL;
}
