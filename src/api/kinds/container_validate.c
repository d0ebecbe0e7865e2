/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of containers: names, images, ports, variables, resources, mounts, probes and hooks. */
#include "api/kinds/pod_spec.h"

#include "api/meta.h"
#include "api/quantity.h"
#include "codec/json_index.h"

/* What the containers of one pod are checked against. */
struct pod_names {
	struct json_index containers; /* names seen */
	struct json_index volumes;    /* by name: the volume */
};

static void validate_ports(yyjson_mut_val *ports, const struct field_path *path,
			   struct field_errors *errors)
{
	AUTO_JSON_INDEX names = { .slots = NULL };
	size_t i = 0;

	json_index_init(&names, yyjson_mut_arr_size(ports));
	JSON_MUT_EACH (port, ports) {
		const struct field_path *here = FIELD_INDEX(path, i++);
		struct str name = json_mut_get_str(port, "name"),
			   protocol = json_mut_get_str(port, "protocol");
		yyjson_mut_val *host = yyjson_mut_obj_get(port, "hostPort");
		int64_t number = json_mut_get_int(port, "containerPort", 0);

		if (name.len && name_port_problem(name))
			field_invalid_str(errors, FIELD_NAME(here, "name"), name,
					  name_port_problem(name));
		else if (name.len && json_index_add(&names, name, port))
			field_duplicate_str(errors, FIELD_NAME(here, "name"), name);
		if (!number)
			field_required(errors, FIELD_NAME(here, "containerPort"), "");
		else
			port_number_validate(number, FIELD_NAME(here, "containerPort"), errors);
		if (host && json_mut_int(host, 0))
			port_number_validate(json_mut_int(host, 0), FIELD_NAME(here, "hostPort"),
					     errors);
		if (!protocol.len)
			field_required(errors, FIELD_NAME(here, "protocol"), "");
		else if (!schema_values_have(STR("SCTP|TCP|UDP"), protocol))
			field_unsupported(errors, FIELD_NAME(here, "protocol"), protocol,
					  "SCTP|TCP|UDP");
	}
}

static void validate_value_from(yyjson_mut_val *var, const struct field_path *path,
				struct field_errors *errors)
{
	yyjson_mut_val *from = yyjson_mut_obj_get(var, "valueFrom");
	const struct field_path *here = FIELD_NAME(path, "valueFrom");
	static const char *const refs[] = { "configMapKeyRef", "secretKeyRef" };

	if (!from)
		return;
	if (json_mut_get_str(var, "value").len)
		field_invalid_str(errors, here, STR(""),
				  "may not be specified when `value` is not empty");
	if (!yyjson_mut_obj_size(from))
		field_invalid_str(errors, here, STR(""),
				  "must specify one of: `fieldRef`, `resourceFieldRef`, "
				  "`configMapKeyRef` or `secretKeyRef`");
	else if (yyjson_mut_obj_size(from) > 1)
		field_invalid_str(errors, here, STR(""),
				  "may not have more than one field specified at a time");
	for (size_t i = 0; i < ARRAY_COUNT(refs); i++) {
		yyjson_mut_val *ref = yyjson_mut_obj_get(from, refs[i]);
		struct str key = json_mut_get_str(ref, "key");

		if (!ref)
			continue;
		if (!key.len)
			field_required(errors, FIELD_NAME(FIELD_NAME(here, refs[i]), "key"), "");
		else if (name_config_key_problem(key))
			field_invalid_str(errors, FIELD_NAME(FIELD_NAME(here, refs[i]), "key"), key,
					  name_config_key_problem(key));
	}
	if (yyjson_mut_obj_get(from, "fieldRef") &&
	    !json_mut_get_str(from, "fieldRef.fieldPath").len)
		field_required(errors, FIELD_NAME(FIELD_NAME(here, "fieldRef"), "fieldPath"), "");
	if (yyjson_mut_obj_get(from, "resourceFieldRef") &&
	    !json_mut_get_str(from, "resourceFieldRef.resource").len)
		field_required(errors, FIELD_NAME(FIELD_NAME(here, "resourceFieldRef"), "resource"),
			       "");
}

static void validate_env(yyjson_mut_val *container, const struct field_path *path,
			 struct field_errors *errors)
{
	size_t i = 0;

