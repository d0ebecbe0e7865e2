/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of a pod spec as a whole and of templates, with upstream's wording. Containers and volumes
 * have their own files. */
#include "api/kinds/pod_spec.h"

#include "api/meta.h"
#include "api/selector.h"

void nonnegative_validate(yyjson_mut_val *number, const struct field_path *path,
			  struct field_errors *errors)
{
	if (yyjson_mut_is_num(number) && json_mut_int(number, 0) < 0)
		field_invalid_int(errors, path, json_mut_int(number, 0),
				  "must be greater than or equal to 0");
}

void port_number_validate(int64_t number, const struct field_path *path,
			  struct field_errors *errors)
{
	if (number < 1 || number > 65535)
		field_invalid_int(errors, path, number, "must be between 1 and 65535, inclusive");
}

void port_validate(yyjson_mut_val *port, const struct field_path *path, struct field_errors *errors)
{
	const char *problem;

	if (yyjson_mut_is_str(port)) {
		problem = name_port_problem(json_mut_str(port));
		if (problem)
			field_invalid_str(errors, path, json_mut_str(port), problem);
		return;
	}
	port_number_validate(json_mut_int(port, 0), path, errors);
}

static void validate_dns(yyjson_mut_val *spec, const struct field_path *path,
			 struct field_errors *errors)
{
	const struct field_path *config_path = FIELD_NAME(path, "dnsConfig"),
				*servers = FIELD_NAME(config_path, "nameservers");
	yyjson_mut_val *config = yyjson_mut_obj_get(spec, "dnsConfig"),
		       *list = yyjson_mut_obj_get(config, "nameservers");
	struct str policy = json_mut_get_str(spec, "dnsPolicy");
	size_t i = 0;

	if (!schema_values_have(STR("ClusterFirstWithHostNet|ClusterFirst|Default|None"), policy))
		field_unsupported(errors, FIELD_NAME(path, "dnsPolicy"), policy,
				  "ClusterFirst|ClusterFirstWithHostNet|Default|None");
	if (str_eq_c(policy, "None") && !config)
		field_required(errors, config_path,
			       "must provide `dnsConfig` when `dnsPolicy` is None");
	else if (str_eq_c(policy, "None") && !yyjson_mut_arr_size(list))
		field_required(errors, servers,
			       "must provide at least one DNS nameserver when `dnsPolicy` is None");
	if (yyjson_mut_arr_size(list) > 3)
		field_invalid_val(errors, servers, list, "must not have more than 3 nameservers");
	JSON_MUT_EACH (server, list) {
		if (!ip_is_valid(json_mut_str(server)))
			field_invalid_str(
				errors, FIELD_INDEX(servers, i), json_mut_str(server),
				"must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
		i++;
	}
	if (json_mut_get_count(config, "searches") > 32)
		field_invalid_val(errors, FIELD_NAME(config_path, "searches"),
				  yyjson_mut_obj_get(config, "searches"),
				  "must not have more than 32 search paths");
}

static void validate_toleration(yyjson_mut_val *toleration, const struct field_path *path,
				struct field_errors *errors)
{
	struct str key = json_mut_get_str(toleration, "key"),
		   value = json_mut_get_str(toleration, "value");
	struct str operator= json_mut_get_str(toleration, "operator"),
		   effect = json_mut_get_str(toleration, "effect");
	bool exists = str_eq_c(operator, "Exists");

	if (key.len && name_qualified_problem(key))
		field_invalid_str(errors, FIELD_NAME(path, "key"), key,
				  name_qualified_problem(key));
	if (!key.len && !exists)
		field_invalid_str(errors, FIELD_NAME(path, "operator"), operator,
				  "operator must be Exists when `key` is empty, which means "
				  "\"match all values and all keys\"");
	if (yyjson_mut_obj_get(toleration, "tolerationSeconds") && !str_eq_c(effect, "NoExecute"))
		field_invalid_str(errors, FIELD_NAME(path, "effect"), effect,
				  "effect must be 'NoExecute' when `tolerationSeconds` is set");
	if (exists && value.len)
		field_invalid_str(errors, FIELD_NAME(path, "operator"), value,
				  "value must be empty when `operator` is 'Exists'");
	else if (!exists && operator.len && !schema_values_have(
				    STR("Equal|Exists|Lt|Gt"), operator))
		field_unsupported(errors, FIELD_NAME(path, "operator"), operator, "Equal|Exists");
	else if (!exists && name_label_value_problem(value))
		field_invalid_str(errors, FIELD_NAME(path, "operator"), value,
				  name_label_value_problem(value));
	if (effect.len && !schema_values_have(STR("NoSchedule|PreferNoSchedule|NoExecute"), effect))
		field_unsupported(errors, FIELD_NAME(path, "effect"), effect,
				  "NoSchedule|PreferNoSchedule|NoExecute");
}

static void validate_node_term(yyjson_mut_val *term, const struct field_path *path,
			       struct field_errors *errors)
{
	size_t i = 0;

