/* SPDX-License-Identifier: Apache-2.0 */
/*
 * References by the grammar of github.com/distribution/reference:
 *   [domain "/"] component {"/" component} [":" tag] ["@" digest]
 * The first part is a domain when it holds '.', ':' or an upper-case letter, or is "localhost".
 */
#include "image/reference.h"

#include "oci/image_manifest.h"

#define TAG_BYTES_MAX 128

static bool is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}
static bool is_alnum(char c)
{
	return is_lower_alnum(c) || is_upper(c);
}
static bool is_word(char c)
{
	return is_alnum(c) || c == '_';
}
static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* [a-z0-9]+ joined by one '.', one or two '_', or any number of '-' */
static bool is_component(struct str s)
{
	size_t i = 0;

	for (;;) {
		size_t start = i;

		while (i < s.len && is_lower_alnum(s.ptr[i]))
			i++;
		if (i == start)
			return false;
		if (i == s.len)
			return true;
		if (s.ptr[i] == '.') {
			i++;
		} else if (s.ptr[i] == '_') {
			i += i + 1 < s.len && s.ptr[i + 1] == '_' ? 2 : 1;
		} else if (s.ptr[i] == '-') {
			while (i < s.len && s.ptr[i] == '-')
				i++;
		} else {
			return false;
		}
	}
}

static bool is_path(struct str path)
{
	struct str part;

	while (str_next_part(&path, '/', &part)) {
		if (!is_component(part))
			return false;
	}
	return true;
}

static bool is_domain(struct str s)
{
	struct str host = s, port = STR_NONE, label;
	size_t colon;

	if (str_has_prefix(s, STR("["))) {
		size_t end = str_find_char(s, ']', 0);

		if (end == SIZE_MAX || end < 3)
			return false;
		for (size_t i = 1; i < end; i++) {
			if (!is_alnum(s.ptr[i]) && s.ptr[i] != ':')
				return false;
		}
		if (end + 1 == s.len)
			return true;
		if (s.ptr[end + 1] != ':' || end + 2 == s.len)
			return false;
		port = str_slice(s, end + 2, s.len);
		host = STR_NONE;
	} else {
		colon = str_find_char(s, ':', 0);
		if (colon != SIZE_MAX) {
			host = str_slice(s, 0, colon);
			port = str_slice(s, colon + 1, s.len);
			if (port.len == 0)
				return false;
		}
	}
	for (size_t i = 0; i < port.len; i++) {
		if (port.ptr[i] < '0' || port.ptr[i] > '9')
			return false;
	}
	while (host.ptr && str_next_part(&host, '.', &label)) {
		if (label.len == 0 || !is_alnum(label.ptr[0]) ||
		    !is_alnum(label.ptr[label.len - 1]))
			return false;
		for (size_t i = 0; i < label.len; i++) {
			if (!is_alnum(label.ptr[i]) && label.ptr[i] != '-')
				return false;
		}
	}
	return true;
}

static bool is_tag(struct str s)
{
	if (s.len == 0 || s.len > TAG_BYTES_MAX || !is_word(s.ptr[0]))
		return false;
	for (size_t i = 1; i < s.len; i++) {
		if (!is_word(s.ptr[i]) && s.ptr[i] != '.' && s.ptr[i] != '-')
			return false;
	}
	return true;
}

static bool has_upper(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (is_upper(s.ptr[i]))
			return true;
	}
	return false;
}

static int refuse(struct err *err)
{
	return err_set(err, ERR_BAD_REQUEST, "invalid reference format");
}

static bool looks_like_domain(struct str first)
{
	return str_find_char(first, '.', 0) != SIZE_MAX ||
	       str_find_char(first, ':', 0) != SIZE_MAX || str_eq_c(first, "localhost") ||
	       has_upper(first);
}

static void split_domain(struct str *remainder, struct str *ret_domain)
{
	struct str first, rest;

	*ret_domain = STR("docker.io");
	if (str_cut(*remainder, '/', &first, &rest) && looks_like_domain(first)) {
		*remainder = rest;
		*ret_domain = str_eq_c(first, "index.docker.io") ? STR("docker.io") : first;
	}
}

