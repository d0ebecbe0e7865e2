/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of updates: containers, deadline, tolerations, gates; resizing; status. */
#include "api/kinds/pod_update.h"

#include "api/kinds/frozen.h"
#include "api/kinds/pod_spec.h"
#include "api/quantity.h"
#include "codec/ip.h"
#include "codec/json_index.h"

#define REQUIRED "requiredDuringSchedulingIgnoredDuringExecution"

/* ---- the Pod itself ---- */

/* true when nothing more can be compared. */
static bool check_containers(struct edit *e, const char *list, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "spec"), list);
	yyjson_mut_val *now = yyjson_mut_obj_get(yyjson_mut_obj_get(e->root, "spec"), list);
	yyjson_val *old = yyjson_obj_get(yyjson_obj_get(e->old, "spec"), list);

	if (yyjson_mut_arr_size(now) == yyjson_arr_size(old))
		return false;
	field_forbidden(errors, path, "pod updates may not add or remove containers");
	return true;
}

static bool check_deadline(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "spec"),
						   "activeDeadlineSeconds");
	yyjson_mut_val *now = json_mut_get(e->root, "spec.activeDeadlineSeconds");
	yyjson_val *old = json_get(e->old, "spec.activeDeadlineSeconds");

	if (now && (json_mut_int(now, 0) < 0 || json_mut_int(now, 0) > INT32_MAX)) {
		field_invalid_int(errors, path, json_mut_int(now, 0),
				  "must be between 0 and 2147483647, inclusive");
		return true;
	}
	if (!old || json_mixed_equal(now, old))
		return false;
	if (!now) {
		field_invalid_str(errors, path, STR("null"),
				  "must not update from a positive integer to nil value");
		return false;
	}
	if (json_mut_int(now, 0) <= json_int(old, 0))
		return false;
	field_invalid_int(errors, path, json_mut_int(now, 0),
			  "must be less than or equal to previous value");
	return true;
}

static void check_tolerations(struct edit *e, struct field_errors *errors)
{
	yyjson_mut_val *now = json_mut_get(e->root, "spec.tolerations");
	AUTO_JSON_INDEX kept = { .slots = NULL };

	json_index_init(&kept, yyjson_mut_arr_size(now));
	JSON_MUT_EACH (one, now)
		(void)json_index_add(&kept, toleration_text_in_mut(errors->arena, one), one);
	JSON_EACH (toleration, json_get(e->old, "spec.tolerations")) {
		if (json_index_get(&kept, toleration_text_in(errors->arena, toleration)))
			continue;
		field_forbidden(errors, FIELD_NAME(FIELD_NAME(NULL, "spec"), "tolerations"),
				"existing toleration can not be modified except its "
				"tolerationSeconds");
		return;
	}
}

static void check_gates(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "spec"), "schedulingGates");
	AUTO_JSON_INDEX old = { .slots = NULL };
	size_t i = 0;

	json_index_init_of(&old, json_get(e->old, "spec.schedulingGates"), "name");
	JSON_MUT_EACH (gate, json_mut_get(e->root, "spec.schedulingGates")) {
		struct str name = json_mut_get_str(gate, "name");

		if (!json_index_get(&old, name))
			field_error_add(errors, FIELD_FORBIDDEN,
					FIELD_NAME(FIELD_INDEX(path, i), "name"),
					"only deletion is allowed, but found new scheduling gate "
					"'" STR_FMT "'",
					STR_ARG(name));
		i++;
	}
}

/* ---- while gates hold a pod back, it may be narrowed down where it can run ---- */

static bool has_only_additions(yyjson_mut_val *now, yyjson_val *old, const char *key)
{
	yyjson_mut_arr_iter list = json_mut_arr_iter(yyjson_mut_obj_get(now, key));

	JSON_EACH (item, yyjson_obj_get(old, key))
		if (!json_mixed_equal(yyjson_mut_arr_iter_next(&list), item))
			return false;
	return true;
}

