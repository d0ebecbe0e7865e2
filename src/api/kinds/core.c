/* SPDX-License-Identifier: Apache-2.0 */
/* Namespace, Node, ConfigMap, Secret, ServiceAccount, Event and Lease. */
#include "api/kinds/address.h"
#include "api/kinds/cells.h"
#include "api/kinds/frozen.h"
#include "api/kinds/limits.h"
#include "api/kinds/resource_name.h"
#include "api/rules.h"
#include "api/limits.h"
#include "api/meta.h"
#include "base/time.h"
#include "codec/base64.h"
#include "codec/json_index.h"

static void take_old(struct edit *e, yyjson_mut_val *now, yyjson_val *old, const char *key)
{
	yyjson_val *value = yyjson_obj_get(old, key);

	if (value)
		json_set(e->doc, now, key, json_copy(e->doc, value));
	else
		(void)json_remove(now, str_from(key));
}

/* ---- Namespace ---- */

static void namespace_default(struct edit *e)
{
	struct str name = json_mut_get_str(e->root, "metadata.name");
	yyjson_mut_val *meta = json_ensure_object(e->doc, e->root, "metadata");

	if (name.len)
		json_set_str(e->doc, json_ensure_object(e->doc, meta, "labels"),
			     "kubernetes.io/metadata.name", name);
}

static void namespace_prepare_create(struct edit *e)
{
	yyjson_mut_val *finalizers = json_ensure_array(
		e->doc, json_ensure_object(e->doc, e->root, "spec"), "finalizers");
	bool found = false;

	namespace_default(e); /* the name may have been made up only now */
	JSON_MUT_EACH (finalizer, finalizers)
		found |= str_eq_c(json_mut_str(finalizer), "kubernetes");
	if (!found)
		json_append_str(e->doc, finalizers, STR("kubernetes"));
	json_set_str(e->doc, json_set_object(e->doc, e->root, "status"), "phase", STR("Active"));
}

static void namespace_prepare_update(struct edit *e)
{
	if (!str_eq_c(e->subresource, "finalize"))
		take_old(e, json_ensure_object(e->doc, e->root, "spec"),
			 yyjson_obj_get(e->old, "spec"), "finalizers");
}

static void namespace_validate(struct edit *e, struct field_errors *errors)
{
	size_t i = 0;

	JSON_MUT_EACH (finalizer, json_mut_get(e->root, "spec.finalizers")) {
		const struct field_path *here = FIELD_INDEX(
			FIELD_NAME(FIELD_NAME(NULL, "spec"), "finalizers"), i++);
		struct str name = json_mut_str(finalizer);

		if (name_qualified_problem(name))
			field_invalid_str(errors, here, name, name_qualified_problem(name));
		else if (str_find_char(name, '/', 0) == SIZE_MAX &&
			 !schema_values_have(STR("kubernetes|orphan|foregroundDeletion"), name))
			field_invalid_str(
				errors, here, name,
				"name is neither a standard finalizer name nor is it fully "
				"qualified");
	}
}

static void namespace_validate_status(struct edit *e, struct field_errors *errors)
{
	struct str phase = json_mut_get_str(e->root, "status.phase");
	bool ends = json_get(e->old, "metadata.deletionTimestamp") != NULL;
	const char *only = ends ? "Terminating" : "Active";

	if (!str_eq_c(phase, only))
		field_invalid_str(
			errors, FIELD_NAME(FIELD_NAME(NULL, "status"), "Phase"), phase,
			ends ? "may only be 'Terminating' if `deletionTimestamp` is not empty"
			     : "may only be 'Active' if `deletionTimestamp` is empty");
}

const struct strategy strategy_namespace = {
	.validate = namespace_validate,
	.validate_status_update = namespace_validate_status,
	.default_object = namespace_default,
	.prepare_create = namespace_prepare_create,
	.prepare_update = namespace_prepare_update,
	.name_problem = name_is_label,
};

/* ---- Node ---- */

static void node_default(struct edit *e)
{
	yyjson_mut_val *status = yyjson_mut_obj_get(e->root, "status"),
		       *capacity = yyjson_mut_obj_get(status, "capacity");

	if (capacity && !yyjson_mut_obj_get(status, "allocatable"))
		json_set(e->doc, status, "allocatable", json_mut_copy(e->doc, capacity));
}

