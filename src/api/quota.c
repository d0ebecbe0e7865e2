/* SPDX-License-Identifier: Apache-2.0 */
/* ResourceQuota. Names and rules are those of upstream's evaluators for pods, services, claims and
 * plain objects. */
#include "api/quota.h"

#include <stdlib.h>
#include "base/time.h"

/* --- usage --- */

static struct str prefixed(struct resource_list *list, const char *prefix, struct str name)
{
	return str_printf_in(list->arena, "%s" STR_FMT, prefix, STR_ARG(name));
}

static bool is_compute(struct str name)
{
	return str_eq_c(name, "cpu") || str_eq_c(name, "memory") ||
	       str_eq_c(name, "ephemeral-storage");
}

static bool is_extended(struct str name)
{
	return str_find_char(name, '/', 0) != SIZE_MAX &&
	       !str_contains(name, STR("kubernetes.io/"));
}

static void count_amounts(const struct resource_list *requests, const struct resource_list *limits,
			  struct resource_list *ret)
{
	for (size_t i = 0; i < requests->count; i++) {
		const struct resource_amount *item = &requests->items[i];
		bool plain = is_compute(item->name) ||
			     str_has_prefix(item->name, STR("hugepages-"));

		if (plain)
			resource_list_add(ret, item->name, &item->quantity);
		if (plain || is_extended(item->name))
			resource_list_add(ret, prefixed(ret, "requests.", item->name),
					  &item->quantity);
	}
	for (size_t i = 0; i < limits->count; i++) {
		const struct resource_amount *item = &limits->items[i];

		if (is_compute(item->name))
			resource_list_add(ret, prefixed(ret, "limits.", item->name),
					  &item->quantity);
	}
}

static bool is_over(yyjson_val *pod, int64_t now_ns)
{
	struct str phase = json_get_str(pod, "status.phase"),
		   deleted = json_get_str(pod, "metadata.deletionTimestamp");
	int64_t at_ns;

	if (str_eq_c(phase, "Failed") || str_eq_c(phase, "Succeeded"))
		return true;
	if (!deleted.len || time_parse(deleted, &at_ns, NULL) < 0)
		return false;
	return now_ns > at_ns + json_get_int(pod, "metadata.deletionGracePeriodSeconds", 0) *
					TIME_NS_PER_SECOND;
}

static void pod_usage(yyjson_val *pod, int64_t now_ns, struct resource_list *ret)
{
	struct resource_list requests, limits;

	if (is_over(pod, now_ns))
		return;
	resource_list_init(&requests, ret->arena);
	resource_list_init(&limits, ret->arena);
	pod_resources(json_get(pod, "spec"), POD_REQUESTS, &requests);
	pod_resources(json_get(pod, "spec"), POD_LIMITS, &limits);
	resource_list_add_count(ret, STR("pods"), 1);
	count_amounts(&requests, &limits, ret);
}

static void service_usage(yyjson_val *service, int64_t now_ns, struct resource_list *ret)
{
	struct str type = json_get_str(service, "spec.type");
	int64_t ports = 0;

	(void)now_ns; /* services do not end by themselves */
	resource_list_add_count(ret, STR("services"), 1);
	if (str_eq_c(type, "NodePort")) {
		ports = (int64_t)json_get_count(service, "spec.ports");
	} else if (str_eq_c(type, "LoadBalancer")) {
		bool all = json_get_bool(service, "spec.allocateLoadBalancerNodePorts", true);

		JSON_EACH (port, json_get(service, "spec.ports"))
			ports += all || json_get_int(port, "nodePort", 0) != 0;
		resource_list_add_count(ret, STR("services.loadbalancers"), 1);
	}
	resource_list_add_count(ret, STR("services.nodeports"), ports);
}

static void claim_usage(yyjson_val *claim, int64_t now_ns, struct resource_list *ret)
{
	struct str class = json_get_str(claim, "spec.storageClassName");
	struct quantity size, allocated;
	bool has_size = quantity_parse(json_get_str(claim, "spec.resources.requests.storage"),
				       &size, NULL) == 0;

	(void)now_ns; /* claims do not end by themselves */
	if (has_size &&
	    quantity_parse(json_get_str(claim, "status.allocatedResources.storage"), &allocated,
			   NULL) == 0 &&
	    quantity_cmp(&allocated, &size) > 0)
		size = allocated;
	resource_list_add_count(ret, STR("persistentvolumeclaims"), 1);
	if (has_size)
		resource_list_add(ret, STR("requests.storage"), &size);
	if (!class.len)
		return;
	class = str_printf_in(ret->arena, STR_FMT ".storageclass.storage.k8s.io/", STR_ARG(class));
	resource_list_add_count(
		ret, str_printf_in(ret->arena, STR_FMT "persistentvolumeclaims", STR_ARG(class)),
		1);
	if (has_size)
		resource_list_add(
			ret, str_printf_in(ret->arena, STR_FMT "requests.storage", STR_ARG(class)),
			&size);
}

