/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PodSecurity: pods are held to the standard that their namespace enforces; of what it only warns
 * about, the client is told, for pods and for what makes pods. A namespace whose standard rises
 * tells which of its pods would not be let in any more.
 */
#include "apiserver/admission.h"

#include <stdlib.h>
#include "api/pod_security.h"
#include "apiserver/admission_state.h"
#include "apiserver/limits.h"
#include "apiserver/registry.h"

/* Kinds that make pods, and where their template is. */
static const struct {
	const struct kind *kind;
	const char *template_path;
} makers[] = {
	{ &kind_podtemplate, "template" },     { &kind_replicationcontroller, "spec.template" },
	{ &kind_replicaset, "spec.template" }, { &kind_deployment, "spec.template" },
	{ &kind_daemonset, "spec.template" },  { &kind_statefulset, "spec.template" },
	{ &kind_job, "spec.template" },	       { &kind_cronjob, "spec.jobTemplate.spec.template" },
};

static yyjson_val *template_of(const struct kind *kind, yyjson_val *object)
{
	for (size_t i = 0; i < ARRAY_COUNT(makers); i++)
		if (makers[i].kind == kind)
			return json_get(object, makers[i].template_path);
	return NULL;
}

static bool makes_pods(const struct kind *kind)
{
	for (size_t i = 0; i < ARRAY_COUNT(makers); i++)
		if (makers[i].kind == kind)
			return true;
	return false;
}

/* --- who is let be --- */

static bool is_among(const struct str_list *list, struct str value)
{
	for (size_t i = 0; i < list->count; i++)
		if (str_eq(list->items[i], value))
			return true;
	return false;
}

static const struct admission_settings *settings_of(const struct operation *op)
{
	return op->registry->admission->settings;
}

static bool exempt(struct operation *op, const char *by)
{
	annotations_add(&op->annotations, STR("pod-security.kubernetes.io/exempt"), str_from(by));
	return true;
}

static bool is_exempt(struct operation *op)
{
	if (is_among(&settings_of(op)->exempt_namespaces, op->namespace_))
		return exempt(op, "namespace");
	return is_among(&settings_of(op)->exempt_users, op->user) && exempt(op, "user");
}

static bool is_class_exempt(struct operation *op, yyjson_val *pod)
{
	struct str name = json_get_str(pod, "spec.runtimeClassName");

	return name.len && is_among(&settings_of(op)->exempt_runtime_classes, name) &&
	       exempt(op, "runtimeClass");
}

/* --- pods and what makes them --- */

static void warn(struct operation *op, const struct pod_security_standard *standard,
		 yyjson_val *pod)
{
	struct pod_security_findings findings;

	pod_security_check(standard, pod, op->arena, &findings);
	if (findings.details.len)
		notices_add(&op->notices, "would violate PodSecurity \"" STR_FMT "\": " STR_FMT,
			    STR_ARG(pod_security_text(standard, op->arena)),
			    STR_ARG(findings.details));
}

static void note_violations(struct operation *op, const struct pod_security_standard *standard,
			    yyjson_val *pod)
{
	struct pod_security_findings findings;

	if (!annotations_are_kept(&op->annotations))
		return;
	pod_security_check(standard, pod, op->arena, &findings);
	if (findings.details.len)
		annotations_printf(
			&op->annotations, STR("pod-security.kubernetes.io/audit-violations"),
			"would violate PodSecurity \"" STR_FMT "\": " STR_FMT,
			STR_ARG(pod_security_text(standard, op->arena)), STR_ARG(findings.details));
}

static void note_enforced(struct operation *op, const struct pod_security_standard *standard)
{
	if (annotations_are_kept(&op->annotations))
		annotations_add(&op->annotations, STR("pod-security.kubernetes.io/enforce-policy"),
				pod_security_text(standard, op->arena));
}

static bool is_privileged(const struct pod_security_policy *policy, enum pod_security_mode mode)
{
	return policy->modes[mode].level == POD_SECURITY_PRIVILEGED;
}

