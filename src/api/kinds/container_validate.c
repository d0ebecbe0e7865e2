/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of containers: those that run, those that run before and those that join later. */
#include "api/kinds/limits.h"
#include "api/kinds/pod_spec.h"

/* ---- ports ---- */

static bool is_port(int64_t number)
{
	return number >= 1 && number <= 65535;
}

static void check_port_number(const struct scope *s, const struct field_path *path,
			      yyjson_mut_val *port, const char *key)
{
	int64_t number = json_mut_get_int(port, key, 0);

	if (number && !is_port(number))
		field_invalid_int(s->errors, FIELD_NAME(path, key), number,
				  "must be between 1 and 65535, inclusive");
}

static void check_ports(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	static const struct rule protocol_rules[] = {
		RULE_NEED_ONE_OF("protocol", "SCTP|TCP|UDP"),
		{ 0 },
	};
	AUTO_JSON_INDEX names = { .slots = NULL };
	size_t i = 0;

	if (!yyjson_mut_arr_size(v))
		return;
	json_index_init(&names, yyjson_mut_arr_size(v));
	JSON_MUT_EACH (port, v) {
		const struct field_path *here = FIELD_INDEX(path, i++);
		struct str name = json_mut_get_str(port, "name");

		if (name.len && name_port_problem(name))
			field_invalid_str(s->errors, FIELD_NAME(here, "name"), name,
					  name_port_problem(name));
		else if (name.len && json_index_add(&names, name, port))
			field_duplicate_str(s->errors, FIELD_NAME(here, "name"), name);
		if (!json_mut_get_int(port, "containerPort", 0))
			field_required(s->errors, FIELD_NAME(here, "containerPort"), "");
		check_port_number(s, here, port, "containerPort");
		check_port_number(s, here, port, "hostPort");
		rules_check(s, protocol_rules, here, port);
	}
}

static void add_host_ports(const struct scope *s, const struct field_path *path,
			   yyjson_mut_val *container, struct json_index *seen)
{
	const struct field_path *here = FIELD_NAME(path, "ports");
	size_t i = 0;

	JSON_MUT_EACH (port, yyjson_mut_obj_get(container, "ports")) {
		int64_t number = json_mut_get_int(port, "hostPort", 0);
		const struct field_path *port_path = FIELD_INDEX(here, i++);
		struct str key;

		if (!number)
			continue;
		key = str_printf_in(s->errors->arena, STR_FMT "/" STR_FMT "/%lld",
				    STR_ARG(json_mut_get_str(port, "protocol")),
				    STR_ARG(json_mut_get_str(port, "hostIP")), (long long)number);
		if (json_index_add(seen, key, port))
			field_duplicate_str(s->errors, FIELD_NAME(port_path, "hostPort"), key);
	}
}

/* Two containers of a pod cannot have the same port of the node. */
static void check_host_ports(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *containers)
{
	AUTO_JSON_INDEX seen = { .slots = NULL };
	size_t i = 0, count = 0;

	JSON_MUT_EACH (container, containers)
		count += json_mut_get_count(container, "ports");
	if (!count)
		return;
	json_index_init(&seen, count);
	JSON_MUT_EACH (container, containers)
		add_host_ports(s, FIELD_INDEX(path, i++), container, &seen);
}

/* Those that run before the others run one at a time, and are each the first of a list. */
static void check_own_host_ports(const struct scope *s, const struct field_path *path,
				 yyjson_mut_val *container)
{
	AUTO_JSON_INDEX seen = { .slots = NULL };

	if (!json_mut_get_count(container, "ports"))
		return;
	json_index_init(&seen, json_mut_get_count(container, "ports"));
	add_host_ports(s, FIELD_INDEX(path->parent, 0), container, &seen);
}

/* ---- mounts and devices ---- */

