/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, look-ups and versions over the store. */
#include "apiserver/registry.h"

#include "api/convert.h"
#include "api/object.h"
#include "apiserver/conversion.h"
#include "apiserver/limits.h"
#include "loop/env.h"

/* Where upstream's prefix is not simply the plural. */
static const struct {
	const char *plural, *prefix;
} prefixes[] = {
	{ "replicationcontrollers", "controllers" },
	{ "endpoints", "services/endpoints" },
	{ "nodes", "minions" },
	{ "services", "services/specs" },
	{ "ingresses", "ingress" },
};

static const char *const grouped[] = { "apiextensions.k8s.io", "apiregistration.k8s.io" };

struct env *registry_env(const struct registry *registry)
{
	return registry->env;
}

struct str registry_prefix(struct arena *arena, const struct kind *kind)
{
	const struct kind *stored = kind_stored(kind);

	if (stored->flags & KIND_CUSTOM)
		return str_printf_in(arena, "/registry/" STR_FMT "/" STR_FMT "/",
				     STR_ARG(stored->group), STR_ARG(stored->plural));
	for (size_t i = 0; i < ARRAY_COUNT(grouped); i++)
		if (str_eq_c(stored->group, grouped[i]))
			return str_printf_in(arena, "/registry/%s/" STR_FMT "/", grouped[i],
					     STR_ARG(stored->plural));
	for (size_t i = 0; i < ARRAY_COUNT(prefixes); i++)
		if (str_eq_c(stored->plural, prefixes[i].plural))
			return str_printf_in(arena, "/registry/%s/", prefixes[i].prefix);
	return str_printf_in(arena, "/registry/" STR_FMT "/", STR_ARG(stored->plural));
}

static bool has_prefix(struct str key, const char *prefix)
{
	return str_strip_prefix(&key, str_from(prefix)) && str_has_prefix(key, STR("/"));
}

bool registry_resource_of(struct str key, struct str *ret_resource, struct str *ret_group)
{
	struct str rest = key, first, second;

	if (!str_strip_prefix(&rest, STR("/registry/")))
		return false;
	second = rest;
	if (!str_next_part(&second, '/', &first))
		return false;
	*ret_resource = first;
	if (str_find_char(first, '.', 0) != SIZE_MAX) { /* custom kinds, and groups kept apart */
		*ret_group = first;
		return str_next_part(&second, '/', ret_resource);
	}
	for (size_t i = 0; i < ARRAY_COUNT(prefixes); i++)
		if (has_prefix(rest, prefixes[i].prefix))
			*ret_resource = str_from(prefixes[i].plural);
	for (size_t i = 0; i < kind_count; i++) {
		if (!str_eq(kind_table[i]->plural, *ret_resource))
			continue;
		*ret_group = kind_stored(kind_table[i])->group;
		return true;
	}
	return false;
}

struct str registry_list_prefix(struct arena *arena, const struct kind *kind, struct str namespace_)
{
	struct str prefix = registry_prefix(arena, kind);

	if (!kind_is_namespaced(kind) || !namespace_.len)
		return prefix;
	return str_printf_in(arena, STR_FMT STR_FMT "/", STR_ARG(prefix), STR_ARG(namespace_));
}

struct str registry_key(struct registry *registry, struct arena *arena, const struct kind *kind,
			struct str namespace_, struct str name)
{
	struct str prefix = registry_list_prefix(arena, kind, namespace_);

	return str_printf_in(arena, STR_FMT STR_FMT, STR_ARG(prefix), STR_ARG(name));
}

const struct store_entry *registry_pending(struct registry *registry, struct str key)
{
	return store_get_pending(registry->store, key);
}

bool registry_exists(struct registry *registry, struct str key)
{
	return registry_pending(registry, key) != NULL;
}

static const struct obj *entry_obj(const struct store_entry *entry)
{
	return entry ? obj_of(entry->value, NULL) : NULL;
}

const struct obj *registry_get(struct registry *registry, const struct kind *kind,
			       struct str namespace_, struct str name)
{
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	return entry_obj(
		store_get(registry->store, registry_key(registry, &arena, kind, namespace_, name)));
}

