/* SPDX-License-Identifier: Apache-2.0 */
/* Queries of get, list and watch. */
#include "apiserver/limits.h"
#include "apiserver/read_options.h"

#include "base/num.h"
#include "codec/base64.h"
#include "codec/json_syntax.h"

static int refuse_number(struct exchange *e, struct str value)
{
	return refusal_bad_request(&e->refusal,
				   "strconv.ParseInt: parsing \"" STR_FMT "\": invalid syntax",
				   STR_ARG(value));
}

/* Less than zero is as if it were not given. */
static int read_number(struct exchange *e, const char *name, int64_t *ret)
{
	struct str value = params_get(&e->target.query, name);

	if (value.len && num_parse_i64(value, INT64_MIN, INT64_MAX, name, ret, NULL) < 0)
		return refuse_number(e, value);
	if (*ret < 0)
		*ret = 0;
	return 0;
}

static bool is_list(const struct exchange *e)
{
	return str_eq_c(e->target.verb, "list") || str_eq_c(e->target.verb, "deletecollection");
}

/* Upstream's lists refuse what its other reads fail at. */
static int read_revision(struct exchange *e, int64_t *ret)
{
	struct str value = params_get(&e->target.query, "resourceVersion");

	if (!value.len || num_parse_i64(value, 0, INT64_MAX, "resourceVersion", ret, NULL) == 0)
		return 0;
	return refusal_set(&e->refusal, is_list(e) ? 400 : 500, is_list(e) ? "BadRequest" : "",
			   "%sresourceVersion: Invalid value: \"" STR_FMT
			   "\": strconv.ParseUint: parsing \"" STR_FMT "\": invalid syntax",
			   is_list(e) ? "invalid resource version: " : "", STR_ARG(value),
			   STR_ARG(value));
}

static void forbid(struct exchange *e, const char *field, const char *message)
{
	(void)refusal_add_cause(&e->refusal,
				(struct refusal_cause){ .reason = STR("FieldValueForbidden"),
							.field = str_from(field),
							.message = str_from(message) });
}

static void refuse_match(struct exchange *e, struct str match, const char *supported)
{
	(void)refusal_add_cause(
		&e->refusal,
		(struct refusal_cause){ .reason = STR("FieldValueNotSupported"),
					.field = STR("resourceVersionMatch"),
					.message = str_printf_in(e->arena,
								 "Unsupported value: \"" STR_FMT
								 "\": supported values: %s",
								 STR_ARG(match), supported) });
}

static void check_list_match(struct exchange *e, const struct read_options *o, struct str match)
{
	if (!o->has_revision)
		forbid(e, "resourceVersionMatch",
		       "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is "
		       "provided");
	if (params_get(&e->target.query, "continue").len)
		forbid(e, "resourceVersionMatch",
		       "Forbidden: resourceVersionMatch is forbidden when continue is provided");
	if (o->match == MATCH_UNSET)
		refuse_match(e, match, "\"Exact\", \"NotOlderThan\", \"\"");
	if (o->match == MATCH_EXACT &&
	    str_eq_c(params_get(&e->target.query, "resourceVersion"), "0"))
		forbid(e, "resourceVersionMatch",
		       "Forbidden: resourceVersionMatch \"exact\" is forbidden for "
		       "resourceVersion \"0\"");
}

static void check_watch_match(struct exchange *e, const struct read_options *o, struct str match)
{
	if (o->has_initial_events && o->match != MATCH_NOT_OLDER)
		forbid(e, "resourceVersionMatch",
		       "Forbidden: sendInitialEvents requires setting resourceVersionMatch to "
		       "NotOlderThan");
	if (!match.len)
		return;
	if (!o->has_initial_events)
		forbid(e, "resourceVersionMatch",
		       "Forbidden: resourceVersionMatch is forbidden for watch unless "
		       "sendInitialEvents is provided");
	if (o->match != MATCH_NOT_OLDER)
		refuse_match(e, match, "\"NotOlderThan\"");
	if (params_get(&e->target.query, "continue").len)
		forbid(e, "resourceVersionMatch",
		       "Forbidden: resourceVersionMatch is forbidden when continue is provided");
}

static bool is_watch(const struct exchange *e)
{
	return target_is_watch(&e->target);
}

/* Which options go together; all that do not are named. */
static int read_match(struct exchange *e, struct read_options *o)
{
	struct str match = params_get(&e->target.query, "resourceVersionMatch");

	o->match = str_eq_c(match, "Exact")	     ? MATCH_EXACT
		   : str_eq_c(match, "NotOlderThan") ? MATCH_NOT_OLDER
						     : MATCH_UNSET;
	if (is_watch(e))
		check_watch_match(e, o, match);
	else if (match.len)
		check_list_match(e, o, match);
	if (!is_watch(e) && o->has_initial_events)
		forbid(e, "sendInitialEvents",
		       "Forbidden: sendInitialEvents is forbidden for list");
	if (!e->refusal.cause_count)
		return 0;
	return refusal_invalid(&e->refusal,
			       (struct subject){ STR("meta.k8s.io"), STR("ListOptions"), STR("") });
}

