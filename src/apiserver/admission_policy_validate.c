/* SPDX-License-Identifier: Apache-2.0 */
/* ValidatingAdmissionPolicies asked about one write: what they deny, warn about and note. */
#include "apiserver/admission_policy_internal.h"

#include "api/convert.h"
#include "apiserver/limits.h"
#include "apiserver/registry.h"
#include "cel/rules.h"

/* What is denied first is what the client is told. */
struct denial {
	bool is_made;
	const struct policy *policy;
	const struct policy_binding *binding; /* NULL: the policy itself cannot be used */
	struct str message, reason;
};

/* Values of several bindings and parameters, each once. */
struct annotation_value {
	struct str value;
	struct annotation_value *next;
};

struct asking {
	struct policies *policies;
	const struct admission_request *request;
	const struct policy_answer *answer;
	struct arena *arena; /* of what is told */
	struct admission_authorizer authorizer;
	uint64_t left; /* of what all of it may cost */
	struct denial denial;
	/* of the policy being asked */
	const struct policy *policy;
	const struct kind *matched;
	yyjson_mut_doc *object, *old_object;   /* as matched has them; NULL: as they are */
	struct annotation_value **annotations; /* for each of its annotations */
};

static void deny(struct asking *q, const struct policy_binding *binding, struct str message,
		 struct str reason)
{
	if (q->denial.is_made)
		return;
	q->denial = (struct denial){ true, q->policy, binding, str_in(q->arena, message), reason };
}

/* What cannot be asked denies, unless failurePolicy is Ignore. */
static void deny_unusable(struct asking *q, const struct policy_binding *binding, struct str why)
{
	if (q->policy->fails_open)
		return;
	deny(q, binding,
	     str_printf_in(q->arena, "failed to configure %s: " STR_FMT,
			   binding ? "binding" : "policy", STR_ARG(why)),
	     STR_NONE);
}

/* ---- what comes of decisions ---- */

static void note_failure(struct asking *q, const struct policy_binding *binding, size_t index,
			 struct str message)
{
	AUTO_JSON_MUT doc = json_new();
	AUTO_BUF text = { 0 };
	yyjson_mut_val *list = yyjson_mut_arr(doc), *failure;

	if (!annotations_are_kept(q->answer->annotations))
		return;
	failure = json_append_object(doc, list);
	json_set_str(doc, failure, "message", message);
	json_set_str(doc, failure, "policy", q->policy->obj->name);
	json_set_str(doc, failure, "binding", binding->obj->name);
	json_set_int(doc, failure, "expressionIndex", (int64_t)index);
	json_set(doc, failure, "validationActions",
		 json_copy_at(doc, binding->obj->root, "spec.validationActions"));
	buf_init(&text, ANNOTATION_BYTES_MAX);
	json_mut_write(list, &text);
	annotations_add(q->answer->annotations,
			STR("validation.policy.admission.k8s.io/validation_failure"),
			buf_str(&text));
}

/* The validation of that index, or all of them, says no. */
static void decide_no(struct asking *q, const struct policy_binding *binding, size_t index,
		      struct str message, struct str reason)
{
	if (binding->actions & POLICY_DENIES)
		deny(q, binding, message, reason);
	if (binding->actions & POLICY_AUDITS)
		note_failure(q, binding, index, message);
	if (binding->actions & POLICY_WARNS)
		notices_add(q->answer->notices,
			    "Validation failed for ValidatingAdmissionPolicy '" STR_FMT
			    "' with binding '" STR_FMT "': " STR_FMT,
			    STR_ARG(q->policy->obj->name), STR_ARG(binding->obj->name),
			    STR_ARG(message));
}

static void decide_error(struct asking *q, const struct policy_binding *binding, size_t index,
			 struct str why)
{
	if (!q->policy->fails_open)
		decide_no(q, binding, index, why, STR_NONE);
}

/* ---- one binding with one parameter ---- */

/* One line of bounded length, or nothing. */
static struct str usable_message(struct cel_value value)
{
	struct str text = value.kind == CEL_STRING ? str_trim(cel_str(value)) : STR_NONE;

	return text.len > CEL_MESSAGE_BYTES_MAX || str_find_char(text, '\n', 0) != SIZE_MAX
		       ? STR_NONE
		       : text;
}

/* False: *ret_message is why the message cannot be told. */
static bool compose_message(const struct policy_validation *v, struct admission_activation *a,
			    struct str *ret_message)
{
	struct cel_value value;
	struct str why;

	*ret_message = STR_NONE;
	if (v->has_message_expression) {
		enum admission_outcome outcome = admission_evaluate(&v->message_expression, a,
								    &value, &why);

		if (outcome == ADMISSION_OUT_OF_BUDGET) {
			*ret_message = str_printf_in(
				&a->scratch, "failed messageExpression: " STR_FMT, STR_ARG(why));
			return false;
		}
		if (outcome == ADMISSION_VALUE)
			*ret_message = usable_message(value);
	}
	if (!ret_message->len)
		*ret_message = v->message;
	if (!ret_message->len)
		*ret_message = str_printf_in(&a->scratch, "failed expression: " STR_FMT,
					     STR_ARG(str_trim(v->expression.text)));
	return true;
}

