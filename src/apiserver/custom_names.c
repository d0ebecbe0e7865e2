/* SPDX-License-Identifier: Apache-2.0 */
/* Names are handed out first come, first served within a group: what is accepted stays. */
#include "apiserver/custom_names.h"

#include "api/custom.h"
#include "base/time.h"

/* Resources share one space of names, kinds another. */
static bool has_resource(yyjson_val *names, struct str name)
{
	if (str_eq(json_get_str(names, "plural"), name) ||
	    str_eq(json_get_str(names, "singular"), name))
		return true;
	JSON_EACH (word, json_get(names, "shortNames"))
		if (str_eq(json_str(word), name))
			return true;
	return false;
}

static bool has_kind(yyjson_val *names, struct str name)
{
	return str_eq(json_get_str(names, "kind"), name) ||
	       str_eq(json_get_str(names, "listKind"), name);
}

static void refuse(struct custom_names *n, const char *reason, struct str name)
{
	n->reason = reason;
	n->message = str_printf_in(n->arena, "\"" STR_FMT "\" is already in use", STR_ARG(name));
}

void custom_names_init(struct custom_names *names, const struct obj *definition,
		       struct arena *arena)
{
	*names = (struct custom_names){ .definition = definition, .arena = arena };
}

void custom_names_take(struct custom_names *n, const struct obj *other)
{
	static const struct {
		const char *name, *reason;
		bool is_kind;
	} rows[] = { { "plural", "PluralConflict", false },
		     { "singular", "SingularConflict", false },
		     { "kind", "KindConflict", true },
		     { "listKind", "ListKindConflict", true } };
	yyjson_val *wanted = json_get(n->definition->root, "spec.names");
	yyjson_val *taken = json_get(other->root, "status.acceptedNames");

	if (str_eq(other->name, n->definition->name) ||
	    !str_eq(json_get_str(other->root, "spec.group"),
		    json_get_str(n->definition->root, "spec.group")))
		return;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct str name = json_get_str(wanted, rows[i].name);

		if (name.len && (rows[i].is_kind ? has_kind : has_resource)(taken, name))
			refuse(n, rows[i].reason, name);
	}
	JSON_EACH (word, json_get(wanted, "shortNames"))
		if (has_resource(taken, json_str(word)))
			refuse(n, "ShortNamesConflict", json_str(word));
}

static yyjson_mut_val *find_condition(yyjson_mut_val *root, const char *type)
{
	JSON_MUT_EACH (condition, json_mut_get(root, "status.conditions"))
		if (str_eq_c(json_mut_get_str(condition, "type"), type))
			return condition;
	return NULL;
}

bool custom_condition_set(yyjson_mut_doc *doc, const struct custom_condition *condition,
			  int64_t now_ns)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
	yyjson_mut_val *there = find_condition(root, condition->type);
	char text[TIME_TEXT_BYTES];

	if (there && str_eq_c(json_mut_get_str(there, "status"), condition->status) &&
	    str_eq_c(json_mut_get_str(there, "reason"), condition->reason) &&
	    str_eq(json_mut_get_str(there, "message"), condition->message))
		return false;
	if (!there)
		there = json_append_object(
			doc, json_ensure_array(doc, json_ensure_object(doc, root, "status"),
					       "conditions"));
	if (!str_eq_c(json_mut_get_str(there, "status"), condition->status))
		json_set_str(doc, there, "lastTransitionTime", str_from(time_format(now_ns, text)));
	json_set_str(doc, there, "message", condition->message);
	json_set_str(doc, there, "reason", str_from(condition->reason));
	json_set_str(doc, there, "status", str_from(condition->status));
	json_set_str(doc, there, "type", str_from(condition->type));
	return true;
}

bool custom_names_plan(struct custom_names *n, yyjson_mut_doc *doc, int64_t now_ns)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc),
		       *status = json_ensure_object(doc, root, "status");
	yyjson_val *wanted = json_get(n->definition->root, "spec.names");
	bool established = custom_is_established(n->definition->root), changed = false;
	struct custom_condition accepted = { "NamesAccepted", "True", "NoConflicts",
					     STR_INIT("no conflicts found") };
	struct custom_condition stands = { "Established", "True", "InitialNamesAccepted",
					   STR_INIT("the initial names have been accepted") };

	if (n->reason) {
		accepted = (struct custom_condition){ "NamesAccepted", "False", n->reason,
						      n->message };
		stands = (struct custom_condition){ "Established", "False", "NotAccepted",
						    STR("not all names are accepted") };
	} else if (!json_mixed_equal(yyjson_mut_obj_get(status, "acceptedNames"), wanted)) {
		json_set(doc, status, "acceptedNames", json_copy(doc, wanted));
		changed = true;
	}
	changed |= custom_condition_set(doc, &accepted, now_ns);
	if (!established) /* once established it stays so */
		changed |= custom_condition_set(doc, &stands, now_ns);
	return changed;
}