/* What kinds count for beside "count/<resource>.<group>". */
static const struct evaluator {
	const struct kind *kind;
	void (*usage)(yyjson_val *object, int64_t now_ns, struct resource_list *ret);
	const char *plain_name; /* "secrets": an older name for the count */
} evaluators[] = {
	{ .kind = &kind_pod, .usage = pod_usage },
	{ .kind = &kind_service, .usage = service_usage },
	{ .kind = &kind_persistentvolumeclaim, .usage = claim_usage },
	{ .kind = &kind_configmap, .plain_name = "configmaps" },
	{ .kind = &kind_secret, .plain_name = "secrets" },
	{ .kind = &kind_replicationcontroller, .plain_name = "replicationcontrollers" },
	{ .kind = &kind_resourcequota, .plain_name = "resourcequotas" },
};

static const struct evaluator *evaluator_of(const struct kind *kind)
{
	for (size_t i = 0; i < ARRAY_COUNT(evaluators); i++)
		if (evaluators[i].kind == kind)
			return &evaluators[i];
	return NULL;
}

static bool is_count_of(const struct kind *kind, struct str name)
{
	return str_strip_prefix(&name, STR("count/")) && str_strip_prefix(&name, kind->plural) &&
	       (kind->group.len ? str_strip_prefix(&name, STR(".")) && str_eq(name, kind->group)
				: name.len == 0);
}

void quota_usage(const struct kind *kind, yyjson_val *object, int64_t now_ns,
		 struct resource_list *ret)
{
	const struct evaluator *evaluator = evaluator_of(kind);

	resource_list_add_count(ret,
				str_printf_in(ret->arena, "count/" STR_FMT "%s" STR_FMT,
					      STR_ARG(kind->plural), kind->group.len ? "." : "",
					      STR_ARG(kind->group)),
				1);
	if (evaluator && evaluator->plain_name)
		resource_list_add_count(ret, str_from(evaluator->plain_name), 1);
	if (evaluator && evaluator->usage)
		evaluator->usage(object, now_ns, ret);
}

static bool is_pod_resource(struct str name)
{
	bool is_request = str_strip_prefix(&name, STR("requests."));

	if (is_request && is_extended(name))
		return true;
	if (is_request && str_eq_c(name, "storage"))
		return false;
	if (!is_request && !str_strip_prefix(&name, STR("limits.")) && str_eq_c(name, "pods"))
		return true;
	return is_compute(name) || str_has_prefix(name, STR("hugepages-"));
}

bool quota_is_about(const struct kind *kind, struct str name)
{
	const struct evaluator *evaluator = evaluator_of(kind);

	if (is_count_of(kind, name))
		return true;
	if (evaluator && evaluator->plain_name)
		return str_eq_c(name, evaluator->plain_name);
	if (kind == &kind_pod)
		return is_pod_resource(name);
	if (kind == &kind_service)
		return str_eq_c(name, "services") || str_eq_c(name, "services.nodeports") ||
		       str_eq_c(name, "services.loadbalancers");
	return kind == &kind_persistentvolumeclaim &&
	       (str_eq_c(name, "persistentvolumeclaims") || str_eq_c(name, "requests.storage") ||
		str_contains(name, STR(".storageclass.storage.k8s.io/")));
}

/* --- scopes --- */

static bool is_set(yyjson_val *container, const char *which, const char *name)
{
	yyjson_val *list = json_get(json_get(container, "resources"), which);
	struct quantity q;

	return quantity_parse(json_get_str(list, name), &q, NULL) == 0 && q.nano != 0;
}

static bool asks_for_something(yyjson_val *containers)
{
	JSON_EACH (container, containers) {
		if (is_set(container, "requests", "cpu") ||
		    is_set(container, "requests", "memory") || is_set(container, "limits", "cpu") ||
		    is_set(container, "limits", "memory"))
			return true;
	}
	return false;
}

static bool is_best_effort(yyjson_val *pod)
{
	yyjson_val *spec = json_get(pod, "spec");

	return !asks_for_something(json_get(spec, "containers")) &&
	       !asks_for_something(json_get(spec, "initContainers")) &&
	       !is_set(spec, "requests", "cpu") && !is_set(spec, "requests", "memory") &&
	       !is_set(spec, "limits", "cpu") && !is_set(spec, "limits", "memory");
}

