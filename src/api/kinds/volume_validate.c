/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes of pods and PersistentVolumes: exactly one source each, and what each source needs. */
#include "api/kinds/limits.h"
#include "api/kinds/pod_spec.h"

#include "api/quantity.h"

#define ISCSI_TOO_LONG                                                                       \
	"Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if " \
	"iscsi.initiatorName is specified."

/* ---- paths and modes ---- */

bool path_steps_back(struct str path)
{
	struct str part;

	while (str_next_part(&path, '/', &part))
		if (str_eq_c(part, ".."))
			return true;
	return false;
}

/* Without "..". */
static void rule_node_path(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	if (path_steps_back(json_mut_str(v)))
		field_invalid_str(s->errors, path, json_mut_str(v), "must not contain '..'");
}

void rule_local_path(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str text = json_mut_str(v);

	if (str_has_prefix(text, STR("/")))
		field_invalid_str(s->errors, path, text, "must be a relative path");
	rule_node_path(s, path, v);
}

/* Relative, without "..", and not starting with these two dots. */
static void rule_own_file_path(const struct scope *s, const struct field_path *path,
			       yyjson_mut_val *v)
{
	struct str text = json_mut_str(v);

	rule_local_path(s, path, v);
	if (str_has_prefix(text, STR("..")) && !str_has_prefix(text, STR("../")) &&
	    !str_eq_c(text, ".."))
		field_invalid_str(s->errors, path, text, "must not start with '..'");
}

static void rule_file_mode(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	int64_t mode = json_mut_int(v, 0);

	if (mode < 0 || mode > 0777)
		field_invalid_int(s->errors, path, mode,
				  "must be a number between 0 and 0777 (octal), both inclusive");
}

static void check_absolute(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	if (!str_has_prefix(json_mut_str(v), STR("/")))
		field_invalid_str(s->errors, path, json_mut_str(v), "must be an absolute path");
}

/* ---- files made of objects ---- */

static const struct rule key_to_path_rules[] = {
	RULE_NEED("key", ""),
	RULE_NEED("path", ""),
	RULE_CALL("path", rule_own_file_path),
	RULE_CALL("mode", rule_file_mode),
	{ 0 },
};

static const struct rule secret_rules[] = {
	RULE_NEED("secretName", ""),
	RULE_CALL("defaultMode", rule_file_mode),
	RULE_EACH("items", key_to_path_rules),
	{ 0 },
};

static const struct rule configmap_rules[] = {
	RULE_NEED("name", ""),
	RULE_CALL("defaultMode", rule_file_mode),
	RULE_EACH("items", key_to_path_rules),
	{ 0 },
};

static void check_file(const struct scope *s, const struct field_path *path, yyjson_mut_val *file)
{
	static const struct rule path_rules[] = {
		RULE_NEED("path", ""),
		RULE_CALL("path", rule_own_file_path),
		{ 0 },
	};
	static const struct rule mode_rules[] = { RULE_CALL("mode", rule_file_mode), { 0 } };
	yyjson_mut_val *field = yyjson_mut_obj_get(file, "fieldRef"),
		       *resource = yyjson_mut_obj_get(file, "resourceFieldRef");

	rules_check(s, path_rules, path, file);
	rule_field_ref(s, FIELD_NAME(path, "fieldRef"), field);
	if (field && resource)
		field_invalid_str(s->errors, path, STR("resource"),
				  "fieldRef and resourceFieldRef can not be specified "
				  "simultaneously");
	else if (resource)
		rule_resource_ref_of_volume(s, FIELD_NAME(path, "resourceFieldRef"), resource);
	else if (!field)
		field_required(s->errors, path, "one of fieldRef and resourceFieldRef is required");
	rules_check(s, mode_rules, path, file);
}

/* Upstream names the volume, not the item. */
static void check_files(const struct scope *s, const struct field_path *path,
			yyjson_mut_val *holder)
{
	JSON_MUT_EACH (file, yyjson_mut_obj_get(holder, "items"))
		check_file(s, path, file);
}

static const struct rule downward_rules[] = {
	RULE_CALL("defaultMode", rule_file_mode),
	RULE_CALL(NULL, check_files),
	{ 0 },
};

/* ---- projected ---- */

/* said: what the complaint names: the object of a Secret or ConfigMap, else the file. */
static void check_unique_path(const struct scope *s, const struct field_path *path,
			      struct json_index *paths, struct str file, struct str said)
{
	static const char mark;

