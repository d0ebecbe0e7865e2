/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The links of an HTML page, replaced while it passes in pieces. Everything else stays as it is,
 * byte by byte, however broken; comments, scripts and styles are not looked into. A tag beyond
 * HTML_TAG_BYTES_MAX passes unchanged.
 */
#ifndef CUBE_CODEC_HTML_H
#define CUBE_CODEC_HTML_H

#include "base/buf.h"
#include "base/str.h"

enum html_state { HTML_TEXT, HTML_COMMENT, HTML_MARKUP, HTML_RAW };

struct html_links {
	/* The value of an attribute that is a link, as written: appends what shall stand there. */
	void (*link)(void *arg, struct str value, struct buf *to);
	void *arg;
	/* own */
	enum html_state state;
	const char *raw_name; /* of the element that ends HTML_RAW */
	struct buf held;      /* what is not complete */
	struct buf tag;
};

void html_links_init(struct html_links *l,
		     void (*link)(void *arg, struct str value, struct buf *to), void *arg);
void html_links_deinit(struct html_links *l);
void html_links_put(struct html_links *l, struct str bytes, struct buf *to); /* appends */
void html_links_end(struct html_links *l, struct buf *to);

#endif
