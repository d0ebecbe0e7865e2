/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether an APIService's server is there: what the objects say first (api_service_plan.h), then
 * the server itself, which also tells what it has. Looked at when one of them changes, and every
 * half minute while nothing speaks against it.
 */
#include "apiserver/aggregation_internal.h"

#include "apiserver/limits.h"
#include "apiserver/metrics.h"
#include "base/log.h"
#include "base/num.h"
#include "base/time.h"

#define SOON_MS 10
#define RESYNC_MS 30000
#define RESYNC_SLACK_MS 2000
#define TIMEOUT_MS 5000 /* of one try; as upstream, as are the tries */
#define TRIES_MAX 5
#define RETRY_MS 100

static const char *const reasons[UNAVAILABLE_REASONS] = {
	"ServiceNotFound",  "ServicePortError",	    "EndpointsNotFound",
	"MissingEndpoints", "FailedDiscoveryCheck", "UnknownReason",
};

/* --- what came of it --- */

static yyjson_doc *new_status(struct api_service *s, const struct api_service_verdict *verdict)
{
	bool stays = str_eq_c(api_service_condition(s->object, "status"), verdict->status);
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *condition;
	char now[TIME_TEXT_BYTES];

	condition = json_append_object(
		doc, json_set_array(doc, json_set_object(doc, root, "status"), "conditions"));
	json_set_str(doc, condition, "type", STR("Available"));
	json_set_str(doc, condition, "status", str_from(verdict->status));
	json_set_str(doc, condition, "lastTransitionTime",
		     stays ? api_service_condition(s->object, "lastTransitionTime")
			   : str_from(time_format(env_wall_ns(s->owner->registry->env), now)));
	json_set_str(doc, condition, "reason", str_from(verdict->reason));
	json_set_str(doc, condition, "message", verdict->message);
	return json_freeze(root);
}

static void count_unavailable(struct api_service *s, const char *reason)
{
	size_t i = 0;

	while (i < UNAVAILABLE_REASONS - 1 && strcmp(reasons[i], reason) != 0)
		i++;
	s->unavailable_counts[i]++;
}

static void tell(struct api_service *s, const struct api_service_verdict *verdict)
{
	const struct obj *object = s->object;

	if (str_eq_c(api_service_condition(object, "status"), verdict->status) &&
	    str_eq_c(api_service_condition(object, "reason"), verdict->reason) &&
	    str_eq(api_service_condition(object, "message"), verdict->message))
		return;
	if (s->is_available && !str_eq_c(str_from(verdict->status), "True")) {
		log_warn("apiserver", "APIService " STR_FMT ": %s: " STR_FMT, STR_ARG(object->name),
			 verdict->reason, STR_ARG(verdict->message));
		count_unavailable(s, verdict->reason);
	}
	own_writes_submit(&s->owner->writes,
			  &(struct operation){ .verb = OPERATION_PATCH,
					       .kind = &kind_apiservice,
					       .name = object->name,
					       .subresource = STR("status"),
					       .check = FIELDS_IGNORE,
					       .patch = new_status(s, verdict),
					       .patch_type = API_PATCH_STRATEGIC });
}

void api_service_check_local(struct api_service *s)
{
	tell(s, &api_service_is_local);
}

/* --- asking it --- */

static void ask(struct api_service *s);

static void look_later(struct api_service *s, bool failed)
{
	unsigned doublings = NUM_MIN(s->failure_count, 10u);
	int64_t delay_ms = RESYNC_MS;

	if (failed)
		delay_ms = NUM_MIN((int64_t)RETRY_MS << doublings, (int64_t)RESYNC_MS);
	s->failure_count = failed ? s->failure_count + 1 : 0;
	timer_start_slack(&s->timer, s->is_stale_view ? SOON_MS : delay_ms,
			  delay_ms == RESYNC_MS ? RESYNC_SLACK_MS : 0);
	s->is_stale_view = false;
}

/* What it has, when it says so in a form that is known: any answer will do to be there. Whether
 * that is something new. */