static void check_propagation(const struct scope *s, const struct field_path *path,
			      yyjson_mut_val *v)
{
	const struct pod_scope *pod = s->own;
	struct str mode = json_mut_str(v);

	if (!mode.len)
		return;
	if (!schema_values_have(STR("Bidirectional|HostToContainer|None"), mode))
		field_unsupported(s->errors, path, mode, "Bidirectional|HostToContainer|None");
	if (str_eq_c(mode, "Bidirectional") &&
	    !json_mut_get_bool(pod->container, "securityContext.privileged", false))
		field_forbidden(s->errors, path,
				"Bidirectional mount propagation is available only to privileged "
				"containers");
}

static void check_recursion(const struct scope *s, const struct field_path *path,
			    yyjson_mut_val *mount)
{
	struct str mode = json_mut_get_str(mount, "recursiveReadOnly"),
		   propagation = json_mut_get_str(mount, "mountPropagation");

	if (!mode.len || str_eq_c(mode, "Disabled"))
		return;
	if (!schema_values_have(STR("Enabled|IfPossible"), mode)) {
		field_unsupported(s->errors, path, mode, "Disabled|Enabled|IfPossible");
		return;
	}
	if (!json_mut_get_bool(mount, "readOnly", false))
		field_forbidden(s->errors, path, "may only be specified when readOnly is true");
	if (propagation.len && !str_eq_c(propagation, "None"))
		field_forbidden(s->errors, path,
				"may only be specified when mountPropagation is None or not "
				"specified");
}

/* Upstream names the list, not the mount, from here on. */
static void check_mount_details(const struct scope *s, const struct field_path *path,
				const struct field_path *here, yyjson_mut_val *mount)
{
	struct str sub = json_mut_get_str(mount, "subPath"),
		   expression = json_mut_get_str(mount, "subPathExpr");

	rule_local_path(s, FIELD_NAME(path, "subPath"), yyjson_mut_obj_get(mount, "subPath"));
	if (sub.len && expression.len)
		field_invalid_str(s->errors, FIELD_NAME(here, "subPathExpr"), expression,
				  "subPathExpr and subPath are mutually exclusive");
	rule_local_path(s, FIELD_NAME(path, "subPathExpr"),
			yyjson_mut_obj_get(mount, "subPathExpr"));
	check_propagation(s, FIELD_NAME(path, "mountPropagation"),
			  yyjson_mut_obj_get(mount, "mountPropagation"));
	check_recursion(s, FIELD_NAME(path, "recursiveReadOnly"), mount);
}

static void check_image_mount(const struct scope *s, const struct field_path *here,
			      yyjson_mut_val *volume, yyjson_mut_val *mount)
{
	struct str expression = json_mut_get_str(mount, "subPathExpr");

	if (yyjson_mut_obj_get(volume, "image") && expression.len)
		field_invalid_str(s->errors, FIELD_NAME(here, "subPathExpr"), expression,
				  "not allowed in image volume sources");
}

static void check_mounts(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	const struct pod_scope *pod = s->own;
	yyjson_mut_val *devices = yyjson_mut_obj_get(pod->container, "volumeDevices");
	AUTO_JSON_INDEX paths = { .slots = NULL };
	AUTO_JSON_INDEX device_names = { .slots = NULL };
	AUTO_JSON_INDEX device_paths = { .slots = NULL };
	size_t i = 0;

	if (!yyjson_mut_arr_size(v))
		return;
	json_index_init(&paths, yyjson_mut_arr_size(v));
	json_index_init_of_mut(&device_names, devices, "name");
	json_index_init_of_mut(&device_paths, devices, "devicePath");
	JSON_MUT_EACH (mount, v) {
		const struct field_path *here = FIELD_INDEX(path, i++);
		struct str name = json_mut_get_str(mount, "name"),
			   at = json_mut_get_str(mount, "mountPath");
		yyjson_mut_val *volume = json_index_get(&pod->volumes, name);

		if (!name.len)
			field_required(s->errors, FIELD_NAME(here, "name"), "");
		if (!volume)
			field_not_found(s->errors, FIELD_NAME(here, "name"), name);
		if (!at.len)
			field_required(s->errors, FIELD_NAME(here, "mountPath"), "");
		if (json_index_add(&paths, at, mount))
			field_invalid_str(s->errors, FIELD_NAME(here, "mountPath"), at,
					  "must be unique");
		if (json_index_get(&device_names, name))
			field_invalid_str(s->errors, FIELD_NAME(here, "name"), name,
					  "must not already exist in volumeDevices");
		if (json_index_get(&device_paths, at))
			field_invalid_str(s->errors, FIELD_NAME(here, "mountPath"), at,
					  "must not already exist as a path in volumeDevices");
		check_image_mount(s, here, volume, mount);
		check_mount_details(s, path, here, mount);
	}
}

