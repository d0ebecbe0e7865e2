/* SPDX-License-Identifier: Apache-2.0 */
/* Answers by the hash of their question, the calls that fetch them, and who waits for those. */
#include "apiserver/review_hook.h"

#include "apiserver/limits.h"
#include "apiserver/registry.h"
#include "apiserver/review_reply.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/time.h"
#include "loop/env.h"
#include "net/x509.h"

struct answer {
	struct list link; /* in hook->answers, oldest first; not while it is being fetched */
	struct review_hook *hook;
	uint8_t sum[X509_SHA256_BYTES]; /* of the question */
	struct str body;		/* while it is being fetched */
	struct webhook_call *call;
	struct timer retry;
	int tries;
	struct list waits; /* struct review_wait */
	yyjson_doc *doc;   /* NULL: it failed */
	struct err err;
	int64_t good_until_ns;
};

struct review_hook {
	struct registry *registry;
	struct arena arena; /* of options */
	struct review_hook_options options;
	struct omap by_sum;
	struct list answers, fetching;
	size_t count;
};

void review_waits_move(struct list *from, struct list *to)
{
	struct list *at;

	while ((at = list_pop_front(from)) != NULL)
		list_push_back(to, at);
}

void review_waits_end(struct list *waits)
{
	struct list *at;

	while ((at = list_pop_front(waits)) != NULL) {
		struct review_wait *wait = LIST_ENTRY(at, struct review_wait, link);

		wait->resume(wait);
	}
}

static struct str sum_of(const struct answer *answer)
{
	return str_sub((const char *)answer->sum, sizeof(answer->sum));
}

static void body_drop(struct answer *answer)
{
	mem_wipe((void *)answer->body.ptr, answer->body.len); /* it may hold a token */
	mem_free((void *)answer->body.ptr);
	answer->body = STR_NONE;
}

static void answer_free(struct answer *answer)
{
	struct review_hook *hook = answer->hook;
	struct list *at;

	while ((at = list_pop_front(&answer->waits)) != NULL)
		continue; /* whoever waited goes as well */
	list_remove(&answer->link);
	(void)omap_remove(&hook->by_sum, sum_of(answer)); /* it is freed here */
	hook->count--;
	timer_stop(&answer->retry);
	webhook_call_cancel(answer->call);
	body_drop(answer);
	json_free(answer->doc);
	mem_free(answer);
}

struct review_hook *review_hook_new(struct registry *registry,
				    const struct review_hook_options *options)
{
	struct review_hook *hook = NEW(struct review_hook);
	struct webhook_target *target = &hook->options.target;
	struct str *strings[] = {
		&target->url,	      &target->namespace_,	  &target->name,
		&target->ca_pem,      &target->certificate_pem,	  &target->key_pem,
		&target->server_name, &hook->options.bearer_token
	};

	hook->registry = registry;
	hook->options = *options;
	if (!hook->options.retry_ms)
		hook->options.retry_ms = REVIEW_HOOK_RETRY_MS;
	arena_init(&hook->arena, ARENA_DEFAULT_MAX);
	for (size_t i = 0; i < ARRAY_COUNT(strings); i++)
		*strings[i] = str_in(&hook->arena, *strings[i]);
	omap_init(&hook->by_sum);
	list_init(&hook->answers);
	list_init(&hook->fetching);
	return hook;
}

void review_hook_free(struct review_hook *hook)
{
	if (!hook)
		return;
	while (!list_is_empty(&hook->fetching))
		answer_free(LIST_ENTRY(list_first(&hook->fetching), struct answer, link));
	while (!list_is_empty(&hook->answers))
		answer_free(LIST_ENTRY(list_first(&hook->answers), struct answer, link));
	omap_deinit(&hook->by_sum);
	arena_deinit(&hook->arena);
	mem_free(hook);
}

void review_hook_take_waits(struct review_hook *hook, struct list *to)
{
	LIST_FOR_EACH (at, &hook->fetching)
		review_waits_move(&LIST_ENTRY(at, struct answer, link)->waits, to);
}

/* --- fetching --- */

static void fetch(struct answer *answer);

static void on_retry(struct timer *timer)
{
	fetch(CONTAINER_OF(timer, struct answer, retry));
}