	if (file.len && json_index_add(paths, file, (void *)&mark))
		field_invalid_str(s->errors, path, said, "conflicting duplicate paths");
}

static void check_token(const struct scope *s, const struct field_path *volume_path,
			const struct field_path *path, yyjson_mut_val *token)
{
	int64_t seconds = json_mut_get_int(token, "expirationSeconds", 3600);
	const struct field_path *here = FIELD_NAME(path, "expirationSeconds");

	if (seconds < 600)
		field_invalid_int(s->errors, here, seconds,
				  "may not specify a duration less than 10 minutes");
	if (seconds > INT64_C(1) << 32)
		field_invalid_int(s->errors, here, seconds,
				  "may not specify a duration larger than 2^32 seconds");
	if (!json_mut_get_str(token, "path").len)
		field_required(s->errors, FIELD_NAME(volume_path, "path"), "");
	else
		rule_own_file_path(s, FIELD_NAME(volume_path, "path"),
				   yyjson_mut_obj_get(token, "path"));
}

static void check_bundle(const struct scope *s, const struct field_path *path,
			 yyjson_mut_val *bundle)
{
	static const struct rule path_rules[] = {
		RULE_NEED("path", ""),
		RULE_CALL("path", rule_own_file_path),
		{ 0 },
	};
	yyjson_mut_val *name = yyjson_mut_obj_get(bundle, "name"),
		       *signer = yyjson_mut_obj_get(bundle, "signerName"),
		       *selector = yyjson_mut_obj_get(bundle, "labelSelector");

	if (name && signer)
		field_invalid_val(s->errors, path, bundle,
				  "only one of name and signerName may be used");
	else if (!name && !signer)
		field_required(s->errors, path, "either name or signerName must be specified");
	else if (name && !json_mut_str(name).len)
		field_required(s->errors, FIELD_NAME(path, "name"), "must be a valid object name");
	else if (name && selector)
		field_invalid_val(s->errors, FIELD_NAME(path, "labelSelector"), selector,
				  "labelSelector must be unset if name is specified");
	else if (signer && !json_mut_str(signer).len)
		field_required(s->errors, FIELD_NAME(path, "signerName"),
			       "must be a valid signer name");
	else if (signer)
		rule_selector(s, FIELD_NAME(path, "labelSelector"), selector);
	rules_check(s, path_rules, path, bundle);
}

static const struct rule projected_rules[][2] = {
	{ RULE_EACH("items", key_to_path_rules) },
};

static void check_object_source(const struct scope *s, const struct field_path *volume_path,
				const struct field_path *path, yyjson_mut_val *source,
				struct json_index *paths)
{
	if (!json_mut_get_str(source, "name").len)
		field_required(s->errors, FIELD_NAME(path, "name"), "");
	rules_check(s, projected_rules[0], path, source);
	JSON_MUT_EACH (item, yyjson_mut_obj_get(source, "items"))
		check_unique_path(s, volume_path, paths, json_mut_get_str(item, "path"),
				  json_mut_get_str(source, "name"));
}

static void check_projection(const struct scope *s, const struct field_path *volume_path,
			     const struct field_path *path, yyjson_mut_val *projection,
			     struct json_index *paths)
{
	static const char *const objects[] = { "secret", "configMap" };
	yyjson_mut_val *part;

	for (size_t i = 0; i < ARRAY_COUNT(objects); i++) {
		part = yyjson_mut_obj_get(projection, objects[i]);
		if (part)
			check_object_source(s, volume_path, FIELD_NAME(path, objects[i]), part,
					    paths);
	}
	part = yyjson_mut_obj_get(projection, "downwardAPI");
	check_files(s, FIELD_NAME(path, "downwardAPI"), part);
	JSON_MUT_EACH (item, yyjson_mut_obj_get(part, "items"))
		check_unique_path(s, volume_path, paths, json_mut_get_str(item, "path"),
				  json_mut_get_str(item, "path"));
	part = yyjson_mut_obj_get(projection, "serviceAccountToken");
	if (part)
		check_token(s, volume_path, FIELD_NAME(path, "serviceAccountToken"), part);
	part = yyjson_mut_obj_get(projection, "clusterTrustBundle");
	if (part) {
		check_bundle(s, FIELD_NAME(path, "clusterTrustBundle"), part);
		check_unique_path(s, volume_path, paths, json_mut_get_str(part, "path"),
				  json_mut_get_str(part, "path"));
	}
	if (yyjson_mut_obj_size(projection) > 1)
		field_forbidden(s->errors, path,
				"may not specify more than 1 volume type per source");
}

