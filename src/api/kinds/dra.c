/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of resource.k8s.io/v1: claims, their templates, device classes and slices. */
#include "api/kinds/pod_spec.h"
#include "api/kinds/workload.h"
#include "base/time.h"

#define REQUESTS_MAX 32
#define SUBREQUESTS_MAX 8
#define SELECTORS_MAX 32
#define CONSTRAINTS_MAX 32
#define CONFIGS_MAX 32
#define DEVICES_MAX 128
#define ATTRIBUTES_MAX 32
#define RESERVED_MAX 256
#define EXPRESSION_BYTES_MAX 10240

/* ---- defaults ---- */

static void default_count(struct edit *e, yyjson_mut_val *request)
{
	if (str_eq_c(json_mut_get_str(request, "allocationMode"), "ExactCount"))
		default_int(e, request, "count", 1);
}

static void default_requests(struct edit *e, const char *path)
{
	JSON_MUT_EACH (request, json_mut_get(e->root, path)) {
		default_count(e, yyjson_mut_obj_get(request, "exactly"));
		JSON_MUT_EACH (sub, yyjson_mut_obj_get(request, "firstAvailable"))
			default_count(e, sub);
	}
}

static void resourceclaim_default(struct edit *e)
{
	default_requests(e, "spec.devices.requests");
}

static void resourceclaimtemplate_default(struct edit *e)
{
	default_requests(e, "spec.spec.devices.requests");
}

static void resourceslice_default(struct edit *e)
{
	char now[TIME_TEXT_BYTES];

	JSON_MUT_EACH (device, json_mut_get(e->root, "spec.devices"))
		JSON_MUT_EACH (taint, yyjson_mut_obj_get(device, "taints"))
			default_str(e, taint, "timeAdded", time_format(e->now_ns, now));
}

/* ---- requests ---- */

static const struct rule expression_rules[] = {
	RULE_NEED("expression", ""),
	RULE_LENGTH("expression", EXPRESSION_BYTES_MAX),
	{ 0 },
};

static const struct rule selector_rules[] = {
	RULE_NEED("cel", ""),
	RULE_INSIDE("cel", expression_rules),
	{ 0 },
};

static void check_toleration(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *v)
{
	static const struct rule rules[] = {
		RULE_NAME("key", name_qualified_problem),
		RULE_NEED_ONE_OF("operator", "Equal|Exists"),
		RULE_ONE_OF("effect", "NoExecute|NoSchedule"),
		{ 0 },
	};
	struct str operator= json_mut_get_str(v, "operator"), value = json_mut_get_str(v, "value");

	if (!json_mut_get_str(v, "key").len && !str_eq_c(operator, "Exists"))
		field_required(s->errors, FIELD_NAME(path, "key"),
			       "must be set when operator is not Exists");
	rules_check(s, rules, path, v);
	if (str_eq_c(operator, "Exists") && value.len)
		field_invalid_str(s->errors, FIELD_NAME(path, "value"), value,
				  "must be empty for operator `Exists`");
}

static void check_count(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str mode = json_mut_get_str(v, "allocationMode");
	int64_t count = json_mut_get_int(v, "count", 0);
	const struct field_path *here = FIELD_NAME(path, "count");

	if (str_eq_c(mode, "ExactCount")) {
		if (count <= 0)
			field_invalid_int(s->errors, here, count, "must be greater than zero");
	} else if (str_eq_c(mode, "All")) {
		if (count)
			field_invalid_int(s->errors, here, count,
					  "must not be specified when allocationMode is 'All'");
	} else {
		field_unsupported(s->errors, FIELD_NAME(path, "allocationMode"), mode,
				  "All|ExactCount");
	}
}

static const struct rule device_rules[] = {
	RULE_NEED_NAME("deviceClassName", name_subdomain_problem),
	RULE_AT_MOST("selectors", SELECTORS_MAX),
	RULE_EACH("selectors", selector_rules),
	RULE_CALL(NULL, check_count),
	RULE_CALL_EACH("tolerations", check_toleration),
	{ 0 },
};

static const struct rule sub_request_rules[] = {
	RULE_NEED_NAME("name", name_label_problem),
	RULE_NEED_NAME("deviceClassName", name_subdomain_problem),
	RULE_AT_MOST("selectors", SELECTORS_MAX),
	RULE_EACH("selectors", selector_rules),
	RULE_CALL(NULL, check_count),
	RULE_CALL_EACH("tolerations", check_toleration),
	{ 0 },
};

static void check_one_way(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	bool exact = yyjson_mut_obj_get(v, "exactly") != NULL,
	     choice = json_mut_get_count(v, "firstAvailable") > 0;

	if (!exact && !choice)
		field_required(s->errors, path,
			       "exactly one of `exactly` or `firstAvailable` is required");
	if (exact && choice)
		field_error_add(
			s->errors, FIELD_INVALID, path,
			"null: exactly one of `exactly` or `firstAvailable` is required, but "
			"multiple fields are set");
}

