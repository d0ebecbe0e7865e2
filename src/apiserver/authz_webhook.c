/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked, which requests it is asked about, and what the answer means. */
#include "apiserver/authz_webhook.h"

#include "apiserver/limits.h"
#include "apiserver/registry.h"
#include "base/log.h"
#include "base/mem.h"
#include "cel/cel.h"

struct authz_webhook {
	struct review_hook *hook;
	const char *version;
	bool denies_when_failed;
	struct arena arena; /* of all below */
	struct str name;
	const struct cel_program **conditions;
	size_t condition_count;
};

static int compile(struct authz_webhook *w, yyjson_val *conditions, struct err *err)
{
	static const struct cel_variable variables[] = { { STR_INIT("request"), &cel_type_dyn } };
	static const struct cel_env env = { .variables = variables, .variable_count = 1 };

	w->conditions = arena_array(&w->arena, yyjson_arr_size(conditions) + 1,
				    sizeof(w->conditions[0]));
	JSON_EACH (item, conditions) {
		struct str text = str_in(&w->arena, json_get_str(item, "expression"));
		AUTO_BUF messages = { 0 };

		buf_init(&messages, CEL_ERROR_BYTES_MAX);
		w->conditions[w->condition_count] = cel_compile(&w->arena, &env, text, &messages);
		if (!w->conditions[w->condition_count])
			return err_set(err, ERR_INVALID,
				       "matchConditions[%zu].expression: Invalid value: "
				       "\"" STR_FMT "\": " STR_FMT,
				       w->condition_count, STR_ARG(text),
				       STR_ARG(buf_str(&messages)));
		w->condition_count++;
	}
	return 0;
}

int authz_webhook_new(struct registry *registry, const struct authz_part *part,
		      struct authz_webhook **ret, struct err *err)
{
	struct authz_webhook *w = NEW(struct authz_webhook);

	arena_init(&w->arena, ARENA_DEFAULT_MAX);
	w->version = part->version;
	w->denies_when_failed = part->denies_when_failed;
	w->name = str_in(&w->arena, part->name);
	if (compile(w, part->conditions, err) < 0) {
		authz_webhook_free(w);
		return -1;
	}
	w->hook = review_hook_new(registry, part->webhook);
	*ret = w;
	return 0;
}

void authz_webhook_free(struct authz_webhook *w)
{
	if (!w)
		return;
	review_hook_free(w->hook);
	arena_deinit(&w->arena);
	mem_free(w);
}

void authz_webhook_take_waits(struct authz_webhook *w, struct list *to)
{
	if (w)
		review_hook_take_waits(w->hook, to);
}

/* --- the question --- */

static void put(yyjson_mut_doc *doc, yyjson_mut_val *to, const char *key, struct str value)
{
	if (value.len)
		json_set_str(doc, to, key, value);
}

/* Terms "a=b", "a==b", "a!=b" as requirements; what is none is left out, and so narrows nothing. */
static void put_fields(yyjson_mut_doc *doc, yyjson_mut_val *to, struct str text)
{
	yyjson_mut_val *list, *item;
	struct str term, key, value;

	if (!text.len)
		return;
	list = json_set_array(doc, json_set_object(doc, to, "fieldSelector"), "requirements");
	while (text.len && str_next_part(&text, ',', &term)) {
		bool negated;

		if (!str_cut(term, '=', &key, &value))
			continue;
		negated = str_strip_suffix(&key, STR("!"));
		(void)str_strip_prefix(&value, STR("="));
		item = json_append_object(doc, list);
		json_set_str(doc, item, "key", key);
		json_set_str(doc, item, "operator", negated ? STR("NotIn") : STR("In"));
		json_append_str(doc, json_set_array(doc, item, "values"), value);
	}
}

static void put_labels(yyjson_mut_doc *doc, yyjson_mut_val *to, struct str text)
{
	static const char *const names[] = {
		[SELECTOR_IN] = "In",	      [SELECTOR_NOT_IN] = "NotIn",
		[SELECTOR_EXISTS] = "Exists", [SELECTOR_NOT_EXISTS] = "DoesNotExist",
		[SELECTOR_GREATER] = NULL,    [SELECTOR_LESS] = NULL,
	};
	AUTO_ARENA arena = { 0 };
	struct selector selector;
	yyjson_mut_val *list, *item;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	if (!text.len || selector_parse(text, &arena, &selector, NULL) < 0)
		return;
	list = json_set_array(doc, json_set_object(doc, to, "labelSelector"), "requirements");
	for (size_t i = 0; i < selector.count; i++) {
		const struct selector_requirement *r = &selector.requirements[i];

		if (!names[r->operator])
			continue;
		item = json_append_object(doc, list);
		json_set_str(doc, item, "key", r->key);
		json_set_str(doc, item, "operator", str_from(names[r->operator]));
		for (size_t j = 0; j < r->value_count; j++)
			json_append_str(doc, json_ensure_array(doc, item, "values"), r->values[j]);
	}
}

