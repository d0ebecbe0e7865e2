/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request asks for, read from its method and target alone: the facts that authorization,
 * metrics and dispatch stand on, cut out of the path exactly as upstream does. Pure; strings live
 * in the request's arena.
 */
#ifndef CUBE_APISERVER_TARGET_H
#define CUBE_APISERVER_TARGET_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "codec/json.h"

struct param {
	struct str key, value; /* percent-decoded */
};

struct params {
	struct param *params;
	size_t count;
};

struct target {
	struct str method; /* "GET", ... */
	struct str path;   /* percent-decoded, without query */
	struct str
		verb; /* "get" "list" "watch" "create" "update" "patch" "delete" "deletecollection",
		       * or the method in lower case when this is not about a resource */
	bool is_resource;
	bool is_watch_path; /* deprecated /api/v1/watch/... */
	struct str group, version;
	struct str namespace_;
	struct str resource, subresource;
	struct str name;
	struct str
		rest; /* what follows the subresource, starting with '/' when not empty (proxy) */
	struct params query;
};

/* path and query as sent. Refuses malformed escapes, NUL bytes and what is beyond the limits;
 * anything else is some request, known or not. */
int target_parse(struct arena *arena, struct str method, struct str path, struct str query,
		 struct target *ret, struct err *err) MUST_CHECK;

/* Whether a rule for paths means this one: the path itself, or a beginning of it with '*' behind.
 */
bool target_path_matches(struct str pattern, struct str path) PURE;
/* The same for any of a rule's list (nonResourceURLs). */
bool target_path_listed(yyjson_val *patterns, struct str path) PURE;

/* Logs, exec, attach, port forwarding, proxies: they go on for as long as the client wants. */
bool target_is_stream(const struct target *t) PURE;
bool target_is_watch(const struct target *t) PURE;

/* First value, empty when absent; params_has tells those apart. */
struct str params_get(const struct params *query, const char *key) PURE;
bool params_has(const struct params *query, const char *key) PURE;
/* As Go's conversion of a query value to bool: absent, "0" and "false" are false, all else (also
 * "") is true. */
bool params_bool(const struct params *query, const char *key) PURE;
int params_parse(struct arena *arena, struct str text, struct params *ret,
		 struct err *err) MUST_CHECK;

#endif
