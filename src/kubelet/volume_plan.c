/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the volumes of a pod's spec into what shall be on disk. Names and file paths come from
 * users: those that could leave the volume are refused here, and volume.c resolves beneath the
 * folder all the same.
 */
#include "kubelet/volume_plan.h"

#include <inttypes.h>

#include "api/quantity.h"
#include "base/num.h"
#include "base/path.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "kubelet/limits.h"

#define VOLUME_MODE_DEFAULT 0644
#define VOLUME_FILES_MAX 4096

struct planner {
	const struct pod_spec *spec;
	const struct volume_sources *sources;
	struct arena *arena;
	struct volume *volume;
	struct volume_file *files;
	size_t file_cap;
};

int bytes_decode(struct str base64, struct arena *arena, struct str *ret, struct err *err)
{
	AUTO_BUF bytes = { 0 };

	buf_init(&bytes, KUBELET_OBJECT_BYTES_MAX);
	if (base64_decode(base64, &bytes, err) < 0)
		return -1;
	*ret = str_in(arena, buf_str(&bytes));
	return 0;
}

static bool is_safe_path(struct str path)
{
	struct str rest = path, part;

	if (str_is_empty(path) || path_is_absolute(path) || memchr(path.ptr, 0, path.len))
		return false;
	while (str_next_part(&rest, '/', &part))
		if (str_eq(part, STR("..")) || str_eq(part, STR(".")))
			return false;
	/* "..data" and its kind are the writer's own. */
	return !str_has_prefix(path, STR(".."));
}

static int add_file(struct planner *p, struct str path, struct str bytes, int64_t mode,
		    struct err *err)
{
	if (!is_safe_path(path))
		return err_set(err, ERR_INVALID,
			       "invalid path \"" STR_FMT
			       "\": must be relative and not contain '..'",
			       STR_ARG(path));
	if (p->volume->file_count == p->file_cap) {
		size_t cap = p->file_cap ? p->file_cap * 2 : 16;
		struct volume_file *files = arena_array(p->arena, cap, sizeof(*files));

		if (cap > VOLUME_FILES_MAX)
			return err_set(err, ERR_TOO_LARGE, "volume has more than %d files",
				       VOLUME_FILES_MAX);
		if (p->file_cap)
			memcpy(files, p->files, p->file_cap * sizeof(*files));
		p->files = files;
		p->file_cap = cap;
	}
	p->volume->files = p->files;
	p->files[p->volume->file_count++] = (struct volume_file){ str_in(p->arena, path), bytes,
								  (uint32_t)mode & 0777 };
	return 0;
}

/* --- ConfigMap and Secret --- */

struct object_source {
	bool is_secret, optional;
	struct str name;
	yyjson_val *items;
	int64_t mode;
};

static int add_key(struct planner *p, const struct object_source *s, const struct obj *obj,
		   struct str key, struct str path, int64_t mode, bool *ret_found, struct err *err)
{
	yyjson_val *value = json_key(json_get(obj->root, "data"), key);
	bool binary = s->is_secret;
	struct str bytes;

	if (!value && !s->is_secret) {
		value = json_key(json_get(obj->root, "binaryData"), key);
		binary = true;
	}
	*ret_found = value != NULL;
	if (!value)
		return 0;
	if (!binary)
		bytes = str_in(p->arena, json_str(value));
	else if (bytes_decode(json_str(value), p->arena, &bytes, err) < 0)
		return -1;
	return add_file(p, path, bytes, mode, err);
}

static int add_items(struct planner *p, const struct object_source *s, const struct obj *obj,
		     struct err *err)
{
	JSON_EACH (item, s->items) {
		struct str key = json_get_str(item, "key");
		bool found;

		if (add_key(p, s, obj, key, json_get_str(item, "path"),
			    json_get_int(item, "mode", s->mode), &found, err) < 0)
			return -1;
		if (!found && !s->optional)
			return err_set(err, ERR_NOT_FOUND,
				       "references non-existent %s key: " STR_FMT,
				       s->is_secret ? "secret" : "config", STR_ARG(key));
	}
	return 0;
}

static int add_object(struct planner *p, const struct object_source *s, struct err *err)
{
	const struct obj *obj = s->is_secret ? p->sources->secret(p->sources->arg,
								  p->spec->namespace_, s->name)
					     : p->sources->config_map(p->sources->arg,
								      p->spec->namespace_, s->name);
	static const char *const maps[] = { "data", "binaryData" };

	if (!obj)
		return s->optional
			       ? 0
			       : err_set(err, ERR_NOT_FOUND, "%s \"" STR_FMT "\" not found",
					 s->is_secret ? "secret" : "configmap", STR_ARG(s->name));
	if (s->items)
		return add_items(p, s, obj, err);
	for (size_t i = 0; i < (s->is_secret ? 1u : 2u); i++) {
		JSON_MEMBERS (key, value, json_get(obj->root, maps[i])) {
			bool found;

			(void)value; /* add_key looks it up by its rules */
			if (add_key(p, s, obj, json_str(key), json_str(key), s->mode, &found, err) <
			    0)
				return -1;
		}
	}
	return 0;
}

