/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request's facts from its target. The rules for namespaces, sub-resources and the deprecated
 * watch prefix are upstream's RequestInfoFactory, because authorization rules are written against
 * their outcome.
 */
#include "apiserver/target.h"

#include "apiserver/limits.h"
#include "net/url.h"

static int unescape(struct arena *arena, struct str text, bool is_form, struct str *ret,
		    struct err *err)
{
	if ((is_form ? url_decode_form(text, arena, ret, err) : url_decode(text, arena, ret, err)) <
	    0) {
		if (err)
			err->code = ERR_BAD_REQUEST;
		return -1;
	}
	return 0;
}

static int unescape_text(struct arena *arena, struct str text, bool is_form, struct str *ret,
			 struct err *err)
{
	if (unescape(arena, text, is_form, ret, err) < 0)
		return -1;
	if (ret->len && memchr(ret->ptr, 0, ret->len))
		return err_set(err, ERR_BAD_REQUEST, "invalid URL escape \"%%00\"");
	return 0;
}

/* What names a manager is checked letter by letter, and refused in words of its own. */
static int unescape_value(struct arena *arena, struct str key, struct str text, struct str *ret,
			  struct err *err)
{
	return str_eq_c(key, "fieldManager") ? unescape(arena, text, true, ret, err)
					     : unescape_text(arena, text, true, ret, err);
}

int params_parse(struct arena *arena, struct str text, struct params *ret, struct err *err)
{
	struct str rest = text, part, key, value;
	size_t count = 0;

	ret->params = NULL;
	ret->count = 0;
	if (!text.len)
		return 0;
	for (size_t i = 0; i < text.len; i++)
		count += text.ptr[i] == '&';
	if (++count > REQUEST_PARAMS_MAX)
		return err_set(err, ERR_BAD_REQUEST,
			       "too many query parameters: %zu, at most %d are allowed", count,
			       REQUEST_PARAMS_MAX);
	ret->params = arena_array(arena, count, sizeof(ret->params[0]));
	while (str_next_part(&rest, '&', &part)) {
		struct param *param = &ret->params[ret->count];

		if (!part.len)
			continue;
		(void)str_cut(part, '=', &key,
			      &value); /* without '=' the value is empty, as in Go */
		if (unescape_text(arena, key, true, &param->key, err) < 0 ||
		    unescape_value(arena, param->key, value, &param->value, err) < 0)
			return -1;
		ret->count++;
	}
	return 0;
}

bool target_path_matches(struct str pattern, struct str path)
{
	return str_strip_suffix(&pattern, STR("*")) ? str_has_prefix(path, pattern)
						    : str_eq(path, pattern);
}

bool target_path_listed(yyjson_val *patterns, struct str path)
{
	JSON_EACH (pattern, patterns)
		if (target_path_matches(json_str(pattern), path))
			return true;
	return false;
}

bool target_is_watch(const struct target *t)
{
	return str_eq_c(t->verb, "watch");
}

bool target_is_stream(const struct target *t)
{
	static const char *const names[] = { "log", "exec", "attach", "portforward", "proxy" };

	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		if (str_eq_c(t->subresource, names[i]))
			return true;
	return false;
}

struct str params_get(const struct params *query, const char *key)
{
	for (size_t i = 0; i < query->count; i++)
		if (str_eq_c(query->params[i].key, key))
			return query->params[i].value;
	return STR_NONE;
}

bool params_has(const struct params *query, const char *key)
{
	for (size_t i = 0; i < query->count; i++)
		if (str_eq_c(query->params[i].key, key))
			return true;
	return false;
}

bool params_bool(const struct params *query, const char *key)
{
	struct str value;

	if (!params_has(query, key))
		return false;
	value = params_get(query, key);
	return !str_eq_c(value, "0") && !str_eq_nocase(value, STR("false"));
}

static struct str method_verb(struct str method)
{
	static const struct {
		struct str method, verb;
	} verbs[] = {
		{ STR_INIT("GET"), STR_INIT("get") },
		{ STR_INIT("HEAD"), STR_INIT("get") },
		{ STR_INIT("POST"), STR_INIT("create") },
		{ STR_INIT("PUT"), STR_INIT("update") },
		{ STR_INIT("PATCH"), STR_INIT("patch") },
		{ STR_INIT("DELETE"), STR_INIT("delete") },
	};

	for (size_t i = 0; i < ARRAY_COUNT(verbs); i++)
		if (str_eq(method, verbs[i].method))
			return verbs[i].verb;
	return STR_NONE;
}

