/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tolerations of pods: DefaultTolerationSeconds gives those that keep a pod for a while on a node
 * that fails; PodTolerationRestriction gives a namespace's pods what it, or the cluster, has set,
 * and lets them have no others than are allowed there.
 */
#include "apiserver/admission.h"

#include "api/kinds/pod_spec.h"
#include "apiserver/admission_state.h"
#include "apiserver/registry.h"

#define DEFAULTS STR("scheduler.alpha.kubernetes.io/defaultTolerations")
#define ALLOWED STR("scheduler.alpha.kubernetes.io/tolerationsWhitelist")

static bool is_pod(const struct operation *op)
{
	return op->kind == &kind_pod && !op->subresource.len;
}

/* --- DefaultTolerationSeconds --- */

static bool tolerates(yyjson_mut_val *tolerations, struct str key)
{
	JSON_MUT_EACH (t, tolerations) {
		struct str given = json_mut_get_str(t, "key"),
			   effect = json_mut_get_str(t, "effect");

		if ((str_eq(given, key) || !given.len) &&
		    (!effect.len || str_eq_c(effect, "NoExecute")))
			return true;
	}
	return false;
}

int default_tolerations_admit(struct operation *op)
{
	const struct admission_settings *settings = op->registry->admission->settings;
	const struct {
		struct str key;
		int64_t seconds;
	} given[] = {
		{ STR("node.kubernetes.io/not-ready"), settings->not_ready_seconds },
		{ STR("node.kubernetes.io/unreachable"), settings->unreachable_seconds },
	};
	yyjson_mut_val *spec = json_mut_get(op->edit.root, "spec"), *t;
	bool has[ARRAY_COUNT(given)];

	if (!is_pod(op))
		return 0;
	for (size_t i = 0; i < ARRAY_COUNT(given); i++)
		has[i] = tolerates(json_mut_get(spec, "tolerations"), given[i].key);
	for (size_t i = 0; i < ARRAY_COUNT(given); i++) {
		if (has[i])
			continue;
		t = json_append_object(op->edit.doc,
				       json_ensure_array(op->edit.doc, spec, "tolerations"));
		json_set_str(op->edit.doc, t, "key", given[i].key);
		json_set_str(op->edit.doc, t, "operator", STR("Exists"));
		json_set_str(op->edit.doc, t, "effect", STR("NoExecute"));
		json_set_int(op->edit.doc, t, "tolerationSeconds", given[i].seconds);
	}
	return 0;
}

/* --- PodTolerationRestriction --- */

/* Whether wide tolerates all that narrow does. */
static bool covers(yyjson_mut_val *wide, yyjson_mut_val *narrow)
{
	struct str key = json_mut_get_str(wide, "key"),
		   operator= json_mut_get_str(wide, "operator"),
		   effect = json_mut_get_str(wide, "effect");
	yyjson_mut_val *seconds = json_mut_get(wide, "tolerationSeconds"),
		       *other = json_mut_get(narrow, "tolerationSeconds");
	bool is_any = str_eq_c(operator, "Exists");

	if (json_mut_equal(wide, narrow))
		return true;
	if (!str_eq(key, json_mut_get_str(narrow, "key")) && (key.len || !is_any))
		return false;
	if (effect.len && !str_eq(effect, json_mut_get_str(narrow, "effect")))
		return false;
	if (str_eq_c(effect, "NoExecute") && seconds &&
	    (!other || json_mut_int(other, 0) > json_mut_int(seconds, 0)))
		return false;
	if (is_any)
		return true;
	return (!operator.len || str_eq_c(operator, "Equal")) &&
	       str_eq_c(json_mut_get_str(narrow, "operator"), "Equal") &&
	       str_eq(json_mut_get_str(wide, "value"), json_mut_get_str(narrow, "value"));
}

/* Of equal ones the first stays, of others the wider. */
static bool is_spare(yyjson_mut_val *kept, yyjson_mut_val *all, size_t index)
{
	yyjson_mut_val *one = yyjson_mut_arr_get(all, index), *later;

	JSON_MUT_EACH (t, kept)
		if (covers(t, one))
			return true;
	for (size_t i = index + 1; (later = yyjson_mut_arr_get(all, i)); i++)
		if (!json_mut_equal(one, later) && covers(later, one))
			return true;
	return false;
}