static void check_projected(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	yyjson_mut_val *sources = yyjson_mut_obj_get(v, "sources");
	AUTO_JSON_INDEX paths = { .slots = NULL };
	size_t i = 0, count = 0;

	rule_file_mode(s, FIELD_NAME(path, "defaultMode"), yyjson_mut_obj_get(v, "defaultMode"));
	JSON_MUT_EACH (source, sources)
		count += json_mut_get_count(source, "secret.items") +
			 json_mut_get_count(source, "configMap.items") +
			 json_mut_get_count(source, "downwardAPI.items") + 1;
	json_index_init(&paths, count);
	JSON_MUT_EACH (source, sources)
		check_projection(s, path, FIELD_INDEX(FIELD_NAME(path, "sources"), i++), source,
				 &paths);
}

/* ---- disks and file servers ---- */

static void check_size_limit(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *v)
{
	if (str_has_prefix(json_mut_str(v), STR("-")))
		field_forbidden(s->errors, path,
				"SizeLimit field must be a valid resource quantity");
}

static const struct rule empty_rules[] = { RULE_CALL("sizeLimit", check_size_limit), { 0 } };

static void check_host_path(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	static const struct rule rules[] = {
		RULE_CALL("path", rule_node_path),
		RULE_ONE_OF("type", "|BlockDevice|CharDevice|Directory|DirectoryOrCreate|File|"
				    "FileOrCreate|Socket"),
		{ 0 },
	};

	if (json_mut_get_str(v, "path").len)
		rules_check(s, rules, path, v);
	else
		field_required(s->errors, FIELD_NAME(path, "path"), "");
}

static const struct rule git_rules[] = {
	RULE_NEED("repository", ""),
	RULE_CALL("directory", rule_local_path),
	{ 0 },
};

#define RULE_PARTITION RULE_RANGE("partition", 0, 255, "must be between 1 and 255, inclusive")

static const struct rule gce_rules[] = { RULE_NEED("pdName", ""), RULE_PARTITION, { 0 } };
static const struct rule aws_rules[] = { RULE_NEED("volumeID", ""), RULE_PARTITION, { 0 } };
static const struct rule claim_rules[] = { RULE_NEED("claimName", ""), { 0 } };

static const struct rule nfs_rules[] = {
	RULE_NEED("server", ""),
	RULE_NEED("path", ""),
	RULE_CALL("path", check_absolute),
	{ 0 },
};

#define ISCSI_KINDS "^(iqn|eui|naa)"
#define ISCSI_FORMATS                                                    \
	"^iqn.*iqn\\.\\d{4}-\\d{2}\\.([[:alnum:]-.]+)(:[^,;*&$|\\s]+)$|" \
	"^iqn\\.\\d{4}-\\d{2}\\.([[:alnum:]-.]+)(:[^,;*&$|\\s]+)$|"      \
	"^eui.[[:alnum:]]{16}$|^naa.[[:alnum:]]{32}$"

/* start: what is said of a name that begins like none. */
static void check_iscsi_name(const struct scope *s, const struct field_path *path, struct str name,
			     const char *start)
{
	if (!text_matches(s->errors->arena, ISCSI_KINDS, name))
		field_invalid_str(s->errors, path, name, start);
	else if (!text_matches(s->errors->arena, ISCSI_FORMATS, name))
		field_invalid_str(s->errors, path, name, "must be valid format");
}

static void check_iscsi(const struct scope *s, const struct field_path *path, yyjson_mut_val *v,
			const char *start)
{
	struct str iqn = json_mut_get_str(v, "iqn"), name = json_mut_get_str(v, "initiatorName");
	static const struct rule lun_rules[] = { RULE_BETWEEN("lun", 0, 255), { 0 } };

	if (iqn.len)
		check_iscsi_name(s, FIELD_NAME(path, "iqn"), iqn, start);
	else
		field_required(s->errors, FIELD_NAME(path, "iqn"), "");
	rules_check(s, lun_rules, path, v);
	if ((json_mut_get_bool(v, "chapAuthDiscovery", false) ||
	     json_mut_get_bool(v, "chapAuthSession", false)) &&
	    !yyjson_mut_obj_get(v, "secretRef"))
		field_required(s->errors, FIELD_NAME(path, "secretRef"), "");
	if (name.len)
		check_iscsi_name(s, FIELD_NAME(path, "initiatorname"), name, start);
}

