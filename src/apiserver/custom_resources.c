/* SPDX-License-Identifier: Apache-2.0 */
/* One look at a definition: serve it, tell its status, empty it. Level-triggered: each write shows
 * up as the next event, and what fails is looked at again then. */
#include "apiserver/custom_resources.h"

#include "api/condition.h"
#include "apiserver/custom_names.h"
#include "apiserver/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/env.h"

#define EMPTYING_RETRY_MS 1000 /* after deletions were refused */
#define FAILURE_BYTES 256

/* A definition that waits for its objects: their deletions say when to look again. */
struct emptied {
	struct custom_resources *owner;
	struct store_watcher watcher;
	struct list link;
	char failure[FAILURE_BYTES]; /* of the last deletions; "" = none */
	struct str name;	     /* of the definition; behind this struct */
};

static struct emptied *emptied_find(const struct custom_resources *c, struct str name)
{
	LIST_FOR_EACH (link, &c->emptied) {
		struct emptied *emptied = LIST_ENTRY(link, struct emptied, link);

		if (str_eq(emptied->name, name))
			return emptied;
	}
	return NULL;
}

static void look_soon(void *arg)
{
	struct custom_resources *c = arg;
	int delay_ms = 0;

	if (list_is_empty(&c->emptied) || timer_is_running(&c->emptying))
		return;
	LIST_FOR_EACH (link, &c->emptied)
		if (LIST_ENTRY(link, struct emptied, link)->failure[0])
			delay_ms = EMPTYING_RETRY_MS;
	timer_start(&c->emptying, delay_ms);
}

static void note_failure(void *arg, const struct operation *op)
{
	AUTO_ARENA arena = { 0 };
	struct emptied *emptied;

	if (op->verb != OPERATION_DELETE)
		return;
	arena_init(&arena, ARENA_DEFAULT_MAX);
	emptied = emptied_find(arg,
			       str_printf_in(&arena, STR_FMT "." STR_FMT, STR_ARG(op->kind->plural),
					     STR_ARG(op->kind->group)));
	if (emptied)
		(void)snprintf(emptied->failure, sizeof(emptied->failure), STR_FMT,
			       STR_ARG(op->refusal.message));
}

static void update(struct custom_resources *c, const struct obj *definition, yyjson_mut_doc *doc,
		   struct str subresource)
{
	own_writes_submit(&c->writes, &(struct operation){ .verb = OPERATION_UPDATE,
							   .kind = &kind_customresourcedefinition,
							   .name = definition->name,
							   .subresource = subresource,
							   .check = FIELDS_IGNORE,
							   .body = doc });
}

/* --- status --- */

static bool note_other(void *arg, const struct obj *other)
{
	custom_names_take(arg, other);
	return true;
}

static void tell_status(struct custom_resources *c, const struct obj *definition)
{
	struct custom_names names;
	yyjson_mut_doc *doc = json_thaw(definition->root);
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	custom_names_init(&names, definition, &arena);
	registry_each(c->registry, &kind_customresourcedefinition, STR_NONE, note_other, &names);
	if (custom_names_plan(&names, doc, env_wall_ns(c->registry->env)))
		update(c, definition, doc, STR("status"));
	else
		json_mut_free(doc);
}

/* --- deletion --- */

static bool has_finalizer(const struct obj *definition)
{
	JSON_EACH (finalizer, definition->finalizers)
		if (str_eq_c(json_str(finalizer), CUSTOM_FINALIZER))
			return true;
	return false;
}

struct emptying {
	struct list found; /* struct custom_victim */
	size_t left;
};

struct custom_victim {
	const struct obj *obj;
	struct list link;
};

static bool note_instance(void *arg, const struct obj *obj)
{
	struct emptying *emptying = arg;
	struct custom_victim *victim;

	emptying->left++;
	if (obj_is_deleting(obj))
		return true;
	victim = NEW(struct custom_victim);
	victim->obj = obj_ref(obj);
	list_push_back(&emptying->found, &victim->link);
	return emptying->left < EMPTYING_BATCH_MAX;
}

/* How many objects are left. */
static size_t delete_instances(struct custom_resources *c, const struct kind *kind)
{
	struct emptying emptying = { 0 };

	list_init(&emptying.found);
	registry_each(c->registry, kind, STR_NONE, note_instance, &emptying);
	while (!list_is_empty(&emptying.found)) {
		struct custom_victim *victim = LIST_ENTRY(list_pop_front(&emptying.found),
							  struct custom_victim, link);

		own_writes_submit(&c->writes,
				  &(struct operation){ .verb = OPERATION_DELETE,
						       .kind = kind,
						       .namespace_ = victim->obj->namespace_,
						       .name = victim->obj->name });
		obj_unref(victim->obj);
		mem_free(victim);
	}
	return emptying.left;
}

