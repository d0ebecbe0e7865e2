/* SPDX-License-Identifier: Apache-2.0 */
/* Where pods may run: node selectors, affinities, spreading, tolerations. */
#include "api/kinds/pod_spec.h"

#include "api/selector.h"

#define REQUIRED "requiredDuringSchedulingIgnoredDuringExecution"
#define PREFERRED "preferredDuringSchedulingIgnoredDuringExecution"

static const struct rule weight_rules[] = {
	RULE_RANGE("weight", 1, 100, "must be in the range 1-100"),
	{ 0 },
};

static void check_weight(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	if (!yyjson_mut_obj_get(v, "weight"))
		field_invalid_int(s->errors, FIELD_NAME(path, "weight"), 0,
				  "must be in the range 1-100");
	rules_check(s, weight_rules, path, v);
}

static void check_label_name(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *v)
{
	const char *problem = name_qualified_problem(json_mut_str(v));

	if (problem)
		field_invalid_str(s->errors, path, json_mut_str(v), problem);
}

/* ---- node selectors ---- */

static void check_operator(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str operator= json_mut_get_str(v, "operator");
	size_t count = json_mut_get_count(v, "values");
	const struct field_path *values = FIELD_NAME(path, "values");

	if (schema_values_have(STR("In|NotIn"), operator)) {
		if (!count)
			field_required(s->errors, values,
				       "must be specified when `operator` is 'In' or 'NotIn'");
	} else if (schema_values_have(STR("Exists|DoesNotExist"), operator)) {
		if (count)
			field_forbidden(s->errors, values,
					"may not be specified when `operator` is 'Exists' or "
					"'DoesNotExist'");
	} else if (schema_values_have(STR("Gt|Lt"), operator)) {
		if (count != 1)
			field_required(
				s->errors, values,
				"must be specified single value when `operator` is 'Lt' or 'Gt'");
	} else {
		field_invalid_str(s->errors, FIELD_NAME(path, "operator"), operator,
				  "not a valid selector operator");
	}
}

static void check_node_field(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *v)
{
	struct str key = json_mut_get_str(v, "key"), operator= json_mut_get_str(v, "operator");
	static const struct rule names[] = { RULE_NAMES("values", name_subdomain_problem), { 0 } };

	if (!schema_values_have(STR("In|NotIn"), operator))
		field_invalid_str(s->errors, FIELD_NAME(path, "operator"), operator,
				  "not a valid selector operator");
	else if (json_mut_get_count(v, "values") != 1)
		field_required(s->errors, FIELD_NAME(path, "values"),
			       "must be only one value when `operator` is 'In' or 'NotIn' for node "
			       "field selector");
	if (str_eq_c(key, "metadata.name"))
		rules_check(s, names, path, v);
	else
		field_invalid_str(s->errors, FIELD_NAME(path, "key"), key,
				  "not a valid field selector key");
}

static const struct rule expression_rules[] = {
	RULE_CALL(NULL, check_operator),
	RULE_CALL("key", check_label_name),
	RULE_NAMES("values", name_label_value_problem),
	{ 0 },
};

/* A wish may name values that no label can have. */
static const struct rule wished_expression_rules[] = {
	RULE_CALL(NULL, check_operator),
	RULE_CALL("key", check_label_name),
	{ 0 },
};

static const struct rule node_term_rules[] = {
	RULE_EACH("matchExpressions", expression_rules),
	RULE_CALL_EACH("matchFields", check_node_field),
	{ 0 },
};

static const struct rule wished_node_term_rules[] = {
	RULE_EACH("matchExpressions", wished_expression_rules),
	RULE_CALL_EACH("matchFields", check_node_field),
	{ 0 },
};

static const struct rule node_selector_rules[] = {
	RULE_NEED("nodeSelectorTerms", "must have at least one node selector term"),
	RULE_EACH("nodeSelectorTerms", node_term_rules),
	{ 0 },
};

void rule_node_selector(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	if (v)
		rules_check(s, node_selector_rules, path, v);
}