	JSON_MUT_EACH (var, yyjson_mut_obj_get(container, "env")) {
		const struct field_path *here = FIELD_INDEX(FIELD_NAME(path, "env"), i++);
		struct str name = json_mut_get_str(var, "name");

		if (!name.len)
			field_required(errors, FIELD_NAME(here, "name"), "");
		else if (name_env_problem(name))
			field_invalid_str(errors, FIELD_NAME(here, "name"), name,
					  name_env_problem(name));
		validate_value_from(var, here, errors);
	}
	i = 0;
	JSON_MUT_EACH (source, yyjson_mut_obj_get(container, "envFrom")) {
		const struct field_path *here = FIELD_INDEX(FIELD_NAME(path, "envFrom"), i++);
		yyjson_mut_val *map = yyjson_mut_obj_get(source, "configMapRef"),
			       *secret = yyjson_mut_obj_get(source, "secretRef");

		if (!map && !secret)
			field_invalid_str(errors, here, STR(""),
					  "must specify one of: `configMapRef` or `secretRef`");
		else if (map && secret)
			field_invalid_str(errors, here, STR(""),
					  "may not have more than one field specified at a time");
		if (map && !json_mut_get_str(map, "name").len)
			field_required(errors, FIELD_NAME(FIELD_NAME(here, "configMapRef"), "name"),
				       "");
		if (secret && !json_mut_get_str(secret, "name").len)
			field_required(errors, FIELD_NAME(FIELD_NAME(here, "secretRef"), "name"),
				       "");
	}
}

/* ---- resources ---- */

static bool is_standard_resource(struct str name)
{
	return schema_values_have(STR("cpu|memory|ephemeral-storage"), name) ||
	       str_has_prefix(name, STR("hugepages-"));
}

static void validate_resource(struct str name, struct str text, const struct field_path *path,
			      struct field_errors *errors)
{
	const char *problem = name_qualified_problem(name);
	struct quantity q;

	if (problem)
		field_invalid_str(errors, path, name, problem);
	else if (str_find_char(name, '/', 0) == SIZE_MAX && !is_standard_resource(name))
		field_invalid_str(errors, path, name,
				  "must be a standard resource type or fully qualified");
	if (quantity_parse(text, &q, NULL) == 0 && q.nano < 0)
		field_invalid_str(errors, path, text, "must be greater than or equal to 0");
	if (str_find_char(name, '/', 0) != SIZE_MAX && quantity_parse(text, &q, NULL) == 0 &&
	    q.nano % 1000000000)
		field_invalid_str(errors, path, text, "must be an integer");
}

static void resources_validate(yyjson_mut_val *resources, const struct field_path *path,
			       struct field_errors *errors)
{
	const struct field_path *limits_path = FIELD_NAME(path, "limits"),
				*requests_path = FIELD_NAME(path, "requests");
	yyjson_mut_val *limits = yyjson_mut_obj_get(resources, "limits");

	JSON_MUT_MEMBERS (key, value, limits)
		validate_resource(json_mut_str(key), json_mut_str(value),
				  FIELD_KEY(limits_path, json_mut_str(key)), errors);
	JSON_MUT_MEMBERS (name, amount, yyjson_mut_obj_get(resources, "requests")) {
		struct str limit = json_mut_str(json_mut_key(limits, json_mut_str(name)));
		struct quantity most, asked;
		const struct field_path *here = FIELD_KEY(requests_path, json_mut_str(name));

		validate_resource(json_mut_str(name), json_mut_str(amount), here, errors);
		if (!limit.len || quantity_parse(limit, &most, NULL) < 0 ||
		    quantity_parse(json_mut_str(amount), &asked, NULL) < 0)
			continue;
		if (quantity_cmp(&asked, &most) > 0)
			field_invalid_str(errors, requests_path, json_mut_str(amount),
					  str_printf_in(errors->arena,
							"must be less than or equal to " STR_FMT
							" limit of " STR_FMT,
							STR_ARG(json_mut_str(name)), STR_ARG(limit))
						  .ptr);
	}
}

/* ---- mounts ---- */

static const char *sub_path_problem(struct str path)
{
	struct str part;

	if (path.len && path.ptr[0] == '/')
		return "must be a relative path";
	while (str_next_part(&path, '/', &part)) {
		if (str_eq_c(part, ".."))
			return "must not contain '..'";
	}
	return NULL;
}

