/* SPDX-License-Identifier: Apache-2.0 */
/* What decides whether a decoded configuration can be, apart from what a single row of a table states. Pure. */
#ifndef CUBE_OCI_SPEC_CHECK_H
#define CUBE_OCI_SPEC_CHECK_H

#include "oci/spec.h"

/* All but the process (oci_process_check), which exec has by itself. */
int oci_spec_check(const struct oci_spec *spec, struct err *err) MUST_CHECK;

#endif
