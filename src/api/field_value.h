/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values as messages show them. Upstream prints the structs that its server works with, not what
 * clients send: every field, by Go's name for it, and null or zero where nothing is. Types of meta/v1
 * are the exception: they look the same inside and outside.
 */
#ifndef CUBE_API_FIELD_VALUE_H
#define CUBE_API_FIELD_VALUE_H

#include "api/field.h"

/* value is at path in an object of a kind, or kind is NULL; NULL is null. */
void field_value_write(const struct kind *kind, const struct field_path *path,
		       yyjson_mut_val *value, struct buf *to);

#endif