static const struct rule wished_node_rules[] = {
	RULE_CALL(NULL, check_weight),
	RULE_INSIDE("preference", wished_node_term_rules),
	{ 0 },
};

static const struct rule node_affinity_rules[] = {
	RULE_CALL(REQUIRED, rule_node_selector),
	RULE_EACH(PREFERRED, wished_node_rules),
	{ 0 },
};

/* ---- pod affinities ---- */

static bool selector_has(yyjson_mut_val *selector, struct str key, size_t more_than)
{
	size_t count = json_mut_key(yyjson_mut_obj_get(selector, "matchLabels"), key) != NULL;

	JSON_MUT_EACH (one, yyjson_mut_obj_get(selector, "matchExpressions"))
		count += str_eq(json_mut_get_str(one, "key"), key);
	return count > more_than;
}

static void check_label_keys(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *keys, yyjson_mut_val *selector)
{
	size_t i = 0;

	if (yyjson_mut_arr_size(keys) && !selector) {
		field_forbidden(s->errors, path,
				"must not be specified when labelSelector is not set");
		return;
	}
	JSON_MUT_EACH (key, keys)
		check_label_name(s, FIELD_INDEX(path, i++), key);
}

static bool list_has(yyjson_mut_val *list, struct str text)
{
	JSON_MUT_EACH (item, list)
		if (str_eq(json_mut_str(item), text))
			return true;
	return false;
}

static void check_keys(const struct scope *s, const struct field_path *path, yyjson_mut_val *term)
{
	yyjson_mut_val *selector = yyjson_mut_obj_get(term, "labelSelector"),
		       *keys = yyjson_mut_obj_get(term, "matchLabelKeys"),
		       *others = yyjson_mut_obj_get(term, "mismatchLabelKeys");
	const struct field_path *keys_path = FIELD_NAME(path, "matchLabelKeys");
	size_t i = 0;

	check_label_keys(s, keys_path, keys, selector);
	check_label_keys(s, FIELD_NAME(path, "mismatchLabelKeys"), others, selector);
	JSON_MUT_EACH (key, keys) {
		/* One is what was made of the key when the pod was created. */
		if (selector_has(selector, json_mut_str(key), 1))
			field_invalid_str(s->errors, FIELD_INDEX(path, i), json_mut_str(key),
					  "exists in both matchLabelKeys and labelSelector");
		i++;
	}
	i = 0;
	JSON_MUT_EACH (key, keys) {
		if (list_has(others, json_mut_str(key)))
			field_invalid_str(s->errors, FIELD_INDEX(keys_path, i), json_mut_str(key),
					  "exists in both matchLabelKeys and mismatchLabelKeys");
		i++;
	}
}

static void check_namespaces(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *v)
{
	JSON_MUT_EACH (name, yyjson_mut_obj_get(v, "namespaces")) {
		const char *problem = name_label_problem(json_mut_str(name));

		if (problem)
			field_invalid_str(s->errors, FIELD_NAME(path, "namespace"),
					  json_mut_str(name), problem);
	}
}

static const struct rule pod_term_rules[] = {
	RULE_CALL("labelSelector", rule_selector),
	RULE_CALL("namespaceSelector", rule_selector),
	RULE_CALL(NULL, check_namespaces),
	RULE_CALL(NULL, check_keys),
	RULE_NEED("topologyKey", "can not be empty"),
	RULE_CALL("topologyKey", check_label_name),
	{ 0 },
};

static const struct rule wished_pod_rules[] = {
	RULE_CALL(NULL, check_weight),
	RULE_INSIDE("podAffinityTerm", pod_term_rules),
	{ 0 },
};

static const struct rule pod_affinity_rules[] = {
	RULE_EACH(REQUIRED, pod_term_rules),
	RULE_EACH(PREFERRED, wished_pod_rules),
	{ 0 },
};

static const struct rule affinity_rules[] = {
	RULE_INSIDE("nodeAffinity", node_affinity_rules),
	RULE_INSIDE("podAffinity", pod_affinity_rules),
	RULE_INSIDE("podAntiAffinity", pod_affinity_rules),
	{ 0 },
};

