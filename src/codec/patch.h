/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7386). Both make a new document and leave what
 * they were given alone. Strategic merge patches need the schema: api/strategic.h.
 */
#ifndef CUBE_CODEC_PATCH_H
#define CUBE_CODEC_PATCH_H

#include "codec/json.h"

/* NULL: ERR_BAD_REQUEST when the patch is not one, ERR_TOO_LARGE over PATCH_OPERATIONS_MAX or
 * PATCH_RESULT_BYTES_MAX, ERR_INVALID when an operation fails ("test", a missing path). */
yyjson_mut_doc *patch_json(yyjson_val *target, yyjson_val *patch, struct err *err) MUST_CHECK;
yyjson_mut_doc *patch_merge(yyjson_val *target, yyjson_val *patch, struct err *err) MUST_CHECK;

#endif