static bool take_resources(struct api_service *s, struct str body)
{
	yyjson_doc *doc = json_parse(body, DISCOVERY_BYTES_MAX, NULL);
	bool was_fresh = s->is_fresh, is_new = false;

	s->is_fresh = str_eq_c(json_get_str(yyjson_doc_get_root(doc), "kind"), "APIResourceList");
	if (!s->is_fresh ||
	    json_equal(yyjson_doc_get_root(doc), yyjson_doc_get_root(s->resources))) {
		json_free(doc);
	} else {
		json_free(s->resources);
		s->resources = json_trim(doc);
		is_new = true;
	}
	if (is_new || s->is_fresh != was_fresh)
		s->owner->generation++;
	return is_new;
}

static void fail(struct api_service *s, struct str message)
{
	struct api_service_verdict verdict = { .status = "False",
					       .reason = "FailedDiscoveryCheck",
					       .message = message };

	if (s->is_fresh)
		s->owner->generation++;
	s->is_fresh = false;
	look_later(s, true);
	tell(s, &verdict);
}

static struct str path_of(const struct api_service *s, struct arena *arena)
{
	return str_printf_in(arena, "/apis/" STR_FMT "/" STR_FMT, STR_ARG(s->group),
			     STR_ARG(s->version));
}

static void on_answer(void *arg, const struct webhook_answer *answer, const struct err *err)
{
	struct api_service *s = arg;
	struct str url, message;
	AUTO_ARENA arena = { 0 };

	s->call = NULL;
	if (answer && answer->status >= 200 && answer->status < 300) {
		api_service_openapi_look(s, take_resources(s, answer->body));
		look_later(s, false);
		tell(s, &api_service_passed);
		return;
	}
	if (--s->tries_left) {
		ask(s);
		return;
	}
	arena_init(&arena, ARENA_DEFAULT_MAX);
	url = str_printf_in(&arena, STR_FMT STR_FMT, STR_ARG(s->target.url),
			    STR_ARG(path_of(s, &arena)));
	message = answer ? str_printf_in(&arena, "bad status from " STR_FMT ": %d", STR_ARG(url),
					 answer->status)
			 : str_from(err->msg);
	fail(s, str_printf_in(&arena, "failing or missing response from " STR_FMT ": " STR_FMT,
			      STR_ARG(url), STR_ARG(message)));
}

/* As upstream, by somebody who may see all of it, and whatever its certificate: the answer decides
 * nothing but what is said of it. */
struct webhook_call *api_service_ask(struct api_service *s, struct str path,
				     const struct webhook_request *what, webhook_done_fn *done)
{
	static const struct str groups[] = { STR_INIT("system:masters") };
	static const struct user aggregator = { .name = STR_INIT("system:kube-aggregator"),
						.groups = groups,
						.group_count = 1 };
	struct webhook_target target = s->target;
	struct webhook_request request = *what;
	struct webhook_call *call;
	struct arena arena;
	struct err err;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	request.target = &target;
	request.method = STR("GET");
	target.url = str_printf_in(&arena, STR_FMT STR_FMT, STR_ARG(s->target.url), STR_ARG(path));
	target.insecure = true;
	target.ca_pem = STR_NONE;
	if (front_proxy_headers(&aggregator, &arena, &request.headers, &err) < 0)
		request.headers.count = 0; /* its name is above, and fits */
	call = webhook_client_start(s->owner->registry->webhooks, &request, done, s);
	arena_deinit(&arena);
	return call;
}

static void ask(struct api_service *s)
{
	static const struct webhook_request request = { .timeout_ms = TIMEOUT_MS,
							.answer_bytes_max = DISCOVERY_BYTES_MAX };
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	s->call = api_service_ask(s, path_of(s, &arena), &request, on_answer);
}

/* --- what the objects say --- */

struct slices {
	struct str service;
	const struct obj **list;
	size_t count, room;
};

static bool add_slice(void *arg, const struct obj *slice)
{
	struct slices *slices = arg;

	if (!str_eq(obj_label(slice, "kubernetes.io/service-name"), slices->service))
		return true;
	if (slices->list)
		slices->list[slices->count] = slice;
	slices->count++;
	return !slices->list || slices->count < slices->room;
}

static void read_slices(struct api_service *s, struct arena *arena, struct api_service_view *view)
{
	struct slices slices = { .service = s->name };
	struct registry *registry = s->owner->registry;

	registry_each(registry, &kind_endpointslice, s->namespace_, add_slice, &slices);
	if (!slices.count)
		return;
	slices.list = arena_array(arena, slices.count, sizeof(slices.list[0]));
	slices.room = slices.count;
	slices.count = 0;
	registry_each(registry, &kind_endpointslice, s->namespace_, add_slice, &slices);
	view->slices = slices.list;
	view->slice_count = slices.count;
}

