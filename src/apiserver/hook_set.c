/* SPDX-License-Identifier: Apache-2.0 */
/* From configuration objects to what can be asked, kept until one of them changes. */
#include "apiserver/hook_set.h"

#include "apiserver/admission.h"
#include "apiserver/admission_state.h"
#include "apiserver/limits.h"
#include "apiserver/registry.h"
#include "base/log.h"
#include "base/mem.h"

struct hooks {
	struct registry *registry;
	struct hook_list {
		struct store_watcher watcher;
		const struct kind *kind;
		struct hook_set *set;
		bool is_stale;
		bool is_off; /* the plug-in is: the set stays empty */
	} lists[HOOK_TYPE_COUNT];
};

struct kept_object {
	struct list link;
	const struct obj *obj;
};

struct hook_set *hook_set_ref(struct hook_set *set)
{
	set->refs++;
	return set;
}

void hook_set_unref(struct hook_set *set)
{
	if (!set || --set->refs)
		return;
	while (!list_is_empty(&set->objects))
		obj_unref(LIST_ENTRY(list_pop_front(&set->objects), struct kept_object, link)->obj);
	arena_deinit(&set->arena);
	mem_free(set);
}

/* --- compiling --- */

static bool knows_beta_only(yyjson_val *versions, bool *ret_known)
{
	JSON_EACH (version, versions) {
		*ret_known = true;
		if (str_eq_c(json_str(version), "v1"))
			return false;
		if (str_eq_c(json_str(version), "v1beta1"))
			return true;
	}
	*ret_known = false;
	return false;
}

static void take_credential(const struct webhook_credentials *credentials, struct hook *to)
{
	const struct webhook_credential *c = webhook_credentials_find(credentials, to->target.url);

	if (!c)
		return;
	to->bearer_token = c->bearer_token;
	to->target.certificate_pem = c->certificate_pem;
	to->target.key_pem = c->key_pem;
}

static void read_hook(struct hook_set *set, yyjson_val *from, struct hook *to)
{
	struct str effects = json_get_str(from, "sideEffects");
	struct admission_criteria criteria = {
		.rules = json_get(from, "rules"),
		.namespace_selector = json_get(from, "namespaceSelector"),
		.object_selector = json_get(from, "objectSelector"),
		.match_policy = json_get_str(from, "matchPolicy"),
	};
	struct err err = { 0 };
	bool is_known;

	to->name = json_get_str(from, "name");
	to->fails_open = str_eq_c(json_get_str(from, "failurePolicy"), "Ignore");
	to->reinvocable = str_eq_c(json_get_str(from, "reinvocationPolicy"), "IfNeeded");
	to->dry_runs = str_eq_c(effects, "None") || str_eq_c(effects, "NoneOnDryRun");
	to->timeout_ms = json_get_int(from, "timeoutSeconds", 10) * 1000;
	to->filter = admission_filter_new(&set->arena, &criteria, &err);
	to->is_beta = knows_beta_only(json_get(from, "admissionReviewVersions"), &is_known);
	if (!to->filter ||
	    webhook_target_read(json_get(from, "clientConfig"), &set->arena, &to->target, &err) < 0)
		to->problem = str_in(&set->arena, str_from(err.msg));
	else if (!is_known)
		to->problem = STR(
			"webhook does not accept known AdmissionReview versions (v1, v1beta1)");
	to->expressions = admission_set_new(&set->arena, 0, NULL);
	to->conditions = admission_conditions_new(
		to->expressions, json_get(from, "matchConditions"), to->fails_open);
}

struct gathering {
	const struct webhook_credentials *credentials;
	struct hook_set *set;
	size_t room;
};

static bool count_hooks(void *arg, const struct obj *configuration)
{
	struct gathering *g = arg;

	g->room += json_get_count(configuration->root, "webhooks");
	return true;
}

static bool take_hooks(void *arg, const struct obj *configuration)
{
	const struct gathering *g = arg;
	struct hook_set *set = g->set;
	struct kept_object *kept;

	kept = ARENA_NEW(&set->arena, struct kept_object);
	kept->obj = obj_ref(configuration);
	list_push_back(&set->objects, &kept->link);
	JSON_EACH (from, json_get(configuration->root, "webhooks")) {
		set->hooks[set->count].configuration = configuration->name;
		read_hook(set, from, &set->hooks[set->count]);
		take_credential(g->credentials, &set->hooks[set->count++]);
	}
	return true;
}

/* The store walks keys in order, which is that of names. */
static struct hook_set *compile(struct registry *registry, const struct kind *kind)
{
	const struct admission_settings *settings = registry->admission->settings;
	struct gathering g = { .credentials = kind == &kind_mutatingwebhookconfiguration
						      ? settings->mutating_webhooks
						      : settings->validating_webhooks };

	registry_each(registry, kind, STR_NONE, count_hooks, &g);
	if (!g.room)
		return NULL;
	g.set = NEW(struct hook_set);
	g.set->refs = 1;
	arena_init(&g.set->arena, ARENA_DEFAULT_MAX);
	list_init(&g.set->objects);
	g.set->hooks = arena_array(&g.set->arena, g.room, sizeof(g.set->hooks[0]));
	registry_each(registry, kind, STR_NONE, take_hooks, &g);
	return g.set;
}

struct hook_set *hooks_get(struct hooks *hooks, enum hook_type type)
{
	struct hook_list *list = &hooks->lists[type];

	if (list->is_stale && !list->is_off) {
		hook_set_unref(list->set);
		list->set = compile(hooks->registry, list->kind);
		list->is_stale = false;
	}
	return list->set;
}

/* --- following the store --- */

static void on_event(struct store_watcher *watcher, const struct store_event *event)
{
	CONTAINER_OF(watcher, struct hook_list, watcher)->is_stale = true;
}

static void on_end(struct store_watcher *watcher, struct err *err)
{
	if (err->code != ERR_CLOSED)
		log_error("apiserver", "watch of webhook configurations ended: %s", err->msg);
}

struct hooks *hooks_new(struct registry *registry)
{
	static const struct kind *const kinds[HOOK_TYPE_COUNT] = {
		[HOOKS_MUTATING] = &kind_mutatingwebhookconfiguration,
		[HOOKS_VALIDATING] = &kind_validatingwebhookconfiguration,
	};
	struct hooks *hooks = NEW(struct hooks);
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	hooks->registry = registry;
	hooks->lists[HOOKS_MUTATING].is_off = !admission_is_on(registry, PLUGIN_MUTATING_WEBHOOK);
	hooks->lists[HOOKS_VALIDATING].is_off = !admission_is_on(registry,
								 PLUGIN_VALIDATING_WEBHOOK);
	for (size_t i = 0; i < HOOK_TYPE_COUNT; i++) {
		struct hook_list *list = &hooks->lists[i];

		list->kind = kinds[i];
		list->is_stale = true;
		list->watcher = (struct store_watcher){ .event = on_event, .end = on_end };
		store_watch(registry->store, &list->watcher, registry_prefix(&arena, kinds[i]),
			    false, store_revision(registry->store));
	}
	return hooks;
}

void hooks_free(struct hooks *hooks)
{
	if (!hooks)
		return;
	for (size_t i = 0; i < HOOK_TYPE_COUNT; i++) {
		store_unwatch(&hooks->lists[i].watcher);
		hook_set_unref(hooks->lists[i].set);
	}
	mem_free(hooks);
}
