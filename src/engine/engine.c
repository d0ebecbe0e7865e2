/* SPDX-License-Identifier: Apache-2.0 */
/* Routing, answers and jobs: what all resources of the engine API share. */
#include "engine/engine.h"

#include "base/mem.h"
#include "codec/json.h"
#include "engine/engine_internal.h"

const struct route engine_routes[] = {
	{ HTTP_GET, "/_ping", system_ping },
	{ HTTP_HEAD, "/_ping", system_ping },
	{ HTTP_GET, "/version", system_version },
	{ HTTP_GET, "/info", system_information },
	{ HTTP_GET, "/images/json", images_list },
	{ HTTP_POST, "/images/create", images_create },
	{ HTTP_POST, "/images/load", images_load, .streams = true },
	{ HTTP_GET, "/images/{name}/json", images_inspect },
	{ HTTP_POST, "/images/{name}/tag", images_tag },
	{ HTTP_DELETE, "/images/{name}", images_remove },
};
const size_t engine_route_count = ARRAY_COUNT(engine_routes);

/* --- routes --- */

bool route_strip_version(struct str *path, struct str *ret_version)
{
	struct str rest = *path, version, tail;
	size_t digits = 0;

	*ret_version = STR_NONE;
	if (!str_strip_prefix(&rest, STR("/v1.")))
		return true;
	(void)str_cut(rest, '/', &version, &tail); /* no tail: nothing behind the version */
	for (size_t i = 0; i < version.len; i++)
		digits += version.ptr[i] >= '0' && version.ptr[i] <= '9';
	if (digits == 0 || digits > 3 || digits != version.len)
		return true; /* a path that only looks like it */
	*ret_version = version;
	*path = str_sub(rest.ptr + version.len, rest.len - version.len);
	return true;
}

static bool path_matches(const char *pattern, struct str path, struct str *ret_name)
{
	struct str p = str_from(pattern), before, after;
	size_t at = str_find(p, STR("{name}"), 0);

	*ret_name = STR_NONE;
	if (at == SIZE_MAX)
		return str_eq(p, path);
	before = str_slice(p, 0, at);
	after = str_slice(p, at + strlen("{name}"), p.len);
	if (!str_strip_prefix(&path, before) || !str_strip_suffix(&path, after) || path.len == 0)
		return false;
	*ret_name = path;
	return true;
}

const struct route *route_find(enum http_method method, struct str path, struct str *ret_name,
			       bool *ret_other_method)
{
	*ret_other_method = false;
	for (size_t i = 0; i < engine_route_count; i++) {
		if (!path_matches(engine_routes[i].path, path, ret_name))
			continue;
		if (engine_routes[i].method == method)
			return &engine_routes[i];
		*ret_other_method = true;
	}
	return NULL;
}

/* --- answers --- */

static void write_answer(struct http_exchange *x, int status, yyjson_mut_doc *doc)
{
	struct blob *blob = json_mut_to_blob(yyjson_mut_doc_get_root(doc));
	struct http_header list[] = { HTTP_HEADER(STR("Content-Type"), STR("application/json")),
				      HTTP_HEADER(STR("Api-Version"), STR(ENGINE_API_VERSION)) };
	struct http_headers headers = { list, ARRAY_COUNT(list) };
	struct http_piece piece = HTTP_BLOB(blob);

	http_respond(x, status, &headers, &piece, 1);
	blob_unref(blob);
}

void answer_json(struct http_exchange *x, int status, yyjson_mut_doc *doc)
{
	write_answer(x, status, doc);
	json_mut_free(doc);
}

void answer_error(struct http_exchange *x, const struct err *err)
{
	yyjson_mut_doc *doc = json_new_object();

	json_set_str(doc, yyjson_mut_doc_get_root(doc), "message", str_from(err->msg));
	answer_json(x, err_http_status(err->code), doc);
}

void answer_empty(struct http_exchange *x, int status)
{
	http_respond(x, status, NULL, NULL, 0);
}

void stream_line(struct http_exchange *x, yyjson_mut_doc *doc)
{
	struct http_header list[] = { HTTP_HEADER(STR("Content-Type"), STR("application/json")) };
	struct http_headers headers = { list, ARRAY_COUNT(list) };
	struct blob *blob = json_mut_to_blob(yyjson_mut_doc_get_root(doc));
	struct http_piece pieces[] = { HTTP_BLOB(blob), HTTP_BYTES(STR("\r\n")) };

	if (!http_is_started(x))
		http_start(x, 200, &headers);
	http_send(x, pieces, ARRAY_COUNT(pieces));
	blob_unref(blob);
	json_mut_free(doc);
}