static void put_resource(yyjson_mut_doc *doc, yyjson_mut_val *spec, const struct target *t)
{
	yyjson_mut_val *to = json_set_object(doc, spec, "resourceAttributes");

	put(doc, to, "namespace", t->namespace_);
	put(doc, to, "verb", t->verb);
	put(doc, to, "group", t->group);
	put(doc, to, "version", t->version);
	put(doc, to, "resource", t->resource);
	put(doc, to, "subresource", t->subresource);
	put(doc, to, "name", t->name);
	if (str_eq_c(t->verb, "list") || target_is_watch(t) ||
	    str_eq_c(t->verb, "deletecollection")) {
		put_fields(doc, to, params_get(&t->query, "fieldSelector"));
		put_labels(doc, to, params_get(&t->query, "labelSelector"));
	}
}

static yyjson_mut_doc *question(const struct authz_webhook *w, const struct authz_attributes *a)
{
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *spec, *path, *user;
	char version[64];

	snprintf(version, sizeof(version), "authorization.k8s.io/%s", w->version);
	json_set_str(doc, root, "kind", STR("SubjectAccessReview"));
	json_set_str(doc, root, "apiVersion", str_from(version));
	spec = json_set_object(doc, root, "spec");
	if (a->target->is_resource) {
		put_resource(doc, spec, a->target);
	} else {
		path = json_set_object(doc, spec, "nonResourceAttributes");
		put(doc, path, "path", a->target->path);
		put(doc, path, "verb", a->target->verb);
	}
	user = yyjson_mut_obj(doc);
	user_write(a->user, doc, user);
	JSON_MUT_MEMBERS (key, value, user) {
		struct str name = json_mut_str(key);

		json_put(doc, spec, str_eq_c(name, "username") ? STR("user") : name,
			 json_mut_copy(doc, value));
	}
	return doc;
}

/* --- the answer --- */

static enum authz_decision failed(const struct authz_webhook *w, const struct authz_attributes *a,
				  const char *why)
{
	log_warn("apiserver", "authorization webhook " STR_FMT ": %s", STR_ARG(w->name), why);
	if (a->reason)
		a->reason->error = str_in(a->reason->arena, str_from(why));
	return w->denies_when_failed ? AUTHZ_DENY : AUTHZ_NO_OPINION;
}

/* 1: all hold; 0: one does not; < 0: one cannot be told. */
static int matches(const struct authz_webhook *w, yyjson_mut_doc *doc, struct err *err)
{
	struct cel_value request = cel_json_mut(json_mut_get(yyjson_mut_doc_get_root(doc), "spec"),
						&cel_type_map_dyn),
			 value;
	int verdict = 1;
	AUTO_ARENA arena = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	for (size_t i = 0; i < w->condition_count; i++) {
		struct cel_evaluation evaluation = { .arena = &arena,
						     .variables = &request,
						     .cost_max = CEL_CALL_COST_MAX };

		if (cel_evaluate(w->conditions[i], &evaluation, &value, err) < 0)
			verdict = -1;
		else if (value.kind != CEL_BOOL || !value.boolean)
			return 0; /* also when another one failed */
	}
	return verdict;
}

enum authz_decision authz_webhook_decide(struct authz_webhook *w, const struct authz_attributes *a)
{
	AUTO_JSON_MUT doc = question(w, a);
	yyjson_val *status = NULL;
	enum review_answer answer;
	struct err err = { 0 };
	struct str why;
	int matched = matches(w, doc, &err);

	if (matched <= 0)
		return matched < 0 ? failed(w, a, err.msg) : AUTHZ_NO_OPINION;
	answer = review_hook_ask(w->hook, doc, a->wait, &status, &err);
	if (answer == REVIEW_FAILED)
		return failed(w, a, err.msg);
	if (answer == REVIEW_LATER)
		return a->wait ? AUTHZ_LATER : AUTHZ_NO_OPINION;
	why = json_get_str(status, "reason");
	if (why.len)
		(void)authz_say(a, STR_FMT, STR_ARG(why));
	if (json_get_bool(status, "denied", false))
		return AUTHZ_DENY;
	return json_get_bool(status, "allowed", false) ? AUTHZ_ALLOW : AUTHZ_NO_OPINION;
}
