/* SPDX-License-Identifier: Apache-2.0 */
/* DeviceClass and ResourceSlice of resource.k8s.io/v1. */
#include "api/kinds/dra.h"
#include "api/kinds/frozen.h"
#include "api/kinds/limits.h"
#include "api/kinds/pod_spec.h"
#include "api/kinds/resource_name.h"
#include "api/kinds/workload.h"
#include "api/quantity.h"
#include "base/time.h"

static void resourceslice_default(struct edit *e)
{
	char now[TIME_TEXT_BYTES];

	JSON_MUT_EACH (device, json_mut_get(e->root, "spec.devices"))
		JSON_MUT_EACH (taint, yyjson_mut_obj_get(device, "taints"))
			default_str(e, taint, "timeAdded", time_format(e->now_ns, now));
}

/* ---- DeviceClass ---- */

static void check_extended_name(const struct scope *s, const struct field_path *path,
				yyjson_mut_val *v)
{
	if (v && !resource_is_extended(json_mut_str(v)))
		field_invalid_str(s->errors, path, json_mut_str(v),
				  "must be a valid extended resource name");
}

static const struct rule class_config_rules[] = { RULE_CALL(NULL, rule_device_config), { 0 } };

static const struct rule class_spec_rules[] = {
	RULE_CALL("selectors", rule_device_selectors),
	RULE_FEW("config", DEVICE_CONFIGS_MAX, class_config_rules),
	RULE_CALL("extendedResourceName", check_extended_name),
	{ 0 },
};

static const struct rule class_rules[] = { RULE_INSIDE("spec", class_spec_rules), { 0 } };

static void deviceclass_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, class_rules, errors);
}

const struct strategy strategy_deviceclass = { .validate = deviceclass_validate };

/* ---- attributes ---- */

static void check_version(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	static const char semver[] = "^(0|[1-9]\\d*)\\.(0|[1-9]\\d*)\\.(0|[1-9]\\d*)"
				     "(-(0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)(\\.(0|[1-9]\\d*|"
				     "\\d*[a-zA-Z-][0-9a-zA-Z-]*"
				     "))*)?(\\+[0-9a-zA-Z-]+(\\.[0-9a-zA-Z-]+)*)?$";
	struct str text = json_mut_str(v);

	if (!v)
		return;
	if (!text_matches(s->errors->arena, semver, text))
		field_invalid_str(s->errors, path, text,
				  "must be a string compatible with semver.org spec 2.0.0");
	if (text.len > DEVICE_ATTRIBUTE_BYTES_MAX)
		field_too_long(s->errors, path, DEVICE_ATTRIBUTE_BYTES_MAX);
}

static void check_attribute(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	static const struct rule rules[] = {
		RULE_LENGTH("string", DEVICE_ATTRIBUTE_BYTES_MAX),
		RULE_CALL("version", check_version),
		{ 0 },
	};
	size_t count = yyjson_mut_obj_size(v);

	rules_check(s, rules, path, v);
	if (count == 0)
		field_invalid_str(s->errors, path, STR(""), "exactly one value must be specified");
	else if (count > 1)
		field_invalid_val(s->errors, path, v, "exactly one value must be specified");
}

/* ---- amounts that claims share ---- */

static bool read_amount(yyjson_mut_val *object, const char *key, struct quantity *ret)
{
	yyjson_mut_val *v = yyjson_mut_obj_get(object, key);

	return v && quantity_parse(json_mut_str(v), ret, NULL) == 0;
}

static const char *said(const struct scope *s, const char *what, struct str amount)
{
	return str_printf_in(s->errors->arena, "%s: " STR_FMT, what, STR_ARG(amount)).ptr;
}

struct policy {
	struct quantity most, preset; /* the capacity's value, and what who says nothing gets */
	struct str most_text, preset_text;
};

