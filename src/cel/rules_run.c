/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules on an object: the tree of rules and the object are walked together, the old object beside
 * it as far as values stand for each other (by name in maps, by their keys in lists of type map).
 */
#include "base/num.h"
#include "codec/base64.h"
#include "cel/rules_internal.h"
#include "cel/value_internal.h"

struct segment {
	const struct segment *parent;
	struct str name;
	size_t index;
	enum { SEGMENT_FIELD, SEGMENT_KEY, SEGMENT_INDEX } kind;
};

struct runner {
	struct cel_rules_run *run;
	struct cel_evaluation evaluation; /* of one rule after the other */
	struct cel_evaluation walk; /* account of walking and comparing, for all of the object */
	struct cel_frame frame;	    /* of the walk */
	size_t problem_count;
	bool over; /* no further rules */
};

/* A value, the one it replaces, and where it is. */
struct here {
	struct cel_value self;
	const struct cel_value *old;
	const struct here *correlated; /* the nearest one around that has an old value */
	const struct segment *path;
	bool is_fresh; /* what is wrong counts although it is as it was */
};

static void write_path(const struct segment *segment, struct buf *to)
{
	if (!segment)
		return;
	write_path(segment->parent, to);
	if (segment->kind == SEGMENT_INDEX)
		buf_printf(to, "[%zu]", segment->index);
	else if (segment->kind == SEGMENT_KEY)
		buf_printf(to, "[" STR_FMT "]", STR_ARG(segment->name));
	else
		buf_printf(to, "%s" STR_FMT, to->len > 0 ? "." : "", STR_ARG(segment->name));
}

/* What is there has not changed: the error is as old as the object. */
static bool is_unchanged(struct runner *r, const struct here *here)
{
	const struct here *known = here->old ? here : here->correlated;

	return !here->is_fresh && known && known->old &&
	       cel_equal(&r->frame, known->self, *known->old);
}

static void add_value(struct runner *r, const struct cel_value *self, struct cel_problem *problem)
{
	struct arena *arena = r->run->scratch;
	AUTO_BUF text = { 0 };
	char number[32];

	switch ((enum cel_kind)self->kind) {
	case CEL_STRING:
		problem->value = cel_str(*self);
		break;
	case CEL_BYTES:
		buf_init(&text, 2 * self->len + 4);
		base64_encode(cel_str(*self), &text);
		problem->value = str_in(arena, buf_str(&text));
		break;
	case CEL_TIMESTAMP:
		problem->value = cel_str(cel_timestamp_text(&r->frame, *self));
		break;
	case CEL_DURATION:
		problem->value = cel_str(cel_duration_text(&r->frame, *self));
		break;
	case CEL_BOOL:
		problem->is_bare = true;
		problem->value = self->boolean ? STR("true") : STR("false");
		break;
	case CEL_INT:
		problem->is_bare = true;
		problem->value = str_printf_in(arena, "%lld", (long long)self->integer);
		break;
	case CEL_DOUBLE:
		problem->is_bare = true;
		problem->value = str_in(arena, cel_double_text(self->real, number));
		break;
	default:
		problem->value = STR_NONE;
		problem->has_no_value = true;
	}
}

static void report(struct runner *r, const struct here *here, const struct cel_rules *rules,
		   const struct cel_rule *rule, enum cel_reason reason, bool may_ratchet,
		   struct str detail)
{
	AUTO_BUF path = { 0 };
	struct str field_path = rule && may_ratchet ? rule->field_path : STR_NONE;
	struct cel_problem problem = { .reason = reason,
				       .value = rules->schema_type,
				       .detail = detail };

	buf_init(&path, 64u << 10);
	write_path(here->path, &path);
	if (path.len == 0)
		(void)str_strip_prefix(&field_path, STR(".")); /* it begins with one */
	buf_put_str(&path, field_path);
	problem.path = buf_str(&path);
	if (may_ratchet)
		add_value(r, &here->self, &problem);
	problem.ratcheted = may_ratchet && rule && !rule->uses_old && is_unchanged(r, here);
	r->run->problems->report(r->run->problems, &problem);
	if (++r->problem_count == CEL_PROBLEMS_MAX)
		r->over = true;
}

static void out_of_budget(struct runner *r, const struct here *here, const struct cel_rules *rules)
{
	r->over = true;
	report(r, here, rules, NULL, CEL_REASON_INVALID, false,
	       STR("validation failed due to running out of cost budget, no further validation "
		   "rules will be run"));
}

static struct str rule_text(const struct cel_rule *rule)
{
	return str_trim(rule->message.len > 0 ? rule->message : rule->text);
}

/* < 0: failed with err. The cost is taken from the budget. *ret_over: it did not suffice. */
static int evaluate(struct runner *r, const struct cel_program *program,
		    const struct cel_value *variables, struct cel_value *ret, bool *ret_over,
		    struct err *err)
{
	int result;

