/* SPDX-License-Identifier: Apache-2.0 */
/* One question to a conversion webhook, and what comes of it. */
#include "apiserver/conversion.h"

#include "api/custom.h"
#include "api/obj.h"
#include "api/object.h"
#include "apiserver/admission_review.h"
#include "apiserver/conversion_review.h"
#include "apiserver/limits.h"
#include "apiserver/registry.h"
#include "apiserver/webhook_client.h"
#include "base/mem.h"
#include "loop/env.h"

#define CALL_MS 30000
#define CALL_QUERY STR("timeout=30s")

struct conversion {
	struct registry *registry;
	const struct kind *kind; /* counted */
	struct blob **objects, **results;
	size_t count;
	size_t *asked; /* which of them the webhook is asked about */
	size_t asked_count;
	struct arena arena;
	struct buf question;
	struct webhook_call *call;
	struct task task; /* tells what was known at once */
	struct err err;
	bool is_beta;
	char uid[ENV_UUID_BYTES];
	conversion_done_fn *done;
	void *arg;
};

static yyjson_val *conversion_of(const struct kind *kind)
{
	const struct custom_version *version = custom_version_of(kind);

	return version ? json_get(version->resource->definition->root, "spec.conversion") : NULL;
}

bool conversion_has_webhook(const struct kind *kind)
{
	return kind->flags & KIND_CUSTOM &&
	       str_eq_c(json_get_str(conversion_of(kind), "strategy"), "Webhook");
}

bool conversion_is_needed(const struct kind *kind, struct blob *object)
{
	const struct obj *obj;

	if (!(kind->flags & KIND_CUSTOM))
		return false;
	obj = obj_of(object, NULL);
	return obj && !str_eq(obj->api_version, kind->api_version) && conversion_has_webhook(kind);
}

void conversion_free(struct conversion *c)
{
	if (!c)
		return;
	env_cancel(registry_env(c->registry), &c->task);
	webhook_call_cancel(c->call);
	for (size_t i = 0; i < c->count; i++) {
		blob_unref(c->objects[i]);
		blob_unref(c->results[i]);
	}
	buf_deinit(&c->question);
	arena_deinit(&c->arena);
	custom_kind_unref(c->kind);
	mem_free(c);
}

struct blob *conversion_result(const struct conversion *c, size_t i)
{
	return c->results[i];
}

struct blob *conversion_find(const struct conversion *c, struct blob *object)
{
	for (size_t i = 0; c && i < c->count; i++)
		if (c->objects[i] == object)
			return c->results[i];
	return NULL;
}

/* "conversion webhook for example.com/v1, Kind=Thing": what is converted, a list of it when there
 * are several. */
static void wrap(const struct conversion *c, struct err *err)
{
	const struct obj *first = obj_get(c->objects[c->asked[0]]);
	struct err inner = *err;

	(void)err_set(err, inner.code, "conversion webhook for " STR_FMT ", Kind=" STR_FMT "%s %s",
		      STR_ARG(first->api_version), STR_ARG(c->kind->name),
		      c->asked_count > 1 ? "List" : "", inner.msg);
}

static void tell(struct conversion *c)
{
	c->done(c->arg, c, c->err.code ? &c->err : NULL);
}

static void run_task(struct task *task)
{
	tell(CONTAINER_OF(task, struct conversion, task));
}

static int take_one(struct conversion *c, size_t i, yyjson_val *converted)
{
	const struct obj *original = obj_get(c->objects[i]);
	AUTO_JSON_MUT doc = conversion_take(c->kind, original->root, converted, &c->err);
	yyjson_mut_val *root = doc ? yyjson_mut_doc_get_root(doc) : NULL;

	/* Without the defaults of the version it is now in: those of the stored one it has by
	 * reading, those of a body's by writing. */
	if (!doc)
		return -1;
	c->results[i] = original->resource_version /* what is not there yet has none */
				? object_encode(root, original->resource_version)
				: json_mut_to_blob(root);
	return 0;
}

