/* SPDX-License-Identifier: Apache-2.0 */
/* Admission policies and bindings as they are stored, compiled; and their parameters. */
#include "apiserver/admission_policy_internal.h"

#include "api/selector.h"
#include "apiserver/admission.h"
#include "apiserver/registry.h"
#include "base/log.h"
#include "base/mem.h"

/* ---- compiling ---- */

static const struct admission_filter *compile_filter(struct arena *arena, yyjson_val *resources,
						     struct str *ret_problem)
{
	struct admission_criteria criteria = {
		.rules = json_get(resources, "resourceRules"),
		.exclude_rules = json_get(resources, "excludeResourceRules"),
		.namespace_selector = json_get(resources, "namespaceSelector"),
		.object_selector = json_get(resources, "objectSelector"),
		.match_policy = json_get_str(resources, "matchPolicy"),
		.no_rules_match_all = true,
	};
	struct err err = { 0 };
	const struct admission_filter *filter = admission_filter_new(arena, &criteria, &err);

	if (!filter)
		*ret_problem = str_in(arena, str_from(err.msg));
	return filter;
}

static void compile_validations(struct policy *p, yyjson_val *spec)
{
	p->validations = arena_array(&p->arena, json_get_count(spec, "validations") + 1,
				     sizeof(p->validations[0]));
	JSON_EACH (from, json_get(spec, "validations")) {
		struct policy_validation *v = &p->validations[p->validation_count++];
		struct str message = json_get_str(from, "messageExpression");

		v->message = str_trim(json_get_str(from, "message"));
		v->reason = json_get_str(from, "reason");
		v->has_message_expression = message.len > 0;
		admission_compile(p->set, json_get_str(from, "expression"), &admission_result_bool,
				  &v->expression);
		if (message.len)
			admission_compile(p->set, message, &admission_result_message,
					  &v->message_expression);
	}
	p->annotations = arena_array(&p->arena, json_get_count(spec, "auditAnnotations") + 1,
				     sizeof(p->annotations[0]));
	JSON_EACH (from, json_get(spec, "auditAnnotations")) {
		struct policy_annotation *a = &p->annotations[p->annotation_count++];

		a->key = json_get_str(from, "key");
		admission_compile(p->set, json_get_str(from, "valueExpression"),
				  &admission_result_annotation, &a->value);
	}
}

static void compile_mutations(struct policy *p, yyjson_val *spec)
{
	p->mutations = arena_array(&p->arena, json_get_count(spec, "mutations") + 1,
				   sizeof(p->mutations[0]));
	JSON_EACH (from, json_get(spec, "mutations")) {
		struct policy_mutation *m = &p->mutations[p->mutation_count++];

		m->is_json_patch = str_eq_c(json_get_str(from, "patchType"), "JSONPatch");
		admission_compile(
			p->set,
			json_get_str(from, m->is_json_patch ? "jsonPatch.expression"
							    : "applyConfiguration.expression"),
			m->is_json_patch ? &admission_result_patch : &admission_result_object,
			&m->expression);
	}
}

static struct policy *policy_new(const struct obj *obj, bool mutates)
{
	struct policy *p = NEW(struct policy);
	yyjson_val *spec = json_get(obj->root, "spec");
	unsigned features = ADMISSION_HAS_VARIABLES;

	p->obj = obj_ref(obj);
	arena_init(&p->arena, ARENA_DEFAULT_MAX);
	p->param_kind = json_get(spec, "paramKind");
	p->fails_open = str_eq_c(json_get_str(spec, "failurePolicy"), "Ignore");
	p->may_be_asked_again = str_eq_c(json_get_str(spec, "reinvocationPolicy"), "IfNeeded");
	if (p->param_kind)
		features |= ADMISSION_HAS_PARAMS;
	if (mutates)
		features |= ADMISSION_MUTATES;
	p->set = admission_set_new(&p->arena, features, NULL);
	admission_set_add_variables(p->set, json_get(spec, "variables"));
	if (json_get(spec, "matchConstraints"))
		p->filter = compile_filter(&p->arena, json_get(spec, "matchConstraints"),
					   &p->problem);
	else
		p->problem = STR("policy contained no match constraints, a required field");
	p->conditions = admission_conditions_new(p->set, json_get(spec, "matchConditions"),
						 p->fails_open);
	compile_validations(p, spec);
	compile_mutations(p, spec);
	return p;
}

