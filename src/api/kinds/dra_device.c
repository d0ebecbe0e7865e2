/* SPDX-License-Identifier: Apache-2.0 */
/* Devices as all kinds of resource.k8s.io speak of them: selectors, taints, names of attributes. */
#include "api/kinds/dra.h"
#include "api/kinds/limits.h"

#include "api/limits.h"
#include "base/buf.h"
#include "cel/cel.h"

#define EFFECTS "NoExecute|NoSchedule|None"

/* ---- selectors ---- */

#define FIELD(name_, type_)                               \
	{                                                 \
		STR_INIT(name_), STR_INIT(name_), (type_) \
	}

static const struct cel_type attributes_of_domain = { .kind = CEL_MAP,
						      .key = &cel_type_string,
						      .element = &cel_type_dyn,
						      .size_max = CEL_SIZE_UNKNOWN };
static const struct cel_type attributes = { .kind = CEL_MAP,
					    .key = &cel_type_string,
					    .element = &attributes_of_domain,
					    .size_max = CEL_SIZE_UNKNOWN };
static const struct cel_type amounts_of_domain = { .kind = CEL_MAP,
						   .key = &cel_type_string,
						   .element = &cel_type_quantity,
						   .size_max = CEL_SIZE_UNKNOWN };
static const struct cel_type amounts = { .kind = CEL_MAP,
					 .key = &cel_type_string,
					 .element = &amounts_of_domain,
					 .size_max = CEL_SIZE_UNKNOWN };
static const struct cel_field device_fields[] = {
	FIELD("driver", &cel_type_string),
	FIELD("attributes", &attributes),
	FIELD("capacity", &amounts),
	FIELD("allowMultipleAllocations", &cel_type_bool),
};

static const struct cel_field *find_field(const struct cel_type *object, struct str name)
{
	(void)object;
	for (size_t i = 0; i < ARRAY_COUNT(device_fields); i++)
		if (str_eq(device_fields[i].name, name))
			return &device_fields[i];
	return NULL;
}

static const struct cel_fields device_lookup = { .find = find_field };
static const struct cel_type device_type = { .kind = CEL_OBJECT,
					     .name = STR_INIT("kubernetes.DRADevice"),
					     .fields = &device_lookup,
					     .size_max = CEL_SIZE_UNKNOWN };
static const struct cel_variable device_variables[] = { { STR_INIT("device"), &device_type } };

static const char *expression_problem(struct str text, struct arena *scratch, struct arena *arena)
{
	static const struct cel_env env = { .variables = device_variables, .variable_count = 1 };
	const struct cel_program *program;
	const struct cel_type *type;
	AUTO_BUF messages = { 0 }, got = { 0 };

	buf_init(&messages, CEL_ERROR_BYTES_MAX);
	program = cel_compile(scratch, &env, text, &messages);
	if (!program)
		return str_c_in(arena, buf_str(&messages));
	type = cel_program_type(program);
	if (type->kind == CEL_BOOL || type->kind == CEL_DYN)
		return NULL;
	buf_init(&got, CEL_ERROR_BYTES_MAX);
	cel_type_write(type, &got);
	return str_printf_in(arena, "must evaluate to bool or the unknown type, not " STR_FMT,
			     STR_ARG(buf_str(&got)))
		.ptr;
}

static void check_expression(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *v)
{
	struct str text = json_mut_str(v);
	struct arena scratch;
	const char *problem;

	if (text.len > DEVICE_EXPRESSION_BYTES_MAX) {
		field_too_long(s->errors, path, DEVICE_EXPRESSION_BYTES_MAX);
		return;
	}
	if (s->errors->count >= FIELD_ERRORS_MAX)
		return; /* each costs, and none is told any more */
	arena_init(&scratch, ARENA_DEFAULT_MAX);
	problem = expression_problem(text, &scratch, s->errors->arena);
	if (problem)
		field_invalid_str(s->errors, path, text, problem);
	arena_deinit(&scratch);
}

static const struct rule expression_rules[] = {
	RULE_CALL("expression", check_expression),
	{ 0 },
};

