/* SPDX-License-Identifier: Apache-2.0 */
/*
 * APIServices of groups that this server answers: built-in ones are brought into line once at its
 * start, those of CustomResourceDefinitions come and go with them.
 */
#include "apiserver/aggregation_internal.h"

#include "apiserver/user.h"
#include "base/log.h"
#include "base/mem.h"

struct registered {
	bool was_there, was_synced;
};

static struct registered *of(struct aggregation *a, struct str name)
{
	struct registered *r = map_get(&a->registered, name);

	if (r)
		return r;
	r = NEW(struct registered);
	(void)map_put(&a->registered, name, r); /* there was none */
	return r;
}

/* --- what shall be --- */

/* The group of APIServices itself has none: that it is there goes without saying. */
static const struct kind_group *built_in(struct str group, struct str version)
{
	if (str_eq(group, kind_apiservice.group))
		return NULL;
	for (size_t i = 0; i < kind_group_count; i++)
		if (kind_groups[i].enabled && str_eq(kind_groups[i].group, group) &&
		    str_eq(kind_groups[i].version, version))
			return &kind_groups[i];
	return NULL;
}

struct search {
	struct str group, version;
	bool found;
};

static bool serves(void *arg, const struct obj *definition)
{
	struct search *search = arg;

	if (!str_eq(json_get_str(definition->root, "spec.group"), search->group))
		return true;
	JSON_EACH (version, json_get(definition->root, "spec.versions"))
		if (str_eq(json_get_str(version, "name"), search->version) &&
		    json_get_bool(version, "served", false))
			search->found = true;
	return !search->found;
}

static struct api_service_wish wish_of(struct aggregation *a, struct str group, struct str version)
{
	const struct kind_group *g = built_in(group, version);
	struct search search = { group, version, false };

	if (g)
		return (struct api_service_wish){ API_SERVICE_ON_START, g->group_priority,
						  g->version_priority };
	registry_each(a->registry, &kind_customresourcedefinition, STR_NONE, serves, &search);
	return search.found ? (struct api_service_wish){ API_SERVICE_ALWAYS, 1000, 100 }
			    : (struct api_service_wish){ 0 };
}

/* --- making it so --- */

static void fill_spec(yyjson_mut_doc *doc, yyjson_mut_val *root, const struct search *what,
		      const struct api_service_wish *wish)
{
	yyjson_mut_val *spec = json_set_object(doc, root, "spec");

	if (what->group.len)
		json_set_str(doc, spec, "group", what->group);
	json_set_str(doc, spec, "version", what->version);
	json_set_int(doc, spec, "groupPriorityMinimum", wish->group_priority);
	json_set_int(doc, spec, "versionPriority", wish->version_priority);
}

static void act(struct aggregation *a, enum api_service_action action, const struct search *what,
		const struct api_service_wish *wish, const struct obj *object, struct str name)
{
	yyjson_mut_doc *doc;
	yyjson_mut_val *root, *metadata;
	struct operation op = { .kind = &kind_apiservice, .check = FIELDS_STRICT };

	switch (action) {
	case API_SERVICE_LEAVE:
		return;
	case API_SERVICE_DELETE:
		op.verb = OPERATION_DELETE;
		op.name = name;
		own_writes_submit(&a->writes, &op);
		return;
	case API_SERVICE_UPDATE:
		op.verb = OPERATION_UPDATE;
		op.name = name;
		doc = json_thaw(object->root);
		fill_spec(doc, yyjson_mut_doc_get_root(doc), what, wish);
		op.body = doc;
		own_writes_submit(&a->writes, &op);
		return;
	case API_SERVICE_CREATE:
		break;
	}
	op.verb = OPERATION_CREATE;
	op.body = doc = json_new_object();
	root = yyjson_mut_doc_get_root(doc);
	metadata = json_set_object(doc, root, "metadata");
	json_set_str(doc, metadata, "name", name);
	json_put_str(doc, json_set_object(doc, metadata, "labels"), STR(API_SERVICE_MANAGED),
		     wish->care == API_SERVICE_ALWAYS ? STR("true") : STR("onstart"));
	fill_spec(doc, root, what, wish);
	own_writes_submit(&a->writes, &op);
}

