/* SPDX-License-Identifier: Apache-2.0 */
/* The plans of volume_protection.c, and the finalizer of a plan written. */
#ifndef CUBE_CONTROLLERS_VOLUME_PROTECTION_H
#define CUBE_CONTROLLERS_VOLUME_PROTECTION_H

#include "api/obj.h"
#include "base/str.h"

struct controller;
struct kind;

enum protection {
	PROTECTION_AS_IT_IS,
	PROTECTION_ADD,	   /* the finalizer is missing */
	PROTECTION_REMOVE, /* it goes, and nobody uses it */
};

/* in_use: a pod on a node has it as a volume; the volume is bound to a claim. */
enum protection protection_plan(const struct obj *obj, struct str finalizer, bool in_use) PURE;
/* Whether the pod, once it is on a node, holds the claim. */
bool protection_pod_uses(const struct obj *pod, const struct obj *claim) PURE;
void protection_submit(struct controller *controller, struct str key, const struct kind *kind,
		       const struct obj *obj, const char *finalizer, enum protection plan);

#endif
