/* SPDX-License-Identifier: Apache-2.0 */
/* URLs: absolute ones, or absolute paths, taken apart as Go does. */
#include "base/num.h"
#include "cel/opaque_internal.h"

static bool is_scheme_char(char c, bool first)
{
	bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

	return letter || (!first && ((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'));
}

/* "scheme:" in front. */
static bool take_scheme(struct str *s, struct str *ret)
{
	size_t i = 0;

	*ret = STR_NONE;
	while (i < s->len && is_scheme_char(s->ptr[i], i == 0))
		i++;
	if (i == 0 || i >= s->len || s->ptr[i] != ':')
		return false;
	*ret = str_slice(*s, 0, i);
	*s = str_slice(*s, i + 1, s->len);
	return true;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool escapes_are_good(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] == '%' &&
		    (i + 2 >= s.len || !is_hex(s.ptr[i + 1]) || !is_hex(s.ptr[i + 2])))
			return false;
	return true;
}

static bool has_control(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 0x7f)
			return true;
	return false;
}

/* "user@host:port" → host with port, host, port. */
static bool take_authority(struct str authority, struct cel_url *url)
{
	size_t at = str_rfind_char(authority, '@');
	size_t colon;
	uint64_t port;

	url->host = at == SIZE_MAX ? authority : str_slice(authority, at + 1, authority.len);
	url->hostname = url->host;
	colon = str_rfind_char(url->host, ':');
	if (url->host.len > 0 && url->host.ptr[0] == '[') {
		size_t end = str_find_char(url->host, ']', 0);

		if (end == SIZE_MAX || (end + 1 < url->host.len && url->host.ptr[end + 1] != ':'))
			return false;
		url->hostname = str_slice(url->host, 1, end);
		colon = end + 1 < url->host.len ? end + 1 : SIZE_MAX;
	} else if (colon != SIZE_MAX) {
		url->hostname = str_slice(url->host, 0, colon);
	}
	if (colon != SIZE_MAX)
		url->port = str_slice(url->host, colon + 1, url->host.len);
	if (url->port.len > 0 && num_parse_u64(url->port, UINT64_MAX, "port", &port, NULL) < 0)
		return false;
	for (size_t i = 0; i < url->hostname.len; i++)
		if (strchr(" \"<>\\^`{}|", url->hostname.ptr[i]))
			return false;
	return str_find_char(url->hostname, ':', 0) == SIZE_MAX || url->host.ptr[0] == '[';
}

static bool parse(struct str text, struct cel_url *url)
{
	struct str rest = text;
	struct str path;

	*url = (struct cel_url){ .text = text };
	if (text.len == 0 || has_control(text))
		return false;
	if (!take_scheme(&rest, &url->scheme) && text.ptr[0] != '/')
		return false;
	(void)str_cut(rest, '#', &rest, &path); /* a fragment may follow */
	(void)str_cut(rest, '?', &rest, &url->query);
	if (url->scheme.len > 0 && str_strip_prefix(&rest, STR("//"))) {
		size_t slash = str_find_char(rest, '/', 0);

		if (!take_authority(str_slice(rest, 0, slash == SIZE_MAX ? rest.len : slash), url))
			return false;
		rest = str_slice(rest, slash == SIZE_MAX ? rest.len : slash, rest.len);
	} else if (url->scheme.len > 0 && (rest.len == 0 || rest.ptr[0] != '/')) {
		rest = STR_NONE; /* "mailto:x": opaque, without a path */
	}
	url->path = rest;
	return escapes_are_good(rest) && escapes_are_good(url->host);
}

static struct cel_value is_url(struct cel_frame *f, const struct cel_value *args)
{
	struct cel_url url;

	return cel_bool(parse(cel_str(args[0]), &url));
}

static struct cel_value make_url(struct cel_frame *f, const struct cel_value *args)
{
	struct str text = cel_str(args[0]);
	struct cel_url *url = cel_take_small(f, sizeof(*url));

	if (!parse(text, url))
		return cel_fail(
			f,
			"URL parse error during conversion from string: parse \"" STR_FMT "\": %s",
			STR_ARG(text), text.len == 0 ? "empty url" : "invalid URI for request");
	return cel_make_opaque(&cel_type_url, url);
}

static struct cel_value get(struct cel_frame *f, const struct cel_value *args)
{
	static const struct {
		const char *name;
		size_t offset;
	} getters[] = {
		{ "getScheme", offsetof(struct cel_url, scheme) },
		{ "getHost", offsetof(struct cel_url, host) },
		{ "getHostname", offsetof(struct cel_url, hostname) },
		{ "getPort", offsetof(struct cel_url, port) },
	};
	const char *url = args[0].opaque;

	for (size_t i = 0; i < ARRAY_COUNT(getters); i++)
		if (str_eq_c(f->node->name, getters[i].name))
			return cel_string(
				*(const struct str *)(const void *)(url + getters[i].offset));
	return cel_no_overload();
}

static char hex(char c)
{
	return (char)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* May stand in a path besides letters and digits: as Go writes it, and where it only reads it. */
#define PATH_WRITTEN "-_.~$&+,/:;=@"
#define PATH_READ PATH_WRITTEN "!'()*[]%"

static bool is_path_char(char c, const char *others)
{
	bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

	return letter || (c >= '0' && c <= '9') || (c && strchr(others, c));
}

/* A path that could stand in a URL is left as it is; another is escaped anew. */
static struct cel_value get_escaped_path(struct cel_frame *f, const struct cel_value *args)
{
	struct str path = ((const struct cel_url *)args[0].opaque)->path;
	AUTO_BUF escaped = { 0 };
	size_t valid = 0;

	while (valid < path.len && is_path_char(path.ptr[valid], PATH_READ))
		valid++;
	if (valid == path.len)
		return cel_string(path);
	buf_init(&escaped, 3 * path.len);
	for (size_t i = 0; i < path.len && cel_work(f, 1); i++) {
		char c = path.ptr[i];

		if (c == '%') {
			c = (char)(hex(path.ptr[i + 1]) << 4 | hex(path.ptr[i + 2]));
			i += 2;
		}
		if (is_path_char(c, PATH_WRITTEN))
			buf_put_char(&escaped, c);
		else
			buf_printf(&escaped, "%%%02X", (unsigned char)c);
	}
	return cel_text(f, buf_str(&escaped));
}

/* ---- queries ---- */

static struct cel_value unescape(struct cel_frame *f, struct str s)
{
	struct cel_value v = cel_text(f, s);
	char *to = (char *)(uintptr_t)v.ptr;
	size_t len = 0;

	if (cel_is_error(v))
		return v;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '%') {
			to[len++] = (char)(hex(s.ptr[i + 1]) << 4 | hex(s.ptr[i + 2]));
			i += 2;
		} else {
			to[len++] = s.ptr[i] == '+' ? ' ' : s.ptr[i];
		}
	}
	v.len = len;
	return str_is_utf8(cel_str(v)) ? v : cel_string(s);
}

