/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values read through the schema as server-side apply sees them: what is replaced as a whole, what
 * is owned field by field, which items of two lists are the same. What the schema says nothing
 * about (preserved fields, raw objects) goes by its own form: objects field by field, all else
 * whole. A custom kind's schema is a table for what every object has and its definition's tree for
 * the rest: both answer the same few questions (typed_internal.h), the walkers cannot tell. Pure;
 * field sets and texts go into an arena, new values into a document.
 */
#ifndef CUBE_API_TYPED_H
#define CUBE_API_TYPED_H

#include "api/field_set.h"
#include "api/schema.h"

/* What a value is. */
struct typed {
	struct schema_at at;		  /* the type that has the field; of a root: its own */
	const struct schema_field *field; /* NULL: a root, or without at.type anything */
	yyjson_val *tree; /* of a custom kind: the schema of the value itself; no field then */
	uint8_t shape;	  /* enum schema_shape: of the value itself */
	bool is_open;	  /* a tree's: unknown fields are kept from here downwards */
};

struct typed typed_root(struct schema_at at);

struct typed_walk {
	struct arena *arena;
	struct buf text;
	struct err *err;      /* may be NULL */
	size_t refused_count; /* by typed_check so far: err has all of them, as far as there is room
			       */
	bool allows_duplicates; /* typed_check: lists may have the same item twice */
};

void typed_walk_init(struct typed_walk *walk, struct arena *arena, struct err *err);
void typed_walk_deinit(struct typed_walk *walk);
#define AUTO_TYPED_WALK CLEANUP(typed_walk_deinit) struct typed_walk

/* All fields that v has, as one who applies it owns them. */
struct field_set *typed_set(struct typed_walk *walk, struct typed t, yyjson_val *v);
/* What differs between two values, either of which may be NULL. */
struct typed_diff {
	struct field_set *changed, *removed; /* added and modified; gone */
};
struct typed_diff typed_compare(struct typed_walk *walk, struct typed t, yyjson_val *old,
				yyjson_val *now);
/* What is new in v against the object that Go makes of nothing, written as fieldsV1 without a set
 * in between: the same as typed_compare with that object. Fields of the root in skipped (a set) are
 * left out, with all below them. False: there is nothing. */
bool typed_write_created(struct typed_walk *walk, struct schema_at at, yyjson_val *v,
			 const struct field_set *skipped, struct buf *to);

/* A value for apply: only declared fields, of the right types, items of lists that can be told
 * apart. ERR_INVALID: `.spec.foo: field not declared in schema`; several stand in lines of their
 * own below `errors:`. */
int typed_check(struct typed_walk *walk, struct typed t, yyjson_val *v) MUST_CHECK;
/* Appends the places in v whose lists and objects are replaced as a whole, ".spec.a, .spec.b[0].c":
 * who sets some of their fields would take away the others. */
void typed_write_atomics(struct typed t, yyjson_val *v, struct buf *to);
/* live with config over it: a new value of doc; NULL when there is neither. */
yyjson_mut_val *typed_merge(struct typed_walk *walk, struct typed t, yyjson_mut_doc *doc,
			    yyjson_val *live, yyjson_val *config);
/* v without the members of set. */
yyjson_mut_val *typed_remove(struct typed_walk *walk, struct typed t, yyjson_mut_doc *doc,
			     yyjson_val *v, const struct field_set *set);
/* The set as one writes it by this schema, where it was written by an earlier one. */
struct field_set *typed_reconcile(struct typed_walk *walk, struct typed t, struct field_set *set);
/* The set with all declared fields on its paths as members. */
struct field_set *typed_named(struct typed_walk *walk, struct typed t, const struct field_set *set);

#endif
