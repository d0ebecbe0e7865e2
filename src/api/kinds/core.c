/* SPDX-License-Identifier: Apache-2.0 */
/* Small core kinds: Namespace, Node, ConfigMap, Secret, ServiceAccount, Event, Lease, quotas and
 * volumes. */
#include "api/kinds/cells.h"
#include "api/kinds/pod_spec.h"
#include "api/limits.h"
#include "api/meta.h"
#include "base/time.h"
#include "codec/base64.h"

#define CONFIG_BYTES_MAX (1u << 20) /* of a ConfigMap's or Secret's data */

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

const struct strategy strategy_namespace = {
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

static void node_validate(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "spec"), "taints");
	size_t i = 0;

	JSON_MUT_EACH (taint, json_mut_get(e->root, "spec.taints")) {
		const struct field_path *here = FIELD_INDEX(path, i++);
		struct str key = json_mut_get_str(taint, "key"),
			   value = json_mut_get_str(taint, "value");
		struct str effect = json_mut_get_str(taint, "effect");

		if (name_qualified_problem(key))
			field_invalid_str(errors, FIELD_NAME(here, "key"), key,
					  name_qualified_problem(key));
		if (name_label_value_problem(value))
			field_invalid_str(errors, FIELD_NAME(here, "value"), value,
					  name_label_value_problem(value));
		if (!effect.len)
			field_required(errors, FIELD_NAME(here, "effect"), "");
		else if (!schema_values_have(STR("NoSchedule|PreferNoSchedule|NoExecute"), effect))
			field_unsupported(errors, FIELD_NAME(here, "effect"), effect,
					  "NoSchedule|PreferNoSchedule|NoExecute");
	}
}

static void node_validate_update(struct edit *e, struct field_errors *errors)
{
	struct str old_cidr = json_get_str(e->old, "spec.podCIDR"),
		   old_id = json_get_str(e->old, "spec.providerID");

	if (old_cidr.len && !str_eq(old_cidr, json_mut_get_str(e->root, "spec.podCIDR")))
		field_forbidden(errors, FIELD_NAME(FIELD_NAME(NULL, "spec"), "podCIDRs"),
				"node updates may not change podCIDR except from \"\" to valid");
	if (old_id.len && !str_eq(old_id, json_mut_get_str(e->root, "spec.providerID")))
		field_forbidden(errors, FIELD_NAME(FIELD_NAME(NULL, "spec"), "providerID"),
				"node updates may not change providerID except from \"\" to valid");
}

static bool node_selectable(const struct obj *obj, struct str field, struct str *ret_value)
{
	if (!str_eq_c(field, "spec.unschedulable"))
		return false;
	*ret_value = json_get_bool(obj->root, "spec.unschedulable", false) ? STR("true")
									   : STR("false");
	return true;
}

