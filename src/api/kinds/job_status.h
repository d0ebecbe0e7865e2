/* SPDX-License-Identifier: Apache-2.0 */
/* What the status of a Job may become. */
#ifndef CUBE_API_KINDS_JOB_STATUS_H
#define CUBE_API_KINDS_JOB_STATUS_H

#include "api/strategy.h"

void job_status_validate(struct edit *e, struct field_errors *errors);

#endif
