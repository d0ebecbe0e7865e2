/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tolerations of pods: DefaultTolerationSeconds gives those that keep a pod for a while on a node
 * that fails; PodTolerationRestriction gives a namespace's pods what it, or the cluster, has set,
 * and lets them have no others than are allowed there.
 */
#include "apiserver/admission.h"

#include "api/kinds/pod_spec.h"
#include "apiserver/admission_state.h"
#include "apiserver/limits.h"
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

struct toleration {
	yyjson_mut_val *value;
	struct str key, operator_, effect, text;
	bool has_seconds;
	int64_t seconds;
};

struct toleration_list {
	struct toleration *items;
	size_t count;
};

/* Each is compared with all others, so there is an end to how many: refuses with that. */
static int read_tolerations(struct operation *op, yyjson_mut_val *list, struct toleration_list *ret)
{
	size_t count = yyjson_mut_arr_size(list);

	if (count > TOLERATIONS_COMPARED_MAX)
		return refusal_set(&op->refusal, 422, "Invalid",
				   "%zu tolerations are more than the %d that are compared", count,
				   TOLERATIONS_COMPARED_MAX);
	*ret = (struct toleration_list){ arena_array(op->arena, count + 1, sizeof(ret->items[0])) };
	JSON_MUT_EACH (t, list) {
		yyjson_mut_val *seconds = json_mut_get(t, "tolerationSeconds");

		ret->items[ret->count++] = (struct toleration){
			.value = t,
			.key = json_mut_get_str(t, "key"),
			.operator_ = json_mut_get_str(t, "operator"),
			.effect = json_mut_get_str(t, "effect"),
			.text = json_mut_get_str(t, "value"),
			.has_seconds = seconds != NULL,
			.seconds = json_mut_int(seconds, 0),
		};
	}
	return 0;
}

static bool is_equal(const struct toleration *a, const struct toleration *b)
{
	return a->has_seconds == b->has_seconds && a->seconds == b->seconds &&
	       str_eq(a->key, b->key) && str_eq(a->operator_, b->operator_) &&
	       str_eq(a->effect, b->effect) && str_eq(a->text, b->text);
}

/* Whether wide tolerates all that narrow does. */
static bool covers(const struct toleration *wide, const struct toleration *narrow)
{
	bool is_any = str_eq_c(wide->operator_, "Exists");

	if (!str_eq(wide->key, narrow->key) && (wide->key.len || !is_any))
		return false;
	if (is_equal(wide, narrow))
		return true;
	if (wide->effect.len && !str_eq(wide->effect, narrow->effect))
		return false;
	if (str_eq_c(wide->effect, "NoExecute") && wide->has_seconds &&
	    (!narrow->has_seconds || narrow->seconds > wide->seconds))
		return false;
	if (is_any)
		return true;
	return (!wide->operator_.len || str_eq_c(wide->operator_, "Equal")) &&
	       str_eq_c(narrow->operator_, "Equal") && str_eq(wide->text, narrow->text);
}

/* Of equal ones the first stays, of others the wider. kept: those before it that stay. */
static bool is_spare(const struct toleration_list *all, const bool *kept, size_t index)
{
	const struct toleration *one = &all->items[index];

	for (size_t i = 0; i < index; i++)
		if (kept[i] && covers(&all->items[i], one))
			return true;
	for (size_t i = index + 1; i < all->count; i++)
		if (covers(&all->items[i], one) && !is_equal(one, &all->items[i]))
			return true;
	return false;
}

static int merge(struct operation *op, yyjson_mut_val *list)
{
	yyjson_mut_val *to = yyjson_mut_arr(op->edit.doc);
	struct toleration_list all;
	bool *kept;

	if (read_tolerations(op, list, &all) < 0)
		return -1;
	kept = arena_array(op->arena, all.count + 1, sizeof(kept[0]));
	for (size_t i = 0; i < all.count; i++) {
		kept[i] = !is_spare(&all, kept, i);
		if (kept[i])
			yyjson_mut_arr_append(to, json_mut_copy(op->edit.doc, all.items[i].value));
	}
	json_set(op->edit.doc, json_mut_get(op->edit.root, "spec"), "tolerations", to);
	return 0;
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
		if (merge(op, all) < 0)
			return -1;
	}
	return toleration_restriction_validate(op);
}

int toleration_restriction_validate(struct operation *op)
{
	const struct admission_settings *settings = op->registry->admission->settings;
	yyjson_mut_val *list = json_mut_get(op->edit.root, "spec.tolerations"), *allowed;
	struct toleration_list given, wide;
	const char *whose;

	if (!is_pod(op) || !yyjson_mut_arr_size(list))
		return 0;
	if (find_list(op, ALLOWED, settings->tolerations_allowed, &allowed, &whose) < 0)
		return -1;
	if (!yyjson_mut_arr_size(allowed))
		return 0;
	if (read_tolerations(op, list, &given) < 0 || read_tolerations(op, allowed, &wide) < 0)
		return -1;
	for (size_t i = 0; i < given.count; i++) {
		bool may = false;

		for (size_t k = 0; k < wide.count && !may; k++)
			may = covers(&wide.items[k], &given.items[i]);
		if (!may)
			return refusal_set(
				&op->refusal, 500, "",
				"pod tolerations (possibly merged with namespace default "
				"tolerations) conflict with its %s whitelist",
				whose);
	}
	return 0;
}