	JSON_MUT_EACH (expression, yyjson_mut_obj_get(term, "matchExpressions")) {
		const struct field_path *here = FIELD_INDEX(FIELD_NAME(path, "matchExpressions"),
							    i++);
		struct str operator= json_mut_get_str(expression, "operator"),
			   key = json_mut_get_str(expression, "key");
		size_t count = json_mut_get_count(expression, "values");

		if ((str_eq_c(operator, "In") || str_eq_c(operator, "NotIn")) && !count)
			field_required(errors, FIELD_NAME(here, "values"),
				       "must be specified when `operator` is 'In' or 'NotIn'");
		else if ((str_eq_c(operator, "Exists") || str_eq_c(operator, "DoesNotExist")) &&
			 count)
			field_forbidden(errors, FIELD_NAME(here, "values"),
					"may not be specified when `operator` is 'Exists' or "
					"'DoesNotExist'");
		else if ((str_eq_c(operator, "Gt") || str_eq_c(operator, "Lt")) && count != 1)
			field_required(
				errors, FIELD_NAME(here, "values"),
				"must be specified single value when `operator` is 'Lt' or 'Gt'");
		else if (!schema_values_have(STR("In|NotIn|Exists|DoesNotExist|Gt|Lt"), operator))
			field_invalid_str(errors, FIELD_NAME(here, "operator"), operator,
					  "not a valid selector operator");
		if (name_qualified_problem(key))
			field_invalid_str(errors, FIELD_NAME(here, "key"), key,
					  name_qualified_problem(key));
	}
}

static void validate_pod_term(yyjson_mut_val *term, const struct field_path *path,
			      struct field_errors *errors)
{
	struct str key = json_mut_get_str(term, "topologyKey");

	selector_validate(yyjson_mut_obj_get(term, "labelSelector"),
			  FIELD_NAME(path, "labelSelector"), errors);
	if (!key.len)
		field_required(errors, FIELD_NAME(path, "topologyKey"), "can not be empty");
	else if (name_qualified_problem(key))
		field_invalid_str(errors, FIELD_NAME(path, "topologyKey"), key,
				  name_qualified_problem(key));
}

static void validate_pod_affinity(yyjson_mut_val *affinity, const struct field_path *path,
				  struct field_errors *errors)
{
	static const char required[] = "requiredDuringSchedulingIgnoredDuringExecution";
	static const char preferred[] = "preferredDuringSchedulingIgnoredDuringExecution";
	size_t i = 0;

	JSON_MUT_EACH (term, yyjson_mut_obj_get(affinity, required))
		validate_pod_term(term, FIELD_INDEX(FIELD_NAME(path, required), i++), errors);
	i = 0;
	JSON_MUT_EACH (weighted, yyjson_mut_obj_get(affinity, preferred)) {
		const struct field_path *here = FIELD_INDEX(FIELD_NAME(path, preferred), i++);
		int64_t weight = json_mut_get_int(weighted, "weight", 0);

		if (weight <= 0 || weight > 100)
			field_invalid_int(errors, FIELD_NAME(here, "weight"), weight,
					  "must be in the range 1-100");
		validate_pod_term(yyjson_mut_obj_get(weighted, "podAffinityTerm"),
				  FIELD_NAME(here, "podAffinityTerm"), errors);
	}
}

static void validate_affinity(yyjson_mut_val *affinity, const struct field_path *path,
			      struct field_errors *errors)
{
	const struct field_path *node_path = FIELD_NAME(path, "nodeAffinity");
	const struct field_path *required = FIELD_NAME(
		node_path, "requiredDuringSchedulingIgnoredDuringExecution");
	yyjson_mut_val *must = json_mut_get(
		affinity, "nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution");
	size_t i = 0;