/* A taint is told apart by key and effect. Upstream reports them as metadata. */
static void check_taints(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	static const struct rule rules[] = {
		RULE_NEED_ONE_OF("effect", "NoSchedule|PreferNoSchedule|NoExecute"),
		{ 0 },
	};
	AUTO_JSON_INDEX seen = { .slots = NULL };
	size_t i = 0;

	if (!yyjson_mut_arr_size(v))
		return;
	json_index_init(&seen, yyjson_mut_arr_size(v));
	JSON_MUT_EACH (taint, v) {
		const struct field_path *here = FIELD_INDEX(path, i++);
		struct str key = json_mut_get_str(taint, "key"),
			   value = json_mut_get_str(taint, "value"), pair;

		pair = str_printf_in(s->errors->arena, STR_FMT "/" STR_FMT, STR_ARG(key),
				     STR_ARG(json_mut_get_str(taint, "effect")));
		if (name_qualified_problem(key))
			field_invalid_str(s->errors, FIELD_NAME(here, "key"), key,
					  name_qualified_problem(key));
		if (name_label_value_problem(value))
			field_invalid_str(s->errors, FIELD_NAME(here, "value"), value,
					  name_label_value_problem(value));
		rules_check(s, rules, here, taint);
		if (json_index_add(&seen, pair, taint))
			field_duplicate_val(s->errors, here, taint);
	}
}

static void check_ranges(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	static const struct rule no_repeats[] = { RULE_DISTINCT(NULL), { 0 } };
	size_t i = 0, six = 0, count = yyjson_mut_arr_size(v);

	JSON_MUT_EACH (range, v) {
		struct str text = json_mut_str(range);

		six += str_find_char(text, ':', 0) != SIZE_MAX;
		(void)range_check(s, FIELD_INDEX(path, i++), text,
				  s->edit->old ? json_get(s->edit->old, "spec.podCIDRs") : NULL);
	}
	if (count > 2 || (count == 2 && six != 1))
		field_invalid_val(s->errors, path, v,
				  "may specify no more than one CIDR for each IP family");
	rules_check(s, no_repeats, path, v);
}

static void check_amounts(struct edit *e, struct field_errors *errors, const char *list)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "status"), list);

	JSON_MUT_MEMBERS (name, amount, json_mut_get(json_mut_get(e->root, "status"), list))
		if (amount)
			resource_check_value(errors, FIELD_NAME(path, yyjson_mut_get_str(name)),
					     json_mut_str(name), json_mut_str(amount));
}

static void node_validate(struct edit *e, struct field_errors *errors)
{
	struct scope scope = { .edit = e, .errors = errors };

	check_taints(&scope, FIELD_NAME(FIELD_NAME(NULL, "metadata"), "taints"),
		     json_mut_get(e->root, "spec.taints"));
	check_ranges(&scope, FIELD_NAME(FIELD_NAME(NULL, "spec"), "podCIDRs"),
		     json_mut_get(e->root, "spec.podCIDRs"));
	check_amounts(e, errors, "capacity");
	check_amounts(e, errors, "allocatable");
}

static void check_addresses(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "status"), "addresses");
	yyjson_mut_val *addresses = json_mut_get(e->root, "status.addresses");
	AUTO_JSON_INDEX seen = { .slots = NULL };
	size_t i = 0;

	json_index_init(&seen, yyjson_mut_arr_size(addresses));
	JSON_MUT_EACH (address, addresses) {
		struct str type = json_mut_get_str(address, "type"),
			   key = str_printf_in(errors->arena, "%zu:" STR_FMT STR_FMT, type.len,
					       STR_ARG(type),
					       STR_ARG(json_mut_get_str(address, "address")));

		if (json_index_add(&seen, key, address))
			field_duplicate_val(errors, FIELD_INDEX(path, i), address);
		i++;
	}
}

static void node_validate_status(struct edit *e, struct field_errors *errors)
{
	check_amounts(e, errors, "capacity");
	check_amounts(e, errors, "allocatable");
	check_addresses(e, errors);
}

