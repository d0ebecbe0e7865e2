/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What another server's OpenAPI says of its group version: fetched when the server is there and
 * says something new, or every few minutes. One that has none is fine.
 */
#include "apiserver/aggregation_internal.h"

#include "api/openapi.h"
#include "apiserver/limits.h"
#include "base/time.h"

#define REFRESH_NS (5 * 60 * TIME_NS_PER_SECOND)
#define TIMEOUT_MS 30000

static const char *const paths[API_SERVICE_DOCUMENTS] = { "/openapi/v3", "/openapi/v2" };

static void ask(struct api_service *s);

static void take(struct api_service *s, struct str body)
{
	yyjson_doc **to = &s->documents[s->document_index];
	yyjson_doc *doc = json_parse(body, REMOTE_OPENAPI_BYTES_MAX, NULL);

	if (json_equal(yyjson_doc_get_root(doc), yyjson_doc_get_root(*to))) {
		json_free(doc);
		return;
	}
	json_free(*to);
	*to = doc ? json_trim(doc) : NULL;
	s->owner->generation++;
}

static void on_answer(void *arg, const struct webhook_answer *answer, const struct err *err)
{
	struct api_service *s = arg;

	s->document_call = NULL;
	if (answer)
		take(s, answer->status == 200 ? answer->body : STR_NONE);
	if (++s->document_index < API_SERVICE_DOCUMENTS)
		ask(s);
}

static void ask(struct api_service *s)
{
	static const struct webhook_request request = {
		.timeout_ms = TIMEOUT_MS, .answer_bytes_max = REMOTE_OPENAPI_BYTES_MAX
	};

	s->document_call = api_service_ask(s, str_from(paths[s->document_index]), &request,
					   on_answer);
}

void api_service_openapi_look(struct api_service *s, bool is_new)
{
	int64_t now = env_mono_ns(s->owner->registry->env);

	if (s->document_call || (!is_new && s->documents_ns && now - s->documents_ns < REFRESH_NS))
		return;
	s->documents_ns = now;
	s->document_index = 0;
	ask(s);
}

void api_service_openapi_deinit(struct api_service *s)
{
	webhook_call_cancel(s->document_call);
	s->document_call = NULL;
	s->documents_ns = 0;
	for (size_t i = 0; i < API_SERVICE_DOCUMENTS; i++) {
		json_free(s->documents[i]);
		s->documents[i] = NULL;
	}
}

/* --- this server's documents --- */

void aggregation_merge_openapi(const struct aggregation *a, bool v2, struct buf *text)
{
	AUTO_JSON own = NULL;
	AUTO_JSON_MUT whole = NULL;
	size_t cursor = 0;
	struct str key;
	void *value;

	if (!a->remotes.count)
		return;
	own = json_parse(buf_str(text), SIZE_MAX, NULL);
	whole = json_thaw(yyjson_doc_get_root(own));
	while (map_next(&a->remotes, &cursor, &key, &value)) {
		const struct api_service *s = value;
		char path[KIND_TEXT_BYTES + 8];

		snprintf(path, sizeof(path), "/apis/" STR_FMT, STR_ARG(key));
		if (v2)
			openapi_v2_merge(whole, yyjson_doc_get_root(s->documents[1]),
					 str_from(path));
		else
			openapi_v3_merge(whole, yyjson_doc_get_root(s->documents[0]),
					 str_from(path + 1));
	}
	buf_reset(text);
	json_mut_write(yyjson_mut_doc_get_root(whole), text);
}
