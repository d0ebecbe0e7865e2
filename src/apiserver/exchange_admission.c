/* SPDX-License-Identifier: Apache-2.0 */
/* Admission of what is asked for but never stored. */
#include "apiserver/exchange_admission.h"

#include "api/object.h"
#include "apiserver/admission_policy.h"
#include "apiserver/limits.h"
#include "base/mem.h"
#include "loop/env.h"

static int take(struct webhook_run *run, yyjson_mut_doc *object, bool *ret_changed)
{
	struct exchange_admission *a = run->owner;
	struct decode_options options = { .kind = a->kind, .check = FIELDS_IGNORE };
	struct err err = { 0 };

	if (a->kind) {
		yyjson_mut_doc *decoded = object_decode_mut(yyjson_mut_doc_get_root(object),
							    &options, &err);

		json_mut_free(object);
		if (!decoded)
			return refusal_internal(run->refusal, "%s", err.msg);
		object = decoded;
	}
	*ret_changed = !json_mut_equal(yyjson_mut_doc_get_root(object),
				       yyjson_mut_doc_get_root(a->doc));
	json_mut_free(a->doc);
	a->doc = run->object = object;
	a->is_mutated |= *ret_changed;
	return 0;
}

static enum outcome nothing_again(struct webhook_run *run, struct review_wait *question)
{
	(void)run; /* the server's own plug-ins change none of this */
	(void)question;
	return OUTCOME_DONE;
}

static yyjson_mut_doc *make_options(struct webhook_run *run)
{
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);

	json_set_str(doc, root, "kind", STR("CreateOptions"));
	json_set_str(doc, root, "apiVersion", STR("meta.k8s.io/v1"));
	if (run->request.dry_run)
		json_append_str(doc, json_set_array(doc, root, "dryRun"), STR("All"));
	return doc;
}

static void release(struct exchange_admission *a)
{
	json_mut_free(a->doc);
	a->doc = NULL;
}

static void on_closed(void *arg, struct http_exchange *x)
{
	struct exchange_admission *a = arg;

	webhook_run_cancel(&a->run);
	review_wait_cancel(&a->asked);
	release(a);
	exchange_count(a->e, 499);
	http_abort(x);
}

static const struct http_exchange_events events = { .on_closed = on_closed };

static struct policy_answer answer_of(struct exchange_admission *a)
{
	return (struct policy_answer){ .refusal = &a->e->refusal,
				       .notices = &a->notices,
				       .annotations = &a->annotations };
}

/* --- stages: WAITING: a->asked is told, or the run is over --- */

static void want_answers(struct exchange_admission *a)
{
	/* no more when answers are forgotten before they are used */
	a->run.request.wait = a->questions < OPERATION_QUESTIONS_MAX ? &a->asked : NULL;
	a->run.request.object = cel_json_mut(yyjson_mut_doc_get_root(a->doc), &cel_type_dyn);
}

static enum outcome mutate_by_policies(struct exchange_admission *a)
{
	struct policies *policies = a->run.registry->policies;
	struct policy_answer answer = answer_of(a);
	struct policy_rounds rounds = { 0 };
	struct policy_object object = {
		.kind = a->kind,
		.doc = &a->doc,
		.arena = a->e->arena,
		.now_ns = env_wall_ns(a->e->server->env),
	};
	enum outcome outcome;

	if (!a->kind || !policies_mutate_any(policies))
		return OUTCOME_DONE;
	want_answers(a);
	outcome = policies_mutate(policies, &a->run.request, &object, &rounds, &answer);
	policy_rounds_deinit(&rounds); /* there is but one */
	a->run.object = a->doc;
	if (outcome == OUTCOME_WAITING)
		a->questions++;
	return outcome;
}

static enum outcome validate_by_policies(struct exchange_admission *a)
{
	struct policies *policies = a->run.registry->policies;
	struct policy_answer answer = answer_of(a);
	enum outcome outcome;

	if (!policies_validate_any(policies))
		return OUTCOME_DONE;
	want_answers(a);
	outcome = policies_validate(policies, &a->run.request, &answer);
	if (outcome == OUTCOME_WAITING)
		a->questions++;
	return outcome;
}

static enum outcome mutate_by_webhooks(struct exchange_admission *a)
{
	return webhook_run_mutate(&a->run);
}

static enum outcome validate_by_webhooks(struct exchange_admission *a)
{
	return webhook_run_validate(&a->run);
}

static enum outcome (*const stages[])(struct exchange_admission *a) = {
	mutate_by_policies, mutate_by_webhooks, validate_by_policies, validate_by_webhooks
};

/* From a->stage on. */
static int go_on(struct exchange_admission *a)
{
	struct exchange *e = a->e;

	for (; a->stage < ARRAY_COUNT(stages) && !e->refusal.code; a->stage++) {
		enum outcome outcome = stages[a->stage](a);

		if (outcome == OUTCOME_WAITING) {
			http_set_events(e->x, &events, a);
			return 0;
		}
		if (outcome == OUTCOME_REFUSED)
			break;
	}
	audit_annotate(e, &a->annotations);
	if (a->stage == ARRAY_COUNT(stages) && !e->refusal.code)
		return a->next(a, TAKE(a->doc));
	release(a);
	return -1;
}

static void resume(struct exchange_admission *a)
{
	struct exchange *e = a->e;

	http_set_events(e->x, NULL, NULL);
	if (go_on(a) < 0)
		exchange_refuse(e);
}

/* All webhooks of a stage have answered. */
static void on_done(struct webhook_run *run)
{
	struct exchange_admission *a = run->owner;

	a->stage++;
	resume(a);
}

/* What a policy asked is known: it is asked again. */
static void on_told(struct review_wait *wait)
{
	resume(CONTAINER_OF(wait, struct exchange_admission, asked));
}

bool exchange_admission_any(const struct exchange *e)
{
	const struct registry *registry = &e->server->registry;

	return hooks_get(registry->hooks, HOOKS_MUTATING) ||
	       hooks_get(registry->hooks, HOOKS_VALIDATING) ||
	       policies_validate_any(registry->policies) || policies_mutate_any(registry->policies);
}

int exchange_admit(struct exchange_admission *a)
{
	struct exchange *e = a->e;

	review_wait_init(&a->asked, on_told);
	notices_init(&a->notices, e->arena);
	e->warnings = &a->notices;
	audit_want_annotations(e, &a->annotations, e->arena);
	a->run = (struct webhook_run){
		.registry = &e->server->registry,
		.arena = e->arena,
		.request = a->request,
		.object = a->doc,
		.refusal = &e->refusal,
		.notices = &a->notices,
		.annotations = &a->annotations,
		.deadline_ns = e->deadline_ns,
		.take = take,
		.again = nothing_again,
		.make_options = a->kind ? make_options : NULL,
		.done = on_done,
		.owner = a,
	};
	return go_on(a);
}
