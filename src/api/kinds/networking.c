/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of networking.k8s.io: Ingress, IngressClass, NetworkPolicy, IPAddress, ServiceCIDR. */
#include "api/kinds/address.h"
#include "api/field_value.h"
#include "api/kinds/cells.h"
#include "api/kinds/limits.h"
#include "api/limits.h"
#include "api/meta.h"
#include "codec/ip.h"
#include "codec/json_index.h"

#define INGRESS_CLASS "kubernetes.io/ingress.class"

/* ---- Ingress ---- */

static const char *host_problem(struct str host)
{
	return str_find_char(host, '*', 0) != SIZE_MAX ? name_subdomain_wildcard_problem(host)
						       : name_subdomain_problem(host);
}

static void check_host(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str host = json_mut_str(v);

	if (!host.len)
		return;
	if (ip_is_valid(host))
		field_invalid_str(s->errors, path, host, "must be a DNS name, not an IP address");
	if (host_problem(host))
		field_invalid_str(s->errors, path, host, host_problem(host));
}

static const struct rule reference_rules[] = {
	RULE_NAME("apiGroup", name_subdomain_problem), RULE_NEED("kind", "kind is required"),
	RULE_NAME("kind", name_path_segment_problem),  RULE_NEED("name", "name is required"),
	RULE_NAME("name", name_path_segment_problem),  { 0 },
};

static const struct rule service_rules[] = {
	RULE_NEED_NAME("name", name_label1035_problem),
	{ 0 },
};

static const struct rule service_port_rules[] = {
	RULE_NAME("name", name_port_problem),
	RULE_BETWEEN("number", 1, 65535),
	{ 0 },
};

static void check_service_backend(const struct scope *s, const struct field_path *path,
				  yyjson_mut_val *service)
{
	const struct field_path *here = FIELD_NAME(path, "service");
	yyjson_mut_val *port = yyjson_mut_obj_get(service, "port");
	bool named = json_mut_get_str(port, "name").len > 0,
	     numbered = json_mut_get_int(port, "number", 0) != 0;

	rules_check(s, service_rules, here, service);
	if (named && numbered)
		field_invalid_str(s->errors, path, STR(""),
				  "cannot set both port name & port number");
	else if (!named && !numbered)
		field_required(s->errors, path, "port name or number is required");
	else
		rules_check(s, service_port_rules, FIELD_NAME(here, "port"), port);
}

static void check_backend(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	yyjson_mut_val *resource = yyjson_mut_obj_get(v, "resource"),
		       *service = yyjson_mut_obj_get(v, "service");

	if (resource && service)
		field_invalid_str(s->errors, path, STR(""),
				  "cannot set both resource and service backends");
	else if (resource)
		rules_check(s, reference_rules, FIELD_NAME(path, "resource"), resource);
	else if (service)
		check_service_backend(s, path, service);
	else
		field_invalid_str(s->errors, path, STR(""),
				  "resource or service backend is required");
}

static void check_default_backend(const struct scope *s, const struct field_path *path,
				  yyjson_mut_val *v)
{
	if (v)
		check_backend(s, path, v);
}

static void check_sequences(const struct scope *s, const struct field_path *path, struct str text)
{
	static const char *const inside[] = { "//", "/./", "/../", "%2f", "%2F" };
	static const char *const behind[] = { "/..", "/." };

	for (size_t i = 0; i < ARRAY_COUNT(inside); i++)
		if (str_find(text, str_from(inside[i]), 0) != SIZE_MAX)
			field_invalid_str(
				s->errors, path, text,
				str_printf_in(s->errors->arena, "must not contain '%s'", inside[i])
					.ptr);
	for (size_t i = 0; i < ARRAY_COUNT(behind); i++)
		if (str_has_suffix(text, str_from(behind[i])))
			field_invalid_str(
				s->errors, path, text,
				str_printf_in(s->errors->arena, "cannot end with '%s'", behind[i])
					.ptr);
}