static void node_validate_update(struct edit *e, struct field_errors *errors)
{
	static const char *const free_members[] = { "taints",	    "unschedulable",
						    "configSource", "podCIDR",
						    "podCIDRs",	    "providerID",
						    "externalID",   NULL };
	const struct field_path *path = FIELD_NAME(NULL, "spec");
	struct str old_cidr = json_get_str(e->old, "spec.podCIDR"),
		   old_id = json_get_str(e->old, "spec.providerID");

	if (old_cidr.len && !str_eq(old_cidr, json_mut_get_str(e->root, "spec.podCIDR")))
		field_forbidden(errors, FIELD_NAME(path, "podCIDRs"),
				"node updates may not change podCIDR except from \"\" to valid");
	if (old_id.len && !str_eq(old_id, json_mut_get_str(e->root, "spec.providerID")))
		field_forbidden(errors, FIELD_NAME(path, "providerID"),
				"node updates may not change providerID except from \"\" to valid");
	if (!frozen_is_same_but(yyjson_mut_obj_get(e->root, "spec"), yyjson_obj_get(e->old, "spec"),
				free_members))
		field_forbidden(
			errors, FIELD_ROOT,
			"node updates may only change labels, taints, or capacity (or "
			"configSource, if the DynamicKubeletConfig feature gate is enabled)");
}

static void node_warn(struct edit *e, struct notices *notices)
{
	const struct field_path *ranges = FIELD_NAME(FIELD_NAME(NULL, "spec"), "podCIDRs");
	size_t i = 0;

	JSON_MUT_EACH (range, json_mut_get(e->root, "spec.podCIDRs"))
		range_warn(notices, FIELD_INDEX(ranges, i++), json_mut_str(range));
	if (yyjson_mut_obj_get(yyjson_mut_obj_get(e->root, "spec"), "configSource"))
		notices_add(notices,
			    "spec.configSource: the spec.configSource field is deprecated in "
			    "v1.22, and support is removed in v1.22+");
	if (json_mut_get_str(e->root, "spec.externalID").len)
		notices_add(notices, "spec.externalID: this field is deprecated, and is unused by "
				     "Kubernetes");
}

static bool node_selectable(const struct obj *obj, struct str field, struct str *ret_value)
{
	if (!str_eq_c(field, "spec.unschedulable"))
		return false;
	*ret_value = json_get_bool(obj->root, "spec.unschedulable", false) ? STR("true")
									   : STR("false");
	return true;
}

static const char *const node_judged[] = { "spec.taints", NULL };

const struct strategy strategy_node = {
	.judged = node_judged,
	.default_object = node_default,
	.keeps_status_on_create = true,
	.validate = node_validate,
	.validate_update = node_validate_update,
	.validate_status_update = node_validate_status,
	.warn = node_warn,
	.cells = node_cells,
	.selectable = node_selectable,
};

/* ---- ConfigMap and Secret ---- */

static size_t check_keys(yyjson_mut_val *map, const struct field_path *path,
			 struct field_errors *errors)
{
	size_t sum = 0;

	JSON_MUT_MEMBERS (key, value, map) {
		struct str name = json_mut_str(key);
		const char *problem = name_config_key_problem(name);

		if (problem)
			field_invalid_str(errors, FIELD_KEY(path, name), name, problem);
		sum += json_mut_str(value).len;
	}
	return sum;
}

static void check_frozen(struct edit *e, const char *key, struct field_errors *errors)
{
	if (!json_mixed_equal(yyjson_mut_obj_get(e->root, key), yyjson_obj_get(e->old, key)))
		field_forbidden(errors, FIELD_NAME(NULL, key),
				"field is immutable when `immutable` is set");
}

static void data_validate_update(struct edit *e, struct field_errors *errors)
{
	if (!json_get_bool(e->old, "immutable", false))
		return;
	if (!json_mut_get_bool(e->root, "immutable", false))
		field_forbidden(errors, FIELD_NAME(NULL, "immutable"),
				"field is immutable when `immutable` is set");
	check_frozen(e, "data", errors);
	if (e->kind == &kind_configmap)
		check_frozen(e, "binaryData", errors);
}

