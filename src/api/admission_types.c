/* SPDX-License-Identifier: Apache-2.0 */
/* The types of `request` and `namespaceObject`, as upstream declares them for expressions. */
#include "api/admission_expression.h"

/* An object type that finds its fields in a table, which ends with an empty name. */
static const struct cel_field *find(const struct cel_type *object, struct str name)
{
	for (const struct cel_field *field = object->source; field->name.len; field++)
		if (str_eq(field->name, name))
			return field;
	return NULL;
}

static const struct cel_fields table = { .find = find };

#define FIELD(name_, json_, type_)                        \
	{                                                 \
		STR_INIT(name_), STR_INIT(json_), (type_) \
	}
#define OBJECT(name_, fields_)                                                 \
	{                                                                      \
		.kind = CEL_OBJECT, .name = STR_INIT(name_), .fields = &table, \
		.source = (fields_), .size_max = CEL_SIZE_UNKNOWN,             \
	}

static const struct cel_type string_list = { .kind = CEL_LIST,
					     .element = &cel_type_string,
					     .size_max = CEL_SIZE_UNKNOWN };
static const struct cel_type string_map = { .kind = CEL_MAP,
					    .key = &cel_type_string,
					    .element = &cel_type_string,
					    .size_max = CEL_SIZE_UNKNOWN };
static const struct cel_type string_list_map = { .kind = CEL_MAP,
						 .key = &cel_type_string,
						 .element = &string_list,
						 .size_max = CEL_SIZE_UNKNOWN };
static const struct cel_type time_text = { .kind = CEL_TIMESTAMP, .from_string = true };

static const struct cel_field kind_fields[] = {
	FIELD("group", "group", &cel_type_string),
	FIELD("version", "version", &cel_type_string),
	FIELD("kind", "kind", &cel_type_string),
	{ { NULL, 0 }, { NULL, 0 }, NULL },
};
static const struct cel_type kind_type = OBJECT("kubernetes.GroupVersionKind", kind_fields);

static const struct cel_field resource_fields[] = {
	FIELD("group", "group", &cel_type_string),
	FIELD("version", "version", &cel_type_string),
	FIELD("resource", "resource", &cel_type_string),
	{ { NULL, 0 }, { NULL, 0 }, NULL },
};
static const struct cel_type resource_type = OBJECT("kubernetes.GroupVersionResource",
						    resource_fields);

static const struct cel_field user_fields[] = {
	FIELD("username", "username", &cel_type_string),
	FIELD("uid", "uid", &cel_type_string),
	FIELD("groups", "groups", &string_list),
	FIELD("extra", "extra", &string_list_map),
	{ { NULL, 0 }, { NULL, 0 }, NULL },
};
static const struct cel_type user_type = OBJECT("kubernetes.UserInfo", user_fields);

static const struct cel_field request_fields[] = {
	FIELD("kind", "kind", &kind_type),
	FIELD("resource", "resource", &resource_type),
	FIELD("subResource", "subResource", &cel_type_string),
	FIELD("requestKind", "requestKind", &kind_type),
	FIELD("requestResource", "requestResource", &resource_type),
	FIELD("requestSubResource", "requestSubResource", &cel_type_string),
	FIELD("name", "name", &cel_type_string),
	FIELD("namespace", "namespace", &cel_type_string),
	FIELD("operation", "operation", &cel_type_string),
	FIELD("userInfo", "userInfo", &user_type),
	FIELD("dryRun", "dryRun", &cel_type_bool),
	FIELD("options", "options", &cel_type_dyn),
	{ { NULL, 0 }, { NULL, 0 }, NULL },
};
const struct cel_type admission_type_request = OBJECT("kubernetes.AdmissionRequest",
						      request_fields);

static const struct cel_field condition_fields[] = {
	FIELD("status", "status", &cel_type_string),
	FIELD("type", "type", &cel_type_string),
	FIELD("lastTransitionTime", "lastTransitionTime", &time_text),
	FIELD("message", "message", &cel_type_string),
	FIELD("reason", "reason", &cel_type_string),
	{ { NULL, 0 }, { NULL, 0 }, NULL },
};
static const struct cel_type condition_type = OBJECT("kubernetes.NamespaceCondition",
						     condition_fields);
static const struct cel_type condition_list = { .kind = CEL_LIST,
						.element = &condition_type,
						.size_max = CEL_SIZE_UNKNOWN };

static const struct cel_field status_fields[] = {
	FIELD("conditions", "conditions", &condition_list),
	FIELD("phase", "phase", &cel_type_string),
	{ { NULL, 0 }, { NULL, 0 }, NULL },
};
static const struct cel_type status_type = OBJECT("kubernetes.NamespaceStatus", status_fields);

static const struct cel_field spec_fields[] = {
	FIELD("finalizers", "finalizers", &string_list),
	{ { NULL, 0 }, { NULL, 0 }, NULL },
};
static const struct cel_type spec_type = OBJECT("kubernetes.NamespaceSpec", spec_fields);

/* "UID" is upstream's spelling: it is declared, and never there. */
static const struct cel_field metadata_fields[] = {
	FIELD("name", "name", &cel_type_string),
	FIELD("generateName", "generateName", &cel_type_string),
	FIELD("namespace", "namespace", &cel_type_string),
	FIELD("labels", "labels", &string_map),
	FIELD("annotations", "annotations", &string_map),
	FIELD("UID", "UID", &cel_type_string),
	FIELD("creationTimestamp", "creationTimestamp", &time_text),
	FIELD("deletionGracePeriodSeconds", "deletionGracePeriodSeconds", &cel_type_int),
	FIELD("deletionTimestamp", "deletionTimestamp", &time_text),
	FIELD("generation", "generation", &cel_type_int),
	FIELD("resourceVersion", "resourceVersion", &cel_type_string),
	FIELD("finalizers", "finalizers", &string_list),
	{ { NULL, 0 }, { NULL, 0 }, NULL },
};
static const struct cel_type metadata_type = OBJECT("kubernetes.NamespaceMetadata",
						    metadata_fields);

static const struct cel_field namespace_fields[] = {
	FIELD("metadata", "metadata", &metadata_type),
	FIELD("spec", "spec", &spec_type),
	FIELD("status", "status", &status_type),
	{ { NULL, 0 }, { NULL, 0 }, NULL },
};
const struct cel_type admission_type_namespace = OBJECT("kubernetes.Namespace", namespace_fields);
