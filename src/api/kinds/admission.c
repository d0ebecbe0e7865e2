/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Admission policies and their bindings: what their rules, selectors and expressions may be, in
 * upstream's words. Expressions that an update leaves alone are not compiled again.
 */
#include "api/admission_expression.h"
#include "api/kinds/admission.h"
#include "api/kinds/cells.h"
#include "api/kinds/limits.h"
#include "api/limits.h"
#include "api/meta.h"
#include "api/rules.h"
#include "api/selector.h"
#include "api/strategy.h"
#include "codec/json_index.h"

/* ---- rules ---- */

static void check_named_rule(yyjson_mut_val *rule, const struct field_path *path,
			     struct field_errors *errors)
{
	yyjson_mut_val *names = json_mut_get(rule, "resourceNames");
	const struct field_path *here = FIELD_NAME(path, "resourceNames");
	AUTO_JSON_INDEX seen = { .slots = NULL };
	size_t i = 0;

	json_index_init(&seen, yyjson_mut_arr_size(names));
	JSON_MUT_EACH (item, names) {
		const char *problem = name_is_path_segment(json_mut_str(item), false);

		if (problem)
			field_invalid_str(errors, FIELD_INDEX(here, i), json_mut_str(item),
					  problem);
		if (json_index_add(&seen, json_mut_str(item), item))
			field_duplicate_str(errors, FIELD_INDEX(here, i), json_mut_str(item));
		i++;
	}
	admission_rule_validate(rule, path, errors);
}

static void check_match_resources(yyjson_mut_val *resources, const struct field_path *path,
				  struct field_errors *errors)
{
	static const char *const rules[] = { "resourceRules", "excludeResourceRules" };

	selector_validate(json_mut_get(resources, "namespaceSelector"),
			  FIELD_NAME(path, "namespaceSelector"), errors);
	selector_validate(json_mut_get(resources, "objectSelector"),
			  FIELD_NAME(path, "objectSelector"), errors);
	for (size_t i = 0; i < ARRAY_COUNT(rules); i++) {
		size_t j = 0;

		JSON_MUT_EACH (rule, json_mut_get(resources, rules[i]))
			check_named_rule(rule, FIELD_INDEX(FIELD_NAME(path, rules[i]), j++),
					 errors);
	}
}

/* ---- expressions ---- */

static void check_expression(struct admission_set *set, struct str text,
			     const struct admission_result *result, const struct field_path *path,
			     struct field_errors *errors)
{
	struct admission_expression expression;

	if (errors->count >= FIELD_ERRORS_MAX)
		return; /* each costs, and none is told any more */
	admission_compile(set, text, result, &expression);
	if (!expression.program)
		field_invalid_str(errors, path, text, str_c_in(errors->arena, expression.problem));
}

static bool is_identifier(struct str name)
{
	static const char *const reserved[] = { "true",	    "false",	 "null",     "in",   "as",
						"break",    "const",	 "continue", "else", "for",
						"function", "if",	 "import",   "let",  "loop",
						"package",  "namespace", "return",   "var",  "void",
						"while" };

	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		if (!(c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (i && c >= '0' && c <= '9')))
			return false;
	}
	for (size_t i = 0; i < ARRAY_COUNT(reserved); i++)
		if (str_eq_c(name, reserved[i]))
			return false;
	return true;
}

static void check_variables(struct admission_set *set, yyjson_mut_val *variables,
			    const struct field_path *path, struct field_errors *errors)
{
	size_t i = 0;

	JSON_MUT_EACH (variable, variables) {
		const struct field_path *here = FIELD_INDEX(path, i);
		const struct admission_variable *made = &set->variables[i++];
		struct str name = json_mut_get_str(variable, "name");

		if (errors->count >= FIELD_ERRORS_MAX)
			return;
		if (!str_trim(name).len)
			field_required(errors, FIELD_NAME(here, "name"), "name is not specified");
		else if (!is_identifier(name))
			field_invalid_str(errors, FIELD_NAME(here, "name"), name,
					  "name is not a valid CEL identifier");
		if (!str_trim(json_mut_get_str(variable, "expression")).len)
			field_required(errors, FIELD_NAME(here, "expression"),
				       "expression is not specified");
		else if (!made->expression.program)
			field_invalid_str(errors, FIELD_NAME(here, "expression"),
					  made->expression.text,
					  str_c_in(errors->arena, made->expression.problem));
	}
}

