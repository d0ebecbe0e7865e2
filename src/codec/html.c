/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens as the HTML standard cuts them (13.2.5), as far as they decide what is a tag. */
#include "codec/html.h"

#include <string.h>
#include "base/attr.h"
#include "codec/limits.h"

/* Elements and their attributes that lead somewhere. */
static const struct {
	const char *element, *attributes;
} links[] = {
	{ "a", "href" },
	{ "applet", "codebase" },
	{ "area", "href" },
	{ "audio", "src" },
	{ "base", "href" },
	{ "blockquote", "cite" },
	{ "body", "background" },
	{ "button", "formaction" },
	{ "command", "icon" },
	{ "del", "cite" },
	{ "embed", "src" },
	{ "form", "action" },
	{ "frame", "longdesc src" },
	{ "head", "profile" },
	{ "html", "manifest" },
	{ "iframe", "longdesc src" },
	{ "img", "longdesc src usemap" },
	{ "input", "src usemap formaction" },
	{ "ins", "cite" },
	{ "link", "href" },
	{ "object", "classid codebase data usemap" },
	{ "q", "cite" },
	{ "script", "src" },
	{ "source", "src" },
	{ "video", "poster src" },
};

/* Elements with text in which nothing is a tag but their own end. */
static const char *const raw_elements[] = { "iframe", "noembed",  "noframes", "plaintext", "script",
					    "style",  "textarea", "title",    "xmp" };

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_one_of(char c, const char *all)
{
	return c && strchr(all, c);
}

static bool is_link(struct str element, struct str attribute)
{
	for (size_t i = 0; i < ARRAY_COUNT(links); i++) {
		struct str rest = str_from(links[i].attributes), one;

		if (!str_eq_nocase(element, str_from(links[i].element)))
			continue;
		while (str_next_part(&rest, ' ', &one))
			if (str_eq_nocase(attribute, one))
				return true;
	}
	return false;
}

/* --- one tag --- */

struct tag {
	struct str text; /* from '<' on */
	size_t at;
	struct str name;
};

static bool is_over(const struct tag *t)
{
	return t->at >= t->text.len;
}

static struct str take_until(struct tag *t, const char *stops)
{
	size_t begin = t->at;

	while (!is_over(t) && !is_space(t->text.ptr[t->at]) &&
	       !is_one_of(t->text.ptr[t->at], stops))
		t->at++;
	return str_slice(t->text, begin, t->at);
}

static void skip_spaces(struct tag *t, bool slashes)
{
	while (!is_over(t) &&
	       (is_space(t->text.ptr[t->at]) || (slashes && t->text.ptr[t->at] == '/')))
		t->at++;
}

/* False: the tag is not complete. *ret: without its quotes. */
static bool take_value(struct tag *t, struct str *ret)
{
	char quote = is_over(t) ? '\0' : t->text.ptr[t->at];
	size_t end;

	if (quote != '"' && quote != '\'') {
		*ret = take_until(t, ">");
		return !is_over(t);
	}
	end = str_find_char(t->text, quote, t->at + 1);
	if (end == SIZE_MAX)
		return false;
	*ret = str_slice(t->text, t->at + 1, end);
	t->at = end + 1;
	return true;
}

/* The whole tag with its links replaced; 0: it is not complete. */
static size_t read_tag(struct html_links *l, struct str text, struct str *ret_name)
{
	struct tag t = { .text = text, .at = 1 };
	size_t written = 0;

	buf_reset(&l->tag);
	t.name = take_until(&t, "/>");
	for (;;) {
		struct str attribute, value;
		size_t begin;

		skip_spaces(&t, true);
		if (is_over(&t))
			return 0;
		if (text.ptr[t.at] == '>')
			break;
		begin = t.at;
		t.at += text.ptr[begin] == '='; /* there it is part of the name */
		(void)take_until(&t, "=/>");
		attribute = str_slice(text, begin, t.at);
		skip_spaces(&t, false);
		if (is_over(&t))
			return 0;
		if (text.ptr[t.at] != '=')
			continue;
		t.at++;
		skip_spaces(&t, false);
		if (!take_value(&t, &value))
			return 0;
		if (!is_link(t.name, attribute))
			continue;
		buf_put(&l->tag, text.ptr + written, (size_t)(value.ptr - text.ptr) - written);
		l->link(l->arg, value, &l->tag);
		written = (size_t)(value.ptr - text.ptr) + value.len;
	}
	t.at++;
	buf_put(&l->tag, text.ptr + written, t.at - written);
	*ret_name = t.name;
	return t.at;
}

