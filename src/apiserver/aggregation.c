/* SPDX-License-Identifier: Apache-2.0 */
/* The table of APIServices, as their objects come and go, and requests for those of other servers.
 */
#include "apiserver/aggregation_internal.h"

#include "apiserver/apiserver_internal.h"
#include "apiserver/exchange.h"
#include "apiserver/limits.h"
#include "apiserver/metrics.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/base64.h"

#define DEFAULT_PORT 443

/* "group/version" on the stack: asked of each request while there is a remote one. */
struct group_version_key {
	char text[KIND_TEXT_BYTES];
	struct str str;
};

static bool make_key(struct group_version_key *key, struct str group, struct str version)
{
	int len;

	if (group.len + version.len + 2 > sizeof(key->text))
		return false;
	len = snprintf(key->text, sizeof(key->text), STR_FMT "/" STR_FMT, STR_ARG(group),
		       STR_ARG(version));
	key->str = str_sub(key->text, (size_t)len);
	return true;
}

static struct api_service *find(const struct aggregation *a, struct str group, struct str version)
{
	struct group_version_key key;

	if (!a->remotes.count || !make_key(&key, group, version))
		return NULL;
	return map_get(&a->remotes, key.str);
}

/* --- objects --- */

/* The Service's server, trusted as the object says and told who asks it. */
static void read_target(struct api_service *s)
{
	struct str bundle = json_get_str(s->object->root, "spec.caBundle");
	struct webhook_target *t = &s->target;
	AUTO_BUF pem = { 0 };

	arena_reset(&s->arena);
	s->target_err = (struct err){ 0 };
	buf_init(&pem, WEBHOOK_CA_BYTES_MAX);
	*t = (struct webhook_target){
		.namespace_ = str_in(&s->arena, s->namespace_),
		.name = str_in(&s->arena, s->name),
		.port = json_get_int(s->object->root, "spec.service.port", DEFAULT_PORT),
		.insecure = json_get_bool(s->object->root, "spec.insecureSkipTLSVerify", false),
		.certificate_pem = s->owner->front.certificate_pem,
		.key_pem = s->owner->front.key_pem,
	};
	t->url = str_printf_in(&s->arena, "https://" STR_FMT "." STR_FMT ".svc:%lld",
			       STR_ARG(t->name), STR_ARG(t->namespace_), (long long)t->port);
	if (base64_decode(bundle, &pem, &s->target_err) < 0 ||
	    buf_check(&pem, "caBundle", &s->target_err) < 0)
		return;
	t->ca_pem = str_in(&s->arena, buf_str(&pem));
}

static void forget_remote(struct api_service *s)
{
	struct group_version_key key;

	if (!s->is_remote)
		return;
	s->is_remote = s->is_fresh = false;
	if (make_key(&key, s->group, s->version))
		(void)map_remove(&s->owner->remotes, key.str); /* it is s */
	api_service_check_deinit(s);
	json_free(s->resources);
	s->resources = NULL;
	if (!s->owner->remotes.count)
		api_services_follow_endpoints(s->owner, false);
}

static void begin_remote(struct api_service *s)
{
	struct group_version_key key;

	if (!make_key(&key, s->group, s->version))
		return; /* no request can name it either */
	s->is_remote = true;
	(void)map_put(&s->owner->remotes, key.str, s); /* names are unique, so are these */
	if (s->owner->remotes.count == 1)
		api_services_follow_endpoints(s->owner, true);
	api_service_check_init(s);
}

/* Strings of the object that was replaced are gone with it. */
static void take_object(struct api_service *s, const struct obj *object)
{
	yyjson_val *spec = json_get(object->root, "spec");

	(void)obj_ref(object); /* returns object */
	obj_unref(s->object);
	s->object = object;
	s->group = json_get_str(spec, "group");
	s->version = json_get_str(spec, "version");
	s->namespace_ = json_get_str(spec, "service.namespace");
	s->name = json_get_str(spec, "service.name");
}

/* The core group, and that of these objects themselves, are answered here whatever they say:
 * nothing could be mended otherwise. */
static bool leads_elsewhere(const struct obj *object)
{
	struct str group = json_get_str(object->root, "spec.group");

	return yyjson_is_obj(json_get(object->root, "spec.service")) && group.len &&
	       !str_eq(group, kind_apiservice.group);
}

