/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serviceaccounts/token: a token for an account, bound to a pod, a node or a secret when asked.
 * Signing costs 30 us with the P-256 key that clusters here have (an RSA key from elsewhere: 0.7
 * ms), so it is done in place.
 */
#include "apiserver/admission.h"
#include "apiserver/limits.h"
#include "apiserver/operation.h"
#include "apiserver/registry.h"
#include "apiserver/tokens.h"
#include "base/time.h"
#include "loop/env.h"

#define GROUP "authentication.k8s.io"

struct wish {
	struct operation *op;
	yyjson_mut_val *root, *spec;
	int64_t seconds, now_s;
	struct token_claims claims;
};

/* --- the object it is bound to --- */

static struct token_reference reference_of(const struct obj *obj)
{
	return (struct token_reference){ obj->name, obj->uid };
}

static int bind_pod(struct wish *w, struct str name, const struct obj **ret)
{
	struct operation *op = w->op;
	const struct obj *pod = registry_get_pending(op->registry, &kind_pod, op->namespace_, name),
			 *node;
	struct str node_name;

	*ret = pod;
	if (!pod)
		return refusal_not_found(&op->refusal,
					 (struct subject){ STR(""), STR("pods"), name });
	if (!str_eq(json_get_str(pod->root, "spec.serviceAccountName"), op->name))
		return refusal_bad_request(&op->refusal,
					   "cannot bind token for serviceaccount \"" STR_FMT
					   "\" to pod running with different serviceaccount name.",
					   STR_ARG(op->name));
	w->claims.pod = reference_of(pod);
	node_name = json_get_str(pod->root, "spec.nodeName");
	if (!node_name.len)
		return 0;
	node = registry_get_pending(op->registry, &kind_node, STR_NONE, node_name);
	w->claims.node = node ? reference_of(node) : (struct token_reference){ .name = node_name };
	return 0;
}

static int bind_node(struct wish *w, struct str name, const struct obj **ret)
{
	*ret = registry_get_pending(w->op->registry, &kind_node, STR_NONE, name);
	if (!*ret)
		return refusal_not_found(&w->op->refusal,
					 (struct subject){ STR(""), STR("nodes"), name });
	w->claims.node = reference_of(*ret);
	return 0;
}

static int bind_secret(struct wish *w, struct str name, const struct obj **ret)
{
	*ret = registry_get_pending(w->op->registry, &kind_secret, w->op->namespace_, name);
	if (!*ret)
		return refusal_not_found(&w->op->refusal,
					 (struct subject){ STR(""), STR("secrets"), name });
	w->claims.secret = reference_of(*ret);
	return 0;
}

static const struct {
	const char *kind;
	int (*bind)(struct wish *w, struct str name, const struct obj **ret);
} bindable[] = {
	{ "Pod", bind_pod },
	{ "Node", bind_node },
	{ "Secret", bind_secret },
};

static int bind_object(struct wish *w)
{
	yyjson_mut_val *reference = json_mut_get(w->spec, "boundObjectRef");
	struct str kind = json_mut_get_str(reference, "kind"),
		   version = json_mut_get_str(reference, "apiVersion"),
		   name = json_mut_get_str(reference, "name"),
		   uid = json_mut_get_str(reference, "uid");
	const struct obj *obj = NULL;
	size_t i = 0;

	if (!yyjson_mut_is_obj(reference))
		return 0;
	while (i < ARRAY_COUNT(bindable) && !str_eq_c(kind, bindable[i].kind))
		i++;
	if (i == ARRAY_COUNT(bindable) || !str_eq_c(version, "v1"))
		return refusal_bad_request(&w->op->refusal,
					   "cannot bind token to object of type " STR_FMT
					   ", Kind=" STR_FMT,
					   STR_ARG(version), STR_ARG(kind));
	if (bindable[i].bind(w, name, &obj) < 0)
		return -1;
	if (uid.len && !str_eq(uid, obj->uid))
		return refusal_conflict(&w->op->refusal, (struct subject){ STR(""), kind, name },
					"the UID in the bound object reference (" STR_FMT
					") does not match the UID in record. The object might have "
					"been deleted and "
					"then recreated",
					STR_ARG(uid));
	return 0;
}