static void drop_finalizer(struct custom_resources *c, const struct obj *definition)
{
	yyjson_mut_doc *doc = json_thaw(definition->root);
	yyjson_mut_val *metadata = json_mut_get(yyjson_mut_doc_get_root(doc), "metadata"), *list;

	list = json_set_array(doc, metadata, "finalizers");
	JSON_EACH (finalizer, definition->finalizers)
		if (!str_eq_c(json_str(finalizer), CUSTOM_FINALIZER))
			json_append_str(doc, list, json_str(finalizer));
	update(c, definition, doc, STR_NONE);
}

/* Says how far the emptying is; false when it says so already. */
static bool tell_emptying(struct custom_resources *c, const struct obj *definition,
			  struct custom_condition condition)
{
	yyjson_mut_doc *doc = json_thaw(definition->root);

	if (custom_condition_set(doc, &condition, env_wall_ns(c->registry->env))) {
		update(c, definition, doc, STR("status"));
		return true;
	}
	json_mut_free(doc);
	return false;
}

/* What lies where its objects would are those of a built-in kind. */
static bool overlaps(const struct obj *definition)
{
	return kind_is_built_in(json_get_str(definition->root, "spec.group"),
				json_get_str(definition->root, "spec.names.plural"));
}

/* What was never served has no objects. */
static bool tell_begun(struct custom_resources *c, const struct obj *definition)
{
	struct custom_condition never = { "Terminating", "False", "NeverEstablished",
					  STR("resource was never established") };
	struct custom_condition overlapping = {
		"Terminating", "False", "OverlappingBuiltInResource",
		STR("instances overlap with built-in resources in storage")
	};
	struct custom_condition begun = { "Terminating", "True", "InstanceDeletionInProgress",
					  STR("CustomResource deletion is in progress") };

	if (!custom_is_established(definition->root))
		return tell_emptying(c, definition, never);
	if (overlaps(definition))
		return tell_emptying(c, definition, overlapping);
	return !condition_is(definition->root, "Terminating", "False") &&
	       !str_eq_c(condition_get(definition->root, "Terminating", "reason"),
			 "InstanceDeletionFailed") &&
	       tell_emptying(c, definition, begun);
}

static void tell_failure(struct custom_resources *c, const struct obj *definition,
			 struct emptied *emptied)
{
	AUTO_ARENA arena = { 0 };
	struct custom_condition failed = { "Terminating", "True", "InstanceDeletionFailed",
					   STR_NONE };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	failed.message = str_printf_in(&arena, "could not issue all deletes: %s", emptied->failure);
	emptied->failure[0] = '\0';
	(void)tell_emptying(c, definition, failed); /* unless it says so already */
}

static bool tell_done(struct custom_resources *c, const struct obj *definition)
{
	struct custom_condition done = { "Terminating", "False", "InstanceDeletionCompleted",
					 STR("removed all instances") };

	return custom_is_established(definition->root) && tell_emptying(c, definition, done);
}

/* ---- waiting for the objects ---- */

static void emptied_free(struct emptied *emptied)
{
	list_remove(&emptied->link);
	store_unwatch(&emptied->watcher);
	mem_free(emptied);
}

static void on_instance(struct store_watcher *watcher, const struct store_event *event)
{
	struct emptied *emptied = CONTAINER_OF(watcher, struct emptied, watcher);

	if (event->type == STORE_DELETED)
		look_soon(emptied->owner);
}

static void on_instances_end(struct store_watcher *watcher, struct err *err)
{
	struct emptied *emptied = CONTAINER_OF(watcher, struct emptied, watcher);

	if (err->code != ERR_CLOSED) /* the next look begins a new one */
		look_soon(emptied->owner);
	list_remove(&emptied->link);
	mem_free(emptied);
}

static struct emptied *wait_for(struct custom_resources *c, const struct obj *definition,
				const struct kind *kind)
{
	struct emptied *emptied = emptied_find(c, definition->name);
	AUTO_ARENA arena = { 0 };
	char *name;

	if (emptied)
		return emptied;
	emptied = mem_zalloc(sizeof(*emptied) + definition->name.len);
	name = (char *)(emptied + 1);
	memcpy(name, definition->name.ptr, definition->name.len);
	emptied->name = str_sub(name, definition->name.len);
	emptied->owner = c;
	emptied->watcher = (struct store_watcher){ .event = on_instance, .end = on_instances_end };
	list_push_back(&c->emptied, &emptied->link);
	arena_init(&arena, ARENA_DEFAULT_MAX);
	store_watch(c->registry->store, &emptied->watcher, registry_prefix(&arena, kind), false,
		    store_revision(c->registry->store));
	return emptied;
}