/* --- downward API and tokens --- */

static int add_downward(struct planner *p, yyjson_val *items, int64_t mode, struct err *err)
{
	JSON_EACH (item, items) {
		yyjson_val *field = json_get(item, "fieldRef"),
			   *resource = json_get(item, "resourceFieldRef");
		struct str value = STR_NONE;
		int index;

		if (field && downward_field(p->spec, p->sources, json_get_str(field, "fieldPath"),
					    p->arena, &value, err) < 0)
			return -1;
		if (resource) {
			index = pod_spec_find(p->spec, json_get_str(resource, "containerName"));
			if (index < 0)
				return err_set(err, ERR_INVALID, "container " STR_FMT " not found",
					       STR_ARG(json_get_str(resource, "containerName")));
			if (downward_resource(p->spec, &p->spec->containers[index], p->sources,
					      resource, p->arena, &value, err) < 0)
				return -1;
		}
		if (add_file(p, json_get_str(item, "path"), value, json_get_int(item, "mode", mode),
			     err) < 0)
			return -1;
	}
	return 0;
}

static int add_source(struct planner *p, yyjson_val *source, size_t index, int64_t mode,
		      struct err *err)
{
	yyjson_val *v;
	struct str token;

	if ((v = json_get(source, "configMap")) || (v = json_get(source, "secret"))) {
		struct object_source s = {
			.is_secret = json_get(source, "secret") != NULL,
			.optional = json_get_bool(v, "optional", false),
			.name = json_get_str(v, "name"),
			.items = json_get(v, "items"),
			.mode = mode,
		};

		p->volume->secret = p->volume->secret || s.is_secret;
		return add_object(p, &s, err);
	}
	if ((v = json_get(source, "downwardAPI")))
		return add_downward(p, json_get(v, "items"), mode, err);
	if ((v = json_get(source, "serviceAccountToken"))) {
		token = p->sources->token(p->sources->arg, p->volume->name, index);
		if (str_is_empty(token))
			return err_set(err, ERR_UNAVAILABLE,
				       "service account token is not there yet");
		p->volume->secret = true;
		return add_file(p, json_get_str(v, "path"), str_in(p->arena, token), mode, err);
	}
	return err_set(err, ERR_UNSUPPORTED, "projected source is not supported");
}

/* --- kinds of volumes --- */

static enum host_path_type host_type_of(struct str type)
{
	static const char *const names[] = {
		[HOST_PATH_UNSET] = "",
		[HOST_PATH_DIRECTORY_OR_CREATE] = "DirectoryOrCreate",
		[HOST_PATH_DIRECTORY] = "Directory",
		[HOST_PATH_FILE_OR_CREATE] = "FileOrCreate",
		[HOST_PATH_FILE] = "File",
		[HOST_PATH_SOCKET] = "Socket",
		[HOST_PATH_CHAR_DEVICE] = "CharDevice",
		[HOST_PATH_BLOCK_DEVICE] = "BlockDevice",
	};

	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		if (str_eq_c(type, names[i]))
			return (enum host_path_type)i;
	return HOST_PATH_UNSET;
}

static void plan_empty_dir(struct volume *v, yyjson_val *json)
{
	bool memory = str_eq(json_get_str(json, "medium"), STR("Memory"));

	v->kind = memory ? VOLUME_MEMORY : VOLUME_EMPTY_DIR;
	v->plugin = "empty-dir";
	v->size_bytes = memory ? quantity_text_value(json_get_str(json, "sizeLimit"), 0) : 0;
}

static int plan_files(struct planner *p, yyjson_val *json, struct err *err)
{
	struct volume *v = p->volume;
	yyjson_val *source;
	size_t index = 0;

	v->kind = VOLUME_FILES;
	if ((source = json_get(json, "configMap")) || (source = json_get(json, "secret"))) {
		struct object_source s = {
			.is_secret = json_get(json, "secret") != NULL,
			.optional = json_get_bool(source, "optional", false),
			.items = json_get(source, "items"),
			.mode = json_get_int(source, "defaultMode", VOLUME_MODE_DEFAULT),
		};

		s.name = json_get_str(source, s.is_secret ? "secretName" : "name");
		v->plugin = s.is_secret ? "secret" : "configmap";
		v->secret = s.is_secret;
		return add_object(p, &s, err);
	}
	if ((source = json_get(json, "downwardAPI"))) {
		v->plugin = "downward-api";
		return add_downward(p, json_get(source, "items"),
				    json_get_int(source, "defaultMode", VOLUME_MODE_DEFAULT), err);
	}
	source = json_get(json, "projected");
	v->plugin = "projected";
	JSON_EACH (item, json_get(source, "sources"))
		if (add_source(p, item, index++,
			       json_get_int(source, "defaultMode", VOLUME_MODE_DEFAULT), err) < 0)
			return -1;
	return 0;
}

