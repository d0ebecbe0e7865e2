/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kinds that are questions: they are posted, answered in their status, and never stored. May I, may
 * they, who am I, is this token good.
 */
#include "api/object.h"
#include "api/protobuf.h"
#include "apiserver/authn.h"
#include "apiserver/authz.h"
#include "apiserver/exchange.h"
#include "apiserver/limits.h"
#include "apiserver/rbac.h"

struct review {
	struct exchange *e;
	yyjson_mut_doc *doc;
	yyjson_mut_val *root, *spec, *status;
};

static enum authz_decision decide(struct review *r, const struct user *user)
{
	yyjson_mut_val *resource = json_mut_get(r->spec, "resourceAttributes");
	yyjson_mut_val *path = json_mut_get(r->spec, "nonResourceAttributes"),
		       *from = resource ? resource : path;
	struct target target = {
		.verb = json_mut_get_str(from, "verb"),
		.is_resource = resource != NULL,
		.path = json_mut_get_str(path, "path"),
		.group = json_mut_get_str(resource, "group"),
		.version = json_mut_get_str(resource, "version"),
		.resource = json_mut_get_str(resource, "resource"),
		.subresource = json_mut_get_str(resource, "subresource"),
		.name = json_mut_get_str(resource, "name"),
		.namespace_ = json_mut_get_str(resource, "namespace"),
	};
	struct authz_attributes attributes = { .user = user, .target = &target };

	return authz_decide(&r->e->server->registry, &attributes);
}

static int check_attributes(struct review *r)
{
	if (!json_mut_get(r->spec, "resourceAttributes") ==
	    !json_mut_get(r->spec, "nonResourceAttributes")) {
		refusal_add_cause(
			&r->e->refusal,
			(struct refusal_cause){
				.reason = STR("FieldValueInvalid"),
				.field = STR("spec.resourceAttributes"),
				.message = STR(
					"Invalid value: null: exactly one of nonResourceAttributes "
					"or resourceAttributes must be "
					"specified"),
			});
		return refusal_invalid(
			&r->e->refusal,
			(struct subject){ r->e->kind->group, r->e->kind->name, STR("") });
	}
	return 0;
}

static void set_decision(struct review *r, enum authz_decision decision)
{
	json_set_bool(r->doc, r->status, "allowed", decision == AUTHZ_ALLOW);
	if (decision == AUTHZ_DENY)
		json_set_bool(r->doc, r->status, "denied", true);
}

static int self_access(struct review *r)
{
	if (check_attributes(r) < 0)
		return -1;
	set_decision(r, decide(r, r->e->user));
	return 0;
}

static int other_access(struct review *r)
{
	struct str groups[USER_GROUPS_MAX];
	struct user user = { .name = json_mut_get_str(r->spec, "user"), .groups = groups };

	if (check_attributes(r) < 0)
		return -1;
	JSON_MUT_EACH (group, json_mut_get(r->spec, "groups"))
		if (user.group_count < USER_GROUPS_MAX)
			groups[user.group_count++] = json_mut_str(group);
	if (!user.name.len && !user.group_count) {
		refusal_add_cause(&r->e->refusal,
				  (struct refusal_cause){
					  .reason = STR("FieldValueInvalid"),
					  .field = STR("spec.user"),
					  .message = STR("Invalid value: \"\": at least one of "
							 "user or group must be specified"),
				  });
		return refusal_invalid(
			&r->e->refusal,
			(struct subject){ r->e->kind->group, r->e->kind->name, STR("") });
	}
	set_decision(r, decide(r, &user));
	return 0;
}

static bool take_rule(void *arg, yyjson_val *rule)
{
	struct review *r = arg;
	bool is_resource = json_get_count(rule, "resources") > 0;
	static const char *const fields[] = { "verbs", "apiGroups", "resources", "resourceNames",
					      "nonResourceURLs" };
	yyjson_mut_val *list = json_mut_get(r->status,
					    is_resource ? "resourceRules" : "nonResourceRules"),
		       *item = json_append_object(r->doc, list);

	for (size_t i = 0; i < ARRAY_COUNT(fields); i++)
		if (json_get_count(rule, fields[i]))
			json_set(r->doc, item, fields[i], json_copy_at(r->doc, rule, fields[i]));
	return true;
}