static void check_choices(const struct scope *s, const struct field_path *path,
			  yyjson_mut_val *list, const struct policy *policy)
{
	bool found = false;
	struct quantity before = { 0 }, q;
	size_t i = 0;

	JSON_MUT_EACH (item, list) {
		if (quantity_parse(json_mut_str(item), &q, NULL) == 0) {
			if (i && quantity_cmp(&before, &q) > 0)
				field_invalid_str(s->errors, FIELD_INDEX(path, i),
						  json_mut_str(item),
						  "values must be sorted in ascending order");
			before = q;
		}
		i++;
	}
	if (i > DEVICE_CAPACITY_CHOICES_MAX) {
		field_too_many(s->errors, path, i, DEVICE_CAPACITY_CHOICES_MAX);
	} else {
		i = 0;
		JSON_MUT_EACH (item, list) {
			const struct field_path *here = FIELD_INDEX(path, i++);

			if (quantity_parse(json_mut_str(item), &q, NULL) < 0)
				continue;
			if (quantity_cmp(&q, &policy->most) > 0)
				field_invalid_str(s->errors, here, json_mut_str(item),
						  said(s, "option is larger than capacity value",
						       policy->most_text));
			found |= quantity_cmp(&q, &policy->preset) == 0;
		}
	}
	if (!found)
		field_invalid_str(s->errors, path, policy->preset_text,
				  "default value is not valid according to the requestPolicy");
}

static void check_step_of(const struct scope *s, const struct field_path *path,
			  yyjson_mut_val *range, const struct quantity *value,
			  struct str value_text)
{
	struct quantity step, least;

	if (!read_amount(range, "step", &step) || !read_amount(range, "min", &least) ||
	    quantity_value(&step) <= 0)
		return;
	if ((quantity_value(value) - quantity_value(&least)) % quantity_value(&step))
		field_invalid_str(s->errors, path, value_text,
				  str_printf_in(s->errors->arena,
						"value is not a multiple of a given step (" STR_FMT
						") from (" STR_FMT ")",
						STR_ARG(json_mut_get_str(range, "step")),
						STR_ARG(json_mut_get_str(range, "min")))
					  .ptr);
}

static void check_step(const struct scope *s, const struct field_path *path, yyjson_mut_val *range,
		       const struct policy *policy)
{
	struct quantity step, least, most, sum;
	struct str text = json_mut_get_str(range, "step");
	char written[QUANTITY_TEXT_BYTES];

	if (!read_amount(range, "step", &step) || !read_amount(range, "min", &least))
		return;
	if (step.nano <= 0) {
		field_invalid_str(s->errors, path, text, "must be greater than zero");
		return;
	}
	sum = least;
	quantity_add(&sum, &step);
	if (quantity_cmp(&sum, &policy->most) > 0) {
		(void)quantity_format(&sum, written); /* the length is not wanted */
		field_invalid_str(
			s->errors, path, text,
			str_printf_in(s->errors->arena,
				      "one step %s is larger than capacity value: " STR_FMT,
				      written, STR_ARG(policy->most_text))
				.ptr);
	}
	check_step_of(s, path, range, &policy->preset, policy->preset_text);
	if (read_amount(range, "max", &most))
		check_step_of(s, path, range, &most, json_mut_get_str(range, "max"));
}

static void check_range(const struct scope *s, const struct field_path *path, yyjson_mut_val *range,
			const struct policy *policy)
{
	struct str least_text = json_mut_get_str(range, "min"),
		   most_text = json_mut_get_str(range, "max");
	struct quantity least, most;

	if (!read_amount(range, "min", &least)) {
		field_required(s->errors, FIELD_NAME(path, "min"),
			       "required when validRange is defined");
		return;
	}
	if (quantity_cmp(&least, &policy->most) > 0)
		field_invalid_str(s->errors, FIELD_NAME(path, "min"), least_text,
				  said(s, "min is larger than capacity value", policy->most_text));
	if (quantity_cmp(&policy->preset, &least) < 0)
		field_invalid_str(s->errors, FIELD_NAME(path, "min"), policy->preset_text,
				  said(s, "default is less than min", least_text));
	if (read_amount(range, "max", &most)) {
		if (quantity_cmp(&least, &most) > 0)
			field_invalid_str(s->errors, FIELD_NAME(path, "max"), least_text,
					  said(s, "min is larger than max", most_text));
		if (quantity_cmp(&most, &policy->most) > 0)
			field_invalid_str(
				s->errors, FIELD_NAME(path, "max"), most_text,
				said(s, "max is larger than capacity value", policy->most_text));
		if (quantity_cmp(&policy->preset, &most) > 0)
			field_invalid_str(s->errors, FIELD_NAME(path, "max"), policy->preset_text,
					  said(s, "default is more than max", most_text));
	}
	check_step(s, FIELD_NAME(path, "step"), range, policy);
}

