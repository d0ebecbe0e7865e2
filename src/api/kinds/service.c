/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services. Addresses and node ports are allocated by the registry between prepare and validate;
 * here a client that leaves them out of an update keeps the ones it has.
 */
#include "api/kinds/cells.h"
#include "api/kinds/address.h"
#include "api/kinds/service_address.h"
#include "api/port_set.h"
#include "codec/json_index.h"

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

static void default_entry_points(struct edit *e)
{
	JSON_MUT_EACH (point, json_mut_get(e->root, "status.loadBalancer.ingress")) {
		if (json_mut_get_str(point, "ip").len)
			default_str(e, point, "ipMode", "VIP");
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
	if (type_is(spec, "LoadBalancer"))
		default_entry_points(e);
}

/* ---- addresses and families before they are checked ---- */

/* Clients of old know clusterIP alone. */
static void normalize_new(struct edit *e)
{
	yyjson_mut_val *spec = spec_of(e);
	struct str ip = json_mut_get_str(spec, "clusterIP");

	if (ip.len && !json_mut_get_count(spec, "clusterIPs"))
		json_append_str(e->doc, json_set_array(e->doc, spec, "clusterIPs"), ip);
}

/* clusterIP changed alone: clusterIPs follows. */
static void normalize_changed(struct edit *e)
{
	yyjson_mut_val *spec = spec_of(e), *ips = yyjson_mut_obj_get(spec, "clusterIPs"),
		       *ip = yyjson_mut_obj_get(spec, "clusterIP");
	yyjson_val *old = yyjson_obj_get(e->old, "spec"),
		   *old_ips = yyjson_obj_get(old, "clusterIPs");

	if (json_mixed_equal(ip, yyjson_obj_get(old, "clusterIP"))) {
		if (!yyjson_mut_arr_size(ips) && yyjson_arr_size(old_ips))
			json_set(e->doc, spec, "clusterIPs", json_copy(e->doc, old_ips));
		return;
	}
	if (!json_mixed_equal(ips, old_ips))
		return;
	(void)json_remove(spec, STR("clusterIPs"));
	normalize_new(e);
}

/* ---- what a type has that another one has not ---- */

struct needs {
	bool addresses, node_ports, health, external_policy, balancer;
};

static struct needs needs_of(struct str type, bool may_allocate, struct str policy,
			     bool has_external)
{
	bool balanced = str_eq_c(type, "LoadBalancer"), exposed = has_node_ports(type);

	return (struct needs){
		.addresses = !str_eq_c(type, "ExternalName"),
		.node_ports = str_eq_c(type, "NodePort") || (balanced && may_allocate),
		.health = balanced && str_eq_c(policy, "Local"),
		.external_policy = exposed || (str_eq_c(type, "ClusterIP") && has_external),
		.balancer = balanced,
	};
}

/* Goes when the type needed it, needs it no longer, and the client left it as it was. */
static void wipe(struct edit *e, const char *const *fields)
{
	yyjson_val *old = yyjson_obj_get(e->old, "spec");

	for (const char *const *field = fields; *field; field++)
		if (!json_mixed_equal(yyjson_mut_obj_get(spec_of(e), *field),
				      yyjson_obj_get(old, *field)))
			return;
	for (; *fields; fields++)
		(void)json_remove(spec_of(e), str_from(*fields));
}

static void wipe_node_ports(struct edit *e)
{
	struct port_set old = { { 0 } };

	JSON_EACH (before, json_get(e->old, "spec.ports"))
		port_set_add(&old, json_get_int(before, "nodePort", 0));
	JSON_MUT_EACH (port, yyjson_mut_obj_get(spec_of(e), "ports")) {
		int64_t number = json_mut_get_int(port, "nodePort", 0);

		if (number && !port_set_has(&old, number))
			return;
	}
	JSON_MUT_EACH (one, yyjson_mut_obj_get(spec_of(e), "ports"))
		(void)json_remove(one, STR("nodePort"));
}

static void drop_useless(struct edit *e, const struct needs *was, const struct needs *is)
{
	static const char *const addresses[] = { "clusterIP", "clusterIPs", NULL },
				 *const families[] = { "ipFamilies", NULL },
				 *const family_policy[] = { "ipFamilyPolicy", NULL },
				 *const health[] = { "healthCheckNodePort", NULL },
				 *const policy[] = { "externalTrafficPolicy", NULL },
				 *const allocate[] = { "allocateLoadBalancerNodePorts", NULL },
				 *const class_name[] = { "loadBalancerClass", NULL };

	if (was->addresses && !is->addresses) {
		wipe(e, addresses);
		wipe(e, families);
		wipe(e, family_policy);
	}
	if (was->node_ports && !is->node_ports)
		wipe_node_ports(e);
	if (was->health && !is->health)
		wipe(e, health);
	if (was->external_policy && !is->external_policy)
		wipe(e, policy);
	if (was->balancer && !is->balancer) {
		wipe(e, allocate);
		wipe(e, class_name);
	}
	if (!is->balancer)
		json_set(e->doc, json_ensure_object(e->doc, e->root, "status"), "loadBalancer",
			 yyjson_mut_obj(e->doc));
}

/* ---- what was allocated and is not named again ---- */

static void keep(struct edit *e, const char *key)
{
	yyjson_val *old = json_get(yyjson_obj_get(e->old, "spec"), key);

	if (old && is_zero_value(yyjson_mut_obj_get(spec_of(e), key)))
		json_set(e->doc, spec_of(e), key, json_copy(e->doc, old));
}

/* Ports are known by their names: everything else of them may have changed. */
static void keep_node_ports(struct edit *e)
{
	yyjson_mut_val *ports = yyjson_mut_obj_get(spec_of(e), "ports");
	yyjson_val *old = json_get(e->old, "spec.ports");
	AUTO_JSON_INDEX by_name = { .slots = NULL };
	struct port_set used = { { 0 } };

	json_index_init(&by_name, yyjson_arr_size(old));
	JSON_EACH (port, old)
		if (json_get_int(port, "nodePort", 0))
			(void)json_index_add(&by_name, json_get_str(port, "name"), port);
	JSON_MUT_EACH (port, ports)
		port_set_add(&used, json_mut_get_int(port, "nodePort", 0));
	JSON_MUT_EACH (port, ports) {
		yyjson_val *before = json_index_get(&by_name, json_mut_get_str(port, "name"));
		int64_t number = json_get_int(before, "nodePort", 0);

		if (!number || json_mut_get_int(port, "nodePort", 0) || port_set_has(&used, number))
			continue;
		json_set_int(e->doc, port, "nodePort", number);
		port_set_add(&used, number);
	}
}

static void service_prepare_update(struct edit *e)
{
	yyjson_val *old = yyjson_obj_get(e->old, "spec");
	yyjson_mut_val *spec = spec_of(e);
	struct needs was = needs_of(json_get_str(old, "type"),
				    json_get_bool(old, "allocateLoadBalancerNodePorts", true),
				    json_get_str(old, "externalTrafficPolicy"),
				    json_get_count(old, "externalIPs") > 0),
		     is = needs_of(json_mut_get_str(spec, "type"),
				   json_mut_get_bool(spec, "allocateLoadBalancerNodePorts", true),
				   json_mut_get_str(spec, "externalTrafficPolicy"),
				   json_mut_get_count(spec, "externalIPs") > 0);

	drop_useless(e, &was, &is);
	if (was.addresses && is.addresses)
		keep(e, "clusterIP");
	if (was.node_ports && is.node_ports)
		keep_node_ports(e);
	if (was.health && is.health)
		keep(e, "healthCheckNodePort");
	if (was.addresses && is.addresses)
		normalize_changed(e);
	else
		normalize_new(e);
}

/* ---- ports ---- */

static const struct rule port_rules[] = {
	RULE_RANGE("port", 1, 65535, "must be between 1 and 65535, inclusive"),
	RULE_NEED_ONE_OF("protocol", "SCTP|TCP|UDP"),
	RULE_CALL("targetPort", rule_port),
	RULE_NAME("appProtocol", name_qualified_problem),
	{ 0 },
};

static void check_ports(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	bool needs_name = yyjson_mut_arr_size(v) > 1;
	AUTO_JSON_INDEX names = { .slots = NULL };
	size_t i = 0;

	json_index_init(&names, yyjson_mut_arr_size(v));
	JSON_MUT_EACH (port, v) {
		const struct field_path *here = FIELD_INDEX(path, i++),
					*name_path = FIELD_NAME(here, "name");
		struct str name = json_mut_get_str(port, "name");

		if (!name.len && needs_name)
			field_required(s->errors, name_path, "");
		if (name.len && name_label_problem(name))
			field_invalid_str(s->errors, name_path, name, name_label_problem(name));
		if (name.len && json_index_add(&names, name, port))
			field_duplicate_str(s->errors, name_path, name);
		if (!yyjson_mut_obj_get(port, "port"))
			field_invalid_int(s->errors, FIELD_NAME(here, "port"), 0,
					  "must be between 1 and 65535, inclusive");
		rules_check(s, port_rules, here, port);
	}
}

static struct str pair_of(struct arena *arena, yyjson_mut_val *port, const char *key)
{
	return str_printf_in(arena, STR_FMT "/%lld", STR_ARG(json_mut_get_str(port, "protocol")),
			     (long long)json_mut_get_int(port, key, 0));
}

static void check_unique_ports(const struct scope *s, const struct field_path *path,
			       yyjson_mut_val *ports, const char *key)
{
	AUTO_JSON_INDEX seen = { .slots = NULL };
	bool of_node = strcmp(key, "nodePort") == 0;
	size_t i = 0;

	json_index_init(&seen, yyjson_mut_arr_size(ports));
	JSON_MUT_EACH (port, ports) {
		const struct field_path *here = FIELD_INDEX(path, i++);
		int64_t number = json_mut_get_int(port, key, 0);
		yyjson_mut_val *pair;

		if ((of_node && !number) ||
		    !json_index_add(&seen, pair_of(s->errors->arena, port, key), port))
			continue;
		if (of_node) {
			field_duplicate_val(s->errors, FIELD_NAME(here, key),
					    yyjson_mut_obj_get(port, key));
			continue;
		}
		pair = yyjson_mut_obj(s->edit->doc);
		json_set_str(s->edit->doc, pair, "protocol", json_mut_get_str(port, "protocol"));
		json_set_int(s->edit->doc, pair, "port", number);
		field_duplicate_val(s->errors, here, pair);
	}
}

static void check_node_ports(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *v)
{
	const struct field_path *ports_path = FIELD_NAME(path, "ports");
	yyjson_mut_val *ports = yyjson_mut_obj_get(v, "ports");
	size_t i = 0;

	JSON_MUT_EACH (port, ports) {
		if (type_is(v, "ClusterIP") && json_mut_get_int(port, "nodePort", 0))
			field_forbidden(s->errors,
					FIELD_NAME(FIELD_INDEX(ports_path, i), "nodePort"),
					"may not be used when `type` is 'ClusterIP'");
		i++;
	}
	check_unique_ports(s, ports_path, ports, "nodePort");
	check_unique_ports(s, ports_path, ports, "port");
}

/* ---- addresses ---- */

static void check_external_name(const struct scope *s, const struct field_path *path,
				yyjson_mut_val *v)
{
	static const struct rule rules[] = {
		RULE_FORBID("clusterIPs", "may not be set for ExternalName services"),
		RULE_FORBID("ipFamilies", "may not be set for ExternalName services"),
		RULE_FORBID("ipFamilyPolicy", "may not be set for ExternalName services"),
		{ 0 },
	};
	struct str name = json_mut_get_str(v, "externalName");
	const struct field_path *here = FIELD_NAME(path, "externalName");

	if (json_mut_get_str(v, "clusterIP").len && !yyjson_mut_obj_get(v, "clusterIPs"))
		field_forbidden(s->errors, FIELD_NAME(path, "clusterIPs"),
				"may not be set for ExternalName services");
	rules_check(s, rules, path, v);
	if (str_has_suffix(name, STR(".")))
		name.len--;
	if (!name.len)
		field_required(s->errors, here, "");
	else if (name_subdomain_problem(name))
		field_invalid_str(s->errors, here, name, name_subdomain_problem(name));
}

static void check_type(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str type = json_mut_get_str(v, "type");

	if (!json_mut_get_count(v, "ports") && !service_is_headless(v) &&
	    !type_is(v, "ExternalName"))
		field_required(s->errors, FIELD_NAME(path, "ports"), "");
	if (has_node_ports(type) && service_is_headless(v))
		field_invalid_str(s->errors, FIELD_INDEX(FIELD_NAME(path, "clusterIPs"), 0),
				  STR("None"),
				  str_printf_in(s->errors->arena,
						"may not be set to 'None' for " STR_FMT " services",
						STR_ARG(type))
					  .ptr);
	if (type_is(v, "ExternalName"))
		check_external_name(s, path, v);
}

static void check_affinity_config(const struct scope *s, const struct field_path *path,
				  yyjson_mut_val *v)
{
	const struct field_path *config = FIELD_NAME(path, "sessionAffinityConfig"),
				*timeout = FIELD_NAME(FIELD_NAME(config, "clientIP"),
						      "timeoutSeconds");
	int64_t seconds = json_mut_get_int(v, "sessionAffinityConfig.clientIP.timeoutSeconds",
					   10800);

	if (str_eq_c(json_mut_get_str(v, "sessionAffinity"), "ClientIP")) {
		if (seconds <= 0 || seconds > 86400)
			field_invalid_int(s->errors, timeout, seconds,
					  "must be greater than 0 and less than 86400");
	} else if (yyjson_mut_obj_get(v, "sessionAffinityConfig")) {
		field_forbidden(s->errors, config, "must not be set when session affinity is None");
	}
}

/* Upstream judges these as it does endpoints. */
static void check_external_ips(const struct scope *s, const struct field_path *path,
			       yyjson_mut_val *v)
{
	yyjson_val *old = json_get(s->edit->old, "spec.externalIPs");
	size_t i = 0;

	JSON_MUT_EACH (ip, v) {
		const struct field_path *here = FIELD_INDEX(path, i++);

		if (address_check(s, here, json_mut_str(ip), old))
			address_check_special(s, here, json_mut_str(ip));
	}
}

/* ---- load balancers and policies ---- */

#define SOURCE_RANGES "service.beta.kubernetes.io/load-balancer-source-ranges"
#define TOPOLOGY_HINTS "service.kubernetes.io/topology-aware-hints"
#define TOPOLOGY_MODE "service.kubernetes.io/topology-mode"

static void check_annotated_ranges(const struct scope *s, yyjson_mut_val *spec)
{
	const struct field_path *meta = FIELD_NAME(NULL, "metadata"),
				*here = FIELD_KEY(FIELD_NAME(meta, "annotations"),
						  STR(SOURCE_RANGES));
	yyjson_mut_val *value = json_mut_key(json_mut_get(s->edit->root, "metadata.annotations"),
					     STR(SOURCE_RANGES));
	yyjson_val *old = json_key(json_get(s->edit->old, "metadata.annotations"),
				   STR(SOURCE_RANGES));
	struct str rest = str_trim(json_mut_str(value)), range;

	if (!value)
		return;
	if (!type_is(spec, "LoadBalancer"))
		field_forbidden(s->errors, here, "may only be used when `type` is 'LoadBalancer'");
	if (old && json_mixed_equal(value, old))
		return;
	while (rest.len && str_next_part(&rest, ',', &range))
		(void)range_check(s, here, str_trim(range), NULL);
}

static bool had_range(const struct edit *e, struct str range)
{
	JSON_EACH (old, json_get(e->old, "spec.loadBalancerSourceRanges"))
		if (str_eq(str_trim(json_str(old)), range))
			return true;
	return false;
}

static void check_source_ranges(const struct scope *s, const struct field_path *path,
				yyjson_mut_val *v)
{
	/* As upstream spells it. */
	const struct field_path *here = FIELD_NAME(path, "LoadBalancerSourceRanges");
	yyjson_mut_val *ranges = yyjson_mut_obj_get(v, "loadBalancerSourceRanges");
	size_t i = 0;

	if (!yyjson_mut_arr_size(ranges))
		check_annotated_ranges(s, v);
	if (yyjson_mut_arr_size(ranges) && !type_is(v, "LoadBalancer"))
		field_forbidden(s->errors, here, "may only be used when `type` is 'LoadBalancer'");
	JSON_MUT_EACH (range, ranges) {
		struct str text = str_trim(json_mut_str(range));

		if (!had_range(s->edit, text))
			(void)range_check(s, FIELD_INDEX(here, i), text, NULL);
		i++;
	}
}

static void check_balancer(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	static const struct rule others_rules[] = {
		RULE_FORBID("allocateLoadBalancerNodePorts",
			    "may only be used when `type` is 'LoadBalancer'"),
		RULE_FORBID("loadBalancerClass", "may only be used when `type` is 'LoadBalancer'"),
		{ 0 },
	};
	static const struct rule class_rules[] = {
		RULE_NAME("loadBalancerClass", name_qualified_problem),
		{ 0 },
	};

	check_source_ranges(s, path, v);
	rules_check(s, type_is(v, "LoadBalancer") ? class_rules : others_rules, path, v);
}

static bool is_external(yyjson_mut_val *spec)
{
	return has_node_ports(json_mut_get_str(spec, "type")) ||
	       (type_is(spec, "ClusterIP") && json_mut_get_count(spec, "externalIPs"));
}

static bool needs_health_check(yyjson_mut_val *spec)
{
	return type_is(spec, "LoadBalancer") &&
	       str_eq_c(json_mut_get_str(spec, "externalTrafficPolicy"), "Local");
}

static void check_policies(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	static const struct rule external_rules[] = {
		RULE_NEED_ONE_OF("externalTrafficPolicy", "Cluster|Local"),
		{ 0 },
	};
	static const struct rule internal_rules[] = {
		RULE_ONE_OF("internalTrafficPolicy", "Cluster|Local"),
		RULE_ONE_OF("trafficDistribution", "PreferClose|PreferSameNode|PreferSameZone"),
		{ 0 },
	};
	struct str policy = json_mut_get_str(v, "externalTrafficPolicy");
	int64_t health = json_mut_get_int(v, "healthCheckNodePort", 0);
	const struct field_path *health_path = FIELD_NAME(path, "healthCheckNodePort");

	if (is_external(v))
		rules_check(s, external_rules, path, v);
	else if (policy.len)
		field_invalid_str(s->errors, FIELD_NAME(path, "externalTrafficPolicy"), policy,
				  "may only be set for externally-accessible services");
	if (!needs_health_check(v) && health)
		field_invalid_int(s->errors, health_path, health,
				  "may only be set when `type` is 'LoadBalancer' and "
				  "`externalTrafficPolicy` is 'Local'");
	else if (health < 0 || health > 65535)
		field_invalid_int(s->errors, health_path, health,
				  "must be between 1 and 65535, inclusive");
	rules_check(s, internal_rules, path, v);
}

static const struct rule spec_rules[] = {
	RULE_CALL(NULL, check_type),
	RULE_CALL("ports", check_ports),
	RULE_CALL("selector", rule_labels),
	RULE_NEED_ONE_OF("sessionAffinity", "ClientIP|None"),
	RULE_CALL(NULL, check_affinity_config),
	RULE_CALL(NULL, service_check_addresses),
	RULE_CALL("externalIPs", check_external_ips),
	RULE_NEED_ONE_OF("type", "ClusterIP|ExternalName|LoadBalancer|NodePort"),
	RULE_CALL(NULL, check_node_ports),
	RULE_CALL(NULL, check_balancer),
	RULE_CALL(NULL, check_policies),
	{ 0 },
};

static const struct rule service_rules[] = { RULE_INSIDE("spec", spec_rules), { 0 } };

/* The old name of an annotation and its new one. */
static void check_topology(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "metadata"), "annotations");
	yyjson_mut_val *annotations = json_mut_get(e->root, "metadata.annotations"),
		       *hints = json_mut_key(annotations, STR(TOPOLOGY_HINTS)),
		       *mode = json_mut_key(annotations, STR(TOPOLOGY_MODE));

	if (hints && mode && !json_mut_equal(hints, mode))
		field_invalid_str(errors, FIELD_KEY(path, STR(TOPOLOGY_MODE)), json_mut_str(mode),
				  "must match annotations[" TOPOLOGY_HINTS
				  "] when both are specified");
}