/* ---- what validating and mutating policies share ---- */

static void check_param_version(struct str version, const struct field_path *path,
				struct field_errors *errors)
{
	struct str group, rest;
	const char *problem;

	if (!version.len) {
		field_required(errors, path, "");
		return;
	}
	if (!str_cut(version, '/', &group, &rest)) {
		rest = group;
		group = STR_NONE;
	}
	if (str_find_char(rest, '/', 0) != SIZE_MAX) {
		field_error_add(errors, FIELD_INVALID, path,
				"\"" STR_FMT "\": unexpected GroupVersion string: " STR_FMT,
				STR_ARG(version), STR_ARG(version));
		return;
	}
	problem = group.len ? name_subdomain_problem(group) : NULL;
	if (problem)
		field_invalid_str(errors, path, group, problem);
	problem = name_is_label1035(rest, false);
	if (!rest.len)
		field_invalid_str(errors, path, version, "version must be specified");
	else if (problem)
		field_invalid_str(errors, path, rest, problem);
}

static void check_param_kind(yyjson_mut_val *param, const struct field_path *path,
			     struct field_errors *errors)
{
	struct str kind = json_mut_get_str(param, "kind");
	char lower[DNS_LABEL_BYTES_MAX + 1];
	const char *problem;

	if (!param)
		return;
	check_param_version(json_mut_get_str(param, "apiVersion"), FIELD_NAME(path, "apiVersion"),
			    errors);
	if (!kind.len) {
		field_required(errors, FIELD_NAME(path, "kind"), "");
		return;
	}
	for (size_t i = 0; i < kind.len && i < sizeof(lower); i++)
		lower[i] = kind.ptr[i] >= 'A' && kind.ptr[i] <= 'Z' ? (char)(kind.ptr[i] | 0x20)
								    : kind.ptr[i];
	problem = kind.len > DNS_LABEL_BYTES_MAX
			  ? "must be no more than 63 characters"
			  : name_problems_in(errors->arena,
					     name_is_label1035(str_sub(lower, kind.len), false),
					     ",");
	if (problem)
		field_error_add(errors, FIELD_INVALID, FIELD_NAME(path, "kind"),
				"\"" STR_FMT
				"\": may have mixed case, but should otherwise match: %s",
				STR_ARG(kind), problem);
}

static void check_spec(struct edit *e, yyjson_mut_val *spec, const struct field_path *path,
		       struct field_errors *errors)
{
	yyjson_mut_val *constraints = json_mut_get(spec, "matchConstraints"),
		       *param = json_mut_get(spec, "paramKind"), *conditions;
	yyjson_val *old = json_get(e->old, "spec");

	check_param_kind(param, FIELD_NAME(path, "paramKind"), errors);
	if (!constraints) {
		field_required(errors, FIELD_NAME(path, "matchConstraints"), "");
	} else {
		const struct field_path *here = FIELD_NAME(path, "matchConstraints");

		check_match_resources(constraints, here, errors);
		if (!json_mut_get_count(constraints, "resourceRules"))
			field_required(errors, FIELD_NAME(here, "resourceRules"), "");
	}
	conditions = json_mut_get(spec, "matchConditions");
	if (!old || !json_mixed_equal(spec, old))
		admission_conditions_validate(conditions, param ? ADMISSION_HAS_PARAMS : 0,
					      FIELD_NAME(path, "matchConditions"), errors);
}

static struct admission_set *make_set(yyjson_mut_val *spec, yyjson_val *frozen, unsigned features,
				      struct arena *arena)
{
	struct admission_set *set;

	if (json_mut_get(spec, "paramKind"))
		features |= ADMISSION_HAS_PARAMS;
	if (json_mut_get_count(spec, "variables"))
		features |= ADMISSION_HAS_VARIABLES;
	set = admission_set_new(arena, features, NULL);
	admission_set_add_variables(set, json_get(frozen, "variables"));
	return set;
}

/* ---- ValidatingAdmissionPolicy ---- */

static bool has_line_break(struct str s)
{
	return str_find_char(s, '\n', 0) != SIZE_MAX || str_find_char(s, '\r', 0) != SIZE_MAX;
}

