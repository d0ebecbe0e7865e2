/* SPDX-License-Identifier: Apache-2.0 */
/* When a claim or volume that is being deleted may go. */
#include "controllers/volume_protection.h"

#include "codec/json.h"

enum protection protection_plan(const struct obj *obj, struct str finalizer, bool in_use)
{
	bool is_there = false;

	JSON_EACH (name, obj->finalizers)
		is_there |= str_eq(json_str(name), finalizer);
	if (obj_is_deleting(obj))
		return is_there && !in_use ? PROTECTION_REMOVE : PROTECTION_AS_IT_IS;
	return is_there ? PROTECTION_AS_IT_IS : PROTECTION_ADD;
}

/* The claim that was made for an ephemeral volume has the name of both and is the pod's own. */
static bool is_own_claim(const struct obj *pod, yyjson_val *volume, const struct obj *claim)
{
	struct str rest = claim->name;

	return json_get(volume, "ephemeral") && str_strip_prefix(&rest, pod->name) &&
	       str_strip_prefix(&rest, STR("-")) && str_eq(rest, json_get_str(volume, "name")) &&
	       str_eq(obj_controller_uid(claim), pod->uid);
}

bool protection_pod_uses(const struct obj *pod, const struct obj *claim)
{
	struct str phase = json_get_str(pod->root, "status.phase");
	bool is_over = str_eq_c(phase, "Succeeded") || str_eq_c(phase, "Failed");

	if (!json_get_str(pod->root, "spec.nodeName").len ||
	    !str_eq(pod->namespace_, claim->namespace_))
		return false;
	JSON_EACH (volume, json_get(pod->root, "spec.volumes"))
		if (str_eq(json_get_str(volume, "persistentVolumeClaim.claimName"), claim->name) ||
		    (!is_over && is_own_claim(pod, volume, claim)))
			return true;
	return false;
}
