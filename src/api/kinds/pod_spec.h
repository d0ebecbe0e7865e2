/* SPDX-License-Identifier: Apache-2.0 */
/* Pod specs, in Pods and in the templates of everything that makes Pods. */
#ifndef CUBE_API_KINDS_POD_SPEC_H
#define CUBE_API_KINDS_POD_SPEC_H

#include "api/strategy.h"

/* Defaults that depend on other fields. is_pod: of a Pod, not of a template. */
void pod_spec_default(yyjson_mut_doc *doc, yyjson_mut_val *spec, bool is_pod);
/* The template at this path of the object ("spec.template"). */
void pod_template_default(struct edit *e, const char *path);

void pod_spec_validate(yyjson_mut_val *spec, const struct field_path *path,
		       struct field_errors *errors);
/* Labels, annotations and spec of a template. */
void pod_template_validate(yyjson_mut_val *template, const struct field_path *path,
			   struct field_errors *errors);
/* The same, and that selector (a LabelSelector) is there, valid, not empty and matches the
 * template's labels. */
void pod_template_validate_selected(struct edit *e, const char *kind_name,
				    struct field_errors *errors);
/* "Guaranteed", "Burstable" or "BestEffort". */
const char *pod_spec_qos(yyjson_mut_val *spec);

/* Parts of it, one file each. */
void container_list_validate(yyjson_mut_val *spec, const struct field_path *path,
			     struct field_errors *errors);
void volume_list_validate(yyjson_mut_val *volumes, const struct field_path *path,
			  struct field_errors *errors);
void port_number_validate(int64_t number, const struct field_path *path,
			  struct field_errors *errors);
void port_validate(yyjson_mut_val *port, const struct field_path *path,
		   struct field_errors *errors); /* number or name */
void nonnegative_validate(yyjson_mut_val *number, const struct field_path *path,
			  struct field_errors *errors);

#endif