static bool is_bare_hex(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!is_hex(s.ptr[i]))
			return false;
	}
	return s.len == 64;
}

static int check_parts(struct reference *r, struct str path, struct err *err)
{
	if (path.len == 0 || !is_domain(r->domain))
		return refuse(err);
	if (has_upper(path))
		return err_set(err, ERR_BAD_REQUEST,
			       "invalid reference format: repository name (" STR_FMT
			       ") must be lowercase",
			       STR_ARG(path));
	if (!is_path(path))
		return refuse(err);
	if (r->digest.len && !oci_digest_is_valid(r->digest))
		return refuse(err);
	return 0;
}

/* What Docker prints: without docker.io, and without library/. */
static struct str familiar_name(const struct reference *r)
{
	struct str path = r->path, first;

	if (!str_eq_c(r->domain, "docker.io"))
		return r->name;
	if (str_strip_prefix(&path, STR("library/")) && str_find_char(path, '/', 0) == SIZE_MAX)
		return path;
	if (str_cut(r->path, '/', &first, &path) && looks_like_domain(first))
		return r->name; /* without docker.io it would mean another registry */
	return r->path;
}

int reference_parse(struct str text, struct arena *arena, struct reference *ret, struct err *err)
{
	struct reference r = { 0 };
	struct str rest = text, path, before, suffix;
	size_t slash, colon;

	if (text.len == 0 || text.len > REFERENCE_BYTES_MAX)
		return refuse(err);
	if (is_bare_hex(text))
		return err_set(err, ERR_BAD_REQUEST,
			       "invalid repository name (" STR_FMT
			       "), cannot specify 64-byte hexadecimal strings",
			       STR_ARG(text));
	if (str_cut(rest, '@', &before, &r.digest)) {
		if (r.digest.len == 0)
			return refuse(err);
		rest = before;
	}
	slash = str_rfind_char(rest, '/');
	colon = str_rfind_char(rest, ':');
	if (colon != SIZE_MAX && (slash == SIZE_MAX || colon > slash)) {
		r.tag = str_slice(rest, colon + 1, rest.len);
		rest = str_slice(rest, 0, colon);
		if (!is_tag(r.tag))
			return refuse(err);
	}
	split_domain(&rest, &r.domain);
	path = rest;
	if (check_parts(&r, path, err) < 0)
		return -1;
	if (str_eq_c(r.domain, "docker.io") && str_find_char(path, '/', 0) == SIZE_MAX)
		path = str_printf_in(arena, "library/" STR_FMT, STR_ARG(path));
	if (path.len + 1 + r.domain.len > REFERENCE_NAME_BYTES_MAX)
		return err_set(err, ERR_BAD_REQUEST,
			       "invalid reference format: repository name must not be more than %d "
			       "characters",
			       REFERENCE_NAME_BYTES_MAX);
	if (r.tag.len == 0 && r.digest.len == 0)
		r.tag = STR("latest");
	r.domain = str_in(arena, r.domain);
	r.path = str_in(arena, path);
	r.tag = str_in(arena, r.tag);
	r.digest = str_in(arena, r.digest);
	r.name = str_printf_in(arena, STR_FMT "/" STR_FMT, STR_ARG(r.domain), STR_ARG(r.path));
	suffix = str_printf_in(arena, "%s" STR_FMT "%s" STR_FMT, r.tag.len ? ":" : "",
			       STR_ARG(r.tag), r.digest.len ? "@" : "", STR_ARG(r.digest));
	r.full = str_printf_in(arena, STR_FMT STR_FMT, STR_ARG(r.name), STR_ARG(suffix));
	r.familiar = str_printf_in(arena, STR_FMT STR_FMT, STR_ARG(familiar_name(&r)),
				   STR_ARG(suffix));
	*ret = r;
	return 0;
}