	r->evaluation.variables = variables;
	r->evaluation.cost_max = CEL_CALL_COST_MAX;
	r->evaluation.cost = r->evaluation.work = 0;
	r->evaluation.bytes = 0;
	r->evaluation.stopped = false;
	result = cel_evaluate(program, &r->evaluation, ret, err);
	*ret_over = r->evaluation.cost > r->run->budget;
	if (!*ret_over)
		r->run->budget -= r->evaluation.cost;
	return result;
}

static void report_error(struct runner *r, const struct here *here, const struct cel_rules *rules,
			 const struct cel_rule *rule, const struct err *err)
{
	struct arena *arena = r->run->scratch;
	struct str text = rule_text(rule);
	struct str detail;

	if (err->code == ERR_TOO_LARGE) {
		r->over = true;
		detail = str_printf_in(arena,
				       "'%s': no further validation rules will be run due to call "
				       "cost exceeds limit for "
				       "rule: " STR_FMT,
				       err->msg, STR_ARG(text));
	} else if (str_has_prefix(str_from(err->msg), STR("no such overload"))) {
		detail = str_printf_in(arena,
				       "'%s': call arguments did not match a supported operator, "
				       "function or macro "
				       "signature for rule: " STR_FMT,
				       err->msg, STR_ARG(text));
	} else {
		detail = str_printf_in(arena, "%s evaluating rule: " STR_FMT, err->msg,
				       STR_ARG(text));
	}
	report(r, here, rules, rule, CEL_REASON_INVALID, false, detail);
}

static struct str quoted(struct runner *r, struct str text)
{
	AUTO_BUF buf = { 0 };

	buf_init(&buf, CEL_ERROR_BYTES_MAX);
	json_write_quoted(text, &buf);
	return str_in(r->run->scratch, buf_str(&buf));
}

/* The text of a messageExpression; empty when it is not fit, then the rule's own is taken.
 * *ret_refusal: why no more rules are run, or empty. */
static struct str message_of(struct runner *r, const struct cel_rule *rule,
			     const struct cel_value *variables, struct str *ret_refusal)
{
	struct cel_value value;
	struct err err = { 0 };
	struct str text;
	bool over;
	int failed;

	*ret_refusal = STR_NONE;
	if (!rule->message_program)
		return STR_NONE;
	failed = evaluate(r, rule->message_program, variables, &value, &over, &err);
	if (over)
		*ret_refusal = STR("messageExpression evaluation failed due to running out of cost "
				   "budget, no further validation rules will be run");
	else if (failed < 0 && err.code == ERR_TOO_LARGE)
		*ret_refusal = str_printf_in(r->run->scratch,
					     "no further validation rules will be run due to call "
					     "cost exceeds limit for messageExpression: %s",
					     quoted(r, rule->message_expression).ptr);
	if (over || failed < 0)
		return STR_NONE;
	text = str_trim(cel_str(value));
	if (value.kind != CEL_STRING || text.len > CEL_MESSAGE_BYTES_MAX ||
	    str_find_char(text, '\n', 0) != SIZE_MAX)
		return STR_NONE;
	return text;
}

static void report_false(struct runner *r, const struct here *here, const struct cel_rules *rules,
			 const struct cel_rule *rule, const struct cel_value *variables)
{
	struct str refusal;
	struct str detail = message_of(r, rule, variables, &refusal);

	if (refusal.len > 0) {
		r->over = true;
		detail = refusal;
	} else if (detail.len == 0 && rule->message.len > 0) {
		detail = str_trim(rule->message);
	} else if (detail.len == 0) {
		detail = str_printf_in(r->run->scratch, "failed rule: " STR_FMT,
				       STR_ARG(str_trim(rule->text)));
	}
	report(r, here, rules, rule, rule->reason, true, detail);
}

static void run_rule(struct runner *r, const struct here *here, const struct cel_rules *rules,
		     const struct cel_rule *rule)
{
	struct cel_value variables[2] = { here->self, here->old ? *here->old : cel_null() };
	struct cel_value result;
	struct err err = { 0 };
	bool over;
	int failed;

	if (rule->uses_old && !here->old && !rule->optional_old)
		return;
	if (rule->optional_old)
		variables[1] = cel_optional(here->old);
	failed = evaluate(r, rule->program, variables, &result, &over, &err);
	if (over)
		out_of_budget(r, here, rules);
	else if (failed < 0)
		report_error(r, here, rules, rule, &err);
	else if (result.kind != CEL_BOOL || !result.boolean)
		report_false(r, here, rules, rule, variables);
}

static void run_node(struct runner *r, const struct here *here, const struct cel_rules *rules);

static struct here below(const struct here *here, struct cel_value self,
			 const struct cel_value *old, const struct segment *path)
{
	return (struct here){ .self = self,
			      .old = old,
			      .correlated = here->old ? here : here->correlated,
			      .path = path };
}

