/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MutatingAdmissionPolicies asked about one write: apply configurations and JSON patches laid over
 * the object in the order of the policies' names, and once more for those that want to see what
 * came after them.
 */
#include "apiserver/admission_policy_internal.h"

#include "api/convert.h"
#include "api/object.h"
#include "api/typed.h"
#include "apiserver/registry.h"
#include "codec/patch.h"

#define PATCH_PROBLEM_BYTES_MAX (16u << 10)

/* A policy with a binding and a parameter that concern the request. */
struct invocation {
	const struct policy *policy;
	const struct policy_binding *binding;
	const struct kind *matched;
	struct blob *param; /* counted; NULL: none */
	bool has_mutated;   /* one of its mutations could be done, whether it changed anything */
	struct invocation *next;
};

struct problem {
	const struct policy *policy;
	const struct policy_binding *binding; /* NULL: the policy itself cannot be used */
	struct str message;
	bool is_invalid; /* reason Invalid */
	struct problem *next;
};

struct mutating {
	struct policies *policies;
	struct admission_request *request;
	struct policy_object *object;
	struct policy_rounds *rounds;
	const struct policy_answer *answer;
	struct arena *arena;
	struct admission_authorizer authorizer;
	yyjson_mut_doc *original; /* the object before the first change; NULL: there was none */
	uint64_t left;		  /* of what all of it may cost */
	struct invocation *invocations, **last_invocation;
	struct problem *problems, **last_problem;
	const struct invocation *last_run; /* NULL: none had anything to mutate */
	struct str broken; /* what was made is no object: the server's error, whatever failurePolicy */
};

/* What cannot be done refuses the write, unless failurePolicy is Ignore. */
static void add_problem(struct mutating *m, const struct policy *policy,
			const struct policy_binding *binding, struct str message, bool is_invalid)
{
	struct problem *problem;

	if (policy->fails_open)
		return;
	problem = ARENA_NEW(m->arena, struct problem);
	*problem = (struct problem){ policy, binding, str_in(m->arena, message), is_invalid, NULL };
	*m->last_problem = problem;
	m->last_problem = &problem->next;
}

static void add_unusable(struct mutating *m, const struct policy *policy,
			 const struct policy_binding *binding, struct str why)
{
	add_problem(m, policy, binding,
		    str_printf_in(m->arena, "failed to configure %s: " STR_FMT,
				  binding ? "binding" : "policy", STR_ARG(why)),
		    false);
}

/* ---- who is to be asked ---- */

static void add_invocation(struct mutating *m, const struct policy *policy,
			   const struct policy_binding *binding, const struct kind *matched,
			   struct blob *param)
{
	struct invocation *invocation = ARENA_NEW(m->arena, struct invocation);

	*invocation = (struct invocation){ .policy = policy,
					   .binding = binding,
					   .matched = matched,
					   .param = param ? blob_ref(param) : NULL };
	*m->last_invocation = invocation;
	m->last_invocation = &invocation->next;
}

static void collect_binding(struct mutating *m, const struct policy *policy,
			    const struct policy_binding *binding, const struct kind *matched)
{
	struct policy_params params = { 0 };
	struct str why;
	int matches = policy_binding_match(binding, m->request, m->arena, &why);

	if (matches > 0 && policy_params_collect(m->policies, policy, binding, m->request, m->arena,
						 &params, &why) < 0)
		matches = -1;
	if (matches < 0)
		add_unusable(m, policy, binding, why);
	if (matches > 0 && params.is_none)
		add_invocation(m, policy, binding, matched, NULL);
	for (size_t i = 0; i < params.count && matches > 0; i++)
		add_invocation(m, policy, binding, matched, params.blobs[i]);
	policy_params_deinit(&params);
}

static void collect_policy(struct mutating *m, const struct policy *policy)
{
	const struct kind *matched;
	struct str why;
	int matches;

	if (!policy->binding_count)
		return;
	matches = policy_match(m->policies, policy, m->request, m->arena, &matched, &why);
	if (matches < 0)
		add_unusable(m, policy, NULL, why);
	for (size_t i = 0; i < policy->binding_count && matches > 0; i++)
		collect_binding(m, policy, policy->bindings[i], matched);
}

