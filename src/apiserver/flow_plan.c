/* SPDX-License-Identifier: Apache-2.0 */
/* As upstream's ensurer and config consumer decide, word for word in the condition. */
#include "apiserver/flow_plan.h"

#include "apiserver/flow_defaults.h"
#include "base/time.h"

/* As upstream's language reads a bool from text; -1: it is none. */
static int read_bool(struct str text)
{
	static const char *const words[2][6] = {
		{ "0", "f", "F", "false", "False", "FALSE" },
		{ "1", "t", "T", "true", "True", "TRUE" },
	};

	for (int value = 0; value < 2; value++)
		for (size_t i = 0; i < ARRAY_COUNT(words[0]); i++)
			if (str_eq_c(text, words[value][i]))
				return value;
	return -1;
}

static bool is_exempt_level(const struct obj *have)
{
	return str_eq_c(have->name, "exempt") &&
	       str_eq_c(json_get_str(have->root, "kind"), "PriorityLevelConfiguration");
}

static bool has_spec(const struct obj *have, yyjson_mut_val *wanted)
{
	if (is_exempt_level(have))
		return str_eq_c(json_get_str(have->root, "spec.type"), "Exempt") &&
		       !json_get(have->root, "spec.limited");
	return json_mixed_equal(json_mut_get(wanted, "spec"), json_get(have->root, "spec"));
}

yyjson_mut_doc *flow_plan_default(const struct obj *have, yyjson_mut_val *wanted, bool is_mandatory)
{
	int said = read_bool(obj_annotation(have, FLOW_AUTOUPDATE));
	bool updates = is_mandatory || (said >= 0 ? said : have->generation == 1);
	bool is_right = !updates || has_spec(have, wanted);
	yyjson_mut_doc *doc;
	yyjson_mut_val *root, *annotations;

	if (is_right && said == (int)updates)
		return NULL;
	doc = json_thaw(have->root);
	root = yyjson_mut_doc_get_root(doc);
	annotations = json_ensure_object(doc, json_ensure_object(doc, root, "metadata"),
					 "annotations");
	json_put_str(doc, annotations, STR(FLOW_AUTOUPDATE), updates ? STR("true") : STR("false"));
	if (!is_right)
		json_set(doc, root, "spec", json_mut_copy(doc, json_mut_get(wanted, "spec")));
	return doc;
}

bool flow_plan_is_outdated(const struct obj *have)
{
	return read_bool(obj_annotation(have, FLOW_AUTOUPDATE)) == 1;
}

static bool is_dangling(yyjson_val *condition)
{
	return str_eq_c(json_get_str(condition, "type"), "Dangling");
}

yyjson_mut_doc *flow_plan_status(const struct obj *schema, bool level_exists, int64_t now_ns)
{
	struct str level = json_get_str(schema->root, "spec.priorityLevelConfiguration.name"),
		   wanted = level_exists ? STR("False") : STR("True"), since = STR_NONE;
	char text[TIME_TEXT_BYTES], message[512];
	yyjson_mut_doc *doc;
	yyjson_mut_val *list, *condition;

	(void)snprintf(message, sizeof(message),
		       "This FlowSchema references the PriorityLevelConfiguration object named "
		       "\"" STR_FMT "\" %s",
		       STR_ARG(level),
		       level_exists ? "and it exists" : "but there is no such object"); /* fits */
	JSON_EACH (have, json_get(schema->root, "status.conditions")) {
		if (!is_dangling(have) || !str_eq(json_get_str(have, "status"), wanted))
			continue;
		since = json_get_str(have, "lastTransitionTime");
		if (str_eq_c(json_get_str(have, "message"), message))
			return NULL;
	}
	doc = json_thaw(schema->root);
	list = json_set_array(doc, json_ensure_object(doc, yyjson_mut_doc_get_root(doc), "status"),
			      "conditions");
	JSON_EACH (have, json_get(schema->root, "status.conditions"))
		if (!is_dangling(have))
			yyjson_mut_arr_append(list, json_copy(doc, have));
	condition = json_append_object(doc, list);
	json_set_str(doc, condition, "type", STR("Dangling"));
	json_set_str(doc, condition, "status", wanted);
	json_set_str(doc, condition, "reason", level_exists ? STR("Found") : STR("NotFound"));
	json_set_str(doc, condition, "message", str_from(message));
	json_set_str(doc, condition, "lastTransitionTime",
		     since.len ? since : str_from(time_format(now_ns, text)));
	return doc;
}
