/* SPDX-License-Identifier: Apache-2.0 */
/* How much outside bytes may make the decoders do. */
#ifndef CUBE_CODEC_LIMITS_H
#define CUBE_CODEC_LIMITS_H

#define JSON_DEPTH_MAX \
	1000 /* nesting of objects and arrays; all walkers here recurse at most so deep */
#define JSON_PATH_BYTES_MAX 1024 /* a field path in a message; longer ones are cut at the front */
#define JSON_PATH_DEPTH_MAX 16 /* paths in brackets of paths */
#define JSON_PATH_VALUES_MAX 100000 /* that following one path comes across */
#define JSON_SMALL_CHUNK_BYTES 2000 /* of values or strings of a document that is built */
#define JSON_SMALL_WRITTEN_MAX (1u << 30)
#define YAML_NODES_MAX 1000000	 /* values of a document after aliases were followed */
#define YAML_EXPANSION_MAX \
	100 /* values made from aliases may be so many times those written out ... */
#define YAML_EXPANSION_FREE 10000 /* ... once there are more than this */
#define PATCH_OPERATIONS_MAX 10000
#define JSON_POINTER_INDEX_MAX 999999999  /* of an array element in a JSON Patch */
#define PATCH_RESULT_BYTES_MAX (3u << 20) /* JSON Patch: what "copy" may blow a document up to */
#define JSON_DUPLICATES_MAX 100		  /* reported in one message */
#define DNS_LABEL_BYTES_MAX 63
#define DNS_SUBDOMAIN_BYTES_MAX 253
#define REGEX_TEXT_BYTES_MAX (64u << 10)
#define REGEX_DEPTH_MAX 1000	   /* nesting of groups, as RE2 */
#define REGEX_REPEAT_MAX 1000	   /* {n,m}, as RE2 */
#define REGEX_PROGRAM_MAX 20000	   /* instructions once repetitions were unrolled */
#define REGEX_STEPS_MAX 50000000ull /* of one search: instructions looked at */
#define HTML_TAG_BYTES_MAX (16u << 10) /* longer ones pass as they are */
#define PROTO_DEPTH_MAX 32
#define PROTO_ITEMS_MAX 131072 /* of all lists of a message, those within included: ERR_TOO_LARGE */

#endif