static void check_node_terms(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(
		FIELD_NAME(FIELD_NAME(FIELD_NAME(FIELD_NAME(NULL, "spec"), "affinity"),
				      "nodeAffinity"),
			   REQUIRED),
		"nodeSelectorTerms");
	yyjson_mut_val *now = json_mut_get(e->root, "spec.affinity.nodeAffinity." REQUIRED
						    ".nodeSelectorTerms");
	yyjson_val *old = json_get(e->old,
				   "spec.affinity.nodeAffinity." REQUIRED ".nodeSelectorTerms");
	yyjson_mut_arr_iter terms;
	size_t i = 0;

	if (!yyjson_arr_size(old))
		return;
	if (yyjson_arr_size(old) != yyjson_mut_arr_size(now)) {
		field_invalid_val(
			errors, path, now,
			"no additions/deletions to non-empty NodeSelectorTerms list are allowed");
		return;
	}
	terms = json_mut_arr_iter(now);
	JSON_EACH (term, old) {
		yyjson_mut_val *mine = yyjson_mut_arr_iter_next(&terms);
		bool was_empty = !json_get_count(term, "matchExpressions") &&
				 !json_get_count(term, "matchFields");

		if (!has_only_additions(mine, term, "matchExpressions") ||
		    !has_only_additions(mine, term, "matchFields") ||
		    (was_empty && yyjson_mut_obj_size(mine)))
			field_invalid_val(errors, FIELD_INDEX(path, i), mine,
					  "only additions are allowed (no mutations or deletions)");
		i++;
	}
}

static void check_node_selector(struct edit *e, struct field_errors *errors)
{
	yyjson_mut_val *now = json_mut_get(e->root, "spec.nodeSelector");
	AUTO_JSON_INDEX labels = { .slots = NULL };

	json_index_init_members_mut(&labels, now);
	JSON_MEMBERS (key, value, json_get(e->old, "spec.nodeSelector")) {
		if (json_mixed_equal(json_index_get(&labels, json_str(key)), value))
			continue;
		field_invalid_val(
			errors, FIELD_NAME(FIELD_NAME(NULL, "spec"), "nodeSelector"), now,
			"only additions to spec.nodeSelector are allowed (no mutations or "
			"deletions)");
		return;
	}
}

static void level_gated(yyjson_mut_doc *doc, yyjson_mut_val *now, yyjson_val *old)
{
	yyjson_mut_val *affinity = yyjson_mut_obj_get(now, "affinity");
	yyjson_val *before = yyjson_obj_get(old, "affinity");

	frozen_take_old(doc, now, old, "nodeSelector");
	if (!affinity && yyjson_obj_get(before, "nodeAffinity"))
		affinity = json_set_object(doc, now, "affinity");
	frozen_take_old(doc, affinity, before, "nodeAffinity");
	if (!before && affinity && !yyjson_mut_obj_size(affinity))
		(void)json_remove(now, STR("affinity")); /* the doc owns it */
}

/* Images may change; so make them equal in the copy that is compared. */
static void level_members(yyjson_mut_doc *doc, yyjson_mut_val *now, yyjson_val *old,
			  const char *list, const char *key)
{
	yyjson_arr_iter before = json_arr_iter(yyjson_obj_get(old, list));

	JSON_MUT_EACH (container, yyjson_mut_obj_get(now, list))
		frozen_take_old(doc, container, yyjson_arr_iter_next(&before), key);
}

void pod_validate_change(struct edit *e, struct field_errors *errors)
{
	static const char *const free_members[] = { "activeDeadlineSeconds", "tolerations",
						    "schedulingGates", NULL };
	yyjson_val *old = yyjson_obj_get(e->old, "spec");
	AUTO_JSON_MUT doc = json_new();
	yyjson_mut_val *now;

	if (check_containers(e, "containers", errors) ||
	    check_containers(e, "initContainers", errors) || check_deadline(e, errors))
		return;
	check_tolerations(e, errors);
	check_gates(e, errors);
	if (json_mixed_equal(yyjson_mut_obj_get(e->root, "spec"), old))
		return;
	now = json_mut_copy(doc, yyjson_mut_obj_get(e->root, "spec"));
	level_members(doc, now, old, "containers", "image");
	level_members(doc, now, old, "initContainers", "image");
	if (json_get_int(old, "terminationGracePeriodSeconds", 0) < 0 &&
	    json_mut_get_int(now, "terminationGracePeriodSeconds", 0) == 1)
		frozen_take_old(doc, now, old, "terminationGracePeriodSeconds");
	if (json_get_count(old, "schedulingGates")) {
		check_node_selector(e, errors);
		check_node_terms(e, errors);
		level_gated(doc, now, old);
	}
	if (!frozen_is_same_but(now, old, free_members))
		field_forbidden(
			errors, FIELD_NAME(NULL, "spec"),
			"pod updates may not change fields other than `spec.containers[*].image`,"
			"`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec."
			"tolerations` (only additions to "
			"existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to "
			"be set to 1 if it was "
			"previously negative)");
}