static void policy_free(struct policy *p)
{
	mem_free(p->bindings);
	arena_deinit(&p->arena);
	obj_unref(p->obj);
	mem_free(p);
}

static struct policy_binding *binding_new(const struct obj *obj)
{
	static const struct {
		const char *name;
		enum policy_action action;
	} actions[] = { { "Deny", POLICY_DENIES },
			{ "Warn", POLICY_WARNS },
			{ "Audit", POLICY_AUDITS } };
	struct policy_binding *b = NEW(struct policy_binding);
	yyjson_val *spec = json_get(obj->root, "spec");

	b->obj = obj_ref(obj);
	arena_init(&b->arena, ARENA_DEFAULT_MAX);
	if (json_get(spec, "matchResources"))
		b->filter = compile_filter(&b->arena, json_get(spec, "matchResources"),
					   &b->problem);
	JSON_EACH (name, json_get(spec, "validationActions"))
		for (size_t i = 0; i < ARRAY_COUNT(actions); i++)
			if (str_eq_c(json_str(name), actions[i].name))
				b->actions |= actions[i].action;
	return b;
}

static void binding_free(struct policy_binding *b)
{
	arena_deinit(&b->arena);
	obj_unref(b->obj);
	mem_free(b);
}

/* ---- the index ---- */

struct rebuild {
	struct policy_family *family;
	struct policy **policies; /* as they were; NULL where one was taken over */
	size_t policy_count;
	struct policy_binding **bindings;
	size_t binding_count;
	size_t room;
};

static void *make_room(void *items, size_t count, size_t *room, size_t size_bytes)
{
	if (count < *room)
		return items;
	*room = *room ? *room * 2 : 8;
	return mem_realloc(items, *room * size_bytes);
}

static bool take_policy(void *arg, const struct obj *obj)
{
	struct rebuild *r = arg;
	struct policy_family *f = r->family;
	struct policy *found = NULL;

	f->policies = make_room(f->policies, f->policy_count, &r->room, sizeof(f->policies[0]));
	for (size_t i = 0; i < r->policy_count && !found; i++)
		if (r->policies[i] && r->policies[i]->obj == obj) {
			found = r->policies[i];
			r->policies[i] = NULL;
		}
	if (!found)
		found = policy_new(obj, f == &f->owner->mutating);
	f->policies[f->policy_count++] = found;
	found->binding_count = 0;
	return true;
}

static bool take_binding(void *arg, const struct obj *obj)
{
	struct rebuild *r = arg;
	struct policy_family *f = r->family;
	struct policy_binding *found = NULL;

	f->bindings = make_room(f->bindings, f->binding_count, &r->room, sizeof(f->bindings[0]));
	for (size_t i = 0; i < r->binding_count && !found; i++)
		if (r->bindings[i] && r->bindings[i]->obj == obj) {
			found = r->bindings[i];
			r->bindings[i] = NULL;
		}
	f->bindings[f->binding_count++] = found ? found : binding_new(obj);
	return true;
}

static void drop(struct policy **policies, size_t policy_count, struct policy_binding **bindings,
		 size_t binding_count)
{
	for (size_t i = 0; i < policy_count; i++)
		if (policies[i])
			policy_free(policies[i]);
	for (size_t i = 0; i < binding_count; i++)
		if (bindings[i])
			binding_free(bindings[i]);
	mem_free(policies);
	mem_free(bindings);
}

/* A binding whose policy is not there binds nothing. */
static void bind_policies(struct policy_family *f)
{
	for (size_t i = 0; i < f->policy_count; i++) {
		struct policy *p = f->policies[i];

		p->bindings = mem_realloc(p->bindings,
					  (f->binding_count + 1) * sizeof(p->bindings[0]));
		for (size_t j = 0; j < f->binding_count; j++)
			if (str_eq(json_get_str(f->bindings[j]->obj->root, "spec.policyName"),
				   p->obj->name))
				p->bindings[p->binding_count++] = f->bindings[j];
	}
}

const struct policy_family *policy_family_fresh(struct policy_family *f)
{
	struct registry *registry = f->owner->registry;
	struct rebuild r = { .family = f,
			     .policies = f->policies,
			     .policy_count = f->policy_count,
			     .bindings = f->bindings,
			     .binding_count = f->binding_count };

	if (!f->is_stale)
		return f;
	f->policies = NULL;
	f->bindings = NULL;
	f->policy_count = f->binding_count = 0;
	registry_each(registry, f->policy_kind, STR_NONE, take_policy, &r);
	r.room = 0;
	registry_each(registry, f->binding_kind, STR_NONE, take_binding, &r);
	drop(r.policies, r.policy_count, r.bindings, r.binding_count);
	bind_policies(f);
	f->is_stale = false;
	return f;
}