static struct str lower_in(struct arena *arena, struct str s)
{
	char *to = arena_alloc(arena, s.len + 1);

	for (size_t i = 0; i < s.len; i++)
		to[i] = s.ptr[i] >= 'A' && s.ptr[i] <= 'Z' ? (char)(s.ptr[i] + 32) : s.ptr[i];
	return str_sub(to, s.len);
}

/* A name given as field selector narrows what RBAC's resourceNames are compared with. */
static void take_selected_name(struct target *t)
{
	struct str selector = params_get(&t->query, "fieldSelector"), part, rest = selector;

	if (!selector.len)
		return;
	while (str_next_part(&rest, ',', &part)) {
		struct str name = part;

		if (!str_strip_prefix(&name, STR("metadata.name=")))
			continue;
		(void)str_strip_prefix(&name, STR("="));
		if (name.len && str_find_char(name, '\\', 0) == SIZE_MAX &&
		    str_find_char(name, '/', 0) == SIZE_MAX)
			t->name = name;
	}
}

static void refine_verb(struct target *t)
{
	if (t->is_watch_path) {
		t->verb = STR("watch");
	} else if (!t->name.len && str_eq_c(t->verb, "get")) {
		t->verb = params_bool(&t->query, "watch") ? STR("watch") : STR("list");
	} else if (!t->name.len && str_eq_c(t->verb, "delete")) {
		t->verb = STR("deletecollection");
		return;
	} else {
		return;
	}
	if (!t->name.len)
		take_selected_name(t);
}

/* False: an empty part stands where a name must be. */
static bool read_resource(struct target *t, struct str *parts, size_t count)
{
	size_t at = 0;

	if (count > 1 && str_eq_c(parts[0], "namespaces")) {
		t->namespace_ = parts[1];
		if (count > 2 && !str_eq_c(parts[2], "finalize") && !str_eq_c(parts[2], "status"))
			at = 2;
	}
	for (size_t i = at; i < count && i < at + 3; i++)
		if (!parts[i].len)
			return false;
	t->resource = parts[at];
	if (count > at + 1)
		t->name = parts[at + 1];
	if (count > at + 2) {
		const char *end = parts[at + 2].ptr + parts[at + 2].len;

		t->subresource = parts[at + 2];
		t->rest = str_sub(end, (size_t)(t->path.ptr + t->path.len - end));
	}
	return true;
}

static bool is_resource_path(struct str *parts, size_t count, struct target *t, size_t *ret_at)
{
	size_t at = 1;

	if (count < 3 || !(str_eq_c(parts[0], "api") || str_eq_c(parts[0], "apis")))
		return false;
	if (str_eq_c(parts[0], "apis")) {
		if (count < 4)
			return false;
		t->group = parts[at++];
	}
	t->version = parts[at++];
	for (size_t i = 1; i < count && i < at + 3; i++)
		if (!parts[i].len)
			return false;
	if (count - at > 1 && str_eq_c(parts[at], "watch")) {
		t->is_watch_path = true;
		at++;
	}
	*ret_at = at;
	return true;
}

int target_parse(struct arena *arena, struct str method, struct str path, struct str query,
		 struct target *ret, struct err *err)
{
	struct target r = { .method = method }, resource;
	struct str parts[REQUEST_PATH_PARTS_MAX], rest, part;
	size_t count = 0, at = 0;

	if (path.len + query.len > REQUEST_URI_BYTES_MAX)
		return err_set(err, ERR_BAD_REQUEST,
			       "request target is too long: %zu bytes, at most %d are allowed",
			       path.len + query.len, REQUEST_URI_BYTES_MAX);
	if (unescape_text(arena, path, false, &r.path, err) < 0 ||
	    params_parse(arena, query, &r.query, err) < 0)
		return -1;
	r.verb = lower_in(arena, method);

	rest = r.path;
	(void)str_strip_prefix(&rest, STR("/"));
	/* Empty parts in the middle are kept apart from names: such a path names nothing. */
	while (str_next_part(&rest, '/', &part)) {
		if (count == REQUEST_PATH_PARTS_MAX)
			break; /* only proxy paths are this deep, and rest holds their tail whole */
		parts[count++] = part;
	}
	while (count && !parts[count - 1].len)
		count--;
	resource = r;
	if (!is_resource_path(parts, count, &resource, &at) ||
	    !read_resource(&resource, parts + at, count - at)) {
		*ret = r;
		return 0;
	}
	resource.is_resource = true;
	resource.verb = method_verb(method);
	refine_verb(&resource);
	*ret = resource;
	return 0;
}