static const struct rule request_rules[] = {
	RULE_NEED_NAME("name", name_label_problem),
	RULE_AT_MOST("firstAvailable", SUBREQUESTS_MAX),
	RULE_EACH_BY("firstAvailable", "name", sub_request_rules),
	RULE_INSIDE("exactly", device_rules),
	RULE_CALL(NULL, check_one_way),
	{ 0 },
};

/* "request" or "request/sub-request" */
static bool is_request(yyjson_mut_val *requests, struct str name)
{
	struct str head, tail = { .len = 0 };

	if (!str_cut(name, '/', &head, &tail))
		head = name;
	JSON_MUT_EACH (request, requests) {
		if (!str_eq(json_mut_get_str(request, "name"), head))
			continue;
		if (!tail.len)
			return true;
		JSON_MUT_EACH (sub, yyjson_mut_obj_get(request, "firstAvailable"))
			if (str_eq(json_mut_get_str(sub, "name"), tail))
				return true;
	}
	return false;
}

static void check_request_names(const struct scope *s, const struct field_path *path,
				yyjson_mut_val *v)
{
	size_t i = 0;

	JSON_MUT_EACH (name, v) {
		if (!is_request(yyjson_mut_obj_get(s->own, "requests"), json_mut_str(name)))
			field_invalid_str(
				s->errors, FIELD_INDEX(path, i), json_mut_str(name),
				"must be the name of a request in the claim or the name of "
				"a request and a subrequest separated by '/'");
		i++;
	}
}

static void check_attribute(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	if (!yyjson_mut_obj_get(v, "matchAttribute") && !yyjson_mut_obj_get(v, "distinctAttribute"))
		field_required(s->errors, FIELD_NAME(path, "matchAttribute"), "");
}

static const char *attribute_problem(struct str name)
{
	struct str domain, id;

	if (!str_cut(name, '/', &domain, &id))
		return "must include a domain prefix";
	return domain.len ? name_subdomain_problem(domain) : "the domain must not be empty";
}

static const struct rule constraint_rules[] = {
	RULE_DISTINCT("requests"),
	RULE_CALL("requests", check_request_names),
	RULE_CALL(NULL, check_attribute),
	RULE_NAME("matchAttribute", attribute_problem),
	RULE_NAME("distinctAttribute", attribute_problem),
	{ 0 },
};

static const struct rule opaque_rules[] = {
	RULE_NEED_CSI_DRIVER("driver"),
	RULE_NEED("parameters", ""),
	{ 0 },
};

static const struct rule config_rules[] = {
	RULE_DISTINCT("requests"),
	RULE_CALL("requests", check_request_names),
	RULE_NEED("opaque", ""),
	RULE_INSIDE("opaque", opaque_rules),
	{ 0 },
};

static const struct rule devices_rules[] = {
	RULE_AT_MOST("requests", REQUESTS_MAX),
	RULE_EACH_BY("requests", "name", request_rules),
	RULE_AT_MOST("constraints", CONSTRAINTS_MAX),
	RULE_EACH("constraints", constraint_rules),
	RULE_AT_MOST("config", CONFIGS_MAX),
	RULE_EACH("config", config_rules),
	{ 0 },
};

static void check_claim(const struct scope *s, const struct field_path *path, yyjson_mut_val *spec)
{
	yyjson_mut_val *devices = yyjson_mut_obj_get(spec, "devices");
	struct scope inner = { .edit = s->edit, .errors = s->errors, .own = devices };

	rules_check(&inner, devices_rules, FIELD_NAME(path, "devices"), devices);
}

static const struct rule claim_rules[] = { RULE_CALL("spec", check_claim), { 0 } };

static const struct rule template_spec_rules[] = { RULE_CALL("spec", check_claim), { 0 } };
static const struct rule template_rules[] = { RULE_INSIDE("spec", template_spec_rules), { 0 } };

static void resourceclaim_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, claim_rules, errors);
}

static void resourceclaimtemplate_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, template_rules, errors);
}

/* What was given to a claim stays until nobody uses it. */
static void resourceclaim_validate_status(struct edit *e, struct field_errors *errors)
{
	static const struct rule user_rules[] = {
		RULE_NEED("resource", ""),
		RULE_NEED("name", ""),
		RULE_NEED("uid", ""),
		{ 0 },
	};
	static const struct rule status_rules[] = {
		RULE_AT_MOST("reservedFor", RESERVED_MAX),
		RULE_EACH_BY("reservedFor", "uid", user_rules),
		{ 0 },
	};
	const struct field_path *path = FIELD_NAME(NULL, "status");
	yyjson_mut_val *status = yyjson_mut_obj_get(e->root, "status"),
		       *allocation = yyjson_mut_obj_get(status, "allocation");
	yyjson_val *old = json_get(e->old, "status.allocation");
	size_t users = json_mut_get_count(status, "reservedFor");
	struct scope scope = { .edit = e, .errors = errors };

	rules_check(&scope, status_rules, path, status);
	if (users && !allocation)
		field_forbidden(errors, FIELD_NAME(path, "reservedFor"),
				"may not be specified when `allocated` is not set");
	if (users && json_get(e->old, "metadata.deletionTimestamp") &&
	    users > json_get_count(e->old, "status.reservedFor"))
		field_forbidden(errors, FIELD_NAME(path, "reservedFor"),
				"new entries may not be added while `deallocationRequested` or "
				"`deletionTimestamp` are set");
	if (old && allocation && !json_mixed_equal(allocation, old))
		field_invalid_val(errors, FIELD_NAME(path, "allocation"), allocation,
				  "field is immutable");
}