static void validate_mounts(yyjson_mut_val *container, const struct pod_names *names,
			    const struct field_path *path, struct field_errors *errors)
{
	yyjson_mut_val *mounts = yyjson_mut_obj_get(container, "volumeMounts");
	AUTO_JSON_INDEX paths = { .slots = NULL };
	size_t i = 0;

	json_index_init(&paths, yyjson_mut_arr_size(mounts));
	JSON_MUT_EACH (mount, mounts) {
		const struct field_path *here = FIELD_INDEX(FIELD_NAME(path, "volumeMounts"), i++);
		struct str name = json_mut_get_str(mount, "name"),
			   mount_path = json_mut_get_str(mount, "mountPath");
		struct str sub_path = json_mut_get_str(mount, "subPath");

		if (!name.len)
			field_required(errors, FIELD_NAME(here, "name"), "");
		else if (!json_index_get(&names->volumes, name))
			field_not_found(errors, FIELD_NAME(here, "name"), name);
		if (!mount_path.len)
			field_required(errors, FIELD_NAME(here, "mountPath"), "");
		else if (json_index_add(&paths, mount_path, mount))
			field_invalid_str(errors, FIELD_NAME(here, "mountPath"), mount_path,
					  "must be unique");
		if (sub_path_problem(sub_path))
			field_invalid_str(errors, FIELD_NAME(here, "subPath"), sub_path,
					  sub_path_problem(sub_path));
		if (sub_path.len && json_mut_get_str(mount, "subPathExpr").len)
			field_invalid_str(errors, FIELD_NAME(here, "subPathExpr"),
					  json_mut_get_str(mount, "subPathExpr"),
					  "subPathExpr and subPath are mutually exclusive");
	}
}

/* ---- probes and hooks ---- */

static void validate_http(yyjson_mut_val *http, const struct field_path *path,
			  struct field_errors *errors)
{
	struct str scheme = json_mut_get_str(http, "scheme");
	size_t i = 0;

	if (!json_mut_get_str(http, "path").len)
		field_required(errors, FIELD_NAME(path, "path"), "");
	port_validate(yyjson_mut_obj_get(http, "port"), FIELD_NAME(path, "port"), errors);
	if (!schema_values_have(STR("HTTP|HTTPS"), scheme))
		field_unsupported(errors, FIELD_NAME(path, "scheme"), scheme, "HTTP|HTTPS");
	JSON_MUT_EACH (header, yyjson_mut_obj_get(http, "httpHeaders")) {
		struct str name = json_mut_get_str(header, "name");
		bool good = name.len > 0;

		for (size_t k = 0; k < name.len; k++)
			good &= name.ptr[k] == '-' || (name.ptr[k] >= '0' && name.ptr[k] <= '9') ||
				((name.ptr[k] | 0x20) >= 'a' && (name.ptr[k] | 0x20) <= 'z');
		if (!good)
			field_invalid_str(
				errors,
				FIELD_NAME(FIELD_INDEX(FIELD_NAME(path, "httpHeaders"), i), "name"),
				name,
				"a valid HTTP header must consist of alphanumeric characters or "
				"'-' (e.g. 'X-Header-Name', "
				"regex used for validation is '[-A-Za-z0-9]+')");
		i++;
	}
}

/* kinds: of handlers allowed besides exec, httpGet and tcpSocket. */
static void validate_handler(yyjson_mut_val *handler, const struct field_path *path,
			     const char *further, struct field_errors *errors)
{
	static const char *const names[] = { "exec", "httpGet", "tcpSocket" };
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_COUNT(names) + 1; i++) {
		const char *name = i < ARRAY_COUNT(names) ? names[i] : further;

		if (!yyjson_mut_obj_get(handler, name))
			continue;
		if (count++)
			field_forbidden(errors, FIELD_NAME(path, name),
					"may not specify more than 1 handler type");
	}
	if (!count) {
		field_required(errors, path, "must specify a handler type");
		return;
	}
	if (yyjson_mut_obj_get(handler, "exec") && !json_mut_get_count(handler, "exec.command"))
		field_required(errors, FIELD_NAME(FIELD_NAME(path, "exec"), "command"), "");
	if (yyjson_mut_obj_get(handler, "httpGet"))
		validate_http(yyjson_mut_obj_get(handler, "httpGet"), FIELD_NAME(path, "httpGet"),
			      errors);
	if (yyjson_mut_obj_get(handler, "tcpSocket"))
		port_validate(json_mut_get(handler, "tcpSocket.port"),
			      FIELD_NAME(FIELD_NAME(path, "tcpSocket"), "port"), errors);
	if (yyjson_mut_obj_get(handler, "grpc"))
		port_number_validate(json_mut_get_int(handler, "grpc.port", 0),
				     FIELD_NAME(FIELD_NAME(path, "grpc"), "port"), errors);
}

