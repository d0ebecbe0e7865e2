/* SPDX-License-Identifier: Apache-2.0 */
/* The parsed form of stored bytes, made once and hung onto the blob. */
#include "api/obj.h"

#include "api/limits.h"
#include "base/assert.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"

static void parsed_free(void *parsed)
{
	struct obj *obj = parsed;

	blob_unref(obj->as_read);
	json_free(obj->doc);
	mem_free(obj);
}

static void read_metadata(struct obj *obj, yyjson_val *meta)
{
	uint64_t revision;

	obj->namespace_ = json_str(yyjson_obj_get(meta, "namespace"));
	obj->name = json_str(yyjson_obj_get(meta, "name"));
	obj->uid = json_str(yyjson_obj_get(meta, "uid"));
	if (num_parse_u64(json_str(yyjson_obj_get(meta, "resourceVersion")), INT64_MAX, "revision",
			  &revision, NULL) == 0)
		obj->resource_version = (int64_t)revision;
	obj->generation = json_int(yyjson_obj_get(meta, "generation"), 0);
	obj->labels = yyjson_obj_get(meta, "labels");
	obj->annotations = yyjson_obj_get(meta, "annotations");
	obj->owner_references = yyjson_obj_get(meta, "ownerReferences");
	obj->finalizers = yyjson_obj_get(meta, "finalizers");
	obj->deletion_timestamp = json_str(yyjson_obj_get(meta, "deletionTimestamp"));
}

const struct obj *obj_of(struct blob *blob, struct err *err)
{
	yyjson_val *root, *meta;
	yyjson_doc *doc;
	struct obj *obj;

	blob->is_warm = true;
	if (blob->parsed)
		return blob->parsed;
	doc = json_parse(blob_str(blob), UINT32_MAX, err);
	if (!doc)
		return NULL;
	/* It may live as long as the blob: in the store's index and caches. */
	doc = json_trim_onto(doc, blob_str(blob));
	root = yyjson_doc_get_root(doc);
	meta = yyjson_obj_get(root, "metadata");
	if (!yyjson_is_obj(meta)) {
		json_free(doc);
		(void)err_set(err, ERR_PARSE, "not an API object: no metadata");
		return NULL;
	}
	obj = NEW(struct obj);
	obj->blob = blob;
	obj->doc = doc;
	obj->root = root;
	obj->api_version = json_str(yyjson_obj_get(root, "apiVersion"));
	obj->kind = json_str(yyjson_obj_get(root, "kind"));
	read_metadata(obj, meta);
	blob->parsed = obj;
	blob->parsed_free = parsed_free;
	return obj;
}

void obj_note_fit(const struct obj *obj, int64_t definition_revision, struct blob *as_read)
{
	struct obj *parsed = obj->blob->parsed; /* the same, as its owner sees it */

	blob_unref(parsed->as_read);
	parsed->as_read = as_read ? blob_ref(as_read) : NULL;
	parsed->fits_definition = definition_revision;
}

const struct obj *obj_get(struct blob *blob)
{
	const struct obj *obj = obj_of(blob, NULL);

	ASSERT(obj);
	return obj;
}

const struct obj *obj_ref(const struct obj *obj)
{
	if (obj)
		blob_ref(obj->blob)->held++;
	return obj;
}

const struct obj *obj_own(struct blob *blob)
{
	blob->held++;
	return obj_get(blob);
}

void obj_unref(const struct obj *obj)
{
	if (!obj)
		return;
	ASSERT(obj->blob->held > 0);
	obj->blob->held--;
	blob_unref(obj->blob);
}

struct str obj_label(const struct obj *obj, const char *key)
{
	return json_str(yyjson_obj_get(obj->labels, key));
}

struct str obj_annotation(const struct obj *obj, const char *key)
{
	return json_str(yyjson_obj_get(obj->annotations, key));
}

yyjson_val *obj_controller_ref(const struct obj *obj)
{
	JSON_EACH (ref, obj->owner_references) {
		if (json_bool(yyjson_obj_get(ref, "controller"), false))
			return ref;
	}
	return NULL;
}

struct str obj_controller_uid(const struct obj *obj)
{
	return json_str(yyjson_obj_get(obj_controller_ref(obj), "uid"));
}

bool obj_is_deleting(const struct obj *obj)
{
	return obj->deletion_timestamp.len > 0;
}
