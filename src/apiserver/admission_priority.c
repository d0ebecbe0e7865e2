/* SPDX-License-Identifier: Apache-2.0 */
/* Priority and RuntimeClass: what classes that pods name make of them. */
#include "apiserver/admission.h"

#include "apiserver/registry.h"

static bool is_pod(const struct operation *op)
{
	return op->kind == &kind_pod && !op->subresource.len;
}

/* ---- Priority ---- */

struct priority_search {
	const struct obj *found;
};

/* Of several defaults, which only a race can make, the lowest. */
static bool is_global_default(void *arg, const struct obj *obj)
{
	struct priority_search *search = arg;

	if (!json_get_bool(obj->root, "globalDefault", false))
		return true;
	if (!search->found ||
	    json_get_int(obj->root, "value", 0) < json_get_int(search->found->root, "value", 0))
		search->found = obj;
	return true;
}

struct priority {
	struct str class, policy; /* an empty policy: the class says nothing of it */
	int64_t value;
};

/* What every cluster has, also while its objects are still on their way. */
static bool find_system_class(struct str name, struct priority *ret)
{
	static const struct {
		const char *name;
		int64_t value;
	} classes[] = { { "system-cluster-critical", 2000000000 },
			{ "system-node-critical", 2000001000 } };

	for (size_t i = 0; i < ARRAY_COUNT(classes); i++)
		if (str_eq_c(name, classes[i].name)) {
			*ret = (struct priority){ name, STR("PreemptLowerPriority"),
						  classes[i].value };
			return true;
		}
	return false;
}

static int find_priority(struct operation *op, struct str name, struct priority *ret)
{
	struct priority_search search = { 0 };

	if (find_system_class(name, ret))
		return 0;
	if (name.len)
		search.found = registry_get_pending(op->registry, &kind_priorityclass, STR_NONE,
						    name);
	else
		registry_each(op->registry, &kind_priorityclass, STR_NONE, is_global_default,
			      &search);
	if (name.len && !search.found)
		return refusal_forbidden(&op->refusal, operation_subject(op),
					 "no PriorityClass with name " STR_FMT " was found",
					 STR_ARG(name));
	*ret = (struct priority){ .policy = STR("PreemptLowerPriority") };
	if (search.found)
		*ret = (struct priority){ search.found->name,
					  json_get_str(search.found->root, "preemptionPolicy"),
					  json_get_int(search.found->root, "value", 0) };
	return 0;
}

/* What an update leaves out is as it was. */
static int keep_priority(struct operation *op, yyjson_mut_val *spec)
{
	static const char *const kept[] = { "priority", "preemptionPolicy" };
	yyjson_val *old = json_get(op->edit.old, "spec");

	for (size_t i = 0; i < ARRAY_COUNT(kept); i++)
		if (!json_mut_get(spec, kept[i]) && json_get(old, kept[i]))
			json_set(op->edit.doc, spec, kept[i],
				 json_copy_at(op->edit.doc, old, kept[i]));
	return 0;
}

int priority_admit(struct operation *op)
{
	yyjson_mut_val *spec = json_mut_get(op->edit.root, "spec");
	struct priority found = { 0 };
	struct str given;

	if (!is_pod(op))
		return 0;
	if (op->edit.old)
		return keep_priority(op, spec);
	if (find_priority(op, json_mut_get_str(spec, "priorityClassName"), &found) < 0)
		return -1;
	if (found.class.len)
		json_set_str(op->edit.doc, spec, "priorityClassName", found.class);
	if (json_mut_get(spec, "priority") && json_mut_get_int(spec, "priority", 0) != found.value)
		return refusal_forbidden(
			&op->refusal, operation_subject(op),
			"the integer value of priority (%lld) must not be provided in pod spec; "
			"priority admission controller computed %lld from the given PriorityClass "
			"name",
			(long long)json_mut_get_int(spec, "priority", 0), (long long)found.value);
	json_set_int(op->edit.doc, spec, "priority", found.value);
	given = json_mut_get_str(spec, "preemptionPolicy");
	if (given.len && found.policy.len && !str_eq(given, found.policy))
		return refusal_forbidden(
			&op->refusal, operation_subject(op),
			"the string value of PreemptionPolicy (" STR_FMT
			") must not be provided in pod spec; priority admission controller "
			"computed " STR_FMT " from the given PriorityClass name",
			STR_ARG(given), STR_ARG(found.policy));
	if (found.policy.len)
		json_set_str(op->edit.doc, spec, "preemptionPolicy", found.policy);
	return 0;
}