static void validate_probe(yyjson_mut_val *container, const char *key,
			   const struct field_path *parent, struct field_errors *errors)
{
	static const char *const numbers[] = { "initialDelaySeconds", "timeoutSeconds",
					       "periodSeconds", "successThreshold",
					       "failureThreshold" };
	yyjson_mut_val *probe = yyjson_mut_obj_get(container, key);
	const struct field_path *path = FIELD_NAME(parent, key);
	int64_t successes = json_mut_get_int(probe, "successThreshold", 1);

	if (!probe)
		return;
	validate_handler(probe, path, "grpc", errors);
	for (size_t i = 0; i < ARRAY_COUNT(numbers); i++)
		nonnegative_validate(yyjson_mut_obj_get(probe, numbers[i]),
				     FIELD_NAME(path, numbers[i]), errors);
	if (strcmp(key, "readinessProbe") != 0 && successes != 1)
		field_invalid_int(errors, FIELD_NAME(path, "successThreshold"), successes,
				  "must be 1");
	if (yyjson_mut_obj_get(probe, "terminationGracePeriodSeconds") &&
	    json_mut_get_int(probe, "terminationGracePeriodSeconds", 1) <= 0)
		field_invalid_int(errors, FIELD_NAME(path, "terminationGracePeriodSeconds"),
				  json_mut_get_int(probe, "terminationGracePeriodSeconds", 1),
				  "must be greater than 0");
}

static void validate_lifecycle(yyjson_mut_val *container, const struct field_path *path,
			       struct field_errors *errors)
{
	static const char *const hooks[] = { "postStart", "preStop" };

	for (size_t i = 0; i < ARRAY_COUNT(hooks); i++) {
		yyjson_mut_val *hook = yyjson_mut_obj_get(
			yyjson_mut_obj_get(container, "lifecycle"), hooks[i]);

		if (hook)
			validate_handler(hook, FIELD_NAME(FIELD_NAME(path, "lifecycle"), hooks[i]),
					 "sleep", errors);
	}
}

/* ---- the container ---- */

static void validate_policies(yyjson_mut_val *container, const struct field_path *path,
			      struct field_errors *errors)
{
	struct str pull = json_mut_get_str(container, "imagePullPolicy");
	struct str message = json_mut_get_str(container, "terminationMessagePolicy");
	yyjson_mut_val *security = yyjson_mut_obj_get(container, "securityContext");

	if (!pull.len)
		field_required(errors, FIELD_NAME(path, "imagePullPolicy"), "");
	else if (!schema_values_have(STR("Always|IfNotPresent|Never"), pull))
		field_unsupported(errors, FIELD_NAME(path, "imagePullPolicy"), pull,
				  "Always|IfNotPresent|Never");
	if (!schema_values_have(STR("FallbackToLogsOnError|File"), message))
		field_unsupported(errors, FIELD_NAME(path, "terminationMessagePolicy"), message,
				  "FallbackToLogsOnError|File");
	nonnegative_validate(yyjson_mut_obj_get(security, "runAsUser"),
			     FIELD_NAME(FIELD_NAME(path, "securityContext"), "runAsUser"), errors);
	nonnegative_validate(yyjson_mut_obj_get(security, "runAsGroup"),
			     FIELD_NAME(FIELD_NAME(path, "securityContext"), "runAsGroup"), errors);
	if (json_mut_get_bool(security, "privileged", false) &&
	    !json_mut_get_bool(security, "allowPrivilegeEscalation", true))
		field_invalid_val(
			errors, FIELD_NAME(path, "securityContext"), security,
			"cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
}

static void validate_container(yyjson_mut_val *container, struct pod_names *names,
			       const struct field_path *path, struct field_errors *errors)
{
	struct str name = json_mut_get_str(container, "name"),
		   image = json_mut_get_str(container, "image");

	if (!name.len)
		field_required(errors, FIELD_NAME(path, "name"), "");
	else if (name_label_problem(name))
		field_invalid_str(errors, FIELD_NAME(path, "name"), name, name_label_problem(name));
	else if (json_index_add(&names->containers, name, container))
		field_duplicate_str(errors, FIELD_NAME(path, "name"), name);
	if (!image.len)
		field_required(errors, FIELD_NAME(path, "image"), "");
	else if (str_trim(image).len != image.len)
		field_invalid_str(errors, FIELD_NAME(path, "image"), image,
				  "must not have leading or trailing whitespace");
	validate_ports(yyjson_mut_obj_get(container, "ports"), FIELD_NAME(path, "ports"), errors);
	validate_env(container, path, errors);
	validate_mounts(container, names, path, errors);
	resources_validate(yyjson_mut_obj_get(container, "resources"),
			   FIELD_NAME(path, "resources"), errors);
	validate_probe(container, "livenessProbe", path, errors);
	validate_probe(container, "readinessProbe", path, errors);
	validate_probe(container, "startupProbe", path, errors);
	validate_lifecycle(container, path, errors);
	validate_policies(container, path, errors);
}

static void validate_init_container(yyjson_mut_val *container, const struct field_path *path,
				    struct field_errors *errors)
{
	static const char *const never[] = { "lifecycle", "livenessProbe", "readinessProbe",
					     "startupProbe" };
	bool sidecar = str_eq_c(json_mut_get_str(container, "restartPolicy"), "Always");