static int take_answer(struct conversion *c, const struct webhook_answer *answer)
{
	struct conversion_question question = { .kind = c->kind,
						.uid = str_from(c->uid),
						.is_beta = c->is_beta,
						.count = c->asked_count };
	yyjson_val **converted = arena_array(&c->arena, c->asked_count, sizeof(converted[0]));
	AUTO_JSON doc = NULL;

	if (answer->status < 200 || answer->status > 299) {
		review_word_status(answer->status, answer->content_type, answer->body, &c->err);
		return err_wrap(&c->err, "failed");
	}
	if (!answer->body.len)
		return err_set(
			&c->err, ERR_PARSE,
			"failed: 0-length response with status code: %d and content type: " STR_FMT,
			answer->status, STR_ARG(answer->content_type));
	if (conversion_answer_read(answer->body, &question, &doc, converted, &c->err) < 0)
		return -1;
	for (size_t i = 0; i < c->asked_count; i++)
		if (take_one(c, c->asked[i], converted[i]) < 0)
			return -1;
	return 0;
}

static void on_answer(void *arg, const struct webhook_answer *answer, const struct err *err)
{
	struct conversion *c = arg;

	c->call = NULL;
	if (err) {
		c->err = *err;
		(void)err_wrap(&c->err, "failed");
	}
	if (err || take_answer(c, answer) < 0)
		wrap(c, &c->err);
	tell(c);
}

static int choose_version(struct conversion *c, yyjson_val *versions)
{
	JSON_EACH (version, versions) {
		c->is_beta = str_eq_c(json_str(version), "v1beta1");
		if (c->is_beta || str_eq_c(json_str(version), "v1"))
			return 0;
	}
	return err_set(&c->err, ERR_INVALID, "no supported conversion review versions");
}

static int ask(struct conversion *c)
{
	yyjson_val *webhook = json_get(conversion_of(c->kind), "webhook");
	yyjson_val **objects = arena_array(&c->arena, c->asked_count, sizeof(objects[0]));
	struct conversion_question question = { .kind = c->kind,
						.objects = objects,
						.count = c->asked_count };
	struct webhook_target target;
	struct webhook_request request = { .target = &target,
					   .query = CALL_QUERY,
					   .timeout_ms = CALL_MS,
					   .answer_bytes_max = CONVERSION_BYTES_MAX };

	if (webhook_target_read(json_get(webhook, "clientConfig"), &c->arena, &target, &c->err) <
		    0 ||
	    choose_version(c, json_get(webhook, "conversionReviewVersions")) < 0)
		return -1;
	for (size_t i = 0; i < c->asked_count; i++)
		objects[i] = obj_get(c->objects[c->asked[i]])->root;
	env_uuid(registry_env(c->registry), c->uid);
	question.uid = str_from(c->uid);
	question.is_beta = c->is_beta;
	conversion_question_write(&question, &c->question);
	if (buf_check(&c->question, "ConversionReview", &c->err) < 0)
		return -1;
	request.body = buf_str(&c->question);
	c->call = webhook_client_start(c->registry->webhooks, &request, on_answer, c);
	return 0;
}

struct conversion *conversion_start(struct registry *registry, const struct kind *kind,
				    struct blob *const *objects, size_t count,
				    conversion_done_fn *done, void *arg)
{
	struct conversion *c = NEW(struct conversion);

	c->registry = registry;
	c->kind = kind;
	custom_kind_ref(kind);
	arena_init(&c->arena, ARENA_DEFAULT_MAX);
	buf_init(&c->question, CONVERSION_BYTES_MAX);
	task_init(&c->task, run_task);
	c->objects = arena_array(&c->arena, count, sizeof(c->objects[0]));
	c->results = arena_array(&c->arena, count, sizeof(c->results[0]));
	c->asked = arena_array(&c->arena, count, sizeof(c->asked[0]));
	c->count = count;
	c->done = done;
	c->arg = arg;
	for (size_t i = 0; i < count; i++) {
		c->objects[i] = blob_ref(objects[i]);
		if (conversion_is_needed(kind, objects[i]))
			c->asked[c->asked_count++] = i;
		else
			c->results[i] = blob_ref(objects[i]);
	}
	if (!c->asked_count || ask(c) < 0)
		env_defer(registry_env(registry), &c->task);
	return c;
}

int conversion_refuse(struct refusal *refusal, const struct err *err)
{
	return refusal_set(refusal, 500, "", "%s", err->msg);
}
