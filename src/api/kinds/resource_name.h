/* SPDX-License-Identifier: Apache-2.0 */
/* Names of resources ("cpu", "hugepages-2Mi", "example.com/gpu", "requests.storage") and what is
 * right for amounts of them. */
#ifndef CUBE_API_KINDS_RESOURCE_NAME_H
#define CUBE_API_KINDS_RESOURCE_NAME_H

#include "api/field.h"

bool resource_is_native(struct str name);    /* unprefixed, or of kubernetes.io */
bool resource_is_extended(struct str name);  /* of a domain that is not Kubernetes' own */
bool resource_is_huge_page(struct str name); /* "hugepages-2Mi" */

/* Where a name is used: any, of containers, of quotas. */
void resource_check_name(struct field_errors *errors, const struct field_path *path,
			 struct str name);
void resource_check_container_name(struct field_errors *errors, const struct field_path *path,
				   struct str name);
void resource_check_quota_name(struct field_errors *errors, const struct field_path *path,
			       struct str name);
/* Not negative, whole for what is counted, and a page's size must go into it. */
void resource_check_value(struct field_errors *errors, const struct field_path *path,
			  struct str name, struct str value);

#endif