void rule_affinity(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	if (v)
		rules_check(s, affinity_rules, path, v);
}

/* ---- spreading ---- */

static void check_domains(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	yyjson_mut_val *domains = yyjson_mut_obj_get(v, "minDomains");
	struct str action = json_mut_get_str(v, "whenUnsatisfiable");
	const struct field_path *here = FIELD_NAME(path, "minDomains");

	if (!domains)
		return;
	if (json_mut_int(domains, 0) <= 0)
		field_invalid_int(s->errors, here, json_mut_int(domains, 0),
				  "must be greater than zero");
	if (!str_eq_c(action, "DoNotSchedule"))
		field_invalid_int(s->errors, here, json_mut_int(domains, 0),
				  str_printf_in(s->errors->arena,
						"can only use minDomains if "
						"whenUnsatisfiable=DoNotSchedule, not " STR_FMT,
						STR_ARG(action))
					  .ptr);
}

static void check_spread_keys(const struct scope *s, const struct field_path *path,
			      yyjson_mut_val *v)
{
	const struct pod_scope *pod = s->own;
	yyjson_mut_val *selector = yyjson_mut_obj_get(v, "labelSelector"),
		       *keys = yyjson_mut_obj_get(v, "matchLabelKeys");
	const struct field_path *here = FIELD_NAME(path, "matchLabelKeys");
	size_t i = 0, made = pod->is_pod; /* what was made of the key when the Pod was created */

	if (yyjson_mut_arr_size(keys) && !selector)
		field_forbidden(s->errors, here,
				"must not be specified when labelSelector is not set");
	JSON_MUT_EACH (key, keys) {
		const struct field_path *at = FIELD_INDEX(here, i++);

		check_label_name(s, at, key);
		if (selector_has(selector, json_mut_str(key), made))
			field_invalid_str(s->errors, at, json_mut_str(key),
					  "exists in both matchLabelKeys and labelSelector");
	}
}

/* Missing numbers are zero, missing words are no supported ones. */
static void check_spread_head(const struct scope *s, const struct field_path *path,
			      yyjson_mut_val *v)
{
	int64_t skew = json_mut_get_int(v, "maxSkew", 0);
	struct str action = json_mut_get_str(v, "whenUnsatisfiable");

	if (skew <= 0)
		field_invalid_int(s->errors, FIELD_NAME(path, "maxSkew"), skew,
				  "must be greater than zero");
	if (!json_mut_get_str(v, "topologyKey").len)
		field_required(s->errors, FIELD_NAME(path, "topologyKey"), "can not be empty");
	if (!schema_values_have(STR("DoNotSchedule|ScheduleAnyway"), action))
		field_unsupported(s->errors, FIELD_NAME(path, "whenUnsatisfiable"), action,
				  "DoNotSchedule|ScheduleAnyway");
}

static const struct rule spread_rules[] = {
	RULE_CALL(NULL, check_domains),
	RULE_ONE_OF("nodeAffinityPolicy", "Honor|Ignore"),
	RULE_ONE_OF("nodeTaintsPolicy", "Honor|Ignore"),
	RULE_CALL(NULL, check_spread_keys),
	RULE_CALL("labelSelector", rule_selector),
	{ 0 },
};

/* What tells the constraints apart; empty where a later one has the same. */
static struct str *spread_keys(const struct scope *s, yyjson_mut_val *v)
{
	size_t count = yyjson_mut_arr_size(v), i = 0;
	struct str *repeated = arena_array(s->errors->arena, count, sizeof(repeated[0])),
		   *keys = arena_array(s->errors->arena, count, sizeof(keys[0]));
	AUTO_JSON_INDEX seen = { .slots = NULL };

	json_index_init(&seen, count);
	JSON_MUT_EACH (constraint, v)
		keys[i++] = str_printf_in(
			s->errors->arena, "{" STR_FMT ", " STR_FMT "}",
			STR_ARG(json_mut_get_str(constraint, "topologyKey")),
			STR_ARG(json_mut_get_str(constraint, "whenUnsatisfiable")));
	while (i--)
		repeated[i] = json_index_add(&seen, keys[i], &keys[i]) ? keys[i] : STR_NONE;
	return repeated;
}