/* ---- ephemeralcontainers ---- */

static bool is_mirror(struct edit *e)
{
	return json_key(json_get(e->old, "metadata.annotations"),
			STR("kubernetes.io/config.mirror")) != NULL;
}

void pod_validate_ephemeral(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "spec"), "ephemeralContainers");
	AUTO_JSON_INDEX now = { .slots = NULL };

	if (is_mirror(e)) {
		field_forbidden(errors, FIELD_ROOT,
				"static pods do not support ephemeral containers");
		return;
	}
	json_index_init_of_mut(&now, json_mut_get(e->root, "spec.ephemeralContainers"), "name");
	JSON_EACH (old, json_get(e->old, "spec.ephemeralContainers")) {
		struct str name = json_get_str(old, "name");
		yyjson_mut_val *mine = json_index_get(&now, name);

		if (!json_mixed_equal(mine, old))
			field_error_add(errors, FIELD_FORBIDDEN, path,
					"existing ephemeral containers \"" STR_FMT
					"\" may not be %s\n",
					STR_ARG(name), mine ? "changed" : "removed");
	}
}

/* ---- resize ---- */

static void take_sizes(struct edit *e, yyjson_mut_val *spec, yyjson_mut_val *given,
		       const char *list)
{
	static const char *const sizes[] = { "resources", "resizePolicy" };
	AUTO_JSON_INDEX by_name = { .slots = NULL };

	json_index_init_of_mut(&by_name, yyjson_mut_obj_get(given, list), "name");
	JSON_MUT_EACH (container, yyjson_mut_obj_get(spec, list)) {
		yyjson_mut_val *wanted = json_index_get(&by_name,
							json_mut_get_str(container, "name"));

		for (size_t i = 0; wanted && i < ARRAY_COUNT(sizes); i++) {
			yyjson_mut_val *value = yyjson_mut_obj_get(wanted, sizes[i]);

			if (value)
				json_set(e->doc, container, sizes[i], json_mut_copy(e->doc, value));
			else
				(void)json_remove(container, str_from(sizes[i])); /* the doc's */
		}
	}
}

void pod_prepare_resize(struct edit *e)
{
	yyjson_mut_val *given = json_remove(e->root, STR("spec")), *meta, *spec;

	spec = json_copy(e->doc, yyjson_obj_get(e->old, "spec"));
	take_sizes(e, spec, given, "containers");
	take_sizes(e, spec, given, "initContainers");
	json_set(e->doc, e->root, "spec", spec);
	meta = yyjson_mut_obj_get(e->root, "metadata");
	frozen_take_old(e->doc, meta, yyjson_obj_get(e->old, "metadata"), "labels");
	frozen_take_old(e->doc, meta, yyjson_obj_get(e->old, "metadata"), "annotations");
}

static bool lost_one(yyjson_mut_val *now, yyjson_val *old)
{
	AUTO_JSON_INDEX names = { .slots = NULL };

	json_index_init_members_mut(&names, now);
	JSON_MEMBERS (key, value, old)
		if (value && !json_index_get(&names, json_str(key)))
			return true;
	return false;
}

static void check_sizes(yyjson_mut_val *container, yyjson_val *old, const struct field_path *path,
			struct field_errors *errors)
{
	if (lost_one(json_mut_get(container, "resources.requests"),
		     json_get(old, "resources.requests")))
		field_forbidden(errors, FIELD_NAME(path, "requests"),
				"resource requests cannot be removed");
	if (lost_one(json_mut_get(container, "resources.limits"),
		     json_get(old, "resources.limits")))
		field_forbidden(errors, FIELD_NAME(path, "limits"),
				"resource limits cannot be removed");
}

/* Only cpu and memory of the list may differ. */
static bool is_other_changed(yyjson_mut_val *container, yyjson_val *old, const char *path)
{
	static const char *const free_members[] = { "cpu", "memory", NULL };

	return !frozen_is_same_but(json_mut_get(container, path), json_get(old, path),
				   free_members);
}

static void check_resized(struct edit *e, const char *list, bool is_init,
			  struct field_errors *errors)
{
	const struct field_path *spec_path = FIELD_NAME(NULL, "spec");
	yyjson_arr_iter old = json_arr_iter(yyjson_obj_get(yyjson_obj_get(e->old, "spec"), list));
	size_t i = 0;