static void service_validate(struct edit *e, struct field_errors *errors)
{
	check_topology(e, errors);
	rules_check_edit(e, service_rules, errors);
}

/* ---- updates ---- */

static void service_validate_update(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(NULL, "spec");
	yyjson_val *old = yyjson_obj_get(e->old, "spec");
	struct str old_type = json_get_str(old, "type");
	bool balanced = str_eq_c(old_type, "LoadBalancer") && type_is(spec_of(e), "LoadBalancer");
	yyjson_mut_val *class_name = yyjson_mut_obj_get(spec_of(e), "loadBalancerClass");

	service_check_kept_addresses(e, errors);
	if (balanced && !json_mixed_equal(class_name, yyjson_obj_get(old, "loadBalancerClass")))
		field_invalid_val(errors, FIELD_NAME(path, "loadBalancerClass"), class_name,
				  "may not change once set");
	if (balanced && needs_health_check(spec_of(e)) &&
	    str_eq_c(json_get_str(old, "externalTrafficPolicy"), "Local") &&
	    json_get_int(old, "healthCheckNodePort", 0) &&
	    json_get_int(old, "healthCheckNodePort", 0) !=
		    json_mut_get_int(spec_of(e), "healthCheckNodePort", 0))
		field_forbidden(errors, FIELD_NAME(path, "healthCheckNodePort"),
				"field is immutable");
}