static void check_device_name(const struct scope *s, const struct field_path *here, struct str name,
			      bool is_first)
{
	const struct pod_scope *pod = s->own;
	yyjson_mut_val *volume = json_index_get(&pod->volumes, name);

	if (!name.len)
		field_required(s->errors, here, "");
	if (!is_first)
		field_invalid_str(s->errors, here, name, "must be unique");
	if (!volume)
		field_not_found(s->errors, here, name);
	else if (!yyjson_mut_obj_get(volume, "persistentVolumeClaim") &&
		 !yyjson_mut_obj_get(volume, "ephemeral"))
		field_invalid_str(s->errors, here, name,
				  "can only use volume source type of PersistentVolumeClaim or "
				  "Ephemeral for block mode");
}

static void check_devices(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	const struct pod_scope *pod = s->own;
	yyjson_mut_val *mounts = yyjson_mut_obj_get(pod->container, "volumeMounts");
	AUTO_JSON_INDEX names = { .slots = NULL };
	AUTO_JSON_INDEX paths = { .slots = NULL };
	AUTO_JSON_INDEX mount_names = { .slots = NULL };
	AUTO_JSON_INDEX mount_paths = { .slots = NULL };
	size_t i = 0;

	if (!yyjson_mut_arr_size(v))
		return;
	json_index_init(&names, yyjson_mut_arr_size(v));
	json_index_init(&paths, yyjson_mut_arr_size(v));
	json_index_init_of_mut(&mount_names, mounts, "name");
	json_index_init_of_mut(&mount_paths, mounts, "mountPath");
	JSON_MUT_EACH (device, v) {
		const struct field_path *here = FIELD_INDEX(path, i++),
					*path_here = FIELD_NAME(here, "devicePath");
		struct str name = json_mut_get_str(device, "name"),
			   at = json_mut_get_str(device, "devicePath");

		check_device_name(s, FIELD_NAME(here, "name"), name,
				  !name.len || !json_index_add(&names, name, device));
		if (!at.len)
			field_required(s->errors, path_here, "");
		if (json_index_get(&paths, at))
			field_invalid_str(s->errors, path_here, at, "must be unique");
		if (path_steps_back(at))
			field_invalid_str(s->errors, path_here, at,
					  "can not contain backsteps ('..')");
		else
			(void)json_index_add(&paths, at, device);
		if (json_index_get(&mount_names, name))
			field_invalid_str(s->errors, FIELD_NAME(here, "name"), name,
					  "must not already exist in volumeMounts");
		if (json_index_get(&mount_paths, at))
			field_invalid_str(s->errors, path_here, at,
					  "must not already exist as a path in volumeMounts");
	}
}

/* ---- policies ---- */

/* Upstream names the list here. */
static void check_word(const struct scope *s, const struct field_path *path, struct str word,
		       const char *values)
{
	if (!word.len)
		field_required(s->errors, path, "");
	else if (!schema_values_have(str_from(values), word))
		field_unsupported(s->errors, path, word, values);
}

