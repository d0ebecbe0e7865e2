/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kinds that are questions: they are posted, answered in their status, and never stored. May I, may
 * they, who am I, is this token good.
 */
#include "api/object.h"
#include "api/protobuf.h"
#include "apiserver/authn.h"
#include "apiserver/exchange_admission.h"
#include "apiserver/registry.h"
#include "base/mem.h"
#include "apiserver/review.h"

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

/* Upstream asks for the token of its own loopback first, which is none of those; the same problem
 * is told once. */
static struct str token_problem(struct review *r, const struct err *err)
{
	static const char unknown[] = "invalid bearer token";

	return strcmp(err->msg, unknown) == 0
		       ? str_from(unknown)
		       : str_printf_in(r->e->arena, "[%s, %s]", unknown, err->msg);
}

static int token(struct review *r)
{
	struct str text = json_mut_get_str(r->spec, "token");
	struct authn_answer answer;
	struct authn_token asked;
	yyjson_mut_val *list, *who;
	struct err err = { 0 };
	int found;

	if (!text.len)
		return refusal_bad_request(&r->e->refusal,
					   "token is required for TokenReview in authentication");
	asked = (struct authn_token){ .text = text,
				      .audiences = take_strings(r, "audiences"),
				      .wait = &r->e->wait,
				      .arena = r->e->arena };
	found = authn_token(r->e->server, &asked, &answer, &err);
	if (found > 0)
		return exchange_wait(r->e);
	if (found == 0)
		json_set_bool(r->doc, r->status, "authenticated", true);
	who = json_set_object(r->doc, r->status, "user"); /* always there */
	if (found < 0) {
		json_set_str(r->doc, r->status, "error", token_problem(r, &err));
		return 0;
	}
	user_write(answer.user, r->doc, who);
	if (!answer.audiences.count)
		return 0;
	list = json_set_array(r->doc, r->status, "audiences");
	for (size_t i = 0; i < answer.audiences.count; i++)
		json_append_str(r->doc, list, answer.audiences.items[i]);
	return 0;
}

static const struct {
	const char *plural;
	int (*answer)(struct review *r);
} reviews[] = {
	{ "selfsubjectaccessreviews", review_self_access },
	{ "subjectaccessreviews", review_access },
	{ "localsubjectaccessreviews", review_local_access },
	{ "selfsubjectrulesreviews", review_self_rules },
	{ "selfsubjectreviews", self_subject },
	{ "tokenreviews", token },
};

bool review_is(const struct kind *kind)
{
	for (size_t i = 0; i < ARRAY_COUNT(reviews); i++)
		if (str_eq_c(kind->plural, reviews[i].plural))
			return true;
	return false;
}

/* Refused, answered, or (1) to be answered anew. */
static int answer(struct exchange *e, yyjson_mut_doc *doc)
{
	struct review r = { .e = e, .doc = doc, .root = yyjson_mut_doc_get_root(doc) };
	struct blob *blob;

	r.spec = json_mut_get(r.root, "spec");
	r.status = json_set_object(doc, r.root, "status");
	for (size_t i = 0; i < ARRAY_COUNT(reviews); i++) {
		int progress = str_eq_c(e->kind->plural, reviews[i].plural) ? reviews[i].answer(&r)
									    : 0;

		if (progress)
			return progress;
	}
	blob = json_mut_to_blob(r.root);
	exchange_answer_object(e, 201, blob, e->warnings);
	blob_unref(blob);
	return 0;
}

static int admitted(struct exchange_admission *a, yyjson_mut_doc *doc)
{
	int result = answer(a->e, doc);

	json_mut_free(doc);
	return result;
}

static int admit(struct exchange *e, yyjson_mut_doc *doc)
{
	struct exchange_admission *a = ARENA_NEW(e->arena, struct exchange_admission);
	struct registry *registry = &e->server->registry;
	struct str namespace_ = kind_is_namespaced(e->kind) ? e->target.namespace_ : STR_NONE;

	a->e = e;
	a->next = admitted;
	a->doc = doc;
	a->kind = e->kind;
	a->request = (struct admission_request){
		.operation = ADMISSION_CREATE,
		.kind = e->kind,
		.body_group = e->kind->group,
		.body_version = e->kind->version,
		.body_kind = e->kind->name,
		.namespace_ = namespace_,
		.name = str_in(e->arena,
			       json_mut_get_str(yyjson_mut_doc_get_root(doc), "metadata.name")),
		.user = e->user,
		.dry_run = str_eq_c(params_get(&e->target.query, "dryRun"), "All"),
		.kinds = &registry->kinds,
	};
	if (namespace_.len)
		a->request.namespace_object = registry_get(registry, &kind_namespace, STR_NONE,
							   namespace_);
	return exchange_admit(a);
}

int review_serve(struct exchange *e, struct str body, enum object_format format,
		 yyjson_mut_doc *tree)
{
	struct decode_options options = { .kind = e->kind,
					  .format = format,
					  .check = FIELDS_IGNORE };
	AUTO_JSON_MUT doc = NULL;
	struct err err = { 0 };

	doc = tree ? object_decode_mut(yyjson_mut_doc_get_root(tree), &options, &err)
		   : object_decode(body, &options, &err);
	if (!doc)
		return refusal_from_err(&e->refusal, &err);
	return exchange_admission_any(e) ? admit(e, TAKE(doc)) : answer(e, doc);
}
