/* SPDX-License-Identifier: Apache-2.0 */
/* Writing and reading ConversionReviews. */
#include "apiserver/conversion_review.h"

#include "api/field.h"
#include "api/meta.h"
#include "api/object.h"
#include "apiserver/limits.h"

static const struct str api_versions[] = { STR_INIT("apiextensions.k8s.io/v1"),
					   STR_INIT("apiextensions.k8s.io/v1beta1") };

#define TEXT_SHOWN_MAX 200 /* of what a webhook says, in a message */

void conversion_question_write(const struct conversion_question *q, struct buf *to)
{
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *request, *list;

	json_set_str(doc, root, "kind", STR("ConversionReview"));
	json_set_str(doc, root, "apiVersion", api_versions[q->is_beta]);
	request = json_set_object(doc, root, "request");
	json_set_str(doc, request, "uid", q->uid);
	json_set_str(doc, request, "desiredAPIVersion", q->kind->api_version);
	list = json_set_array(doc, request, "objects");
	for (size_t i = 0; i < q->count; i++)
		yyjson_mut_arr_append(list, json_copy(doc, q->objects[i]));
	json_mut_write(root, to);
}

static struct str shown(struct str text)
{
	return str_slice(text, 0, TEXT_SHOWN_MAX);
}

static int check_identity(yyjson_val *root, const struct conversion_question *q, struct err *err)
{
	struct str api_version = json_get_str(root, "apiVersion"),
		   kind = json_get_str(root, "kind"), uid = json_get_str(root, "response.uid");

	if (q->is_beta)
		return 0; /* as upstream */
	if (!str_eq(api_version, api_versions[0]) || !str_eq_c(kind, "ConversionReview"))
		return err_set(err, ERR_PARSE,
			       "failed: expected webhook response of apiextensions.k8s.io/v1, "
			       "Kind=ConversionReview, got %s" STR_FMT ", Kind=" STR_FMT,
			       str_contains(api_version, STR("/")) ? "" : "/",
			       STR_ARG(shown(api_version)), STR_ARG(shown(kind)));
	if (yyjson_is_obj(json_get(root, "response")) && !str_eq(uid, q->uid))
		return err_set(err, ERR_PARSE,
			       "failed: expected response.uid=\"" STR_FMT "\", got \"" STR_FMT "\"",
			       STR_ARG(q->uid), STR_ARG(shown(uid)));
	return 0;
}

static int check_result(yyjson_val *response, struct err *err)
{
	struct str status = json_get_str(response, "result.status"),
		   message = json_get_str(response, "result.message");

	if (!yyjson_is_obj(response))
		return err_set(err, ERR_PARSE, "failed: no response provided");
	if (str_eq_c(status, "Success"))
		return 0;
	if (message.len)
		return err_set(err, ERR_INTERNAL, "failed: " STR_FMT, STR_ARG(shown(message)));
	return err_set(err, ERR_INTERNAL,
		       "failed: response.result.status was '" STR_FMT "', not 'Success'",
		       STR_ARG(shown(status)));
}

int conversion_answer_read(struct str body, const struct conversion_question *q,
			   yyjson_doc **ret_doc, yyjson_val **ret_objects, struct err *err)
{
	AUTO_JSON doc = json_parse(body, CONVERSION_BYTES_MAX, err);
	yyjson_val *root = yyjson_doc_get_root(doc), *objects;
	size_t i = 0;

	if (!doc)
		return err_wrap(err, "failed: couldn't get version/kind; json parse error");
	if (check_identity(root, q, err) < 0 || check_result(json_get(root, "response"), err) < 0)
		return -1;
	objects = json_get(root, "response.convertedObjects");
	if (yyjson_arr_size(objects) != q->count)
		return err_set(err, ERR_PARSE, "returned %zu objects, expected %zu",
			       yyjson_arr_size(objects), q->count);
	JSON_EACH (object, objects)
		ret_objects[i++] = object;
	*ret_doc = doc;
	doc = NULL;
	return 0;
}

/* --- what it may not change --- */

static int check_same(yyjson_val *a, yyjson_val *b, const char *path, const char *what,
		      struct err *err)
{
	struct str before = json_get_str(a, path), after = json_get_str(b, path);

	if (str_eq(before, after))
		return 0;
	return err_set(err, ERR_PARSE,
		       "returned invalid object: must have the same %s: " STR_FMT " != " STR_FMT,
		       what, STR_ARG(shown(before)), STR_ARG(shown(after)));
}

static int check_type(const struct kind *kind, yyjson_val *converted, struct err *err)
{
	struct str api_version = json_get_str(converted, "apiVersion"),
		   name = json_get_str(converted, "kind");

	if (!str_eq(api_version, kind->api_version))
		return err_set(err, ERR_PARSE,
			       "returned invalid object at index 0: invalid groupVersion "
			       "(expected " STR_FMT ", received " STR_FMT ")",
			       STR_ARG(kind->api_version), STR_ARG(shown(api_version)));
	if (!str_eq(name, kind->name))
		return err_set(err, ERR_PARSE,
			       "returned invalid object at index 0: invalid kind (expected " STR_FMT
			       ", received " STR_FMT ")",
			       STR_ARG(kind->name), STR_ARG(shown(name)));
	return 0;
}

