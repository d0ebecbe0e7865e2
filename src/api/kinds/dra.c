/* SPDX-License-Identifier: Apache-2.0 */
/* ResourceClaim and ResourceClaimTemplate of resource.k8s.io/v1. */
#include "api/kinds/address.h"
#include "api/kinds/dra.h"
#include "api/kinds/limits.h"
#include "api/kinds/pod_spec.h"
#include "api/kinds/workload.h"
#include "api/meta.h"
#include "codec/json_index.h"

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

/* ---- requests ---- */

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

#define DEVICE_RULES                                                                         \
	RULE_NEED_NAME("deviceClassName", name_subdomain_problem),                           \
		RULE_CALL("selectors", rule_device_selectors), RULE_CALL(NULL, check_count), \
		RULE_CALL_EACH("tolerations", rule_device_toleration)

static const struct rule device_rules[] = { DEVICE_RULES, { 0 } };

static const struct rule sub_request_rules[] = {
	RULE_ANY_NAME("name", name_label_problem),
	DEVICE_RULES,
	{ 0 },
};

static const struct rule choice_rules[] = {
	RULE_SET("firstAvailable", CLAIM_SUBREQUESTS_MAX, "name", sub_request_rules),
	{ 0 },
};

#define ONE_WAY "exactly one of `exactly` or `firstAvailable` is required"

static void check_one_way(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	yyjson_mut_val *exactly = yyjson_mut_obj_get(v, "exactly");
	bool choice = json_mut_get_count(v, "firstAvailable") > 0;

	if (!exactly && !choice)
		field_required(s->errors, path, ONE_WAY);
	else if (exactly && choice)
		field_error_add(s->errors, FIELD_INVALID, path,
				"null: " ONE_WAY ", but multiple fields are set");
	else if (choice)
		rules_check(s, choice_rules, path, v);
	else
		rules_check(s, device_rules, FIELD_NAME(path, "exactly"), exactly);
}

static const struct rule request_rules[] = {
	RULE_ANY_NAME("name", name_label_problem),
	RULE_CALL(NULL, check_one_way),
	{ 0 },
};

/* "request" or "request/sub-request"; own is what holds the requests. */
static bool is_request(yyjson_mut_val *requests, struct str name)
{
	struct str head, tail;
	bool has_tail = str_cut(name, '/', &head, &tail);

	if (!has_tail)
		head = name;
	JSON_MUT_EACH (request, requests) {
		if (!str_eq(json_mut_get_str(request, "name"), head))
			continue;
		if (!has_tail)
			return true;
		JSON_MUT_EACH (sub, yyjson_mut_obj_get(request, "firstAvailable"))
			if (str_eq(json_mut_get_str(sub, "name"), tail))
				return true;
	}
	return false;
}

static void check_request_name(const struct scope *s, const struct field_path *path,
			       yyjson_mut_val *v)
{
	static const char odd[] = "must be the name of a request in the claim or the name of a "
				  "request and a subrequest separated by '/'";
	struct str name = json_mut_str(v), rest = name, part;
	size_t parts = 1;

	for (size_t i = 0; i < name.len; i++)
		parts += name.ptr[i] == '/';
	if (parts > 2) {
		field_invalid_str(s->errors, path, name, odd);
		return;
	}
	if (!rest.ptr)
		rest = STR("");
	while (str_next_part(&rest, '/', &part))
		if (name_label_problem(part))
			field_invalid_str(s->errors, path, part, name_label_problem(part));
	if (!is_request(yyjson_mut_obj_get(s->own, "requests"), name))
		field_invalid_str(s->errors, path, name, odd);
}

static void check_attribute(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	yyjson_mut_val *match = yyjson_mut_obj_get(v, "matchAttribute"),
		       *distinct = yyjson_mut_obj_get(v, "distinctAttribute");

	if (match)
		rule_full_attribute_name(s, FIELD_NAME(path, "matchAttribute"), match);
	else if (distinct)
		rule_full_attribute_name(s, FIELD_NAME(path, "distinctAttribute"), distinct);
	else
		field_required(s->errors, path,
			       "exactly one of \"matchAttribute\" or \"distinctAttribute\" is "
			       "required, but multiple fields are set");
}

static const struct rule constraint_rules[] = {
	RULE_SET_CALL("requests", CLAIM_REQUESTS_MAX, check_request_name),
	RULE_CALL(NULL, check_attribute),
	{ 0 },
};