static void look(struct timer *timer)
{
	struct api_service *s = CONTAINER_OF(timer, struct api_service, timer);
	struct api_service_view view = { .namespace_ = s->namespace_,
					 .name = s->name,
					 .port = s->target.port };
	struct api_service_verdict verdict;
	AUTO_ARENA arena = { 0 };

	if (s->call) {
		s->is_stale_view = true;
		return;
	}
	arena_init(&arena, ARENA_DEFAULT_MAX);
	view.service = registry_get(s->owner->registry, &kind_service, s->namespace_, s->name);
	read_slices(s, &arena, &view);
	api_service_judge(&view, &arena, &verdict);
	if (verdict.needs_discovery) {
		s->tries_left = TRIES_MAX;
		ask(s);
		return;
	}
	if (s->is_fresh)
		s->owner->generation++;
	s->is_fresh = false;
	tell(s, &verdict); /* the objects have to change first */
}

void api_service_check_init(struct api_service *s)
{
	timer_init(&s->timer, s->owner->registry->env, look);
	s->failure_count = 0;
	s->is_stale_view = false;
}

void api_service_check_deinit(struct api_service *s)
{
	timer_stop(&s->timer);
	webhook_call_cancel(s->call);
	s->call = NULL;
	api_service_openapi_deinit(s);
}

void api_service_check(struct api_service *s)
{
	timer_start(&s->timer, SOON_MS);
}

/* --- what they lead to --- */

static void check_those_of(struct aggregation *a, struct str namespace_, struct str name)
{
	size_t cursor = 0;
	struct str key;
	void *value;

	while (map_next(&a->remotes, &cursor, &key, &value)) {
		struct api_service *s = value;

		if (str_eq(s->name, name) && str_eq(s->namespace_, namespace_))
			api_service_check(s);
	}
}

static void on_service(struct store_watcher *watcher, const struct store_event *event)
{
	const struct obj *service = obj_of(event->value, NULL);

	if (service)
		check_those_of(CONTAINER_OF(watcher, struct aggregation, endpoints),
			       service->namespace_, service->name);
}

static void on_slice(struct store_watcher *watcher, const struct store_event *event)
{
	const struct obj *slice = obj_of(event->value, NULL);

	if (slice)
		check_those_of(CONTAINER_OF(watcher, struct aggregation, slices), slice->namespace_,
			       obj_label(slice, "kubernetes.io/service-name"));
}

static void on_end(struct store_watcher *watcher, struct err *err)
{
	if (err->code != ERR_CLOSED)
		log_error("apiserver", "watch of APIServices' endpoints ended: %s", err->msg);
}

void api_services_follow_endpoints(struct aggregation *a, bool follow)
{
	struct store *store = a->registry->store;
	AUTO_ARENA arena = { 0 };

	if (!follow) {
		store_unwatch(&a->endpoints);
		store_unwatch(&a->slices);
		return;
	}
	arena_init(&arena, ARENA_DEFAULT_MAX);
	a->endpoints = (struct store_watcher){ .event = on_service, .end = on_end };
	a->slices = (struct store_watcher){ .event = on_slice, .end = on_end };
	store_watch(store, &a->endpoints, registry_prefix(&arena, &kind_service), false,
		    store_revision(store));
	store_watch(store, &a->slices, registry_prefix(&arena, &kind_endpointslice), false,
		    store_revision(store));
}

void api_services_write_unavailable(const struct aggregation *a, struct buf *to)
{
	size_t cursor = 0;
	struct str name;
	void *value;

	metrics_head(
		to, "aggregator_unavailable_apiservice_total", "counter",
		"Counter of APIServices which are marked as unavailable broken down by APIService "
		"name and reason.");
	while (map_next(&a->services, &cursor, &name, &value)) {
		const struct api_service *s = value;

		for (size_t i = 0; i < UNAVAILABLE_REASONS; i++)
			if (s->unavailable_counts[i])
				buf_printf(to,
					   "aggregator_unavailable_apiservice_total{name=\"" STR_FMT
					   "\",reason=\"%s\"} %llu\n",
					   STR_ARG(name), reasons[i],
					   (unsigned long long)s->unavailable_counts[i]);
	}
}
