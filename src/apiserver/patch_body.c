/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes of patches. Members that nobody knows are kept with those given twice, because both are
 * told of at the same place. */
#include "apiserver/patch_body.h"

#include "api/structural.h"
#include "base/num.h"

const char *patch_decoding_prefix(const struct operation *op)
{
	return op->patch_type == API_PATCH_STRATEGIC || op->check == FIELDS_IGNORE
		       ? ""
		       : "error decoding patch: ";
}

static void tell(struct operation *op, struct str text)
{
	op->patch_duplicates = str_printf_in(op->arena, STR_FMT "%s" STR_FMT,
					     STR_ARG(op->patch_duplicates),
					     op->patch_duplicates.len ? ", " : "", STR_ARG(text));
}

bool patch_next_duplicate(struct str *rest, struct str *ret)
{
	size_t end = str_find(*rest, STR("\", "), 0);

	if (!rest->len)
		return false;
	*ret = str_slice(*rest, 0, end == SIZE_MAX ? rest->len : end + 1);
	*rest = str_slice(*rest, NUM_MIN(ret->len + 2, rest->len), rest->len);
	return true;
}

void patch_take_duplicates(struct operation *op, struct str text)
{
	AUTO_JSON_MUT doc = json_new();
	bool is_json_patch = op->patch_type == API_PATCH_JSON;
	struct str part;

	yyjson_mut_doc_set_root(doc, structural_copy(doc, yyjson_doc_get_root(op->patch),
						     (struct structural){ 0 }, NULL, NULL));
	json_free(op->patch);
	op->patch = json_freeze(yyjson_mut_doc_get_root(doc));
	if (op->check == FIELDS_IGNORE)
		return;
	while (patch_next_duplicate(&text, &part))
		tell(op, str_printf_in(op->arena, "%s" STR_FMT, is_json_patch ? "json patch " : "",
				       STR_ARG(part)));
}

static int refuse(struct operation *op, struct refusal *refusal, yyjson_val *v, const char *type)
{
	return refusal_bad_request(refusal, "%sjson: cannot unmarshal %s into Go %s",
				   patch_decoding_prefix(op), json_go_type(v), type);
}

/* One operation of a JSON patch, as far as a decoder sees it. */
static int check_operation(struct operation *op, struct refusal *refusal, yyjson_val *v,
			   size_t index)
{
	static const char *const texts[] = { "op", "path", "from" };

	if (!yyjson_is_obj(v))
		return yyjson_is_null(v)
			       ? 0
			       : refuse(op, refusal, v, "value of type handlers.jsonPatchOp");
	JSON_MEMBERS (key, value, v) {
		bool is_known = str_eq_c(json_str(key), "value");

		for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
			if (!str_eq_c(json_str(key), texts[i]))
				continue;
			is_known = true;
			if (!yyjson_is_str(value) && !yyjson_is_null(value))
				return refuse(op, refusal, value,
					      str_printf_in(op->arena,
							    "struct field jsonPatchOp.%s of type "
							    "string",
							    texts[i])
						      .ptr);
		}
		if (!is_known)
			tell(op, str_printf_in(op->arena,
					       "json patch unknown field \"[%zu]." STR_FMT "\"",
					       index, STR_ARG(json_str(key))));
	}
	return 0;
}

static int check_json_patch(struct operation *op, struct refusal *refusal, yyjson_val *root)
{
	size_t index = 0;

	if (!yyjson_is_arr(root))
		return refuse(op, refusal, root,
			      op->check == FIELDS_IGNORE ? "value of type jsonpatch.Patch"
							 : "value of type []handlers.jsonPatchOp");
	if (op->check == FIELDS_IGNORE)
		return 0;
	JSON_EACH (v, root)
		if (check_operation(op, refusal, v, index++) < 0)
			return -1;
	return 0;
}

int patch_check_shape(struct operation *op, struct refusal *refusal)
{
	yyjson_val *root = yyjson_doc_get_root(op->patch);

	if (op->patch_type == API_PATCH_JSON)
		return check_json_patch(op, refusal, root);
	if (yyjson_is_obj(root))
		return 0;
	if (yyjson_is_null(root) && op->patch_type == API_PATCH_MERGE)
		return refusal_bad_request(refusal, "Invalid JSON Patch");
	return refuse(op, refusal, root, "value of type map[string]interface {}");
}