/* The old element with the same keys, looked for from the same place on. */
static bool find_old_item(struct runner *r, const struct here *here, size_t index,
			  struct cel_value item, struct cel_value *ret)
{
	size_t count;

	if (!here->old || here->old->kind != CEL_LIST || here->self.type->list_type != CEL_LIST_MAP)
		return false;
	count = cel_list_count(*here->old);
	for (size_t i = 0; i < count && cel_work(&r->frame, 1); i++) {
		*ret = cel_list_at(&r->frame, *here->old, (index + i) % count);
		if (cel_list_matches(&r->frame, here->self.type, item, *ret))
			return true;
	}
	return false;
}

static void run_items(struct runner *r, const struct here *here, const struct cel_rules *rules)
{
	struct cel_iterator it;
	struct cel_value key;
	struct cel_value item;

	for (bool more = cel_iterate(here->self, &it);
	     more && !r->over && cel_next(&r->frame, &it, &key, &item);) {
		struct segment segment = { .parent = here->path,
					   .index = it.at - 1,
					   .kind = SEGMENT_INDEX };
		struct cel_value old;
		bool has_old = find_old_item(r, here, segment.index, item, &old);
		struct here inside = below(here, item, has_old ? &old : NULL, &segment);

		run_node(r, &inside, rules);
	}
}

static bool old_member(struct runner *r, const struct here *here, const struct cel_rules *rules,
		       struct str json_name, const struct cel_type *type, struct cel_value *ret)
{
	if (!here->old || rules->foreign_map ||
	    (here->old->kind != CEL_MAP && here->old->kind != CEL_OBJECT))
		return false;
	return cel_field_find(&r->frame, *here->old, json_name, type, ret);
}

static void run_additional(struct runner *r, const struct here *here, const struct cel_rules *rules)
{
	struct cel_iterator it;
	struct cel_value key;
	struct cel_value value;

	for (bool more = cel_iterate(here->self, &it);
	     more && !r->over && cel_next(&r->frame, &it, &key, &value);) {
		struct segment segment = { .parent = here->path,
					   .name = cel_str(key),
					   .kind = SEGMENT_KEY };
		struct cel_value old;
		bool has_old = old_member(r, here, rules, cel_str(key), here->self.type->element,
					  &old);
		struct here inside = below(here, value, has_old ? &old : NULL, &segment);

		run_node(r, &inside, rules->additional);
	}
}

static void run_properties(struct runner *r, const struct here *here, const struct cel_rules *rules)
{
	for (size_t i = 0; i < rules->property_count && !r->over; i++) {
		const struct cel_rules_member *member = &rules->properties[i];
		const struct cel_type *type = member->rules->type ? member->rules->type
								  : &cel_type_dyn;
		struct segment segment = { .parent = here->path,
					   .name = member->name,
					   .kind = SEGMENT_FIELD };
		struct cel_value value;
		struct cel_value old;

		if (!cel_field_find(&r->frame, here->self, member->name, type, &value))
			continue;
		bool has_old = old_member(r, here, rules, member->name, type, &old);
		struct here inside = below(here, value, has_old ? &old : NULL, &segment);

		/* the version that was stored says nothing: both are in the one of the request */
		inside.is_fresh = !here->path && (str_eq_c(member->name, "apiVersion") ||
						  str_eq_c(member->name, "kind"));
		run_node(r, &inside, member->rules);
	}
}

static void run_node(struct runner *r, const struct here *here, const struct cel_rules *rules)
{
	if (here->self.kind == CEL_NULL || r->over || r->walk.stopped)
		return;
	if (rules->rule_count > 0 && r->run->budget == 0)
		out_of_budget(r, here, rules);
	for (size_t i = 0; i < rules->rule_count && !r->over; i++)
		run_rule(r, here, rules, &rules->rules[i]);
	if (rules->items && here->self.kind == CEL_LIST)
		run_items(r, here, rules->items);
	if (here->self.kind != CEL_MAP && here->self.kind != CEL_OBJECT)
		return;
	if (rules->additional)
		run_additional(r, here, rules);
	run_properties(r, here, rules);
}

void cel_rules_run(const struct cel_rules *rules, struct cel_rules_run *run, struct cel_value self,
		   const struct cel_value *old)
{
	struct runner r = { .run = run };
	struct here root = { .self = self, .old = old };

	r.evaluation = (struct cel_evaluation){ .arena = run->scratch,
						.cost_max = CEL_CALL_COST_MAX };
	r.walk = (struct cel_evaluation){ .arena = run->scratch, .cost_max = UINT64_MAX };
	r.frame.evaluation = &r.walk;
	run_node(&r, &root, rules);
	if (r.walk.stopped)
		report(&r, &root, rules, NULL, CEL_REASON_INVALID, false,
		       STR("the object is too large for its validation rules"));
}
