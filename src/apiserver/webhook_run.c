/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order in which webhooks are asked, and what comes of their answers. Follows upstream's
 * dispatchers: which failures failurePolicy forgives, what counts as a change, who is asked again.
 */
#include "apiserver/webhook_run.h"

#include "api/convert.h"
#include "api/object.h"
#include "apiserver/admission_review.h"
#include "apiserver/conversion.h"
#include "apiserver/limits.h"
#include "apiserver/registry.h"
#include "apiserver/webhook_notes.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/patch.h"
#include "loop/env.h"

enum hook_state {
	HOOK_WAS_ASKED = 1 << 0, /* and may be again */
	HOOK_ASK_AGAIN = 1 << 1,
};

#define CONCERNS_LATER 2

/* One question on its way. */
struct webhook_call_slot {
	struct webhook_run *run;
	const struct hook *hook;
	const struct kind *matched;
	struct webhook_call *call;
	yyjson_mut_doc *object, *old_object; /* as matched has them; owned; NULL: the run's are */
	struct conversion *conversion;	     /* to that, and of what mutation made of it */
	struct review_answer answer;	     /* while that is converted back */
	struct buf body;
	char uid[ENV_UUID_BYTES];
	bool is_mutating;
	struct refusal refusal;
	struct webhook_note note;
	void (*over)(struct webhook_call_slot *slot, int understood); /* < 0: refused */
};

/* --- whether a webhook is asked --- */

static void see_objects(struct webhook_run *run)
{
	yyjson_mut_val *object = run->object ? yyjson_mut_doc_get_root(run->object) : NULL;

	run->request.object = object ? cel_json_mut(object, &cel_type_dyn) : cel_null();
	run->request.old_object = run->old_object ? cel_json(run->old_object, &cel_type_dyn)
						  : cel_null();
}

static void ensure_options(struct webhook_run *run)
{
	if (run->request.options || !run->make_options)
		return;
	run->options = run->make_options(run);
	run->request.options = yyjson_mut_doc_get_root(run->options);
}

static int refuse_condition(struct webhook_run *run, struct str why)
{
	return refusal_forbidden(run->refusal,
				 (struct subject){ run->request.kind->group,
						   run->request.kind->plural, run->request.name },
				 STR_FMT, STR_ARG(why));
}

/* No more when answers are forgotten before they are used. */
static struct review_wait *question_of(struct webhook_run *run)
{
	return run->questions < OPERATION_QUESTIONS_MAX ? &run->asked : NULL;
}

/* 1: it is asked, with objects as *ret_matched has them; CONCERNS_LATER: run->asked is told. */
static int concerns(struct webhook_run *run, const struct hook *hook,
		    const struct kind **ret_matched)
{
	struct admission_authorizer authorizer;
	struct admission_activation activation;
	enum admission_verdict verdict;
	struct str why = STR_NONE;
	struct err err = { 0 };
	int matches = hook->filter ? admission_filter_match(hook->filter, &run->request,
							    ret_matched, &err)
				   : 0;

	if (matches < 0)
		return refusal_not_found(run->refusal, (struct subject){ STR(""), STR("namespaces"),
									 run->request.namespace_ });
	if (!matches)
		return 0;
	ensure_options(run);
	admission_authorizer_init(&authorizer, run->registry, run->request.user, question_of(run));
	admission_activation_init(&activation, hook->expressions, &run->request);
	activation.matched = *ret_matched;
	activation.authorizer = &authorizer.cel;
	verdict = admission_conditions_decide(hook->conditions, &activation, &why);
	if (verdict == ADMISSION_FAILED && !authorizer.is_waiting)
		(void)refuse_condition(run, why); /* told below */
	admission_activation_deinit(&activation);
	if (authorizer.is_waiting) {
		run->questions++;
		return CONCERNS_LATER;
	}
	return verdict == ADMISSION_FAILED ? -1 : verdict == ADMISSION_MATCHED;
}

/* --- asking --- */

static void release_slot(struct webhook_call_slot *slot)
{
	json_mut_free(slot->object);
	json_mut_free(slot->old_object);
	conversion_free(slot->conversion);
	review_answer_deinit(&slot->answer);
	buf_deinit(&slot->body);
	slot->object = slot->old_object = NULL;
	slot->conversion = NULL;
	slot->call = NULL;
}

static void release(struct webhook_run *run)
{
	for (size_t i = 0; i < run->slot_count; i++) {
		webhook_call_cancel(run->slots[i].call);
		release_slot(&run->slots[i]);
	}
	run->slot_count = 0;
	review_wait_cancel(&run->asked);
	json_mut_free(run->options);
	if (run->options)
		run->request.options = NULL;
	run->options = NULL;
	hook_set_unref(run->set);
	run->set = NULL;
}