static void check_pod_iscsi(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	check_iscsi(s, path, v, "must be valid format starting with iqn, eui, or naa");
}

static void check_persistent_iscsi(const struct scope *s, const struct field_path *path,
				   yyjson_mut_val *v)
{
	static const struct rule secret_rules_[] = { RULE_NEED("name", ""), { 0 } };
	struct str name = json_mut_get_str(s->edit->root, "metadata.name"),
		   portal = json_mut_get_str(v, "targetPortal");

	if (yyjson_mut_obj_get(v, "initiatorName") &&
	    name.len + 1 + portal.len > ISCSI_NAME_BYTES_MAX)
		field_invalid_str(s->errors, FIELD_NAME(path, "targetportal"), portal,
				  ISCSI_TOO_LONG);
	check_iscsi(s, path, v, "must be valid format");
	if (yyjson_mut_obj_get(v, "secretRef"))
		rules_check(s, secret_rules_, FIELD_NAME(path, "secretRef"),
			    yyjson_mut_obj_get(v, "secretRef"));
}

static const struct rule iscsi_rules[] = {
	RULE_NEED("targetPortal", ""),
	RULE_CALL(NULL, check_pod_iscsi),
	{ 0 },
};

static const struct rule persistent_iscsi_rules[] = {
	RULE_NEED("targetPortal", ""),
	RULE_CALL(NULL, check_persistent_iscsi),
	{ 0 },
};

static void check_fibre_channel(const struct scope *s, const struct field_path *path,
				yyjson_mut_val *v)
{
	yyjson_mut_val *targets = yyjson_mut_obj_get(v, "targetWWNs"),
		       *lun = yyjson_mut_obj_get(v, "lun");
	size_t target_count = yyjson_mut_arr_size(targets),
	       id_count = json_mut_get_count(v, "wwids");
	static const struct rule lun_rules[] = { RULE_BETWEEN("lun", 0, 255), { 0 } };

	if (!target_count && !id_count)
		field_required(s->errors, FIELD_NAME(path, "targetWWNs"),
			       "must specify either targetWWNs or wwids, but not both");
	if (target_count && id_count)
		field_invalid_val(s->errors, FIELD_NAME(path, "targetWWNs"), targets,
				  "targetWWNs and wwids can not be specified simultaneously");
	if (target_count && !lun)
		field_required(s->errors, FIELD_NAME(path, "lun"),
			       "lun is required if targetWWNs is specified");
	if (target_count)
		rules_check(s, lun_rules, path, v);
}

static void check_flocker(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str name = json_mut_get_str(v, "datasetName"),
		   uuid = json_mut_get_str(v, "datasetUUID");

	if (!name.len && !uuid.len)
		field_required(s->errors, path, "one of datasetName and datasetUUID is required");
	if (name.len && uuid.len)
		field_invalid_str(
			s->errors, path, STR("resource"),
			"datasetName and datasetUUID can not be specified simultaneously");
	if (str_find_char(name, '/', 0) != SIZE_MAX)
		field_invalid_str(s->errors, FIELD_NAME(path, "datasetName"), name,
				  "must not contain '/'");
}

static void check_options(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	JSON_MUT_MEMBERS (key, value, v) {
		struct str name = json_mut_str(key), space, rest;

		if (!value || !str_cut(name, '/', &space, &rest))
			space = name;
		if (text_matches(s->errors->arena, "(?i)(^|\\.)(kubernetes|k8s)\\.io$", space))
			field_invalid_str(s->errors, FIELD_KEY(path, name), name,
					  "kubernetes.io and k8s.io namespaces are reserved");
	}
}

static void check_azure_disk(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *v)
{
	struct str kind = json_mut_get_str(v, "kind"), uri = json_mut_get_str(v, "diskURI");
	bool is_managed = str_eq_c(kind, "Managed");

	if (kind.len && !str_has_prefix(uri, is_managed ? STR("/subscriptions/") : STR("https://")))
		field_unsupported(
			s->errors, FIELD_NAME(path, "diskURI"), uri,
			is_managed
				? "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/"
				  "microsoft.compute/disks/{disk-id}"
				: "https://{account-name}.blob.core.windows.net/"
				  "{container-name}/{disk-name}.vhd");
}

