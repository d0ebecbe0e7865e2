/* SPDX-License-Identifier: Apache-2.0 */
/* Objects older than the schema that they are read by. */
#include "api/custom.h"
#include "api/object.h"
#include "api/structural.h"
#include "codec/json.h"

static struct structural schema_of(const struct custom_resource *resource, struct str api_version)
{
	for (size_t i = 0; i < resource->version_count; i++)
		if (str_eq(resource->versions[i].kind.api_version, api_version))
			return custom_structural(&resource->versions[i]);
	return (struct structural){ 0 }; /* a version that is no more: nobody can say what it
					    should have */
}

/* Through a write by the version that it is stored in, after the definition's last change. Several
 * versions may differ in defaults and in what they know. */
static bool was_checked(const struct custom_resource *resource, const struct obj *stored)
{
	return !stored->blob->is_foreign && resource->version_count == 1 &&
	       stored->resource_version > resource->definition->resource_version;
}

/* What others put there may have anything in its metadata. */
static void repair(yyjson_mut_doc *doc, yyjson_mut_val *root, struct structural schema)
{
	yyjson_mut_val *metadata;
	struct err err = { 0 };

	if (structural_decode_resources(doc, root, schema, true, &err) < 0 ||
	    metadata_decode(doc, yyjson_mut_obj_get(root, "metadata"), true, &metadata, &err) < 0)
		return; /* neither fails when it repairs */
	if (yyjson_mut_get_sint(yyjson_mut_obj_get(metadata, "generation")) == 0)
		json_set_int(doc, metadata, "generation", 1);
	json_set(doc, root, "metadata", metadata);
}

struct blob *custom_as_read(const struct kind *kind, const struct obj *stored)
{
	static const char *const own[] = { "apiVersion", "kind",
					   "metadata" }; /* not the schema's */
	const struct custom_resource *resource = custom_version_of(kind)->resource;
	const struct obj *definition = resource->definition;
	AUTO_JSON_MUT doc = NULL;
	yyjson_mut_val *root;
	struct structural schema;
	struct blob *fresh = NULL;

	if (was_checked(resource, stored))
		return blob_ref(stored->blob);
	if (stored->fits_definition == definition->resource_version)
		return blob_ref(stored->as_read ? stored->as_read : stored->blob);
	schema = schema_of(resource, stored->api_version);
	doc = json_new_object();
	root = structural_copy(doc, stored->root, schema, NULL, NULL);
	for (size_t i = 0; i < ARRAY_COUNT(own); i++)
		json_put(doc, root, str_from(own[i]),
			 json_copy(doc, yyjson_obj_get(stored->root, own[i])));
	if (stored->blob->is_foreign)
		repair(doc, root, schema);
	structural_drop_nulls(root, schema);
	(void)structural_default(doc, root, schema); /* whoever writes it next is told */
	if (!json_mixed_equal(root, stored->root))
		fresh = object_encode(root, stored->resource_version);
	obj_note_fit(stored, definition->resource_version, fresh);
	return fresh ? fresh : blob_ref(stored->blob);
}
