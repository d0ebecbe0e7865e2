/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenAPI v2 and v3 written from the schema tables. Callers cache what comes out; the etag changes
 * with the bytes only.
 */
#ifndef CUBE_API_OPENAPI_H
#define CUBE_API_OPENAPI_H

#include "api/kind_set.h"
#include <yyjson.h>
#include "base/buf.h"

/* /openapi/v3 : {"paths":{"api/v1":{"serverRelativeURL":"/openapi/v3/api/v1?hash=..."}}} */
void openapi_v3_index(const struct kind_set *set, struct buf *to);
/* One group version ("", "v1"). ERR_NOT_FOUND for one without kinds. */
int openapi_v3_write(const struct kind_set *set, struct str group, struct str version,
		     struct buf *to, struct err *err) MUST_CHECK;
/* The whole of /openapi/v2 as JSON. */
void openapi_v2_write(const struct kind_set *set, struct buf *to);
/* The same, written before, as the messages of openapi.v2 that older clients ask for. */
int openapi_v2_to_protobuf(struct str json, struct buf *to, struct err *err) MUST_CHECK;
int openapi_v3_to_protobuf(struct str json, struct buf *to, struct err *err) MUST_CHECK;

/* Another server's part of the whole: its paths below prefix ("/apis/<group>/<version>") that are not
 * there yet, with the definitions they lead to, under other names where those are taken by something
 * else. part may be anything that parses. */
void openapi_v2_merge(yyjson_mut_doc *whole, yyjson_val *part, struct str prefix);
/* The entry "apis/<group>/<version>" of its index. */
void openapi_v3_merge(yyjson_mut_doc *whole, yyjson_val *part, struct str path);

#endif