/* ---- rounds ---- */

static struct str key_of(struct mutating *m, const struct invocation *i)
{
	const struct obj *param = i->param ? obj_get(i->param) : NULL;

	return str_printf_in(m->arena, STR_FMT "/" STR_FMT "/" STR_FMT "/" STR_FMT,
			     STR_ARG(i->policy->obj->name), STR_ARG(i->binding->obj->name),
			     STR_ARG(param ? param->namespace_ : STR_NONE),
			     STR_ARG(param ? param->name : STR_NONE));
}

/* All that were asked so far see the object again. */
static void ask_them_again(struct mutating *m)
{
	struct policy_rounds *r = m->rounds;
	struct str *again;

	r->should_ask_again = true;
	if (!r->asked_count)
		return;
	again = arena_array(m->arena, r->again_count + r->asked_count, sizeof(*again));
	for (size_t i = 0; i < r->again_count; i++)
		again[i] = r->again[i];
	for (size_t i = 0; i < r->asked_count; i++)
		again[r->again_count + i] = r->asked[i];
	r->again = again;
	r->again_count += r->asked_count;
	r->asked_count = 0;
}

static void remember_asked(struct mutating *m, struct str key)
{
	struct policy_rounds *r = m->rounds;
	struct str *asked = arena_array(m->arena, r->asked_count + 1, sizeof(*asked));

	for (size_t i = 0; i < r->asked_count; i++) {
		if (str_eq(r->asked[i], key))
			return;
		asked[i] = r->asked[i];
	}
	asked[r->asked_count++] = key;
	r->asked = asked;
}

static bool is_to_be_asked(struct mutating *m, struct str key)
{
	if (!m->rounds->is_second)
		return true;
	for (size_t i = 0; i < m->rounds->again_count; i++)
		if (str_eq(m->rounds->again[i], key))
			return true;
	return false;
}

void policy_rounds_deinit(struct policy_rounds *rounds)
{
	blob_unref(rounds->output);
	*rounds = (struct policy_rounds){ 0 };
}

static yyjson_mut_val *root_of(struct mutating *m)
{
	return yyjson_mut_doc_get_root(*m->object->doc);
}

static bool is_as_left(struct mutating *m)
{
	AUTO_JSON left = NULL;
	struct blob *output = m->rounds->output;

	if (!output)
		return false;
	left = json_parse(blob_str(output), SIZE_MAX, NULL);
	return left && json_mixed_equal(root_of(m), yyjson_doc_get_root(left));
}

/* ---- patches ---- */

static yyjson_mut_doc *fail(struct str *ret_why, struct arena *arena, const char *fmt,
			    const char *why)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, PATCH_PROBLEM_BYTES_MAX);
	buf_put_c(&text, fmt);
	buf_put_c(&text, why);
	*ret_why = str_in(arena, buf_str(&text));
	return NULL;
}

static int check_atomics(struct mutating *m, const struct kind *kind, yyjson_val *config,
			 struct str *ret_why)
{
	AUTO_BUF atomics = { 0 };

	buf_init(&atomics, PATCH_PROBLEM_BYTES_MAX);
	typed_write_atomics(typed_root(kind->schema), config, &atomics);
	if (!atomics.len)
		return 0;
	*ret_why = str_printf_in(m->arena,
				 "error applying patch: invalid ApplyConfiguration: may not mutate "
				 "atomic arrays, maps or structs: " STR_FMT,
				 STR_ARG(buf_str(&atomics)));
	return -1;
}

/* What the expression made, laid over the object. NULL: *ret_why. */
static yyjson_mut_doc *apply_value(struct mutating *m, const struct kind *kind,
				   yyjson_mut_val *live, struct cel_value value,
				   struct str *ret_why)
{
	AUTO_TYPED_WALK walk = { .arena = NULL };
	AUTO_JSON_MUT made = json_new();
	AUTO_JSON config = NULL;
	AUTO_JSON before = json_freeze(live);
	yyjson_mut_doc *result;
	yyjson_mut_val *root;
	struct err err = { 0 };