static void check_validation(struct admission_set *set, yyjson_mut_val *validation,
			     const struct field_path *path, struct field_errors *errors)
{
	struct str text = json_mut_get_str(validation, "expression"),
		   message = json_mut_get_str(validation, "message"),
		   maker = json_mut_get_str(validation, "messageExpression"),
		   reason = json_mut_get_str(validation, "reason");

	if (!str_trim(text).len)
		field_required(errors, FIELD_NAME(path, "expression"),
			       "expression is not specified");
	else
		check_expression(set, text, &admission_result_bool, FIELD_NAME(path, "expression"),
				 errors);
	if (maker.len && !str_trim(maker).len)
		field_invalid_str(errors, FIELD_NAME(path, "messageExpression"), maker,
				  "must be non-empty if specified");
	else if (maker.len)
		check_expression(set, maker, &admission_result_message,
				 FIELD_NAME(path, "messageExpression"), errors);
	if (message.len && !str_trim(message).len)
		field_invalid_str(errors, FIELD_NAME(path, "message"), message,
				  "message must be non-empty if specified");
	else if (has_line_break(str_trim(message)))
		field_invalid_str(errors, FIELD_NAME(path, "message"), message,
				  "message must not contain line breaks");
	if (reason.len && !str_eq_c(reason, "Forbidden") && !str_eq_c(reason, "Invalid") &&
	    !str_eq_c(reason, "RequestEntityTooLarge") && !str_eq_c(reason, "Unauthorized"))
		field_unsupported(errors, FIELD_NAME(path, "reason"), reason,
				  "Forbidden|Invalid|RequestEntityTooLarge|Unauthorized");
}

static void check_annotation(struct admission_set *set, yyjson_mut_val *annotation, struct str name,
			     const struct field_path *path, struct field_errors *errors)
{
	struct str key = json_mut_get_str(annotation, "key"),
		   text = str_trim(json_mut_get_str(annotation, "valueExpression"));
	struct str qualified = str_printf_in(errors->arena, STR_FMT "/" STR_FMT, STR_ARG(name),
					     STR_ARG(key));
	const char *problem = name_qualified_problem(qualified);

	if (!name.len)
		field_invalid_str(errors, FIELD_NAME(path, "key"), key,
				  "requires metadata.name be non-empty");
	else if (problem)
		field_invalid_str(errors, FIELD_NAME(path, "key"), qualified, problem);
	if (!text.len)
		field_required(errors, FIELD_NAME(path, "valueExpression"),
			       "valueExpression is not specified");
	else if (text.len > POLICY_ANNOTATION_EXPRESSION_BYTES_MAX)
		field_required(errors, FIELD_NAME(path, "valueExpression"),
			       "must not exceed 5120 bytes in length");
	else
		check_expression(set, text, &admission_result_annotation,
				 FIELD_NAME(path, "valueExpression"), errors);
}

static void check_annotations(struct admission_set *set, yyjson_mut_val *annotations,
			      struct str name, const struct field_path *path,
			      struct field_errors *errors)
{
	size_t i = 0;

	if (yyjson_mut_arr_size(annotations) > POLICY_ANNOTATIONS_MAX) {
		field_invalid_val(errors, path, annotations,
				  "must not have more than 20 auditAnnotations");
		return;
	}
	JSON_MUT_EACH (annotation, annotations) {
		const struct field_path *here = FIELD_INDEX(path, i++);

		check_annotation(set, annotation, name, here, errors);
		JSON_MUT_EACH (other, annotations) {
			if (other == annotation)
				break;
			if (!str_eq(json_mut_get_str(other, "key"),
				    json_mut_get_str(annotation, "key")))
				continue;
			field_duplicate_str(errors, FIELD_NAME(here, "key"),
					    json_mut_get_str(annotation, "key"));
			break;
		}
	}
}

