/* SPDX-License-Identifier: Apache-2.0 */
/* Links of a page that passes. Breaks when a link of a proxied page leads out of the proxy, or what
 * is no link is changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "codec/html.h"
#include "codec/limits.h"

static char prefix[] = "/p";

static void put_before(void *arg, struct str value, struct buf *to)
{
	if (str_has_prefix(value, STR("/")))
		buf_put_c(to, arg);
	buf_put_str(to, value);
}

static const struct {
	const char *page, *want;
} cases[] = {
	{ "<pre><a href=\"k.log\">k.log</a><a href=\"/g.log\">g</a></pre>",
	  "<pre><a href=\"k.log\">k.log</a><a href=\"/p/g.log\">g</a></pre>" },
	{ "<img src=\"/a.jpg\"/>", "<img src=\"/p/a.jpg\"/>" },
	{ "<IMG alt=x SRC='/a.jpg' >", "<IMG alt=x SRC='/p/a.jpg' >" },
	{ "<img src=/a.jpg>", "<img src=/p/a.jpg>" },
	{ "<img\n src = \"/a\"\tlongdesc=/b>", "<img\n src = \"/p/a\"\tlongdesc=/p/b>" },
	{ "<script src=\"http://g/k.js\"/>", "<script src=\"http://g/k.js\"/>" },
	{ "<a title=\"/x\" href>", "<a title=\"/x\" href>" },
	{ "<img href=\"/x\">", "<img href=\"/x\">" },
	{ "<a title=\"a > b\" href=\"/x\">", "<a title=\"a > b\" href=\"/p/x\">" },
	{ "<form action=/f><input formaction=/g></form>",
	  "<form action=/p/f><input formaction=/p/g></form>" },
	{ "<!-- <a href=\"/x\"> --><a href=\"/x\">", "<!-- <a href=\"/x\"> --><a href=\"/p/x\">" },
	{ "<!--><a href=\"/x\">", "<!--><a href=\"/p/x\">" },
	{ "<!doctype html><a href=\"/x\">", "<!doctype html><a href=\"/p/x\">" },
	{ "<?xml a=\"<\"?></a><a href=\"/x\">", "<?xml a=\"<\"?></a><a href=\"/p/x\">" },
	{ "<script>var a = '<a href=\"/x\">';</script><a href=\"/x\">",
	  "<script>var a = '<a href=\"/x\">';</script><a href=\"/p/x\">" },
	{ "<script src=/s></SCRIPT ><a href=\"/x\">",
	  "<script src=/p/s></SCRIPT ><a href=\"/p/x\">" },
	{ "<title>a<b</title/<link href=/s><a href=/x>", "<title>a<b</title/<link href=/s><a href=/p/x>" },
	{ "<style></styles><a href=/x></style><a href=/x>",
	  "<style></styles><a href=/x></style><a href=/p/x>" },
	{ "1 < 2 <3 <<a href=/x>", "1 < 2 <3 <<a href=/p/x>" },
	{ "<a href=\"/x", "<a href=\"/x" },
	{ "<a =href=/x href==/y>", "<a =href=/x href==/y>" },
	{ "", "" },
	{ "<", "<" },
};

static void test_links(void **state)
{
	/* However a page is cut, the same must come out. */
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct str page = str_from(cases[i].page);

		for (size_t step = 1; step <= page.len + 1; step++) {
			struct html_links l;
			AUTO_BUF out = { 0 };

			buf_init(&out, 1u << 20);
			html_links_init(&l, put_before, prefix);
			for (size_t at = 0; at < page.len; at += step)
				html_links_put(
					&l,
					str_slice(page, at,
						  at + step < page.len ? at + step : page.len),
					&out);
			html_links_end(&l, &out);
			html_links_deinit(&l);
			if (!str_eq_c(buf_str(&out), cases[i].want))
				fail_msg("%s by %zu: %s", cases[i].page, step, out.ptr);
		}
	}
}

static void test_long_tag(void **state)
{
	/* What is too long to be held passes; the tag behind it is seen again. */
	for (size_t more = 0; more < 2; more++) {
		size_t len = HTML_TAG_BYTES_MAX + more - strlen("<a href=\"/\"");
		AUTO_BUF page = { 0 }, out = { 0 };
		struct html_links l;

		buf_init(&page, 1u << 20);
		buf_init(&out, 1u << 20);
		buf_put_c(&page, "<a href=\"/");
		for (size_t i = 0; i < len; i++)
			buf_put_char(&page, 'x');
		buf_put_char(&page, '"');
		html_links_init(&l, put_before, prefix);
		html_links_put(&l, buf_str(&page), &out);
		assert_int_equal(out.len, more ? page.len : 0);
		html_links_put(&l, STR("><a href=/b>"), &out);
		html_links_end(&l, &out);
		html_links_deinit(&l);
		assert_true(str_has_suffix(buf_str(&out), STR("x\"><a href=/p/b>")));
		assert_true(str_has_prefix(buf_str(&out),
					   more ? STR("<a href=\"/xx") : STR("<a href=\"/p/xx")));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_long_tag),
	};

	return cmocka_run_group_tests_name("codec_html", tests, NULL, NULL);
}
