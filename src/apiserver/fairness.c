/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schemas and levels compiled from the store, flows with their queues, and the serving of those. A
 * turn is one round of the loop; what a flow sends within its share of a turn is never queued.
 */
#include "apiserver/fairness.h"

#include <stdio.h>
#include <stdlib.h>

#include "apiserver/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "codec/json.h"
#include "loop/env.h"

struct level {
	struct str name, uid;
	bool is_exempt, refuses;
	int64_t shares;
	size_t queue_max, queued;
	uint64_t refused, served;
};

struct schema {
	const struct obj *obj; /* counted */
	struct level *level;   /* NULL: it names one that is not there */
	int64_t precedence;
	bool by_user, by_namespace;
};

struct fair_flow {
	struct list link; /* in fairness->busy while it has a queue */
	struct fairness *fairness;
	struct level *level;
	uint64_t round; /* in which count was counted */
	size_t count;
	struct list queue; /* struct fair_turn */
};

struct fairness {
	struct registry *registry;
	struct arena arena; /* of schemas and levels */
	struct schema *schemas;
	struct level *levels;
	size_t schema_count, level_count;
	bool is_stale, is_serving; /* flows stay where they are while they are served */
	struct omap flows;	   /* schema and distinguisher → struct fair_flow */
	struct list busy;
	uint64_t round;
	struct task task;
	struct store_watcher schema_watcher, level_watcher;
};

/* --- configuration --- */

static bool count_one(void *arg, const struct obj *obj)
{
	(void)obj;
	(*(size_t *)arg)++;
	return true;
}

static bool take_level(void *arg, const struct obj *obj)
{
	struct fairness *f = arg;
	yyjson_val *limited = json_get(obj->root, "spec.limited");
	struct level *level = &f->levels[f->level_count++];
	int64_t queues = json_get_int(limited, "limitResponse.queuing.queues", 0),
		length = json_get_int(limited, "limitResponse.queuing.queueLengthLimit", 0);

	level->name = str_in(&f->arena, obj->name);
	level->uid = str_in(&f->arena, obj->uid);
	level->is_exempt = str_eq_c(json_get_str(obj->root, "spec.type"), "Exempt");
	level->refuses = str_eq_c(json_get_str(limited, "limitResponse.type"), "Reject");
	level->shares = json_get_int(limited, "nominalConcurrencyShares", 30);
	level->queue_max = FAIR_QUEUE_MAX;
	if (queues > 0 && length > 0 && queues <= FAIR_QUEUE_MAX / length)
		level->queue_max = (size_t)(queues * length);
	return true;
}

static bool take_schema(void *arg, const struct obj *obj)
{
	struct fairness *f = arg;
	struct schema *schema = &f->schemas[f->schema_count++];
	struct str by = json_get_str(obj->root, "spec.distinguisherMethod.type"),
		   level = json_get_str(obj->root, "spec.priorityLevelConfiguration.name");

	schema->obj = obj_ref(obj);
	schema->precedence = json_get_int(obj->root, "spec.matchingPrecedence", 1000);
	schema->by_user = str_eq_c(by, "ByUser");
	schema->by_namespace = str_eq_c(by, "ByNamespace");
	for (size_t i = 0; i < f->level_count; i++)
		if (str_eq(f->levels[i].name, level))
			schema->level = &f->levels[i];
	return true;
}

static int compare_schemas(const void *a, const void *b)
{
	const struct schema *x = a, *y = b;

	if (x->precedence != y->precedence)
		return x->precedence < y->precedence ? -1 : 1;
	return str_cmp(x->obj->name, y->obj->name);
}

static void forget_schemas(struct fairness *f)
{
	for (size_t i = 0; i < f->schema_count; i++)
		obj_unref(f->schemas[i].obj);
	f->schema_count = f->level_count = 0;
	arena_reset(&f->arena);
}

static void forget_flows(struct fairness *f)
{
	struct str key;
	void *value;

	while (omap_at_least(&f->flows, STR_NONE, &key, &value)) {
		(void)omap_remove(&f->flows, key); /* it is freed here */
		mem_free(value);
	}
}