	if (cel_check_object_names(value, &err) < 0)
		return fail(ret_why, m->arena, "type mismatch: ", err.msg);
	root = cel_to_json(made, value, &err);
	if (!root)
		return fail(ret_why, m->arena, "invalid return type: ", err.msg);
	json_set_str(made, root, "apiVersion", json_mut_get_str(live, "apiVersion"));
	json_set_str(made, root, "kind", json_mut_get_str(live, "kind"));
	config = json_freeze(root);
	typed_walk_init(&walk, m->arena, &err);
	if (typed_check(&walk, typed_root(kind->schema), yyjson_doc_get_root(config)) < 0)
		return fail(
			ret_why, m->arena,
			"error applying patch: failed to convert patch object to typed object: ",
			err.msg);
	if (check_atomics(m, kind, yyjson_doc_get_root(config), ret_why) < 0)
		return NULL;
	result = json_new();
	yyjson_mut_doc_set_root(result, typed_merge(&walk, typed_root(kind->schema), result,
						    yyjson_doc_get_root(before),
						    yyjson_doc_get_root(config)));
	return result;
}

/* The patch that an expression made: empty members are left out, as upstream does. */
static yyjson_doc *patch_of(yyjson_mut_val *list)
{
	JSON_MUT_EACH (operation, list)
		if (!json_mut_get_str(operation, "from").len)
			(void)json_remove(operation, STR("from")); /* the doc owns it */
	return json_freeze(list);
}

static yyjson_mut_doc *patch_value(struct mutating *m, yyjson_mut_val *live, struct cel_value value,
				   struct str *ret_why)
{
	AUTO_JSON_MUT made = json_new();
	AUTO_JSON patch = NULL;
	AUTO_JSON before = json_freeze(live);
	yyjson_mut_doc *result;
	yyjson_mut_val *list;
	struct err err = { 0 };

	if (cel_check_object_names(value, &err) < 0)
		return fail(ret_why, m->arena, "type mismatch: ", err.msg);
	list = cel_to_json(made, value, &err);
	if (!list)
		return fail(
			ret_why, m->arena,
			"JSONPath valueExpression evaluated to a type that could not marshal to "
			"JSON: ",
			err.msg);
	patch = patch_of(list);
	result = patch_json(yyjson_doc_get_root(before), yyjson_doc_get_root(patch), &err);
	if (result)
		return result;
	if (err.code == ERR_INVALID && str_has_prefix(str_from(err.msg), STR("testing value ")))
		return json_thaw(
			yyjson_doc_get_root(before)); /* a test that fails takes it all back */
	return fail(ret_why, m->arena, "JSON Patch: ", err.msg);
}

/* Without what readers of requests put before it: "X in version "v1" cannot be handled as a X: ". */
static const char *bare_problem(const struct err *err)
{
	static const char handled[] = " cannot be handled as a ";
	const char *begin = strstr(err->msg, handled);

	begin = begin ? strstr(begin, ": ") : NULL;
	return begin ? begin + 2 : err->msg;
}

/* As the write itself is read: canonical, with defaults. What custom objects have too much goes as
 * it always does. NULL: *ret_why. */
static yyjson_mut_doc *read_result(struct mutating *m, const struct kind *kind,
				   yyjson_mut_doc *patched, struct str *ret_why)
{
	struct decode_options options = { .kind = kind,
					  .check = kind->flags & KIND_CUSTOM ? FIELDS_IGNORE
									     : FIELDS_STRICT };
	struct err err = { 0 };
	struct edit edit = { .kind = kind, .arena = m->object->arena, .now_ns = m->object->now_ns };

	edit.doc = object_decode_mut(yyjson_mut_doc_get_root(patched), &options, &err);
	if (!edit.doc)
		return fail(ret_why, m->arena, "", bare_problem(&err));
	edit.root = yyjson_mut_doc_get_root(edit.doc);
	object_default(&edit);
	return edit.doc;
}

