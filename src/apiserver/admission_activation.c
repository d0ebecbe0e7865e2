/* SPDX-License-Identifier: Apache-2.0 */
/* What the names in expressions of admission stand for, and what they cost. */
#include "apiserver/admission_activation.h"

#include "apiserver/authz.h"
#include "apiserver/operation.h"
#include "apiserver/registry.h"

/* `variables`: each is computed when it is asked for, once. */
struct admission_lookup {
	struct cel_lookup cel;
	struct admission_activation *activation;
	struct {
		bool is_known;
		struct cel_value value;
	} * known;
	uint64_t cost; /* of variables, since it was last taken */
	size_t depth;  /* of the programs that wait for this one */
};

struct admission_condition {
	struct str name;
	struct admission_expression expression;
};

struct admission_conditions {
	struct admission_condition *conditions;
	size_t count;
	bool fails_open;
};

static struct cel_value error_value(struct arena *arena, const char *fmt, struct str name,
				    struct str why)
{
	struct str text = str_printf_in(arena, "composited variable \"" STR_FMT "\" %s: " STR_FMT,
					STR_ARG(name), fmt, STR_ARG(why));

	return (struct cel_value){ .kind = CEL_ERROR, .ptr = text.ptr, .len = text.len };
}

/* A program of its own, with its own limit per call, on the memory of the one that asks. */
static struct cel_value compute(struct admission_lookup *lookup, struct cel_evaluation *outer,
				const struct admission_variable *variable)
{
	struct cel_evaluation inner = {
		.arena = outer->arena,
		.variables = outer->variables,
		.cost_max = CEL_CALL_COST_MAX,
		.authorizer = outer->authorizer,
		.work = outer->work,
		.bytes = outer->bytes,
		.cache = outer->cache,
	};
	const struct cel_program *program = variable->expression.program;
	struct cel_value value;
	struct err err = { 0 };
	size_t depth = cel_program_depth(program);
	int done;

	if (lookup->depth + depth > CEL_TREE_DEPTH_MAX)
		return error_value(outer->arena, "fails to evaluate", variable->name,
				   STR("it stands on too many others"));
	lookup->depth += depth;
	done = cel_evaluate(program, &inner, &value, &err);
	lookup->depth -= depth;
	outer->work = inner.work;
	outer->bytes = inner.bytes;
	outer->cache = inner.cache;
	lookup->cost += inner.cost;
	return done < 0 ? error_value(outer->arena, "fails to evaluate", variable->name,
				      str_from(err.msg))
			: value;
}

static bool get_variable(struct cel_lookup *cel, struct cel_evaluation *evaluation, struct str name,
			 struct cel_value *ret)
{
	struct admission_lookup *lookup = CONTAINER_OF(cel, struct admission_lookup, cel);
	const struct admission_set *set = lookup->activation->set;
	size_t i = set->variable_count;

	while (i > 0 && !str_eq(set->variables[i - 1].name, name))
		i--;
	if (!i--)
		return false;
	if (!lookup->known[i].is_known) {
		const struct admission_variable *variable = &set->variables[i];

		lookup->known[i].value = variable->expression.program
						 ? compute(lookup, evaluation, variable)
						 : error_value(evaluation->arena,
							       "fails to compile", variable->name,
							       variable->expression.problem);
		lookup->known[i].is_known = true;
	}
	*ret = lookup->known[i].value;
	return true;
}

/* ---- activations ---- */

void admission_activation_init(struct admission_activation *a, const struct admission_set *set,
			       const struct admission_request *request)
{
	*a = (struct admission_activation){
		.set = set,
		.request = request,
		.matched = request->kind,
		.object = request->object,
		.old_object = request->old_object,
		.params = cel_null(),
		.budget = CEL_BUDGET_MAX,
	};
	arena_init(&a->scratch, ARENA_DEFAULT_MAX);
}

void admission_activation_deinit(struct admission_activation *a)
{
	json_mut_free(a->request_doc);
	arena_deinit(&a->scratch);
	a->request_doc = NULL;
}

void admission_activation_reset(struct admission_activation *a)
{
	json_mut_free(a->request_doc);
	a->request_doc = NULL;
	arena_reset(&a->scratch);
	a->is_bound = false;
}

static struct cel_value request_value(struct admission_activation *a)
{
	a->request_doc = json_new_object();
	admission_request_write(a->request, a->matched, a->request_doc,
				yyjson_mut_doc_get_root(a->request_doc));
	return cel_json_mut(yyjson_mut_doc_get_root(a->request_doc), &admission_type_request);
}

static struct cel_value resource_value(struct admission_activation *a)
{
	const struct admission_request *r = a->request;
	struct cel_attributes *attributes = ARENA_NEW(&a->scratch, struct cel_attributes);

	*attributes = (struct cel_attributes){
		.group = r->kind->group,
		.resource = r->kind->plural,
		.subresource = r->subresource,
		.namespace = r->namespace_,
		.name = r->name,
	};
	return cel_resource_check_value(attributes);
}

