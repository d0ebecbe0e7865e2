/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of an object from bytes to the store, pure and the same for every kind: decode (check
 * against the schema, drop what Go would drop, canonical forms), default, prepare, validate,
 * encode. The registry calls these in this order with locks, admission and allocation in between.
 * Errors are what the API answers with: ERR_BAD_REQUEST from decoding, ERR_INVALID with field
 * errors from validation.
 */
#ifndef CUBE_API_OBJECT_H
#define CUBE_API_OBJECT_H

#include "api/field.h"
#include "api/kind.h"
#include "api/limits.h"
#include "api/obj.h"
#include "api/strategy.h"
#include "codec/json.h"

enum field_check { FIELDS_IGNORE, FIELDS_WARN, FIELDS_STRICT }; /* ?fieldValidation= */
bool field_check_parse(struct str text, enum field_check *ret); /* "" is Warn, as upstream */

enum object_format { OBJECT_JSON, OBJECT_YAML };

/* ---- decode ---- */

/* Bytes of a request body into a tree of kind that can be changed. kind, apiVersion are checked and
 * filled in: empty ones are taken from kind. Unknown and duplicate fields: left out, named in
 * notices (WARN) or refused (STRICT): Deployment in version "v1" cannot be handled as a Deployment:
 * strict decoding error: unknown field "spec.foo" Deployment in version "v1" cannot be handled as a
 * Deployment: json: cannot unmarshal string into Go struct field ... */
enum decode_problem_type { DECODE_OTHER, DECODE_WRONG_TYPE, DECODE_STRICT };

/* The error once more, for who has words of his own for it. */
struct decode_problem {
	enum decode_problem_type type;
	const char *found;		    /* of WRONG_TYPE, as JSON has it: "number" */
	char wanted[DECODE_TYPE_BYTES_MAX]; /* as Go has it: "map[string]string", "v1.PodSpec" */
	char fields[ERR_MSG_BYTES];	    /* of STRICT, as the error names them */
};

struct decode_options {
	const struct kind *kind;
	enum object_format format;
	enum field_check check;
	struct notices *notices;	/* may be NULL */
	struct decode_problem *problem; /* likewise; written when it fails */
	size_t bytes_max;		/* 0 = OBJECT_BYTES_MAX */
};
yyjson_mut_doc *object_decode(struct str body, const struct decode_options *options,
			      struct err *err) MUST_CHECK;
/* The same for a tree that is there already (result of a patch, a controller's body): a new
 * document. */
yyjson_mut_doc *object_decode_mut(yyjson_mut_val *root, const struct decode_options *options,
				  struct err *err) MUST_CHECK;

/* Metadata of any object as its type wants it: a new value, without what the type does not know.
 * repairs: nor what is of a wrong type, else *err says what that is. */
int metadata_decode(yyjson_mut_doc *doc, yyjson_mut_val *v, bool repairs, yyjson_mut_val **ret,
		    struct err *err) MUST_CHECK;

/* ---- default and prepare ---- */

/* Static defaults of the schema, then the kind's own. Idempotent. */
void object_default(struct edit *e);
/* Create: fills metadata (namespace, name from generateName + random_suffix when empty, uid,
 * creationTimestamp, generation), drops what the server owns, resets status. suffix:
 * OWNER_NAME_RANDOM_BYTES characters. */
struct object_birth {
	struct str namespace_; /* of the request path */
	struct str uid;	       /* a random UUID */
	struct str suffix;     /* random, for generateName */
};
int object_prepare_create(struct edit *e, const struct object_birth *birth,
			  struct err *err) MUST_CHECK;
/* Update: metadata the server owns comes from old, status from old (or spec when subresource is
 * "status"), generation grows when spec changed. ERR_CONFLICT: resourceVersion or uid given and
 * other than old's. ERR_BAD_REQUEST: name or namespace differ from the path's. */
int object_prepare_update(struct edit *e, struct err *err) MUST_CHECK;

/* ---- validate ---- */

void object_validate_create(struct edit *e, struct field_errors *errors);
void object_validate_update(struct edit *e, struct field_errors *errors); /* by e->subresource */
void object_warn(struct edit *e, struct notices *notices);
/* True when the update changes nothing but resourceVersion and managedFields: no write is needed.
 */
bool object_is_unchanged(struct edit *e);

/* ---- encode ---- */

/* Bytes for the store with this resourceVersion, exactly as long as the text. root is as before
 * afterwards. */
struct blob *object_encode(yyjson_mut_val *root, int64_t revision) MUST_CHECK;
int object_refuse_parts(struct err *err); /* a body with more than OBJECT_PARTS_MAX */
/* The same object as of another revision: what the DELETE event carries. */
struct blob *object_with_revision(const struct obj *obj, int64_t revision) MUST_CHECK;
/* The empty status (or other top-level field) of a kind as it is always written: "status":
 * {"loadBalancer":{}}. NULL when the kind has no such field. */
yyjson_mut_val *object_zero_field(yyjson_mut_doc *doc, const struct kind *kind, const char *field);
/* {"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"..."},"items":[ without the
 * items and the end. */
void object_list_head(const struct kind *kind, int64_t revision, struct str continue_token,
		      int64_t remaining, struct buf *to);
/* How stored objects of the kind begin where their items in such a list begin with a brace: items
 * of built-in kinds do not say of what kind they are, as Go's typed lists have it. */
void object_item_opening(const struct kind *kind, struct buf *to);
/* What of a stored object is an item, behind that brace. Borrowed. */
struct str object_list_item(struct str opening, const struct blob *object);

#endif