static void check_resize_policy(const struct scope *s, const struct field_path *path,
				yyjson_mut_val *v)
{
	const struct pod_scope *pod = s->own;
	bool never = str_eq_c(json_mut_get_str(pod->spec, "restartPolicy"), "Never");
	AUTO_JSON_INDEX seen = { .slots = NULL };
	size_t i = 0;

	if (!yyjson_mut_arr_size(v))
		return;
	json_index_init(&seen, yyjson_mut_arr_size(v));
	JSON_MUT_EACH (policy, v) {
		const struct field_path *here = FIELD_INDEX(path, i++);
		struct str name = json_mut_get_str(policy, "resourceName"),
			   restart = json_mut_get_str(policy, "restartPolicy");

		if (json_index_add(&seen, name, policy))
			field_duplicate_str(s->errors, here, name);
		check_word(s, path, name, "cpu|memory");
		check_word(s, path, restart, "NotRequired|RestartContainer");
		if (never && !str_eq_c(restart, "NotRequired"))
			field_invalid_str(s->errors, path, restart,
					  "must be 'NotRequired' when `restartPolicy` is 'Never'");
	}
}

static void check_exit_codes(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *v)
{
	static const struct rule rules[] = {
		RULE_NEED_ONE_OF("operator", "In|NotIn"),
		RULE_AT_MOST("values", RESTART_CODES_MAX),
		{ 0 },
	};

	if (v)
		rules_check(s, rules, path, v);
	else
		field_required(s->errors, path, "must be specified");
}

static const struct rule restart_rules[] = {
	RULE_NEED_ONE_OF("action", "Restart|RestartAllContainers"),
	RULE_CALL("exitCodes", check_exit_codes),
	{ 0 },
};

static const struct rule restart_policy_rules[] = {
	RULE_ONE_OF("restartPolicy", "Always|Never|OnFailure"),
	RULE_AT_MOST("restartPolicyRules", RESTART_RULES_MAX),
	RULE_EACH("restartPolicyRules", restart_rules),
	{ 0 },
};

static void check_restart_policy(const struct scope *s, const struct field_path *path,
				 yyjson_mut_val *container)
{
	if (!json_mut_get_str(container, "restartPolicy").len &&
	    json_mut_get_count(container, "restartPolicyRules"))
		field_required(s->errors, FIELD_NAME(path, "restartPolicy"),
			       "must specify restartPolicy when restart rules are used");
	rules_check(s, restart_policy_rules, path, container);
}

/* ---- the container ---- */

static const struct rule common_rules[] = {
	RULE_NEED_NAME("name", name_label_problem),
	RULE_NEED("image", ""),
	RULE_NEED_ONE_OF("terminationMessagePolicy", "File|FallbackToLogsOnError"),
	RULE_CALL("ports", check_ports),
	RULE_CALL("env", rule_env),
	RULE_CALL("envFrom", rule_env_from),
	RULE_CALL("volumeMounts", check_mounts),
	RULE_CALL("volumeDevices", check_devices),
	RULE_NEED_ONE_OF("imagePullPolicy", "Always|IfNotPresent|Never"),
	RULE_CALL("resources", rule_container_resources),
	RULE_CALL("resizePolicy", check_resize_policy),
	RULE_CALL("securityContext", rule_container_security),
	{ 0 },
};

static const struct rule running_rules[] = {
	RULE_CALL("lifecycle", rule_lifecycle),
	RULE_CALL("livenessProbe", rule_probe_liveness),
	RULE_CALL("readinessProbe", rule_probe_readiness),
	RULE_CALL("startupProbe", rule_probe_liveness),
	{ 0 },
};

#define NOT_ONCE "may not be set for init containers without restartPolicy=Always"

static const struct rule once_rules[] = {
	RULE_FORBID("lifecycle", NOT_ONCE),
	RULE_FORBID("livenessProbe", NOT_ONCE),
	RULE_FORBID("readinessProbe", NOT_ONCE),
	RULE_FORBID("startupProbe", NOT_ONCE),
	{ 0 },
};

static void check_common(const struct scope *s, const struct field_path *path,
			 yyjson_mut_val *container)
{
	struct pod_scope *pod = s->own;
	struct str name = json_mut_get_str(container, "name"),
		   image = json_mut_get_str(container, "image");

	pod->container = container;
	rules_check(s, common_rules, path, container);
	if (pod->is_pod && str_trim(image).len != image.len)
		field_invalid_str(s->errors, FIELD_NAME(path, "image"), image,
				  "must not have leading or trailing whitespace");
	if (name.len && json_index_add(&pod->containers, name, container))
		field_duplicate_str(s->errors, FIELD_NAME(path, "name"), name);
}

