/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One object in several versions of its kind. Who owns which fields is said in the words of the
 * version that he wrote in; of a change made in another version, what that changes in his counts
 * for him. Pure: whoever asks knows how to convert.
 */
#ifndef CUBE_API_VERSIONED_H
#define CUBE_API_VERSIONED_H

#include "api/typed.h"

/* An object as one version has it, and the schema that it is read by there. */
struct versioned {
	struct str api_version;
	struct schema_at at;
	yyjson_val *object; /* NULL: there is none, or the version is none any more */
};

/* The way into other versions. Without one, all versions have the same fields. */
struct version_converter {
	/* *ret lives as long as the receiver needs it. Without an object: nobody knows that
	 * version. */
	int (*convert)(void *arg, struct versioned from, struct str api_version,
		       struct versioned *ret, struct err *err) MUST_CHECK;
	void *arg;
};

/* from in another version, refused when it has fields there that are not declared. */
int versioned_as(struct typed_walk *walk, const struct version_converter *converter,
		 struct versioned from, struct str api_version, struct versioned *ret,
		 struct err *err) MUST_CHECK;

#endif