/* The call failed, which the webhook's failurePolicy may forgive. */
static int fail_call(struct webhook_call_slot *slot, const char *why)
{
	const struct hook *hook = slot->hook;

	slot->note.has_failed = true;
	if (hook->fails_open) {
		log_warn("apiserver", "failed calling webhook, failing open " STR_FMT ": %s",
			 STR_ARG(hook->name), why);
		return 0;
	}
	return refusal_internal(&slot->refusal, "failed calling webhook \"" STR_FMT "\": %s",
				STR_ARG(hook->name), why);
}

static int64_t left_ms(const struct webhook_run *run)
{
	return (run->deadline_ns - env_mono_ns(registry_env(run->registry))) / 1000000;
}

/* The request's own time is over, which no failurePolicy forgives. */
static int refuse_late(struct webhook_call_slot *slot)
{
	return refusal_set(&slot->refusal, 504, "Timeout",
			   "Timeout: request did not complete within requested timeout - context "
			   "deadline exceeded");
}

/* Before anything is asked. */
static void start_note(struct webhook_call_slot *slot, size_t index)
{
	struct webhook_run *run = slot->run;

	slot->note = (struct webhook_note){
		.hook = slot->hook,
		.is_mutating = slot->is_mutating,
		.round = run->round,
		.index = index,
		.status = 503,
		.operation = run->request.operation,
		.duration_ns = env_mono_ns(registry_env(run->registry)),
	};
}

static void end_note(struct webhook_call_slot *slot)
{
	struct webhook_run *run = slot->run;
	struct webhook_note *note = &slot->note;

	note->refusal = &slot->refusal;
	note->duration_ns = env_mono_ns(registry_env(run->registry)) - note->duration_ns;
	webhook_note_over(run->annotations, run->registry->metrics, note);
}

/* Both objects as the webhook's rule wants them, where no other webhook has to be asked for that.
 */
static int convert_objects(struct webhook_call_slot *slot, struct err *err)
{
	struct webhook_run *run = slot->run;
	const struct kind *kind = run->request.kind;

	if (run->object) {
		slot->object = yyjson_mut_doc_mut_copy(run->object, &json_alc);
		if (convert_object(slot->object, kind, slot->matched, err) < 0)
			return -1;
	}
	if (!run->old_object)
		return 0;
	slot->old_object = json_thaw(run->old_object);
	return convert_object(slot->old_object, kind, slot->matched, err);
}

static int write_question(struct webhook_call_slot *slot, struct err *err)
{
	struct webhook_run *run = slot->run;
	AUTO_JSON_MUT old = run->old_object && !slot->old_object ? json_thaw(run->old_object)
								 : NULL;
	yyjson_mut_doc *object = slot->object ? slot->object : run->object;
	struct review_question question = {
		.request = &run->request,
		.matched = slot->matched,
		.uid = str_from(slot->uid),
		.is_beta = slot->hook->is_beta,
		.managed_fields = run->managed_fields,
		.object = object ? yyjson_mut_doc_get_root(object) : NULL,
	};

	if (slot->old_object || old)
		question.old_object = yyjson_mut_doc_get_root(slot->old_object ? slot->old_object
									       : old);
	buf_init(&slot->body, WEBHOOK_QUESTION_BYTES_MAX);
	review_question_write(&question, &slot->body);
	return buf_check(&slot->body, "AdmissionReview", err);
}

static void on_answer(void *arg, const struct webhook_answer *answer, const struct err *err);

/* 1: the question is on its way. */
static int send_question(struct webhook_call_slot *slot)
{
	struct webhook_run *run = slot->run;
	const struct hook *hook = slot->hook;
	int64_t timeout_ms = NUM_MIN(hook->timeout_ms, left_ms(run));
	struct webhook_request request = { .target = &hook->target,
					   .bearer_token = hook->bearer_token,
					   .timeout_ms = timeout_ms };
	struct err err = { 0 };
	char query[32];

	if (timeout_ms <= 0)
		return refuse_late(slot);
	env_uuid(registry_env(run->registry), slot->uid);
	if (write_question(slot, &err) < 0)
		return refusal_internal(&slot->refusal, "%s", err.msg);
	snprintf(query, sizeof(query), "timeout=%llds", (long long)((timeout_ms + 999) / 1000));
	request.query = str_from(query);
	request.body = buf_str(&slot->body);
	slot->call = webhook_client_start(run->registry->webhooks, &request, on_answer, slot);
	return 1;
}

