/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of upstream's aggregator: its availability controller, its registration and its order.
 */
#include "apiserver/api_service_plan.h"

#include <stdlib.h>
#include "api/condition.h"
#include "api/kind_set.h"
#include "codec/json.h"

const struct api_service_verdict
	api_service_is_local = { "True", "Local",
				 STR_INIT("Local APIServices are always available") },
	api_service_passed = { "True", "Passed", STR_INIT("all checks passed") };

static bool is_ready(yyjson_val *slice)
{
	JSON_EACH (endpoint, json_get(slice, "endpoints"))
		if (json_get_bool(endpoint, "conditions.ready", true))
			return true;
	return false;
}

static bool has_endpoint(const struct api_service_view *view, struct str port_name)
{
	for (size_t i = 0; i < view->slice_count; i++) {
		if (!is_ready(view->slices[i]->root))
			continue;
		JSON_EACH (port, json_get(view->slices[i]->root, "ports"))
			if (str_eq(json_get_str(port, "name"), port_name) && json_get(port, "port"))
				return true;
	}
	return false;
}

static yyjson_val *find_port(const struct api_service_view *view)
{
	JSON_EACH (port, json_get(view->service->root, "spec.ports"))
		if (json_get_int(port, "port", 0) == view->port)
			return port;
	return NULL;
}

void api_service_judge(const struct api_service_view *view, struct arena *arena,
		       struct api_service_verdict *ret)
{
	struct str what = str_printf_in(arena, "service/" STR_FMT " in \"" STR_FMT "\"",
					STR_ARG(view->name), STR_ARG(view->namespace_)),
		   port_name;
	yyjson_val *port;

	*ret = (struct api_service_verdict){ .status = "False" };
	if (!view->service) {
		ret->reason = "ServiceNotFound";
		ret->message = str_printf_in(arena, STR_FMT " is not present", STR_ARG(what));
		return;
	}
	/* others lead to somewhere else: only asking tells */
	ret->needs_discovery = !str_eq_c(json_get_str(view->service->root, "spec.type"),
					 "ClusterIP");
	if (ret->needs_discovery)
		return;
	port = find_port(view);
	port_name = json_get_str(port, "name");
	if (!port) {
		ret->reason = "ServicePortError";
		ret->message = str_printf_in(arena, STR_FMT " is not listening on port %lld",
					     STR_ARG(what), (long long)view->port);
	} else if (!view->slice_count) {
		ret->reason = "EndpointsNotFound";
		ret->message = str_printf_in(arena, "cannot find endpointslices for " STR_FMT,
					     STR_ARG(what));
	} else if (!has_endpoint(view, port_name)) {
		ret->reason = "MissingEndpoints";
		ret->message = str_printf_in(arena,
					     "endpointslices for " STR_FMT
					     " have no addresses with port name \"" STR_FMT "\"",
					     STR_ARG(what), STR_ARG(port_name));
	} else {
		ret->needs_discovery = true;
	}
}

struct str api_service_condition(const struct obj *api_service, const char *key)
{
	return condition_get(api_service->root, "Available", key);
}

bool api_service_is_available(const struct obj *api_service)
{
	return condition_is(api_service->root, "Available", "True");
}

/* --- kept by this server --- */

static bool fits(const struct obj *object, const struct api_service_wish *wish)
{
	yyjson_val *spec = json_get(object->root, "spec");

	return !json_get(spec, "service") && !json_get(spec, "caBundle") &&
	       json_get_int(spec, "groupPriorityMinimum", 0) == wish->group_priority &&
	       json_get_int(spec, "versionPriority", 0) == wish->version_priority;
}

enum api_service_action api_service_plan(const struct api_service_wish *wish,
					 const struct api_service_state *state)
{
	struct str label = state->object ? obj_label(state->object, API_SERVICE_MANAGED) : STR_NONE;
	bool on_start = str_eq_c(label, "onstart");

	if (wish->care == API_SERVICE_ON_START && state->was_synced)
		return API_SERVICE_LEAVE;
	if (!state->object)
		return wish->care ? API_SERVICE_CREATE : API_SERVICE_LEAVE;
	if (!on_start && !str_eq_c(label, "true"))
		return API_SERVICE_LEAVE;
	if (on_start && (!state->was_there || state->was_synced))
		return API_SERVICE_LEAVE;
	if (!wish->care)
		return API_SERVICE_DELETE;
	return fits(state->object, wish) ? API_SERVICE_LEAVE : API_SERVICE_UPDATE;
}

/* --- order --- */

/* While a group's versions are not next to each other yet, its priority is that of its best one. */
static int order_priorities(const void *a, const void *b)
{
	const struct api_group_version *x = a, *y = b;

	if (x->group_priority != y->group_priority)
		return x->group_priority > y->group_priority ? -1 : 1;
	return str_cmp(x->group, y->group);
}

static int order_versions(const void *a, const void *b)
{
	const struct api_group_version *x = a, *y = b;
	int order = order_priorities(a, b);

	if (order)
		return order;
	if (x->version_priority != y->version_priority)
		return x->version_priority > y->version_priority ? -1 : 1;
	return kind_version_order(x->version, y->version);
}

void api_group_versions_sort(struct api_group_version *list, size_t count)
{
	qsort(list, count, sizeof(list[0]), order_priorities);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			if (str_eq(list[j].group, list[i].group)) {
				list[i].group_priority = list[j].group_priority;
				break;
			}
	qsort(list, count, sizeof(list[0]), order_versions);
}