static void update(struct api_service *s, const struct obj *object)
{
	bool is_new = !s->object, was_available = s->is_available;
	bool is_remote = leads_elsewhere(object);
	bool differs = is_new || !json_equal(json_get(s->object->root, "spec"),
					     json_get(object->root, "spec"));

	if (differs)
		forget_remote(s);
	take_object(s, object);
	s->is_available = api_service_is_available(object);
	if (differs || was_available != s->is_available)
		s->owner->generation++;
	if (differs && is_remote) {
		begin_remote(s);
		read_target(s);
		api_service_check(s);
	}
	if (!is_remote)
		api_service_check_local(s);
}

static void api_service_free(struct api_service *s)
{
	forget_remote(s);
	obj_unref(s->object);
	arena_deinit(&s->arena);
	mem_free(s);
}

static void put(struct aggregation *a, const struct obj *object)
{
	struct api_service *s = map_get(&a->services, object->name);

	if (!s) {
		s = NEW(struct api_service);
		s->owner = a;
		arena_init(&s->arena, ARENA_DEFAULT_MAX);
		(void)map_put(&a->services, object->name, s); /* there was none */
	}
	update(s, object);
}

static void on_event(struct store_watcher *watcher, const struct store_event *event)
{
	struct aggregation *a = CONTAINER_OF(watcher, struct aggregation, api_services);
	const struct obj *object = obj_of(event->value, NULL);
	struct api_service *s;

	if (!object)
		return;
	if (event->type != STORE_DELETED) {
		put(a, object);
	} else {
		s = map_remove(&a->services, object->name);
		if (s)
			api_service_free(s);
		a->generation++;
	}
	registrations_look(a, object->name);
}

static void on_end(struct store_watcher *watcher, struct err *err)
{
	if (err->code != ERR_CLOSED)
		log_error("apiserver", "watch of APIServices ended: %s", err->msg);
}

static bool begin(void *arg, const struct obj *object)
{
	put(arg, object);
	return true;
}

struct aggregation *aggregation_new(struct registry *registry, const struct front_proxy *front)
{
	struct aggregation *a = NEW(struct aggregation);
	AUTO_ARENA arena = { 0 };

	a->registry = registry;
	if (front) {
		a->front.certificate_pem = str_dup(front->certificate_pem);
		a->front.key_pem = str_dup(front->key_pem);
	}
	map_init(&a->services);
	map_init(&a->remotes);
	own_writes_init(&a->writes, registry);
	registrations_init(a);
	list_init(&a->emptyings);
	arena_init(&arena, ARENA_DEFAULT_MAX);
	a->api_services = (struct store_watcher){ .event = on_event, .end = on_end };
	store_watch(registry->store, &a->api_services, registry_prefix(&arena, &kind_apiservice),
		    false, store_revision(registry->store));
	registry_each(registry, &kind_apiservice, STR_NONE, begin, a);
	return a;
}

void aggregation_free(struct aggregation *a)
{
	size_t cursor = 0;
	struct str key;
	void *s;

	if (!a)
		return;
	store_unwatch(&a->api_services);
	aggregation_empty_deinit(a);
	while (map_next(&a->services, &cursor, &key, &s))
		api_service_free(s);
	registrations_deinit(a);
	own_writes_deinit(&a->writes);
	map_deinit(&a->services);
	map_deinit(&a->remotes);
	mem_free((void *)a->front.certificate_pem.ptr);
	mem_wipe((void *)a->front.key_pem.ptr, a->front.key_pem.len);
	mem_free((void *)a->front.key_pem.ptr);
	mem_free(a);
}

/* --- requests --- */

bool aggregation_has(const struct aggregation *a, struct str group, struct str version)
{
	return find(a, group, version) != NULL;
}

static struct api_service *find_path(const struct aggregation *a, struct str path)
{
	struct str group, version;

	if (!a->remotes.count)
		return NULL;
	(void)str_strip_prefix(&path, STR("/openapi/v3"));
	if (!str_strip_prefix(&path, STR("/apis/")) || !str_next_part(&path, '/', &group) ||
	    !str_next_part(&path, '/', &version))
		return NULL;
	return find(a, group, version);
}

bool aggregation_has_path(const struct aggregation *a, struct str path)
{
	return find_path(a, path) != NULL;
}

static int refuse(struct exchange *e, int status, struct str text)
{
	exchange_answer_text(e, status, text);
	return 0;
}