static struct cel_value value_of(struct admission_activation *a, enum admission_name name)
{
	const struct obj *ns = a->request->namespace_object;
	bool is_namespace = a->request->kind == &kind_namespace;

	switch (name) {
	case ADMISSION_OBJECT:
		return a->object;
	case ADMISSION_OLD_OBJECT:
		return a->old_object;
	case ADMISSION_NAMESPACE_OBJECT:
		return ns && !is_namespace ? cel_json(ns->root, &admission_type_namespace)
					   : cel_null();
	case ADMISSION_REQUEST:
		return request_value(a);
	case ADMISSION_PARAMS:
		return a->params;
	case ADMISSION_VARIABLES:
		return cel_lookup_value(&a->variables->cel, &a->set->variables_type);
	case ADMISSION_AUTHORIZER:
		return cel_authorizer_value();
	case ADMISSION_REQUEST_RESOURCE:
	case ADMISSION_NAME_COUNT:
		break;
	}
	return resource_value(a);
}

static void bind_values(struct admission_activation *a)
{
	if (a->is_bound)
		return;
	a->variables = ARENA_NEW(&a->scratch, struct admission_lookup);
	a->variables->cel.get = get_variable;
	a->variables->activation = a;
	a->variables->known = arena_array(&a->scratch, a->set->variable_count + 1,
					  sizeof(a->variables->known[0]));
	for (size_t i = 0; i < a->set->env.variable_count; i++)
		a->values[i] = value_of(a, a->set->names[i]);
	a->is_bound = true;
}

static bool take_cost(struct admission_activation *a, uint64_t cost)
{
	if (cost > a->budget)
		return false;
	if (a->write_left && cost > *a->write_left) {
		*a->write_left = 0;
		return false;
	}
	if (a->write_left)
		*a->write_left -= cost;
	a->budget -= cost;
	return true;
}

enum admission_outcome admission_evaluate(const struct admission_expression *e,
					  struct admission_activation *a, struct cel_value *ret,
					  struct str *ret_why)
{
	struct cel_evaluation evaluation = { .arena = &a->scratch,
					     .variables = a->values,
					     .cost_max = CEL_CALL_COST_MAX,
					     .authorizer = a->authorizer };
	struct err err = { 0 };
	int done;

	if (!e->program) {
		*ret_why = str_printf_in(&a->scratch, "compilation error: " STR_FMT,
					 STR_ARG(e->problem));
		return ADMISSION_ERROR;
	}
	if (a->scratch.used_bytes > CEL_EVALUATION_BYTES_MAX || !a->budget ||
	    (a->write_left && !*a->write_left)) {
		*ret_why = STR("validation failed due to running out of cost budget, no further "
			       "validation rules will be run");
		return ADMISSION_OUT_OF_BUDGET;
	}
	bind_values(a);
	done = cel_evaluate(e->program, &evaluation, ret, &err);
	if (!take_cost(a, evaluation.cost + a->variables->cost)) {
		a->budget = 0;
		*ret_why = STR("validation failed due to running out of cost budget, no further "
			       "validation rules will be run");
		return ADMISSION_OUT_OF_BUDGET;
	}
	a->variables->cost = 0;
	if (done == 0)
		return ADMISSION_VALUE;
	*ret_why = str_printf_in(&a->scratch, "expression '" STR_FMT "' resulted in error: %s",
				 STR_ARG(e->text), err.msg);
	return ADMISSION_ERROR;
}

/* ---- match conditions ---- */

const struct admission_conditions *admission_conditions_new(struct admission_set *set,
							    yyjson_val *conditions, bool fails_open)
{
	struct admission_conditions *made = ARENA_NEW(set->arena, struct admission_conditions);

	made->fails_open = fails_open;
	made->conditions = arena_array(set->arena, yyjson_arr_size(conditions) + 1,
				       sizeof(made->conditions[0]));
	JSON_EACH (from, conditions) {
		struct admission_condition *condition = &made->conditions[made->count++];

		condition->name = json_get_str(from, "name");
		admission_compile(set, json_get_str(from, "expression"), &admission_result_bool,
				  &condition->expression);
	}
	return made;
}

/* One message as it is, more of them in brackets and each once. */
static struct str join_problems(struct arena *arena, const struct str *problems, size_t count)
{
	struct str *once = arena_array(arena, count + 1, sizeof(*once));
	size_t once_count = 0;

	for (size_t i = 0; i < count; i++) {
		size_t j = 0;

		while (j < once_count && !str_eq(once[j], problems[i]))
			j++;
		if (j == once_count)
			once[once_count++] = problems[i];
	}
	if (once_count == 1)
		return once[0];
	return str_printf_in(arena, "[" STR_FMT "]",
			     STR_ARG(str_join_in(arena, once, once_count, STR(", "))));
}

enum admission_verdict admission_conditions_decide(const struct admission_conditions *conditions,
						   struct admission_activation *a,
						   struct str *ret_why)
{
	uint64_t budget = a->budget;
	struct str *problems;
	size_t problem_count = 0;
	enum admission_outcome outcome = ADMISSION_VALUE;

