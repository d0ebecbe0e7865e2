/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Service, Endpoints and EndpointSlice. Addresses and node ports are allocated by the registry
 * between prepare and validate; here a client that leaves them out of an update keeps the ones it
 * has.
 */
#include "api/kinds/cells.h"
#include "api/kinds/pod_spec.h"
#include "api/meta.h"

static yyjson_mut_val *spec_of(struct edit *e)
{
	return yyjson_mut_obj_get(e->root, "spec");
}

static bool type_is(yyjson_mut_val *spec, const char *type)
{
	return str_eq_c(json_mut_get_str(spec, "type"), type);
}

static bool has_node_ports(struct str type)
{
	return str_eq_c(type, "NodePort") || str_eq_c(type, "LoadBalancer");
}

static void default_str(struct edit *e, yyjson_mut_val *object, const char *key, const char *value)
{
	if (!json_mut_get_str(object, key).len)
		json_set_str(e->doc, object, key, str_from(value));
}

static void default_target_ports(struct edit *e, yyjson_mut_val *ports)
{
	JSON_MUT_EACH (port, ports) {
		yyjson_mut_val *target = yyjson_mut_obj_get(port, "targetPort");

		if (!target || (yyjson_mut_is_num(target) && !json_mut_int(target, 0)) ||
		    (yyjson_mut_is_str(target) && !yyjson_mut_get_len(target)))
			json_set_int(e->doc, port, "targetPort", json_mut_get_int(port, "port", 0));
	}
}

static void service_default(struct edit *e)
{
	yyjson_mut_val *spec = spec_of(e);
	bool external = type_is(spec, "ExternalName"),
	     exposed = has_node_ports(json_mut_get_str(spec, "type"));

	if (str_eq_c(json_mut_get_str(spec, "sessionAffinity"), "ClientIP")) {
		yyjson_mut_val *client = json_ensure_object(
			e->doc, json_ensure_object(e->doc, spec, "sessionAffinityConfig"),
			"clientIP");

		if (!json_mut_get_int(client, "timeoutSeconds", 0))
			json_set_int(e->doc, client, "timeoutSeconds", 10800);
	} else {
		(void)json_remove(spec, STR("sessionAffinityConfig"));
	}
	default_target_ports(e, yyjson_mut_obj_get(spec, "ports"));
	if (exposed || (!external && yyjson_mut_arr_size(yyjson_mut_obj_get(spec, "externalIPs"))))
		default_str(e, spec, "externalTrafficPolicy", "Cluster");
	if (!external)
		default_str(e, spec, "internalTrafficPolicy", "Cluster");
	if (type_is(spec, "LoadBalancer") &&
	    !yyjson_mut_obj_get(spec, "allocateLoadBalancerNodePorts"))
		json_set_bool(e->doc, spec, "allocateLoadBalancerNodePorts", true);
}

/* clusterIP and the first of clusterIPs are one value; families follow from it. */
static void normalize_addresses(struct edit *e)
{
	yyjson_mut_val *spec = spec_of(e), *ips = yyjson_mut_obj_get(spec, "clusterIPs");
	struct str ip = json_mut_get_str(spec, "clusterIP");

	if (type_is(spec, "ExternalName"))
		return;
	if (ip.len && !yyjson_mut_arr_size(ips))
		json_append_str(e->doc, json_set_array(e->doc, spec, "clusterIPs"), ip);
	else if (!ip.len && yyjson_mut_arr_size(ips))
		json_set_str(e->doc, spec, "clusterIP",
			     json_mut_str(yyjson_mut_arr_get_first(ips)));
	if (!yyjson_mut_obj_get(spec, "ipFamilyPolicy"))
		json_set_str(e->doc, spec, "ipFamilyPolicy", STR("SingleStack"));
	if (!yyjson_mut_arr_size(yyjson_mut_obj_get(spec, "ipFamilies")))
		json_append_str(e->doc, json_set_array(e->doc, spec, "ipFamilies"),
				ip_is_v6(json_mut_get_str(spec, "clusterIP")) ? STR("IPv6")
									      : STR("IPv4"));
}

static void service_prepare_create(struct edit *e)
{
	normalize_addresses(e);
}

static void keep(struct edit *e, const char *key)
{
	yyjson_val *old = json_get(yyjson_obj_get(e->old, "spec"), key);

	if (old && !yyjson_mut_obj_get(spec_of(e), key))
		json_set(e->doc, spec_of(e), key, json_copy(e->doc, old));
}

