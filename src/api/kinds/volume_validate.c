/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of a pod's volumes: unique names, exactly one source, and what each common source needs.
 */
#include "api/kinds/pod_spec.h"

#include "api/meta.h"
#include "codec/json_index.h"

/* What must be there, per source. */
static const struct {
	const char *source, *key;
} required_keys[] = {
	{ "hostPath", "path" },
	{ "gitRepo", "repository" },
	{ "gcePersistentDisk", "pdName" },
	{ "awsElasticBlockStore", "volumeID" },
	{ "secret", "secretName" },
	{ "nfs", "server" },
	{ "nfs", "path" },
	{ "iscsi", "targetPortal" },
	{ "iscsi", "iqn" },
	{ "persistentVolumeClaim", "claimName" },
	{ "rbd", "image" },
	{ "flexVolume", "driver" },
	{ "cinder", "volumeID" },
	{ "azureFile", "secretName" },
	{ "azureFile", "shareName" },
	{ "vsphereVolume", "volumePath" },
	{ "azureDisk", "diskName" },
	{ "azureDisk", "diskURI" },
	{ "portworxVolume", "volumeID" },
	{ "scaleIO", "gateway" },
	{ "scaleIO", "system" },
	{ "csi", "driver" },
	{ "configMap", "name" },
};

static const char *relative_problem(struct str path)
{
	struct str part;

	if (path.ptr && path.len && path.ptr[0] == '/')
		return "must be a relative path";
	while (str_next_part(&path, '/', &part)) {
		if (str_eq_c(part, ".."))
			return "must not contain '..'";
	}
	return NULL;
}

static void validate_mode(yyjson_mut_val *holder, const char *key, const struct field_path *path,
			  struct field_errors *errors)
{
	yyjson_mut_val *mode = yyjson_mut_obj_get(holder, key);

	if (yyjson_mut_is_num(mode) && (json_mut_int(mode, 0) < 0 || json_mut_int(mode, 0) > 0777))
		field_invalid_int(errors, FIELD_NAME(path, key), json_mut_int(mode, 0),
				  "must be a number between 0 and 0777 (octal), both inclusive");
}

static void validate_items(yyjson_mut_val *source, const struct field_path *path,
			   struct field_errors *errors)
{
	size_t i = 0;

	validate_mode(source, "defaultMode", path, errors);
	JSON_MUT_EACH (item, yyjson_mut_obj_get(source, "items")) {
		const struct field_path *here = FIELD_INDEX(FIELD_NAME(path, "items"), i++);
		struct str target = json_mut_get_str(item, "path");

		if (yyjson_mut_obj_get(item, "key") && !json_mut_get_str(item, "key").len)
			field_required(errors, FIELD_NAME(here, "key"), "");
		if (!target.len)
			field_required(errors, FIELD_NAME(here, "path"), "");
		else if (relative_problem(target))
			field_invalid_str(errors, FIELD_NAME(here, "path"), target,
					  relative_problem(target));
		validate_mode(item, "mode", here, errors);
	}
}

static void validate_source(const char *name, yyjson_mut_val *source, const struct field_path *path,
			    struct field_errors *errors)
{
	static const char *const with_items[] = { "configMap", "secret", "downwardAPI" };
	const struct field_path *here = FIELD_NAME(path, name);
	size_t i = 0;

	for (size_t k = 0; k < ARRAY_COUNT(required_keys); k++) {
		if (strcmp(required_keys[k].source, name) == 0 &&
		    !json_mut_get_str(source, required_keys[k].key).len)
			field_required(errors, FIELD_NAME(here, required_keys[k].key), "");
	}
	for (size_t k = 0; k < ARRAY_COUNT(with_items); k++) {
		if (strcmp(name, with_items[k]) == 0)
			validate_items(source, here, errors);
	}
	if (strcmp(name, "emptyDir") == 0 && json_mut_get_str(source, "sizeLimit").len &&
	    json_mut_get_str(source, "sizeLimit").ptr[0] == '-')
		field_forbidden(errors, FIELD_NAME(here, "sizeLimit"),
				"SizeLimit field must be a valid resource quantity");
	if (strcmp(name, "projected") != 0)
		return;
	validate_mode(source, "defaultMode", here, errors);
	JSON_MUT_EACH (one, yyjson_mut_obj_get(source, "sources")) {
		const struct field_path *at = FIELD_INDEX(FIELD_NAME(here, "sources"), i++);

		for (size_t k = 0; k < ARRAY_COUNT(with_items); k++)
			validate_items(yyjson_mut_obj_get(one, with_items[k]),
				       FIELD_NAME(at, with_items[k]), errors);
	}
}

void volume_list_validate(yyjson_mut_val *volumes, const struct field_path *path,
			  struct field_errors *errors)
{
	AUTO_JSON_INDEX names = { .slots = NULL };
	size_t i = 0;

	json_index_init(&names, yyjson_mut_arr_size(volumes));
	JSON_MUT_EACH (volume, volumes) {
		const struct field_path *here = FIELD_INDEX(path, i++);
		struct str name = json_mut_get_str(volume, "name");
		size_t sources = 0;

		if (!name.len)
			field_required(errors, FIELD_NAME(here, "name"), "");
		else if (name_label_problem(name))
			field_invalid_str(errors, FIELD_NAME(here, "name"), name,
					  name_label_problem(name));
		else if (json_index_add(&names, name, volume))
			field_duplicate_str(errors, FIELD_NAME(here, "name"), name);
		JSON_MUT_MEMBERS (key, value, volume) {
			const char *source = unsafe_yyjson_get_str(key);

			if (strcmp(source, "name") == 0)
				continue;
			if (sources++)
				field_forbidden(errors, FIELD_NAME(here, source),
						"may not specify more than 1 volume type");
			else
				validate_source(source, value, here, errors);
		}
		if (!sources)
			field_required(errors, here, "must specify a volume type");
	}
}