/* Only while nothing waits: flows lead to levels. */
static void compile(struct fairness *f)
{
	size_t schemas = 0, levels = 0;

	forget_flows(f);
	forget_schemas(f);
	registry_each(f->registry, &kind_flowschema, STR_NONE, count_one, &schemas);
	registry_each(f->registry, &kind_prioritylevelconfiguration, STR_NONE, count_one, &levels);
	f->schemas = arena_array(&f->arena, schemas + 1, sizeof(f->schemas[0]));
	f->levels = arena_array(&f->arena, levels + 1, sizeof(f->levels[0]));
	registry_each(f->registry, &kind_prioritylevelconfiguration, STR_NONE, take_level, f);
	registry_each(f->registry, &kind_flowschema, STR_NONE, take_schema, f);
	qsort(f->schemas, f->schema_count, sizeof(f->schemas[0]), compare_schemas);
	f->is_stale = false;
}

static void on_schema(struct store_watcher *watcher, const struct store_event *event)
{
	(void)event;
	CONTAINER_OF(watcher, struct fairness, schema_watcher)->is_stale = true;
}

static void on_level(struct store_watcher *watcher, const struct store_event *event)
{
	(void)event;
	CONTAINER_OF(watcher, struct fairness, level_watcher)->is_stale = true;
}

static void on_end(struct store_watcher *watcher, struct err *err)
{
	(void)watcher;
	/* never paused, so only the store's own end can end it */
	if (err->code != ERR_CLOSED)
		log_error("apiserver", "watch of flow schemas ended: %s", err->msg);
}

static void follow(struct fairness *f, const struct kind *kind, struct store_watcher *watcher)
{
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	store_watch(f->registry->store, watcher, registry_prefix(&arena, kind), false,
		    store_revision(f->registry->store));
}

/* --- matching --- */

static bool has(yyjson_val *list, struct str wanted)
{
	JSON_EACH (item, list)
		if (str_eq_c(json_str(item), "*") || str_eq(json_str(item), wanted))
			return true;
	return false;
}

static bool is_account(const struct user *user, yyjson_val *account)
{
	struct str rest = user->name, namespace_, name, wanted = json_get_str(account, "name");

	return str_strip_prefix(&rest, STR("system:serviceaccount:")) &&
	       str_cut(rest, ':', &namespace_, &name) &&
	       str_eq(namespace_, json_get_str(account, "namespace")) &&
	       (str_eq_c(wanted, "*") || str_eq(wanted, name));
}

static bool is_in(const struct user *user, struct str group)
{
	if (str_eq_c(group, "*"))
		return true;
	for (size_t i = 0; i < user->group_count; i++)
		if (str_eq(user->groups[i], group))
			return true;
	return false;
}

static bool is_subject(yyjson_val *subject, const struct user *user)
{
	struct str kind = json_get_str(subject, "kind"), name;

	if (str_eq_c(kind, "ServiceAccount"))
		return is_account(user, json_get(subject, "serviceAccount"));
	if (str_eq_c(kind, "Group"))
		return is_in(user, json_get_str(subject, "group.name"));
	name = json_get_str(subject, "user.name");
	return str_eq_c(name, "*") || str_eq(name, user->name);
}

static bool fits_path(yyjson_val *list, struct str path)
{
	JSON_EACH (item, list) {
		struct str pattern = json_str(item);

		if (str_strip_suffix(&pattern, STR("*")) ? str_has_prefix(path, pattern)
							 : str_eq(path, pattern))
			return true;
	}
	return false;
}

static bool fits_resource(yyjson_val *rule, const struct target *t)
{
	char text[256];
	struct str resource = t->resource;

	if (t->subresource.len) {
		(void)snprintf(text, sizeof(text), STR_FMT "/" STR_FMT, STR_ARG(t->resource),
			       STR_ARG(t->subresource)); /* a longer one is none */
		resource = str_from(text);
	}
	if (!has(json_get(rule, "verbs"), t->verb) || !has(json_get(rule, "apiGroups"), t->group) ||
	    !has(json_get(rule, "resources"), resource))
		return false;
	return t->namespace_.len ? has(json_get(rule, "namespaces"), t->namespace_)
				 : json_get_bool(rule, "clusterScope", false);
}

