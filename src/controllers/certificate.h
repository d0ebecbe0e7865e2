/* SPDX-License-Identifier: Apache-2.0 */
/* How long a CertificateSigningRequest is kept; certificate_plan.c, pure. */
#ifndef CUBE_CONTROLLERS_CERTIFICATE_H
#define CUBE_CONTROLLERS_CERTIFICATE_H

#include "api/condition.h"

/* When it goes, by the wall clock; INT64_MAX: not by itself. certificate_ends_ns: what it was
 * issued ends then; INT64_MAX: not known. */
int64_t certificate_request_end_ns(yyjson_val *request, int64_t certificate_ends_ns);

#endif