static void on_converted(void *arg, struct conversion *conversion, const struct err *err)
{
	struct webhook_call_slot *slot = arg;
	struct webhook_run *run = slot->run;
	size_t i = 0;
	int sent;

	if (err) {
		slot->over(slot, refusal_internal(&slot->refusal, "%s", err->msg));
		return;
	}
	if (run->object)
		slot->object = json_thaw(obj_get(conversion_result(conversion, i++))->root);
	if (run->old_object)
		slot->old_object = json_thaw(obj_get(conversion_result(conversion, i))->root);
	conversion_free(conversion);
	slot->conversion = NULL;
	sent = send_question(slot);
	if (sent <= 0)
		slot->over(slot, sent);
}

static int start_conversion(struct webhook_call_slot *slot)
{
	struct webhook_run *run = slot->run;
	struct blob *objects[2];
	size_t count = 0;

	if (run->object)
		objects[count++] = json_mut_to_blob(yyjson_mut_doc_get_root(run->object));
	if (run->old_object) {
		AUTO_JSON_MUT old = json_thaw(run->old_object);

		objects[count++] = json_mut_to_blob(yyjson_mut_doc_get_root(old));
	}
	slot->conversion = conversion_start(run->registry, slot->matched, objects, count,
					    on_converted, slot);
	while (count)
		blob_unref(objects[--count]);
	return 1;
}

/* 1: the question is on its way; 0: it cannot be asked, which is forgiven. */
static int ask(struct webhook_call_slot *slot)
{
	struct webhook_run *run = slot->run;
	const struct hook *hook = slot->hook;
	struct err err = { 0 };

	refusal_init(&slot->refusal, run->arena);
	if (run->request.dry_run && !hook->dry_runs)
		return refusal_bad_request(&slot->refusal,
					   "admission webhook \"" STR_FMT
					   "\" does not support dry run",
					   STR_ARG(hook->name));
	if (hook->problem.len)
		return fail_call(slot, str_c_in(run->arena, hook->problem));
	if (!admission_is_converted(&run->request, slot->matched))
		return send_question(slot);
	if (conversion_has_webhook(slot->matched))
		return start_conversion(slot);
	if (convert_objects(slot, &err) < 0)
		return refusal_internal(&slot->refusal, "%s", err.msg);
	return send_question(slot);
}

/* --- answers --- */

static void take_warnings(struct webhook_run *run, const struct review_answer *answer)
{
	JSON_EACH (warning, answer->warnings)
		notices_add(run->notices, STR_FMT, STR_ARG(json_str(warning)));
}

/* 1 with slot->answer; 0: the call failed and that is forgiven; < 0 refused. */
static int read_answer(struct webhook_call_slot *slot, const struct webhook_answer *from,
		       const struct err *failure)
{
	struct review_expectation expected = { str_from(slot->uid), slot->hook->is_beta,
					       slot->is_mutating, slot->run->arena };
	struct err err = { 0 };

	if (failure && left_ms(slot->run) <= 0)
		return refuse_late(slot);
	if (failure)
		err = *failure;
	else if (from->status < 200 || from->status > 299)
		review_word_status(slot->note.status = from->status, from->content_type, from->body,
				   &err);
	if (err.code) {
		(void)err_wrap(&err, "failed to call webhook");
		return fail_call(slot, err.msg);
	}
	if (review_answer_read(from->body, &expected, &slot->answer, &err) < 0)
		return fail_call(slot, err.msg);
	take_warnings(slot->run, &slot->answer);
	webhook_note_answer(slot->run->annotations, &slot->note, &slot->answer);
	if (slot->answer.is_allowed)
		return 1;
	slot->note.is_refusal = true;
	return review_answer_refuse(&slot->answer, slot->hook->name, &slot->refusal);
}

static int mutate(struct webhook_call_slot *slot);

static void on_answer(void *arg, const struct webhook_answer *answer, const struct err *err)
{
	struct webhook_call_slot *slot = arg;
	int understood;

	slot->call = NULL;
	understood = read_answer(slot, answer, err);
	if (understood > 0 && slot->is_mutating)
		understood = mutate(slot);
	if (!slot->conversion)
		slot->over(slot, understood);
}

/* --- mutation --- */