	JSON_MUT_EACH (container, yyjson_mut_obj_get(yyjson_mut_obj_get(e->root, "spec"), list)) {
		yyjson_val *before = yyjson_arr_iter_next(&old);
		const struct field_path *here = FIELD_INDEX(FIELD_NAME(spec_path, list), i++);

		if (is_init && !str_eq_c(json_mut_get_str(container, "restartPolicy"), "Always")) {
			if (!json_mixed_equal(container, before))
				field_forbidden(errors, spec_path,
						"resources for non-sidecar init containers are "
						"immutable");
			continue;
		}
		check_sizes(container, before, FIELD_NAME(here, "resources"), errors);
		if (is_other_changed(container, before, "resources.limits") ||
		    is_other_changed(container, before, "resources.requests") ||
		    !json_mixed_equal(yyjson_mut_obj_get(container, "resizePolicy"),
				      yyjson_obj_get(before, "resizePolicy")))
			field_forbidden(errors, spec_path,
					is_init ? "only cpu and memory resources for sidecar "
						  "containers are mutable"
						: "only cpu and memory resources are mutable");
	}
}

static bool is_resizable_there(struct edit *e)
{
	JSON_EACH (status, json_get(e->old, "status.containerStatuses"))
		if (json_get(status, "state.running"))
			return yyjson_obj_get(status, "resources") != NULL;
	return true;
}

void pod_validate_resize(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(NULL, "spec");
	struct str was = json_get_str(e->old, "status.qosClass");
	const char *now = pod_spec_qos(yyjson_mut_obj_get(e->root, "spec"));

	if (is_mirror(e)) {
		field_forbidden(errors, FIELD_ROOT, "static pods cannot be resized");
		return;
	}
	if (str_eq_c(json_get_str(e->old, "spec.os.name"), "windows")) {
		field_forbidden(errors, FIELD_ROOT, "windows pods cannot be resized");
		return;
	}
	if (was.len && !str_eq_c(was, now))
		field_invalid_str(errors, path, was,
				  "Pod QOS Class may not change as a result of resizing");
	if (!is_resizable_there(e))
		field_forbidden(errors, path, "Pod running on node without support for resize");
	check_resized(e, "initContainers", true, errors);
	check_resized(e, "containers", false, errors);
}

/* ---- status ---- */

static void check_conditions(struct edit *e, struct field_errors *errors)
{
	/* Upstream builds this path so. */
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "metadata"), "conditions");
	size_t i = 0;

	JSON_MUT_EACH (condition, json_mut_get(e->root, "status.conditions")) {
		struct str type = json_mut_get_str(condition, "type");

		if (name_qualified_problem(type))
			field_invalid_str(errors, FIELD_NAME(FIELD_INDEX(path, i), "Type"), type,
					  name_qualified_problem(type));
		i++;
	}
}

/* The pod's containers that statuses are of, by name. */
struct containers {
	struct json_index init, main;
};

static bool may_restart(const struct containers *of, yyjson_val *status, const char *policy,
			bool is_init)
{
	struct str name = json_get_str(status, "name");
	yyjson_val *init = json_index_get(&of->init, name), *main = json_index_get(&of->main, name);

	if (strcmp(policy, "Always") == 0)
		return true;
	if (json_get_int(status, "state.terminated.exitCode", 0) &&
	    strcmp(policy, "OnFailure") == 0)
		return true;
	if (is_init && str_eq_c(json_get_str(init, "restartPolicy"), "Always"))
		return true;
	/* A container's own policy and rules decide for it, whatever they say. */
	return yyjson_obj_get(main, "restartPolicy") != NULL;
}

static void check_states(struct edit *e, const struct containers *of, const char *list,
			 const char *policy, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "status"), list);
	bool is_init = strcmp(list, "initContainerStatuses") == 0;
	AUTO_JSON_INDEX now = { .slots = NULL };
	size_t i = 0;

	json_index_init_of_mut(
		&now, yyjson_mut_obj_get(yyjson_mut_obj_get(e->root, "status"), list), "name");
	JSON_EACH (old, yyjson_obj_get(yyjson_obj_get(e->old, "status"), list)) {
		const struct field_path *here = FIELD_NAME(FIELD_INDEX(path, i++), "state");
		yyjson_mut_val *mine = json_index_get(&now, json_get_str(old, "name"));

		if (json_get(old, "state.terminated") && mine &&
		    !json_mut_get(mine, "state.terminated") &&
		    !may_restart(of, old, policy, is_init))
			field_forbidden(errors, here,
					"may not be transitioned to non-terminated state");
	}
}

