/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must be true of the members of an object, as a table: one row says one thing of one member,
 * rows stand in the order in which upstream complains, and a walk reports everything that is wrong.
 * What a row cannot say is a function (RULE_CALL). Tables end with an empty row.
 *
 *   static const struct rule port_rules[] = {
 *           RULE_NEED("containerPort", ""),
 *           RULE_BETWEEN("containerPort", 1, 65535),
 *           RULE_NEED_ONE_OF("protocol", "SCTP|TCP|UDP"),
 *           { 0 },
 *   };
 */
#ifndef CUBE_API_RULES_H
#define CUBE_API_RULES_H

#include "api/strategy.h"
#include "codec/name.h"

/* One walk over (a part of) an object. */
struct scope {
	struct edit *edit;
	struct field_errors *errors;
	void *own; /* what the kind's own functions hand themselves down; may be NULL */
};

/* v is the member, NULL when it is missing; path is its path. */
typedef void rule_check(const struct scope *scope, const struct field_path *path,
			yyjson_mut_val *v);

enum rule_test {
	RULE_TEST_END,
	RULE_TEST_NEED,	   /* there and not empty (0, "", [], {}) */
	RULE_TEST_FORBID,  /* not there */
	RULE_TEST_ONE_OF,  /* one of the texts */
	RULE_TEST_BETWEEN, /* a number from min to max */
	RULE_TEST_NAME,	   /* a text without a problem */
	RULE_TEST_NAMES,   /* each text of a list is without a problem */
	RULE_TEST_INSIDE,  /* the rules hold inside the object */
	RULE_TEST_EACH,	   /* the rules hold inside each object of the list; key tells them apart */
	RULE_TEST_SET,	     /* at most max items, else nothing more is told; the rules or check()
				hold for each; none has the key (or text) of another */
	RULE_TEST_DISTINCT,  /* no text twice in the list */
	RULE_TEST_AT_MOST,   /* a list of at most max items */
	RULE_TEST_LENGTH,    /* a text of at most max bytes */
	RULE_TEST_MATCH,     /* a text that the expression fits */
	RULE_TEST_CALL,	     /* check() has no complaint */
	RULE_TEST_CALL_EACH, /* nor has it of each item of the list or member of the map */
};

struct rule {
	const char *field; /* a member; NULL = the object itself */
	enum rule_test test;
	bool is_needed;	     /* ONE_OF, NAME: a missing one is a problem, too */
	bool may_repeat;     /* SET */
	bool checks_empty;   /* NAME: a missing one is a bad name */
	const char *text;    /* NEED, FORBID, BETWEEN, MATCH: detail; ONE_OF: "A|B"; EACH, SET: key */
	const char *pattern; /* MATCH: a regular expression of Go */
	int64_t min, max;
	const char *(*problem)(struct str);
	const struct rule *inside;
	rule_check *check;
};

/* clang-format off */
#define RULE_NEED(field_, detail_) { .field = (field_), .test = RULE_TEST_NEED, .text = (detail_) }
#define RULE_FORBID(field_, detail_) { .field = (field_), .test = RULE_TEST_FORBID, .text = (detail_) }
/* A missing one is fine; with NEED it is "Required value"; values are printed as they stand here. */
#define RULE_ONE_OF(field_, values_) { .field = (field_), .test = RULE_TEST_ONE_OF, .text = (values_) }
#define RULE_NEED_ONE_OF(field_, values_) \
	{ .field = (field_), .test = RULE_TEST_ONE_OF, .text = (values_), .is_needed = true }
#define RULE_BETWEEN(field_, min_, max_) { .field = (field_), .test = RULE_TEST_BETWEEN, .min = (min_), .max = (max_) }
/* The same with a message of its own. */
#define RULE_RANGE(field_, min_, max_, detail_) \
	{ .field = (field_), .test = RULE_TEST_BETWEEN, .min = (min_), .max = (max_), .text = (detail_) }