/* --- the request --- */

static int check_name(struct operation *op)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "metadata"), "name");
	struct str name = json_mut_get_str(op->edit.root, "metadata.name");
	struct field_errors errors;

	field_errors_init(&errors, op->arena);
	if (name.len && !str_eq(name, op->name))
		field_invalid_str(&errors, path, name,
				  "must match the service account name if specified");
	return operation_take_fields(op, &errors,
				     (struct subject){ STR(GROUP), STR("TokenRequest"), op->name });
}

static int check_uid(struct wish *w, struct str uid)
{
	struct operation *op = w->op;
	struct str given = json_mut_get_str(w->root, "metadata.uid");

	if (!given.len || str_eq(given, uid))
		return 0;
	return refusal_conflict(&op->refusal,
				(struct subject){ STR(GROUP), STR("TokenRequest"), op->name },
				"the UID in the token request (" STR_FMT
				") does not match the UID of the service account (" STR_FMT ")",
				STR_ARG(given), STR_ARG(uid));
}

static int check_seconds(struct wish *w)
{
	const struct field_path *path = FIELD_NAME(FIELD_NAME(NULL, "spec"), "expirationSeconds");
	struct operation *op = w->op;
	int64_t max = tokens_seconds_max(op->registry->tokens);
	struct field_errors errors;

	field_errors_init(&errors, op->arena);
	if (w->seconds < TOKEN_SECONDS_MIN)
		field_invalid_int(&errors, path, w->seconds,
				  "may not specify a duration less than 10 minutes");
	if (w->seconds > TOKEN_SECONDS_MAX)
		field_invalid_int(&errors, path, w->seconds,
				  "may not specify a duration larger than 2^32 seconds");
	if (operation_take_fields(op, &errors,
				  (struct subject){ STR(GROUP), STR("TokenRequest"), STR("") }) < 0)
		return -1;
	if (max && w->seconds > max) {
		notices_add(&op->notices,
			    "requested expiration of %lld seconds shortened to %lld seconds",
			    (long long)w->seconds, (long long)max);
		w->seconds = max;
		json_set_int(op->edit.doc, w->spec, "expirationSeconds", max);
	}
	return 0;
}

static void take_audiences(struct wish *w)
{
	struct operation *op = w->op;
	size_t count = json_mut_get_count(w->spec, "audiences"), i = 0;
	struct str *items = arena_array(op->arena, count + 1, sizeof(items[0]));
	yyjson_mut_val *list;

	JSON_MUT_EACH (item, json_mut_get(w->spec, "audiences"))
		items[i++] = str_in(op->arena, json_mut_str(item));
	w->claims.audiences = (struct str_list){ items, i };
	if (i)
		return;
	w->claims.audiences = tokens_audiences(op->registry->tokens);
	list = json_set_array(op->edit.doc, w->spec, "audiences");
	for (i = 0; i < w->claims.audiences.count; i++)
		json_append_str(op->edit.doc, list, w->claims.audiences.items[i]);
}

static bool is_for_us(const struct wish *w)
{
	struct str_list own = tokens_audiences(w->op->registry->tokens),
			asked = w->claims.audiences;
	bool same = own.count == asked.count;

	for (size_t i = 0; same && i < own.count; i++)
		same = str_eq(own.items[i], asked.items[i]);
	return same;
}