static void check_selector(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	yyjson_mut_val *cel = yyjson_mut_obj_get(v, "cel");

	if (!cel)
		field_required(s->errors, FIELD_NAME(path, "cel"), "");
	else
		rules_check(s, expression_rules, FIELD_NAME(path, "cel"), cel);
}

void rule_device_selectors(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	size_t i = 0;

	if (yyjson_mut_arr_size(v) > DEVICE_SELECTORS_MAX) {
		field_too_many(s->errors, path, yyjson_mut_arr_size(v), DEVICE_SELECTORS_MAX);
		return;
	}
	JSON_MUT_EACH (selector, v)
		check_selector(s, FIELD_INDEX(path, i++), selector);
}

/* ---- taints and tolerations ---- */

void rule_device_toleration(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	static const struct rule key_rules[] = {
		RULE_NAME("key", name_qualified_problem),
		{ 0 },
	};
	static const struct rule value_rules[] = {
		RULE_NAME("value", name_label_value_problem),
		{ 0 },
	};
	static const struct rule rest[] = {
		RULE_NEED_ONE_OF("operator", "Equal|Exists"),
		RULE_ONE_OF("effect", EFFECTS),
		{ 0 },
	};
	struct str operator= json_mut_get_str(v, "operator"), value = json_mut_get_str(v, "value");

	rules_check(s, key_rules, path, v);
	if (str_eq_c(operator, "Exists") && value.len)
		field_invalid_str(s->errors, FIELD_NAME(path, "value"), value,
				  "must be empty for operator `Exists`");
	if (str_eq_c(operator, "Equal"))
		rules_check(s, value_rules, path, v);
	rules_check(s, rest, path, v);
}

void rule_device_taint(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	static const struct rule rules[] = {
		RULE_ANY_NAME("key", name_qualified_problem),
		RULE_NAME("value", name_label_value_problem),
		RULE_NEED_ONE_OF("effect", EFFECTS),
		{ 0 },
	};

	rules_check(s, rules, path, v);
}

/* ---- what drivers are told ---- */

void device_check_opaque(const struct scope *s, const struct field_path *path, yyjson_mut_val *v,
			 size_t bytes_max)
{
	AUTO_BUF text = { 0 };

	if (!v || yyjson_mut_is_null(v)) {
		field_required(s->errors, path, "");
		return;
	}
	buf_init(&text, OBJECT_BYTES_MAX);
	json_mut_write(v, &text);
	if (text.len > bytes_max)
		field_too_long(s->errors, path, bytes_max);
	else if (!yyjson_mut_is_obj(v))
		field_invalid_str(s->errors, path, STR("<value omitted>"),
				  "must be a valid JSON object");
}

void rule_device_config(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	static const struct rule rules[] = { RULE_NEED_CSI_DRIVER("driver"), { 0 } };
	yyjson_mut_val *opaque = yyjson_mut_obj_get(v, "opaque");
	const struct field_path *here = FIELD_NAME(path, "opaque");

	if (!opaque) {
		field_required(s->errors, here, "");
		return;
	}
	rules_check(s, rules, here, opaque);
	device_check_opaque(s, FIELD_NAME(here, "parameters"),
			    yyjson_mut_obj_get(opaque, "parameters"), DEVICE_PARAMETERS_BYTES_MAX);
}

/* ---- conditions ---- */

static bool has(yyjson_mut_val *list, struct str text)
{
	JSON_MUT_EACH (item, list)
		if (str_eq(json_mut_str(item), text))
			return true;
	return false;
}

static void check_condition_names(const struct scope *s, const struct field_path *path,
				  yyjson_mut_val *v)
{
	static const struct rule rules[] = { RULE_NAMES(NULL, name_qualified_problem), { 0 } };

	if (yyjson_mut_arr_size(v) > DEVICE_CONDITIONS_MAX)
		field_too_many(s->errors, path, yyjson_mut_arr_size(v), DEVICE_CONDITIONS_MAX);
	else
		rules_check(s, rules, path, v);
}