static const char *const spec_immutable[] = { "spec", NULL };

const struct strategy strategy_resourceclaim = {
	.default_object = resourceclaim_default,
	.validate = resourceclaim_validate,
	.validate_status_update = resourceclaim_validate_status,
	.immutable = spec_immutable,
};

const struct strategy strategy_resourceclaimtemplate = {
	.default_object = resourceclaimtemplate_default,
	.validate = resourceclaimtemplate_validate,
	.immutable = spec_immutable,
};

/* ---- DeviceClass ---- */

static const struct rule class_config_rules[] = {
	RULE_NEED("opaque", ""),
	RULE_INSIDE("opaque", opaque_rules),
	{ 0 },
};

static const struct rule class_spec_rules[] = {
	RULE_AT_MOST("selectors", SELECTORS_MAX),
	RULE_EACH("selectors", selector_rules),
	RULE_AT_MOST("config", CONFIGS_MAX),
	RULE_EACH("config", class_config_rules),
	RULE_NAME("extendedResourceName", name_qualified_problem),
	{ 0 },
};

static const struct rule class_rules[] = { RULE_INSIDE("spec", class_spec_rules), { 0 } };

static void deviceclass_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, class_rules, errors);
}

const struct strategy strategy_deviceclass = { .validate = deviceclass_validate };

/* ---- ResourceSlice ---- */

static const char *pool_problem(struct str name)
{
	struct str part;

	if (name.len > DNS_SUBDOMAIN_BYTES_MAX)
		return "must be no more than 253 characters";
	while (str_next_part(&name, '/', &part))
		if (name_subdomain_problem(part))
			return name_subdomain_problem(part);
	return NULL;
}

static const struct rule pool_rules[] = {
	RULE_NEED_NAME("name", pool_problem),
	RULE_RANGE("resourceSliceCount", 1, INT64_MAX, "must be greater than zero"),
	RULE_RANGE("generation", 0, INT64_MAX, "must be greater than or equal to zero"),
	{ 0 },
};

static void check_attribute_value(const struct scope *s, const struct field_path *path,
				  yyjson_mut_val *v)
{
	size_t count = yyjson_mut_obj_size(v);

	if (count == 0)
		field_required(s->errors, path, "exactly one value must be specified");
	else if (count > 1)
		field_invalid_val(s->errors, path, v, "exactly one value must be specified");
}

static void check_attribute_count(const struct scope *s, const struct field_path *path,
				  yyjson_mut_val *v)
{
	size_t count = json_mut_get_count(v, "attributes") + json_mut_get_count(v, "capacity");

	if (count > ATTRIBUTES_MAX)
		field_error_add(
			s->errors, FIELD_INVALID, path,
			"%zu: the total number of attributes and capacities must not exceed "
			"32",
			count);
}

static const struct rule slice_device_rules[] = {
	RULE_NEED_NAME("name", name_label_problem),
	RULE_CALL(NULL, check_attribute_count),
	RULE_CALL_EACH("attributes", check_attribute_value),
	RULE_CALL("nodeSelector", rule_node_selector),
	{ 0 },
};

static void check_places(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	static const char *const places[] = { "nodeName", "nodeSelector", "allNodes",
					      "perDeviceNodeSelection" };
	static const char text[] = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, "
				   "`perDeviceNodeSelection` is required";
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_COUNT(places); i++)
		count += !is_zero_value(yyjson_mut_obj_get(v, places[i]));
	if (count == 0)
		field_required(s->errors, path, text);
	else if (count > 1)
		field_error_add(s->errors, FIELD_INVALID, path,
				"null: %s, but multiple fields are set", text);
}

static const struct rule slice_spec_rules[] = {
	RULE_NEED_CSI_DRIVER("driver"),
	RULE_INSIDE("pool", pool_rules),
	RULE_NAME("nodeName", name_subdomain_problem),
	RULE_CALL("nodeSelector", rule_node_selector),
	RULE_CALL(NULL, check_places),
	RULE_AT_MOST("devices", DEVICES_MAX),
	RULE_EACH_BY("devices", "name", slice_device_rules),
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