static void keep_node_ports(struct edit *e)
{
	JSON_MUT_EACH (port, yyjson_mut_obj_get(spec_of(e), "ports")) {
		if (json_mut_get_int(port, "nodePort", 0))
			continue;
		JSON_EACH (old, json_get(e->old, "spec.ports")) {
			if (json_get_int(old, "port", 0) == json_mut_get_int(port, "port", -1) &&
			    str_eq(json_get_str(old, "protocol"),
				   json_mut_get_str(port, "protocol")) &&
			    json_get_int(old, "nodePort", 0))
				json_set_int(e->doc, port, "nodePort",
					     json_get_int(old, "nodePort", 0));
		}
	}
}

static void drop_node_ports(struct edit *e)
{
	JSON_MUT_EACH (port, yyjson_mut_obj_get(spec_of(e), "ports"))
		(void)json_remove(port, STR("nodePort"));
}

static void service_prepare_update(struct edit *e)
{
	struct str old_type = json_get_str(e->old, "spec.type"),
		   type = json_mut_get_str(spec_of(e), "type");
	bool was_external = str_eq_c(old_type, "ExternalName"),
	     is_external = str_eq_c(type, "ExternalName");

	if (is_external) {
		static const char *const gone[] = { "clusterIP",
						    "clusterIPs",
						    "ipFamilies",
						    "ipFamilyPolicy",
						    "internalTrafficPolicy",
						    "externalTrafficPolicy" };

		for (size_t i = 0; !was_external && i < ARRAY_COUNT(gone); i++)
			(void)json_remove(spec_of(e), str_from(gone[i]));
		return;
	}
	if (!was_external) {
		keep(e, "clusterIP");
		keep(e, "clusterIPs");
		keep(e, "ipFamilies");
		keep(e, "ipFamilyPolicy");
	}
	if (has_node_ports(type) && has_node_ports(old_type))
		keep_node_ports(e);
	else if (!has_node_ports(type) && has_node_ports(old_type))
		drop_node_ports(e);
	if (has_node_ports(type) && str_eq(type, old_type))
		keep(e, "healthCheckNodePort");
	if (!has_node_ports(type) &&
	    !yyjson_mut_arr_size(yyjson_mut_obj_get(spec_of(e), "externalIPs")))
		(void)json_remove(spec_of(e), STR("externalTrafficPolicy"));
	normalize_addresses(e);
}

static void validate_port(yyjson_mut_val *port, const struct field_path *path, bool needs_name,
			  bool headless, struct field_errors *errors)
{
	struct str name = json_mut_get_str(port, "name"),
		   protocol = json_mut_get_str(port, "protocol");
	const char *problem = name.len ? name_label_problem(name) : NULL;

	if (!name.len && needs_name)
		field_required(errors, FIELD_NAME(path, "name"), "");
	if (problem)
		field_invalid_str(errors, FIELD_NAME(path, "name"), name, problem);
	port_number_validate(json_mut_get_int(port, "port", 0), FIELD_NAME(path, "port"), errors);
	if (!protocol.len)
		field_required(errors, FIELD_NAME(path, "protocol"), "");
	else if (!schema_values_have(STR("SCTP|TCP|UDP"), protocol))
		field_unsupported(errors, FIELD_NAME(path, "protocol"), protocol, "SCTP|TCP|UDP");
	if (!headless || yyjson_mut_obj_get(port, "targetPort"))
		port_validate(yyjson_mut_obj_get(port, "targetPort"),
			      FIELD_NAME(path, "targetPort"), errors);
}

static bool same_text(yyjson_mut_val *a, yyjson_mut_val *b, const char *key)
{
	return str_eq(json_mut_get_str(a, key), json_mut_get_str(b, key));
}

