/* SPDX-License-Identifier: Apache-2.0 */
/* What decode.c and decode_scalar.c share. */
#ifndef CUBE_API_DECODE_INTERNAL_H
#define CUBE_API_DECODE_INTERNAL_H

#include "api/object.h"
#include "codec/json.h"

struct decoder {
	yyjson_mut_doc *doc;
	const struct kind *kind;
	struct notices *notices; /* where unknown and duplicate fields go; NULL = nowhere */
	struct err *err;
	struct decode_problem *problem; /* NULL: the error is enough */
	const struct field_path *start; /* above this errors name nothing; NULL = the whole path */
};

/* Where a value stands. */
struct decode_at {
	const struct field_path *path;
	struct schema_at owner; /* the type that has the field */
	const struct schema_field *field;
};

/* One element. *ret is NULL when it is empty and nothing is to be written. */
int decode_scalar(struct decoder *d, const struct decode_at *at, yyjson_val *v,
		  yyjson_mut_val **ret);
/* `json: cannot unmarshal string into Go struct field PodSpec.spec.x of type int32`. Returns -1.
 * whole: the list or map itself is of the wrong type. */
int decode_wrong_type(struct decoder *d, const struct decode_at *at, yyjson_val *v, bool whole);

/* Says in d->problem, if somebody wants to know, that a value is of another type than it must be.
 */
void decode_note_type(struct decode_problem *problem, yyjson_val *found, struct str wanted);

#endif