static const struct rule named_rules[] = { RULE_NEED("name", ""), { 0 } };
static const struct rule placed_rules[] = {
	RULE_NEED("name", ""),
	RULE_NEED("namespace", ""),
	{ 0 },
};

static void check_endpoints_namespace(const struct scope *s, const struct field_path *path,
				      yyjson_mut_val *v)
{
	struct str name = json_mut_str(v);

	if (v && !name.len)
		field_invalid_str(
			s->errors, path, name,
			"if the endpointnamespace is set, it must be a valid namespace name");
	else if (v && name_label_problem(name))
		field_invalid_str(s->errors, path, name, name_label_problem(name));
}

static const struct rule glusterfs_rules[] = {
	RULE_NEED("endpoints", ""),
	RULE_NEED("path", ""),
	RULE_CALL("endpointsNamespace", check_endpoints_namespace),
	{ 0 },
};
static const struct rule rbd_rules[] = {
	RULE_NEED("monitors", ""),
	RULE_NEED("image", ""),
	{ 0 },
};
static const struct rule cinder_rules[] = {
	RULE_NEED("volumeID", ""),
	RULE_INSIDE("secretRef", named_rules),
	{ 0 },
};
static const struct rule placed_cinder_rules[] = {
	RULE_NEED("volumeID", ""),
	RULE_INSIDE("secretRef", placed_rules),
	{ 0 },
};
static const struct rule cephfs_rules[] = { RULE_NEED("monitors", ""), { 0 } };
#define QUOBYTE_PAIRS "must be a host:port pair or multiple pairs separated by commas"
#define HOST_AND_PORT "^([^:\\[\\]]*|\\[[^\\[\\]]*\\]):[^:\\[\\]]*$"

static void check_registry(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str registry = json_mut_get_str(v, "registry"), rest = registry, pair;
	const struct field_path *here = FIELD_NAME(path, "registry");

	if (!registry.len) {
		field_required(s->errors, here, QUOBYTE_PAIRS);
	} else if (json_mut_get_str(v, "tenant").len > QUOBYTE_TENANT_BYTES_MAX) {
		field_required(s->errors, FIELD_NAME(path, "tenant"),
			       "must be a UUID and may not exceed a length of 64 characters");
	} else {
		while (str_next_part(&rest, ',', &pair))
			if (!text_matches(s->errors->arena, HOST_AND_PORT, pair))
				field_invalid_str(s->errors, here, registry, QUOBYTE_PAIRS);
	}
}

static const struct rule quobyte_rules[] = {
	RULE_CALL(NULL, check_registry),
	RULE_NEED("volume", ""),
	{ 0 },
};
static const struct rule flex_rules[] = {
	RULE_NEED("driver", ""),
	RULE_CALL("options", check_options),
	{ 0 },
};
static const struct rule azure_file_rules[] = {
	RULE_NEED("secretName", ""),
	RULE_NEED("shareName", ""),
	{ 0 },
};
static const struct rule azure_disk_rules[] = {
	RULE_NEED("diskName", ""),
	RULE_NEED("diskURI", ""),
	RULE_ONE_OF("cachingMode", "None|ReadOnly|ReadWrite"),
	RULE_ONE_OF("kind", "Dedicated|Managed|Shared"),
	RULE_CALL(NULL, check_azure_disk),
	{ 0 },
};
static const struct rule vsphere_rules[] = { RULE_NEED("volumePath", ""), { 0 } };
static const struct rule photon_rules[] = { RULE_NEED("pdID", ""), { 0 } };
static const struct rule portworx_rules[] = { RULE_NEED("volumeID", ""), { 0 } };
static const struct rule scale_rules[] = {
	RULE_NEED("gateway", ""),
	RULE_NEED("system", ""),
	RULE_NEED("volumeName", ""),
	{ 0 },
};
static const struct rule storageos_rules[] = {
	RULE_NEED_NAME("volumeName", name_label_problem),
	RULE_NAME("volumeNamespace", name_label_problem),
	RULE_INSIDE("secretRef", named_rules),
	{ 0 },
};
static const struct rule persistent_storageos_rules[] = {
	RULE_NEED_NAME("volumeName", name_label_problem),
	RULE_NAME("volumeNamespace", name_label_problem),
	RULE_INSIDE("secretRef", placed_rules),
	{ 0 },
};