static void validate_duplicates(struct edit *e, yyjson_mut_val *ports,
				const struct field_path *path, struct field_errors *errors)
{
	size_t count = yyjson_mut_arr_size(ports);
	yyjson_mut_val **at = arena_array(e->arena, count + 1, sizeof(at[0]));
	size_t n = 0;

	JSON_MUT_EACH (port, ports)
		at[n++] = port;
	for (size_t i = 1; i < n && n <= 1000; i++) {
		for (size_t j = 0; j < i; j++) {
			const struct field_path *here = FIELD_INDEX(path, i);

			if (json_mut_get_str(at[i], "name").len && same_text(at[i], at[j], "name"))
				field_duplicate_str(errors, FIELD_NAME(here, "name"),
						    json_mut_get_str(at[i], "name"));
			if (same_text(at[i], at[j], "protocol") &&
			    json_mut_get_int(at[i], "port", 0) ==
				    json_mut_get_int(at[j], "port", 0)) {
				yyjson_mut_val *key = yyjson_mut_obj(e->doc);

				json_set_str(e->doc, key, "protocol",
					     json_mut_get_str(at[i], "protocol"));
				json_set_int(e->doc, key, "port",
					     json_mut_get_int(at[i], "port", 0));
				field_duplicate_val(errors, here, key);
			}
		}
	}
}

static void validate_external_ips(yyjson_mut_val *spec, const struct field_path *path,
				  struct field_errors *errors)
{
	size_t i = 0;

