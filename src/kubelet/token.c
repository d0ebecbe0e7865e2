/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Service account tokens of one pod's projected volumes: asked for through TokenRequest, bound to
 * the pod, and replaced when 80 % of their life is over.
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "codec/json.h"
#include "kubelet/kubelet_internal.h"

#define TOKEN_SECONDS_DEFAULT 3600
#define TOKEN_RETRY_MS 5000
#define TOKEN_REFRESH_SLACK_MS 10000

struct token {
	struct token_cache *cache;
	char *volume;
	size_t source_index;
	char *audience;
	int64_t seconds;
	char *text; /* the newest; NULL = none yet */
	bool asking, failed;
	struct timer refresh;
};

struct token_cache {
	struct pod *pod;
	struct token **tokens;
	size_t count;
	bool scanned;
};

struct token_cache *token_cache_new(struct pod *pod)
{
	struct token_cache *cache = NEW(struct token_cache);

	cache->pod = pod;
	return cache;
}

void token_cache_free(struct token_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < cache->count; i++) {
		struct token *t = cache->tokens[i];

		timer_stop(&t->refresh);
		client_forget_owner(cache->pod->kubelet->client, t);
		if (t->text)
			mem_wipe(t->text, strlen(t->text));
		mem_free(t->text);
		mem_free(t->volume);
		mem_free(t->audience);
		mem_free(t);
	}
	mem_free(cache->tokens);
	mem_free(cache);
}

static void token_ask(struct token *t);

static void token_refresh(struct timer *timer)
{
	struct token *t = CONTAINER_OF(timer, struct token, refresh);

	if (!t->cache->pod->state.finished && !t->cache->pod->spec.deleting)
		token_ask(t);
}

static int64_t life_ms(struct token *t, const struct obj *result)
{
	int64_t end_ns, now = env_wall_ns(t->cache->pod->kubelet->env);

	if (time_parse(json_get_str(result->root, "status.expirationTimestamp"), &end_ns, NULL) <
		    0 ||
	    end_ns <= now)
		return t->seconds * 1000;
	return (end_ns - now) / TIME_NS_PER_MS;
}

static void token_answered(void *owner, const struct obj *result, const struct err *err)
{
	struct token *t = owner;
	struct pod *pod = t->cache->pod;
	struct str text = result ? json_get_str(result->root, "status.token") : STR_NONE;

	t->asking = false;
	if (err || str_is_empty(text)) {
		if (!t->failed)
			pod_event(pod, -1, EVENT_WARNING, "FailedMount",
				  "MountVolume.SetUp failed for volume \"%s\" : "
				  "failed to fetch token: %s",
				  t->volume, err ? err->msg : "the server gave none");
		t->failed = true;
		timer_start_slack(&t->refresh, TOKEN_RETRY_MS, 1000);
		return;
	}
	t->failed = false;
	if (t->text)
		mem_wipe(t->text, strlen(t->text));
	mem_free(t->text);
	t->text = str_dup_c(text);
	timer_start_slack(&t->refresh, life_ms(t, result) * 8 / 10, TOKEN_REFRESH_SLACK_MS);
	if (pod->state.volumes == VOLUMES_READY)
		pod_contents_changed(pod);
	pod_poke(pod);
}

static void token_ask(struct token *t)
{
	struct pod *pod = t->cache->pod;
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *spec, *ref;
	struct request r = {
		.verb = API_CREATE,
		.kind = pod->kubelet->kind_service_account,
		.namespace_ = pod->spec.namespace_,
		.name = str_is_empty(pod->spec.service_account) ? STR("default")
								: pod->spec.service_account,
		.subresource = STR("token"),
		.body = doc,
		.done = token_answered,
		.owner = t,
	};

	json_set_str(doc, root, "apiVersion", STR("authentication.k8s.io/v1"));
	json_set_str(doc, root, "kind", STR("TokenRequest"));
	spec = json_set_object(doc, root, "spec");
	if (t->audience[0])
		json_append_str(doc, json_set_array(doc, spec, "audiences"), str_from(t->audience));
	else
		(void)json_set_array(doc, spec, "audiences"); /* empty: the API server's own */
	json_set_int(doc, spec, "expirationSeconds", t->seconds);
	ref = json_set_object(doc, spec, "boundObjectRef");
	json_set_str(doc, ref, "apiVersion", STR("v1"));
	json_set_str(doc, ref, "kind", STR("Pod"));
	json_set_str(doc, ref, "name", pod->spec.name);
	json_set_str(doc, ref, "uid", pod->spec.uid);
	t->asking = true;
	client_submit(pod->kubelet->client, &r);
}

static void token_add(struct token_cache *cache, struct str volume, size_t index,
		      yyjson_val *source)
{
	struct token *t = NEW(struct token);

	t->cache = cache;
	t->volume = str_dup_c(volume);
	t->source_index = index;
	t->audience = str_dup_c(json_get_str(source, "audience"));
	t->seconds = json_get_int(source, "expirationSeconds", TOKEN_SECONDS_DEFAULT);
	timer_init(&t->refresh, cache->pod->kubelet->env, token_refresh);
	cache->tokens = mem_realloc_array(cache->tokens, cache->count + 1, sizeof(struct token *));
	cache->tokens[cache->count++] = t;
}

static void token_scan(struct token_cache *cache)
{
	cache->scanned = true;
	JSON_EACH (volume, json_get(cache->pod->spec.json, "volumes")) {
		size_t index = 0;

		JSON_EACH (source, json_get(volume, "projected.sources")) {
			yyjson_val *token = json_get(source, "serviceAccountToken");

			if (token)
				token_add(cache, json_get_str(volume, "name"), index, token);
			index++;
		}
	}
}

bool token_cache_is_ready(struct token_cache *cache)
{
	bool ready = true;

	if (!cache->scanned)
		token_scan(cache);
	for (size_t i = 0; i < cache->count; i++) {
		struct token *t = cache->tokens[i];

		if (t->text)
			continue;
		ready = false;
		if (!t->asking && !timer_is_running(&t->refresh))
			token_ask(t);
	}
	return ready;
}

struct str token_cache_find(struct token_cache *cache, struct str volume, size_t source_index)
{
	for (size_t i = 0; i < cache->count; i++)
		if (cache->tokens[i]->source_index == source_index &&
		    str_eq_c(volume, cache->tokens[i]->volume))
			return str_from(cache->tokens[i]->text);
	return STR_NONE;
}
