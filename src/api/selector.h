/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Label selectors (text with sets: "a=b,c in (d,e),!f", or a LabelSelector object) and field
 * selectors ("spec.nodeName=n1"): parsed once, matched often, without allocation. Errors in
 * upstream's words.
 */
#ifndef CUBE_API_SELECTOR_H
#define CUBE_API_SELECTOR_H

#include "api/field.h"
#include "api/obj.h"
#include "base/arena.h"
#include "codec/json.h"

struct kind;

enum selector_operator {
	SELECTOR_IN,
	SELECTOR_NOT_IN,
	SELECTOR_EXISTS,
	SELECTOR_NOT_EXISTS,
	SELECTOR_GREATER,
	SELECTOR_LESS,
};

struct selector_requirement {
	enum selector_operator operator;
	struct str key;
	const struct str *values;
	size_t value_count;
};

struct selector {
	const struct selector_requirement
		*requirements; /* all must hold; none = everything matches */
	size_t count;
	bool nothing; /* matches no object (a LabelSelector that is absent) */
};

/* Text as in ?labelSelector=. Everything lives in the arena; text may go away. */
int selector_parse(struct str text, struct arena *arena, struct selector *ret,
		   struct err *err) MUST_CHECK;
/* A metav1.LabelSelector: NULL matches nothing, {} everything. */
int selector_from_object(yyjson_val *label_selector, struct arena *arena, struct selector *ret,
			 struct err *err) MUST_CHECK;
/* A plain map (Service and ReplicationController spec.selector): empty or NULL matches nothing. */
void selector_from_map(yyjson_val *map, struct arena *arena, struct selector *ret);
bool selector_matches(const struct selector *s, yyjson_val *labels); /* labels may be NULL */
bool selector_matches_mut(const struct selector *s, yyjson_mut_val *labels);
bool selector_is_everything(const struct selector *s);
/* "a=b,c in (d,e)" as kubectl and Scale's status.selector show it. */
void selector_write(const struct selector *s, struct buf *to);
struct str selector_of_object_in(struct arena *arena,
				 yyjson_val *label_selector); /* "<none>" when empty */
struct str selector_of_map_in(struct arena *arena, yyjson_val *map);
/* Checks of a LabelSelector being written; path is the selector's. */
void selector_validate(yyjson_mut_val *label_selector, const struct field_path *path,
		       struct field_errors *errors);

struct field_requirement {
	struct str field; /* "metadata.name", "spec.nodeName" */
	struct str value;
	bool negated;
};

struct field_selector {
	const struct field_requirement *requirements;
	size_t count;
};

/* Text as in ?fieldSelector=, with '\\' escapes. ERR_BAD_REQUEST for fields the kind does not
 * support: `field label not supported: spec.x`. */
int field_selector_parse(const struct kind *kind, struct str text, struct arena *arena,
			 struct field_selector *ret, struct err *err) MUST_CHECK;
bool field_selector_matches(const struct field_selector *s, const struct kind *kind,
			    const struct obj *obj);

#endif