static void check_all_states(struct edit *e, struct field_errors *errors)
{
	struct containers of;
	char policy[16];

	if (str_copy_to(json_get_str(e->old, "spec.restartPolicy"), policy, sizeof(policy)) < 0)
		policy[0] = '\0';
	json_index_init_of(&of.init, json_get(e->old, "spec.initContainers"), "name");
	json_index_init_of(&of.main, json_get(e->old, "spec.containers"), "name");
	check_states(e, &of, "containerStatuses", policy, errors);
	check_states(e, &of, "initContainerStatuses", policy, errors);
	check_states(e, &of, "ephemeralContainerStatuses", "Never", errors);
	json_index_deinit(&of.init);
	json_index_deinit(&of.main);
}

static void check_addresses(struct edit *e, const char *list, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "status"), list);
	yyjson_mut_val *now = yyjson_mut_obj_get(yyjson_mut_obj_get(e->root, "status"), list);
	size_t i = 0, v6 = 0, count = yyjson_mut_arr_size(now);
	struct str first = { .len = 0 };
	AUTO_JSON_INDEX before = { .slots = NULL };

	json_index_init_of(&before, json_get(yyjson_obj_get(e->old, "status"), list), "ip");
	JSON_MUT_EACH (address, now) {
		struct str ip = json_mut_get_str(address, "ip");

		if (ip_problem(ip) && !json_index_get(&before, ip))
			field_invalid_str(errors, FIELD_INDEX(path, i), ip, ip_problem(ip));
		if (i && str_eq(ip, first))
			field_duplicate_val(errors, FIELD_INDEX(path, i), address);
		first = i ? first : ip;
		v6 += ip_is_v6(ip);
		i++;
	}
	if (count > 2 || (count == 2 && v6 != 1))
		field_invalid_val(errors, path, now,
				  "may specify no more than one IP for each IP family");
}

static void check_host_address(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "status"), "hostIPs");
	yyjson_mut_val *first = json_mut_get(e->root, "status.hostIPs.0");
	struct str ip = json_mut_get_str(first, "ip");

	if (first && !str_eq(ip, json_mut_get_str(e->root, "status.hostIP")))
		field_invalid_str(errors, FIELD_NAME(FIELD_INDEX(path, 0), "ip"), ip,
				  "must be equal to `hostIP`");
}

static void check_claim_statuses(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "status"),
						   "resourceClaimStatuses");
	yyjson_mut_val *list = json_mut_get(e->root, "status.resourceClaimStatuses");
	AUTO_JSON_INDEX seen = { .slots = NULL };
	AUTO_JSON_INDEX claims = { .slots = NULL };
	size_t i = 0;

	json_index_init(&seen, yyjson_mut_arr_size(list));
	json_index_init_of_mut(&claims, json_mut_get(e->root, "spec.resourceClaims"), "name");
	JSON_MUT_EACH (status, list) {
		const struct field_path *here = FIELD_NAME(FIELD_INDEX(path, i++), "name");
		struct str name = json_mut_get_str(status, "name"),
			   claim = json_mut_get_str(status, "resourceClaimName");

		if (!json_index_get(&claims, name))
			field_invalid_str(
				errors, here, name,
				"must match the name of an entry in `spec.resourceClaims`");
		if (json_index_add(&seen, name, status))
			field_duplicate_str(errors, here, name);
		if (claim.len && name_subdomain_problem(claim))
			field_invalid_str(errors, here, claim, name_subdomain_problem(claim));
	}
}

void pod_validate_status(struct edit *e, struct field_errors *errors)
{
	const struct field_path *path = FIELD_NAME(NULL, "status");
	struct str qos = json_mut_get_str(e->root, "status.qosClass"),
		   nominated = json_mut_get_str(e->root, "status.nominatedNodeName");

	check_conditions(e, errors);
	if (nominated.len && !str_eq(nominated, json_get_str(e->old, "status.nominatedNodeName")) &&
	    name_subdomain_problem(nominated))
		field_invalid_str(errors, FIELD_NAME(path, "nominatedNodeName"), nominated,
				  name_subdomain_problem(nominated));
	if (!str_eq(qos, json_get_str(e->old, "status.qosClass")))
		field_invalid_str(errors, FIELD_NAME(path, "qosClass"), qos, "field is immutable");
	check_all_states(e, errors);
	check_claim_statuses(e, errors);
	check_addresses(e, "podIPs", errors);
	check_host_address(e, errors);
	check_addresses(e, "hostIPs", errors);
}