static void check_path(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str type = json_mut_get_str(v, "pathType"), text = json_mut_get_str(v, "path");
	const struct field_path *here = FIELD_NAME(path, "path");
	bool is_exact = schema_values_have(STR("Exact|Prefix"), type);

	if (!type.len) {
		field_required(s->errors, FIELD_NAME(path, "pathType"),
			       "pathType must be specified");
		return;
	}
	if (!is_exact && !str_eq_c(type, "ImplementationSpecific"))
		field_unsupported(s->errors, FIELD_NAME(path, "pathType"), type,
				  "Exact|ImplementationSpecific|Prefix");
	else if ((is_exact || text.len) && !str_has_prefix(text, STR("/")))
		field_invalid_str(s->errors, here, text, "must be an absolute path");
	if (is_exact)
		check_sequences(s, here, text);
	check_backend(s, FIELD_NAME(path, "backend"), yyjson_mut_obj_get(v, "backend"));
}

static const struct rule http_rules[] = {
	RULE_NEED("paths", ""),
	RULE_CALL_EACH("paths", check_path),
	{ 0 },
};

static const struct rule ingress_rule_rules[] = {
	RULE_CALL("host", check_host),
	RULE_INSIDE("http", http_rules),
	{ 0 },
};

static const struct rule tls_rules[] = {
	RULE_NAMES("hosts", host_problem),
	RULE_NAME("secretName", name_subdomain_problem),
	{ 0 },
};

static void check_some_target(const struct scope *s, const struct field_path *path,
			      yyjson_mut_val *v)
{
	yyjson_mut_val *rules = yyjson_mut_obj_get(v, "rules");

	if (!yyjson_mut_arr_size(rules) && !yyjson_mut_obj_get(v, "defaultBackend"))
		field_invalid_val(s->errors, path, rules,
				  "either `defaultBackend` or `rules` must be specified");
}

static const struct rule ingress_spec_rules[] = {
	RULE_CALL(NULL, check_some_target),
	RULE_CALL("defaultBackend", check_default_backend),
	RULE_EACH("rules", ingress_rule_rules),
	RULE_EACH("tls", tls_rules),
	RULE_NAME("ingressClassName", name_subdomain_problem),
	{ 0 },
};

static const struct rule ingress_rules[] = { RULE_INSIDE("spec", ingress_spec_rules), { 0 } };

static void ingress_validate(struct edit *e, struct field_errors *errors)
{
	yyjson_mut_val *old_class = json_mut_key(json_mut_get(e->root, "metadata.annotations"),
						 STR(INGRESS_CLASS));

	rules_check_edit(e, ingress_rules, errors);
	if (!e->old && old_class && json_mut_get_str(e->root, "spec.ingressClassName").len)
		field_invalid_str(
			errors, FIELD_NAME(FIELD_NAME(NULL, "annotations"), INGRESS_CLASS),
			json_mut_str(old_class), "can not be set when the class field is also set");
}

static void ingress_validate_status(struct edit *e, struct field_errors *errors)
{
	struct scope scope = { .edit = e, .errors = errors };

	rule_balancer_status(&scope, FIELD_NAME(FIELD_NAME(NULL, "status"), "loadBalancer"),
			     json_mut_get(e->root, "status.loadBalancer"));
}

static void ingress_warn(struct edit *e, struct notices *notices)
{
	if (e->subresource.len) {
		balancer_status_warn(e, notices);
		return;
	}
	if (json_mut_key(json_mut_get(e->root, "metadata.annotations"), STR(INGRESS_CLASS)))
		notices_add(notices, "annotation \"" INGRESS_CLASS "\" is deprecated, please use "
				     "'spec.ingressClassName' instead");
}

const struct strategy strategy_ingress = {
	.validate = ingress_validate,
	.validate_status_update = ingress_validate_status,
	.warn = ingress_warn,
	.cells = ingress_cells,
};