static void ask_validations(struct asking *q, const struct policy_binding *binding,
			    struct admission_activation *a)
{
	for (size_t i = 0; i < q->policy->validation_count; i++) {
		const struct policy_validation *v = &q->policy->validations[i];
		struct cel_value value;
		struct str message;

		switch (admission_evaluate(&v->expression, a, &value, &message)) {
		case ADMISSION_OUT_OF_BUDGET:
			decide_error(q, binding, i, message);
			return;
		case ADMISSION_ERROR:
			decide_error(q, binding, i, message);
			break;
		case ADMISSION_VALUE:
			if (value.kind == CEL_BOOL && value.boolean)
				break;
			if (compose_message(v, a, &message))
				decide_no(q, binding, i, message,
					  v->reason.len ? v->reason : STR("Invalid"));
			else
				decide_error(q, binding, i, message);
			break;
		}
	}
}

static void add_annotation(struct asking *q, size_t index, struct str value)
{
	struct annotation_value **to = &q->annotations[index];

	value = str_slice(value, 0, POLICY_ANNOTATION_BYTES_MAX);
	while (*to && !str_eq((*to)->value, value))
		to = &(*to)->next;
	if (*to)
		return;
	*to = ARENA_NEW(q->arena, struct annotation_value);
	(*to)->value = str_in(q->arena, value);
}

static void ask_annotations(struct asking *q, const struct policy_binding *binding,
			    struct admission_activation *a)
{
	a->budget = CEL_BUDGET_MAX;
	for (size_t i = 0; i < q->policy->annotation_count; i++) {
		struct cel_value value;
		struct str why;

		if (admission_evaluate(&q->policy->annotations[i].value, a, &value, &why) !=
		    ADMISSION_VALUE) {
			if (!q->policy->fails_open)
				deny(q, binding, why, STR_NONE);
		} else if (value.kind == CEL_STRING && str_trim(cel_str(value)).len) {
			add_annotation(q, i, str_trim(cel_str(value)));
		}
	}
}

static void ask_once(struct asking *q, const struct policy_binding *binding,
		     struct admission_activation *a)
{
	struct str why;

	a->budget = CEL_BUDGET_MAX;
	switch (admission_conditions_decide(q->policy->conditions, a, &why)) {
	case ADMISSION_SKIPPED:
		return;
	case ADMISSION_FAILED:
		decide_error(q, binding, 0, why);
		return;
	case ADMISSION_MATCHED:
		break;
	}
	ask_validations(q, binding, a);
	ask_annotations(q, binding, a);
}

static void set_objects(struct asking *q, struct admission_activation *a)
{
	a->matched = q->matched;
	a->write_left = &q->left;
	a->authorizer = &q->authorizer.cel;
	if (q->object)
		a->object = cel_json_mut(yyjson_mut_doc_get_root(q->object), &cel_type_dyn);
	if (q->old_object)
		a->old_object = cel_json_mut(yyjson_mut_doc_get_root(q->old_object), &cel_type_dyn);
}

static void ask_binding(struct asking *q, const struct policy_binding *binding)
{
	struct admission_activation a;
	struct policy_params params;
	struct str why;

	if (policy_params_collect(q->policies, q->policy, binding, q->request, q->arena, &params,
				  &why) < 0) {
		deny_unusable(q, binding, why);
		return;
	}
	admission_activation_init(&a, q->policy->set, q->request);
	set_objects(q, &a);
	if (params.is_none)
		ask_once(q, binding, &a);
	for (size_t i = 0; i < params.count; i++) {
		admission_activation_reset(&a);
		a.params = cel_json(obj_get(params.blobs[i])->root, &cel_type_dyn);
		ask_once(q, binding, &a);
	}
	admission_activation_deinit(&a);
	policy_params_deinit(&params);
}

/* ---- one policy ---- */

static int convert_value(struct cel_value value, const struct kind *from, const struct kind *to,
			 yyjson_mut_doc **ret, struct err *err)
{
	if (value.kind == CEL_NULL)
		return 0;
	*ret = value.form == CEL_FORM_JSON ? json_thaw((yyjson_val *)(uintptr_t)value.json)
					   : json_mut_thaw((yyjson_mut_val *)(uintptr_t)value.json);
	return convert_object(*ret, from, to, err);
}

static int convert_objects(struct asking *q, struct err *err)
{
	const struct admission_request *r = q->request;

	if (!admission_is_converted(r, q->matched))
		return 0;
	return convert_value(r->object, r->kind, q->matched, &q->object, err) < 0 ||
			       convert_value(r->old_object, r->kind, q->matched, &q->old_object,
					     err) < 0
		       ? -1
		       : 0;
}

