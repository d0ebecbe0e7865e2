/* SPDX-License-Identifier: Apache-2.0 */
/* Labels, annotations and the rest of ObjectMeta: checks with upstream's wording. */
#ifndef CUBE_API_META_H
#define CUBE_API_META_H

#include "api/field.h"
#include "api/kind.h"
#include "codec/json.h"
#include "codec/name.h"

struct edit;

/* ObjectMeta of the object being written. */
/* Of an object inside of another one: what is there is right. */
void meta_validate_embedded(yyjson_mut_val *meta, const struct field_path *path,
			    struct field_errors *errors);
void meta_validate(struct edit *e, struct field_errors *errors);
void meta_validate_update(struct edit *e, struct field_errors *errors);
/* Also used for templates. */
void meta_validate_labels(yyjson_mut_val *labels, const struct field_path *path,
			  struct field_errors *errors);
void meta_validate_annotations(yyjson_mut_val *annotations, const struct field_path *path,
			       struct field_errors *errors);

/* What of the metadata an update does not change: names, ended by NULL; and what none of upstream's
 * status endpoints that leave the metadata alone does. */
void meta_keep(struct edit *e, const char *const *names);
void meta_keep_for_status(struct edit *e);

/* Owners that stand in metadata more than once, equal in all fields, stay once. Appends the uids of
 * those that went, "a, b". */
void meta_drop_repeated_owners(yyjson_mut_val *root, struct arena *arena, struct buf *uids);

#endif