/* ---- IngressClass ---- */

static void check_prefixed_path(const struct scope *s, const struct field_path *path,
				struct str domain, struct str rest)
{
	if (name_subdomain_problem(domain))
		field_invalid_str(s->errors, path, domain, name_subdomain_problem(domain));
	if (!text_matches(s->errors->arena, "^[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+$", rest))
		field_invalid_str(s->errors, path, rest,
				  "Invalid path (regex used for validation is "
				  "'[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')");
}

static void check_controller(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *v)
{
	struct str name = json_mut_str(v), domain, rest;

	if (name.len > INGRESS_CONTROLLER_BYTES_MAX)
		field_too_long(s->errors, path, INGRESS_CONTROLLER_BYTES_MAX);
	if (!name.len)
		field_required(s->errors, path, "");
	else if (!str_cut(name, '/', &domain, &rest) || !domain.len || !rest.len)
		field_invalid_str(s->errors, path, name,
				  "must be a domain-prefixed path (such as \"acme.io/foo\")");
	else
		check_prefixed_path(s, path, domain, rest);
}

static void check_class_scope(const struct scope *s, const struct field_path *path,
			      yyjson_mut_val *v)
{
	struct str scope = json_mut_get_str(v, "scope"), space = json_mut_get_str(v, "namespace");
	const struct field_path *here = FIELD_NAME(path, "namespace");

	if (!scope.len)
		field_required(s->errors, FIELD_NAME(path, "scope"), "");
	else if (!schema_values_have(STR("Cluster|Namespace"), scope))
		field_unsupported(s->errors, FIELD_NAME(path, "scope"), scope, "Cluster|Namespace");
	if (str_eq_c(scope, "Namespace") && !space.len)
		field_required(s->errors, here, "`parameters.scope` is set to 'Namespace'");
	else if (str_eq_c(scope, "Namespace") && name_label_problem(space))
		field_invalid_str(s->errors, here, space, name_label_problem(space));
	if (str_eq_c(scope, "Cluster") && space.len)
		field_forbidden(s->errors, here, "`parameters.scope` is set to 'Cluster'");
}

static const struct rule parameters_rules[] = {
	RULE_CALL(NULL, check_class_scope),
	{ 0 },
};

static const struct rule class_spec_rules[] = {
	RULE_CALL("controller", check_controller),
	RULE_INSIDE("parameters", reference_rules),
	RULE_INSIDE("parameters", parameters_rules),
	{ 0 },
};

static const struct rule class_rules[] = { RULE_INSIDE("spec", class_spec_rules), { 0 } };

static void ingressclass_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, class_rules, errors);
}

static const char *const ingressclass_immutable[] = { "spec.controller", NULL };

const struct strategy strategy_ingressclass = {
	.validate = ingressclass_validate,
	.immutable = ingressclass_immutable,
	.cells = ingressclass_cells,
};

/* ---- NetworkPolicy ---- */

static void networkpolicy_default(struct edit *e)
{
	yyjson_mut_val *spec = yyjson_mut_obj_get(e->root, "spec"), *types;

	if (!yyjson_mut_is_obj(spec) ||
	    yyjson_mut_arr_size(yyjson_mut_obj_get(spec, "policyTypes")))
		return;
	types = json_set_array(e->doc, spec, "policyTypes");
	json_append_str(e->doc, types, STR("Ingress"));
	if (yyjson_mut_arr_size(yyjson_mut_obj_get(spec, "egress")))
		json_append_str(e->doc, types, STR("Egress"));
}

