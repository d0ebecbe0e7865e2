/* SPDX-License-Identifier: Apache-2.0 */
/* Questions and what the API server said to them. A uid that is gone does not come back, so that is
 * kept, of so many; that there is no object of a name holds for a moment. */
#include "controllers/absence.h"

#include <inttypes.h>
#include "base/mem.h"
#include "base/time.h"

struct waiter {
	struct list link;
	char *key;
};

struct question {
	struct absence *absence;
	struct str key; /* owned */
	struct str uid; /* of it */
	struct list waiters;
	struct list link; /* of absence->answered */
	int64_t ends_ns;  /* INT64_MAX: never */
	bool is_answered;
};

static void question_free(struct question *q)
{
	struct list *node;

	if (q->is_answered)
		q->absence->answered_count--;
	else
		client_forget_owner(q->absence->controller->client, q);
	list_remove(&q->link);
	(void)map_remove(&q->absence->questions, q->key); /* it is q */
	while ((node = list_pop_front(&q->waiters))) {
		struct waiter *w = LIST_ENTRY(node, struct waiter, link);

		mem_free(w->key);
		mem_free(w);
	}
	mem_free((void *)q->key.ptr);
	mem_free(q);
}

void absence_init(struct absence *absence, struct controller *controller)
{
	*absence = (struct absence){ .controller = controller };
	map_init(&absence->questions);
	list_init(&absence->answered);
}

void absence_deinit(struct absence *absence)
{
	size_t cursor = 0;
	struct str key;
	void *q;

	while (map_next(&absence->questions, &cursor, &key, &q)) {
		question_free(q);
		cursor = 0;
	}
	map_deinit(&absence->questions);
}

/* Keys that wait go on now, or look again later. */
static void release(struct question *q, int64_t delay_ms)
{
	struct list *node;

	while ((node = list_pop_front(&q->waiters))) {
		struct waiter *w = LIST_ENTRY(node, struct waiter, link);

		queue_add_after(&q->absence->controller->queue, str_from(w->key), delay_ms);
		mem_free(w->key);
		mem_free(w);
	}
}

static void on_answer(void *owner, const struct obj *result, const struct err *err)
{
	struct question *q = owner;
	struct absence *a = q->absence;

	if (err || (result && (!q->uid.len || str_eq(result->uid, q->uid)))) {
		release(q, ABSENCE_AGAIN_MS);
		question_free(q);
		return;
	}
	q->is_answered = true;
	q->ends_ns = q->uid.len ? INT64_MAX
				: env_mono_ns(a->controller->env) +
					  ABSENCE_OF_NAME_MS * TIME_NS_PER_MS;
	list_push_back(&a->answered, &q->link);
	a->answered_count++;
	release(q, 0);
	while (a->answered_count > ABSENCE_ANSWERS_MAX)
		question_free(LIST_ENTRY(list_first(&a->answered), struct question, link));
}

static struct question *ask(struct absence *a, const struct absence_of *of, struct str key)
{
	struct question *q = NEW(struct question);
	struct request r = {
		.verb = API_GET,
		.kind = of->kind,
		.namespace_ = of->namespace_,
		.name = of->name,
		.missing_is_fine = true,
		.done = on_answer,
		.owner = q,
	};

	q->absence = a;
	q->key = str_dup(key);
	q->uid = str_sub(q->key.ptr + key.len - of->uid.len, of->uid.len);
	list_init(&q->waiters);
	list_init(&q->link);
	(void)map_put(&a->questions, q->key, q); /* there was none */
	client_submit(a->controller->client, &r);
	return q;
}

bool absence_is_sure(struct absence *absence, const struct absence_of *of, struct str key)
{
	AUTO_ARENA arena = { 0 };
	struct question *q;
	struct waiter *w;
	struct str text;

	arena_init(&arena, CONTROLLER_ARENA_BYTES_MAX);
	text = str_printf_in(&arena, STR_FMT "|" STR_FMT "|" STR_FMT "/" STR_FMT "|" STR_FMT,
			     STR_ARG(of->kind->api_version), STR_ARG(of->kind->name),
			     STR_ARG(of->namespace_), STR_ARG(of->name), STR_ARG(of->uid));
	q = map_get(&absence->questions, text);
	if (q && q->is_answered && env_mono_ns(absence->controller->env) < q->ends_ns)
		return true;
	if (q && q->is_answered) {
		question_free(q);
		q = NULL;
	}
	if (!q)
		q = ask(absence, of, text);
	w = NEW(struct waiter);
	w->key = str_dup_c(key);
	list_push_back(&q->waiters, &w->link);
	return false;
}