/* In place of all members of that name: JSON may have several, and whoever reads it next might take
 * another one than was checked. */
static void put_only(yyjson_mut_doc *doc, const char *key, yyjson_mut_val *value)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);

	while (json_remove(root, str_from(key)))
		;
	json_set(doc, root, key, value);
}

/* Go's names of what JSON has. */
static const char *type_name(yyjson_val *v)
{
	switch (yyjson_get_type(v)) {
	case YYJSON_TYPE_NULL:
		return "<nil>";
	case YYJSON_TYPE_BOOL:
		return "bool";
	case YYJSON_TYPE_NUM:
		return yyjson_is_real(v) ? "float64" : "int64";
	case YYJSON_TYPE_STR:
		return "string";
	case YYJSON_TYPE_ARR:
		return "[]interface {}";
	default:
		return "map[string]interface {}";
	}
}

/* What the object has already was let in once. */
static int check_map(yyjson_val *before, yyjson_val *map, const char *name, struct err *err)
{
	const struct field_path *path = FIELD_NAME(NULL, "metadata");
	bool is_labels = strcmp(name, "labels") == 0;
	AUTO_JSON_MUT doc = json_new();
	AUTO_ARENA arena = { 0 };
	AUTO_BUF text = { 0 };
	struct field_errors errors;

	JSON_MEMBERS (key, value, map)
		if (!yyjson_is_str(value))
			return err_set(err, ERR_PARSE,
				       "returned invalid metadata: metadata.%s[" STR_FMT
				       "] must be a string, but is %s in converted object",
				       name, STR_ARG(shown(json_str(key))), type_name(value));
	if (json_equal(before, map))
		return 0;
	arena_init(&arena, ARENA_DEFAULT_MAX);
	field_errors_init(&errors, &arena);
	if (is_labels)
		meta_validate_labels(json_copy(doc, map), FIELD_NAME(path, "labels"), &errors);
	else
		meta_validate_annotations(json_copy(doc, map), FIELD_NAME(path, "annotation"),
					  &errors);
	if (!errors.count)
		return 0;
	buf_init(&text, ERR_MSG_BYTES);
	field_errors_write(&errors, &text);
	return err_set(err, ERR_PARSE, "returned invalid metadata: " STR_FMT,
		       STR_ARG(buf_str(&text)));
}

static int take_metadata(yyjson_mut_doc *doc, yyjson_val *original, yyjson_val *converted,
			 struct err *err)
{
	static const char *const kept[] = { "labels", "annotations" };
	yyjson_val *from = json_get(converted, "metadata");
	yyjson_mut_val *metadata;

	if (!from)
		return err_set(err, ERR_PARSE,
			       "returned invalid metadata: missing metadata in converted object");
	if (!yyjson_is_obj(from))
		return err_set(err, ERR_PARSE,
			       "returned invalid metadata: invalid metadata of type %s in "
			       "converted object",
			       type_name(from));
	metadata = json_copy_at(doc, original, "metadata");
	if (!metadata)
		metadata = yyjson_mut_obj(doc);
	for (size_t i = 0; i < ARRAY_COUNT(kept); i++) {
		yyjson_val *map = yyjson_obj_get(from, kept[i]);

		(void)json_remove(metadata, str_from(kept[i])); /* the doc owns it */
		if (!map || yyjson_is_null(map))
			continue;
		if (!yyjson_is_obj(map))
			return err_set(
				err, ERR_PARSE,
				"returned invalid metadata: invalid metadata.%s of type %s in "
				"converted object",
				kept[i], type_name(map));
		if (check_map(json_get(json_get(original, "metadata"), kept[i]), map, kept[i],
			      err) < 0)
			return -1;
		json_set(doc, metadata, kept[i], json_copy(doc, map));
	}
	put_only(doc, "metadata", metadata);
	return 0;
}

yyjson_mut_doc *conversion_take(const struct kind *kind, yyjson_val *original,
				yyjson_val *converted, struct err *err)
{
	struct decode_options options = { .kind = kind, .check = FIELDS_IGNORE };
	AUTO_JSON_MUT doc = NULL;
	yyjson_mut_doc *decoded;

	if (!yyjson_is_obj(converted)) {
		(void)err_set(err, ERR_PARSE, "returned invalid object at index 0: it is none");
		return NULL;
	}
	if (check_type(kind, converted, err) < 0 ||
	    check_same(original, converted, "metadata.name", "name", err) < 0 ||
	    check_same(original, converted, "metadata.namespace", "namespace", err) < 0 ||
	    check_same(original, converted, "metadata.uid", "UID", err) < 0)
		return NULL;
	doc = json_thaw(converted);
	put_only(doc, "apiVersion", json_new_str(doc, kind->api_version));
	put_only(doc, "kind", json_new_str(doc, kind->name));
	if (take_metadata(doc, original, converted, err) < 0)
		return NULL;
	decoded = object_decode_mut(yyjson_mut_doc_get_root(doc), &options, err);
	if (!decoded)
		(void)err_wrap(err, "returned invalid object");
	return decoded;
}
