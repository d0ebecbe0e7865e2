/* SPDX-License-Identifier: Apache-2.0 */
/*
 * URLs and query strings. Parsing only finds the parts; decoding is a step of its own, so nothing
 * is decoded twice.
 */
#include "net/url.h"

#include <string.h>

#include "base/num.h"
#include "net/limits.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int decode(struct str s, bool is_form, struct arena *arena, struct str *ret, struct err *err)
{
	size_t i = 0, out = 0;
	char *to;

	while (i < s.len && s.ptr[i] != '%' && !(is_form && s.ptr[i] == '+'))
		i++;
	if (i == s.len) {
		*ret = s;
		return 0;
	}
	to = arena_alloc(arena, s.len + 1);
	for (i = 0; i < s.len; i++) {
		int high, low;

		if (is_form && s.ptr[i] == '+') {
			to[out++] = ' ';
			continue;
		}
		if (s.ptr[i] != '%') {
			to[out++] = s.ptr[i];
			continue;
		}
		high = s.len - i > 2 ? hex_digit(s.ptr[i + 1]) : -1;
		low = s.len - i > 2 ? hex_digit(s.ptr[i + 2]) : -1;
		if (high < 0 || low < 0) {
			struct str bad = str_slice(s, i, i + 3);

			return err_set(err, ERR_BAD_REQUEST, "invalid URL escape \"" STR_FMT "\"", STR_ARG(bad));
		}
		to[out++] = (char)(high << 4 | low);
		i += 2;
	}
	*ret = str_sub(to, out);
	return 0;
}

int url_decode(struct str s, struct arena *arena, struct str *ret, struct err *err)
{
	return decode(s, false, arena, ret, err);
}

int url_decode_form(struct str s, struct arena *arena, struct str *ret, struct err *err)
{
	return decode(s, true, arena, ret, err);
}

static void encode(struct buf *to, struct str s, const char *kept)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
				c == '-' || c == '.' || c == '_' || c == '~' || (c && strchr(kept, c));

		if (is_plain) {
			buf_put_char(to, (char)c);
		} else {
			char escape[3] = { '%', hex[c >> 4], hex[c & 15] };

			buf_put(to, escape, sizeof(escape));
		}
	}
}

void url_encode(struct buf *to, struct str s)
{
	encode(to, s, "");
}

void url_encode_path(struct buf *to, struct str s)
{
	encode(to, s, "/:@$&+,;=");
}

/* [user@]host[:port] */
static int parse_authority(struct str authority, struct url *url, struct err *err)
{
	size_t at = str_rfind_char(authority, '@');
	struct str host = authority, port = STR_NONE;
	uint64_t number;

	if (at != SIZE_MAX) {
		url->user = str_slice(authority, 0, at);
		host = str_slice(authority, at + 1, authority.len);
	}
	url->authority = host;
	if (host.len > 0 && host.ptr[0] == '[') {
		size_t end = str_find_char(host, ']', 0);

		if (end == SIZE_MAX)
			return err_set(err, ERR_PARSE, "missing ']' in host");
		port = str_slice(host, end + 1, host.len);
		host = str_slice(host, 1, end);
		if (port.len > 0 && !str_strip_prefix(&port, STR(":")))
			return err_set(err, ERR_PARSE, "unexpected text behind ']' in host");
	} else if (str_cut(host, ':', &host, &port) && port.len == 0) {
		port = STR_NONE;
	}
	if (host.len == 0)
		return err_set(err, ERR_PARSE, "no host");
	url->host = host;
	url->port = url->scheme == URL_HTTPS ? 443 : 80;
	if (port.len > 0) {
		if (num_parse_u64(port, UINT16_MAX, "port", &number, err) < 0)
			return -1;
		url->port = (uint16_t)number;
	}
	return 0;
}

static void parse_path(struct str rest, struct url *url)
{
	struct str path;

	(void)str_cut(rest, '#', &rest, &(struct str){ 0 });
	url->has_query = str_cut(rest, '?', &path, &url->query);
	url->path = path.len > 0 ? path : STR("/");
}

/* unix://%2Frun%2Fx.sock/path, unix:///run/x.sock:/path, unix:///run/x.sock */
static int parse_unix(struct str rest, struct url *url, struct err *err)
{
	size_t end;

	url->scheme = URL_UNIX;
	if (rest.len > 0 && rest.ptr[0] == '/')
		end = str_find(rest, STR(":/"), 0);
	else
		end = str_find_char(rest, '/', 0);
	url->host = str_slice(rest, 0, NUM_MIN(end, rest.len));
	if (url->host.len == 0)
		return err_set(err, ERR_PARSE, "no socket path");
	url->authority = STR("localhost");
	rest = str_slice(rest, url->host.len, rest.len);
	(void)str_strip_prefix(&rest, STR(":"));
	parse_path(rest, url);
	return 0;
}