/* ---- one policy with one binding and parameter ---- */

/* The object in another version while a policy works on it. */
static int to_version(yyjson_mut_doc *doc, const struct kind *from, const struct kind *to,
		      struct str *ret_why, struct arena *arena)
{
	struct err err = { 0 };

	if (from == to || convert_object(doc, from, to, &err) == 0)
		return 0;
	(void)fail(ret_why, arena, "failed to convert object version: ", err.msg); /* NULL always */
	return -1;
}

static void take(struct mutating *m, yyjson_mut_doc *doc)
{
	if (m->original)
		json_mut_free(*m->object->doc);
	else
		m->original = *m->object->doc;
	*m->object->doc = doc;
	m->request->object = cel_json_mut(yyjson_mut_doc_get_root(doc), &cel_type_dyn);
}

/* *doc: the object as kind has it; replaced. */
static int mutate_once(struct mutating *m, const struct policy_mutation *mutation,
		       struct admission_activation *a, const struct kind *kind,
		       yyjson_mut_doc **doc, struct str *ret_why)
{
	AUTO_JSON_MUT patched = NULL;
	yyjson_mut_doc *read;
	struct cel_value value;

	admission_activation_reset(a);
	a->budget = CEL_BUDGET_MAX;
	a->object = cel_json_mut(yyjson_mut_doc_get_root(*doc), &cel_type_dyn);
	if (!mutation->expression.program) {
		*ret_why = mutation->expression.problem;
		return -1;
	}
	if (admission_evaluate(&mutation->expression, a, &value, ret_why) != ADMISSION_VALUE)
		return -1;
	patched = mutation->is_json_patch
			  ? patch_value(m, yyjson_mut_doc_get_root(*doc), value, ret_why)
			  : apply_value(m, kind, yyjson_mut_doc_get_root(*doc), value, ret_why);
	if (!patched)
		return -1;
	read = read_result(m, kind, patched, ret_why);
	if (!read && mutation->is_json_patch)
		m->broken = *ret_why;
	if (!read)
		return -1;
	json_mut_free(*doc);
	*doc = read;
	return 0;
}

static void run_mutations(struct mutating *m, struct invocation *i,
			  struct admission_activation *a)
{
	const struct kind *own = m->object->kind,
			  *kind = admission_is_converted(m->request, i->matched) ? i->matched : own;
	yyjson_mut_doc *doc = json_mut_thaw(root_of(m));
	struct str why;
	bool changed;

	if (to_version(doc, own, kind, &why, m->arena) < 0) {
		add_unusable(m, i->policy, NULL, why);
		json_mut_free(doc);
		return;
	}
	m->last_run = i;
	for (size_t j = 0; j < i->policy->mutation_count && !m->broken.len; j++)
		if (mutate_once(m, &i->policy->mutations[j], a, kind, &doc, &why) == 0)
			i->has_mutated = true;
		else
			add_problem(m, i->policy, i->binding, why, true);
	if (to_version(doc, kind, own, &why, m->arena) < 0) {
		add_problem(m, i->policy, i->binding, why, true);
		json_mut_free(doc);
		return;
	}
	if (m->authorizer.is_waiting) {
		json_mut_free(doc);
		return;
	}
	changed = !json_mut_equal(yyjson_mut_doc_get_root(doc), root_of(m));
	take(m, doc);
	if (changed)
		ask_them_again(m);
}

static void invoke(struct mutating *m, struct invocation *i)
{
	struct admission_activation a;
	struct str key = key_of(m, i), why;

	admission_activation_init(&a, i->policy->set, m->request);
	a.matched = i->matched;
	a.write_left = &m->left;
	a.authorizer = &m->authorizer.cel;
	if (i->param)
		a.params = cel_json(obj_get(i->param)->root, &cel_type_dyn);
	switch (admission_conditions_decide(i->policy->conditions, &a, &why)) {
	case ADMISSION_FAILED:
		add_problem(m, i->policy, i->binding, why, true);
		break;
	case ADMISSION_SKIPPED:
		break;
	case ADMISSION_MATCHED:
		if (!is_to_be_asked(m, key))
			break;
		if (m->request->object.kind != CEL_NULL)
			run_mutations(m, i, &a);
		if (i->policy->may_be_asked_again)
			remember_asked(m, key);
		break;
	}
	admission_activation_deinit(&a);
}

