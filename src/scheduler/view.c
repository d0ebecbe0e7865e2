/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoding. A plain pod costs one allocation; selectors, tolerations and ports go into an arena of
 * the pod that is not allocated when it has none.
 */
#include "scheduler/view.h"

#include "api/node_selector.h"
#include "base/mem.h"
#include "base/num.h"

static enum taint_effect effect_of(struct str text)
{
	if (str_eq(text, STR("NoSchedule")))
		return TAINT_NO_SCHEDULE;
	if (str_eq(text, STR("PreferNoSchedule")))
		return TAINT_PREFER_NO_SCHEDULE;
	if (str_eq(text, STR("NoExecute")))
		return TAINT_NO_EXECUTE;
	return TAINT_ANY;
}

static void read_ports(struct pod_state *pod)
{
	static const struct str any = STR_INIT("0.0.0.0"), tcp = STR_INIT("TCP");
	struct port_use *to = NULL;
	size_t count = 0;

	JSON_EACH (container, pod->containers)
		JSON_EACH (port, yyjson_obj_get(container, "ports"))
			count += json_get_int(port, "hostPort", 0) > 0;
	if (!count)
		return;
	to = arena_array(&pod->arena, count, sizeof(*to));
	JSON_EACH (container, pod->containers)
		JSON_EACH (port, yyjson_obj_get(container, "ports")) {
			struct port_use use = {
				json_get_str(port, "hostIP"),
				json_get_str(port, "protocol"),
				json_get_int(port, "hostPort", 0),
			};

			if (use.port <= 0)
				continue;
			use.host_ip = use.host_ip.len ? use.host_ip : any;
			use.protocol = use.protocol.len ? use.protocol : tcp;
			to[pod->port_count++] = use;
		}
	pod->ports = to;
}

static bool read_term(struct pod_state *pod, yyjson_val *term, int64_t weight, struct pod_term *ret)
{
	yyjson_val *list = yyjson_obj_get(term, "namespaces"),
		   *selector = yyjson_obj_get(term, "namespaceSelector");
	struct str *namespaces;

	*ret = (struct pod_term){ .topology_key = json_get_str(term, "topologyKey"),
				  .weight = weight };
	if (selector_from_object(yyjson_obj_get(term, "labelSelector"), &pod->arena, &ret->selector,
				 NULL) < 0 ||
	    selector_from_object(selector, &pod->arena, &ret->namespace_selector, NULL) < 0)
		return false;
	namespaces = arena_array(&pod->arena, yyjson_arr_size(list) + 1, sizeof(*namespaces));
	JSON_EACH (name, list)
		namespaces[ret->namespace_count++] = json_str(name);
	if (ret->namespace_count == 0 && !selector)
		namespaces[ret->namespace_count++] = pod->namespace_;
	ret->namespaces = namespaces;
	return true;
}

static const struct pod_term *read_required(struct pod_state *pod, yyjson_val *rules,
					    size_t *ret_count)
{
	yyjson_val *list = yyjson_obj_get(rules, "requiredDuringSchedulingIgnoredDuringExecution");
	size_t count = yyjson_arr_size(list);
	struct pod_term *terms;

	*ret_count = 0;
	if (!count)
		return NULL;
	terms = arena_array(&pod->arena, count, sizeof(*terms));
	JSON_EACH (term, list)
		if (read_term(pod, term, 0, &terms[*ret_count]))
			++*ret_count;
	return terms;
}

static void read_preferred(struct pod_state *pod, yyjson_val *affinity, yyjson_val *anti)
{
	static const char *const field = "preferredDuringSchedulingIgnoredDuringExecution";
	size_t count = json_get_count(affinity, field) + json_get_count(anti, field);
	struct pod_term *terms;

	if (!count)
		return;
	terms = arena_array(&pod->arena, count, sizeof(*terms));
	JSON_EACH (term, yyjson_obj_get(affinity, field))
		if (read_term(pod, yyjson_obj_get(term, "podAffinityTerm"),
			      json_get_int(term, "weight", 0), &terms[pod->preferred_count]))
			pod->preferred_count++;
	JSON_EACH (term, yyjson_obj_get(anti, field))
		if (read_term(pod, yyjson_obj_get(term, "podAffinityTerm"),
			      -json_get_int(term, "weight", 0), &terms[pod->preferred_count]))
			pod->preferred_count++;
	pod->preferred = terms;
}