static void check_policy(const struct scope *s, const struct field_path *path,
			 yyjson_mut_val *capacity, yyjson_mut_val *v)
{
	yyjson_mut_val *choices = yyjson_mut_obj_get(v, "validValues"),
		       *range = yyjson_mut_obj_get(v, "validRange");
	struct policy policy = { .most_text = json_mut_get_str(capacity, "value"),
				 .preset_text = json_mut_get_str(v, "default") };
	bool chooses = yyjson_mut_arr_size(choices) > 0;

	if (chooses && range) {
		field_forbidden(s->errors, path,
				"exactly one policy can be specified, cannot specify "
				"\"validValues\" and \"validRange\" at the same time");
		return;
	}
	if (!chooses && !range)
		return;
	if (!read_amount(v, "default", &policy.preset))
		field_error_add(s->errors, FIELD_REQUIRED, FIELD_NAME(path, "default"),
				"required when %s is defined",
				chooses ? "validValues" : "validRange");
	else if (!read_amount(capacity, "value", &policy.most))
		return; /* told when it was read */
	else if (chooses)
		check_choices(s, FIELD_NAME(path, "validValues"), choices, &policy);
	else
		check_range(s, FIELD_NAME(path, "validRange"), range, &policy);
}

/* own is the device. */
static void check_capacity(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	yyjson_mut_val *policy = yyjson_mut_obj_get(v, "requestPolicy");

	if (!policy)
		return;
	if (json_mut_get_bool(s->own, "allowMultipleAllocations", false))
		check_policy(s, FIELD_NAME(path, "requestPolicy"), v, policy);
	else
		field_forbidden(s->errors, FIELD_NAME(path, "requestPolicy"),
				"allowMultipleAllocations must be true");
}

/* ---- devices ---- */

static void check_keys(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	JSON_MUT_MEMBERS (key, value, v)
		if (value)
			rule_device_key(s, FIELD_KEY(path, json_mut_str(key)), key);
}

static void check_counters(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	size_t count = yyjson_mut_obj_size(v);

	if (!count)
		field_required(s->errors, path, "");
	if (count > SLICE_COUNTERS_MAX) {
		field_too_many(s->errors, path, count, SLICE_COUNTERS_MAX);
		return;
	}
	JSON_MUT_MEMBERS (key, value, v)
		if (value && name_label_problem(json_mut_str(key)))
			field_invalid_str(s->errors, path, json_mut_str(key),
					  name_label_problem(json_mut_str(key)));
}

static const struct rule counter_set_rules[] = {
	RULE_NEED_NAME("name", name_label_problem),
	RULE_CALL("counters", check_counters),
	{ 0 },
};

static const struct rule consumed_rules[] = {
	RULE_NEED_NAME("counterSet", name_label_problem),
	RULE_CALL("counters", check_counters),
	{ 0 },
};

/* Which of some places devices are at: exactly one is given. */
struct places {
	const char *names; /* "`a`, `b`" */
	size_t count;
};

static void add_place(const struct scope *s, struct places *places, const char *name)
{
	places->names =
		places->count++
			? str_printf_in(s->errors->arena, "%s, `%s`", places->names, name).ptr
			: str_printf_in(s->errors->arena, "`%s`", name).ptr;
}

static void check_node_name(const struct scope *s, const struct field_path *path, yyjson_mut_val *v,
			    const char *empty, struct places *places)
{
	struct str name = json_mut_str(v);

	if (!v)
		return;
	if (!name.len) {
		field_invalid_str(s->errors, path, name, empty);
		return;
	}
	add_place(s, places, "nodeName");
	if (name_subdomain_problem(name))
		field_invalid_str(s->errors, path, name, name_subdomain_problem(name));
}