static void publish_annotations(struct asking *q)
{
	if (!annotations_are_kept(q->answer->annotations))
		return;
	for (size_t i = 0; i < q->policy->annotation_count; i++) {
		AUTO_BUF values = { 0 };

		buf_init(&values, ANNOTATION_BYTES_MAX);
		for (struct annotation_value *v = q->annotations[i]; v; v = v->next)
			buf_printf(&values, "%s" STR_FMT, values.len ? ", " : "",
				   STR_ARG(v->value));
		if (values.len && !buf_failed(&values))
			annotations_add(q->answer->annotations,
					str_printf_in(q->arena, STR_FMT "/" STR_FMT,
						      STR_ARG(q->policy->obj->name),
						      STR_ARG(q->policy->annotations[i].key)),
					buf_str(&values));
	}
}

static void ask_bindings(struct asking *q)
{
	q->annotations = arena_array(q->arena, q->policy->annotation_count + 1,
				     sizeof(q->annotations[0]));
	for (size_t i = 0; i < q->policy->binding_count; i++) {
		const struct policy_binding *binding = q->policy->bindings[i];
		struct str why;
		int matches = policy_binding_match(binding, q->request, q->arena, &why);

		if (matches < 0)
			deny_unusable(q, binding, why);
		else if (matches)
			ask_binding(q, binding);
	}
	publish_annotations(q);
}

static void ask_policy(struct asking *q, const struct policy *policy)
{
	struct err err = { 0 };
	struct str why;
	int matches;

	if (!policy->binding_count)
		return;
	q->policy = policy;
	matches = policy_match(q->policies, policy, q->request, q->arena, &q->matched, &why);
	if (!matches)
		return;
	if (matches < 0)
		deny_unusable(q, NULL, why);
	else if (convert_objects(q, &err) < 0)
		deny_unusable(
			q, NULL,
			str_printf_in(q->arena, "failed to convert object version: %s", err.msg));
	else
		ask_bindings(q);
	json_mut_free(q->object);
	json_mut_free(q->old_object);
	q->object = q->old_object = NULL;
}

/* ---- all of them ---- */

static int refuse(struct asking *q)
{
	static const struct {
		const char *reason;
		int code;
	} codes[] = { { "Forbidden", 403 },
		      { "Unauthorized", 401 },
		      { "RequestEntityTooLarge", 413 },
		      { "Invalid", 422 } };
	const struct denial *d = &q->denial;
	const struct admission_request *r = q->request;
	struct subject about = { r->kind->group, r->kind->plural, r->name };
	struct str reason = d->reason.len ? d->reason : STR("Invalid"), message;
	struct refusal *refusal = q->answer->refusal;

	if (refusal->code)
		return -1;
	if (d->binding)
		message = str_printf_in(q->arena,
					"ValidatingAdmissionPolicy '" STR_FMT
					"' with binding '" STR_FMT "' denied request: " STR_FMT,
					STR_ARG(d->policy->obj->name),
					STR_ARG(d->binding->obj->name), STR_ARG(d->message));
	else
		message = str_printf_in(q->arena,
					"ValidatingAdmissionPolicy '" STR_FMT
					"' denied request: " STR_FMT,
					STR_ARG(d->policy->obj->name), STR_ARG(d->message));
	refusal_add_cause(refusal, (struct refusal_cause){ .message = message });
	(void)refusal_forbidden(refusal, about, STR_FMT, STR_ARG(message)); /* -1 always */
	refusal->reason = reason;
	refusal->code = 422;
	for (size_t i = 0; i < ARRAY_COUNT(codes); i++)
		if (str_eq_c(reason, codes[i].reason))
			refusal->code = codes[i].code;
	return -1;
}

enum outcome policies_validate(struct policies *policies, const struct admission_request *request,
			       const struct policy_answer *answer)
{
	const struct policy_family *f = policy_family_fresh(&policies->validating);
	struct notices notices = *answer->notices;
	struct annotations annotations = *answer->annotations;
	struct asking q = { .policies = policies,
			    .request = request,
			    .answer = answer,
			    .arena = answer->refusal->arena,
			    .left = POLICY_WRITE_COST_MAX };

	if (admission_is_configuration(request->kind))
		return OUTCOME_DONE;
	admission_authorizer_init(&q.authorizer, policies->registry, request->user, request->wait);
	for (size_t i = 0; i < f->policy_count && !q.authorizer.is_waiting; i++)
		ask_policy(&q, f->policies[i]);
	if (!q.authorizer.is_waiting)
		return q.denial.is_made ? outcome_of(refuse(&q)) : OUTCOME_DONE;
	*answer->notices = notices; /* what they say is said when they are asked again */
	*answer->annotations = annotations;
	return OUTCOME_WAITING;
}
