/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas and levels compiled from the store, and which of them a request falls under. */
#include "apiserver/fairness.h"

#include <stdio.h>
#include <stdlib.h>

#include "apiserver/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/json.h"

struct schema {
	const struct obj *obj; /* counted */
	struct fair_level *level;
	struct fair_series *series;
	int64_t precedence;
	bool by_user, by_namespace;
};

struct fairness {
	struct registry *registry;
	struct fair_queues *queues;
	struct arena arena; /* of schemas */
	struct schema *schemas;
	size_t schema_count;
	bool is_stale;
	struct store_watcher schema_watcher, level_watcher;
};

/* --- configuration --- */

static bool count_one(void *arg, const struct obj *obj)
{
	(void)obj;
	(*(size_t *)arg)++;
	return true;
}

static size_t product(int64_t count, int64_t length)
{
	if (count <= 0 || length <= 0 || count > FAIR_QUEUE_MAX / length)
		return FAIR_QUEUE_MAX;
	return (size_t)(count * length);
}

static bool take_level(void *arg, const struct obj *obj)
{
	struct fairness *f = arg;
	yyjson_val *limited = json_get(obj->root, "spec.limited"),
		   *queuing = json_get(limited, "limitResponse.queuing");
	int64_t length = json_get_int(queuing, "queueLengthLimit", 0);

	(void)fair_queues_level(
		f->queues,
		&(struct fair_level_spec){
			.name = obj->name,
			.uid = obj->uid,
			.is_exempt = str_eq_c(json_get_str(obj->root, "spec.type"), "Exempt"),
			.refuses = str_eq_c(json_get_str(limited, "limitResponse.type"), "Reject"),
			.shares = json_get_int(limited, "nominalConcurrencyShares", 30),
			.lendable_percent = json_get_int(limited, "lendablePercent", 0),
			.borrowing_percent = json_get_int(limited, "borrowingLimitPercent", -1),
			.queued_max = product(json_get_int(queuing, "queues", 0), length),
			/* a flow is dealt a hand of queues there; here it has one as long */
			.flow_queued_max = product(json_get_int(queuing, "handSize", 0), length),
		}); /* found by its name */
	return true;
}

static bool take_schema(void *arg, const struct obj *obj)
{
	struct fairness *f = arg;
	struct schema *schema = &f->schemas[f->schema_count];
	struct str by = json_get_str(obj->root, "spec.distinguisherMethod.type");
	struct fair_level *level = fair_queues_find(
		f->queues, json_get_str(obj->root, "spec.priorityLevelConfiguration.name"));

	if (!level)
		return true; /* it dangles: as if it were not there */
	f->schema_count++;
	*schema = (struct schema){
		.obj = obj_ref(obj),
		.level = level,
		.series = fair_queues_series(f->queues, level, obj->name),
		.precedence = json_get_int(obj->root, "spec.matchingPrecedence", 1000),
		.by_user = str_eq_c(by, "ByUser"),
		.by_namespace = str_eq_c(by, "ByNamespace"),
	};
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
	f->schema_count = 0;
	arena_reset(&f->arena);
}

static void compile(struct fairness *f)
{
	size_t schemas = 0;

	forget_schemas(f);
	registry_each(f->registry, &kind_flowschema, STR_NONE, count_one, &schemas);
	f->schemas = arena_array(&f->arena, schemas + 1, sizeof(f->schemas[0]));
	fair_queues_begin(f->queues);
	registry_each(f->registry, &kind_prioritylevelconfiguration, STR_NONE, take_level, f);
	registry_each(f->registry, &kind_flowschema, STR_NONE, take_schema, f);
	fair_queues_end(f->queues);
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
	struct str namespace_, name, wanted = json_get_str(account, "name");

	return user_is_account(user->name, &namespace_, &name) &&
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
		    target_path_listed(json_get(item, "nonResourceURLs"), t->path))
			return true;
	return false;
}

static const struct schema *schema_of(const struct fairness *f, const struct fair_request *r)
{
	for (size_t i = 0; i < f->schema_count; i++) {
		JSON_EACH (rule, json_get(f->schemas[i].obj->root, "spec.rules"))
			if (fits(rule, r))
				return &f->schemas[i];
	}
	return NULL;
}

/* --- asking --- */

enum fair_answer fairness_ask(struct fairness *f, const struct fair_request *request,
			      struct fair_turn *turn, struct fair_place *ret)
{
	const struct schema *schema;
	struct fair_flow_name name;

	*ret = (struct fair_place){ 0 };
	if (f->is_stale && !fair_queues_are_serving(f->queues))
		compile(f);
	schema = schema_of(f, request);
	if (!schema)
		return FAIR_GO; /* before the first schemas are there */
	ret->schema_uid = schema->obj->uid;
	ret->level_uid = schema->level->uid;
	name.level = schema->level;
	name.series = schema->series;
	name.distinguisher = schema->by_user	    ? request->user->name
			     : schema->by_namespace ? request->target->namespace_
						    : STR_NONE;
	return fair_queues_ask(f->queues, &name, turn);
}

struct fairness *fairness_new(struct registry *registry)
{
	struct fairness *f = NEW(struct fairness);

	f->registry = registry;
	f->queues = fair_queues_new(registry->env, FAIR_SEATS);
	f->is_stale = true;
	arena_init(&f->arena, ARENA_DEFAULT_MAX);
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
	fair_queues_free(f->queues);
	forget_schemas(f);
	arena_deinit(&f->arena);
	mem_free(f);
}

const struct fair_queues *fairness_queues(const struct fairness *f)
{
	return f->queues;
}