	if (!conditions->count)
		return ADMISSION_MATCHED;
	problems = arena_array(&a->scratch, conditions->count, sizeof(*problems));
	a->budget = ADMISSION_CONDITIONS_COST_MAX;
	for (size_t i = 0; i < conditions->count && outcome != ADMISSION_OUT_OF_BUDGET; i++) {
		struct cel_value value;

		outcome = admission_evaluate(&conditions->conditions[i].expression, a, &value,
					     &problems[problem_count]);
		if (outcome != ADMISSION_VALUE) {
			problem_count++;
		} else if (value.kind == CEL_BOOL && !value.boolean) {
			a->budget = budget;
			return ADMISSION_SKIPPED;
		}
	}
	a->budget = budget;
	if (!problem_count)
		return ADMISSION_MATCHED;
	if (conditions->fails_open)
		return ADMISSION_SKIPPED;
	*ret_why = outcome == ADMISSION_OUT_OF_BUDGET
			   ? problems[problem_count - 1]
			   : join_problems(&a->scratch, problems, problem_count);
	return ADMISSION_FAILED;
}

/* ---- the authorizer ---- */

/* The user that is asked about: the one of the request, or a service account. */
static const struct user *asked_about(const struct admission_authorizer *a,
				      const struct cel_attributes *attributes, struct arena *arena)
{
	struct str namespace_ = attributes->service_account_namespace;
	struct user *user;
	struct str *groups;

	if (!namespace_.len)
		return a->user;
	user = ARENA_NEW(arena, struct user);
	groups = arena_array(arena, 3, sizeof(*groups));
	groups[0] = STR("system:serviceaccounts");
	groups[1] = str_printf_in(arena, "system:serviceaccounts:" STR_FMT, STR_ARG(namespace_));
	groups[2] = STR("system:authenticated");
	user->name = str_printf_in(arena, USER_ACCOUNT_PREFIX STR_FMT ":" STR_FMT,
				   STR_ARG(namespace_), STR_ARG(attributes->service_account_name));
	user->groups = groups;
	user->group_count = 3;
	return user;
}

static const struct kind *kind_asked_about(const struct admission_authorizer *a,
					   const struct cel_attributes *attributes)
{
	const struct kind_set *kinds = &a->registry->kinds;

	for (size_t i = 0; i < kinds->kind_count; i++)
		if (str_eq(kinds->kinds[i]->group, attributes->group) &&
		    str_eq(kinds->kinds[i]->plural, attributes->resource))
			return kinds->kinds[i];
	return NULL;
}

/* What cannot be understood narrows nothing, as upstream has it. */
static const struct authz_selectors *read_selectors(const struct admission_authorizer *a,
						    const struct cel_attributes *attributes,
						    struct arena *arena,
						    struct authz_selectors *ret)
{
	const struct kind *kind = attributes->has_field_selector ? kind_asked_about(a, attributes)
								 : NULL;

	if (!attributes->has_label_selector ||
	    selector_parse(attributes->label_selector, arena, &ret->labels, NULL) < 0)
		ret->labels = (struct selector){ 0 };
	if (!kind ||
	    field_selector_parse(kind, attributes->field_selector, arena, &ret->fields, NULL) < 0)
		ret->fields = (struct field_selector){ 0 };
	return ret;
}

static int check(const struct cel_authorizer *cel, const struct cel_attributes *attributes,
		 struct arena *arena, enum cel_decision *ret_decision, struct str *ret_reason,
		 struct err *err)
{
	struct admission_authorizer *a = CONTAINER_OF(cel, struct admission_authorizer, cel);
	struct target target = {
		.verb = attributes->verb,
		.is_resource = !attributes->path.len,
		.path = attributes->path,
		.group = attributes->group,
		.version = STR("*"),
		.resource = attributes->resource,
		.subresource = attributes->subresource,
		.namespace_ = attributes->namespace,
		.name = attributes->name,
	};
	struct authz_selectors selectors = { 0 };
	struct authz_reason reason = { .arena = arena };
	struct authz_attributes asked = { .user = asked_about(a, attributes, arena),
					  .target = &target,
					  .reason = &reason };

	asked.selectors = read_selectors(a, attributes, arena, &selectors);
	asked.wait = a->is_waiting ? NULL : a->wait; /* one question at a time */
	switch (authz_decide(a->registry, &asked)) {
	case AUTHZ_ALLOW:
		*ret_decision = CEL_ALLOWED;
		break;
	case AUTHZ_DENY:
		*ret_decision = CEL_DENIED;
		break;
	case AUTHZ_LATER:
		a->is_waiting = true;
		*ret_decision = CEL_NO_OPINION;
		break;
	case AUTHZ_NO_OPINION:
		*ret_decision = CEL_NO_OPINION;
		break;
	}
	*ret_reason = reason.text;
	return reason.error.len ? err_set(err, ERR_INTERNAL, STR_FMT, STR_ARG(reason.error)) : 0;
}

void admission_authorizer_init(struct admission_authorizer *a, struct registry *registry,
			       const struct user *user, struct review_wait *wait)
{
	*a = (struct admission_authorizer){
		.cel.check = check, .registry = registry, .user = user, .wait = wait
	};
}