static void check_true(const struct scope *s, const struct field_path *path, yyjson_mut_val *v,
		       struct places *places)
{
	if (yyjson_mut_is_true(v))
		add_place(s, places, path->name);
	else if (v)
		field_invalid_val(s->errors, path, v, "must be either unset or set to true");
}

static void report_places(const struct scope *s, const struct field_path *path,
			  const struct places *places, const char *none, const char *many)
{
	if (!places->count)
		field_required(s->errors, path, none);
	else if (places->count > 1)
		field_invalid_str(s->errors, path,
				  str_printf_in(s->errors->arena, "{%s}", places->names), many);
}

static void check_device_place(const struct scope *s, const struct field_path *path,
			       yyjson_mut_val *v)
{
	static const char text[] = "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is "
				   "required when `perDeviceNodeSelection` is set to true in the "
				   "ResourceSlice spec";
	yyjson_mut_val *selector = yyjson_mut_obj_get(v, "nodeSelector"),
		       *name = yyjson_mut_obj_get(v, "nodeName"),
		       *all = yyjson_mut_obj_get(v, "allNodes");
	struct places places = { .count = 0 };

	if (!json_mut_get_bool(s->edit->root, "spec.perDeviceNodeSelection", false)) {
		if (selector || name || all)
			field_error_add(
				s->errors, FIELD_INVALID, path,
				"null: `nodeName`, `nodeSelector` and `allNodes` can only be "
				"set if `perDeviceNodeSelection` is set to true in the "
				"ResourceSlice spec");
		return;
	}
	check_node_name(s, FIELD_NAME(path, "nodeName"), name, "must not be empty", &places);
	if (selector)
		add_place(s, &places, "nodeSelector");
	rule_node_selector(s, FIELD_NAME(path, "nodeSelector"), selector);
	check_true(s, FIELD_NAME(path, "allNodes"), all, &places);
	report_places(s, path, &places, text, text);
}

static void check_attribute_count(const struct scope *s, const struct field_path *path,
				  yyjson_mut_val *v)
{
	size_t count = json_mut_get_count(v, "attributes") + json_mut_get_count(v, "capacity");

	if (count > DEVICE_ATTRIBUTES_MAX)
		field_invalid_int(
			s->errors, path, (int64_t)count,
			"the total number of attributes and capacities must not exceed 32");
}

static void check_taints(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	size_t i = 0;

	if (yyjson_mut_arr_size(v) > DEVICE_TAINTS_MAX) {
		field_too_many(s->errors, path, yyjson_mut_arr_size(v), DEVICE_TAINTS_MAX);
		return;
	}
	JSON_MUT_EACH (taint, v)
		rule_device_taint(s, FIELD_INDEX(path, i++), taint);
}

/* The stored device of that name; own of the scope says whether a part of it stays as it was. */
static yyjson_val *stored_device(const struct scope *s, yyjson_mut_val *device)
{
	JSON_EACH (old, json_get(s->edit->old, "spec.devices"))
		if (str_eq(json_get_str(old, "name"), json_mut_get_str(device, "name")))
			return old;
	return NULL;
}

static void check_changed(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	static const struct rule capacity_rules[] = {
		RULE_CALL("capacity", check_keys),
		RULE_CALL_EACH("capacity", check_capacity),
		{ 0 },
	};
	static const struct rule taint_rules[] = { RULE_CALL("taints", check_taints), { 0 } };
	struct scope inner = { .edit = s->edit, .errors = s->errors, .own = v };
	yyjson_val *old = stored_device(s, v);

	if (!old ||
	    !json_mixed_equal(yyjson_mut_obj_get(v, "capacity"), yyjson_obj_get(old, "capacity")))
		rules_check(&inner, capacity_rules, path, v);
	if (!old ||
	    !json_mixed_equal(yyjson_mut_obj_get(v, "taints"), yyjson_obj_get(old, "taints")))
		rules_check(&inner, taint_rules, path, v);
}