static bool is_fully_privileged(const struct pod_security_policy *policy)
{
	return is_privileged(policy, POD_SECURITY_ENFORCE) &&
	       is_privileged(policy, POD_SECURITY_AUDIT) &&
	       is_privileged(policy, POD_SECURITY_WARN);
}

static int check_pod(struct operation *op, const struct pod_security_policy *policy,
		     yyjson_val *pod)
{
	const struct pod_security_standard *enforced = &policy->modes[POD_SECURITY_ENFORCE];
	struct pod_security_findings findings;

	note_violations(op, &policy->modes[POD_SECURITY_AUDIT], pod);
	pod_security_check(enforced, pod, op->arena, &findings);
	if (findings.details.len)
		return refusal_forbidden(&op->refusal, operation_subject(op),
					 "violates PodSecurity \"" STR_FMT "\": " STR_FMT,
					 STR_ARG(pod_security_text(enforced, op->arena)),
					 STR_ARG(findings.details));
	warn(op, &policy->modes[POD_SECURITY_WARN], pod);
	return 0;
}

static bool policy_of(struct operation *op, struct pod_security_policy *ret)
{
	const struct obj *ns = registry_get_pending(op->registry, &kind_namespace, STR_NONE,
						    op->namespace_);

	if (!ns)
		return false;
	pod_security_read(json_get(ns->root, "metadata.labels"),
			  &settings_of(op)->security_defaults, ret, NULL);
	return true;
}

static int pod_validate(struct operation *op)
{
	struct pod_security_policy policy;
	AUTO_JSON object = NULL;

	/* others of its sub-resources cannot change what is looked at */
	if (op->subresource.len && !str_eq_c(op->subresource, "ephemeralcontainers"))
		return 0;
	if (is_exempt(op) || !policy_of(op, &policy))
		return 0;
	note_enforced(op, &policy.modes[POD_SECURITY_ENFORCE]);
	if (is_fully_privileged(&policy))
		return 0;
	object = json_freeze(op->edit.root);
	if (op->edit.old && !pod_security_is_concerned(op->edit.old, yyjson_doc_get_root(object)))
		return 0;
	if (is_class_exempt(op, yyjson_doc_get_root(object)))
		return 0;
	return check_pod(op, &policy, yyjson_doc_get_root(object));
}

static int maker_validate(struct operation *op)
{
	struct pod_security_policy policy;
	AUTO_JSON object = NULL;
	yyjson_val *template;

	if (op->subresource.len || is_exempt(op) || !policy_of(op, &policy) ||
	    is_fully_privileged(&policy))
		return 0;
	object = json_freeze(op->edit.root);
	template = template_of(op->kind, yyjson_doc_get_root(object));
	if (!template || is_class_exempt(op, template))
		return 0;
	note_violations(op, &policy.modes[POD_SECURITY_AUDIT], template);
	warn(op, &policy.modes[POD_SECURITY_WARN], template);
	return 0;
}

/* --- namespaces --- */

struct violation {
	struct str reasons, pod; /* the first pod by name */
	size_t count;
};

struct survey {
	struct operation *op;
	const struct pod_security_standard *standard;
	struct violation *violations;
	size_t count, pods;
};

static bool survey_pod(void *arg, const struct obj *pod)
{
	struct survey *s = arg;
	struct pod_security_findings findings;
	size_t i = 0;

	if (s->pods++ >= SECURITY_SURVEY_PODS_MAX)
		return true; /* counted only */
	pod_security_check(s->standard, pod->root, s->op->arena, &findings);
	if (!findings.reasons.len)
		return true;
	while (i < s->count && !str_eq(s->violations[i].reasons, findings.reasons))
		i++;
	if (i == SECURITY_SURVEY_REASONS_MAX)
		return true;
	if (i == s->count)
		s->violations[s->count++] = (struct violation){
			.reasons = findings.reasons, .pod = str_in(s->op->arena, pod->name)
		};
	s->violations[i].count++; /* pods come in the order of their names */
	return true;
}

static int compare(const void *a, const void *b)
{
	return str_cmp(((const struct violation *)a)->pod, ((const struct violation *)b)->pod);
}

