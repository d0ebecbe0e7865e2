/* SPDX-License-Identifier: Apache-2.0 */
/* Writing and reading AdmissionReviews. */
#include "apiserver/admission_review.h"

#include "apiserver/limits.h"
#include "codec/base64.h"

static const struct str api_versions[] = { STR_INIT("admission.k8s.io/v1"),
					   STR_INIT("admission.k8s.io/v1beta1") };

static void set_object(yyjson_mut_doc *doc, yyjson_mut_val *request, const char *key,
		       yyjson_mut_val *object)
{
	json_set(doc, request, key, object ? json_mut_copy(doc, object) : yyjson_mut_null(doc));
}

void review_question_write(const struct review_question *q, struct buf *to)
{
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *request;

	json_set_str(doc, root, "kind", STR("AdmissionReview"));
	json_set_str(doc, root, "apiVersion", api_versions[q->is_beta]);
	request = json_set_object(doc, root, "request");
	json_set_str(doc, request, "uid", q->uid);
	admission_request_write(q->request, q->matched, doc, request);
	set_object(doc, request, "object", q->object);
	set_object(doc, request, "oldObject", q->old_object);
	if (q->managed_fields.len)
		json_set(doc, json_mut_get(request, "object.metadata"), "managedFields",
			 yyjson_mut_rawn(doc, q->managed_fields.ptr, q->managed_fields.len));
	if (!json_mut_get(request, "options"))
		json_set(doc, request, "options", yyjson_mut_null(doc));
	json_mut_write(root, to);
}

/* --- the answer --- */

/* As Go prints a GroupVersionKind. */
static int refuse_kind(yyjson_val *root, struct err *err)
{
	struct str api_version = json_get_str(root, "apiVersion"),
		   kind = json_get_str(root, "kind");
	bool has_group = str_contains(api_version, STR("/"));

	return err_set(
		err, ERR_PARSE,
		"expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got "
		"%s" STR_FMT ", Kind=" STR_FMT,
		has_group ? "" : "/", STR_ARG(str_slice(api_version, 0, 64)),
		STR_ARG(str_slice(kind, 0, 64)));
}

static int check_identity(yyjson_val *root, yyjson_val *response,
			  const struct review_expectation *expected, struct err *err)
{
	struct str uid = json_get_str(response, "uid");

	if (expected->is_beta)
		return 0; /* as upstream: neither was ever checked there */
	if (!str_eq(uid, expected->uid))
		return err_set(err, ERR_PARSE,
			       "expected response.uid=\"" STR_FMT "\", got \"" STR_FMT "\"",
			       STR_ARG(expected->uid), STR_ARG(str_slice(uid, 0, 128)));
	if (!str_eq(json_get_str(root, "apiVersion"), api_versions[0]) ||
	    !str_eq_c(json_get_str(root, "kind"), "AdmissionReview"))
		return refuse_kind(root, err);
	return 0;
}

static bool is_set(yyjson_val *v)
{
	return v && !yyjson_is_null(v);
}

static int check_patch(yyjson_val *response, const struct review_expectation *expected,
		       struct err *err)
{
	struct str patch = json_get_str(response, "patch");
	yyjson_val *type = json_get(response, "patchType");

	if (!expected->is_mutating) {
		if (expected->is_beta)
			return 0;
		if (patch.len)
			return err_set(err, ERR_PARSE,
				       "validating webhook may not return response.patch");
		if (is_set(type))
			return err_set(err, ERR_PARSE,
				       "validating webhook may not return response.patchType");
		return 0;
	}
	if (expected->is_beta)
		return 0;
	if (patch.len && !is_set(type))
		return err_set(err, ERR_PARSE,
			       "webhook returned response.patch but not response.patchType");
	if (!patch.len && is_set(type))
		return err_set(err, ERR_PARSE,
			       "webhook returned response.patchType but not response.patch");
	if (is_set(type) && !json_str(type).len)
		return err_set(err, ERR_PARSE,
			       "webhook returned invalid response.patchType of \"\"");
	if (is_set(type) && !str_eq_c(json_str(type), "JSONPatch"))
		return err_set(err, ERR_PARSE, "unsupported patch type \"" STR_FMT "\"",
			       STR_ARG(str_slice(json_str(type), 0, 64)));
	return 0;
}

/* A patch that cannot be understood is the server's error, not a failed call: no policy ignores it.
 */
static void read_patch(struct str text, struct arena *arena, struct review_answer *to)
{
	AUTO_BUF bytes = { 0 };
	struct err err = { 0 };

	buf_init(&bytes, WEBHOOK_ANSWER_BYTES_MAX);
	if (base64_decode(text, &bytes, &err) == 0)
		to->patch = json_parse(buf_str(&bytes), WEBHOOK_ANSWER_BYTES_MAX, &err);
	if (to->patch && !yyjson_is_arr(yyjson_doc_get_root(to->patch)))
		(void)err_set(&err, ERR_PARSE, "the patch is not a list of operations");
	if (err.code)
		to->patch_problem = str_in(arena, str_from(err.msg));
	if (err.code || !yyjson_arr_size(yyjson_doc_get_root(to->patch))) {
		json_free(to->patch);
		to->patch = NULL;
	}
}