/* The object as the patch leaves it, in the version that was asked about. */
static int apply_patch(struct webhook_call_slot *slot, yyjson_mut_doc **ret)
{
	struct webhook_run *run = slot->run;
	yyjson_mut_doc *sent = slot->object ? slot->object : run->object;
	AUTO_JSON before = NULL;
	struct err err = { 0 };

	if (!sent)
		return refusal_internal(&slot->refusal,
					"admission webhook \"" STR_FMT
					"\" attempted to modify the object, which is not supported "
					"for this operation",
					STR_ARG(slot->hook->name));
	before = json_freeze(yyjson_mut_doc_get_root(sent));
	*ret = patch_json(yyjson_doc_get_root(before), yyjson_doc_get_root(slot->answer.patch),
			  &err);
	return *ret ? 0 : refusal_internal(&slot->refusal, "%s", err.msg);
}

static void ask_others_again(struct webhook_run *run)
{
	for (size_t i = 0; i < run->set->count; i++)
		if (run->states[i] & HOOK_WAS_ASKED)
			run->states[i] = HOOK_ASK_AGAIN;
	run->changed = true;
}

/* Takes over the object, which is as the request has it. */
static int take_object(struct webhook_call_slot *slot, yyjson_mut_doc *object)
{
	struct webhook_run *run = slot->run;
	bool changed = false;

	if (run->take(run, object, &changed) < 0)
		return -1;
	see_objects(run);
	slot->note.has_changed = changed;
	if (changed)
		ask_others_again(run);
	return 1;
}

static void on_converted_back(void *arg, struct conversion *conversion, const struct err *err)
{
	struct webhook_call_slot *slot = arg;
	int understood;

	if (err)
		understood = refusal_internal(&slot->refusal, "%s", err->msg);
	else
		understood = take_object(
			slot, json_thaw(obj_get(conversion_result(conversion, 0))->root));
	slot->over(slot, understood);
}

/* With slot->conversion set: it goes on later. */
static int mutate(struct webhook_call_slot *slot)
{
	struct webhook_run *run = slot->run;
	const struct kind *kind = run->request.kind;
	AUTO_JSON_MUT object = NULL;
	AUTO_BLOB text = NULL;
	struct err err = { 0 };

	if (slot->answer.patch_problem.len)
		return refusal_internal(&slot->refusal, STR_FMT,
					STR_ARG(slot->answer.patch_problem));
	if (!slot->answer.patch)
		return 1;
	if (apply_patch(slot, &object) < 0)
		return -1;
	if (!admission_is_converted(&run->request, slot->matched))
		return take_object(slot, TAKE(object));
	if (!conversion_has_webhook(kind))
		return convert_object(object, slot->matched, kind, &err) < 0
			       ? refusal_internal(&slot->refusal, "%s", err.msg)
			       : take_object(slot, TAKE(object));
	text = json_mut_to_blob(yyjson_mut_doc_get_root(object));
	slot->conversion = conversion_start(run->registry, kind, &text, 1, on_converted_back, slot);
	return 1;
}

static enum outcome go_on_mutating(struct webhook_run *run);

static void mutation_over(struct webhook_call_slot *slot, int understood)
{
	struct webhook_run *run = slot->run;

	end_note(slot);
	if (slot->refusal.code && !run->refusal->code)
		*run->refusal = slot->refusal;
	if (understood >= 0 && slot->hook->reinvocable)
		run->states[run->at] |= HOOK_WAS_ASKED;
	release_slot(slot);
	run->at++;
	if (understood < 0 || go_on_mutating(run) != OUTCOME_WAITING) {
		release(run);
		run->done(run);
	}
}

/* The server's own mutations come again once webhooks changed something, and then those webhooks
 * that want to see what was changed behind them. */
static enum outcome start_second_round(struct webhook_run *run)
{
	AUTO_JSON before = run->object ? json_freeze(yyjson_mut_doc_get_root(run->object)) : NULL;
	enum outcome outcome = run->again(run, question_of(run));

	see_objects(run);
	if (outcome == OUTCOME_WAITING)
		run->questions++;
	if (outcome != OUTCOME_DONE)
		return outcome;
	if (before &&
	    !json_mixed_equal(yyjson_mut_doc_get_root(run->object), yyjson_doc_get_root(before)))
		ask_others_again(run);
	run->round = 1;
	run->at = 0;
	return OUTCOME_DONE;
}

static enum outcome ask_next(struct webhook_run *run)
{
	struct webhook_call_slot *slot = &run->slots[0];

