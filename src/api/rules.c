/* SPDX-License-Identifier: Apache-2.0 */
/* The walk along a table of rules, and the checks that many kinds share. */
#include "api/limits.h"
#include "api/rules.h"

#include "api/meta.h"
#include "api/quantity.h"
#include "api/schema.h"
#include "api/selector.h"
#include "codec/ip.h"
#include "codec/json_index.h"
#include "codec/regex.h"

bool is_zero_value(yyjson_mut_val *v)
{
	switch (yyjson_mut_get_type(v)) {
	case YYJSON_TYPE_NONE:
	case YYJSON_TYPE_NULL:
		return true;
	case YYJSON_TYPE_BOOL:
		return !yyjson_mut_get_bool(v);
	case YYJSON_TYPE_NUM:
		return yyjson_mut_get_num(v) == 0;
	default:
		return yyjson_mut_get_len(v) == 0;
	}
}

static bool is_missing(yyjson_mut_val *v)
{
	return !v || yyjson_mut_is_null(v);
}

static void check_one_of(const struct scope *s, const struct rule *rule,
			 const struct field_path *path, yyjson_mut_val *v)
{
	struct str text = json_mut_str(v);

	if (is_missing(v) || !text.len) {
		if (rule->is_needed)
			field_required(s->errors, path, "");
		return;
	}
	if (!schema_values_have(str_from(rule->text), text))
		field_unsupported(s->errors, path, text, rule->text);
}

static void check_between(const struct scope *s, const struct rule *rule,
			  const struct field_path *path, yyjson_mut_val *v)
{
	int64_t number = json_mut_int(v, rule->min);
	const char *detail = rule->text;

	if (!yyjson_mut_is_num(v) || (number >= rule->min && number <= rule->max))
		return;
	if (!detail)
		detail = str_printf_in(s->errors->arena, "must be between %lld and %lld, inclusive",
				       (long long)rule->min, (long long)rule->max)
				 .ptr;
	field_invalid_int(s->errors, path, number, detail);
}

static void check_name(const struct scope *s, const struct rule *rule,
		       const struct field_path *path, yyjson_mut_val *v)
{
	struct str text = json_mut_str(v);
	const char *problem;

	if (!text.len && !rule->checks_empty) {
		if (rule->is_needed)
			field_required(s->errors, path, "");
		return;
	}
	problem = rule->problem(text);
	if (problem)
		field_invalid_str(s->errors, path, text, problem);
}

static void check_names(const struct scope *s, const struct rule *rule,
			const struct field_path *path, yyjson_mut_val *v)
{
	size_t i = 0;

	JSON_MUT_EACH (item, v) {
		const char *problem = rule->problem(json_mut_str(item));

		if (problem)
			field_invalid_str(s->errors, FIELD_INDEX(path, i), json_mut_str(item),
					  problem);
		i++;
	}
}

bool text_matches(struct arena *arena, const char *pattern, struct str text)
{
	struct regex_search search = { .scratch = arena, .steps_max = REGEX_STEPS_MAX };
	const struct regex *regex = text.len <= REGEX_TEXT_BYTES_MAX
					    ? regex_compile(arena, str_from(pattern), NULL)
					    : NULL;

	return regex && regex_matches(regex, text, &search) == REGEX_FOUND;
}

static void check_each(const struct scope *s, const struct rule *rule,
		       const struct field_path *path, yyjson_mut_val *v)
{
	AUTO_JSON_INDEX seen = { .slots = NULL };
	size_t i = 0, count = yyjson_mut_arr_size(v);

	if (!count)
		return;
	if (rule->text)
		json_index_init(&seen, count);
	JSON_MUT_EACH (item, v) {
		const struct field_path *here = FIELD_INDEX(path, i++);
		struct str key;

		rules_check(s, rule->inside, here, item);
		if (!rule->text)
			continue;
		key = json_mut_get_str(item, rule->text);
		if (key.len && json_index_add(&seen, key, item))
			field_duplicate_str(s->errors, FIELD_NAME(here, rule->text), key);
	}
}