	JSON_MUT_EACH (ip, yyjson_mut_obj_get(spec, "externalIPs")) {
		if (!ip_is_valid(json_mut_str(ip)))
			field_invalid_str(
				errors, FIELD_INDEX(path, i), json_mut_str(ip),
				"must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
		i++;
	}
}

static void service_validate(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(NULL, "spec"),
				*ports_path = FIELD_NAME(path, "ports");
	yyjson_mut_val *spec = spec_of(e), *ports = yyjson_mut_obj_get(spec, "ports");
	struct str type = json_mut_get_str(spec, "type"), ip = json_mut_get_str(spec, "clusterIP");
	bool headless = str_eq_c(ip, "None"), external = str_eq_c(type, "ExternalName");
	struct str name = json_mut_get_str(spec, "externalName");
	size_t i = 0;

	if (!yyjson_mut_arr_size(ports) && !headless && !external)
		field_required(errors, ports_path, "");
	if (str_eq_c(type, "LoadBalancer") && headless)
		field_invalid_str(errors, FIELD_NAME(path, "clusterIP"), ip,
				  "may not be set to 'None' for LoadBalancer services");
	if (str_eq_c(type, "NodePort") && headless)
		field_invalid_str(errors, FIELD_NAME(path, "clusterIP"), ip,
				  "may not be set to 'None' for NodePort services");
	if (external && ip.len)
		field_forbidden(errors, FIELD_NAME(path, "clusterIP"),
				"may not be set for ExternalName services");
	if (external && name.len && name_subdomain_problem(name))
		field_invalid_str(errors, FIELD_NAME(path, "externalName"), name,
				  name_subdomain_problem(name));
	if (external && !name.len)
		field_required(errors, FIELD_NAME(path, "externalName"), "");
	if (!external && ip.len && !headless && !ip_is_valid(ip))
		field_invalid_str(errors, FIELD_INDEX(FIELD_NAME(path, "clusterIPs"), 0), ip,
				  "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
	JSON_MUT_EACH (port, ports) {
		const struct field_path *here = FIELD_INDEX(ports_path, i);

		validate_port(port, here, yyjson_mut_arr_size(ports) > 1, headless, errors);
		if (!has_node_ports(type) && json_mut_get_int(port, "nodePort", 0))
			field_forbidden(errors, FIELD_NAME(here, "nodePort"),
					"may not be used when `type` is 'ClusterIP'");
		i++;
	}
	validate_duplicates(e, ports, ports_path, errors);
	meta_validate_labels(yyjson_mut_obj_get(spec, "selector"), FIELD_NAME(path, "selector"),
			     errors);
	validate_external_ips(spec, FIELD_NAME(path, "externalIPs"), errors);
}

static void service_validate_update(struct edit *e, struct field_errors *errors)
{
	struct str old_ip = json_get_str(e->old, "spec.clusterIP"),
		   ip = json_mut_get_str(e->root, "spec.clusterIP");
	const struct field_path *path = FIELD_NAME(NULL, "spec");

	if (str_eq_c(json_get_str(e->old, "spec.type"), "ExternalName") ||
	    type_is(spec_of(e), "ExternalName") || !old_ip.len)
		return;
	if (!str_eq(old_ip, ip)) {
		AUTO_JSON_MUT doc = json_new();
		yyjson_mut_val *list = json_mut_copy(doc, json_mut_get(e->root, "spec.clusterIPs"));

		field_invalid_val(errors, FIELD_INDEX(FIELD_NAME(path, "clusterIPs"), 0), list,
				  "may not change once set");
	}
}

const struct strategy strategy_service = {
	.default_object = service_default,
	.prepare_create = service_prepare_create,
	.prepare_update = service_prepare_update,
	.validate = service_validate,
	.validate_update = service_validate_update,
	.name_problem = name_is_label1035,
	.cells = service_cells,
};

/* ---- Endpoints ---- */

static void validate_endpoint_ip(struct str ip, const struct field_path *path,
				 struct field_errors *errors)
{
	if (!ip_is_valid(ip))
		field_invalid_str(errors, path, ip,
				  "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
	else if (str_eq_c(ip, "0.0.0.0") || str_eq_c(ip, "::"))
		field_invalid_str(errors, path, ip, "may not be unspecified (0.0.0.0 or ::)");
	else if (str_has_prefix(ip, STR("127.")) || str_eq_c(ip, "::1"))
		field_invalid_str(errors, path, ip,
				  "may not be in the loopback range (127.0.0.0/8, ::1/128)");
}

static void endpoints_validate(struct edit *e, struct field_errors *errors)
{
	static const char *const lists[] = { "addresses", "notReadyAddresses" };
	size_t i = 0;

	JSON_MUT_EACH (subset, yyjson_mut_obj_get(e->root, "subsets")) {
		const struct field_path *path = FIELD_INDEX(FIELD_NAME(NULL, "subsets"), i++);
		size_t j = 0;

		if (!json_mut_get_count(subset, "addresses") &&
		    !json_mut_get_count(subset, "notReadyAddresses"))
			field_required(errors, path,
				       "must specify `addresses` or `notReadyAddresses`");
		for (size_t k = 0; k < ARRAY_COUNT(lists); k++) {
			j = 0;
			JSON_MUT_EACH (address, yyjson_mut_obj_get(subset, lists[k]))
				validate_endpoint_ip(
					json_mut_get_str(address, "ip"),
					FIELD_NAME(FIELD_INDEX(FIELD_NAME(path, lists[k]), j++),
						   "ip"),
					errors);
		}
		j = 0;
		JSON_MUT_EACH (port, yyjson_mut_obj_get(subset, "ports"))
			port_number_validate(
				json_mut_get_int(port, "port", 0),
				FIELD_NAME(FIELD_INDEX(FIELD_NAME(path, "ports"), j++), "port"),
				errors);
	}
}

const struct strategy strategy_endpoints = { .validate = endpoints_validate,
					     .cells = endpoints_cells };

/* ---- EndpointSlice ---- */

static void slice_validate(struct edit *e, struct field_errors *errors)
{
	struct str type = json_mut_get_str(e->root, "addressType");
	yyjson_mut_val *endpoints = yyjson_mut_obj_get(e->root, "endpoints"),
		       *ports = yyjson_mut_obj_get(e->root, "ports");
	size_t i = 0;

	if (!type.len)
		field_required(errors, FIELD_NAME(NULL, "addressType"), "");
	if (yyjson_mut_arr_size(endpoints) > 1000)
		field_too_many(errors, FIELD_NAME(NULL, "endpoints"),
			       yyjson_mut_arr_size(endpoints), 1000);
	if (yyjson_mut_arr_size(ports) > 20000)
		field_too_many(errors, FIELD_NAME(NULL, "ports"), yyjson_mut_arr_size(ports),
			       20000);
	JSON_MUT_EACH (endpoint, endpoints) {
		const struct field_path *path = FIELD_NAME(
			FIELD_INDEX(FIELD_NAME(NULL, "endpoints"), i++), "addresses");
		yyjson_mut_val *addresses = yyjson_mut_obj_get(endpoint, "addresses");
		size_t j = 0;

		if (!yyjson_mut_arr_size(addresses))
			field_required(errors, path, "must contain at least 1 address");
		else if (yyjson_mut_arr_size(addresses) > 100)
			field_too_many(errors, path, yyjson_mut_arr_size(addresses), 100);
		JSON_MUT_EACH (address, addresses) {
			if (!str_eq_c(type, "FQDN"))
				validate_endpoint_ip(json_mut_str(address), FIELD_INDEX(path, j),
						     errors);
			j++;
		}
	}
}

static const char *const slice_immutable[] = { "addressType", NULL };

const struct strategy strategy_endpointslice = {
	.validate = slice_validate,
	.immutable = slice_immutable,
	.cells = endpoint_slice_cells,
};
