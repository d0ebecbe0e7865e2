/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the folder of static pods and makes a pod of a file, as the API server would of a request:
 * decoded by the schema, defaulted, validated. What needs the API (secrets, config maps, service
 * accounts) is refused, because such a pod has to start without it.
 */
#include "kubelet/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "api/object.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/time.h"
#include "image/content.h"
#include "kubelet/limits.h"
#include "kubelet/volume_plan.h"

#define HASH_DIGITS 32
#define MANIFEST_ARENA_BYTES_MAX ((size_t)64 << 20)

/* --- the folder --- */

static void read_one(int dir_fd, const char *name, struct manifest_folder *folder)
{
	struct manifest_file *file;
	struct stat st;
	struct err err = { 0 };

	if (fstatat(dir_fd, name, &st, 0) < 0 || !S_ISREG(st.st_mode))
		return; /* gone again, or nothing that can be read without waiting */
	folder->files = mem_realloc_array(folder->files, folder->count + 1, sizeof(*folder->files));
	file = &folder->files[folder->count++];
	*file = (struct manifest_file){ .name = mem_strdup(name) };
	buf_init(&file->text, KUBELET_MANIFEST_BYTES_MAX);
	if (fd_read_file(dir_fd, name, KUBELET_MANIFEST_BYTES_MAX, &file->text, &err) < 0)
		file->problem = mem_strdup(err.msg);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct manifest_file *)a)->name,
		      ((const struct manifest_file *)b)->name);
}

static void dir_close(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir); /* was only read */
}

int manifest_folder_read(const char *path, struct manifest_folder *ret, struct err *err)
{
	struct manifest_folder folder = { 0 };
	struct dirent *entry;
	CLEANUP(dir_close) DIR *dir = opendir(path);

	if (!dir && errno != ENOENT)
		return err_os(err, "folder of static pods '%s'", path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (folder.count == KUBELET_MANIFESTS_MAX) {
			manifest_folder_deinit(&folder);
			return err_set(err, ERR_TOO_LARGE,
				       "folder of static pods '%s': more than %d files", path,
				       KUBELET_MANIFESTS_MAX);
		}
		read_one(dirfd(dir), entry->d_name, &folder);
	}
	if (folder.count > 1)
		qsort(folder.files, folder.count, sizeof(*folder.files), by_name);
	*ret = folder;
	return 0;
}

void manifest_folder_deinit(struct manifest_folder *folder)
{
	for (size_t i = 0; i < folder->count; i++) {
		mem_free(folder->files[i].name);
		mem_free(folder->files[i].problem);
		buf_deinit(&folder->files[i].text);
	}
	mem_free(folder->files);
	*folder = (struct manifest_folder){ 0 };
}

/* --- one file --- */

static struct str hash_of(struct str text, const struct manifest_place *place, struct arena *arena)
{
	char digest[IMAGE_DIGEST_BYTES];
	void *hash = digest_new();

	digest_add(hash, place->node_name);
	digest_add(hash, str_sub("", 1)); /* the NUL parts them */
	digest_add(hash, place->file);
	digest_add(hash, str_sub("", 1));
	digest_add(hash, text);
	digest_end(hash, digest);
	return str_in(arena, str_sub(digest + strlen("sha256:"), HASH_DIGITS));
}

static void place_pod(struct edit *e, const struct manifest_place *place, struct str hash)
{
	yyjson_mut_val *metadata = json_ensure_object(e->doc, e->root, "metadata");
	yyjson_mut_val *annotations = json_ensure_object(e->doc, metadata, "annotations");
	yyjson_mut_val *spec = json_ensure_object(e->doc, e->root, "spec");
	yyjson_mut_val *tolerations = json_ensure_array(e->doc, spec, "tolerations");
	yyjson_mut_val *toleration = yyjson_mut_arr_add_obj(e->doc, tolerations);
	char seen[TIME_TEXT_BYTES];

	if (str_is_empty(json_mut_get_str(metadata, "namespace")))
		json_set_str(e->doc, metadata, "namespace", STR("default"));
	json_set_str(e->doc, metadata, "name",
		     str_printf_in(e->arena, STR_FMT "-" STR_FMT,
				   STR_ARG(json_mut_get_str(metadata, "name")),
				   STR_ARG(place->node_name)));
	json_put_str(e->doc, annotations, STR(ANNOTATION_CONFIG_HASH), hash);
	json_put_str(e->doc, annotations, STR(ANNOTATION_CONFIG_SOURCE), STR("file"));
	json_put_str(e->doc, annotations, STR(ANNOTATION_CONFIG_SEEN),
		     str_from(time_format(place->now_ns, seen)));
	json_set_str(e->doc, spec, "nodeName", place->node_name);
	json_set_str(e->doc, toleration, "operator", STR("Exists"));
	json_set_str(e->doc, toleration, "effect", STR("NoExecute"));
}

