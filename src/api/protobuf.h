/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects as application/vnd.kubernetes.protobuf, which Go's clients and `kubectl create` speak:
 * read into the same trees as JSON, and written from them. Field numbers come from the schema
 * tables; what Go would have left out of JSON is left out here.
 */
#ifndef CUBE_API_PROTOBUF_H
#define CUBE_API_PROTOBUF_H

#include "api/kind.h"
#include "api/obj.h"
#include "codec/json.h"

/* The bytes with their envelope ("k8s\0", Unknown). The kind is what the envelope names; *ret_kind
 * (may be NULL) is it. NULL: ERR_BAD_REQUEST for damaged bytes and kinds that are not known,
 * ERR_TOO_LARGE. */
yyjson_mut_doc *protobuf_decode(struct str bytes, size_t bytes_max, const struct kind **ret_kind,
				struct err *err) MUST_CHECK;

/* An object or a list of them with the envelope; kind: what it or, for a list, each item is; NULL:
 * as its own members say. ERR_UNSUPPORTED_MEDIA for what has no such form (custom kinds, tables).
 */
int protobuf_encode(yyjson_val *root, const struct kind *kind, struct buf *to,
		    struct err *err) MUST_CHECK;

/* The same in parts. An envelope holds its object, and a list its items, as field 2: the same bytes
 * serve both. */

/* An object's message as that field: a reference. It is made once and kept beside the object's own
 * bytes; at is the type of just those. */
struct blob *protobuf_field_of(struct blob *object, struct schema_at at) MUST_CHECK;
#define PROTOBUF_FIELD 2
#define PROTOBUF_BETA_ITEM 1 /* in a list of metadata of v1beta1 */
/* Not kept; at may be another type, such as that of its metadata alone, and number another field.
 */
struct blob *protobuf_field_new(const struct blob *object, struct schema_at at,
				uint32_t number) MUST_CHECK;
/* The envelope up to the field that follows. */
void protobuf_write_envelope(struct str api_version, struct str kind, struct buf *to);

struct protobuf_list {
	struct str api_version, kind; /* of the list */
	int64_t revision;	      /* 0: none */
	struct str continue_token;    /* empty: none */
	int64_t remaining;	      /* remainingItemCount, < 0: none */
	size_t items_bytes;	      /* of the fields that follow */
	bool is_beta; /* of metadata in v1beta1, which has the two fields the other way round */
};
void protobuf_write_list_head(const struct protobuf_list *list, struct buf *to);

#define PROTOBUF_FRAME_HEAD_BYTES 4 /* the length of a frame, big-endian */
/* A frame of a watch stream up to the object (envelope and field) that follows: its length, the
 * event. */
void protobuf_write_event_head(struct str type, size_t object_bytes, struct buf *to);

#endif
