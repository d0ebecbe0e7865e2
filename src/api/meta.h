/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names, labels, annotations and the rest of ObjectMeta: checks with upstream's wording. The
 * *_problem functions return NULL when the text is fine, else the message that goes behind "Invalid
 * value: ...: ".
 */
#ifndef CUBE_API_META_H
#define CUBE_API_META_H

#include "api/field.h"
#include "api/kind.h"
#include "codec/json.h"

struct edit;

const char *name_label_problem(struct str name);     /* RFC 1123 label */
const char *name_subdomain_problem(struct str name); /* RFC 1123 subdomain */
const char *name_subdomain_wildcard_problem(struct str name);
const char *name_qualified_problem(struct str name); /* "prefix/name" */
const char *name_label_value_problem(struct str value);
const char *name_port_problem(struct str name); /* IANA_SVC_NAME */
const char *name_config_key_problem(struct str key); /* ConfigMap and Secret keys */
const char *name_env_problem(struct str name);
/* As NAME_PROBLEM slots of strategies: a prefix (generateName) may end in '-'. */
const char *name_is_label(struct str name, bool is_prefix);
const char *name_is_label1035(struct str name, bool is_prefix);
const char *name_is_subdomain(struct str name, bool is_prefix);
const char *name_is_path_segment(struct str name, bool is_prefix);

bool ip_is_valid(struct str text); /* IPv4 dotted without leading zeros, or IPv6 */
bool ip_is_v6(struct str text);
bool cidr_is_valid(struct str text);

/* ObjectMeta of the object being written. */
void meta_validate(struct edit *e, struct field_errors *errors);
void meta_validate_update(struct edit *e, struct field_errors *errors);
/* Also used for templates. */
void meta_validate_labels(yyjson_mut_val *labels, const struct field_path *path,
			  struct field_errors *errors);
void meta_validate_annotations(yyjson_mut_val *annotations, const struct field_path *path,
			       struct field_errors *errors);

#endif