struct reference_found {
	bool found, is_secret;
	struct str name;
};

static void reference_found(void *arg, bool is_secret, struct str name)
{
	*(struct reference_found *)arg = (struct reference_found){ true, is_secret, name };
}

/* What a pod must not need that runs without the API. */
static int check_references(const struct obj *pod, struct arena *arena, struct err *err)
{
	struct reference_found found = { .name = STR_NONE };
	struct pod_spec spec;

	pod_spec_decode(pod, arena, &spec);
	if (!str_is_empty(spec.service_account))
		return err_set(err, ERR_INVALID,
			       "spec.serviceAccountName: Forbidden: static pods may not reference "
			       "service accounts");
	pod_references(&spec, reference_found, &found);
	if (found.found)
		return err_set(err, ERR_INVALID, "static pods may not reference %s: " STR_FMT,
			       found.is_secret ? "secrets" : "configmaps", STR_ARG(found.name));
	JSON_EACH (volume, json_get(spec.json, "volumes"))
		JSON_EACH (source, json_get(volume, "projected.sources"))
			if (json_get(source, "serviceAccountToken"))
				return err_set(err, ERR_INVALID,
					       "static pods may not reference service account "
					       "tokens");
	return 0;
}

static int finish_pod(struct edit *e, const struct object_birth *birth, struct err *err)
{
	struct field_errors errors;
	AUTO_BUF text = { 0 };

	object_default(e);
	if (object_prepare_create(e, birth, err) < 0)
		return -1;
	field_errors_init(&errors, e->arena);
	object_validate_create(e, &errors);
	if (errors.count == 0)
		return 0;
	buf_init(&text, KUBELET_OBJECT_BYTES_MAX);
	field_errors_write(&errors, &text);
	return err_set(err, ERR_INVALID, STR_FMT, STR_ARG(buf_str(&text)));
}

int manifest_decode(struct str text, const struct manifest_place *place, const struct obj **ret,
		    struct err *err)
{
	struct decode_options options = { .kind = kind_find(STR(""), STR("v1"), STR("Pod")),
					  .format = OBJECT_YAML };
	AUTO_ARENA arena = { 0 };
	AUTO_JSON_MUT doc = NULL;
	struct object_birth birth = { .suffix = STR_NONE };
	struct edit e = { .kind = options.kind, .arena = &arena, .now_ns = place->now_ns };
	const struct obj *pod;
	struct str trimmed = str_trim(text);

	arena_init(&arena, MANIFEST_ARENA_BYTES_MAX);
	if (trimmed.len > 0 && trimmed.ptr[0] == '{')
		options.format = OBJECT_JSON;
	doc = object_decode(text, &options, err);
	if (!doc)
		return -1;
	e.doc = doc;
	e.root = yyjson_mut_doc_get_root(doc);
	if (str_is_empty(json_mut_get_str(e.root, "metadata.name")))
		return err_set(err, ERR_INVALID, "metadata.name: Required value");
	birth.uid = hash_of(text, place, &arena);
	place_pod(&e, place, birth.uid);
	birth.namespace_ = json_mut_get_str(e.root, "metadata.namespace");
	if (finish_pod(&e, &birth, err) < 0)
		return -1;
	pod = obj_own(object_encode(e.root, 1));
	if (check_references(pod, &arena, err) < 0) {
		obj_unref(pod);
		return -1;
	}
	*ret = pod;
	return 0;
}

yyjson_mut_doc *manifest_mirror(const struct obj *pod)
{
	static const char *const own[] = { "uid", "resourceVersion", "creationTimestamp",
					   "generation" };
	yyjson_mut_doc *doc = json_thaw(pod->root);
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
	yyjson_mut_val *metadata = json_mut_get(root, "metadata");

	for (size_t i = 0; i < ARRAY_COUNT(own); i++)
		(void)json_remove(metadata, str_from(own[i])); /* it need not be there */
	(void)json_remove(root, STR("status"));
	json_put_str(doc, json_ensure_object(doc, metadata, "annotations"),
		     STR(ANNOTATION_CONFIG_MIRROR), obj_annotation(pod, ANNOTATION_CONFIG_HASH));
	return doc;
}