	if (must && !json_mut_get_count(must, "nodeSelectorTerms"))
		field_required(errors, FIELD_NAME(required, "nodeSelectorTerms"),
			       "must have at least one node selector term");
	JSON_MUT_EACH (term, yyjson_mut_obj_get(must, "nodeSelectorTerms"))
		validate_node_term(
			term, FIELD_INDEX(FIELD_NAME(required, "nodeSelectorTerms"), i++), errors);
	i = 0;
	JSON_MUT_EACH (
		term,
		json_mut_get(affinity,
			     "nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution")) {
		const struct field_path *here = FIELD_INDEX(
			FIELD_NAME(node_path, "preferredDuringSchedulingIgnoredDuringExecution"),
			i++);
		int64_t weight = json_mut_get_int(term, "weight", 0);

		if (weight <= 0 || weight > 100)
			field_invalid_int(errors, FIELD_NAME(here, "weight"), weight,
					  "must be in the range 1-100");
		validate_node_term(yyjson_mut_obj_get(term, "preference"),
				   FIELD_NAME(here, "preference"), errors);
	}
	validate_pod_affinity(yyjson_mut_obj_get(affinity, "podAffinity"),
			      FIELD_NAME(path, "podAffinity"), errors);
	validate_pod_affinity(yyjson_mut_obj_get(affinity, "podAntiAffinity"),
			      FIELD_NAME(path, "podAntiAffinity"), errors);
}

static void validate_spread(yyjson_mut_val *constraints, const struct field_path *path,
			    struct field_errors *errors)
{
	size_t i = 0;

	JSON_MUT_EACH (constraint, constraints) {
		const struct field_path *here = FIELD_INDEX(path, i++);
		int64_t skew = json_mut_get_int(constraint, "maxSkew", 0);
		struct str key = json_mut_get_str(constraint, "topologyKey");
		struct str action = json_mut_get_str(constraint, "whenUnsatisfiable");

		if (skew <= 0)
			field_invalid_int(errors, FIELD_NAME(here, "maxSkew"), skew,
					  "must be greater than zero");
		if (!key.len)
			field_required(errors, FIELD_NAME(here, "topologyKey"), "can not be empty");
		if (!schema_values_have(STR("DoNotSchedule|ScheduleAnyway"), action))
			field_unsupported(errors, FIELD_NAME(here, "whenUnsatisfiable"), action,
					  "DoNotSchedule|ScheduleAnyway");
		selector_validate(yyjson_mut_obj_get(constraint, "labelSelector"),
				  FIELD_NAME(here, "labelSelector"), errors);
	}
}

static void check_name(yyjson_mut_val *spec, const char *key, const char *(*problem)(struct str),
		       const struct field_path *path, struct field_errors *errors)
{
	struct str name = json_mut_get_str(spec, key);

	if (name.len && problem(name))
		field_invalid_str(errors, FIELD_NAME(path, key), name, problem(name));
}

static void validate_names(yyjson_mut_val *spec, const struct field_path *path,
			   struct field_errors *errors)
{
	size_t i = 0;

	check_name(spec, "serviceAccountName", name_subdomain_problem, path, errors);
	check_name(spec, "nodeName", name_subdomain_problem, path, errors);
	check_name(spec, "hostname", name_label_problem, path, errors);
	check_name(spec, "subdomain", name_label_problem, path, errors);
	check_name(spec, "priorityClassName", name_subdomain_problem, path, errors);
	check_name(spec, "runtimeClassName", name_subdomain_problem, path, errors);
	meta_validate_labels(yyjson_mut_obj_get(spec, "nodeSelector"),
			     FIELD_NAME(path, "nodeSelector"), errors);
	JSON_MUT_EACH (secret, yyjson_mut_obj_get(spec, "imagePullSecrets")) {
		if (!json_mut_get_str(secret, "name").len)
			field_required(
				errors,
				FIELD_NAME(FIELD_INDEX(FIELD_NAME(path, "imagePullSecrets"), i),
					   "name"),
				"");
		i++;
	}
	i = 0;
	JSON_MUT_EACH (alias, yyjson_mut_obj_get(spec, "hostAliases")) {
		const struct field_path *here = FIELD_INDEX(FIELD_NAME(path, "hostAliases"), i++);

		if (!ip_is_valid(json_mut_get_str(alias, "ip")))
			field_invalid_str(
				errors, FIELD_NAME(here, "ip"), json_mut_get_str(alias, "ip"),
				"must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
	}
}

void pod_spec_validate(yyjson_mut_val *spec, const struct field_path *path,
		       struct field_errors *errors)
{
	struct str policy = json_mut_get_str(spec, "restartPolicy");
	yyjson_mut_val *deadline = yyjson_mut_obj_get(spec, "activeDeadlineSeconds");
	yyjson_mut_val *grace = yyjson_mut_obj_get(spec, "terminationGracePeriodSeconds");
	size_t i = 0;

