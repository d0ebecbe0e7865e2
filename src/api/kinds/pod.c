/* SPDX-License-Identifier: Apache-2.0 */
/* Pods: status at birth, and which few fields of the spec may change afterwards. */
#include "api/kinds/pod_spec.h"

#include "api/kinds/cells.h"
#include "api/meta.h"

static void pod_default(struct edit *e)
{
	pod_spec_default(e->doc, yyjson_mut_obj_get(e->root, "spec"), true);
}

static void pod_prepare_create(struct edit *e)
{
	yyjson_mut_val *status = json_set_object(e->doc, e->root, "status");

	json_set_str(e->doc, status, "phase", STR("Pending"));
	json_set_str(e->doc, status, "qosClass",
		     str_from(pod_spec_qos(yyjson_mut_obj_get(e->root, "spec"))));
}

static void pod_prepare_status_update(struct edit *e)
{
	yyjson_mut_val *status = json_ensure_object(e->doc, e->root, "status");
	struct str qos = json_get_str(e->old, "status.qosClass");

	if (qos.len && !json_mut_get_str(status, "qosClass").len)
		json_set_str(e->doc, status, "qosClass", qos);
}

static void pod_validate(struct edit *e, struct field_errors *errors)
{
	const struct field_path *spec_path = FIELD_NAME(NULL, "spec");
	yyjson_mut_val *spec = yyjson_mut_obj_get(e->root, "spec");

	pod_spec_validate(spec, spec_path, errors);
	if (!e->old && yyjson_mut_arr_size(yyjson_mut_obj_get(spec, "ephemeralContainers")))
		field_forbidden(errors, FIELD_NAME(spec_path, "ephemeralContainers"),
				"cannot be set on create");
}

static void take_old(yyjson_mut_doc *doc, yyjson_mut_val *now, yyjson_val *old, const char *key)
{
	yyjson_val *value = yyjson_obj_get(old, key);

	if (value)
		json_set(doc, now, key, json_copy(doc, value));
	else
		(void)json_remove(now, str_from(key));
}

/* Images may change; so make them equal in the copy that is compared. */
static void level_images(yyjson_mut_doc *doc, yyjson_mut_val *now, yyjson_val *old,
			 const char *list)
{
	yyjson_mut_val *containers = yyjson_mut_obj_get(now, list);
	yyjson_val *before = yyjson_obj_get(old, list);
	size_t i = 0;

	JSON_MUT_EACH (container, containers)
		take_old(doc, container, yyjson_arr_get(before, i++), "image");
}

static void check_deadline(struct edit *e, const struct field_path *path,
			   struct field_errors *errors)
{
	yyjson_mut_val *now = json_mut_get(e->root, "spec.activeDeadlineSeconds");
	yyjson_val *old = json_get(e->old, "spec.activeDeadlineSeconds");

	if (!old || json_mixed_equal(now, old))
		return;
	if (!now)
		field_invalid_val(errors, path, now,
				  "must not update from a positive integer to nil value");
	else if (json_mut_int(now, 0) > json_int(old, 0))
		field_invalid_int(errors, path, json_mut_int(now, 0),
				  "must be less than or equal to previous value");
}

static void check_tolerations(struct edit *e, const struct field_path *path,
			      struct field_errors *errors)
{
	yyjson_mut_val *now = json_mut_get(e->root, "spec.tolerations");

	JSON_EACH (toleration, json_get(e->old, "spec.tolerations")) {
		bool found = false;

		JSON_MUT_EACH (one, now) {
			AUTO_JSON_MUT copy = json_new();
			yyjson_mut_val *level = json_mut_copy(copy, one);

			take_old(copy, level, toleration, "tolerationSeconds");
			found |= json_mixed_equal(level, toleration);
		}
		if (!found) {
			field_forbidden(errors, path,
					"existing toleration can not be modified except its "
					"tolerationSeconds");
			return;
		}
	}
}

static void pod_validate_update(struct edit *e, struct field_errors *errors)
{
	static const char *const free_fields[] = {
		"activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds",
		"schedulingGates",	 "nodeName",	"ephemeralContainers"
	};
	const struct field_path *path = FIELD_NAME(NULL, "spec");
	yyjson_val *old = yyjson_obj_get(e->old, "spec");
	AUTO_JSON_MUT doc = json_new();
	yyjson_mut_val *now = json_mut_copy(doc, yyjson_mut_obj_get(e->root, "spec"));
	bool gated = json_get_count(old, "schedulingGates") > 0,
	     binds = str_eq_c(e->subresource, "binding");

	if (json_mut_get_count(now, "containers") != json_get_count(old, "containers")) {
		field_forbidden(errors, FIELD_NAME(path, "containers"),
				"pod updates may not add or remove containers");
		return;
	}
	check_deadline(e, FIELD_NAME(path, "activeDeadlineSeconds"), errors);
	check_tolerations(e, FIELD_NAME(path, "tolerations"), errors);
	level_images(doc, now, old, "containers");
	level_images(doc, now, old, "initContainers");
	for (size_t i = 0; i < ARRAY_COUNT(free_fields); i++) {
		if (strcmp(free_fields[i], "nodeName") == 0 && !binds)
			continue;
		if (strcmp(free_fields[i], "ephemeralContainers") == 0 &&
		    !str_eq_c(e->subresource, "ephemeralcontainers"))
			continue;
		take_old(doc, now, old, free_fields[i]);
	}
	if (gated) {
		take_old(doc, now, old, "nodeSelector");
		take_old(doc, now, old, "affinity");
	}
	if (str_eq_c(e->subresource, "resize")) {
		size_t i = 0;

		JSON_MUT_EACH (container, yyjson_mut_obj_get(now, "containers"))
			take_old(doc, container,
				 yyjson_arr_get(yyjson_obj_get(old, "containers"), i++),
				 "resources");
	}
	if (!json_mixed_equal(now, old))
		field_forbidden(
			errors, path,
			"pod updates may not change fields other than `spec.containers[*].image`,"
			"`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec."
			"tolerations` (only additions to "
			"existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to "
			"be set to 1 if it was "
			"previously negative)");
}

static bool pod_selectable(const struct obj *obj, struct str field, struct str *ret_value)
{
	if (!str_eq_c(field, "spec.hostNetwork"))
		return false;
	*ret_value = json_get_bool(obj->root, "spec.hostNetwork", false) ? STR("true")
									 : STR("false");
	return true;
}

const struct strategy strategy_pod = {
	.default_object = pod_default,
	.prepare_create = pod_prepare_create,
	.prepare_status_update = pod_prepare_status_update,
	.validate = pod_validate,
	.validate_update = pod_validate_update,
	.cells = pod_cells,
	.selectable = pod_selectable,
};
