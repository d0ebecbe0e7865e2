/* SPDX-License-Identifier: Apache-2.0 */
/* Looks, asks flow_plan.h, and writes. Several servers of one store do the same: who comes second
 * meets a conflict and looks again. */
#include "apiserver/flow_keeper.h"

#include "apiserver/flow_defaults.h"
#include "apiserver/flow_plan.h"
#include "apiserver/limits.h"
#include "apiserver/registry.h"
#include "apiserver/user.h"
#include "base/log.h"
#include "base/mem.h"

#define PRODUCER STR("api-priority-and-fairness-config-producer-v1")
#define CONSUMER STR("api-priority-and-fairness-config-consumer-v1")

struct flow_write {
	struct list link;
	struct flow_keeper *keeper;
	struct operation op;
	struct arena arena;
};

static void write_free(struct flow_write *w)
{
	list_remove(&w->link);
	operation_deinit(&w->op);
	arena_deinit(&w->arena);
	mem_free(w);
}

static void release(struct flow_keeper *k)
{
	if (--k->left || k->is_started)
		return;
	k->is_started = true;
	timer_start_slack(&k->again, FAIR_KEEP_MS, 5000);
	env_defer(k->registry->env, &k->look);
	k->done(k, k->err.code ? &k->err : NULL);
}

static void write_done(struct operation *op)
{
	struct flow_write *w = CONTAINER_OF(op, struct flow_write, op);
	struct flow_keeper *k = w->keeper;
	struct err err = { 0 };

	/* there already, changed or gone meanwhile: another server of this store was first */
	if (op->refusal.code && op->refusal.code != 409 && op->refusal.code != 404) {
		refusal_to_err(&op->refusal, &err);
		if (!k->is_started && !k->err.code)
			k->err = err;
		else
			log_error("apiserver", "flow schemas and priority levels: %s", err.msg);
	}
	write_free(w);
	release(k);
}

static void submit(struct flow_keeper *k, const struct operation *wanted, struct str name)
{
	struct flow_write *w = NEW(struct flow_write);

	arena_init(&w->arena, ARENA_DEFAULT_MAX);
	w->keeper = k;
	list_push_back(&k->writes, &w->link);
	w->op = *wanted;
	w->op.registry = k->registry;
	w->op.arena = &w->arena;
	w->op.name = str_in(&w->arena, name);
	w->op.user = user_loopback.name;
	w->op.check = FIELDS_STRICT;
	w->op.done = write_done;
	k->left++;
	operation_start(&w->op);
}

/* --- what must be there --- */

static void add_defaults(const struct kind *kind, yyjson_mut_doc *object)
{
	AUTO_ARENA arena = { 0 };
	struct edit edit = { .kind = kind,
			     .doc = object,
			     .root = yyjson_mut_doc_get_root(object),
			     .arena = &arena };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	object_default(&edit);
}

static void keep(void *arg, const struct kind *kind, yyjson_mut_doc *object, bool is_mandatory)
{
	struct flow_keeper *k = arg;
	yyjson_mut_val *root = yyjson_mut_doc_get_root(object);
	const struct obj *have = registry_get(k->registry, kind, STR_NONE,
					      json_mut_get_str(root, "metadata.name"));
	struct operation op = { .kind = kind, .verb = OPERATION_CREATE, .field_manager = PRODUCER };

	if (!have) {
		op.body = object;
		submit(k, &op, STR_NONE);
		return;
	}
	add_defaults(kind, object);
	op.verb = OPERATION_UPDATE;
	op.body = flow_plan_default(have, root, is_mandatory);
	if (op.body)
		submit(k, &op, have->name);
	json_mut_free(object);
}

/* Objects of a kind as they are now: nothing may be written while they are walked. */
struct found {
	const struct obj **objects; /* counted */
	size_t count, room;
};

static bool take(void *arg, const struct obj *obj)
{
	struct found *found = arg;

	if (found->count == found->room) {
		found->room = found->room ? found->room * 2 : 32;
		found->objects = mem_realloc_array(found->objects, found->room,
						   sizeof(found->objects[0]));
	}
	found->objects[found->count++] = obj_ref(obj);
	return true;
}

