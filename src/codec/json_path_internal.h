/* SPDX-License-Identifier: Apache-2.0 */
/* What parsing and following paths share. */
#ifndef CUBE_CODEC_JSON_PATH_INTERNAL_H
#define CUBE_CODEC_JSON_PATH_INTERNAL_H

#include "codec/json_path.h"
#include "codec/limits.h"

enum json_step_type {
	STEP_FIELD,
	STEP_WILDCARD,
	STEP_RECURSIVE,
	STEP_ARRAY,
	STEP_FILTER,
	STEP_UNION,
	STEP_CONSTANT,
	STEP_UNKNOWN, /* a word that means nothing: whoever follows it fails */
};

struct json_bound {
	int64_t value;
	bool is_known;
};

struct json_step {
	enum json_step_type type;
	struct str name;	     /* FIELD */
	yyjson_val constant;	     /* CONSTANT */
	struct json_bound bounds[3]; /* ARRAY: from, to, step */
	bool is_index;		     /* ARRAY: to follows from from */
	struct str operation;	     /* FILTER; empty: whether left finds anything */
	struct json_step *left, *right;
	struct json_step *branches; /* UNION: the first, a step of no meaning with left */
	struct json_step *next;
};

struct json_path {
	struct json_step *steps;
};

#endif
