/* SPDX-License-Identifier: Apache-2.0 */
/* Pods: what is theirs at birth, and what is said about their metadata and status. What may change
 * later has a file of its own. */
#include "api/kinds/pod_spec.h"

#include "api/kinds/address.h"
#include "api/kinds/cells.h"
#include "api/kinds/pod_annotations.h"
#include "api/kinds/pod_birth.h"
#include "api/kinds/pod_update.h"
#include "api/kinds/warnings.h"

static void pod_default(struct edit *e)
{
	pod_spec_default(e->doc, yyjson_mut_obj_get(e->root, "spec"), true);
}

static void pod_prepare_create(struct edit *e)
{
	pod_birth_prepare(e);
	pod_annotations_prepare(e);
}

static void pod_prepare_status_update(struct edit *e)
{
	yyjson_mut_val *status = json_ensure_object(e->doc, e->root, "status");
	struct str qos = json_get_str(e->old, "status.qosClass");

	if (qos.len && !json_mut_get_str(status, "qosClass").len)
		json_set_str(e->doc, status, "qosClass", qos);
}

/* ---- the object ---- */

/* A token in a volume is one of the account that the pod runs as. */
static void check_tokens(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "spec"), "volumes");
	size_t i = 0;

	if (json_mut_get_str(e->root, "spec.serviceAccountName").len)
		return;
	JSON_MUT_EACH (volume, json_mut_get(e->root, "spec.volumes")) {
		const struct field_path *here = FIELD_NAME(
			FIELD_NAME(FIELD_INDEX(path, i++), "projected"), "sources");
		size_t j = 0;

		JSON_MUT_EACH (source, json_mut_get(volume, "projected.sources")) {
			if (yyjson_mut_obj_get(source, "serviceAccountToken"))
				field_forbidden(
					errors,
					FIELD_NAME(FIELD_INDEX(here, j), "serviceAccountToken"),
					"must not be specified when serviceAccountName is not set");
			j++;
		}
	}
}

static void pod_validate(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(NULL, "spec");

	pod_annotations_validate(e, errors);
	pod_spec_validate(e, errors);
	check_tokens(e, errors);
	if (e->old)
		return;
	if (json_mut_get_count(e->root, "spec.ephemeralContainers"))
		field_forbidden(errors, FIELD_NAME(path, "ephemeralContainers"),
				"cannot be set on create");
	if (json_mut_get_str(e->root, "spec.nodeName").len &&
	    json_mut_get_count(e->root, "spec.schedulingGates"))
		field_forbidden(errors, FIELD_NAME(path, "nodeName"),
				"cannot be set until all schedulingGates have been cleared");
	pod_annotations_validate_match(e, errors);
}

static void pod_validate_update(struct edit *e, struct field_errors *errors)
{
	pod_annotations_validate_update(e, errors);
	if (str_eq_c(e->subresource, "ephemeralcontainers"))
		pod_validate_ephemeral(e, errors);
	else if (str_eq_c(e->subresource, "resize"))
		pod_validate_resize(e, errors);
	else
		pod_validate_change(e, errors);
}

static void pod_prepare_update(struct edit *e)
{
	if (str_eq_c(e->subresource, "resize"))
		pod_prepare_resize(e);
}

static void warn_addresses(struct edit *e, const char *list, struct notices *n)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "status"), list);
	size_t i = 0;

	JSON_MUT_EACH (address, json_mut_get(json_mut_get(e->root, "status"), list))
		address_warn(n, FIELD_NAME(FIELD_INDEX(path, i++), "ip"),
			     json_mut_get_str(address, "ip"));
}

static void pod_warn(struct edit *e, struct notices *notices)
{
	if (str_eq_c(e->subresource, "status")) {
		warn_addresses(e, "podIPs", notices);
		warn_addresses(e, "hostIPs", notices);
		return;
	}
	warn_pod(notices, "", e->root);
}

static void pod_validate_status_update(struct edit *e, struct field_errors *errors)
{
	pod_annotations_validate_update(e, errors);
	pod_validate_status(e, errors);
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
	.prepare_update = pod_prepare_update,
	.prepare_status_update = pod_prepare_status_update,
	.validate = pod_validate,
	.validate_update = pod_validate_update,
	.validate_status_update = pod_validate_status_update,
	.warn = pod_warn,
	.cells = pod_cells,
	.selectable = pod_selectable,
};