static int issue(struct wish *w, struct str *ret)
{
	struct operation *op = w->op;
	struct tokens *tokens = op->registry->tokens;
	struct err err = { 0 };

	w->claims.issued_s = w->claims.not_before_s = w->now_s;
	w->claims.expires_s = w->now_s + w->seconds;
	if (tokens_extends(tokens) && w->claims.pod.name.len && w->seconds == TOKEN_POD_SECONDS &&
	    is_for_us(w)) {
		w->claims.warn_after_s = w->now_s + w->seconds;
		w->claims.expires_s = w->now_s + TOKEN_EXTENDED_SECONDS;
	}
	if (tokens_issue(tokens, &w->claims, op->arena, ret, &err) < 0)
		return refusal_internal(&op->refusal, "failed to generate token: %s", err.msg);
	annotations_printf(&op->annotations,
			   STR("authentication.kubernetes.io/issued-credential-id"), "JTI=" STR_FMT,
			   STR_ARG(w->claims.id));
	return 0;
}

static enum outcome answer(struct wish *w, struct str token)
{
	struct operation *op = w->op;
	yyjson_mut_doc *doc = op->edit.doc;
	yyjson_mut_val *metadata = json_ensure_object(doc, w->root, "metadata"), *status;
	char text[TIME_TEXT_BYTES];

	json_set_str(doc, metadata, "name", op->name);
	json_set_str(doc, metadata, "namespace", op->namespace_);
	json_set_str(doc, metadata, "uid", w->claims.account.uid);
	json_set_str(doc, metadata, "creationTimestamp",
		     str_from(time_format(w->now_s * TIME_NS_PER_SECOND, text)));
	status = json_set_object(doc, w->root, "status");
	json_set_str(doc, status, "token", token);
	json_set_str(doc, status, "expirationTimestamp",
		     str_from(time_format((w->now_s + w->seconds) * TIME_NS_PER_SECOND, text)));
	op->result = json_mut_to_blob(w->root);
	op->http_status = 201;
	return OUTCOME_DONE;
}

/* What op->edit holds, once admission agreed; again when its user may ask for its audience. */
static enum outcome issue_token(struct operation *op)
{
	const struct obj *account;
	struct wish w = { .op = op, .now_s = op->edit.now_ns / TIME_NS_PER_SECOND };
	char *id = arena_alloc(op->arena, ENV_UUID_BYTES);
	enum outcome allowed;
	struct str token;

	w.root = op->edit.root;
	w.spec = json_ensure_object(op->edit.doc, w.root, "spec");
	account = registry_get_pending(op->registry, &kind_serviceaccount, op->namespace_,
				       op->name);
	if (!account)
		return outcome_of(refusal_not_found(&op->refusal, operation_subject(op)));
	allowed = node_restriction_token(op);
	if (allowed == OUTCOME_WAITING)
		return operation_wait(op, WAIT_AUTHORIZATION, issue_token);
	if (allowed != OUTCOME_DONE)
		return allowed;
	if (check_uid(&w, account->uid) < 0)
		return OUTCOME_REFUSED;
	if (!json_mut_get(w.spec, "expirationSeconds"))
		json_set_int(op->edit.doc, w.spec, "expirationSeconds", 3600);
	w.seconds = json_mut_get_int(w.spec, "expirationSeconds", 0);
	take_audiences(&w);
	w.claims.namespace_ = op->namespace_;
	w.claims.account = reference_of(account);
	env_uuid(registry_env(op->registry), id);
	w.claims.id = str_from(id);
	if (check_seconds(&w) < 0 || bind_object(&w) < 0 || issue(&w, &token) < 0)
		return OUTCOME_REFUSED;
	return answer(&w, token);
}

static enum outcome token_admitted(struct operation *op)
{
	op->edit.doc = op->body_seen.doc;
	op->body_seen.doc = NULL;
	op->edit.root = yyjson_mut_doc_get_root(op->edit.doc);
	return issue_token(op);
}

static enum outcome token_mutated(struct operation *op)
{
	return admission_validate(op, token_admitted);
}

enum outcome token_request_create(struct operation *op)
{
	if (!op->registry->tokens)
		return outcome_of(refusal_no_route(&op->refusal));
	if (operation_read_body(op, &kind_tokenrequest) < 0 || operation_check_namespace(op) < 0 ||
	    check_name(op) < 0)
		return OUTCOME_REFUSED;
	operation_take_body(op, &kind_tokenrequest);
	return admission_mutate(op, token_mutated);
}
