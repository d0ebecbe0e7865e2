/* SPDX-License-Identifier: Apache-2.0 */
/* Conversions that are more than renamed members. */
#ifndef CUBE_API_CONVERT_INTERNAL_H
#define CUBE_API_CONVERT_INTERNAL_H

#include "codec/json.h"

/* HorizontalPodAutoscaler between autoscaling/v1 and v2, in place. */
void convert_autoscaler_to_v2(yyjson_mut_doc *doc);
void convert_autoscaler_to_v1(yyjson_mut_doc *doc);

#endif
