/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects as application/vnd.kubernetes.protobuf, read into the same trees as JSON: kubectl's
 * `create` commands and typed Go clients send them. Field numbers come from the schema tables; what
 * Go would have left out of JSON is left out here.
 */
#ifndef CUBE_API_PROTOBUF_H
#define CUBE_API_PROTOBUF_H

#include "api/kind.h"
#include "codec/json.h"

/* The bytes with their envelope ("k8s\0", Unknown). The kind is what the envelope names; *ret_kind
 * (may be NULL) is it. NULL: ERR_BAD_REQUEST for damaged bytes and kinds that are not known,
 * ERR_TOO_LARGE, ERR_UNSUPPORTED_MEDIA for the few types that have no such form here (JSON
 * schemas). */
yyjson_mut_doc *protobuf_decode(struct str bytes, size_t bytes_max, const struct kind **ret_kind,
				struct err *err) MUST_CHECK;

#endif