static void check_container(const struct scope *s, const struct field_path *path,
			    yyjson_mut_val *container)
{
	check_common(s, path, container);
	rules_check(s, running_rules, path, container);
	check_restart_policy(s, path, container);
}

static void check_init_container(const struct scope *s, const struct field_path *path,
				 yyjson_mut_val *container)
{
	bool stays = str_eq_c(json_mut_get_str(container, "restartPolicy"), "Always");

	check_common(s, path, container);
	check_restart_policy(s, path, container);
	check_own_host_ports(s, path, container);
	rules_check(s, stays ? running_rules : once_rules, path, container);
}

static void check_ephemeral_mounts(const struct scope *s, const struct field_path *path,
				   yyjson_mut_val *mounts)
{
	static const struct rule rules[] = {
		RULE_FORBID("subPath", "cannot be set for an Ephemeral Container"),
		RULE_FORBID("subPathExpr", "cannot be set for an Ephemeral Container"),
		{ 0 },
	};
	size_t i = 0;

	JSON_MUT_EACH (mount, mounts)
		rules_check(s, rules, FIELD_INDEX(path, i++), mount);
}

/* Not to be relied on, so without everything that others rely on. */
static void check_ephemeral_container(const struct scope *s, const struct field_path *path,
				      yyjson_mut_val *container)
{
	static const char *const refused[] = {
		"ports",	  "resources",		"resizePolicy",
		"restartPolicy",  "restartPolicyRules", "livenessProbe",
		"readinessProbe", "startupProbe",	"lifecycle"
	};
	const struct pod_scope *pod = s->own;
	struct str target = json_mut_get_str(container, "targetContainerName");

	check_common(s, path, container);
	if (target.len && !json_index_get(&pod->joined, target))
		field_not_found(s->errors, FIELD_NAME(path, "targetContainerName"), target);
	for (size_t i = 0; i < ARRAY_COUNT(refused); i++)
		if (!is_zero_value(yyjson_mut_obj_get(container, refused[i])))
			field_forbidden(s->errors, FIELD_NAME(path, refused[i]),
					"cannot be set for an Ephemeral Container");
	check_ephemeral_mounts(s, FIELD_NAME(path, "volumeMounts"),
			       yyjson_mut_obj_get(container, "volumeMounts"));
}

static void check_list(const struct scope *s, const struct field_path *path, const char *key,
		       rule_check *check)
{
	const struct pod_scope *pod = s->own;
	size_t i = 0;

	JSON_MUT_EACH (container, yyjson_mut_obj_get(pod->spec, key))
		check(s, FIELD_INDEX(FIELD_NAME(path, key), i++), container);
}

void container_list_validate(const struct scope *s, const struct field_path *path)
{
	struct pod_scope *pod = s->own;
	yyjson_mut_val *containers = yyjson_mut_obj_get(pod->spec, "containers"),
		       *init = yyjson_mut_obj_get(pod->spec, "initContainers"),
		       *ephemeral = yyjson_mut_obj_get(pod->spec, "ephemeralContainers");

	json_index_init_of_mut(&pod->joined, containers, "name");
	JSON_MUT_EACH (one, init)
		(void)json_index_add(&pod->joined, json_mut_get_str(one, "name"), one);
	json_index_init(&pod->containers, yyjson_mut_arr_size(containers) +
						  yyjson_mut_arr_size(init) +
						  yyjson_mut_arr_size(ephemeral));
	if (!yyjson_mut_arr_size(containers))
		field_required(s->errors, FIELD_NAME(path, "containers"), "");
	check_list(s, path, "containers", check_container);
	check_host_ports(s, FIELD_NAME(path, "containers"), containers);
	check_list(s, path, "initContainers", check_init_container);
	check_list(s, path, "ephemeralContainers", check_ephemeral_container);
	json_index_deinit(&pod->containers);
	json_index_deinit(&pod->joined);
}
