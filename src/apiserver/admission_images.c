/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ImagePolicyWebhook: a server outside is asked whether a pod's images may be run, by ImageReviews.
 * Its answers are remembered; a pod that nobody was asked about waits.
 */
#include "apiserver/admission.h"

#include "apiserver/admission_state.h"
#include "apiserver/registry.h"
#include "base/log.h"

#define NOTES "imagepolicywebhook.image-policy.k8s.io/"

struct image_review {
	struct operation *op;
	struct review_wait wait;
	operation_step *next;
};

static void put_images(yyjson_mut_doc *doc, yyjson_mut_val *to, yyjson_mut_val *containers)
{
	JSON_MUT_EACH (container, containers)
		json_set_str(doc, json_append_object(doc, to), "image",
			     json_mut_get_str(container, "image"));
}

static void put_annotations(yyjson_mut_doc *doc, yyjson_mut_val *spec, yyjson_mut_val *from)
{
	JSON_MUT_MEMBERS (key, value, from)
		if (str_contains(json_mut_str(key), STR(".image-policy.k8s.io/")))
			json_put_str(doc, json_ensure_object(doc, spec, "annotations"),
				     json_mut_str(key), json_mut_str(value));
}

static yyjson_mut_doc *question_of(struct operation *op)
{
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *spec, *list,
		       *pod = json_mut_get(op->edit.root, "spec");

	json_set_str(doc, root, "kind", STR("ImageReview"));
	json_set_str(doc, root, "apiVersion", STR("imagepolicy.k8s.io/v1alpha1"));
	(void)json_set_object(doc, root, "metadata");
	spec = json_set_object(doc, root, "spec");
	list = json_set_array(doc, spec, "containers");
	put_images(doc, list, json_mut_get(pod, "containers"));
	put_images(doc, list, json_mut_get(pod, "initContainers"));
	put_annotations(doc, spec, json_mut_get(op->edit.root, "metadata.annotations"));
	json_set_str(doc, spec, "namespace", op->namespace_);
	json_set_bool(doc, json_set_object(doc, root, "status"), "allowed", false);
	return doc;
}

/* It could not be asked. */
static int go_without(struct operation *op, const struct err *err)
{
	if (!op->registry->admission->settings->allows_images_unasked)
		return refusal_forbidden(&op->refusal, operation_subject(op), "%s", err->msg);
	log_warn("apiserver", "ImagePolicyWebhook: %s; the pod is let in all the same", err->msg);
	annotations_add(&op->annotations, STR(NOTES "failed-open"), STR("true"));
	json_put_str(op->edit.doc,
		     json_ensure_object(op->edit.doc, json_mut_get(op->edit.root, "metadata"),
					"annotations"),
		     STR("alpha.image-policy.k8s.io/failed-open"), STR("true"));
	return 0;
}

static int decide(struct operation *op, yyjson_val *status)
{
	struct str reason = json_get_str(status, "reason");

	JSON_MEMBERS (key, value, json_get(status, "auditAnnotations"))
		annotations_add(&op->annotations,
				str_printf_in(op->arena, NOTES STR_FMT, STR_ARG(json_str(key))),
				json_str(value));
	if (json_get_bool(status, "allowed", false))
		return 0;
	if (!reason.len)
		return refusal_forbidden(&op->refusal, operation_subject(op),
					 "one or more images rejected by webhook backend");
	return refusal_forbidden(&op->refusal, operation_subject(op),
				 "image policy webhook backend denied one or more images: " STR_FMT,
				 STR_ARG(reason));
}

static enum outcome ask(struct operation *op, struct image_review *review);

static enum outcome ask_again(struct operation *op)
{
	return ask(op, op->image_review);
}

static void on_told(struct review_wait *wait)
{
	operation_resume(CONTAINER_OF(wait, struct image_review, wait)->op);
}

static enum outcome ask(struct operation *op, struct image_review *review)
{
	AUTO_JSON_MUT question = question_of(op);
	yyjson_val *status = NULL;
	struct err err = { 0 };
	int decided = -1;

	switch (review_hook_ask(op->registry->admission->image_policy, question, &review->wait,
				&status, &err)) {
	case REVIEW_LATER:
		op->image_review = review;
		return operation_wait(op, WAIT_IMAGES, ask_again);
	case REVIEW_FAILED:
		decided = go_without(op, &err);
		break;
	case REVIEW_ANSWERED:
		decided = decide(op, status);
		break;
	}
	return decided < 0 ? OUTCOME_REFUSED : review->next(op);
}

enum outcome image_policy_validate(struct operation *op, operation_step *next)
{
	struct image_review *review;

	if (op->kind != &kind_pod || op->subresource.len || op->body_seen.kind ||
	    !op->registry->admission->image_policy)
		return next(op);
	review = ARENA_NEW(op->arena, struct image_review);
	review->op = op;
	review->next = next;
	review_wait_init(&review->wait, on_told);
	return ask(op, review);
}

void image_policy_cancel(struct image_review *review)
{
	review_wait_cancel(&review->wait);
}