static bool reaches_other_namespaces(yyjson_val *terms, const char *inner)
{
	JSON_EACH (each, terms) {
		yyjson_val *term = inner ? json_get(each, inner) : each;

		if (json_get_count(term, "namespaces") || json_get(term, "namespaceSelector"))
			return true;
	}
	return false;
}

static bool has_cross_namespace_affinity(yyjson_val *pod)
{
	static const char *const names[] = { "podAffinity", "podAntiAffinity" };

	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		yyjson_val *affinity = json_get(json_get(pod, "spec.affinity"), names[i]);

		if (reaches_other_namespaces(
			    json_get(affinity, "requiredDuringSchedulingIgnoredDuringExecution"),
			    NULL) ||
		    reaches_other_namespaces(
			    json_get(affinity, "preferredDuringSchedulingIgnoredDuringExecution"),
			    "podAffinityTerm"))
			return true;
	}
	return false;
}

/* A label selector's operators over one value that may be missing. */
static bool matches_value(struct str operator, yyjson_val * values, struct str value)
{
	bool is_in = false;

	if (str_eq_c(operator, "Exists"))
		return value.len > 0;
	if (str_eq_c(operator, "DoesNotExist"))
		return value.len == 0;
	JSON_EACH (one, values)
		is_in |= value.len > 0 && str_eq(json_str(one), value);
	return str_eq_c(operator, "In") ? is_in : str_eq_c(operator, "NotIn") && !is_in;
}

bool quota_scope_matches(const struct kind *kind, yyjson_val *object, struct str scope,
			 struct str operator, yyjson_val * values)
{
	bool terminating = json_get_int(object, "spec.activeDeadlineSeconds", -1) >= 0;

	if (kind == &kind_persistentvolumeclaim && str_eq_c(scope, "VolumeAttributesClass"))
		return matches_value(operator, values,
				     json_get_str(object, "spec.volumeAttributesClassName"));
	if (kind != &kind_pod)
		return false;
	if (str_eq_c(scope, "Terminating"))
		return terminating;
	if (str_eq_c(scope, "NotTerminating"))
		return !terminating;
	if (str_eq_c(scope, "BestEffort"))
		return is_best_effort(object);
	if (str_eq_c(scope, "NotBestEffort"))
		return !is_best_effort(object);
	if (str_eq_c(scope, "PriorityClass"))
		return matches_value(operator, values,
				     json_get_str(object, "spec.priorityClassName"));
	return str_eq_c(scope, "CrossNamespacePodAffinity") && has_cross_namespace_affinity(object);
}

bool quota_selects(yyjson_val *quota, const struct kind *kind, yyjson_val *object)
{
	JSON_EACH (scope, json_get(quota, "spec.scopes")) {
		if (!quota_scope_matches(kind, object, json_str(scope), STR("Exists"), NULL))
			return false;
	}
	JSON_EACH (expression, json_get(quota, "spec.scopeSelector.matchExpressions")) {
		if (!quota_scope_matches(kind, object, json_get_str(expression, "scopeName"),
				   json_get_str(expression, "operator"),
				   json_get(expression, "values")))
			return false;
	}
	return true;
}

/* --- charging --- */

struct charge {
	struct arena *arena;
	struct resource_list hard, used;
	struct str quota_name;
};

static int compare(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* Names of the containers that say nothing of a resource the quota limits: "a,b". */
static struct str containers_without(struct charge *c, yyjson_val *pod, struct str resource)
{
	static const char *const lists[] = { "containers", "initContainers" };
	struct str told = STR_NONE;

	for (size_t i = 0; i < ARRAY_COUNT(lists); i++)
		JSON_EACH (container, json_get(json_get(pod, "spec"), lists[i])) {
			struct resource_list requests, limits, usage;

			resource_list_init(&requests, c->arena);
			resource_list_init(&limits, c->arena);
			resource_list_init(&usage, c->arena);
			resource_list_read(&requests, json_get(container, "resources.requests"));
			resource_list_read(&limits, json_get(container, "resources.limits"));
			count_amounts(&requests, &limits, &usage);
			if (resource_list_get(&usage, resource))
				continue;
			told = str_printf_in(c->arena, STR_FMT "%s" STR_FMT, STR_ARG(told),
					     told.len ? "," : "",
					     STR_ARG(json_get_str(container, "name")));
		}
	return told;
}

/* "cpu for: a; limits.memory for: a,b"; empty when every container says what it must. */
static struct str missing_of(struct charge *c, yyjson_val *pod)
{
	static const char *const names[] = { "cpu",    "limits.cpu",   "limits.memory",
					     "memory", "requests.cpu", "requests.memory" };
	struct resource_list whole, requests, limits;
	struct str parts[ARRAY_COUNT(names)];
	size_t count = 0;

	resource_list_init(&requests, c->arena);
	resource_list_init(&limits, c->arena);
	resource_list_init(&whole, c->arena);
	resource_list_read(&requests, json_get(pod, "spec.resources.requests"));
	resource_list_read(&limits, json_get(pod, "spec.resources.limits"));
	count_amounts(&requests, &limits, &whole);
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		struct str name = str_from(names[i]), without;

		if (!resource_list_get(&c->hard, name) || resource_list_get(&whole, name))
			continue;
		without = containers_without(c, pod, name);
		if (without.len)
			parts[count++] = str_printf_in(c->arena, "%s for: " STR_FMT, names[i],
						       STR_ARG(without));
	}
	qsort(parts, count, sizeof(parts[0]), compare);
	return str_join_in(c->arena, parts, count, STR("; "));
}

