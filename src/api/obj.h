/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An API object: immutable JSON bytes in a struct blob, plus its tree and most used metadata,
 * parsed at need and then shared by everybody. Nobody copies it and nobody changes it; a change is
 * a new object. A tree that is in nobody's hands when control goes back to the loop may be dropped,
 * to be parsed again: the bytes are what is kept. Used on the control loop only.
 */
#ifndef CUBE_API_OBJ_H
#define CUBE_API_OBJ_H

#include <yyjson.h>
#include "base/blob.h"
#include "base/err.h"

struct obj {
	struct blob *blob; /* not counted: the object lives inside its blob */
	yyjson_val *root;
	struct str api_version, kind;
	struct str namespace_, name, uid;
	int64_t resource_version; /* 0 when absent */
	int64_t generation;
	yyjson_val *labels; /* metadata.labels, NULL when absent; likewise the next ones */
	yyjson_val *annotations;
	yyjson_val *owner_references;
	yyjson_val *finalizers;
	struct str deletion_timestamp; /* empty unless being deleted */
	int64_t fits_definition;       /* revision of the definition whose schema it is known to fit
					  (custom.h) */
	struct blob *as_read; /* what its readers get by the definition of that revision; NULL =
				 itself */
	yyjson_doc *doc;
};

/* The parsed form of blob, parsing it when this is the first call. NULL and err when the bytes are
 * not a JSON object with metadata (only possible for bytes that did not come from the registry).
 * Borrowed until control goes back to the loop; obj_ref keeps it. */
const struct obj *obj_of(struct blob *blob, struct err *err);
/* obj_of for bytes known to be good: ASSERTs. */
const struct obj *obj_get(struct blob *blob);
const struct obj *obj_ref(const struct obj *obj); /* counts on the blob; returns obj; NULL is fine */
const struct obj *obj_own(struct blob *blob);	  /* obj_get for bytes whose reference is the caller's */
void obj_unref(const struct obj *obj);		  /* of one of these; NULL is fine */

/* Remembers what readers get by a definition of that revision: as_read, counted here, or NULL when
 * nothing has to be added or taken away. */
void obj_note_fit(const struct obj *obj, int64_t definition_revision, struct blob *as_read);

struct str obj_label(const struct obj *obj, const char *key); /* empty when absent */
struct str obj_annotation(const struct obj *obj, const char *key);
/* The ownerReference with controller=true, NULL when there is none. */
yyjson_val *obj_controller_ref(const struct obj *obj);
struct str obj_controller_uid(const struct obj *obj);
bool obj_is_deleting(const struct obj *obj);

#endif