static void on_policy(struct store_watcher *watcher, const struct store_event *event)
{
	CONTAINER_OF(watcher, struct policy_family, policy_watcher)->is_stale = true;
}

static void on_binding(struct store_watcher *watcher, const struct store_event *event)
{
	CONTAINER_OF(watcher, struct policy_family, binding_watcher)->is_stale = true;
}

static void on_end(struct store_watcher *watcher, struct err *err)
{
	/* never paused, so only the store's own end can end it */
	if (err->code != ERR_CLOSED)
		log_error("apiserver", "watch of admission policies ended: %s", err->msg);
}

static void follow(struct registry *registry, const struct kind *kind,
		   struct store_watcher *watcher)
{
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	store_watch(registry->store, watcher, registry_prefix(&arena, kind), false,
		    store_revision(registry->store));
}

static void family_init(struct policies *owner, struct policy_family *f,
			const struct kind *policy_kind, const struct kind *binding_kind)
{
	*f = (struct policy_family){
		.owner = owner,
		.policy_kind = policy_kind,
		.binding_kind = binding_kind,
		.policy_watcher = { .event = on_policy, .end = on_end },
		.binding_watcher = { .event = on_binding, .end = on_end },
		.is_stale = true,
	};
	follow(owner->registry, policy_kind, &f->policy_watcher);
	follow(owner->registry, binding_kind, &f->binding_watcher);
}

struct policies *policies_new(struct registry *registry)
{
	struct policies *policies = NEW(struct policies);

	policies->registry = registry;
	family_init(policies, &policies->validating, &kind_validatingadmissionpolicy,
		    &kind_validatingadmissionpolicybinding);
	family_init(policies, &policies->mutating, &kind_mutatingadmissionpolicy,
		    &kind_mutatingadmissionpolicybinding);
	policies->validating.is_off = !admission_is_on(registry, PLUGIN_VALIDATING_POLICY);
	policies->mutating.is_off = !admission_is_on(registry, PLUGIN_MUTATING_POLICY);
	return policies;
}

void policies_free(struct policies *policies)
{
	if (!policies)
		return;
	drop(policies->validating.policies, policies->validating.policy_count,
	     policies->validating.bindings, policies->validating.binding_count);
	drop(policies->mutating.policies, policies->mutating.policy_count,
	     policies->mutating.bindings, policies->mutating.binding_count);
	mem_free(policies);
}

static bool has_any(struct policy_family *family)
{
	const struct policy_family *f = policy_family_fresh(family);

	return !f->is_off && f->policy_count && f->binding_count;
}

bool policies_validate_any(struct policies *policies)
{
	return policies && has_any(&policies->validating);
}

bool policies_mutate_any(struct policies *policies)
{
	return policies && has_any(&policies->mutating);
}

/* ---- parameters ---- */

struct param_search {
	const struct kind *kind;
	struct selector selector;
	struct arena *arena;
	struct policy_params *found;
	size_t room;
	bool too_many;
};

static void take_param(struct param_search *s, const struct obj *obj)
{
	struct blob *shown = registry_present(s->kind, obj->blob, NULL);

	if (!shown)
		return;
	if (s->found->count == s->room) {
		size_t room = s->room ? 2 * s->room : 4;
		struct blob **more = arena_array(s->arena, room, sizeof(*more));

		for (size_t i = 0; i < s->found->count; i++)
			more[i] = s->found->blobs[i];
		s->found->blobs = more;
		s->room = room;
	}
	s->found->blobs[s->found->count++] = shown;
}

static bool take_selected(void *arg, const struct obj *obj)
{
	struct param_search *s = arg;

	if (!selector_matches(&s->selector, obj->labels))
		return true;
	s->too_many = s->found->count == POLICY_PARAMS_MAX;
	if (!s->too_many)
		take_param(s, obj);
	return !s->too_many;
}

void policy_params_deinit(struct policy_params *params)
{
	for (size_t i = 0; i < params->count; i++)
		blob_unref(params->blobs[i]);
	*params = (struct policy_params){ 0 };
}

