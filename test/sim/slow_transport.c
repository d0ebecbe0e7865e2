/* SPDX-License-Identifier: Apache-2.0 */
/* One queue of events for all watches, emptied by a timer; its clock and chance are the
 * simulation's. */
#include "sim/slow_transport.h"

#include "base/mem.h"

struct slow_event {
	struct list link;
	struct api_watch *watch; /* the outer one; NULL once it was stopped */
	struct api_event event;	 /* obj counted */
};

struct slow_watch {
	struct api_watch inner;
	struct api_watch *outer;
	struct slow_transport *slow;
};

struct slow_transport {
	struct api_transport base;
	struct api_transport *inner;
	struct sim *sim;
	struct timer timer;
	struct list events;
	int64_t delay_ms_max;
};

static struct slow_transport *slow_of(struct api_transport *transport)
{
	return CONTAINER_OF(transport, struct slow_transport, base);
}

static void event_free(struct slow_event *e)
{
	list_remove(&e->link);
	obj_unref(e->event.obj);
	mem_free(e);
}

static void arm(struct slow_transport *slow)
{
	if (!list_is_empty(&slow->events) && !timer_is_running(&slow->timer))
		timer_start(&slow->timer,
			    (int64_t)sim_random_below(slow->sim, (uint64_t)slow->delay_ms_max + 1));
}

static void deliver(struct timer *timer)
{
	struct slow_transport *slow = CONTAINER_OF(timer, struct slow_transport, timer);
	uint64_t count = 1 + sim_random_below(slow->sim, 20);
	struct list *node;

	while (count-- && (node = list_first(&slow->events))) {
		struct slow_event *e = LIST_ENTRY(node, struct slow_event, link);

		list_remove(&e->link);
		if (e->watch)
			e->watch->on_event(e->watch, &e->event);
		event_free(e);
	}
	arm(slow);
}

static void inner_event(struct api_watch *watch, const struct api_event *event)
{
	struct slow_watch *w = watch->owner;
	struct slow_event *e = NEW(struct slow_event);

	list_init(&e->link);
	e->watch = w->outer;
	e->event = *event;
	(void)obj_ref(event->obj); /* the copy counts */
	list_push_back(&w->slow->events, &e->link);
	arm(w->slow);
}

static void call(struct api_transport *transport, struct api_call *api_call)
{
	struct slow_transport *slow = slow_of(transport);

	slow->inner->ops->call(slow->inner, api_call);
}

static void watch_start(struct api_transport *transport, struct api_watch *watch)
{
	struct slow_transport *slow = slow_of(transport);
	struct slow_watch *w = NEW(struct slow_watch);

	w->slow = slow;
	w->outer = watch;
	w->inner = *watch;
	w->inner.on_event = inner_event;
	w->inner.owner = w;
	watch->impl = w;
	slow->inner->ops->watch_start(slow->inner, &w->inner);
}

static void watch_stop(struct api_transport *transport, struct api_watch *watch)
{
	struct slow_transport *slow = slow_of(transport);
	struct slow_watch *w = watch->impl;

	slow->inner->ops->watch_stop(slow->inner, &w->inner);
	LIST_FOR_EACH (node, &slow->events) {
		struct slow_event *e = LIST_ENTRY(node, struct slow_event, link);

		if (e->watch == watch)
			e->watch = NULL;
	}
	mem_free(w);
}

/* What has been served is what has been delivered here. */
static int64_t revision(struct api_transport *transport)
{
	struct slow_transport *slow = slow_of(transport);
	struct list *first = list_first(&slow->events);

	if (!first)
		return slow->inner->ops->revision(slow->inner);
	return LIST_ENTRY(first, struct slow_event, link)->event.revision - 1;
}

static void empty_others(struct api_transport *transport, struct api_remains *remains)
{
	struct slow_transport *slow = slow_of(transport);

	slow->inner->ops->empty_others(slow->inner, remains);
}

static void empty_others_cancel(struct api_transport *transport, struct api_remains *remains)
{
	struct slow_transport *slow = slow_of(transport);

	slow->inner->ops->empty_others_cancel(slow->inner, remains);
}

static const struct api_transport_ops ops = { .call = call,
					      .watch_start = watch_start,
					      .watch_stop = watch_stop,
					      .empty_others = empty_others,
					      .empty_others_cancel = empty_others_cancel,
					      .revision = revision };

struct slow_transport *slow_transport_new(struct sim *sim, struct env *env,
					  struct api_transport *inner, int64_t delay_ms_max)
{
	struct slow_transport *slow = NEW(struct slow_transport);

	slow->base.ops = &ops;
	slow->inner = inner;
	slow->sim = sim;
	slow->delay_ms_max = delay_ms_max;
	list_init(&slow->events);
	timer_init(&slow->timer, env, deliver);
	return slow;
}

void slow_transport_free(struct slow_transport *slow)
{
	struct list *node;

	timer_stop(&slow->timer);
	while ((node = list_first(&slow->events)))
		event_free(LIST_ENTRY(node, struct slow_event, link));
	mem_free(slow);
}

struct api_transport *slow_transport_base(struct slow_transport *slow)
{
	return &slow->base;
}
