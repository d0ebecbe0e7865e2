/* SPDX-License-Identifier: Apache-2.0 */
/* What is in etcd may be anybody's: bytes that are no object pass through, and no kind finds them.
 */
#include "apiserver/stored_form.h"

#include "api/convert.h"
#include "api/object.h"
#include "api/protobuf.h"
#include "apiserver/registry.h"
#include "codec/json.h"

static struct blob *without_revision(struct blob *value)
{
	AUTO_JSON doc = json_parse(blob_str(value), STORE_VALUE_BYTES_MAX, NULL);
	AUTO_JSON_MUT mut = doc && yyjson_is_obj(yyjson_doc_get_root(doc))
				    ? json_thaw(yyjson_doc_get_root(doc))
				    : NULL;
	yyjson_mut_val *root = mut ? yyjson_mut_doc_get_root(mut) : NULL;

	if (!yyjson_mut_is_obj(yyjson_mut_obj_get(root, "metadata")))
		return blob_ref(value);
	json_remove(yyjson_mut_obj_get(root, "metadata"), STR("resourceVersion"));
	return json_mut_to_blob(root);
}

/* What another server has stored in another version becomes what is stored here. */
static int take_version(yyjson_mut_doc *doc, struct err *err)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
	struct str api_version = json_mut_get_str(root, "apiVersion");
	const struct kind *kind = convert_stored_kind(api_version, json_mut_get_str(root, "kind")),
			  *stored = kind ? kind_stored(kind) : NULL;

	if (!kind || str_eq(api_version, stored->api_version))
		return 0; /* of a custom kind, or as it should be */
	json_set_str(doc, root, "apiVersion", kind->api_version);
	return convert_stored(doc, kind, stored, err);
}

static struct blob *with_revision(struct str key, struct blob *stored, int64_t revision,
				  struct err *err)
{
	AUTO_JSON doc = NULL;
	AUTO_JSON_MUT mut = NULL;
	struct blob *stamped;
	yyjson_mut_val *root;

	if (str_has_prefix(blob_str(stored),
			   STR("k8s\0"))) { /* kube-apiserver's own form for built-in kinds */
		mut = protobuf_decode(blob_str(stored), STORE_VALUE_BYTES_MAX, NULL, NULL);
	} else {
		doc = json_parse(blob_str(stored), STORE_VALUE_BYTES_MAX, NULL);
		mut = doc && yyjson_is_obj(yyjson_doc_get_root(doc))
			      ? json_thaw(yyjson_doc_get_root(doc))
			      : NULL;
	}
	root = mut ? yyjson_mut_doc_get_root(mut) : NULL;
	if (!yyjson_mut_is_obj(yyjson_mut_obj_get(root, "metadata"))) {
		if (!str_has_prefix(key, STR("/registry/")))
			return blob_ref(stored);
		err_set(err, ERR_UNSUPPORTED, "'" STR_FMT "' would not be an object", STR_ARG(key));
		return NULL;
	}
	if (take_version(mut, err) < 0)
		return NULL;
	stamped = object_encode(root, revision);
	stamped->is_foreign = true;
	return stamped;
}

static struct blob *seal(void *arg, struct str key, struct blob *value, struct err *err)
{
	struct stored_form *form = arg;
	AUTO_BLOB plain = form->is_shared ? without_revision(value) : blob_ref(value);

	return form->encryption ? encryption_seal(form->encryption, key, plain, err)
				: blob_ref(plain);
}

static void set_mark(struct stored_form *form, struct str key, uint64_t mark)
{
	if (mark)
		map_put(&form->marks, key, (void *)(uintptr_t)mark);
	else if (form->marks.count)
		map_remove(&form->marks, key);
}

static struct blob *open_value(void *arg, struct str key, struct blob *sealed, int64_t revision,
			       struct err *err)
{
	struct stored_form *form = arg;
	AUTO_BLOB plain = encryption_open(form->encryption, key, sealed, err);

	if (!plain)
		return NULL;
	if (form->encryption)
		set_mark(form, key, encryption_mark(blob_str(sealed)));
	return form->is_shared ? with_revision(key, plain, revision, err) : blob_ref(plain);
}

static bool is_clear(void *arg, struct str key, struct str sealed)
{
	const struct stored_form *form = arg;

	return !form->is_shared && encryption_is_clear(form->encryption, key, sealed);
}

static bool can_open(void *arg, struct str key, struct str sealed)
{
	const struct stored_form *form = arg;

	return encryption_can_open(form->encryption, key, sealed);
}

static struct blob *revise(void *arg, struct str key, struct blob *value, int64_t revision)
{
	struct err err;

	(void)arg;
	return with_revision(key, value, revision, &err);
}

struct blob *stored_form_adopt(void *arg, struct str key, struct blob *bytes, int64_t revision,
			       struct err *err)
{
	const struct stored_form *form = arg;
	AUTO_BLOB plain = encryption_open(form->encryption, key, bytes, err);

	return plain ? with_revision(key, plain, revision, err) : NULL;
}

static bool is_stale_key(void *arg, struct str key)
{
	const struct stored_form *form = arg;
	uint64_t next;

	return encryption_next_mark(form->encryption, key, &next) &&
	       next != (uint64_t)(uintptr_t)map_get(&form->marks, key);
}

static void on_written(void *arg, struct str key, struct blob *sealed)
{
	set_mark(arg, key, sealed ? encryption_mark(blob_str(sealed)) : 0);
}

void stored_form_init(struct stored_form *form, struct str server_id)
{
	map_init(&form->marks);
	kms_metrics_init(&form->metrics);
	kms_id_text(server_id, form->metrics.server_id);
}

void stored_form_replace(struct stored_form *form, struct encryption *e)
{
	encryption_free(form->encryption);
	form->encryption = e;
}

void stored_form_deinit(struct stored_form *form)
{
	encryption_free(form->encryption);
	map_deinit(&form->marks);
	kms_metrics_deinit(&form->metrics);
}

void stored_form_options(struct stored_form *form, struct store_options *options)
{
	options->expired = registry_expired;
	/* Without either the LMDB file keeps the very bytes; encrypted ones must still be noticed.
	 */
	options->seal = form->is_shared || form->encryption ? seal : NULL;
	options->open = open_value;
	options->is_clear = is_clear;
	options->can_open = form->encryption ? can_open : NULL;
	options->revise = form->is_shared ? revise : NULL;
	options->is_stale = form->encryption ? is_stale_key : NULL;
	options->written = form->encryption ? on_written : NULL;
	options->arg = form;
}