static int search_params(struct policies *policies, struct param_search *s, yyjson_val *ref,
			 struct str namespace_, struct str *ret_problem)
{
	struct str name = json_get_str(ref, "name");
	const struct obj *obj;
	struct err err = { 0 };

	if (name.len) {
		obj = registry_get(policies->registry, s->kind, namespace_, name);
		if (obj)
			take_param(s, obj);
		return 0;
	}
	if (selector_from_object(json_get(ref, "selector"), s->arena, &s->selector, &err) < 0) {
		*ret_problem = str_in(s->arena, str_from(err.msg));
		return -1;
	}
	registry_each(policies->registry, s->kind, namespace_, take_selected, s);
	if (!s->too_many)
		return 0;
	policy_params_deinit(s->found);
	*ret_problem = str_printf_in(s->arena, "paramRef.selector selects more than %u params",
				     POLICY_PARAMS_MAX);
	return -1;
}

/* NULL: there is no such kind (any more). */
static const struct kind *param_kind(struct policies *policies, const struct policy *policy)
{
	struct str group, version;

	if (!str_cut(json_get_str(policy->param_kind, "apiVersion"), '/', &group, &version)) {
		version = group;
		group = STR_NONE;
	}
	return kind_set_find_name(&policies->registry->kinds, group, version,
				  json_get_str(policy->param_kind, "kind"));
}

static int refuse_params(struct str *ret_problem, struct str problem)
{
	*ret_problem = problem;
	return -1;
}

int policy_params_collect(struct policies *policies, const struct policy *policy,
			  const struct policy_binding *binding,
			  const struct admission_request *request, struct arena *arena,
			  struct policy_params *ret, struct str *ret_problem)
{
	yyjson_val *ref = json_get(binding->obj->root, "spec.paramRef");
	struct str where = json_get_str(ref, "namespace");
	struct param_search s = { .arena = arena, .found = ret };

	*ret = (struct policy_params){ .is_none = !policy->param_kind || !ref };
	if (ret->is_none)
		return 0;
	s.kind = param_kind(policies, policy);
	if (!kind_is_namespaced(s.kind) && where.len)
		return refuse_params(ret_problem,
				     STR("paramRef.namespace must not be provided for a "
					 "cluster-scoped `paramKind`"));
	if (kind_is_namespaced(s.kind) && !where.len)
		where = request->namespace_;
	if (kind_is_namespaced(s.kind) && !where.len)
		return refuse_params(ret_problem,
				     STR("cannot use namespaced paramRef in policy binding that "
					 "matches cluster-scoped resources"));
	if (search_params(policies, &s, ref, where, ret_problem) < 0)
		return -1;
	if (!ret->count && str_eq_c(json_get_str(ref, "parameterNotFoundAction"), "Deny"))
		return refuse_params(ret_problem, STR("no params found for policy binding with "
						      "`Deny` parameterNotFoundAction"));
	return 0;
}

/* ---- matching ---- */

int policy_match(struct policies *policies, const struct policy *policy,
		 const struct admission_request *request, struct arena *arena,
		 const struct kind **ret_kind, struct str *ret_problem)
{
	struct err err = { 0 };
	int matches;

	if (!policy->filter) {
		*ret_problem = policy->problem;
		return -1;
	}
	matches = admission_filter_match(policy->filter, request, ret_kind, &err);
	if (matches < 0)
		*ret_problem = str_in(arena, str_from(err.msg));
	if (matches <= 0 || !policy->param_kind || param_kind(policies, policy))
		return matches;
	*ret_problem = str_printf_in(arena,
				     "failed to find resource referenced by paramKind: '" STR_FMT
				     ", Kind=" STR_FMT "'",
				     STR_ARG(json_get_str(policy->param_kind, "apiVersion")),
				     STR_ARG(json_get_str(policy->param_kind, "kind")));
	return -1;
}

int policy_binding_match(const struct policy_binding *binding,
			 const struct admission_request *request, struct arena *arena,
			 struct str *ret_problem)
{
	const struct kind *kind;
	struct err err = { 0 };
	int matches = 1;

	if (binding->problem.len) {
		*ret_problem = binding->problem;
		return -1;
	}
	if (binding->filter)
		matches = admission_filter_match(binding->filter, request, &kind, &err);
	if (matches < 0)
		*ret_problem = str_in(arena, str_from(err.msg));
	return matches;
}