static void check_disjoint(yyjson_mut_val *data, yyjson_mut_val *binary,
			   struct field_errors *errors)
{
	AUTO_JSON_INDEX keys = { .slots = NULL };

	if (!yyjson_mut_obj_size(binary))
		return;
	json_index_init(&keys, yyjson_mut_obj_size(binary));
	JSON_MUT_MEMBERS (key, value, binary)
		(void)json_index_add(&keys, json_mut_str(key), value);
	JSON_MUT_MEMBERS (key, value, data)
		if (value && json_index_get(&keys, json_mut_str(key)))
			field_invalid_str(
				errors, FIELD_KEY(FIELD_NAME(NULL, "data"), json_mut_str(key)),
				json_mut_str(key), "duplicate of key present in binaryData");
}

static void configmap_validate(struct edit *e, struct field_errors *errors)
{
	yyjson_mut_val *data = yyjson_mut_obj_get(e->root, "data"),
		       *binary = yyjson_mut_obj_get(e->root, "binaryData");
	size_t sum = check_keys(data, FIELD_NAME(NULL, "data"), errors);

	sum += check_keys(binary, FIELD_NAME(NULL, "binaryData"), errors) / 4 * 3;
	check_disjoint(data, binary, errors);
	if (sum > CONFIG_BYTES_MAX)
		field_too_long(errors, FIELD_ROOT, CONFIG_BYTES_MAX);
}

const struct strategy strategy_configmap = {
	.validate = configmap_validate,
	.validate_update = data_validate_update,
	.cells = configmap_cells,
};

static yyjson_mut_val *encoded_text(yyjson_mut_doc *doc, struct str text)
{
	AUTO_BUF encoded = { 0 };

	buf_init(&encoded, 2 * OBJECT_BYTES_MAX);
	base64_encode(text, &encoded);
	return yyjson_mut_strncpy(doc, encoded.ptr, encoded.len);
}

/* stringData is for writing only: it goes into data. */
static void secret_default(struct edit *e)
{
	yyjson_mut_val *text = json_remove(e->root, STR("stringData")), *data;
	AUTO_JSON_INDEX there = { .slots = NULL };

	if (!yyjson_mut_obj_size(text))
		return;
	data = json_ensure_object(e->doc, e->root, "data");
	json_index_init(&there, yyjson_mut_obj_size(data) + yyjson_mut_obj_size(text));
	JSON_MUT_MEMBERS (key, value, data)
		(void)json_index_add(&there, json_mut_str(key), value);
	JSON_MUT_MEMBERS (key, value, text) {
		yyjson_mut_val *encoded = encoded_text(e->doc, json_mut_str(value)), *old;

		old = json_index_add(&there, json_mut_str(key), encoded);
		if (old)
			(void)yyjson_mut_set_strn(old, yyjson_mut_get_str(encoded),
						  yyjson_mut_get_len(encoded));
		else
			yyjson_mut_obj_add(data, yyjson_mut_val_mut_copy(e->doc, key), encoded);
	}
}

/* What a type of Secret needs. */
static const struct secret_need {
	const char *type, *keys[2];
	bool one_is_enough, is_filled, is_json;
	bool is_said_oddly; /* where it is missing, as upstream */
} secret_needs[] = {
	{ "kubernetes.io/dockercfg", { ".dockercfg" }, .is_json = true },
	{ "kubernetes.io/dockerconfigjson", { ".dockerconfigjson" }, .is_json = true },
	{ "kubernetes.io/basic-auth",
	  { "username", "password" },
	  .one_is_enough = true,
	  .is_said_oddly = true },
	{ "kubernetes.io/ssh-auth",
	  { "ssh-privatekey" },
	  .is_filled = true,
	  .is_said_oddly = true },
	{ "kubernetes.io/tls", { "tls.crt", "tls.key" } },
};

