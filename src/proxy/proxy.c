/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acting part: plan on the loop, apply on a worker, one transaction at a time. dirty says that
 * something changed since the last plan; a refused transaction is tried again later from scratch,
 * because then nobody knows what the kernel has.
 */
#include "proxy/proxy.h"

#include "api/kind.h"
#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "client/informer.h"
#include "codec/nft.h"
#include "linux/packet_filter.h"
#include "proxy/limits.h"
#include "proxy/rules_plan.h"

struct proxy {
	struct env *env;
	struct str node_name;
	struct rules_node node;
	struct informer *services, *slices;
	struct informer_index *slices_by_service;
	struct informer_handler on_service, on_slice;
	struct packet_filter *filter;
	struct timer timer;
	struct work work;
	struct buf rules;
	struct arena names_arena; /* of names, what is in force (or being applied) */
	struct rules_names names;
	bool names_known;
	bool dirty, applying, freed;
	int applied; /* result of the worker */
	char message[512];
};

/* Slices of a service: the index is by name alone, so the namespace is compared here. */
static size_t slices_of(struct proxy *p, struct arena *arena, const struct obj *service,
			const struct obj ***ret)
{
	struct informer_set set = index_lookup(p->slices_by_service, service->name);
	const struct obj **list = arena_array(arena, set.count, sizeof(const struct obj *));
	size_t count = 0;

	INFORMER_SET_FOR_EACH (slice, set)
		if (str_eq(slice->namespace_, service->namespace_))
			list[count++] = slice;
	*ret = list;
	return count;
}

static void plan(struct proxy *p, struct arena *arena)
{
	struct informer_set all = informer_all(p->services);
	struct rules_service *list = arena_array(arena, all.count, sizeof(*list));
	struct arena names_arena;
	struct rules_names names;
	size_t count = 0;

	INFORMER_SET_FOR_EACH (service, all) {
		const struct obj **slices;
		size_t slice_count = slices_of(p, arena, service, &slices);

		if (rules_service(arena, service, slices, slice_count, p->node_name, &list[count]))
			count++;
	}
	arena_init(&names_arena, ARENA_DEFAULT_MAX);
	buf_reset(&p->rules);
	rules_plan(&names_arena, &p->node, list, count, p->names_known ? &p->names : NULL,
		   &p->rules, &names);
	arena_deinit(&p->names_arena);
	p->names_arena = names_arena;
	p->names = names;
	p->names_known = true;
}

static void apply_run(struct work *work)
{
	struct proxy *p = CONTAINER_OF(work, struct proxy, work);

	if (!p->filter)
		p->filter = packet_filter_new();
	p->applied = packet_filter_apply(p->filter, p->rules.ptr, p->message, sizeof(p->message));
}

static void release(struct proxy *p)
{
	packet_filter_free(p->filter);
	buf_deinit(&p->rules);
	arena_deinit(&p->names_arena);
	mem_free(p);
}

static void apply_done(struct work *work)
{
	struct proxy *p = CONTAINER_OF(work, struct proxy, work);

	p->applying = false;
	if (p->freed) {
		release(p);
		return;
	}
	if (p->applied < 0) {
		log_error("proxy", "packet filter refused the service rules: %s", p->message);
		p->names_known = false;
		p->dirty = true;
		timer_start(&p->timer, PROXY_RETRY_MS);
	} else if (p->dirty) {
		timer_start(&p->timer, PROXY_APPLY_DELAY_MS);
	}
}

static void on_timer(struct timer *timer)
{
	struct proxy *p = CONTAINER_OF(timer, struct proxy, timer);
	struct arena arena;

	if (p->applying || !p->dirty || !informer_is_synced(p->services) ||
	    !informer_is_synced(p->slices))
		return;
	arena_init(&arena, ARENA_DEFAULT_MAX);
	plan(p, &arena);
	arena_deinit(&arena);
	p->dirty = false;
	if (buf_failed(&p->rules)) {
		log_error("proxy",
			  "service rules are larger than %zu bytes: the old ones stay in force",
			  PROXY_RULES_BYTES_MAX);
		p->names_known = false;
		return;
	}
	p->applying = true;
	p->work = (struct work){ .run = apply_run, .done = apply_done };
	env_work(p->env, &p->work);
}

static void changed(struct proxy *p)
{
	p->dirty = true;
	if (!p->applying && !timer_is_running(&p->timer))
		timer_start(&p->timer, PROXY_APPLY_DELAY_MS);
}

static void on_change(struct informer_handler *handler, const struct obj *old,
		      const struct obj *new_)
{
	struct proxy *p = handler->owner;

	/* Most slice updates of an unchanged service are resourceVersion alone; planning twice is
	 * cheaper than comparing. */
	changed(p);
}

static void on_synced(struct informer_handler *handler)
{
	changed(handler->owner);
}

struct proxy *proxy_new(const struct proxy_options *options)
{
	struct proxy *p = NEW(struct proxy);

	p->env = options->env;
	p->node_name = options->node_name;
	p->node = (struct rules_node){ .pods = options->pods,
				       .pods_prefix_len = options->pods_prefix_len,
				       .bridge = options->bridge,
				       .table = options->table };
	buf_init(&p->rules, PROXY_RULES_BYTES_MAX);
	arena_init(&p->names_arena, ARENA_DEFAULT_MAX);
	timer_init(&p->timer, p->env, on_timer);
	p->on_service = (struct informer_handler){ .on_change = on_change,
						   .on_synced = on_synced,
						   .owner = p };
	p->on_slice = p->on_service;
	p->services = client_informer(options->client, &kind_service, NULL);
	p->slices = client_informer(options->client, &kind_endpointslice, NULL);
	p->slices_by_service = informer_add_index(p->slices, index_by_service_name);
	informer_add_handler(p->services, &p->on_service);
	informer_add_handler(p->slices, &p->on_slice);
	return p;
}

void proxy_free(struct proxy *p)
{
	if (!p)
		return;
	timer_stop(&p->timer);
	informer_remove_handler(p->services, &p->on_service);
	informer_remove_handler(p->slices, &p->on_slice);
	p->freed = true;
	if (!p->applying)
		release(p);
}

int proxy_remove_rules(const char *table, struct err *err)
{
	struct packet_filter *filter = packet_filter_new();
	AUTO_BUF rules = { 0 };
	char message[256];
	struct nft nft;
	int r;

	buf_init(&rules, 1024);
	nft_init(&nft, &rules, "ip", table);
	nft_delete_table(&nft);
	r = packet_filter_apply(filter, rules.ptr, message, sizeof(message));
	packet_filter_free(filter);
	return r < 0 ? err_set(err, ERR_INTERNAL, "delete packet-filter table %s: %s", table,
			       message)
		     : 0;
}