int aggregation_serve(struct aggregation *a, struct exchange *e)
{
	const struct target *t = &e->target;
	const struct api_service *s = t->is_resource ? find(a, t->group, t->version)
						     : find_path(a, t->path);
	struct proxy_aggregated aggregated = { .connections = a->registry->webhooks };
	struct proxy_target to = { .scheme = STR("https"),
				   .path = e->x->path,
				   .query = e->x->query,
				   .aggregated = &aggregated };
	struct err err = s->target_err;

	if (!s->is_available)
		return refuse(e, 503, STR("service unavailable"));
	if (err.code)
		return refuse(e, 500, str_in(e->arena, str_from(err.msg)));
	if (front_proxy_headers(e->user, e->arena, &aggregated.headers, &err) < 0)
		return refuse(
			e, 503,
			str_printf_in(e->arena, "error trying to reach service: %s", err.msg));
	if (webhook_client_lease(a->registry->webhooks, &s->target, e->arena, &aggregated.lease,
				 &err) < 0) {
		if (err.code == ERR_NOT_FOUND || err.code == ERR_UNAVAILABLE)
			return refuse(e, 503, STR("service unavailable"));
		return refuse(e, 500, str_in(e->arena, str_from(err.msg)));
	}
	to.host = str_printf_in(e->arena, STR_FMT "." STR_FMT ".svc", STR_ARG(s->name),
				STR_ARG(s->namespace_));
	to.port = (uint16_t)s->target.port;
	reverse_proxy_serve(e->server->proxy, e, &to);
	return 0;
}

/* --- documents --- */

uint64_t aggregation_generation(const struct aggregation *a)
{
	return a->generation;
}

static bool is_listed(const struct kind_group *g)
{
	return g->enabled && g->group.len;
}

/* An administrator may have changed what is preferred. */
static void take_priorities(const struct aggregation *a, struct arena *arena,
			    struct api_group_version *to)
{
	const struct api_service *s = map_get(
		&a->services, str_printf_in(arena, STR_FMT "." STR_FMT, STR_ARG(to->version),
					    STR_ARG(to->group)));

	if (!s)
		return;
	to->group_priority = json_get_int(s->object->root, "spec.groupPriorityMinimum", 0);
	to->version_priority = json_get_int(s->object->root, "spec.versionPriority", 0);
	to->remote = s->is_remote ? s : NULL;
}

void aggregation_groups(const struct aggregation *a, struct arena *arena,
			struct api_group_version **ret, size_t *ret_count)
{
	const struct kind_set *set = &a->registry->kinds;
	struct api_group_version *list = arena_array(arena, set->group_count + a->remotes.count + 1,
						     sizeof(list[0]));
	size_t count = 0, cursor = 0, own;
	struct str key;
	void *value;

	for (size_t i = 0; i < set->group_count; i++) {
		const struct kind_group *g = &set->groups[i];

		if (!is_listed(g))
			continue;
		list[count] = (struct api_group_version){ g->group, g->version, g->group_priority,
							  g->version_priority, NULL };
		take_priorities(a, arena, &list[count++]);
	}
	own = count;
	while (map_next(&a->remotes, &cursor, &key, &value)) {
		const struct api_service *s = value;
		bool is_known = false;

		for (size_t i = 0; i < own; i++)
			is_known |= list[i].remote == s;
		if (is_known)
			continue;
		list[count] = (struct api_group_version){ .group = s->group,
							  .version = s->version };
		take_priorities(a, arena, &list[count++]);
	}
	api_group_versions_sort(list, count);
	*ret = list;
	*ret_count = count;
}

yyjson_val *aggregation_resources(const void *remote)
{
	const struct api_service *s = remote;

	return yyjson_doc_get_root(s->resources);
}

bool aggregation_is_fresh(const void *remote)
{
	const struct api_service *s = remote;

	return s->is_fresh && s->is_available;
}

void aggregation_write_metrics(const struct aggregation *a, struct buf *to)
{
	size_t cursor = 0;
	struct str name;
	void *value;

	metrics_head(
		to, "aggregator_unavailable_apiservice", "gauge",
		"Gauge of APIServices which are marked as unavailable broken down by APIService "
		"name.");
	while (map_next(&a->services, &cursor, &name, &value)) {
		const struct api_service *s = value;

		buf_printf(to, "aggregator_unavailable_apiservice{name=\"" STR_FMT "\"} %d\n",
			   STR_ARG(name), !s->is_available);
	}
	api_services_write_unavailable(a, to);
}
