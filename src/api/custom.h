/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CustomResourceDefinition made into kinds, one per version. The rows of a kind are filled from
 * the definition; its schema is the definition's own tree, which is walked where it lies
 * (structural.h): a definition that nobody uses costs its bytes and these rows. Counted, because
 * requests and watches go on with the kind they began with.
 */
#ifndef CUBE_API_CUSTOM_H
#define CUBE_API_CUSTOM_H

#include "api/kind.h"
#include "api/obj.h"
#include "api/structural.h"
#include "base/arena.h"

#define CUSTOM_APPROVED_KEY "api-approved.kubernetes.io" /* annotation */

struct custom_resource;
struct json_path;
struct cel_rules;

enum custom_approval {
	CUSTOM_APPROVAL_NONE, /* needs none */
	CUSTOM_APPROVAL_MISSING,
	CUSTOM_APPROVAL_BYPASSED, /* "unapproved, ..." */
	CUSTOM_APPROVAL_GIVEN,
	CUSTOM_APPROVAL_INVALID,
};

/* What is made at first use. */
struct custom_rules {
	const struct cel_rules *rules; /* NULL: there are none */
	bool is_compiled;
};

/* The scale subresource's places, as dotted paths; spec_replicas NULL = there is none. */
struct custom_scale {
	const char *spec_replicas, *status_replicas, *label_selector;
};

struct custom_version {
	struct kind kind;
	struct custom_resource *resource;
	yyjson_val *schema; /* openAPIV3Schema; NULL = everything is kept */
	struct custom_rules *rules;
	struct custom_scale scale;
	const struct json_path **column_paths; /* of each column */
	bool is_served;
	struct str warning; /* for who uses a deprecated version; empty = none */
};

struct custom_resource {
	struct str name; /* of the definition */
	struct structural_names names;
	const struct obj *definition;
	struct custom_version *versions;
	size_t version_count;
	struct schema_set set; /* apiVersion, kind and metadata: what all of them have in tables */
	struct arena arena;
	size_t refs;
};

/* The names that were accepted, else those that are wanted. NULL and err for a definition that has
 * no version to be stored. */
struct custom_resource *custom_resource_new(const struct obj *definition,
					    struct err *err) MUST_CHECK;
void custom_resource_unref(struct custom_resource *resource); /* NULL is fine */
/* Of any kind; nothing happens to built-in ones. */
void custom_kind_ref(const struct kind *kind);
void custom_kind_unref(const struct kind *kind); /* NULL is fine */
/* The replicas and the selector's text of an object, as its kind's scale says. */
int64_t custom_scale_spec(const struct kind *kind, yyjson_val *object);
int64_t custom_scale_status(const struct kind *kind, yyjson_val *object);
struct str custom_scale_selector(const struct kind *kind, yyjson_val *object);
/* What is wrong with them. */
struct field_errors;
void custom_scale_check(const struct kind *kind, yyjson_mut_val *root, bool only_status,
			struct field_errors *errors);
/* The same built-in kind, or custom ones of one name and version, whichever definition they are of.
 */
bool custom_kind_same(const struct kind *a, const struct kind *b);
/*
 * What readers of a custom object get: without what its version's schema does not know now, and
 * with the defaults it has now. The stored bytes themselves when nothing changes, which an object
 * written since the definition's last change shows by its revision. Others are looked at once and
 * what came of it is kept beside them, until they are written again or the definition changes.
 */
struct blob *custom_as_read(const struct kind *kind, const struct obj *stored) MUST_CHECK;
bool custom_is_established(yyjson_val *definition);
/* *ret_reason says it in upstream's words, unless none is needed. */
enum custom_approval custom_approval(struct str group, struct str annotation, struct arena *arena,
				     struct str *ret_reason);
const struct custom_version *custom_version_of(const struct kind *kind); /* NULL: built in */
static inline struct structural custom_structural(const struct custom_version *version)
{
	return (struct structural){ version->schema, &version->resource->names };
}

#endif