static void service_validate_status(struct edit *e, struct field_errors *errors)
{
	static const struct rule rules[] = { RULE_CALL("loadBalancer", rule_balancer_status),
					     { 0 } };
	struct scope scope = { .edit = e, .errors = errors };
	const struct field_path *path = FIELD_NAME(NULL, "status");

	if (!type_is(spec_of(e), "LoadBalancer") &&
	    json_mut_get_count(e->root, "status.loadBalancer.ingress"))
		field_forbidden(errors, FIELD_NAME(FIELD_NAME(path, "loadBalancer"), "ingress"),
				"may only be used when `spec.type` is 'LoadBalancer'");
	else
		rules_check(&scope, rules, path, yyjson_mut_obj_get(e->root, "status"));
}

static void warn_addresses(struct edit *e, const char *list, struct notices *n)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "spec"), list);
	size_t i = 0;

	JSON_MUT_EACH (address, yyjson_mut_obj_get(spec_of(e), list))
		address_warn(n, FIELD_INDEX(path, i++), json_mut_str(address));
}

static void warn_ranges(struct edit *e, struct notices *n)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "spec"),
						   "loadBalancerSourceRanges");
	size_t i = 0;

	JSON_MUT_EACH (range, yyjson_mut_obj_get(spec_of(e), "loadBalancerSourceRanges"))
		range_warn(n, FIELD_INDEX(path, i++), json_mut_str(range));
}