static int self_rules(struct review *r)
{
	struct str namespace_ = json_mut_get_str(r->spec, "namespace");

	if (!namespace_.len)
		return refusal_bad_request(&r->e->refusal, "no namespace on request");
	(void)json_set_array(r->doc, r->status, "resourceRules");
	(void)json_set_array(r->doc, r->status, "nonResourceRules");
	rbac_each_rule(r->e->server->registry.rbac, r->e->user, namespace_, take_rule, r);
	json_set_bool(r->doc, r->status, "incomplete", false);
	return 0;
}

static int self_subject(struct review *r)
{
	user_write(r->e->user, r->doc, json_set_object(r->doc, r->status, "userInfo"));
	return 0;
}

static struct str_list take_strings(struct review *r, const char *path)
{
	struct str *items = arena_array(r->e->arena, json_mut_get_count(r->spec, path) + 1,
					sizeof(items[0]));
	size_t count = 0;

	JSON_MUT_EACH (item, json_mut_get(r->spec, path))
		items[count++] = json_mut_str(item);
	return (struct str_list){ items, count };
}

static int token(struct review *r)
{
	struct str text = json_mut_get_str(r->spec, "token");
	struct authn_answer answer;
	yyjson_mut_val *list, *who;
	struct err err = { 0 };
	int found;

	if (!text.len)
		return refusal_bad_request(&r->e->refusal,
					   "token is required for TokenReview in authentication");
	found = authn_token(r->e->server, text, take_strings(r, "audiences"), r->e->arena, &answer,
			    &err);
	json_set_bool(r->doc, r->status, "authenticated", found == 0);
	who = json_set_object(r->doc, r->status, "user"); /* always there */
	if (found < 0) {
		json_set_str(r->doc, r->status, "error",
			     str_printf_in(r->e->arena, "[%s]", err.msg));
		return 0;
	}
	user_write(answer.user, r->doc, who);
	list = json_set_array(r->doc, r->status, "audiences");
	for (size_t i = 0; i < answer.audiences.count; i++)
		json_append_str(r->doc, list, answer.audiences.items[i]);
	return 0;
}

static const struct {
	const char *plural;
	int (*answer)(struct review *r);
} reviews[] = {
	{ "selfsubjectaccessreviews", self_access },   { "subjectaccessreviews", other_access },
	{ "localsubjectaccessreviews", other_access }, { "selfsubjectrulesreviews", self_rules },
	{ "selfsubjectreviews", self_subject },	       { "tokenreviews", token },
};

bool review_is(const struct kind *kind)
{
	for (size_t i = 0; i < ARRAY_COUNT(reviews); i++)
		if (str_eq_c(kind->plural, reviews[i].plural))
			return true;
	return false;
}

int review_serve(struct exchange *e, struct str body, enum object_format format,
		 yyjson_mut_doc *tree)
{
	struct decode_options options = { .kind = e->kind,
					  .format = format,
					  .check = FIELDS_IGNORE };
	struct review r = { .e = e };
	AUTO_JSON_MUT doc = NULL;
	struct err err = { 0 };
	struct blob *blob;

	doc = tree ? object_decode_mut(yyjson_mut_doc_get_root(tree), &options, &err)
		   : object_decode(body, &options, &err);
	if (!doc)
		return refusal_from_err(&e->refusal, &err);
	r.doc = doc;
	r.root = yyjson_mut_doc_get_root(doc);
	r.spec = json_mut_get(r.root, "spec");
	r.status = json_set_object(doc, r.root, "status");
	for (size_t i = 0; i < ARRAY_COUNT(reviews); i++)
		if (str_eq_c(e->kind->plural, reviews[i].plural) && reviews[i].answer(&r) < 0)
			return -1;
	blob = json_mut_to_blob(r.root);
	exchange_answer_object(e, 201, blob, NULL);
	blob_unref(blob);
	return 0;
}