static bool fits(yyjson_val *rule, const struct fair_request *r)
{
	const struct target *t = r->target;
	bool is_of = false;

	JSON_EACH (subject, json_get(rule, "subjects"))
		is_of = is_of || is_subject(subject, r->user);
	if (!is_of)
		return false;
	if (t->is_resource) {
		JSON_EACH (item, json_get(rule, "resourceRules"))
			if (fits_resource(item, t))
				return true;
		return false;
	}
	JSON_EACH (item, json_get(rule, "nonResourceRules"))
		if (has(json_get(item, "verbs"), t->verb) &&
		    fits_path(json_get(item, "nonResourceURLs"), t->path))
			return true;
	return false;
}

static const struct schema *schema_of(const struct fairness *f, const struct fair_request *r)
{
	for (size_t i = 0; i < f->schema_count; i++) {
		if (!f->schemas[i].level)
			continue;
		JSON_EACH (rule, json_get(f->schemas[i].obj->root, "spec.rules"))
			if (fits(rule, r))
				return &f->schemas[i];
	}
	return NULL;
}

/* --- flows --- */

static struct fair_flow *flow_of(struct fairness *f, const struct schema *schema,
				 const struct fair_request *r)
{
	struct str by = schema->by_user	       ? r->user->name
			: schema->by_namespace ? r->target->namespace_
					       : STR_NONE;
	struct fair_flow *flow;
	AUTO_BUF key = { 0 };

	buf_init(&key, FAIR_KEY_BYTES_MAX);
	buf_put_str(&key, schema->obj->name);
	buf_put_char(&key, '\0');
	buf_put_str(&key, by);
	if (buf_failed(&key))
		return NULL;
	flow = omap_get(&f->flows, buf_str(&key));
	if (flow)
		return flow;
	if (f->flows.count >= FAIR_FLOWS_MAX && !f->is_serving && list_is_empty(&f->busy))
		forget_flows(f); /* none of them waits: what they counted is of this turn at most */
	if (f->flows.count >= FAIR_FLOWS_MAX)
		return NULL;
	flow = NEW(struct fair_flow);
	flow->fairness = f;
	flow->level = schema->level;
	list_init(&flow->link);
	list_init(&flow->queue);
	(void)omap_put(&f->flows, buf_str(&key), flow); /* it was not there */
	return flow;
}

static size_t quantum(const struct level *level)
{
	return level->shares < FAIR_QUANTUM_MIN	  ? FAIR_QUANTUM_MIN
	       : level->shares > FAIR_QUANTUM_MAX ? FAIR_QUANTUM_MAX
						  : (size_t)level->shares;
}

static enum fair_answer enqueue(struct fair_flow *flow, struct fair_turn *turn)
{
	struct fairness *f = flow->fairness;
	struct level *level = flow->level;

	if (level->queued >= level->queue_max) {
		level->refused++;
		return FAIR_REFUSED;
	}
	turn->flow = flow;
	list_push_back(&flow->queue, &turn->link);
	level->queued++;
	if (!list_is_linked(&flow->link))
		list_push_back(&f->busy, &flow->link);
	env_defer(f->registry->env, &f->task);
	return FAIR_QUEUED;
}

enum fair_answer fairness_ask(struct fairness *f, const struct fair_request *request,
			      struct fair_turn *turn, struct fair_place *ret)
{
	const struct schema *schema;
	struct fair_flow *flow;

	*ret = (struct fair_place){ 0 };
	turn->flow = NULL;
	list_init(&turn->link);
	if (f->is_stale && !f->is_serving && list_is_empty(&f->busy))
		compile(f);
	schema = schema_of(f, request);
	if (!schema)
		return FAIR_GO; /* before the first schemas are there */
	ret->schema_uid = schema->obj->uid;
	ret->level_uid = schema->level->uid;
	if (schema->level->is_exempt)
		return FAIR_GO;
	flow = flow_of(f, schema, request);
	if (!flow)
		return FAIR_REFUSED;
	if (flow->round != f->round) {
		flow->round = f->round;
		flow->count = 0;
		env_defer(f->registry->env, &f->task); /* ends this turn */
	}
	if (list_is_empty(&flow->queue) && flow->count < quantum(flow->level)) {
		flow->count++;
		flow->level->served++;
		return FAIR_GO;
	}
	return enqueue(flow, turn);
}