/* A map from each key to the list of its values, in their order. */
static struct cel_value get_query(struct cel_frame *f, const struct cel_value *args)
{
	struct str rest = ((const struct cel_url *)args[0].opaque)->query;
	struct cel_value map = cel_map_new(f, 4);
	struct str part;

	while (!cel_is_error(map) && str_next_part(&rest, '&', &part)) {
		struct cel_value key;
		struct cel_value value;
		struct cel_value list;
		struct str name;
		struct str text;

		if (part.len == 0 || !escapes_are_good(part) ||
		    str_find_char(part, ';', 0) != SIZE_MAX)
			continue;
		(void)str_cut(part, '=', &name, &text); /* a value may be missing */
		key = unescape(f, name);
		value = unescape(f, text);
		if (cel_is_error(key) || cel_is_error(value))
			return cel_stopped(f->evaluation);
		if (cel_map_find(f, map, key, &list)) {
			/* the list is not shared yet: it grows where it is */
			struct cel_value longer = cel_list_append(f, list, value);

			if (cel_is_error(longer))
				return longer;
			*(struct cel_list *)(uintptr_t)list.list = *longer.list;
			continue;
		}
		list = cel_list_append(f, cel_list_new(f, 1), value);
		map = cel_is_error(list) ? list : cel_map_add(f, map, key, list);
	}
	return map;
}

#define GETTER(function)                                                                         \
	{                                                                                        \
		.name = (function), .member = true, .count = 1, .parameters = { &cel_type_url }, \
		.result = &cel_type_string, .call = get,                                         \
	}

const struct cel_function cel_library_url[] = {
	{ .name = "url",
	  .count = 1,
	  .parameters = { &cel_type_string },
	  .result = &cel_type_url,
	  .call = make_url,
	  .cost = CEL_COST_ESCAPE },
	{ .name = "isURL",
	  .count = 1,
	  .parameters = { &cel_type_string },
	  .result = &cel_type_bool,
	  .call = is_url },
	GETTER("getScheme"),
	GETTER("getHost"),
	GETTER("getHostname"),
	GETTER("getPort"),
	{ .name = "getEscapedPath",
	  .member = true,
	  .count = 1,
	  .parameters = { &cel_type_url },
	  .result = &cel_type_string,
	  .call = get_escaped_path },
	{ .name = "getQuery",
	  .member = true,
	  .count = 1,
	  .parameters = { &cel_type_url },
	  .result = &cel_map_string_list,
	  .call = get_query },
	{ 0 },
};