static void check_secret_namespace(const struct scope *s, const struct field_path *path,
				   yyjson_mut_val *v)
{
	if (yyjson_mut_is_str(v) &&
	    !json_mut_str(v).len) /* null is what clients in Go write for none */
		field_required(s->errors, path, "");
}

static const struct rule persistent_azure_file_rules[] = {
	RULE_NEED("secretName", ""),
	RULE_NEED("shareName", ""),
	RULE_CALL("secretNamespace", check_secret_namespace),
	{ 0 },
};
static const struct rule local_rules[] = {
	RULE_NEED("path", ""),
	RULE_CALL("path", rule_node_path),
	{ 0 },
};
/* Upstream names the source, not the reference, when the name is a wrong one. */
static void check_csi_secret(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *v)
{
	struct str name = json_mut_get_str(v, "nodePublishSecretRef.name");

	if (!yyjson_mut_obj_get(v, "nodePublishSecretRef"))
		return;
	if (!name.len)
		field_required(s->errors,
			       FIELD_NAME(FIELD_NAME(path, "nodePublishSecretRef"), "name"), "");
	else if (name_subdomain_problem(name))
		field_invalid_str(s->errors, FIELD_NAME(path, "name"), name,
				  name_subdomain_problem(name));
}

static const struct rule csi_rules[] = {
	RULE_NEED_CSI_DRIVER("driver"),
	RULE_CALL(NULL, check_csi_secret),
	{ 0 },
};
static const struct rule placed_secret_rules[] = {
	RULE_NEED_NAME("name", name_subdomain_problem),
	RULE_NEED_NAME("namespace", name_label_problem),
	{ 0 },
};
static const struct rule persistent_csi_rules[] = {
	RULE_NEED_CSI_DRIVER("driver"),
	RULE_NEED("volumeHandle", ""),
	RULE_INSIDE("controllerPublishSecretRef", placed_secret_rules),
	RULE_INSIDE("controllerExpandSecretRef", placed_secret_rules),
	RULE_INSIDE("nodePublishSecretRef", placed_secret_rules),
	RULE_INSIDE("nodeExpandSecretRef", placed_secret_rules),
	{ 0 },
};
static void check_reference(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	const struct pod_scope *pod = s->own;

	if (pod->is_pod && !json_mut_str(v).len)
		field_required(s->errors, path, "");
}

static const struct rule image_rules[] = {
	RULE_CALL("reference", check_reference),
	RULE_NEED_ONE_OF("pullPolicy", "Always|IfNotPresent|Never"),
	{ 0 },
};

/* A claim that is made for the pod and named after it. */
static const struct rule template_meta_rules[] = {
	RULE_CALL("annotations", rule_annotations),
	RULE_CALL("labels", rule_labels),
	RULE_FORBID("name", "cannot be set"),
	RULE_FORBID("generateName", "cannot be set"),
	RULE_FORBID("namespace", "cannot be set"),
	RULE_FORBID("finalizers", "cannot be set"),
	RULE_FORBID("ownerReferences", "cannot be set"),
	{ 0 },
};
static const struct rule claim_template_rules[] = {
	RULE_INSIDE("metadata", template_meta_rules),
	RULE_CALL("spec", rule_claim_spec),
	{ 0 },
};
static const struct rule ephemeral_rules[] = {
	RULE_NEED("volumeClaimTemplate", ""),
	RULE_INSIDE("volumeClaimTemplate", claim_template_rules),
	{ 0 },
};

