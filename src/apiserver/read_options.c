/* SPDX-License-Identifier: Apache-2.0 */
/* Queries of get, list and watch. */
#include "apiserver/read_options.h"

#include "base/num.h"
#include "codec/base64.h"

#define TOKEN_BYTES_MAX 4096

static int refuse_number(struct exchange *e, const char *name, struct str value)
{
	return refusal_bad_request(&e->refusal,
				   "%s: Invalid value: \"" STR_FMT
				   "\": strconv.ParseUint: parsing \"" STR_FMT "\": invalid syntax",
				   name, STR_ARG(value), STR_ARG(value));
}

static int read_number(struct exchange *e, const char *name, int64_t *ret)
{
	struct str value = params_get(&e->target.query, name);

	if (value.len && num_parse_i64(value, 0, INT64_MAX, name, ret, NULL) < 0)
		return refuse_number(e, name, value);
	return 0;
}

static int refuse_option(struct exchange *e, const char *field, const char *reason,
			 const char *message)
{
	refusal_add_cause(&e->refusal, (struct refusal_cause){ .reason = str_from(reason),
							       .field = str_from(field),
							       .message = str_from(message) });
	return refusal_invalid(&e->refusal,
			       (struct subject){ STR("meta.k8s.io"), STR("ListOptions"), STR("") });
}

static int read_match(struct exchange *e, struct read_options *o)
{
	struct str match = params_get(&e->target.query, "resourceVersionMatch");
	bool is_watch = str_eq_c(e->target.verb, "watch");

	if (!match.len)
		return 0;
	if (is_watch && !o->has_initial_events)
		return refuse_option(e, "resourceVersionMatch", "FieldValueForbidden",
				     "Forbidden: resourceVersionMatch is forbidden for watch "
				     "unless sendInitialEvents is provided");
	if (!params_has(&e->target.query, "resourceVersion") && !is_watch)
		return refuse_option(e, "resourceVersionMatch", "FieldValueForbidden",
				     "Forbidden: resourceVersionMatch is forbidden unless "
				     "resourceVersion is provided");
	if (params_get(&e->target.query, "continue").len)
		return refuse_option(
			e, "resourceVersionMatch", "FieldValueForbidden",
			"Forbidden: resourceVersionMatch is forbidden when continue is provided");
	if (str_eq_c(match, "Exact"))
		o->match = MATCH_EXACT;
	else if (str_eq_c(match, "NotOlderThan"))
		o->match = MATCH_NOT_OLDER;
	else
		return refuse_option(
			e, "resourceVersionMatch", "FieldValueNotSupported",
			"Unsupported value: supported values: \"Exact\", \"NotOlderThan\", \"\"");
	if (o->match == MATCH_EXACT && o->has_revision && !o->revision)
		return refuse_option(e, "resourceVersionMatch", "FieldValueForbidden",
				     "Forbidden: resourceVersionMatch \"exact\" is forbidden for "
				     "resourceVersion \"0\"");
	return 0;
}

static int refuse_token(struct exchange *e, const char *why)
{
	return refusal_bad_request(&e->refusal, "continue key is not valid: %s", why);
}

static int read_token(struct exchange *e, struct read_options *o)
{
	struct str token = params_get(&e->target.query, "continue"), from;
	AUTO_JSON doc = NULL;
	AUTO_BUF text = { 0 };

	if (!token.len)
		return 0;
	buf_init(&text, TOKEN_BYTES_MAX);
	if (o->has_revision && o->revision)
		return refusal_bad_request(
			&e->refusal,
			"specifying resource version is not allowed when using continue");
	if (token.len > TOKEN_BYTES_MAX || base64_url_decode(token, &text, NULL) < 0)
		return refuse_token(e, "illegal base64 data");
	doc = json_parse(buf_str(&text), TOKEN_BYTES_MAX, NULL);
	if (!doc || !str_eq_c(json_get_str(yyjson_doc_get_root(doc), "v"), "meta.k8s.io/v1"))
		return refuse_token(e, "server does not recognize this encoded version");
	o->continue_revision = json_get_int(yyjson_doc_get_root(doc), "rv", 0);
	from = json_get_str(yyjson_doc_get_root(doc), "start");
	if (!o->continue_revision)
		return refuse_token(
			e, "incorrect encoded start resourceVersion (version meta.k8s.io/v1)");
	if (!from.len || str_contains(from, STR("..")))
		return refuse_token(e, "encoded start key empty (version meta.k8s.io/v1)");
	o->continue_from = str_in(e->arena, from);
	return 0;
}

struct str continue_token_in(struct arena *arena, int64_t revision, struct str from)
{
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
	AUTO_BUF text = { 0 }, token = { 0 };

	buf_init(&text, TOKEN_BYTES_MAX);
	buf_init(&token, 2 * TOKEN_BYTES_MAX);
	json_set_str(doc, root, "v", STR("meta.k8s.io/v1"));
	json_set_int(doc, root, "rv", revision);
	json_set_str(doc, root, "start", from);
	json_mut_write(root, &text);
	base64_url_encode(buf_str(&text), &token);
	return str_in(arena, buf_str(&token));
}

/* A revision that no write has reached yet: the client saw another server, or makes it up. */
static int refuse_future(struct exchange *e, int64_t revision)
{
	refusal_add_cause(&e->refusal,
			  (struct refusal_cause){ .reason = STR("ResourceVersionTooLarge"),
						  .message = STR("Too large resource version") });
	e->refusal.retry_after_seconds = 1;
	return refusal_set(&e->refusal, 504, "Timeout",
			   "Too large resource version: %lld, current: %lld", (long long)revision,
			   (long long)store_revision(e->server->store));
}

static int read_filter(struct exchange *e, struct read_options *o)
{
	const struct params *query = &e->target.query;
	struct err err = { 0 };
	struct str fields = params_get(query, "fieldSelector");

	if (watch_filter_init(&o->filter, e->kind, params_get(query, "labelSelector"), fields,
			      e->arena, &err) < 0) {
		err.code = ERR_BAD_REQUEST;
		return refusal_from_err(&e->refusal, &err);
	}
	return 0;
}

int read_options_parse(struct exchange *e, struct read_options *ret)
{
	const struct params *query = &e->target.query;
	struct read_options o = { 0 };

	o.has_revision = params_get(query, "resourceVersion").len > 0;
	o.has_initial_events = params_has(query, "sendInitialEvents");
	o.initial_events = params_bool(query, "sendInitialEvents");
	o.bookmarks = params_bool(query, "allowWatchBookmarks");
	if (read_number(e, "resourceVersion", &o.revision) < 0 ||
	    read_number(e, "limit", &o.limit) < 0 ||
	    read_number(e, "timeoutSeconds", &o.timeout_seconds) < 0 || read_match(e, &o) < 0 ||
	    read_token(e, &o) < 0 || read_filter(e, &o) < 0)
		return -1;
	if (o.revision > store_revision(e->server->store) && !str_eq_c(e->target.verb, "watch"))
		return refuse_future(e, o.revision);
	*ret = o;
	return 0;
}