static void read_affinity(struct pod_state *pod, yyjson_val *affinity)
{
	yyjson_val *node = yyjson_obj_get(affinity, "nodeAffinity"),
		   *with = yyjson_obj_get(affinity, "podAffinity"),
		   *apart = yyjson_obj_get(affinity, "podAntiAffinity");

	pod->node_terms = json_get(
		node, "requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms");
	pod->node_preferences = yyjson_obj_get(node,
					       "preferredDuringSchedulingIgnoredDuringExecution");
	pod->affinity = read_required(pod, with, &pod->affinity_count);
	pod->anti_affinity = read_required(pod, apart, &pod->anti_affinity_count);
	read_preferred(pod, with, apart);
}

/* matchLabelKeys: the pod's own values of these labels are required too. */
static void require_own_labels(struct pod_state *pod, yyjson_val *keys, struct selector *selector)
{
	size_t count = yyjson_arr_size(keys);
	struct selector_requirement *requirements;

	if (!count || selector->nothing)
		return;
	requirements = arena_array(&pod->arena, selector->count + count, sizeof(*requirements));
	if (selector->count)
		memcpy(requirements, selector->requirements,
		       selector->count * sizeof(*requirements));
	JSON_EACH (key, keys) {
		yyjson_val *label = json_key(pod->labels, json_str(key));
		struct str *value;

		if (!label)
			continue;
		value = ARENA_NEW(&pod->arena, struct str);
		*value = json_str(label);
		requirements[selector->count++] = (struct selector_requirement){
			.operator= SELECTOR_IN,
			.key = json_str(key),
			.values = value,
			.value_count = 1,
		};
	}
	selector->requirements = requirements;
}

static void read_spreads(struct pod_state *pod, yyjson_val *list)
{
	size_t count = yyjson_arr_size(list);
	struct spread *spreads;

	if (!count)
		return;
	spreads = arena_array(&pod->arena, count, sizeof(*spreads));
	JSON_EACH (c, list) {
		struct spread *s = &spreads[pod->spread_count];

		*s = (struct spread){
			.topology_key = json_get_str(c, "topologyKey"),
			.max_skew = json_get_int(c, "maxSkew", 1),
			.min_domains = json_get_int(c, "minDomains", 1),
			.must = !str_eq(json_get_str(c, "whenUnsatisfiable"),
					STR("ScheduleAnyway")),
			.ignore_affinity = str_eq(json_get_str(c, "nodeAffinityPolicy"),
						  STR("Ignore")),
			.honor_taints = str_eq(json_get_str(c, "nodeTaintsPolicy"), STR("Honor")),
		};
		if (selector_from_object(yyjson_obj_get(c, "labelSelector"), &pod->arena,
					 &s->selector, NULL) < 0)
			continue;
		require_own_labels(pod, yyjson_obj_get(c, "matchLabelKeys"), &s->selector);
		pod->spread_count++;
	}
	pod->spreads = spreads;
}

struct pod_state *pod_state_new(const struct obj *obj)
{
	struct pod_state *pod = NEW(struct pod_state);
	yyjson_val *spec = yyjson_obj_get(obj->root, "spec"),
		   *affinity = yyjson_obj_get(spec, "affinity");

	pod->obj = obj_ref(obj);
	pod->namespace_ = obj->namespace_;
	pod->name = obj->name;
	pod->uid = obj->uid;
	pod->labels = obj->labels;
	pod->node_name = json_get_str(spec, "nodeName");
	pod->controller_uid = obj_controller_uid(obj);
	pod->priority = json_get_int(spec, "priority", 0);
	pod->deleting = obj_is_deleting(obj);
	pod->never_preempts = str_eq(json_get_str(spec, "preemptionPolicy"), STR("Never"));
	pod->containers = yyjson_obj_get(spec, "containers");
	pod->node_selector = yyjson_obj_get(spec, "nodeSelector");
	arena_init(&pod->arena, SCHEDULER_POD_ARENA_BYTES_MAX);
	amounts_of_pod(spec, &pod->request);
	amounts_assumed(spec, &pod->assumed_cpu_milli, &pod->assumed_memory);
	toleration_set_read(&pod->tolerations, yyjson_obj_get(spec, "tolerations"), &pod->arena);
	read_ports(pod);
	if (affinity)
		read_affinity(pod, affinity);
	read_spreads(pod, yyjson_obj_get(spec, "topologySpreadConstraints"));
	return pod;
}