static void merge(struct operation *op, yyjson_mut_val *all)
{
	yyjson_mut_val *kept = yyjson_mut_arr(op->edit.doc);
	size_t count = yyjson_mut_arr_size(all);

	for (size_t i = 0; i < count; i++)
		if (!is_spare(kept, all, i))
			yyjson_mut_arr_append(
				kept, json_mut_copy(op->edit.doc, yyjson_mut_arr_get(all, i)));
	json_set(op->edit.doc, json_mut_get(op->edit.root, "spec"), "tolerations", kept);
}

/* What the namespace says, else the cluster; *ret NULL: neither does. */
static int find_list(struct operation *op, struct str annotation, yyjson_val *otherwise,
		     yyjson_mut_val **ret, const char **ret_whose)
{
	const struct obj *ns = registry_get_pending(op->registry, &kind_namespace, STR_NONE,
						    op->namespace_);
	yyjson_val *value = ns ? json_key(json_get(ns->root, "metadata.annotations"), annotation)
			       : NULL;
	AUTO_JSON doc = NULL;
	struct err err = { 0 };

	*ret = NULL;
	*ret_whose = value ? "namespace" : "cluster";
	if (!value) {
		*ret = otherwise ? json_copy(op->edit.doc, otherwise) : NULL;
		return 0;
	}
	if (!json_str(value).len) {
		*ret = yyjson_mut_arr(op->edit.doc);
		return 0;
	}
	doc = json_parse(json_str(value), SIZE_MAX, &err);
	if (!doc || !yyjson_is_arr(yyjson_doc_get_root(doc)))
		return refusal_set(&op->refusal, 500, "",
				   "annotation " STR_FMT " of the namespace: %s",
				   STR_ARG(annotation), doc ? "it is no list" : err.msg);
	*ret = json_copy(op->edit.doc, yyjson_doc_get_root(doc));
	return 0;
}

static void add_pressure(struct operation *op, yyjson_mut_val *to)
{
	yyjson_mut_val *t = json_append_object(op->edit.doc, to);

	json_set_str(op->edit.doc, t, "key", STR("node.kubernetes.io/memory-pressure"));
	json_set_str(op->edit.doc, t, "operator", STR("Exists"));
	json_set_str(op->edit.doc, t, "effect", STR("NoSchedule"));
}

int toleration_restriction_admit(struct operation *op)
{
	const struct admission_settings *settings = op->registry->admission->settings;
	yyjson_mut_val *spec = json_mut_get(op->edit.root, "spec"), *more = NULL, *all;
	const char *whose;

	if (!is_pod(op))
		return 0;
	if (!op->edit.old &&
	    find_list(op, DEFAULTS, settings->default_tolerations, &more, &whose) < 0)
		return -1;
	if (!more)
		more = yyjson_mut_arr(op->edit.doc);
	if (strcmp(pod_spec_qos(spec), "BestEffort") != 0)
		add_pressure(op, more);
	if (yyjson_mut_arr_size(more)) {
		all = json_ensure_array(op->edit.doc, spec, "tolerations");
		JSON_MUT_EACH (t, more)
			yyjson_mut_arr_append(all, json_mut_copy(op->edit.doc, t));
		merge(op, all);
	}
	return toleration_restriction_validate(op);
}

int toleration_restriction_validate(struct operation *op)
{
	const struct admission_settings *settings = op->registry->admission->settings;
	yyjson_mut_val *list = json_mut_get(op->edit.root, "spec.tolerations"), *allowed;
	const char *whose;

	if (!is_pod(op) || !yyjson_mut_arr_size(list))
		return 0;
	if (find_list(op, ALLOWED, settings->tolerations_allowed, &allowed, &whose) < 0)
		return -1;
	if (!yyjson_mut_arr_size(allowed))
		return 0;
	JSON_MUT_EACH (t, list) {
		bool may = false;

		JSON_MUT_EACH (wide, allowed)
			may |= covers(wide, t);
		if (!may)
			return refusal_set(
				&op->refusal, 500, "",
				"pod tolerations (possibly merged with namespace default "
				"tolerations) conflict with its %s whitelist",
				whose);
	}
	return 0;
}
