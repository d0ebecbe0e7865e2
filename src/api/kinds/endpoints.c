/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints and EndpointSlice, and the addresses in them. */
#include "api/kinds/address.h"
#include "api/kinds/cells.h"
#include "api/kinds/limits.h"
#include "codec/ip.h"
#include "codec/json_index.h"

/* ---- Endpoints ---- */

static const struct rule address_rules[] = {
	RULE_CALL("ip", rule_plain_ip),
	RULE_NAME("hostname", name_label_problem),
	RULE_NAME("nodeName", name_subdomain_problem),
	{ 0 },
};

static const struct rule port_rules[] = {
	RULE_NAME("name", name_label_problem),
	RULE_CALL("port", rule_port),
	RULE_NEED_ONE_OF("protocol", "SCTP|TCP|UDP"),
	RULE_NAME("appProtocol", name_qualified_problem),
	{ 0 },
};

static void check_port_names(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *v)
{
	size_t i = 0;

	JSON_MUT_EACH (port, v) {
		if (yyjson_mut_arr_size(v) > 1 && !json_mut_get_str(port, "name").len)
			field_required(s->errors, FIELD_NAME(FIELD_INDEX(path, i), "name"), "");
		i++;
	}
}

static void check_some_address(const struct scope *s, const struct field_path *path,
			       yyjson_mut_val *v)
{
	if (!json_mut_get_count(v, "addresses") && !json_mut_get_count(v, "notReadyAddresses"))
		field_required(s->errors, path, "must specify `addresses` or `notReadyAddresses`");
}

static const struct rule subset_rules[] = {
	RULE_CALL(NULL, check_some_address),
	RULE_EACH("addresses", address_rules),
	RULE_EACH("notReadyAddresses", address_rules),
	RULE_CALL("ports", check_port_names),
	RULE_EACH("ports", port_rules),
	{ 0 },
};

static const struct rule endpoints_rules[] = { RULE_EACH("subsets", subset_rules), { 0 } };

/* What was fine when it was written stays: an update that leaves the list alone is not refused for
 * it. */
static bool is_unchanged(struct edit *e, const char *list)
{
	return e->old &&
	       json_mixed_equal(yyjson_mut_obj_get(e->root, list), yyjson_obj_get(e->old, list));
}

static void endpoints_validate(struct edit *e, struct field_errors *errors)
{
	struct field_errors before = *errors;

	rules_check_edit(e, endpoints_rules, errors);
	if (errors->seen > before.seen && is_unchanged(e, "subsets"))
		*errors = before;
}

static bool is_made_by(struct edit *e, const char *label, const char *manager)
{
	return str_eq_c(json_mut_str(json_mut_key(json_mut_get(e->root, "metadata.labels"),
						  str_from(label))),
			manager);
}

/* What the controllers write is in the one form already. */
static void endpoints_warn(struct edit *e, struct notices *n)
{
	static const char *const lists[] = { "addresses", "notReadyAddresses" };
	const struct field_path *path = FIELD_NAME(NULL, "subsets");
	size_t i = 0;

	if (is_made_by(e, "endpoints.kubernetes.io/managed-by", "endpoint-controller"))
		return;
	JSON_MUT_EACH (subset, yyjson_mut_obj_get(e->root, "subsets")) {
		const struct field_path *here = FIELD_INDEX(path, i++);

		for (size_t k = 0; k < ARRAY_COUNT(lists); k++) {
			const struct field_path *list = FIELD_NAME(here, lists[k]);
			size_t at = 0;

			JSON_MUT_EACH (address, yyjson_mut_obj_get(subset, lists[k]))
				address_warn(n, FIELD_NAME(FIELD_INDEX(list, at++), "ip"),
					     json_mut_get_str(address, "ip"));
		}
	}
}

const struct strategy strategy_endpoints = {
	.validate = endpoints_validate,
	.warn = endpoints_warn,
	.cells = endpoints_cells,
};

/* ---- EndpointSlice ---- */

static void check_domain(const struct scope *s, const struct field_path *path, struct str name)
{
	if (!name.len) {
		field_required(s->errors, path, "");
		return;
	}
	if (str_has_suffix(name, STR(".")))
		name.len--;
	if (name_subdomain_problem(name))
		field_invalid_str(s->errors, path, name, name_subdomain_problem(name));
	else if (str_find_char(name, '.', 0) == SIZE_MAX)
		field_invalid_str(
			s->errors, path, name,
			"should be a domain with at least two segments separated by dots");
}

static void check_slice_address(const struct scope *s, const struct field_path *path,
				yyjson_mut_val *v)
{
	struct str type = json_mut_get_str(s->edit->root, "addressType"), text = json_mut_str(v);
	bool is_six = str_eq_c(type, "IPv6");

	if (str_eq_c(type, "FQDN")) {
		check_domain(s, path, text);
	} else if (is_six || str_eq_c(type, "IPv4")) {
		if (!address_check(s, path, text, NULL))
			return;
		if (ip_is_v6(text) != is_six)
			field_invalid_str(s->errors, path, text,
					  is_six ? "must be an IPv6 address"
						 : "must be an IPv4 address");
		address_check_special(s, path, text);
	}
}