void fair_turn_cancel(struct fair_turn *turn)
{
	struct fair_flow *flow = turn->flow;

	if (!flow || !list_is_linked(&turn->link))
		return;
	list_remove(&turn->link);
	flow->level->queued--;
	if (list_is_empty(&flow->queue))
		list_remove(&flow->link);
}

/* Each flow that waits gets its quantum once a turn. */
static void serve(struct task *task)
{
	struct fairness *f = CONTAINER_OF(task, struct fairness, task);
	struct list round;

	f->round++;
	f->is_serving = true;
	list_init(&round);
	while (!list_is_empty(&f->busy))
		list_push_back(&round, list_pop_front(&f->busy));
	while (!list_is_empty(&round)) {
		struct fair_flow *flow = LIST_ENTRY(list_pop_front(&round), struct fair_flow, link);

		flow->round = f->round;
		flow->count = quantum(flow->level); /* what comes new waits behind */
		list_push_back(&f->busy, &flow->link);
		for (size_t i = 0; i < flow->count && !list_is_empty(&flow->queue); i++) {
			struct fair_turn *turn = LIST_ENTRY(list_first(&flow->queue),
							    struct fair_turn, link);

			fair_turn_cancel(turn); /* takes the flow out of busy with its last */
			flow->level->served++;
			turn->run(turn);
		}
	}
	f->is_serving = false;
	if (!list_is_empty(&f->busy))
		env_defer(f->registry->env, &f->task);
}

struct fairness *fairness_new(struct registry *registry)
{
	struct fairness *f = NEW(struct fairness);

	f->registry = registry;
	f->is_stale = true;
	f->round = 1;
	arena_init(&f->arena, ARENA_DEFAULT_MAX);
	omap_init(&f->flows);
	list_init(&f->busy);
	task_init(&f->task, serve);
	f->schema_watcher = (struct store_watcher){ .event = on_schema, .end = on_end };
	f->level_watcher = (struct store_watcher){ .event = on_level, .end = on_end };
	follow(f, &kind_flowschema, &f->schema_watcher);
	follow(f, &kind_prioritylevelconfiguration, &f->level_watcher);
	return f;
}

void fairness_free(struct fairness *f)
{
	if (!f)
		return;
	env_cancel(f->registry->env, &f->task);
	forget_flows(f);
	forget_schemas(f);
	omap_deinit(&f->flows);
	arena_deinit(&f->arena);
	mem_free(f);
}

void fairness_dump(const struct fairness *f, struct str what, struct buf *to)
{
	if (str_eq_c(what, "dump_priority_levels")) {
		buf_put_c(to, "PriorityLevelName, IsExempt, Shares, QueueLimit, WaitingRequests, "
			      "DispatchedRequests, RejectedRequests\n");
		for (size_t i = 0; i < f->level_count; i++) {
			const struct level *l = &f->levels[i];

			buf_printf(to, STR_FMT ", %s, %lld, %zu, %zu, %llu, %llu\n",
				   STR_ARG(l->name), l->is_exempt ? "true" : "false",
				   (long long)l->shares, l->queue_max, l->queued,
				   (unsigned long long)l->served, (unsigned long long)l->refused);
		}
		return;
	}
	buf_put_c(to, "PriorityLevelName, WaitingRequests\n");
	LIST_FOR_EACH (at, &f->busy) {
		const struct fair_flow *flow = LIST_ENTRY(at, struct fair_flow, link);
		size_t count = 0;

		for (const struct list *turn = flow->queue.next; turn != &flow->queue;
		     turn = turn->next)
			count++;
		buf_printf(to, STR_FMT ", %zu\n", STR_ARG(flow->level->name), count);
	}
}
