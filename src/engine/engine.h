/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Docker Engine API over the container core: handlers for net's http_server on a unix socket.
 * So far images: what a table row does not name is answered 404 "page not found", as Docker does.
 */
#ifndef CUBE_ENGINE_ENGINE_H
#define CUBE_ENGINE_ENGINE_H

#include "base/str.h"
#include "loop/env.h"
#include "net/http_server.h"

#define ENGINE_API_VERSION "1.47"
#define ENGINE_API_VERSION_MIN "1.24"

struct engine;
struct image_store;

struct engine_options {
	struct env *env;
	struct image_store *images;
	const char *version;	   /* cube's */
	const char *temporary_dir; /* where uploads wait, on the disk of the images */
};

struct engine *
engine_new(const struct engine_options *options) MUST_CHECK; /* strings are borrowed */
void engine_free(
	struct engine *engine); /* after its http_server; uploads and pulls must have ended */
bool engine_is_idle(const struct engine *engine);
/* Ends pulls and imports under way; engine_is_idle follows, then on_idle is called. */
void engine_stop(struct engine *engine, void (*on_idle)(void *arg), void *arg);
const struct http_handlers *engine_http_handlers(void); /* with the engine as arg */

#endif