	for (; run->at < run->set->count; run->at++) {
		const struct hook *hook = &run->set->hooks[run->at];
		const struct kind *matched;
		int asked;

		if (run->round && !(run->states[run->at] & HOOK_ASK_AGAIN))
			continue;
		asked = concerns(run, hook, &matched);
		if (asked == CONCERNS_LATER)
			return OUTCOME_WAITING;
		run->states[run->at] = 0;
		if (!asked)
			continue;
		if (asked < 0)
			return OUTCOME_REFUSED;
		*slot = (struct webhook_call_slot){ .run = run,
						    .hook = hook,
						    .matched = matched,
						    .is_mutating = true,
						    .over = mutation_over };
		start_note(slot, run->at);
		asked = ask(slot);
		if (asked > 0)
			return OUTCOME_WAITING;
		end_note(slot);
		release_slot(slot);
		if (asked < 0) {
			*run->refusal = slot->refusal;
			return OUTCOME_REFUSED;
		}
	}
	return OUTCOME_DONE;
}

static enum outcome go_on_mutating(struct webhook_run *run)
{
	enum outcome outcome = ask_next(run);

	if (outcome != OUTCOME_DONE || run->round || !run->changed)
		return outcome;
	outcome = start_second_round(run);
	return outcome == OUTCOME_DONE ? ask_next(run) : outcome;
}

static void on_told_of_mutation(struct review_wait *wait)
{
	struct webhook_run *run = CONTAINER_OF(wait, struct webhook_run, asked);

	if (go_on_mutating(run) == OUTCOME_WAITING)
		return;
	release(run);
	run->done(run);
}

static bool begin(struct webhook_run *run, enum hook_type type)
{
	struct hook_set *set = hooks_get(run->registry->hooks, type);

	if (!set)
		return false;
	run->set = hook_set_ref(set);
	run->at = 0;
	run->round = 0;
	run->changed = false;
	see_objects(run);
	return true;
}

enum outcome webhook_run_mutate(struct webhook_run *run)
{
	enum outcome outcome;

	if (!begin(run, HOOKS_MUTATING))
		return OUTCOME_DONE;
	run->states = arena_alloc(run->arena, run->set->count);
	run->slots = ARENA_NEW(run->arena, struct webhook_call_slot);
	run->slot_count = 1;
	review_wait_init(&run->asked, on_told_of_mutation);
	outcome = go_on_mutating(run);
	if (outcome != OUTCOME_WAITING)
		release(run);
	return outcome;
}

/* --- validation --- */

/* The first that refuses, in their order, is the one the client hears of. */
static void conclude(struct webhook_run *run)
{
	for (size_t i = 0; i < run->slot_count; i++)
		if (run->slots[i].refusal.code) {
			*run->refusal = run->slots[i].refusal;
			break;
		}
	release(run);
}

static void validation_over(struct webhook_call_slot *slot, int understood)
{
	struct webhook_run *run = slot->run;

	(void)understood; /* slot->refusal tells */
	end_note(slot);
	if (--run->pending_count)
		return;
	conclude(run);
	run->done(run);
}

/* From the start: none has been asked yet when an authorizer is waited for. */
static enum outcome start_validating(struct webhook_run *run)
{
	run->slot_count = run->pending_count = 0;
	run->slots = NULL;
	for (size_t i = 0; i < run->set->count; i++) {
		const struct kind *matched;
		int asked = concerns(run, &run->set->hooks[i], &matched);

		if (asked == CONCERNS_LATER) {
			run->slot_count = 0;
			return OUTCOME_WAITING;
		}
		if (asked < 0) {
			release(run);
			return OUTCOME_REFUSED;
		}
		if (!asked)
			continue;
		if (!run->slots)
			run->slots = arena_array(run->arena, run->set->count,
						 sizeof(run->slots[0]));
		run->slots[run->slot_count++] = (struct webhook_call_slot){
			.run = run,
			.hook = &run->set->hooks[i],
			.matched = matched,
			.over = validation_over
		};
	}
	for (size_t i = 0; i < run->slot_count; i++) {
		start_note(&run->slots[i], i);
		if (ask(&run->slots[i]) > 0)
			run->pending_count++;
		else
			end_note(&run->slots[i]);
	}
	if (run->pending_count)
		return OUTCOME_WAITING;
	conclude(run);
	return run->refusal->code ? OUTCOME_REFUSED : OUTCOME_DONE;
}

static void on_told_of_validation(struct review_wait *wait)
{
	struct webhook_run *run = CONTAINER_OF(wait, struct webhook_run, asked);

	if (start_validating(run) != OUTCOME_WAITING)
		run->done(run);
}

enum outcome webhook_run_validate(struct webhook_run *run)
{
	if (!begin(run, HOOKS_VALIDATING))
		return OUTCOME_DONE;
	review_wait_init(&run->asked, on_told_of_validation);
	return start_validating(run);
}

void webhook_run_cancel(struct webhook_run *run)
{
	release(run);
}