static const struct rule config_rules[] = {
	RULE_SET_CALL("requests", CLAIM_REQUESTS_MAX, check_request_name),
	RULE_CALL(NULL, rule_device_config),
	{ 0 },
};

static const struct rule devices_rules[] = {
	RULE_SET("requests", CLAIM_REQUESTS_MAX, "name", request_rules),
	RULE_FEW("constraints", CLAIM_CONSTRAINTS_MAX, constraint_rules),
	RULE_FEW("config", DEVICE_CONFIGS_MAX, config_rules),
	{ 0 },
};

static void check_claim(const struct scope *s, const struct field_path *path, yyjson_mut_val *spec)
{
	yyjson_mut_val *devices = yyjson_mut_obj_get(spec, "devices");
	struct scope inner = { .edit = s->edit, .errors = s->errors, .own = devices };

	rules_check(&inner, devices_rules, FIELD_NAME(path, "devices"), devices);
}

static const struct rule claim_rules[] = { RULE_CALL("spec", check_claim), { 0 } };

static void check_template_meta(const struct scope *s, const struct field_path *path,
				yyjson_mut_val *v)
{
	meta_validate_embedded(v, path, s->errors);
}

static const struct rule template_spec_rules[] = {
	RULE_CALL("metadata", check_template_meta),
	RULE_CALL("spec", check_claim),
	{ 0 },
};
static const struct rule template_rules[] = { RULE_INSIDE("spec", template_spec_rules), { 0 } };

/* What cannot change is not looked at again. */
static void resourceclaim_validate(struct edit *e, struct field_errors *errors)
{
	if (!e->old)
		rules_check_edit(e, claim_rules, errors);
}

static void resourceclaimtemplate_validate(struct edit *e, struct field_errors *errors)
{
	if (!e->old)
		rules_check_edit(e, template_rules, errors);
}

/* ---- status ---- */

static void check_share(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str id = json_mut_str(v);
	bool good = id.len == 36;

	for (size_t i = 0; good && i < id.len; i++) {
		bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
		char c = id.ptr[i];

		good = is_dash ? c == '-' : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
	}
	if (v && !good)
		field_invalid_str(s->errors, path, id,
				  "uid must be in RFC 4122 normalized form, "
				  "`xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase "
				  "hexadecimal characters");
}

static const struct rule result_rules[] = {
	RULE_CALL("request", check_request_name),
	RULE_NEED_CSI_DRIVER("driver"),
	RULE_CALL("pool", rule_pool_name),
	RULE_ANY_NAME("device", name_label_problem),
	RULE_CALL(NULL, rule_device_conditions),
	RULE_CALL_EACH("tolerations", rule_device_toleration),
	RULE_CALL("shareID", check_share),
	{ 0 },
};

static const struct rule given_config_rules[] = {
	RULE_NEED_ONE_OF("source", "FromClaim|FromClass"),
	RULE_SET_CALL("requests", CLAIM_REQUESTS_MAX, check_request_name),
	RULE_CALL(NULL, rule_device_config),
	{ 0 },
};

static const struct rule given_devices_rules[] = {
	RULE_FEW("results", CLAIM_RESULTS_MAX, result_rules),
	RULE_FEW("config", 2 * DEVICE_CONFIGS_MAX, given_config_rules),
	{ 0 },
};

static const struct rule allocation_rules[] = {
	RULE_INSIDE("devices", given_devices_rules),
	RULE_CALL("nodeSelector", rule_node_selector),
	{ 0 },
};

static struct str shared_name(struct arena *arena, yyjson_mut_val *device)
{
	struct str share = json_mut_get_str(device, "shareID");

	return str_printf_in(arena, STR_FMT "/" STR_FMT "/" STR_FMT "%s" STR_FMT,
			     STR_ARG(json_mut_get_str(device, "driver")),
			     STR_ARG(json_mut_get_str(device, "pool")),
			     STR_ARG(json_mut_get_str(device, "device")), share.len ? "/" : "",
			     STR_ARG(share));
}

static bool is_given(const struct scope *s, struct str name)
{
	yyjson_mut_val *results = json_mut_get(s->edit->root, "status.allocation.devices.results");

	if (yyjson_mut_arr_size(results) > CLAIM_RESULTS_MAX)
		return true; /* refused for that */
	JSON_MUT_EACH (result, results)
		if (str_eq(shared_name(s->errors->arena, result), name))
			return true;
	return false;
}