/* Names that the write concerns but whose usage nobody has counted yet. */
static struct str unknown_of(struct charge *c, const struct kind *kind)
{
	struct str told = STR_NONE;

	for (size_t i = 0; i < c->hard.count; i++) {
		struct str name = c->hard.items[i].name;

		if (quota_is_about(kind, name) && !resource_list_get(&c->used, name))
			told = str_printf_in(c->arena, STR_FMT "%s" STR_FMT, STR_ARG(told),
					     told.len ? "," : "", STR_ARG(name));
	}
	return told;
}

/* The write's usage less that of what it replaces, of what the quota limits; without zeros. */
static void delta_of(struct charge *c, const struct quota_request *request,
		     struct resource_list *ret)
{
	struct resource_list now, before;

	resource_list_init(&now, c->arena);
	resource_list_init(&before, c->arena);
	resource_list_init(ret, c->arena);
	quota_usage(request->kind, request->object, request->now_ns, &now);
	if (request->old)
		quota_usage(request->kind, request->old, request->now_ns, &before);
	for (size_t i = 0; i < before.count; i++) {
		struct quantity q = before.items[i].quantity;

		q.nano = -q.nano;
		resource_list_add(&now, before.items[i].name, &q);
	}
	for (size_t i = 0; i < now.count; i++)
		if (now.items[i].quantity.nano != 0 &&
		    resource_list_get(&c->hard, now.items[i].name))
			resource_list_set(ret, now.items[i].name, &now.items[i].quantity);
}

static struct str exceeded_text(struct charge *c, const struct resource_list *exceeded)
{
	return str_printf_in(c->arena,
			     "exceeded quota: " STR_FMT ", requested: " STR_FMT ", used: " STR_FMT
			     ", limited: " STR_FMT,
			     STR_ARG(c->quota_name), STR_ARG(resource_list_text(exceeded, NULL)),
			     STR_ARG(resource_list_text(&c->used, exceeded)),
			     STR_ARG(resource_list_text(&c->hard, exceeded)));
}

bool quota_charge(yyjson_val *quota, const struct quota_request *request,
		  struct resource_list *ret_used, bool *ret_changed, struct str *ret_refusal)
{
	struct charge c = { .arena = ret_used->arena,
			    .quota_name = json_get_str(quota, "metadata.name") };
	struct resource_list delta, exceeded, used;
	struct str text;

	resource_list_init(&c.hard, c.arena);
	resource_list_init(&c.used, c.arena);
	resource_list_init(&exceeded, c.arena);
	resource_list_init(&used, c.arena);
	resource_list_read(&c.hard, json_get(quota, "status.hard"));
	resource_list_read(&c.used, json_get(quota, "status.used"));
	text = request->kind == &kind_pod ? missing_of(&c, request->object) : STR_NONE;
	if (text.len) {
		*ret_refusal = str_printf_in(c.arena,
					     "failed quota: " STR_FMT ": must specify " STR_FMT,
					     STR_ARG(c.quota_name), STR_ARG(text));
		return false;
	}
	text = unknown_of(&c, request->kind);
	if (text.len) {
		*ret_refusal = str_printf_in(
			c.arena, "status unknown for quota: " STR_FMT ", resources: " STR_FMT,
			STR_ARG(c.quota_name), STR_ARG(text));
		return false;
	}
	delta_of(&c, request, &delta);
	resource_list_sum(&used, &c.used);
	resource_list_sum(&used, &delta);
	for (size_t i = 0; i < delta.count; i++) {
		const struct resource_amount *item = &delta.items[i];

		if (item->quantity.nano > 0 &&
		    quantity_cmp(resource_list_get(&used, item->name),
				 resource_list_get(&c.hard, item->name)) > 0)
			resource_list_set(&exceeded, item->name, &item->quantity);
	}
	if (exceeded.count) {
		*ret_refusal = exceeded_text(&c, &exceeded);
		return false;
	}
	*ret_changed = delta.count > 0;
	*ret_used = used;
	return true;
}