/* ---- all of them ---- */

static int refuse(struct mutating *m)
{
	const struct admission_request *r = m->request;
	struct refusal *refusal = m->answer->refusal;
	struct str first = STR_NONE;

	if (refusal->code)
		return -1;
	if (m->broken.len)
		return refusal_internal(refusal, STR_FMT, STR_ARG(m->broken));
	for (const struct problem *p = m->problems; p; p = p->next) {
		struct str message =
			p->binding
				? str_printf_in(m->arena,
						"policy '" STR_FMT "' with binding '" STR_FMT
						"' denied request: " STR_FMT,
						STR_ARG(p->policy->obj->name),
						STR_ARG(p->binding->obj->name), STR_ARG(p->message))
				: str_printf_in(m->arena,
						"policy \"" STR_FMT "\" denied request: " STR_FMT,
						STR_ARG(p->policy->obj->name), STR_ARG(p->message));

		if (!first.len)
			first = message;
		refusal_add_cause(refusal, (struct refusal_cause){ .message = message });
	}
	refusal_set(refusal, 403, m->problems->is_invalid ? "Invalid" : "Forbidden", STR_FMT,
		    STR_ARG(first));
	return refusal_about(refusal, (struct subject){ r->kind->group, r->kind->plural, r->name });
}

/* Whoever could do something is asked once more if he wants to, as upstream has it: also when
 * nothing came of it, and after himself. */
static bool has_mutated(const struct mutating *m)
{
	for (const struct invocation *i = m->invocations; m->last_run && i; i = i->next)
		if (i->has_mutated && i->matched == m->last_run->matched)
			return true;
	return false;
}

/* As if nobody had been asked. */
static void take_back(struct mutating *m, const struct policy_rounds *rounds)
{
	yyjson_mut_doc *original = m->original;

	if (original) {
		take(m, original);
		m->original = NULL; /* it is the object again */
	}
	*m->rounds = *rounds;
}

enum outcome policies_mutate(struct policies *policies, struct admission_request *request,
			     struct policy_object *object, struct policy_rounds *rounds,
			     const struct policy_answer *answer)
{
	const struct policy_family *f = policy_family_fresh(&policies->mutating);
	struct policy_rounds before = *rounds; /* its lists are never changed, but replaced */
	struct mutating m = { .policies = policies,
			      .request = request,
			      .object = object,
			      .rounds = rounds,
			      .answer = answer,
			      .arena = answer->refusal->arena,
			      .left = POLICY_WRITE_COST_MAX };

	if (admission_is_configuration(request->kind))
		return OUTCOME_DONE;
	m.last_invocation = &m.invocations;
	m.last_problem = &m.problems;
	admission_authorizer_init(&m.authorizer, policies->registry, request->user, request->wait);
	for (size_t i = 0; i < f->policy_count; i++)
		collect_policy(&m, f->policies[i]);
	if (m.invocations && rounds->is_second && *object->doc && !is_as_left(&m))
		ask_them_again(&m);
	for (struct invocation *i = m.invocations; i; i = i->next) {
		if (!m.authorizer.is_waiting && !m.broken.len)
			invoke(&m, i);
		blob_unref(i->param);
	}
	if (has_mutated(&m))
		ask_them_again(&m);
	if (m.authorizer.is_waiting) {
		take_back(&m, &before);
		return OUTCOME_WAITING;
	}
	json_mut_free(m.original);
	if (m.invocations && *object->doc) {
		blob_unref(rounds->output);
		rounds->output = json_mut_to_blob(root_of(&m));
	}
	return m.problems || m.broken.len ? outcome_of(refuse(&m)) : OUTCOME_DONE;
}