static void check_end_port(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	yyjson_mut_val *port = yyjson_mut_obj_get(v, "port"),
		       *end = yyjson_mut_obj_get(v, "endPort");
	const struct field_path *here = FIELD_NAME(path, "endPort");
	int64_t number = json_mut_int(end, 0);

	if (yyjson_mut_is_str(port) && end)
		field_invalid_int(s->errors, here, number,
				  "may not be specified when `port` is non-numeric");
	if (port)
		rule_port(s, FIELD_NAME(path, "port"), port);
	if (!end || yyjson_mut_is_str(port))
		return;
	if (!port) {
		field_invalid_int(s->errors, here, number,
				  "may not be specified when `port` is not specified");
		return;
	}
	if (number < json_mut_int(port, 0))
		field_invalid_int(s->errors, here, json_mut_int(port, 0),
				  "must be greater than or equal to `port`");
	if (number < 1 || number > 65535)
		field_invalid_int(s->errors, here, number,
				  "must be between 1 and 65535, inclusive");
}

static const struct rule policy_port_rules[] = {
	RULE_ONE_OF("protocol", "TCP|UDP|SCTP"),
	RULE_CALL(NULL, check_end_port),
	{ 0 },
};

/* An update may keep the networks that the policy has, wherever they stand. */
static bool had_network(const struct edit *e, struct str cidr)
{
	static const char *const lists[][2] = { { "spec.ingress", "from" },
						{ "spec.egress", "to" } };

	for (size_t i = 0; e->old && i < ARRAY_COUNT(lists); i++)
		JSON_EACH (rule, json_get(e->old, lists[i][0]))
			JSON_EACH (peer, yyjson_obj_get(rule, lists[i][1])) {
				yyjson_val *block = yyjson_obj_get(peer, "ipBlock");

				if (str_eq(json_get_str(block, "cidr"), cidr))
					return true;
				JSON_EACH (except, yyjson_obj_get(block, "except"))
					if (str_eq(json_str(except), cidr))
						return true;
			}
	return false;
}

static void check_network(const struct scope *s, const struct field_path *path, struct str cidr)
{
	const char *problem = cidr_problem(cidr);

	if (problem && !had_network(s->edit, cidr))
		field_invalid_str(s->errors, path, cidr, problem);
}

static void check_block(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str cidr = json_mut_get_str(v, "cidr");
	struct ip_range outer, inner;
	size_t i = 0;

	if (!cidr.len) {
		field_required(s->errors, FIELD_NAME(path, "cidr"), "");
		return;
	}
	check_network(s, FIELD_NAME(path, "cidr"), cidr);
	if (!ip_range_read(&outer, cidr))
		return;
	JSON_MUT_EACH (except, yyjson_mut_obj_get(v, "except")) {
		const struct field_path *here = FIELD_INDEX(FIELD_NAME(path, "except"), i++);
		struct str text = json_mut_str(except);

		check_network(s, here, text);
		if (ip_range_read(&inner, text) &&
		    (!ip_range_has(&outer, &inner) || inner.bits == outer.bits))
			field_invalid_str(s->errors, here, text,
					  "must be a strict subset of `cidr`");
	}
}

static void check_peer(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	yyjson_mut_val *pods = yyjson_mut_obj_get(v, "podSelector"),
		       *spaces = yyjson_mut_obj_get(v, "namespaceSelector"),
		       *block = yyjson_mut_obj_get(v, "ipBlock");

	rule_selector(s, FIELD_NAME(path, "podSelector"), pods);
	rule_selector(s, FIELD_NAME(path, "namespaceSelector"), spaces);
	if (block)
		check_block(s, FIELD_NAME(path, "ipBlock"), block);
	if (!pods && !spaces && !block)
		field_required(s->errors, path, "must specify a peer");
	else if (block && (pods || spaces))
		field_forbidden(s->errors, path, "may not specify both ipBlock and another peer");
}

static const struct rule in_rules[] = {
	RULE_EACH("ports", policy_port_rules),
	RULE_CALL_EACH("from", check_peer),
	{ 0 },
};

static const struct rule out_rules[] = {
	RULE_EACH("ports", policy_port_rules),
	RULE_CALL_EACH("to", check_peer),
	{ 0 },
};

