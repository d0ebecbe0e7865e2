/* SPDX-License-Identifier: Apache-2.0 */
/* Annotations of Pods that mean something. */
#ifndef CUBE_API_KINDS_POD_ANNOTATIONS_H
#define CUBE_API_KINDS_POD_ANNOTATIONS_H

#include "api/strategy.h"

/* A new Pod: AppArmor annotations become the fields that took their place. */
void pod_annotations_prepare(struct edit *e);
void pod_annotations_validate(struct edit *e, struct field_errors *errors);
/* A new Pod: annotations and fields do not contradict each other. */
void pod_annotations_validate_match(struct edit *e, struct field_errors *errors);
void pod_annotations_validate_update(struct edit *e, struct field_errors *errors);

#endif