static void survey(struct operation *op, const struct pod_security_standard *standard)
{
	struct survey s = { .op = op, .standard = standard };

	s.violations = arena_array(op->arena, SECURITY_SURVEY_REASONS_MAX, sizeof(s.violations[0]));
	registry_each(op->registry, &kind_pod, op->name, survey_pod, &s);
	if (s.pods > SECURITY_SURVEY_PODS_MAX)
		notices_add(
			&op->notices,
			"new PodSecurity enforce level only checked against the first %d of %zu "
			"existing pods",
			SECURITY_SURVEY_PODS_MAX, s.pods);
	if (!s.count)
		return;
	notices_add(&op->notices,
		    "existing pods in namespace \"" STR_FMT
		    "\" violate the new PodSecurity enforce level \"" STR_FMT "\"",
		    STR_ARG(op->name), STR_ARG(pod_security_text(standard, op->arena)));
	qsort(s.violations, s.count, sizeof(s.violations[0]), compare);
	for (size_t i = 0; i < s.count; i++) {
		const struct violation *v = &s.violations[i];

		if (v->count == 1)
			notices_add(&op->notices, STR_FMT ": " STR_FMT, STR_ARG(v->pod),
				    STR_ARG(v->reasons));
		else
			notices_add(&op->notices, STR_FMT " (and %zu other %s): " STR_FMT,
				    STR_ARG(v->pod), v->count - 1, v->count == 2 ? "pod" : "pods",
				    STR_ARG(v->reasons));
	}
}

/* Labels of a namespace that is let be. */
static void warn_exempt(struct operation *op, const struct pod_security_policy *policy)
{
	static const char *const modes[] = { "enforce", "audit", "warn" };
	const struct pod_security_policy *defaults = &settings_of(op)->security_defaults;
	AUTO_BUF text = { 0 };

	if (is_fully_privileged(policy) || !memcmp(policy, defaults, sizeof(*policy)))
		return;
	buf_init(&text, 1024);
	for (int mode = 0; mode < POD_SECURITY_MODE_COUNT; mode++)
		if (!is_privileged(policy, (enum pod_security_mode)mode))
			buf_printf(&text, "%s%s=" STR_FMT, text.len ? ", " : "", modes[mode],
				   STR_ARG(pod_security_text(&policy->modes[mode], op->arena)));
	notices_add(&op->notices,
		    "namespace \"" STR_FMT
		    "\" is exempt from Pod Security, and the policy (" STR_FMT ") will be ignored",
		    STR_ARG(op->name), STR_ARG(buf_str(&text)));
}

static int namespace_validate(struct operation *op)
{
	struct pod_security_policy before = { 0 }, after;
	const struct pod_security_standard *old = &before.modes[POD_SECURITY_ENFORCE], *now;
	struct field_errors errors;
	AUTO_JSON object = NULL;
	yyjson_val *labels;

	if (op->subresource.len)
		return 0;
	object = json_freeze(op->edit.root);
	labels = json_get(yyjson_doc_get_root(object), "metadata.labels");
	if (op->edit.old && json_equal(labels, json_get(op->edit.old, "metadata.labels")))
		return 0;
	field_errors_init(&errors, op->arena);
	pod_security_read(labels, &settings_of(op)->security_defaults, &after, &errors);
	if (errors.count)
		return operation_take_fields(op, &errors, operation_kind_subject(op));
	if (is_among(&settings_of(op)->exempt_namespaces, op->name)) {
		warn_exempt(op, &after);
		return 0;
	}
	if (!op->edit.old)
		return 0;
	pod_security_read(json_get(op->edit.old, "metadata.labels"),
			  &settings_of(op)->security_defaults, &before, NULL);
	now = &after.modes[POD_SECURITY_ENFORCE];
	if (now->level == POD_SECURITY_PRIVILEGED ||
	    (now->minor == old->minor && now->level <= old->level))
		return 0;
	survey(op, now);
	return 0;
}

int pod_security_validate(struct operation *op)
{
	if (op->kind == &kind_pod)
		return pod_validate(op);
	if (op->kind == &kind_namespace)
		return namespace_validate(op);
	return makes_pods(op->kind) ? maker_validate(op) : 0;
}