static void validating_check(struct edit *e, struct field_errors *errors)
{
	yyjson_mut_val *spec = json_mut_get(e->root, "spec"), *list;
	const struct field_path *path = FIELD_NAME(NULL, "spec");
	AUTO_JSON frozen = NULL;
	struct admission_set *set;
	struct arena scratch;
	size_t i = 0;

	if (str_eq_c(e->subresource, "status"))
		return;
	check_spec(e, spec, path, errors);
	if (!json_mut_get_count(spec, "validations") &&
	    !json_mut_get_count(spec, "auditAnnotations")) {
		field_required(errors, FIELD_NAME(path, "validations"),
			       "validations or auditAnnotations must contain at least one item");
		field_required(errors, FIELD_NAME(path, "auditAnnotations"),
			       "validations or auditAnnotations must contain at least one item");
	}
	if (e->old && json_mixed_equal(spec, json_get(e->old, "spec")))
		return;
	arena_init(&scratch, ARENA_DEFAULT_MAX);
	frozen = json_freeze(spec);
	set = make_set(spec, yyjson_doc_get_root(frozen), 0, &scratch);
	check_variables(set, json_mut_get(spec, "variables"), FIELD_NAME(path, "variables"),
			errors);
	list = json_mut_get(spec, "validations");
	JSON_MUT_EACH (validation, list)
		check_validation(set, validation, FIELD_INDEX(FIELD_NAME(path, "validations"), i++),
				 errors);
	check_annotations(set, json_mut_get(spec, "auditAnnotations"),
			  json_mut_get_str(e->root, "metadata.name"),
			  FIELD_NAME(path, "auditAnnotations"), errors);
	arena_deinit(&scratch);
}

static const struct rule warning_rules[] = {
	RULE_NEED("warning", ""),
	RULE_NEED("fieldRef", ""),
	{ 0 },
};

static const struct rule type_check_rules[] = {
	RULE_EACH("expressionWarnings", warning_rules),
	{ 0 },
};

static const struct rule policy_status_rules[] = {
	RULE_INSIDE("typeChecking", type_check_rules),
	RULE_CALL("conditions", rule_conditions),
	{ 0 },
};

static void policy_status_check(struct edit *e, struct field_errors *errors)
{
	struct scope scope = { .edit = e, .errors = errors };

	rules_check(&scope, policy_status_rules, FIELD_NAME(NULL, "status"),
		    yyjson_mut_obj_get(e->root, "status"));
}

const struct strategy strategy_validating_policy = {
	.prepare_status_update = meta_keep_for_status,
	.validate = validating_check,
	.validate_status_update = policy_status_check,
	.cells = validating_policy_cells,
};

/* ---- MutatingAdmissionPolicy ---- */

static void check_mutation(struct admission_set *set, yyjson_mut_val *mutation,
			   const struct field_path *path, struct field_errors *errors)
{
	struct str type = json_mut_get_str(mutation, "patchType"), text;
	bool is_patch = str_eq_c(type, "JSONPatch");
	const char *wanted = is_patch ? "jsonPatch" : "applyConfiguration",
		   *other = is_patch ? "applyConfiguration" : "jsonPatch";
	const struct field_path *here;

	if (!type.len) {
		field_required(errors, FIELD_NAME(path, "patchType"), "");
		return;
	}
	if (!is_patch && !str_eq_c(type, "ApplyConfiguration"))
		return; /* the schema says so */
	if (json_mut_get(mutation, other))
		field_forbidden(errors, FIELD_NAME(path, other),
				str_printf_in(errors->arena,
					      "must not be specified when patchType is " STR_FMT,
					      STR_ARG(type))
					.ptr);
	if (!json_mut_get(mutation, wanted)) {
		field_required(errors, FIELD_NAME(path, wanted),
			       str_printf_in(errors->arena,
					     "must be specified when patchType is " STR_FMT,
					     STR_ARG(type))
				       .ptr);
		return;
	}
	text = json_mut_get_str(json_mut_get(mutation, wanted), "expression");
	here = FIELD_NAME(FIELD_NAME(path, wanted), "expression");
	if (!str_trim(text).len)
		field_required(errors, here, "expression is not specified");
	else
		check_expression(set, text,
				 is_patch ? &admission_result_patch : &admission_result_object,
				 here, errors);
}