/* --- the page --- */

/* Each gives how many bytes it took: 0 when more must come before it can tell. */

static size_t pass(struct str text, size_t len, struct buf *to)
{
	buf_put(to, text.ptr, len);
	return len;
}

static size_t take_tag(struct html_links *l, struct str text, struct buf *to)
{
	struct str name;
	size_t len = read_tag(l, text, &name);

	if (!len && text.len <= HTML_TAG_BYTES_MAX)
		return 0;
	if (!len) { /* what was looked at is not looked at again */
		l->state = HTML_MARKUP;
		return pass(text, text.len, to);
	}
	buf_put_str(to, buf_str(&l->tag));
	for (size_t i = 0; i < ARRAY_COUNT(raw_elements); i++)
		if (str_eq_nocase(name, str_from(raw_elements[i]))) {
			l->state = HTML_RAW;
			l->raw_name = raw_elements[i];
		}
	return len;
}

static size_t take_text(struct html_links *l, struct str text, struct buf *to)
{
	size_t len = str_find_char(text, '<', 0);

	if (len)
		return pass(text, len == SIZE_MAX ? text.len : len, to);
	if (text.len < 2)
		return 0;
	if (is_letter(text.ptr[1]))
		return take_tag(l, text, to);
	if (text.ptr[1] == '!' && text.len < 4 && str_has_prefix(STR("<!--"), text))
		return 0;
	if (str_has_prefix(text, STR("<!--"))) {
		l->state = HTML_COMMENT;
		return pass(text, 2, to); /* "<!-->" is a whole one */
	}
	if (is_one_of(text.ptr[1], "!/?"))
		l->state = HTML_MARKUP;
	return pass(text, 1, to);
}

static size_t take_markup(struct html_links *l, struct str text, struct buf *to)
{
	size_t end = str_find_char(text, '>', 0);

	if (end == SIZE_MAX)
		return pass(text, text.len, to);
	l->state = HTML_TEXT;
	return pass(text, end + 1, to);
}

static size_t take_comment(struct html_links *l, struct str text, struct buf *to)
{
	size_t end = str_find(text, STR("-->"), 0);

	if (end == SIZE_MAX)
		return pass(text, text.len > 2 ? text.len - 2 : 0, to);
	l->state = HTML_TEXT;
	return pass(text, end + 3, to);
}

static size_t take_raw(struct html_links *l, struct str text, struct buf *to)
{
	struct str name = str_from(l->raw_name);

	for (size_t at = 0; (at = str_find_char(text, '<', at)) != SIZE_MAX; at++) {
		size_t behind = at + 2 + name.len;
		char c = behind < text.len ? text.ptr[behind] : '\0';

		if (behind >= text.len) /* it may be the end */
			return pass(text, at, to);
		if (text.ptr[at + 1] != '/' || !(is_space(c) || c == '/' || c == '>') ||
		    !str_eq_nocase(str_slice(text, at + 2, behind), name))
			continue;
		l->state = HTML_MARKUP;
		return pass(text, at + 1, to);
	}
	return pass(text, text.len, to);
}

void html_links_put(struct html_links *l, struct str bytes, struct buf *to)
{
	static size_t (*const takes[])(struct html_links * l, struct str text, struct buf * to) = {
		[HTML_TEXT] = take_text,
		[HTML_COMMENT] = take_comment,
		[HTML_MARKUP] = take_markup,
		[HTML_RAW] = take_raw,
	};
	size_t taken = 0, len = 1;

	buf_put_str(&l->held, bytes);
	while (len && taken < l->held.len) {
		len = takes[l->state](l, str_slice(buf_str(&l->held), taken, l->held.len), to);
		taken += len;
	}
	buf_consume(&l->held, taken);
}

void html_links_end(struct html_links *l, struct buf *to)
{
	buf_put_str(to, buf_str(&l->held));
	buf_reset(&l->held);
}

void html_links_init(struct html_links *l,
		     void (*link)(void *arg, struct str value, struct buf *to), void *arg)
{
	*l = (struct html_links){ .link = link, .arg = arg };
	buf_init(&l->held, SIZE_MAX / 2); /* what is not complete is bounded, pieces are */
	buf_init(&l->tag, SIZE_MAX / 2);
}

void html_links_deinit(struct html_links *l)
{
	buf_deinit(&l->held);
	buf_deinit(&l->tag);
}