static void check_topology(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	if (yyjson_mut_obj_size(v) > SLICE_TOPOLOGY_MAX)
		field_too_many(s->errors, path, yyjson_mut_obj_size(v), SLICE_TOPOLOGY_MAX);
	rule_labels(s, path, v);
}

static void check_hints(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	static const struct rule zone_rules[] = {
		RULE_NAME("name", name_label_value_problem),
		{ 0 },
	};
	static const struct rule node_rules[] = {
		RULE_ANY_NAME("name", name_subdomain_problem),
		{ 0 },
	};
	static const struct rule rules[] = {
		RULE_AT_MOST("forZones", SLICE_HINTS_MAX),
		RULE_EACH_BY("forZones", "name", zone_rules),
		RULE_AT_MOST("forNodes", SLICE_HINTS_MAX),
		RULE_EACH_BY("forNodes", "name", node_rules),
		{ 0 },
	};

	rules_check(s, rules, path, v);
}

static const struct rule endpoint_rules[] = {
	RULE_NEED("addresses", "must contain at least 1 address"),
	RULE_AT_MOST("addresses", SLICE_ADDRESSES_MAX),
	RULE_CALL_EACH("addresses", check_slice_address),
	RULE_NAME("nodeName", name_subdomain_problem),
	RULE_CALL("deprecatedTopology", check_topology),
	RULE_NAME("hostname", name_label_problem),
	RULE_CALL("hints", check_hints),
	{ 0 },
};

static void check_slice_port(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *v)
{
	yyjson_mut_val *number = yyjson_mut_obj_get(v, "port");

	if (number && (json_mut_int(number, 0) < 1 || json_mut_int(number, 0) > 65535))
		field_invalid_int(s->errors, FIELD_NAME(path, "port"), json_mut_int(number, 0),
				  "must be between 1 and 65535, inclusive");
}

static const struct rule slice_port_rest[] = {
	RULE_NEED_ONE_OF("protocol", "SCTP|TCP|UDP"),
	RULE_CALL(NULL, check_slice_port),
	RULE_NAME("appProtocol", name_qualified_problem),
	{ 0 },
};

/* No name is a name, too: only one port has none. */
static void check_slice_ports(const struct scope *s, const struct field_path *path,
			      yyjson_mut_val *v)
{
	static const struct rule name_rules[] = { RULE_NAME("name", name_label_problem), { 0 } };
	AUTO_JSON_INDEX seen = { .slots = NULL };
	size_t i = 0, count = yyjson_mut_arr_size(v);

	if (count > SLICE_PORTS_MAX)
		field_too_many(s->errors, path, count, SLICE_PORTS_MAX);
	if (!count || count > SLICE_PORTS_MAX)
		return;
	json_index_init(&seen, count);
	JSON_MUT_EACH (port, v) {
		const struct field_path *here = FIELD_INDEX(path, i++);
		struct str name = json_mut_get_str(port, "name");

		rules_check(s, name_rules, here, port);
		if (json_index_add(&seen, name, port))
			field_duplicate_str(s->errors, FIELD_NAME(here, "name"), name);
		rules_check(s, slice_port_rest, here, port);
	}
}

static const struct rule slice_type_rules[] = {
	RULE_NEED_ONE_OF("addressType", "FQDN|IPv4|IPv6"),
	{ 0 },
};

static const struct rule slice_endpoint_rules[] = {
	RULE_FEW("endpoints", SLICE_ENDPOINTS_MAX, endpoint_rules),
	{ 0 },
};

static const struct rule slice_rest_rules[] = {
	RULE_CALL("ports", check_slice_ports),
	{ 0 },
};

static void slice_validate(struct edit *e, struct field_errors *errors)
{
	struct field_errors before;

	rules_check_edit(e, slice_type_rules, errors);
	before = *errors;
	rules_check_edit(e, slice_endpoint_rules, errors);
	if (errors->seen > before.seen && is_unchanged(e, "endpoints"))
		*errors = before;
	rules_check_edit(e, slice_rest_rules, errors);
}

static void slice_warn(struct edit *e, struct notices *n)
{
	const struct field_path *path = FIELD_NAME(NULL, "endpoints");
	size_t i = 0;

	if (!e->old && str_eq_c(json_mut_get_str(e->root, "addressType"), "FQDN"))
		notices_add(n, "spec.addressType: FQDN endpoints are deprecated");
	if (is_made_by(e, "endpointslice.kubernetes.io/managed-by",
		       "endpointslice-controller.k8s.io") ||
	    is_made_by(e, "endpointslice.kubernetes.io/managed-by",
		       "endpointslicemirroring-controller.k8s.io"))
		return;
	JSON_MUT_EACH (endpoint, yyjson_mut_obj_get(e->root, "endpoints")) {
		const struct field_path *list = FIELD_NAME(FIELD_INDEX(path, i++), "addresses");
		size_t at = 0;

		JSON_MUT_EACH (address, yyjson_mut_obj_get(endpoint, "addresses"))
			address_warn(n, FIELD_INDEX(list, at++), json_mut_str(address));
	}
}

static const char *const slice_immutable[] = { "addressType", NULL };

const struct strategy strategy_endpointslice = {
	.validate = slice_validate,
	.warn = slice_warn,
	.immutable = slice_immutable,
	.cells = endpoint_slice_cells,
};