	for (size_t i = 0; !sidecar && i < ARRAY_COUNT(never); i++) {
		if (yyjson_mut_obj_get(container, never[i]))
			field_forbidden(errors, FIELD_NAME(path, never[i]),
					"may not be set for init containers without "
					"restartPolicy=Always");
	}
}

/* Two containers of a pod cannot have the same port of the node. */
static void validate_host_ports(yyjson_mut_val *containers, const struct field_path *path,
				struct field_errors *errors)
{
	AUTO_JSON_INDEX seen = { .slots = NULL };
	size_t i = 0, count = 0;

	JSON_MUT_EACH (container, containers)
		count += json_mut_get_count(container, "ports");
	json_index_init(&seen, count);
	JSON_MUT_EACH (container, containers) {
		const struct field_path *here = FIELD_NAME(FIELD_INDEX(path, i++), "ports");
		size_t j = 0;

		JSON_MUT_EACH (port, yyjson_mut_obj_get(container, "ports")) {
			int64_t number = json_mut_get_int(port, "hostPort", 0);
			struct str key;

			if (number) {
				key = str_printf_in(errors->arena, STR_FMT "/" STR_FMT "/%lld",
						    STR_ARG(json_mut_get_str(port, "protocol")),
						    STR_ARG(json_mut_get_str(port, "hostIP")),
						    (long long)number);
				if (json_index_add(&seen, key, port))
					field_duplicate_str(
						errors,
						FIELD_NAME(FIELD_INDEX(here, j), "hostPort"), key);
			}
			j++;
		}
	}
}

void container_list_validate(yyjson_mut_val *spec, const struct field_path *path,
			     struct field_errors *errors)
{
	static const char *const lists[] = { "containers", "initContainers",
					     "ephemeralContainers" };
	yyjson_mut_val *volumes = yyjson_mut_obj_get(spec, "volumes"),
		       *containers = yyjson_mut_obj_get(spec, "containers");
	struct pod_names names = { .containers = { .slots = NULL } };
	size_t count = 0;

	for (size_t k = 0; k < ARRAY_COUNT(lists); k++)
		count += json_mut_get_count(spec, lists[k]);
	json_index_init(&names.containers, count);
	json_index_init(&names.volumes, yyjson_mut_arr_size(volumes));
	JSON_MUT_EACH (volume, volumes)
		(void)json_index_add(&names.volumes, json_mut_get_str(volume, "name"), volume);
	if (!yyjson_mut_arr_size(containers))
		field_required(errors, FIELD_NAME(path, "containers"), "");
	for (size_t k = 0; k < ARRAY_COUNT(lists); k++) {
		size_t i = 0;

		JSON_MUT_EACH (container, yyjson_mut_obj_get(spec, lists[k])) {
			const struct field_path *here = FIELD_INDEX(FIELD_NAME(path, lists[k]),
								    i++);

			validate_container(container, &names, here, errors);
			if (k == 1)
				validate_init_container(container, here, errors);
		}
	}
	validate_host_ports(containers, FIELD_NAME(path, "containers"), errors);
	json_index_deinit(&names.containers);
	json_index_deinit(&names.volumes);
}
