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

static const struct {
	const char *name, *reason;
	bool is_kind;
} rows[CUSTOM_NAME_COUNT] = {
	[CUSTOM_NAME_PLURAL] = { "plural", "PluralConflict", false },
	[CUSTOM_NAME_SINGULAR] = { "singular", "SingularConflict", false },
	[CUSTOM_NAME_SHORT] = { "shortNames", "ShortNamesConflict", false },
	[CUSTOM_NAME_KIND] = { "kind", "KindConflict", true },
	[CUSTOM_NAME_LIST_KIND] = { "listKind", "ListKindConflict", true },
};

void custom_names_init(struct custom_names *names, const struct obj *definition,
		       struct arena *arena)
{
	*names = (struct custom_names){ .definition = definition, .arena = arena };
}

static struct str in_use(struct custom_names *n, struct str name)
{
	return str_printf_in(n->arena, "\"" STR_FMT "\" is already in use", STR_ARG(name));
}

/* Of several, all are told, as Go joins errors. */
static void note_short(struct custom_names *n, struct str name)
{
	struct str *all = &n->conflicts[CUSTOM_NAME_SHORT], one = in_use(n, name);

	if (n->short_count++)
		*all = str_printf_in(
			n->arena, "[" STR_FMT ", " STR_FMT "]",
			STR_ARG(n->short_count == 2 ? *all : str_slice(*all, 1, all->len - 1)),
			STR_ARG(one));
	else
		*all = one;
}

static bool has_word(yyjson_val *list, struct str word)
{
	JSON_EACH (item, list)
		if (str_eq(json_str(item), word))
			return true;
	return false;
}

void custom_names_take(struct custom_names *n, const struct obj *other)
{
	yyjson_val *wanted = json_get(n->definition->root, "spec.names"),
		   *own = json_get(n->definition->root, "status.acceptedNames"),
		   *taken = json_get(other->root, "status.acceptedNames");

	if (str_eq(other->name, n->definition->name) ||
	    !str_eq(json_get_str(other->root, "spec.group"),
		    json_get_str(n->definition->root, "spec.group")))
		return;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct str name = json_get_str(wanted, rows[i].name);

		if (name.len && !str_eq(name, json_get_str(own, rows[i].name)) &&
		    (rows[i].is_kind ? has_kind : has_resource)(taken, name))
			n->conflicts[i] = in_use(n, name);
	}
	JSON_EACH (word, json_get(wanted, "shortNames"))
		if (!has_word(json_get(own, "shortNames"), json_str(word)) &&
		    has_resource(taken, json_str(word)))
			note_short(n, json_str(word));
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

/* Each name that nobody else has is given, whatever becomes of the others. */
static bool accept_names(struct custom_names *n, yyjson_mut_doc *doc)
{
	yyjson_mut_val *status = json_ensure_object(doc, yyjson_mut_doc_get_root(doc), "status"),
		       *accepted = json_ensure_object(doc, status, "acceptedNames");
	yyjson_val *wanted = json_get(n->definition->root, "spec.names");

	for (size_t i = 0; i <= ARRAY_COUNT(rows); i++) {
		const char *name = i < ARRAY_COUNT(rows) ? rows[i].name : "categories";
		yyjson_val *value = yyjson_obj_get(wanted, name);

		if (i < ARRAY_COUNT(rows) && n->conflicts[i].len)
			continue;
		if (value)
			json_set(doc, accepted, name, json_copy(doc, value));
		else
			(void)json_remove(accepted, str_from(name)); /* the doc owns it */
	}
	return !json_mixed_equal(accepted, json_get(n->definition->root, "status.acceptedNames"));
}

/* Of groups that need an approval. */
static bool tell_approval(struct custom_names *n, yyjson_mut_doc *doc, int64_t now_ns)
{
	static const struct {
		const char *status, *reason;
	} states[] = { [CUSTOM_APPROVAL_MISSING] = { "False", "MissingAnnotation" },
		       [CUSTOM_APPROVAL_BYPASSED] = { "False", "UnapprovedAnnotation" },
		       [CUSTOM_APPROVAL_GIVEN] = { "True", "ApprovedAnnotation" },
		       [CUSTOM_APPROVAL_INVALID] = { "False", "InvalidAnnotation" } };
	yyjson_val *root = n->definition->root;
	struct custom_condition condition = { .type = "KubernetesAPIApprovalPolicyConformant" };
	struct str annotation = json_str(
		json_key(json_get(root, "metadata.annotations"), STR(CUSTOM_APPROVED_KEY)));
	enum custom_approval state = custom_approval(json_get_str(root, "spec.group"), annotation,
						     n->arena, &condition.message);

	if (state == CUSTOM_APPROVAL_NONE)
		return false;
	condition.status = states[state].status;
	condition.reason = states[state].reason;
	return custom_condition_set(doc, &condition, now_ns);
}

bool custom_names_plan(struct custom_names *n, yyjson_mut_doc *doc, int64_t now_ns)
{
	bool established = custom_is_established(n->definition->root);
	bool changed = accept_names(n, doc);
	struct custom_condition accepted = { "NamesAccepted", "True", "NoConflicts",
					     STR_INIT("no conflicts found") };
	struct custom_condition stands = { "Established", "True", "InitialNamesAccepted",
					   STR_INIT("the initial names have been accepted") };

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		if (!n->conflicts[i].len)
			continue;
		accepted = (struct custom_condition){ "NamesAccepted", "False", rows[i].reason,
						      n->conflicts[i] };
		stands = (struct custom_condition){ "Established", "False", "NotAccepted",
						    STR("not all names are accepted") };
	}
	changed |= custom_condition_set(doc, &accepted, now_ns);
	if (!established) /* once established it stays so */
		changed |= custom_condition_set(doc, &stands, now_ns);
	changed |= tell_approval(n, doc, now_ns);
	return changed;
}