static void check_device_data(const struct scope *s, const struct field_path *path,
			      yyjson_mut_val *v)
{
	if (v)
		device_check_opaque(s, path, v, DEVICE_STATUS_BYTES_MAX);
}

static const struct rule network_rules[] = {
	RULE_LENGTH("interfaceName", 256),
	RULE_LENGTH("hardwareAddress", 128),
	RULE_SET_CALL("ips", DEVICE_ADDRESSES_MAX, rule_interface_address),
	{ 0 },
};

static const struct rule status_device_rules[] = {
	RULE_NEED_CSI_DRIVER("driver"),
	RULE_CALL("pool", rule_pool_name),
	RULE_ANY_NAME("device", name_label_problem),
	RULE_CALL("shareID", check_share),
	{ 0 },
};

static const struct rule status_device_rest[] = {
	RULE_AT_MOST("conditions", DEVICE_STATUS_CONDITIONS_MAX),
	RULE_CALL("conditions", rule_conditions),
	RULE_CALL("data", check_device_data),
	RULE_INSIDE("networkData", network_rules),
	{ 0 },
};

static void check_status_device(const struct scope *s, const struct field_path *path,
				yyjson_mut_val *v)
{
	struct str name = shared_name(s->errors->arena, v);

	rules_check(s, status_device_rules, path, v);
	if (!is_given(s, name))
		field_invalid_str(s->errors, path, name,
				  "must be an allocated device in the claim");
	rules_check(s, status_device_rest, path, v);
}

static void check_status_devices(const struct scope *s, const struct field_path *path,
				 yyjson_mut_val *v)
{
	AUTO_JSON_INDEX seen = { .slots = NULL };
	size_t i = 0;

	JSON_MUT_EACH (device, v)
		check_status_device(s, FIELD_INDEX(path, i++), device);
	i = 0;
	json_index_init(&seen, yyjson_mut_arr_size(v));
	JSON_MUT_EACH (device, v) {
		struct str name = shared_name(s->errors->arena, device);

		if (json_index_add(&seen, name, device))
			field_duplicate_str(s->errors, FIELD_INDEX(path, i), name);
		i++;
	}
}

static const struct rule user_rules[] = {
	RULE_NEED("resource", ""),
	RULE_NEED("name", ""),
	RULE_NEED("uid", ""),
	{ 0 },
};

static const struct rule status_rules[] = {
	RULE_SET("reservedFor", CLAIM_RESERVED_MAX, "uid", user_rules),
	RULE_CALL("devices", check_status_devices),
	{ 0 },
};

static bool has_new_user(struct edit *e)
{
	JSON_MUT_EACH (user, json_mut_get(e->root, "status.reservedFor")) {
		bool known = false;

		JSON_EACH (before, json_get(e->old, "status.reservedFor"))
			known |= json_mixed_equal(user, before);
		if (!known)
			return true;
	}
	return false;
}

/* What was given to a claim stays until nobody uses it. */
static void resourceclaim_validate_status(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(NULL, "status");
	yyjson_mut_val *status = yyjson_mut_obj_get(e->root, "status"),
		       *allocation = yyjson_mut_obj_get(status, "allocation");
	yyjson_val *old = json_get(e->old, "status.allocation");
	struct scope scope = { .edit = e,
			       .errors = errors,
			       .own = json_mut_get(e->root, "spec.devices") };
	bool is_used = json_mut_get_count(status, "reservedFor") > 0;

	rules_check(&scope, status_rules, path, status);
	if (is_used && !allocation)
		field_forbidden(errors, FIELD_NAME(path, "reservedFor"),
				"may not be specified when `allocated` is not set");
	else if (is_used && json_get(e->old, "metadata.deletionTimestamp") && has_new_user(e))
		field_forbidden(errors, FIELD_NAME(path, "reservedFor"),
				"new entries may not be added while `deallocationRequested` or "
				"`deletionTimestamp` are set");
	if (!old && allocation)
		rules_check(&scope, allocation_rules, FIELD_NAME(path, "allocation"), allocation);
	else if (allocation && !json_mixed_equal(allocation, old))
		field_invalid_val(errors, FIELD_NAME(path, "allocation"), allocation,
				  "field is immutable");
}

static const char *const spec_immutable[] = { "spec", NULL };

const struct strategy strategy_resourceclaim = {
	.prepare_status_update = meta_keep_for_status,
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