void rule_spread(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str *repeated;
	size_t i = 0;

	if (!yyjson_mut_arr_size(v))
		return;
	repeated = spread_keys(s, v);
	JSON_MUT_EACH (constraint, v) {
		const struct field_path *here = FIELD_INDEX(path, i);

		check_spread_head(s, here, constraint);
		if (repeated[i].len)
			field_duplicate_str(s->errors,
					    FIELD_NAME(here, "{topologyKey, whenUnsatisfiable}"),
					    repeated[i]);
		rules_check(s, spread_rules, here, constraint);
		i++;
	}
}

/* ---- tolerations ---- */

static void check_toleration_value(const struct scope *s, const struct field_path *path,
				   struct str operator, struct str value)
{
	const struct field_path *here = FIELD_NAME(path, "operator");

	if (str_eq_c(operator, "Exists")) {
		if (value.len)
			field_invalid_str(s->errors, here, value,
					  "value must be empty when `operator` is 'Exists'");
	} else if (operator.len && !str_eq_c(operator, "Equal")) {
		field_unsupported(s->errors, here, operator, "Equal|Exists");
	} else if (name_label_value_problem(value)) {
		field_invalid_str(s->errors, here, value, name_label_value_problem(value));
	}
}

static void check_toleration(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *v)
{
	struct str key = json_mut_get_str(v, "key"), operator= json_mut_get_str(v, "operator"),
		   effect = json_mut_get_str(v, "effect");

	if (key.len)
		check_label_name(s, FIELD_NAME(path, "key"), yyjson_mut_obj_get(v, "key"));
	if (!key.len && !str_eq_c(operator, "Exists"))
		field_invalid_str(s->errors, FIELD_NAME(path, "operator"), operator,
				  "operator must be Exists when `key` is empty, which means "
				  "\"match all values and all keys\"");
	if (yyjson_mut_obj_get(v, "tolerationSeconds") && !str_eq_c(effect, "NoExecute"))
		field_invalid_str(s->errors, FIELD_NAME(path, "effect"), effect,
				  "effect must be 'NoExecute' when `tolerationSeconds` is set");
	check_toleration_value(s, path, operator, json_mut_get_str(v, "value"));
	if (effect.len && !schema_values_have(STR("NoSchedule|PreferNoSchedule|NoExecute"), effect))
		field_unsupported(s->errors, FIELD_NAME(path, "effect"), effect,
				  "NoSchedule|PreferNoSchedule|NoExecute");
}

#define TOLERATION_FIXED                             \
	{                                            \
		"key", "operator", "value", "effect" \
	}

static struct str toleration_text(struct arena *arena, const struct str parts[4])
{
	return str_printf_in(arena, "%zu,%zu,%zu," STR_FMT STR_FMT STR_FMT STR_FMT, parts[0].len,
			     parts[1].len, parts[2].len, STR_ARG(parts[0]), STR_ARG(parts[1]),
			     STR_ARG(parts[2]), STR_ARG(parts[3]));
}

struct str toleration_text_in(struct arena *arena, yyjson_val *toleration)
{
	static const char *const fixed[] = TOLERATION_FIXED;
	struct str parts[ARRAY_COUNT(fixed)];

	for (size_t i = 0; i < ARRAY_COUNT(fixed); i++)
		parts[i] = json_get_str(toleration, fixed[i]);
	return toleration_text(arena, parts);
}

struct str toleration_text_in_mut(struct arena *arena, yyjson_mut_val *toleration)
{
	static const char *const fixed[] = TOLERATION_FIXED;
	struct str parts[ARRAY_COUNT(fixed)];

	for (size_t i = 0; i < ARRAY_COUNT(fixed); i++)
		parts[i] = json_mut_get_str(toleration, fixed[i]);
	return toleration_text(arena, parts);
}

void rule_tolerations(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	size_t i = 0;

	JSON_MUT_EACH (toleration, v)
		check_toleration(s, FIELD_INDEX(path, i++), toleration);
}