static void check_set(const struct scope *s, const struct rule *rule, const struct field_path *path,
		      yyjson_mut_val *v)
{
	AUTO_JSON_INDEX seen = { .slots = NULL };
	size_t i = 0, count = yyjson_mut_arr_size(v);

	if ((int64_t)count > rule->max) {
		field_too_many(s->errors, path, count, (size_t)rule->max);
		return;
	}
	if (!count)
		return;
	JSON_MUT_EACH (item, v) {
		if (rule->inside)
			rules_check(s, rule->inside, FIELD_INDEX(path, i++), item);
		else
			rule->check(s, FIELD_INDEX(path, i++), item);
	}
	if (rule->may_repeat)
		return;
	json_index_init(&seen, count);
	i = 0;
	JSON_MUT_EACH (item, v) {
		struct str key = rule->text ? json_mut_get_str(item, rule->text)
					    : json_mut_str(item);

		if (json_index_add(&seen, key, item))
			field_duplicate_str(s->errors, FIELD_INDEX(path, i), key);
		i++;
	}
}

static void check_distinct(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	AUTO_JSON_INDEX seen = { .slots = NULL };
	size_t i = 0;

	if (yyjson_mut_arr_size(v) < 2)
		return;
	json_index_init(&seen, yyjson_mut_arr_size(v));
	JSON_MUT_EACH (item, v) {
		if (json_index_add(&seen, json_mut_str(item), item))
			field_duplicate_str(s->errors, FIELD_INDEX(path, i), json_mut_str(item));
		i++;
	}
}

static void call_each(const struct scope *s, const struct rule *rule, const struct field_path *path,
		      yyjson_mut_val *v)
{
	size_t i = 0;

	JSON_MUT_EACH (item, v)
		rule->check(s, FIELD_INDEX(path, i++), item);
	JSON_MUT_MEMBERS (key, value, v)
		rule->check(s, FIELD_KEY(path, json_mut_str(key)), value);
}

static void check_rule(const struct scope *s, const struct rule *rule,
		       const struct field_path *path, yyjson_mut_val *v)
{
	switch (rule->test) {
	case RULE_TEST_END:
		return;
	case RULE_TEST_NEED:
		if (is_zero_value(v))
			field_required(s->errors, path, rule->text);
		return;
	case RULE_TEST_FORBID:
		if (!is_missing(v))
			field_forbidden(s->errors, path, rule->text);
		return;
	case RULE_TEST_ONE_OF:
		check_one_of(s, rule, path, v);
		return;
	case RULE_TEST_BETWEEN:
		check_between(s, rule, path, v);
		return;
	case RULE_TEST_NAME:
		check_name(s, rule, path, v);
		return;
	case RULE_TEST_NAMES:
		check_names(s, rule, path, v);
		return;
	case RULE_TEST_INSIDE:
		if (yyjson_mut_is_obj(v))
			rules_check(s, rule->inside, path, v);
		return;
	case RULE_TEST_EACH:
		check_each(s, rule, path, v);
		return;
	case RULE_TEST_SET:
		check_set(s, rule, path, v);
		return;
	case RULE_TEST_DISTINCT:
		check_distinct(s, path, v);
		return;
	case RULE_TEST_AT_MOST:
		if (yyjson_mut_get_len(v) > (size_t)rule->max)
			field_too_many(s->errors, path, yyjson_mut_get_len(v), (size_t)rule->max);
		return;
	case RULE_TEST_LENGTH:
		if (json_mut_str(v).len > (size_t)rule->max)
			field_too_long(s->errors, path, (size_t)rule->max);
		return;
	case RULE_TEST_MATCH:
		if (json_mut_str(v).len &&
		    !text_matches(s->errors->arena, rule->pattern, json_mut_str(v)))
			field_invalid_str(s->errors, path, json_mut_str(v), rule->text);
		return;
	case RULE_TEST_CALL:
		rule->check(s, path, v);
		return;
	case RULE_TEST_CALL_EACH:
		call_each(s, rule, path, v);
		return;
	}
}

void rules_check(const struct scope *s, const struct rule *rules, const struct field_path *path,
		 yyjson_mut_val *object)
{
	for (const struct rule *rule = rules; rule->test != RULE_TEST_END; rule++) {
		if (rule->field)
			check_rule(s, rule, FIELD_NAME(path, rule->field),
				   yyjson_mut_obj_get(object, rule->field));
		else
			check_rule(s, rule, path, object);
	}
}

