/* SPDX-License-Identifier: Apache-2.0 */
/* POST /images/create: pulls from a registry and tells the progress, one JSON object a line. */
#include "base/mem.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "engine/engine_internal.h"
#include "image/image.h"

#define AUTH_BYTES_MAX 65536

struct pull_job {
	struct engine_job job;
	struct image_pull pull;
	struct http_exchange *x;
	struct arena arena; /* strings of the request: they outlive the exchange's own when the peer
			       goes */
};

static const char *const states[] = {
	[IMAGE_PROGRESS_WAITING] = "Waiting",
	[IMAGE_PROGRESS_DOWNLOADING] = "Downloading",
	[IMAGE_PROGRESS_DOWNLOADED] = "Download complete",
	[IMAGE_PROGRESS_UNPACKING] = "Extracting",
	[IMAGE_PROGRESS_DONE] = "Pull complete",
	[IMAGE_PROGRESS_EXISTS] = "Already exists",
};

static void tell(struct http_exchange *x, struct str id, const char *status, int64_t done,
		 int64_t total)
{
	yyjson_mut_doc *doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *detail;

	json_set_str(doc, root, "status", str_from(status));
	if (id.len) {
		detail = json_set_object(doc, root, "progressDetail");
		if (total > 0) {
			json_set_int(doc, detail, "current", done);
			json_set_int(doc, detail, "total", total);
		}
		json_set_str(doc, root, "id", id);
	}
	stream_line(x, doc);
}

static void on_progress(struct image_pull *pull, const struct image_progress *progress)
{
	struct pull_job *job = pull->owner;
	struct str digest = progress->digest;

	(void)str_strip_prefix(&digest, STR("sha256:")); /* Docker shows the first twelve digits */
	tell(job->x, str_slice(digest, 0, 12), states[progress->state],
	     progress->state == IMAGE_PROGRESS_DOWNLOADING ? progress->done_bytes : 0,
	     progress->total_bytes);
}

static void on_pulled(struct image_pull *pull, struct image *image, const struct err *err)
{
	struct pull_job *job = pull->owner;

	if (err) {
		stream_error(job->x, err);
	} else {
		char text[160];

		(void)snprintf(text, sizeof(text), "Digest: %s", image->manifest);
		tell(job->x, STR_NONE, text, 0, 0);
		tell(job->x, STR_NONE, "Status: Downloaded newer image", 0, 0);
		http_end(job->x);
	}
	engine_job_end(&job->job);
	arena_deinit(&job->arena);
	mem_free(job);
}

static void on_closed(void *arg, struct http_exchange *x)
{
	struct pull_job *job = arg;

	image_pull_cancel(&job->pull);
}

static void pull_cancel(struct engine_job *engine_job)
{
	image_pull_cancel(&CONTAINER_OF(engine_job, struct pull_job, job)->pull);
}

/* X-Registry-Auth: base64url of {"username","password","identitytoken","registrytoken"}. */
static int read_auth(struct http_exchange *x, struct arena *arena, struct image_auth *ret,
		     struct err *err)
{
	struct str header = http_header_get(&x->headers, STR("X-Registry-Auth"));
	AUTO_BUF text = { 0 };
	AUTO_JSON doc = NULL;
	yyjson_val *root;

	buf_init(&text, AUTH_BYTES_MAX);
	while (str_strip_suffix(&header, STR("=")))
		;
	if (!header.len)
		return 0;
	if (base64_url_decode(header, &text, err) < 0)
		return err_wrap(err, "X-Registry-Auth");
	doc = json_parse(buf_str(&text), AUTH_BYTES_MAX, err);
	if (!doc)
		return err_wrap(err, "X-Registry-Auth");
	root = yyjson_doc_get_root(doc);
	ret->username = str_in(arena, json_get_str(root, "username"));
	ret->password = str_in(arena, json_get_str(root, "password"));
	ret->identity_token = str_in(arena, json_get_str(root, "identitytoken"));
	ret->registry_token = str_in(arena, json_get_str(root, "registrytoken"));
	return 0;
}

void images_create(struct engine_request *request)
{
	static const struct http_exchange_events events = { .on_closed = on_closed };
	struct str image, tag, platform, from_src;
	struct pull_job *job;
	struct err err = { 0 };
	const char *separator;

	if (!query_text(request, "fromImage", &image) || !query_text(request, "tag", &tag) ||
	    !query_text(request, "platform", &platform) ||
	    !query_text(request, "fromSrc", &from_src))
		return;
	if (!image.len) {
		(void)err_set(&err, from_src.len ? ERR_UNSUPPORTED : ERR_BAD_REQUEST,
			      from_src.len ? "import of a file system by fromSrc is not supported: "
					     "use images/load"
					   : "fromImage is missing");
		answer_error(request->x, &err);
		return;
	}
	job = NEW(struct pull_job);
	arena_init(&job->arena, ARENA_DEFAULT_MAX);
	if (read_auth(request->x, &job->arena, &job->pull.auth, &err) < 0) {
		answer_error(request->x, &err);
		arena_deinit(&job->arena);
		mem_free(job);
		return;
	}
	separator = str_has_prefix(tag, STR("sha256:")) ? "@" : ":";
	job->x = request->x;
	job->pull.reference = tag.len ? str_printf_in(&job->arena, STR_FMT "%s" STR_FMT,
						      STR_ARG(image), separator, STR_ARG(tag))
				      : str_in(&job->arena, image);
	job->pull.platform = str_in(&job->arena, platform);
	job->pull.progress = on_progress;
	job->pull.done = on_pulled;
	job->pull.owner = job;
	http_set_events(request->x, &events, job);
	engine_job_begin(request->engine, &job->job, pull_cancel);
	image_pull(request->engine->images, &job->pull);
}