static void mutating_check(struct edit *e, struct field_errors *errors)
{
	yyjson_mut_val *spec = json_mut_get(e->root, "spec");
	const struct field_path *path = FIELD_NAME(NULL, "spec");
	AUTO_JSON frozen = NULL;
	struct admission_set *set;
	struct arena scratch;
	size_t i = 0;

	check_spec(e, spec, path, errors);
	if (!json_mut_get_str(spec, "reinvocationPolicy").len)
		field_required(errors, FIELD_NAME(path, "reinvocationPolicy"), "");
	if (!json_mut_get_count(spec, "mutations"))
		field_required(errors, FIELD_NAME(path, "mutations"),
			       "mutations must contain at least one item");
	if (e->old && json_mixed_equal(spec, json_get(e->old, "spec")))
		return;
	arena_init(&scratch, ARENA_DEFAULT_MAX);
	frozen = json_freeze(spec);
	set = make_set(spec, yyjson_doc_get_root(frozen), ADMISSION_MUTATES, &scratch);
	check_variables(set, json_mut_get(spec, "variables"), FIELD_NAME(path, "variables"),
			errors);
	JSON_MUT_EACH (mutation, json_mut_get(spec, "mutations"))
		check_mutation(set, mutation, FIELD_INDEX(FIELD_NAME(path, "mutations"), i++),
			       errors);
	arena_deinit(&scratch);
}

const struct strategy strategy_mutating_policy = { .validate = mutating_check,
						   .cells = mutating_policy_cells };

/* ---- bindings ---- */

static void check_param_ref(yyjson_mut_val *ref, const struct field_path *path,
			    struct field_errors *errors)
{
	struct str name = json_mut_get_str(ref, "name"),
		   action = json_mut_get_str(ref, "parameterNotFoundAction");
	yyjson_mut_val *selector = json_mut_get(ref, "selector");
	const char *problem = name.len ? name_is_path_segment(name, false) : NULL;

	if (!ref)
		return;
	if (problem)
		field_invalid_str(errors, FIELD_NAME(path, "name"), name, problem);
	if (name.len && selector)
		field_forbidden(errors, FIELD_NAME(path, "name"),
				"name and selector are mutually exclusive");
	if (selector)
		selector_validate(selector, FIELD_NAME(path, "selector"), errors);
	if (name.len && selector)
		field_forbidden(errors, FIELD_NAME(path, "selector"),
				"name and selector are mutually exclusive");
	if (!name.len && !selector)
		field_required(errors, path, "one of name or selector must be specified");
	if (!action.len)
		field_required(errors, FIELD_NAME(path, "parameterNotFoundAction"), "");
	else if (!str_eq_c(action, "Allow") && !str_eq_c(action, "Deny"))
		field_unsupported(errors, FIELD_NAME(path, "parameterNotFoundAction"), action,
				  "Deny|Allow");
}

static void binding_check(struct edit *e, struct field_errors *errors)
{
	yyjson_mut_val *spec = json_mut_get(e->root, "spec");
	const struct field_path *path = FIELD_NAME(NULL, "spec");
	struct str policy = json_mut_get_str(spec, "policyName");
	const char *problem = policy.len ? name_subdomain_problem(policy) : NULL;

	if (!policy.len)
		field_required(errors, FIELD_NAME(path, "policyName"), "");
	else if (problem)
		field_invalid_str(errors, FIELD_NAME(path, "policyName"), policy, problem);
	check_param_ref(json_mut_get(spec, "paramRef"), FIELD_NAME(path, "paramRef"), errors);
	check_match_resources(json_mut_get(spec, "matchResources"),
			      FIELD_NAME(path, "matchResources"), errors);
}

static void validating_binding_check(struct edit *e, struct field_errors *errors)
{
	yyjson_mut_val *actions = json_mut_get(e->root, "spec.validationActions");
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "spec"), "validationActions");
	AUTO_JSON_INDEX seen = { .slots = NULL };
	bool denies = false, warns = false;
	size_t i = 0;

	binding_check(e, errors);
	json_index_init(&seen, yyjson_mut_arr_size(actions));
	JSON_MUT_EACH (action, actions) {
		denies |= str_eq_c(json_mut_str(action), "Deny");
		warns |= str_eq_c(json_mut_str(action), "Warn");
		if (json_index_add(&seen, json_mut_str(action), action))
			field_duplicate_str(errors, FIELD_INDEX(path, i), json_mut_str(action));
		i++;
	}
	if (denies && warns)
		field_invalid_val(errors, path, actions,
				  "must not contain both Deny and Warn (repeating the same "
				  "validation failure information in the API response and headers "
				  "serves no purpose)");
	if (!i)
		field_required(errors, path, "at least one validation action is required");
}

const struct strategy strategy_validating_policy_binding = { .validate = validating_binding_check,
							     .cells = policy_binding_cells };
const struct strategy strategy_mutating_policy_binding = { .validate = binding_check,
							   .cells = policy_binding_cells };
