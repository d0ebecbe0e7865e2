/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints and EndpointSlice, and the addresses in them. */
#include "api/kinds/address.h"
#include "api/kinds/cells.h"
#include "codec/json_index.h"

#define SLICE_ENDPOINTS_MAX 1000
#define SLICE_PORTS_MAX 20000
#define ADDRESSES_MAX 100
#define TOPOLOGY_MAX 16
#define HINTS_MAX 8

/* ---- addresses ---- */

static const struct {
	const char *prefix; /* of the text; IPv6 in lower case */
	const char *problem;
} special[] = {
	{ "127.", "may not be in the loopback range (127.0.0.0/8, ::1/128)" },
	{ "::1", "may not be in the loopback range (127.0.0.0/8, ::1/128)" },
	{ "169.254.", "may not be in the link-local range (169.254.0.0/16, fe80::/10)" },
	{ "fe80:", "may not be in the link-local range (169.254.0.0/16, fe80::/10)" },
	{ "224.0.0.", "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)" },
	{ "ff02:", "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)" },
};

static void check_special(const struct scope *s, const struct field_path *path, struct str ip)
{
	if (str_eq_c(ip, "0.0.0.0") || str_eq_c(ip, "::"))
		field_invalid_str(s->errors, path, ip,
				  str_printf_in(s->errors->arena,
						"may not be unspecified (" STR_FMT ")", STR_ARG(ip))
					  .ptr);
	for (size_t i = 0; i < ARRAY_COUNT(special); i++) {
		struct str prefix = str_from(special[i].prefix);
		bool is_whole = str_eq_c(prefix, "::1");

		if (is_whole ? str_eq(ip, prefix) : str_has_prefix(ip, prefix))
			field_invalid_str(s->errors, path, ip, special[i].problem);
	}
}

void rule_plain_ip(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str ip = json_mut_str(v);

	if (ip_problem(ip))
		field_invalid_str(s->errors, path, ip, ip_problem(ip));
	else
		check_special(s, path, ip);
}

static void check_entry_point(const struct scope *s, const struct field_path *path,
			      yyjson_mut_val *v)
{
	static const struct rule rules[] = {
		RULE_NAME("ip", ip_problem),
		RULE_NAME("hostname", name_subdomain_problem),
		{ 0 },
	};
	struct str ip = json_mut_get_str(v, "ip"), mode = json_mut_get_str(v, "ipMode"),
		   host = json_mut_get_str(v, "hostname");
	const struct field_path *here = FIELD_NAME(path, "ipMode");

	if (mode.len && !ip.len)
		field_forbidden(s->errors, here, "may not be specified when `ip` is not set");
	else if (mode.len && !schema_values_have(STR("Proxy|VIP"), mode))
		field_unsupported(s->errors, here, mode, "Proxy|VIP");
	rules_check(s, rules, path, v);
	if (ip_is_valid(host))
		field_invalid_str(s->errors, FIELD_NAME(path, "hostname"), host,
				  "must be a DNS name, not an IP address");
}

void rule_balancer_status(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	static const struct rule rules[] = { RULE_CALL_EACH("ingress", check_entry_point), { 0 } };

	rules_check(s, rules, path, v);
}

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

static void endpoints_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, endpoints_rules, errors);
}

const struct strategy strategy_endpoints = { .validate = endpoints_validate,
					     .cells = endpoints_cells };

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
		if (ip_problem(text)) {
			field_invalid_str(s->errors, path, text, ip_problem(text));
			return;
		}
		if (ip_is_v6(text) != is_six)
			field_invalid_str(s->errors, path, text,
					  is_six ? "must be an IPv6 address"
						 : "must be an IPv4 address");
		check_special(s, path, text);
	}
}

static void check_topology(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	if (yyjson_mut_obj_size(v) > TOPOLOGY_MAX)
		field_too_many(s->errors, path, yyjson_mut_obj_size(v), TOPOLOGY_MAX);
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
		RULE_AT_MOST("forZones", HINTS_MAX),
		RULE_EACH_BY("forZones", "name", zone_rules),
		RULE_AT_MOST("forNodes", HINTS_MAX),
		RULE_EACH_BY("forNodes", "name", node_rules),
		{ 0 },
	};

	rules_check(s, rules, path, v);
}

static const struct rule endpoint_rules[] = {
	RULE_NEED("addresses", "must contain at least 1 address"),
	RULE_AT_MOST("addresses", ADDRESSES_MAX),
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

static const struct rule slice_rules[] = {
	RULE_NEED_ONE_OF("addressType", "FQDN|IPv4|IPv6"),
	RULE_FEW("endpoints", SLICE_ENDPOINTS_MAX, endpoint_rules),
	RULE_CALL("ports", check_slice_ports),
	{ 0 },
};

static void slice_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, slice_rules, errors);
}

static const char *const slice_immutable[] = { "addressType", NULL };

const struct strategy strategy_endpointslice = {
	.validate = slice_validate,
	.immutable = slice_immutable,
	.cells = endpoint_slice_cells,
};