/* NULL: an object, or null. */
static const char *json_object_problem(struct str encoded, struct arena *arena)
{
	AUTO_BUF text = { 0 };
	AUTO_JSON doc = NULL;
	struct str rest;

	buf_init(&text, 2 * CONFIG_BYTES_MAX);
	if (base64_decode(encoded, &text, NULL) < 0)
		return NULL;
	doc = json_parse(buf_str(&text), 2 * CONFIG_BYTES_MAX, NULL);
	if (doc)
		return yyjson_is_obj(yyjson_doc_get_root(doc)) ||
				       yyjson_is_null(yyjson_doc_get_root(doc))
			       ? NULL
			       : "json: cannot unmarshal into Go value of type "
				 "map[string]interface {}";
	rest = str_trim(buf_str(&text));
	if (!rest.len || strchr("{[\"-0123456789tfn", rest.ptr[0]))
		return "unexpected end of JSON input";
	return str_printf_in(arena, "invalid character '%c' looking for beginning of value",
			     rest.ptr[0])
		.ptr;
}

static void check_secret_need(const struct secret_need *need, yyjson_mut_val *data,
			      struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(NULL, "data"),
				*missing = need->is_said_oddly ? FIELD_NAME(NULL, "data[%s]")
							       : path;
	const char *problem;
	bool has_one = false;

	for (size_t i = 0; i < ARRAY_COUNT(need->keys) && need->keys[i]; i++)
		has_one |= yyjson_mut_obj_get(data, need->keys[i]) != NULL;
	for (size_t i = 0; i < ARRAY_COUNT(need->keys) && need->keys[i]; i++) {
		yyjson_mut_val *v = yyjson_mut_obj_get(data, need->keys[i]);
		struct str key = str_from(need->keys[i]);

		if (need->one_is_enough && has_one)
			continue;
		if (!v || (need->is_filled && !json_mut_str(v).len))
			field_required(errors, FIELD_KEY(missing, key), "");
		else if (need->is_json &&
			 (problem = json_object_problem(json_mut_str(v), errors->arena)))
			field_invalid_str(errors, FIELD_KEY(path, key),
					  STR("<secret contents redacted>"), problem);
	}
}

static void secret_validate(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(NULL, "data");
	yyjson_mut_val *data = yyjson_mut_obj_get(e->root, "data");
	struct str type = json_mut_get_str(e->root, "type");

	if (check_keys(data, path, errors) / 4 * 3 > CONFIG_BYTES_MAX)
		field_too_long(errors, path, CONFIG_BYTES_MAX);
	for (size_t i = 0; i < ARRAY_COUNT(secret_needs); i++)
		if (str_eq_c(type, secret_needs[i].type))
			check_secret_need(&secret_needs[i], data, errors);
	if (str_eq_c(type, "kubernetes.io/service-account-token") &&
	    !json_mut_str(json_mut_key(json_mut_get(e->root, "metadata.annotations"),
				       STR("kubernetes.io/service-account.name")))
		     .len)
		field_required(errors,
			       FIELD_KEY(FIELD_NAME(FIELD_NAME(NULL, "metadata"), "annotations"),
					 STR("kubernetes.io/service-account.name")),
			       "");
}

static const char *const secret_immutable[] = { "type", NULL };

const struct strategy strategy_secret = {
	.default_object = secret_default,
	.validate = secret_validate,
	.validate_update = data_validate_update,
	.immutable = secret_immutable,
	.cells = secret_cells,
};

/* ---- ComponentStatus ---- */

static void componentstatus_cells(struct cells *c)
{
	yyjson_val *found = NULL;

	JSON_EACH (condition, json_get(c->obj->root, "conditions"))
		if (!found && str_eq_c(json_get_str(condition, "type"), "Healthy"))
			found = condition;
	cell_name(c);
	if (!found)
		cell_c(c, "Unknown");
	else
		cell_c(c,
		       str_eq_c(json_get_str(found, "status"), "True") ? "Healthy" : "Unhealthy");
	cell_str(c, json_get_str(found, "message"));
	cell_str(c, json_get_str(found, "error"));
}

const struct strategy strategy_componentstatus = { .cells = componentstatus_cells };

/* ---- ServiceAccount ---- */