static void warn_headless(struct edit *e, struct notices *n)
{
	yyjson_mut_val *spec = spec_of(e);

	if (json_mut_get_str(spec, "loadBalancerIP").len)
		notices_add(n, "spec.loadBalancerIP is ignored for headless services");
	if (json_mut_get_count(spec, "externalIPs"))
		notices_add(n, "spec.externalIPs is ignored for headless services");
	if (!str_eq_c(json_mut_get_str(spec, "sessionAffinity"), "None"))
		notices_add(n, "spec.SessionAffinity is ignored for headless services");
}

static void service_warn(struct edit *e, struct notices *n)
{
	yyjson_mut_val *spec = spec_of(e);
	bool is_external = type_is(spec, "ExternalName");

	if (e->subresource.len) {
		balancer_status_warn(e, n);
		return;
	}
	if (json_mut_key(json_mut_get(e->root, "metadata.annotations"), STR(TOPOLOGY_HINTS)))
		notices_add(n, "annotation service.kubernetes.io/topology-aware-hints is "
			       "deprecated, please use service.kubernetes.io/topology-mode "
			       "instead");
	if (json_mut_get_str(spec, "clusterIP").len && !service_is_headless(spec))
		warn_addresses(e, "clusterIPs", n);
	if (type_is(spec, "ClusterIP") && service_is_headless(spec))
		warn_headless(e, n);
	warn_addresses(e, "externalIPs", n);
	address_warn(n, FIELD_NAME(FIELD_NAME(NULL, "spec"), "loadBalancerIP"),
		     json_mut_get_str(spec, "loadBalancerIP"));
	warn_ranges(e, n);
	if (is_external && json_mut_get_count(spec, "externalIPs"))
		notices_add(n, "spec.externalIPs is ignored when spec.type is \"ExternalName\"");
	if (!is_external && json_mut_get_str(spec, "externalName").len)
		notices_add(n, "spec.externalName is ignored when spec.type is not "
			       "\"ExternalName\"");
	if (str_eq_c(json_mut_get_str(spec, "trafficDistribution"), "PreferClose"))
		notices_add(n, "spec.trafficDistribution: \"PreferClose\" is deprecated; use "
			       "\"PreferSameZone\"");
}

const struct strategy strategy_service = {
	.default_object = service_default,
	.prepare_create = normalize_new,
	.prepare_update = service_prepare_update,
	.validate = service_validate,
	.validate_update = service_validate_update,
	.validate_status_update = service_validate_status,
	.warn = service_warn,
	.name_problem = name_is_label1035,
	.cells = service_cells,
};