int priority_class_validate(struct operation *op)
{
	struct priority_search search = { 0 };

	if (op->kind != &kind_priorityclass || op->subresource.len ||
	    !json_mut_get_bool(op->edit.root, "globalDefault", false))
		return 0;
	registry_each(op->registry, &kind_priorityclass, STR_NONE, is_global_default, &search);
	if (!search.found || (op->edit.old && str_eq(search.found->name, op->name)))
		return 0;
	return refusal_forbidden(&op->refusal, operation_subject(op),
				 "PriorityClass " STR_FMT
				 " is already marked as default. Only one default can exist",
				 STR_ARG(search.found->name));
}

/* ---- RuntimeClass ---- */

/* 1: *ret_class; 0: the pod names none. */
static int find_runtime_class(struct operation *op, const struct obj **ret_class)
{
	struct str name = json_mut_get_str(op->edit.root, "spec.runtimeClassName");

	if (!json_mut_get(op->edit.root, "spec.runtimeClassName"))
		return 0;
	*ret_class = registry_get_pending(op->registry, &kind_runtimeclass, STR_NONE, name);
	if (*ret_class)
		return 1;
	return refusal_forbidden(&op->refusal, operation_subject(op),
				 "pod rejected: RuntimeClass \"" STR_FMT "\" not found",
				 STR_ARG(name));
}

static int set_overhead(struct operation *op, yyjson_mut_val *spec, yyjson_val *fixed)
{
	yyjson_mut_val *given = json_mut_get(spec, "overhead");

	if (!fixed)
		return 0;
	if (given && !json_mixed_equal(given, fixed))
		return refusal_forbidden(
			&op->refusal, operation_subject(op),
			"pod rejected: Pod's Overhead doesn't match RuntimeClass's "
			"defined Overhead");
	json_set(op->edit.doc, spec, "overhead", json_copy(op->edit.doc, fixed));
	return 0;
}

static int add_node_selector(struct operation *op, yyjson_mut_val *spec, yyjson_val *selector)
{
	yyjson_mut_val *own;

	if (!yyjson_obj_size(selector))
		return 0;
	own = json_ensure_object(op->edit.doc, spec, "nodeSelector");
	JSON_MEMBERS (key, value, selector) {
		struct str name = json_str(key), wanted = json_str(value),
			   given = json_mut_str(json_mut_key(own, name));

		if (json_mut_key(own, name) && !str_eq(given, wanted))
			return refusal_forbidden(
				&op->refusal, operation_subject(op),
				"conflict: runtimeClass.scheduling.nodeSelector[" STR_FMT
				"] = " STR_FMT "; pod.spec.nodeSelector[" STR_FMT "] = " STR_FMT,
				STR_ARG(name), STR_ARG(wanted), STR_ARG(name), STR_ARG(given));
		json_put_str(op->edit.doc, own, name, wanted);
	}
	return 0;
}

static void add_tolerations(struct operation *op, yyjson_mut_val *spec, yyjson_val *tolerations)
{
	JSON_EACH (toleration, tolerations) {
		yyjson_mut_val *own = json_ensure_array(op->edit.doc, spec, "tolerations");
		bool is_there = false;

		JSON_MUT_EACH (there, own)
			is_there |= json_mixed_equal(there, toleration);
		if (!is_there)
			yyjson_mut_arr_append(own, json_copy(op->edit.doc, toleration));
	}
}

int runtime_class_admit(struct operation *op)
{
	yyjson_mut_val *spec = json_mut_get(op->edit.root, "spec");
	const struct obj *class;
	int found;

	if (!is_pod(op) || op->edit.old)
		return 0;
	found = find_runtime_class(op, &class);
	if (found <= 0)
		return found;
	if (set_overhead(op, spec, json_get(class->root, "overhead.podFixed")) < 0 ||
	    add_node_selector(op, spec, json_get(class->root, "scheduling.nodeSelector")) < 0)
		return -1;
	add_tolerations(op, spec, json_get(class->root, "scheduling.tolerations"));
	return 0;
}

int runtime_class_validate(struct operation *op)
{
	yyjson_mut_val *given = json_mut_get(op->edit.root, "spec.overhead");
	const struct obj *class;
	yyjson_val *fixed;
	int found;

	if (!is_pod(op) || op->edit.old)
		return 0;
	found = find_runtime_class(op, &class);
	if (found < 0)
		return -1;
	fixed = found ? json_get(class->root, "overhead.podFixed") : NULL;
	if (fixed && !json_mixed_equal(given, fixed))
		return refusal_forbidden(
			&op->refusal, operation_subject(op),
			"pod rejected: Pod's Overhead doesn't match RuntimeClass's "
			"defined Overhead");
	if (!fixed && given)
		return refusal_forbidden(&op->refusal, operation_subject(op),
					 "pod rejected: Pod Overhead set without corresponding "
					 "RuntimeClass defined Overhead");
	return 0;
}