/* One table each, in the order in which upstream looks for them. */
static const struct rule pod_sources[][2] = {
	{ RULE_INSIDE("emptyDir", empty_rules) },
	{ RULE_CALL("hostPath", check_host_path) },
	{ RULE_INSIDE("gitRepo", git_rules) },
	{ RULE_INSIDE("gcePersistentDisk", gce_rules) },
	{ RULE_INSIDE("awsElasticBlockStore", aws_rules) },
	{ RULE_INSIDE("secret", secret_rules) },
	{ RULE_INSIDE("nfs", nfs_rules) },
	{ RULE_INSIDE("iscsi", iscsi_rules) },
	{ RULE_INSIDE("glusterfs", glusterfs_rules) },
	{ RULE_CALL("flocker", check_flocker) },
	{ RULE_INSIDE("persistentVolumeClaim", claim_rules) },
	{ RULE_INSIDE("rbd", rbd_rules) },
	{ RULE_INSIDE("cinder", cinder_rules) },
	{ RULE_INSIDE("cephfs", cephfs_rules) },
	{ RULE_INSIDE("quobyte", quobyte_rules) },
	{ RULE_INSIDE("downwardAPI", downward_rules) },
	{ RULE_CALL("fc", check_fibre_channel) },
	{ RULE_INSIDE("flexVolume", flex_rules) },
	{ RULE_INSIDE("configMap", configmap_rules) },
	{ RULE_INSIDE("azureFile", azure_file_rules) },
	{ RULE_INSIDE("vsphereVolume", vsphere_rules) },
	{ RULE_INSIDE("photonPersistentDisk", photon_rules) },
	{ RULE_INSIDE("portworxVolume", portworx_rules) },
	{ RULE_INSIDE("azureDisk", azure_disk_rules) },
	{ RULE_INSIDE("storageos", storageos_rules) },
	{ RULE_CALL("projected", check_projected) },
	{ RULE_INSIDE("scaleIO", scale_rules) },
	{ RULE_INSIDE("csi", csi_rules) },
	{ RULE_INSIDE("ephemeral", ephemeral_rules) },
	{ RULE_INSIDE("image", image_rules) },
};

static const struct rule persistent_sources[][2] = {
	{ RULE_CALL("hostPath", check_host_path) },
	{ RULE_INSIDE("gcePersistentDisk", gce_rules) },
	{ RULE_INSIDE("awsElasticBlockStore", aws_rules) },
	{ RULE_INSIDE("glusterfs", glusterfs_rules) },
	{ RULE_CALL("flocker", check_flocker) },
	{ RULE_INSIDE("nfs", nfs_rules) },
	{ RULE_INSIDE("rbd", rbd_rules) },
	{ RULE_INSIDE("quobyte", quobyte_rules) },
	{ RULE_INSIDE("cephfs", cephfs_rules) },
	{ RULE_INSIDE("iscsi", persistent_iscsi_rules) },
	{ RULE_INSIDE("cinder", placed_cinder_rules) },
	{ RULE_CALL("fc", check_fibre_channel) },
	{ RULE_INSIDE("flexVolume", flex_rules) },
	{ RULE_INSIDE("azureFile", persistent_azure_file_rules) },
	{ RULE_INSIDE("vsphereVolume", vsphere_rules) },
	{ RULE_INSIDE("photonPersistentDisk", photon_rules) },
	{ RULE_INSIDE("portworxVolume", portworx_rules) },
	{ RULE_INSIDE("azureDisk", azure_disk_rules) },
	{ RULE_INSIDE("scaleIO", scale_rules) },
	{ RULE_INSIDE("local", local_rules) },
	{ RULE_INSIDE("storageos", persistent_storageos_rules) },
	{ RULE_INSIDE("csi", persistent_csi_rules) },
};

/* Members that upstream spells otherwise in what it says: of one source too many, and inside. */
static const struct {
	const char *field, *too_many, *inside;
} spelt[] = {
	{ "gcePersistentDisk", "gcePersistentDisk", "persistentDisk" },
	{ "cephfs", "cephFS", "cephfs" },
	{ "downwardAPI", "downwarAPI", "downwardAPI" },
};

static const char *spell(const char *field, bool is_inside)
{
	for (size_t i = 0; i < ARRAY_COUNT(spelt); i++)
		if (strcmp(spelt[i].field, field) == 0)
			return is_inside ? spelt[i].inside : spelt[i].too_many;
	return field;
}

static void check_source(const struct scope *s, const struct rule *source,
			 const struct field_path *path, yyjson_mut_val *volume)
{
	const struct field_path *here = FIELD_NAME(path, spell(source->field, true));
	yyjson_mut_val *value = yyjson_mut_obj_get(volume, source->field);

	if (source->check)
		source->check(s, here, value);
	else
		rules_check(s, source->inside, here, value);
}