static int refuse_token(struct exchange *e, const char *separator, struct str why)
{
	return refusal_bad_request(&e->refusal,
				   "invalid continue token: continue key is not valid%s" STR_FMT,
				   separator, STR_ARG(why));
}

/* A key that names nothing above or beside what is listed. */
static bool is_clean(struct str key)
{
	struct str part;

	if (!key.len || key.ptr[key.len - 1] == '/')
		return false;
	(void)str_strip_prefix(&key, STR("/"));
	while (str_next_part(&key, '/', &part))
		if (!part.len || str_eq_c(part, ".") || str_eq_c(part, ".."))
			return false;
	return true;
}

static int refuse_token_text(struct exchange *e, struct str text)
{
	AUTO_BUF problem = { 0 };

	buf_init(&problem, CONTINUE_TOKEN_BYTES_MAX);
	if (!json_syntax_problem(text, &problem))
		buf_put_c(&problem, "json: cannot unmarshal value into Go value of type "
				    "storage.continueToken");
	return refuse_token(e, ": ", buf_str(&problem));
}

static int read_token(struct exchange *e, struct read_options *o)
{
	struct str token = params_get(&e->target.query, "continue"), from, version;
	AUTO_JSON doc = NULL;
	AUTO_BUF text = { 0 };

	if (!token.len || is_watch(e))
		return 0;
	buf_init(&text, CONTINUE_TOKEN_BYTES_MAX);
	if (token.len > CONTINUE_TOKEN_BYTES_MAX || base64_url_decode(token, &text, NULL) < 0)
		return refuse_token(e, ": ", STR("illegal base64 data"));
	doc = json_parse(buf_str(&text), CONTINUE_TOKEN_BYTES_MAX, NULL);
	if (!yyjson_is_obj(yyjson_doc_get_root(doc)))
		return refuse_token_text(e, buf_str(&text));
	version = json_get_str(yyjson_doc_get_root(doc), "v");
	if (!str_eq_c(version, "meta.k8s.io/v1"))
		return refuse_token(e, ": server does not recognize this encoded version ",
				    version);
	o->continue_revision = json_get_int(yyjson_doc_get_root(doc), "rv", 0);
	from = json_get_str(yyjson_doc_get_root(doc), "start");
	if (!o->continue_revision)
		return refuse_token(
			e, ": ",
			STR("incorrect encoded start resourceVersion (version meta.k8s.io/v1)"));
	if (!from.len)
		return refuse_token(e, ": ",
				    STR("encoded start key empty (version meta.k8s.io/v1)"));
	if (!is_clean(from))
		return refuse_token(e, ": ", from);
	if (o->has_revision && !str_eq_c(params_get(&e->target.query, "resourceVersion"), "0"))
		return refusal_bad_request(
			&e->refusal,
			"specifying resource version is not allowed when using continue");
	o->continue_from = str_in(e->arena, from);
	return 0;
}

struct str continue_token_in(struct arena *arena, int64_t revision, struct str from)
{
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
	AUTO_BUF text = { 0 }, token = { 0 };

	buf_init(&text, CONTINUE_TOKEN_BYTES_MAX);
	buf_init(&token, 2 * CONTINUE_TOKEN_BYTES_MAX);
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
			   "Timeout: Too large resource version: %lld, current: %lld",
			   (long long)revision, (long long)store_revision(e->server->store));
}

static int read_include(struct exchange *e, struct read_options *o)
{
	struct str include = params_get(&e->target.query, "includeObject");

	if (e->form != ANSWER_TABLE || table_include_parse(include, &o->include))
		return 0;
	return refusal_bad_request(
		&e->refusal,
		"Unable to convert to Table as requested: includeObject: Invalid "
		"value: \"" STR_FMT "\": must be 'Metadata', 'Object', 'None', or empty",
		STR_ARG(include));
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
	if (read_number(e, "limit", &o.limit) < 0 ||
	    read_number(e, "timeoutSeconds", &o.timeout_seconds) < 0 || read_match(e, &o) < 0 ||
	    read_filter(e, &o) < 0 || read_token(e, &o) < 0 || read_revision(e, &o.revision) < 0)
		return -1;
	if (o.revision > store_revision(e->server->store) && !is_watch(e))
		return refuse_future(e, o.revision);
	if (read_include(e, &o) < 0)
		return -1;
	*ret = o;
	return 0;
}
