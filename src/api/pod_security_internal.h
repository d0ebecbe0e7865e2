/* SPDX-License-Identifier: Apache-2.0 */
/* The table of Pod Security checks, between pod_security.c and pod_security_checks.c. */
#ifndef CUBE_API_POD_SECURITY_INTERNAL_H
#define CUBE_API_POD_SECURITY_INTERNAL_H

#include "api/pod_security.h"

struct pod_security_review {
	struct arena *arena;
	yyjson_val *pod, *spec;
	int minor;	   /* INT32_MAX: latest */
	struct str reason; /* the row's; a check may replace it */
};

#define POD_SECURITY_NEVER INT32_MAX

struct pod_security_check {
	enum pod_security_level level;
	int overlapped_from;	  /* since this version a check of "restricted" covers it; NEVER */
	int from_minor, to_minor; /* to_minor 0: still in force */
	const char *reason;
	/* What is at fault; empty when nothing is. */
	struct str (*run)(struct pod_security_review *r);
};
extern const struct pod_security_check
	pod_security_checks[]; /* in upstream's order, ends with a NULL run */

#endif