void volume_source_validate(const struct scope *s, enum volume_place place,
			    const struct field_path *path, yyjson_mut_val *volume)
{
	const struct rule(*sources)[2] = place == VOLUME_OF_POD ? pod_sources : persistent_sources;
	size_t count = place == VOLUME_OF_POD ? ARRAY_COUNT(pod_sources)
					      : ARRAY_COUNT(persistent_sources),
	       found = 0;

	for (size_t i = 0; i < count; i++) {
		if (!yyjson_mut_obj_get(volume, sources[i][0].field))
			continue;
		if (found++)
			field_forbidden(s->errors,
					FIELD_NAME(path, spell(sources[i][0].field, false)),
					"may not specify more than 1 volume type");
		else
			check_source(s, sources[i], path, volume);
	}
	if (!found)
		field_required(s->errors, path, "must specify a volume type");
}

bool volume_source_is(struct str field)
{
	for (size_t i = 0; i < ARRAY_COUNT(persistent_sources); i++)
		if (str_eq_c(field, persistent_sources[i][0].field))
			return true;
	return false;
}

/* ---- the list of a pod ---- */

static void check_pod_volume(const struct scope *s, const struct field_path *path,
			     yyjson_mut_val *volume)
{
	const struct pod_scope *pod = s->own;
	struct str name = json_mut_get_str(volume, "name"),
		   portal = json_mut_get_str(volume, "iscsi.targetPortal");

	volume_source_validate(s, VOLUME_OF_POD, path, volume);
	if (json_mut_get_str(volume, "iscsi.initiatorName").len &&
	    name.len + 1 + portal.len > ISCSI_NAME_BYTES_MAX)
		field_invalid_str(s->errors, FIELD_NAME(path, "name"), name, ISCSI_TOO_LONG);
	if (yyjson_mut_obj_get(volume, "ephemeral") && pod->name.len && name.len) {
		struct str claim = str_printf_in(s->errors->arena, STR_FMT "-" STR_FMT,
						 STR_ARG(pod->name), STR_ARG(name));
		const char *problem = name_subdomain_problem(claim);

		if (problem)
			field_invalid_str(s->errors, FIELD_NAME(path, "name"), name,
					  str_printf_in(s->errors->arena,
							"PVC name \"" STR_FMT "\": %s",
							STR_ARG(claim), problem)
						  .ptr);
	}
}

/* By name, those for which a claim is made: it has the names of pod and volume. */
static void index_ephemeral(yyjson_mut_val *volumes, struct json_index *to)
{
	json_index_init(to, yyjson_mut_arr_size(volumes));
	JSON_MUT_EACH (volume, volumes)
		if (yyjson_mut_obj_get(volume, "ephemeral"))
			(void)json_index_add(to, json_mut_get_str(volume, "name"), volume);
}

static bool is_made_for(const struct pod_scope *pod, const struct json_index *ephemeral,
			struct str claim)
{
	return pod->name.len && str_strip_prefix(&claim, pod->name) &&
	       str_strip_prefix(&claim, STR("-")) && json_index_get(ephemeral, claim);
}

/* Fills the scope's index with those that are right: containers mount by name. */
void rule_volumes(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct pod_scope *pod = s->own;
	AUTO_JSON_INDEX ephemeral = { .slots = NULL };
	size_t i = 0;

	json_index_init(&pod->volumes, yyjson_mut_arr_size(v));
	index_ephemeral(v, &ephemeral);
	JSON_MUT_EACH (volume, v) {
		const struct field_path *here = FIELD_INDEX(path, i++),
					*name_path = FIELD_NAME(here, "name");
		struct str name = json_mut_get_str(volume, "name"),
			   claim = json_mut_get_str(volume, "persistentVolumeClaim.claimName");
		size_t before = s->errors->seen;

		check_pod_volume(s, here, volume);
		if (!name.len)
			field_required(s->errors, name_path, "");
		else if (name_label_problem(name))
			field_invalid_str(s->errors, name_path, name, name_label_problem(name));
		if (json_index_get(&pod->volumes, name))
			field_duplicate_str(s->errors, name_path, name);
		else if (s->errors->seen == before)
			(void)json_index_add(&pod->volumes, name, volume);
		if (claim.len && is_made_for(pod, &ephemeral, claim))
			field_invalid_str(
				s->errors,
				FIELD_NAME(FIELD_NAME(here, "persistentVolumeClaim"), "claimName"),
				claim,
				"must not reference a PVC that gets created for an ephemeral "
				"volume");
	}
}