void stream_error(struct http_exchange *x, const struct err *err)
{
	yyjson_mut_doc *doc;
	yyjson_mut_val *root;

	if (!http_is_started(x)) {
		answer_error(x, err);
		return;
	}
	doc = json_new_object();
	root = yyjson_mut_doc_get_root(doc);
	json_set_str(doc, json_set_object(doc, root, "errorDetail"), "message", str_from(err->msg));
	json_set_str(doc, root, "error", str_from(err->msg));
	stream_line(x, doc);
	http_end(x);
}

bool query_text(struct engine_request *request, const char *key, struct str *ret)
{
	struct err err = { 0 };

	*ret = STR_NONE;
	if (query_get(request->x->query, str_from(key), &request->x->arena, ret, &err) >= 0)
		return true;
	answer_error(request->x, &err);
	return false;
}

bool query_flag(struct engine_request *request, const char *key, bool *ret)
{
	struct err err = { 0 };

	if (query_get_bool(request->x->query, str_from(key), &request->x->arena, ret, &err) >= 0)
		return true;
	answer_error(request->x, &err);
	return false;
}

/* --- jobs --- */

void engine_job_begin(struct engine *engine, struct engine_job *job,
		      void (*cancel)(struct engine_job *job))
{
	job->engine = engine;
	job->cancel = cancel;
	list_push_back(&engine->busy, &job->link);
	engine->busy_count++;
}

void engine_job_end(struct engine_job *job)
{
	struct engine *engine = job->engine;

	list_remove(&job->link);
	engine->busy_count--;
	if (engine->on_idle && list_is_empty(&engine->busy))
		engine->on_idle(engine->on_idle_arg);
}

/* --- exchanges --- */

/* Finds the row and fills in the request; answers and returns NULL when there is none. */
static const struct route *route_of(struct engine *engine, struct http_exchange *x,
				    struct engine_request *ret)
{
	struct str path = x->path, version, name;
	const struct route *route;
	struct err err = { 0 };
	bool other_method;

	(void)route_strip_version(&path, &version); /* any version is served as the newest */
	route = route_find(x->method, path, &name, &other_method);
	if (!route)
		(void)err_set(&err, other_method ? ERR_METHOD_NOT_ALLOWED : ERR_NOT_FOUND,
			      "page not found");
	else if (url_decode(name, &x->arena, &ret->name, &err) == 0 &&
		 ret->name.len > ENGINE_NAME_BYTES_MAX)
		(void)err_set(&err, ERR_BAD_REQUEST, "invalid reference format");
	else if (x->method != HTTP_GET && engine->busy_count >= ENGINE_JOBS_MAX)
		(void)err_set(&err, ERR_TOO_MANY, "%d pulls, imports and removals are under way",
			      ENGINE_JOBS_MAX);
	if (err.code != ERR_NONE) {
		answer_error(x, &err);
		return NULL;
	}
	ret->engine = engine;
	ret->x = x;
	return route;
}

static void on_headers(void *arg, struct http_exchange *x)
{
	struct engine_request request;
	const struct route *route = route_of(arg, x, &request);

	if (!route)
		return;
	if (route->streams)
		http_stream_body(x);
}

static void on_request(void *arg, struct http_exchange *x)
{
	struct engine_request request;
	const struct route *route = route_of(arg, x, &request);

	if (route)
		route->serve(&request);
}

const struct http_handlers *engine_http_handlers(void)
{
	static const struct http_handlers handlers = { .on_headers = on_headers,
						       .on_request = on_request };

	return &handlers;
}

struct engine *engine_new(const struct engine_options *options)
{
	struct engine *engine = NEW(struct engine);

	engine->env = options->env;
	engine->images = options->images;
	engine->version = options->version;
	engine->temporary_dir = options->temporary_dir;
	list_init(&engine->busy);
	return engine;
}

void engine_free(struct engine *engine)
{
	mem_free(engine);
}

bool engine_is_idle(const struct engine *engine)
{
	return list_is_empty(&engine->busy);
}

void engine_stop(struct engine *engine, void (*on_idle)(void *arg), void *arg)
{
	engine->on_idle = on_idle;
	engine->on_idle_arg = arg;
	if (engine_is_idle(engine)) {
		on_idle(arg);
		return;
	}
	LIST_FOR_EACH (node, &engine->busy) {
		struct engine_job *job = LIST_ENTRY(node, struct engine_job, link);

		job->cancel(job);
	}
}