static int read_response(yyjson_val *root, const struct review_expectation *expected,
			 struct review_answer *to, struct err *err)
{
	yyjson_val *response = json_get(root, "response"), *allowed;

	if (!yyjson_is_obj(response))
		return err_set(err, ERR_PARSE, "webhook response was absent");
	allowed = json_get(response, "allowed");
	if (is_set(allowed) && !yyjson_is_bool(allowed))
		return err_set(err, ERR_PARSE,
			       "json: cannot unmarshal into Go struct field "
			       "AdmissionResponse.response.allowed of type bool");
	if (check_identity(root, response, expected, err) < 0 ||
	    check_patch(response, expected, err) < 0)
		return -1;
	to->is_allowed = json_bool(allowed, false);
	to->result = json_get(response, "status");
	to->warnings = json_get(response, "warnings");
	to->annotations = json_get(response, "auditAnnotations");
	if (expected->is_mutating && json_get_str(response, "patch").len)
		read_patch(json_get_str(response, "patch"), expected->arena, to);
	return 0;
}

int review_answer_read(struct str body, const struct review_expectation *expected,
		       struct review_answer *ret, struct err *err)
{
	struct review_answer answer = { .doc = json_parse(body, WEBHOOK_ANSWER_BYTES_MAX, err) };

	if (!answer.doc)
		return err_wrap(err, "couldn't get version/kind; json parse error");
	if (read_response(yyjson_doc_get_root(answer.doc), expected, &answer, err) < 0) {
		review_answer_deinit(&answer);
		return -1;
	}
	*ret = answer;
	return 0;
}

void review_answer_deinit(struct review_answer *answer)
{
	json_free(answer->doc);
	json_free(answer->patch);
	*answer = (struct review_answer){ 0 };
}

static void take_causes(yyjson_val *details, struct refusal *refusal)
{
	struct arena *arena = refusal->arena;

	JSON_EACH (cause, json_get(details, "causes"))
		refusal_add_cause(refusal, (struct refusal_cause){
						   str_in(arena, json_get_str(cause, "reason")),
						   str_in(arena, json_get_str(cause, "message")),
						   str_in(arena, json_get_str(cause, "field")) });
	if (!yyjson_is_obj(details))
		return;
	refusal->uid = str_in(arena, json_get_str(details, "uid"));
	(void)refusal_about(refusal,
			    (struct subject){ str_in(arena, json_get_str(details, "group")),
					      str_in(arena, json_get_str(details, "kind")),
					      str_in(arena, json_get_str(details, "name")) });
}

int review_answer_refuse(const struct review_answer *answer, struct str webhook,
			 struct refusal *refusal)
{
	struct str message = json_get_str(answer->result, "message"),
		   reason = json_get_str(answer->result, "reason");
	int64_t code = json_get_int(answer->result, "code", 0);
	struct str said = message.len ? message : reason;

	if (code < 400 || code > 599)
		code = 400;
	(void)refusal_set(refusal, (int)code, str_c_in(refusal->arena, reason),
			  "admission webhook \"" STR_FMT "\" denied the request%s" STR_FMT,
			  STR_ARG(webhook), said.len ? ": " : " without explanation",
			  STR_ARG(said));
	take_causes(json_get(answer->result, "details"), refusal);
	return -1;
}

/* Text is shown, anything else is unknown. */
static struct str shown_body(struct str content_type, struct str body)
{
	if (content_type.len && !str_has_prefix(content_type, STR("text/")))
		return STR("unknown");
	return str_slice(str_trim(body), 0, 200);
}

void review_word_status(int status, struct str content_type, struct str body, struct err *ret)
{
	static const struct {
		int status;
		const char *text;
	} known[] = {
		{ 400, "the server rejected our request for an unknown reason" },
		{ 401, "the server has asked for the client to provide credentials" },
		{ 404, "the server could not find the requested resource" },
		{ 405, "the server does not allow this method on the requested resource" },
		{ 409, "the server reported a conflict" },
		{ 415, "the body of the request was in an unknown format" },
		{ 422, "the server rejected our request due to an error in our request" },
		{ 429, "the server has received too many requests and has asked us to try again "
		       "later" },
		{ 503, "the server is currently unable to handle the request" },
		{ 504, "the server was unable to return a response in the time allotted, but may "
		       "still be processing the request" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(known); i++)
		if (known[i].status == status) {
			(void)err_set(ret, ERR_UNAVAILABLE, "%s", known[i].text);
			return;
		}
	if (status >= 500)
		(void)err_set(ret, ERR_UNAVAILABLE,
			      "an error on the server (\"" STR_FMT
			      "\") has prevented the request from succeeding",
			      STR_ARG(shown_body(content_type, body)));
	else
		(void)err_set(ret, ERR_UNAVAILABLE,
			      "the server responded with the status code %d but did not return "
			      "more information",
			      status);
}
