/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine's files share: the engine itself, routes and answers. */
#ifndef CUBE_ENGINE_ENGINE_INTERNAL_H
#define CUBE_ENGINE_ENGINE_INTERNAL_H

#include <yyjson.h>
#include "engine/engine.h"
#include "engine/limits.h"

struct image;

struct engine {
	struct env *env;
	struct image_store *images;
	const char *version, *temporary_dir;
	struct list busy; /* of struct engine_job */
	size_t busy_count;
	void (*on_idle)(void *arg);
	void *on_idle_arg;
};

/* Something that outlives the request that began it. */
struct engine_job {
	struct engine *engine;
	struct list link;
	void (*cancel)(struct engine_job *job);
};
void engine_job_begin(struct engine *engine, struct engine_job *job,
		      void (*cancel)(struct engine_job *job));
void engine_job_end(struct engine_job *job);

/* --- routes --- */
struct engine_request {
	struct engine *engine;
	struct http_exchange *x;
	struct str name; /* what {name} stood for, decoded */
};

struct route {
	enum http_method method;
	const char *path; /* "/images/{name}/json"; {name} may hold slashes */
	void (*serve)(struct engine_request *request);
	bool streams; /* the body comes through on_body */
};
extern const struct route engine_routes[];
extern const size_t engine_route_count;

/* Drops "/v1.47" from the front; false when the version is not one that is served. */
bool route_strip_version(struct str *path, struct str *ret_version);
/* The row, or NULL; *ret_other_method is set when only the method did not fit. */
const struct route *route_find(enum http_method method, struct str path, struct str *ret_name,
			       bool *ret_other_method);

/* --- answers --- */
void answer_json(struct http_exchange *x, int status, yyjson_mut_doc *doc); /* takes doc */
void answer_error(struct http_exchange *x, const struct err *err);	    /* {"message": ...} */
void answer_empty(struct http_exchange *x, int status);
/* One line of a progress stream; starts the response at the first. Takes doc. */
void stream_line(struct http_exchange *x, yyjson_mut_doc *doc);
void stream_error(struct http_exchange *x,
		  const struct err *err); /* as line, or as answer before the first one */
/* A query parameter, empty when missing; false when it was malformed and the request was answered.
 */
bool query_text(struct engine_request *request, const char *key, struct str *ret);
bool query_flag(struct engine_request *request, const char *key, bool *ret);

/* --- resources --- */
void system_ping(struct engine_request *request);
void system_version(struct engine_request *request);
void system_information(struct engine_request *request);
void images_list(struct engine_request *request);
void images_inspect(struct engine_request *request);
void images_remove(struct engine_request *request);
void images_tag(struct engine_request *request);
void images_create(struct engine_request *request);
void images_load(struct engine_request *request);

#endif
