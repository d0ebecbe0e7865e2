/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EventRateLimit: events by the server, a namespace, a user, or one source about one object, so
 * many a second. Of what is told apart the latest are remembered; who was forgotten starts anew.
 */
#include "apiserver/admission.h"

#include "apiserver/admission_state.h"
#include "apiserver/limits.h"
#include "apiserver/registry.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/rate.h"
#include "loop/env.h"

struct event_rate {
	struct list link; /* latest last */
	struct str key;
	struct rate rate;
};

struct event_rates {
	const struct event_limit *limits;
	size_t count;
	struct keyed {
		struct omap by_key;
		struct list latest;
		size_t count;
	} * keyed; /* of each limit */
};

struct event_rates *event_rates_new(const struct admission_settings *settings)
{
	struct event_rates *rates = NEW(struct event_rates);

	rates->limits = settings->event_limits;
	rates->count = settings->event_limit_count;
	rates->keyed = mem_alloc(rates->count * sizeof(rates->keyed[0]) + 1);
	for (size_t i = 0; i < rates->count; i++) {
		omap_init(&rates->keyed[i].by_key);
		list_init(&rates->keyed[i].latest);
		rates->keyed[i].count = 0;
	}
	return rates;
}

static void forget_first(struct keyed *keyed)
{
	struct event_rate *r = LIST_ENTRY(list_pop_front(&keyed->latest), struct event_rate, link);

	(void)omap_remove(&keyed->by_key, r->key); /* it is freed here */
	keyed->count--;
	mem_free((void *)r->key.ptr);
	mem_free(r);
}

void event_rates_free(struct event_rates *rates)
{
	if (!rates)
		return;
	for (size_t i = 0; i < rates->count; i++) {
		while (rates->keyed[i].count)
			forget_first(&rates->keyed[i]);
		omap_deinit(&rates->keyed[i].by_key);
	}
	mem_free(rates->keyed);
	mem_free(rates);
}

static struct rate *rate_of(struct keyed *keyed, const struct event_limit *limit, struct str key,
			    int64_t now_ns)
{
	struct event_rate *r = omap_get(&keyed->by_key, key);

	if (!r) {
		if (keyed->count == limit->keys_max)
			forget_first(keyed);
		r = NEW(struct event_rate);
		r->key = str_dup(key);
		rate_init(&r->rate, limit->per_second, limit->burst, now_ns);
		(void)omap_put(&keyed->by_key, r->key, r); /* it was not there */
		keyed->count++;
	}
	list_remove(&r->link);
	list_push_back(&keyed->latest, &r->link);
	return &r->rate;
}

static struct str key_of(struct operation *op, enum event_limit_type type)
{
	static const char *const parts[] = { "source.component",	 "source.host",
					     "involvedObject.kind",	 "involvedObject.namespace",
					     "involvedObject.name",	 "involvedObject.uid",
					     "involvedObject.apiVersion" };
	AUTO_BUF key = { 0 };

	switch (type) {
	case EVENT_LIMIT_SERVER:
		return STR_NONE;
	case EVENT_LIMIT_NAMESPACE:
		return op->namespace_;
	case EVENT_LIMIT_USER:
		return op->user;
	case EVENT_LIMIT_SOURCE_AND_OBJECT:
		break;
	}
	buf_init(&key, EVENT_KEY_BYTES_MAX);
	for (size_t i = 0; i < ARRAY_COUNT(parts); i++)
		buf_put_str(&key, json_mut_get_str(op->edit.root, parts[i]));
	return str_in(op->arena, buf_str(&key));
}

int event_rate_validate(struct operation *op)
{
	struct event_rates *rates = op->registry->admission->event_rates;
	int64_t now_ns = env_mono_ns(registry_env(op->registry));
	AUTO_BUF text = { 0 };
	size_t refused = 0;

	if (op->kind != &kind_event || op->dry_run)
		return 0;
	buf_init(&text, 4096);
	for (size_t i = 0; i < rates->count; i++) {
		struct str key = key_of(op, rates->limits[i].type);

		if (!rate_take_ns(rate_of(&rates->keyed[i], &rates->limits[i], key, now_ns),
				  now_ns))
			continue;
		buf_printf(&text, "%slimit reached on type %s for key " STR_FMT,
			   refused++ ? ", " : "", event_limit_name(rates->limits[i].type),
			   STR_ARG(key));
	}
	if (!refused)
		return 0;
	return refusal_set(&op->refusal, 429, "TooManyRequests",
			   refused > 1 ? "Too many requests: [" STR_FMT "]"
				       : "Too many requests: " STR_FMT,
			   STR_ARG(buf_str(&text)));
}