static int parse(struct str text, struct url *url, struct err *err)
{
	struct str rest = text;
	size_t end;

	if (text.len > URL_BYTES_MAX)
		return err_set(err, ERR_TOO_LARGE, "longer than %u bytes", URL_BYTES_MAX);
	for (size_t i = 0; i < text.len; i++) {
		if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == 127)
			return err_set(err, ERR_PARSE, "space or control character at byte %zu", i);
	}
	if (str_strip_prefix(&rest, STR("unix://")))
		return parse_unix(rest, url, err);
	if (str_strip_prefix(&rest, STR("https://")))
		url->scheme = URL_HTTPS;
	else if (str_strip_prefix(&rest, STR("http://")))
		url->scheme = URL_HTTP;
	else
		return err_set(err, ERR_PARSE, "must start with http://, https:// or unix://");
	for (end = 0; end < rest.len && !memchr("/?#", rest.ptr[end], 3); end++)
		;
	if (parse_authority(str_slice(rest, 0, end), url, err) < 0)
		return -1;
	if (memchr(url->host.ptr, '%', url->host.len))
		return err_set(err, ERR_PARSE, "percent sign in host");
	parse_path(str_slice(rest, end, rest.len), url);
	return 0;
}

int url_parse(struct str text, struct url *ret, struct err *err)
{
	struct url url = { 0 };

	if (parse(text, &url, err) < 0)
		return err_wrap(err, "URL '" STR_FMT "'", STR_ARG(str_slice(text, 0, 200)));
	*ret = url;
	return 0;
}

struct str url_unix_path(const struct url *url, struct arena *arena)
{
	struct str path;

	return url_decode(url->host, arena, &path, NULL) < 0 ? url->host : path;
}

int url_resolve(const struct url *base, struct str reference, struct arena *arena, struct str *ret,
		struct err *err)
{
	const char *scheme = base->scheme == URL_HTTPS ? "https" : "http";
	struct str directory;
	struct url check;
	bool is_path = str_has_prefix(reference, STR("/")) && !str_has_prefix(reference, STR("//"));

	if (base->scheme == URL_UNIX && !is_path)
		return err_set(err, ERR_UNSUPPORTED, "redirect from a unix socket to '" STR_FMT "'",
			       STR_ARG(reference));
	if (base->scheme == URL_UNIX) {
		*ret = str_printf_in(arena, "unix://" STR_FMT "%s" STR_FMT, STR_ARG(base->host),
				     base->host.ptr[0] == '/' ? ":" : "", STR_ARG(reference));
	} else if (str_has_prefix(reference, STR("http://")) || str_has_prefix(reference, STR("https://"))) {
		*ret = str_in(arena, reference);
	} else if (str_has_prefix(reference, STR("//"))) {
		*ret = str_printf_in(arena, "%s:" STR_FMT, scheme, STR_ARG(reference));
	} else if (str_has_prefix(reference, STR("/"))) {
		*ret = str_printf_in(arena, "%s://" STR_FMT STR_FMT, scheme, STR_ARG(base->authority),
				     STR_ARG(reference));
	} else if (str_has_prefix(reference, STR("?"))) {
		*ret = str_printf_in(arena, "%s://" STR_FMT STR_FMT STR_FMT, scheme, STR_ARG(base->authority),
				     STR_ARG(base->path), STR_ARG(reference));
	} else {
		directory = str_slice(base->path, 0, str_rfind_char(base->path, '/') + 1);
		*ret = str_printf_in(arena, "%s://" STR_FMT STR_FMT STR_FMT, scheme, STR_ARG(base->authority),
				     STR_ARG(directory), STR_ARG(reference));
	}
	return url_parse(*ret, &check, err);
}

int query_next(struct str *query, struct arena *arena, struct str *ret_key, struct str *ret_value,
	       struct err *err)
{
	struct str part, key, value;

	while (query->len > 0 && str_next_part(query, '&', &part)) {
		if (part.len == 0)
			continue;
		(void)str_cut(part, '=', &key, &value);
		if (url_decode_form(key, arena, ret_key, err) < 0 || url_decode_form(value, arena, ret_value, err) < 0)
			return -1;
		return 1;
	}
	return 0;
}

int query_get(struct str query, struct str key, struct arena *arena, struct str *ret_value, struct err *err)
{
	struct str found, value;
	int more;

	while ((more = query_next(&query, arena, &found, &value, err)) > 0) {
		if (str_eq(found, key)) {
			*ret_value = value;
			return 1;
		}
	}
	return more;
}

int query_get_bool(struct str query, struct str key, struct arena *arena, bool *ret, struct err *err)
{
	static const char *const yes[] = { "", "1", "t", "T", "true", "TRUE", "True" };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };
	struct str value;
	int found = query_get(query, key, arena, &value, err);

	if (found < 0)
		return -1;
	if (found == 0) {
		*ret = false;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_COUNT(yes); i++) {
		if (str_eq_c(value, yes[i])) {
			*ret = true;
			return 0;
		}
	}
	for (size_t i = 0; i < ARRAY_COUNT(no); i++) {
		if (str_eq_c(value, no[i])) {
			*ret = false;
			return 0;
		}
	}
	return err_set(err, ERR_BAD_REQUEST, "query parameter " STR_FMT ": invalid boolean \"" STR_FMT "\"",
		       STR_ARG(key), STR_ARG(value));
}
