/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pod Security Standards: the levels "privileged", "baseline" and "restricted", each in the version
 * of a Kubernetes minor release, as namespace labels ask for them, and what a pod breaks of one, in
 * upstream's words. Pure.
 */
#ifndef CUBE_API_POD_SECURITY_H
#define CUBE_API_POD_SECURITY_H

#include "api/field.h"
#include "base/arena.h"
#include "codec/json.h"

enum pod_security_level {
	POD_SECURITY_PRIVILEGED,
	POD_SECURITY_BASELINE,
	POD_SECURITY_RESTRICTED,
};
enum pod_security_mode {
	POD_SECURITY_ENFORCE,
	POD_SECURITY_AUDIT,
	POD_SECURITY_WARN,
	POD_SECURITY_MODE_COUNT,
};
#define POD_SECURITY_LATEST 0 /* minor version */

struct pod_security_standard {
	enum pod_security_level level;
	int minor; /* of v1.<minor>, or POD_SECURITY_LATEST */
};
struct pod_security_policy {
	struct pod_security_standard modes[POD_SECURITY_MODE_COUNT];
};

/* False: it is none. */
bool pod_security_level_read(struct str text, enum pod_security_level *ret);
bool pod_security_version_read(struct str text, int *ret_minor);
/* From a namespace's labels, and what holds where there are none. Values that make no sense count
 * as "restricted" for enforce and "privileged" else, as upstream has it, and are told. errors may
 * be NULL. */
void pod_security_read(yyjson_val *labels, const struct pod_security_policy *defaults,
		       struct pod_security_policy *ret, struct field_errors *errors);
/* "restricted:latest", "baseline:v1.30" */
struct str pod_security_text(const struct pod_security_standard *standard, struct arena *arena);
struct pod_security_findings {
	struct str reasons; /* "host namespaces, privileged"; empty when nothing is broken */
	struct str details; /* the same, each with what is at fault in parentheses */
};
/* pod: an object with metadata and spec, or a template. */
void pod_security_check(const struct pod_security_standard *standard, yyjson_val *pod,
			struct arena *arena, struct pod_security_findings *ret);
/* Whether an update of a pod changes something that the standards look at. */
bool pod_security_is_concerned(yyjson_val *old_pod, yyjson_val *pod);

#endif