static void serviceaccount_warn(struct edit *e, struct notices *notices)
{
	if (json_mut_key(json_mut_get(e->root, "metadata.annotations"),
			 STR("kubernetes.io/enforce-mountable-secrets")))
		notices_add(notices,
			    "metadata.annotations[kubernetes.io/enforce-mountable-secrets]: "
			    "deprecated in v1.32+; prefer separate namespaces to isolate access "
			    "to mounted secrets");
}

const struct strategy strategy_serviceaccount = { .warn = serviceaccount_warn };

/* ---- Event and Lease ---- */

/* Events of either group; in the stored form their members have the names of the older one. */
static bool is_new_event(struct edit *e)
{
	return e->kind != &kind_event;
}

static void check_event_space(struct edit *e, bool timed, struct field_errors *errors)
{
	struct str space = json_mut_get_str(e->root, "metadata.namespace"),
		   object_space = json_mut_get_str(
			   yyjson_mut_obj_get(e->root,
					      is_new_event(e) ? "regarding" : "involvedObject"),
			   "namespace");
	bool good = object_space.len ? timed || str_eq(space, object_space)
		    : timed	     ? str_eq_c(space, "default") || str_eq_c(space, "kube-system")
				     : !space.len || str_eq_c(space, "default");

	if (!good)
		field_invalid_str(errors,
				  FIELD_NAME(FIELD_NAME(NULL, "involvedObject"), "namespace"),
				  object_space, "does not match event.namespace");
}

static const char *length_problem(struct str text, size_t bytes_max)
{
	static const char *const texts[] = { "can have at most 128 characters",
					     "can have at most 1024 characters" };

	return text.len > bytes_max ? texts[bytes_max > 128] : NULL;
}

/* What an event with a time of its own must say. */
static void check_timed_event(struct edit *e, struct field_errors *errors)
{
	static const struct {
		const char *new_key, *old_key, *name; /* NULL: named as its key */
		bool is_needed;
		size_t bytes_max;
	} texts[] = {
		{ "reportingController", "reportingComponent", NULL, true, 0 },
		{ "reportingInstance", "reportingInstance", "reportingInstance", true, 128 },
		{ "action", "action", "action", true, 128 },
		{ "reason", "reason", "reason", true, 128 },
		{ "note", "message", "message", false, 1024 },
	};

	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		const char *key = is_new_event(e) ? texts[i].new_key : texts[i].old_key;
		const struct field_path *path = FIELD_NAME(NULL,
							   texts[i].name ? texts[i].name : key);
		struct str text = json_mut_get_str(e->root, key);

		if (texts[i].is_needed && !text.len)
			field_required(errors, path, "");
		if (!texts[i].bytes_max && name_qualified_problem(text))
			field_invalid_str(errors, path, text, name_qualified_problem(text));
		else if (texts[i].bytes_max && length_problem(text, texts[i].bytes_max))
			field_invalid_str(errors, path, STR(""),
					  length_problem(text, texts[i].bytes_max));
	}
}

static void check_series(struct edit *e, struct field_errors *errors)
{
	yyjson_mut_val *series = yyjson_mut_obj_get(e->root, "series");

	if (!series)
		return;
	if (json_mut_get_int(series, "count", 0) < 2)
		field_invalid_str(errors, FIELD_NAME(NULL, "series.count"), STR(""),
				  "should be at least 2");
	if (!json_mut_get_str(series, "lastObservedTime").len)
		field_required(errors, FIELD_NAME(NULL, "series.lastObservedTime"), "");
}

/* Creating one through events.k8s.io is held to more. */
static void check_new_event(struct edit *e, struct field_errors *errors)
{
	static const struct {
		const char *key, *name;
	} unset[] = {
		{ "deprecatedFirstTimestamp", "firstTimestamp" },
		{ "deprecatedLastTimestamp", "lastTimestamp" },
		{ "deprecatedCount", "count" },
		{ "deprecatedSource", "source" },
	};
	struct str type = json_mut_get_str(e->root, "type");

	check_series(e, errors);
	if (!json_mut_get_str(e->root, "eventTime").len)
		field_required(errors, FIELD_NAME(NULL, "eventTime"), "");
	if (!schema_values_have(STR("Normal|Warning"), type))
		field_invalid_str(
			errors, FIELD_NAME(NULL, "type"), STR(""),
			str_printf_in(e->arena, "has invalid value: " STR_FMT, STR_ARG(type)).ptr);
	for (size_t i = 0; i < ARRAY_COUNT(unset); i++) {
		yyjson_mut_val *value = yyjson_mut_obj_get(e->root, unset[i].key);

		if (!is_zero_value(value))
			field_invalid_str(errors, FIELD_NAME(NULL, unset[i].name), STR(""),
					  "needs to be unset");
	}
}