static void check_policy_types(const struct scope *s, const struct field_path *path,
			       yyjson_mut_val *v)
{
	size_t i = 0;

	if (yyjson_mut_arr_size(v) > 2) {
		field_invalid_val(s->errors, path, v, "may not specify more than two policyTypes");
		return;
	}
	JSON_MUT_EACH (type, v) {
		if (!schema_values_have(STR("Ingress|Egress"), json_mut_str(type)))
			field_unsupported(s->errors, FIELD_INDEX(path, i), json_mut_str(type),
					  "Ingress|Egress");
		i++;
	}
}

static const struct rule policy_spec_rules[] = {
	RULE_CALL("podSelector", rule_selector),
	RULE_EACH("ingress", in_rules),
	RULE_EACH("egress", out_rules),
	RULE_CALL("policyTypes", check_policy_types),
	{ 0 },
};

static const struct rule policy_rules[] = { RULE_INSIDE("spec", policy_spec_rules), { 0 } };

static void networkpolicy_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, policy_rules, errors);
}

static void warn_blocks(struct notices *n, const struct field_path *path, yyjson_mut_val *peers)
{
	size_t i = 0;

	JSON_MUT_EACH (peer, peers) {
		const struct field_path *here = FIELD_NAME(FIELD_INDEX(path, i++), "ipBlock");
		yyjson_mut_val *block = yyjson_mut_obj_get(peer, "ipBlock");
		size_t k = 0;

		range_warn(n, FIELD_NAME(here, "cidr"), json_mut_get_str(block, "cidr"));
		JSON_MUT_EACH (except, yyjson_mut_obj_get(block, "except"))
			range_warn(n, FIELD_INDEX(FIELD_NAME(here, "except"), k++),
				   json_mut_str(except));
	}
}

static void networkpolicy_warn(struct edit *e, struct notices *n)
{
	static const char *const lists[][2] = { { "ingress", "from" }, { "egress", "to" } };
	const struct field_path *spec = FIELD_NAME(NULL, "spec");

	for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
		const struct field_path *list = FIELD_NAME(spec, lists[i][0]);
		size_t k = 0;

		JSON_MUT_EACH (rule, json_mut_get(json_mut_get(e->root, "spec"), lists[i][0]))
			warn_blocks(n, FIELD_NAME(FIELD_INDEX(list, k++), lists[i][1]),
				    yyjson_mut_obj_get(rule, lists[i][1]));
	}
}

const struct strategy strategy_networkpolicy = {
	.default_object = networkpolicy_default,
	.validate = networkpolicy_validate,
	.warn = networkpolicy_warn,
	.cells = networkpolicy_cells,
};

/* ---- IPAddress and ServiceCIDR ---- */

/* No room for the canonical form in what this returns: a check of its own says it. */
static const char *name_is_address(struct str name, bool is_prefix)
{
	(void)is_prefix;
	return ip_problem(name);
}

static void check_canonical(struct field_errors *errors, const struct field_path *path,
			    struct str text, const char *canonical)
{
	if (!str_eq_c(text, canonical))
		field_error_add(errors, FIELD_INVALID, path,
				"\"" STR_FMT "\": must be in canonical form (\"%s\")",
				STR_ARG(text), canonical);
}

static const struct rule parent_rules[] = {
	RULE_NAME("group", name_subdomain_problem),
	RULE_NEED_NAME("resource", name_path_segment_problem),
	RULE_NEED_NAME("name", name_path_segment_problem),
	RULE_NAME("namespace", name_path_segment_problem),
	{ 0 },
};

static const struct rule address_spec_rules[] = {
	RULE_NEED("parentRef", ""),
	RULE_INSIDE("parentRef", parent_rules),
	{ 0 },
};

static const struct rule address_rules[] = { RULE_INSIDE("spec", address_spec_rules), { 0 } };