const struct strategy strategy_node = {
	.default_object = node_default,
	.keeps_status_on_create = true,
	.validate = node_validate,
	.validate_update = node_validate_update,
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

static void configmap_validate(struct edit *e, struct field_errors *errors)
{
	yyjson_mut_val *data = yyjson_mut_obj_get(e->root, "data"),
		       *binary = yyjson_mut_obj_get(e->root, "binaryData");
	size_t sum = check_keys(data, FIELD_NAME(NULL, "data"), errors);

	sum += check_keys(binary, FIELD_NAME(NULL, "binaryData"), errors) / 4 * 3;
	if (binary) {
		JSON_MUT_MEMBERS (key, value, data) {
			if (value && json_mut_key(binary, json_mut_str(key)))
				field_invalid_str(
					errors,
					FIELD_KEY(FIELD_NAME(NULL, "data"), json_mut_str(key)),
					json_mut_str(key),
					"duplicate of key present in binaryData");
		}
	}
	if (sum > CONFIG_BYTES_MAX)
		field_too_long(errors, NULL, CONFIG_BYTES_MAX);
}

const struct strategy strategy_configmap = {
	.validate = configmap_validate,
	.validate_update = data_validate_update,
	.cells = configmap_cells,
};

/* stringData is for writing only: it goes into data. */
static void secret_default(struct edit *e)
{
	yyjson_mut_val *text = json_remove(e->root, STR("stringData")), *data;

	if (!yyjson_mut_obj_size(text))
		return;
	data = json_ensure_object(e->doc, e->root, "data");
	JSON_MUT_MEMBERS (key, value, text) {
		AUTO_BUF encoded = { 0 };

		buf_init(&encoded, 2 * OBJECT_BYTES_MAX);
		base64_encode(json_mut_str(value), &encoded);
		json_put_str(e->doc, data, json_mut_str(key), buf_str(&encoded));
	}
}

static void secret_validate(struct edit *e, struct field_errors *errors)
{
	static const struct {
		const char *type, *keys[2];
	} rows[] = {
		{ "kubernetes.io/dockercfg", { ".dockercfg" } },
		{ "kubernetes.io/dockerconfigjson", { ".dockerconfigjson" } },
		{ "kubernetes.io/ssh-auth", { "ssh-privatekey" } },
		{ "kubernetes.io/tls", { "tls.crt", "tls.key" } },
	};
	const struct field_path *path = FIELD_NAME(NULL, "data");
	yyjson_mut_val *data = yyjson_mut_obj_get(e->root, "data");
	struct str type = json_mut_get_str(e->root, "type");

	if (check_keys(data, path, errors) / 4 * 3 > CONFIG_BYTES_MAX)
		field_too_long(errors, path, CONFIG_BYTES_MAX);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		for (size_t k = 0; k < ARRAY_COUNT(rows[i].keys) && rows[i].keys[k] &&
				   str_eq_c(type, rows[i].type);
		     k++) {
			if (!yyjson_mut_obj_get(data, rows[i].keys[k]))
				field_required(errors, FIELD_KEY(path, str_from(rows[i].keys[k])),
					       "");
		}
	}
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

const struct strategy strategy_serviceaccount = { .default_object = NULL };

/* ---- Event and Lease ---- */

static void event_validate(struct edit *e, struct field_errors *errors)
{
	struct str space = json_mut_get_str(e->root, "metadata.namespace");
	const char *about = e->kind == &kind_event ? "involvedObject" : "regarding";
	yyjson_mut_val *object = yyjson_mut_obj_get(e->root, about);
	struct str object_space = json_mut_get_str(object, "namespace");

	if (object_space.len ? !str_eq(space, object_space)
			     : !str_eq_c(space, "default") && !str_eq_c(space, "kube-system"))
		field_invalid_str(errors, FIELD_NAME(FIELD_NAME(NULL, about), "namespace"),
				  object_space, "does not match event.namespace");
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
	.cells = event_cells,
	.selectable = event_selectable,
};

static void lease_validate(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(NULL, "spec");
	yyjson_mut_val *spec = yyjson_mut_obj_get(e->root, "spec"),
		       *seconds = yyjson_mut_obj_get(spec, "leaseDurationSeconds");

	if (seconds && json_mut_int(seconds, 0) <= 0)
		field_invalid_int(errors, FIELD_NAME(path, "leaseDurationSeconds"),
				  json_mut_int(seconds, 0), "must be greater than 0");
}

const struct strategy strategy_lease = { .validate = lease_validate };

/* ---- quotas ---- */

static void quota_validate(struct edit *e, struct field_errors *errors)
{
	JSON_MUT_MEMBERS (key, value, json_mut_get(e->root, "spec.hard")) {
		if (json_mut_str(value).len && json_mut_str(value).ptr[0] == '-')
			field_invalid_str(errors,
					  FIELD_KEY(FIELD_NAME(FIELD_NAME(NULL, "spec"), "hard"),
						    json_mut_str(key)),
					  json_mut_str(value),
					  "must be greater than or equal to 0");
	}
}

static const char *const quota_immutable[] = { "spec.scopes", NULL };

const struct strategy strategy_quota = {
	.validate = quota_validate,
	.immutable = quota_immutable,
	.cells = quota_cells,
};

static void fill_from(struct edit *e, yyjson_mut_val *item, const char *to, const char *from)
{
	yyjson_mut_val *source = yyjson_mut_obj_get(item, from), *target;

	if (!yyjson_mut_obj_size(source))
		return;
	target = json_ensure_object(e->doc, item, to);
	JSON_MUT_MEMBERS (key, value, source) {
		if (!json_mut_key(target, json_mut_str(key)))
			json_put(e->doc, target, json_mut_str(key), json_mut_copy(e->doc, value));
	}
}

static void limitrange_default(struct edit *e)
{
	JSON_MUT_EACH (item, json_mut_get(e->root, "spec.limits")) {
		if (!str_eq_c(json_mut_get_str(item, "type"), "Container"))
			continue;
		fill_from(e, item, "default", "max");
		fill_from(e, item, "defaultRequest", "default");
		fill_from(e, item, "defaultRequest", "min");
	}
}

const struct strategy strategy_limitrange = { .default_object = limitrange_default };
