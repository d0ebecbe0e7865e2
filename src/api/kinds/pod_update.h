/* SPDX-License-Identifier: Apache-2.0 */
/* What may change in a Pod, by the endpoint through which it changes. */
#ifndef CUBE_API_KINDS_POD_UPDATE_H
#define CUBE_API_KINDS_POD_UPDATE_H

#include "api/strategy.h"

void pod_validate_change(struct edit *e, struct field_errors *errors); /* of the Pod itself */
void pod_validate_ephemeral(struct edit *e, struct field_errors *errors);
/* Everything but resources and resize policies of containers is as it was. */
void pod_prepare_resize(struct edit *e);
void pod_validate_resize(struct edit *e, struct field_errors *errors);
void pod_validate_status(struct edit *e, struct field_errors *errors);

#endif