void rules_check_edit(struct edit *e, const struct rule *rules, struct field_errors *errors)
{
	struct scope scope = { .edit = e, .errors = errors };

	rules_check(&scope, rules, NULL, e->root);
}

/* ---- shared checks ---- */

void rule_labels(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	meta_validate_labels(v, path, s->errors);
}

void rule_annotations(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	meta_validate_annotations(v, path, s->errors);
}

void rule_selector(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	selector_validate(v, path, s->errors);
}

void rule_port(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	int64_t number = json_mut_int(v, 0);

	if (yyjson_mut_is_str(v)) {
		const char *problem = name_port_problem(json_mut_str(v));

		if (problem)
			field_invalid_str(s->errors, path, json_mut_str(v), problem);
	} else if (number < 1 || number > 65535) {
		field_invalid_int(s->errors, path, number,
				  "must be between 1 and 65535, inclusive");
	}
}

void rule_percentage(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str text = json_mut_str(v);
	bool good = text.len > 1 && text.ptr[text.len - 1] == '%';

	for (size_t i = 0; good && i + 1 < text.len; i++)
		good = text.ptr[i] >= '0' && text.ptr[i] <= '9';
	if (yyjson_mut_is_num(v) && json_mut_int(v, 0) < 0)
		field_invalid_int(s->errors, path, json_mut_int(v, 0),
				  "must be greater than or equal to 0");
	else if (yyjson_mut_is_str(v) && !good)
		field_invalid_str(
			s->errors, path, text,
			"a valid percent string must be a numeric string followed by an ending '%' "
			"(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')");
}

void rule_ip(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	const char *problem = ip_problem(json_mut_str(v));

	if (problem)
		field_invalid_str(s->errors, path, json_mut_str(v), problem);
}

void rule_quantity_nonnegative(const struct scope *s, const struct field_path *path,
			       yyjson_mut_val *v)
{
	struct quantity q;

	if (quantity_parse(json_mut_str(v), &q, NULL) == 0 && q.nano < 0)
		field_invalid_str(s->errors, path, json_mut_str(v),
				  "must be greater than or equal to 0");
}

/* ---- conditions ---- */

static const char *reason_problem(struct str reason)
{
	bool good = true;

	for (size_t i = 0; i < reason.len; i++) {
		char c = reason.ptr[i];
		bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'),
		     is_inner = (c >= '0' && c <= '9') || c == '_', is_last = i + 1 == reason.len;

		good &= is_letter || (i && is_inner) || (i && !is_last && (c == ',' || c == ':'));
	}
	return good ? NULL
		    : "a condition reason must start with alphabetic character, optionally "
		      "followed "
		      "by a string of alphanumeric characters or '_,:', and must end with an "
		      "alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', "
		      " "
		      "or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is "
		      "'[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')";
}

static void check_condition_status(const struct scope *s, const struct field_path *path,
				   yyjson_mut_val *v)
{
	if (!schema_values_have(STR("False|True|Unknown"), json_mut_str(v)))
		field_unsupported(s->errors, path, json_mut_str(v), "False|True|Unknown");
}

static const struct rule condition_rules[] = {
	RULE_ANY_NAME("type", name_qualified_problem),
	RULE_CALL("status", check_condition_status),
	RULE_RANGE("observedGeneration", 0, INT64_MAX, "must be greater than or equal to zero"),
	RULE_NEED("lastTransitionTime", "must be set"),
	RULE_NEED("reason", "must be set"),
	RULE_NAME("reason", reason_problem),
	RULE_LENGTH("reason", CONDITION_REASON_BYTES_MAX),
	RULE_LENGTH("message", CONDITION_MESSAGE_BYTES_MAX),
	{ 0 },
};

void rule_conditions(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	AUTO_JSON_INDEX seen = { .slots = NULL };
	size_t i = 0;

	if (!yyjson_mut_arr_size(v))
		return;
	json_index_init(&seen, yyjson_mut_arr_size(v));
	JSON_MUT_EACH (condition, v) {
		const struct field_path *here = FIELD_INDEX(path, i++);
		struct str type = json_mut_get_str(condition, "type");

		if (json_index_add(&seen, type, condition))
			field_duplicate_str(s->errors, FIELD_NAME(here, "type"), type);
		rules_check(s, condition_rules, here, condition);
	}
}
