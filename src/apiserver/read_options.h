/* SPDX-License-Identifier: Apache-2.0 */
/* The query of reads: revisions, limits, continue tokens, selectors; checked as upstream's
 * ListOptions are. */
#ifndef CUBE_APISERVER_READ_OPTIONS_H
#define CUBE_APISERVER_READ_OPTIONS_H

#include "api/table.h"
#include "apiserver/exchange.h"
#include "apiserver/watch_filter.h"

enum revision_match { MATCH_UNSET, MATCH_NOT_OLDER, MATCH_EXACT };

struct read_options {
	bool has_revision; /* resourceVersion was given and is not empty */
	int64_t revision;
	enum revision_match match;
	int64_t limit;		   /* 0 = all */
	int64_t continue_revision; /* 0: no token; < 0: the newest state */
	struct str continue_from;  /* "ns/name", the first key that was not sent */
	struct watch_filter filter;
	int64_t timeout_seconds;    /* 0: none given */
	enum table_include include; /* of tables */
	bool bookmarks;
	bool has_initial_events, initial_events; /* sendInitialEvents */
};

/* Refuses revisions that are yet to come, too. */
int read_options_parse(struct exchange *e, struct read_options *ret) MUST_CHECK;
struct str continue_token_in(struct arena *arena, int64_t revision, struct str from);

/* One object as a Table or as metadata, whatever e->form is. */
struct read_form {
	enum table_include include;
	const struct notices *warnings; /* NULL: none */
};
void read_answer_form(struct exchange *e, int status, const struct obj *obj,
		      const struct read_form *form);

#endif
