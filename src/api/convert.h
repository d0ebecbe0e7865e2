/* SPDX-License-Identifier: Apache-2.0 */
/* One object between the versions and groups that share a stored form (Event in core and
 * events.k8s.io, HPA v1 and v2). */
#ifndef CUBE_API_CONVERT_H
#define CUBE_API_CONVERT_H

#include "api/kind.h"
#include "codec/json.h"

/* The kind that objects of this version are read as: served ones themselves, and those that once
 * were as the one that came after them with the same fields. Other programs have left them in a
 * shared store. NULL: it is not known. */
const struct kind *convert_stored_kind(struct str api_version, struct str name);
/* In place. ERR_UNSUPPORTED when the two have no common stored form. */
int convert_object(yyjson_mut_doc *doc, const struct kind *from, const struct kind *to,
		   struct err *err) MUST_CHECK;
/* The same to or from what is stored: a custom object has only what the schema of its version
 * knows. doc's root is another one afterwards. */
int convert_stored(yyjson_mut_doc *doc, const struct kind *from, const struct kind *to,
		   struct err *err) MUST_CHECK;

#endif
