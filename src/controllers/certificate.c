/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate requests of kubernetes.io's signers: those of kubelets that may have one are
 * approved, approved ones are signed, once; what was decided or left undecided for too long is
 * deleted. A key is a request.
 */
#include "base/time.h"
#include "codec/base64.h"
#include "controllers/certificate.h"
#include "controllers/controller.h"
#include "loop/env.h"

#define CERTIFICATE_BYTES_MAX (1u << 20)

static bool has_condition(yyjson_val *root, const char *type)
{
	return condition_find(json_get(root, "status.conditions"), str_from(type)) != NULL;
}

/* Of the certificate that was issued. */
static int64_t certificate_end_ns(struct controller *c, const struct obj *request)
{
	const struct controllers_authority *authority = &c->options->authority;
	struct str text = json_get_str(request->root, "status.certificate");
	AUTO_BUF pem = { 0 };

	buf_init(&pem, CERTIFICATE_BYTES_MAX);
	if (!text.len || !authority->ends_ns || base64_decode(text, &pem, NULL) < 0)
		return INT64_MAX;
	return authority->ends_ns(buf_str(&pem));
}

static int64_t life_left_ns(struct controller *c, const struct obj *request)
{
	int64_t end_ns = certificate_request_end_ns(request->root, certificate_end_ns(c, request));

	return end_ns == INT64_MAX ? INT64_MAX : end_ns - env_wall_ns(c->env);
}

static void set_failed(struct controller *c, yyjson_mut_doc *doc, yyjson_mut_val *status,
		       const struct obj *request, const char *why)
{
	yyjson_mut_val *list = json_set_array(doc, status, "conditions"), *condition;
	char text[TIME_TEXT_BYTES];

	JSON_EACH (old, json_get(request->root, "status.conditions"))
		yyjson_mut_arr_append(list, json_copy(doc, old));
	condition = json_append_object(doc, list);
	json_set_str(doc, condition, "type", STR("Failed"));
	json_set_str(doc, condition, "status", STR("True"));
	json_set_str(doc, condition, "reason", STR("SignerValidationFailure"));
	json_set_str(doc, condition, "message", str_from(why));
	json_set_str(doc, condition, "lastUpdateTime",
		     str_from(time_format(env_wall_ns(c->env), text)));
}

static int read_wish(const struct obj *request, struct arena *arena, struct certificate_wish *ret,
		     struct err *err)
{
	yyjson_val *list = json_get(request->root, "spec.usages");
	struct str *usages = arena_array(arena, yyjson_arr_size(list) + 1, sizeof(usages[0]));
	AUTO_BUF pem = { 0 };

	*ret = (struct certificate_wish){
		.signer = json_get_str(request->root, "spec.signerName"),
		.usages = { usages, 0 },
		.seconds = json_get_int(request->root, "spec.expirationSeconds", 0),
	};
	buf_init(&pem, CERTIFICATE_BYTES_MAX);
	JSON_EACH (usage, list)
		usages[ret->usages.count++] = json_str(usage);
	if (base64_decode(json_get_str(request->root, "spec.request"), &pem, err) < 0)
		return -1;
	ret->request_pem = str_in(arena, buf_str(&pem));
	return 0;
}

static int sign(struct controller *c, const struct obj *request, struct arena *arena,
		struct str *ret, struct err *err)
{
	const struct controllers_authority *authority = &c->options->authority;
	struct certificate_wish wish;

	if (read_wish(request, arena, &wish, err) < 0)
		return -1;
	return authority->sign(authority->arg, &wish, arena, ret, err);
}

/* Kubelets' requests for what they are. */
static void approve(struct controller *c, struct key key, const struct obj *request)
{
	const struct controllers_authority *authority = &c->options->authority;
	struct request r;
	struct certificate_wish wish;
	yyjson_mut_doc *doc;
	yyjson_mut_val *list, *condition;
	AUTO_ARENA arena = { 0 };
	char text[TIME_TEXT_BYTES];
	const char *why;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	if (read_wish(request, &arena, &wish, NULL) < 0)
		return;
	why = authority->approve(authority->arg, &wish, request, &arena);
	if (!why)
		return;
	list = status_patch_new(&doc);
	list = json_set_array(doc, list, "conditions");
	condition = json_append_object(doc, list);
	json_set_str(doc, condition, "type", STR("Approved"));
	json_set_str(doc, condition, "status", STR("True"));
	json_set_str(doc, condition, "reason", STR("AutoApproved"));
	json_set_str(doc, condition, "message", str_from(why));
	json_set_str(doc, condition, "lastUpdateTime",
		     str_from(time_format(env_wall_ns(c->env), text)));
	r = request_patch(&kind_certificatesigningrequest, request, API_PATCH_MERGE, doc);
	r.subresource = STR("approval");
	r.missing_is_fine = true;
	controller_submit(c, key.text, r);
}

static enum reconcile_result answer(struct controller *c, struct key key, const struct obj *request,
				    struct err *err)
{
	yyjson_mut_doc *doc;
	yyjson_mut_val *status;
	AUTO_ARENA arena = { 0 };
	AUTO_BUF text = { 0 };
	struct str pem;
	struct err own = { 0 };

	arena_init(&arena, ARENA_DEFAULT_MAX);
	buf_init(&text, 2 * CERTIFICATE_BYTES_MAX);
	if (sign(c, request, &arena, &pem, &own) < 0 && own.code != ERR_INVALID) {
		*err = own;
		return RECONCILE_RETRY;
	}
	status = status_patch_new(&doc);
	if (own.code) {
		set_failed(c, doc, status, request, own.msg);
	} else {
		base64_encode(pem, &text);
		json_set_str(doc, status, "certificate", buf_str(&text));
	}
	controller_submit_status(c, key.text, &kind_certificatesigningrequest, request, doc);
	return RECONCILE_DONE;
}

static enum reconcile_result reconcile(struct controller *c, struct key key, struct err *err)
{
	const struct obj *request = informer_get(c->informers[0], key.text);
	int64_t left_ns = request ? life_left_ns(c, request) : 0;

	if (!request || obj_is_deleting(request))
		return RECONCILE_DONE;
	if (left_ns <= 0) {
		struct request r = request_delete(&kind_certificatesigningrequest, request, -1,
						  NULL);

		r.missing_is_fine = true;
		controller_submit(c, key.text, r);
		return RECONCILE_DONE;
	}
	if (left_ns < INT64_MAX)
		queue_add_after(&c->queue, key.text, left_ns / TIME_NS_PER_MS + 1);
	if (c->options->authority.approve && !json_get_count(request->root, "status.conditions") &&
	    !json_get_str(request->root, "status.certificate").len)
		approve(c, key, request);
	if (!c->options->authority.sign || !has_condition(request->root, "Approved") ||
	    has_condition(request->root, "Failed") ||
	    json_get_str(request->root, "status.certificate").len ||
	    !str_has_prefix(json_get_str(request->root, "spec.signerName"), STR("kubernetes.io/")))
		return RECONCILE_DONE;
	return answer(c, key, request, err);
}

static void request_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	(void)old;
	if (new_)
		queue_add_obj(&c->queue, new_);
}

const struct controller_type controller_certificate = {
	.name = "certificatesigningrequest-signing-controller",
	.component = "certificate-controller",
	.summary = "Approves requests of kubelets, signs approved ones and removes old ones",
	.watches = { { &kind_certificatesigningrequest, request_changed } },
	.reconcile = reconcile,
};