static const struct rule device_rules[] = {
	RULE_ANY_NAME("name", name_label_problem),
	RULE_CALL(NULL, check_attribute_count),
	RULE_CALL("attributes", check_keys),
	RULE_CALL_EACH("attributes", check_attribute),
	RULE_CALL(NULL, check_changed),
	RULE_SET("consumesCounters", DEVICE_CONSUMED_SETS_MAX, "counterSet", consumed_rules),
	RULE_CALL(NULL, check_device_place),
	RULE_CALL(NULL, rule_device_conditions),
	{ 0 },
};

/* ---- slices ---- */

static const struct rule pool_rules[] = {
	RULE_CALL("name", rule_pool_name),
	RULE_RANGE("resourceSliceCount", 1, INT64_MAX, "must be greater than zero"),
	RULE_RANGE("generation", 0, INT64_MAX, "must be greater than or equal to zero"),
	{ 0 },
};

#define ONE_PLACE                                                                          \
	"exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` " \
	"is required"

static void check_places(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	yyjson_mut_val *selector = yyjson_mut_obj_get(v, "nodeSelector"),
		       *terms = yyjson_mut_obj_get(selector, "nodeSelectorTerms");
	const struct field_path *here = FIELD_NAME(path, "nodeSelector");
	struct places places = { .count = 0 };

	check_node_name(s, FIELD_NAME(path, "nodeName"), yyjson_mut_obj_get(v, "nodeName"),
			"must be either unset or set to a non-empty string", &places);
	if (selector) {
		add_place(s, &places, "nodeSelector");
		rule_node_selector(s, here, selector);
		if (yyjson_mut_arr_size(terms) != 1)
			field_invalid_val(s->errors, FIELD_NAME(here, "nodeSelectorTerms"), terms,
					  "must have exactly one node selector term");
	}
	check_true(s, FIELD_NAME(path, "allNodes"), yyjson_mut_obj_get(v, "allNodes"), &places);
	check_true(s, FIELD_NAME(path, "perDeviceNodeSelection"),
		   yyjson_mut_obj_get(v, "perDeviceNodeSelection"), &places);
	report_places(s, path, &places, ONE_PLACE, ONE_PLACE ", but multiple fields are set");
	if (yyjson_mut_obj_get(v, "sharedCounters") && yyjson_mut_obj_get(v, "devices"))
		field_invalid_str(s->errors, path, STR(""),
				  "only one of `sharedCounters` or `devices` is allowed");
}

static void check_devices(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	static const struct rule few[] = {
		RULE_SET(NULL, SLICE_DEVICES_ADVANCED_MAX, "name", device_rules),
		{ 0 },
	};
	static const struct rule many[] = {
		RULE_SET(NULL, SLICE_DEVICES_MAX, "name", device_rules),
		{ 0 },
	};
	bool is_advanced = false;

	JSON_MUT_EACH (device, v)
		is_advanced |= json_mut_get_count(device, "taints") > 0 ||
			       json_mut_get_count(device, "consumesCounters") > 0;
	rules_check(s, is_advanced ? few : many, path, v);
}

static const struct rule slice_spec_rules[] = {
	RULE_NEED_CSI_DRIVER("driver"),
	RULE_INSIDE("pool", pool_rules),
	RULE_CALL(NULL, check_places),
	RULE_CALL("devices", check_devices),
	RULE_SET("sharedCounters", SLICE_COUNTER_SETS_MAX, "name", counter_set_rules),
	{ 0 },
};

static const struct rule slice_rules[] = { RULE_INSIDE("spec", slice_spec_rules), { 0 } };

static void resourceslice_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, slice_rules, errors);
}

static const char *const slice_immutable[] = { "spec.pool.name", "spec.driver",
					       "spec.nodeName",	 "spec.nodeSelector",
					       "spec.allNodes",	 NULL };

const struct strategy strategy_resourceslice = {
	.default_object = resourceslice_default,
	.validate = resourceslice_validate,
	.immutable = slice_immutable,
};