static int plan_volume(struct planner *p, yyjson_val *json, struct err *err)
{
	struct volume *v = p->volume;
	yyjson_val *source;

	v->name = str_in(p->arena, json_get_str(json, "name"));
	if (!path_is_name(v->name))
		return err_set(err, ERR_INVALID, "invalid volume name \"" STR_FMT "\"",
			       STR_ARG(v->name));
	if ((source = json_get(json, "emptyDir"))) {
		plan_empty_dir(v, source);
		return 0;
	}
	if ((source = json_get(json, "hostPath"))) {
		v->kind = VOLUME_HOST_PATH;
		v->plugin = "host-path";
		v->host_path = str_in(p->arena, json_get_str(source, "path"));
		v->host_type = host_type_of(json_get_str(source, "type"));
		return 0;
	}
	if (json_get(json, "configMap") || json_get(json, "secret") ||
	    json_get(json, "downwardAPI") || json_get(json, "projected"))
		return plan_files(p, json, err);
	JSON_MEMBERS (key, value, json)
		if (yyjson_is_obj(value))
			return err_set(err, ERR_UNSUPPORTED, "no volume plugin for \"" STR_FMT "\"",
				       STR_ARG(json_str(key)));
	plan_empty_dir(
		v, NULL); /* a volume without a source is an emptyDir, as upstream defaults it */
	return 0;
}

int volume_plan(const struct pod_spec *spec, const struct volume_sources *sources,
		struct arena *arena, struct volume_set *ret, struct err *err)
{
	yyjson_val *list = json_get(spec->json, "volumes");
	yyjson_val *group = json_get(spec->json, "securityContext.fsGroup");
	struct planner p = { .spec = spec, .sources = sources, .arena = arena };
	struct err cause;

	if (yyjson_arr_size(list) > KUBELET_VOLUMES_MAX)
		return err_set(err, ERR_TOO_LARGE, "pod has more than %d volumes",
			       KUBELET_VOLUMES_MAX);
	*ret = (struct volume_set){
		.volumes = arena_array(arena, yyjson_arr_size(list) + 1, sizeof(*ret->volumes)),
		.has_group = group != NULL,
		.group = json_int(group, 0),
		.pod_dir = str_printf_in(arena, STR_FMT "/pods/" STR_FMT,
					 STR_ARG(sources->root_dir), STR_ARG(spec->uid)),
	};
	JSON_EACH (item, list) {
		p.volume = &ret->volumes[ret->count];
		p.files = NULL;
		p.file_cap = 0;
		if (plan_volume(&p, item, &cause) < 0)
			return err_set(err, cause.code,
				       "MountVolume.SetUp failed for volume \"" STR_FMT "\" : %s",
				       STR_ARG(json_get_str(item, "name")), cause.msg);
		ret->count++;
	}
	return 0;
}

struct str volume_path(const struct volume_set *set, const struct volume *volume,
		       struct arena *arena)
{
	if (volume->kind == VOLUME_HOST_PATH)
		return volume->host_path;
	return str_printf_in(arena, STR_FMT "/volumes/kubernetes.io~%s/" STR_FMT,
			     STR_ARG(set->pod_dir), volume->plugin, STR_ARG(volume->name));
}

const struct volume *volume_find(const struct volume_set *set, struct str name)
{
	for (size_t i = 0; i < set->count; i++)
		if (str_eq(set->volumes[i].name, name))
			return &set->volumes[i];
	return NULL;
}

/* --- references --- */

static void tell(void (*fn)(void *arg, bool is_secret, struct str name), void *arg, yyjson_val *ref,
		 bool is_secret, const char *key)
{
	struct str name = json_get_str(ref, key);

	if (!str_is_empty(name))
		fn(arg, is_secret, name);
}

void pod_references(const struct pod_spec *spec,
		    void (*fn)(void *arg, bool is_secret, struct str name), void *arg)
{
	JSON_EACH (volume, json_get(spec->json, "volumes")) {
		tell(fn, arg, json_get(volume, "configMap"), false, "name");
		tell(fn, arg, json_get(volume, "secret"), true, "secretName");
		JSON_EACH (source, json_get(volume, "projected.sources")) {
			tell(fn, arg, json_get(source, "configMap"), false, "name");
			tell(fn, arg, json_get(source, "secret"), true, "name");
		}
	}
	for (size_t i = 0; i < spec->container_count; i++) {
		JSON_EACH (from, json_get(spec->containers[i].json, "envFrom")) {
			tell(fn, arg, json_get(from, "configMapRef"), false, "name");
			tell(fn, arg, json_get(from, "secretRef"), true, "name");
		}
		JSON_EACH (item, json_get(spec->containers[i].json, "env")) {
			tell(fn, arg, json_get(item, "valueFrom.configMapKeyRef"), false, "name");
			tell(fn, arg, json_get(item, "valueFrom.secretKeyRef"), true, "name");
		}
	}
	JSON_EACH (secret, json_get(spec->json, "imagePullSecrets"))
		tell(fn, arg, secret, true, "name");
}
