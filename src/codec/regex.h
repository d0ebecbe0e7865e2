/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions with the syntax of RE2 and Go, over UTF-8. A search takes time in proportion
 * to the text times the pattern, whatever the pattern is, and may be bounded on top. No
 * backreferences or look-around, as there; Unicode classes (\p{Greek}) are refused, and (?i) folds
 * ASCII letters only.
 */
#ifndef CUBE_CODEC_REGEX_H
#define CUBE_CODEC_REGEX_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "codec/limits.h"

struct regex; /* immutable, may be shared */

/* NULL: ERR_PARSE in Go's words, "error parsing regexp: missing closing ]: `[`", or ERR_TOO_LARGE.
 * Lives in arena. */
const struct regex *regex_compile(struct arena *arena, struct str pattern,
				  struct err *err) MUST_CHECK;
/* Instructions of the program: what a search needs memory for (24 bytes each). */
size_t regex_size(const struct regex *regex) PURE;

enum regex_result { REGEX_NONE, REGEX_FOUND, REGEX_TOO_LONG };

struct regex_search {
	struct arena *scratch; /* for the state; may be reused once the search is done */
	uint64_t steps;	       /* taken, added up; a search ends with REGEX_TOO_LONG at steps_max */
	uint64_t steps_max;
};

/* Whether text has a match anywhere. */
enum regex_result regex_matches(const struct regex *regex, struct str text,
				struct regex_search *search) MUST_CHECK;
/* The leftmost match at or behind byte from, the one that Perl would take. */
enum regex_result regex_find(const struct regex *regex, struct str text, size_t from,
			     struct regex_search *search, size_t *ret_start,
			     size_t *ret_end) MUST_CHECK;

#endif