static struct found find(struct flow_keeper *k, const struct kind *kind)
{
	struct found found = { 0 };

	registry_each(k->registry, kind, STR_NONE, take, &found);
	return found;
}

static void forget(struct found *found)
{
	for (size_t i = 0; i < found->count; i++)
		obj_unref(found->objects[i]);
	mem_free(found->objects);
}

/* What an older server made of itself and a newer one does not. */
static void remove_outdated(struct flow_keeper *k, const struct kind *kind)
{
	struct found found = find(k, kind);
	struct operation op = { .kind = kind, .verb = OPERATION_DELETE };

	for (size_t i = 0; i < found.count; i++)
		if (!flow_defaults_have(kind, found.objects[i]->name) &&
		    flow_plan_is_outdated(found.objects[i]))
			submit(k, &op, found.objects[i]->name);
	forget(&found);
}

static void keep_all(struct flow_keeper *k)
{
	k->left++;
	flow_defaults_each(keep, k);
	remove_outdated(k, &kind_flowschema);
	remove_outdated(k, &kind_prioritylevelconfiguration);
	release(k);
}

static void on_time(struct timer *timer)
{
	struct flow_keeper *k = CONTAINER_OF(timer, struct flow_keeper, again);

	timer_start_slack(&k->again, FAIR_KEEP_MS, 5000);
	keep_all(k);
}

/* --- status --- */

static void tell_status(struct flow_keeper *k, const struct obj *schema)
{
	struct str level = json_get_str(schema->root, "spec.priorityLevelConfiguration.name");
	struct operation op = { .kind = &kind_flowschema,
				.verb = OPERATION_UPDATE,
				.subresource = STR("status"),
				.field_manager = CONSUMER };

	op.body = flow_plan_status(schema,
				   registry_get(k->registry, &kind_prioritylevelconfiguration,
						STR_NONE, level) != NULL,
				   env_wall_ns(k->registry->env));
	if (op.body)
		submit(k, &op, schema->name);
}

static void look(struct task *task)
{
	struct flow_keeper *k = CONTAINER_OF(task, struct flow_keeper, look);
	struct found schemas = find(k, &kind_flowschema);

	for (size_t i = 0; i < schemas.count; i++)
		tell_status(k, schemas.objects[i]);
	forget(&schemas);
}

static void on_schema(struct store_watcher *watcher, const struct store_event *event)
{
	struct flow_keeper *k = CONTAINER_OF(watcher, struct flow_keeper, schemas);

	(void)event;
	if (k->is_started)
		env_defer(k->registry->env, &k->look);
}

static void on_level(struct store_watcher *watcher, const struct store_event *event)
{
	struct flow_keeper *k = CONTAINER_OF(watcher, struct flow_keeper, levels);

	(void)event;
	if (k->is_started)
		env_defer(k->registry->env, &k->look);
}

static void on_end(struct store_watcher *watcher, struct err *err)
{
	(void)watcher;
	/* never paused, so only the store's own end can end it */
	if (err->code != ERR_CLOSED)
		log_error("apiserver", "watch of flow schemas ended: %s", err->msg);
}

static void follow(struct flow_keeper *k, const struct kind *kind, struct store_watcher *watcher)
{
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	store_watch(k->registry->store, watcher, registry_prefix(&arena, kind), false,
		    store_revision(k->registry->store));
}

/* --- life --- */

void flow_keeper_init(struct flow_keeper *k, struct registry *registry)
{
	k->registry = registry;
	list_init(&k->writes);
	task_init(&k->look, look);
	timer_init(&k->again, registry->env, on_time);
}

void flow_keeper_start(struct flow_keeper *k)
{
	k->schemas = (struct store_watcher){ .event = on_schema, .end = on_end };
	k->levels = (struct store_watcher){ .event = on_level, .end = on_end };
	follow(k, &kind_flowschema, &k->schemas);
	follow(k, &kind_prioritylevelconfiguration, &k->levels);
	keep_all(k);
}

void flow_keeper_deinit(struct flow_keeper *k)
{
	timer_stop(&k->again);
	env_cancel(k->registry->env, &k->look);
	while (!list_is_empty(&k->writes))
		write_free(LIST_ENTRY(list_first(&k->writes), struct flow_write, link));
}