/* One step; the next one follows when what it wrote comes back as an event. */
static void empty(struct custom_resources *c, const struct obj *definition)
{
	struct custom_resource *r;
	struct emptied *emptied = NULL;
	size_t left = 0;

	if (!has_finalizer(definition) || tell_begun(c, definition))
		return;
	if (overlaps(definition)) {
		drop_finalizer(c, definition);
		return;
	}
	r = custom_resource_new(definition, NULL);
	if (r)
		emptied = wait_for(c, definition, kind_stored(&r->versions[0].kind));
	if (emptied && emptied->failure[0])
		tell_failure(c, definition, emptied);
	if (r && list_is_empty(&c->writes.list)) /* not again what is being deleted */
		left = delete_instances(c, kind_stored(&r->versions[0].kind));
	else
		left = r ? 1 : 0;
	custom_resource_unref(r);
	if (!left && !tell_done(c, definition))
		drop_finalizer(c, definition);
}

/* --- all of it --- */

static bool is_as_served(const struct custom_resource *served, const struct obj *definition)
{
	return served && served->definition->generation == definition->generation &&
	       str_eq(served->definition->uid, definition->uid) &&
	       json_equal(json_get(served->definition->root, "status.acceptedNames"),
			  json_get(definition->root, "status.acceptedNames"));
}

static void serve(struct custom_resources *c, const struct obj *definition)
{
	struct kind_set *kinds = &c->registry->kinds;
	const struct custom_resource *served = kind_set_definition(kinds, definition->name);
	struct custom_resource *r;
	struct err err = { 0 };

	if (!custom_is_established(definition->root) || is_as_served(served, definition))
		return;
	r = custom_resource_new(definition, &err);
	if (!r) {
		log_error("apiserver", "%s", err.msg);
		return;
	}
	if (served)
		c->withdrawn(c, served);
	kind_set_put(kinds, r);
}

static void withdraw(struct custom_resources *c, const struct obj *definition)
{
	struct kind_set *kinds = &c->registry->kinds;
	const struct custom_resource *served = kind_set_definition(kinds, definition->name);

	if (served)
		c->withdrawn(c, served);
	kind_set_remove(kinds, definition->name);
}

static void look_at(struct custom_resources *c, const struct obj *definition)
{
	serve(c, definition);
	if (obj_is_deleting(definition))
		empty(c, definition);
	else
		tell_status(c, definition);
}

struct freed_names {
	struct custom_resources *owner;
	struct str group;
};

static bool offer_names(void *arg, const struct obj *definition)
{
	struct freed_names *freed = arg;

	if (str_eq(json_get_str(definition->root, "spec.group"), freed->group) &&
	    !obj_is_deleting(definition))
		tell_status(freed->owner, definition);
	return true;
}

static void on_event(struct store_watcher *watcher, const struct store_event *event)
{
	struct custom_resources *c = CONTAINER_OF(watcher, struct custom_resources, watcher);
	const struct obj *definition = obj_of(event->value, NULL);
	struct freed_names freed = { .owner = c };
	struct emptied *emptied;

	if (!definition)
		return;
	if (event->type != STORE_DELETED) {
		look_at(c, definition);
		return;
	}
	withdraw(c, definition);
	emptied = emptied_find(c, definition->name);
	if (emptied)
		emptied_free(emptied);
	freed.group = json_get_str(definition->root, "spec.group");
	registry_each(c->registry, &kind_customresourcedefinition, STR_NONE, offer_names, &freed);
}

static void on_end(struct store_watcher *watcher, struct err *err)
{
	if (err->code != ERR_CLOSED)
		log_error("apiserver", "watch of definitions ended: %s", err->msg);
}

static bool look_again(void *arg, const struct obj *definition)
{
	if (obj_is_deleting(definition))
		empty(arg, definition);
	return true;
}

static void on_emptying(struct timer *timer)
{
	struct custom_resources *c = CONTAINER_OF(timer, struct custom_resources, emptying);

	registry_each(c->registry, &kind_customresourcedefinition, STR_NONE, look_again, c);
}

static bool begin(void *arg, const struct obj *definition)
{
	look_at(arg, definition);
	return true;
}

void custom_resources_start(struct custom_resources *c, struct registry *registry,
			    void (*withdrawn)(struct custom_resources *c,
					      const struct custom_resource *resource))
{
	AUTO_ARENA arena = { 0 };

	*c = (struct custom_resources){ .registry = registry, .withdrawn = withdrawn };
	own_writes_init(&c->writes, registry);
	c->writes.idle = look_soon;
	c->writes.refused = note_failure;
	c->writes.arg = c;
	list_init(&c->emptied);
	timer_init(&c->emptying, registry->env, on_emptying);
	arena_init(&arena, ARENA_DEFAULT_MAX);
	c->watcher = (struct store_watcher){ .event = on_event, .end = on_end };
	store_watch(registry->store, &c->watcher,
		    registry_prefix(&arena, &kind_customresourcedefinition), false,
		    store_revision(registry->store));
	registry_each(registry, &kind_customresourcedefinition, STR_NONE, begin, c);
}

void custom_resources_stop(struct custom_resources *c)
{
	timer_stop(&c->emptying);
	while (!list_is_empty(&c->emptied))
		emptied_free(LIST_ENTRY(list_first(&c->emptied), struct emptied, link));
	store_unwatch(&c->watcher);
	own_writes_deinit(&c->writes);
}