static void ipaddress_validate(struct edit *e, struct field_errors *errors)
{
	struct str name = json_mut_get_str(e->root, "metadata.name");
	char canonical[IP_TEXT_BYTES];

	if (!ip_problem(name) && ip_canonical(name, canonical))
		check_canonical(errors, FIELD_NAME(FIELD_NAME(NULL, "metadata"), "name"), name,
				canonical);
	rules_check_edit(e, address_rules, errors);
}

static const char *const ipaddress_immutable[] = { "spec.parentRef", NULL };

const struct strategy strategy_ipaddress = {
	.cells = ipaddress_cells,
	.validate = ipaddress_validate,
	.immutable = ipaddress_immutable,
	.name_problem = name_is_address,
};

/* Upstream shows all that is wanted, not only the ranges. */
static void refuse_ranges(const struct scope *s, const struct field_path *path, const char *detail)
{
	AUTO_BUF spec = { 0 };

	buf_init(&spec, OBJECT_BYTES_MAX);
	field_value_write(s->edit->kind, path->parent, yyjson_mut_obj_get(s->edit->root, "spec"),
			  &spec);
	field_error_add(s->errors, FIELD_INVALID, path, STR_FMT ": %s", STR_ARG(buf_str(&spec)),
			detail);
}

static void check_ranges(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	size_t i = 0, six = 0, count = yyjson_mut_arr_size(v);

	if (!count) {
		field_required(s->errors, path, "at least one CIDR required");
		return;
	}
	if (count > 2) {
		refuse_ranges(s, path, "may only hold up to 2 values");
		return;
	}
	JSON_MUT_EACH (range, v)
		six += str_find_char(json_mut_str(range), ':', 0) != SIZE_MAX;
	if (count == 2 && six != 1) {
		refuse_ranges(s, path,
			      "may specify no more than one IP for each IP family, i.e "
			      "192.168.0.0/24 and 2001:db8::/64");
		return;
	}
	JSON_MUT_EACH (range, v) {
		const struct field_path *here = FIELD_INDEX(path, i++);
		char canonical[IP_RANGE_TEXT_BYTES];

		if (range_check(s, here, json_mut_str(range), NULL) &&
		    cidr_canonical(json_mut_str(range), canonical))
			check_canonical(s->errors, here, json_mut_str(range), canonical);
	}
}

static const struct rule ranges_spec_rules[] = { RULE_CALL("cidrs", check_ranges), { 0 } };
static const struct rule ranges_rules[] = { RULE_INSIDE("spec", ranges_spec_rules), { 0 } };

static void servicecidr_validate(struct edit *e, struct field_errors *errors)
{
	yyjson_val *old = json_get(e->old, "spec.cidrs");

	/* An update is looked at only where it may change something: from one family to two. */
	if (!e->old ||
	    (yyjson_arr_size(old) == 1 && json_mut_get_count(e->root, "spec.cidrs") == 2))
		rules_check_edit(e, ranges_rules, errors);
}

static void servicecidr_validate_update(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "spec"), "cidrs");
	yyjson_mut_val *now = json_mut_get(e->root, "spec.cidrs");
	yyjson_val *old = json_get(e->old, "spec.cidrs");
	size_t i = 0, count = yyjson_mut_arr_size(now), old_count = yyjson_arr_size(old);

	if (count != old_count && !(old_count == 1 && count == 2)) {
		field_invalid_val(errors, path, now, "field is immutable");
		return;
	}
	JSON_EACH (range, old) {
		yyjson_mut_val *mine = yyjson_mut_arr_get(now, i);

		if (!json_mixed_equal(mine, range))
			field_invalid_str(errors, FIELD_INDEX(path, i), json_mut_str(mine),
					  "field is immutable");
		i++;
	}
}

const struct strategy strategy_servicecidr = {
	.prepare_status_update = meta_keep_for_status,
	.validate = servicecidr_validate,
	.validate_update = servicecidr_validate_update,
};