const struct obj *registry_get_pending(struct registry *registry, const struct kind *kind,
				       struct str namespace_, struct str name)
{
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	return entry_obj(store_get_pending(registry->store,
					   registry_key(registry, &arena, kind, namespace_, name)));
}

struct each {
	bool (*fn)(void *arg, const struct obj *obj);
	void *arg;
};

static bool each_entry(void *arg, struct str key, const struct store_entry *entry)
{
	struct each *each = arg;
	const struct obj *obj = entry_obj(entry);

	return obj ? each->fn(each->arg, obj) : true;
}

void registry_each(struct registry *registry, const struct kind *kind, struct str namespace_,
		   bool (*fn)(void *arg, const struct obj *obj), void *arg)
{
	AUTO_ARENA arena = { 0 };
	struct each each = { fn, arg };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	store_walk(registry->store, registry_list_prefix(&arena, kind, namespace_), STR_NONE,
		   each_entry, &each);
}

static bool note_entry(void *arg, struct str key, const struct store_entry *entry)
{
	*(bool *)arg = true;
	return false;
}

bool registry_has(struct registry *registry, const struct kind *kind, struct str namespace_)
{
	AUTO_ARENA arena = { 0 };
	bool found = false;
	struct str prefix;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	prefix = registry_list_prefix(&arena, kind, namespace_);
	store_walk(registry->store, prefix, STR_NONE, note_entry, &found);
	return found || store_check_readable_all(registry->store, prefix, NULL) < 0;
}

bool registry_needs_conversion(const struct kind *kind)
{
	return kind_stored(kind) != kind;
}

/* Objects of custom kinds lie there in whatever version was the stored one when they were written.
 */
bool registry_is_served_as_stored(const struct kind *kind, struct blob *stored)
{
	const struct obj *obj;

	if (!(kind->flags & KIND_CUSTOM))
		return !registry_needs_conversion(kind);
	obj = obj_of(stored, NULL);
	return obj && str_eq(obj->api_version, kind->api_version);
}

/* What is stored, as today's schema of its version has it. */
static struct blob *as_read(const struct kind *kind, struct blob *stored, struct err *err)
{
	const struct obj *obj;

	if (!(kind->flags & KIND_CUSTOM))
		return blob_ref(stored);
	obj = obj_of(stored, err);
	return obj ? custom_as_read(kind, obj) : NULL;
}

struct blob *registry_present(const struct kind *kind, struct blob *stored, struct err *err)
{
	AUTO_BLOB current = as_read(kind, stored, err);
	AUTO_JSON_MUT doc = NULL;
	const struct obj *obj;

	if (!current)
		return NULL;
	if (registry_is_served_as_stored(kind, current) || conversion_has_webhook(kind))
		return blob_ref(current);
	obj = obj_of(current, err);
	if (!obj)
		return NULL;
	doc = json_thaw(obj->root);
	if (convert_stored(doc, kind_stored(kind), kind, err) < 0)
		return NULL;
	return object_encode(yyjson_mut_doc_get_root(doc), obj->resource_version);
}

struct blob *registry_restamp(const struct obj *obj, int64_t revision)
{
	AUTO_JSON_MUT doc = json_thaw(obj->root);

	return object_encode(yyjson_mut_doc_get_root(doc), revision);
}

struct blob *registry_expired(void *arg, struct str key, struct blob *value, int64_t revision)
{
	const struct obj *obj = obj_of(value, NULL);

	return obj ? registry_restamp(obj, revision) : NULL;
}

int registry_init(struct registry *registry, struct env *env, struct store *store,
		  struct str service_cidr, struct err *err)
{
	*registry = (struct registry){ .env = env, .store = store };
	list_init(&registry->operations);
	kind_set_init(&registry->kinds);
	if (service_networks_init(&registry->networks, service_cidr, err) < 0)
		return -1;
	number_range_init(&registry->node_ports, NODE_PORT_FIRST,
			  NODE_PORT_LAST - NODE_PORT_FIRST + 1);
	return 0;
}

void registry_deinit(struct registry *registry)
{
	kind_set_deinit(&registry->kinds);
	service_networks_deinit(&registry->networks);
}