void pod_state_free(struct pod_state *pod)
{
	if (!pod)
		return;
	arena_deinit(&pod->arena);
	obj_unref(pod->obj);
	mem_free(pod);
}

/* --- nodes --- */

struct node_state *node_state_new(struct str name)
{
	struct node_state *node = NEW(struct node_state);

	node->name = str_dup(name);
	arena_init(&node->arena, SCHEDULER_NODE_ARENA_BYTES_MAX);
	arena_init(&node->names, SCHEDULER_NODE_ARENA_BYTES_MAX);
	return node;
}

static void read_taints(struct node_state *node, yyjson_val *list)
{
	struct taint *taints = arena_array(&node->arena, yyjson_arr_size(list) + 1,
					   sizeof(*taints));

	JSON_EACH (t, list) {
		struct taint taint = { json_get_str(t, "key"), json_get_str(t, "value"),
				       effect_of(json_get_str(t, "effect")) };

		node->prefer_taint_count += taint.effect == TAINT_PREFER_NO_SCHEDULE;
		taints[node->taint_count++] = taint;
	}
	node->taints = taints;
}

void node_state_set(struct node_state *node, const struct obj *obj)
{
	const struct obj *old = node->obj;
	yyjson_val *spec, *resources;

	node->obj = obj_ref(obj);
	obj_unref(old);
	arena_reset(&node->arena);
	node->labels = NULL;
	node->taint_count = node->prefer_taint_count = 0;
	if (!obj)
		return;
	spec = yyjson_obj_get(obj->root, "spec");
	node->labels = obj->labels;
	node->unschedulable = json_get_bool(spec, "unschedulable", false);
	resources = json_get(obj->root, "status.allocatable");
	amounts_read(resources ? resources : json_get(obj->root, "status.capacity"),
		     &node->allocatable);
	read_taints(node, yyjson_obj_get(spec, "taints"));
}

void node_state_free(struct node_state *node)
{
	obj_unref(node->obj);
	arena_deinit(&node->arena);
	arena_deinit(&node->names);
	mem_free(node->pods);
	mem_free((void *)node->name.ptr);
	mem_free(node);
}

static void account(struct node_state *node, const struct pod_state *pod, int sign)
{
	amounts_add(&node->requested, &pod->request, sign, &node->names);
	node->assumed_cpu_milli += sign * pod->assumed_cpu_milli;
	node->assumed_memory += sign * pod->assumed_memory;
	node->port_count += (size_t)sign * pod->port_count;
}

void node_add_pod(struct node_state *node, struct pod_state *pod)
{
	if (node->pod_count == node->pod_cap) {
		node->pod_cap = node->pod_cap ? node->pod_cap * 2 : 8;
		node->pods = mem_realloc_array(node->pods, node->pod_cap,
					       sizeof(struct pod_state *));
	}
	pod->node = node;
	pod->position = node->pod_count;
	node->pods[node->pod_count++] = pod;
	account(node, pod, 1);
}

void node_remove_pod(struct node_state *node, struct pod_state *pod)
{
	struct pod_state *moved = node->pods[--node->pod_count];

	node->pods[pod->position] = moved;
	moved->position = pod->position;
	pod->node = NULL;
	account(node, pod, -1);
}

/* --- matching --- */

bool pod_tolerates(const struct pod_state *pod, const struct taint *taint)
{
	static const struct str effects[] = { STR_INIT("NoSchedule"), STR_INIT("PreferNoSchedule"),
					      STR_INIT("NoExecute"), STR_INIT("") };
	struct taint_words words = { taint->key, taint->value, effects[taint->effect] };

	return toleration_set_find(&pod->tolerations, &words) != NULL;
}

struct str node_label(const struct node_state *node, struct str key)
{
	return json_str(json_key(node->labels, key));
}

bool node_has_label(const struct node_state *node, struct str key)
{
	return json_key(node->labels, key) != NULL;
}

/* nodeSelectorTerms: any term matches. */
static bool node_terms_match(yyjson_val *terms, const struct node_state *node)
{
	return node_selector_terms_match(terms, node->labels, node->name);
}

bool node_term_matches(yyjson_val *term, const struct node_state *node)
{
	return node_selector_term_matches(term, node->labels, node->name);
}

bool node_is_selected(const struct pod_state *pod, const struct node_state *node)
{
	return node_selector_map_matches(pod->node_selector, node->labels) &&
	       (!pod->node_terms || node_terms_match(pod->node_terms, node));
}