	volume_list_validate(yyjson_mut_obj_get(spec, "volumes"), FIELD_NAME(path, "volumes"),
			     errors);
	container_list_validate(spec, path, errors);
	if (!policy.len)
		field_required(errors, FIELD_NAME(path, "restartPolicy"), "");
	else if (!schema_values_have(STR("Always|OnFailure|Never"), policy))
		field_unsupported(errors, FIELD_NAME(path, "restartPolicy"), policy,
				  "Always|OnFailure|Never");
	validate_dns(spec, path, errors);
	validate_names(spec, path, errors);
	validate_affinity(yyjson_mut_obj_get(spec, "affinity"), FIELD_NAME(path, "affinity"),
			  errors);
	JSON_MUT_EACH (toleration, yyjson_mut_obj_get(spec, "tolerations"))
		validate_toleration(toleration, FIELD_INDEX(FIELD_NAME(path, "tolerations"), i++),
				    errors);
	validate_spread(yyjson_mut_obj_get(spec, "topologySpreadConstraints"),
			FIELD_NAME(path, "topologySpreadConstraints"), errors);
	if (deadline && (json_mut_int(deadline, 0) < 1 || json_mut_int(deadline, 0) > INT32_MAX))
		field_invalid_int(errors, FIELD_NAME(path, "activeDeadlineSeconds"),
				  json_mut_int(deadline, 0),
				  "must be between 1 and 2147483647, inclusive");
	nonnegative_validate(grace, FIELD_NAME(path, "terminationGracePeriodSeconds"), errors);
}

void pod_template_validate(yyjson_mut_val *template, const struct field_path *path,
			   struct field_errors *errors)
{
	const struct field_path *meta = FIELD_NAME(path, "metadata");
	yyjson_mut_val *spec = yyjson_mut_obj_get(template, "spec");

	meta_validate_labels(json_mut_get(template, "metadata.labels"), FIELD_NAME(meta, "labels"),
			     errors);
	meta_validate_annotations(json_mut_get(template, "metadata.annotations"),
				  FIELD_NAME(meta, "annotations"), errors);
	pod_spec_validate(spec, FIELD_NAME(path, "spec"), errors);
	if (yyjson_mut_arr_size(yyjson_mut_obj_get(spec, "ephemeralContainers")))
		field_forbidden(errors, FIELD_NAME(FIELD_NAME(path, "spec"), "ephemeralContainers"),
				"ephemeral containers not allowed in pod template");
}

void pod_template_validate_selected(struct edit *e, const char *kind_name,
				    struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(NULL, "spec"),
				*template_path = FIELD_NAME(path, "template");
	const struct field_path *selector_path = FIELD_NAME(path, "selector");
	yyjson_mut_val *selector = json_mut_get(e->root, "spec.selector"),
		       *template = json_mut_get(e->root, "spec.template");
	yyjson_mut_val *labels = json_mut_get(template, "metadata.labels");
	size_t before = errors->count;
	struct selector parsed;

	if (!yyjson_mut_is_obj(selector)) {
		field_required(errors, selector_path, "");
	} else {
		selector_validate(selector, selector_path, errors);
		if (!json_mut_get_count(selector, "matchLabels") &&
		    !json_mut_get_count(selector, "matchExpressions"))
			field_invalid_val(errors, selector_path, selector,
					  str_printf_in(e->arena,
							"empty selector is invalid for %s",
							kind_name)
						  .ptr);
	}
	if (yyjson_mut_is_obj(selector) && errors->count == before) {
		AUTO_JSON frozen = json_freeze(selector);
		AUTO_JSON frozen_labels = labels ? json_freeze(labels) : NULL;

		if (selector_from_object(yyjson_doc_get_root(frozen), e->arena, &parsed, NULL) ==
			    0 &&
		    !selector_matches(&parsed, yyjson_doc_get_root(frozen_labels)))
			field_invalid_val(
				errors, FIELD_NAME(FIELD_NAME(template_path, "metadata"), "labels"),
				labels, "`selector` does not match template `labels`");
	}
	pod_template_validate(template, template_path, errors);
}