static void settle(struct answer *answer)
{
	struct review_hook *hook = answer->hook;
	yyjson_val *status = json_get(yyjson_doc_get_root(answer->doc), "status");
	bool yes = json_get_bool(status, hook->options.yes, false);
	int64_t ttl_ms = !answer->doc ? 0
			 : yes	      ? hook->options.ttl_yes_ms
				      : hook->options.ttl_no_ms;
	struct list waits;

	if (ttl_ms < REVIEW_HOOK_MOMENT_MS)
		ttl_ms = REVIEW_HOOK_MOMENT_MS;
	answer->good_until_ns = env_mono_ns(hook->registry->env) + ttl_ms * TIME_NS_PER_MS;
	body_drop(answer);
	list_remove(&answer->link);
	list_push_back(&hook->answers, &answer->link);
	list_init(&waits);
	review_waits_move(&answer->waits, &waits);
	review_waits_end(&waits);
}

static bool is_worth_a_try(const struct answer *answer, const struct webhook_answer *reply)
{
	return answer->tries < REVIEW_HOOK_TRIES_MAX &&
	       (!reply || reply->status >= 500 || reply->status == 429);
}

static void on_reply(void *arg, const struct webhook_answer *reply, const struct err *err)
{
	struct answer *answer = arg;
	int64_t delay_ms = answer->hook->options.retry_ms;

	answer->call = NULL;
	if (is_worth_a_try(answer, reply)) {
		for (int i = 1; i < answer->tries; i++)
			delay_ms += delay_ms / 2;
		timer_start(&answer->retry, delay_ms);
		return;
	}
	if (err)
		answer->err = *err;
	else if (review_reply_read(reply->status, reply->body, &answer->doc,
					  &answer->err) < 0)
		answer->doc = NULL;
	settle(answer);
}

static void fetch(struct answer *answer)
{
	const struct review_hook_options *options = &answer->hook->options;
	struct webhook_request request = { .target = &options->target,
					   .bearer_token = options->bearer_token,
					   .body = answer->body,
					   .timeout_ms = options->timeout_ms
								 ? options->timeout_ms
								 : REVIEW_HOOK_TIMEOUT_MS };

	answer->tries++;
	answer->call = webhook_client_start(answer->hook->registry->webhooks, &request, on_reply,
					    answer);
}

static struct answer *answer_new(struct review_hook *hook, const uint8_t *sum, struct str body)
{
	struct answer *answer = NEW(struct answer);

	answer->hook = hook;
	memcpy(answer->sum, sum, sizeof(answer->sum));
	answer->body = str_dup(body);
	list_init(&answer->waits);
	list_init(&answer->link);
	timer_init(&answer->retry, hook->registry->env, on_retry);
	list_push_back(&hook->fetching, &answer->link);
	(void)omap_put(&hook->by_sum, sum_of(answer), answer); /* it was not there */
	hook->count++;
	return answer;
}

enum review_answer review_hook_ask(struct review_hook *hook, yyjson_mut_doc *body,
				   struct review_wait *wait, yyjson_val **ret_status,
				   struct err *err)
{
	uint8_t sum[X509_SHA256_BYTES];
	struct answer *answer;
	AUTO_BUF text = { 0 };

	buf_init(&text, REQUEST_BODY_BYTES_MAX);
	json_mut_write(yyjson_mut_doc_get_root(body), &text);
	x509_sha256(buf_str(&text), sum);
	answer = omap_get(&hook->by_sum, str_sub((const char *)sum, sizeof(sum)));
	if (answer && !answer->body.ptr &&
	    answer->good_until_ns < env_mono_ns(hook->registry->env)) {
		answer_free(answer);
		answer = NULL;
	}
	if (answer && !answer->body.ptr) {
		*ret_status = json_get(yyjson_doc_get_root(answer->doc), "status");
		if (!answer->doc && err)
			*err = answer->err;
		mem_wipe(text.ptr, text.len);
		return answer->doc ? REVIEW_ANSWERED : REVIEW_FAILED;
	}
	if (!answer && wait) {
		if (hook->count >= REVIEW_HOOK_ANSWERS_MAX && list_is_empty(&hook->answers)) {
			(void)err_set(err, ERR_TOO_MANY, "too many questions wait for an answer");
			return REVIEW_FAILED;
		}
		if (hook->count >= REVIEW_HOOK_ANSWERS_MAX)
			answer_free(LIST_ENTRY(list_first(&hook->answers), struct answer, link));
		answer = answer_new(hook, sum, buf_str(&text));
		fetch(answer);
	}
	mem_wipe(text.ptr, text.len);
	if (answer && wait)
		list_push_back(&answer->waits, &wait->link);
	return REVIEW_LATER;
}
