/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a value of a custom kind is to apply, by its definition's own schema. Lists and maps nest
 * there as they please. The same as upstream, which makes the schema published for the kind into
 * one for apply: value validation and nullable play no part, a node without a type goes by the
 * value, and what preserves unknown fields does so for all below it.
 */
#include "api/structural.h"
#include "api/typed_internal.h"
#include "codec/json.h"

static struct str word(yyjson_val *tree, const char *name)
{
	return json_str(yyjson_obj_get(tree, name));
}

static enum typed_form map_form(yyjson_val *tree)
{
	return yyjson_obj_size(yyjson_obj_get(tree, "properties")) ? TYPED_STRUCT : TYPED_MAP;
}

static enum typed_form list_form(yyjson_val *tree)
{
	struct str type = word(tree, "x-kubernetes-list-type");

	return str_eq_c(type, "map") ? TYPED_KEYED : str_eq_c(type, "set") ? TYPED_SET : TYPED_LEAF;
}

enum typed_form typed_tree_form_to_check(yyjson_val *tree, yyjson_val *v)
{
	struct str type = word(tree, "type");

	if (str_eq_c(type, "object") || (!type.len && (!v || yyjson_is_obj(v))))
		return map_form(tree);
	if (str_eq_c(type, "array") || (!type.len && yyjson_is_arr(v)))
		return list_form(tree);
	return TYPED_LEAF;
}

enum typed_form typed_tree_form(yyjson_val *tree, yyjson_val *v)
{
	enum typed_form form = typed_tree_form_to_check(tree, v);

	return typed_is_map(form) && str_eq_c(word(tree, "x-kubernetes-map-type"), "atomic")
		       ? TYPED_LEAF
		       : form;
}

struct typed typed_tree_root(struct schema_at at, yyjson_val *tree, bool is_open)
{
	return (struct typed){
		.at = at,
		.tree = tree,
		.is_open = is_open || structural_is(tree, "x-kubernetes-preserve-unknown-fields"),
	};
}

/* The root is told from all below it by its place: it is the tree of its own type. */
static bool is_resource(struct typed t)
{
	return t.tree == schema_tree(t.at) ||
	       structural_is(t.tree, "x-kubernetes-embedded-resource");
}

/* Of resources, the table knows type and metadata, whatever the definition says of them. */
struct typed typed_tree_member(struct typed t, struct str name, bool *ret_declared)
{
	const struct schema_field *field = is_resource(t) ? schema_field(t.at, name) : NULL;
	struct structural_names *names = t.at.set->names;
	yyjson_val *property = structural_property(names, t.tree, name);
	yyjson_val *tree = property ? property : structural_member(names, t.tree, name);

	*ret_declared = field || property;
	if (field)
		return (struct typed){ .at = t.at, .field = field, .shape = field->shape };
	return tree ? typed_tree_root(t.at, tree, t.is_open)
		    : (struct typed){ .at = { t.at.set, NULL } };
}

size_t typed_tree_keys(yyjson_val *tree, struct str keys[FIELD_SET_KEYS_MAX])
{
	size_t count = 0;

	JSON_EACH (key, yyjson_obj_get(tree, "x-kubernetes-list-map-keys"))
		if (count < FIELD_SET_KEYS_MAX)
			keys[count++] = json_str(key);
	return count;
}

yyjson_val *typed_tree_key_default(yyjson_val *tree, struct str key)
{
	yyjson_val *items = yyjson_obj_get(tree, "items");
	yyjson_val *property = json_key(yyjson_obj_get(items, "properties"), key);

	return yyjson_obj_get(property, "default");
}

/* Without properties, anything goes that additionalProperties do not rule. */
bool typed_tree_is_open(struct typed t)
{
	yyjson_val *additional = yyjson_obj_get(t.tree, "additionalProperties");

	if (additional)
		return !yyjson_is_false(additional);
	return t.is_open || (!is_resource(t) && map_form(t.tree) == TYPED_MAP);
}

enum typed_scalar typed_tree_scalar(yyjson_val *tree)
{
	struct str type = word(tree, "type"), format = word(tree, "format");

	if (str_eq_c(type, "string"))
		return str_eq_c(format, "int-or-string") || str_eq_c(format, "date-time")
			       ? TYPED_ANY
			       : TYPED_TEXT;
	if (str_eq_c(type, "integer") || str_eq_c(type, "number"))
		return TYPED_NUMBER;
	return str_eq_c(type, "boolean") ? TYPED_BOOL : TYPED_ANY;
}
