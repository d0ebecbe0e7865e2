/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What API servers behind this one keep in a namespace that goes: deleted, resource by resource,
 * and counted. Asked for by the namespace controller, in whose name this is.
 */
#include "apiserver/aggregation_internal.h"

#include "apiserver/limits.h"
#include "base/mem.h"

#define TIMEOUT_MS 30000

/* A resource of one of them. */
struct emptied {
	struct str service; /* the APIService's name */
	struct str group, version, resource;
	bool is_deletable;
};

struct emptying {
	struct list link;
	struct aggregation *owner;
	struct api_remains *remains;
	struct arena arena;
	struct emptied *list;
	size_t count, index;
	bool is_counting; /* of the one at index; first comes its deletion */
	struct api_remain *left;
	size_t left_count;
	struct buf failures;
	struct webhook_call *call;
	struct task task; /* begins, and ends, in a turn of its own */
};

static void next(struct emptying *e);

/* --- which resources there are --- */

static bool has_verb(yyjson_val *resource, const char *verb)
{
	JSON_EACH (item, json_get(resource, "verbs"))
		if (str_eq_c(json_str(item), verb))
			return true;
	return false;
}

static bool is_emptied(yyjson_val *resource)
{
	return json_get_bool(resource, "namespaced", false) && has_verb(resource, "list") &&
	       has_verb(resource, "delete") &&
	       str_find_char(json_get_str(resource, "name"), '/', 0) == SIZE_MAX;
}

static void add_resources(struct emptying *e, const struct api_service *s)
{
	JSON_EACH (resource, json_get(yyjson_doc_get_root(s->resources), "resources")) {
		if (!is_emptied(resource))
			continue;
		if (e->list)
			e->list[e->count] = (struct emptied){
				.service = str_in(&e->arena, s->object->name),
				.group = str_in(&e->arena, s->group),
				.version = str_in(&e->arena, s->version),
				.resource = str_in(&e->arena, json_get_str(resource, "name")),
				.is_deletable = has_verb(resource, "deletecollection"),
			};
		e->count++;
	}
}

static void add_all(struct emptying *e)
{
	size_t cursor = 0;
	struct str key;
	void *value;

	e->count = 0;
	while (map_next(&e->owner->remotes, &cursor, &key, &value)) {
		const struct api_service *s = value;

		if (s->is_available)
			add_resources(e, s);
	}
}

/* --- one after the other --- */

static void fail(struct emptying *e, const struct emptied *at, struct str why)
{
	buf_printf(&e->failures, "%s" STR_FMT "." STR_FMT ": " STR_FMT, e->failures.len ? ", " : "",
		   STR_ARG(at->resource), STR_ARG(at->group), STR_ARG(why));
}

static void count(struct emptying *e, const struct emptied *at, struct str body)
{
	AUTO_JSON list = json_parse(body, LIST_BYTES_MAX, NULL);
	size_t items = json_get_count(yyjson_doc_get_root(list), "items");

	if (!list)
		fail(e, at, STR("its list is not JSON"));
	else if (items)
		e->left[e->left_count++] = (struct api_remain){ at->group, at->resource, items };
}

static void on_answer(void *arg, const struct webhook_answer *answer, const struct err *err)
{
	struct emptying *e = arg;
	const struct emptied *at = &e->list[e->index];

	e->call = NULL;
	if (!answer)
		fail(e, at, str_from(err->msg));
	else if (answer->status >= 300 && answer->status != 404)
		fail(e, at, str_printf_in(&e->arena, "answered %d", answer->status));
	else if (e->is_counting && answer->status < 300)
		count(e, at, answer->body);
	if (e->is_counting)
		e->index++;
	e->is_counting = !e->is_counting;
	next(e);
}

static int ask(struct emptying *e, const struct api_service *s, const struct emptied *at)
{
	static const struct str groups[] = { STR_INIT("system:serviceaccounts"),
					     STR_INIT("system:serviceaccounts:kube-system"),
					     STR_INIT("system:authenticated") };
	static const struct user controller = {
		.name = STR_INIT("system:serviceaccount:kube-system:namespace-controller"),
		.groups = groups,
		.group_count = 3,
	};
	struct webhook_target target = s->target;
	struct webhook_request request = { .target = &target,
					   .method = e->is_counting ? STR("GET") : STR("DELETE"),
					   .timeout_ms = TIMEOUT_MS,
					   .answer_bytes_max = REMOTE_OPENAPI_BYTES_MAX };
	struct err err = s->target_err;

	if (err.code || front_proxy_headers(&controller, &e->arena, &request.headers, &err) < 0)
		return -1;
	target.url = str_printf_in(
		&e->arena, STR_FMT "/apis/" STR_FMT "/" STR_FMT "/namespaces/" STR_FMT "/" STR_FMT,
		STR_ARG(target.url), STR_ARG(at->group), STR_ARG(at->version),
		STR_ARG(e->remains->namespace_), STR_ARG(at->resource));
	e->call = webhook_client_start(e->owner->registry->webhooks, &request, on_answer, e);
	return 0;
}

static void emptying_free(struct emptying *e)
{
	list_remove(&e->link);
	webhook_call_cancel(e->call);
	env_cancel(e->owner->registry->env, &e->task);
	buf_deinit(&e->failures);
	arena_deinit(&e->arena);
	mem_free(e);
}

static void finish(struct emptying *e)
{
	struct api_remains *r = e->remains;

	r->impl = NULL;
	r->left = e->left;
	r->left_count = e->left_count;
	r->failures = buf_str(&e->failures);
	r->done(r);
	emptying_free(e);
}

static void next(struct emptying *e)
{
	while (e->index < e->count) {
		const struct emptied *at = &e->list[e->index];
		const struct api_service *s = map_get(&e->owner->services, at->service);

		if (!at->is_deletable && !e->is_counting)
			e->is_counting = true; /* what cannot be deleted at once is still counted */
		if (s && s->is_remote && s->is_available && ask(e, s, at) == 0)
			return;
		fail(e, at, STR("its server is not available"));
		e->index++;
		e->is_counting = false;
	}
	finish(e);
}

static void on_task(struct task *task)
{
	next(CONTAINER_OF(task, struct emptying, task));
}

void aggregation_empty(struct aggregation *a, struct api_remains *remains)
{
	struct emptying *e = NEW(struct emptying);

	e->owner = a;
	e->remains = remains;
	remains->impl = e;
	arena_init(&e->arena, ARENA_DEFAULT_MAX);
	buf_init(&e->failures, AUTHZ_REASON_BYTES_MAX);
	task_init(&e->task, on_task);
	list_push_back(&a->emptyings, &e->link);
	add_all(e);
	e->list = arena_array(&e->arena, e->count + 1, sizeof(e->list[0]));
	add_all(e);
	e->left = arena_array(&e->arena, e->count + 1, sizeof(e->left[0]));
	env_defer(a->registry->env, &e->task);
}

void aggregation_empty_cancel(struct api_remains *remains)
{
	if (remains->impl)
		emptying_free(remains->impl);
	remains->impl = NULL;
}

void aggregation_empty_deinit(struct aggregation *a)
{
	while (!list_is_empty(&a->emptyings)) {
		struct emptying *e = LIST_ENTRY(list_first(&a->emptyings), struct emptying, link);

		e->remains->impl = NULL;
		emptying_free(e);
	}
}