void rule_device_conditions(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	static const struct rule rules[] = {
		RULE_CALL("bindingConditions", check_condition_names),
		RULE_CALL("bindingFailureConditions", check_condition_names),
		RULE_DISTINCT("bindingConditions"),
		RULE_DISTINCT("bindingFailureConditions"),
		{ 0 },
	};
	yyjson_mut_val *good = yyjson_mut_obj_get(v, "bindingConditions"),
		       *bad = yyjson_mut_obj_get(v, "bindingFailureConditions");
	const struct field_path *good_path = FIELD_NAME(path, "bindingConditions"),
				*bad_path = FIELD_NAME(path, "bindingFailureConditions");
	size_t i = 0;

	rules_check(s, rules, path, v);
	JSON_MUT_EACH (item, bad) {
		if (has(good, json_mut_str(item)))
			field_invalid_str(s->errors, FIELD_INDEX(bad_path, i), json_mut_str(item),
					  "bindingFailureConditions must not overlap with "
					  "bindingConditions");
		i++;
	}
	if (!yyjson_mut_arr_size(good) && yyjson_mut_arr_size(bad))
		field_invalid_val(s->errors, good_path, good,
				  "bindingConditions are required to use "
				  "bindingFailureConditions");
	if (yyjson_mut_arr_size(good) && !yyjson_mut_arr_size(bad))
		field_invalid_val(s->errors, bad_path, bad,
				  "bindingFailureConditions are required to use "
				  "bindingConditions");
}

/* ---- names ---- */

static void check_identifier(const struct scope *s, const struct field_path *path, struct str name)
{
	bool good = name.len > 0;

	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		good &= c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(i && c >= '0' && c <= '9');
	}
	if (name.len > DEVICE_IDENTIFIER_BYTES_MAX)
		field_too_long(s->errors, path, DEVICE_IDENTIFIER_BYTES_MAX);
	if (!good)
		field_invalid_str(
			s->errors, path, name,
			"a valid C identifier must start with alphabetic character or '_', "
			"followed "
			"by a string of alphanumeric characters or '_' (e.g. 'my_name',  or "
			"'MY_NAME',  or 'MyName', regex used for validation is "
			"'[A-Za-z_][A-Za-z0-9_]*')");
}

static void check_domain(const struct scope *s, const struct field_path *path, struct str domain)
{
	if (!domain.len) {
		field_invalid_str(s->errors, path, STR(""), "the domain must not be empty");
		return;
	}
	if (domain.len > DNS_LABEL_BYTES_MAX)
		field_too_long(s->errors, path, DNS_LABEL_BYTES_MAX);
	if (name_csi_driver_problem(domain))
		field_invalid_str(s->errors, path, domain, name_csi_driver_problem(domain));
}

void rule_device_key(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str name = json_mut_str(v), domain, rest;

	if (!str_cut(name, '/', &domain, &rest)) {
		check_identifier(s, path, name);
		return;
	}
	if (str_find_char(rest, '/', 0) != SIZE_MAX)
		return; /* as upstream: not looked at */
	check_domain(s, path, domain);
	if (!rest.len)
		field_invalid_str(s->errors, path, STR(""), "the name must not be empty");
	else
		check_identifier(s, path, rest);
}

void rule_full_attribute_name(const struct scope *s, const struct field_path *path,
			      yyjson_mut_val *v)
{
	rule_device_key(s, path, v);
	if (str_find_char(json_mut_str(v), '/', 0) == SIZE_MAX)
		field_invalid_str(s->errors, path, json_mut_str(v),
				  "a fully qualified name must be a domain and a name separated by "
				  "a slash");
}

void rule_pool_name(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str name = json_mut_str(v), part;

	if (!name.len) {
		field_required(s->errors, path, "");
		return;
	}
	if (name.len > DNS_SUBDOMAIN_BYTES_MAX)
		field_too_long(s->errors, path, DNS_SUBDOMAIN_BYTES_MAX);
	while (str_next_part(&name, '/', &part))
		if (name_subdomain_problem(part))
			field_invalid_str(s->errors, path, part, name_subdomain_problem(part));
}