static void event_validate(struct edit *e, struct field_errors *errors)
{
	bool timed = json_mut_get_str(e->root, "eventTime").len > 0;

	check_event_space(e, timed, errors);
	if (timed)
		check_timed_event(e, errors);
	if (is_new_event(e) && !e->old)
		check_new_event(e, errors);
}

static void event_validate_update(struct edit *e, struct field_errors *errors)
{
	static const struct {
		const char *key, *name;
	} frozen[] = {
		{ "regarding", "involvedObject" },
		{ "reason", "reason" },
		{ "note", "message" },
		{ "deprecatedSource", "source" },
		{ "deprecatedFirstTimestamp", "firstTimestamp" },
		{ "deprecatedLastTimestamp", "lastTimestamp" },
		{ "deprecatedCount", "count" },
		{ "type", "type" },
		{ "eventTime", "eventTime" },
		{ "action", "action" },
		{ "related", "related" },
		{ "reportingController", "reportingController" },
		{ "reportingInstance", "reportingInstance" },
	};

	if (!is_new_event(e))
		return;
	if (!json_mixed_equal(yyjson_mut_obj_get(e->root, "series"),
			      yyjson_obj_get(e->old, "series")))
		check_series(e, errors);
	for (size_t i = 0; i < ARRAY_COUNT(frozen); i++) {
		yyjson_mut_val *now = yyjson_mut_obj_get(e->root, frozen[i].key);

		if (!json_mixed_equal(now, yyjson_obj_get(e->old, frozen[i].key)))
			field_invalid_val(errors, FIELD_NAME(NULL, frozen[i].name), now,
					  "field is immutable");
	}
}

static bool event_selectable(const struct obj *obj, struct str field, struct str *ret_value)
{
	char path[64];

	if (str_eq_c(field, "source")) {
		*ret_value = json_get_str(obj->root, "source.component");
		if (!ret_value->len)
			*ret_value = json_get_str(obj->root, "reportingComponent");
		return true;
	}
	if (str_eq_c(field, "reportingController")) {
		*ret_value = json_get_str(obj->root, "reportingComponent");
		return true;
	}
	/* Stored events are core ones. */
	if (!str_strip_prefix(&field, STR("regarding.")) ||
	    str_copy_to(field, path, sizeof(path)) < 0)
		return false;
	*ret_value = json_get_str(json_get(obj->root, "involvedObject"), path);
	return true;
}

const struct strategy strategy_event = {
	.validate = event_validate,
	.validate_update = event_validate_update,
	.cells = event_cells,
	.selectable = event_selectable,
};

static void check_lease(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	yyjson_mut_val *transitions = yyjson_mut_obj_get(v, "leaseTransitions"),
		       *strategy = yyjson_mut_obj_get(v, "strategy");

	if (transitions && json_mut_int(transitions, 0) < 0)
		field_invalid_int(s->errors, FIELD_NAME(path, "leaseTransitions"),
				  json_mut_int(transitions, 0),
				  "must be greater than or equal to 0");
	if (!strategy && json_mut_get_str(v, "preferredHolder").len)
		field_forbidden(s->errors, FIELD_NAME(path, "preferredHolder"),
				"may only be specified if `strategy` is defined");
}

static const struct rule lease_spec_rules[] = {
	RULE_POSITIVE("leaseDurationSeconds"),
	RULE_CALL(NULL, check_lease),
	{ 0 },
};

static const struct rule lease_rules[] = { RULE_INSIDE("spec", lease_spec_rules), { 0 } };

static void lease_validate(struct edit *e, struct field_errors *errors)
{
	rules_check_edit(e, lease_rules, errors);
}

const struct strategy strategy_lease = { .validate = lease_validate };