#define RULE_NONNEGATIVE(field_) RULE_RANGE(field_, 0, INT64_MAX, "must be greater than or equal to 0")
#define RULE_POSITIVE(field_) RULE_RANGE(field_, 1, INT64_MAX, "must be greater than 0")
#define RULE_NAME(field_, problem_) { .field = (field_), .test = RULE_TEST_NAME, .problem = (problem_) }
#define RULE_NEED_NAME(field_, problem_) \
	{ .field = (field_), .test = RULE_TEST_NAME, .problem = (problem_), .is_needed = true }
/* A missing one is no name either. */
#define RULE_ANY_NAME(field_, problem_) \
	{ .field = (field_), .test = RULE_TEST_NAME, .problem = (problem_), .checks_empty = true }
#define RULE_NAMES(field_, problem_) { .field = (field_), .test = RULE_TEST_NAMES, .problem = (problem_) }
#define RULE_INSIDE(field_, rules_) { .field = (field_), .test = RULE_TEST_INSIDE, .inside = (rules_) }
#define RULE_EACH(field_, rules_) { .field = (field_), .test = RULE_TEST_EACH, .inside = (rules_) }
/* Items with the same text at key are duplicates. */
#define RULE_EACH_BY(field_, key_, rules_) \
	{ .field = (field_), .test = RULE_TEST_EACH, .text = (key_), .inside = (rules_) }
/* Duplicates are told of the items themselves; max may be INT64_MAX. */
#define RULE_SET(field_, max_, key_, rules_) \
	{ .field = (field_), .test = RULE_TEST_SET, .max = (max_), .text = (key_), .inside = (rules_) }
#define RULE_SET_CALL(field_, max_, check_) \
	{ .field = (field_), .test = RULE_TEST_SET, .max = (max_), .check = (check_) }
/* Items may be alike. */
#define RULE_FEW(field_, max_, rules_) \
	{ .field = (field_), .test = RULE_TEST_SET, .max = (max_), .inside = (rules_), .may_repeat = true }
#define RULE_DISTINCT(field_) { .field = (field_), .test = RULE_TEST_DISTINCT }
#define RULE_AT_MOST(field_, max_) { .field = (field_), .test = RULE_TEST_AT_MOST, .max = (max_) }
#define RULE_LENGTH(field_, max_) { .field = (field_), .test = RULE_TEST_LENGTH, .max = (max_) }
/* For members that are seldom there: the expression is compiled each time. */
#define RULE_MATCH(field_, pattern_, detail_) \
	{ .field = (field_), .test = RULE_TEST_MATCH, .pattern = (pattern_), .text = (detail_) }
/* Three rows: the name of a driver of storage or devices. */
#define RULE_NEED_CSI_DRIVER(field_) \
	RULE_NEED(field_, ""), RULE_LENGTH(field_, DNS_LABEL_BYTES_MAX), \
		RULE_ANY_NAME(field_, name_csi_driver_problem)
#define RULE_CALL(field_, check_) { .field = (field_), .test = RULE_TEST_CALL, .check = (check_) }
#define RULE_CALL_EACH(field_, check_) { .field = (field_), .test = RULE_TEST_CALL_EACH, .check = (check_) }
/* clang-format on */

/* object may be NULL: everything is missing. */
void rules_check(const struct scope *scope, const struct rule *rules, const struct field_path *path,
		 yyjson_mut_val *object);
/* The whole object of an edit, for slots of strategies. */
void rules_check_edit(struct edit *e, const struct rule *rules, struct field_errors *errors);

/* Whether the expression fits (a part of) the text; what is too long to search is not fitted. */
bool text_matches(struct arena *arena, const char *pattern, struct str text);

/* Missing, null, 0, "", [], {}: what Go calls the zero value. */
bool is_zero_value(yyjson_mut_val *v);

/* ---- checks that many kinds share ---- */

rule_check rule_labels;	     /* a map of labels */
rule_check rule_annotations; /* a map of annotations */
rule_check rule_selector;    /* a LabelSelector, or nothing */
rule_check rule_port;	     /* a port's number or name */
rule_check rule_percentage;  /* a number that is not negative, or "25%" */
rule_check rule_ip;	     /* a text: an address */
rule_check rule_quantity_nonnegative;
rule_check rule_conditions; /* a list of Condition of meta/v1 */

#endif