void registrations_look(struct aggregation *a, struct str name)
{
	struct search what = { .found = false };
	struct api_service_wish wish;
	struct api_service_state state;
	struct registered *r;

	if (!a->is_registering || !str_cut(name, '.', &what.version, &what.group))
		return;
	r = of(a, name);
	wish = wish_of(a, what.group, what.version);
	state = (struct api_service_state){
		.object = registry_get(a->registry, &kind_apiservice, STR_NONE, name),
		.was_there = r->was_there,
		.was_synced = r->was_synced,
	};
	act(a, api_service_plan(&wish, &state), &what, &wish, state.object, name);
	r->was_synced = true;
}

/* --- when --- */

static void look_at_group(struct aggregation *a, struct str group, struct str version)
{
	AUTO_BUF name = { 0 };

	buf_init(&name, 2 * KIND_TEXT_BYTES);
	buf_printf(&name, STR_FMT "." STR_FMT, STR_ARG(version), STR_ARG(group));
	if (!buf_failed(&name))
		registrations_look(a, buf_str(&name));
}

static bool look_at_definition(void *arg, const struct obj *definition)
{
	JSON_EACH (version, json_get(definition->root, "spec.versions"))
		look_at_group(arg, json_get_str(definition->root, "spec.group"),
			      json_get_str(version, "name"));
	return true;
}

static void on_definition(struct store_watcher *watcher, const struct store_event *event)
{
	struct aggregation *a = CONTAINER_OF(watcher, struct aggregation, definitions);
	const struct obj *now = obj_of(event->value, NULL),
			 *before = event->previous ? obj_of(event->previous, NULL) : NULL;

	if (before && now && before->generation == now->generation && event->type == STORE_UPDATED)
		return; /* its status: the versions are in its specification */
	if (before)
		(void)look_at_definition(a, before); /* always true; likewise */
	if (now)
		(void)look_at_definition(a, now);
}

static void on_end(struct store_watcher *watcher, struct err *err)
{
	if (err->code != ERR_CLOSED)
		log_error("apiserver", "watch of definitions' groups ended: %s", err->msg);
}

static bool note_there(void *arg, const struct obj *object)
{
	of(arg, object->name)->was_there = true;
	return true;
}

static bool look_at_object(void *arg, const struct obj *object)
{
	registrations_look(arg, object->name);
	return true;
}

static void on_idle(void *arg)
{
	struct aggregation *a = arg;

	a->writes.idle = NULL;
	a->done(a->arg);
}

void aggregation_register(struct aggregation *a, void (*done)(void *arg), void *arg)
{
	AUTO_ARENA arena = { 0 };

	a->done = done;
	a->arg = arg;
	a->is_registering = true;
	registry_each(a->registry, &kind_apiservice, STR_NONE, note_there, a);
	arena_init(&arena, ARENA_DEFAULT_MAX);
	a->definitions = (struct store_watcher){ .event = on_definition, .end = on_end };
	store_watch(a->registry->store, &a->definitions,
		    registry_prefix(&arena, &kind_customresourcedefinition), false,
		    store_revision(a->registry->store));
	for (size_t i = 0; i < kind_group_count; i++)
		if (kind_groups[i].enabled)
			look_at_group(a, kind_groups[i].group, kind_groups[i].version);
	registry_each(a->registry, &kind_customresourcedefinition, STR_NONE, look_at_definition, a);
	registry_each(a->registry, &kind_apiservice, STR_NONE, look_at_object, a);
	a->writes.idle = on_idle;
	a->writes.arg = a;
	if (list_is_empty(&a->writes.list))
		on_idle(a);
}

void registrations_init(struct aggregation *a)
{
	map_init(&a->registered);
}

void registrations_deinit(struct aggregation *a)
{
	store_unwatch(&a->definitions);
	map_deinit_values(&a->registered);
}
